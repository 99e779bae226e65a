"""How long a run may wait before it asks again: shared by the runner and by the targets, and bounded for both."""

import time
from contextvars import ContextVar

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


PATIENCE: ContextVar[Patience | None] = ContextVar("interlock_patience", default=None)
"""The patience of the trial on whose behalf a call is made; None outside any trial."""


def impatient(error: BrokenRun, wait_s: float) -> BrokenRun:
    """The error of a call that would have to wait for longer than may be waited: it is final and says what was asked."""
    return BrokenRun(
        error.broken,
        f"asked to wait {wait_s:g} s, which is more than may be waited; {error.detail}",
        hint="lower `run.concurrency`, or ask again later",
        retry=False,
        retry_after_s=error.retry_after_s,
        made=error.made,
    )
