"""Does the gold set mirror real traffic? The distance between two mixes of slices, and how well it is known.

The distance is total variation: half the sum of |gold share - traffic share|. It bounds what an average over the gold
set can be wrong by, |gold mean - traffic mean| <= distance x range of the score, whatever the slices score. Both sides
are samples: the gold set of the questions that its authors would write, counted traffic of all traffic. Declared shares
are taken at their word.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from interlock.core.distribution import chi_square_tail

_SUM = 1e-9  # by how much shares may miss 1 through rounding


@dataclass(frozen=True, slots=True)
class MixDistance:
    """A total-variation distance in [0, 1] with bounds that each hold at `confidence`."""

    distance: float
    low: float
    high: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Fit:
    """Pearson's chi-square of counts: statistic (infinite where the impossible was seen), degrees of freedom, p."""

    statistic: float
    dof: int
    p: float


def total_variation(p: Sequence[float], q: Sequence[float]) -> float:
    """Half the sum of the absolute differences of two mixes, in [0, 1].

    Args:
        p, q: shares of the same slices in the same order, each summing to 1.
    Raises: ValueError for other input.

    >>> round(total_variation([0.5, 0.3, 0.2], [0.4, 0.3, 0.3]), 3)
    0.1
    """
    _check_mixes(p, q)
    return min(1.0, math.fsum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2)


def jensen_shannon(p: Sequence[float], q: Sequence[float]) -> float:
    """Jensen-Shannon distance of two mixes, base 2, in [0, 1]; information only. Arguments and errors as above.

    Source: Endres and Schindelin (2003), IEEE Transactions on Information Theory 49(7), 1858-1860.

    >>> jensen_shannon([1, 0], [0, 1])
    1.0
    """
    _check_mixes(p, q)

    def half(a: float, b: float) -> float:
        return a * math.log2(2 * a / (a + b)) if a > 0 else 0.0

    divergence = math.fsum(half(a, b) + half(b, a) for a, b in zip(p, q, strict=True)) / 2
    return math.sqrt(min(1.0, max(0.0, divergence)))


def kish(weights: Sequence[float]) -> float:
    """Kish's effective number of cases, (sum w)² / sum w²: how many unweighted ones weigh as much.

    Source: Kish (1965), Survey Sampling, section 11.7.

    >>> kish([1, 1, 1, 1]), round(kish([3, 1, 1, 1]), 1)
    (4.0, 3.0)
    """
    if not weights or not all(w > 0 and math.isfinite(w) for w in weights):
        raise ValueError("weights are finite numbers above 0, and there is at least one")
    largest = max(weights)  # squares of what is left neither overflow nor vanish
    scaled = [w / largest for w in weights]
    return math.fsum(scaled) ** 2 / math.fsum(w * w for w in scaled)


def mix_distance(
    gold: Sequence[float], shares: Sequence[float], n: float, traffic: int | None = None, confidence: float = 0.95
) -> MixDistance:
    """Total variation with bounds that hold for every n, however small: no resampling, no normal limit.

    Changing one of n cases moves the distance by at most 1/n, so it stays within sqrt(ln(1/α) (1/n + 1/m) / 2) of its
    mean, on either side, with chance 1 - α (McDiarmid). The mean lies above the true distance, because the distance is
    convex, by at most sqrt(k - 1) (1/√n + 1/√m) / 2 for k slices. Hence the upper bound adds the first term, and the
    lower one subtracts both.

    Args:
        gold: shares of the gold set by slice, summing to 1.
        shares: shares of the traffic in the same order, summing to 1.
        n: independent cases of the gold set, above 0; with weights Kish's number, and then the bounds are approximate.
        traffic: requests that were counted; None for declared shares, which have no sampling error.
        confidence: of each bound, in (0, 1).
    Returns: 0 <= low <= distance <= high <= 1.
    Raises: ValueError when an argument is out of range.
    Source: McDiarmid (1989), "On the method of bounded differences", Surveys in Combinatorics, 148-188.

    >>> found = mix_distance([0.5, 0.5], [0.6, 0.4], n=200)
    >>> round(found.distance, 3), round(found.low, 3), round(found.high, 3)
    (0.1, 0.0, 0.187)
    """
    if not n > 0 or (traffic is not None and traffic < 1):
        raise ValueError(f"`{n}` cases and `{traffic}` requests show no mix")
    spread, drift = _deviation(n, traffic, confidence), 1 / math.sqrt(n)
    if traffic is not None:
        drift += 1 / math.sqrt(traffic)
    distance = total_variation(gold, shares)
    bias = math.sqrt(len(gold) - 1) * drift / 2
    return MixDistance(distance, max(0.0, distance - bias - spread), min(1.0, distance + spread), confidence)


def cases_for_mix(distance: float, limit: float, traffic: int | None = None, confidence: float = 0.95) -> int | None:
    """The fewest cases at which this distance shows a mix within `limit`; None when no number does.

    >>> cases_for_mix(0.0, 0.15), cases_for_mix(0.05, 0.15), cases_for_mix(0.2, 0.15)
    (67, 150, None)
    """
    room = limit - distance
    if room <= 0:
        return None
    left = 2 * room * room / math.log(1 / _error(confidence)) - (0.0 if traffic is None else 1 / traffic)
    return math.ceil(1 / left - 1e-9) if left > 1e-9 else None


def fit_to_shares(counts: Sequence[float], shares: Sequence[float]) -> Fit:
    """Pearson's chi-square of gold counts against shares without error; information: any large set is «different».

    A slice with neither cases nor share is left out.

    >>> found = fit_to_shares([30, 20, 10], [0.5, 0.3, 0.2])
    >>> round(found.statistic, 3), found.dof, round(found.p, 3)
    (0.556, 2, 0.757)
    """
    total = math.fsum(counts)
    pairs = [(count, share * total) for count, share in zip(counts, shares, strict=True) if count or share]
    if total <= 0 or len(pairs) < 2:
        return Fit(0.0, max(1, len(pairs) - 1), 1.0)
    if any(count and not expected for count, expected in pairs):
        return Fit(math.inf, len(pairs) - 1, 0.0)
    statistic = math.fsum((count - expected) ** 2 / expected for count, expected in pairs)
    return Fit(statistic, len(pairs) - 1, chi_square_tail(statistic, len(pairs) - 1))


def same_mix(gold: Sequence[float], traffic: Sequence[float]) -> Fit:
    """Pearson's chi-square of two rows of counts, gold and traffic, for homogeneity; information only.

    >>> round(same_mix([30, 20, 10], [500, 300, 200]).p, 3)
    0.769
    """
    pairs = [(a, b) for a, b in zip(gold, traffic, strict=True) if a or b]
    n, m = math.fsum(a for a, _ in pairs), math.fsum(b for _, b in pairs)
    if n <= 0 or m <= 0 or len(pairs) < 2:
        return Fit(0.0, max(1, len(pairs) - 1), 1.0)
    statistic = math.fsum(
        (seen - row * (a + b) / (n + m)) ** 2 / (row * (a + b) / (n + m))
        for a, b in pairs
        for seen, row in ((a, n), (b, m))
    )
    return Fit(statistic, len(pairs) - 1, chi_square_tail(statistic, len(pairs) - 1))


def _deviation(n: float, traffic: int | None, confidence: float) -> float:
    return math.sqrt(math.log(1 / _error(confidence)) * (1 / n + (0.0 if traffic is None else 1 / traffic)) / 2)


def _error(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies in (0, 1), not `{confidence}`")
    return 1 - confidence


def _check_mixes(p: Sequence[float], q: Sequence[float]) -> None:
    if len(p) != len(q) or not p:
        raise ValueError(f"`{len(p)}` shares and `{len(q)}` shares are not two mixes of the same slices")
    for mix in (p, q):
        if not all(share >= 0 for share in mix) or abs(math.fsum(mix) - 1) > _SUM:
            raise ValueError("the shares of a mix are at least 0 and sum to 1")
