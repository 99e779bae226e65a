"""How well a score tells two kinds of cases apart: the area under the ROC curve, with its interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from interlock.core.distribution import normal_quantile
from interlock.core.estimate import Interval


@dataclass(frozen=True, slots=True)
class Area:
    """The chance that a good case scores above a bad one, ties counted half, in [0, 1]; None where a kind is missing."""

    value: float | None
    good: int
    bad: int
    interval: Interval


def auroc(
    good: Sequence[float],
    bad: Sequence[float],
    *,
    groups: tuple[Sequence[str], Sequence[str]] | None = None,
    confidence: float = 0.95,
) -> Area:
    """Area under the ROC curve of a score, with DeLong's interval on the logit scale.

    Args:
        good: scores of the cases that should score high. bad: scores of the others.
        groups: the document of each good and of each bad case, where cases of one document are alike; then the variance
            is that of the documents.
        confidence: coverage, a fraction in (0, 1).
    Returns: the area; without two cases of each kind, or where the kinds do not overlap at all, the interval is
        what the counts alone leave: the one-sided rule of three stands in for a variance of zero.
    Source: DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44(3), 837-845, by midranks as Sun and Xu (2014), IEEE
        Signal Processing Letters 21(11), 1389-1393; documents as Obuchowski (1997), Biometrics 53(2), 567-578; the
        logit as Pepe (2003), section 5.2.2.

    >>> area = auroc([0.9, 0.8, 0.7, 0.4], [0.6, 0.5, 0.3, 0.2])
    >>> round(area.value, 3), round(area.interval.low, 3), round(area.interval.high, 3)
    (0.875, 0.345, 0.989)
    """
    m, n = len(good), len(bad)
    if not m or not n:
        return Area(None, m, n, Interval(0.0, 1.0, confidence, "none"))
    ranks = _midranks([*good, *bad])
    own_good, own_bad = _midranks(good), _midranks(bad)
    above = [(ranks[i] - own_good[i]) / n for i in range(m)]  # of each good one: the share of bad ones below it
    below = [1 - (ranks[m + j] - own_bad[j]) / m for j in range(n)]
    value = math.fsum(above) / m
    of_good, of_bad = groups or ([f"g{i}" for i in range(m)], [f"b{j}" for j in range(n)])
    variance = _clustered(above, below, of_good, of_bad, value)
    if not 0 < value < 1 or variance == 0 or min(m, n) < 2:
        least = 0.05 ** (1 / min(m, n))  # the exact bound for a rate of all, by the smaller kind
        low = least * value if value > 0.5 else 0.0
        high = 1.0 if value >= 0.5 else 1 - least * (1 - value)
        return Area(value, m, n, Interval(min(low, value), max(high, value), confidence, "counts"))
    z = normal_quantile((1 - confidence) / 2)
    middle, half = math.log(value / (1 - value)), z * math.sqrt(variance) / (value * (1 - value))
    return Area(value, m, n, Interval(_logistic(middle - half), _logistic(middle + half), confidence, "delong-logit"))


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def _clustered(
    above: Sequence[float], below: Sequence[float], of_good: Sequence[str], of_bad: Sequence[str], value: float
) -> float:
    """The variance of the area by the sums of each document's deviations; a document of one case each gives DeLong's."""
    good: dict[str, float] = {}
    bad: dict[str, float] = {}
    for sums, shares, names in ((good, above, of_good), (bad, below, of_bad)):
        for share, name in zip(shares, names, strict=True):
            sums[name] = sums.get(name, 0.0) + share - value
    m, n = len(above), len(below)
    every = len({*good, *bad})
    variance = sum(
        len(sums) / (len(sums) - 1) * math.fsum(total * total for total in sums.values()) / (size * size)
        for sums, size in ((good, m), (bad, n))
        if len(sums) > 1
    )
    together = math.fsum(good[name] * bad[name] for name in good if name in bad)
    return max(0.0, variance + (2 * every / (every - 1) * together / (m * n) if every > 1 else 0.0))


def _midranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for at in range(start, end + 1):
            ranks[order[at]] = (start + end) / 2 + 1
        start = end + 1
    return ranks
