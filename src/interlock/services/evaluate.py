"""Run suites through a target: bounded, resumable, each trial stored before it is scored, nothing paid twice."""

import asyncio
import secrets
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from interlock.core.broken import BrokenRun, FailedRun
from interlock.core.digest import Digest, canonical, of_bytes
from interlock.core.manifest import Part, Price, RunSpec
from interlock.core.score import Absent, Broken, CaseResult, Reply, Score, Scored, Trial, Unscored
from interlock.core.suite import Case, Suite
from interlock.patience import MAX_RUN_WAIT_S, MAX_WAIT_S, Caller, Patience, Stopwatch, impatient
from interlock.ports import Attempt, Chat, Clock, Progress, Scorer, Target, TargetReply, TrialStore
from interlock.services.calls import TrialChat
from interlock.services.curtail import Curtailer, StopSlice
from interlock.services.limiter import BACKOFF_S, Limiter

if TYPE_CHECKING:
    from interlock.services.parts import Loaded

BATCH = 256
"""Trials that are stored together at most."""
BATCH_S = 0.25
"""Seconds that a finished trial waits at most before it is stored."""


@dataclass(frozen=True)
class Run:
    """What came of the suites. `results` by `suite/case`; `calls` and `cost_usd` are of this run, without the reused."""

    id: str
    upstream: Mapping[str, str]
    # asyncio prints the result of its main task when it takes its signal handler off: not thousands of replies.
    suites: tuple[Suite, ...] = field(repr=False)
    results: Mapping[str, CaseResult] = field(repr=False)
    truncated: bool
    calls: int
    reused: int
    cost_usd: float
    started: datetime
    finished: datetime
    bundle: str = ""
    outside_usd: float = 0.0
    """US dollars of `cost_usd` that the target reported itself, beside those that were counted call by call."""

    @property
    def curtailed(self) -> int:
        """Trials that were not asked because the verdict of their slices stood."""
        return sum(result.curtailed for result in self.results.values())

    @property
    def faults(self) -> Mapping[str, int]:
        """How many trials the app failed by itself, by kind."""
        kinds = (trial.fault for result in self.results.values() for trial in result.trials)
        return dict(sorted(Counter(kind.value for kind in kinds if kind is not None).items()))


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run would ask.

    asked, reused: trials. calls_max: calls, if each trial makes as many as the busiest stored one (at least two: the
    target and a model). cost_max_usd: what the run cannot go beyond, None without a bound. seconds: by the stored
    trials' median time and `rpm`, None when nothing is stored.
    """

    asked: int
    reused: int
    calls_max: int
    cost_max_usd: float | None
    seconds: float | None


def trial_key(upstream: Mapping[str, str], case: Case, repeat: int) -> Digest:
    """The name of a trial: everything upstream of the reply, the request alone, and the repeat."""
    return _trial_key(canonical(dict(upstream)), case, repeat)


def _trial_key(upstream: bytes, case: Case, repeat: int) -> Digest:
    """`of_value({"upstream", "request", "repeat"}, "interlock.trial.v1")`, with what all trials share written once."""
    named = b'{"repeat":%d,"request":"%s","upstream":%s}' % (repeat, case.request_digest.encode(), upstream)
    return of_bytes(b"interlock.trial.v1\0" + named)


def trial_keys(suites: Sequence[Suite], upstream: Mapping[str, str], repeats: int) -> set[Digest]:
    """The names of all trials of these suites, the repeats of each case included."""
    shared = canonical(dict(upstream))
    return {_trial_key(shared, case, r) for suite in suites for case in suite.cases for r in range(repeats)}


def plan_run(
    loaded: "Loaded", suites: Sequence[Suite], *, upstream: Mapping[str, str], trials: TrialStore, run: RunSpec
) -> RunPlan:
    """What `evaluate` would ask with the same arguments; asks and spends nothing."""
    keys = trial_keys(suites, upstream, run.repeats)
    known = trials.find(keys)
    asked = len(keys) - len(known)
    busiest = max((attempt.trial.calls for attempt in known.values()), default=0)
    price = _price(loaded)
    free = run.calls == "replay-strict" or (
        price is not None and not (price.input_per_mtok_usd or price.output_per_mtok_usd)
    )
    took = [attempt.trial.latency_s for attempt in known.values()]
    paced_s = 60.0 * asked * max(1, busiest) / run.rpm if run.rpm else 0.0
    return RunPlan(
        asked=asked,
        reused=len(known),
        calls_max=asked * max(2, busiest),
        cost_max_usd=0.0 if free or not asked else run.cost_cap_usd,
        seconds=max(median(took) * asked / run.concurrency, paced_s) if took else None if asked else 0.0,
    )


def _price(loaded: "Loaded") -> Price | None:
    model = loaded.bundle.components.get(Part.MODEL)
    price = None if model is None else model.spec.get("price")
    return None if price is None else Price.model_validate(price)


async def evaluate(
    loaded: "Loaded",
    suites: Sequence[Suite],
    *,
    root: Path,
    target: Target,
    chat: Chat,
    trials: TrialStore,
    run: RunSpec,
    run_id: str,
    upstream: Mapping[str, str],
    scorers: Sequence[Scorer],
    clock: Clock,
    progress: Progress,
    limiter: Limiter | None = None,
    stop_slice: StopSlice | None = None,
) -> Run:
    """Ask what is not stored yet, store each trial, then score all of them.

    Args:
        root: folder with the bundle's files, from which the app reads.
        chat: the run's model; a `RecordedChat` keeps, caps and replays.
        run: concurrency, time limits, tries, repeats, cap.
        upstream: digests of all that shapes a reply: the six runtime parts, `app` and `target`.
        limiter: of the endpoint that the target itself asks, such as an app behind HTTP; None where it asks none, or asks
            through `chat`.
        stop_slice: says of a slice whether its verdict stands whatever its other cases do; their cases are then not
            asked any more, unless another slice needs them or they must pass.
    Raises: CancelledError after what was finished has been stored; InterlockError when the target cannot run at all
        or a store cannot write. A trial that breaks is in the results.

    Two cases with the same request share a trial: the target cannot tell them apart.
    """
    started = clock.now()
    shared = canonical(dict(upstream))
    keys = {
        (suite.name, case.id, r): (_trial_key(shared, case, r), case)
        for suite in suites
        for case in suite.cases
        for r in range(run.repeats)
    }
    work = {key: (case, at[2]) for at, (key, case) in keys.items()}
    known = trials.find(work)
    curtailer = None
    if stop_slice is not None:
        curtailer = Curtailer(suites, keys, stop_slice, lambda case, own: score_case(case, own, scorers))
        curtailer.saw([(key, attempt.trial) for key, attempt in known.items()])
    runner = _Runner(target, chat, trials, run, run_id, root, loaded.bundle.digest, clock, progress, limiter, curtailer)
    progress.start(", ".join(suite.name for suite in suites), len(work))
    try:
        progress.advance(len(known))
        await runner.ask(deque((key, case, r) for key, (case, r) in work.items() if key not in known))
    finally:
        progress.finish()
    results: dict[str, CaseResult] = {}
    for suite in suites:
        for case in suite.cases:
            own: list[Trial] = []
            for r in range(run.repeats):
                key = keys[suite.name, case.id, r][0]
                if key in known:
                    own.append(replace(known[key].trial, case_id=case.id, repeat=r, reused=True))
                elif key in runner.done:
                    trial = runner.done[key]
                    own.append(trial if trial.case_id == case.id else replace(trial, case_id=case.id))
            # What was neither stored nor asked was curtailed: a worker that stops for any other reason leaves a trial.
            curtailed = run.repeats - len(own)
            results[f"{suite.name}/{case.id}"] = score_case(case, own, scorers, curtailed=curtailed)
    return Run(
        id=run_id,
        upstream=dict(upstream),
        suites=tuple(suites),
        results=results,
        truncated=runner.truncated,
        calls=runner.calls,
        reused=len(known),
        cost_usd=runner.paid_usd,
        started=started,
        finished=clock.now(),
        bundle=loaded.bundle.digest,
        outside_usd=runner.outside_usd,
    )


def score_case(case: Case, trials: Sequence[Trial], scorers: Sequence[Scorer], *, curtailed: int = 0) -> CaseResult:
    """Each unbroken trial before each scorer; a broken one has no scores, one that the app failed fails all that apply."""
    scores = tuple(() if trial.broken is not None else _scores(scorers, case, trial) for trial in trials)
    return CaseResult(case.id, case.slices, case.unit, tuple(trials), scores, curtailed)


def _scores(scorers: Sequence[Scorer], case: Case, trial: Trial) -> tuple[Score, ...]:
    reply, fault = trial.reply, trial.fault
    if reply is None:  # only to learn which scorers apply to the case
        permitted = case.expect.outcomes
        reply = Reply("answer" if "answer" in permitted or not permitted else permitted[0], "")
    found: list[Score] = []
    for scorer in scorers:
        name = scorer.name
        try:
            score = scorer.score(case, trial, reply)
        except Exception as error:  # noqa: BLE001  a scorer is a plug-in: its fault counts against the case, and is shown
            score = Unscored(name, Absent.ERROR, f"{type(error).__name__}: {error}"[:300])
        if not isinstance(score, (Scored, Unscored)) or score.scorer != name:
            score = Unscored(name, Absent.ERROR, f"gave no score of its own but `{score!r}`"[:300])
        if fault is not None and isinstance(score, Scored):
            score = Scored(name, 0.0, False, f"{fault.value}: {trial.detail}"[:300])
        found.append(score)
    return tuple(found)


class _Runner:
    """N workers on one queue. `done` holds a trial only after the store has it, or when it was never asked."""

    def __init__(
        self,
        target: Target,
        chat: Chat,
        trials: TrialStore,
        run: RunSpec,
        run_id: str,
        root: Path,
        bundle: str,
        clock: Clock,
        progress: Progress,
        limiter: Limiter | None,
        curtailer: Curtailer | None,
    ) -> None:
        self._target, self._chat, self._trials, self._run, self._run_id = target, chat, trials, run, run_id
        self._root, self._bundle, self._clock, self._progress = root, bundle, clock, progress
        self._limiter, self._curtailer = limiter, curtailer
        self._waiting: list[Attempt] = []
        self._outside_usd = 0.0
        self._patience = Patience(MAX_RUN_WAIT_S)
        self._ends: float | None = None
        self._stopped: Broken | None = None
        self.done: dict[str, Trial] = {}
        self.calls = 0
        self.paid_usd = 0.0

    @property
    def outside_usd(self) -> float:
        """US dollars that the target reported."""
        return self._outside_usd

    @property
    def truncated(self) -> bool:
        """Whether the run stopped before its end: its money was spent, or its time was up."""
        return self._stopped is not None

    async def ask(self, work: deque[tuple[str, Case, int]]) -> None:
        if not work:
            return
        if self._run.run_deadline_s is not None:
            self._ends = asyncio.get_running_loop().time() + self._run.run_deadline_s
        workers = [asyncio.create_task(self._worker(work)) for _ in range(min(self._run.concurrency, len(work)))]
        ticker = asyncio.create_task(self._tick())
        try:
            # The ticker never ends by itself: it is there so that a store that cannot write stops the run.
            await _first_fault(workers, ticker)
        finally:
            for task in (*workers, ticker):
                task.cancel()
            await asyncio.gather(*workers, ticker, return_exceptions=True)
            self._flush()

    async def _worker(self, work: deque[tuple[str, Case, int]]) -> None:
        while work:
            key, case, repeat = work.popleft()
            if self._curtailer is not None and self._curtailer.stops(key):
                self._progress.advance()
                continue
            if self._ends is not None and asyncio.get_running_loop().time() >= self._ends:
                self._stopped = self._stopped or Broken.DEADLINE
            if self._stopped is not None:
                trial = Trial(case.id, repeat, None, self._stopped, "the run had stopped before this case")
                self.done[key] = trial  # never asked, so nothing to store
                self._progress.advance()
                continue
            trial = await self._tries(key, case, repeat)
            self._waiting.append(Attempt(key, self._run_id, trial, self._clock.now()))
            if len(self._waiting) >= BATCH:
                self._flush()
            # A target that never waits would otherwise keep the ticker, and a cancellation, from ever running.
            await asyncio.sleep(0)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(BATCH_S)
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            batch, self._waiting = self._waiting, []
            self._trials.add(batch)
            for attempt in batch:
                self.done[attempt.key] = attempt.trial
            self._progress.advance(len(batch))
            if self._curtailer is not None:
                self._curtailer.saw([(attempt.key, attempt.trial) for attempt in batch])

    async def _tries(self, key: str, case: Case, repeat: int) -> Trial:
        now = asyncio.get_running_loop().time
        patience = Patience(MAX_WAIT_S, of=self._patience)
        until = self._ends
        if self._run.deadline_s is not None:
            until = min(until or float("inf"), now() + self._run.deadline_s)
        for attempt in range(1, self._run.attempts + 1):
            trial, broke = await self._once(key, case, repeat, patience, until)
            self.calls += trial.calls
            if broke is None or not broke.retry or attempt == self._run.attempts:
                break
            wait_s = max(broke.retry_after_s, BACKOFF_S * 2 ** (attempt - 1))
            if not patience.take(wait_s) or (until is not None and now() + wait_s >= until):
                trial = replace(trial, detail=impatient(broke, wait_s).detail)
                break
            await asyncio.sleep(wait_s)
        if trial.broken in (Broken.CAP, Broken.DEADLINE):
            self._stopped = self._stopped or trial.broken
        return trial

    async def _once(
        self, key: str, case: Case, repeat: int, patience: Patience, until: float | None
    ) -> tuple[Trial, BrokenRun | None]:
        run, clock = self._run, asyncio.get_running_loop().time
        trace_id = secrets.token_hex(16)
        timeout = asyncio.timeout(run.timeout_s)
        watch = Stopwatch(timeout)
        caller = Caller(patience, watch)
        chat = TrialChat(
            self._chat, repeat=repeat, trial_key=key, trace_id=trace_id, bundle=self._bundle, caller=caller
        )
        start = time.monotonic()
        reply, broke, failed, calls, outside = None, None, None, 0, 0.0
        try:
            if run.cost_cap_usd is not None and self._outside_usd > run.cost_cap_usd:
                raise BrokenRun(Broken.CAP, f"the target has cost {self._outside_usd:.4f} US dollars")
            async with nullcontext() if until is None else asyncio.timeout_at(until), timeout:
                got = await self._reply(case, repeat, chat, caller)
            reply, calls, outside, trace_id = got.reply, got.calls, got.cost_usd, got.trace_id or trace_id
            if calls + chat.calls == 0:
                reply, broke = None, BrokenRun(Broken.NO_CALL, "neither a model nor a target was called")
        except TimeoutError:
            if self._ends is not None and clock() >= self._ends:
                broke = BrokenRun(Broken.DEADLINE, f"the run was to end after {run.run_deadline_s:g} s")
            elif until is not None and clock() >= until:
                broke = BrokenRun(Broken.TIMEOUT, f"no reply within {run.deadline_s:g} s, tries and waits included")
            else:
                broke = BrokenRun(Broken.TIMEOUT, f"no reply within {run.timeout_s:g} s")
        except FailedRun as error:
            failed, calls = error, 1  # the target itself was called
        except BrokenRun as error:
            broke = error
        watch.stop()
        if chat.broken is not None:  # whatever the app made of it
            reply, broke, failed = None, chat.broken, None
        latency_s = max(0.0, time.monotonic() - start - watch.waited_s) + chat.replayed_s
        self._outside_usd += outside
        self.paid_usd += outside + chat.paid_usd
        trial = Trial(
            case.id,
            repeat,
            reply,
            broken=broke.broken if broke else None,
            detail=broke.detail if broke else failed.detail if failed else "",
            calls=calls + chat.calls,
            cost_usd=outside + chat.cost_usd,
            latency_s=latency_s,
            trace_id=trace_id,
            fault=failed.fault if failed else None,
        )
        return trial, broke

    async def _reply(self, case: Case, repeat: int, chat: TrialChat, caller: Caller) -> TargetReply:
        if self._limiter is None:
            return await self._target.run(case, repeat=repeat, root=self._root, chat=chat)
        async with self._limiter.turn(caller):
            return await self._target.run(case, repeat=repeat, root=self._root, chat=chat)


async def _first_fault(workers: Sequence["asyncio.Task[None]"], ticker: "asyncio.Task[None]") -> None:
    """Wait for all workers; raise as soon as one of them, or the ticker, fails."""
    pending: set[asyncio.Task[None]] = {*workers, ticker}
    while pending != {ticker}:
        finished, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in finished:
            task.result()
