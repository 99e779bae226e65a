"""Promises of ACT-01 in the app's own path: a made-up call is refused there, and the guard's decision about it comes back."""

import json
from typing import Any

import pytest

from feature import Feature
from interlock.core.checks import LIMITS
from interlock.core.manifest import Profile
from interlock.core.rules import RULES
from interlock.core.ruling import Standing
from interlock.core.tools import Tool
from interlock.services.tool_probes import NO_TOOL, out_of_bounds, with_app

TOOL_LOOP = '''\
"""Answers from the timetable; what its model wants to look up goes through the guard."""

import json

from interlock import Guard
from interlock.core.replay import record_of
from interlock.testing import FixedClock, MemoryEffectStore, PlainSigner


def look_up(island=""):
    return {"pier": 1}


async def answer(request, *, root, chat, tools):
    shown = json.loads((root / "tools/tools.json").read_text())["tools"]
    offered = [{"type": "function", "function": {"name": each["name"], "parameters": each["inputSchema"]}} for each in shown]
    guard = Guard.from_parts(actions=root / "guardrails/actions.yaml", tools=root / "tools/tools.json", store=MemoryEffectStore(), signer=PlainSigner({"app": []}, clock=FixedClock()), clock=FixedClock())
    made, decisions = [], []
    with guard.session(tenant="harbour", principal="p", roles=["guest"]) as session:
        session.heard(request.get("input") or "")
        reply = await chat({"messages": [{"role": "user", "content": request.get("input") or ""}], "tools": offered})
        for call in reply["choices"][0]["message"].get("tool_calls") or ():
            name, given = call["function"]["name"], call["function"]["arguments"]
            decision = session.decide(name, given)
            decisions.append(record_of(decision, guard.policy))
            if GUARDED(decision):
                await tools(name, json.loads(given), lambda **_: {})
                made.append({"tool": name, "arguments": json.loads(given), "status": "executed"})
        again = await chat({"messages": [{"role": "tool", "content": "no"}], "tools": offered})
    text = again["choices"][0]["message"]["content"]
    return {"outcome": "answer", "text": text, "claims": [], "queue": None, "retrieved": [], "tool_calls": made, "decisions": DECISIONS, "parse": {"attempted": 0, "ok": 0, "errors": []}, "output": {"outcome": "answer", "text": text}}
'''


def loop(feature: Feature, *, guarded: str = "decision.runs", decisions: str = "decisions") -> None:
    (feature.root / "app/main.py").write_text(
        TOOL_LOOP.replace("GUARDED(decision)", guarded).replace("DECISIONS", decisions)
    )
    feature.edit("interlock.yaml", "[answer-v1]", "[answer-v1, tool-probes]")
    feature.lock()


def attacked(feature: Feature) -> tuple[int, dict[str, Any]]:
    code, out, err = feature.run("guard", "test", "--json")
    assert out, err
    found: dict[str, Any] = json.loads(out)["checks"]["ACT-01"]
    return code, found


def test_an_app_that_declares_nothing_is_not_put_to_it_and_the_evidence_says_so(feature: Feature) -> None:
    feature.lock()
    _, found = attacked(feature)
    assert found["status"] == "pass"
    assert "by the engine alone: the app does not declare `tool-probes`" in found["seen"]


def test_an_app_with_its_guard_in_the_path_passes(feature: Feature) -> None:
    loop(feature)
    _, found = attacked(feature)
    assert found["status"] == "pass", found
    assert "2 of them through the app" in found["seen"]  # an unlisted tool, and an argument out of bounds


def test_an_app_that_calls_the_tool_all_the_same_fails(feature: Feature) -> None:
    loop(feature, guarded="True")
    code, found = attacked(feature)
    assert (code, found["status"]) == (1, "fail")
    assert f"the app called `{NO_TOOL}`" in found["seen"]


def test_an_app_that_keeps_its_decisions_to_itself_is_owed(feature: Feature) -> None:
    loop(feature, decisions="[]")
    code, found = attacked(feature)
    assert (code, found["status"]) == (3, "owed")
    assert "gave no decision of its guard" in found["asked"]


def test_an_app_that_offers_its_model_no_tools_is_owed(feature: Feature) -> None:
    feature.edit("interlock.yaml", "[answer-v1]", "[answer-v1, tool-probes]")
    feature.lock()
    _, found = attacked(feature)
    assert found["status"] == "owed"
    assert "offered its model no tools" in found["asked"]


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ({"properties": {"a": {"type": "integer", "maximum": 5}}}, "a"),
        ({"properties": {"a": {}, "b": {"enum": ["x"]}}, "required": ["b"]}, "b"),
        ({"properties": {"a": {"type": "string", "maxLength": 40}}}, "a"),
        ({"properties": {"a": {}}}, None),
    ],
)
def test_a_call_out_of_bounds_is_made_from_the_schema(schema: dict[str, Any], name: str | None) -> None:
    found = out_of_bounds(Tool(name="t", inputSchema={"type": "object", **schema}))
    assert (found[0] if found else None) == name


def test_findings_of_the_engine_stay_where_the_app_passes() -> None:
    engine = {"examined": 1, "what": "calls", "asked": "none", "findings": [{"message": "it goes through"}]}
    for tried in (None, ()):
        assert RULES["ACT-01"](with_app(engine, tried), LIMITS[Profile.STANDARD]).standing is Standing.FAIL
