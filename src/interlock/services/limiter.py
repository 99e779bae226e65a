"""When an endpoint may be asked: as many at once as it takes, as often as it permits, and not before it said so."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlsplit

from interlock.core.broken import TRANSPORT, BrokenRun
from interlock.core.manifest import RunSpec
from interlock.core.score import Broken
from interlock.patience import Caller, impatient

BACKOFF_S = 0.25
"""Pause before the second try of what broke in transport; it doubles from try to try."""
T = TypeVar("T")


class Bucket:
    """A token bucket: what was taken flows back evenly over a minute.

    One second's worth can be taken at once; what is larger is let through when the bucket is full, and leaves a debt.
    So a minute never sees more than the rate, one second's worth and one request.

    Args:
        per_minute: more than 0; None for no limit.
        now: the time on a clock that never goes back, in seconds.
    """

    def __init__(self, per_minute: float | None, *, now: float) -> None:
        self._per_s = None if per_minute is None else per_minute / 60.0
        self._full = 0.0 if self._per_s is None else max(1.0, self._per_s)
        self._level, self._at = self._full, now

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until this amount may be taken; 0 for now."""
        if self._per_s is None:
            return 0.0
        self._flow(now)
        return max(0.0, (min(amount, self._full) - self._level) / self._per_s)

    def take(self, amount: float, now: float) -> None:
        """Take it; a negative amount gives back what turned out not to be needed."""
        if self._per_s is not None:
            self._flow(now)
            self._level = min(self._full, self._level - amount)

    def _flow(self, now: float) -> None:
        self._level = min(self._full, self._level + (now - self._at) * (self._per_s or 0.0))
        self._at = now


class Turn:
    """One call that is under way. `used` tells how many tokens it really took, once that is known."""

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens, self.at, self.used = tokens, at, tokens


class Limiter:
    """The gate before one endpoint, shared by all who ask it: targets, models and judges.

    - Calls at once: each answer widens the window by 1/window, a sign of overload (rate limit, server error, refused
      connection) halves it, once for all calls that were under way together. It begins at its greatest width.
    - Requests and tokens a minute: one token bucket each. Tokens are taken by the most that a call can use and given
      back by what it did use.
    - `Retry-After` of one call holds all of them back.

    Whoever waits is served in the order of arrival.

    Args:
        most: calls at once at most, at least 1.
        rpm, tpm: requests and tokens a minute, more than 0; None for no limit.
    Source: additive increase, multiplicative decrease: Chiu and Jain (1989), Computer Networks and ISDN Systems 17, 1-14.
    """

    def __init__(self, *, most: int = 256, rpm: float | None = None, tpm: float | None = None) -> None:
        now = time.monotonic()
        self._most, self._window = most, float(most)
        self._requests, self._tokens = Bucket(rpm, now=now), Bucket(tpm, now=now)
        self._under_way, self._eased_at, self._open_at = 0, float("-inf"), float("-inf")
        self._asked_for = ""
        self._door, self._left = asyncio.Lock(), asyncio.Event()

    @property
    def window(self) -> int:
        """How many calls may be under way at once now."""
        return int(self._window)

    @asynccontextmanager
    async def turn(self, caller: Caller, *, tokens: float = 0.0) -> AsyncIterator[Turn]:
        """A call inside is made in its turn, and what becomes of it is noted.

        Args:
            caller: who may wait only so long for what the endpoint asked; waiting for a rate of our own is not bounded
                here, deadlines are for that.
            tokens: the most that the call can use.
        Raises: BrokenRun (`rate limit`, never made) when the endpoint asked for a longer pause than may be waited.
        """
        with caller.watch.standing():
            await self._enter(caller, tokens)
        turn = Turn(tokens, time.monotonic())
        try:
            yield turn
        except BrokenRun as error:
            if error.broken in TRANSPORT:
                self._ease(turn, error)
            raise
        else:
            self._window = min(float(self._most), self._window + 1.0 / self._window)
        finally:
            self._under_way -= 1
            self._tokens.take(turn.used - turn.tokens, time.monotonic())
            self._left.set()

    async def ask(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        caller: Caller,
        attempts: int,
        tokens: float = 0.0,
        used: Callable[[T], float | None] = lambda _: None,
    ) -> T:
        """Make a call, and make it again while it breaks in transport: with growing pauses, each try in its turn.

        Args:
            call: one try; every try carries the same idempotency key.
            attempts: tries at most, at least 1.
            used: the tokens that an answer says it took, None where it does not say.
        Raises: BrokenRun, final: after the last try, or when the next one is further away than may be waited. `made` says
            whether any of the tries may have been carried out.
        """
        made = False
        for attempt in range(1, attempts + 1):
            try:
                async with self.turn(caller, tokens=tokens) as turn:
                    answer = await call()
                    took = used(answer)
                    turn.used = turn.tokens if took is None else took
                    return answer
            except BrokenRun as error:
                error.made = made = made or error.made
                if not error.retry or attempt == attempts:
                    error.retry = False  # it was asked often enough
                    raise
                wait_s = max(error.retry_after_s, BACKOFF_S * 2 ** (attempt - 1))
                if not caller.patience.take(wait_s):
                    raise impatient(error, wait_s) from error
            with caller.watch.standing():
                await asyncio.sleep(wait_s)
        raise AssertionError("unreachable: the last try returns or raises")

    async def _enter(self, caller: Caller, tokens: float) -> None:
        async with self._door:  # whoever is first waits for all it needs; the others wait behind it
            while True:
                now = time.monotonic()
                if (pause_s := self._open_at - now) > 0:
                    if not caller.patience.take(pause_s):
                        closed = BrokenRun(Broken.RATE_LIMIT, self._asked_for, retry_after_s=pause_s, made=False)
                        raise impatient(closed, round(pause_s, 1))
                    await asyncio.sleep(pause_s)
                elif self._under_way >= self.window:
                    self._left.clear()
                    await self._left.wait()
                elif wait_s := max(self._requests.wait_s(1.0, now), self._tokens.wait_s(tokens, now)):
                    await asyncio.sleep(wait_s)
                else:
                    break
            self._requests.take(1.0, now)
            self._tokens.take(tokens, now)
            self._under_way += 1

    def _ease(self, turn: Turn, error: BrokenRun) -> None:
        now = time.monotonic()
        if turn.at > self._eased_at:  # what was under way together says the same thing
            self._window, self._eased_at = max(1.0, self._window / 2.0), now
        if now + error.retry_after_s > self._open_at and error.retry_after_s:
            self._open_at, self._asked_for = now + error.retry_after_s, error.detail


class Pacing:
    """The limiters of a run, one for each endpoint, whoever asks there.

    Args:
        run: the limits; they hold for each endpoint by itself.
    """

    def __init__(self, run: RunSpec) -> None:
        self._run = run
        self._limiters: dict[str, Limiter] = {}

    def of(self, endpoint: str) -> Limiter:
        """The limiter of an endpoint; all addresses on one host and port are one endpoint.

        >>> pacing = Pacing(RunSpec())
        >>> pacing.of("https://models.example/v1") is pacing.of("https://models.example/v1/judge")
        True
        """
        name = urlsplit(endpoint).netloc or endpoint
        if name not in self._limiters:
            self._limiters[name] = Limiter(most=self._run.concurrency, rpm=self._run.rpm, tpm=self._run.tpm)
        return self._limiters[name]
