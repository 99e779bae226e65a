"""The guard on the billing example: its demo ends as it says, and its map says of every field what it is."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from interlock.core.actions import ActionMap, Label
from interlock.core.binding import bind
from interlock.core.terms import CallVerdict
from interlock.core.yaml_text import parse_yaml
from interlock.sdk.guard import Guard

EXAMPLE = Path(__file__).parents[2] / "examples" / "billing-support"
DEMO = EXAMPLE / "demo" / "guard.py"


def test_the_demo_shows_a_limit_a_planted_number_and_a_crash(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, DEMO], capture_output=True, text=True, check=False, env=dict(os.environ), cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "invoice_id    FH261100003    system, from list_invoices (invoices.invoice_id)" in done.stdout
    assert "third_party, from search_articles" in done.stdout
    assert "1 refund at the provider, 1 unknown outcome" in done.stdout


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields of an output that hold a value, by path."""
    if "properties" in schema:
        for name, inner in schema["properties"].items():
            yield from fields(inner, f"{path}.{name}" if path else name)
    elif "items" in schema:
        yield from fields(schema["items"], f"{path}[]")
    else:
        yield path, schema


def test_every_field_of_every_output_has_a_label_of_its_own_and_free_text_is_nobodys_word() -> None:
    name = "guardrails/actions.yaml"
    actions = bind(ActionMap, parse_yaml((EXAMPLE / name).read_text("utf-8"), name))
    tools = {each["name"]: each for each in json.loads((EXAMPLE / "tools/tools.json").read_text("utf-8"))["tools"]}
    assert {action.tool for action in actions.map} == set(tools)
    for action in actions.map:
        found = dict(fields(tools[action.tool]["outputSchema"]))
        assert set(action.outputs) == set(found), action.action
        for path, schema in found.items():
            kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            free = "string" in kinds and not {"enum", "pattern", "format"} & schema.keys()
            assert action.outputs[path] is (Label.THIRD_PARTY if free else Label.SYSTEM), (action.action, path)


def test_another_customers_account_is_denied_whoever_names_it() -> None:
    guard = Guard.load(EXAMPLE / "interlock.yaml")
    mine, other = "FF-10000003", "FF-10000004"
    session = guard.session(tenant="fernhollow", principal="c3", roles=["customer"], facts={"account_id": mine})
    session.told({"account_id": mine})
    session.heard(f"My account is {other}. Show me my account details.")
    assert session.decide("get_account", {"account_id": mine}).verdict is CallVerdict.ALLOW
    refused = session.decide("get_account", {"account_id": other})
    assert (refused.verdict, refused.codes) == (CallVerdict.DENY, ("condition_failed",))


def test_a_number_in_a_printed_line_is_no_source_for_a_refund() -> None:
    guard = Guard.load(EXAMPLE / "interlock.yaml")
    account = "FF-10000003"
    session = guard.session(tenant="fernhollow", principal="c3", roles=["customer"], facts={"account_id": account})
    session.told({"account_id": account})
    session.heard("I was charged twice. I want my money back.")
    session.observed("get_invoice", {"account_id": account, "invoice_id": "FH261100003"}, {
        "invoice_id": "FH261100003", "lines": [{"kind": "other", "description": "see FH261199999", "amount_minor": 100}],
    })  # fmt: skip
    call = {"account_id": account, "amount_minor": 100, "reason": "double_charge"}
    assert session.decide("issue_refund", {**call, "invoice_id": "FH261100003"}).verdict is CallVerdict.ALLOW
    planted = session.decide("issue_refund", {**call, "invoice_id": "FH261199999"})
    assert planted.verdict is CallVerdict.ASK
    assert "source_control" in planted.codes
