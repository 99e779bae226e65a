"""How good a score of support is on labelled answers: by dataset and by kind of error, never as one figure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.core.estimate import Interval, clopper_pearson, upper_bound
from interlock.core.ranking import auroc
from interlock.core.risk import Labelled, calibrate
from interlock.services.answer_rows import GROUNDED, UNGROUNDED, AnswerRow

SPLITS = 100
"""Random splits by document on which a promise is tried."""
UNNAMED = "answers"


@dataclass(frozen=True, slots=True)
class Judged:
    """What an evaluation keeps of one scored row."""

    dataset: str
    group: str
    label: str | None
    score: float
    kinds: frozenset[str]


@dataclass
class Evaluation:
    """Scored rows, gathered one at a time."""

    rows: list[Judged] = field(default_factory=list)

    def add(self, row: AnswerRow, score: float, kinds: frozenset[str]) -> None:
        """Keep one row."""
        name = row.dataset or UNNAMED
        self.rows.append(Judged(name, row.doc_id or row.id, row.label, score, kinds))

    def report(self, budget: float, *, splits: int = SPLITS) -> dict[str, Any]:
        """Per dataset: area under the curve, the calibrated rates of one split, how often the promise held, kinds of findings.

        Args:
            budget: the largest share of unsupported answers among the delivered, in (0, 1).
            splits: random splits by `doc_id`, at least 1.
        """
        names = sorted({row.dataset for row in self.rows})
        return {
            "schema": "interlock.answers.v1",
            "budget": budget,
            "datasets": [
                _dataset(name, [row for row in self.rows if row.dataset == name], budget, splits) for name in names
            ],
        }


def _dataset(name: str, rows: Sequence[Judged], budget: float, splits: int) -> dict[str, Any]:
    good = [row for row in rows if row.label == GROUNDED]
    bad = [row for row in rows if row.label == UNGROUNDED]
    left_out = Counter(row.label or "no label" for row in rows if row.label not in (GROUNDED, UNGROUNDED))
    area = auroc(
        [row.score for row in good], [row.score for row in bad],
        groups=([row.group for row in good], [row.group for row in bad]),
    )  # fmt: skip
    labelled = [Labelled(row.score, row.label == UNGROUNDED, name, row.group) for row in (*good, *bad)]
    kinds = sorted({kind for row in rows for kind in row.kinds})
    return {
        "dataset": name,
        "grounded": len(good),
        "ungrounded": len(bad),
        "documents": len({row.group for row in (*good, *bad)}),
        "left_out": dict(sorted(left_out.items())),
        "auroc": None if area.value is None else round(area.value, 4),
        "auroc_interval": _pair(area.interval),
        "auroc_method": area.interval.method,
        "calibrated": _one_split(labelled, budget),
        "splits": _many_splits(labelled, budget, splits),
        "findings": {
            kind: {
                "grounded": sum(kind in row.kinds for row in good),
                "ungrounded": sum(kind in row.kinds for row in bad),
                "ungrounded_interval": _pair(clopper_pearson(sum(kind in row.kinds for row in bad), len(bad))),
            }
            for kind in kinds
        },
    }


def _pair(interval: Interval) -> list[float]:
    return [round(interval.low, 4), round(interval.high, 4)]


def _one_split(rows: Sequence[Labelled], budget: float) -> dict[str, Any]:
    """The threshold of the first split, and what it does on the answers that had no part in it."""
    found = calibrate(rows, budget)
    told: dict[str, Any] = {"outcome": found.chosen.outcome.value, "threshold": found.chosen.value}
    if found.proof is None:
        return {**told, "missing": found.chosen.missing, "missing_documents": found.chosen.groups}
    at = found.proof.at
    return {
        **told,
        "delivered": at.delivered,
        "of": at.n,
        "coverage": round(at.coverage, 4),
        "unsupported": at.unsupported,
        "rate": None if at.risk is None else round(at.risk, 4),
        "upper": round(upper_bound(at.unsupported, at.delivered).high, 4),
        "upper_by_document": round(found.proof.bound, 4),
        "withheld": found.withheld,
    }


def _many_splits(rows: Sequence[Labelled], budget: float, splits: int) -> Mapping[str, Any]:
    """How often the promise held on held-back documents; where nothing is delivered it holds, and says so."""
    outcomes: Counter[str] = Counter()
    held = refuted = 0
    coverage = []
    for seed in range(splits):
        found = calibrate(rows, budget, seed=seed)
        outcomes[found.chosen.outcome.value] += 1
        if found.proof is None:
            held += 1
            continue
        held += (found.proof.at.risk or 0.0) <= budget
        refuted += found.proof.refutes(budget)
        coverage.append(found.proof.at.coverage)
    return {
        "n": splits,
        "held": held,
        "refuted": refuted,
        "delivering": len(coverage),
        "mean_coverage": round(sum(coverage) / len(coverage), 4) if coverage else 0.0,
        "outcomes": dict(sorted(outcomes.items())),
    }
