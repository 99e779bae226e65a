"""How long a run may wait before it asks again, and the time of one attempt, which waits do not use up."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from interlock.core.broken import BrokenRun

MAX_WAIT_S = 60.0
"""Seconds that one trial may spend waiting to ask again, over all its calls and tries."""
MAX_RUN_WAIT_S = 300.0
"""Seconds of a run in which anything may wait to ask again."""


class Patience:
    """What may still be waited before a call is made again.

    Args:
        seconds: in total, 0 or more. Waits that overlap count once.
        of: the patience of the whole, which is used up as well.
    """

    def __init__(self, seconds: float, of: "Patience | None" = None) -> None:
        self._left_s, self._of, self._until = seconds, of, 0.0

    def take(self, seconds: float) -> bool:
        """Whether these seconds, from now on, may be waited; if so they count as spent."""
        if not self._allows(seconds):
            return False
        self._spend(seconds)
        return True

    def _allows(self, seconds: float) -> bool:
        return self._more(seconds) <= self._left_s and (self._of is None or self._of._allows(seconds))

    def _spend(self, seconds: float) -> None:
        self._left_s -= self._more(seconds)
        self._until = max(self._until, time.monotonic() + seconds)
        if self._of is not None:
            self._of._spend(seconds)

    def _more(self, seconds: float) -> float:
        now = time.monotonic()
        return max(0.0, now + seconds - max(now, self._until))


class Stopwatch:
    """The time of one attempt: it stands still while the attempt waits for its turn, or to ask again.

    Args:
        timeout: what ends the attempt; it is put off by the time that was waited. None where nothing does.
    """

    def __init__(self, timeout: asyncio.Timeout | None = None) -> None:
        self._timeout, self._waiting, self._since, self._left_s = timeout, 0, 0.0, 0.0
        self.waited_s = 0.0

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Inside, no time of the attempt passes. Calls of one attempt may wait at once: that time counts once."""
        if self._waiting == 0:
            self._since = time.monotonic()
            timeout = self._timeout
            if timeout is not None and not timeout.expired() and (ends := timeout.when()) is not None:
                self._left_s = ends - asyncio.get_running_loop().time()
                timeout.reschedule(None)
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if self._waiting == 0:
                self.waited_s += time.monotonic() - self._since
                if self._timeout is not None and not self._timeout.expired():
                    self._timeout.reschedule(asyncio.get_running_loop().time() + self._left_s)

    def stop(self) -> None:
        """The attempt is over: what still waits on its behalf moves nothing any more."""
        self._timeout = None


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf an endpoint is asked: what may be waited, and the time that stands still meanwhile."""

    patience: Patience = field(default_factory=lambda: Patience(MAX_WAIT_S))
    watch: Stopwatch = field(default_factory=Stopwatch)


def impatient(error: BrokenRun, wait_s: float) -> BrokenRun:
    """The error of a call that would have to wait for longer than may be waited: it is final and says what was asked."""
    return BrokenRun(
        error.broken,
        f"asked to wait {wait_s:g} s, which is more than may be waited; {error.detail}",
        hint="lower `run.concurrency` or `run.rpm`, or ask again later",
        retry=False,
        retry_after_s=error.retry_after_s,
        made=error.made,
    )
