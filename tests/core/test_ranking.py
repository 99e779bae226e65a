"""The area under the ROC curve, against two slow and obvious versions of it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, norm

from interlock.core.ranking import auroc

SCORES = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]), min_size=1, max_size=25)


@given(SCORES, SCORES)
def test_the_area_is_the_share_of_pairs_in_the_right_order(good: list[float], bad: list[float]) -> None:
    pairs = [(a > b) + 0.5 * (a == b) for a in good for b in bad]
    assert auroc(good, bad).value == pytest.approx(sum(pairs) / len(pairs))
    assert auroc(good, bad).value == pytest.approx(mannwhitneyu(good, bad).statistic / (len(good) * len(bad)))


@given(SCORES, SCORES)
def test_the_interval_holds_the_area_and_turns_with_it(good: list[float], bad: list[float]) -> None:
    area, turned = auroc(good, bad), auroc([-x for x in good], [-x for x in bad])
    assert area.value is not None
    assert turned.value is not None
    assert 0 <= area.interval.low <= area.value <= area.interval.high <= 1
    assert turned.value == pytest.approx(1 - area.value)


def delong_variance(good: list[float], bad: list[float]) -> float:
    """DeLong's variance by its definition, pair by pair."""
    psi = [[(a > b) + 0.5 * (a == b) for b in bad] for a in good]
    m, n = len(good), len(bad)
    rows, columns = [sum(row) / n for row in psi], [sum(psi[i][j] for i in range(m)) / m for j in range(n)]
    area = sum(rows) / m
    return sum((x - area) ** 2 for x in rows) / (m - 1) / m + sum((y - area) ** 2 for y in columns) / (n - 1) / n


def test_the_interval_is_delongs_on_the_logit_scale() -> None:
    chance = random.Random(2)
    good, bad = [chance.gauss(0.6, 0.2) for _ in range(80)], [chance.gauss(0.4, 0.2) for _ in range(60)]
    area = auroc(good, bad)
    assert area.value is not None
    import math

    logit = math.log(area.value / (1 - area.value))
    half = norm.ppf(0.975) * math.sqrt(delong_variance(good, bad)) / (area.value * (1 - area.value))
    assert area.interval.low == pytest.approx(1 / (1 + math.exp(half - logit)))
    assert area.interval.high == pytest.approx(1 / (1 + math.exp(-half - logit)))


def test_documents_of_one_case_each_change_nothing_and_alike_cases_widen_the_interval() -> None:
    chance = random.Random(3)
    good, bad = [chance.random() ** 0.5 for _ in range(60)], [chance.random() for _ in range(60)]
    alone = auroc(good, bad)
    single = auroc(good, bad, groups=([f"g{i}" for i in range(60)], [f"b{i}" for i in range(60)]))
    assert single.interval.low == pytest.approx(alone.interval.low)
    copied = auroc(good * 4, bad * 4, groups=([f"g{i}" for i in range(60)] * 4, [f"b{i}" for i in range(60)] * 4))
    assert copied.interval.low == pytest.approx(alone.interval.low, abs=0.01)
    assert auroc(good * 4, bad * 4).interval.low > copied.interval.low + 0.02


def test_without_one_of_the_kinds_there_is_no_area_and_a_perfect_one_is_not_certain() -> None:
    assert auroc([], [0.1]).value is None
    perfect = auroc([0.9] * 10, [0.1] * 10)
    assert perfect.value == 1.0
    assert perfect.interval.low == pytest.approx(0.05 ** (1 / 10))


def test_ninety_five_of_a_hundred_intervals_hold_the_true_area() -> None:
    chance, truth, held = random.Random(9), norm.cdf(1 / 2**0.5), 0
    for _ in range(400):
        good, bad = [chance.gauss(1, 1) for _ in range(40)], [chance.gauss(0, 1) for _ in range(40)]
        area = auroc(good, bad)
        held += area.interval.low <= truth <= area.interval.high
    assert held >= 366
