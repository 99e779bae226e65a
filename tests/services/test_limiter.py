"""The limiter: as many at once as an endpoint takes, as often as it permits, and nobody before it said so."""

import asyncio
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.core.broken import BrokenRun
from interlock.core.manifest import RunSpec
from interlock.core.score import Broken
from interlock.patience import MAX_WAIT_S, Caller, Patience, Stopwatch
from interlock.services.limiter import Bucket, Limiter, Pacing


class Endpoint:
    """Takes so many calls at once and refuses the others; notes when it was asked."""

    def __init__(self, takes: int = 1_000, took_s: float = 0.002) -> None:
        self.takes, self.took_s = takes, took_s
        self.under_way, self.most, self.refused, self.at = 0, 0, 0, list[float]()

    async def __call__(self) -> str:
        self.at.append(time.monotonic())
        if self.under_way >= self.takes:
            self.refused += 1
            await asyncio.sleep(self.took_s / 2)
            raise BrokenRun(Broken.RATE_LIMIT, "status 429", made=False)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(self.took_s)
        finally:
            self.under_way -= 1
        return "answer"


async def ask(limiter: Limiter, call: object, **more: object) -> object:
    return await limiter.ask(call, caller=Caller(), attempts=3, **more)  # type: ignore[arg-type]


@given(
    rate=st.floats(1, 10_000),
    asked=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 200), st.floats(0, 1)), min_size=1, max_size=60),
)
@settings(max_examples=200, deadline=None)
def test_no_minute_sees_more_than_the_rate_one_second_of_it_and_one_request(
    rate: float, asked: list[tuple[float, float, float]]
) -> None:
    now, bucket, taken = 100.0, Bucket(rate, now=100.0), list[tuple[float, float]]()
    for pause_s, amount, used in asked:
        now += pause_s
        wait_s = bucket.wait_s(amount, now)
        now += wait_s
        assert bucket.wait_s(amount, now) <= 1e-6
        bucket.take(amount, now)
        bucket.take(amount * used - amount, now)  # given back at once: what counts is what was used
        taken.append((now, amount * used))
    burst, largest = max(1.0, rate / 60), max(amount for _, amount, _ in asked)
    for start, _ in taken:
        within = sum(amount for at, amount in taken if start <= at < start + 60)
        assert within <= rate + burst + largest + 1e-6


async def test_requests_are_spread_over_the_minute() -> None:
    endpoint, limiter = Endpoint(took_s=0), Limiter(rpm=60 * 50)
    start = time.monotonic()
    await asyncio.gather(*(ask(limiter, endpoint) for _ in range(80)))
    assert 0.5 <= time.monotonic() - start < 3  # 50 at once, 30 more at 50 a second
    assert all(len([at for at in endpoint.at if t <= at < t + 0.1]) <= 56 for t in endpoint.at)


async def test_tokens_are_taken_by_the_most_and_given_back_by_what_was_used() -> None:
    for used, at_least, at_most in ((1000.0, 0.25, 2.0), (10.0, 0.0, 0.2)):
        endpoint, limiter = Endpoint(took_s=0), Limiter(tpm=60 * 10_000)
        start = time.monotonic()
        for _ in range(14):
            await ask(limiter, endpoint, tokens=1000.0, used=lambda _, used=used: used)
        assert at_least <= time.monotonic() - start < at_most


async def test_an_endpoint_that_is_asked_too_much_is_asked_less_at_once_until_it_keeps_up() -> None:
    endpoint, limiter = Endpoint(takes=4), Limiter(most=64)
    answers = await asyncio.gather(*(limiter.ask(endpoint, caller=Caller(), attempts=10) for _ in range(300)))
    assert answers == ["answer"] * 300
    assert endpoint.most == 4
    assert limiter.window < 16
    # Without easing off, each of the 300 would be refused by an endpoint that takes 4 of 64.
    assert endpoint.refused < 150


async def test_one_burst_of_refusals_halves_the_window_once_and_answers_open_it_again() -> None:
    endpoint, limiter = Endpoint(takes=0), Limiter(most=16)
    await asyncio.gather(
        *(limiter.ask(endpoint, caller=Caller(), attempts=1) for _ in range(16)), return_exceptions=True
    )
    assert limiter.window == 8
    endpoint.takes = 1_000
    for _ in range(200):
        await ask(limiter, endpoint)
    assert limiter.window == 16


async def test_what_breaks_otherwise_says_nothing_of_the_load() -> None:
    async def wrong() -> str:
        raise BrokenRun(Broken.PROTOCOL, "status 400")

    limiter = Limiter(most=16)
    with pytest.raises(BrokenRun):
        await ask(limiter, wrong)
    assert limiter.window == 16


async def test_a_pause_that_one_call_was_asked_for_holds_back_all_of_them() -> None:
    at: list[float] = []

    async def call() -> str:
        at.append(time.monotonic())
        if len(at) == 1:
            raise BrokenRun(Broken.RATE_LIMIT, "status 429", retry_after_s=0.4, made=False)
        await asyncio.sleep(0)
        return "answer"

    limiter = Limiter(most=8)
    first = asyncio.create_task(ask(limiter, call))
    await asyncio.sleep(0.05)
    await asyncio.gather(first, *(ask(limiter, call) for _ in range(5)))
    assert len(at) == 7
    assert min(at[1:]) - at[0] >= 0.39


async def test_nobody_asks_an_endpoint_that_wants_a_longer_pause_than_may_be_waited() -> None:
    asked = []

    async def call() -> str:
        asked.append(1)
        raise BrokenRun(Broken.RATE_LIMIT, "status 429: come back tomorrow", retry_after_s=3600, made=False)

    limiter = Limiter(most=8)
    start = time.monotonic()
    for number in range(3):
        with pytest.raises(BrokenRun) as caught:
            await ask(limiter, call)
        fault = caught.value
        assert (fault.broken, fault.retry, fault.made) == (Broken.RATE_LIMIT, False, False), number
        assert "come back tomorrow" in fault.detail
    assert "3600 s" in fault.detail
    assert (len(asked), time.monotonic() - start < 1) == (1, True)


async def test_it_is_asked_again_only_after_transport_broke_and_says_whether_anything_may_have_been_done() -> None:
    for kinds, tries, made in (
        ([Broken.SERVER, Broken.RATE_LIMIT], 3, True),
        ([Broken.REFUSED, Broken.RATE_LIMIT, Broken.REFUSED], 3, False),
        ([Broken.PROTOCOL], 1, True),
    ):
        at: list[float] = []

        async def call(kinds: list[Broken] = kinds, at: list[float] = at) -> str:
            at.append(time.monotonic())
            if len(at) <= len(kinds):
                kind = kinds[len(at) - 1]
                raise BrokenRun(kind, "x", made=kind in {Broken.SERVER, Broken.PROTOCOL})
            return "answer"

        limiter = Limiter()
        if len(kinds) == 2:
            assert await ask(limiter, call) == "answer"
            assert at[1] - at[0] >= 0.25
            assert at[2] - at[1] >= 0.5
        else:
            with pytest.raises(BrokenRun) as caught:
                await ask(limiter, call)
            assert (caught.value.retry, caught.value.made) == (False, made)
        assert len(at) == tries


async def test_whoever_comes_first_is_served_first() -> None:
    order: list[int] = []

    async def one(limiter: Limiter, number: int) -> None:
        async with limiter.turn(Caller(), tokens=1.0 if number % 2 else 900.0):
            order.append(number)

    limiter = Limiter(most=2, tpm=60_000)
    await asyncio.gather(*(one(limiter, number) for number in range(6)))
    assert order == sorted(order)


async def test_a_call_that_is_given_up_gives_its_place_back() -> None:
    limiter = Limiter(most=1)
    hanging = asyncio.create_task(limiter.ask(lambda: asyncio.sleep(60), caller=Caller(), attempts=1))
    waiting = asyncio.create_task(limiter.ask(lambda: asyncio.sleep(60), caller=Caller(), attempts=1))
    await asyncio.sleep(0.01)
    for task in (waiting, hanging):
        task.cancel()
    await asyncio.gather(hanging, waiting, return_exceptions=True)
    async with asyncio.timeout(1):
        assert await ask(limiter, Endpoint()) == "answer"


async def test_all_calls_of_a_trial_share_its_patience() -> None:
    async def call() -> str:
        raise BrokenRun(Broken.SERVER, "x")

    caller, limiter, start = Caller(Patience(0.6)), Limiter(), time.monotonic()
    for _ in range(3):
        with pytest.raises(BrokenRun):
            await limiter.ask(call, caller=caller, attempts=9)
    assert time.monotonic() - start < 0.9


def test_waits_count_in_total_and_a_run_has_a_patience_of_its_own() -> None:
    run = Patience(100)
    first, second = Patience(MAX_WAIT_S, of=run), Patience(MAX_WAIT_S, of=run)
    assert not first.take(MAX_WAIT_S + 1)
    assert first.take(50)
    assert second.take(50)  # at the same time as the first: the run waits once
    assert not Patience(200, of=run).take(101)
    assert not Patience(10).take(float("inf"))


async def test_the_time_of_an_attempt_stands_still_while_any_of_its_calls_waits() -> None:
    timeout = asyncio.timeout(0.2)
    watch = Stopwatch(timeout)

    async def wait(seconds: float) -> None:
        with watch.standing():
            await asyncio.sleep(seconds)

    start = time.monotonic()

    async def attempt() -> None:
        async with timeout:
            await asyncio.gather(wait(0.2), wait(0.4))  # at the same time: 0.4 s in all
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await attempt()
    watch.stop()
    assert 0.55 <= time.monotonic() - start < 1.5
    assert 0.35 <= watch.waited_s < 0.6
    await wait(0.01)  # what is left behind moves nothing, and breaks nothing


def test_one_endpoint_has_one_limiter_whoever_asks_it() -> None:
    pacing = Pacing(RunSpec(concurrency=5, rpm=10))
    model, judge = pacing.of("https://models.example:8443/v1"), pacing.of("https://models.example:8443/judge")
    assert model is judge
    assert model is not pacing.of("https://other.example/v1")
    assert pacing.of("./answer.sh --quick") is pacing.of("./answer.sh --quick")
    assert model.window == 5
    assert all(one is not other for one, other in pairwise([model, pacing.of("command")]))
