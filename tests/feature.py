"""A small, complete feature on disk: its app answers by what its files say, so that an edit of a part changes replies."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from interlock.cli import run

MANIFEST = """\
interlock: 1
feature: harbour/ferries
purpose: answers when and from where the ferries of an invented harbour leave
profile: light
languages: [en]
data_classes: [none]
stakes: {acts: false, locks_out: false, misstates_policy: false, costs_money: false, fallback: cheap}
owners: {product: Ines Holt, oncall: Jon Brook}
app: {files: ["app/**/*.py"], capabilities: [answer-v1]}
target: {kind: python, call: "app.main:answer"}
run: {concurrency: 4, timeout_s: 20, repeats: 1, calls: record, recordings: ["recordings/*.jsonl"]}
parts:
  model: {version: "1", provider: local, id: gull-1, fingerprint: "sha256:FINGERPRINT", price: {as_of: "2026-11-22", input_per_mtok_usd: 0, output_per_mtok_usd: 0}, files: [model/model.yaml]}
  prompt: {version: "1", files: ["prompts/*.md"], requires: {schema: ">=1,<3"}}
  schema: {version: "1", output: schema/answer.json}
  retriever: {version: "1", settings: {k: 1}, files: ["kb/*.md"]}
  tools: {version: "1", manifest: tools/tools.json}
  guardrails: {version: "1", glossary: guardrails/glossary.yaml, actions: guardrails/actions.yaml, answers: guardrails/answers.yaml}
  evals: {version: "1", suites: ["evals/*.yaml"], covers: {tools: all, schema: fields, guardrails: rules}}
  runbook: {version: "1", runbook: runbook/runbook.md, escalation: runbook/escalation.md, operations: runbook/operations.yaml}
environments:
  staging: {stage: lab, approvals: 0}
  production: {stage: lab, approvals: 1}
"""

APP = '''\
"""Answers from its own files: what the timetable says, in the words that the prompt asks for."""


async def answer(request, *, root, chat):
    text = request["input"]
    words = (root / "prompts/system.md").read_text().split()
    table = (root / "kb/timetable.md").read_text()
    parse = {"attempted": 1, "ok": 1, "errors": []}
    reply = {"claims": [], "parse": parse, "tool_calls": [], "retrieved": [], "queue": None}
    if "cat" in text:
        return {**reply, "outcome": "abstain", "text": "I do not know.", "output": _output("abstain")}
    if "overboard" in text:
        return {**reply, "outcome": "escalate", "queue": "rescue", "text": "A person helps.", "output": _output("escalate")}
    found = next((line for line in table.splitlines() if line.split(":")[0] in text), "no such ferry")
    if "terse" in words:
        found = found.split(":")[0]
    return {**reply, "outcome": "answer", "text": found, "output": _output("answer")}


def _output(outcome):
    return {"outcome": outcome, "text": "said"}
'''

ISLANDS = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Gorse", "Hazel", "Ivy", "Juniper", "Kale", "Larch")

FILES: Mapping[str, str] = {
    "interlock.yaml": MANIFEST.replace("FINGERPRINT", "5a" * 32),
    "app/__init__.py": "",
    "app/main.py": APP,
    "model/model.yaml": "id: gull-1\n",
    "prompts/system.md": "Answer from the timetable.\n",
    "schema/answer.json": json.dumps(
        {
            "type": "object",
            "properties": {"outcome": {"enum": ["answer", "abstain", "escalate"]}, "text": {"type": "string"}},
            "required": ["outcome", "text"],
            "additionalProperties": False,
        },
        indent=1,
    ),
    "kb/timetable.md": "".join(f"{name}: leaves pier {n} at {n + 6} o'clock\n" for n, name in enumerate(ISLANDS)),
    "tools/tools.json": json.dumps(
        {
            "tools": [
                {
                    "name": "look_up",
                    "description": "Read the timetable.",
                    "inputSchema": {
                        "type": "object",
                        "properties": {"island": {"type": "string"}},
                        "required": ["island"],
                        "additionalProperties": False,
                    },
                    "annotations": {"readOnlyHint": True},
                }
            ]
        },
        indent=1,
    ),
    "guardrails/glossary.yaml": "glossary: 1\nterms:\n  - {term: ferry, means: a boat that keeps a timetable, owner: harbour}\n",
    "guardrails/actions.yaml": "actions: 1\nmap:\n  - {action: ferry.read, tool: look_up, effect: read, args: {island: content}, allow: {roles: [guest], tenant: same_as_session}, ask: null}\n",
    "guardrails/answers.yaml": """\
answers: 1
evidence: {threshold: 0.2, min_sources: 0, must_cite: false}
abstain: {wording: {en: {text: "I do not know.", next: "Ask at the pier; it opens at six."}}}
escalate:
  rules: [{id: overboard, when: {intent: overboard}, queue: rescue}]
  wording: {en: {text: "A person helps.", next: "They call back within a minute."}}
""",
    "evals/gold.yaml": """\
suite: gold
kind: gold
cases: ["cases/*.jsonl"]
slices:
  - {id: times, title: When it leaves, share: 0.6, critical: true}
  - {id: rest, title: What has no answer, share: 0.4}
requirements:
  - {slice: times, scorer: facts, floor: 0.7, margin: 0.3}
""",
    "runbook/operations.yaml": """\
operations: 1
switches: [{id: feature, scope: feature}]
fallback: {kind: template, call: "app.main:answer"}
caps: {request_usd: 0.01, tenant_day_usd: 1.0, day_usd: 5.0}
on_parse_failure: abstain
rota: {oncall: [Jon Brook, Ines Holt]}
""",
}
"""Everything but the cases and the two guides."""


def cases() -> list[dict[str, Any]]:
    """29 cases: 16 have an answer, 8 have none, 5 are for a person."""
    rows: list[dict[str, Any]] = []
    for n in range(16):
        island = ISLANDS[n % len(ISLANDS)]
        fact = f"pier {n % len(ISLANDS)}"
        rows.append(
            _case(f"time-{n}", f"({n}) When does the ferry to {island} leave?", "times", outcome="answer", facts=[fact])
        )
    rows += [_case(f"cat-{n}", f"({n}) May my cat swim?", "rest", outcome="abstain") for n in range(8)]
    rows += [_case(f"over-{n}", f"({n}) Man overboard!", "rest", outcome="escalate", queue="rescue") for n in range(5)]
    return rows


def _case(id: str, text: str, slice: str, **expect: Any) -> dict[str, Any]:
    return {
        "id": id, "input": text, "slices": [slice], "expect": expect, "source": "written for the tests",
        "covers": ["rule:overboard", "tool:look_up"],
    }  # fmt: skip


def _guide(operations: str) -> str:
    from hashlib import sha256

    digest = sha256(operations.encode()).hexdigest()[:12]
    return (
        f'---\nowner: Jon Brook\nreviewed: {{by: Ines Holt, at: "2026-11-20", operations: "{digest}"}}\n---\n'
        "# Guide\n\nCall the person on duty.\n\n## rescue\n\nThe queue `rescue` is read day and night.\n\n```interlock kind=command\ninterlock status\n```\n"
    )


EDITS: Mapping[str, tuple[str, str, str]] = {
    "model": ("model/model.yaml", "gull-1", "gull-2"),
    "prompt": ("prompts/system.md", "timetable", "Timetable"),
    "schema": ("schema/answer.json", '"type": "object"', '"type":  "object"'),
    "retriever": ("kb/timetable.md", "Larch: leaves", "Larch: departs"),
    "tools": ("tools/tools.json", "Read the timetable.", "Read the timetable!"),
    "guardrails": ("guardrails/glossary.yaml", "keeps a timetable", "keeps its timetable"),
    "evals": ("evals/gold.yaml", "When it leaves", "When it leaves?"),
    "runbook": ("runbook/runbook.md", "on duty.", "on duty!"),
}
"""For each part a small edit of one of its files that keeps the bundle in order: file, old text, new text."""


class Feature:
    """A feature's folder, and the command line in it, as one person after the other uses it."""

    def __init__(self, root: Path, capsys: Any) -> None:
        self.root, self._capsys = root, capsys

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that must be there, so that no test edits nothing."""
        text = (self.root / path).read_text()
        assert old in text, f"`{old}` is not in {path}"
        (self.root / path).write_text(text.replace(old, new))
        for name in [name for name in sys.modules if path.startswith("app/") and name.partition(".")[0] == "app"]:
            del sys.modules[name]  # the next command is another process for everybody but this test

    def edit_part(self, part: str) -> None:
        """The small edit of one part."""
        self.edit(*EDITS[part])

    def run(self, *words: str, actor: str = "ada") -> tuple[int, str, str]:
        """One command in this folder: exit code, stdout, stderr."""
        given = [*words, "--dir", str(self.root)]
        if words[0] in ("init", "lock", "check", "promote", "approve", "apply", "rollback"):
            given += ["--as", actor]
        self._capsys.readouterr()
        code = run(given)
        out, err = self._capsys.readouterr()
        return code, out, err

    def json(self, *words: str, actor: str = "ada", codes: Sequence[int] = (0,)) -> Any:
        """The one document that a command prints with --json."""
        code, out, err = self.run(*words, "--json", actor=actor)
        assert code in codes, f"{words}: exit {code}\n{out}\n{err}"
        return json.loads(out)

    def check(self, *words: str, actor: str = "ada") -> Any:
        """`check`, whatever the verdict."""
        return self.json("check", *words, actor=actor, codes=(0, 1, 3))

    def lock(self, reason: str = "as needed", actor: str = "ada") -> str:
        """Lock; the digest of the bundle."""
        return str(self.json("lock", "--reason", reason, actor=actor)["bundle"])

    def release(self, environment: str = "staging", actor: str = "ada") -> str:
        """Lock, check and promote where nobody has to approve; the digest of the bundle."""
        digest = self.lock(actor=actor)
        assert self.check("--env", environment, actor=actor)["verdict"] == "READY"
        self.json("promote", environment, actor=actor)
        return digest

    def live(self, environment: str = "staging") -> Any:
        """The pointer of an environment."""
        return self.json("status", "--env", environment)[0]["pointer"]


def write_feature(root: Path, manifest: Callable[[str], str] = lambda text: text) -> Path:
    """Write the feature into a folder."""
    files = dict(FILES)
    files["interlock.yaml"] = manifest(files["interlock.yaml"])
    files["evals/cases/gold.jsonl"] = "".join(json.dumps(row) + "\n" for row in cases())
    for name in ("runbook", "escalation"):
        files[f"runbook/{name}.md"] = _guide(files["runbook/operations.yaml"])
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def files_of(root: Path) -> dict[str, bytes]:
    """Every file outside the state folder."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".interlock" not in path.parts and "__pycache__" not in path.parts
    }


def spawn(program: str, words: Sequence[str], **options: Any) -> "subprocess.Popen[str]":
    """The command line in a process of its own."""
    return subprocess.Popen([program, "-m", "interlock", *words], text=True, **options)
