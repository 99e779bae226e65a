"""`interlock judge`: how far a model that scores replies can be trusted."""

import asyncio
import json as json_
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from interlock.cli import Exit
from interlock.cli.session import HERE, As, Bar, Dir, Json, bench_of, note, records_of, show, show_json
from interlock.core.errors import UsageError
from interlock.core.manifest import Part
from interlock.core.ruling import Standing
from interlock.services.check import measurer_of
from interlock.services.judge_calibrate import (
    calibrate as ask_about_all,
)
from interlock.services.judge_calibrate import items_of, judge_of, read_labels, record_path, record_text
from interlock.views.judges import calibration_json, calibration_lines
from interlock.wiring import measuring, open_desk, write_file

Judge = Annotated[str | None, Parameter(name="--judge", help="Name of the judge; needed where there are several.")]
InSuite = Annotated[
    str | None, Parameter(name="--suite", help="Name of its suite; needed where two have one of that name.")
]


def items(
    *,
    out: Annotated[Path, Parameter(help="Write the rows there, JSON Lines.")],
    judge: Judge = None,
    suite: InSuite = None,
    most: Annotated[int, Parameter(name="--n", help="Rows at most.")] = 100,
    dir: Dir = HERE,
) -> int:
    """Draw answers of the last run for people to label: a random sample of those that the judge is asked about.

    Each row waits for `human: true` or `false` and the name of its `rater`. Two people label the same answer in two rows.
    """
    if most < 1:
        raise UsageError("`--n` counts rows, at least 1")
    if out.exists():
        raise UsageError(f"`{out}` exists, and labels are work", hint="name another file")
    with records_of(dir) as (settings, records):
        desk = open_desk(settings, records, bench_of(settings), Bar(quiet=True))
        found_suite, found = judge_of(desk.loaded, judge, suite)
        rows = items_of(
            desk.loaded, found_suite, found, upstream=measurer_of(desk).upstream(desk.loaded.bundle),
            repeats=desk.manifest.run.repeats, trials=records.trials, most=most,
        )  # fmt: skip
    if not rows:
        raise UsageError("every answer that the judge is asked about has a label", hint="calibrate with what there is")
    write_file(out, "".join(json_.dumps(row, ensure_ascii=True) + "\n" for row in rows))
    note(f"{len(rows)} answers in `{out}`: label them, then `interlock judge calibrate --labels {out}`")
    return Exit.READY


def calibrate(
    *,
    labels: Annotated[
        Path, Parameter(help="Labelled answers, JSON Lines: {case, rater, human, slices, question, answer, …}.")
    ],
    judge: Judge = None,
    suite: InSuite = None,
    out: Annotated[Path | None, Parameter(help="Write the record there; default: where the suite says.")] = None,
    plan: Annotated[bool, Parameter(negative="", help="Say how many questions there would be; ask none.")] = False,
    dir: Dir = HERE,
    actor: As = None,
    json: Json = False,
) -> int:
    """Ask a judge about answers that people labelled, and write the record that EVAL-04 reads.

    Exit code 0 when its agreement is shown to reach its target, 1 when it is shown to miss it, 3 when more labels are needed.
    """
    with records_of(dir, actor) as (settings, records):
        desk = open_desk(settings, records, bench_of(settings), Bar(quiet=True))
        found_suite, found = judge_of(desk.loaded, judge, suite)
        read = read_labels(labels, found)
        path, named = record_path(desk.loaded, desk.manifest.part(Part.EVALS).suites, found_suite, found)
        target = out or settings.root / path
        if plan:
            times = 2 if found.criteria is not None and found.criteria.compare else 1
            said = {"schema": "interlock.judge-plan.v1", "answers": len(read.units), "labels": read.rows,
                    "questions": times * len(read.units), "cost_cap_usd": desk.manifest.run.cost_cap_usd,
                    "written": str(target)}  # fmt: skip
            if json:
                show_json(said)
            else:
                show(
                    [
                        f"{said['questions']} questions about {said['answers']} answers with {said['labels']} labels; then `{target}`"
                    ]
                )
            return Exit.READY
        with measuring(settings):
            done = asyncio.run(
                ask_about_all(found_suite, found, read, measurer_of(desk).jury, desk.loaded.release.limits)
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        write_file(target, record_text(done.record))
    if json:
        show_json(calibration_json(done, str(target), read.waiting))
    else:
        show(calibration_lines(done, read.waiting))
    if named and out is None:
        note(f"written: `{target}`. Lock and check again.")
    else:
        note(f"written: `{target}`. Name it in the suite as `calibration`, lock and check again.")
    return {Standing.PASS: Exit.READY, Standing.FAIL: Exit.BLOCKED}.get(done.ruling.standing, Exit.HOLD)
