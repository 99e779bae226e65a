"""Worse or not, with a look after every case: evidence that may be read at any time and stopped on, as in a canary.

A test that was made for one look raises false alarms when it is looked at often. This one does not, however often.
"""

import math
from dataclasses import dataclass

from interlock.core.distribution import beta_cdf


@dataclass(frozen=True, slots=True)
class Watch:
    """Paired cases, seen one after the other. `peak` is the highest evidence of «worse» so far, at least 1."""

    broke: int = 0
    fixed: int = 0
    peak: float = 1.0

    def __post_init__(self) -> None:
        """Refuse counts that cannot be, NaN included."""
        if min(self.broke, self.fixed) < 0 or not self.peak >= 1:
            raise ValueError(f"`{self.broke}` broke, `{self.fixed}` fixed and a peak of `{self.peak}` were not watched")

    def after(self, *, passed: bool, passes: bool) -> "Watch":
        """One more case: whether it passed under the baseline, and passes under the candidate. Agreement says nothing."""
        if passed == passes:
            return self
        broke, fixed = self.broke + passed, self.fixed + passes
        return Watch(broke, fixed, max(self.peak, worse(broke, fixed)))

    def alarm(self, alpha: float = 0.05) -> bool:
        """Whether «worse» is shown: the evidence has reached 1 / alpha once. Then stop; it does not unsay itself."""
        _check_level(alpha)
        return self.peak >= 1 / alpha

    @property
    def p(self) -> float:
        """A p-value that holds at every look, in (0, 1]."""
        return 1 / self.peak


def worse(broke: int, fixed: int) -> float:
    """The evidence that cases break more often than they are fixed: an e-value over the pairs that flipped.

    E = 2^(b+c) B(b + 1/2, c + 1/2) P(X > 1/2) / (B(1/2, 1/2) / 2), with X of Beta(b + 1/2, c + 1/2): the likelihood,
    mixed over every chance of a break above one half, against a chance of one half. Its mean is 1 where nothing
    got worse, so it reaches 1 / alpha with a chance of at most alpha, over any number of looks.

    Args:
        broke, fixed: pairs that flipped, at least 0; pairs that agree say nothing.
    Returns: above 0; infinity where a float does not hold it.
    Raises: ValueError for a negative count.
    Source: Ville (1939), Étude critique de la notion de collectif; the mixture: Robbins (1970), Annals of Mathematical
        Statistics 41(5), 1397-1409; Howard, Ramdas, McAuliffe and Sekhon (2021), Annals of Statistics 49(2), 1055-1080.

    >>> round(worse(0, 0), 6), round(worse(7, 0), 1), round(worse(10, 10), 3)
    (1.0, 53.5, 0.176)
    """
    if min(broke, fixed) < 0:
        raise ValueError(f"`{broke}` broke and `{fixed}` fixed are no counts")
    a, b = broke + 0.5, fixed + 0.5
    above = beta_cdf(b, a, 0.5)
    if above <= 0:
        return 0.0
    beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    log = (broke + fixed) * math.log(2) + beta + math.log(above) - math.log(math.pi / 2)
    return math.exp(log) if log < 709 else math.inf


def fewest_breaks(alpha: float = 0.05) -> int:
    """Pairs that must break, with none fixed, before «worse» is shown at this level.

    >>> fewest_breaks(0.05)
    6
    """
    _check_level(alpha)
    broke = 0
    while worse(broke, 0) < 1 / alpha:
        broke += 1
    return broke


def _check_level(alpha: float) -> None:
    if not 1e-300 < alpha < 1:
        raise ValueError(f"a level lies in (0, 1), not `{alpha}`")
