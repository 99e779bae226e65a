import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from interlock.core.distribution import chi_square_tail
from interlock.core.representativeness import (
    cases_for_mix,
    fit_to_shares,
    jensen_shannon,
    kish,
    mix_distance,
    same_mix,
    total_variation,
)


def mix_of(numbers: list[int]) -> list[float]:
    total = sum(numbers)
    return [n / total for n in numbers]


counts = st.lists(st.integers(0, 300), min_size=2, max_size=9).filter(lambda row: sum(row) > 0)
pairs = st.integers(2, 8).flatmap(
    lambda k: st.tuples(
        st.lists(st.integers(1, 300), min_size=k, max_size=k), st.lists(st.integers(1, 300), min_size=k, max_size=k)
    )
)


@given(st.floats(0, 400), st.integers(1, 300))
def test_the_chi_square_tail_is_that_of_scipy(x: float, dof: int) -> None:
    assert chi_square_tail(x, dof) == pytest.approx(stats.chi2.sf(x, dof), rel=1e-8, abs=1e-12)


def test_the_chi_square_tail_is_a_chance_at_its_ends() -> None:
    assert chi_square_tail(0, 3) == 1
    assert chi_square_tail(math.inf, 3) == 0
    with pytest.raises(ValueError, match="is no chi-square"):
        chi_square_tail(math.nan, 3)


@given(pairs)
def test_the_distance_is_the_largest_difference_over_all_sets_of_slices(rows: tuple[list[int], list[int]]) -> None:
    p, q = map(mix_of, rows)
    slow = max(
        abs(sum(a - b for a, b, one in zip(p, q, chosen, strict=True) if one))
        for chosen in product((0, 1), repeat=len(p))
    )
    assert total_variation(p, q) == pytest.approx(slow, abs=1e-12)


@given(pairs)
def test_jensen_shannon_is_that_of_scipy(rows: tuple[list[int], list[int]]) -> None:
    p, q = map(mix_of, rows)
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-7)


@given(pairs)
def test_chi_square_of_counts_is_that_of_scipy(rows: tuple[list[int], list[int]]) -> None:
    shares = mix_of(rows[1])
    ours, theirs = fit_to_shares(rows[0], shares), stats.chisquare(rows[0], [s * sum(rows[0]) for s in shares])
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-8, abs=1e-10)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-8, abs=1e-12)
    both, table = same_mix(*rows), stats.chi2_contingency(np.array(rows), correction=False)
    assert both.statistic == pytest.approx(table.statistic, rel=1e-8, abs=1e-10)
    assert (both.dof, both.p) == (table.dof, pytest.approx(table.pvalue, rel=1e-8, abs=1e-12))


def test_what_traffic_never_has_cannot_fit() -> None:
    found = fit_to_shares([3, 1], [1.0, 0.0])
    assert (found.statistic, found.p) == (math.inf, 0.0)
    assert fit_to_shares([3, 0, 0], [1.0, 0.0, 0.0]).p == 1.0


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=50), st.floats(0.1, 1000))
def test_effective_cases_are_at_most_all_and_know_no_unit(weights: list[float], unit: float) -> None:
    n = kish(weights)
    assert 1 - 1e-9 <= n <= len(weights) + 1e-9
    assert n == pytest.approx(kish([unit * w for w in weights]))
    assert n == pytest.approx(sum(weights) ** 2 / sum(w * w for w in weights))


@pytest.mark.parametrize(("k", "n"), [(2, 5), (2, 40), (3, 12), (4, 200), (11, 60), (11, 400), (30, 100)])
@pytest.mark.parametrize("traffic", [None, 50, 5000])
def test_each_bound_holds_at_least_as_often_as_it_says(k: int, n: int, traffic: int | None) -> None:
    """Simulated, with mixes that are far apart, near and the same; 400 draws, so 0.95 may show as 0.94."""
    random = np.random.default_rng(k * 1000 + n)
    for spread in (0.3, 3.0, None):
        q = random.dirichlet(np.full(k, 2.0))
        p = q if spread is None else random.dirichlet(np.full(k, spread))
        true = total_variation(list(p / p.sum()), list(q / q.sum()))
        low = high = 0
        for _ in range(400):
            gold = random.multinomial(n, p) / n
            seen = q if traffic is None else random.multinomial(traffic, q) / traffic
            found = mix_distance(list(gold / gold.sum()), list(seen / seen.sum()), n, traffic)
            low += found.low <= true + 1e-12
            high += found.high >= true - 1e-12
        assert low / 400 >= 0.94
        assert high / 400 >= 0.94


def test_a_resampled_interval_would_not_hold_where_the_mixes_agree() -> None:
    """Why no bootstrap: the plug-in distance of few cases lies above the true one, and so do its percentiles."""
    random = np.random.default_rng(7)
    q, covered = np.full(10, 0.1), 0
    for _ in range(200):
        gold = random.multinomial(60, q)
        again = random.multinomial(60, gold / 60, size=200) / 60
        covered += np.quantile(np.abs(again - q).sum(axis=1) / 2, 0.05) <= 0.0
    assert covered / 200 < 0.05
    assert mix_distance([0.1] * 10, [0.1] * 10, 60).low == 0.0


@given(counts, st.integers(1, 2000), st.one_of(st.none(), st.integers(1, 5000)))
def test_few_cases_never_show_more_than_many(row: list[int], n: int, traffic: int | None) -> None:
    gold, shares = mix_of(row), [1 / len(row)] * len(row)
    few, many = mix_distance(gold, shares, n, traffic), mix_distance(gold, shares, 2 * n, traffic)
    assert 0 <= few.low <= many.low <= many.distance <= many.high <= few.high <= 1


@given(st.floats(0, 0.3), st.sampled_from([0.1, 0.15, 0.25]), st.one_of(st.none(), st.integers(20, 100_000)))
def test_the_cases_needed_are_the_fewest_that_do(distance: float, limit: float, traffic: int | None) -> None:
    needed = cases_for_mix(distance, limit, traffic)
    p, q = [0.5 + distance, 0.5 - distance], [0.5, 0.5]
    if needed is None:
        assert mix_distance(p, q, 10**7, traffic).high > limit - 1e-3
        return
    assert mix_distance(p, q, needed, traffic).high <= limit + 1e-9
    assert needed == 1 or mix_distance(p, q, needed - 1, traffic).high > limit - 1e-9


def test_what_is_no_mix_is_refused() -> None:
    for p, q in (([0.5], [0.5, 0.5]), ([], []), ([0.6, 0.6], [0.5, 0.5]), ([1.5, -0.5], [0.5, 0.5])):
        with pytest.raises(ValueError, match="mix"):
            total_variation(p, q)
    with pytest.raises(ValueError, match="show no mix"):
        mix_distance([1.0], [1.0], 0)
    with pytest.raises(ValueError, match="weights"):
        kish([1, 0])
