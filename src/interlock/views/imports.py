"""What an import brought, for the terminal and for other programs."""

import json
from collections.abc import Mapping
from typing import Any

_SHOWN = 3


def import_json(report: Mapping[str, Any]) -> str:
    """The report as JSON text with every item, and a line end."""
    return json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def import_lines(report: Mapping[str, Any]) -> list[str]:
    """The report as lines of plain text; of long lists the first items, with their number.

    Args:
        report: what `ImportReport.to_json` gives.
    """
    slices = ", ".join(f"{name} {count}" for name, count in report["slices"].items())
    lines = [
        f"Read as {report['format']}. Suite {report['suite']}: {report['cases']} cases"
        + (f" ({slices})" if slices else "")
    ]
    if report["waiting"]:
        lines.append(
            f"{report['waiting']} more wait in evals/queue/{report['suite']}.jsonl: nobody said what to expect"
        )
    lines.append("")
    for one in report["releases"]:
        passed = f"passed {one['passed']} of {one['replies']}"
        others = "".join(
            f", {name.replace('_', ' ')} {one[name]}" for name in ("graded", "missing", "not_applicable") if one[name]
        )
        lines.append(
            f"{one['release']}: {passed}, broken {one['broken']}{others}, repeats {one['repeats']} → {one['recording']}"
        )
        told = ", ".join(f"{key} {value}" for key, value in one["ran_on"].items() if key in ("tool", "model", "config"))
        if told:
            lines.append(f"  ran on: {told}")
        if one["bound"]:
            lines.append("  bound to the bundle in this folder, on your word")
        if one["agreement"]:
            found = one["agreement"]
            says = f"  {found['scorer']} agrees with the recorded verdict on {found['agree']} of {found['of']}"
            lines.append(says + (f"; differs on {_some(found['differ'])}" if found["differ"] else ""))
    lines.append("")
    for one in report["findings"]:
        items = f" ({one['count']}: {_some(one['items'])})" if one["items"] else ""
        if one["count"] and not items:
            items = f" ({one['count']} rows)"
        lines.append(f"{one['kind']:<8}  {one['what']}: {one['why']}{items}")
    return [*lines, "", f"Written: {', '.join(report['files'])}"]


def _some(items: list[str]) -> str:
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
