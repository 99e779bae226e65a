"""The whole life of one effect: claimed before the call, settled after it, one effect or a surfaced `unknown`."""

import asyncio
import errno
import inspect
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from interlock.core.actions import Effect
from interlock.core.claim import OPEN, Arrival, Claim, DidNotHappen, Happened, State
from interlock.core.digest import canonical, short
from interlock.core.effect import EffectRequest
from interlock.core.errors import (
    Denied,
    Escalated,
    InProgress,
    InterlockError,
    KeyConflict,
    LedgerError,
    NeedsApproval,
    NotCanonical,
    OutcomeUnknown,
    RefusedBeforeEffect,
    ResultNotKept,
)
from interlock.core.record import decision_body
from interlock.core.terms import CallVerdict, Retry
from interlock.ports import Clock, EffectStore, Signer
from interlock.services.effect_claim import Answer, Found, Go, Hearing, Refusal, Waits, settle

LEASE_S = 300.0
"""Seconds within which the outcome of a call is recorded; after that it is unknown."""
MAX_RESULT = 1_000_000
"""Bytes of a result that are kept to answer a repeated call."""

Verify = Callable[[Claim], Happened | DidNotHappen | None]
"""Looks at the other side; None when it cannot be sure, for instance because the call may still be on its way."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Performed:
    """What a call gave. replayed: it is the stored result of the same effect. claim: its name, empty for a read. record: number
    of the decision, 0 where a read went through without a store."""

    result: Any
    replayed: bool
    claim: str
    record: int


@dataclass(frozen=True)
class Life:
    """One call on its way through the guard: `begin`, the call itself, then `done` or `failed`.

    Args:
        request: as it was judged.
        run: the tool; it gets the judged arguments by name, and `idempotency_key` where it has a parameter of that name.
        store, clock: where and when.
        signer: whose signatures count; None: nobody's, and what needs approval waits for ever.
        redecide: judges the same call anew, inside the transaction; what was approved under other terms does not count.
        verify: looks at the other side when an outcome is unknown.
        actual: what was used by meter, out of the result.
        lease_s: seconds within which the outcome is recorded.
        reads_without_store: whether an allowed read may go on when nothing can be recorded.
        before_effect: exceptions of the tool that say that nothing was changed. A refused connection says it too, unless
            `several_steps`.
        several_steps: the tool makes more than one call, so that a refused connection proves nothing.
    """

    request: EffectRequest
    run: Callable[..., Any]
    store: EffectStore
    clock: Clock
    signer: Signer | None = None
    redecide: Callable[[], EffectRequest] | None = None
    verify: Verify | None = None
    actual: Callable[[Any], Mapping[str, int]] | None = None
    lease_s: float = LEASE_S
    reads_without_store: bool = False
    before_effect: tuple[type[Exception], ...] = (RefusedBeforeEffect,)
    several_steps: bool = False

    def begin(self) -> Go | Performed:
        """Decide and claim. Raises: Denied, NeedsApproval, InProgress, OutcomeUnknown; TypeError when the tool does not take
        these arguments."""
        inspect.signature(self.run).bind(**self._given(None))
        try:
            answer = self._claimed()
            if isinstance(answer, Found) and self._may_look(answer) and self._looked(answer.claim):
                answer = self._claimed()
            step = self._said(answer)
        except (Denied, NeedsApproval, InProgress, OutcomeUnknown):
            raise
        except Exception as cause:  # a guard that cannot decide, or cannot record, says no
            if self.reads_without_store and self._harmless(cause):
                return Go(self.request, 0)
            code = "store.unavailable" if isinstance(cause, LedgerError) else "guard.fault"
            said = cause.message if isinstance(cause, InterlockError) else type(cause).__name__
            raise Denied(
                f"`{self.request.action}` cannot be decided or recorded: {said}", codes=(code,),
                hint="mend the store; nothing was called",
            ) from cause  # fmt: skip
        if isinstance(step, Go) and step.claim is not None and self.clock.now() >= step.claim.lease_until:
            self.never_called(step, "the lease ran out before the call")
            raise Denied(f"`{self.request.action}` was claimed too late to be called", codes=("claim.late",))
        return step

    def ask(self) -> NeedsApproval | None:
        """Whom the call waits for, asked if they were not yet; None when nobody has to be, also because it is denied. Nothing
        is claimed. Raises: LedgerError."""
        with self.store.transaction(self.request.tenant) as turn:
            request = self.request if self.redecide is None else self.redecide()
            lease = timedelta(seconds=self.lease_s)
            waits = Hearing(turn, request, self.clock.now(), secrets.token_hex(16), lease, self.signer).question()
        return None if waits is None else self._waiting(waits)

    def call(self, step: Go) -> Any:
        """What the tool is called with, done; for an async tool, what must be awaited."""
        return self.run(**self._given(step.claim))

    def left_s(self, step: Go) -> float:
        """Seconds until the lease of a call ends, 0 or more; of a read, as long as a lease is."""
        until = None if step.claim is None else step.claim.lease_until - self.clock.now()
        return self.lease_s if until is None else max(0.0, until.total_seconds())

    def done(self, step: Go, result: Any) -> Performed:
        """The effect happened. Raises: OutcomeUnknown with the result, when that cannot be recorded."""
        if step.claim is None:
            return Performed(result, False, "", step.record)
        kept, codes = _kept(result)
        actual: dict[str, int] | None = None
        if self.actual is not None:
            actual, fault = _measured(self.actual, result)
            codes += fault
        try:
            state, agrees = self._settled(step.claim, State.COMPLETED, result=kept, codes=codes, actual=actual)
        except Exception as cause:
            raise OutcomeUnknown(
                f"`{self.request.action}` was done, and that could not be recorded", claim=step.claim.id, result=result,
                hint=f"interlock guard settle {short(step.claim.id)} --happened",
            ) from cause  # fmt: skip
        if not agrees:
            raise OutcomeUnknown(
                f"`{self.request.action}` was done after it was settled, and is now {state}", claim=step.claim.id,
                result=result, hint="it may have happened twice; look at the other side",
            )  # fmt: skip
        return Performed(result, False, step.claim.id, step.record)

    def failed(self, step: Go, error: BaseException) -> BaseException:
        """The tool raised. Returns: what to raise instead, or the error itself."""
        if step.claim is None:
            return error
        state = State.FAILED_BEFORE_EFFECT if self._changed_nothing(error) else State.UNKNOWN
        reason = f"{type(error).__name__}: {error}"[:500].encode(errors="replace").decode()
        try:
            state, _ = self._settled(step.claim, state, reason=reason)
        except Exception as cause:  # noqa: BLE001 — the claim stays, and its lease makes it unknown
            error.add_note(f"the outcome could not be recorded either: {cause}")
            state = State.UNKNOWN
        if state is State.FAILED_BEFORE_EFFECT or not isinstance(error, Exception):
            return error
        unknown = _unknown(self.request.action, step.claim, f"the tool raised {type(error).__name__}")
        unknown.__cause__ = error
        return unknown

    def never_called(self, step: Go, reason: str) -> None:
        """Give back what was claimed for a call that is not made."""
        if step.claim is not None:
            self._settled(step.claim, State.FAILED_BEFORE_EFFECT, reason=reason, codes=("call.not-made",))

    # ── before

    def _given(self, claim: Claim | None) -> dict[str, Any]:
        given = self.request.call
        if takes_key(self.run) and "idempotency_key" not in given:
            given["idempotency_key"] = claim.id.removeprefix("sha256:") if claim else ""
        return given

    def _claimed(self) -> Answer:
        with self.store.transaction(self.request.tenant) as turn:
            request = self.request if self.redecide is None else self.redecide()
            if not self.request.same_call(request):
                raise ValueError("the call was judged anew as another call")
            lease = timedelta(seconds=self.lease_s)
            hearing = Hearing(turn, request, self.clock.now(), secrets.token_hex(16), lease, self.signer)
            return hearing.answer()

    def _may_look(self, answer: Found) -> bool:
        terms = self.request.idempotency
        unknown = answer.claim.state is State.UNKNOWN and answer.arrival in {Arrival.UNKNOWN, Arrival.LAPSED}
        return unknown and self.verify is not None and terms is not None and terms.retry is Retry.VERIFY

    def _looked(self, claim: Claim) -> bool:
        """Whether the other side was sure. A hook that fails is not."""
        assert self.verify is not None
        try:
            outcome = self.verify(claim)
        except Exception as cause:
            raise _unknown(self.request.action, claim, "the look at the other side failed") from cause
        return outcome is not None and settle_found(claim, outcome, store=self.store, clock=self.clock) is not None

    def _said(self, answer: Answer) -> Go | Performed:
        """The typed outcome of a claim."""
        action = self.request.action
        match answer:
            case Go():
                return answer
            case Refusal():
                kind = KeyConflict if "key.conflict" in answer.codes else Denied
                kind = Escalated if answer.verdict is CallVerdict.ESCALATE else kind
                raise kind(answer.why, codes=answer.codes, record=answer.record)
            case Waits():
                raise self._waiting(answer)
            case Found(claim=claim, arrival=Arrival.REPLAY):
                if claim.result is None:
                    raise ResultNotKept(
                        f"`{action}` happened, and its result was not kept", codes=("result.not-kept",),
                        record=answer.record, hint="let the tool return plain JSON of at most 1 MB",
                    )  # fmt: skip
                return Performed(json.loads(claim.result), True, claim.id, answer.record)
            case Found(claim=claim, arrival=Arrival.IN_PROGRESS):
                raise InProgress(
                    f"`{action}` is under way since {claim.claimed_at:%H:%M:%S} UTC", hint="ask again in a while"
                )
            case Found(claim=claim):
                raise _unknown(action, claim, claim.reason)

    def _waiting(self, answer: Waits) -> NeedsApproval:
        a = answer.approval
        told = (
            f"interlock approve {a.id} --as NAME" if a.terms.role else f'the app asks them: session.confirm("{a.id}")'
        )
        said = answer.why or f"`{self.request.action}` waits for {a.waits} approval(s) by {a.terms.who}"
        return NeedsApproval(said, approval=a.id, expires_at=a.expires_at, hint=told)

    def _harmless(self, cause: Exception) -> bool:
        request = self.request
        return (
            isinstance(cause, LedgerError)
            and request.effect is Effect.READ
            and request.verdict is CallVerdict.ALLOW
            and not request.budgets
        )

    # ── after

    def _changed_nothing(self, error: BaseException) -> bool:
        refused = isinstance(error, OSError) and error.errno == errno.ECONNREFUSED
        return isinstance(error, self.before_effect) or (refused and not self.several_steps)

    def _settled(
        self, claim: Claim, state: State, *, result: str | None = None, reason: str = "", codes: tuple[str, ...] = (),
        actual: dict[str, int] | None = None,
    ) -> tuple[State, bool]:  # fmt: skip
        """Settle our attempt, tried twice: the second finds it done where only the answer of the first was lost.

        Returns: how the claim stands, and whether that agrees with what we know. Where it does not, because somebody settled it
        otherwise or tried again meanwhile, the contradiction is recorded.
        """
        try:
            return self._settle_once(claim, state, result, reason, codes, actual)
        except LedgerError:
            return self._settle_once(claim, state, result, reason, codes, actual)

    def _settle_once(
        self, claim: Claim, state: State, result: str | None, reason: str, codes: tuple[str, ...],
        actual: dict[str, int] | None,
    ) -> tuple[State, bool]:  # fmt: skip
        with self.store.transaction(claim.tenant) as turn:
            now, current = self.clock.now(), turn.claim_of(claim.id)
            if current is None:
                raise LedgerError("a claim is gone", hint="restore the database from a backup")
            ours = (current.owner, current.attempt) == (claim.owner, claim.attempt)
            if ours and current.state is state:
                return state, True
            if ours and current.state in OPEN:
                done = settle(
                    turn, current, state, by=claim.owner, now=now, result=result, reason=reason, codes=codes, actual=actual
                )  # fmt: skip
                return done.state, True
            body = {
                "v": 1, "claim": claim.id, "attempt": claim.attempt, "outcome": state.value, "by": claim.owner,
                "codes": ["outcome.contradicted"], "found": current.state.value, "reason": reason,
            }  # fmt: skip
            turn.append("outcome", body, at=now)
            return current.state, False


def perform(
    request: EffectRequest, run: Callable[..., Any], *, store: EffectStore, clock: Clock, **options: Any
) -> Performed:
    """Carry out one effect, or say why not.

    Args:
        options: the other fields of `Life`.
    Returns: what the tool gave, or the stored result of the same effect.
    Raises: Denied (also Escalated, KeyConflict, ResultNotKept), NeedsApproval, InProgress: the tool was not called. OutcomeUnknown:
        it was, and nobody knows what came of it. What the tool raised, when it says that it changed nothing, and for reads.
    """
    life = Life(request, run, store, clock, **options)
    step = life.begin()
    if isinstance(step, Performed):
        return step
    try:
        result = life.call(step)
    except BaseException as error:
        raised = life.failed(step, error)
        if raised is error:
            raise
        raise raised from error
    return life.done(step, result)


async def perform_async(
    request: EffectRequest, run: Callable[..., Awaitable[Any]], *, store: EffectStore, clock: Clock, **options: Any
) -> Performed:
    """The same for an async tool. No call outlives its lease: it is cancelled then, and its outcome is unknown.

    A cancellation waits until the claim is written or given back, and until an outcome is recorded.
    """
    life = Life(request, run, store, clock, **options)
    begun: list[Go | Performed] = []
    try:
        await _to_the_end(lambda: begun.append(life.begin()))
    except asyncio.CancelledError:
        if begun and isinstance(begun[0], Go):
            await _to_the_end(lambda: life.never_called(begun[0], "cancelled before the call"))  # type: ignore[arg-type]
        raise
    step = begun[0]
    if isinstance(step, Performed):
        return step
    try:
        async with asyncio.timeout(life.left_s(step)):
            result = await life.call(step)
    except BaseException as error:
        raised = await _to_the_end(partial(life.failed, step, error))
        if raised is error:
            raise
        raise raised from error
    return await _to_the_end(lambda: life.done(step, result))


async def _to_the_end(work: Callable[[], _T]) -> _T:
    """Run in a thread. A cancellation takes effect when it is done."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as cause:
            cancelled = cause
        except BaseException:  # noqa: BLE001 — raised below, out of the task
            break
    if cancelled is not None:
        task.exception()  # looked at, so that asyncio does not call it lost
        raise cancelled
    return task.result()


def note(request: EffectRequest, *, store: EffectStore, clock: Clock, mode: str = "shadow") -> int:
    """Record what the policy says of a call that the guard does not hold up. Returns: the number of the record."""
    with store.transaction(request.tenant) as turn:
        body = decision_body(request, mode=mode, verdict=request.verdict.value, codes=request.codes)
        return turn.append("decision", body, at=clock.now()).seq


def settle_found(
    claim: Claim, outcome: Happened | DidNotHappen, *, store: EffectStore, clock: Clock, by: str = "verify", reason: str = "",
    proof: str = "",
) -> Claim | None:  # fmt: skip
    """Settle an unknown outcome by what was found on the other side.

    Returns: the claim; None when it is not, any more, the claim that was looked at.
    """
    happened = isinstance(outcome, Happened)
    state = State.COMPLETED if happened else State.FAILED_BEFORE_EFFECT
    kept, codes = _kept(outcome.result) if isinstance(outcome, Happened) and outcome.result is not None else (None, ())
    said = reason or (outcome.reason if isinstance(outcome, DidNotHappen) else "")
    with store.transaction(claim.tenant) as turn:
        if turn.claim_of(claim.id) != claim or claim.state is not State.UNKNOWN:
            return None
        return settle(
            turn, claim, state, by=by, now=clock.now(), result=kept, reason=said, codes=codes, proof=proof
        )  # fmt: skip


def takes_key(run: Callable[..., Any]) -> bool:
    """Whether a tool has a parameter `idempotency_key`; one that takes anything does not promise to heed it."""
    try:
        found = inspect.signature(run).parameters.get("idempotency_key")
    except (TypeError, ValueError):
        return False
    return found is not None and found.kind in {found.KEYWORD_ONLY, found.POSITIONAL_OR_KEYWORD}


def _kept(result: Any) -> tuple[str | None, tuple[str, ...]]:
    try:
        text = canonical(result)
    except NotCanonical:
        return None, ("result.not-json",)
    return (text.decode(), ()) if len(text) <= MAX_RESULT else (None, ("result.too-large",))


def _measured(actual: Callable[[Any], Mapping[str, int]], result: Any) -> tuple[dict[str, int] | None, tuple[str, ...]]:
    """What was used; where that cannot be told, all that was reserved."""
    try:
        found = dict(actual(result))
    except Exception:  # noqa: BLE001 — the effect happened, whatever its meter says
        return None, ("budget.not-measured",)
    if any(type(amount) is not int or amount < 0 for amount in found.values()):
        return None, ("budget.not-measured",)
    return found, ()


def _unknown(action: str, claim: Claim, why: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"it is not known whether `{action}` happened: {why or 'no outcome was recorded'}", claim=claim.id,
        hint=f"look at the other side, then: interlock guard settle {short(claim.id)} --happened | --did-not-happen",
    )  # fmt: skip
