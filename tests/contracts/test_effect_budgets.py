"""Budgets, reads and records of effects, on every store."""

import json
from dataclasses import replace

import pytest

from effect_world import DAY, TERMS, World, raises, reading
from interlock.core.budget import Balance, BudgetAsk
from interlock.core.claim import State
from interlock.core.effect import EffectRequest
from interlock.core.errors import (
    Denied,
    LedgerError,
    OutcomeUnknown,
    RefusedBeforeEffect,
)
from interlock.core.terms import CallVerdict
from interlock.services.effects import note
from interlock.services.reconcile import verify_records
from interlock.testing import sample_request

# ── budgets


def test_a_cap_is_reached_and_never_passed(world: World) -> None:
    budget = lambda amount: (BudgetAsk("amount_minor", ("tenant",), 86_400, 100, amount),)  # noqa: E731
    world.perform(sample_request(60, budgets=budget(60)))
    with pytest.raises(Denied, match="41 asked, 40 of 100 left"):
        world.perform(sample_request(41, budgets=budget(41)))
    world.perform(sample_request(40, budgets=budget(40)))
    assert world.balance() == Balance(100, 0)
    world.clock.advance(DAY)
    world.perform(sample_request(100, budgets=budget(100)))


def test_of_several_budgets_all_must_fit_or_none_is_touched(world: World) -> None:
    wide, tight = BudgetAsk("amount_minor", ("tenant",), 86_400, 1000, 60), BudgetAsk("calls", ("session",), 60, 1, 1)
    world.perform(sample_request(60, budgets=(wide, tight)))
    with pytest.raises(Denied, match="calls"):
        world.perform(sample_request(61, budgets=(wide, tight)))
    assert world.balance() == Balance(61, 0)


def test_each_owner_has_an_account_and_a_feature_has_one_for_everybody(world: World) -> None:
    mine = (BudgetAsk("calls", ("principal",), 86_400, 1, 1),)
    ours = (BudgetAsk("calls", ("feature",), 86_400, 3, 1),)
    for tenant, principal in (("acme", "u1"), ("acme", "u2"), ("other", "u1")):
        world.perform(sample_request(tenant=tenant, principal=principal, order=principal, budgets=mine + ours))
    with pytest.raises(Denied, match="per feature"):
        world.perform(sample_request(tenant="third", budgets=ours))


def test_less_used_gives_the_rest_back_and_more_is_charged_and_named(world: World) -> None:
    world.perform(sample_request(100), actual=lambda result: {"amount_minor": 30 if result else 0})
    assert world.balance() == Balance(30, 0)
    world.perform(sample_request(101), actual=lambda _: {"amount_minor": 500})
    assert world.balance() == Balance(530, 0)
    world.perform(sample_request(102), actual=raises(ValueError("no meter")))
    assert world.balance() == Balance(632, 0)
    assert [each["codes"] for each in world.bodies("outcome")] == [[], ["budget.overrun"], ["budget.not-measured"]]


def test_distinct_members_count_once_a_window_however_many_effects_reach_them(world: World) -> None:
    def to(order: str, *names: str, cap: int = 3) -> EffectRequest:
        return sample_request(
            order=order, budgets=(BudgetAsk("recipients", ("tenant",), 86_400, cap, len(names), names),)
        )

    world.perform(to("a", "bob", "eve"))
    world.perform(to("b", "bob"))
    assert world.balance() == Balance(2, 0)
    with pytest.raises(Denied):
        world.perform(to("c", "zoe", "max"))
    world.during = raises(RefusedBeforeEffect("no"))
    with pytest.raises(RefusedBeforeEffect):
        world.perform(to("d", "bob", "zoe"))
    assert world.balance() == Balance(2, 0)
    world.during = raises(TimeoutError())
    with pytest.raises(OutcomeUnknown):
        world.perform(to("e", "zoe"))
    assert world.balance() == Balance(2, 1)
    world.during = lambda: None
    world.perform(to("f", "zoe"))
    assert world.balance() == Balance(3, 0)
    with pytest.raises(Denied):
        world.perform(to("g", "max"))


# ── reads


def test_a_read_is_decided_recorded_and_repeated(world: World) -> None:
    assert [world.perform(reading()).replayed for _ in range(2)] == [False, False]
    assert len(world.calls) == 2
    assert world.verdicts() == ["allow", "allow"]
    assert world.store.claims(list(State)) == []


def test_a_read_uses_its_budget_when_it_is_let_through_and_its_errors_are_its_own(world: World) -> None:
    request = reading(
        budgets=(BudgetAsk("rows", ("session",), 60, 5, 3), BudgetAsk("people", ("tenant",), 60, 5, 1, ("bob",)))
    )
    world.during = raises(ValueError("gone"))
    with pytest.raises(ValueError, match="gone"):
        world.perform(request)
    assert world.balance() == Balance(4, 0)
    with pytest.raises(Denied):
        world.perform(request)


def test_a_read_that_needs_a_person_uses_one_yes_for_one_read(world: World) -> None:
    request = reading(verdict=CallVerdict.ASK, approval=TERMS)
    world.approve(world.asked(request), "fay")
    world.perform(request)
    world.asked(request)
    assert len(world.calls) == 1


# ── records


def test_a_record_shows_what_was_decided_and_no_free_text(world: World) -> None:
    world.perform(sample_request(note="call me on 0170 1234567"))
    body = world.bodies()[0]
    assert body["args"]["order_id"] == "W123"
    assert body["args"]["amount_minor"] == 1999
    assert body["args"]["note"].keys() == {"sha256", "bytes"}
    assert "0170" not in json.dumps([dict(each.body) for each in world.store.records("acme")])
    assert body["labels"]["order_id"] == {"kind": "control", "label": "user", "source": "your words"}
    assert body["idempotency"]["found"] == "new"


def test_what_is_only_noted_is_recorded_and_holds_nothing_up(world: World) -> None:
    assert note(sample_request(verdict=CallVerdict.DENY), store=world.store, clock=world.clock) == 1
    assert [(each["mode"], each["verdict"]) for each in world.bodies()] == [("shadow", "deny")]
    assert not world.perform(sample_request()).replayed


def test_heads_noted_earlier_show_a_chain_that_was_written_anew(world: World) -> None:
    world.perform(sample_request())
    noted = verify_records(world.store)
    world.perform(sample_request(5))
    assert verify_records(world.store, noted=noted)[0].seq == 4
    with pytest.raises(LedgerError, match="record 2 of `acme`"):
        verify_records(world.store, noted=[replace(noted[0], hash="sha256:" + "1" * 64)])
    with pytest.raises(LedgerError, match="record 9"):
        verify_records(world.store, noted=[replace(noted[0], seq=9)])
    with pytest.raises(LedgerError, match="gone"):
        verify_records(world.store, noted=[replace(noted[0], tenant="gone")])
