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
    lines = [f"Suite {report['suite']}: {report['cases']} cases ({slices})", ""]
    for one in report["releases"]:
        passed = f"passed {one['passed']} of {one['replies']}"
        lines.append(
            f"{one['release']}: {passed}, broken {one['broken']}, repeats {one['repeats']} → {one['recording']}"
        )
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
