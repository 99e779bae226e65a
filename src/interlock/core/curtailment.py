"""During a run: can the verdict of a slice still change? Where it cannot, its remaining cases need not be asked.

The answer is about every way in which the remaining cases can turn out, so stopping spends no error: the verdict is the
one that the whole run would have given. Where that cannot be known for certain, the answer is no.
"""

from dataclasses import replace

from interlock.core.comparison import ALPHA, FAIL_ALPHA, Outcome, Paired, decide, mcnemar_p
from interlock.core.estimate import Estimate, clears


def settled(
    pair_so_far: Paired,
    cases_left: int,
    margin: float,
    *,
    fixable: int | None = None,
    family: int = 1,
    alpha: float = ALPHA,
    fail_alpha: float = FAIL_ALPHA,
) -> bool:
    """Can the verdict of a paired slice no longer change, whatever the cases that are left do?

    Args:
        pair_so_far: the pairs that both bundles have finished.
        cases_left: cases not yet judged under both bundles, at least 0. Each may break, be fixed, stay as it was, or end
            unpaired.
        margin: as `comparison.decide`.
        fixable: how many of the cases that are left the first bundle is known to have failed, so that the second can fix
            them; None where that is not known yet, and all of them may be.
        family: slices that are judged together. Their p-values are not known yet, and Holm's correction multiplies this
            slice's by something between 1 and `family`.
        alpha, fail_alpha: as `comparison.decide`.
    Returns: True only where every ending has the same verdict. Graded, repeated and clustered cases always give False:
        one more value can move a t interval either way.
    Raises: ValueError when an argument is out of range.

    >>> settled(Paired(n=60, broke=20, fixed=0), cases_left=10, margin=0.05)
    True
    >>> settled(Paired(n=60, broke=2, fixed=0), cases_left=10, margin=0.05)
    False
    """
    found = verdict_settled(
        pair_so_far, cases_left, margin, fixable=fixable, family=family, alpha=alpha, fail_alpha=fail_alpha
    )
    return found is not None


def verdict_settled(
    pair_so_far: Paired,
    cases_left: int,
    margin: float,
    *,
    fixable: int | None = None,
    family: int = 1,
    alpha: float = ALPHA,
    fail_alpha: float = FAIL_ALPHA,
) -> Outcome | None:
    """The verdict that every ending has; None where it is still open. Arguments and errors as `settled`.

    >>> verdict_settled(Paired(n=300, broke=0, fixed=0), cases_left=4, margin=0.05)
    'pass'
    >>> verdict_settled(Paired(n=12, broke=9, fixed=0), cases_left=28, margin=0.05, fixable=0)
    'fail'
    """
    most_fixed = _most_fixed(cases_left, fixable, family)
    if pair_so_far.differences:
        return None
    # INVARIANT: a case that is fixed never harms and one that breaks never helps. One that ends unpaired counts as broken
    # where passing is asked, and as nothing where failing is. So every ending lies between these two, and Holm's factor
    # between its two extremes.
    endings = (
        replace(pair_so_far, n=pair_so_far.n + cases_left, fixed=pair_so_far.fixed + most_fixed),
        replace(pair_so_far, n=pair_so_far.n + cases_left, broke=pair_so_far.broke + cases_left),
    )
    found = {
        decide({"": ending}, {"": margin}, alpha, level)[""].verdict
        for ending in endings
        for level in (fail_alpha, fail_alpha / family)
    }
    return found.pop() if len(found) == 1 else None


def correction_settled(
    pair_so_far: Paired,
    cases_left: int,
    *,
    fixable: int | None = None,
    family: int = 1,
    fail_alpha: float = FAIL_ALPHA,
) -> bool:
    """Does Holm's correction treat the other slices of the family alike in every ending of this one?

    Where this slice is rejected at the strictest level of all, or at none, its exact p moves no other slice across
    `fail_alpha`. In between, the other slices could turn with it. Arguments and errors as `settled`.

    >>> correction_settled(Paired(n=12, broke=9, fixed=0), cases_left=28, fixable=0, family=4)
    True
    >>> correction_settled(Paired(n=40, broke=6, fixed=0), cases_left=0, family=4)  # p = 0.016, between 0.0125 and 0.05
    False
    """
    most_fixed = _most_fixed(cases_left, fixable, family)
    if family == 1:
        return True
    if pair_so_far.differences:
        return False
    best = mcnemar_p(pair_so_far.broke, pair_so_far.fixed + most_fixed)
    worst = mcnemar_p(pair_so_far.broke + pair_so_far.unpaired + cases_left, pair_so_far.fixed)
    return best < fail_alpha / family or worst >= fail_alpha


def _most_fixed(cases_left: int, fixable: int | None, family: int) -> int:
    if cases_left < 0 or family < 1:
        raise ValueError(f"`{cases_left}` cases left in a family of `{family}` slices cannot be")
    if fixable is None:
        return cases_left
    if not 0 <= fixable <= cases_left:
        raise ValueError(f"`{fixable}` of `{cases_left}` cases left cannot be fixed")
    return fixable


def floor_settled(passes: int, n: int, cases_left: int, floor: float, confidence: float = 0.95) -> bool:
    """Can a floor no longer turn out otherwise? True where it is cleared, broken or undecided in every ending.

    Args:
        passes, n: of the cases judged so far.
        cases_left: cases not judged yet, at least 0; each may pass, fail, or drop out of the count.
        floor, confidence: as `estimate.clears`.
    Raises: ValueError when an argument is out of range.

    >>> floor_settled(20, 40, 10, floor=0.9), floor_settled(40, 40, 10, floor=0.9)
    (True, False)
    """
    _check_left(cases_left)
    endings = ((passes + cases_left, n + cases_left), (passes, n + cases_left), (passes, n))
    return len({clears(floor, Estimate.of(got, of), confidence) for got, of in endings}) == 1


def flawless_settled(failures: int, cases_left: int) -> bool:
    """Can a slice that permits no failure (critical, must-pass) no longer turn out otherwise? One failure settles it.

    >>> flawless_settled(failures=1, cases_left=30), flawless_settled(failures=0, cases_left=30)
    (True, False)
    """
    _check_left(cases_left)
    return failures > 0 or cases_left == 0


def _check_left(cases_left: int) -> None:
    if cases_left < 0:
        raise ValueError(f"`{cases_left}` cases cannot be left")
