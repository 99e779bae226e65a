"""A pass rate that rests on a judge, with the judge's error in it.

Labels of people say how often the judge errs. Where they are of the very replies that are measured, they correct the rate by
themselves (PPI++). Where they are of other replies, of an earlier bundle or of live traffic, only the judge's error rates carry over, never
the share that passed there: then the rate behind the judge's word is computed from them (Rogan and Gladen), with exact bounds.
"""

from dataclasses import dataclass
from enum import StrEnum

from interlock.core.estimate import Interval, clopper_pearson
from interlock.core.judgement import Corrected, Table, cohen_kappa, ppi_mean, rogan_gladen, sensitivity, specificity

LABELS_MIN = 50
"""Cases with a human label that a judge needs before its word counts for anything (EVAL-04)."""
HERE_MIN = 50
"""Labelled units among those that are measured from which they correct the rate by themselves; see `tests/core/test_judged_rate.py`."""
SURE = 0.9
"""Confidence of the two-sided interval: each of its bounds is 95 % sure, like the bounds of every other floor."""


class Fitness(StrEnum):
    """Whether a judge's word may count."""

    FIT = "fit"
    UNPROVEN = "unproven"
    DISQUALIFIED = "disqualified"


def fitness(labels: Table, target: float) -> Fitness:
    """Whether a judge's agreement with people is shown to reach its target, shown to miss it, or neither.

    Args:
        labels: all labelled cases of its calibration. target: least Cohen's kappa, in (0, 1).

    >>> [fitness(table, 0.6).value for table in (Table(48, 2, 2, 48), Table(20, 2, 2, 20), Table(25, 25, 25, 25))]
    ['fit', 'unproven', 'disqualified']
    """
    found = cohen_kappa(labels)
    if labels.n >= LABELS_MIN and found.high < target:
        return Fitness.DISQUALIFIED
    return Fitness.FIT if labels.n >= LABELS_MIN and found.low >= target else Fitness.UNPROVEN


@dataclass(frozen=True, slots=True)
class JudgedUnits:
    """The units of one slice before one judge: one reply each.

    Args:
        here: units of which people labelled the very reply that was judged.
        passes, fails: the judge's word on the others.
        apart: units of which the judge said nothing that counts: a reply in another shape, undecided, not asked to the end.
        labels: every label of the slice, of these replies and of others.
    """

    here: Table
    passes: int
    fails: int
    apart: int
    labels: Table

    def __post_init__(self) -> None:
        """Refuse counts that cannot be."""
        if min(self.passes, self.fails, self.apart) < 0:
            raise ValueError("a count of units is at least 0")

    @property
    def n(self) -> int:
        """Units with the judge's word."""
        return self.here.n + self.passes + self.fails

    @property
    def judged_passes(self) -> int:
        """Units that the judge lets pass, taken at its word."""
        return self.here.both_pass + self.here.only_judge + self.passes


def corrected_rate(units: JudgedUnits, confidence: float = SURE) -> Corrected | None:
    """The share of replies that people would let pass. None where no label of the slice says how often the judge errs.

    Units apart are counted as failed for the lower bound and as passed for the upper one: a judge that does not answer makes the
    interval wider and never moves it.

    Args:
        confidence: of the two-sided interval, in (0, 1).
    Source: as `ppi_mean` and `rogan_gladen`.

    >>> labelled = Table(76, 2, 2, 20)
    >>> found = corrected_rate(JudgedUnits(Table(0, 0, 0, 0), passes=270, fails=30, apart=0, labels=labelled))
    >>> round(found.rate, 3), round(found.interval.low, 3), found.interval.method
    (0.916, 0.796, 'rogan-gladen, exact')
    """
    if units.n == 0 or units.labels.n == 0:
        return None
    low = _with(units, failed=units.apart, passed=0, confidence=confidence)
    if not units.apart:
        return low
    high, plain = (
        _with(units, failed=0, passed=units.apart, confidence=confidence),
        _with(units, failed=0, passed=0, confidence=confidence),
    )
    bounds = Interval(
        min(one.interval.low for one in (low, plain, high)), max(one.interval.high for one in (low, plain, high)),
        confidence, plain.interval.method,
    )  # fmt: skip
    return Corrected(plain.rate, bounds, plain.power)


def _with(units: JudgedUnits, *, failed: int, passed: int, confidence: float) -> Corrected:
    passes, fails, here = units.passes + passed, units.fails + failed, units.here
    if here.n and not passes + fails:  # people looked at every unit: nobody needs the judge
        right = here.both_pass + here.only_human
        return Corrected(right / here.n, clopper_pearson(right, here.n, confidence), 0.0)
    if here.n >= HERE_MIN:
        pairs = ((1.0, 1.0, here.both_pass), (1.0, 0.0, here.only_human), (0.0, 1.0, here.only_judge),
                 (0.0, 0.0, here.both_fail))  # fmt: skip
        human = [h for h, _, count in pairs for _ in range(count)]
        judge = [j for _, j, count in pairs for _ in range(count)]
        return ppi_mean(human, judge, [1.0] * passes + [0.0] * fails, confidence)
    judged = here.both_pass + here.only_judge + passes
    return rogan_gladen(judged, here.n + passes + fails, units.labels, confidence)


def least_power(labels: Table, confidence: float = 0.995) -> float:
    """The lower bound of how much of a real difference a judge shows: sensitivity + specificity - 1, at least 0.

    A difference between two bundles as a judge sees it is the real one times this factor, as long as the judge errs alike under
    both. So a margin is made narrower by it before the judge's differences are held to it.

    >>> round(least_power(Table(190, 10, 10, 190)), 2)
    0.78
    """
    if not labels.sensitivity[1] or not labels.specificity[1]:
        return 0.0
    return max(0.0, sensitivity(labels, confidence).low + specificity(labels, confidence).low - 1.0)
