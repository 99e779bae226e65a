"""Judges: a model that scores replies, named in a suite, and the labels of people that say how far it can be trusted."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from interlock.core.binding import LabelStr, NameStr, Str, Strict
from interlock.core.digest import Digest

PREFIX = "judge:"
"""How a requirement names a judge as its scorer: `judge:helpful`."""

DigestStr = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class JudgeModel(Strict):
    """Which model judges; pinned like any other model."""

    provider: Str
    id: Str
    fingerprint: str | None = Field(default=None, description="of the weights, or the one that responses echo")

    @property
    def pin(self) -> str:
        """The name that a calibration record repeats.

        >>> JudgeModel(provider="openai", id="gpt-4o-2024-08-06").pin
        'openai/gpt-4o-2024-08-06'
        """
        return f"{self.provider}/{self.id}" + (f"@{self.fingerprint}" if self.fingerprint else "")


class JudgeSpec(Strict):
    """One judge of a suite. Paths are relative to the suite's file."""

    name: NameStr = Field(description="requirements name it as the scorer `judge:<name>`")
    model: JudgeModel
    prompt: Str
    rubric: Str
    calibration: Str | None = Field(default=None, description="the labels that it was compared with")
    agreement: float = Field(default=0.6, gt=0, lt=1, description="least Cohen's kappa that must be shown")


class Label(Strict):
    """One reply before one person and the judge: did each let it pass?"""

    case: LabelStr
    rater: Str
    human: bool
    judge: bool


class CalibrationRecord(Strict):
    """What a judge said of replies that people labelled; it counts for exactly these bytes of the judge."""

    calibration: Literal[1]
    judge: NameStr
    model: Str = Field(description="`provider/id`, or `provider/id@fingerprint`")
    prompt: DigestStr
    rubric: DigestStr
    rows: tuple[Label, ...] = Field(min_length=1)

    def faults(self) -> tuple[tuple[int, str], ...]:
        """Rows that contradict an earlier one: a person twice on one case, or two verdicts of the judge."""
        found: list[tuple[int, str]] = []
        seen: set[tuple[str, str]] = set()
        said: dict[str, bool] = {}
        for index, row in enumerate(self.rows):
            if (row.case, row.rater) in seen:
                found.append((index, f"`{row.rater}` labelled case `{row.case}` twice"))
            elif said.setdefault(row.case, row.judge) is not row.judge:
                found.append((index, f"the judge says two things of case `{row.case}`"))
            seen.add((row.case, row.rater))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge with the digests of what it is made of, and its calibration where there is one."""

    spec: JudgeSpec
    prompt: Digest
    rubric: Digest
    calibration: CalibrationRecord | None = None

    @property
    def scorer(self) -> str:
        """How a requirement names it."""
        return PREFIX + self.spec.name

    def stale(self) -> tuple[str, ...]:
        """What the calibration was made with and the judge no longer is; () where they agree or there is no record."""
        record = self.calibration
        if record is None:
            return ()
        pairs = (
            ("name", record.judge, self.spec.name),
            ("model", record.model, self.spec.model.pin),
            ("prompt", record.prompt, self.prompt),
            ("rubric", record.rubric, self.rubric),
        )
        return tuple(name for name, labelled, now in pairs if labelled != now)
