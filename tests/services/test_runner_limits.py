"""Deadlines of an attempt, a trial and a run; one limiter for the app and its model; what is curtailed counts as nothing."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.core.broken import BrokenRun
from interlock.core.checks import LIMITS
from interlock.core.manifest import Profile, RunSpec
from interlock.core.rules import RULES, Standing
from interlock.core.score import Broken, CaseResult, Reply
from interlock.core.suite import Case, Expect, Slice, Suite, SuiteKind
from interlock.ports import Chat, TargetReply
from interlock.scorers import default_scorers
from interlock.services.calls import NoChat, RecordedChat
from interlock.services.eval_measures import measure_regression, measure_suite
from interlock.services.evaluate import Run, evaluate
from interlock.services.limiter import Limiter
from interlock.testing import FixedClock, MemoryCallStore, MemoryTrialStore

LOADED: Any = SimpleNamespace(bundle=SimpleNamespace(digest="sha256:b", components={}))
STANDARD = LIMITS[Profile.STANDARD]


class Silent:
    def start(self, title: str, total: int) -> None: ...

    def advance(self, done: int = 1) -> None: ...

    def finish(self) -> None: ...


class Answers:
    """Takes a while, and answers wrongly where the question says so."""

    def __init__(self, took_s: float = 0.0, asks: bool = False) -> None:
        self.took_s, self.asks, self.asked, self.under_way, self.most = took_s, asks, list[str](), 0, 0

    async def run(self, case: Case, *, repeat: int, root: Path, chat: Chat) -> TargetReply:
        self.asked.append(case.id)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(self.took_s)
            if self.asks:
                await chat({"messages": [{"role": "user", "content": f"{case.id} {repeat}"}]})
        finally:
            self.under_way -= 1
        wrong = "wrong" in (case.input or "") or f"fails {repeat}" in (case.input or "")
        return TargetReply(Reply("answer", "no" if wrong else "yes"), calls=1, cost_usd=0.0, trace_id="")

    async def close(self) -> None: ...


def case(name: str, *slices: str, input: str = "", must_pass: bool = False) -> Case:
    return Case(
        id=name, input=input or name, slices=slices or ("s",), expect=Expect(exact="yes", outcome="answer"), source="t",
        must_pass=must_pass,
    )  # fmt: skip


def suite(*cases: Case, name: str = "gold", critical: bool = True) -> Suite:
    slices = sorted({piece for one in cases for piece in one.slices})
    return Suite(name, SuiteKind.GOLD, cases, tuple(Slice(id=id, title=id, critical=critical) for id in slices))


async def go(target: Any, *suites: Suite, run: RunSpec, trials: Any = None, chat: Any = None, **more: Any) -> Run:
    return await evaluate(
        LOADED, suites, root=Path(), target=target, chat=chat or NoChat(), trials=trials or MemoryTrialStore(), run=run,
        run_id="r", upstream={"model": "m"}, scorers=default_scorers(), clock=FixedClock(), progress=Silent(), **more,
    )  # fmt: skip


def kinds(run: Run) -> list[Broken | None]:
    return [trial.broken for result in run.results.values() for trial in result.trials]


# ── Deadlines ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_trial_has_a_deadline_over_all_its_tries_and_waits() -> None:
    class Refuses(Answers):
        async def run(self, case: Case, **more: Any) -> TargetReply:
            self.asked.append(case.id)
            await asyncio.sleep(0.05)
            raise BrokenRun(Broken.SERVER, "status 503")

    target, start = Refuses(), time.monotonic()
    run = await go(target, suite(case("a")), run=RunSpec(deadline_s=0.5, attempts=9))
    assert time.monotonic() - start < 0.9
    assert kinds(run) == [Broken.SERVER]
    assert 2 <= len(target.asked) < 9
    slow = Answers(took_s=60)
    run = await go(slow, suite(case("a")), run=RunSpec(deadline_s=0.05, timeout_s=30))
    assert kinds(run) == [Broken.TIMEOUT]
    assert "0.05 s, tries and waits included" in run.results["gold/a"].trials[0].detail
    assert not run.truncated


async def test_a_run_that_is_out_of_time_is_cut_short_and_what_it_lacks_is_owed() -> None:
    trials, target = MemoryTrialStore(), Answers(took_s=0.05)
    asked = suite(*(case(f"c{n}") for n in range(60)))
    start = time.monotonic()
    run = await go(target, asked, trials=trials, run=RunSpec(concurrency=2, run_deadline_s=0.4))
    assert time.monotonic() - start < 1.5
    assert run.truncated
    ran = kinds(run).count(None)
    assert 4 <= ran < 30
    assert set(kinds(run)) == {None, Broken.DEADLINE}
    ruling = RULES["EVAL-01"](measure_suite(run)["EVAL-01"], STANDARD)
    assert (ruling.standing, "cut short" in ruling.proves) == (Standing.OWED, True)
    again = await go(Answers(), asked, trials=trials, run=RunSpec())
    assert (again.reused, again.truncated, set(kinds(again))) == (ran, False, {None})


async def test_waiting_for_a_turn_uses_up_neither_the_time_of_an_attempt_nor_its_latency() -> None:
    class Live:
        async def __call__(self, request: Mapping[str, Any], *, key: str = "") -> Mapping[str, Any]:
            return {"choices": []}

    limiter = Limiter(most=64, rpm=60 * 10)
    chat = RecordedChat(mode="live", live=Live(), store=MemoryCallStore(), clock=FixedClock(), run="r", limiter=limiter)
    asked = suite(*(case(f"c{n}") for n in range(20)))
    start = time.monotonic()
    run = await go(Answers(asks=True), asked, run=RunSpec(concurrency=20, timeout_s=0.3), chat=chat)
    assert time.monotonic() - start >= 0.9  # 10 at once, 10 more at 10 a second: longer than an attempt may take
    assert set(kinds(run)) == {None}
    assert all(trial.latency_s < 0.3 for result in run.results.values() for trial in result.trials)


async def test_the_app_and_its_model_on_one_endpoint_share_one_limiter() -> None:
    class Live:
        def __init__(self, target: Answers) -> None:
            self.target = target

        async def __call__(self, request: Mapping[str, Any], *, key: str = "") -> Mapping[str, Any]:
            self.target.under_way += 1
            self.target.most = max(self.target.most, self.target.under_way)
            await asyncio.sleep(0.002)
            self.target.under_way -= 1
            return {"choices": []}

    limiter, target = Limiter(most=3), Answers(took_s=0.002)
    judge = RecordedChat(
        mode="live", live=Live(target), store=MemoryCallStore(), clock=FixedClock(), run="r", limiter=limiter
    )
    asked = suite(*(case(f"c{n}") for n in range(30)))
    judged = (judge({"messages": [{"role": "user", "content": str(n)}]}) for n in range(30))
    run, *_ = await asyncio.gather(go(target, asked, run=RunSpec(concurrency=16), limiter=limiter), *judged)
    assert set(kinds(run)) == {None}
    assert target.most == 3


async def test_a_target_that_says_wait_is_waited_for_by_all_its_trials() -> None:
    at: list[float] = []

    class Busy(Answers):
        async def run(self, case: Case, **more: Any) -> TargetReply:
            at.append(time.monotonic())
            if len(at) == 1:
                raise BrokenRun(Broken.RATE_LIMIT, "status 429", retry_after_s=0.4, made=False)
            return await super().run(case, **more)

    run = await go(
        Busy(took_s=0.01),
        suite(*(case(f"c{n}") for n in range(9))),
        run=RunSpec(concurrency=1),
        limiter=Limiter(most=1),
    )
    assert set(kinds(run)) == {None}
    assert at[1] - at[0] >= 0.39


# ── Curtailment ────────────────────────────────────────────────────────────────────────────────────────────────────


class Rule:
    """A rule of these tests: it is asked about the values of the cases that are in, slice by slice."""

    def __init__(self, asked: Suite, stands: Callable[[list[float | None], int], bool]) -> None:
        self.stands = stands
        self.values: dict[tuple[str, str], dict[str, float | None]] = {
            (asked.name, piece.id): {} for piece in asked.slices
        }
        self.size = {(asked.name, piece.id): len(asked.of_slice(piece.id)) for piece in asked.slices}

    def learn(self, suite: Suite, case: Case, result: CaseResult) -> None:
        if result.passed() is False or not result.curtailed:
            for name in case.slices:
                self.values[suite.name, name][case.id] = result.value()

    def standing(self) -> set[tuple[str, str]]:
        return {
            at
            for at, known in self.values.items()
            if self.size[at] > len(known) and self.stands(list(known.values()), self.size[at])
        }


def majority_decided(known: list[float | None], size: int) -> bool:
    """A slice passes when more than half of its cases do."""
    passed = sum(value == 1.0 for value in known)
    return passed * 2 > size or (passed + size - len(known)) * 2 <= size


def one_failed(known: list[float | None], size: int) -> bool:
    return any(value is not None and value < 1.0 for value in known)


def majority(run: Run, asked: Suite, name: str) -> bool:
    return sum(run.results[f"{asked.name}/{one.id}"].passed() is True for one in asked.of_slice(name)) * 2 > len(
        asked.of_slice(name)
    )


@given(wrong=st.lists(st.booleans(), min_size=1, max_size=40), repeats=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_a_curtailed_run_has_the_verdict_of_the_whole_one_and_asks_no_more(wrong: list[bool], repeats: int) -> None:
    asked = suite(*(case(f"c{n}", "even" if n % 2 else "odd", input=f"{n} wrong" if bad else "") for n, bad in enumerate(wrong)))  # fmt: skip

    async def both() -> tuple[Run, Answers, Run]:
        target = Answers()
        spec = RunSpec(concurrency=1, repeats=repeats)
        whole = await go(Answers(), asked, run=spec)
        return await go(target, asked, run=spec, stop_slice=Rule(asked, majority_decided)), target, whole

    monkey = pytest.MonkeyPatch()
    monkey.setattr("interlock.services.evaluate.BATCH", 1)
    try:
        curtailed, target, whole = asyncio.run(both())
    finally:
        monkey.undo()
    for piece in asked.slices:
        assert majority(curtailed, asked, piece.id) == majority(whole, asked, piece.id)
    assert len(target.asked) + curtailed.curtailed == len(wrong) * repeats
    assert sum(len(result.trials) for result in curtailed.results.values()) == len(target.asked)
    assert set(kinds(curtailed)) <= {None}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interlock.services.evaluate.BATCH", 1)


@pytest.mark.usefixtures("at_once")
async def test_what_was_curtailed_is_shown_and_is_neither_broken_nor_passed() -> None:
    asked = suite(
        case("c0", input="wrong"),
        *(case(f"c{n}") for n in range(1, 20)),
        case("last", must_pass=True),
        case("t", "s", "t"),
    )
    target = Answers()
    run = await go(target, asked, run=RunSpec(concurrency=1), stop_slice=Rule(asked, one_failed))
    assert target.asked == ["c0", "last", "t"]  # one must pass, one is needed by another slice
    assert (run.curtailed, run.truncated) == (19, False)
    found = measure_suite(run)
    assert (found["EVAL-01"]["cases"], found["EVAL-01"]["ran"], found["EVAL-01"]["curtailed"]) == (22, 3, 19)
    assert found["EVAL-01"]["broken"] == {}
    row = next(row for row in found["EVAL-02"]["slices"] if row["slice"] == "s")
    assert (row["passes"], row["n"], row["broken"], row["curtailed"], row["failed"]) == (2, 3, 0, 19, ["c0"])
    assert RULES["EVAL-02"](found["EVAL-02"], STANDARD).standing is Standing.FAIL
    assert "19 not asked to their end" in RULES["EVAL-01"](found["EVAL-01"], STANDARD).seen
    assert found["SAFE-02"]["wrongly"] == {"count": 0, "n": 3, "broken": 0, "failed": [], "curtailed": 19}
    whole = await go(Answers(), asked, run=RunSpec())
    unpaired = next(row for row in measure_regression(whole, run, STANDARD)["slices"] if row["slice"] == "s")
    assert (unpaired["n"] - unpaired["unpaired"], unpaired["unpaired"]) == (3, 19) or unpaired["unpaired"] == 19


@pytest.mark.usefixtures("at_once")
async def test_a_case_that_was_not_asked_to_its_end_has_not_passed_and_nothing_passes_because_of_it() -> None:
    asked = suite(*(case(f"c{n}") for n in range(300)))
    rule = Rule(asked, lambda known, size: len(known) >= 5)  # it stops without any reason
    run = await go(Answers(), asked, run=RunSpec(concurrency=1, repeats=2), stop_slice=rule)
    found = measure_suite(run)
    for id in ("EVAL-01", "EVAL-02", "SAFE-02"):
        assert RULES[id](found[id], STANDARD).standing is not Standing.PASS, id
    assert not any(result.curtailed and result.passed() is None and result.trials for result in run.results.values())


@pytest.mark.usefixtures("at_once")
async def test_the_repeats_of_a_case_that_failed_are_not_asked_when_its_slice_is_lost() -> None:
    asked = suite(case("c0", input="fails 1"), case("c1"))
    target = Answers()
    run = await go(target, asked, run=RunSpec(concurrency=1, repeats=4), stop_slice=Rule(asked, one_failed))
    assert target.asked == ["c0", "c0"]
    assert [(len(result.trials), result.curtailed) for result in run.results.values()] == [(2, 2), (0, 4)]
    assert run.results["gold/c0"].passed() is False


async def test_stored_failures_curtail_before_anything_is_asked_and_without_a_rule_all_are_asked() -> None:
    trials, asked = MemoryTrialStore(), suite(case("c0", input="wrong"), *(case(f"c{n}") for n in range(1, 9)))
    whole = await go(Answers(), asked, run=RunSpec(), trials=trials)
    assert whole.curtailed == 0
    del trials.attempts[1:]
    target = Answers()
    first = trials.attempts[0].trial.case_id
    run = await go(target, asked, run=RunSpec(), trials=trials, stop_slice=Rule(asked, one_failed))
    assert (run.curtailed, target.asked, run.reused, first) == (8, [], 1, "c0")
