"""The record of a calibration: the labels that thresholds were chosen and proven on (format 1).

It keeps what was judged, not what came of it: whoever reads it chooses and proves the thresholds again, so that a record
cannot promise what its labels do not show.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import Field

from interlock.core.binding import Str, Strict
from interlock.core.manifest import Part
from interlock.core.risk import Calibrated, Labelled, Point, calibrate_slices, point

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Judged = tuple[Share, Literal[0, 1], str, Str]
"""One answer: its support, 1 where a person found it unsupported, its slice ("" for none), its document as a short hash."""

SHAPERS: tuple[Part, ...] = (Part.MODEL, Part.PROMPT, Part.RETRIEVER)
"""The parts that write and support an answer: with another of them, the labels are of another assistant."""
EVERY = "*"
"""The name under which all slices stand together."""


class Calibration(Strict):
    """One `calibration.json`."""

    calibration: Literal[1]
    scorer: Str = Field(description="what gave the scores; another scorer needs another calibration")
    budget: float = Field(gt=0, lt=1, description="largest share of unsupported answers among the delivered")
    confidence: float = Field(gt=0, lt=1)
    seed: Count = Field(description="of the split of the documents into two halves")
    measured_at: Str
    parts: dict[Str, Str] = Field(
        description="digests of the model, the prompt and the retriever that wrote the answers"
    )
    escalated: dict[Str, Count] = Field(default={}, description="answers that went to a person instead, by slice")
    abstained: Count = Field(default=0, description="answers that were withheld before they were judged")
    answers: tuple[Judged, ...] = Field(min_length=1, description="support, unsupported, slice, document")

    def labelled(self) -> list[Labelled]:
        """The labels, ready to calibrate on."""
        return [Labelled(score, bool(bad), name, group) for score, bad, name, group in self.answers]

    def calibrated(self) -> Mapping[str, Calibrated]:
        """The thresholds that these labels give, with their proofs: all answers under `*`, then each slice."""
        return calibrate_slices(self.labelled(), self.budget, confidence=self.confidence, seed=self.seed)


def document_hash(name: str) -> str:
    """How a record names a document: it needs to know which answers share one, not which one it is.

    >>> document_hash("KB-101")
    'ccfe92ba577d'
    """
    return sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]


def promises(
    record: Calibration, policy: Mapping[str, float], parts: Mapping[str, str], scorer: str
) -> Mapping[str, Any]:
    """The data of SAFE-03: what the labels promise, of which bundle, and what the policy really asks.

    Args:
        policy: the threshold of the answer policy by slice, `*` for every other.
        parts: digests of the bundle's parts by name. scorer: what scores answers now.
    """
    stale = [part.value for part in SHAPERS if record.parts.get(part.value) != parts.get(part.value)]
    return {
        "labels": len(record.answers),
        "budget": record.budget,
        "confidence": record.confidence,
        "stale": stale if record.scorer == scorer else [*stale, f"scorer ({record.scorer})"],
        "slices": [_row(one, policy.get(name, policy[EVERY]), record) for name, one in record.calibrated().items()],
    }


def _row(one: Calibrated, asks: float, record: Calibration) -> dict[str, Any]:
    proof = one.proof
    at = point([row for row in record.labelled() if one.slice in (EVERY, row.slice)], asks)
    return {
        "slice": one.slice,
        "outcome": one.chosen.outcome.value,
        "threshold": one.chosen.value,
        "policy": asks,
        "missing": one.chosen.missing,
        "missing_documents": one.chosen.groups,
        "escalated": record.escalated.get(one.slice, 0),
        "held_back": None
        if proof is None
        else {
            "n": proof.at.n, "delivered": proof.at.delivered, "unsupported": proof.at.unsupported, "bound": proof.bound,
            "low": proof.low, "design": proof.design, "supported": one.supported, "withheld": one.withheld,
        },
        "at_policy": {"delivered": at.delivered, "unsupported": at.unsupported, "n": at.n},
        "risk_coverage": [drawn(each) for each in one.curve],
    }  # fmt: skip


def drawn(at: Point) -> list[float]:
    """A point of the curve as coverage and risk."""
    return [round(at.coverage, 4), round(at.risk or 0.0, 4)]
