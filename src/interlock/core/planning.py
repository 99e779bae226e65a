"""Before a run: with how many cases can a slice pass, and how likely is each verdict? By exact enumeration.

The counts (broke, fixed) of n paired cases are trinomial. Every pair of them that the rule passes, or fails, is
counted; no normal formula, which promises more than small samples keep. It stays cheap because the rule is monotone: one
more fixed case never harms, one more broken case never helps, so each region has one edge.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from interlock.core.comparison import ALPHA, FAIL_ALPHA, mcnemar_p, tango_statistic
from interlock.core.distribution import binomial_at_least, binomial_at_most, check_fraction, normal_quantile

MOST_CASES = 20_000
"""Where the search for enough cases gives up."""


@dataclass(frozen=True, slots=True)
class Chances:
    """How likely each verdict is, in [0, 1]; what is neither a pass nor a fail is owed."""

    passes: float
    fails: float

    @property
    def owed(self) -> float:
        """Neither."""
        return max(0.0, 1.0 - self.passes - self.fails)


@dataclass(frozen=True, slots=True)
class Ask:
    """One slice before the run: what is there and what it is held to.

    discordance: the chance that a case flips, either way, although nothing changed; in [0, 1 - margin].
    """

    slice: str
    cases: int
    margin: float
    discordance: float
    critical: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be planned."""
        if self.cases < 0 or not 0 < self.margin < 1 or not 0 <= self.discordance <= 1 - self.margin:
            raise ValueError(
                f"slice `{self.slice}`: `{self.cases}` cases, a margin of `{self.margin}` in (0, 1) and flips of"
                f" `{self.discordance}` in [0, 1 - margin] are asked for"
            )


@dataclass(frozen=True, slots=True)
class SlicePlan:
    """What one slice can show with the cases that it has.

    unchanged: where the candidate is as good as the baseline, so that cases flip both ways alike.
    dropped: where a share of the margin's size broke on top of those flips.
    needed: cases with which an unchanged slice passes with the chance `power`; None beyond `MOST_CASES`.
    needed_without_flips: cases that pass if none of them flips.
    provable_margin: the least margin, in steps of 0.001, at which the present cases reach `power`; None below 1.
    """

    ask: Ask
    power: float
    unchanged: Chances
    dropped: Chances
    needed: int | None
    needed_without_flips: int
    provable_margin: float | None

    @property
    def enough(self) -> bool:
        """Whether an unchanged slice passes as often as was asked."""
        return self.unchanged.passes >= self.power


def passes_from(
    n: int, margin: float, broke: range, *, alpha: float = ALPHA, fail_level: float = FAIL_ALPHA
) -> list[int]:
    """For each count of broken cases, the least count of fixed ones with which n paired cases pass.

    Args:
        n: cases, at least 1.
        margin: the drop that is not a matter, in [0, 1).
        broke: counts of broken cases, within [0, n], one by one upwards.
        alpha: error of each score bound, in (0, 0.5).
        fail_level: below it McNemar's p says «worse»: the level of a failure by the number of slices, since Holm's
            correction asks that much of the clearest slice.
    Returns: n - b + 1 for b broken ones where none passes.

    >>> passes_from(60, 0.05, range(3))
    [0, 2, 4]
    """
    z = normal_quantile(alpha)

    def passes(b: int, c: int) -> bool:
        return tango_statistic(b, c, n, -margin) > z and (b <= c or mcnemar_p(b, c) >= fail_level)

    return _edge(n, broke, passes)


def fails_below(
    n: int, margin: float, broke: range, *, alpha: float = ALPHA, fail_level: float = FAIL_ALPHA
) -> list[int]:
    """For each count of broken cases, the least count of fixed ones with which n paired cases do not fail.

    Arguments as `passes_from`. Returns: n - b + 1 for b broken ones that fail whatever is fixed.

    >>> fails_below(60, 0.05, range(4, 7))
    [0, 1, 1]
    """
    z = normal_quantile(alpha)

    def stands(b: int, c: int) -> bool:
        return not (tango_statistic(c, b, n, margin) > z or mcnemar_p(b, c) < fail_level)

    return _edge(n, broke, stands)


def _edge(n: int, broke: range, holds: Callable[[int, int], bool]) -> list[int]:
    found: list[int] = []
    for b in broke:
        if found:
            # INVARIANT: the edge only moves up as more cases break; the search goes on from where it stood.
            at = found[-1]
            while at <= n - b and not holds(b, at):
                at += 1
            found.append(min(at, n - b + 1))
            continue
        low, high = -1, n - b + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if holds(b, middle) else (middle, high)
        found.append(high)
    return found


def chances(
    n: int, margin: float, broke_rate: float, fixed_rate: float, *, alpha: float = ALPHA, fail_level: float = FAIL_ALPHA
) -> Chances:
    """How likely n cases pass and fail when each breaks, and is fixed, with these chances.

    Args:
        n: paired cases, at least 0.
        margin: the drop that is not a matter, in (0, 1).
        broke_rate: chance that a case passes under the baseline and fails under the candidate, in [0, 1].
        fixed_rate: the reverse; both together at most 1. Their difference is the true drop.
        alpha, fail_level: as `passes_from`.
    Raises: ValueError when an argument is out of range.
    Source: the trinomial distribution, summed over the two regions; errors below 1e-10.

    >>> round(chances(40, 0.1, 0.025, 0.025).passes, 2)
    0.62
    """
    check_fraction(broke_rate)
    check_fraction(fixed_rate)
    check_fraction(max(0.0, broke_rate + fixed_rate - 1e-12))
    if n < 0 or not 0 < margin < 1:
        raise ValueError(f"`{n}` cases at a margin of `{margin}` cannot be planned")
    if n == 0:
        return Chances(0.0, 0.0)
    broke = _likely(n, broke_rate)
    given = 0.0 if broke_rate >= 1 else min(1.0, fixed_rate / (1 - broke_rate))
    passing = passes_from(n, margin, broke, alpha=alpha, fail_level=fail_level)
    standing = fails_below(n, margin, broke, alpha=alpha, fail_level=fail_level)
    weights = [_binomial(b, n, broke_rate) for b in broke]
    passes = math.fsum(w * binomial_at_least(c, n - b, given) for b, c, w in zip(broke, passing, weights, strict=True))
    fails = math.fsum(
        w * binomial_at_most(c - 1, n - b, given) for b, c, w in zip(broke, standing, weights, strict=True)
    )
    return Chances(min(1.0, passes), min(1.0, fails))


def chance_to_pass(
    n: int, margin: float, broke_rate: float, fixed_rate: float, *, alpha: float = ALPHA, fail_level: float = FAIL_ALPHA
) -> float:
    """The first half of `chances`, for searches that need no more."""
    if n == 0:
        return 0.0
    broke = _likely(n, broke_rate)
    given = 0.0 if broke_rate >= 1 else min(1.0, fixed_rate / (1 - broke_rate))
    passing = passes_from(n, margin, broke, alpha=alpha, fail_level=fail_level)
    return min(
        1.0,
        math.fsum(
            _binomial(b, n, broke_rate) * binomial_at_least(c, n - b, given)
            for b, c in zip(broke, passing, strict=True)
        ),
    )


def _likely(n: int, rate: float) -> range:
    """The counts of a binomial that matter: what is left out has a chance below 1e-12 (Bernstein's inequality)."""
    reach = 28.4  # -log(0.5e-12)
    half = reach / 3 + math.sqrt(reach * reach / 9 + 2 * reach * n * rate * (1 - rate))
    return range(max(0, math.floor(n * rate - half)), min(n, math.ceil(n * rate + half)) + 1)


def _binomial(k: int, n: int, p: float) -> float:
    """P(X = k), exact to about 1e-12 of itself."""
    if p <= 0 or p >= 1:
        return float(k == (0 if p <= 0 else n))
    log = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(p) + (n - k) * math.log1p(-p)
    return math.exp(log)


def cases_for(
    margin: float, discordance: float, power: float, *, alpha: float = ALPHA, fail_level: float = FAIL_ALPHA
) -> int | None:
    """Cases with which an unchanged slice passes with a chance of at least `power`.

    The chance is a saw-tooth in the number of cases; the number found reaches `power`, and the one below it does not.

    Args:
        margin, discordance: as `Ask`.
        power: in (0, 1).
        alpha, fail_level: as `passes_from`.
    Returns: None where more than `MOST_CASES` would be needed.
    Raises: ValueError when an argument is out of range.

    >>> cases_for(0.05, 0, 0.9), cases_for(0.05, 0.05, 0.9)
    (55, 215)
    """
    Ask("", 0, margin, discordance)
    if not 0 < power < 1:
        raise ValueError(f"a power lies in (0, 1), not `{power}`")
    half = discordance / 2

    def reaches(n: int) -> bool:
        return chance_to_pass(n, margin, half, half, alpha=alpha, fail_level=fail_level) >= power

    low, high = 0, 16
    while not reaches(high):
        if high == MOST_CASES:
            return None
        low, high = high, min(2 * high, MOST_CASES)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high


def provable_margin(
    n: int, discordance: float, power: float, *, alpha: float = ALPHA, fail_level: float = FAIL_ALPHA
) -> float | None:
    """The least margin, in steps of 0.001, at which n unchanged cases pass with a chance of at least `power`.

    Arguments and errors as `cases_for`. Returns: None where no margin below 1 - discordance does.

    >>> provable_margin(40, 0, 0.9)
    0.068
    """
    half = discordance / 2

    def reaches(thousandths: int) -> bool:
        return chance_to_pass(n, thousandths / 1000, half, half, alpha=alpha, fail_level=fail_level) >= power

    low, high = 0, math.floor(1000 * (1 - discordance)) - 1
    if high < 1 or not reaches(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high / 1000


def plan_slices(asks: Sequence[Ask], power: float = 0.9, *, alpha: float = ALPHA) -> tuple[SlicePlan, ...]:
    """What each slice can show when all of them are judged together.

    Args:
        asks: the slices, which are also the family of Holm's correction.
        power: the chance with which all critical slices together shall pass an unchanged candidate, in (0, 0.95): the
            rule calls one unchanged release in twenty worse, whatever the number of cases. Each slice is asked for the
            same share of it: power ** (1 / critical slices).
        alpha: error of each score bound.
    Raises: ValueError when an argument is out of range.

    >>> (plan,) = plan_slices([Ask("billing", 40, 0.05, 0.0)])
    >>> plan.enough, plan.needed, plan.provable_margin
    (False, 55, 0.068)
    """
    if not 0 < power < 1 - FAIL_ALPHA:
        raise ValueError(f"all slices together pass with a chance in (0, {1 - FAIL_ALPHA:g}), not `{power}`")
    each = power ** (1 / max(1, sum(ask.critical for ask in asks)))
    level = FAIL_ALPHA / max(1, len(asks))
    plans = []
    for ask in asks:
        half = ask.discordance / 2
        broken = min(1.0 - half, half + ask.margin)
        without = cases_for(ask.margin, 0.0, each, alpha=alpha, fail_level=level)
        plans.append(
            SlicePlan(
                ask=ask,
                power=each,
                unchanged=chances(ask.cases, ask.margin, half, half, alpha=alpha, fail_level=level),
                dropped=chances(ask.cases, ask.margin, broken, half, alpha=alpha, fail_level=level),
                needed=cases_for(ask.margin, ask.discordance, each, alpha=alpha, fail_level=level),
                needed_without_flips=without or MOST_CASES,
                provable_margin=provable_margin(ask.cases, ask.discordance, each, alpha=alpha, fail_level=level),
            )
        )
    return tuple(plans)


def joint(plans: Sequence[SlicePlan]) -> float | None:
    """The chance that every critical slice passes an unchanged candidate; None without a critical slice.

    The product of their chances: exact where no case is in two slices, else too low, since slices that share cases pass
    together more often.

    >>> round(joint(plan_slices([Ask(name, 500, 0.05, 0.02) for name in ("a", "b")])), 3)
    0.978
    """
    critical = [plan.unchanged.passes for plan in plans if plan.ask.critical]
    return math.prod(critical) if critical else None


def false_pass(n: int, margin: float, discordance: float, *, alpha: float = ALPHA) -> float:
    """The chance that n cases pass although the rate fell by the margin, a share `discordance` of them flipping.

    Args:
        n, margin: as `chances`.
        discordance: all flips together, in [margin, 1].
        alpha: error of the score bound.

    >>> round(false_pass(55, 0.05, 0.05), 4)  # no fix at all: 0.95 to the power of 55
    0.0595
    """
    fixed = (discordance - margin) / 2
    return chance_to_pass(n, margin, fixed + margin, fixed, alpha=alpha)
