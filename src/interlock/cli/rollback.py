"""`interlock rollback`: the way back never asks."""

import asyncio
from typing import Annotated

from cyclopts import Parameter

from interlock.cli import Exit
from interlock.cli.session import (
    HERE,
    As,
    Bar,
    Bundle,
    Dir,
    Env,
    Json,
    bench_of,
    environment_of,
    records_of,
    show,
    show_json,
)  # fmt: skip
from interlock.core.digest import Digest, short
from interlock.core.errors import InterlockError
from interlock.core.manifest import Part
from interlock.core.pointer import Pointer, Rule, pointer_to_json
from interlock.ports import Records
from interlock.services.lock import Resolved
from interlock.services.parts import load_parts, release_of
from interlock.services.rollback import Rolled, live_pointer
from interlock.services.rollback import rollback as roll
from interlock.services.rollback import undo as undo_last
from interlock.services.shelf import fetch, resolve_digest
from interlock.services.smoke import SmokeResult, smoke
from interlock.services.subject import subject_under
from interlock.settings import Settings
from interlock.wiring import read_feature


def rollback(
    part: Annotated[
        Part | None, Parameter(help="The part to take back; without it the whole bundle goes back.")
    ] = None,
    /,
    *,
    env: Env = None,
    reason: Annotated[str, Parameter(help="What was seen.")] = "",
    to: Annotated[Bundle, Parameter(help="Digest of the bundle to return to, or to take the part from.")] = None,
    undo: Annotated[bool, Parameter(negative="", help="Take the last rollback back.")] = False,
    untested: Annotated[
        bool, Parameter(negative="", help="Break the glass: this combination was never tested.")
    ] = False,
    second: Annotated[str | None, Parameter(help="The second person, where an untested combination needs two.")] = None,
    no_smoke: Annotated[bool, Parameter(negative="", help="Skip the smoke set after the flip.")] = False,
    dir: Dir = HERE,
    actor: As = None,
    json: Json = False,
) -> int:
    """Go back at once: flip first, then run a smoke set against what is live now.

    R1 a bundle that was READY here returns at once; R2 a derived bundle of proven pairs is provisional; R3 an untested
    pair needs --untested and --reason; R4 a broken constraint is refused, with the parts that must go back together.
    """
    with records_of(dir, actor) as (settings, records):
        resolved, pointer, fault = _standing(settings, records, env)
        live, _ = fetch(records, pointer.stable)
        app = resolved.app if resolved else Digest("none")
        # The terms under which the live bundle went live; its files may be damaged, and the way back needs none of them.
        subject = subject_under(release_of(live), live, app, pointer.environment)
        if undo:
            done = undo_last(subject, records, reason=reason or "undo")
        else:
            done = roll(
                subject, records, part, reason=reason or "rollback", second=second, break_glass=untested and bool(reason),
                to=resolve_digest(records, to) if to else None,
            )  # fmt: skip
        after, after_tree = fetch(records, done.after.stable)
        result = SmokeResult(0, 0, 0, (), False, fault) if fault else None
        if resolved and not no_smoke:
            result = asyncio.run(
                smoke(load_parts(after, after_tree), resolved, records, bench_of(settings), Bar(quiet=json))
            )
        if json:
            show_json({
                "schema": "interlock.rollback.v1", "rule": done.way.rule.value, "parts": [p.value for p in done.parts],
                "pointer": pointer_to_json(done.after), "smoke": result.to_json() if result else None,
            })  # fmt: skip
        else:
            show(_lines(done, result))
    return Exit.PARTLY if result is not None and not result.good else Exit.READY


def _standing(settings: Settings, records: Records, env: str | None) -> tuple[Resolved | None, Pointer, str]:
    """What lies in the folder, what is live, and why the folder could not be read: half an edit stops no way back."""
    moved = [fact.body["pointer"] for fact in records.ledger.facts("pointer.moved")]
    known = {(row["environment"], row["feature"]) for row in moved if env in (None, row["environment"])}
    try:
        resolved, loaded, _ = read_feature(settings)
        if env is not None and env not in loaded.release.environments and (env, loaded.bundle.feature) in known:
            return resolved, live_pointer(records, env, loaded.bundle.feature), ""
    except InterlockError as error:
        if len(known) != 1:
            raise
        return None, live_pointer(records, *known.pop()), f"the folder cannot be read ({error.message})"
    return resolved, live_pointer(records, environment_of(loaded.release, env), loaded.bundle.feature), ""


_WHY = {
    Rule.R1: "it was READY here within its window",
    Rule.R2: "every interacting pair was proven before",
    Rule.R3: "glass broken: a pair was never tested together",
}


def _lines(done: Rolled, result: SmokeResult | None) -> list[str]:
    stays = [part.value for part in Part if part in done.way.bundle.components and part not in done.parts]
    lines = [
        f"{done.after.environment}  {short(done.before.stable)} -> {short(done.after.stable)}  generation {done.after.generation}",
        f"  went back: {', '.join(part.value for part in done.parts)}; stay: {', '.join(stays) or 'none'}",
        f"  rule {done.way.rule}: {_WHY[done.way.rule]}",
    ]
    if done.after.provisional_until:
        lines.append(
            f"  PROVISIONAL until {done.after.provisional_until:%Y-%m-%d %H:%M} UTC: by then `interlock check` must say READY for it"
        )
    if result is not None:
        lines.append("  " + result.line())
    lines.append(f"  undo: interlock rollback --undo --env {done.after.environment}")
    return lines
