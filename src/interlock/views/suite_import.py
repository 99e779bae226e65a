"""What came of imported conversations, for the terminal."""

from collections.abc import Mapping
from typing import Any

_SHOWN = 5


def suite_import_lines(report: Mapping[str, Any]) -> list[str]:
    """The report of `SuiteReport.to_json` as lines of plain text."""
    lines = [
        f"{report['read']} conversations: {report['cases']} cases, {report['waiting']} waiting in {report['clusters']} clusters,",
        f"  {report['duplicates']} asked before, {report['no_question']} without a question, {report['no_customer']} without"
        f" a customer, {report['refused']} refused",
        "",
    ]
    redacted = ", ".join(f"{kind} {count}" for kind, count in report["redacted"].items())
    lines.append(f"redacted  {redacted or 'nothing was found'}")
    if report["internal_notes"]:
        lines.append(f"left out  {report['internal_notes']} internal notes")
    lines += [
        f"slice     {name}: {one['questions']} of {one['of']} questions" for name, one in report["slices"].items()
    ]
    lines += [f"refused   {one['place']}: {one['why']}" for one in report["refusals"][:_SHOWN]]
    if report["refused"] > _SHOWN:
        lines.append(f"refused   and {report['refused'] - _SHOWN} more; --json lists them")
    if report["waiting"] and report["files"]:
        lines.append(f"next      fill in `expect`: evals/queue/{report['suite']}.md says how")
    return [*lines, "", f"Written: {', '.join(report['files']) or 'nothing'}"]
