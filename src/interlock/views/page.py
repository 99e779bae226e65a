"""What a report shows, as plain values: rows that a view can print without asking anybody anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interlock.core.digest import short
from interlock.core.rules import percent
from interlock.core.verdict import Outcome, Verdict, Word
from interlock.views.risk_coverage import Bought
from interlock.views.summary import RunSummary
from interlock.views.wording import span


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """One check run as the ledger keeps it: a point of readiness over time."""

    at: datetime
    bundle: str
    environment: str
    word: Word
    blocking: tuple[str, ...]
    valid_until: datetime | None
    next_to_expire: str
    calls: int
    cost_usd: float
    actor: str


@dataclass(frozen=True, slots=True)
class FloorRow:
    """A floor of one slice: the rate in [0, 1] that the exact lower bound of a scorer must reach."""

    scorer: str
    floor: float
    passes: int
    n: int


@dataclass(frozen=True, slots=True)
class WithoutAi:
    """The same cases through the path without AI. state: wins | matches | loses | undecided, as seen from the AI."""

    passes: int
    n: int
    state: str

    @property
    def advice(self) -> str:
        """What that means for this slice."""
        return "the AI is better" if self.state == "wins" else "keep the old path"


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One slice of a suite with its exact 95 % interval; rates and share are in [0, 1]. without_ai: where it was compared."""

    suite: str
    slice: str
    title: str
    critical: bool
    share: float | None
    passes: int
    n: int
    broken: int
    low: float
    high: float
    failed: tuple[str, ...]
    floors: tuple[FloorRow, ...]
    without_ai: WithoutAi | None = None
    curtailed: int = 0

    @property
    def rate(self) -> float | None:
        """Passes by cases; None without a case."""
        return self.passes / self.n if self.n else None


@dataclass(frozen=True, slots=True)
class MovedRow:
    """One slice compared with the baseline: what broke and what was fixed. delta, low, high, margin are rates."""

    slice: str
    verdict: str
    broke: int
    fixed: int
    n: int
    delta: float | None
    low: float
    high: float
    margin: float
    decides_at: int | None
    why: str
    broke_cases: tuple[str, ...] = ()
    fixed_cases: tuple[str, ...] = ()
    second: tuple[float, float] | None = None
    """The bounds of the change as a bootstrap sees them, where there is one."""


@dataclass(frozen=True, slots=True)
class PartCell:
    """One part of one bundle: version, digest, pin level, and who changed it why, where that is known."""

    version: str
    digest: str
    pin: str = ""
    author: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BundleColumn:
    """One bundle of a pair, part by part. label: what it is to the reader, like `live` or `this`. notes: constraints."""

    label: str
    digest: str
    parts: Mapping[str, PartCell | None]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WaiverRow:
    """A waiver that is open."""

    check: str
    reason: str
    owner: str
    approver: str
    control: str
    until: datetime


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Everything that a report shows.

    verdicts: one per environment; the first is the one that the report is about. readings: oldest first.
    bundles: the live bundle and this one, or only this one. signers: who signed, by digest of the evidence.
    bought: what every bundle that was asked the same cases delivered.
    """

    verdicts: tuple[Verdict, ...]
    readings: tuple[ReadingRow, ...] = ()
    run: RunSummary | None = None
    bundles: tuple[BundleColumn, ...] = ()
    waivers: tuple[WaiverRow, ...] = ()
    signers: Mapping[str, str] = field(default_factory=dict)
    bought: Bought | None = None

    def __post_init__(self) -> None:
        if not self.verdicts:
            raise ValueError("a report needs at least one verdict")

    @property
    def verdict(self) -> Verdict:
        """The verdict that the report is about."""
        return self.verdicts[0]


def slice_rows(verdict: Verdict) -> tuple[SliceRow, ...]:
    """The slices that EVAL-02 was measured on, critical ones first, the lowest lower bound first."""
    without_ai = {
        (row["suite"], row["slice"].removeprefix(f"{row['suite']}/")): WithoutAi(
            row["without_ai"]["passes"], row["without_ai"]["n"], row["state"]
        )
        for row in _data(verdict, "EVAL-08").get("slices", ())
    }
    found = [
        SliceRow(
            row.get("suite", ""), row["slice"], row.get("title", ""), bool(row["critical"]), row.get("share"),
            row["passes"], row["n"], row.get("broken", 0), row.get("low", 0.0), row.get("high", 1.0),
            tuple(row.get("failed", ())),
            tuple(FloorRow(_floor_name(f), f["floor"], f["passes"], f["n"]) for f in row["floors"]),
            without_ai.get((row.get("suite", ""), row["slice"])), row.get("curtailed", 0),
        )
        for row in _data(verdict, "EVAL-02").get("slices", ())
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda row: (not row.critical, row.low, row.slice)))


def _floor_name(floor: Mapping[str, Any]) -> str:
    """The scorer of a floor; of a judge, with the rate that decides, which is not what the judge says."""
    if "corrected" not in floor:
        return str(floor["scorer"])
    found = floor["corrected"]
    rate = (
        "counts for nothing"
        if found is None
        else f"corrected {percent(found['low'])} to {percent(found['high'])}, each bound 95 % sure"
    )
    return f"{floor['scorer']} ({rate})"


def moved_rows(verdict: Verdict) -> tuple[MovedRow, ...]:
    """The slices that EVAL-03 compared with the baseline, what moved down most first."""
    found = [
        MovedRow(
            row["slice"], row["verdict"], row["broke"], row["fixed"], row["n"], row["delta"], row["low"], row["high"],
            row["margin"], row.get("decides_at"), row["why"], tuple(row.get("broke_cases", ())),
            tuple(row.get("fixed_cases", ())), tuple(row["bca"]) if row.get("bca") else None,
        )
        for row in _data(verdict, "EVAL-03").get("slices", ())
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda row: (row.verdict != "fail", row.delta or 0.0, row.slice)))


def _data(verdict: Verdict, check: str) -> Mapping[str, Any]:
    return next((outcome.data for outcome in verdict.outcomes if outcome.check == check), {})


def evidence_line(outcome: Outcome, as_of: datetime, signers: Mapping[str, str]) -> tuple[str, str, str, str] | None:
    """Method, age, digest and signer of the evidence that decided an outcome; None where there was none."""
    if outcome.evidence is None or outcome.produced_at is None:
        return None
    return (
        outcome.method,
        span(as_of - outcome.produced_at),
        short(outcome.evidence),
        signers.get(outcome.evidence, ""),
    )
