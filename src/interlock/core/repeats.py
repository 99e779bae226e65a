"""Trials of one case that disagree: how reliable a case is, and slices whose cases are the requirement itself.

Repeats show how much a case wavers. They never count as further cases.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from interlock.core.estimate import pass_hat_k


@dataclass(frozen=True, slots=True)
class Repeated:
    """The trials of one case: how many were asked, how many ran, how many of those passed."""

    case: str
    passes: int
    ran: int
    asked: int

    def __post_init__(self) -> None:
        """Refuse counts that cannot be."""
        if not 0 <= self.passes <= self.ran <= self.asked:
            raise ValueError(f"case `{self.case}`: `{self.passes}` of `{self.ran}` of `{self.asked}` trials cannot be")

    @property
    def flakiness(self) -> float | None:
        """The chance that two trials of the case disagree, estimated without bias; None on fewer than two trials.

        >>> Repeated("a", passes=2, ran=4, asked=4).flakiness
        0.6666666666666666
        """
        pairs = math.comb(self.ran, 2)
        return self.passes * (self.ran - self.passes) / pairs if pairs else None

    def meets(self, needed: int | None) -> bool | None:
        """Did at least `needed` of the trials asked pass (None: all)? None while broken trials leave it open."""
        goal = self.asked if needed is None else needed
        if self.passes >= goal > 0:
            return True
        return None if self.passes + self.asked - self.ran >= goal else False


@dataclass(frozen=True, slots=True)
class Reliability:
    """What the repeats of some cases show.

    pass_hat: the mean over the cases of «k trials all pass», for k from 1 to the fewest trials of a case.
    discordance: the chance that a case flips between two single trials of the same bytes; None without repeats.
    flaky: the cases whose trials disagree, the worst first.
    """

    cases: int
    pass_hat: tuple[float, ...]
    discordance: float | None
    flaky: tuple[Repeated, ...]


def reliability(cases: Sequence[Repeated]) -> Reliability:
    """Reliability over the cases that ran at least once.

    Source: Yao et al. (2024), tau-bench, arXiv:2406.12045, for pass^k.

    >>> found = reliability([Repeated("a", 4, 4, 4), Repeated("b", 2, 4, 4)])
    >>> [round(value, 3) for value in found.pass_hat], round(found.discordance, 3), found.flaky[0].case
    ([0.75, 0.583, 0.5, 0.5], 0.333, 'b')
    """
    ran = [case for case in cases if case.ran]
    most = min((case.ran for case in ran), default=0)
    pass_hat = tuple(
        math.fsum(pass_hat_k(case.passes, case.ran, k) for case in ran) / len(ran) for k in range(1, most + 1)
    )
    known = [value for case in ran if (value := case.flakiness) is not None]
    flaky = sorted((case for case in ran if 0 < case.passes < case.ran), key=lambda c: (-(c.flakiness or 0), c.case))
    return Reliability(len(ran), pass_hat, math.fsum(known) / len(known) if known else None, tuple(flaky))


@dataclass(frozen=True, slots=True)
class Census:
    """A slice whose cases are the requirement itself: each met, or not; nothing is claimed of other cases.

    short: cases that fewer than the needed trials passed. open: cases that broken trials leave undecided.
    """

    cases: int
    short: tuple[str, ...]
    open: tuple[str, ...]

    @property
    def verdict(self) -> Literal["pass", "fail", "owed"]:
        """Fail when one case is short, owed when one is open or there is none, else pass."""
        return "fail" if self.short else "owed" if self.open or not self.cases else "pass"


def census(cases: Sequence[Repeated], needed: int | None = None) -> Census:
    """Judge each case by itself: at least `needed` of its trials pass; None is all of them.

    Raises: ValueError for a need below 1.

    >>> census([Repeated("a", 2, 3, 3), Repeated("b", 3, 3, 3)], needed=2).verdict
    'pass'
    """
    if needed is not None and needed < 1:
        raise ValueError(f"a need of `{needed}` trials asks for nothing")
    met = [(case.case, case.meets(needed)) for case in cases]
    return Census(
        len(cases),
        tuple(name for name, found in met if found is False),
        tuple(name for name, found in met if found is None),
    )
