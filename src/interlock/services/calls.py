"""Calls to the model: asked, kept by content, replayed, and never beyond the money cap."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from interlock.core.broken import BrokenRun, FailedRun
from interlock.core.digest import Digest, of_value
from interlock.core.errors import CapError, NotCanonical
from interlock.core.json_text import parse_jsonl
from interlock.core.manifest import Price
from interlock.core.score import Broken, Fault
from interlock.patience import PATIENCE, Patience
from interlock.ports import Call, CallStore, Chat, Clock

Mode = Literal["live", "record", "replay-or-live", "replay"]
DEFAULT_OUTPUT_TOKENS = 4096
"""Tokens that are reserved for an answer when its request sets no limit."""


class LiveChat(Protocol):
    """A chat that is really asked; `key` is what an endpoint recognises a repeated call by."""

    async def __call__(self, request: Mapping[str, Any], *, key: str = "") -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call out of a recording file."""

    request: Mapping[str, Any]
    response: Mapping[str, Any]
    latency_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Answered:
    """A response, what the call costs, what of that was paid now, and the seconds that it took when it was made.

    `replayed_s` is 0 for a call that was made just now: its time passes on the clock.
    """

    response: Mapping[str, Any]
    cost_usd: float = 0.0
    paid_usd: float = 0.0
    replayed_s: float = 0.0


def call_key(fingerprint: str, request: Mapping[str, Any], *, index: int = 0, repeat: int = 0) -> Digest:
    """The name of a call: the model, the request, which of the identical requests of its trial it is, and the repeat.

    Raises: NotCanonical when the request is no plain JSON.
    """
    named = {"model_fingerprint": fingerprint, "request": request, "index": index, "repeat": repeat}
    return of_value(named, domain="interlock.call.v1")


def parse_recordings(files: Iterable[tuple[str, str]]) -> Mapping[str, RecordedCall]:
    """The calls of recording files, by key.

    Args:
        files: name and text of each JSONL file. A line `{"recording": 1, …}` says where the calls come from; each
            other line has `key`, `request`, `response` and, if known, `latency_s`.
    Raises: DocumentError for a line that is neither, or two different responses under one key.
    """
    found: dict[str, RecordedCall] = {}
    for name, text in files:
        for line in parse_jsonl(text, name):
            row = line.value
            if isinstance(row, dict) and "recording" in row:
                if row["recording"] != 1:
                    raise line.error(("recording",), f"recording format `{row['recording']}` is not known", hint="1 is")
                continue
            if not (
                isinstance(row, dict)
                and isinstance(row.get("key"), str)
                and isinstance(row.get("request"), dict)
                and isinstance(row.get("response"), dict)
            ):
                raise line.error((), "a recorded call has `key`, `request` and `response`")
            latency = row.get("latency_s", 0.0)
            if isinstance(latency, bool) or not isinstance(latency, int | float) or latency < 0:
                raise line.error(("latency_s",), "`latency_s` is a number of seconds, 0 or more")
            call = RecordedCall(row["request"], row["response"], float(latency))
            if row["key"] in found and found[row["key"]].response != call.response:
                raise line.error(("key",), f"`{row['key'][:19]}` has two different responses")
            found[row["key"]] = call
    return found


class RecordedChat:
    """The chat of a run, in one of four modes.

    - live: every call is asked, once in a run; nothing from before is used.
    - record: a call that the store has is not asked again; recording files are not used.
    - replay-or-live: what neither the store nor the recordings have is asked.
    - replay: nothing is asked; a call that is not recorded breaks its trial.

    Money: before a call is made, the most that it can cost is reserved durably, and settled when the answer is kept.
    A reservation whose call may have been carried out is never given back, so a crash can only make a run stop early.

    Args:
        mode: as above.
        live: who is asked; None where no endpoint is configured.
        store: where calls and reservations are kept.
        recordings: calls by key, see `parse_recordings`.
        fingerprint: of the model; a call to another model is another call.
        price: of the model; None when it is not known.
        cap_usd: the most that a run may spend, in US dollars; None for no cap.
        run: the id under which money is counted; a resumed run keeps it.
    Raises: CapError when there is a cap, a call could be asked, and the price is not known.
    """

    def __init__(
        self,
        *,
        mode: Mode,
        live: LiveChat | None,
        store: CallStore,
        clock: Clock,
        run: str,
        recordings: Mapping[str, RecordedCall] | None = None,
        fingerprint: str = "",
        price: Price | None = None,
        cap_usd: float | None = None,
    ) -> None:
        if cap_usd is not None and price is None and live is not None and mode != "replay":
            raise CapError(
                f"a cap of {cap_usd:g} US dollars means nothing without a price",
                hint="pin `price` in the model part, or replay recorded calls",
            )
        self._mode, self._live, self._store, self._clock, self._run = mode, live, store, clock, run
        self._recordings, self._fingerprint = recordings or {}, fingerprint
        self._price, self._cap_usd = price, cap_usd
        self._mine: dict[str, Answered] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """One call outside any trial."""
        return (await self.ask(request, index=0, repeat=0)).response

    async def ask(self, request: Mapping[str, Any], *, index: int, repeat: int) -> Answered:
        """The answer to a request.

        Raises: BrokenRun: not recorded, cap reached, or as the endpoint failed; FailedRun when the app's request is none.
        """
        try:
            key = call_key(self._fingerprint, request, index=index, repeat=repeat)
        except NotCanonical as error:
            raise FailedRun(Fault.CRASH, f"the app's request is no plain JSON: {error.message}") from error
        known = self._known(key, request)
        if known is not None:
            return known
        if self._mode == "replay" or self._live is None:
            raise BrokenRun(
                Broken.RECORDING, f"call `{key[7:19]}` is not recorded", hint="run with `calls: record` and an endpoint"
            )
        # Two trials with the same request wait for one call instead of paying twice.
        lock = self._asking.setdefault(key, asyncio.Lock())
        async with lock:
            known = self._known(key, request)
            if known is not None:
                return known
            return await self._ask_live(self._live, key, request)

    def _known(self, key: str, request: Mapping[str, Any]) -> Answered | None:
        if self._mode == "live":
            return self._mine.get(key)
        kept = self._store.get(key)
        if kept is not None:
            return Answered(kept.response, kept.cost_usd, 0.0, kept.latency_s)
        recorded = None if self._mode == "record" else self._recordings.get(key)
        if recorded is None:
            return None
        if recorded.request != request:
            raise BrokenRun(
                Broken.RECORDING, f"call `{key[7:19]}` is recorded with another request", hint="record it again"
            )
        return Answered(recorded.response, self._cost(recorded.response, 0.0), 0.0, recorded.latency_s)

    async def _ask_live(self, live: LiveChat, key: str, request: Mapping[str, Any]) -> Answered:
        most = self._most(request)
        if self._cap_usd is not None and self._store.spent(self._run) + most > self._cap_usd:
            raise BrokenRun(
                Broken.CAP, f"a call of up to {most:.4f} US dollars would pass {self._cap_usd:g}", hint="raise the cap"
            )
        asked = dict(request)
        self._store.reserve(key, self._run, most, at=self._clock.now())
        start = time.perf_counter()
        try:
            response = await live(asked, key=key)
        except BrokenRun as error:
            if not error.made:
                self._store.release(key, self._run)
            raise
        cost = self._cost(response, most)
        call = Call(key, asked, response, cost, time.perf_counter() - start, self._clock.now())
        self._store.put(call, self._run)
        if self._mode == "live":
            self._mine[key] = Answered(response, cost, 0.0, call.latency_s)
        return Answered(response, cost, cost, 0.0)

    def _most(self, request: Mapping[str, Any]) -> float:
        """US dollars that a call can cost at most: a token is at least one byte of the request."""
        if self._price is None:
            return 0.0
        limit = request.get("max_completion_tokens") or request.get("max_tokens")
        choices = request.get("n")
        output = limit if isinstance(limit, int) and limit > 0 else DEFAULT_OUTPUT_TOKENS
        output *= choices if isinstance(choices, int) and choices > 1 else 1
        return self._usd(len(json.dumps(request, ensure_ascii=False).encode()), output)

    def _cost(self, response: Mapping[str, Any], unknown: float) -> float:
        """US dollars by the usage that the response reports; `unknown` where it reports none."""
        usage = response.get("usage")
        if self._price is None or not isinstance(usage, Mapping):
            return unknown
        taken, given = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if not (isinstance(taken, int) and isinstance(given, int) and taken >= 0 and given >= 0):
            return unknown
        return self._usd(taken, given)

    def _usd(self, taken: int, given: int) -> float:
        if self._price is None:
            return 0.0
        return (taken * self._price.input_per_mtok_usd + given * self._price.output_per_mtok_usd) / 1e6


class TrialChat:
    """The chat of one trial: counts its calls and their cost, and remembers whether one broke.

    An app may catch the exception of a broken call and answer regardless; the trial is broken all the same.

    Args:
        chat: the run's chat; of a plain one only the calls are counted.
        repeat: which repeat of the case this is, from 0.
        trial_key, trace_id, bundle: what a target outside the process is told about its trial.
        patience: what the trial may still wait to ask again; None leaves that to each call.
    """

    def __init__(
        self,
        chat: Chat,
        *,
        repeat: int,
        trial_key: str,
        trace_id: str,
        bundle: str,
        patience: Patience | None = None,
    ) -> None:
        self._patience = patience
        self.repeat, self.trial_key, self.trace_id, self.bundle = repeat, trial_key, trace_id, bundle
        self.calls, self.cost_usd, self.paid_usd, self.replayed_s = 0, 0.0, 0.0, 0.0
        self.broken: BrokenRun | None = None
        self._ask: Callable[..., Awaitable[Answered]] = chat.ask if isinstance(chat, RecordedChat) else _plain(chat)
        self._seen: Counter[str] = Counter()

    async def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """One call. Raises BrokenRun; FailedRun when the request is no plain JSON."""
        try:
            name = json.dumps(request, sort_keys=True, ensure_ascii=False)
        except (TypeError, ValueError) as error:
            raise FailedRun(Fault.CRASH, f"the app's request is no plain JSON: {error}") from error
        index = self._seen[name]
        self._seen[name] += 1
        token = PATIENCE.set(self._patience)
        try:
            answered = await self._ask(request, index=index, repeat=self.repeat)
        except BrokenRun as error:
            self.broken = error
            raise
        finally:
            PATIENCE.reset(token)
        self.calls += 1
        self.cost_usd += answered.cost_usd
        self.paid_usd += answered.paid_usd
        self.replayed_s += answered.replayed_s
        return answered.response


def _plain(chat: Chat) -> Callable[..., Awaitable[Answered]]:
    async def ask(request: Mapping[str, Any], *, index: int, repeat: int) -> Answered:
        return Answered(await chat(request))

    return ask


class NoChat:
    """The chat of a run without a model: whoever asks it breaks their trial."""

    async def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises BrokenRun."""
        raise BrokenRun(Broken.RECORDING, "there is no model to ask in this run")
