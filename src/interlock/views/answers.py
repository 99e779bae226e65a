"""Evaluations and calibrations of evidence, for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.core.calibration import EVERY, Calibration
from interlock.core.risk import Calibrated


def evaluation_lines(report: Mapping[str, Any]) -> list[str]:
    """An evaluation as plain text: a block for each dataset, never one figure for all."""
    lines: list[str] = []
    for row in report["datasets"]:
        lines += [*_dataset(row, report["budget"]), ""]
    return lines[:-1] or ["no row was scored"]


def _dataset(row: Mapping[str, Any], budget: float) -> list[str]:
    n = row["grounded"] + row["ungrounded"]
    lines = [
        f"{row['dataset']}  {row['grounded']} grounded, {row['ungrounded']} ungrounded, {row['documents']} documents"
    ]
    if row["left_out"]:
        lines.append("  left out: " + ", ".join(f"{count} {label}" for label, count in row["left_out"].items()))
    if row["auroc"] is None:
        lines.append("  AUROC: needs labels of both kinds")
        return lines
    low, high = row["auroc_interval"]
    lines.append(f"  AUROC {row['auroc']:.3f} [{low:.3f}, {high:.3f}] (n {n}, 95 %)")
    lines += _calibrated(row, budget)
    for kind, found in row["findings"].items():
        low, high = found["ungrounded_interval"]
        lines.append(
            f"  {kind:<10} in {found['ungrounded']} of {row['ungrounded']} ungrounded [{_per(low)}, {_per(high)}],"
            f" {found['grounded']} of {row['grounded']} grounded"
        )
    return lines


def _calibrated(row: Mapping[str, Any], budget: float) -> list[str]:
    found, splits = row["calibrated"], row["splits"]
    if found["threshold"] is None:
        first = f"  budget {_per(budget)}: {found['outcome']}, so nothing is delivered" + _missing(found)
    else:
        first = (
            f"  budget {_per(budget)}: threshold {found['threshold']:.3f} delivers {found['delivered']} of {found['of']} held-back"
            f" answers ({_per(found['coverage'])}), {found['unsupported']} unsupported, at most {_per(found['upper'])} (95 % sure)"
        )
    second = (
        f"  {splits['n']} splits by document: the promise held in {splits['held']}, refuted in {splits['refuted']};"
        f" {splits['delivering']} delivered anything, {_per(splits['mean_coverage'])} on average"
    )
    return [first, second]


def _missing(found: Mapping[str, Any]) -> str:
    if found.get("missing_documents"):
        return f"; {found['missing_documents']} more documents are needed in the half that chooses"
    return (
        f"; {found['missing']} more delivered answers without a fault could decide it" if found.get("missing") else ""
    )


def _per(rate: float) -> str:
    return f"{100 * rate:.1f} %"


def calibration_json(
    record: Calibration, found: Mapping[str, Calibrated], left_out: Mapping[str, int], diff: Sequence[str]
) -> dict[str, Any]:
    """A calibration as one JSON document."""
    return {
        "schema": "interlock.calibration.v1",
        "budget": record.budget,
        "confidence": record.confidence,
        "labels": len(record.answers),
        "abstained": record.abstained,
        "slices": [_slice_json(one, record) for one in found.values()],
        "left_out": dict(left_out),
        "diff": list(diff),
    }


def _slice_json(one: Calibrated, record: Calibration) -> dict[str, Any]:
    proof = one.proof
    held = None
    if proof is not None:
        held = {
            "n": proof.at.n, "delivered": proof.at.delivered, "unsupported": proof.at.unsupported, "bound": proof.bound,
            "low": proof.low, "design": proof.design, "supported": one.supported, "withheld": one.withheld,
        }  # fmt: skip
    return {
        "slice": one.slice,
        "labels": one.labels,
        "unsupported": one.unsupported,
        "outcome": one.chosen.outcome.value,
        "threshold": one.chosen.value,
        "missing": one.chosen.missing,
        "missing_documents": one.chosen.groups,
        "escalated": record.escalated.get(one.slice, 0),
        "held_back": held,
        "risk_coverage": [[at.threshold, round(at.coverage, 4), round(at.risk or 0.0, 4)] for at in one.curve],
    }


def calibration_lines(record: Calibration, found: Mapping[str, Calibrated], left_out: Mapping[str, int]) -> list[str]:
    """A calibration as plain text: per slice the threshold, what it was seen to do, and what it costs."""
    lines = [
        f"budget: of the delivered answers at most {_per(record.budget)} unsupported, {100 * record.confidence:g} % sure;"
        " chosen on half of the documents, proven on the other half"
    ]
    if left_out:
        lines.append("left out: " + ", ".join(f"{count} {label}" for label, count in sorted(left_out.items())))
    for name, one in found.items():
        title = "all answers" if name == EVERY else name
        lines += ["", f"{title}  {one.labels} labels, {one.unsupported} unsupported"]
        lines += [f"  {line}" for line in _slice_lines(one, record)]
    return lines


def _slice_lines(one: Calibrated, record: Calibration) -> list[str]:
    proof, chosen = one.proof, one.chosen
    if proof is None:
        what = f"{chosen.outcome.value}: the policy stays as it is"
        if chosen.groups:
            what += f"; labels from {chosen.groups} more documents are missing in each half"
        elif chosen.missing:
            what += f"; {chosen.missing} more delivered answers without a fault are missing in each half"
        lines = [what]
    else:
        at = proof.at
        word = "not refuted, too few labels to prove it"
        word = "proven" if proof.keeps(record.budget) else "refuted" if proof.refutes(record.budget) else word
        held = at.n - at.delivered
        lines = [
            f"threshold {chosen.value:.4f}: {at.unsupported} of {at.delivered} delivered were unsupported, at most"
            f" {_per(proof.bound)} ({word})",
            f"costs: {held} of {at.n} held-back answers are not given ({_per(_share(held, at.n))} abstained),"
            f" {one.withheld} of them right",
        ]
        if proof.design > 1.05:
            lines.append(f"{proof.design:.1f} answers of a document count as one: they are alike")
    if escalated := record.escalated.get(one.slice):
        lines.append(f"{escalated} more went to a person before evidence was asked")
    return lines


def _share(part: int, n: int) -> float:
    return part / n if n else 0.0
