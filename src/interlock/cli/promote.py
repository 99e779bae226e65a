"""`interlock promote`, `approve` and `apply`: the way forward asks."""

from dataclasses import replace
from typing import Annotated

from cyclopts import Parameter

from interlock.cli import Exit
from interlock.cli.approvals import approve_effect
from interlock.cli.session import HERE, As, Dir, Json, environment_of, records_of, show, show_json
from interlock.core.digest import short
from interlock.core.pointer import Pointer, pointer_to_json
from interlock.ports import Records
from interlock.services.effect_people import is_effect_approval
from interlock.services.parts import load_parts, release_of
from interlock.services.promote import Plan, find_plan, propose
from interlock.services.promote import apply as apply_plan
from interlock.services.promote import approve as approve_plan
from interlock.services.shelf import fetch, keep
from interlock.services.subject import Subject, subject_under
from interlock.settings import Settings
from interlock.wiring import read_release, tree_of


def promote(
    environment: str,
    /,
    *,
    reason: Annotated[str, Parameter(help="Why this goes live now.")] = "",
    dir: Dir = HERE,
    actor: As = None,
    json: Json = False,
) -> int:
    """Plan to make the bundle in this folder live in ENVIRONMENT.

    Refused, with the checks that block, unless the verdict there is READY. Where nobody has to approve it is applied
    at once; otherwise the plan waits (exit 4) for `interlock approve PLAN` by somebody else.
    """
    with records_of(dir, actor) as (settings, records):
        resolved, release, lock = read_release(settings)
        bundle, locked = resolved.bundle, lock is not None and lock.digest == resolved.bundle.digest
        environment_of(release, environment)
        tree = tree_of(settings)
        if not locked:  # what is locked was read strictly when it was locked
            load_parts(bundle, tree)
        keep(records, bundle, tree)
        subject = replace(subject_under(release, bundle, resolved.app, environment), locked=locked)
        plan = propose(subject, records, reason=reason or "promotion")
        if plan.needs == 0:
            return _moved(apply_plan(subject, records, plan.id), plan, json=json)
        if json:
            show_json(_document(plan))
        else:
            show(
                [
                    *_lines(plan),
                    f"plan {plan.id} waits for {plan.waits} of {plan.needs} approvals, not by {plan.author}",
                    f"next: somebody else runs `interlock approve {plan.id} --as NAME`",
                ]
            )
        return Exit.WAITS


def approve(plan: str, /, *, dir: Dir = HERE, actor: As = None, json: Json = False) -> int:
    """Approve PLAN, or an effect (`ask-…`), with your key.

    You must not have proposed the plan, nor written a part that it changes; nor asked for the effect. An effect asks for a role,
    which your key must have: `interlock approvals` shows what waits.
    """
    if is_effect_approval(plan):
        return approve_effect(plan, dir=dir, actor=actor, json=json)
    with records_of(dir, actor) as (settings, records):
        found = find_plan(records, plan)
        done = approve_plan(_subject(settings, records, found), records, found.id, approver=records.actor)
        if json:
            show_json(_document(done))
        else:
            rest = f"waits for {done.waits} more" if done.waits else f"next: interlock apply {done.id}"
            show([f"{records.actor} approved plan {done.id}: {short(done.bundle)} in {done.environment}", rest])
    return Exit.WAITS if done.waits else Exit.READY


def apply(plan: str, /, *, dir: Dir = HERE, actor: As = None, json: Json = False) -> int:
    """Make an approved PLAN live: the verdict, the approvals and the generation are asked once more."""
    with records_of(dir, actor) as (settings, records):
        found = find_plan(records, plan)
        return _moved(apply_plan(_subject(settings, records, found), records, found.id), found, json=json)


def _subject(settings: Settings, records: Records, plan: Plan) -> Subject:
    """The planned bundle, whatever lies in the folder by now; the app build is the folder's."""
    bundle, _ = fetch(records, plan.bundle)
    return subject_under(release_of(bundle), bundle, read_release(settings)[0].app, plan.environment)


def _lines(plan: Plan) -> list[str]:
    before = short(plan.replaces) if plan.replaces else "nothing"
    return [
        f"{plan.feature}  {plan.environment}  {before} -> {short(plan.bundle)}",
        f"  changes: {', '.join(plan.changed)}",
        f"  reason:  {plan.reason}",
    ]


def _moved(pointer: Pointer, plan: Plan, *, json: bool) -> int:
    if json:
        show_json(pointer_to_json(pointer))
    else:
        approvers = f", approved by {', '.join(plan.approvals)}" if plan.approvals else ""
        show(
            [
                *_lines(plan),
                f"live: generation {pointer.generation} in {pointer.environment}, proposed by {plan.author}{approvers}",
            ]
        )
    return Exit.READY


def _document(plan: Plan) -> dict[str, object]:
    return {
        "schema": "interlock.promotion.v1", "plan": plan.id, "environment": plan.environment, "bundle": plan.bundle,
        "replaces": plan.replaces, "changed": list(plan.changed), "author": plan.author, "needs": plan.needs,
        "approvals": list(plan.approvals), "waits": plan.waits,
    }  # fmt: skip
