"""Unknown outcomes, on every store: looked into, or settled by a person, never repeated by themselves."""

from datetime import timedelta
from typing import Any

import pytest

from effect_world import World, raises
from interlock.core.budget import Balance
from interlock.core.claim import Claim, DidNotHappen, Happened, State
from interlock.core.errors import (
    EvidenceError,
    InProgress,
    OutcomeUnknown,
    RefusedBeforeEffect,
    SettlementError,
    UsageError,
)
from interlock.core.terms import Retry
from interlock.services.reconcile import reconcile, settle_by_person, unknowns, verify_records
from interlock.testing import sample_request

# ── unknown outcomes: verify, safe, never


def test_a_verify_hook_that_finds_it_answers_with_what_it_found(world: World) -> None:
    request = sample_request(retry=Retry.VERIFY)
    world.interrupted(request)
    world.clock.advance(timedelta(seconds=300))
    looked: list[Claim] = []

    def verify(claim: Claim) -> Happened:
        looked.append(claim)
        return Happened({"refund_id": "R1"})

    again = world.perform(request, verify=verify)
    assert (again.result, again.replayed, len(world.calls)) == ({"refund_id": "R1"}, True, 1)
    assert looked[0].request == request
    assert world.balance() == Balance(1999, 0)


def test_a_verify_hook_that_finds_nothing_lets_it_be_tried_again(world: World) -> None:
    request = sample_request(retry=Retry.VERIFY)
    world.interrupted(request, after_effect=False)
    world.clock.advance(timedelta(seconds=300))
    done = world.perform(request, verify=lambda _: DidNotHappen("no such refund"))
    assert (done.replayed, len(world.calls)) == (False, 1)
    assert world.balance() == Balance(1999, 0)


@pytest.mark.parametrize("verify", [None, lambda _: None])
def test_a_look_that_is_not_sure_leaves_it_unknown(world: World, verify: Any) -> None:
    request = sample_request(retry=Retry.VERIFY)
    world.interrupted(request)
    world.clock.advance(timedelta(seconds=300))
    with pytest.raises(OutcomeUnknown):
        world.perform(request, verify=verify)
    assert len(world.calls) == 1


def test_a_look_that_fails_leaves_it_unknown(world: World) -> None:
    request = sample_request(retry=Retry.VERIFY)
    world.interrupted(request)
    world.clock.advance(timedelta(seconds=300))
    with pytest.raises(OutcomeUnknown, match="look"):
        world.perform(request, verify=raises(OSError("down")))
    assert len(world.calls) == 1
    assert world.balance() == Balance(0, 1999)


def test_nobody_looks_while_the_effect_is_under_way_or_where_the_action_forbids_it(world: World) -> None:
    world.interrupted(sample_request(retry=Retry.VERIFY))
    with pytest.raises(InProgress):
        world.perform(sample_request(retry=Retry.VERIFY), verify=raises(AssertionError("looked")))
    world.clock.advance(timedelta(seconds=300))
    with pytest.raises(OutcomeUnknown, match="lease"):
        world.perform(sample_request(retry=Retry.NEVER), verify=raises(AssertionError("looked")))


def test_a_safe_action_is_called_again_only_after_its_unknown_outcome_surfaced(world: World) -> None:
    request = sample_request(retry=Retry.SAFE)
    world.interrupted(request)
    world.clock.advance(timedelta(seconds=300))
    with pytest.raises(OutcomeUnknown):
        world.perform(request)
    assert world.balance() == Balance(0, 1999)
    assert not world.perform(request).replayed
    assert world.balance() == Balance(1999, 0)  # one hold, however many attempts


def test_a_refusal_of_a_second_attempt_proves_nothing_of_the_first(world: World) -> None:
    request = sample_request(retry=Retry.SAFE)
    world.interrupted(request)
    world.clock.advance(timedelta(seconds=300))
    with pytest.raises(OutcomeUnknown):
        world.perform(request)
    world.during = raises(RefusedBeforeEffect("down"))
    with pytest.raises(OutcomeUnknown):
        world.perform(request)
    assert world.balance() == Balance(0, 1999)
    assert len(unknowns(world.store, world.clock)) == 1


def test_the_reconciler_settles_what_its_hooks_are_sure_of_and_names_the_blind_ones(world: World) -> None:
    for order, action in (("a", "refund.issue"), ("b", "refund.issue"), ("c", "mail.send"), ("d", "refund.issue")):
        world.interrupted(sample_request(order=order, retry=Retry.VERIFY, action=action))
    world.interrupted(sample_request(order="e", retry=Retry.NEVER))
    world.clock.advance(timedelta(seconds=300))

    def hook(claim: Claim) -> Happened | DidNotHappen | None:
        order = claim.request.call["order_id"]
        if order == "d":
            raise OSError("down")
        return {"a": Happened({"id": 1}), "b": DidNotHappen("none")}[order]

    told = reconcile(world.store, world.clock, {"refund.issue": hook})
    assert sorted(claim.state for claim in told.settled) == [State.COMPLETED, State.FAILED_BEFORE_EFFECT]
    assert sorted(claim.request.call["order_id"] for claim in told.open) == ["c", "d", "e"]
    assert list(told.faults.values()) == ["OSError: down"]
    assert world.balance() == Balance(1999, 3 * 1999)
    assert verify_records(world.store)


def test_a_look_is_not_believed_about_an_effect_that_moved_on_meanwhile(world: World) -> None:
    world.interrupted(sample_request(retry=Retry.VERIFY), after_effect=False)
    world.clock.advance(timedelta(seconds=300))

    def slow(claim: Claim) -> Happened:
        settle_by_person(world.store, world.clock, world.signer, claim.id, happened=False, reason="looked", actor="fay")
        world.during = raises(TimeoutError())
        with pytest.raises(OutcomeUnknown):
            world.perform(sample_request(retry=Retry.VERIFY))
        return Happened({"refund_id": "of the attempt before"})

    told = reconcile(world.store, world.clock, {"refund.issue": slow})
    assert (len(told.settled), len(told.open)) == (0, 1)
    assert [(claim.state, claim.attempt) for claim in world.store.claims(list(State))] == [(State.UNKNOWN, 2)]
    assert world.balance() == Balance(0, 1999)


def test_a_person_settles_an_unknown_outcome_once_with_a_signed_word(world: World) -> None:
    world.interrupted(sample_request())
    world.clock.advance(timedelta(seconds=300))
    claim = unknowns(world.store, world.clock)[0]
    say: Any = {
        "reason": "the ledger of the bank shows it",
        "store": world.store,
        "clock": world.clock,
        "signer": world.signer,
    }
    digits = claim.id.removeprefix("sha256:")[:12]
    for wrong, actor, kind in (
        ("ffffff", "fay", UsageError), (digits[:3], "fay", UsageError), (digits, "helper", SettlementError),
        (digits, "bot", SettlementError), (digits, "stranger", EvidenceError),
    ):  # fmt: skip
        with pytest.raises(kind):
            settle_by_person(key=wrong, happened=True, actor=actor, **say)
    with pytest.raises(UsageError):
        settle_by_person(key=digits, happened=True, actor="fay", **{**say, "reason": " "})
    assert world.balance() == Balance(0, 1999)
    done = settle_by_person(key=digits, happened=True, actor="fay", result={"refund_id": "R7"}, **say)
    assert (done.state, done.settled_by) == (State.COMPLETED, "fay")
    assert world.perform(sample_request()).result == {"refund_id": "R7"}
    assert world.balance() == Balance(1999, 0)
    with pytest.raises(UsageError):
        settle_by_person(key=digits, happened=False, actor="gus", **say)
    recorded = world.bodies("outcome")[-1]
    assert recorded["by"] == "fay"
    assert recorded["proof"]
