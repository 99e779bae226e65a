"""Calls to the model and to tools: named by what is upstream of them, kept, replayed, never beyond the money cap."""

import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from interlock.core.broken import BrokenRun, FailedRun
from interlock.core.digest import Digest, of_value
from interlock.core.errors import CapError, NotCanonical
from interlock.core.manifest import CallMode, Price
from interlock.core.score import Broken, Fault
from interlock.patience import Caller
from interlock.ports import Call, CallStore, Chat, Clock
from interlock.services.limiter import Limiter
from interlock.services.recorder import Answered, RecordedCall, Recorder

DEFAULT_OUTPUT_TOKENS = 4096
"""Tokens that are reserved for an answer when its request sets no limit."""
TOOL_READS = ("tools", "app")
"""What is upstream of a tool call besides its arguments: the tools part, and the code that carries it out."""


class LiveChat(Protocol):
    """A chat that is really asked; `key` is what an endpoint recognises a repeated call by."""

    async def __call__(self, request: Mapping[str, Any], *, key: str = "") -> Mapping[str, Any]: ...


def call_key(
    fingerprint: str,
    request: Mapping[str, Any],
    *,
    index: int = 0,
    repeat: int = 0,
    reads: Mapping[str, str] | None = None,
) -> Digest:
    """The name of a call: the model, the request, which of the identical requests of its trial it is, and the repeat.

    The request is what the parts before the call made of themselves: prompt, retrieved texts, offered tools. What the
    endpoint reads besides the request is named in `reads`, with its digest.

    Raises: NotCanonical when the request is no plain JSON.
    """
    named = {"model_fingerprint": fingerprint, "request": request, "index": index, "repeat": repeat}
    return of_value({**named, "reads": dict(reads)} if reads else named, domain="interlock.call.v1")


def tool_key(
    reads: Mapping[str, str], tool: str, arguments: Mapping[str, Any], *, index: int = 0, repeat: int = 0
) -> Digest:
    """The name of a tool call: the tools part and the app build, the tool, its arguments, index and repeat.

    Raises: NotCanonical when the arguments are no plain JSON.
    """
    named = {"reads": dict(reads), "tool": tool, "arguments": arguments, "index": index, "repeat": repeat}
    return of_value(named, domain="interlock.tool-call.v1")


@dataclass
class Purse:
    """What a run has spent, for all who spend in it at once; None until it was read from the store. US dollars."""

    spent_usd: float | None = None


class RecordedChat:
    """The chat of a run, in one of the four modes of `Recorder`; tool calls are recorded at the same border.

    Money: before a call is made, the most that it can cost is reserved durably, and settled when the answer is kept.
    A reservation whose call may have been carried out is never given back, so a crash can only make a run stop early.
    What was spent before is read once: one process at a time spends under the id of a run.

    Args:
        mode: see `Recorder`.
        live: who is asked; None where no endpoint is configured.
        store: where calls and reservations are kept.
        recordings: calls by key, see `parse_recordings`.
        fingerprint: of the model; a call to another model is another call.
        price: of the model; None when it is not known.
        cap_usd: the most that a run may spend, in US dollars; None for no cap.
        run: the id under which money is counted; a resumed run keeps it.
        reads: digests of the parts, the app build and the target, by name: what a call may say that it reads.
        limiter: of the endpoint; by default one that limits nothing.
        attempts: tries of a call that broke in transport, at least 1.
        purse: shared with the other chats of this run that spend while this one does.
    Raises: CapError when there is a cap, a call could be asked, and the price is not known.
    """

    def __init__(
        self,
        *,
        mode: CallMode,
        live: LiveChat | None,
        store: CallStore,
        clock: Clock,
        run: str,
        recordings: Mapping[str, RecordedCall] | None = None,
        fingerprint: str = "",
        price: Price | None = None,
        cap_usd: float | None = None,
        reads: Mapping[str, str] | None = None,
        limiter: Limiter | None = None,
        attempts: int = 3,
        purse: Purse | None = None,
    ) -> None:
        if cap_usd is not None and price is None and live is not None and mode != "replay-strict":
            raise CapError(
                f"a cap of {cap_usd:g} US dollars means nothing without a price",
                hint="pin `price` in the model part, or replay recorded calls",
            )
        self._live, self._store, self._clock, self._run = live, store, clock, run
        self._fingerprint, self._price, self._cap_usd = fingerprint, price, cap_usd
        self._reads, self._limiter, self._attempts = dict(reads or {}), limiter or Limiter(), attempts
        self._purse = purse or Purse()
        self._recorder = Recorder(mode, store, run, recordings or {}, lambda response: self._cost(response, 0.0))

    async def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """One call outside any trial."""
        return (await self.ask(request, index=0, repeat=0)).response

    async def ask(
        self,
        request: Mapping[str, Any],
        *,
        index: int,
        repeat: int,
        reads: Collection[str] = (),
        caller: Caller | None = None,
    ) -> Answered:
        """The answer to a request.

        Raises: BrokenRun: not recorded, cap reached, or as the endpoint failed; FailedRun when the app's request is none.
        """
        try:
            key = call_key(self._fingerprint, request, index=index, repeat=repeat, reads=self._digests(reads))
        except NotCanonical as error:
            raise FailedRun(Fault.CRASH, f"the app's request is no plain JSON: {error.message}") from error
        live, by = self._live, caller or Caller()
        ask = None if live is None else lambda: self._ask_live(live, key, request, by)
        return await self._recorder.answer(key, request, ask)

    async def tool(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        run: Callable[[], Awaitable[Any]],
        *,
        index: int,
        repeat: int,
        reads: Collection[str] = TOOL_READS,
    ) -> Answered:
        """What a tool call gave when it was made, or what `run` gives now, which is kept: the response has `result`.

        Raises: BrokenRun: not recorded; FailedRun when arguments or result are no plain JSON; whatever `run` raises.
        """
        request: dict[str, Any] = {"tool": tool, "arguments": dict(arguments)}
        try:
            key = tool_key(self._digests(reads), tool, arguments, index=index, repeat=repeat)
        except NotCanonical as error:
            raise FailedRun(Fault.CRASH, f"the arguments of `{tool}` are no plain JSON: {error.message}") from error

        async def ask() -> Call:
            start = time.perf_counter()
            response = {"result": await run()}
            try:
                of_value(response, domain="interlock.tool-result.v1")
            except NotCanonical as error:
                raise FailedRun(Fault.CRASH, f"the result of `{tool}` is no plain JSON: {error.message}") from error
            return Call(key, request, response, 0.0, time.perf_counter() - start, self._clock.now())

        return await self._recorder.answer(key, request, ask)

    def _digests(self, names: Collection[str]) -> dict[str, str]:
        """Raises FailedRun for a name that nothing has: the app would read what no change can reach."""
        unknown = sorted(set(names) - set(self._reads))
        if unknown and self._reads:
            known = ", ".join(sorted(self._reads))
            raise FailedRun(Fault.CRASH, f"the app reads `{unknown[0]}`, which is none of {known}")
        return {name: self._reads.get(name, "") for name in sorted(names)}

    async def _ask_live(self, live: LiveChat, key: str, request: Mapping[str, Any], caller: Caller) -> Call:
        tokens = _most_tokens(request)
        most = self._usd(*tokens)
        purse = self._purse
        if purse.spent_usd is None:
            purse.spent_usd = self._store.spent(self._run)  # of this run before it was interrupted
        if self._cap_usd is not None and purse.spent_usd + most > self._cap_usd:
            raise BrokenRun(
                Broken.CAP, f"a call of up to {most:.4f} US dollars would pass {self._cap_usd:g}", hint="raise the cap"
            )
        asked = dict(request)
        self._store.reserve(key, self._run, most, at=self._clock.now())
        purse.spent_usd += most

        async def once() -> tuple[Mapping[str, Any], float]:
            start = time.perf_counter()
            return await live(asked, key=key), time.perf_counter() - start

        try:
            response, latency_s = await self._limiter.ask(
                once,
                caller=caller,
                attempts=self._attempts,
                tokens=float(sum(tokens)),
                used=lambda answer: None if (told := _usage(answer[0])) is None else float(sum(told)),
            )
        except BrokenRun as error:
            if not error.made:
                self._store.release(key, self._run)
                purse.spent_usd -= most
            raise
        cost = self._cost(response, most)
        purse.spent_usd += cost - most
        return Call(key, asked, response, cost, latency_s, self._clock.now())

    def _cost(self, response: Mapping[str, Any], unknown: float) -> float:
        """US dollars by the usage that the response reports; `unknown` where it reports none."""
        told = _usage(response)
        return unknown if self._price is None or told is None else self._usd(*told)

    def _usd(self, taken: int, given: int) -> float:
        if self._price is None:
            return 0.0
        return (taken * self._price.input_per_mtok_usd + given * self._price.output_per_mtok_usd) / 1e6


def _most_tokens(request: Mapping[str, Any]) -> tuple[int, int]:
    """Tokens that a call can take and give at most: a token is at least one byte of the request."""
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    choices = request.get("n")
    output = limit if isinstance(limit, int) and limit > 0 else DEFAULT_OUTPUT_TOKENS
    output *= choices if isinstance(choices, int) and choices > 1 else 1
    return len(json.dumps(request, ensure_ascii=False).encode()), output


def _usage(response: Mapping[str, Any]) -> tuple[int, int] | None:
    """Tokens taken and given as the response reports them; None where it does not."""
    usage = response.get("usage")
    if not isinstance(usage, Mapping):
        return None
    taken, given = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not (isinstance(taken, int) and isinstance(given, int) and taken >= 0 and given >= 0):
        return None
    return taken, given


class TrialChat:
    """The chat of one trial: counts its calls and their cost, and remembers whether one broke.

    An app may catch the exception of a broken call and answer regardless; the trial is broken all the same.

    Args:
        chat: the run's chat; of a plain one only the calls are counted, and tools are carried out each time.
        repeat: which repeat of the case this is, from 0.
        trial_key, trace_id, bundle: what a target outside the process is told about its trial.
        caller: what the trial may still wait, and its time; None leaves that to each call.
    """

    def __init__(
        self, chat: Chat, *, repeat: int, trial_key: str, trace_id: str, bundle: str, caller: Caller | None = None
    ) -> None:
        self._chat, self._caller = chat, caller
        self.repeat, self.trial_key, self.trace_id, self.bundle = repeat, trial_key, trace_id, bundle
        self.calls, self.cost_usd, self.paid_usd, self.replayed_s = 0, 0.0, 0.0, 0.0
        self.broken: BrokenRun | None = None
        self._seen: Counter[str] = Counter()

    async def __call__(self, request: Mapping[str, Any], *, reads: Collection[str] = ()) -> Mapping[str, Any]:
        """One call.

        Args:
            reads: names of parts that the endpoint reads beside the request, like an index on its own side.
        Raises: BrokenRun; FailedRun when the request is no plain JSON, or a part is not there.
        """
        index = self._index(request, "request")
        if not isinstance(self._chat, RecordedChat):
            answered = Answered(await self._noted(self._chat(request)))
        else:
            answered = await self._noted(
                self._chat.ask(request, index=index, repeat=self.repeat, reads=reads, caller=self._caller)
            )
        self.calls += 1
        self.cost_usd += answered.cost_usd
        self.paid_usd += answered.paid_usd
        self.replayed_s += answered.replayed_s
        return answered.response

    async def tool(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        run: Callable[[], Awaitable[Any]],
        *,
        reads: Collection[str] = TOOL_READS,
    ) -> Any:
        """The result of a tool call: recorded, or of `run`. Raises as `RecordedChat.tool` does."""
        index = self._index({"tool": tool, "arguments": arguments}, "tool call")
        if not isinstance(self._chat, RecordedChat):
            return await run()
        answered = await self._noted(
            self._chat.tool(tool, arguments, run, index=index, repeat=self.repeat, reads=reads)
        )
        self.replayed_s += answered.replayed_s
        return answered.response["result"]

    def _index(self, request: Mapping[str, Any], what: str) -> int:
        try:
            name = json.dumps(request, sort_keys=True, ensure_ascii=False)
        except (TypeError, ValueError) as error:
            raise FailedRun(Fault.CRASH, f"the app's {what} is no plain JSON: {error}") from error
        self._seen[name] += 1
        return self._seen[name] - 1

    async def _noted(self, answer: Awaitable[Any]) -> Any:
        try:
            return await answer
        except BrokenRun as error:
            self.broken = error
            raise


class NoChat:
    """The chat of a run without a model: whoever asks it breaks their trial."""

    async def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises BrokenRun."""
        raise BrokenRun(Broken.RECORDING, "there is no model to ask in this run")
