"""The record of a calibration: which thresholds were chosen on which labels, and what they were seen to do (format 1)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from interlock.core.binding import Str, Strict
from interlock.core.manifest import Part
from interlock.core.risk import Calibrated

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
SHAPERS: tuple[Part, ...] = (Part.MODEL, Part.PROMPT, Part.RETRIEVER)
"""The parts that write and support an answer: with another of them, the labels are of another assistant."""
EVERY = "*"
"""The name under which all slices stand together."""


class CurvePoint(Strict):
    """What one threshold delivers of all the labels of a slice."""

    threshold: Share
    delivered: Count
    unsupported: Count


class HeldBack(Strict):
    """What the threshold did on documents that had no part in choosing it."""

    n: Count
    delivered: Count
    unsupported: Count
    bound: Share = Field(description="exact upper bound of the share of unsupported answers among the delivered")
    low: Share = Field(description="exact lower bound of it")
    design: float = Field(ge=1, description="how many answers count as one, because those of a document are alike")
    supported: Count
    withheld: Count = Field(description="supported answers that the threshold keeps from people")

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if not (self.unsupported <= self.delivered <= self.n and self.withheld <= self.supported <= self.n):
            raise ValueError("has counts that do not add up")
        return self


class SliceCalibration(Strict):
    """One slice; `*` stands for all answers together."""

    slice: Str
    labels: Count
    unsupported: Count
    outcome: Literal["found", "too few labels", "no threshold keeps the budget"]
    threshold: Share | None
    held_back: HeldBack | None
    missing: Count = Field(default=0, description="delivered answers without a fault that could decide it")
    missing_documents: Count = 0
    escalated: Count = Field(default=0, description="answers that went to a person before evidence was asked")
    curve: tuple[CurvePoint, ...] = Field(default=(), description="risk-coverage curve over all labels")

    @model_validator(mode="after")
    def _threshold_goes_with_its_outcome(self) -> Self:
        if (self.outcome == "found") != (self.threshold is not None) or (self.threshold is None) != (
            self.held_back is None
        ):
            raise ValueError("has a `threshold` and `held_back` exactly where one was found")
        return self


class Calibration(Strict):
    """One `calibration.json`."""

    calibration: Literal[1]
    scorer: Str = Field(description="what gave the scores; another scorer needs another calibration")
    budget: float = Field(gt=0, lt=1)
    confidence: float = Field(gt=0, lt=1)
    seed: Count
    measured_at: Str
    labels: Str = Field(description="digest of the labelled answers")
    parts: dict[Str, Str] = Field(
        description="digests of the model, the prompt and the retriever that wrote the answers"
    )
    slices: tuple[SliceCalibration, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_slice_once(self) -> Self:
        names = [one.slice for one in self.slices]
        if len(set(names)) < len(names):
            raise ValueError("has a slice twice")
        return self

    def of(self, name: str) -> SliceCalibration | None:
        """The slice of this name."""
        return next((one for one in self.slices if one.slice == name), None)


def slice_record(found: Calibrated, *, escalated: int = 0) -> SliceCalibration:
    """A calibrated slice as it is kept."""
    proof, chosen = found.proof, found.chosen
    held = None
    if proof is not None:
        held = HeldBack(
            n=proof.at.n, delivered=proof.at.delivered, unsupported=proof.at.unsupported, bound=proof.bound, low=proof.low,
            design=proof.design, supported=found.supported, withheld=found.withheld,
        )  # fmt: skip
    return SliceCalibration(
        slice=found.slice, labels=found.labels, unsupported=found.unsupported, outcome=chosen.outcome.value,
        threshold=chosen.value, held_back=held, missing=chosen.missing, missing_documents=chosen.groups, escalated=escalated,
        curve=tuple(
            CurvePoint(threshold=at.threshold, delivered=at.delivered, unsupported=at.unsupported) for at in found.curve
        ),
    )  # fmt: skip


def kept_threshold(record: Calibration, name: str) -> float | None:
    """The threshold that was calibrated for a slice: its own, or the one of all answers where it had too few labels."""
    own = record.of(name)
    if own is not None and own.outcome != "too few labels":
        return own.threshold
    every = record.of(EVERY)
    return None if every is None else every.threshold


def promises(
    record: Calibration, policy: Mapping[str, float], parts: Mapping[str, str], scorer: str
) -> Mapping[str, object]:
    """The data of SAFE-03: what the record promises, of which bundle, and what the policy really asks.

    Args:
        policy: the threshold of the answer policy by slice, `*` for every other.
        parts: digests of the bundle's parts by name.
    """
    rows = []
    for one in record.slices:
        asks = policy.get(one.slice, policy[EVERY])
        held = one.held_back
        rows.append(
            {
                "slice": one.slice,
                "outcome": one.outcome,
                "threshold": one.threshold,
                "policy": asks,
                "missing": one.missing,
                "missing_documents": one.missing_documents,
                "held_back": None if held is None else held.model_dump(),
                "risk_coverage": _drawn(one.curve, one.labels),
            }
        )
    stale = [part.value for part in SHAPERS if record.parts.get(part.value) != parts.get(part.value)]
    return {
        "labels": next((one.labels for one in record.slices if one.slice == EVERY), 0),
        "budget": record.budget,
        "confidence": record.confidence,
        "stale": stale if record.scorer == scorer else [*stale, f"scorer {record.scorer}"],
        "slices": rows,
    }


def _drawn(curve: Sequence[CurvePoint], labels: int) -> list[list[float]]:
    """The curve as pairs of coverage and risk."""
    return [
        [round(at.delivered / labels, 4), round(at.unsupported / at.delivered, 4)]
        for at in curve
        if labels and at.delivered
    ]
