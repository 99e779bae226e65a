"""`interlock drill`: rehearsals that leave evidence."""

import asyncio
from typing import Annotated

from cyclopts import Parameter

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
    show,
    show_json,
)
from interlock.core.errors import UsageError


def handoff(
    *,
    queue: Annotated[
        list[str] | None, Parameter(help="Only this queue (repeatable). Default: all of the policy.")
    ] = None,
    env: Env = None,
    actor: As = None,
    dir: Dir = HERE,
    json: Json = False,
) -> int:
    """Send a real handoff to each queue and wait until somebody of its team acknowledges it (SAFE-06)."""
    from interlock.adapters.handoff import open_sink
    from interlock.core.evidence import Method
    from interlock.core.rules import RULES, Standing
    from interlock.services.check import store
    from interlock.services.handoff import drill
    from interlock.wiring import open_desk

    with records_of(dir, actor) as (settings, records):
        desk = open_desk(settings, records, bench_of(settings), Bar(quiet=True))
        if not desk.locked:
            raise UsageError(
                "the lock does not equal the bytes", hint="run `interlock lock` first: a drill is of locked bytes"
            )
        loaded, queues = desk.loaded, queue or desk.loaded.answers.queues
        unknown = sorted(set(queues) - set(loaded.answers.queues))
        if unknown:
            known = ", ".join(loaded.answers.queues)
            raise UsageError(
                f"there is no queue `{unknown[0]}` in the answer policy", hint=f"queues: {known or 'none'}"
            )
        environment = environment_of(loaded.release, env)
        data = asyncio.run(drill(records, loaded, queues, lambda route: open_sink(route, settings.root), say=note))
        store(desk, environment, loaded.bundle, "SAFE-06", data, Method.MEASURED)
        ruling = RULES["SAFE-06"](data, loaded.release.limits)
    if json:
        show_json({"schema": "interlock.drill.v1", "drill": "handoff", "outcome": ruling.standing.value, **data})
    else:
        show([f"{ruling.standing.value}  SAFE-06  {ruling.seen} → {ruling.proves}", *ruling.details])
    return {Standing.PASS: 0, Standing.FAIL: 1}.get(ruling.standing, 3)
