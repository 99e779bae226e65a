"""Work between two event loops: every result comes back to whoever sent it, and nobody is woken more often than needed."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.adapters.targets.post import Errand, Post

WHO: ContextVar[str] = ContextVar("who", default="nobody")


@pytest.fixture
def other() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs in a thread of its own."""
    yield from _other()


def _other() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def send(work: Coroutine[Any, Any, Any], there: Post) -> Any:
    return await Errand(work, there, Post(asyncio.get_running_loop())).answer


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40))
def test_each_sender_gets_what_its_own_work_came_to(jobs: list[tuple[int, bool]]) -> None:
    async def work(at: int, pauses: int, fails: bool) -> int:
        for _ in range(pauses):
            await asyncio.sleep(0)
        if fails:
            raise ValueError(at)
        return at

    async def all_of_them(loop: asyncio.AbstractEventLoop) -> list[Any]:
        there, back = Post(loop), Post(asyncio.get_running_loop())
        answers = [Errand(work(at, *job), there, back).answer for at, job in enumerate(jobs)]
        return await asyncio.gather(*answers, return_exceptions=True)

    for loop in _other():
        found = asyncio.run(all_of_them(loop))
        assert [value.args[0] if isinstance(value, ValueError) else value for value in found] == list(range(len(jobs)))
        assert [isinstance(value, ValueError) for value in found] == [fails for _, fails in jobs]


def test_work_that_is_sent_together_wakes_the_other_loop_once(
    other: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[object] = []
    wake = other.call_soon_threadsafe
    monkeypatch.setattr(
        other, "call_soon_threadsafe", lambda act, *more, **k: woken.append(act) or wake(act, *more, **k)
    )

    async def nothing() -> None:
        return None

    async def eight() -> None:
        there, back = Post(other), Post(asyncio.get_running_loop())
        await asyncio.gather(*(Errand(nothing(), there, back).answer for _ in range(8)))

    asyncio.run(eight())
    assert len(woken) == 1


def test_an_answer_that_is_given_up_cancels_its_work(other: asyncio.AbstractEventLoop) -> None:
    cancelled = threading.Event()

    async def long() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def impatient() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await send(long(), Post(other))

    asyncio.run(impatient())
    assert cancelled.wait(5)


def test_work_runs_in_the_context_that_it_was_sent_from(other: asyncio.AbstractEventLoop) -> None:
    async def who() -> str:
        return WHO.get()

    async def as_(name: str, there: Post, back: Post) -> str:
        WHO.set(name)
        answer: str = await Errand(who(), there, back).answer
        return answer

    async def both() -> list[str]:
        there, back = Post(other), Post(asyncio.get_running_loop())
        return await asyncio.gather(as_("ann", there, back), as_("ben", there, back))

    assert asyncio.run(both()) == ["ann", "ben"]


def test_a_sender_whose_loop_ended_before_it_rang_does_not_silence_the_next(other: asyncio.AbstractEventLoop) -> None:
    there = Post(other)

    async def one() -> int:
        return 1

    async def leaves_at_once() -> None:
        Errand(one(), there, Post(asyncio.get_running_loop()))

    asyncio.run(leaves_at_once())
    assert asyncio.run(send(one(), there)) == 1


def test_nothing_is_sent_to_a_loop_that_is_closed() -> None:
    loop = asyncio.new_event_loop()
    loop.close()

    async def one() -> int:
        return 1

    work = one()
    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(send(work, Post(loop)))
    work.close()
