"""The runner: stored before scored, resumed from any point, broken never passes, a wrong answer is never asked again."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from interlock.adapters.sql import SqlTrialStore, open_database
from interlock.core.broken import BrokenRun, FailedRun
from interlock.core.digest import of_value
from interlock.core.manifest import RunSpec
from interlock.core.score import Absent, Broken, Fault, Reply, Score, Trial, Unscored
from interlock.core.suite import Case, Expect, Slice, Suite, SuiteKind
from interlock.ports import Chat, TargetReply
from interlock.scorers import default_scorers
from interlock.services.calls import NoChat
from interlock.services.evaluate import Run, evaluate, plan_run, trial_key
from interlock.testing import FixedClock, MemoryTrialStore

LOADED: Any = SimpleNamespace(bundle=SimpleNamespace(digest="sha256:" + "0" * 64, components={}))
UPSTREAM = {"model": "sha256:" + "1" * 64, "app": "sha256:" + "2" * 64}


class Silent:
    def start(self, title: str, total: int) -> None: ...

    def advance(self, done: int = 1) -> None: ...

    def finish(self) -> None: ...


def suite(n: int = 6) -> Suite:
    cases = tuple(
        Case(id=f"c{i}", input=f"q{i}", slices=("s",), expect=Expect(exact=f"a q{i}"), source="test") for i in range(n)
    )
    return Suite("gold", SuiteKind.GOLD, cases, (Slice(id="s", title="s"),))


class Scripted:
    """Answers, or does what its script says for a case; counts what it is asked."""

    def __init__(self, script: dict[str, Any] | None = None) -> None:
        self.script, self.asked = script or {}, Counter()  # type: ignore[var-annotated]

    async def run(self, case: Case, *, repeat: int, root: Path, chat: Chat) -> TargetReply:
        self.asked[case.id, repeat] += 1
        step = self.script.get(case.id)
        if isinstance(step, list):
            step = step.pop(0) if step else None
        if isinstance(step, BrokenRun | FailedRun):
            raise step
        if callable(step):
            await step()
        await asyncio.sleep(0)
        return TargetReply(Reply("answer", f"a {case.input}"), calls=1, cost_usd=0.0, trace_id="")

    async def close(self) -> None: ...


async def go(target: Any, trials: Any, asked: Suite, **changes: Any) -> Run:
    more: dict[str, Any] = {"run": RunSpec(concurrency=2, timeout_s=5), "scorers": default_scorers(), "chat": NoChat()}
    more.update(changes)
    return await evaluate(
        LOADED, [asked], root=Path(), target=target, trials=trials, run_id="r", upstream=UPSTREAM,
        clock=FixedClock(), progress=Silent(), **more,
    )  # fmt: skip


def shown(run: Run) -> Any:
    return {
        name: (result.passed(), [trial.reply for trial in result.trials], result.scores)
        for name, result in run.results.items()
    }


def test_a_trial_key_is_the_digest_of_its_parts() -> None:
    case = suite(1).cases[0]
    named = {"upstream": UPSTREAM, "request": case.request_digest, "repeat": 3}
    assert trial_key(UPSTREAM, case, 3) == of_value(named, "interlock.trial.v1")


async def test_a_run_stopped_at_any_point_goes_on_as_if_it_had_not_been() -> None:
    whole = await go(Scripted(), MemoryTrialStore(), suite())
    for stop in range(1, 14):
        trials, first = MemoryTrialStore(), Scripted()
        task = asyncio.create_task(go(first, trials, suite()))
        for _ in range(stop):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        stored = {attempt.trial.case_id for attempt in trials.attempts}
        second = Scripted()
        again = await go(second, trials, suite())
        assert shown(again) == shown(whole)
        assert {case for case, _ in second.asked} == {f"c{i}" for i in range(6)} - stored
        assert again.reused == len(stored)


async def test_a_trial_is_stored_before_any_scorer_sees_it() -> None:
    trials = MemoryTrialStore()

    class Watching:
        name, substance = "watching", True

        def score(self, case: Case, trial: Trial, reply: Reply) -> Score:
            assert case.id in {attempt.trial.case_id for attempt in trials.attempts}
            return Unscored("watching", Absent.NOT_APPLICABLE)

    run = await go(Scripted(), trials, suite(), scorers=[Watching()])
    assert all(
        isinstance(s, Unscored) and s.state is Absent.NOT_APPLICABLE for r in run.results.values() for s in r.scores[0]
    )


async def test_a_store_that_cannot_write_stops_the_run() -> None:
    class Full(MemoryTrialStore):
        def add(self, attempts: Any) -> None:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        await go(Scripted(), Full(), suite())


@pytest.mark.parametrize("kind", list(Broken))
async def test_a_broken_run_never_passes_and_only_transport_is_asked_again(kind: Broken) -> None:
    target = Scripted({"c1": [BrokenRun(kind, "x", retry_after_s=0.0)] * 2})
    run = await go(target, MemoryTrialStore(), suite(2), run=RunSpec(concurrency=1, attempts=2))
    result = run.results["gold/c1"]
    assert result.passed() is None
    assert result.trials[0].broken is kind
    assert target.asked["c1", 0] == (2 if kind in {Broken.REFUSED, Broken.RATE_LIMIT, Broken.SERVER} else 1)
    assert run.truncated == (kind in {Broken.CAP, Broken.DEADLINE})
    assert run.results["gold/c0"].passed() is True


@pytest.mark.parametrize("kind", list(Fault))
async def test_a_crash_is_a_failed_trial_that_is_never_asked_again(kind: Fault) -> None:
    target, trials = Scripted({"c1": [FailedRun(kind, "boom")]}), MemoryTrialStore()
    first = await go(target, trials, suite(2))
    again = await go(target, trials, suite(2))
    assert target.asked == {("c0", 0): 1, ("c1", 0): 1}
    assert again.reused == 2
    for run in (first, again):
        result = run.results["gold/c1"]
        assert (result.passed(), result.passed("exact"), result.passed("citation")) == (False, False, None)
        assert (result.trials[0].fault, result.trials[0].broken, result.trials[0].calls) == (kind, None, 1)
        assert run.faults == {kind.value: 1}


async def test_a_crash_after_a_broken_call_is_broken_and_asked_again() -> None:
    class Falls(Scripted):
        async def run(self, case: Case, *, chat: Chat, **more: Any) -> TargetReply:
            self.asked[case.id, 0] += 1
            with pytest.raises(BrokenRun):
                await chat({"messages": []})
            raise FailedRun(Fault.CRASH, "KeyError")

    target, trials = Falls(), MemoryTrialStore()
    for _ in range(2):
        run = await go(target, trials, suite(1))
        assert run.results["gold/c0"].trials[0].broken is Broken.RECORDING
    assert target.asked == {("c0", 0): 2}


async def test_a_trial_waits_no_longer_than_it_may_and_a_run_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = {"c0": [BrokenRun(Broken.RATE_LIMIT, "x", retry_after_s=3600)]}
    run = await go(Scripted(slow), MemoryTrialStore(), suite(1))
    assert run.results["gold/c0"].trials[0].broken is Broken.RATE_LIMIT
    assert "3600 s" in run.results["gold/c0"].trials[0].detail
    monkeypatch.setattr("interlock.services.evaluate.MAX_RUN_WAIT_S", 0.3)
    busy = {f"c{i}": [BrokenRun(Broken.RATE_LIMIT, "x")] * 9 for i in range(6)}
    target = Scripted(busy)
    run = await go(target, MemoryTrialStore(), suite(6), run=RunSpec(concurrency=1, attempts=2))
    assert sum(target.asked.values()) == 7  # one second try, then the run has waited enough
    assert {result.trials[0].broken for result in run.results.values()} == {Broken.RATE_LIMIT}


async def test_transport_that_recovers_is_a_good_trial_and_a_wrong_answer_is_final() -> None:
    target = Scripted({"c0": [BrokenRun(Broken.SERVER, "x")]})
    wrong = Suite("gold", SuiteKind.GOLD, (suite(1).cases[0], Case(id="c1", input="q1", slices=("s",), expect=Expect(exact="other"), source="t")), (Slice(id="s", title="s"),))  # fmt: skip
    run = await go(target, MemoryTrialStore(), wrong)
    assert run.results["gold/c0"].passed() is True
    assert run.results["gold/c1"].passed() is False
    assert target.asked == {("c0", 0): 2, ("c1", 0): 1}


async def test_time_running_out_and_no_call_are_broken() -> None:
    async def forever() -> None:
        await asyncio.sleep(60)

    run = await go(Scripted({"c0": forever}), MemoryTrialStore(), suite(1), run=RunSpec(timeout_s=0.05))
    assert run.results["gold/c0"].trials[0].broken is Broken.TIMEOUT

    class Idle(Scripted):
        async def run(self, case: Case, **more: Any) -> TargetReply:
            return TargetReply(Reply("answer", f"a {case.input}"), calls=0, cost_usd=0, trace_id="")

    run = await go(Idle(), MemoryTrialStore(), suite(1))
    assert run.results["gold/c0"].trials[0].broken is Broken.NO_CALL


async def test_an_app_that_swallows_a_broken_call_is_still_broken() -> None:
    class Swallows(Scripted):
        async def run(self, case: Case, *, chat: Chat, **more: Any) -> TargetReply:
            with pytest.raises(BrokenRun):
                await chat({"messages": []})
            return TargetReply(Reply("answer", f"a {case.input}"), calls=1, cost_usd=0, trace_id="")

    run = await go(Swallows(), MemoryTrialStore(), suite(1))
    assert run.results["gold/c0"].trials[0].broken is Broken.RECORDING


async def test_a_scorer_that_fails_counts_against_the_case() -> None:
    class Bad:
        name, substance = "bad", True

        def score(self, case: Case, trial: Trial, reply: Reply) -> Any:
            return float("nan") if case.id == "c0" else 1 / 0

    run = await go(Scripted(), MemoryTrialStore(), suite(2), scorers=[*default_scorers(), Bad()])
    assert [result.passed() for result in run.results.values()] == [False, False]


async def test_each_repeat_is_asked_and_each_trial_has_a_trace_of_its_own() -> None:
    trials, target = MemoryTrialStore(), Scripted()
    run = await go(target, trials, suite(3), run=RunSpec(repeats=3))
    traces = {trial.trace_id for result in run.results.values() for trial in result.trials}
    assert len(traces) == 9
    assert all(len(trace) == 32 and int(trace, 16) for trace in traces)
    assert set(target.asked.values()) == {1}
    plan = plan_run(LOADED, [suite(4)], upstream=UPSTREAM, trials=trials, run=RunSpec(repeats=3, cost_cap_usd=1.0))
    assert (plan.asked, plan.reused, plan.cost_max_usd) == (3, 9, 1.0)
    assert plan.seconds is not None
    assert plan.seconds < 1
    slow = plan_run(LOADED, [suite(4)], upstream=UPSTREAM, trials=trials, run=RunSpec(repeats=3, rpm=1))
    assert slow.seconds == 180.0


async def test_a_target_that_costs_too_much_ends_the_run_as_truncated() -> None:
    class Dear(Scripted):
        async def run(self, case: Case, **more: Any) -> TargetReply:
            return TargetReply(Reply("answer", f"a {case.input}"), calls=1, cost_usd=1.0, trace_id="")

    run = await go(Dear(), MemoryTrialStore(), suite(6), run=RunSpec(concurrency=1, cost_cap_usd=2.5))
    assert run.truncated
    assert run.cost_usd == 3.0
    assert sum(result.passed() is True for result in run.results.values()) == 3


CHILD = """
import asyncio, sys
sys.path.insert(0, {here!r})
import importlib.util
spec = importlib.util.spec_from_file_location("me", {me!r}); me = importlib.util.module_from_spec(spec); spec.loader.exec_module(me)
from interlock.adapters.targets import open_target
from interlock.core.manifest import TargetSpec
from interlock.services.limiter import Limiter
async def main():
    target = open_target(TargetSpec(kind="http", url={url!r}), me.Path())
    run = await me.go(target, me.SqlTrialStore(me.open_database({db!r})), me.suite(300), run=me.RunSpec(concurrency=4), limiter=Limiter(most=4, rpm=60_000))
    print(len(run.results), sum(r.passed() is True for r in run.results.values()), run.reused)
    await target.close()
asyncio.run(main())
"""


async def test_killed_and_started_again_nothing_stored_is_asked_again(tmp_path: Path) -> None:
    asked: Counter[str] = Counter()
    refused: set[str] = set()
    half = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        key = request.headers["Idempotency-Key"]
        if len(asked) % 40 == 39 and key not in refused:
            refused.add(key)
            return web.Response(status=429, headers={"Retry-After": "0"})
        asked[key] += 1
        if len(asked) >= 150:
            half.set()
        await asyncio.sleep(0.004)
        return web.json_response({"outcome": "answer", "text": "a " + (await request.json())["input"]})

    app = web.Application()
    app.router.add_post("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    db = f"sqlite:///{tmp_path}/facts.db"
    code = CHILD.format(
        here=str(Path(__file__).parent), me=__file__, url=f"http://127.0.0.1:{runner.addresses[0][1]}/", db=db
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    async with asyncio.timeout(30):
        await half.wait()
    os.kill(child.pid, signal.SIGKILL)
    await child.communicate()
    keys = {case.id: trial_key(UPSTREAM, case, 0) for case in suite(300).cases}
    stored = set(SqlTrialStore(open_database(db)).find(keys.values()))
    assert 0 < len(stored) < 300
    again = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    async with asyncio.timeout(40):
        said, _ = await again.communicate()
    await runner.cleanup()
    assert refused
    assert said.split() == [b"300", b"300", str(len(stored)).encode()]
    assert all(asked[key] == 1 for key in stored)  # what was stored was not asked again
    assert set(asked) == set(keys.values())  # what was in flight was asked again under its own key, not a new one
