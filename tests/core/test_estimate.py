"""Rates say no more than their cases do. The oracles are scipy and statsmodels, which the product never imports."""

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from interlock.core.distribution import (
    binomial_at_least,
    binomial_at_most,
    normal_quantile,
    student_quantile,
    student_tail,
)
from interlock.core.estimate import (
    Clears,
    Estimate,
    Interval,
    cases_to_certify,
    clears,
    clopper_pearson,
    cluster_interval,
    clustered_mean,
    lower_bound,
    pass_hat_k,
    stays_below,
    upper_bound,
    wilson,
)

counts = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
small_counts = st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
confidences = st.sampled_from([0.5, 0.8, 0.9, 0.955, 0.95, 0.99, 0.9999])


@given(counts, confidences)
def test_exact_bounds_are_quantiles_of_the_beta_distribution(count: tuple[int, int], confidence: float) -> None:
    passes, n = count
    found = clopper_pearson(passes, n, confidence)
    tail = (1 - confidence) / 2
    low = 0.0 if passes == 0 else stats.beta.ppf(tail, passes, n - passes + 1)
    high = 1.0 if passes == n else stats.beta.isf(tail, passes + 1, n - passes)
    assert (found.low, found.high) == (pytest.approx(low, rel=1e-8), pytest.approx(high, rel=1e-8))
    assert lower_bound(passes, n, 1 - tail).low == pytest.approx(low, rel=1e-8)
    assert upper_bound(passes, n, 1 - tail).high == pytest.approx(high, rel=1e-8)


@given(small_counts.filter(lambda count: count[1] > 0), confidences)
def test_intervals_agree_with_binomtest(count: tuple[int, int], confidence: float) -> None:
    passes, n = count
    test = stats.binomtest(passes, n)
    for found, method in ((clopper_pearson, "exact"), (wilson, "wilson")):
        expected = test.proportion_ci(confidence, method=method)
        interval = found(passes, n, confidence)
        assert (interval.low, interval.high) == (
            pytest.approx(expected.low, abs=1e-10),
            pytest.approx(expected.high, abs=1e-10),
        )
        assert interval.low <= passes / n <= interval.high
    assert proportion_confint(passes, n, 1 - confidence, method="wilson") == pytest.approx(
        (wilson(passes, n, confidence).low, wilson(passes, n, confidence).high), abs=1e-10
    )


@given(counts, st.floats(-6, 6))
def test_binomial_tails_keep_their_digits_far_out_and_at_a_hundred_thousand(count: tuple[int, int], off: float) -> None:
    k, n = count
    p = min(1.0, max(0.0, k / n + off * math.sqrt(max(k * (n - k), n) / n**3)))
    assert binomial_at_least(k, n, p) == pytest.approx(stats.binom.sf(k - 1, n, p), rel=1e-8, abs=1e-250)
    assert binomial_at_most(k, n, p) == pytest.approx(stats.binom.cdf(k, n, p), rel=1e-8, abs=1e-250)


@given(small_counts, st.fractions(0, 1, max_denominator=64))
def test_binomial_tails_are_the_sums_that_they_stand_for(count: tuple[int, int], p: Fraction) -> None:
    k, n = count
    exact = sum((math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1)), Fraction(0))
    assert binomial_at_least(k, n, float(p)) == pytest.approx(float(exact), rel=1e-10, abs=1e-200)


@given(st.sampled_from([1, 2, 3, 9, 39, 1_000, 100_000]), st.sampled_from([0.4, 0.05, 0.045, 0.025, 1e-4, 1e-8]))
def test_t_and_normal_quantiles_agree_with_scipy(dof: int, alpha: float) -> None:
    assert student_quantile(alpha, dof) == pytest.approx(stats.t.isf(alpha, dof), rel=1e-8)
    assert normal_quantile(alpha) == pytest.approx(stats.norm.isf(alpha), rel=1e-12)
    for t in (-40.0, -1.7, 0.0, 0.3, 12.0):
        assert student_tail(t, dof) == pytest.approx(stats.t.sf(t, dof), rel=1e-8, abs=1e-250)


def test_no_case_gives_no_rate_no_bound_and_no_decision() -> None:
    empty = Estimate.of(0, 0)
    assert empty.rate is None
    assert (empty.interval.low, empty.interval.high) == (0.0, 1.0)
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    for limit in (0.0, 0.5, 1.0):
        assert clears(limit, empty) is Clears.UNDECIDED
        assert stays_below(limit, empty) is Clears.UNDECIDED


def test_a_bound_that_only_meets_its_limit_proves_nothing_against_it() -> None:
    assert lower_bound(1, 1).low == 0.05
    assert stays_below(0.05, Estimate.of(1, 1)) is Clears.UNDECIDED
    assert clears(0.95, Estimate.of(0, 1)) is Clears.UNDECIDED
    assert clears(0.05, Estimate.of(1, 1)) is Clears.PASS


def test_a_floor_of_zero_asks_for_a_case_and_no_more() -> None:
    assert clears(0.0, Estimate.of(0, 1)) is Clears.PASS
    assert stays_below(1.0, Estimate.of(1, 1)) is Clears.PASS


def test_zero_failures_in_forty_certify_no_more_than_92_8_percent() -> None:
    assert lower_bound(40, 40).low == pytest.approx(0.05 ** (1 / 40), rel=1e-14)
    assert clears(0.92, Estimate.of(40, 40)) is Clears.PASS
    assert clears(0.93, Estimate.of(40, 40)) is Clears.UNDECIDED


@given(small_counts, st.floats(1e-6, 1))
def test_clears_is_the_exact_binomial_test_of_the_floor(count: tuple[int, int], floor: float) -> None:
    passes, n = count
    found = clears(floor, Estimate.of(passes, n, 0.5))  # the interval shown has no say
    if n == 0:
        assert found is Clears.UNDECIDED
        return
    above = stats.binomtest(passes, n, floor, alternative="greater").pvalue
    under = stats.binomtest(passes, n, floor, alternative="less").pvalue
    if min(abs(above - 0.05), abs(under - 0.05)) > 1e-9:
        expected = Clears.PASS if above <= 0.05 else Clears.FAIL if under < 0.05 else Clears.UNDECIDED
        assert found is expected


@given(small_counts, st.integers(0, 20))
def test_a_ceiling_is_a_floor_seen_from_the_other_side(count: tuple[int, int], twentieths: int) -> None:
    unwanted, n = count
    ceiling = twentieths / 20
    mirrored = clears((20 - twentieths) / 20, Estimate.of(n - unwanted, n))
    assert stays_below(ceiling, Estimate.of(unwanted, n)) is mirrored


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))), st.floats(0, 1))
def test_one_more_pass_never_worsens_the_outcome(count: tuple[int, int], floor: float) -> None:
    order = [Clears.FAIL, Clears.UNDECIDED, Clears.PASS]
    passes, n = count
    assert order.index(clears(floor, Estimate.of(passes, n))) <= order.index(clears(floor, Estimate.of(passes + 1, n)))


def test_cases_to_certify_are_the_known_tables() -> None:
    known = {0.9: [29, 46, 61], 0.95: [59, 93, 124], 0.98: [149, 236, 313], 0.99: [299, 473, 628]}
    assert {floor: [cases_to_certify(floor, k) for k in (0, 1, 2)] for floor in known} == known


@given(
    st.sampled_from([0.3, 0.5, 0.7, 0.9, 0.97, 0.999]), st.integers(0, 12), st.sampled_from([0.8, 0.95, 0.955, 0.99])
)
def test_certifying_takes_that_many_cases_and_not_one_fewer(floor: float, failures: int, confidence: float) -> None:
    n = cases_to_certify(floor, failures, confidence)
    assert clears(floor, Estimate.of(n - failures, n), confidence) is Clears.PASS
    if n > failures + 1:
        fewer = Estimate.of(n - 1 - failures, n - 1)
        assert clears(floor, fewer, confidence) is not Clears.PASS


clustered = st.lists(st.tuples(st.floats(-1, 1), st.sampled_from("abcdefgh")), min_size=2, max_size=40).filter(
    lambda rows: len({cluster for _, cluster in rows}) > 1 and np.ptp([value for value, _ in rows]) > 1e-3
)


@settings(deadline=None)
@given(clustered, confidences)
def test_cluster_interval_is_the_cluster_robust_regression_on_a_constant(
    rows: list[tuple[float, str]], confidence: float
) -> None:
    values, clusters = zip(*rows, strict=True)
    groups = np.unique(clusters, return_inverse=True)[1]
    fit = sm.OLS(np.array(values), np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": groups}, use_t=True
    )
    low, high = fit.conf_int(1 - confidence)[0]
    found = cluster_interval(values, clusters, confidence)
    assert (found.low, found.high) == (pytest.approx(low, rel=1e-8, abs=1e-8), pytest.approx(high, rel=1e-8, abs=1e-8))
    assert clustered_mean(values, clusters).standard_error == pytest.approx(fit.bse[0], abs=1e-9)


def test_repeating_every_value_inside_its_cluster_adds_no_certainty() -> None:
    once = cluster_interval([1.0, 0.0, 1.0, 1.0], ["a", "b", "c", "d"])
    tenfold = cluster_interval([1.0, 0.0, 1.0, 1.0] * 10, ["a", "b", "c", "d"] * 10)
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high), rel=1e-12)


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(1, 8))
def test_pass_hat_k_is_the_share_of_all_ways_to_draw_k_trials(trials: list[bool], k: int) -> None:
    if k > len(trials):
        with pytest.raises(ValueError):
            pass_hat_k(sum(trials), len(trials), k)
        return
    draws = [all(draw) for draw in combinations(trials, k)]
    assert pass_hat_k(sum(trials), len(trials), k) == pytest.approx(sum(draws) / len(draws))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: clopper_pearson(3, 2),
        lambda: clopper_pearson(-1, 2),
        lambda: upper_bound(3, 2),
        lambda: wilson(3, 2),
        lambda: Estimate.of(1, 0),
        lambda: lower_bound(1, 2, 1.0),
        lambda: clopper_pearson(1, 2, math.nan),
        lambda: Interval(math.nan, 1.0, 0.95, "none"),
        lambda: Interval(0.9, 0.1, 0.95, "none"),
        lambda: clears(1.1, Estimate.of(1, 2)),
        lambda: clears(math.nan, Estimate.of(1, 2)),
        lambda: stays_below(-0.1, Estimate.of(1, 2)),
        lambda: cases_to_certify(1.0),
        lambda: cases_to_certify(0.0),
        lambda: cases_to_certify(0.9, -1),
        lambda: cluster_interval([0.5, 0.4], ["a", "a"]),
        lambda: cluster_interval([], []),
        lambda: cluster_interval([0.5, math.nan], ["a", "b"]),
        lambda: cluster_interval([0.5], ["a", "b"]),
        lambda: pass_hat_k(5, 4, 1),
        lambda: pass_hat_k(1, 4, 0),
    ],
)
def test_counts_and_chances_out_of_range_are_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        wrong()
