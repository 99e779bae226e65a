"""A second view of a mean, by resampling: it shows skew that a t interval does not, and decides nothing alone.

Without any spread a bootstrap interval has no width, so it never passes anything. The numbers that it draws follow from
a seed: the same values give the same interval everywhere.
"""

import math
from collections.abc import Iterator, Sequence

from interlock.core.comparison import ALPHA, Paired
from interlock.core.distribution import normal_quantile
from interlock.core.estimate import Interval

RESAMPLES = 2_000
MOST_CLUSTERS = 400
_MASK = (1 << 64) - 1
_HALF = (1 << 32) - 1


def bca_interval(
    values: Sequence[float],
    clusters: Sequence[str],
    confidence: float = 0.95,
    *,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> Interval:
    """Two-sided bias-corrected and accelerated bootstrap interval for a mean; whole clusters are drawn.

    Args:
        values: finite numbers.
        clusters: the cluster of each, in the same order; at least two different ones.
        confidence: coverage, in (0, 1).
        resamples: at least 100.
        seed: of the draws.
    Raises: ValueError when an argument is out of range.
    Source: Efron (1987), JASA 82(397), 171-185; clusters drawn whole: Davison and Hinkley (1997), section 3.8.

    >>> interval = bca_interval([0, 0, 0, 0, -1, 0, 0, 0.5], list("abcdefgh"))
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.457, 0.125)
    """
    if len(values) != len(clusters) or not all(math.isfinite(value) for value in values):
        raise ValueError("each value is a finite number and has a cluster")
    if not 0 < confidence < 1 or resamples < 100:
        raise ValueError(f"a confidence of `{confidence}` from `{resamples}` resamples cannot be had")
    sums: dict[str, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        held = sums.setdefault(cluster, [0.0, 0.0])
        held[0] += value
        held[1] += 1
    if len(sums) < 2:
        raise ValueError(f"`{len(sums)}` clusters cannot be resampled: two at least are needed")
    groups = [(total, count) for total, count in sums.values()]
    total, count = math.fsum(t for t, _ in groups), math.fsum(c for _, c in groups)
    means = sorted(_resampled(groups, resamples, seed))
    left_out = [(total - t) / (count - c) for t, c in groups]
    low, high = bca_bounds(total / count, means, left_out, 1 - confidence)
    return Interval(low, high, confidence, "BCa bootstrap of whole clusters")


def second_view(pair: Paired, alpha: float = ALPHA) -> tuple[float, float] | None:
    """The bounds of a graded, repeated or clustered change, each one-sided at `alpha`, as the bootstrap sees them.

    Returns: None for plain counts, which have exact tests; for fewer than two clusters; and for so many that resampling
        them costs seconds, where the t interval has nothing left to be corrected.

    >>> second_view(Paired(3, 0, 0, 0, (0.0, 0.5, -0.5), ("a", "b", "c")))
    (-0.333..., 0.333...)
    """
    if not pair.differences or not 2 <= pair.n <= MOST_CLUSTERS:
        return None
    found = bca_interval(pair.differences, pair.clusters, 1 - 2 * alpha)
    return found.low, found.high


def bca_bounds(
    estimate: float, resampled: Sequence[float], left_out: Sequence[float], error: float
) -> tuple[float, float]:
    """The two ends from what was resampled.

    Args:
        estimate: on all clusters.
        resampled: the estimates of the resamples, sorted.
        left_out: the estimates without one cluster each.
        error: outside both ends together, in (0, 1).
    """
    if resampled[0] == resampled[-1]:
        return resampled[0], resampled[0]
    # Half of what is equal, and never all or nothing: the quantile of 0 and 1 is infinite.
    below = sum((value < estimate) + (value <= estimate) for value in resampled) / (2 * len(resampled))
    half = 0.5 / len(resampled)
    bias = _normal_at(min(max(below, half), 1 - half))
    centre = math.fsum(left_out) / len(left_out)
    squares = math.fsum((centre - value) ** 2 for value in left_out)
    cubes = math.fsum((centre - value) ** 3 for value in left_out)
    acceleration = cubes / (6 * squares**1.5) if squares > 0 else 0.0
    ends = []
    for share in (error / 2, 1 - error / 2):
        z = bias + _normal_at(share)
        ends.append(_quantile(resampled, _normal_below(bias + z / (1 - acceleration * z))))
    return ends[0], ends[1]


def _resampled(groups: Sequence[tuple[float, float]], resamples: int, seed: int) -> Iterator[float]:
    """Means over clusters drawn with replacement; the draws are SplitMix64 (Steele, Lea and Flood 2014, OOPSLA).

    Each number gives two draws of 32 bits: for 400 clusters none is more than 1 in 10 million likelier than another.
    """
    state, size = seed & _MASK, len(groups)
    totals, counts = [total for total, _ in groups], [count for _, count in groups]
    alike = len(set(counts)) == 1
    for _ in range(resamples):
        drawn: list[int] = []
        while len(drawn) < size:
            state = (state + 0x9E3779B97F4A7C15) & _MASK
            mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
            mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
            mixed ^= mixed >> 31
            drawn.append(((mixed >> 32) * size) >> 32)
            drawn.append(((mixed & _HALF) * size) >> 32)
        del drawn[size:]
        total = sum([totals[at] for at in drawn])
        yield total / (counts[0] * size if alike else sum([counts[at] for at in drawn]))


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The quantile by linear interpolation (Hyndman and Fan 1996, definition 7)."""
    at = share * (len(ordered) - 1)
    low = min(int(at), len(ordered) - 2)
    return ordered[low] + (at - low) * (ordered[low + 1] - ordered[low])


def _normal_at(share: float) -> float:
    """The z below which a normal value lies with this chance, in (0, 1)."""
    if share == 0.5:
        return 0.0
    return -normal_quantile(share) if share < 0.5 else normal_quantile(1 - share)


def _normal_below(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))
