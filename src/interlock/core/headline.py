"""One number for all slices, each weighted by its share of real traffic. It informs and decides nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from interlock.core.comparison import tango_interval


@dataclass(frozen=True, slots=True)
class Stratum:
    """One slice with its share of real traffic, above 0, and its paired cases."""

    slice: str
    share: float
    n: int
    broke: int
    fixed: int

    def __post_init__(self) -> None:
        """Refuse what has no weight or no case."""
        if not 0 < self.share <= 1 or self.n < 1 or min(self.broke, self.fixed) < 0 or self.broke + self.fixed > self.n:
            raise ValueError(f"slice `{self.slice}` has no share of the traffic or no paired case")


@dataclass(frozen=True, slots=True)
class Headline:
    """The change of the pass rate on real traffic, with its two-sided interval.

    covered: the sum of the declared shares; what is missing from 1 is traffic that no case stands for.
    """

    delta: float
    low: float
    high: float
    covered: float
    cases: int


def headline(strata: Sequence[Stratum], alpha: float = 0.025) -> Headline:
    """The post-stratified change, sum of share × change, with shares brought to a sum of 1.

    The interval joins the score bounds of the strata by their squared distances, so that it does not collapse where no
    case flips, as the plain variance does.

    Args:
        strata: slices that have no case in common; at least one.
        alpha: error on each side, in (0, 0.5).
    Returns: rates in [-1, 1].
    Raises: ValueError without a stratum.
    Source: post-stratification: Holt and Smith (1979), JRSS A 142(1), 33-46; the interval (MOVER): Zou and Donner
        (2008), Statistics in Medicine 27(10), 1693-1702, with the bounds of Tango (1998).

    >>> found = headline([Stratum("chat", 0.9, 200, 2, 8), Stratum("billing", 0.1, 40, 10, 0)])
    >>> round(found.delta, 4), round(found.low, 3), round(found.high, 3)
    (0.002, -0.03, 0.038)
    """
    covered = math.fsum(stratum.share for stratum in strata)
    if not strata:
        raise ValueError("no slice has a share")
    delta = below = above = 0.0
    for stratum in strata:
        weight, change = stratum.share / covered, (stratum.fixed - stratum.broke) / stratum.n
        low, high = tango_interval(stratum.broke, stratum.fixed, stratum.n, alpha)
        delta += weight * change
        below += (weight * (change - low)) ** 2
        above += (weight * (high - change)) ** 2
    return Headline(
        delta, max(-1.0, delta - math.sqrt(below)), min(1.0, delta + math.sqrt(above)), covered,
        sum(stratum.n for stratum in strata),
    )  # fmt: skip
