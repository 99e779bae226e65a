"""What a rule says of one measurement, and how a check then stands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from interlock.core.checks import Limits
from interlock.core.evidence import Gap


class Standing(StrEnum):
    """How a check stands."""

    PASS = "pass"
    FAIL = "fail"
    OWED = "owed"
    WAIVED = "waived"
    NA = "n/a"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a rule says of one measurement: what was seen → what it proves → what is asked."""

    standing: Standing
    seen: str
    proves: str
    asked: str
    details: tuple[str, ...] = ()
    gap: Gap | None = None
    next: str = ""
    """What mends it, where that is not what the check says of itself."""


Rule = Callable[[Mapping[str, Any], Limits], Ruling]


def percent(rate: float) -> str:
    """A rate in [0, 1] as per cent with one decimal.

    >>> percent(0.9251)
    '92.5 %'
    """
    return f"{100 * rate:.1f} %"


def owed(seen: str, proves: str, asked: str, gap: Gap, details: Sequence[str] = ()) -> Ruling:
    """Not shown, and why: too few data, a broken run, an empty measurement."""
    return Ruling(Standing.OWED, seen, proves, asked, tuple(details), gap)


def unless_chosen(data: Mapping[str, Any], ruling: Ruling) -> Ruling:
    """What passes by terms that were loosened after these replies were seen is exploratory: it stays owed."""
    chosen = data.get("after_seeing") or ()
    if not chosen:
        return ruling
    more = f" (+{len(chosen) - 1} more)" if len(chosen) > 1 else ""
    return owed(
        f"exploratory, chosen after these replies were seen: {chosen[0]}{more}",
        "nothing by these terms; they count from the next change of the bundle, or under a signed waiver",
        ruling.asked,
        Gap.CHOSEN,
        [*chosen, *ruling.details],
    )
