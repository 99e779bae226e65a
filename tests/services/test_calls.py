"""Calls: kept by content, replayed exactly, paid once, and never beyond the cap."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from interlock.core.broken import BrokenRun, FailedRun
from interlock.core.errors import CapError, DocumentError
from interlock.core.manifest import Price
from interlock.core.score import Broken, Fault
from interlock.services.calls import RecordedChat, TrialChat, call_key
from interlock.services.recorder import parse_recordings
from interlock.testing import FixedClock, MemoryCallStore

PRICE = Price(as_of="2026-11-22", input_per_mtok_usd=1.0, output_per_mtok_usd=10.0)
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 100}


class Live:
    def __init__(self, fault: BrokenRun | None = None) -> None:
        self.keys: list[str] = []
        self.fault = fault

    async def __call__(self, request: Mapping[str, Any], *, key: str = "") -> Mapping[str, Any]:
        self.keys.append(key)
        await asyncio.sleep(0)
        if self.fault:
            raise self.fault
        usage = {"prompt_tokens": 10, "completion_tokens": 20}
        return {"choices": [{"message": {"content": f"answer {len(self.keys)}"}}], "usage": usage}


def chat(mode: Any, live: Live | None, store: MemoryCallStore, **more: Any) -> RecordedChat:
    return RecordedChat(mode=mode, live=live, store=store, clock=FixedClock(), run="r", fingerprint="f", **more)


def trial(of: RecordedChat, repeat: int = 0) -> TrialChat:
    return TrialChat(of, repeat=repeat, trial_key="k", trace_id="t", bundle="b")


def recording(request: Mapping[str, Any], content: str) -> str:
    row = {"key": call_key("f", request), "request": request, "response": {"choices": content}, "latency_s": 1.5}
    return json.dumps({"recording": 1}) + "\n" + json.dumps(row)


async def test_each_mode_asks_exactly_what_it_should() -> None:
    recordings = parse_recordings([("r.jsonl", recording(ASK, "recorded"))])
    for mode, asked in {"live": 2, "record": 1, "replay-or-live": 0, "replay-strict": 0}.items():
        live, store = Live(), MemoryCallStore()
        await trial(chat(mode, live, store, recordings=recordings))(ASK)
        await trial(chat(mode, live, store, recordings=recordings))(ASK)
        assert len(live.keys) == asked, mode


async def test_replay_never_asks_and_a_miss_breaks_the_trial() -> None:
    live = Live()
    one = trial(chat("replay-strict", live, MemoryCallStore()))
    with pytest.raises(BrokenRun) as caught:
        await one(ASK)
    assert caught.value.broken is Broken.RECORDING
    assert one.broken is caught.value
    assert live.keys == []


async def test_identical_requests_of_a_trial_and_repeats_are_calls_of_their_own() -> None:
    live, store = Live(), MemoryCallStore()
    own = chat("record", live, store)
    first = trial(own)
    texts = [(await first(ASK))["choices"][0]["message"]["content"] for _ in range(2)]
    again = trial(own)
    assert texts == [(await again(ASK))["choices"][0]["message"]["content"] for _ in range(2)]
    await trial(own, repeat=1)(ASK)
    assert live.keys == [call_key("f", ASK, index=0), call_key("f", ASK, index=1), call_key("f", ASK, repeat=1)]
    assert (first.calls, again.calls, again.paid_usd) == (2, 2, 0.0)


@pytest.mark.parametrize("mode", ["live", "record", "replay-or-live"])
async def test_two_trials_with_one_request_pay_once(mode: Any) -> None:
    live, store = Live(), MemoryCallStore()
    own = chat(mode, live, store, price=PRICE, cap_usd=1.0)
    await asyncio.gather(*(trial(own)(ASK) for _ in range(5)))
    assert len(live.keys) == 1
    assert store.spent("r") == pytest.approx((10 * 1 + 20 * 10) / 1e6)


async def test_a_replayed_call_counts_with_the_time_and_money_that_it_once_took() -> None:
    recordings = parse_recordings([("r.jsonl", recording(ASK, "x"))])
    one = trial(chat("replay-strict", None, MemoryCallStore(), recordings=recordings))
    await one(ASK)
    assert (one.calls, one.replayed_s, one.paid_usd) == (1, 1.5, 0.0)


async def test_the_cap_is_kept_before_the_call_and_never_after() -> None:
    live, store = Live(), MemoryCallStore()
    own = chat("live", live, store, price=PRICE, cap_usd=0.0025)  # a call can cost a little more than 0.001
    broken = 0
    for number in range(20):
        try:
            await trial(own)({**ASK, "seed": number})
        except BrokenRun as error:
            broken += error.broken is Broken.CAP
        assert store.spent("r") <= 0.0025
    assert broken > 0
    assert len(live.keys) == 20 - broken


async def test_what_was_spent_before_counts_and_is_added_up_once() -> None:
    class Counting(MemoryCallStore):
        sums = 0

        def spent(self, run: str) -> float:
            self.sums += 1
            return super().spent(run)

    store = Counting()
    store.reserve("sha256:before", "r", 0.9985, at=FixedClock().now())
    own = chat("live", Live(), store, price=PRICE, cap_usd=1.0)
    for number in range(5):  # each settles for 0.00021 of the 0.0011 that it reserves
        request = trial(own)({**ASK, "seed": number})
        if number < 2:
            await request
        else:
            with pytest.raises(BrokenRun, match="would pass 1"):
                await request
    assert store.sums == 1


def test_a_cap_without_a_price_starts_nothing() -> None:
    with pytest.raises(CapError):
        chat("record", Live(), MemoryCallStore(), cap_usd=1.0)
    chat("replay-strict", Live(), MemoryCallStore(), cap_usd=1.0)


@pytest.mark.parametrize(("made", "kept"), [(True, True), (False, False)])
async def test_money_stays_reserved_where_the_call_may_have_been_made(made: bool, kept: bool) -> None:
    store = MemoryCallStore()
    own = chat("record", Live(BrokenRun(Broken.SERVER, "x", made=made)), store, price=PRICE, cap_usd=1.0)
    with pytest.raises(BrokenRun):
        await trial(own)(ASK)
    assert (store.spent("r") > 0) is kept


async def test_a_call_that_was_cut_off_is_sent_again_under_its_own_key_and_stays_counted() -> None:
    class Hangs(Live):
        async def __call__(self, request: Mapping[str, Any], *, key: str = "") -> Mapping[str, Any]:
            self.keys.append(key)
            await asyncio.sleep(60)
            return {}

    store, hanging, live = MemoryCallStore(), Hangs(), Live()
    task = asyncio.create_task(trial(chat("record", hanging, store, price=PRICE, cap_usd=1.0))(ASK))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    reserved = store.spent("r")
    assert reserved > 0
    await trial(chat("record", live, store, price=PRICE, cap_usd=1.0))(ASK)
    assert live.keys == hanging.keys
    assert store.spent("r") > reserved


async def test_a_recording_of_another_request_under_the_same_key_is_refused() -> None:
    row = {"key": call_key("f", ASK), "request": {**ASK, "seed": 1}, "response": {}}
    own = chat("replay-strict", None, MemoryCallStore(), recordings=parse_recordings([("r", json.dumps(row))]))
    with pytest.raises(BrokenRun, match="another request"):
        await trial(own)(ASK)


@pytest.mark.parametrize(
    "row", [{"recording": 2}, {"key": "k"}, {"key": "k", "request": {}, "response": {}, "latency_s": -1}, []]
)
def test_a_recording_that_is_not_understood_is_refused(row: Any) -> None:
    with pytest.raises(DocumentError):
        parse_recordings([("r.jsonl", json.dumps(row))])


async def test_a_request_that_is_no_json_is_a_fault_of_the_app() -> None:
    one = trial(chat("live", Live(), MemoryCallStore()))
    with pytest.raises(FailedRun) as caught:
        await one({"messages": {1, 2}})
    assert caught.value.fault is Fault.CRASH
    assert one.broken is None
