"""Promises of DOM-01 on tools and actions: where the two contradict each other, one of them changed unseen."""

import json
from typing import Any

import pytest

from feature import Feature


def effectful(feature: Feature) -> None:
    """The one tool of the feature now moves money."""
    tools = json.loads((feature.root / "tools/tools.json").read_text())
    tools["tools"].append(
        {
            "name": "pay_back",
            "description": "Return a fare.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "ticket": {"type": "string", "pattern": "^T-[0-9]{4}$"},
                    "amount_minor": {"type": "integer", "maximum": 5000},
                },
                "required": ["ticket", "amount_minor"],
            },
            "annotations": {"readOnlyHint": False},
        }
    )
    (feature.root / "tools/tools.json").write_text(json.dumps(tools, indent=1))
    with (feature.root / "guardrails/actions.yaml").open("a") as stream:
        stream.write(
            "  - action: fare.return\n    tool: pay_back\n    effect: money\n    args: {ticket: control, amount_minor: quantity}\n"
            "    allow: {roles: [guest], tenant: same_as_session}\n    ask: null\n"
            "    budget: {meter: amount_minor, per: [principal], window: 24h, cap: 9000}\n"
            "    idempotency: {key: [ticket], window: 24h, retry: verify}\n"
        )
    feature.edit("guardrails/glossary.yaml", "owner: harbour}", "owner: harbour, actions: [ferry.read, fare.return]}")


@pytest.fixture
def paying(feature: Feature) -> Feature:
    effectful(feature)
    return feature


def findings(feature: Feature) -> list[str]:
    document: Any = feature.json("check", "--static", codes=(0, 1))
    (row,) = [row for row in document["checks"] if row["id"] == "DOM-01"]
    return [finding["message"] for finding in row["data"]["findings"]]


def test_a_tool_and_an_action_that_agree_give_no_finding(paying: Feature) -> None:
    assert findings(paying) == []


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("tools/tools.json", '"readOnlyHint": false', '"readOnlyHint": true', "says that it only reads"),
        (
            "tools/tools.json",
            '"maximum": 5000',
            '"minimum": 1',
            "`amount_minor` of `pay_back` is a quantity without a bound",
        ),
        (
            "tools/tools.json",
            '"pattern": "^T-[0-9]{4}$"',
            '"title": "x"',
            "`ticket` of `pay_back` is a control without",
        ),
        (
            "guardrails/actions.yaml",
            "{ticket: control, amount",
            "{ticket: control, note: content, amount",
            "does not take",
        ),
        ("tools/tools.json", '"amount_minor": {', '"rush": {"type": "boolean"}, "amount_minor": {', "does not name"),
        ("guardrails/actions.yaml", "effect: money", "effect: destructive", "is destructive and asks nobody"),
        ("guardrails/actions.yaml", "effect: money", "effect: credential", "is credential and asks nobody"),
    ],
)
def test_each_contradiction_is_a_finding_in_its_file(paying: Feature, path: str, old: str, new: str, said: str) -> None:
    paying.edit(path, old, new)
    assert any(said in message for message in findings(paying)), findings(paying)


def test_a_tool_that_reads_needs_no_bound(paying: Feature) -> None:
    assert '"island": {\n' in (paying.root / "tools/tools.json").read_text()
    assert not any("island" in message for message in findings(paying))


def test_a_field_that_may_be_left_out_asks_for_cases_without_it(feature: Feature) -> None:
    feature.edit("schema/answer.json", '"outcome",\n  "text"', '"outcome"')
    document: Any = feature.json("check", "--static", codes=(0, 1))
    (row,) = [row for row in document["checks"] if row["id"] == "CMP-02"]
    assert "no case touches `schema:text=(absent)`" in [found["message"] for found in row["data"]["findings"]]
    cases = feature.root / "evals/cases/gold.jsonl"
    cases.write_text(cases.read_text().replace('"tool:look_up"', '"tool:look_up", "schema:text=(absent)"'))
    document = feature.json("check", "--static", codes=(0, 1))
    (row,) = [row for row in document["checks"] if row["id"] == "CMP-02"]
    assert not any("(absent)" in found["message"] for found in row["data"]["findings"])
