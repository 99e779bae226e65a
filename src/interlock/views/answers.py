"""Evaluations and calibrations of evidence, for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.core.calibration import EVERY, Calibration, SliceCalibration


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


def calibration_json(record: Calibration, left_out: Mapping[str, int], diff: Sequence[str]) -> dict[str, Any]:
    """A calibration as one JSON document."""
    return {
        "schema": "interlock.calibration.v1",
        "record": record.model_dump(mode="json"),
        "left_out": dict(left_out),
        "diff": list(diff),
    }


def calibration_lines(record: Calibration, left_out: Mapping[str, int]) -> list[str]:
    """A calibration as plain text: per slice the threshold, what it was seen to do, and what it costs."""
    lines = [
        f"budget: of the delivered answers at most {_per(record.budget)} unsupported, {100 * record.confidence:g} % sure;"
        " chosen on half of the documents, proven on the other half"
    ]
    if left_out:
        lines.append("left out: " + ", ".join(f"{count} {label}" for label, count in sorted(left_out.items())))
    for one in record.slices:
        lines += [
            "",
            f"{'all answers' if one.slice == EVERY else one.slice}  {one.labels} labels, {one.unsupported} unsupported",
        ]
        lines += [f"  {line}" for line in _slice_lines(one, record.budget)]
    return lines


def _slice_lines(one: SliceCalibration, budget: float) -> list[str]:
    held = one.held_back
    if held is None:
        what = f"{one.outcome}: the policy stays as it is"
        if one.missing_documents:
            what += f"; labels from {one.missing_documents} more documents are missing in each half"
        elif one.missing:
            what += f"; {one.missing} more delivered answers without a fault are missing in each half"
        lines = [what]
    else:
        word = (
            "proven"
            if held.bound <= budget
            else "refuted"
            if held.low > budget
            else "not refuted, too few labels to prove it"
        )
        lines = [
            f"threshold {one.threshold:.4f}: {held.unsupported} of {held.delivered} delivered were unsupported, at most"
            f" {_per(held.bound)} ({word})",
            f"costs: {held.n - held.delivered} of {held.n} held-back answers are not given ({_per(1 - _share(held.delivered, held.n))}"
            f" abstained), {held.withheld} of them right",
        ]
        if held.design > 1.05:
            lines.append(f"{held.design:.1f} answers of a document count as one: they are alike")
    if one.escalated:
        lines.append(f"{one.escalated} more went to a person before evidence was asked")
    return lines


def _share(part: int, n: int) -> float:
    return part / n if n else 0.0
