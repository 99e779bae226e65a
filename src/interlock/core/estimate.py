"""Rates with their uncertainty: exact binomial bounds, means of clustered values, and what they settle.

The unit is the case. Trials and paraphrases of one case are not independent: they go through `cluster_interval`,
never into a binomial count.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from interlock.core.distribution import beta_quantile, check_fraction, normal_quantile, student_quantile

Sided = Literal["two", "lower", "upper"]


class Clears(StrEnum):
    """What a count says about a limit; without enough cases it says nothing."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a rate or a mean may lie, how sure that is, and by which method.

    A one-sided interval ("lower", "upper") has its whole error on that side; the other end is the end of the range.
    """

    low: float
    high: float
    confidence: float
    method: str
    sided: Sided = "two"

    def __post_init__(self) -> None:
        """Refuse an interval that cannot be one, NaN included."""
        if not self.low <= self.high:
            raise ValueError(f"an interval from `{self.low}` to `{self.high}` is not one")
        _check_confidence(self.confidence)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A pass rate: how many of how many cases, and the interval that goes with it."""

    passes: int
    n: int
    interval: Interval

    def __post_init__(self) -> None:
        """Refuse counts that cannot be."""
        _check_counts(self.passes, self.n)

    @classmethod
    def of(cls, passes: int, n: int, confidence: float = 0.95) -> "Estimate":
        """The rate of `passes` in `n` cases with its exact two-sided interval.

        >>> estimate = Estimate.of(38, 40)
        >>> f"{estimate.rate:.3f} [{estimate.interval.low:.3f}, {estimate.interval.high:.3f}]"
        '0.950 [0.831, 0.994]'
        """
        return cls(passes, n, clopper_pearson(passes, n, confidence))

    @property
    def rate(self) -> float | None:
        """Passes by cases, in [0, 1]; None without a case."""
        return self.passes / self.n if self.n else None


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """The mean of values that come in clusters, its standard error, and what they rest on."""

    mean: float
    standard_error: float
    n: int
    clusters: int


def clopper_pearson(passes: int, n: int, confidence: float = 0.95) -> Interval:
    """Two-sided exact interval for a pass rate: its coverage is never below `confidence`.

    Args:
        passes: cases that passed, 0 <= passes <= n.
        n: independent cases, at least 0; no case at all leaves [0, 1].
        confidence: coverage, a fraction in (0, 1).
    Returns: rates in [0, 1].
    Raises: ValueError when a count or the confidence is out of range.
    Source: Clopper and Pearson (1934), Biometrika 26(4), 404-413.

    >>> interval = clopper_pearson(9, 10)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.555, 0.9975)
    """
    _check_confidence(confidence)
    tail = _error(confidence) / 2
    return Interval(_exact_low(passes, n, tail), _exact_high(passes, n, tail), confidence, "clopper-pearson")


def lower_bound(passes: int, n: int, confidence: float = 0.95) -> Interval:
    """One-sided exact interval: the rate is at least `low`. Arguments, errors and source as `clopper_pearson`.

    >>> round(lower_bound(40, 40).low, 3)
    0.928
    """
    _check_confidence(confidence)
    return Interval(_exact_low(passes, n, _error(confidence)), 1.0, confidence, "clopper-pearson", "lower")


def upper_bound(passes: int, n: int, confidence: float = 0.95) -> Interval:
    """One-sided exact interval: the rate is at most `high`. Arguments, errors and source as `clopper_pearson`.

    >>> round(upper_bound(0, 40).high, 3)
    0.072
    """
    _check_confidence(confidence)
    return Interval(0.0, _exact_high(passes, n, _error(confidence)), confidence, "clopper-pearson", "upper")


def wilson(passes: int, n: int, confidence: float = 0.95) -> Interval:
    """Two-sided Wilson score interval: shorter than the exact one, for display; a gate uses the exact bounds.

    Arguments, errors and the meaning of n = 0 as `clopper_pearson`.
    Source: Wilson (1927), JASA 22(158), 209-212.

    >>> interval = wilson(9, 10)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.596, 0.982)
    """
    _check_counts(passes, n)
    _check_confidence(confidence)
    if n == 0:
        return Interval(0.0, 1.0, confidence, "wilson")
    z2 = normal_quantile(_error(confidence) / 2) ** 2
    centre = (passes + z2 / 2) / (n + z2)
    half = math.sqrt(z2 * (passes * (n - passes) / n + z2 / 4)) / (n + z2)
    # Rounding must not leave a bound a hair inside the rate that it belongs to.
    low = 0.0 if passes == 0 else max(0.0, centre - half)
    high = 1.0 if passes == n else min(1.0, centre + half)
    return Interval(low, high, confidence, "wilson")


def cases_to_certify(floor: float, failures: int = 0, confidence: float = 0.95) -> int:
    """The fewest cases that show a rate of at least `floor` when `failures` of them fail.

    Args:
        floor: the rate to show, in (0, 1).
        failures: cases that may fail, at least 0.
        confidence: of the one-sided exact bound, in (0, 1).
    Raises: ValueError when an argument is out of range. No number of cases shows a floor of 1.

    >>> [cases_to_certify(0.9, failures) for failures in (0, 1, 2)]
    [29, 46, 61]
    """
    _check_confidence(confidence)
    if not 0 < floor < 1 or failures < 0:
        raise ValueError(f"no number of cases shows a floor of `{floor}` with `{failures}` failures")

    def enough(n: int) -> bool:
        return lower_bound(n - failures, n, confidence).low >= floor

    high = failures + 1
    while not enough(high):
        high *= 2
    low = failures
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def clears(floor: float, estimate: Estimate, confidence: float = 0.95) -> Clears:
    """Does the rate reach its floor? Judged by one-sided exact bounds on the counts, not by the interval displayed.

    PASS when the lower bound is at least `floor`, FAIL when the upper bound is below it, UNDECIDED otherwise;
    always UNDECIDED without a case.

    Args:
        floor: the least acceptable rate, in [0, 1].
        estimate: the counts.
        confidence: of each one-sided bound, in (0, 1).

    >>> [clears(0.9, Estimate.of(passes, 40)).value for passes in (40, 38, 30)]
    ['pass', 'undecided', 'fail']
    """
    check_fraction(floor)
    if estimate.n == 0:
        return Clears.UNDECIDED
    if lower_bound(estimate.passes, estimate.n, confidence).low >= floor:
        return Clears.PASS
    if upper_bound(estimate.passes, estimate.n, confidence).high < floor:
        return Clears.FAIL
    return Clears.UNDECIDED


def stays_below(ceiling: float, estimate: Estimate, confidence: float = 0.95) -> Clears:
    """Does a rate of something unwanted stay at or under its ceiling? The mirror of `clears`; `passes` counts it.

    >>> [stays_below(0.1, Estimate.of(unwanted, 40)).value for unwanted in (0, 2, 10)]
    ['pass', 'undecided', 'fail']
    """
    check_fraction(ceiling)
    if estimate.n == 0:
        return Clears.UNDECIDED
    if upper_bound(estimate.passes, estimate.n, confidence).high <= ceiling:
        return Clears.PASS
    if lower_bound(estimate.passes, estimate.n, confidence).low > ceiling:
        return Clears.FAIL
    return Clears.UNDECIDED


def clustered_mean(values: Sequence[float], clusters: Sequence[str]) -> ClusteredMean:
    """The mean, with a standard error that knows that values of one cluster move together.

    Args:
        values: finite numbers.
        clusters: the cluster of each value, in the same order; at least two different ones.
    Raises: ValueError for other input: one cluster has no spread to learn from.
    Source: Liang and Zeger (1986), Biometrika 73(1), 13-22, with the factor G / (G - 1) for G clusters; Miller
        (2024), "Adding Error Bars to Evals", arXiv:2411.00640.
    """
    if len(values) != len(clusters):
        raise ValueError(f"`{len(values)}` values came with `{len(clusters)}` clusters")
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a value is not a finite number")
    groups: dict[str, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        groups.setdefault(cluster, []).append(value)
    if len(groups) < 2:
        raise ValueError(f"`{len(groups)}` clusters do not show a spread: two at least are needed")
    n, count = len(values), len(groups)
    mean = math.fsum(values) / n
    squares = math.fsum(math.fsum(value - mean for value in group) ** 2 for group in groups.values())
    return ClusteredMean(mean, math.sqrt(squares * count / (count - 1)) / n, n, count)


def cluster_interval(values: Sequence[float], clusters: Sequence[str], confidence: float = 0.95) -> Interval:
    """Two-sided t interval for a mean of clustered values, with one degree of freedom less than there are clusters.

    Values that are all alike give an interval of no width: never let this interval alone pass anything.
    Arguments, errors and source as `clustered_mean`; `confidence` in (0, 1).

    >>> interval = cluster_interval([1, 1, 0, 1, 0, 0], ["a", "a", "b", "b", "c", "c"])
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.742, 1.742)
    """
    _check_confidence(confidence)
    found = clustered_mean(values, clusters)
    half = student_quantile(_error(confidence) / 2, found.clusters - 1) * found.standard_error
    return Interval(found.mean - half, found.mean + half, confidence, "cluster-robust t")


def pass_hat_k(successes: int, trials: int, k: int) -> float:
    """The chance that k trials of one case all pass, estimated without bias from `successes` of `trials`.

    Raises: ValueError unless 0 <= successes <= trials and 1 <= k <= trials.
    Source: Yao et al. (2024), tau-bench, arXiv:2406.12045, section 4.

    >>> [round(pass_hat_k(3, 4, k), 2) for k in (1, 2, 3, 4)]
    [0.75, 0.5, 0.25, 0.0]
    """
    _check_counts(successes, trials)
    if not 1 <= k <= trials:
        raise ValueError(f"`{trials}` trials say nothing about `{k}` in a row")
    return math.comb(successes, k) / math.comb(trials, k)


def _exact_low(passes: int, n: int, alpha: float) -> float:
    _check_counts(passes, n)
    if passes == 0:
        return 0.0
    return alpha ** (1 / n) if passes == n else beta_quantile(alpha, passes, n - passes + 1)


def _exact_high(passes: int, n: int, alpha: float) -> float:
    return 1 - _exact_low(n - passes, n, alpha) if 0 <= passes <= n else _exact_low(passes, n, alpha)


def _error(confidence: float) -> float:
    """What the confidence leaves: 0.05 for 0.95, where plain floats say 0.050000000000000044 and break ties wrongly."""
    return round(1 - confidence, 15)


def _check_counts(passes: int, n: int) -> None:
    if not 0 <= passes <= n:
        raise ValueError(f"`{passes}` of `{n}` is not a count of cases")


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies in (0, 1), not `{confidence}`")
