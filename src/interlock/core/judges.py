"""Judges: a model that scores replies, named in a suite, and the labels of people that say how far it can be trusted."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from interlock.core.asked_model import AskedModel, Endpoint
from interlock.core.binding import LabelStr, NameStr, Str, Strict
from interlock.core.digest import Digest
from interlock.core.rubric import Exhibit, Rubric, asking

PREFIX = "judge:"
"""How a requirement names a judge as its scorer: `judge:helpful`."""

DigestStr = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class JudgeModel(AskedModel):
    """Which model judges; pinned like any other model."""


class JudgeSpec(Strict):
    """One judge of a suite. Paths are relative to the suite's file."""

    name: NameStr = Field(description="requirements name it as the scorer `judge:<name>`")
    model: JudgeModel
    prompt: Str
    rubric: Str
    calibration: Str | None = Field(default=None, description="the labels that it was compared with")
    agreement: float = Field(default=0.6, gt=0, lt=1, description="least Cohen's kappa that must be shown")
    endpoint: Endpoint | None = Field(
        default=None, description="where it is asked; without one it is compared with its labels and never asked"
    )


class ShownSource(Strict):
    """A document that was there when the answer was given."""

    id: Str
    text: str


class LabelledRow(Strict):
    """One answer before one person, as `interlock judge calibrate` reads it. A row without `human` waits for its person."""

    case: LabelStr
    rater: Str | None = None
    human: bool | None = Field(default=None, description="whether the person lets it pass")
    slices: tuple[Str, ...] = ()
    question: str = ""
    answer: str
    reference: str | None = None
    sources: tuple[ShownSource, ...] = ()

    @property
    def exhibit(self) -> Exhibit:
        """What the judge is shown of it."""
        sources = tuple((source.id, source.text) for source in self.sources)
        return Exhibit(self.answer, self.question, self.reference, sources)


class Label(Strict):
    """One reply before one person and the judge: did each let it pass?"""

    case: LabelStr
    rater: Str
    human: bool
    judge: bool
    slices: tuple[Str, ...] = Field(
        default=(), description="of the reply; empty: those of the suite's case of this name"
    )
    reply: DigestStr | None = Field(default=None, description="digest of what both looked at")

    @property
    def unit(self) -> str:
        """One reply: a case that was answered twice has two."""
        return f"{self.case}\0{self.reply or ''}"


class CalibrationRecord(Strict):
    """What a judge said of replies that people labelled; it counts for exactly these bytes of the judge."""

    calibration: Literal[1]
    judge: NameStr
    model: Str = Field(description="`provider/id`, or `provider/id@fingerprint`")
    prompt: DigestStr
    rubric: DigestStr
    asks: DigestStr | None = Field(default=None, description="digest of the way in which the judge was asked")
    apart: int = Field(default=0, ge=0, description="replies on which the judge said nothing that counts")
    rows: tuple[Label, ...] = Field(min_length=1)

    def faults(self) -> tuple[tuple[int, str], ...]:
        """Rows that contradict an earlier one: a person twice on one case, or two verdicts of the judge."""
        found: list[tuple[int, str]] = []
        seen: set[tuple[str, str]] = set()
        said: dict[str, bool] = {}
        for index, row in enumerate(self.rows):
            if (row.unit, row.rater) in seen:
                found.append((index, f"`{row.rater}` labelled case `{row.case}` twice"))
            elif said.setdefault(row.unit, row.judge) is not row.judge:
                found.append((index, f"the judge says two things of case `{row.case}`"))
            seen.add((row.unit, row.rater))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge with the digests of what it is made of, and its calibration where there is one.

    instructions, criteria: the texts of prompt and rubric of a judge that is asked.
    """

    spec: JudgeSpec
    prompt: Digest
    rubric: Digest
    calibration: CalibrationRecord | None = None
    instructions: str = ""
    criteria: Rubric | None = None

    @property
    def scorer(self) -> str:
        """How a requirement names it."""
        return PREFIX + self.spec.name

    @property
    def asks(self) -> Digest | None:
        """The name of the way in which it is asked; None where it is never asked."""
        return None if self.spec.endpoint is None else asking(self.prompt, self.rubric, self.spec.endpoint)

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
            ("way of asking", record.asks or self.asks, self.asks),
        )
        return tuple(name for name, labelled, now in pairs if labelled != now)
