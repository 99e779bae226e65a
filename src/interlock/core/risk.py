"""Thresholds with a promise: of the answers delivered at or above it, at most a budget is unsupported.

A threshold is chosen on one part of the labelled answers and proven on the other. Both parts are whole documents: answers
over one document are alike, and a threshold that has seen its neighbours proves nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from interlock.core.distribution import beta_cdf, beta_quantile, check_fraction
from interlock.core.estimate import cases_to_certify

STEPS = 20
"""Shares of the answers that are tried as coverage: 5 %, 10 % … 100 %, fixed before a label is seen."""
MIN_GROUPS = 10
"""Documents, at least, in the part that chooses, where a document has several answers: how alike they are cannot be told from
fewer, and a bound that ignores it promises too much."""
CURVE_POINTS = 100
"""Points that are kept of a risk-coverage curve."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One answer that a person judged.

    score: its support in [0, 1]. unsupported: whether a person found it so. slice: where it belongs. group: the document
    or conversation that it shares with others; answers of one group stay in one part of a split.
    """

    score: float
    unsupported: bool
    slice: str
    group: str

    def __post_init__(self) -> None:
        check_fraction(self.score)


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold delivers of some answers, and how many of those are unsupported."""

    threshold: float
    delivered: int
    unsupported: int
    n: int

    @property
    def coverage(self) -> float:
        """The share that is delivered, in [0, 1]."""
        return self.delivered / self.n if self.n else 0.0

    @property
    def risk(self) -> float | None:
        """The share of the delivered ones that is unsupported; None when nothing is delivered."""
        return self.unsupported / self.delivered if self.delivered else None


class Chosen(StrEnum):
    """How a calibration ended."""

    FOUND = "found"
    FEW = "too few labels"
    NONE = "no threshold keeps the budget"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold chosen on the first part of the labels.

    value: None where there is none that keeps the budget, so that nothing may be delivered. at: what it delivered there,
    or what the strictest one that could be tested did. bound: the exact upper bound of its risk there. missing: further
    delivered answers without a fault that could decide it, where too few were at hand. groups: further documents that are
    missing, where the answers come from too few of them.
    """

    outcome: Chosen
    value: float | None
    at: Point
    bound: float
    missing: int
    groups: int = 0


@dataclass(frozen=True, slots=True)
class Proof:
    """What a threshold does on answers that had no part in choosing it.

    bound: exact upper bound of the risk. low: exact lower bound; a promise is refuted where it lies above the budget. design: how
    many answers count as one, because those of a group are alike; 1 or more.
    """

    at: Point
    bound: float
    low: float
    design: float

    def keeps(self, budget: float) -> bool:
        """Whether the risk is proven to lie within the budget."""
        return self.at.delivered > 0 and self.bound <= budget

    def refutes(self, budget: float) -> bool:
        """Whether the risk is proven to lie beyond it."""
        return self.at.delivered > 0 and self.low > budget


def point(rows: Sequence[Labelled], threshold: float) -> Point:
    """What a threshold delivers.

    >>> rows = [Labelled(0.9, False, "", "a"), Labelled(0.4, True, "", "b")]
    >>> point(rows, 0.5).coverage, point(rows, 0.3).risk
    (0.5, 0.5)
    """
    delivered = [row for row in rows if row.score >= threshold]
    return Point(threshold, len(delivered), sum(row.unsupported for row in delivered), len(rows))


def curve(rows: Sequence[Labelled], points: int = CURVE_POINTS) -> tuple[Point, ...]:
    """The risk-coverage curve: the strictest threshold first, at most `points` of them, each at a score that occurs."""
    ordered = sorted(rows, key=lambda row: -row.score)
    found: list[Point] = []
    bad = 0
    for at, row in enumerate(ordered, start=1):
        bad += row.unsupported
        if at == len(ordered) or ordered[at].score < row.score:
            found.append(Point(row.score, at, bad, len(rows)))
    if len(found) <= points:
        return tuple(found)
    return tuple(found[round(at * (len(found) - 1) / (points - 1))] for at in range(points))


def design_effect(rows: Sequence[Labelled], delivered: Sequence[Labelled]) -> float:
    """How many delivered answers count as one, because answers of a group are alike; 1 where they are not.

    Kish's 1 + (m - 1) ρ, with the size m of a group as a delivered answer meets it, and the correlation ρ of the labels
    within groups over all rows (analysis of variance), so that it is known even when no delivered answer is faulty.
    Source: Kish (1965), Survey Sampling, section 5.4; Donner (1986), International Statistical Review 54(1), 67-82.
    """
    sizes = _sizes(delivered)
    if not sizes:
        return 1.0
    met = sum(size * size for size in sizes.values()) / sum(sizes.values())
    return 1.0 + (met - 1.0) * _within(rows)


def _sizes(rows: Iterable[Labelled]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row.group] = sizes.get(row.group, 0) + 1
    return sizes


def _within(rows: Sequence[Labelled]) -> float:
    """The intraclass correlation of the labels, by analysis of variance, cut to [0, 1]."""
    sizes, n = _sizes(rows), len(rows)
    groups = len(sizes)
    if groups < 2 or n <= groups:
        return 0.0
    bad: dict[str, int] = {}
    for row in rows:
        bad[row.group] = bad.get(row.group, 0) + row.unsupported
    mean = sum(bad.values()) / n
    between = sum(size * (bad[group] / size - mean) ** 2 for group, size in sizes.items()) / (groups - 1)
    inside = sum(bad[group] * (1 - bad[group] / size) for group, size in sizes.items()) / (n - groups)
    typical = (n - sum(size * size for size in sizes.values()) / n) / (groups - 1)
    total = between + (typical - 1) * inside
    return min(1.0, max(0.0, (between - inside) / total)) if total > 0 else 0.0


def choose(rows: Sequence[Labelled], budget: float, *, confidence: float = 0.95) -> Threshold:
    """The lowest threshold whose risk is proven to lie within the budget: learn then test.

    The thresholds that deliver 5 %, 10 % … of the answers are tested from the strictest down, and the first that fails
    ends it (fixed-sequence testing), so that all that passed hold together with the confidence. A test is exact: the
    chance of so few faults, were the risk as large as the budget, is at most 1 - confidence. Counts are divided by the
    design effect where the answers of a group are alike.

    Args:
        rows: labelled answers. budget: the largest share of unsupported answers among the delivered, in (0, 1).
        confidence: in (0, 1).
    Raises: ValueError for a budget or confidence out of range.
    Source: Angelopoulos, Bates, Candès, Jordan and Lei (2021), "Learn then Test", arXiv:2110.01052, section 3.2; the exact
        binomial test of Clopper and Pearson (1934).

    >>> rows = [Labelled(0.9, False, "", str(i)) for i in range(100)] + [Labelled(0.2, True, "", f"b{i}") for i in range(100)]
    >>> found = choose(rows, 0.05)
    >>> found.outcome.value, found.value, found.at.delivered, round(found.bound, 3)
    ('found', 0.9, 100, 0.03)
    """
    _check(budget, confidence)
    ordered = sorted(rows, key=lambda row: -row.score)
    tried = sorted({ordered[max(0, math.ceil(len(rows) * step / STEPS) - 1)].score for step in range(1, STEPS + 1)}, reverse=True) if rows else []  # fmt: skip
    groups = len(_sizes(rows))
    if groups < min(MIN_GROUPS, len(rows)):
        at = point(rows, 0.0)
        return Threshold(Chosen.FEW, None, at, 1.0, 0, MIN_GROUPS - groups)
    alike = _within(rows)
    best: Threshold | None = None
    last = Threshold(
        Chosen.FEW, None, Point(1.0, 0, 0, len(rows)), 1.0, cases_to_certify(1 - budget, confidence=confidence)
    )
    for threshold in tried:
        delivered = [row for row in ordered if row.score >= threshold]
        bad = sum(row.unsupported for row in delivered)
        sizes = _sizes(delivered)
        design = 1.0 + (sum(size * size for size in sizes.values()) / len(delivered) - 1.0) * alike
        at = Point(threshold, len(delivered), bad, len(rows))
        bound = _upper(bad / design, len(delivered) / design, confidence)
        if bound <= budget:
            best = Threshold(Chosen.FOUND, threshold, at, bound, 0)
        elif best is not None:
            break
        elif _lower(bad / design, len(delivered) / design, confidence) > budget:
            return Threshold(Chosen.NONE, None, at, bound, 0)  # even the strictest that could be tested is proven bad
        else:
            enough = cases_to_certify(1 - budget, math.ceil(bad / design), confidence)
            last = Threshold(Chosen.FEW, None, at, bound, max(1, math.ceil(enough * design) - len(delivered)))
            if _upper(0.0, len(delivered) / design, confidence) <= budget:
                break  # it could have passed and did not: in a fixed sequence the first failure ends it
    return best or last


def prove(
    rows: Sequence[Labelled], threshold: float, *, confidence: float = 0.95, like: Sequence[Labelled] = ()
) -> Proof:
    """The risk of a threshold on answers that had no part in choosing it, with exact bounds.

    Args:
        like: further labelled rows that tell how alike the answers of a group are.
    """
    at = point(rows, threshold)
    delivered = [row for row in rows if row.score >= threshold]
    design = design_effect([*rows, *like], delivered)
    n, bad = at.delivered / design, at.unsupported / design
    return Proof(at, _upper(bad, n, confidence), _lower(bad, n, confidence), design)


def split(rows: Sequence[Labelled], *, seed: int = 0, share: float = 0.5) -> tuple[list[Labelled], list[Labelled]]:
    """Two parts of whole groups, drawn by a hash: the same for the same seed, whatever the order of the rows.

    Groups go to the first part until it has `share` of the rows, in the order of their hashes.
    """
    sizes = _sizes(rows)
    ordered = sorted(sizes, key=lambda group: sha256(f"{seed}\n{group}".encode()).digest())
    first: set[str] = set()
    taken = 0
    for group in ordered:
        if taken >= share * len(rows):
            break
        first.add(group)
        taken += sizes[group]
    return [row for row in rows if row.group in first], [row for row in rows if row.group not in first]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """One slice: the threshold, its proof, and what it costs.

    withheld: supported answers of the held-back part that the threshold keeps from people; the price of the promise.
    """

    slice: str
    labels: int
    unsupported: int
    chosen: Threshold
    proof: Proof | None
    withheld: int
    supported: int
    curve: tuple[Point, ...]


def calibrate(
    rows: Sequence[Labelled], budget: float, *, confidence: float = 0.95, seed: int = 0, slice: str = "*"
) -> Calibrated:
    """Choose a threshold on half of the documents and prove it on the other half.

    >>> rows = [Labelled(0.9, False, "", str(i)) for i in range(200)] + [Labelled(0.2, True, "", f"b{i}") for i in range(200)]
    >>> found = calibrate(rows, 0.05)
    >>> found.chosen.value, found.proof.keeps(0.05), found.withheld
    (0.9, True, 0)
    """
    first, second = split(rows, seed=seed)
    chosen = choose(first, budget, confidence=confidence)
    proof = None if chosen.value is None else prove(second, chosen.value, confidence=confidence, like=first)
    good = [row for row in second if not row.unsupported]
    kept = 0 if chosen.value is None else sum(row.score >= chosen.value for row in good)
    return Calibrated(
        slice, len(rows), sum(row.unsupported for row in rows), chosen, proof, len(good) - kept, len(good), curve(rows)
    )


def calibrate_slices(
    rows: Sequence[Labelled], budget: float, *, confidence: float = 0.95, seed: int = 0
) -> Mapping[str, Calibrated]:
    """All answers together under `*`, then each slice for itself; every promise holds alone with the confidence."""
    found = {"*": calibrate(rows, budget, confidence=confidence, seed=seed)}
    names = sorted({row.slice for row in rows if row.slice})
    for name in names:
        own = [row for row in rows if row.slice == name]
        found[name] = calibrate(own, budget, confidence=confidence, seed=seed, slice=name)
    return found


def _check(budget: float, confidence: float) -> None:
    if not 0 < budget < 1:
        raise ValueError(f"a budget lies in (0, 1), not `{budget}`")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies in (0, 1), not `{confidence}`")


def _upper(bad: float, n: float, confidence: float) -> float:
    """The Clopper-Pearson upper bound, for counts that a design effect has divided too."""
    if n <= 0 or bad >= n:
        return 1.0
    return beta_quantile(confidence, bad + 1, n - bad)


def _lower(bad: float, n: float, confidence: float) -> float:
    if n <= 0 or bad <= 0:
        return 0.0
    return beta_quantile(1 - confidence, bad, n - bad + 1)


def chance_of_so_few(bad: float, n: float, budget: float) -> float:
    """P(at most `bad` faults in `n` answers) were the risk as large as the budget: the p-value of the test in `choose`.

    >>> round(chance_of_so_few(0, 59, 0.05), 4)
    0.0485
    """
    return 1.0 if bad >= n else beta_cdf(n - bad, bad + 1, 1 - budget)
