"""Where the app's code runs: beside the runner, so that code that never gives control back stops neither it nor Ctrl-C."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from interlock.adapters.targets.post import Errand, Post
from interlock.core.errors import TargetError

MAX_STUCK_LOOPS = 4
MAX_STUCK_CALLS = 16
"""Event loops and threads of the app that may be given up before the run stops: what they hold cannot be taken back."""
GRACE_S = 1.0
"""Seconds in which the app's event loop must show that it lives, after a trial on it was given up."""


class StuckApp(TargetError):
    """The app holds so many threads for good that going on makes no sense."""

    code = "target.stuck"


class AppThreads:
    """Runs coroutines of the app on an event loop of their own, and plain functions in a thread each.

    All threads are daemons: one that hangs does not keep the process from ending. A trial that is given up, because its
    time ran out or the run was stopped, is cancelled. When the app's event loop does not notice, because the app blocks
    it, the loop is left behind and the next trial gets a new one; the trials that were under way on it time out. What
    holds the interpreter itself, such as a C extension that never releases it, can only be run as a command target.
    """

    def __init__(self) -> None:
        self._loop: _Loop | None = None
        self._left: list[_Loop] = []
        self._calls: list[threading.Thread] = []

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Await a coroutine on the app's loop. Raises what it raises; StuckApp when too many loops are blocked."""
        try:
            loop = await self._living()
        except BaseException:
            work.close()
            raise
        try:
            return await loop.submit(work)
        except asyncio.CancelledError:
            loop.suspect()
            raise

    async def call(self, work: Callable[[], Any]) -> Any:
        """Call a function in a thread of its own. Raises what it raises; StuckApp when too many never returned."""
        self._calls = [thread for thread in self._calls if thread.is_alive()]
        if len(self._calls) >= MAX_STUCK_CALLS:
            raise _stuck(f"{len(self._calls)} calls of the app were given up and never returned")
        thread, future = in_thread(work)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            self._calls.append(thread)
            raise

    def close(self) -> None:
        """Stop the loops that still listen."""
        for loop in (*self._left, *([self._loop] if self._loop else [])):
            loop.stop()
        self._loop, self._left = None, []

    async def _living(self) -> "_Loop":
        loop = self._loop
        if (
            loop is not None and loop.silent and not await loop.lives() and self._loop is loop
        ):  # not noticed by others yet
            self._left.append(loop)
            self._loop = None
        if self._left and sum(left.silent for left in self._left) >= MAX_STUCK_LOOPS:
            raise _stuck(f"the app blocked {MAX_STUCK_LOOPS} event loops and gave none of them back")
        if self._loop is None:
            self._loop = _Loop()
        return self._loop


class _Loop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(_DaemonThreads())
        self._inbox = Post(self._loop)
        self._back: Post | None = None
        self._sign: Future[None] = Future()
        self._sign.set_result(None)
        self._asked_at = 0.0
        self._thread = threading.Thread(target=self._serve, daemon=True, name="interlock-app")
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Future[Any]":
        here = asyncio.get_running_loop()
        if self._back is None or self._back.loop is not here:
            self._back = Post(here)
        return Errand(_contained(work), self._inbox, self._back).answer

    def suspect(self) -> None:
        """Ask the loop for a sign of life; `lives` looks whether one came."""
        if self._sign.done():
            self._sign, self._asked_at = Future(), time.monotonic()
            self._loop.call_soon_threadsafe(self._sign.set_result, None)

    @property
    def silent(self) -> bool:
        """Whether it still owes a sign of life."""
        return not self._sign.done()

    async def lives(self) -> bool:
        """False when it was asked for a sign of life and gave none within the grace."""
        if self.silent:
            left_s = self._asked_at + GRACE_S - time.monotonic()
            await asyncio.wait({asyncio.wrap_future(self._sign)}, timeout=max(0.0, left_s))
        return not self.silent

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        if not self.silent:
            self._thread.join(GRACE_S)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            rest = asyncio.all_tasks(self._loop)
            for task in rest:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()


class Escaped(Exception):
    """An exception of the app that would end a thread or an event loop rather than a call, such as SystemExit."""


async def _contained(work: Coroutine[Any, Any, Any]) -> Any:
    task = asyncio.current_task()
    try:
        return await work
    except asyncio.CancelledError as error:
        if task is not None and task.cancelling():
            raise
        raise Escaped(_named(error)) from error
    except (Exception, GeneratorExit):
        raise
    except BaseException as error:
        raise Escaped(_named(error)) from error


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def in_thread(work: Callable[[], Any]) -> "tuple[threading.Thread, Future[Any]]":
    """Start a function in a daemon thread."""
    future: Future[Any] = Future()

    def run() -> None:
        value, fault = None, None
        try:
            value = work()
        except Exception as error:  # noqa: BLE001  handed to whoever waits, who raises it
            fault = error
        except BaseException as error:  # noqa: BLE001  a thread has nobody else to tell
            fault = Escaped(_named(error))
        if not future.set_running_or_notify_cancel():
            return  # it was given up
        if fault is None:
            future.set_result(value)
        else:
            future.set_exception(fault)

    thread = threading.Thread(target=run, daemon=True, name="interlock-app-call")
    thread.start()
    return thread, future


class _DaemonThreads(ThreadPoolExecutor):
    """What `asyncio.to_thread` of the app uses: a daemon thread a call, which the end of the process does not wait for."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        return in_thread(lambda: fn(*args, **kwargs))[1]


def _stuck(message: str) -> StuckApp:
    return StuckApp(
        message, hint="never block in `async def`, give what you wait for a time limit, or use a command target"
    )
