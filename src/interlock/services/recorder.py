"""Answers by key: what was kept is used again, what is asked is kept, and a key is asked once at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from interlock.core.broken import BrokenRun
from interlock.core.json_text import parse_jsonl
from interlock.core.manifest import CallMode
from interlock.core.score import Broken
from interlock.ports import Call, CallStore


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


class Recorder:
    """What a run asks and what it uses again, in one of four modes.

    - live: everything is asked, once in a run; nothing from before is used.
    - record: what the store has is not asked again; recording files are not used.
    - replay-or-live: what neither the store nor the recordings have is asked.
    - replay-strict: nothing is asked; what is not recorded breaks its trial.

    Args:
        mode: as above.
        store: where answers are kept.
        run: the id under which their money is counted.
        recordings: answers by key, see `parse_recordings`.
        cost: US dollars that a recorded response cost when it was made.
    """

    def __init__(
        self,
        mode: CallMode,
        store: CallStore,
        run: str,
        recordings: Mapping[str, RecordedCall],
        cost: Callable[[Mapping[str, Any]], float],
    ) -> None:
        self._mode, self._store, self._run = mode, store, run
        self._recordings, self._cost = recordings, cost
        self._mine: dict[str, Answered] = {}
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def answer(self, key: str, request: Mapping[str, Any], ask: Callable[[], Awaitable[Call]] | None) -> Answered:
        """What was kept under a key, or what `ask` brings, which is kept; two who want the same wait for one of them.

        Args:
            request: must be the one that a recording of this key was made of.
            ask: None where there is nobody to ask.
        Raises: BrokenRun: not recorded; and what `ask` raises.
        """
        if (known := self._known(key, request)) is not None:
            return known
        if self._mode == "replay-strict" or ask is None:
            raise BrokenRun(
                Broken.RECORDING, f"call `{key[7:19]}` is not recorded", hint="run with `calls: record` and an endpoint"
            )
        lock = self._asking.setdefault(key, asyncio.Lock())
        async with lock:
            if (known := self._known(key, request)) is not None:
                return known
            call = await ask()
            self._store.put(call, self._run)
            if self._mode == "live":
                self._mine[key] = Answered(call.response, call.cost_usd, 0.0, call.latency_s)
            return Answered(call.response, call.cost_usd, call.cost_usd, 0.0)

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
        return Answered(recorded.response, self._cost(recorded.response), 0.0, recorded.latency_s)
