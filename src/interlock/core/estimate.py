"""Rates with their uncertainty: exact binomial bounds, means of clustered values, and what they settle.

The unit is the case. Trials and paraphrases of one case are not independent: they go through `cluster_interval`,
never into a binomial count. Everything here is the standard library's `math`; importing a statistics package takes
longer than a whole gate does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Literal

Sided = Literal["two", "lower", "upper"]
_ITERATIONS = 20_000
_TINY = 1e-300


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
    _check_fraction(floor)
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
    _check_fraction(ceiling)
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


# ── The distributions ──────────────────────────────────────────────────────────────────────────────────────────────


def binomial_at_least(k: int, n: int, p: float) -> float:
    """P(X >= k) of a binomial count X of n with chance p, to about 1e-10 of itself for n up to 100 000.

    >>> round(binomial_at_least(8, 10, 0.5), 4)
    0.0547
    """
    _check_fraction(p)
    return 1.0 if k <= 0 else 0.0 if k > n else beta_cdf(k, n - k + 1, p)


def binomial_at_most(k: int, n: int, p: float) -> float:
    """P(X <= k), computed as a tail of its own and not as one minus the other."""
    return binomial_at_least(n - k, n, 1 - p)


def beta_cdf(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), a > 0, b > 0.

    Source: continued fraction DLMF 8.17.22, evaluated as Lentz (1976), Applied Optics 15(3), 668-671.

    >>> round(beta_cdf(2, 3, 0.5), 4)
    0.6875
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # beyond the mean only the other tail's fraction converges fast
        return 1 - _beta_tail(b, a, 1 - x)
    return _beta_tail(a, b, x)


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = p, for p in (0, 1): Newton on a double-logarithmic scale, kept inside a bracket."""
    if not 0 < p < 1:
        raise ValueError(f"a quantile needs a chance in (0, 1), not `{p}`")
    if p > 0.5:
        return 1 - beta_quantile(1 - p, b, a)
    low, high, x = 0.0, 1.0, a / (a + b)
    for _ in range(_ITERATIONS):
        reached = beta_cdf(a, b, x)
        low, high = (x, high) if reached < p else (low, x)
        # d log I / d log x is x f(x) / I: nearly constant in the lower tail, so a few steps are enough.
        slope = math.exp(_log_kernel(a, b, x)) / (1 - x) / reached if reached > 0 else 0.0
        step = (math.log(p) - math.log(reached)) / slope if slope > 0 else math.inf
        closer = x * math.exp(step) if step < 1 else math.inf
        if not low < closer < high:
            closer = (low + high) / 2
        if abs(closer - x) <= 1e-15 * x or not low < closer < high:
            return closer
        x = closer
    raise ArithmeticError(f"no quantile found for Beta({a}, {b}) at {p}")  # a bracket of doubles halves to nothing


def student_tail(t: float, dof: float) -> float:
    """P(T >= t) of Student's t with `dof` degrees of freedom, dof > 0."""
    tail = 0.5 * beta_cdf(dof / 2, 0.5, dof / (dof + t * t))
    return tail if t >= 0 else 1 - tail


def student_quantile(alpha: float, dof: float) -> float:
    """The t with P(T >= t) = alpha, for alpha in (0, 0.5).

    >>> round(student_quantile(0.025, 9), 4)
    2.2622
    """
    if not 0 < alpha < 0.5:
        raise ValueError(f"an upper tail has a chance in (0, 0.5), not `{alpha}`")
    x = beta_quantile(2 * alpha, dof / 2, 0.5)
    return math.sqrt(dof * (1 - x) / x)


@lru_cache(maxsize=64)
def normal_quantile(alpha: float) -> float:
    """The z with P(Z >= z) = alpha, for alpha in (0, 0.5).

    >>> round(normal_quantile(0.05), 6)
    1.644854
    """
    if not 0 < alpha < 0.5:
        raise ValueError(f"an upper tail has a chance in (0, 0.5), not `{alpha}`")
    z = 0.0
    for _ in range(100):  # the logarithm of the tail is concave, so Newton from 0 cannot leave or turn
        tail = 0.5 * math.erfc(z / math.sqrt(2))
        step = (math.log(tail) - math.log(alpha)) * tail * math.sqrt(2 * math.pi) * math.exp(z * z / 2)
        z += step
        if abs(step) <= 1e-15 * z:
            break
    return z


def _exact_low(passes: int, n: int, alpha: float) -> float:
    _check_counts(passes, n)
    if passes == 0:
        return 0.0
    return alpha ** (1 / n) if passes == n else beta_quantile(alpha, passes, n - passes + 1)


def _exact_high(passes: int, n: int, alpha: float) -> float:
    return 1 - _exact_low(n - passes, n, alpha) if 0 <= passes <= n else _exact_low(passes, n, alpha)


def _log_kernel(a: float, b: float, x: float) -> float:
    """log of x^a (1-x)^b / B(a, b), by deviances: differences of large log-gammas lose digits as n grows.

    Source: Loader (2000), "Fast and Accurate Computation of Binomial Probabilities".
    """
    n = a + b
    deviance = a * math.log(a / (n * x)) + b * math.log(b / (n * (1 - x)))
    stirling = _stirling_error(n) - _stirling_error(a) - _stirling_error(b)
    return stirling - deviance + 0.5 * math.log(a * b / (2 * math.pi * n))


def _stirling_error(x: float) -> float:
    """log Γ(x+1) less Stirling's formula for it (DLMF 5.11.1)."""
    if x < 16:
        return math.lgamma(x + 1) - (x + 0.5) * math.log(x) + x - 0.5 * math.log(2 * math.pi)
    s = 1 / (x * x)
    return (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s / 1188)))) / x


def _beta_tail(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or _TINY)
    fraction = d
    for m in range(1, _ITERATIONS):
        change = 1.0
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + term * d or _TINY)
            c = 1 + term / c or _TINY
            change = c * d
            fraction *= change
        if abs(change - 1) < 1e-15:
            return min(1.0, math.exp(_log_kernel(a, b, x)) / a * fraction)
    raise ArithmeticError(f"the incomplete beta function does not converge for {a}, {b} at {x}")


def _error(confidence: float) -> float:
    """What the confidence leaves: 0.05 for 0.95, where plain floats say 0.050000000000000044 and break ties wrongly."""
    return round(1 - confidence, 15)


def _check_counts(passes: int, n: int) -> None:
    if not 0 <= passes <= n:
        raise ValueError(f"`{passes}` of `{n}` is not a count of cases")


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies in (0, 1), not `{confidence}`")


def _check_fraction(value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"`{value}` is not a rate in [0, 1]")
