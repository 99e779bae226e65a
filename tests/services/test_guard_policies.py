"""Recorded calls under another policy, and the authority that one map has over another."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock import Guard
from interlock.cli import run
from interlock.core.actions import ActionMap
from interlock.core.errors import InterlockError
from interlock.core.replay import judge_again, record_of
from interlock.core.terms import CallVerdict
from interlock.services.authority_cells import enumerate_authority
from interlock.services.replay import replay

MAP = """actions: 1
map:
  - {action: order.read, tool: get_order, effect: read, outputs: {order_id: system, buyer: attested}}
  - {action: refund.issue, tool: issue_refund, effect: money, words: [refund],
     args: {order_id: control, amount_minor: quantity, note: content},
     allow: {roles: [support], when: {amount_minor: {lte: 20000}}},
     ask: {when: {amount_minor: {gt: 5000}}, approvers: {role: finance, count: 1}, ttl: 30m}}
  - {action: password.set, tool: set_password, effect: credential, args: {password: control}, words: [password]}
"""


def guard(text: str = MAP) -> Guard:
    return Guard.from_parts(actions=text)


CALLS = (
    ("get_order", {"order_id": "W123"}),
    ("issue_refund", {"order_id": "W123", "amount_minor": 100, "note": "my cat Tom is ill"}),
    ("issue_refund", {"order_id": "W123", "amount_minor": 6000}),
    ("issue_refund", {"order_id": "W123", "amount_minor": 60_000}),
    ("issue_refund", {"order_id": "W777", "amount_minor": 100}),
    ("issue_refund", {"order_id": "Bo Berg", "amount_minor": 100}),
    ("set_password", {"password": "correct horse"}),
    ("drop_database", {"name": "all"}),
    ("issue_refund", '{"a": 1, "a": 2}'),
)


def records(made: Guard, calls: Any = CALLS) -> list[dict[str, Any]]:
    session = made.session(tenant="acme", principal="u1", roles=["support"], session_id="s1")
    session.heard("please refund my order and set the password")
    session.observed("get_order", {}, {"order_id": "W123", "buyer": "Bo Berg", "note": "W777"})
    return [record_of(session.decide(*call), made.policy, slice="billing") for call in calls]


def test_a_record_holds_no_words_and_no_secrets_and_is_plain_json() -> None:
    text = json.dumps(records(guard()))
    assert "Tom" not in text
    assert "correct horse" not in text
    assert '"W123"' in text


@pytest.mark.parametrize("at", range(len(CALLS)))
def test_the_same_record_under_the_same_policy_gives_the_same_verdict(at: int) -> None:
    made = guard()
    record = json.loads(json.dumps(records(made)[at]))
    again = judge_again(made.policy, record)
    assert (again.verdict.value, list(again.codes)) == (record["verdict"], record["codes"])
    assert again.unsure == () or record["codes"] == ["unmapped_tool"]


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(
    st.sampled_from(["order_id", "amount_minor", "note", "other"]),
    st.one_of(st.none(), st.integers(-5, 30_000), st.text(max_size=6), st.sampled_from(["W123", "W777", "Bo Berg"]),
              st.lists(st.integers(0, 9), max_size=2)), max_size=4))  # fmt: skip
def test_any_recorded_call_is_judged_the_same_again(arguments: dict[str, Any]) -> None:
    made = guard()
    (record,) = records(made, [("issue_refund", arguments)])
    again = judge_again(made.policy, json.loads(json.dumps(record)))
    assert (again.verdict.value, list(again.codes)) == (record["verdict"], record["codes"])


@pytest.mark.parametrize(
    ("old", "new", "flips"),
    [
        ("{gt: 5000}", "{gt: 8000}", [("refund.issue", "ask", "allow", 1)]),
        ("{gt: 5000}", "{gt: 50}", [("refund.issue", "allow", "ask", 1)]),
        ("{lte: 20000}", "{lte: 90000}", [("refund.issue", "deny", "ask", 1)]),
        ("roles: [support]", "roles: [boss]", [("refund.issue", "ask", "deny", 3), ("refund.issue", "allow", "deny", 1)]),
        ("order_id: system, ", "", [("refund.issue", "allow", "ask", 1)]),
        ("effect: money", "effect: write", [("refund.issue", "ask", "allow", 1)]),
    ],
)  # fmt: skip
def test_a_new_policy_shows_what_flips(old: str, new: str, flips: list[tuple[str, str, str, int]]) -> None:
    assert old in MAP
    lines = [json.dumps(record) for record in records(guard())]
    found = replay(guard(MAP.replace(old, new)).policy, lines)
    assert [(f.action, f.before.value, f.after.value, f.count) for f in found.flips] == flips
    assert all(flip.slice == "billing" and flip.lines for flip in found.flips)
    assert found.judged + sum(found.unsure.values()) == len(CALLS)


def test_what_a_record_does_not_hold_is_said_and_not_guessed() -> None:
    lines = [json.dumps(record) for record in records(guard())]
    hidden = MAP.replace("{lte: 20000}}", "{lte: 20000}, note: {matches: 'ok'}}")
    assert "the value of `note` is not in the record" in replay(guard(hidden).policy, lines).unsure
    stricter = MAP.replace("effect: read, outputs", "effect: write, args: {order_id: control}, outputs")
    assert "no source of `order_id` is in the record" in replay(guard(stricter).policy, lines).unsure
    words = replay(guard(MAP.replace("words: [refund]", "words: [money back]")).policy, lines).unsure
    assert any(reason.startswith("other words") for reason in words)


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"v": 2}', '{"v": 1, "tool": "issue_refund"}', '{"v": 1, "verdict": "allow"}']
)
def test_what_is_no_record_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(InterlockError) as error:
        replay(guard().policy, ["", line], "calls.jsonl")
    assert str(error.value.place) == "calls.jsonl:2"


# ── authority by enumeration


def authority(old: str, new: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    assert old in MAP
    before, after = (guard(text).policy.table.actions for text in (MAP, MAP.replace(old, new)))
    found, back = enumerate_authority(before, after), enumerate_authority(after, before)
    assert len(found.gained) > 0 or len(found.lost) > 0 or found.other
    assert {text.split(":")[0] for text in found.gained} == {text.split(":")[0] for text in back.lost}
    return found.gained, found.lost


@pytest.mark.parametrize(
    ("old", "new", "gained"),
    [
        ("{gt: 5000}", "{gt: 9000}", "`refund.issue`: `amount_minor` from 5001 to 9000: ask → allow"),
        ("{lte: 20000}", "{lte: 30000}", "`refund.issue`: `amount_minor` from 20001 to 30000: deny → ask"),
        ("roles: [support]", "roles: [support, sales]", "`refund.issue`: role `sales`: deny → allow"),
        ("effect: money", "effect: write", "`refund.issue`: `order_id` (value from `attested`): ask → allow"),
        ("effect: credential", "effect: read", "`password.set`: `password` (value from `system`, value from `attested`, value from `third_party`, value from `model`): ask → allow"),
    ],
)  # fmt: skip
def test_each_widening_is_named_cell_by_cell(old: str, new: str, gained: str) -> None:
    assert gained in authority(old, new)[0]


def test_nothing_changed_is_the_same_authority() -> None:
    actions = guard().policy.table.actions
    found = enumerate_authority(actions, actions)
    assert (found.gained, found.lost, found.other) == ((), (), ())
    assert len(enumerate_authority(None, actions).gained) == 3


@pytest.mark.parametrize(
    ("old", "new", "side"),
    [
        ("words: [refund]", "words: [refund], audience: internal", "lost"),
        ("words: [refund]", "words: [refund], harmless: {order_id: [W1]}", "gained"),
        ("words: [refund]", "words: [refund], escalate: {when: always, queue: people}", "lost"),
        ("words: [refund]", "words: [refund], budget: {meter: calls, per: [tenant], window: 1h, cap: 3}", "lost"),
        ("outputs: {order_id: system, buyer", "readers: tenant, outputs: {order_id: system, buyer", "lost"),
        ("roles: [support], ", "", "gained"),
        ("actions: 1\n", "actions: 1\nsession: {calls: 101}\n", "gained"),
        ("actions: 1\n", "actions: 1\nsession: {tokens: 5}\n", "lost"),
        ("effect: read, outputs", "effect: read, without_store: true, outputs", "gained"),
    ],
)  # fmt: skip
def test_what_cannot_be_enumerated_is_compared_by_rule(old: str, new: str, side: str) -> None:
    gained, lost = authority(old, new)
    assert (gained if side == "gained" else lost) != ()


def _bound(value: int) -> ActionMap:
    return guard(MAP.replace("{gt: 5000}", f"{{gt: {value}}}")).policy.table.actions


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9), st.integers(0, 9))
def test_what_was_enumerated_is_what_every_single_value_says(before: int, after: int) -> None:
    def verdicts(actions: ActionMap) -> list[CallVerdict]:
        session = Guard.from_parts(actions=actions).session(tenant="t", principal="p", roles=["support"])
        session.heard("refund order W123")
        return [session.decide("issue_refund", {"order_id": "W123", "amount_minor": n}).verdict for n in range(12)]

    old, new = _bound(before), _bound(after)
    weaker = [n for n, (was, now) in enumerate(zip(verdicts(old), verdicts(new), strict=True)) if now.rank < was.rank]
    said = [text for text in enumerate_authority(old, new).gained if "ask → allow" in text]
    if not weaker:
        assert said == []
    else:
        low, high = weaker[0], weaker[-1]
        assert said == [
            f"`refund.issue`: `amount_minor` {low if low == high else f'from {low} to {high}'}: ask → allow"
        ]


# ── the commands


@pytest.fixture
def policies(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / f"{abs(hash(text))}.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_the_commands_print_both_and_say_in_the_exit_code_whether_anything_widened(
    policies: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, wider, narrower = (policies(text) for text in (MAP, MAP.replace("5000", "9000"), MAP.replace("5000", "50")))
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records(guard())), encoding="utf-8")
    assert run(["guard", "diff", old, wider]) == 3
    assert "from 5001 to 9000: ask → allow" in capsys.readouterr().out
    assert run(["guard", "diff", old, narrower]) == 0
    assert run(["guard", "diff", old, old]) == 0
    capsys.readouterr()
    assert run(["guard", "replay", str(path), "--policy", wider]) == 3
    assert "+ refund.issue · billing: ask → allow, 1 of 6 (allowed 1); lines 3" in capsys.readouterr().out
    assert run(["guard", "replay", str(path), "--policy", narrower, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["flipped"]) == ("interlock.guard-replay.v1", 1)
    assert run(["guard", "replay", str(tmp_path / "none.jsonl"), "--policy", old]) == 2
    assert run(["guard", "diff", str(tmp_path / "none.yaml"), old]) == 2
