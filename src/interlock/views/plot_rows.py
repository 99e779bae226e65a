"""What the plots of a report show, as plain rows: each plot has a table of the same rows beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.core.estimate import pass_hat_k
from interlock.core.verdict import Outcome, Verdict
from interlock.views.page import SliceRow, moved_rows, slice_rows


@dataclass(frozen=True, slots=True)
class Rate:
    """Passes of n with the exact 95 % interval; all rates are in [0, 1]."""

    passes: int
    n: int
    low: float
    high: float

    @property
    def rate(self) -> float | None:
        """Passes by cases; None without a case."""
        return self.passes / self.n if self.n else None


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """One slice under this bundle and, where it was compared, under the baseline."""

    slice: str
    suite: str
    critical: bool
    now: Rate
    before: Rate | None
    floor: float | None


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """What broke and what was fixed in one slice."""

    slice: str
    verdict: str
    broke: int
    fixed: int
    n: int


@dataclass(frozen=True, slots=True)
class FlipRow:
    """One case that changed between two bundles; before and after are shares of passed repeats, in [0, 1].

    trials: how many repeats each of the two shares rests on; None in evidence that does not say.
    """

    case: str
    suite: str
    slices: tuple[str, ...]
    before: float
    after: float
    must_pass: bool
    critical: bool
    why: str
    trials: tuple[int, int] | None = None

    @property
    def worse(self) -> bool:
        """Whether it passes less often than before."""
        return self.after < self.before


@dataclass(frozen=True, slots=True)
class FlakyRow:
    """One case whose repeats disagree."""

    case: str
    suite: str
    passes: int
    trials: int

    @property
    def all_pass(self) -> float:
        """The chance that two repeats in a row both pass (pass^2), in [0, 1]."""
        return pass_hat_k(self.passes, self.trials, 2)


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """One threshold: the share of questions answered (coverage) and the share of those answers that are wrong (risk)."""

    threshold: float | None
    coverage: float
    risk: float
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class RiskCurve:
    """Risk against coverage as one check measured it; budget is the risk that is permitted."""

    check: str
    points: tuple[RiskPoint, ...]
    budget: float | None
    chosen: float | None


@dataclass(frozen=True, slots=True)
class MixRow:
    """The share of one slice in the traffic and in the gold set."""

    slice: str
    critical: bool
    share: float
    gold: float
    units: float


@dataclass(frozen=True, slots=True)
class MixPlot:
    """Both mixes for one key, with their distance and its bounds."""

    key: str
    basis: str
    requests: int | None
    distance: float
    low: float
    high: float
    units: int
    n_eff: float
    rows: tuple[MixRow, ...]


@dataclass(frozen=True, slots=True)
class Plots:
    """Everything that a report draws besides readiness over time; what was not measured is empty."""

    intervals: tuple[IntervalRow, ...]
    balance: tuple[BalanceRow, ...]
    flips: tuple[FlipRow, ...]
    flaky: tuple[FlakyRow, ...]
    risk: tuple[RiskCurve, ...]
    mix: tuple[MixPlot, ...]


def plots_of(verdict: Verdict) -> Plots:
    """The rows of every plot, from the data of the verdict's evidence."""
    data = {outcome.check: outcome.data for outcome in verdict.outcomes}
    moved = data.get("EVAL-03", {})
    before = {
        (str(row.get("suite", "")), str(row["slice"]).rpartition("/")[2]): row["before"]
        for row in moved.get("slices", ())
        if row.get("before")
    }
    return Plots(
        tuple(_interval(row, before.get((row.suite, row.slice))) for row in slice_rows(verdict)),
        tuple(BalanceRow(row.slice, row.verdict, row.broke, row.fixed, row.n) for row in moved_rows(verdict)),
        tuple(
            FlipRow(
                row["case"], row["suite"], tuple(row["slices"]), row["before"], row["after"], row["must_pass"],
                row["critical"], row["why"], tuple(row["trials"]) if "trials" in row else None,
            )
            for row in moved.get("flips", ())
        ),
        tuple(
            FlakyRow(row["case"], row["suite"], row["passes"], row["trials"])
            for row in data.get("EVAL-02", {}).get("flaky", ())
        ),
        tuple(curve for outcome in verdict.outcomes if (curve := _risk(outcome)) is not None),
        tuple(_mix(row) for row in data.get("EVAL-07", {}).get("keys", ())),
    )  # fmt: skip


def _interval(row: SliceRow, before: Mapping[str, Any] | None) -> IntervalRow:
    floors = [floor.floor for floor in row.floors if floor.scorer == "case"]
    then = None if before is None else Rate(before["passes"], before["n"], before["low"], before["high"])
    return IntervalRow(
        row.slice,
        row.suite,
        row.critical,
        Rate(row.passes, row.n, row.low, row.high),
        then,
        max(floors) if floors else None,
    )


def _risk(outcome: Outcome) -> RiskCurve | None:
    """`risk_coverage: {points: [{threshold?, coverage, risk, high?, n}], budget?, chosen?}` in any evidence."""
    found = outcome.data.get("risk_coverage")
    if not found or not found.get("points"):
        return None
    points = sorted(
        (
            RiskPoint(p.get("threshold"), float(p["coverage"]), float(p["risk"]), p.get("high"), int(p["n"]))
            for p in found["points"]
        ),
        key=lambda point: point.coverage,
    )
    return RiskCurve(outcome.check, tuple(points), found.get("budget"), found.get("chosen"))


def _mix(row: Mapping[str, Any]) -> MixPlot:
    rows = (
        MixRow(one["slice"], one["critical"], one["share"], one["gold"], one["units"]) for one in row["slices"]
    )  # fmt: skip
    return MixPlot(
        row["key"], row["basis"], row["requests"], row["distance"], row["low"], row["high"], row["units"], row["n_eff"],
        tuple(sorted(rows, key=lambda one: (-one.share, one.slice))),
    )  # fmt: skip
