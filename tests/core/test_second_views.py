"""Views that inform: the weighted headline, the bootstrap, repeats, false discoveries. Each agrees with another package."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from interlock.core.bootstrap import bca_bounds, bca_interval
from interlock.core.comparison import benjamini_hochberg, tango_interval
from interlock.core.estimate import cluster_interval
from interlock.core.headline import Stratum, headline
from interlock.core.repeats import Repeated, census, reliability


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_false_discoveries_agree_with_scipy(pvalues: list[float]) -> None:
    assert benjamini_hochberg(pvalues) == pytest.approx(list(stats.false_discovery_control(pvalues)), abs=1e-12)


def test_no_slice_makes_no_discovery() -> None:
    assert benjamini_hochberg([]) == []
    with pytest.raises(ValueError):
        benjamini_hochberg([math.nan])


# ── the headline ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_headline_of_one_slice_is_its_own_interval() -> None:
    found = headline([Stratum("all", 0.3, 21, 7, 1)])
    assert (found.low, found.high) == pytest.approx(tango_interval(7, 1, 21, 0.025))
    assert found.delta == pytest.approx(-6 / 21)
    assert found.covered == pytest.approx(0.3)


strata = st.lists(
    st.integers(200, 900).flatmap(
        lambda n: st.tuples(st.floats(0.05, 1), st.just(n), st.integers(20, n // 4), st.integers(20, n // 4))
    ),
    min_size=1,
    max_size=5,
)


@given(strata)
def test_with_many_cases_the_headline_is_the_textbook_sum(rows: list[tuple[float, int, int, int]]) -> None:
    found = headline([Stratum(str(at), share, n, b, c) for at, (share, n, b, c) in enumerate(rows)])
    weights = np.array([row[0] for row in rows]) / sum(row[0] for row in rows)
    change = np.array([(c - b) / n for _, n, b, c in rows])
    variance = np.array([((b + c) - (c - b) ** 2 / n) / n / n for _, n, b, c in rows])
    delta, error = float(weights @ change), math.sqrt(float(weights**2 @ variance))
    assert found.delta == pytest.approx(delta, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((delta - 1.96 * error, delta + 1.96 * error), abs=0.25 * error)


def test_the_headline_keeps_its_width_where_nothing_flips() -> None:
    found = headline([Stratum("a", 0.5, 30, 0, 0), Stratum("b", 0.5, 30, 0, 0)])
    assert found.low < -0.03
    assert found.high > 0.03


@pytest.mark.parametrize(
    "wrong", [lambda: headline([]), lambda: Stratum("a", 0, 10, 0, 0), lambda: Stratum("a", 0.5, 0, 0, 0)]
)
def test_a_headline_without_weight_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError):
        wrong()  # type: ignore[operator]


# ── the bootstrap ───────────────────────────────────────────────────────────────────────────────────────────────


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(-1, 1), min_size=4, max_size=30, unique=True),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.05, 0.09, 0.2]),
)
def test_the_bounds_are_those_of_the_formula_in_scipy_and_numpy(values: list[float], seed: int, error: float) -> None:
    data = np.array(values)
    drawn = np.random.default_rng(seed).choice(data, (400, len(data))).mean(axis=1)
    drawn.sort()
    left_out = [(data.sum() - value) / (len(data) - 1) for value in data]
    mean = float(data.mean())
    share = float(((drawn < mean).mean() + (drawn <= mean).mean()) / 2)
    bias = stats.norm.ppf(min(max(share, 0.5 / 400), 1 - 0.5 / 400))
    away = np.mean(left_out) - np.array(left_out)
    acceleration = (away**3).sum() / (6 * (away**2).sum() ** 1.5)
    expected = []
    for tail in (error / 2, 1 - error / 2):
        z = bias + stats.norm.ppf(tail)
        at = stats.norm.cdf(bias + z / (1 - acceleration * z))
        expected.append(np.quantile(drawn, at))
    assert bca_bounds(mean, list(map(float, drawn)), left_out, error) == pytest.approx(expected, abs=1e-8)


def test_the_interval_is_near_that_of_scipy() -> None:
    values = [0.0] * 30 + [-1.0] * 4 + [0.5] * 6
    ours = bca_interval(values, [str(n) for n in range(40)], resamples=8_000)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=8_000, method="BCa", rng=np.random.default_rng(7)
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_whole_clusters_are_drawn() -> None:
    """Ten cases of one cluster, all alike, are worth one: the interval must be much wider than that of lone cases."""
    values = [float(cluster % 2) for cluster in range(12) for _ in range(10)]
    together = bca_interval(values, [str(cluster) for cluster in range(12) for _ in range(10)])
    alone = bca_interval(values, [str(n) for n in range(120)])
    assert together.high - together.low > 2.5 * (alone.high - alone.low)
    t = cluster_interval(values, [str(cluster) for cluster in range(12) for _ in range(10)])
    assert together.high - together.low == pytest.approx(t.high - t.low, rel=0.25)


def test_the_same_values_give_the_same_interval_and_no_spread_gives_no_width() -> None:
    values, clusters = [0.1, -0.4, 0.3, 0.0, 0.2], list("abcde")
    assert bca_interval(values, clusters) == bca_interval(values, clusters)
    assert bca_interval(values, clusters, seed=2) != bca_interval(values, clusters, seed=3)
    flat = bca_interval([0.0] * 5, clusters)
    assert (flat.low, flat.high) == (0, 0)


@pytest.mark.parametrize(
    ("values", "clusters", "options"),
    [
        ([1.0, 2.0], ["a", "a"], {}),
        ([1.0, math.nan], ["a", "b"], {}),
        ([1.0], ["a", "b"], {}),
        ([1.0, 2.0], ["a", "b"], {"confidence": 1.0}),
        ([1.0, 2.0], ["a", "b"], {"resamples": 10}),
    ],
)
def test_values_without_a_spread_to_learn_from_are_refused(
    values: list[float], clusters: list[str], options: dict[str, float]
) -> None:
    with pytest.raises(ValueError):
        bca_interval(values, clusters, **options)  # type: ignore[arg-type]


# ── repeats ─────────────────────────────────────────────────────────────────────────────────────────────────────

trials = st.lists(st.booleans(), min_size=2, max_size=6)


@given(st.lists(trials, min_size=1, max_size=8))
def test_reliability_agrees_with_looking_at_every_choice_of_trials(cases: list[list[bool]]) -> None:
    from itertools import combinations
    from statistics import fmean

    found = reliability([Repeated(str(at), sum(case), len(case), len(case)) for at, case in enumerate(cases)])
    fewest = min(map(len, cases))
    assert len(found.pass_hat) == fewest
    for k, said in enumerate(found.pass_hat, start=1):
        chosen = [fmean(all(some) for some in combinations(case, k)) for case in cases]
        assert said == pytest.approx(fmean(chosen), abs=1e-12)
    differ = [fmean(one != other for one, other in combinations(case, 2)) for case in cases]
    assert found.discordance == pytest.approx(fmean(differ), abs=1e-12)
    assert {case.case for case in found.flaky} == {
        str(at) for at, case in enumerate(cases) if 0 < sum(case) < len(case)
    }
    assert list(found.flaky) == sorted(found.flaky, key=lambda case: -(case.flakiness or 0))


def test_without_repeats_nothing_is_said_of_flakiness() -> None:
    found = reliability([Repeated("a", 1, 1, 1), Repeated("b", 0, 0, 1)])
    assert (found.cases, found.pass_hat, found.discordance, found.flaky) == (1, (1.0,), None, ())
    assert reliability([]).pass_hat == ()


@pytest.mark.parametrize(
    ("passes", "ran", "asked", "needed", "met"),
    [
        (3, 3, 3, None, True),
        (2, 3, 3, None, False),
        (2, 3, 3, 2, True),
        (1, 3, 3, 2, False),
        (1, 2, 3, 2, None),
        (0, 2, 3, 2, False),
        (2, 2, 3, 2, True),
        (0, 0, 3, None, None),
        (3, 3, 3, 4, False),
        (0, 0, 0, None, None),
    ],
)
def test_a_case_of_a_census_is_met_missed_or_open(
    passes: int, ran: int, asked: int, needed: int | None, met: bool | None
) -> None:
    assert Repeated("a", passes, ran, asked).meets(needed) is met


def test_a_census_fails_by_one_case_and_is_owed_without_one() -> None:
    good, bad, open_ = Repeated("good", 3, 3, 3), Repeated("bad", 0, 3, 3), Repeated("open", 1, 1, 3)
    assert census([good, good]).verdict == "pass"
    assert census([good, open_]).verdict == "owed"
    assert census([good, open_, bad]).verdict == "fail"
    assert census([]).verdict == "owed"
    assert census([good, bad]).short == ("bad",)
    with pytest.raises(ValueError):
        census([good], needed=0)
    with pytest.raises(ValueError):
        Repeated("a", 2, 1, 3)
