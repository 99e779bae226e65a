"""What people really ask, as it was counted: shares of the slices in production (format 1)."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from interlock.core.binding import LabelStr, Str, Strict


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError as cause:
        raise ValueError("must be a day, such as `2026-11-22`") from cause
    return text


DayStr = Annotated[Str, AfterValidator(_day)]
"""A day as ISO 8601 writes it; in YAML it is quoted."""


class TrafficProfile(Strict):
    """Requests counted by slice, up to a day."""

    profile: LabelStr = Field(description="name: where and how they were counted")
    as_of: DayStr = Field(description="the last day that was counted")
    counts: dict[LabelStr, Annotated[int, Field(ge=0)]] = Field(min_length=1, description="requests by slice")

    @property
    def day(self) -> date:
        """The last day that was counted."""
        return date.fromisoformat(self.as_of)
