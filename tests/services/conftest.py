"""A small feature in memory: eight parts, each as short as its format allows."""

import json
from collections.abc import Mapping, Sequence

import pytest

from interlock.core.errors import BundleError

INTERLOCK_YAML = """\
interlock: 1
feature: kiosk/helper
purpose: answers questions about opening hours
profile: standard
languages: [en]
data_classes: [contact]
stakes: {acts: true, locks_out: false, misstates_policy: true, costs_money: true, fallback: cheap}
owners: {product: Ada Winter, oncall: Bo Keller}
app: {files: ["app/**/*.py"], capabilities: [answer-v3]}
target: {kind: python, call: "app.main:answer"}
parts:
  model: {version: "1", provider: local, id: tiny-1b, fingerprint: "sha256:FINGERPRINT", files: ["model/*"]}
  prompt: {version: "1", files: ["prompts/*.md"], requires: {schema: ">=2,<4", tools: {has: [refund]}, app: {capability: answer-v3}}}
  schema: {version: "3", output: schema/answer.json, reads_stored: ["2", "3"]}
  retriever: {version: "1", settings: {k: 4}, files: ["kb/**/*.md"], embedding: "fp:e1"}
  tools: {version: "1", manifest: tools/tools.json}
  guardrails: {version: "1", glossary: guardrails/glossary.yaml, actions: guardrails/actions.yaml, answers: guardrails/answers.yaml}
  evals: {version: "1", suites: ["evals/*.yaml"], covers: {tools: all, schema: fields, guardrails: rules}}
  runbook: {version: "1", runbook: runbook/runbook.md, escalation: runbook/escalation.md, operations: runbook/operations.yaml}
environments:
  staging: {stage: lab, approvals: 0}
  production: {stage: ga, approvals: 1}
"""

ACTIONS_YAML = """\
actions: 1
map:
  - action: refund.issue
    tool: refund
    effect: money
    args: {order: control, amount_minor: quantity}
    allow: {roles: [customer], tenant: same_as_session, provenance: {order: system}}
    ask: {when: {amount_minor: {gt: 5000}}, approvers: {role: finance, count: 1, not: [requester]}, ttl: 30m}
    budget: {meter: amount_minor, per: [principal], window: 24h, cap: 20000}
    idempotency: {key: [order, amount_minor], window: 72h, retry: verify}
    words: [refund]
"""

ANSWERS_YAML = """\
answers: 1
evidence: {threshold: 0.35, min_sources: 1, must_cite: true}
abstain: {wording: {en: {text: "I do not know.", next: "A person answers within a day."}}}
escalate:
  rules: [{id: takeover, when: {intent: takeover}, queue: security}]
  wording: {en: {text: "A person takes over.", next: "They write within an hour."}}
forbidden: [{id: legal-advice, words: ["legal advice"]}]
"""

GUIDE = """\
---
owner: Ada Winter
reviewed: {by: Bo Keller, at: "2026-11-20", operations: "0123456789ab"}
---
# Guide

Call the person on duty.
"""

SUITE = """\
suite: gold
kind: gold
cases: ["cases/gold-*.jsonl"]
slices:
  - {id: hours, title: Opening hours, share: 0.6, critical: true}
  - {id: refunds, title: Refunds, share: 0.4}
requirements:
  - {slice: hours, scorer: case, floor: 0.8, margin: 0.05}
"""


def _cases() -> str:
    rows = []
    for n in range(3):
        for outcome, queue in (("answer", None), ("abstain", None), ("escalate", "security")):
            expect: dict[str, object] = {"outcome": outcome, "facts": ["nine"] if outcome == "answer" else []}
            if queue:
                expect["queue"] = queue
            rows.append(
                {
                    "id": f"{outcome}-{n}",
                    "input": f"question {n} about {outcome}",
                    "slices": ["hours", "refunds"],
                    "expect": {**expect, "tools": [{"tool": "refund", "arguments": {"order": "1"}}]},
                    "source": "written for this test",
                    "covers": ["rule:takeover", "rule:legal-advice"],
                }
            )
    return "".join(json.dumps(row) + "\n" for row in rows)


TOOLS = {
    "tools": [
        {
            "name": "refund",
            "description": "Return money.",
            "inputSchema": {
                "type": "object",
                "properties": {"order": {"type": "string"}, "amount_minor": {"type": "integer", "maximum": 10000}},
                "required": ["order", "amount_minor"],
                "additionalProperties": False,
            },
        }
    ]
}

SCHEMA = {
    "type": "object",
    "properties": {
        "version": {"const": 3},
        "outcome": {"enum": ["answer", "abstain", "escalate"]},
        "text": {"type": "string", "maxLength": 400},
        "queue": {"enum": ["security", None]},
    },
    "required": ["version", "outcome", "text", "queue"],
    "additionalProperties": False,
}

OPERATIONS = """\
operations: 1
switches: [{id: feature, scope: feature}]
fallback: {kind: template, call: "app.main:fallback"}
caps: {request_usd: 0.02, tenant_day_usd: 5.0, day_usd: 50.0}
on_parse_failure: escalate
rota: {oncall: [Bo Keller, Ada Winter]}
"""


class SmallFeature:
    """Files by path, as a tree that can be edited; it is what `ports.Tree` asks for."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)

    def paths(self) -> Sequence[str]:
        return sorted(self.files)

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise BundleError(f"the file `{path}` is not there")
        return self.files[path]

    def text(self, path: str) -> str:
        return self.files[path].decode()

    def with_file(self, path: str, text: str) -> "SmallFeature":
        return SmallFeature({**self.files, path: text.encode()})

    def without(self, path: str) -> "SmallFeature":
        return SmallFeature({name: content for name, content in self.files.items() if name != path})

    def edited(self, path: str, old: str, new: str) -> "SmallFeature":
        """The same with one text replaced; the text must be there, so that no test edits nothing."""
        text = self.text(path)
        assert text.count(old) >= 1, f"`{old}` is not in {path}"
        return self.with_file(path, text.replace(old, new))


@pytest.fixture
def small_feature() -> SmallFeature:
    files = {
        "interlock.yaml": INTERLOCK_YAML.replace("FINGERPRINT", "ab" * 32),
        "README.md": "not released\n",
        "app/main.py": "async def answer(request, *, root, chat): ...\n",
        "model/model.yaml": "id: tiny-1b\n",
        "prompts/system.md": "Answer from the articles.\nCite them.\n",
        "schema/answer.json": json.dumps(SCHEMA),
        "kb/hours.md": "---\nid: KB-1\n---\nOpen from nine.\n",
        "kb/old/refunds.md": "Refunds take a week.\n",
        "tools/tools.json": json.dumps(TOOLS),
        "guardrails/glossary.yaml": "glossary: 1\nterms:\n  - {term: refund, means: money returned, owner: finance}\n",
        "guardrails/actions.yaml": ACTIONS_YAML,
        "guardrails/answers.yaml": ANSWERS_YAML,
        "evals/gold.yaml": SUITE,
        "evals/cases/gold-1.jsonl": _cases(),
        "runbook/runbook.md": GUIDE,
        "runbook/escalation.md": GUIDE,
        "runbook/operations.yaml": OPERATIONS,
    }
    return SmallFeature({path: text.encode() for path, text in files.items()})
