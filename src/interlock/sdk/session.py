"""One session with an agent: what was said, what its tools returned, and what the guard says of the next call."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar, Token
from functools import lru_cache
from threading import RLock
from time import monotonic, perf_counter_ns
from types import TracebackType
from typing import Any, Self, TypeVar

from interlock.core.actions import ArgumentKind, Label
from interlock.core.arguments import Judged, read_arguments
from interlock.core.decision import Decision, Mode
from interlock.core.errors import NeedsApproval, UsageError
from interlock.core.judge import NOBODY, Caller, Policy, argument_leaves, denied, target_bytes
from interlock.core.lexical import needs_cue
from interlock.core.provenance import Leaf, OutputLabels, Sources, leaves
from interlock.core.table import Row
from interlock.core.yaml_text import parse_rendered
from interlock.ports import LabelMemory
from interlock.sdk.offered import CHANGED, changed_tools
from interlock.sdk.ownership import Owners, owned
from interlock.sdk.plain import plain
from interlock.sdk.store import EffectBook

_T = TypeVar("_T")
_OPENED = frozenset({dict, list, str})
_UNLABELLED = OutputLabels({})
_CURRENT: ContextVar["Session | None"] = ContextVar("interlock_session", default=None)


def current_session() -> "Session | None":
    """The session that this code runs in, None outside any."""
    return _CURRENT.get()


class Session:
    """One authenticated session. Made by `Guard.session`; as a context manager it is the current one in its block.

    Its methods may be called from several threads. A thread or a task that should run inside the session needs its
    context (`contextvars.copy_context().run`); where it is missing, every call is denied.
    """

    def __init__(
        self, policy: Policy, caller: Caller, mode: Mode, memory: LabelMemory, book: EffectBook, owners: Owners | None = None
    ) -> None:  # fmt: skip
        self.policy = policy
        self._limits = policy.table.actions.session
        self.caller = caller
        self.mode: Mode = mode
        self.memory = memory
        self.book = book
        self.owners: Owners = owners or {}
        self.changed: dict[str, tuple[str, ...]] = {}
        self.sources = Sources()
        self.lock = RLock()
        self.calls = self.tokens = self.effects = 0
        self.restart(monotonic)
        self._tokens: list[Token[Session | None]] = []

    def __enter__(self) -> Self:
        self._tokens.append(_CURRENT.set(self))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _CURRENT.reset(self._tokens.pop())

    def heard(self, text: str) -> None:
        """Take what the person of the session said, and nobody else: its values count as the user's own.

        Raises: UsageError for what is no text.
        """
        if not isinstance(text, str):
            raise UsageError("`heard` takes the text that the person said", hint="hand over facts with `told`")
        with self.lock:
            self.sources.heard(text)

    def told(self, value: Any) -> None:
        """Take what the application itself knows of the case, as text or as facts by name; it counts as the user's own.

        Never what a tool returned or a model wrote: those are for `observed`, or for nothing.
        """
        with self.lock:
            self.sources.told(plain(value))

    def offered(self, tools: Iterable[Any]) -> Mapping[str, tuple[str, ...]]:
        """Compare the definitions that the model is shown with those that the bundle pins; call it wherever they arrive.

        A tool whose definition differs is denied from here on, with the code `tool_changed`: what a model has read stays read, so
        offering the pinned one again changes nothing in this session.

        Args:
            tools: as MCP's `tools/list` or OpenAI's `tools` have them.
        Returns: every tool that was ever changed in this session, with what differed.
        Raises: UsageError where the guard was given no definitions.
        """
        if not self.policy.tools:
            raise UsageError("this guard has no definitions to compare with", hint="give it some: `tools=`")
        found = changed_tools(self.policy.tools, tools)
        with self.lock:
            for name, keys in found.items():
                self.changed[name] = tuple(dict.fromkeys((*self.changed.get(name, ()), *keys)))
            return dict(self.changed)

    def observed(
        self, tool: str, arguments: Any, result: Any, *, failed: bool = False, effect: bool = True
    ) -> None:  # fmt: skip
        """Take what a tool returned, with the labels that the map gives its fields; and that an effect was made.

        Args:
            arguments: those of the call.
            result: the structured output. Text is read as JSON or YAML where the map labels fields in it.
            failed: the call failed before it changed anything: nothing in its text is the tool's word.
            effect: whether the call changed what its action changes; not when its result was only given again.
        """
        row = self.policy.row(tool)
        labels = row.outputs if row is not None and not failed else _UNLABELLED
        value = result if type(result) in _OPENED else plain(result)
        if type(value) is str and row is not None and row.action.parse_text and labels.declared:
            value = _parsed(value, tool)
        found = leaves(labels, value, plain)
        judged = read_arguments(arguments)
        tenant = self.caller.tenant
        with self.lock:
            recalled: Mapping[str, Label] = {}
            if self.memory.holds(tenant):
                recalled = self.memory.recall(tenant, list(_resources(judged, found)))
            self.sources.observed(tool, found, recalled)
            if row is not None and row.changes and effect and not failed and isinstance(judged, Judged):
                self.effects += 1
                self.sources.did(row.action.action, target_bytes(row, judged), judged.content)
                self._keep(row, judged, found)

    def _keep(self, row: Row, judged: Judged, found: list[Leaf]) -> None:
        """Remember the labels of what was written, so that reading it back makes nothing better."""
        written: dict[str, Label] = {}
        for name, value in judged.value.items():
            if row.plans.get(name, row.plan_else).kind is ArgumentKind.QUANTITY:
                continue
            for _, leaf in argument_leaves(name, value):
                if type(leaf) is str and not needs_cue(leaf):
                    label = self.sources.find(leaf, name, row.cues).label
                    if label.rank >= Label.THIRD_PARTY.rank:
                        written[leaf] = label
        if written:
            self.memory.keep(self.caller.tenant, list(_resources(judged, found)), written)

    def decide(self, tool: str, arguments: Any) -> Decision:
        """Judge a proposed call. Changes nothing and never raises: what cannot be judged is denied.

        Args:
            tool: the name that the model called.
            arguments: a mapping, or the JSON text that the model wrote.
        """
        return self.judged(tool, arguments, self.calls + 1)

    def call(self, tool: str, arguments: Any, *, run: Callable[..., _T], **options: Any) -> _T:
        """Carry a proposed call out, once, on the terms of the map; its result is observed.

        Args:
            tool: the name that the model called.
            arguments: a mapping, or the JSON text that the model wrote; `run` gets exactly what was judged, by name.
            run: the tool. Where it has a parameter `idempotency_key` it gets the name of the effect to hand on.
            options: `verify`, `actual`, `before_effect`, `several_steps`, `lease_s`; see `interlock.services.effects.Life`.
        Returns: what the tool returned, or the stored result of the same effect.
        Raises: Denied (also Escalated, KeyConflict, ResultNotKept), NeedsApproval, InProgress: the tool was not called.
            OutcomeUnknown: it was, and nobody knows what came of it. What the tool raised, where nothing was changed.
        """
        from interlock.sdk.run import Run

        made: _T = Run(self, tool, arguments, options).call(run)
        return made

    async def acall(self, tool: str, arguments: Any, *, run: Callable[..., Awaitable[_T]], **options: Any) -> _T:
        """The same for an async tool. A call that outlives its lease is cancelled, and its outcome is unknown."""
        from interlock.sdk.run import Run

        made: _T = await Run(self, tool, arguments, options).acall(run)
        return made

    def ask(self, tool: str, arguments: Any) -> NeedsApproval | None:
        """Whom a proposed call waits for: the request is written down, so that it can be decided, and nothing is called.

        For frameworks that pause before a tool is called. None when nobody has to be asked, also because it is denied.
        Raises: LedgerError, Denied when the question cannot be written down.
        """
        from interlock.sdk.run import Run

        return Run(self, tool, arguments, {}, counts=False).ask()

    def confirm(self, approval: str) -> None:
        """The person of the session says yes to a question that is theirs to answer: one that the map gives to no team.

        Call it when *they* said so, in your interface; never because a model did. Then make the same call again.

        Raises: UsageError, ApprovalError, EvidenceError, LedgerError.
        """
        from interlock.services.effect_people import confirm_effect

        book = self.book.opened()
        if book.signer is None:
            raise UsageError("this guard has no key to confirm with", hint="give it one: `signer=`")
        confirm_effect(
            book.store, book.clock, book.signer, approval, tenant=self.caller.tenant, principal=self.caller.principal
        )

    def spent(self, *, tokens: int) -> None:
        """Count tokens that the model used in this session, 0 or more; the map's `session` limits them."""
        if type(tokens) is not int or tokens < 0:
            raise UsageError(
                "tokens are counted in whole numbers of at least 0", hint="hand over the usage of the reply"
            )
        with self.lock:
            self.tokens += tokens

    def restart(self, ticks: Callable[[], float]) -> None:
        """Begin the time of the session anew, by another clock: seconds that only grow."""
        with self.lock:
            self._ticks, self._began = ticks, ticks()

    def count_repair(self) -> str:
        """Count a repair of an answer as one call. Returns: the code of the limit that forbids it, empty where none does."""
        with self.lock:
            self.calls += 1
            return self._used_up(self.calls)

    def counted(self, tool: str, arguments: Any) -> tuple[int, Decision]:
        """Judge a call that is about to be made, and count it. Returns: which of the session's calls it is, and the decision."""
        with self.lock:
            self.calls += 1
            number = self.calls
        return number, self.judged(tool, arguments, number)

    def judged(self, tool: str, arguments: Any, number: int) -> Decision:
        """Judge a call that is the session's `number`-th."""
        began = perf_counter_ns()
        try:
            with self.lock:
                if code := self._used_up(number):
                    decision = denied(self.caller, str(tool)[:200], code, self.policy.digest, self.mode)
                elif self.changed and tool in self.changed:
                    decision = denied(self.caller, tool, CHANGED, self.policy.digest, self.mode)
                else:
                    decision = self.policy.decide(self.caller, self.sources, tool, arguments, self.mode)
            if self.owners:  # outside the lock: the host looks up, and others need not wait for it
                decision = owned(decision, self.policy, self.owners)
        except Exception:  # noqa: BLE001  # INVARIANT: a guard that cannot decide says deny
            decision = denied(self.caller, str(tool)[:200], "guard_failed", self.policy.digest)
        object.__setattr__(
            decision, "latency_us", (perf_counter_ns() - began) / 1000
        )  # ours alone until it is returned
        return decision

    def _used_up(self, number: int) -> str:
        """The code of the first limit of the session that is reached; empty while there is none."""
        limits = self._limits
        if number > limits.calls:
            return "session_calls"
        if self._ticks() - self._began > limits.seconds:
            return "session_seconds"
        return "session_tokens" if self.tokens > limits.tokens else ""


def decide_in(session: Session | None, policy: Policy, tool: str, arguments: Any) -> Decision:
    """Judge a call in a session of this policy; outside of one it is denied."""
    if session is None or session.policy is not policy:
        return denied(None, str(tool)[:200], NOBODY, policy.digest)
    return session.decide(tool, arguments)


def _resources(judged: object, found: list[Leaf]) -> Iterator[str]:
    """What names the things that a call touched: its arguments, and what the system of record assigned."""
    if isinstance(judged, Judged):
        for name, value in judged.value.items():
            for _, leaf in argument_leaves(name, value):
                text = leaf if type(leaf) is str else str(leaf)
                if len(text) <= 200:
                    yield f"{name.rpartition('_')[2]}={text}" if needs_cue(text) else text
    for each in found:
        if each.rank <= Label.SYSTEM.rank and len(each.text) <= 200:
            yield f"{each.key.rstrip('_').rpartition('_')[2]}={each.text}" if needs_cue(each.text) else each.text


@lru_cache(maxsize=256)
def _rendered(text: str, tool: str) -> Any:
    return parse_rendered(text, tool)


def _parsed(text: str, tool: str) -> Any:
    """The fields of a text in which a tool rendered them; the text itself when it is no document."""
    if not text.lstrip()[:1] or len(text) > 1_000_000:
        return text
    value = _rendered(text, tool) if len(text) < 20_000 else parse_rendered(text, tool)
    return value if isinstance(value, dict | list) else text
