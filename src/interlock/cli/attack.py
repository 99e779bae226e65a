"""`interlock guard test`: the guard is attacked, and what got through is evidence."""

import asyncio

from interlock.cli import Exit
from interlock.cli.session import HERE, As, Bar, Dir, Json, bench_of, note, records_of, screen, show, show_json
from interlock.core.attack_rules import shares
from interlock.core.evidence import Method
from interlock.core.rules import RULES, Standing
from interlock.sdk.attack.run import run_attacks
from interlock.sdk.guard import Guard
from interlock.services.check import measurer_of, store
from interlock.services.lock import MANIFEST
from interlock.services.tool_probes import with_app
from interlock.views.attack import attack_lines
from interlock.wiring import measuring, open_desk


def attack(*, dir: Dir = HERE, actor: As = None, json: Json = False) -> int:
    """Attack the action map and the tools of this bundle, on a scratch store: no tool is called and no model asked.

    An app that declares `tool-probes` is also put calls that it has to refuse, as if its model had proposed them.

    Packs: prompt injection, tool-output injection, cross-tenant, spend abuse, approval abuse, schema abuse, definition rug pull.
    What is found is kept as evidence for ACT-01 to ACT-05. Exit code 0 when all of them pass, 1 when one fails, 3 when one is owed.
    """
    with records_of(dir, actor) as (settings, records):
        desk = open_desk(settings, records, bench_of(settings), Bar(quiet=json))
        guard = Guard.load(settings.root / MANIFEST)
        with measuring(settings):
            try:
                run = run_attacks(guard.policy, desk.progress)
                tried = asyncio.run(measurer_of(desk).probe_tools(desk.loaded))
            finally:
                desk.progress.finish()
            found = {**run.data, "ACT-01": with_app(run.data["ACT-01"], tried)}
            if desk.locked:
                environment = next(iter(desk.loaded.release.environments))
                for check, data in found.items():
                    store(desk, environment, desk.loaded.bundle, check, data, Method.MEASURED)
        rulings = {check: RULES[check](data, desk.loaded.release.limits) for check, data in found.items()}
        if not desk.locked:
            note("not kept as evidence: run `interlock lock`")
        if json:
            rows = [{"name": each.name, "of": each.of, "n": each.n} for each in shares(run.data["ACT-05"])]
            said = {
                check: {"status": each.standing.value, "seen": each.seen, "proves": each.proves, "asked": each.asked}
                for check, each in rulings.items()
            }
            show_json({
                "schema": "interlock.attack-run.v1", "bundle": desk.loaded.bundle.digest, "kept": desk.locked,
                "checks": said, "shares": rows, **run.data["ACT-05"],
            })  # fmt: skip
        else:
            look = screen()
            show(attack_lines(rulings, run.data["ACT-05"], width=look.width, color=look.color, unicode=look.unicode))
    standings = {each.standing for each in rulings.values()}
    if Standing.FAIL in standings:
        return Exit.BLOCKED
    return Exit.READY if standings == {Standing.PASS} else Exit.HOLD
