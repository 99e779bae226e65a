"""`interlock compare`: the newcomer's first use, without a bundle."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from interlock.cli.session import Json, note, show
from interlock.core.digest import of_bytes
from interlock.core.errors import UsageError
from interlock.services.compare import Terms
from interlock.services.compare import compare as compare_results
from interlock.services.result_rows import Results, read_results
from interlock.views.compare import compare_json, compare_lines


def compare(
    baseline: Path,
    candidate: Path,
    /,
    *,
    margin: Annotated[
        float, Parameter(help="The drop of a pass rate that does not matter: 0.05 is five points.")
    ] = 0.05,
    margin_of: Annotated[list[str] | None, Parameter(help="SLICE=MARGIN, where a slice differs (repeatable).")] = None,
    critical: Annotated[
        list[str] | None, Parameter(help="A slice that must pass (repeatable). Default: every slice.")
    ] = None,
    same_version: Annotated[
        bool | None,
        Parameter(
            negative="--changed-version",
            help="Both files are runs of one version: what differs is drift. Default: by the rows' `release` or `version`.",
        ),
    ] = None,
    format: Annotated[
        Literal["text", "json", "junit", "intoto"],
        Parameter(help="How to write it; `intoto` is an unsigned statement."),
    ] = "text",
    out: Annotated[Path | None, Parameter(name=["--out", "-o"], help="File to write. Default: stdout.")] = None,
    json: Json = False,
) -> int:
    """Compare two recorded results slice by slice: READY, HOLD or BLOCKED, and what would decide.

    Rows are JSON Lines, JSON or CSV (also .gz): {case, slice | slices, passed | score, trial, status,
    cluster, release | version}.
    """
    terms = Terms(margin, _margins(margin_of or []), frozenset(critical) if critical else None, same_version)
    found = compare_results(read_rows(baseline), read_rows(candidate), terms)
    document = found.to_json()
    kind = "json" if json else format
    if kind == "junit":
        from interlock.views.compare_exports import compare_junit

        text = compare_junit(document)
    elif kind == "intoto":
        from interlock.views.compare_exports import compare_statement

        subjects = {"baseline": of_bytes(baseline.read_bytes()), "candidate": of_bytes(candidate.read_bytes())}
        text = compare_statement(document, subjects)
    else:
        text = compare_json(document) if kind == "json" else "\n".join(compare_lines(document)) + "\n"
    if out is None:
        show([text.rstrip("\n")])
    else:
        from interlock.wiring import write_file

        write_file(out, text)
        note(f"wrote {out}")
    return found.exit_code


def read_rows(path: Path) -> Results:
    """The rows of one file. Raises UsageError when it is not there."""
    if not path.is_file():
        raise UsageError(f"there is no file `{path}`", hint="name a file of result rows: docs/imports.md")
    return read_results(path.read_bytes(), str(path))


def _margins(given: list[str]) -> dict[str, float]:
    found = {}
    for text in given:
        name, _, value = text.rpartition("=")
        try:
            found[name] = float(value)
        except ValueError as error:
            raise UsageError(f"`{text}` is not SLICE=MARGIN", hint="write it like refunds=0.1") from error
    return found
