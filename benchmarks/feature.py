"""Writes a whole feature to measure: an invented boat-hire desk with an app of a few lines that answers at once."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

JETTIES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Gorse", "Hazel", "Iris", "Juniper")
BOATS = ("canoe", "kayak", "rowing boat", "sailing dinghy", "pedal boat")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

APP = '''"""Answers what the hours table says, hands injuries to a person, and says so when it does not know."""

import json

_TABLES = {}


def _hours(root):
    if root not in _TABLES:
        _TABLES[root] = json.loads((root / "prompts" / "hours.json").read_text(encoding="utf-8"))
    return _TABLES[root]


async def answer(request, *, root, chat):
    asked = request["input"]
    if "hurt" in asked:
        return _reply("escalate", "A lifeguard is on the way.", queue="lifeguard")
    for jetty, hour in _hours(root).items():
        if jetty in asked:
            return _reply("answer", f"{jetty} jetty opens at {hour}:00.")
    return _reply("abstain", "The published hours do not say.")


def _reply(outcome, text, queue=None):
    return {"outcome": outcome, "text": text, "queue": queue, "claims": [], "retrieved": [], "tool_calls": [],
            "parse": {"attempted": 0, "ok": 0, "errors": []}, "output": {"outcome": outcome, "text": text}, "intent": None}


async def timetable(request, *, root, chat):
    """The path without a model: the printed timetable."""
    return _reply("abstain", "See the timetable at the jetty.")
'''

OPERATIONS = """\
operations: 1
switches: [{id: feature, scope: feature}, {id: model, scope: model}]
fallback: {kind: template, call: "desk.app:timetable"}
caps: {request_usd: 0.01, tenant_day_usd: 1.0, day_usd: 10.0}
on_parse_failure: escalate
rota: {oncall: [Wren Halloran, Odile Marchetti], lifeguard: [Bram Kestrel]}
rollout: {steps: [{share: 0.2, min_samples: 100, min_minutes: 60}]}
alerts: [{signal: schema_failure_rate, above: 0.02, for_minutes: 15, no_data: page, to: [oncall]}]
"""

GLOSSARY = """\
glossary: 1
terms:
  - {term: jetty, means: "a landing place where boats are handed out", owner: oncall, synonyms: [pier], forbidden: [dock]}
  - {term: hire, means: "the use of a boat for a paid number of hours", owner: oncall, synonyms: [], forbidden: [lease]}
states: []
undefined: [resolved, approved]
"""

ANSWERS = """\
answers: 1
evidence: {threshold: 0.3, min_sources: 0, must_cite: false, slices: {}}
abstain: {wording: {en: {text: "The published hours do not say.", next: "Ask at the jetty; somebody is there until dusk."}}}
escalate:
  rules: [{id: injury, when: {words: {en: [hurt]}}, queue: lifeguard}]
  wording: {en: {text: "A lifeguard is on the way.", next: "They reach you within ten minutes."}}
forbidden: [{id: weather-promise, words: [the weather will be fine]}]
"""

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"outcome": {"enum": ["answer", "abstain", "escalate"]}, "text": {"type": "string"}},
    "required": ["outcome", "text"],
    "additionalProperties": False,
}

MANIFEST = """\
interlock: 1
feature: mereside/boat-desk
purpose: "Tells visitors of an invented boat hire when its jetties open."
profile: standard
languages: [en]
data_classes: [contact]
stakes: {{acts: false, locks_out: false, misstates_policy: true, costs_money: false, fallback: cheap}}
owners: {{product: Wren Halloran, support: Odile Marchetti, oncall: Wren Halloran, risk: Bram Kestrel}}
app: {{files: ["desk/*.py"]}}
target: {{kind: python, call: "desk.app:answer"}}
{fallback}run: {{concurrency: 8, timeout_s: 30, cost_cap_usd: 1.0, calls: replay-strict}}
parts:
  model:
    version: "1"
    provider: none
    id: hours-table
    fingerprint: "sha256:{fingerprint}"
    price: {{as_of: "2026-11-01", input_per_mtok_usd: 0, output_per_mtok_usd: 0}}
  prompt: {{version: "1", files: ["prompts/*"]}}
  schema: {{version: "1", output: schema/answer.json}}
  retriever: {retriever}
  tools: none
  guardrails: {{version: "1", glossary: guardrails/glossary.yaml, answers: guardrails/answers.yaml}}
  evals: {{version: "1", suites: ["evals/*.yaml"], files: ["evals/cases/*.jsonl"]}}
  runbook: {{version: "1", runbook: runbook/runbook.md, escalation: runbook/escalation.md, operations: runbook/operations.yaml}}
environments:
  staging: {{stage: lab}}
  production: {{stage: ga, approvals: 1}}
"""

GUIDE = """\
---
owner: Odile Marchetti
reviewed: {{by: Wren Halloran, at: "2026-11-01", operations: "{operations}"}}
---
# {title}

{text}

```interlock kind=command
interlock status --env production
```
"""


FALLBACK = 'fallback: {kind: python, call: "desk.app:timetable"}\n'


def write_feature(
    folder: Path, *, cases: int = 300, documents: int = 0, document_bytes: int = 2_000, fallback: bool = True
) -> Path:
    """Write the feature.

    Args:
        folder: is made.
        cases: over both suites, at least 10; no two ask the same.
        documents: files of the retriever, 0 for a feature without one.
        document_bytes: size of each.
        fallback: whether the path without AI is declared: then every gold case is asked twice.
    Returns: the folder.
    """
    for name, text in _files(cases, documents, document_bytes, fallback):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def _files(cases: int, documents: int, document_bytes: int, fallback: bool) -> Iterator[tuple[str, str]]:
    reviewed = hashlib.sha256(OPERATIONS.encode()).hexdigest()[:12]
    retriever = '{version: "1", settings: {k: 3}, files: ["kb/*.md"]}' if documents else "none"
    fingerprint = hashlib.sha256(APP.encode()).hexdigest()
    yield (
        "interlock.yaml",
        MANIFEST.format(fingerprint=fingerprint, retriever=retriever, fallback=FALLBACK if fallback else ""),
    )
    yield "desk/__init__.py", ""
    yield "desk/app.py", APP
    yield "prompts/desk.md", "Answer from the hours table only. An injured visitor goes to the lifeguard.\n"
    yield "prompts/hours.json", json.dumps({jetty: 7 + at for at, jetty in enumerate(JETTIES)}, indent=1) + "\n"
    yield "schema/answer.json", json.dumps(SCHEMA, indent=2) + "\n"
    yield "guardrails/glossary.yaml", GLOSSARY
    yield "guardrails/answers.yaml", ANSWERS
    yield "runbook/operations.yaml", OPERATIONS
    yield (
        "runbook/runbook.md",
        GUIDE.format(
            operations=reviewed, title="Boat desk: runbook", text="Switch the feature off; the printed timetable stays."
        ),
    )
    yield (
        "runbook/escalation.md",
        GUIDE.format(
            operations=reviewed,
            title="Boat desk: injuries",
            text="## lifeguard\n\nThe lifeguard takes the call and confirms by radio.",
        ),
    )
    hard = cases // 10
    yield "evals/gold.yaml", _suite("gold", "hours", "Opening hours")
    yield "evals/cases/gold.jsonl", _lines(_hours_case(at) for at in range(cases - hard))
    yield "evals/adversarial.yaml", _suite("adversarial", "edge", "Injuries, and what the table does not say")
    yield "evals/cases/adversarial.jsonl", _lines(_edge_case(at) for at in range(hard))
    for at in range(documents):
        yield f"kb/boat-{at:04d}.md", _document(at, document_bytes)


def _suite(kind: str, piece: str, title: str) -> str:
    return (
        f'suite: {kind}\nkind: {kind}\ncases: ["cases/{kind}.jsonl"]\n'
        f'slices: [{{id: {piece}, title: "{title}", share: 1.0, owner: oncall}}]\n'
        f"requirements: [{{slice: {piece}, scorer: case, floor: 0.9, margin: 0.05}}]\n"
    )


def _lines(rows: Iterator[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _hours_case(at: int) -> dict[str, Any]:
    jetty = at % len(JETTIES)
    boat, day = BOATS[at % len(BOATS)], DAYS[at % len(DAYS)]
    return {
        "id": f"hours-{at:05d}",
        "input": f"Party {at} wants a {boat} on {day}: when does the {JETTIES[jetty]} jetty open?",
        "lang": "en",
        "slices": ["hours"],
        "expect": {"facts": [f"{7 + jetty}:00"], "forbid": ["the weather will be fine"], "outcome": "answer"},
        "source": "made from the hours table",
    }


def _edge_case(at: int) -> dict[str, Any]:
    hurt = at % 2 == 0
    asked = "somebody is hurt, what now?" if hurt else "may my parrot come aboard?"
    expect = {"outcome": "escalate", "queue": "lifeguard"} if hurt else {"outcome": "abstain"}
    return {
        "id": f"edge-{at:05d}",
        "input": f"Party {at}: {asked}",
        "lang": "en",
        "slices": ["edge"],
        "expect": expect,
        "source": "written for this suite",
        "covers": ["rule:injury"] if hurt else [],
    }


def _document(at: int, size: int) -> str:
    head = f"# Boat {at}\n\nThe {BOATS[at % len(BOATS)]} number {at} lies at {JETTIES[at % len(JETTIES)]} jetty.\n\n"
    lines, length, row = [head], len(head), 0
    while length < size:
        line = f"Check {row}: hull {(at * 7 + row * 13) % 97}, oars {(at + row) % 4}, rope {(at * 3 + row) % 29} m.\n"
        lines.append(line)
        length += len(line)
        row += 1
    return "".join(lines)[: size - 1] + "\n"
