"""How far a judge agrees with people, and the pass rate that its verdicts support once its errors are counted.

The unit is the case. A judge is never taken at its word: what it says is corrected by what people said of some of the
same replies, and the interval carries that correction's error.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from interlock.core.distribution import student_quantile
from interlock.core.estimate import Interval, clopper_pearson


@dataclass(frozen=True, slots=True)
class Table:
    """Cases by what people and the judge said: `both_pass`, only people, only the judge, `both_fail`."""

    both_pass: int
    only_human: int
    only_judge: int
    both_fail: int

    def __post_init__(self) -> None:
        """Refuse counts that cannot be."""
        if min(self.both_pass, self.only_human, self.only_judge, self.both_fail) < 0:
            raise ValueError("a count of cases is at least 0")

    @property
    def n(self) -> int:
        """All cases."""
        return self.both_pass + self.only_human + self.only_judge + self.both_fail

    @property
    def differ(self) -> int:
        """Cases on which people and the judge differ."""
        return self.only_human + self.only_judge

    @property
    def sensitivity(self) -> tuple[int, int]:
        """Of the cases that people let pass, how many the judge lets pass: (count, n)."""
        return self.both_pass, self.both_pass + self.only_human

    @property
    def specificity(self) -> tuple[int, int]:
        """Of the cases that people fail, how many the judge fails: (count, n)."""
        return self.both_fail, self.both_fail + self.only_judge


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cohen's kappa with one-sided bounds, each at `confidence`, and the large-sample standard error for display.

    `kappa` is None where either side says the same of every case, or there is none: chance alone agrees then.
    """

    kappa: float | None
    low: float
    high: float
    standard_error: float | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Corrected:
    """A pass rate in [0, 1] corrected for a judge's errors; None when the judge is no better than chance."""

    rate: float | None
    interval: Interval
    power: float = 1.0
    """How much weight the judge's verdicts were given: 0 is none, 1 full (PPI++)."""


def tabulate(rows: Iterable[tuple[str, bool, bool]]) -> tuple[Table, int]:
    """Cases counted by the majority of their human labels, and how many had a tie and are left out.

    Args:
        rows: (case, a person's label, the judge's verdict), several rows a case where several people labelled it.

    >>> tabulate([("a", True, True), ("a", False, True), ("a", True, True), ("b", False, True)])
    (Table(both_pass=1, only_human=0, only_judge=1, both_fail=0), 0)
    """
    votes: dict[str, list[bool]] = {}
    judged: dict[str, bool] = {}
    for case, human, judge in rows:
        votes.setdefault(case, []).append(human)
        judged[case] = judge
    counts: dict[tuple[bool, bool], int] = {}
    ties = 0
    for case, said in votes.items():
        if 2 * sum(said) == len(said):
            ties += 1
            continue
        key = (2 * sum(said) > len(said), judged[case])
        counts[key] = counts.get(key, 0) + 1
    table = Table(*(counts.get(key, 0) for key in ((True, True), (True, False), (False, True), (False, False))))
    return table, ties


def cohen_kappa(table: Table, confidence: float = 0.95) -> Agreement:
    """Agreement beyond chance, with bounds that do not collapse when nobody ever differs.

    The large-sample interval has no width at perfect agreement, and with 50 labels its lower bound holds in 22 % of the
    cases at worst. So one case is added of each combination of pass and fail before the standard error and the bounds are
    taken, with Student's quantile. Simulated over 50 to 200 cases, 50 to 95 % of passes and judges from poor to nearly
    perfect, the lower bound of 95 % then held in 95.1 to 100 %; the upper one, the larger of plain and smoothed, in 93.8 %
    at worst. The estimate stays plain.

    Args:
        confidence: of each bound, in (0.5, 1).
    Returns: low <= kappa <= high, in [-1, 1].
    Source: Cohen (1960), Educational and Psychological Measurement 20(1), 37-46; the standard error of Fleiss, Cohen and
        Everitt (1969), Psychological Bulletin 72(5), 323-327; added cases after Agresti and Coull (1998), The American
        Statistician 52(2), 119-126.

    >>> found = cohen_kappa(Table(45, 3, 2, 50))
    >>> round(found.kappa, 3), round(found.low, 3), round(found.high, 3)
    (0.9, 0.783, 0.982)
    """
    if not 0.5 < confidence < 1:
        raise ValueError(f"a one-sided confidence lies in (0.5, 1), not `{confidence}`")
    n = table.n
    if n < 2:
        return Agreement(None, -1.0, 1.0, None, confidence)
    t = student_quantile(1 - confidence, n - 1)
    kappa, error = _kappa(table)
    smooth, wide = _kappa(Table(table.both_pass + 1, table.only_human + 1, table.only_judge + 1, table.both_fail + 1))
    assert smooth is not None and wide is not None  # noqa: PT018  each margin has a case now
    low = max(-1.0, smooth - t * wide)
    if kappa is None or error is None:
        return Agreement(None, low, 1.0, None, confidence)
    high = 1.0 if table.differ == 0 else min(1.0, max(kappa, smooth) + t * max(error, wide))
    return Agreement(kappa, min(low, kappa), high, error, confidence)


def _kappa(table: Table) -> tuple[float | None, float | None]:
    n = table.n
    cells = [[table.both_pass / n, table.only_human / n], [table.only_judge / n, table.both_fail / n]]
    rows = [sum(row) for row in cells]
    columns = [cells[0][j] + cells[1][j] for j in (0, 1)]
    agreed, chance = cells[0][0] + cells[1][1], rows[0] * columns[0] + rows[1] * columns[1]
    if not 0 < rows[0] < 1 or not 0 < columns[0] < 1:
        return None, None
    kappa = (agreed - chance) / (1 - chance)
    a = sum(cells[i][i] * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2 for i in (0, 1))
    b = (1 - kappa) ** 2 * sum(cells[i][j] * (columns[i] + rows[j]) ** 2 for i in (0, 1) for j in (0, 1) if i != j)
    c = (kappa - chance * (1 - kappa)) ** 2
    return kappa, math.sqrt(max(0.0, a + b - c) / n) / (1 - chance)


def sensitivity(table: Table, confidence: float = 0.95) -> Interval:
    """Exact interval of: the judge passes what people pass."""
    return clopper_pearson(*table.sensitivity, confidence)


def specificity(table: Table, confidence: float = 0.95) -> Interval:
    """Exact interval of: the judge fails what people fail."""
    return clopper_pearson(*table.specificity, confidence)


def rogan_gladen(passes: int, n: int, table: Table, confidence: float = 0.95) -> Corrected:
    """The pass rate behind a judge's pass rate, given how often it errs on labelled cases.

    The interval takes exact intervals of the judge's pass rate, its sensitivity and its specificity, each with a third
    of the error, at their worst: it covers at any number of labels, where intervals from standard errors fail once few
    labelled cases are failures.

    Args:
        passes: cases that the judge let pass, of other cases than the labelled ones; 0 <= passes <= n.
        n: judged cases, at least 1.
        table: the labelled cases.
        confidence: of the two-sided interval, in (0, 1).
    Returns: the rate is None when the judge is no better than chance.
    Source: Rogan and Gladen (1978), American Journal of Epidemiology 107(1), 71-76; Bonferroni's inequality.

    >>> found = rogan_gladen(70, 100, Table(45, 5, 10, 40))
    >>> round(found.rate, 3), round(found.interval.low, 3), round(found.interval.high, 3)
    (0.714, 0.347, 1.0)
    """
    if not 0 <= passes <= n or n < 1:
        raise ValueError(f"`{passes}` of `{n}` is not a count of judged cases")
    sure = 1 - (1 - confidence) / 3
    p = clopper_pearson(passes, n, sure)
    se, sp = clopper_pearson(*table.sensitivity, sure), clopper_pearson(*table.specificity, sure)
    # The rate rises with p, falls with se, and rises with sp as long as it lies in [0, 1].
    low = _behind(p.low, se.high, sp.low) if se.high + sp.low > 1 else 0.0
    high = _behind(p.high, se.low, sp.high) if se.low + sp.high > 1 else 1.0
    if se.low + sp.low <= 1:  # the judge may be no better than chance, and then its word says nothing
        low, high = 0.0, 1.0
    (hits, positives), (misses, negatives) = table.sensitivity, table.specificity
    rate = None
    if positives and negatives and hits / positives + misses / negatives > 1:
        rate = _behind(passes / n, hits / positives, misses / negatives)
        low, high = min(low, rate), max(high, rate)
    return Corrected(rate, Interval(low, high, confidence, "rogan-gladen, exact"))


def _behind(p: float, se: float, sp: float) -> float:
    return _clipped((p + sp - 1) / (se + sp - 1))


def ppi_mean(
    human: Sequence[float], judge: Sequence[float], unlabelled: Sequence[float], confidence: float = 0.95
) -> Corrected:
    """The mean that people would give, from few labels and many verdicts of the judge: PPI++ with its tuned power.

    With 60 labels the normal interval covers too seldom, and where no label differs it has nearly no width. So the interval
    is Student's, on the data with four pseudo-labels added: one case of each combination of pass and fail for person and
    judge, and one pass and one fail among the unlabelled. Its coverage is simulated in the tests; the estimate stays plain.

    Args:
        human: what people gave the labelled cases, each in [0, 1]; at least two.
        judge: what the judge gave the same cases, in the same order.
        unlabelled: what the judge gave the other cases; at least one.
        confidence: of the two-sided interval, in (0, 1).
    Source: Angelopoulos, Duchi and Zrnic (2023), "PPI++", arXiv:2311.01453; pseudo-labels after Agresti and Coull
        (1998), The American Statistician 52(2), 119-126.

    >>> found = ppi_mean([1, 1, 0, 1] * 10, [1, 1, 0, 0] * 10, [1, 0] * 100)
    >>> round(found.rate, 3), round(found.interval.low, 3), round(found.interval.high, 3)
    (0.75, 0.606, 0.849)
    """
    if len(human) != len(judge) or len(human) < 2 or not unlabelled:
        raise ValueError(f"`{len(human)}` labels, `{len(judge)}` verdicts and `{len(unlabelled)}` others are too few")
    if not all(0 <= value <= 1 for values in (human, judge, unlabelled) for value in values):
        raise ValueError("a score lies in [0, 1]")
    rate, power, _ = _ppi(human, judge, unlabelled)
    corners = ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0))
    centre, _, error = _ppi(
        [*human, *(h for h, _ in corners)], [*judge, *(j for _, j in corners)], [*unlabelled, 1.0, 0.0]
    )
    half = student_quantile((1 - confidence) / 2, len(human) - 1) * error
    rate = _clipped(rate)
    low, high = _clipped(centre - half), _clipped(centre + half)
    return Corrected(rate, Interval(min(low, rate), max(high, rate), confidence, "ppi++ t"), power)


def _ppi(human: Sequence[float], judge: Sequence[float], unlabelled: Sequence[float]) -> tuple[float, float, float]:
    """Estimate, power and standard error; the power is the one with the least variance, kept in [0, 1]."""
    n, m = len(human), len(unlabelled)
    mean_h, mean_j, mean_u = math.fsum(human) / n, math.fsum(judge) / n, math.fsum(unlabelled) / m
    covariance = math.fsum((h - mean_h) * (j - mean_j) for h, j in zip(human, judge, strict=True)) / (n - 1)
    spread = math.fsum((j - mean_j) ** 2 for j in judge) / (n - 1)
    power = min(1.0, max(0.0, covariance / ((1 + n / m) * spread))) if spread > 0 else 0.0
    rest = math.fsum((h - mean_h - power * (j - mean_j)) ** 2 for h, j in zip(human, judge, strict=True)) / (n - 1)
    others = math.fsum((u - mean_u) ** 2 for u in unlabelled) / max(1, m - 1)
    return mean_h + power * (mean_u - mean_j), power, math.sqrt(power * power * others / m + rest / n)


def _clipped(rate: float) -> float:
    return min(1.0, max(0.0, rate))


def table_from(counts: Mapping[str, int]) -> Table:
    """The table that evidence keeps as plain numbers."""
    return Table(counts["both_pass"], counts["only_human"], counts["only_judge"], counts["both_fail"])
