"""Two bundles on the same cases: may the second replace the first, slice by slice?

To pass is to show «not worse than the margin», never to fail to show «worse»: few cases, or none, leave the question
owed. All critical slices together need no correction, since each must pass on its own (Berger 1982, Technometrics
24(4), 295-300); the claim that some slice got worse does, and gets Holm's.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from interlock.core.distribution import binomial_at_least, normal_quantile, student_quantile, student_tail
from interlock.core.estimate import ClusteredMean, clustered_mean

Outcome = Literal["pass", "fail", "owed"]
Row = tuple[str, str | None, float]
ALPHA = 0.045
"""Nominal error of each score bound; its exact size is tabled in docs/statistics.md."""
FAIL_ALPHA = 0.05
"""Chance of failing any slice when none is worse."""
_NOTHING = 1e-12  # a variance that is only rounding
_OUT_OF_REACH = 1e-3  # of a standard error a case: millions of cases, that is, never


@dataclass(frozen=True, slots=True)
class Paired:
    """The same cases under two bundles, baseline first.

    `n` counts independent units: cases, or clusters of cases where some belong together. `broke` of them passed before
    and fail now, `fixed` the reverse. `unpaired` were judged under one bundle only, and are outside `n`. `differences`
    and their `clusters` are there when scores are graded, trials disagree or cases cluster: now less before, by case.
    """

    n: int
    broke: int
    fixed: int
    unpaired: int = 0
    differences: tuple[float, ...] = ()
    clusters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse counts and differences that cannot be."""
        if min(self.n, self.broke, self.fixed, self.unpaired) < 0 or self.broke + self.fixed > self.n:
            raise ValueError(f"`{self.broke}` broke and `{self.fixed}` fixed do not fit into `{self.n}` cases")
        if len(self.differences) != len(self.clusters) or not all(-1 <= value <= 1 for value in self.differences):
            raise ValueError("each difference lies in [-1, 1] and has a cluster")
        if self.differences and len(set(self.clusters)) != self.n:
            raise ValueError(f"`{len(set(self.clusters))}` clusters are not the `{self.n}` independent units")

    def reversed(self) -> "Paired":
        """The same cases with the two bundles exchanged."""
        back = tuple(-value for value in self.differences)
        return Paired(self.n, self.fixed, self.broke, self.unpaired, back, self.clusters)

    @property
    def delta(self) -> float | None:
        """The change of the pass rate (of the mean score, when graded), in [-1, 1]; None without a case."""
        if self.differences:
            return math.fsum(self.differences) / len(self.differences)
        return (self.fixed - self.broke) / self.n if self.n else None


@dataclass(frozen=True, slots=True)
class SliceDecision:
    """What the paired cases of one slice settle, with every figure that it rests on.

    `low` and `high` are one-sided bounds of the change. `decides_at` is the number of units at which the rates seen
    here would pass (no flips, where there is no case yet), None if they never would. `smallest_drop` is the margin
    that any passing one had to exceed. `p_worse` is the one-sided p of «worse», `p_holm` the same corrected over the slices.
    """

    slice: str
    verdict: Outcome
    n: int
    broke: int
    fixed: int
    delta: float | None
    low: float
    high: float
    p_worse: float
    p_holm: float
    margin: float
    decides_at: int | None
    smallest_drop: float
    why: str


@dataclass(frozen=True, slots=True)
class _Reading:
    """The figures of one slice before the others are known."""

    low: float
    high: float
    p_worse: float
    decides_at: int | None


def tango_interval(broke: int, fixed: int, n: int, alpha: float = ALPHA) -> tuple[float, float]:
    """Score bounds for the change of a pass rate, (fixed - broke) / n, each one-sided at `alpha`.

    Unlike a bootstrap they do not collapse when nothing flips: the lower one is then -z² / (n + z²). The default is
    below 0.05 because the score test is approximate. Enumerated at n = 40 and margins from 0.02 to 0.2, its exact size
    at 0.045 stays within 0.05 while at most 85 % of the cases flip; where all but every case flips it reaches 0.061.

    Args:
        broke: cases that passed and fail now, at least 0.
        fixed: cases that failed and pass now, at least 0; broke + fixed <= n.
        n: paired independent cases; none leaves (-1, 1).
        alpha: error of each bound, in (0, 0.5).
    Returns: rates in [-1, 1].
    Raises: ValueError when an argument is out of range.
    Source: Tango (1998), Statistics in Medicine 17(8), 891-908.

    >>> low, high = tango_interval(broke=7, fixed=1, n=21, alpha=0.025)
    >>> round(low, 3), round(high, 3)
    (-0.517, -0.026)
    """
    Paired(n, broke, fixed)
    z = normal_quantile(alpha)
    return _tango_low(broke, fixed, n, z), -_tango_low(fixed, broke, n, z)


def mcnemar_p(broke: int, fixed: int) -> float:
    """Exact one-sided p of «worse»: the chance of so many breaks among the flips if either way were as likely.

    Source: McNemar (1947), Psychometrika 12(2), 153-157, in its exact, binomial form. No flip at all gives 1.

    >>> round(mcnemar_p(broke=5, fixed=0), 5)
    0.03125
    """
    Paired(broke + fixed, broke, fixed)
    return binomial_at_least(broke, broke + fixed, 0.5)


def holm(pvalues: Sequence[float]) -> list[float]:
    """P-values adjusted so that the chance of even one false alarm among them stays at the level; order kept.

    Source: Holm (1979), Scandinavian Journal of Statistics 6(2), 65-70.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    if not all(0 <= p <= 1 for p in pvalues):
        raise ValueError("a p-value lies in [0, 1]")
    adjusted, so_far = [0.0] * len(pvalues), 0.0
    for rank, place in enumerate(sorted(range(len(pvalues)), key=pvalues.__getitem__)):
        so_far = max(so_far, min(1.0, (len(pvalues) - rank) * pvalues[place]))
        adjusted[place] = so_far
    return adjusted


def benjamini_hochberg(pvalues: Sequence[float]) -> list[float]:
    """P-values adjusted so that of the alarms raised below a level no more than that share is false; order kept.

    For slices that nobody declared before the run: they may warn, and decide nothing.

    Source: Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57(1), 289-300.

    >>> [round(q, 3) for q in benjamini_hochberg([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    if not all(0 <= p <= 1 for p in pvalues):
        raise ValueError("a p-value lies in [0, 1]")
    adjusted, so_far = [0.0] * len(pvalues), 1.0
    downwards = sorted(range(len(pvalues)), key=pvalues.__getitem__, reverse=True)
    for place, rank in zip(downwards, range(len(pvalues), 0, -1), strict=True):
        so_far = min(so_far, len(pvalues) * pvalues[place] / rank)
        adjusted[place] = so_far
    return adjusted


def decide(
    pairs: Mapping[str, Paired], margins: Mapping[str, float], alpha: float = ALPHA, fail_alpha: float = FAIL_ALPHA
) -> Mapping[str, SliceDecision]:
    """Judge each slice: pass, fail or owed.

    - pass: the lower bound is above -margin. Cases judged under one bundle only count as broken here, so that a
      bundle cannot pass by not answering; nor may the slice be one that would fail if those cases had failed.
    - fail: McNemar's p, adjusted by Holm over `pairs`, is below `fail_alpha`, or the upper bound is below -margin.
      A slice may be within its margin and yet proven worse: it fails.
    - owed: anything else, and always without a case.

    Where scores are graded, trials disagree or cases cluster, the bounds are those of a cluster-robust t interval; to
    pass, Tango's bound on the units dichotomised by majority must hold as well, because a t interval without spread has
    no width. To fail, the t interval's upper bound is below -margin, or both the adjusted t test and the plain exact
    McNemar test of the dichotomised units say «worse»; and never on fewer clusters than could say so by their signs.

    Args:
        pairs: the paired cases by slice, the family that Holm's correction is over.
        margins: by slice, the drop that is not a matter, a fraction in [0, 1).
        alpha: error of each bound, in (0, 0.5).
        fail_alpha: chance of failing any slice when none is worse, in (0, 0.5).
    Raises: ValueError when a slice has no margin or an argument is out of range.
    Source: as `tango_interval`, `mcnemar_p`, `holm`, `clustered_mean`; the smallest p that G clusters' signs can
        give is 2^-G: Canay, Romano and Shaikh (2017), Econometrica 85(3), 1013-1030.

    >>> decision = decide({"refunds": Paired(n=5, broke=0, fixed=0)}, {"refunds": 0.05})["refunds"]
    >>> decision.verdict, decision.decides_at
    ('owed', 55)
    """
    for name in pairs:
        if name not in margins or not 0 <= margins[name] < 1:
            raise ValueError(f"slice `{name}` needs a margin in [0, 1)")
    if not 0 < fail_alpha < 0.5:
        raise ValueError(f"the level for a failure lies in (0, 0.5), not `{fail_alpha}`")
    readings = {name: _read(pair, margins[name], alpha, fail_alpha / len(pairs)) for name, pair in pairs.items()}
    adjusted = holm([reading.p_worse for reading in readings.values()])
    # INVARIANT: to break a case is never better than to fail it.
    feared = holm([mcnemar_p(pair.broke + pair.unpaired, pair.fixed) for pair in pairs.values()])
    return {
        name: _judge(
            name, pairs[name], margins[name], readings[name], p_holm=p_holm,
            p_feared=p_feared if pairs[name].unpaired else 1.0, fail_alpha=fail_alpha,
        )
        for name, p_holm, p_feared in zip(pairs, adjusted, feared, strict=True)
    }  # fmt: skip


def paired_from_trials(rows_a: Iterable[Row], rows_b: Iterable[Row]) -> Paired:
    """Pair two bundles' trials by case: the trials of a case are averaged, and need not match one to one.

    Case means that are all 0 or 1, one case a cluster, leave plain counts. Otherwise the differences by case are kept
    too, and a unit (cluster) passes when the mean of its cases is at least 0.5.

    Args:
        rows_a: (case, cluster or None, value in [0, 1]) of the baseline, several rows a case where it was repeated.
        rows_b: the same of the candidate. Without a cluster a case stands alone.
    Raises: ValueError when a value is no score or a case appears in two clusters.

    >>> paired_from_trials([("a", None, 1), ("b", None, 1)], [("a", None, 1), ("b", None, 0)])
    Paired(n=2, broke=1, fixed=0, unpaired=0, differences=(), clusters=())
    """
    home: dict[str, str] = {}
    before, after = _case_means(rows_a, home), _case_means(rows_b, home)
    cases = [case for case in before if case in after]
    unpaired = len(before) + len(after) - 2 * len(cases)
    units: dict[str, list[str]] = {}
    for case in cases:
        units.setdefault(home[case], []).append(case)
    broke = fixed = 0
    for members in units.values():
        passed, passes = (
            math.fsum(arm[case] for case in members) / len(members) >= 0.5 - _NOTHING for arm in (before, after)
        )
        broke += passed and not passes
        fixed += passes and not passed
    if len(units) == len(cases) and all(arm[case] in {0.0, 1.0} for arm in (before, after) for case in cases):
        return Paired(len(cases), broke, fixed, unpaired)
    differences = tuple(after[case] - before[case] for case in cases)
    return Paired(len(units), broke, fixed, unpaired, differences, tuple(home[case] for case in cases))


def _case_means(rows: Iterable[Row], home: dict[str, str]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for case, cluster, value in rows:
        if not 0 <= value <= 1:
            raise ValueError(f"case `{case}` has `{value}`, which is not a score in [0, 1]")
        own = f"case {case}" if cluster is None else f"cluster {cluster}"
        if home.setdefault(case, own) != own:
            raise ValueError(f"case `{case}` appears as `{home[case]}` and as `{own}`")
        values.setdefault(case, []).append(value)
    return {case: math.fsum(trials) / len(trials) for case, trials in values.items()}


def tango_statistic(broke: float, fixed: float, n: float, change: float) -> float:
    """Tango's z for H0: the change is `change`; the chance of a break is its maximum likelihood under H0.

    The lower bound of `tango_interval` is above -margin exactly where the statistic at -margin is above its z.
    Arguments and source as `tango_interval`; `change` in (-1, 1).

    >>> round(tango_statistic(broke=7, fixed=1, n=21, change=0), 4)
    -2.1213
    """
    linear = change * (2 * n + broke - fixed) - (broke + fixed)
    constant = -broke * change * (1 - change)
    root = math.sqrt(max(0.0, linear * linear - 8 * n * constant))
    # Of the two ways to write the same root, the one that does not subtract like from like.
    chance = (root - linear) / (4 * n) if linear <= 0 else -2 * constant / (root + linear)
    variance = 2 * chance + change - change * change
    distance = fixed - broke - n * change
    if variance <= _NOTHING:
        return 0.0 if abs(distance) <= _NOTHING * n else math.copysign(math.inf, distance)
    return distance / math.sqrt(n * variance)


def _tango_low(broke: int, fixed: int, n: int, z: float) -> float:
    if n in {0, broke}:
        return -1.0
    if broke == fixed == 0:
        return -z * z / (n + z * z)
    low, high = -1.0, (fixed - broke) / n
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if tango_statistic(broke, fixed, n, middle) > z else (low, middle)
    return low


def _needed(broke: int, fixed: int, n: int, margin: float, z: float) -> int | None:
    """Cases at which these rates pass: the statistic grows with the root of n while the rates stay."""
    per_case = tango_statistic(broke / n, fixed / n, 1, -margin) if n else tango_statistic(0, 0, 1, -margin)
    return math.floor((z / per_case) ** 2) + 1 if per_case > _OUT_OF_REACH else None


def _read(pair: Paired, margin: float, alpha: float, certain: float) -> _Reading:
    z = normal_quantile(alpha)
    low = _tango_low(pair.broke + pair.unpaired, pair.fixed, pair.n + pair.unpaired, z)
    high = -_tango_low(pair.fixed, pair.broke, pair.n, z)
    needed = _needed(pair.broke, pair.fixed, pair.n, margin, z)
    if pair.differences and pair.n < 2:  # one cluster shows no spread
        return _Reading(-1.0, 1.0, 1.0, needed)
    if not pair.differences:
        if needed is not None and _broken_later(pair, needed, certain):
            needed = None  # by then the drop is proven, however small: more cases never pass it
        return _Reading(low, high, mcnemar_p(pair.broke, pair.fixed), needed)
    mean = worst = clustered_mean(pair.differences, pair.clusters)
    if pair.unpaired:  # each the worst that could have been, and alone
        lost = [f"unpaired {number}" for number in range(pair.unpaired)]
        worst = clustered_mean([*pair.differences, *[-1.0] * pair.unpaired], [*pair.clusters, *lost])
    # The t quantile of today's few clusters is kept: it shrinks as they grow, so what is needed errs on the large side.
    t = student_quantile(alpha, pair.n - 1)
    room = mean.mean + margin
    if needed is not None and room > _OUT_OF_REACH * mean.standard_error * math.sqrt(pair.n):
        needed = max(needed, math.floor(pair.n * (t * mean.standard_error / room) ** 2) + 1)
        if _broken_later(pair, needed, certain) and _worse_by_t(mean, needed / pair.n) < certain:
            needed = None
    else:
        needed = None
    return _Reading(
        low=min(low, max(-1.0, worst.mean - t * worst.standard_error)),
        high=min(1.0, mean.mean + t * mean.standard_error),
        p_worse=_worse_by_t(mean),
        decides_at=needed,
    )


def _broken_later(pair: Paired, n: int, certain: float) -> bool:
    """Would the same rates prove «worse» by the time there are `n` cases?"""
    grown = max(n / pair.n, 1.0) if pair.n else 0.0
    return mcnemar_p(round(pair.broke * grown), round(pair.fixed * grown)) < certain


def _worse_by_t(mean: ClusteredMean, grown: float = 1.0) -> float:
    """One-sided p of «the mean fell» with `grown` times as many clusters; never below what their signs could give."""
    if mean.standard_error <= _NOTHING:
        tail = 0.0 if mean.mean < -_NOTHING else 1.0
    else:
        tail = student_tail(-mean.mean / mean.standard_error * math.sqrt(max(grown, 1.0)), mean.clusters - 1)
    return max(tail, math.pow(0.5, mean.clusters * max(grown, 1.0)))


def _judge(
    name: str, pair: Paired, margin: float, reading: _Reading, *, p_holm: float, p_feared: float, fail_alpha: float
) -> SliceDecision:
    below = reading.high < -margin
    if pair.differences:
        below = below and 0.5**pair.n < fail_alpha
        proven = p_holm < fail_alpha and mcnemar_p(pair.broke, pair.fixed) < fail_alpha
    else:
        proven = p_holm < fail_alpha
    verdict: Outcome
    if pair.n == 0:
        verdict = "owed"
    elif below or proven:
        verdict = "fail"
    else:
        verdict = "pass" if reading.low > -margin and p_feared >= fail_alpha else "owed"
    decides_at = None if verdict == "fail" else reading.decides_at
    smallest_drop = max(0.0, -reading.low)
    figures = f"{pair.broke} broke and {pair.fixed} were fixed of {pair.n}"
    if pair.differences:
        figures += f" by majority, mean change {pair.delta:+.3f} over {len(pair.differences)} cases"
    if pair.unpaired:
        figures += f", {pair.unpaired} not judged under both bundles and counted as broken"
    if pair.n == 0:
        why = "no case was judged under both bundles"
    elif verdict == "pass":
        why = f"{figures}: the change is at least {reading.low:+.3f}, within the margin of {margin:.3f}"
    elif below:
        why = f"{figures}: the change is at most {reading.high:+.3f}, beyond the margin of {margin:.3f}"
    elif proven:
        why = f"{figures}: worse, p = {p_holm:.2g} after Holm's correction, below {fail_alpha:g}"
    elif reading.low > -margin:
        why = f"{figures}: had the {pair.unpaired} failed, it would be worse, p = {p_feared:.2g}"
    else:
        why = f"{figures}: a drop of {smallest_drop:.3f} is not ruled out, the margin is {margin:.3f}"
    if verdict == "owed" and pair.unpaired:
        why += f"; judge the {pair.unpaired} missing under both bundles first"
    elif verdict == "owed":
        why += f"; about {decides_at} cases at these rates would pass" if decides_at else "; these rates never pass"
    return SliceDecision(
        slice=name,
        verdict=verdict,
        n=pair.n,
        broke=pair.broke,
        fixed=pair.fixed,
        delta=pair.delta,
        low=reading.low,
        high=reading.high,
        p_worse=reading.p_worse,
        p_holm=p_holm,
        margin=margin,
        decides_at=decides_at,
        smallest_drop=smallest_drop,
        why=why,
    )
