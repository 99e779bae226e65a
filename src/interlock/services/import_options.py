"""What the person who imports decides, because no file says it and nothing is guessed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from interlock.core.errors import UsageError

Judge = Literal["exact", "facts"]
ROLES = (
    "case", "input", "text", "reference", "passed", "score", "slice", "trial", "status", "error", "cluster", "release",
)  # fmt: skip
"""What a column of a table can be."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Choices for one import.

    release: import this release only; the name of the release where the source names none.
    trial: import this trial only.
    columns: role → name of the column, key or variable; a dot goes into an object (`inputs.question`).
    slice_by: metadata keys whose values become slices, beside `slice`, `slices`, `tag`, `tags` and `category`.
    scorers: names of the source's scorers or metrics that make the verdict, where it has several.
    pass_at: a grade from this value on, in [0, 1], is a pass; without it a grade has no verdict.
    reference: how a reference answer judges a reply; without it the case waits for a person.
    """

    release: str | None = None
    trial: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    slice_by: tuple[str, ...] = ()
    scorers: tuple[str, ...] = ()
    pass_at: float | None = None
    reference: Judge | None = None

    def __post_init__(self) -> None:
        if self.pass_at is not None and not 0 < self.pass_at <= 1:
            raise UsageError(f"`{self.pass_at}` is no grade to pass at", hint="a fraction above 0, at most 1")
        for role in self.columns:
            if role not in ROLES:
                raise UsageError(f"a column cannot be `{role}`", hint=f"one of {', '.join(ROLES)}")

    def passed(self, score: float | None) -> bool | None:
        """The verdict on a grade in [0, 1]; None where there is no grade, or nothing says from where on it passes."""
        return None if score is None or self.pass_at is None else score >= self.pass_at
