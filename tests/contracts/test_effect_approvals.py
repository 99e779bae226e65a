"""A person's yes, on every store: to exactly one effect, once, in time, by somebody who may."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from effect_world import DAY, TERMS, TWO, World, asking, raises
from interlock.core.approval import ApprovalState
from interlock.core.budget import BudgetAsk
from interlock.core.claim import State
from interlock.core.digest import of_bytes
from interlock.core.errors import (
    ApprovalError,
    Denied,
    EvidenceError,
    NeedsApproval,
    RefusedBeforeEffect,
    UsageError,
)
from interlock.core.grant import GrantCondition
from interlock.core.terms import CallVerdict
from interlock.services.effect_people import (
    find_approval,
    give_grant,
    is_effect_approval,
    reject_effect,
    revoke_grant,
    waiting,
)
from interlock.testing import PlainSigner, sample_request

# ── approvals


def test_what_needs_a_person_waits_is_approved_and_happens_once(world: World) -> None:
    id = world.asked(asking())
    assert world.asked(asking()) == id
    assert is_effect_approval(id)
    assert not is_effect_approval("a1b2c3d4")
    world.approve(id, "fay")
    assert not world.perform(asking()).replayed
    assert world.perform(asking()).replayed
    done = find_approval(world.store, id)
    assert (done.state, len(world.calls)) == (ApprovalState.CONSUMED, 1)
    assert done.claim == world.store.claims([State.COMPLETED])[0].id
    assert world.verdicts() == ["ask", "ask", "allow", "replay"]
    assert [each["state"] for each in world.bodies("approval")] == ["approved"]


def test_nothing_is_asked_that_would_be_denied_anyway(world: World) -> None:
    over = asking(budgets=(BudgetAsk("amount_minor", ("tenant",), 86_400, 8999, 9000),))
    with pytest.raises(Denied) as caught:
        world.perform(over)
    assert caught.value.codes == ("budget.cap",)
    assert list(world.store.approvals(waiting=True)) == []


def test_an_approval_is_used_once(world: World) -> None:
    world.approve(world.asked(asking()), "fay")
    world.perform(asking())
    world.clock.advance(3 * DAY)
    fresh = world.asked(asking())
    assert find_approval(world.store, fresh).state is ApprovalState.PENDING
    assert len(world.calls) == 1


@pytest.mark.parametrize(
    "edit",
    [
        {"note": "other words"}, {"bundle": of_bytes(b"next bundle")}, {"tool_hash": of_bytes(b"reworded tool")},
                {"budgets": (BudgetAsk("amount_minor", ("tenant", "principal"), 86_400, 900_000, 9000),)},
        {"sources": sample_request().sources[:2]},
    ],
    ids=lambda edit: next(iter(edit)),
)  # fmt: skip
def test_an_edit_after_the_yes_is_another_request_and_the_yes_is_gone(world: World, edit: dict[str, Any]) -> None:
    id = world.asked(asking())
    world.approve(id, "fay")
    other = world.asked(asking(**edit))
    assert other != id
    assert find_approval(world.store, id).state is ApprovalState.SUPERSEDED
    assert world.calls == []
    with pytest.raises(ApprovalError, match="superseded"):
        world.approve(id, "gus")
    # Nor does going back to the old call bring the yes back.
    assert world.asked(asking()) not in {id, other}


@pytest.mark.parametrize("other", [{"session": "s2"}, {"principal": "u2"}], ids=str)
def test_who_asks_for_the_same_effect_can_neither_use_nor_end_anothers_yes(world: World, other: dict[str, Any]) -> None:
    id = world.asked(asking())
    world.approve(id, "fay")
    theirs = world.asked(asking(**other))
    assert theirs != id
    assert find_approval(world.store, id).state is ApprovalState.APPROVED
    assert not world.perform(asking()).replayed
    world.approve(theirs, "fay")
    assert world.perform(asking(**other)).replayed  # the effect has happened; nobody makes it happen again
    assert len(world.calls) == 1


def test_another_amount_is_another_effect_and_waits_by_itself(world: World) -> None:
    id = world.asked(asking())
    world.approve(id, "fay")
    assert world.asked(asking(amount=9001)) != id
    assert find_approval(world.store, id).state is ApprovalState.APPROVED
    assert not world.perform(asking()).replayed


@pytest.mark.parametrize("moment", [0, 1])
def test_time_is_up_exactly_at_its_end_also_for_an_approved_request(world: World, moment: int) -> None:
    id = world.asked(asking())
    world.approve(id, "fay")
    world.clock.advance(timedelta(seconds=600, microseconds=moment - 1))
    if moment == 0:
        assert not world.perform(asking()).replayed
        return
    assert world.asked(asking()) != id
    assert find_approval(world.store, id).state is ApprovalState.EXPIRED
    with pytest.raises(ApprovalError, match="expired"):
        world.approve(id, "gus")
    assert world.calls == []


def test_a_yes_that_comes_too_late_is_refused(world: World) -> None:
    id = world.asked(asking())
    world.clock.advance(timedelta(seconds=600))
    with pytest.raises(ApprovalError, match="ran out"):
        world.approve(id, "fay")
    assert waiting(world.store, world.clock) == []
    assert find_approval(world.store, id).state is ApprovalState.EXPIRED


@pytest.mark.parametrize(
    ("who", "why"),
    [("u1", "asked for this"), ("helper", "agent"), ("bot", "program"), ("ida", "role")],
)
def test_the_requester_the_agent_and_whoever_lacks_the_role_approve_nothing(world: World, who: str, why: str) -> None:
    id = world.asked(asking())
    with pytest.raises(ApprovalError, match=why):
        world.approve(id, who)
    with pytest.raises(EvidenceError):
        world.approve(id, "stranger")
    assert world.asked(asking()) == id
    assert world.calls == []


def test_the_requester_may_agree_only_where_the_action_says_so(world: World) -> None:
    terms = replace(TERMS, not_requester=False)
    id = world.asked(asking(terms))
    with pytest.raises(ApprovalError, match="agent"):
        world.approve(id, "helper")
    world.approve(id, "u1")
    assert not world.perform(asking(terms)).replayed


def test_two_approvals_are_two_people(world: World) -> None:
    id = world.asked(asking(TWO))
    world.approve(id, "fay")
    assert world.asked(asking(TWO)) == id
    with pytest.raises(ApprovalError, match="already"):
        world.approve(id, "fay")
    world.approve(id, "gus")
    assert not world.perform(asking(TWO)).replayed


def test_a_rejected_call_is_denied_until_its_time_is_up(world: World) -> None:
    id = world.asked(asking())
    with pytest.raises(ApprovalError, match="role"):
        reject_effect(world.store, world.clock, world.signer, id, by="ida", reason="no")
    reject_effect(world.store, world.clock, world.signer, id, by="fay", reason="the order is open")
    for _ in range(2):
        with pytest.raises(Denied, match="the order is open") as caught:
            world.perform(asking())
        assert caught.value.codes == ("approval.rejected",)
    with pytest.raises(ApprovalError, match="rejected"):
        world.approve(id, "gus")
    world.clock.advance(timedelta(seconds=600))
    assert world.asked(asking()) != id


def test_who_asked_may_withdraw(world: World) -> None:
    id = world.asked(asking())
    done = reject_effect(world.store, world.clock, world.signer, id, by="u1", reason="my mistake")
    assert (done.state, done.closed_by) == (ApprovalState.REJECTED, "u1")


def test_a_yes_whose_signature_is_not_trusted_where_it_is_used_does_not_count(world: World) -> None:
    id = world.asked(asking())
    world.approve(id, "fay")
    for signer in (None, PlainSigner({"ada": ["finance"]}), PlainSigner({"fay": ["author"]})):
        with pytest.raises(NeedsApproval, match="0 of 1"):
            world.perform(asking(), signer=signer)
    assert world.calls == []
    assert not world.perform(asking()).replayed


def test_a_yes_cannot_be_moved_to_another_request(world: World) -> None:
    one = world.asked(asking())
    world.approve(one, "fay")
    two = world.asked(asking(amount=9500))
    with world.store.transaction("acme") as turn:
        vote = find_approval(world.store, one).votes
        before = find_approval(world.store, two)
        turn.put_approval(replace(before, votes=vote, state=ApprovalState.APPROVED), replaces=before)
    with pytest.raises(NeedsApproval, match="0 of 1"):
        world.perform(asking(amount=9500))
    assert world.calls == []


def test_everything_is_judged_anew_when_the_yes_is_used(world: World) -> None:
    id = world.asked(asking())
    world.approve(id, "fay")
    with pytest.raises(Denied):
        world.perform(asking(), redecide=lambda: asking(verdict=CallVerdict.DENY, codes=("role.gone",)))
    assert find_approval(world.store, id).state is ApprovalState.APPROVED
    with pytest.raises(NeedsApproval) as caught:
        world.perform(asking(), redecide=lambda: asking(bundle=of_bytes(b"next")))
    assert caught.value.approval != id
    assert world.calls == []


def test_the_budget_is_asked_again_when_the_yes_is_used(world: World) -> None:
    tight = (BudgetAsk("amount_minor", ("tenant", "principal"), 86_400, 10_000, 9000),)
    world.approve(world.asked(asking(budgets=tight)), "fay")
    world.perform(sample_request(1999))
    with pytest.raises(Denied) as caught:
        world.perform(asking(budgets=tight))
    assert caught.value.codes == ("budget.cap",)


def test_one_yes_is_enough_for_an_effect_that_was_refused_before_it_happened(world: World) -> None:
    world.approve(world.asked(asking()), "fay")
    world.during = raises(RefusedBeforeEffect("down"))
    with pytest.raises(RefusedBeforeEffect):
        world.perform(asking())
    world.during = lambda: None
    assert not world.perform(asking()).replayed
    assert len(world.calls) == 1


def test_that_yes_too_ends_with_its_time(world: World) -> None:
    world.approve(world.asked(asking()), "fay")
    world.during = raises(RefusedBeforeEffect("down"))
    with pytest.raises(RefusedBeforeEffect):
        world.perform(asking())
    world.clock.advance(timedelta(seconds=600))
    world.during = lambda: None
    world.asked(asking())
    assert world.calls == []


# ── grants


def give(world: World, **changes: Any) -> str:
    terms: dict[str, Any] = {
        "tenant": "acme", "action": "refund.issue", "conditions": [GrantCondition("amount_minor", "<=", 9000)],
        "role": "finance", "uses": 2, "ttl_s": 3600, "grantor": "fay", "reason": "sale week", **changes,
    }  # fmt: skip
    return give_grant(world.store, world.clock, world.signer, **terms).id


def test_a_grant_covers_what_it_says_as_often_as_it_says(world: World) -> None:
    id = give(world)
    world.perform(asking(order="a"))
    world.asked(asking(order="b", amount=9001))
    world.perform(asking(order="c"))
    world.asked(asking(order="d"))
    assert (len(world.calls), world.store.grants()[0].used) == (2, 2)
    assert [each["approval"] for each in world.bodies() if each["verdict"] == "allow"] == [id, id]


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant": "other"}, {"action": "mail.send"}, {"principal": "u2"}, {"ttl_s": 1}, {"grantor": "u1"}, {"grantor": "helper"},
        {"conditions": [GrantCondition("missing", "=", 1)]}, {"conditions": [GrantCondition("amount_minor", "=", "9000")]},
    ],
    ids=str,
)  # fmt: skip
def test_a_grant_covers_nothing_else(world: World, changes: dict[str, Any]) -> None:
    give(world, **changes)
    world.clock.advance(timedelta(seconds=1))
    world.asked(asking())
    assert world.calls == []


def test_a_grant_never_stands_for_two_people(world: World) -> None:
    give(world)
    world.asked(asking(TWO))


def test_a_revoked_grant_covers_nothing_any_more(world: World) -> None:
    id = give(world)
    revoke_grant(world.store, world.clock, world.signer, id, by="gus", reason="sale is over")
    world.asked(asking())
    with pytest.raises(ApprovalError, match="already"):
        revoke_grant(world.store, world.clock, world.signer, id, by="gus", reason="again")
    assert [each["state"] for each in world.bodies("grant")] == ["given", "revoked"]


def test_an_edited_grant_is_worth_nothing(world: World) -> None:
    give(world)
    grant = world.store.grants()[0]
    with world.store.transaction("acme") as turn:
        turn.put_grant(replace(grant, conditions=(GrantCondition("amount_minor", "<=", 99_000),)), replaces=grant)
    world.asked(asking(amount=50_000))


def test_only_the_role_may_grant_and_never_without_a_bound(world: World) -> None:
    with pytest.raises(ApprovalError, match="role"):
        give(world, grantor="ida")
    for missing in ({"conditions": []}, {"uses": 0}, {"ttl_s": 0}, {"reason": " "}):
        with pytest.raises(UsageError):
            give(world, **missing)
    assert list(world.store.grants()) == []
