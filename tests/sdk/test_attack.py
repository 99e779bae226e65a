"""The attack run finds what a weak guard lets through: each pack is tried on a guard that was broken on purpose."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.attack_rules import rule_attacks, shares
from interlock.core.checks import LIMITS
from interlock.core.manifest import Profile
from interlock.core.ruling import Standing
from interlock.sdk.attack.packs import attacks
from interlock.sdk.attack.run import CHECKS, run_attacks
from interlock.sdk.attack.specimen import broken, calls, like
from interlock.sdk.attack.world import scratch_of, subjects
from interlock.sdk.guard import Guard

ACTIONS: dict[str, Any] = {
    "actions": 1,
    "session": {"calls": 8, "seconds": 60, "tokens": 100},
    "map": [
        {
            "action": "refund.issue", "tool": "issue_refund", "effect": "money", "words": ["refund"],
            "args": {"order_id": "control", "amount_minor": "quantity", "note": "content"},
            "ask": {"when": {"amount_minor": {"gt": 500}}, "approvers": {"role": "finance", "count": 1, "not": ["requester"]}, "ttl": "30m"},
            "budget": {"meter": "amount_minor", "per": ["tenant", "principal"], "window": "24h", "cap": 900},
            "idempotency": {"key": ["order_id", "amount_minor"], "window": "72h", "retry": "verify"},
        },
        {
            "action": "account.close", "tool": "close_account", "effect": "write", "words": ["close"],
            "args": {"account_id": "control"}, "allow": {"roles": ["support"]},
            "ask": {"when": "always", "approvers": {"role": "risk", "count": 2, "not": ["requester"]}, "ttl": "30m"},
        },
        {"action": "order.read", "tool": "get_order", "effect": "read", "args": {"order_id": "control"}},
    ],
}  # fmt: skip
ID = {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{6}$"}
TOOLS: list[dict[str, Any]] = [
    {"name": name, "inputSchema": {"type": "object", "properties": properties, "required": list(properties)}}
    for name, properties in (
        ("issue_refund", {"order_id": ID, "amount_minor": {"type": "integer", "minimum": 100, "maximum": 800}, "note": {"type": "string", "maxLength": 80}}),
        ("close_account", {"account_id": ID}),
        ("get_order", {"order_id": ID}),
    )
]  # fmt: skip


def run(actions: dict[str, Any] = ACTIONS, *checks: str) -> dict[str, Any]:
    return dict(run_attacks(Guard.from_parts(actions=actions, tools=TOOLS).policy, checks=checks or CHECKS).data)


def through(data: dict[str, Any], key: str = "stopped") -> set[str]:
    return {row["pack"] for row in data["ACT-05"]["attacks"] if not row[key]}


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return run()


def test_a_sound_guard_stops_every_attack_and_keeps_every_task(whole: dict[str, Any]) -> None:
    assert through(whole) == set()
    assert {row["pack"] for row in whole["ACT-05"]["attacks"]} == {
        "prompt injection", "tool-output injection", "cross-tenant", "spend abuse", "approval abuse", "schema abuse",
        "definition rug pull",
    }  # fmt: skip
    assert all(task["kept"] for task in whole["ACT-05"]["tasks"])
    assert {task["name"]: task["alone"] for task in whole["ACT-05"]["tasks"]} == {
        "refund.issue": True, "account.close": False, "order.read": True,
    }  # fmt: skip
    assert [(check, data["findings"]) for check, data in whole.items() if check != "ACT-05" and data["findings"]] == []
    ruling = rule_attacks(whole["ACT-05"], LIMITS[Profile.REGULATED])
    assert ruling.standing is Standing.PASS
    assert json.dumps(whole)


def test_a_stamped_question_lets_more_through_than_the_guard_alone(whole: dict[str, Any]) -> None:
    assert "tool-output injection" in through(whole, "stamped")
    assert "approval abuse" not in through(whole, "stamped")


def changed(**keys: Any) -> dict[str, Any]:
    return {**ACTIONS, "map": [{**ACTIONS["map"][0], **keys}, *ACTIONS["map"][1:]]}


def test_a_map_that_takes_any_source_is_found_out() -> None:
    found = through(run(changed(allow={"provenance": {"order_id": "model"}}, ask=None)))
    assert {"prompt injection", "tool-output injection", "cross-tenant"} <= found


def test_an_approver_who_may_be_the_requester_is_found_out() -> None:
    data = run(changed(ask={"when": "always", "approvers": {"role": "finance", "count": 1}, "ttl": "30m"}), "ACT-03")
    assert [each["message"] for each in data["ACT-03"]["findings"]] == [
        "refund.issue: the requester says yes: it goes through"
    ]


BROKEN: dict[str, tuple[str, Any, str]] = {
    "caps that nobody looks at": ("interlock.core.budget.Balance.fits", lambda self, amount, cap: True, "ACT-02"),
    "a key that is always new": ("interlock.services.effect_claim.arrive", None, "ACT-02"),
    "approvals bound to nothing": ("interlock.core.effect.EffectRequest.binding", property(lambda self: "sha256:" + "0" * 64), "ACT-03"),
    "approvals without an end": ("interlock.core.approval.Approval.over", lambda self, now: False, "ACT-03"),
    "anybody may approve": ("interlock.core.approval.objection", lambda request, terms, who, roles: "", "ACT-03"),
    "schemas that nobody looks at": ("interlock.core.judge.schema_faults", None, "ACT-01"),
    "sessions without limits": ("interlock.sdk.session.Session._used_up", lambda self, number: "", "ACT-04"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_guard_that_was_broken_on_purpose_is_found_out(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, fake, check = BROKEN[what]
    if what == "a key that is always new":
        from interlock.core.claim import Arrival, State, arrive

        def again(claim: Any, request: Any, now: Any) -> Arrival:
            found = arrive(claim, request, now)
            return Arrival.RETRY if claim is not None and claim.state is State.UNKNOWN else found

        monkeypatch.setattr(target, again)
    elif what == "schemas that nobody looks at":

        class Lax:
            def is_valid(self, value: Any) -> bool:
                return True

        monkeypatch.setattr("interlock.core.judge.compile_schema", lambda schema, tool: Lax())
    else:
        if what == "caps that nobody looks at":
            monkeypatch.setattr("interlock.adapters.sql.effects.SqlEffectTransaction.post", _uncapped())
        if what == "anybody may approve":
            monkeypatch.setattr("interlock.services.effect_claim.objection", fake)
        monkeypatch.setattr(target, fake)
    assert run(ACTIONS, check)[check]["findings"]


def _uncapped() -> Callable[..., bool]:
    from interlock.adapters.sql.effects import SqlEffectTransaction

    post = SqlEffectTransaction.post
    return lambda self, entry, *, cap=None: post(self, entry, cap=10**12)


def test_a_session_without_a_source_of_calls_is_owed_and_not_passed() -> None:
    nothing = {"attacks": [], "tasks": [], "unmade": []}
    assert rule_attacks(nothing, LIMITS[Profile.LIGHT]).standing is Standing.OWED
    empty = run({"actions": 1, "map": []})
    assert empty["ACT-05"]["tasks"] == []


def rows(stopped: int, n: int, pack: str = "spend abuse") -> list[dict[str, Any]]:
    return [{"pack": pack, "name": f"a{at}", "stopped": at < stopped, "stamped": False} for at in range(n)]


TASKS = [{"name": "t", "effect": True, "asked": False, "alone": True, "kept": True}]


def test_the_floor_holds_for_each_pack_and_not_for_their_sum() -> None:
    data = {"attacks": [*rows(1000, 1000, "schema abuse"), *rows(1, 2)], "tasks": TASKS, "unmade": []}
    ruling = rule_attacks(data, LIMITS[Profile.STANDARD])
    assert (ruling.standing, "of spend abuse only 50.0 %" in ruling.proves) == (Standing.FAIL, True)
    assert rule_attacks({**data, "attacks": rows(100, 100)}, LIMITS[Profile.STANDARD]).standing is Standing.PASS
    assert rule_attacks({**data, "attacks": rows(96, 100)}, LIMITS[Profile.STANDARD]).standing is Standing.FAIL
    assert rule_attacks({**data, "attacks": rows(96, 100)}, LIMITS[Profile.LIGHT]).standing is Standing.PASS


def test_lost_tasks_fail_and_actions_that_were_not_attacked_are_owed() -> None:
    data = {"attacks": rows(9, 9), "tasks": [*TASKS, {**TASKS[0], "kept": False}], "unmade": []}
    assert rule_attacks(data, LIMITS[Profile.LIGHT]).standing is Standing.FAIL
    assert rule_attacks({**data, "tasks": TASKS, "unmade": ["x"]}, LIMITS[Profile.LIGHT]).standing is Standing.OWED
    assert "95 % interval" in str(shares(data)[0])


@given(
    st.sampled_from([r"^FF-[0-9]{8}$", r"^(a|bc)+d?$", r"[A-Z]{2}[0-9]{2,4}", r"^\d{3}-\w+$", r"^x{0,3}y*$"]),
    st.integers(0, 999),
)
def test_a_text_like_a_pattern_matches_it(pattern: str, seed: int) -> None:
    assert re.fullmatch(pattern.strip("^$"), like(pattern, seed))


def test_calls_fit_their_schema_and_broken_ones_do_not() -> None:
    policy = Guard.from_parts(actions=ACTIONS, tools=TOOLS).policy
    with scratch_of(policy) as scratch:
        effects, unmade = subjects(scratch, effects=True)
        assert ([each.name for each in effects], unmade) == (["refund.issue", "account.close"], [])
        subject = effects[0]
        found = list(calls(subject.row.action, subject.tool, scratch.known(subject.row, "t"), 0))
        assert {call["amount_minor"] for call in found} >= {100, 500, 501, 800}
        said = scratch.session(subject, "t", told=subject.call)
        for what, call in broken(subject.tool, subject.call):
            assert said.decide(subject.tool.name, call).verdict.value == "deny", what
        assert len(list(attacks(scratch, effects, []))) > 40


def test_an_id_that_the_host_binds_to_the_session_is_denied_to_another_tenant_even_when_stamped() -> None:
    def cross(actions: dict[str, Any]) -> dict[str, bool]:
        rows = run(actions, "ACT-05")["ACT-05"]["attacks"]
        return {row["name"]: row["stamped"] for row in rows if row["name"].endswith("the id of another tenant")}

    bound = json.loads(json.dumps(ACTIONS))
    for action, name in zip(bound["map"], ("order_id", "account_id", "order_id"), strict=True):
        action.setdefault("allow", {})["when"] = {name: {"same_as_session": "fact.ours"}}
    assert not all(cross(ACTIONS).values())
    assert all(cross(bound).values())
    assert {row["kept"] for row in run(bound, "ACT-05")["ACT-05"]["tasks"]} == {True}  # and nobody's own task is lost
