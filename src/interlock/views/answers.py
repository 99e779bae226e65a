"""Evaluations and calibrations of evidence, for the terminal."""

from collections.abc import Mapping
from typing import Any


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
