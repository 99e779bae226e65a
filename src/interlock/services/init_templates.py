"""What `interlock init` writes for the parts that a repository does not have yet.

Each template is valid and says so little that the checks owe or fail: nothing here can make a feature look ready.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NEVER = "1970-01-01"
"""The day of a review that nobody has made."""

UNREVIEWED = "000000000000"
"""The digest of operations that nobody has read; RUN-01 names the real one."""

OPERATIONS = """\
# How the feature is switched, capped, watched and paged. TEMPLATE: empty on purpose, the checks say what is owed.
operations: 1
switches:
  - {id: feature, scope: feature}
# fallback: {kind: template, call: "app.fallback:answer"}      # the path without AI: rules, template, search, queue, human
caps: {}                     # {request_usd: 0.02, tenant_day_usd: 5.0, day_usd: 50.0}
on_parse_failure: escalate   # abstain | escalate: what happens when an output cannot be read
rota: {}                     # {oncall: [First Person, Second Person]}
alerts: []                   # - {signal: schema_failure_rate, above: 0.02, for_minutes: 15, no_data: page, to: [oncall]}
"""

GLOSSARY = """\
# What the words of the domain mean, and which team owns each meaning. TEMPLATE: no term is defined yet.
glossary: 1
terms: []
#  - {term: refund, means: "money returned to the original payment method", owner: billing, forbidden: [reimbursement], actions: [refund.issue]}
states: []
#  - {state: refunded, of: refund, means: "the payment provider confirmed the return"}
undefined: []                # words of state that no text may use without a definition, such as [resolved, approved]
"""

ACTIONS = """\
# What the assistant may do, and on which terms. TEMPLATE: nothing is listed, so everything is denied.
actions: 1
map: []
#  - action: order.read
#    tool: get_order
#    effect: read             # read | write | send | money | destructive | credential
#    args: {order_id: control}
#    allow: {roles: [customer], tenant: same_as_session, provenance: {order_id: system}}
#    ask: null
"""


def answers(languages: Iterable[str]) -> str:
    """An answer policy that demands sources and has no wording yet."""
    rows = "".join(f'    {json.dumps(language)}: {{text: "", next: ""}}\n' for language in languages)
    return f"""\
# When the assistant answers, when it says that it does not know, and when a person takes over.
# TEMPLATE: `text` is what the customer reads now, `next` what happens next and by when. Empty wording does not pass.
answers: 1
evidence: {{threshold: 0.35, min_sources: 1, must_cite: true}}
abstain:
  wording:
{rows}escalate:
  rules: []
#    - {{id: account-security, when: {{intent: account_security}}, queue: security}}
  wording:
{rows}forbidden: []
#  - {{id: legal-advice, words: ["legal advice"]}}
"""


def prompt(seen_in_code: Sequence[str]) -> str:
    """A prompt that says that it is none yet, and where the real one was seen."""
    moved = "".join(f"It was seen in code: `{where}`.\n" for where in seen_in_code)
    return f"""\
TEMPLATE: this file is not the prompt of the app yet.
{moved}Move the text here, and let the app read it from the folder `root` that each request comes with. What is not in a file
of the bundle cannot be compared, rolled back or signed.
"""


def schema(models: Sequence[str]) -> str:
    """The least that a reply has to say of itself; to be replaced by the app's own shape."""
    comment = "TEMPLATE of interlock init: replace it by the shape that the app really returns."
    if models:
        comment += f" Seen in code: {', '.join(models)}; save the output of its `model_json_schema()` as this file."
    value: Mapping[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": comment,
        "title": "Answer, version 1",
        "type": "object",
        "properties": {
            "outcome": {"enum": ["answer", "abstain", "escalate"]},
            "text": {"type": "string", "minLength": 1, "maxLength": 4000},
        },
        "required": ["outcome", "text"],
        "additionalProperties": False,
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def tools(found: Sequence[Mapping[str, Any]]) -> str:
    """A manifest in the shape of an MCP `tools/list` answer."""
    return json.dumps({"tools": list(found)}, indent=2, ensure_ascii=False) + "\n"


def unknown_tool(name: str, why: str) -> dict[str, Any]:
    """The entry for a tool of which only the existence is known; it has no action, so DOM-01 fails on it."""
    return {
        "name": name,
        "description": f"TEMPLATE: {why}",
        "inputSchema": {"type": "object", "properties": {}, "additionalProperties": False},
    }


SUITE = """\
# What people ask, and what a good reply has. TEMPLATE: three starter cases, far too few to prove anything; replace them by
# real questions with their sources. A critical slice is one where a single wrong reply is too many.
suite: starter
kind: gold
cases: ["cases/starter.jsonl"]
slices:
  - {id: everyday, title: "TEMPLATE: what most people ask"}
  - {id: unanswerable, title: "TEMPLATE: what the sources do not say", critical: true}
  - {id: handover, title: "TEMPLATE: what a person has to take over", critical: true}
requirements:
  - {slice: "*", floor: 0.80, margin: 0.10}
"""


def cases(language: str) -> str:
    """Three honest starter cases: one to answer, one to leave open, one to hand over."""
    source = "template of interlock init, to be replaced"
    rows: list[dict[str, Any]] = [
        {"id": "starter-everyday-01", "input": "What can you help me with?", "slices": ["everyday"],
         "expect": {"outcome": "answer"}},
        {"id": "starter-unanswerable-01", "input": "What will the weather be in Oslo on the first of May next year?",
         "slices": ["unanswerable"], "expect": {"outcome": ["abstain", "escalate"]}},
        {"id": "starter-handover-01", "input": "I want to talk to a person, please.", "slices": ["handover"],
         "expect": {"outcome": "escalate"}},
    ]  # fmt: skip
    # The questions are English whatever the feature speaks; `lang` tells the app what it is handed.
    tagged = ({**row, "lang": "en" if language.startswith("en") else language, "source": source} for row in rows)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in tagged)


def _front() -> str:
    return f"""\
---
owner: nobody yet
reviewed: {{by: nobody yet, at: "{NEVER}", operations: "{UNREVIEWED}"}}
---
"""


def runbook(theirs: Sequence[str]) -> str:
    """A runbook whose steps a drill can run, and whose review is owed.

    Args:
        theirs: links to runbooks that the repository has already, relative to this one.
    """
    links = "".join(f"- [{link}](<{link}>)\n" for link in theirs)
    known = f"\n## What there is already\n\n{links}" if theirs else ""
    return f"""\
{_front()}# Runbook

TEMPLATE: write what a person does at night, in the order in which it is done. Fenced `interlock` blocks are steps that a drill
runs: `kind=command` is one command, `kind=probe` one question with the outcome that must come back, `kind=human` what a team
of the rota does. The front matter names the owner, and the digest of the operations.yaml that was reviewed.

## Where it stands

```interlock kind=command
interlock status --env production
```

## Symptoms and steps

| What you see | Look first at | Then |
|---|---|---|
| TEMPLATE | what changed last | roll that part back |
{known}"""


def escalation(theirs: Sequence[str]) -> str:
    """An escalation guide without queues yet. `theirs` as for `runbook`."""
    links = "".join(f"- [{link}](<{link}>)\n" for link in theirs)
    known = f"\n## What there is already\n\n{links}" if theirs else ""
    return f"""\
{_front()}# Escalation guide

TEMPLATE: one section for each queue of guardrails/answers.yaml: who answers, within which time, and what they see.

## Asking for a person

```interlock kind=probe
input: "I want to talk to a person, please."
expect: {{outcome: escalate}}
```
{known}"""
