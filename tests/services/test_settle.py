"""A run that is curtailed gives every slice, and the release, the verdict that the whole run would have given."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from interlock.core.broken import BrokenRun
from interlock.core.checks import LIMITS
from interlock.core.manifest import Profile, RunSpec
from interlock.core.rules import RULES, Standing
from interlock.core.score import Broken, Reply
from interlock.core.suite import Case, Expect, Requirement, Slice, Suite, SuiteKind
from interlock.ports import Chat, TargetReply
from interlock.scorers import default_scorers
from interlock.services.calls import NoChat
from interlock.services.eval_measures import measure_regression, measure_suite
from interlock.services.evaluate import Run, evaluate
from interlock.services.settle import DECIDES, LostRelease
from interlock.testing import FixedClock, MemoryTrialStore

LOADED: Any = SimpleNamespace(bundle=SimpleNamespace(digest="sha256:b", components={}))
STANDARD = LIMITS[Profile.STANDARD]


class Silent:
    def start(self, title: str, total: int) -> None: ...

    def advance(self, done: int = 1) -> None: ...

    def finish(self) -> None: ...


class Plays:
    """Answers as it is told, by case and repeat: right, wrong, broken."""

    def __init__(self, script: Mapping[tuple[str, int], str]) -> None:
        self.script, self.asked = script, list[tuple[str, int]]()

    async def run(self, case: Case, *, repeat: int, root: Path, chat: Chat) -> TargetReply:
        self.asked.append((case.id, repeat))
        said = self.script.get((case.id, repeat), "right")
        if said == "broken":
            raise BrokenRun(Broken.TIMEOUT, "as told")
        return TargetReply(Reply("answer", "yes" if said == "right" else "no"), calls=1, cost_usd=0.0, trace_id="t")

    async def close(self) -> None: ...


async def go(target: Plays, suites: Sequence[Suite], repeats: int = 1, **more: Any) -> Run:
    return await evaluate(
        LOADED, suites, root=Path(), target=target, chat=NoChat(), trials=MemoryTrialStore(),
        run=RunSpec(concurrency=1, repeats=repeats, attempts=1), run_id="r", upstream={"model": "m"},
        scorers=default_scorers(), clock=FixedClock(), progress=Silent(), **more,
    )  # fmt: skip


def case(name: str, *slices: str, must_pass: bool = False, cluster: str | None = None, scored: bool = True) -> Case:
    return Case(
        id=name, input=name, slices=slices or ("s",), source="t", must_pass=must_pass, cluster=cluster,
        expect=Expect(exact="yes", outcome="answer") if scored else Expect(),
    )  # fmt: skip


@dataclass(frozen=True)
class World:
    """Suites, what two bundles answer, how many trials a case has, and how many trials a batch has."""

    suites: tuple[Suite, ...]
    live: Mapping[tuple[str, int], str]
    new: Mapping[tuple[str, int], str]
    repeats: int
    batch: int
    compared: bool


@st.composite
def worlds(draw: st.DrawFn) -> World:
    suites = []
    compared = draw(st.sampled_from([True, True, False]))
    bad = draw(st.sampled_from([0, 1, 3, 6, 8] if compared else [0, 1, 3]))  # of ten: how often the new bundle is wrong
    names: list[str] = []
    for number, kind in enumerate(draw(st.sampled_from([(SuiteKind.GOLD,), (SuiteKind.GOLD, SuiteKind.ADVERSARIAL)]))):
        pieces = [
            Slice(
                id=f"s{index}", title="t", critical=draw(st.booleans()),
                estimand="census" if draw(st.integers(0, 5)) == 0 else "population",
            )
            for index in range(draw(st.integers(1, 4)))
        ]  # fmt: skip
        asks = [
            Requirement(slice=piece.id, scorer=draw(st.sampled_from(["case", "exact"])), floor=draw(st.sampled_from([0.3, 0.6, 0.9])))
            for piece in pieces
            if draw(st.booleans())
        ]  # fmt: skip
        asks += [Requirement(slice="*", margin=draw(st.sampled_from([0.05, 0.2, 0.4])))]
        clustered, cases = draw(st.integers(0, 5)) == 0, list[Case]()
        for index in range(draw(st.integers(2, 40))):
            own = draw(st.lists(st.sampled_from([piece.id for piece in pieces]), min_size=1, max_size=2, unique=True))
            cases.append(
                case(
                    f"{number}-{index}", *own, must_pass=draw(st.integers(0, 30)) == 0,
                    cluster=f"k{index // 2}" if clustered and draw(st.booleans()) else None,
                    scored=draw(st.integers(0, 15)) > 0,
                )
            )  # fmt: skip
        names += [one.id for one in cases]
        used = {name for one in cases for name in one.slices}
        kept = tuple(piece for piece in pieces if piece.id in used)
        suites.append(
            Suite(f"suite{number}", kind, tuple(cases), kept, tuple(r for r in asks if r.slice in {*used, "*"}))
        )
    repeats = draw(st.sampled_from([1, 1, 1, 1, 2]))

    def script(wrong: int) -> dict[tuple[str, int], str]:
        dice = st.integers(0, 9)
        said = {}
        for name in names:
            for repeat in range(repeats):
                fell = draw(dice)
                said[name, repeat] = "wrong" if fell < wrong else "broken" if fell == 9 and draw(dice) == 0 else "right"
        return said

    return World(
        tuple(suites),
        script(draw(st.sampled_from([0, 1]))),
        script(bad),
        repeats,
        draw(st.sampled_from([1, 3, 64])),
        compared,
    )


def standings(run: Run, live: Run | None) -> dict[tuple[str, ...], str]:
    """By slice: how it stands in EVAL-02 judged alone, and its verdict in EVAL-03."""
    found: dict[tuple[str, ...], str] = {}
    data = measure_suite(run)["EVAL-02"]
    for row in data["slices"]:
        alone = RULES["EVAL-02"]({"slices": [row], "must_pass_failed": []}, STANDARD)
        found["EVAL-02", row["suite"], row["slice"]] = alone.standing.value
    found["EVAL-02",] = RULES["EVAL-02"](data, STANDARD).standing.value
    found["must pass",] = " ".join(sorted(data["must_pass_failed"]))
    if live is not None:
        for row in measure_regression(live, run, STANDARD)["slices"]:
            found["EVAL-03", row["suite"], row["slice"]] = row["verdict"]
    return found


def both(world: World) -> tuple[Run, Run, Run | None, Plays]:
    async def runs() -> tuple[Run, Run, Run | None, Plays]:
        live = await go(Plays(world.live), world.suites, world.repeats) if world.compared else None
        whole = await go(Plays(world.new), world.suites, world.repeats)
        rule = LostRelease(
            world.suites, repeats=world.repeats, baselines=[live.results] if live else (),
            default_margin=STANDARD.default_margin, blocks=DECIDES if live else {"EVAL-02"},
        )  # fmt: skip
        target = Plays(world.new)
        return whole, await go(target, world.suites, world.repeats, stop_slice=rule), live, target

    monkey = pytest.MonkeyPatch()
    monkey.setattr("interlock.services.evaluate.BATCH", world.batch)
    try:
        return asyncio.run(runs())
    finally:
        monkey.undo()


@given(worlds())
@settings(max_examples=80, deadline=None)
def test_every_slice_and_the_release_have_the_verdict_of_the_whole_run(world: World) -> None:
    whole, curtailed, live, target = both(world)
    assert standings(curtailed, live) == standings(whole, live)
    trials = sum(len(suite.cases) for suite in world.suites) * world.repeats
    assert len(target.asked) + curtailed.curtailed == trials
    lost = "fail" in standings(whole, live).values() or bool(standings(whole, live)["must pass",])
    assert lost or not curtailed.curtailed
    event(f"left out: {curtailed.curtailed > 0}, compared: {world.compared}")
    if curtailed.curtailed:  # nothing passes because of what was left out
        found = measure_suite(curtailed)
        for id in ("SAFE-01", "SAFE-02", "PRS-01"):
            data = {**found[id], "curtailed": curtailed.curtailed}
            assert RULES[id](data, STANDARD).standing is not Standing.PASS, id


def suite(*cases: Case, critical: Sequence[str] = (), **more: Any) -> Suite:
    names = sorted({name for one in cases for name in one.slices})
    return Suite("gold", SuiteKind.GOLD, cases, tuple(Slice(id=n, title=n, critical=n in critical) for n in names), **more)  # fmt: skip


def world(asked: Suite, wrong: Sequence[str], *, wrong_before: Sequence[str] = (), compared: bool = True) -> World:
    before, after = ({(name, 0): "wrong" for name in names} for names in (wrong_before, wrong))
    return World((asked,), before, after, 1, 1, compared)


def test_a_slice_that_got_worse_is_asked_no_more_and_one_that_may_still_turn_is() -> None:
    refunds, chat = [f"r{n}" for n in range(60)], [f"c{n}" for n in range(60)]
    asked = suite(*(case(r, "refunds") for r in refunds), *(case(c, "chat") for c in chat))
    whole, curtailed, live, target = both(world(asked, refunds[:12]))
    assert standings(curtailed, live) == standings(whole, live)
    assert [name for name, _ in target.asked[:6]] == refunds[
        :6
    ]  # 6 broke and none can be fixed: p = 0.016, below 0.05 / 2
    assert {name for name, _ in target.asked[6:]} <= set(chat)
    assert 54 <= curtailed.curtailed < 114  # chat is not settled by the loss of another slice
    row = next(row for row in measure_suite(curtailed)["EVAL-02"]["slices"] if row["slice"] == "refunds")
    assert (row["n"], row["curtailed"]) == (6, 54)


def test_what_live_fails_too_can_be_fixed_so_the_slice_is_open() -> None:
    names = [f"r{n}" for n in range(60)]
    asked = suite(*(case(name) for name in names))
    _, curtailed, _, target = both(world(asked, names[:10], wrong_before=names[10:]))
    assert (curtailed.curtailed, len(target.asked)) == (0, 60)  # 10 broke, 50 fixed: it is better


def test_a_critical_failure_loses_the_release_and_its_slice_waits_for_the_comparison() -> None:
    names = [f"r{n}" for n in range(40)]
    asked = suite(*(case(name) for name in names), critical=["s"])
    alone = both(world(asked, names[:1], compared=False))
    assert alone[1].curtailed == 39
    compared = both(world(asked, names[:1]))
    assert compared[1].curtailed < 5  # one broken case fails EVAL-02; how EVAL-03 stands is open nearly to the end
    assert standings(compared[1], compared[2]) == standings(compared[0], compared[2])


def test_a_floor_that_cannot_be_reached_loses_the_release() -> None:
    names = [f"r{n}" for n in range(30)]
    asked = suite(*(case(n) for n in names), requirements=(Requirement(slice="s", scorer="exact", floor=0.9),))
    whole, curtailed, _, _ = both(world(asked, names[:9], compared=False))
    assert standings(whole, None)["EVAL-02",] == standings(curtailed, None)["EVAL-02",] == "fail"
    assert curtailed.curtailed >= 15


def same(world: World) -> tuple[Run, Plays]:
    """The curtailed run and what it asked, when every verdict is that of the whole run."""
    whole, curtailed, live, target = both(world)
    assert standings(curtailed, live) == standings(whole, live)
    return curtailed, target


def test_a_critical_slice_without_a_failure_is_asked_to_its_end() -> None:
    asked = suite(case("a", "lost"), *(case(f"b{n}", "sound") for n in range(20)), critical=["lost", "sound"])
    curtailed, _ = same(world(asked, ["a", "b19"], compared=False))
    assert curtailed.curtailed == 0


def test_what_stood_before_the_release_was_lost_is_asked_no_more_at_once() -> None:
    unasked = [case(f"b{n}", "free") for n in range(10)]
    asked = suite(*unasked[:5], case("a", "lost"), *unasked[5:], critical=["lost"])
    curtailed, target = same(world(asked, ["a"], compared=False))
    assert (len(target.asked), curtailed.curtailed) == (6, 5)


def test_a_census_that_fell_short_may_still_break() -> None:
    names = [f"c{n}" for n in range(10)]
    pieces = (Slice(id="s", title="s", estimand="census"),)
    asked = Suite("gold", SuiteKind.GOLD, tuple(case(name) for name in names), pieces)
    curtailed, target = same(world(asked, ["c0", "c5"], wrong_before=["c0"]))
    assert (len(target.asked), curtailed.curtailed) == (6, 4)  # c0 fell short before too; c5 is what broke


@pytest.mark.parametrize("repeats", [1, 2])
def test_what_is_judged_by_means_is_never_settled_early(repeats: int) -> None:
    pairs = repeats == 1
    asked = suite(*(case(f"c{n}", cluster=f"k{n // 2}" if pairs else None) for n in range(40)))
    wrong = {(f"c{n}", 0): "wrong" for n in range(6)}  # 6 cases are proof, 3 clusters, or 6 means of one half, are none
    curtailed, target = same(World((asked,), {}, wrong, repeats, 1, True))
    assert (len(target.asked), curtailed.curtailed) == (40 * repeats, 0)


def test_a_slice_whose_p_could_turn_another_slice_is_asked_on() -> None:
    lost = Suite("lost", SuiteKind.ADVERSARIAL, (case("x"),), (Slice(id="s", title="s", critical=True),))
    first = [case(f"a{n}", "a") for n in range(11)]
    other = [case(f"b{n}", "b") for n in range(200)]
    margins = (Requirement(slice="a", margin=0.05), Requirement(slice="b", margin=0.2))
    asked = suite(*first[:10], *other, first[10], requirements=margins)
    wrong = ["x", *(f"a{n}" for n in range(5)), "a10", *(f"b{n}" for n in range(9))]
    fixed = ["b10", "b11"]
    before, after = ({(name, 0): "wrong" for name in names} for names in (fixed, wrong))
    _curtailed, target = same(World((lost, asked), before, after, 1, 1, True))
    # a fails by its size after ten cases, but whether b does depends on the p of a, and so on its last case.
    assert ("a10", 0) in target.asked


def test_a_case_that_must_pass_is_asked_whatever_is_lost() -> None:
    names = [f"r{n}" for n in range(20)]
    asked = suite(*(case(n) for n in names), case("last", must_pass=True), critical=["s"])
    _, curtailed, _, target = both(world(asked, [names[0], "last"], compared=False))
    assert [name for name, _ in target.asked] == ["r0", "last"]
    assert measure_suite(curtailed)["EVAL-02"]["must_pass_failed"] == ["last"]


@pytest.mark.parametrize(
    ("blocks", "left_out"),
    [((), False), (("EVAL-03",), False), (("EVAL-02",), True), (("EVAL-02", "EVAL-03"), True)],
)
def test_nothing_stops_for_a_check_that_blocks_nobody(
    monkeypatch: pytest.MonkeyPatch, blocks: Sequence[str], left_out: bool
) -> None:
    monkeypatch.setattr("interlock.services.evaluate.BATCH", 16)
    asked = suite(*(case(f"c{n}") for n in range(200)), critical=["s"])
    rule = LostRelease([asked], repeats=1, blocks=blocks)
    run = asyncio.run(go(Plays({("c0", 0): "wrong"}), [asked], stop_slice=rule))
    assert bool(run.curtailed) is left_out


def test_each_bundle_that_is_compared_with_must_be_lost_against(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"c{n}" for n in range(60)]
    asked = suite(*(case(name) for name in names))

    async def left_out(*wrong_before: Sequence[str]) -> int:
        runs = [await go(Plays({(name, 0): "wrong" for name in wrong}), [asked]) for wrong in wrong_before]
        rule = LostRelease([asked], repeats=1, baselines=[run.results for run in runs], blocks={"EVAL-03"})
        return (await go(Plays({(name, 0): "wrong" for name in names[:20]}), [asked], stop_slice=rule)).curtailed

    monkeypatch.setattr("interlock.services.evaluate.BATCH", 1)
    assert asyncio.run(left_out(())) > 40
    assert asyncio.run(left_out((), ())) > 40
    assert asyncio.run(left_out((), names[:20])) == 0  # against one that fails the same cases nothing is lost


def timed(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_the_rule_costs_little_and_the_same_for_each_trial() -> None:
    def learn(count: int) -> float:
        asked = suite(*(case(f"c{n}", f"s{n % 10}") for n in range(count)))
        live = asyncio.run(go(Plays({}), [asked]))
        new = asyncio.run(go(Plays({(f"c{n}", 0): "wrong" for n in range(0, count, 7)}), [asked]))
        rule = LostRelease([asked], repeats=1, baselines=[live.results], blocks=DECIDES)
        results = [(one, new.results[f"gold/{one.id}"]) for one in asked.cases]

        def whole_run() -> None:
            for at in range(0, count, 64):
                for one, result in results[at : at + 64]:
                    rule.learn(asked, one, result)
                rule.standing()

        return timed(whole_run)

    assert learn(2_000) < 0.5


def test_a_slice_whose_floor_rests_on_a_judge_is_asked_to_its_end() -> None:
    from interlock.core.score import CaseResult, Scored, Trial

    cases = tuple(case(f"c{n}") for n in range(40))
    trial = Trial("c", 0, Reply("answer", "no"), calls=1)
    standing = {}
    for scorer in ("exact", "judge:helpful"):
        floor = Requirement(slice="s", scorer=scorer, floor=0.9)
        suite = Suite(
            "gold", SuiteKind.GOLD, cases, (Slice(id="s", title="S"),), (floor, Requirement(slice="s", floor=0.9))
        )
        rule = LostRelease([suite], repeats=1, blocks={"EVAL-02"})
        for one in cases[:-1]:
            rule.learn(suite, one, CaseResult(one.id, ("s",), one.id, (trial,), ((Scored("exact", 0.0, False),),)))
        standing[scorer] = set(rule.standing())
    assert standing == {"exact": {("gold", "s")}, "judge:helpful": set()}
