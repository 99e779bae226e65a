"""One call through its whole life, from inside a session: judged, claimed, made, settled, observed."""

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from interlock.adapters.clock import SystemClock
from interlock.core.decision import Decision
from interlock.core.effect import EffectRequest
from interlock.core.errors import Denied, Escalated, InterlockError, LedgerError, NeedsApproval
from interlock.core.judge import NOBODY
from interlock.core.replay import record_of
from interlock.core.request import request_of
from interlock.core.terms import CallVerdict
from interlock.sdk.store import NoStore, Opened
from interlock.services.effects import Life, Performed, perform, perform_async

if TYPE_CHECKING:
    from interlock.sdk.session import Session

OPTIONS = frozenset({"verify", "actual", "lease_s", "before_effect", "several_steps"})
"""What an app may say of a tool; see `interlock.services.effects.Life`."""


def options_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a tool. Raises: TypeError for one that there is not."""
    if unknown := sorted(options.keys() - OPTIONS):
        raise TypeError(f"there is no option `{unknown[0]}`: {', '.join(sorted(OPTIONS))}")
    return dict(options)


class Run:
    """One call of one tool in one session."""

    def __init__(
        self, session: "Session", tool: str, arguments: Any, options: Mapping[str, Any], *, counts: bool = True
    ) -> None:  # fmt: skip
        self.session, self.tool, self.arguments = session, tool, arguments
        self.options = options_of(options)
        if counts:
            self.number, self.decision = session.counted(tool, arguments)
        else:
            self.number, self.decision = session.calls + 1, session.decide(tool, arguments)

    def call(self, run: Callable[..., Any]) -> Any:
        """Make the call. Raises: as `Session.call`."""
        if (request := self._let_through()) is None:
            return self._observed(run(**self._given()))
        return self._ended(lambda: perform(request, run, **self._life(request)))

    async def acall(self, run: Callable[..., Awaitable[Any]]) -> Any:
        """The same for an async tool."""
        import asyncio

        if (request := await asyncio.to_thread(self._let_through)) is None:
            return self._observed(await run(**self._given()))
        try:
            return self._ended(None, await perform_async(request, run, **self._life(request)))
        except Exception as error:
            self._failed(error)
            raise

    def _given(self) -> dict[str, Any]:
        """What a tool gets that is only watched: what was judged, and where that could not be read, what was given."""
        if self.decision.arguments:
            return self.decision.forwarded
        given = json.loads(self.arguments) if isinstance(self.arguments, str | bytes) else self.arguments
        return dict(given)

    def ask(self) -> NeedsApproval | None:
        """Whom the call waits for; see `Session.ask`."""
        if self.decision.verdict is not CallVerdict.ASK or (request := self._let_through()) is None:
            return None
        life = {name: value for name, value in self._life(request).items() if name != "reads_without_store"}
        return Life(request, len, **life).ask()

    # ── before

    def _let_through(self) -> EffectRequest | None:
        """The request to be carried out; None when the guard only watches. Raises: Denied, Escalated."""
        decision = self.decision
        if decision.mode == "shadow":
            self._noted()
            return None
        if decision.verdict is CallVerdict.DENY:
            said = "; ".join(decision.why) or "by the policy"
            raise Denied(
                f"`{decision.action or self.tool}` is denied: {said}", codes=decision.codes, record=self._noted()
            )
        if decision.verdict is CallVerdict.ESCALATE:
            queue = f" in `{decision.queue}`" if decision.queue else ""
            said = "; ".join(decision.why)
            raise Escalated(f"a person takes over{queue}: {said}", codes=decision.codes, record=self._noted())
        try:
            return self._request(decision)
        except (InterlockError, ValueError) as cause:
            said = cause.message if isinstance(cause, InterlockError) else str(cause)
            raise Denied(
                f"`{decision.action}` cannot be asked for: {said}", codes=("guard.fault",), record=self._noted()
            ) from cause

    def _request(self, decision: Decision) -> EffectRequest:
        session = self.session
        with session.lock:
            return request_of(
                decision, session.policy, session.sources, bundle=session.book.bundle, agent=session.book.agent
            )

    def _noted(self) -> int:
        """Record a decision that the life of the effect does not. Returns: its number, 0 where it could not be written."""
        try:
            book = self.session.book.opened()
            with book.store.transaction(self.decision.tenant or NOBODY) as turn:
                return turn.append("decision", record_of(self.decision, self.session.policy), at=book.clock.now()).seq
        except Exception:  # noqa: BLE001 — a no stands whether or not it can be written down, and a watcher stops nothing
            return 0

    def _life(self, request: EffectRequest) -> dict[str, Any]:
        row = self.session.policy.row(self.tool)
        try:
            book = self.session.book.opened()
        except LedgerError as cause:
            book = Opened(NoStore(cause), SystemClock(), None)
        return {
            "store": book.store, "clock": book.clock, "signer": book.signer, "redecide": lambda: self._anew(request),
            "reads_without_store": row is not None and row.action.without_store, **self.options,
        }  # fmt: skip

    def _anew(self, request: EffectRequest) -> EffectRequest:
        """The same call as the policy judges it at this moment, inside the transaction."""
        decision = self.session.judged(self.tool, self.arguments, self.number)
        if decision.verdict is CallVerdict.DENY:
            return replace(request, verdict=CallVerdict.DENY, codes=decision.codes, judged=None)
        return self._request(decision)

    # ── after

    def _ended(self, make: Callable[[], Performed] | None, done: Performed | None = None) -> Any:
        if make is not None:
            try:
                done = make()
            except Exception as error:
                self._failed(error)
                raise
        assert done is not None
        if done.replayed:  # what was returned before is known already, and nothing was done again
            self.session.observed(self.tool, self.decision.arguments, done.result, effect=False)
            return done.result
        return self._observed(done.result)

    def _observed(self, result: Any) -> Any:
        self.session.observed(self.tool, self.decision.arguments, result)
        return result

    def _failed(self, error: Exception) -> None:
        """What the other side says in an error is nobody's word."""
        if not isinstance(error, Denied):
            self.session.observed(self.tool, self.decision.arguments, str(error), failed=True)


def is_async(run: Callable[..., Any]) -> bool:
    """Whether a tool has to be awaited."""
    return inspect.iscoroutinefunction(run) or inspect.iscoroutinefunction(getattr(run, "__call__", None))  # noqa: B004
