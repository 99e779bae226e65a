"""Second looks at a run: each shows what the first look hides, and decides only where it was declared to."""

from datetime import UTC, datetime
from typing import Any

import pytest

from interlock.core.checks import LIMITS, Limits
from interlock.core.evidence import Gap
from interlock.core.manifest import Profile
from interlock.core.rules import RULES, Ruling, Standing
from interlock.core.score import Broken, CaseResult, Reply, Scored, Trial
from interlock.core.suite import Case, Expect, Requirement, Slice, Suite, SuiteKind
from interlock.services.eval_measures import measure_regression, measure_suite
from interlock.services.evaluate import Run

LIMIT = LIMITS[Profile.STANDARD]
AT = datetime(2026, 11, 22, tzinfo=UTC)
ANSWER = Expect(outcome="answer")
Said = tuple[str, bool | None]
"""The outcome of a trial and whether it passed; None for broken."""


def run_of(
    cases: dict[str, list[Said]], *, slices: tuple[Slice, ...], of: dict[str, Any] | None = None, **more: Any
) -> Run:
    """A gold suite in which case `x-1` is in slice `x`. `of` gives further fields of the cases by id, `more` of all."""
    built, results = [], {}
    for name, trials in cases.items():
        fields = {"expect": ANSWER, **more, **(of or {}).get(name, {})}
        case = Case(id=name, input=name, slices=(name.split("-")[0],), source="t", **fields)
        built.append(case)
        own = tuple(
            Trial(name, i, None, Broken.TIMEOUT) if mark is None else Trial(name, i, Reply(outcome, "x"), calls=1, trace_id="t")
            for i, (outcome, mark) in enumerate(trials)
        )  # fmt: skip
        scores = tuple(() if mark is None else (Scored("exact", float(mark), mark),) for _, mark in trials)
        results[f"gold/{name}"] = CaseResult(name, case.slices, case.unit, own, scores)
    wide = tuple(Requirement(slice=piece.id, margin=0.3) for piece in slices if piece.estimand == "population")
    suite = Suite("gold", SuiteKind.GOLD, tuple(built), slices, wide)
    return Run("r", {"app": "x"}, (suite,), results, False, 1, 0, 0.0, AT, AT, "sha256:" + "a" * 64)


def regression(before: Run, after: Run) -> tuple[Any, Ruling]:
    data = measure_regression(before, after, LIMIT)
    return data, RULES["EVAL-03"](data, LIMIT)


def good(n: int, name: str = "s") -> dict[str, list[Said]]:
    return {f"{name}-{i}": [("answer", True)] for i in range(n)}


PLAIN = (Slice(id="s", title="S"),)


# ── census ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def a_census(needs: int | None = None) -> tuple[Slice, ...]:
    return (Slice(id="s", title="S", critical=True, estimand="census", needs=needs),)


def critical(run: Run) -> Ruling:
    return RULES["EVAL-02"](measure_suite(run)["EVAL-02"], LIMIT)


def test_a_small_critical_slice_passes_as_a_census_and_is_owed_as_a_sample() -> None:
    assert critical(run_of(good(5), slices=a_census())).standing is Standing.PASS
    sample = (Slice(id="s", title="S", critical=True),)
    assert critical(run_of(good(5), slices=sample)).standing is Standing.OWED


def test_each_case_of_a_census_passes_its_trials_or_the_census_fails() -> None:
    two_of_three: list[Said] = [("answer", True), ("answer", False), ("answer", True)]
    run = {**{name: trials * 3 for name, trials in good(4).items()}, "s-9": two_of_three}
    assert critical(run_of(run, slices=a_census(needs=2))).standing is Standing.PASS
    ruling = critical(run_of(run, slices=a_census()))
    assert ruling.standing is Standing.FAIL
    assert "s-9" in ruling.seen


def test_a_broken_trial_leaves_a_census_open_and_no_case_is_owed() -> None:
    run = {**good(4), "s-9": [("answer", None)]}
    ruling = critical(run_of(run, slices=a_census()))
    assert (ruling.standing, ruling.gap) == (Standing.OWED, Gap.BROKEN)
    assert critical(run_of({}, slices=a_census())).standing is Standing.OWED


def test_a_census_is_compared_case_by_case_and_outside_the_family_of_the_others() -> None:
    slices = (*a_census(), Slice(id="t", title="T"))
    before = run_of({**good(5), **good(40, "t")}, slices=slices)
    same, ruling = regression(before, before)
    assert {row["slice"]: row["verdict"] for row in same["slices"]} == {"s": "pass", "t": "pass"}
    assert ruling.standing is Standing.PASS
    broken = run_of({**good(5), "s-4": [("answer", False)], **good(40, "t")}, slices=slices)
    data, ruling = regression(before, broken)
    (census,) = [row for row in data["slices"] if row["slice"] == "s"]
    assert (census["verdict"], census["broke"], census["low"], census["high"]) == ("fail", 1, -0.2, -0.2)
    assert ruling.standing is Standing.FAIL
    lost = run_of({**good(5), "s-4": [("answer", None)], **good(40, "t")}, slices=slices)
    data, _ = regression(before, lost)
    assert {row["slice"]: row["verdict"] for row in data["slices"]}["s"] == "owed"


def test_a_need_without_a_census_is_refused() -> None:
    with pytest.raises(ValueError, match="census"):
        Slice(id="s", title="S", needs=2)


# ── the two ways of being wrong ─────────────────────────────────────────────────────────────────────────────────────


def test_a_bundle_cannot_pass_by_refusing_what_it_answered_wrongly() -> None:
    """Every wrong answer became a refusal: the pass rate stands still, and the refusals are what got worse."""
    wrong = {f"s-{i}": [("answer", False)] for i in range(40, 60)}
    refuses = {f"s-{i}": [("abstain", False)] for i in range(40, 60)}
    before, after = run_of({**good(40), **wrong}, slices=PLAIN), run_of({**good(40), **refuses}, slices=PLAIN)
    data, ruling = regression(before, after)
    assert data["slices"][0]["verdict"] == "pass"
    halves = {row["slice"]: row for row in data["halves"]}
    assert (halves["wrong when answered"]["verdict"], halves["wrong when answered"]["fixed"]) == ("pass", 20)
    assert (halves["refused without need"]["verdict"], halves["refused without need"]["broke"]) == ("fail", 20)
    assert ruling.standing is Standing.FAIL
    assert "refused without need" in ruling.seen


def test_nor_by_answering_wrongly_what_it_refused() -> None:
    wrong = {f"s-{i}": [("answer", False)] for i in range(40, 60)}
    refuses = {f"s-{i}": [("abstain", False)] for i in range(40, 60)}
    data, ruling = regression(
        run_of({**good(40), **refuses}, slices=PLAIN), run_of({**good(40), **wrong}, slices=PLAIN)
    )
    assert [row["slice"] for row in data["halves"] if row["verdict"] == "fail"] == ["wrong when answered"]
    assert ruling.standing is Standing.FAIL


def test_cases_that_do_not_say_that_they_have_an_answer_have_no_halves() -> None:
    run = run_of(good(60), slices=PLAIN, expect=Expect(exact="x"))
    data, ruling = regression(run, run)
    assert data["halves"] == []
    assert ruling.standing is Standing.PASS


def test_wrong_answers_stand_beside_refusals_and_are_judged_where_a_limit_asks() -> None:
    kept = {f"t-{i}": [("abstain", True)] for i in range(60)}
    wrong = {f"s-{i}": [("answer", False)] for i in range(40, 60)}
    slices = (*PLAIN, Slice(id="t", title="T"))
    of = {name: {"expect": Expect(outcome="abstain")} for name in kept}
    data = measure_suite(run_of({**good(40), **wrong, **kept}, slices=slices, of=of))["SAFE-02"]
    assert (data["answered"]["wrong"], data["answered"]["n"]) == (20, 60)
    assert data["answered"]["failed"] == [f"s-{i}" for i in range(40, 60)]

    def safe(limits: Limits) -> Ruling:
        return RULES["SAFE-02"](data, limits)

    assert safe(LIMIT).standing is Standing.PASS
    assert "20 wrongly" in safe(LIMIT).seen
    assert safe(LIMIT.changed({"wrong_max": 0.1})).standing is Standing.FAIL
    assert safe(LIMIT.changed({"wrong_max": 0.4})).standing is Standing.OWED
    assert safe(LIMIT.changed({"wrong_max": 0.6})).standing is Standing.PASS
    without = {key: value for key, value in data.items() if key != "answered"}
    assert RULES["SAFE-02"](without, LIMIT.changed({"wrong_max": 0.6})).standing is Standing.OWED


# ── what informs ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_slices_that_nobody_declared_warn_beside_a_pass() -> None:
    of = {f"s-{i}": {"lang": "de" if i < 12 else "en"} for i in range(200)}
    before = run_of(good(200), slices=PLAIN, of=of)
    after = run_of({**good(200), **{f"s-{i}": [("answer", False)] for i in range(8)}}, slices=PLAIN, of=of)
    data, ruling = regression(before, after)
    (warned,) = data["exploratory"]
    assert (warned["slice"], warned["broke"], warned["n"], warned["warns"]) == ("language de", 8, 12, True)
    assert any("language de" in detail and "only warns" in detail for detail in ruling.details)


def test_a_warning_alone_does_not_hold() -> None:
    of = {f"s-{i}": {"lang": "de" if i < 12 else "en"} for i in range(200)}
    row = {"slice": "language de", "n": 12, "broke": 8, "fixed": 0, "delta": -0.6, "q": 0.01, "warns": True}
    run = run_of(good(200), slices=PLAIN, of=of)
    data, _ = regression(run, run)
    ruling = RULES["EVAL-03"]({**data, "exploratory": [row]}, LIMIT)
    assert ruling.standing is Standing.PASS
    assert any("only warns" in detail for detail in ruling.details)


def test_the_headline_is_weighted_by_declared_shares() -> None:
    slices = (Slice(id="big", title="B", share=0.9), Slice(id="small", title="S", share=0.1))
    before = run_of({**good(60, "big"), **good(60, "small")}, slices=slices)
    after = run_of(
        {**good(60, "big"), **good(60, "small"), **{f"small-{i}": [("answer", False)] for i in range(30)}},
        slices=slices,
    )
    data, _ = regression(before, after)
    assert data["overall"]["delta"] == -0.25
    assert data["headline"]["delta"] == pytest.approx(-0.05)
    assert data["headline"]["low"] < -0.05 < data["headline"]["high"]
    assert data["headline"]["covered"] == pytest.approx(1)
    assert regression(run_of(good(60), slices=PLAIN), run_of(good(60), slices=PLAIN))[0]["headline"] is None


def test_slices_that_share_a_case_have_no_headline() -> None:
    slices = (Slice(id="a", title="A", share=0.5), Slice(id="b", title="B", share=0.5))
    cases = tuple(Case(id=f"{i}", input="x", slices=("a", "b"), source="t", expect=ANSWER) for i in range(60))
    suite = Suite("gold", SuiteKind.GOLD, cases, slices)
    results = {
        f"gold/{case.id}": CaseResult(case.id, case.slices, case.unit, (Trial(case.id, 0, Reply("answer", "x"), calls=1),),
                                      ((Scored("exact", 1.0, True),),))
        for case in cases
    }  # fmt: skip
    run = Run("r", {"app": "x"}, (suite,), results, False, 1, 0, 0.0, AT, AT)
    assert regression(run, run)[0]["headline"] is None


def test_repeats_are_shown_by_slice_and_a_second_view_beside_the_decision() -> None:
    wavering: list[Said] = [("answer", True), ("answer", False)]
    run = run_of(
        {**{name: trials * 2 for name, trials in good(58).items()}, "s-58": wavering, "s-59": wavering}, slices=PLAIN
    )
    repeats = measure_suite(run)["EVAL-02"]["slices"][0]["repeats"]
    assert (repeats["cases"], repeats["trials"], repeats["flaky"]) == (60, 2, 2)
    assert repeats["pass_hat"] == [pytest.approx(59 / 60), pytest.approx(58 / 60)]
    assert repeats["discordance"] == pytest.approx(2 / 60)
    data, _ = regression(run, run)
    assert data["slices"][0]["bca"] == [0, 0]
    assert data["slices"][0]["low"] < 0  # the bootstrap has no width, so it passes nothing
    once = run_of(good(60), slices=PLAIN)
    assert measure_suite(once)["EVAL-02"]["slices"][0]["repeats"] is None
    assert regression(once, once)[0]["slices"][0]["bca"] is None
