"""Promises of EVAL-03 before a judge: its errors make a margin narrower, and a doubt about the judge is never a verdict."""

import random
from typing import Any

import pytest

from interlock.core.comparison import Paired
from interlock.core.digest import of_bytes
from interlock.core.judged_rate import least_power
from interlock.core.judgement import Table
from interlock.core.judges import Judge, JudgeModel, JudgeSpec
from interlock.core.suite import Slice, Suite, SuiteKind
from interlock.services.judged_pairs import JudgedPair, decided

SPEC = JudgeSpec(name="helpful", model=JudgeModel(provider="x", id="j-2026-05-01"), prompt="p", rubric="r")
JUDGE = Judge(SPEC, of_bytes(b"p"), of_bytes(b"r"))
PIECE = Slice(id="refunds", title="Refunds")
SUITE = Suite("gold", SuiteKind.GOLD, (), (PIECE,))
LABELS = Table(380, 20, 20, 180)


def judged(pair: Paired, *, margin: float = 0.1, power: float | None = None, nothing: str = "") -> JudgedPair:
    shown = least_power(LABELS) if power is None else power
    return JudgedPair(
        "refunds judge:helpful", SUITE, PIECE, JUDGE, pair, margin, shown, nothing, (), (), (0, 0), (0, 0)
    )


def verdict(one: JudgedPair, others: dict[str, Paired] | None = None) -> Any:
    pairs = others or {}
    return decided([one], pairs, dict.fromkeys(pairs, 0.1))


def test_a_drop_as_large_as_the_margin_passes_as_seldom_as_with_people() -> None:
    """The real drop is the margin. Nominally 5 % may pass; of 300 simulated comparisons at most 26 (3 standard deviations)."""
    chance = random.Random(7)
    se, sp, passed, naive = 0.95, 0.9, 0, 0
    for _ in range(300):
        broke = fixed = 0
        for _ in range(400):
            was, now = chance.random() < 0.9, chance.random() < 0.8
            before, after = (chance.random() < (se if good else 1 - sp) for good in (was, now))
            broke, fixed = broke + (before and not after), fixed + (after and not before)
        pair = Paired(400, broke, fixed)
        passed += verdict(judged(pair))["refunds judge:helpful"].verdict == "pass"
        naive += verdict(judged(pair, power=1.0))["refunds judge:helpful"].verdict == "pass"
    assert passed <= 26
    assert naive > passed  # taken at its word, the judge lets more through


@pytest.mark.parametrize(
    ("pair", "says"),
    [
        (Paired(400, 4, 6), "pass"),
        (Paired(400, 120, 5), "fail"),
        (Paired(30, 0, 0), "owed"),
        (Paired(400, 34, 8), "fail"),  # within the margin and yet a proven drop
        (Paired(400, 0, 0, unpaired=60), "owed"),
    ],
)
def test_each_comparison_says_what_the_judge_can_show(pair: Paired, says: str) -> None:
    assert verdict(judged(pair))["refunds judge:helpful"].verdict == says


@pytest.mark.parametrize("pair", [Paired(400, 4, 6), Paired(400, 200, 0), Paired(0, 0, 0)])
@pytest.mark.parametrize("changes", [{"nothing": "judge `helpful` is disqualified"}, {"power": 0.0}])
def test_a_judge_that_counts_for_nothing_neither_passes_nor_takes_anything_from_the_others(
    pair: Paired, changes: dict[str, Any]
) -> None:
    others = {"refunds": Paired(300, 3, 3)}
    found = verdict(judged(pair, **changes), others)
    assert found["refunds judge:helpful"].verdict == "owed"
    if changes.get("nothing"):
        assert found["refunds"] == decided([], others, {"refunds": 0.1})["refunds"]


def test_no_judge_changes_nothing() -> None:
    assert decided([], {}, {}) == {}


def test_a_unit_that_was_not_asked_counts_as_either() -> None:
    from datetime import UTC, datetime

    from interlock.core.asked_model import Endpoint
    from interlock.core.judges import CalibrationRecord, Label
    from interlock.core.rubric import Criterion, Rubric
    from interlock.core.score import CaseResult, Reply, Scored, Trial
    from interlock.core.suite import Case, Expect
    from interlock.services.evaluate import Run
    from interlock.services.judged_rates import judged_floor

    spec = SPEC.model_copy(update={"endpoint": Endpoint(url="http://localhost/v1")})
    rubric = Rubric(rubric=1, criteria=(Criterion(id="right", asks="It is right."),))
    judge = Judge(spec, JUDGE.prompt, JUDGE.rubric, None, "You judge.", rubric)
    labels = tuple(
        Label(case=f"old-{n}", rater="ines", human=n % 3 > 0, judge=n % 3 > 0, slices=("refunds",)) for n in range(150)
    )
    record = CalibrationRecord(
        calibration=1, judge="helpful", model=spec.model.pin, prompt=judge.prompt, rubric=judge.rubric, asks=judge.asks, rows=labels
    )  # fmt: skip
    judge = Judge(spec, JUDGE.prompt, JUDGE.rubric, record, "You judge.", rubric)
    cases = tuple(Case(id=f"c{n}", input="?", slices=("refunds",), expect=Expect(), source="t") for n in range(100))
    suite = Suite("gold", SuiteKind.GOLD, cases, (PIECE,), (), (judge,))
    at = datetime(2026, 11, 26, tzinfo=UTC)

    def low(left: int) -> tuple[dict[str, int], float]:
        results = {}
        for n, case in enumerate(cases):
            asked = n >= left
            own = (Trial(case.id, 0, Reply("answer", "x"), calls=1),) if asked else ()
            scores = ((Scored("judge:helpful", 1.0, True),),) if asked else ()
            results[f"gold/{case.id}"] = CaseResult(
                case.id, case.slices, case.unit, own, scores, curtailed=int(not asked)
            )
        found = judged_floor(Run("r", {}, (suite,), results, False, 0, 0, 0.0, at, at), suite, PIECE, judge, 0.8)
        return found["judge"]["apart"], found["corrected"]["low"]

    assert low(0)[0] == {}
    assert low(30)[0] == {"curtailed": 30}
    assert low(30)[1] < low(0)[1] - 0.2
