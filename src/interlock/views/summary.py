"""What every view of a check says in short: what the run did, and what was found in which file."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from interlock.core.checks import Level
from interlock.core.rules import Standing
from interlock.core.verdict import Verdict


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What one check run did. cost_usd: US dollars. seconds: wall time. broken: broken trials by kind.

    faults: trials that failed by themselves (the app crashed, or answered in another shape), by kind.
    curtailed: trials that were not asked because the verdict of their slices stood.
    """

    calls: int
    reused: int
    cost_usd: float
    measured: tuple[str, ...] = ()
    broken: Mapping[str, int] = field(default_factory=dict)
    truncated: bool = False
    seconds: float | None = None
    faults: Mapping[str, int] = field(default_factory=dict)
    curtailed: int = 0


@dataclass(frozen=True, slots=True)
class FindingRow:
    """Something found in a file while a check was measured."""

    check: str
    message: str
    file: str
    line: int | None
    required: bool


def finding_rows(verdict: Verdict) -> tuple[FindingRow, ...]:
    """Every finding with its place, of the checks that are asked or warn and did not pass."""
    return tuple(
        FindingRow(
            outcome.check, str(found["message"]), str(found.get("file") or ""), found.get("line") or None,
            outcome.level is Level.REQUIRED,
        )
        for outcome in verdict.outcomes
        if outcome.level is not Level.NOT_ASKED and outcome.standing in (Standing.FAIL, Standing.WAIVED)
        for found in outcome.data.get("findings", ())
    )  # fmt: skip
