"""`interlock suite import`: conversations become cases that a person completes."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from interlock.cli import Exit
from interlock.cli.session import HERE, Json, show, show_json
from interlock.core.errors import UsageError
from interlock.services.suite_import import SliceRule, import_conversations
from interlock.views.suite_import import suite_import_lines


def import_suite(
    format: Annotated[
        Literal["intercom", "zendesk", "csv", "jsonl", "queue"],
        Parameter(help="What the file is; `queue` takes back what a person completed."),
    ],
    file: Annotated[Path, Parameter(help="The export, also .gz.")],
    /,
    *,
    out: Annotated[Path, Parameter(help="The feature's folder.")] = HERE,
    name: Annotated[str | None, Parameter(help="Name of the suite.")] = None,
    slice: Annotated[
        list[str] | None, Parameter(help="SLICE=WORD,WORD*: words that put a question there (repeatable).", negative="")
    ] = None,
    by_tags: Annotated[bool, Parameter(negative="", help="The export's tags are slices too.")] = False,
    column: Annotated[
        list[str] | None, Parameter(help="ROLE=NAME for CSV: conversation, role, text, name, tags.", negative="")
    ] = None,
    redact: Annotated[
        Literal["standard", "digits"], Parameter(help="`digits` also takes every run of three digits or more.")
    ] = "standard",
    near: Annotated[float, Parameter(help="Overlap from which on two questions are near duplicates.")] = 0.7,
    json: Json = False,
) -> int:
    """Sanitise, redact and group conversations; queue what a person must complete. Nothing is invented for them."""
    columns = {}
    for text in column or ():
        role, found, named = text.partition("=")
        if not found or not role or not named:
            raise UsageError(f"`{text}` is not ROLE=NAME", hint="write it like conversation=ticket_id")
        columns[role] = named
    if unknown := columns.keys() - {"conversation", "role", "text", "name", "tags"}:
        raise UsageError(f"a column cannot be `{min(unknown)}`", hint="conversation, role, text, name, tags")
    rules = [SliceRule.parse(text) for text in slice or ()]
    report = import_conversations(
        format, file, out, name=name, rules=rules, columns=columns, mode=redact, near=near, by_tags=by_tags
    )
    document = report.to_json()
    if json:
        show_json(document)
    else:
        show(suite_import_lines(document))
    return Exit.PARTLY if report.refused else Exit.READY
