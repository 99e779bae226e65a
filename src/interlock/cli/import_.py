"""`interlock import`: recorded runs and cases of other tools become a suite and a recorded target."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from interlock.cli.session import HERE, Json, show
from interlock.core.errors import UsageError
from interlock.services.import_formats import FORMATS
from interlock.services.import_options import ImportOptions
from interlock.services.import_runs import import_runs as read_runs
from interlock.views.imports import import_json, import_lines


def import_runs(
    files: Annotated[
        list[Path], Parameter(help="The runs, also .gz. A format before them is the same as --format.", negative="")
    ],
    /,
    *,
    format: Annotated[str | None, Parameter(help=f"{', '.join(FORMATS)}. Default: what the files plainly are.")] = None,
    out: Annotated[Path, Parameter(help="The feature's folder.")] = HERE,
    tasks: Annotated[Path | None, Parameter(help="The cases, for formats that keep them apart (bfcl).")] = None,
    release: Annotated[str | None, Parameter(help="Only this release; its name, where the files name none.")] = None,
    trial: Annotated[int | None, Parameter(help="Only this trial.")] = None,
    name: Annotated[str | None, Parameter(help="Name of the suite.")] = None,
    column: Annotated[
        list[str] | None, Parameter(help="ROLE=NAME: which column, key or variable is what (repeatable).", negative="")
    ] = None,
    slice_by: Annotated[
        list[str] | None, Parameter(help="A key of metadata whose values are slices (repeatable).", negative="")
    ] = None,
    scorer: Annotated[
        list[str] | None, Parameter(help="A scorer or metric of the source that decides (repeatable).", negative="")
    ] = None,
    pass_at: Annotated[float | None, Parameter(help="A grade from here on, in [0, 1], is a pass.")] = None,
    reference: Annotated[
        Literal["exact", "facts"] | None,
        Parameter(help="How reference answers judge: the reply is it (exact), or says it (facts)."),
    ] = None,
    bind: Annotated[
        bool, Parameter(negative="", help="The runs were made with the bundle in --out: `check` may use them for it.")
    ] = False,
    json: Json = False,
) -> int:
    """Write a suite, its cases and one recording for each release into a folder. What cannot be mapped is listed."""
    from interlock.scorers import default_scorers

    if len(files) > 1 and str(files[0]) in FORMATS and not files[0].is_file():
        if format is not None and format != str(files[0]):
            raise UsageError(f"two formats, `{files[0]}` and `{format}`", hint="keep one")
        format, files = str(files[0]), files[1:]
    options = ImportOptions(
        columns=dict(_pair(text) for text in column or ()),
        slice_by=tuple(slice_by or ()),
        scorers=tuple(scorer or ()),
        pass_at=pass_at,
        reference=reference,
    )
    found = read_runs(
        format, files, out, release=release, tasks=tasks, trial=trial, name=name, options=options,
        scorers=default_scorers(), bound=_runtime(out) if bind else None,
    ).to_json()  # fmt: skip
    show([import_json(found).rstrip("\n")] if json else import_lines(found))
    return 0


def _pair(text: str) -> tuple[str, str]:
    role, found, name = text.partition("=")
    if not found or not role or not name:
        raise UsageError(f"`{text}` is not ROLE=NAME", hint="write it like input=question")
    return role, name


def _runtime(out: Path) -> dict[str, str]:
    from interlock.services.import_binding import runtime_of
    from interlock.settings import read_settings
    from interlock.wiring import read_feature

    return runtime_of(read_feature(read_settings(out))[1].bundle)
