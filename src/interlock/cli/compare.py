"""`interlock compare`: the newcomer's first use, without a bundle."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from interlock.cli.session import Json, show
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
    json: Json = False,
) -> int:
    """Compare two recorded results slice by slice: READY, HOLD or BLOCKED, and what would decide.

    Rows are JSON Lines, JSON or CSV (also .gz): {case, slice | slices, passed | score, trial, status,
    cluster, release | version}.
    """
    terms = Terms(margin, _margins(margin_of or []), frozenset(critical) if critical else None, same_version)
    found = compare_results(read_rows(baseline), read_rows(candidate), terms)
    document = found.to_json()
    show([compare_json(document).rstrip("\n")] if json else compare_lines(document))
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
