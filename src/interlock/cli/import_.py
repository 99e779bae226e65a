"""`interlock import`: recorded runs of other tools become a suite and a recorded target."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from interlock.cli.session import Json, show
from interlock.services.import_runs import import_runs as read_runs
from interlock.views.imports import import_json, import_lines


def import_runs(
    format: Annotated[str, Parameter(help="tau, bfcl or rows.")],
    files: Annotated[list[Path], Parameter(help="The runs: JSON Lines, JSON or CSV, also .gz.", negative="")],
    /,
    *,
    out: Annotated[Path, Parameter(help="The feature's folder.")],
    tasks: Annotated[Path | None, Parameter(help="The cases, for formats that keep them apart (bfcl).")] = None,
    release: Annotated[str | None, Parameter(help="Only this release.")] = None,
    trial: Annotated[int | None, Parameter(help="Only this trial.")] = None,
    name: Annotated[str | None, Parameter(help="Name of the suite.")] = None,
    json: Json = False,
) -> int:
    """Write a suite, its cases and one recording for each release into a folder. What cannot be mapped is listed."""
    found = read_runs(format, files, out, release=release, tasks=tasks, trial=trial, name=name).to_json()
    show([import_json(found).rstrip("\n")] if json else import_lines(found))
    return 0
