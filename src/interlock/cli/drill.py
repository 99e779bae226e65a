"""`interlock drill`: rehearsals that leave evidence."""

import asyncio
from typing import Annotated

from cyclopts import Parameter

from interlock.cli.session import HERE, As, Dir, Env, Json, environment_of, note, records_of, show, show_json
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
    from interlock.core.catalogue import find_check
    from interlock.core.evidence import Method
    from interlock.core.rules import RULES, Standing
    from interlock.services.check import keep_evidence, subject_of
    from interlock.services.handoff import drill
    from interlock.wiring import read_feature

    with records_of(dir, actor) as (settings, records):
        resolved, loaded, lock = read_feature(settings)
        if lock is None or lock.digest != loaded.bundle.digest:
            raise UsageError(
                "the lock does not equal the bytes", hint="run `interlock lock` first: a drill is of locked bytes"
            )
        unknown = sorted(set(queue or ()) - set(loaded.answers.queues))
        if unknown:
            known = ", ".join(loaded.answers.queues)
            raise UsageError(
                f"there is no queue `{unknown[0]}` in the answer policy", hint=f"queues: {known or 'none'}"
            )
        subject = subject_of(loaded, loaded.bundle, resolved.app, environment_of(loaded, env))
        data = asyncio.run(
            drill(
                records, loaded, queue or loaded.answers.queues, lambda route: open_sink(route, settings.root), say=note
            )
        )
        keep_evidence(records, subject, "SAFE-06", data, Method.MEASURED)
        ruling = RULES["SAFE-06"](data, loaded.release.limits)
    if json:
        show_json({"schema": "interlock.drill.v1", "drill": "handoff", "outcome": ruling.standing.value, **data})
    else:
        show([f"{ruling.standing.value}  {find_check('SAFE-06').id}  {ruling.seen} → {ruling.proves}", *ruling.details])
    return {Standing.PASS: 0, Standing.FAIL: 1}.get(ruling.standing, 3)
