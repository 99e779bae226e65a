"""The life of an effect, on every store: what happens once, what is refused, what an error means."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from effect_world import DAY, World, asking, gives, raises, reading
from interlock.core.budget import Balance, BudgetAsk
from interlock.core.claim import State
from interlock.core.effect import EffectRequest
from interlock.core.errors import (
    Denied,
    Escalated,
    InProgress,
    InterlockError,
    KeyConflict,
    LedgerError,
    OutcomeUnknown,
    RefusedBeforeEffect,
    ResultNotKept,
    UsageError,
)
from interlock.core.terms import CallVerdict
from interlock.services.effects import Performed, perform_async
from interlock.services.reconcile import set_switch, settle_by_person, sweep, unknowns, verify_records
from interlock.testing import sample_request

# ── the plain case


def test_an_effect_happens_once_and_its_repetition_gets_the_stored_result(world: World) -> None:
    first = world.perform(sample_request())
    again = world.perform(sample_request())
    assert first.result == again.result == {"refund_id": "R1"}
    assert (first.replayed, again.replayed, len(world.calls)) == (False, True, 1)
    assert world.balance() == Balance(1999, 0)
    assert world.verdicts() == ["allow", "replay"]
    assert verify_records(world.store)[0].seq == 3


def test_what_was_judged_is_what_the_tool_gets(world: World) -> None:
    world.perform(sample_request(5, order="X", note="n\u0000\U0001f600"))
    assert world.calls == [{"order_id": "X", "amount_minor": 5, "note": "n\u0000\U0001f600"}]


def test_a_tool_that_takes_a_key_is_given_one_that_names_the_effect(world: World) -> None:
    given: list[str] = []

    def tool(order_id: str, amount_minor: int, note: str, *, idempotency_key: str) -> None:
        given.append(idempotency_key)
        if len(given) == 1:
            raise RefusedBeforeEffect("busy")

    with pytest.raises(RefusedBeforeEffect):
        world.perform(sample_request(), run=tool)
    world.perform(sample_request(), run=tool)
    world.perform(sample_request(6), run=tool)
    assert given[0] == given[1] != given[2]
    assert len(given[0]) == 64


def test_a_tool_that_takes_anything_is_given_no_key(world: World) -> None:
    given: dict[str, Any] = {}
    world.perform(sample_request(), run=lambda **call: given.update(call))
    assert set(given) == {"order_id", "amount_minor", "note"}


def test_a_tool_that_does_not_take_these_arguments_is_not_claimed_for(world: World) -> None:
    with pytest.raises(TypeError):
        world.perform(sample_request(), run=lambda order_id: order_id)
    assert list(world.store.records("acme")) == []


def test_after_its_window_the_same_call_is_a_new_effect(world: World) -> None:
    world.perform(sample_request())
    world.clock.advance(3 * DAY - timedelta(seconds=1))
    assert world.perform(sample_request()).replayed
    world.clock.advance(timedelta(seconds=1))
    assert not world.perform(sample_request()).replayed
    assert len(world.calls) == 2


def test_the_same_effect_with_other_arguments_is_a_conflict(world: World) -> None:
    world.perform(sample_request())
    with pytest.raises(KeyConflict) as caught:
        world.perform(sample_request(note="another"))
    assert caught.value.codes == ("key.conflict",)
    assert len(world.calls) == 1


def test_two_tenants_with_the_same_business_fields_are_two_effects(world: World) -> None:
    world.perform(sample_request())
    other = world.perform(sample_request(tenant="other"))
    assert not other.replayed
    # Not even a key that collides across tenants is shared.
    stolen = replace(sample_request(tenant="third"), idempotency=sample_request().idempotency)
    assert not world.perform(stolen).replayed
    assert len(world.calls) == 3


# ── denied, escalated, switched off, not recordable


@pytest.mark.parametrize(("verdict", "kind"), [(CallVerdict.DENY, Denied), (CallVerdict.ESCALATE, Escalated)])
def test_what_the_policy_refuses_is_recorded_and_not_called(
    world: World, verdict: CallVerdict, kind: type[Denied]
) -> None:
    with pytest.raises(kind) as caught:
        world.perform(sample_request(verdict=verdict, codes=("role.missing",)))
    assert caught.value.codes == ("role.missing",)
    assert world.calls == []
    record = list(world.store.records("acme"))[-1]
    assert (record.seq, record.body["verdict"]) == (caught.value.record, verdict.value)
    assert world.balance() == Balance()


@pytest.mark.parametrize(
    ("scope", "name"),
    [("global", ""), ("feature", "acme/support"), ("tenant", "acme"), ("action", "refund.issue"), ("tool", "issue_refund"), ("principal", "acme/u1")],
)  # fmt: skip
def test_a_switch_stops_new_effects_replays_and_approved_ones(world: World, scope: str, name: str) -> None:
    world.perform(sample_request())
    id = world.asked(asking())
    world.approve(id, "fay")
    flip: Any = {"scope": scope, "name": name, "reason": "too many refunds", "actor": "ada"}
    set_switch(world.store, world.clock, off=True, **flip)
    for request in (sample_request(), sample_request(7), asking()):
        with pytest.raises(Denied, match="too many refunds") as caught:
            world.perform(request)
        assert caught.value.codes == ("switch.off",)
    assert len(world.calls) == 1
    set_switch(world.store, world.clock, off=False, **flip)
    assert not world.perform(asking()).replayed


def test_a_switch_of_something_else_stops_nothing(world: World) -> None:
    for scope, name in (("tenant", "other"), ("principal", "other/u1"), ("tool", "acme"), ("action", "mail.send")):
        set_switch(world.store, world.clock, scope=scope, name=name, off=True, reason="r", actor="ada")
    assert world.perform(sample_request()).record == 1


@pytest.mark.parametrize(("scope", "name"), [("planet", "x"), ("global", "x"), ("tenant", ""), ("principal", "u1")])
def test_a_switch_that_could_never_match_is_refused(world: World, scope: str, name: str) -> None:
    with pytest.raises(UsageError):
        set_switch(world.store, world.clock, scope=scope, name=name, off=True, reason="r", actor="ada")
    assert list(world.store.switches()) == []


class _Lost:
    """A store that is gone."""

    def transaction(self, tenant: str) -> Any:
        raise LedgerError("the disk is gone")


def test_without_a_store_effects_are_denied_and_reads_only_go_on_where_the_policy_says_so(world: World) -> None:
    lost = World(_Lost(), world.clock, world.signer)  # type: ignore[arg-type]
    read = reading()
    for request, options in (
        (sample_request(), {}), (sample_request(), {"reads_without_store": True}), (read, {}),
        (replace(read, verdict=CallVerdict.DENY), {"reads_without_store": True}),
        (replace(read, budgets=(BudgetAsk("calls", ("tenant",), 60, 5, 1),)), {"reads_without_store": True}),
    ):  # fmt: skip
        with pytest.raises(Denied, match="the disk is gone") as caught:
            lost.perform(request, **options)
        assert caught.value.codes == ("store.unavailable",)
    assert lost.calls == []
    assert lost.perform(read, reads_without_store=True).result == {"refund_id": "R1"}


def test_a_guard_that_fails_denies(world: World) -> None:
    def redecide() -> EffectRequest:
        raise ZeroDivisionError

    with pytest.raises(Denied) as caught:
        world.perform(sample_request(), redecide=redecide, reads_without_store=True)
    assert caught.value.codes == ("guard.fault",)
    with pytest.raises(Denied):
        world.perform(sample_request(), redecide=lambda: sample_request(6))
    assert world.calls == []
    assert list(world.store.records("acme")) == []


def test_the_policy_that_holds_is_the_one_in_the_transaction(world: World) -> None:
    late = sample_request(verdict=CallVerdict.DENY, codes=("role.gone",))
    with pytest.raises(Denied) as caught:
        world.perform(sample_request(), redecide=lambda: late)
    assert caught.value.codes == ("role.gone",)


# ── outcomes


def test_a_refusal_before_the_effect_gives_the_budget_back_and_may_be_tried_again(world: World) -> None:
    for error in (RefusedBeforeEffect("no such order"), ConnectionRefusedError(111, "refused")):
        world.during = raises(error)
        with pytest.raises(type(error)):
            world.perform(sample_request())
        assert world.balance() == Balance()
        assert [claim.state for claim in world.store.claims([State.FAILED_BEFORE_EFFECT])] == [
            State.FAILED_BEFORE_EFFECT
        ]
    world.during = lambda: None
    assert not world.perform(sample_request()).replayed
    assert [claim.attempt for claim in world.store.claims([State.COMPLETED])] == [3]


def test_a_refused_connection_proves_nothing_of_a_tool_with_several_steps(world: World) -> None:
    world.during = raises(ConnectionRefusedError(111, "refused"))
    with pytest.raises(OutcomeUnknown):
        world.perform(sample_request(), several_steps=True)


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError(104, "reset"), ValueError("x")])
def test_any_other_error_leaves_an_unknown_outcome_that_keeps_its_hold_and_is_never_repeated(
    world: World, error: Exception
) -> None:
    world.during = raises(error)
    with pytest.raises(OutcomeUnknown) as caught:
        world.perform(sample_request())
    assert caught.value.__cause__ is error
    world.during = lambda: None
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            world.perform(sample_request())
        world.clock.advance(30 * DAY)  # an open outcome is never forgotten
    assert world.calls == []
    assert world.balance() == Balance(0, 1999)
    assert [claim.id for claim in unknowns(world.store, world.clock)] == [caught.value.claim]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_an_interruption_stays_one_and_leaves_an_unknown_outcome(world: World, error: BaseException) -> None:
    world.during = raises(error)
    with pytest.raises(type(error)):
        world.perform(sample_request())
    assert len(unknowns(world.store, world.clock)) == 1


def test_a_process_that_died_is_in_progress_until_its_lease_ends_and_then_unknown(world: World) -> None:
    world.interrupted(sample_request(), after_effect=True)
    world.clock.advance(timedelta(seconds=299))
    with pytest.raises(InProgress):
        world.perform(sample_request())
    assert sweep(world.store, world.clock) == 0
    world.clock.advance(timedelta(seconds=1))
    with pytest.raises(OutcomeUnknown):
        world.perform(sample_request())
    assert len(world.calls) == 1
    assert world.balance() == Balance(0, 1999)
    assert [each["by"] for each in world.bodies("outcome")] == ["lease"]


def test_a_lease_that_ended_is_found_without_another_call(world: World) -> None:
    world.interrupted(sample_request())
    world.clock.advance(timedelta(seconds=300))
    assert [claim.state for claim in unknowns(world.store, world.clock)] == [State.UNKNOWN]
    assert sweep(world.store, world.clock) == 0


def test_a_conflict_is_one_also_while_the_effect_is_under_way_or_unknown(world: World) -> None:
    world.interrupted(sample_request())
    for wait in (timedelta(0), timedelta(seconds=301), timedelta(0)):
        world.clock.advance(wait)
        with pytest.raises(KeyConflict):
            world.perform(sample_request(note="edited"))
    assert len(world.calls) == 1


def test_a_late_answer_of_the_same_attempt_settles_what_its_lease_left_unknown(world: World) -> None:
    def slow() -> None:
        world.clock.advance(timedelta(seconds=400))
        assert sweep(world.store, world.clock) == 1

    world.during = slow
    assert world.perform(sample_request()).result == {"refund_id": "R1"}
    assert world.balance() == Balance(1999, 0)


def test_a_late_answer_that_contradicts_a_settlement_is_recorded_and_surfaced(world: World) -> None:
    def meanwhile() -> None:
        world.during = lambda: None
        world.clock.advance(timedelta(seconds=400))
        claim = unknowns(world.store, world.clock)[0]
        settle_by_person(
            world.store, world.clock, world.signer, claim.id, happened=False, reason="I looked", actor="fay"
        )
        world.perform(sample_request())

    world.during = meanwhile
    with pytest.raises(OutcomeUnknown, match="after it was settled") as caught:
        world.perform(sample_request())
    assert caught.value.result == {"refund_id": "R2"}
    assert ["outcome.contradicted"] in [each["codes"] for each in world.bodies("outcome")]


def test_a_claim_that_waited_too_long_is_given_back_and_not_called(world: World) -> None:
    with pytest.raises(Denied) as caught:
        world.perform(sample_request(), lease_s=0)
    assert caught.value.codes == ("claim.late",)
    assert world.calls == []
    assert world.balance() == Balance()


def test_an_effect_that_cannot_be_recorded_is_surfaced_with_its_result(world: World) -> None:
    broken = World(world.store, world.clock, world.signer)

    def cut() -> None:
        broken.store.transaction = _Lost().transaction  # type: ignore[method-assign]

    original = world.store.transaction
    broken.during = cut
    with pytest.raises(OutcomeUnknown) as caught:
        broken.perform(sample_request())
    assert caught.value.result == {"refund_id": "R1"}
    world.store.transaction = original  # type: ignore[method-assign]
    world.clock.advance(timedelta(seconds=300))
    assert [claim.id for claim in unknowns(world.store, world.clock)] == [caught.value.claim]
    assert world.balance() == Balance(0, 1999)


def test_a_result_that_cannot_be_kept_is_given_once_and_its_repetition_refused(world: World) -> None:
    for order, result in (("a", object()), ("b", "x" * 1_000_001), ("c", {1: 2}), ("d", float("nan"))):
        request = sample_request(order=order)
        assert world.perform(request, run=gives(result)).result is result
        with pytest.raises(ResultNotKept):
            world.perform(request)
    assert world.calls == []


def test_a_stored_null_is_a_result(world: World) -> None:
    world.perform(sample_request(), run=gives(None))
    again = world.perform(sample_request())
    assert (again.result, again.replayed) == (None, True)


def test_the_policys_replay_never_becomes_a_call(world: World) -> None:
    with pytest.raises(Denied) as caught:
        world.perform(sample_request(verdict=CallVerdict.REPLAY))
    assert caught.value.codes == ("replay.nothing-kept",)
    world.perform(sample_request())
    assert world.perform(sample_request(verdict=CallVerdict.REPLAY)).replayed


# ── async


async def test_async_tools_live_the_same_life(world: World) -> None:
    async def tool(order_id: str, amount_minor: int, note: str) -> str:
        await asyncio.sleep(0)
        world.calls.append({})
        return order_id

    async def go(request: EffectRequest, run: Any = tool, **options: Any) -> Performed:
        return await perform_async(request, run, store=world.store, clock=world.clock, **options)

    assert (await go(sample_request())).result == "W123"
    assert (await go(sample_request())).replayed

    async def refuses(order_id: str, amount_minor: int, note: str) -> None:
        raise RefusedBeforeEffect("no")

    with pytest.raises(RefusedBeforeEffect):
        await go(sample_request(5), refuses)

    async def hangs(order_id: str, amount_minor: int, note: str) -> None:
        await asyncio.sleep(60)

    with pytest.raises(OutcomeUnknown) as caught:
        await go(sample_request(6), hangs, lease_s=0.05)
    assert isinstance(caught.value.__cause__, TimeoutError)
    with pytest.raises(Denied):
        await go(sample_request(7, verdict=CallVerdict.DENY))
    assert len(world.calls) == 1
    assert world.balance() == Balance(1999, 6)


async def test_a_cancelled_call_is_unknown_and_stays_cancelled(world: World) -> None:
    started = asyncio.Event()

    async def hangs(order_id: str, amount_minor: int, note: str) -> None:
        started.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(perform_async(sample_request(), hangs, store=world.store, clock=world.clock))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [claim.state for claim in world.store.claims(list(State))] == [State.UNKNOWN]
    assert world.balance() == Balance(0, 1999)


async def test_a_call_that_is_cancelled_while_it_is_claimed_is_given_back(world: World) -> None:
    loop, inside = asyncio.get_running_loop(), asyncio.Event()

    def redecide() -> EffectRequest:
        loop.call_soon_threadsafe(inside.set)
        return sample_request()

    async def never(order_id: str, amount_minor: int, note: str) -> None:
        raise AssertionError("called")

    task = asyncio.create_task(
        perform_async(sample_request(), never, store=world.store, clock=world.clock, redecide=redecide)
    )
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [claim.state for claim in world.store.claims(list(State))] == [State.FAILED_BEFORE_EFFECT]
    assert world.balance() == Balance()


def test_every_refusal_is_an_error_with_a_code_and_a_way_on(world: World) -> None:
    caught: list[InterlockError] = []
    world.interrupted(sample_request(2))
    for request in (asking(), sample_request(2), sample_request(verdict=CallVerdict.DENY)):
        with pytest.raises(InterlockError) as error:
            world.perform(request)
        caught.append(error.value)
    assert [each.code for each in caught] == ["effect.needs-approval", "effect.in-progress", "effect.denied"]
    assert "interlock approve ask-" in caught[0].hint
