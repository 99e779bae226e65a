"""`interlock tune abstention`: evidence thresholds from labelled answers, and the change of the policy that they make."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import floor
from posixpath import dirname, join
from typing import Any, Literal

from interlock.core.calibration import EVERY, SHAPERS, Calibration, document_hash
from interlock.core.errors import DocumentError, Place
from interlock.core.manifest import Part
from interlock.core.risk import Calibrated
from interlock.ports import SupportScorer
from interlock.services.answer_rows import GROUNDED, UNGROUNDED, AnswerRow, score_row
from interlock.services.lock import MANIFEST
from interlock.services.parts import Loaded
from interlock.services.yaml_edit import difference, with_key_after, with_values


@dataclass(frozen=True, slots=True)
class Terms:
    """What is promised.

    budget: the largest share of unsupported answers among the delivered, in (0, 1). confidence: in (0, 1). seed: of the
    split by document, 0 or more.
    """

    budget: float = 0.05
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.budget < 1 or not 0 < self.confidence < 1 or self.seed < 0:
            raise ValueError("a budget and a confidence lie in (0, 1), a seed is 0 or more")


@dataclass(frozen=True, slots=True)
class Labels:
    """Labelled answers, scored, as a record keeps them, with what was left out."""

    answers: tuple[tuple[float, Literal[0, 1], str, str], ...]
    scorer: str
    escalated: Mapping[str, int]
    abstained: int
    left_out: Mapping[str, int]


UNNAMED = "unnamed"
"""The scorer of rows that bring their support and do not say who gave it; no bundle has it, so SAFE-03 stays owed."""


def gather(rows: Iterable[AnswerRow], scorer: SupportScorer) -> Labels:
    """Score the labelled answers; a row that brings its `support`, and the `scorer` that gave it, keeps it.

    Answers that went to a person, or were withheld, were never delivered: they are counted beside.
    Raises: DocumentError when no row has a label, or two scorers gave the scores.
    """
    scorers: dict[str, Place] = {}
    found: list[tuple[float, Literal[0, 1], str, str]] = []
    escalated: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    abstained = 0
    for row in rows:
        if row.outcome == "escalate":
            escalated.update({EVERY, row.slice} - {""})
        elif row.outcome in ("abstain", "clarify"):  # who asks back has delivered nothing either
            abstained += 1
        elif row.label not in (GROUNDED, UNGROUNDED):
            left_out[row.label or "no label"] += 1
        else:
            given = row.support is not None
            score = row.support if row.support is not None else score_row(row, scorer).score
            scorers.setdefault((row.scorer or UNNAMED) if given else scorer.name, row.place)
            # Downwards: a threshold that is written with four digits must not lie above the score that it was.
            score = floor(score * 10_000) / 10_000
            found.append((score, 1 if row.label == UNGROUNDED else 0, row.slice, document_hash(row.doc_id or row.id)))
    if not found:
        raise DocumentError(
            "no answer has the label `grounded` or `ungrounded`", hint="let people label some: docs/answers.md says how"
        )
    if len(scorers) > 1:
        message = f"scores of `{'` and `'.join(sorted(scorers))}` do not compare"
        raise DocumentError(message, hint="score all rows anew: leave `support` out", place=list(scorers.values())[-1])
    return Labels(tuple(found), next(iter(scorers)), dict(escalated), abstained, dict(left_out))


def record_of(labels: Labels, loaded: Loaded, terms: Terms, *, at: datetime) -> Calibration:
    """The labels with what was promised of them, and of which bundle."""
    return Calibration(
        calibration=1,
        scorer=labels.scorer,
        budget=terms.budget,
        confidence=terms.confidence,
        seed=terms.seed,
        measured_at=at.isoformat(timespec="seconds"),
        parts=loaded.bundle.parts(SHAPERS),
        escalated=dict(labels.escalated),
        abstained=labels.abstained,
        answers=labels.answers,
    )


def record_text(record: Calibration) -> str:
    """The record as it is written: one answer a line, so that a diff of two of them can be read."""
    head = record.model_dump(mode="json", exclude={"answers"})
    rows = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in record.answers)
    return json.dumps(head, indent=1, ensure_ascii=False)[:-2] + f',\n "answers": [\n  {rows}\n ]\n}}\n'


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """Files of the feature as they are and as they would be."""

    before: Mapping[str, str]
    after: Mapping[str, str]

    @property
    def diff(self) -> list[str]:
        """What changes, as a unified diff; the record itself is left out, it is made anew each time."""
        return [line for path in sorted(self.before) for line in difference(self.before[path], self.after[path], path)]


def policy_change(
    record: Calibration, found: Mapping[str, Calibrated], loaded: Loaded, manifest_text: str
) -> PolicyChange:
    """The answer policy with the calibrated thresholds, the manifest that names the record, and the record.

    A slice gets a threshold of its own where one was found for it and differs from that of all answers. Where none keeps
    the budget, or the labels are too few, the policy stays as it is: SAFE-03 says so, and a person decides.
    """
    guard = loaded.bundle.components[Part.GUARDRAILS].spec
    path = guard["answers"]
    kept = guard.get("calibration") or join(dirname(path), "calibration.json")
    text = loaded.text(path) or ""
    changes: dict[tuple[str, ...], Any] = {}
    evidence = loaded.answers.evidence
    default = found[EVERY].chosen.value
    if default is None:
        default = evidence.threshold
    elif default != evidence.threshold:
        changes["threshold",] = default
    for name, one in found.items():
        now = evidence.of_slice(name).threshold if name in evidence.slices else default
        if name != EVERY and one.chosen.value is not None and one.chosen.value != now:
            changes["slices", name, "threshold"] = one.chosen.value
    before = {path: text, MANIFEST: manifest_text}
    after = {path: with_values(text, path, "evidence", changes) if changes else text, MANIFEST: manifest_text}
    if not guard.get("calibration"):
        after[MANIFEST] = with_key_after(
            manifest_text, MANIFEST, ("parts", "guardrails", "answers"), "calibration", kept
        )
    after[kept] = record_text(record)
    return PolicyChange(before, after)
