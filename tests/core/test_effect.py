"""What an effect is, what a repeated call finds, and what a yes is bound to."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.actions import Effect, Label
from interlock.core.approval import approval_from_json, approval_to_json, ask
from interlock.core.budget import (
    Balance,
    BudgetAsk,
    Holding,
    account_from_json,
    account_of,
    account_to_json,
    members_settled,
)
from interlock.core.claim import Arrival, Claim, State, arrive, claim_from_json, claim_to_json
from interlock.core.digest import Digest, canonical, of_bytes
from interlock.core.effect import EffectRequest, request_from_json, request_to_json
from interlock.core.errors import ApprovalError, MalformedDigest, NotCanonical, UsageError
from interlock.core.grant import parse_condition
from interlock.core.record import Head, Record, chain_fault, next_record
from interlock.core.terms import ApprovalTerms, CallVerdict, Retry, idempotency_key
from interlock.testing import sample_request

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TERMS = ApprovalTerms("finance", 2, True, 600)
ASKED: dict[str, Any] = {"verdict": CallVerdict.ASK, "approval": TERMS}


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant": ""}, {"session": ""}, {"principal": "a\nb"}, {"action": "x" * 201}, {"arguments": b"{}x"}, {"arguments": b"[]"},
        {"arguments": b'{"b":1,"a":2}'}, {"arguments": b'{"a":1,"a":2}'}, {"arguments": b'{"a":NaN}'}, {"idempotency": None},
        {"verdict": CallVerdict.ASK}, {"sources": sample_request().sources[:1] * 2}, {"bundle": "sha256:short"},
        {"effect": Effect.READ, "idempotency": None, "verdict": CallVerdict.REPLAY}, {"budgets": sample_request().budgets * 2},
    ],
    ids=str,
)  # fmt: skip
def test_an_effect_that_does_not_hold_together_cannot_be_built(changes: dict[str, Any]) -> None:
    with pytest.raises((ValueError, MalformedDigest, NotCanonical)):
        sample_request(**changes)
    sample_request()


@pytest.mark.parametrize(
    "wrong",
    [
        {"meter": ""}, {"per": ()}, {"per": ("planet",)}, {"per": ("tenant", "tenant")}, {"window_s": 0}, {"cap": -1}, {"amount": -1},
        {"amount": 1.5}, {"amount": True}, {"cap": 2**53}, {"members": ("a", "b")}, {"members": ("a", "a"), "amount": 2},
    ],
    ids=str,
)  # fmt: skip
def test_a_budget_is_integers_within_bounds(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"meter": "calls", "per": ("tenant",), "window_s": 60, "cap": 5, "amount": 1}
    BudgetAsk(**right)
    with pytest.raises(ValueError):
        BudgetAsk(**{**right, **wrong})


def test_what_is_stored_comes_back_whole() -> None:
    members = BudgetAsk("people", ("feature",), 60, 5, 1, ("bob",), shared=True)
    for request in (sample_request(), sample_request(**ASKED, codes=("a",), budgets=(members,))):
        assert request_from_json(json.loads(canonical(request_to_json(request)))) == request
    account = account_of(members, feature="f", tenant="t", principal="p", session="s", action="a", at=AT)
    assert account_from_json(account_to_json(account)) == account
    claim = replace(claim_in(State.UNKNOWN), accounts=(account,), doubtful=True, result="null")
    assert claim_from_json(json.loads(canonical(claim_to_json(claim)))) == claim
    approval = ask(sample_request(**ASKED), AT, "n")
    assert approval_from_json(json.loads(canonical(approval_to_json(approval)))) == approval


# ── what a repeated call finds


def claim_in(state: State, request: EffectRequest | None = None, *, settled: datetime = AT) -> Claim:
    request = request or sample_request()
    assert request.idempotency is not None
    made = Claim("acme", request.idempotency.key, 1, 1, State.IN_FLIGHT, "o", AT + timedelta(seconds=60), AT, request)
    return made if state is State.IN_FLIGHT else made.settled(state, by="somebody", at=settled)


TABLE = {
    # state, lease over: same arguments, other arguments
    (State.IN_FLIGHT, False): (Arrival.IN_PROGRESS, Arrival.CONFLICT),
    (State.IN_FLIGHT, True): (Arrival.LAPSED, Arrival.CONFLICT),
    (State.COMPLETED, True): (Arrival.REPLAY, Arrival.CONFLICT),
    (State.FAILED_BEFORE_EFFECT, True): (Arrival.RETRY, Arrival.CONFLICT),
    (State.UNKNOWN, True): (Arrival.UNKNOWN, Arrival.CONFLICT),
}


@pytest.mark.parametrize(("found", "expected"), TABLE.items(), ids=str)
@pytest.mark.parametrize("retry", list(Retry))
def test_the_table_of_arrivals(found: tuple[State, bool], expected: tuple[Arrival, Arrival], retry: Retry) -> None:
    state, over = found
    now = AT + timedelta(seconds=60 if over else 59)
    same, other = expected
    if (state, retry) == (State.UNKNOWN, Retry.SAFE):
        same = Arrival.RETRY
    assert arrive(claim_in(state), sample_request(retry=retry), now) is same
    assert arrive(claim_in(state), sample_request(note="other", retry=retry), now) is other
    assert arrive(None, sample_request(retry=retry), now) is Arrival.NEW


@given(st.sampled_from(list(State)), st.integers(0, 10 * 86_400))
def test_only_what_is_settled_is_ever_forgotten(state: State, seconds: int) -> None:
    now = AT + timedelta(seconds=seconds)
    fresh = arrive(claim_in(state), sample_request(note="other"), now) is Arrival.NEW
    assert fresh == (state in {State.COMPLETED, State.FAILED_BEFORE_EFFECT} and seconds >= 3 * 86_400)


def test_what_is_settled_is_not_settled_again_nor_tried_again_after_it_happened() -> None:
    done = claim_in(State.COMPLETED)
    for state in State:
        with pytest.raises(ValueError):
            done.settled(state, by="x", at=AT)
    with pytest.raises(ValueError):
        done.retried(sample_request(), owner="o2", lease=timedelta(seconds=1), now=AT, approval="", accounts=())
    with pytest.raises(ValueError):
        claim_in(State.IN_FLIGHT).settled(State.IN_FLIGHT, by="x", at=AT)


def test_who_looked_knows_of_all_attempts_and_the_owner_of_its_own() -> None:
    again = claim_in(State.UNKNOWN).retried(
        sample_request(), owner="o2", lease=timedelta(seconds=1), now=AT, approval="", accounts=()
    )
    assert again.settled(State.FAILED_BEFORE_EFFECT, by="o2", at=AT).state is State.UNKNOWN
    assert again.settled(State.FAILED_BEFORE_EFFECT, by="fay", at=AT).state is State.FAILED_BEFORE_EFFECT
    assert again.settled(State.COMPLETED, by="o2", at=AT).state is State.COMPLETED


def test_a_key_is_of_one_tenant_and_action_and_does_not_depend_on_order() -> None:
    key = idempotency_key("acme", "a", {"x": 1, "y": "2"})
    assert key == idempotency_key("acme", "a", {"y": "2", "x": 1})
    others = [
        idempotency_key("other", "a", {"x": 1, "y": "2"}), idempotency_key("acme", "b", {"x": 1, "y": "2"}),
        idempotency_key("acme", "a", {"x": "1", "y": "2"}), idempotency_key("acme", "a", {"x": 1}),
    ]  # fmt: skip
    assert len({key, *others}) == 5


# ── what a yes is bound to

FREE = {"judged", "feature", "policy", "effect", "idempotency", "approval", "verdict", "codes", "agent"}
"""Fields that the binding does not have: they are judged anew when the yes is used."""
OTHER: dict[str, Any] = {
    "bundle": of_bytes(b"x"), "action": "refund.other", "tool": "other", "tool_hash": of_bytes(b"x"), "tenant": "other",
    "arguments": canonical({"order_id": "W123", "amount_minor": 2000, "note": "late"}), "principal": "u9", "session": "s9",
    "sources": (replace(sample_request().sources[0], label=Label.MODEL), *sample_request().sources[1:]),
    "budgets": (replace(sample_request().budgets[0], cap=1_000_000),),
}  # fmt: skip


def test_every_field_is_bound_or_judged_anew() -> None:
    assert {field.name for field in fields(EffectRequest)} == FREE | OTHER.keys()


@pytest.mark.parametrize("name", sorted(OTHER))
def test_a_yes_is_bound_to(name: str) -> None:
    assert replace(sample_request(), **{name: OTHER[name]}).binding != sample_request().binding


def test_a_yes_that_names_another_call_cannot_be_built() -> None:
    with pytest.raises(ValueError):
        replace(ask(sample_request(**ASKED), AT, "n"), request=sample_request(5, **ASKED))


def test_a_request_is_used_only_once_it_is_approved() -> None:
    with pytest.raises(ApprovalError):
        ask(sample_request(**ASKED), AT, "n").consumed("c", AT)


# ── budgets


@given(st.integers(0, 10**6), st.integers(1, 10**5))
def test_windows_lie_end_to_end(now: int, window_s: int) -> None:
    at = datetime.fromtimestamp(now, UTC)
    asked = BudgetAsk("calls", ("tenant",), window_s, 1, 1)
    here: dict[str, Any] = {"feature": "f", "tenant": "t", "principal": "p", "session": "s", "action": "a"}
    account = account_of(asked, at=at, **here)
    assert account.start <= now < account.start + window_s
    assert account.start % window_s == 0
    assert account_of(asked, at=datetime.fromtimestamp(account.start + window_s, UTC), **here).id != account.id


def test_accounts_of_one_owner_are_apart_by_action_unless_shared() -> None:
    def id_of(action: str, *, shared: bool, tenant: str = "t") -> str:
        asked = BudgetAsk("calls", ("principal",), 60, 1, 1, shared=shared)
        return account_of(asked, feature="f", tenant=tenant, principal="p", session="s", action=action, at=AT).id

    assert id_of("a", shared=False) != id_of("b", shared=False)
    assert id_of("a", shared=True) == id_of("b", shared=True)
    assert id_of("a", shared=True) != id_of("a", shared=True, tenant="u")  # a principal is always one tenant's


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(["c1", "c2", "c3"]), st.booleans()), unique_by=lambda r: r[:2]), st.booleans())  # fmt: skip
def test_members_are_one_unit_each_whoever_settles_first(rows: list[tuple[str, str, bool]], happened: bool) -> None:
    def balance(holdings: list[Holding]) -> Balance:
        used = {each.member for each in holdings if each.used}
        return Balance(len(used), len({each.member for each in holdings} - used))

    before = [Holding(Digest("a"), member, claim, used) for member, claim, used in rows]
    mine = {each.member for each in before if each.claim == "c1"}
    after = [
        replace(each, used=each.used or (happened and each.claim == "c1"))
        for each in before
        if each.used or each.claim != "c1" or happened
    ]
    held, used = members_settled([each for each in before if each.member in mine], "c1", happened=happened)
    one, other = balance(before), balance(after)
    assert (one.held + held, one.used + used) == (other.held, other.used)


# ── grants


@pytest.mark.parametrize("text", ["", "amount", "<=5", "amount<=", "amount<=x", "amount>1.5", "a b=1", "amount>=true"])
def test_a_condition_that_says_nothing_clear_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_condition(text)


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_a_condition_orders_as_integers_do(value: int, bound: int) -> None:
    call = {"n": value}
    assert [parse_condition(f"n{op}{bound}").holds(call) for op in ("<", "<=", "=", ">=", ">")] == [
        value < bound, value <= bound, value == bound, value >= bound, value > bound,
    ]  # fmt: skip
    assert not parse_condition(f"n<={bound}").holds({"n": str(value)})


# ── the chain


def chain(length: int) -> tuple[list[Record], Head]:
    head, records = Head("acme"), []
    for number in range(length):
        record = next_record(head, "decision", {"n": number}, AT + timedelta(seconds=number))
        records.append(record)
        head = Head("acme", record.seq, record.hash)
    return records, head


@given(st.data(), st.integers(1, 6))
def test_an_edited_dropped_doubled_or_reordered_record_does_not_fit(data: st.DataObject, length: int) -> None:
    records, head = chain(length)
    assert chain_fault(records, head) == ""
    at = data.draw(st.integers(0, length - 1))
    kind = data.draw(st.sampled_from(["edit", "drop", "double", "swap", "head"]))
    if kind == "edit":
        name, value = data.draw(
            st.sampled_from(
                [("seq", 99), ("at", AT - timedelta(1)), ("kind", "outcome"), ("text", '{"n":99}'), ("previous", "x"), ("hash", "x"), ("tenant", "y")]
            )
        )  # fmt: skip
        records[at] = replace(records[at], **{name: value})
    elif kind == "drop":
        del records[at]
    elif kind == "double":
        records.insert(at, records[at])
    elif kind == "swap":
        other = data.draw(st.integers(0, length - 1).filter(lambda n: n != at)) if length > 1 else at
        records[at], records[other] = records[other], records[at]
        if at == other:
            return
    else:
        head = replace(head, seq=head.seq + data.draw(st.sampled_from([-1, 1])))
    assert "record" in chain_fault(records, head)
