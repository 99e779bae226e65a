"""`interlock approvals`, `reject`, and the half of `approve` that is about effects."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from interlock.cli import Exit
from interlock.cli.session import HERE, As, Dir, Json, effects_of, show, show_json
from interlock.services import effect_people
from interlock.views.effects import approval_document, approval_lines


def approvals(
    id: Annotated[str | None, Parameter(help="Only this one.")] = None,
    /,
    *,
    tenant: Annotated[str | None, Parameter(help="Only this tenant's.")] = None,
    all: Annotated[bool, Parameter(name="--all", negative="", help="Also those that ended.")] = False,
    dir: Dir = HERE,
    json: Json = False,
) -> int:
    """Show the effects that wait for a person: what would run, where each value came from, amounts, time left. Exit 4 while some wait."""
    with effects_of(dir) as effects:
        waiting = effect_people.waiting(effects.store, effects.clock, tenant=tenant)
        found = effects.store.approvals(waiting=False, tenant=tenant) if all else waiting
        if id is not None:
            found = [effect_people.find_approval(effects.store, id)]
        now = effects.clock.now()
        if json:
            show_json([approval_document(each, now) for each in found])
        elif found:
            show([line for each in found for line in (*approval_lines(each, now), "")][:-1])
        else:
            show(["No effect waits for a person."])
    return Exit.WAITS if any(each.waits for each in waiting) else Exit.READY


def approve_effect(id: str, *, dir: Path, actor: str | None, json: bool) -> int:
    """One person's signed yes to an effect."""
    with effects_of(dir, actor) as effects:
        done = effect_people.approve_effect(effects.store, effects.clock, effects.signer, id, approver=effects.actor)
        now = effects.clock.now()
        if json:
            show_json(approval_document(done, now))
        else:
            rest = f"waits for {done.waits} more" if done.waits else "next: the app makes the same call again"
            show([*approval_lines(done, now), "", f"{effects.actor} approved {done.id}", rest])
    return Exit.WAITS if done.waits else Exit.READY


def reject(
    id: str,
    /,
    *,
    reason: Annotated[str, Parameter(help="Why not.")] = "",
    dir: Dir = HERE,
    actor: As = None,
    json: Json = False,
) -> int:
    """Refuse the effect ID with your key: until its time is up the same call is denied. Who asked for it may withdraw it."""
    with effects_of(dir, actor) as effects:
        done = effect_people.reject_effect(
            effects.store, effects.clock, effects.signer, id, by=effects.actor, reason=reason
        )
        if json:
            show_json(approval_document(done, effects.clock.now()))
        else:
            show([f"{effects.actor} rejected {done.id}: {done.request.action}"])
    return Exit.READY
