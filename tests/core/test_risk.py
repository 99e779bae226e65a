"""Thresholds: what is promised holds on answers that nobody has seen, in all but one of twenty calibrations."""

import random
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from interlock.core.risk import (
    MIN_GROUPS,
    Chosen,
    Labelled,
    calibrate,
    calibrate_slices,
    chance_of_so_few,
    choose,
    curve,
    design_effect,
    point,
    prove,
    split,
)  # fmt: skip

ROWS = st.lists(
    st.builds(
        Labelled, st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9, 1.0]), st.booleans(), st.sampled_from(["a", "b"]),
        st.sampled_from([f"d{i}" for i in range(12)]),
    ),
    max_size=60,
)  # fmt: skip


def world(chance: random.Random, n: int, *, per_group: int = 1, alike: float = 0.0) -> list[Labelled]:
    """Answers whose risk falls with their score; in a group, labels may be copies of the first one."""
    rows = []
    for at in range(n):
        score = chance.random()
        if at % per_group == 0 or chance.random() >= alike:
            bad = chance.random() < 0.3 * (1 - score)
        rows.append(Labelled(score, bad, "s", f"g{at // per_group}"))
    return rows


def true_risk(threshold: float) -> float:
    """Of `world`, above a threshold."""
    return 0.15 * (1 - threshold)


@pytest.mark.parametrize("budget", [0.05, 0.1])
def test_the_risk_of_a_chosen_threshold_exceeds_its_budget_in_at_most_one_of_twenty_worlds(budget: float) -> None:
    chance = random.Random(11)
    found = [choose(world(chance, 400), budget) for _ in range(300)]
    values = [one.value for one in found if one.value is not None]
    assert len(values) > 50
    broken = sum(true_risk(value) > budget for value in values)
    assert broken <= binom.ppf(0.99, 300, 0.05)


def test_alike_answers_of_a_document_do_not_make_a_promise_that_does_not_hold() -> None:
    chance = random.Random(12)
    found = [choose(world(chance, 600, per_group=6, alike=1.0), 0.1) for _ in range(200)]
    broken = sum(true_risk(one.value) > 0.1 for one in found if one.value is not None)
    assert broken <= binom.ppf(0.99, 200, 0.05)


@given(ROWS, st.sampled_from([0.05, 0.1, 0.3, 0.5]))
def test_a_found_threshold_has_an_exact_bound_within_its_budget(rows: list[Labelled], budget: float) -> None:
    found = choose(rows, budget)
    assert (found.value is None) == (found.outcome is not Chosen.FOUND)
    if found.value is not None:
        assert found.bound <= budget
        assert found.at == point(rows, found.value)
    elif found.outcome is Chosen.FEW:
        assert found.missing > 0 or found.groups > 0


@given(ROWS)
def test_a_lower_budget_never_gives_a_lower_threshold(rows: list[Labelled]) -> None:
    strict, loose = choose(rows, 0.2), choose(rows, 0.5)
    if strict.value is not None and loose.value is not None:
        assert strict.value >= loose.value


@given(ROWS)
def test_the_curve_counts_what_a_slow_count_counts(rows: list[Labelled]) -> None:
    for at in curve(rows):
        assert at == point(rows, at.threshold)
    assert [at.threshold for at in curve(rows)] == sorted({row.score for row in rows}, reverse=True)


def test_a_long_curve_keeps_its_ends() -> None:
    rows = [Labelled(at / 1000, at % 7 == 0, "", str(at)) for at in range(1000)]
    points = curve(rows, 50)
    assert len(points) == 50
    assert (points[0].delivered, points[-1].delivered) == (1, 1000)


@given(ROWS, st.integers(0, 5))
def test_a_split_keeps_documents_whole_and_loses_nothing(rows: list[Labelled], seed: int) -> None:
    first, second = split(rows, seed=seed)
    assert not {row.group for row in first} & {row.group for row in second}
    assert sorted(map(repr, [*first, *second])) == sorted(map(repr, rows))
    again, _ = split(list(reversed(rows)), seed=seed)
    assert {row.group for row in again} == {row.group for row in first}


@pytest.mark.parametrize(("bad", "n"), [(0, 60), (3, 100), (10, 100), (100, 100)])
def test_bounds_are_clopper_pearsons(bad: int, n: int) -> None:
    rows = [Labelled(0.9, at < bad, "", str(at)) for at in range(n)]
    proof = prove(rows, 0.5)
    assert proof.bound == pytest.approx(beta.ppf(0.95, bad + 1, n - bad) if bad < n else 1.0)
    assert proof.low == pytest.approx(beta.ppf(0.05, bad, n - bad + 1) if bad else 0.0)
    if bad < n:
        assert chance_of_so_few(bad, n, 0.1) == pytest.approx(binom.cdf(bad, n, 0.1))


def test_copies_count_once_and_independent_answers_count_fully() -> None:
    chance = random.Random(4)
    labels = [chance.random() < 0.3 for _ in range(60)]
    copies = [Labelled(0.9, bad, "", f"d{at}") for at, bad in enumerate(labels) for _ in range(5)]
    assert design_effect(copies, copies) == pytest.approx(5.0)
    alone = [Labelled(0.9, bad, "", f"d{at}") for at, bad in enumerate(labels)]
    assert design_effect(alone, alone) == 1.0


def test_too_few_labels_say_how_many_are_missing() -> None:
    rows = [Labelled(0.9, False, "", str(at)) for at in range(40)]
    found = choose(rows, 0.05)
    assert (found.outcome, found.missing) == (Chosen.FEW, 19)
    more = [Labelled(0.9, False, "", str(at)) for at in range(40 + found.missing)]
    assert choose(more, 0.05).outcome is Chosen.FOUND


def test_too_few_documents_promise_nothing_however_many_answers_they_have() -> None:
    rows = [Labelled(0.9, False, "", f"d{at % 6}") for at in range(1_000)]
    found = choose(rows, 0.05)
    assert (found.outcome, found.groups) == (Chosen.FEW, MIN_GROUPS - 6)


def test_a_score_that_tells_nothing_gives_no_threshold() -> None:
    chance = random.Random(5)
    rows = [Labelled(chance.random(), chance.random() < 0.5, "", str(at)) for at in range(500)]
    assert choose(rows, 0.05).outcome is Chosen.NONE


def test_no_labels_promise_nothing() -> None:
    assert choose([], 0.05).outcome is Chosen.FEW
    assert not prove([], 0.5).keeps(0.05)
    assert not prove([Labelled(0.1, False, "", "a")], 0.5).keeps(0.99)


def test_each_slice_is_calibrated_for_itself_and_its_cost_is_counted() -> None:
    chance = random.Random(6)
    rows = [Labelled(0.9 if chance.random() > 0.2 else 0.4, False, "easy", f"e{at}") for at in range(300)]
    rows += [Labelled(0.9, chance.random() < 0.5, "hard", f"h{at}") for at in range(300)]
    found = calibrate_slices(rows, 0.05)
    assert (found["easy"].chosen.outcome, found["hard"].chosen.outcome) == (Chosen.FOUND, Chosen.NONE)
    easy = found["easy"]
    assert easy.proof is not None
    assert easy.withheld == easy.supported - (easy.proof.at.delivered - easy.proof.at.unsupported)


@pytest.mark.parametrize("wrong", [lambda: choose([], 0.0), lambda: choose([], 1.0), lambda: choose([], 0.1, confidence=1.0),
                                   lambda: Labelled(float("nan"), True, "", "")])  # fmt: skip
def test_budgets_scores_and_confidences_out_of_range_are_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        wrong()


def test_ten_thousand_labels_are_calibrated_in_five_seconds() -> None:
    rows = world(random.Random(8), 10_000, per_group=3)
    start = time.process_time()
    calibrate(rows, 0.05)
    assert time.process_time() - start < 5
