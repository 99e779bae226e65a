"""How many cases are missing: for a floor, a margin, a share of the traffic. Pure."""

import math
from collections.abc import Mapping

from interlock.core.comparison import Paired, decide
from interlock.core.estimate import cases_to_certify, lower_bound
from interlock.core.representativeness import cases_for_mix, mix_distance
from interlock.services.mix import Mix

_MOST = 20_000  # cases that a plan adds at most: beyond them nobody writes


def cases_for_floor(floor: float, passes: int = 0, n: int = 0) -> int | None:
    """Cases that would show a floor if they went on failing as often as those seen; none may fail where none was seen.

    Args:
        floor: the rate to show, in (0, 1].
        passes, n: what was seen of it, 0 <= passes <= n.
    Returns: None where no number of such cases shows it: the rate is not above the floor, or so little that nobody writes
        as many, or the floor is 1.

    >>> cases_for_floor(0.9), cases_for_floor(0.9, 38, 40), cases_for_floor(0.9, 35, 40)
    (29, 116, None)
    """
    if floor >= 1:
        return None
    if passes == n:
        return max(n, cases_to_certify(floor))
    failing = (n - passes) / n

    def enough(cases: int) -> bool:
        return lower_bound(cases - math.ceil(failing * cases - 1e-9), cases).low >= floor

    low, high = n - 1, n
    while not enough(high):
        if 1 - failing <= floor or high > _MOST:
            return None
        low, high = high, 2 * high
    while high - low > 1:  # INVARIANT: `high` is enough
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def cases_for_margin(margin: float) -> int:
    """The fewest cases that show «not worse than the margin», when not one of them flips.

    >>> cases_for_margin(0.05), cases_for_margin(0.1)
    (55, 26)
    """
    needed = decide({"": Paired(0, 0, 0)}, {"": margin})[""].decides_at
    assert needed is not None  # without a flip every margin above 0 is shown by some number
    return needed


def cases_for_shares(mix: Mix, counts: Mapping[str, float], limit: float) -> Mapping[str, int] | None:
    """Cases to add by slice, so that the mix is shown to be within the limit: always where the most is missing.

    Args:
        mix: what traffic is made of.
        counts: cases of the gold set by slice, also of none that has a share.
        limit: distance that the upper bound must keep to.
    Returns: empty when it is within; None when no number of cases can be enough.
    """
    if cases_for_mix(0.0, limit, mix.requests) is None:
        return None
    have = {**dict.fromkeys(mix.shares, 0.0), **counts}
    shares = dict(mix.shares)
    rest = max(0.0, 1 - math.fsum(shares.values()))
    for name in have:
        shares.setdefault(name, rest)
    added = dict.fromkeys(mix.shares, 0)
    names = list(have)
    total = math.fsum(have.values())
    scale = math.fsum(shares.values())
    wanted = [shares[name] / scale for name in names]
    for _ in range(_MOST):
        if total:
            gold = [have[name] / total for name in names]
            if mix_distance(gold, wanted, total, mix.requests).high <= limit:
                return {name: n for name, n in added.items() if n}
        short = max(added, key=lambda name: shares[name] * (total + 1) - have[name])
        have[short] += 1
        added[short] += 1
        total += 1
    return None
