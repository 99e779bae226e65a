"""Second views of a run as plain rows: the two ways of being wrong, repeats, undeclared slices, the weighted headline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.core.comparison import tango_interval
from interlock.core.estimate import clopper_pearson
from interlock.core.verdict import Verdict
from interlock.views.page import moved_rows


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change against the baseline; all but the counts are rates in [-1, 1]. second: the bounds of a bootstrap."""

    name: str
    verdict: str
    n: int
    broke: int
    fixed: int
    delta: float | None
    low: float
    high: float
    margin: float
    second: tuple[float, float] | None
    why: str


@dataclass(frozen=True, slots=True)
class UndeclaredRow:
    """A slice that nobody declared: q is its p-value, corrected for false discoveries."""

    name: str
    n: int
    broke: int
    fixed: int
    delta: float | None
    low: float
    high: float
    q: float
    warns: bool


@dataclass(frozen=True, slots=True)
class Headline:
    """One number for all slices, weighted by their shares of the traffic; covered is the sum of those, in [0, 1]."""

    delta: float
    low: float
    high: float
    n: int
    covered: float
    method: str


@dataclass(frozen=True, slots=True)
class Overall:
    """Every compared case alike: a plain change, which says least of all. low, high: score bounds by majority."""

    delta: float | None
    low: float
    high: float
    n: int
    broke: int
    fixed: int
    unpaired: int


@dataclass(frozen=True, slots=True)
class RepeatRow:
    """The repeats of one slice. pass_hat: the chance that k repeats in a row pass, for k from 1 on.

    discordance: the chance that two repeats of a case disagree. all_pass: of the cases, those whose repeats all passed,
    with the exact interval of that rate; None where some cases ran more often than others.
    """

    slice: str
    suite: str
    critical: bool
    cases: int
    trials: int
    pass_hat: tuple[float, ...]
    discordance: float | None
    flaky: int
    all_pass: tuple[int, float, float] | None


@dataclass(frozen=True, slots=True)
class WrongRow:
    """One way of being right or wrong about what has an answer: a count of n units, with the exact 95 % interval."""

    name: str
    count: int
    n: int
    low: float
    high: float
    unwanted: bool
    missing: int

    @property
    def rate(self) -> float | None:
        """Count by units; None without a unit."""
        return self.count / self.n if self.n else None


@dataclass(frozen=True, slots=True)
class SecondViews:
    """All of them; what was not measured is empty."""

    wrong: tuple[WrongRow, ...] = ()
    slices: tuple[ChangeRow, ...] = ()
    halves: tuple[ChangeRow, ...] = ()
    undeclared: tuple[UndeclaredRow, ...] = ()
    headline: Headline | None = None
    overall: Overall | None = None
    repeats: tuple[RepeatRow, ...] = ()


def second_views(verdict: Verdict) -> SecondViews:
    """The rows of every second view, from the data of the verdict's evidence."""
    data = {outcome.check: outcome.data for outcome in verdict.outcomes}
    compared = data.get("EVAL-03", {})
    found = compared.get("headline")
    return SecondViews(
        wrong=_wrong(data.get("SAFE-02", {})),
        slices=tuple(
            ChangeRow(
                row.slice, row.verdict, row.n, row.broke, row.fixed, row.delta, row.low, row.high, row.margin, row.second,
                row.why,
            )
            for row in moved_rows(verdict)
        ),
        halves=tuple(_half(row) for row in compared.get("halves", ())),
        undeclared=tuple(_undeclared(row) for row in compared.get("exploratory", ())),
        headline=Headline(
            found["delta"], found["low"], found["high"], found["n"], found["covered"], found["method"]
        ) if found else None,
        overall=_overall(compared.get("overall") or {}),
        repeats=_repeats(data.get("EVAL-02", {}).get("slices", ())),
    )  # fmt: skip


def _overall(row: Mapping[str, Any]) -> Overall | None:
    if not row.get("n"):
        return None
    low, high = tango_interval(row["broke"], row["fixed"], row["n"])
    return Overall(row["delta"], low, high, row["n"], row["broke"], row["fixed"], row["unpaired"])


def _half(row: Mapping[str, Any]) -> ChangeRow:
    return ChangeRow(
        row["slice"], row["verdict"], row["n"], row["broke"], row["fixed"], row["delta"], row["low"], row["high"],
        row["margin"], tuple(row["bca"]) if row.get("bca") else None, row["why"],
    )  # fmt: skip


def _undeclared(row: Mapping[str, Any]) -> UndeclaredRow:
    low, high = tango_interval(row["broke"], row["fixed"], row["n"])
    return UndeclaredRow(
        row["slice"], row["n"], row["broke"], row["fixed"], row["delta"], low, high, row["q"], row["warns"]
    )


def _repeats(rows: Sequence[Mapping[str, Any]]) -> tuple[RepeatRow, ...]:
    """The slices whose cases were repeated, what two repeats agree on least first."""
    found = []
    for row in rows:
        seen = row.get("repeats")
        if not seen or not seen["cases"]:
            continue
        cases, trials, chances = seen["cases"], seen["trials"], tuple(seen["pass_hat"])
        every = None
        if len(chances) == trials:  # each case ran every repeat, so the last chance is a plain share of cases
            passes = round(chances[-1] * cases)
            interval = clopper_pearson(passes, cases)
            every = (passes, interval.low, interval.high)
        found.append(
            RepeatRow(
                row["slice"], row.get("suite", ""), bool(row["critical"]), cases, trials, chances, seen["discordance"],
                seen["flaky"], every,
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda row: (-(row.discordance or 0.0), row.suite, row.slice)))


def _wrong(data: Mapping[str, Any]) -> tuple[WrongRow, ...]:
    halves = (
        ("abstained where nothing answers it", "should", "passes", False),
        ("refused although there is an answer", "wrongly", "count", True),
        ("wrong when answered", "answered", "wrong", True),
    )
    found = []
    for name, key, counted, unwanted in halves:
        if (row := data.get(key)) is None:
            continue
        interval = clopper_pearson(row[counted], row["n"])
        missing = row.get("broken", 0) + row.get("curtailed", 0)
        found.append(WrongRow(name, row[counted], row["n"], interval.low, interval.high, unwanted, missing))
    return tuple(found)
