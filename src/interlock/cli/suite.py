"""`interlock suite`: what the suites lack, and whether they can fail."""

import asyncio
from typing import Annotated, Any

from cyclopts import Parameter

from interlock.cli import Exit
from interlock.cli.session import (
    HERE,
    As,
    Bar,
    Dir,
    Env,
    Json,
    bench_of,
    environment_of,
    note,
    records_of,
    screen,
    show,
    show_json,
)
from interlock.core.errors import UsageError
from interlock.core.evidence import Method
from interlock.core.manifest import Part
from interlock.core.mutation import SEEDED, Mutant
from interlock.core.rules import Ruling, Standing
from interlock.services.assess import assess
from interlock.services.check import Desk, store
from interlock.services.gaps import find_gaps
from interlock.services.mutants import CHECK, asked_suites, sample
from interlock.services.mutants import mutate as run_mutants
from interlock.services.mutators import mutants_of
from interlock.services.subject import subject_of
from interlock.views.gaps import gaps_json, gaps_lines
from interlock.views.mutation import list_lines, mutation_lines
from interlock.wiring import measuring, open_desk, read_feature


def gaps(*, env: Env = None, dir: Dir = HERE, json: Json = False) -> int:
    """What to write next, and how many: one table, what blocks most first. Measures nothing.

    Where evidence is stored, its failures and flips are gone on with; else the numbers are the least that could do.
    """
    with records_of(dir) as (settings, records):
        resolved, loaded, _ = read_feature(settings)
        subject = subject_of(loaded, loaded.bundle, resolved.app, environment_of(loaded.release, env))
        verdict = assess(subject, records)
        found = find_gaps(loaded, verdict)
        if json:
            show_json(gaps_json(found, verdict))
        else:
            look = screen()
            show(gaps_lines(found, verdict, width=look.width, color=look.color, unicode=look.unicode))
    return 0


def mutate(
    *,
    part: Annotated[
        list[Part] | None,
        Parameter(help="Only this part; may be given again. What is found is shown and not kept.", negative=""),
    ] = None,
    list_: Annotated[
        bool, Parameter(name="--list", negative="", help="Say which mutants there are; run none.")
    ] = False,
    dir: Dir = HERE,
    actor: As = None,
    json: Json = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", help="No progress.")] = False,
) -> int:
    """Break the bundle part by part and see whether the suites notice (EVAL-05).

    Exit code 0 when they do, 1 when they do not, 3 when too many mutants could not be run.
    """
    for one in part or ():
        if one not in SEEDED:
            known = ", ".join(f"`{seeded}`" for seeded in SEEDED)
            raise UsageError(f"part `{one}` is not broken on purpose", hint=f"parts that are: {known}")
    parts = tuple(one for one in SEEDED if part is None or one in part)
    with records_of(dir, actor) as (settings, records):
        desk = open_desk(settings, records, bench_of(settings), Bar(quiet=quiet or json))
        if list_:
            return _list(desk, mutants_of(desk.loaded, parts), json=json)
        with measuring(settings):
            run = asyncio.run(run_mutants(desk, parts))
            keep = desk.locked and parts == SEEDED
            if keep:
                environment = next(iter(desk.loaded.release.environments))
                store(desk, environment, desk.loaded.bundle, CHECK, run.data, Method.MEASURED)
        ruling = run.ruling(desk.loaded)
        if not keep:
            note("not kept as evidence: " + ("only some parts were tried" if desk.locked else "run `interlock lock`"))
        if json:
            show_json(_document(desk, run.data, ruling, kept=keep, calls=run.calls, cost_usd=run.cost_usd))
        else:
            look = screen()
            show(mutation_lines(run.data, ruling, width=look.width, color=look.color, unicode=look.unicode))
    return {Standing.PASS: Exit.READY, Standing.FAIL: Exit.BLOCKED}.get(ruling.standing, Exit.HOLD)


def _document(desk: Desk, data: Any, ruling: Ruling, *, kept: bool, calls: int, cost_usd: float) -> dict[str, Any]:
    return {
        "schema": "interlock.mutation.v1", "bundle": desk.loaded.bundle.digest, "status": ruling.standing.value,
        "seen": ruling.seen, "proves": ruling.proves, "asked": ruling.asked, "kept": kept, "calls": calls,
        "cost_usd": cost_usd, **data,
    }  # fmt: skip


def _list(desk: Desk, mutants: tuple[Mutant, ...], *, json: bool) -> int:
    suites = asked_suites(desk.loaded)
    first, every = (sum(len(suite.cases) for suite in some) for some in (sample(suites), suites))
    if json:
        rows = [
            {"id": m.id, "part": m.part.value, "kind": m.kind, "what": m.what, "files": sorted(m.changes)}
            for m in mutants
        ]
        show_json({"schema": "interlock.mutants.v1", "bundle": desk.loaded.bundle.digest, "sample": first,
                   "cases": every, "calls": desk.manifest.run.calls, "cost_cap_usd": desk.manifest.run.cost_cap_usd,
                   "mutants": rows})  # fmt: skip
    else:
        look = screen()
        show(list_lines(mutants, first, every, desk.manifest.run, width=look.width, unicode=look.unicode))
    return Exit.READY
