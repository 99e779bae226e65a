"""`interlock grant`: a yes in advance."""

from typing import Annotated

from cyclopts import Parameter

from interlock.cli import Exit
from interlock.cli.session import HERE, As, Dir, Json, effects_of, show, show_json
from interlock.core.actions import seconds
from interlock.core.errors import UsageError
from interlock.core.grant import parse_condition
from interlock.services.effect_people import give_grant, revoke_grant
from interlock.views.effects import grant_document, grant_lines


def grant(
    action: Annotated[str | None, Parameter(help="The action of the action map that is granted.")] = None,
    /,
    *,
    tenant: Annotated[str | None, Parameter(help="For whom; with --list, whose.")] = None,
    where: Annotated[
        list[str] | None, Parameter(help="A bound on an argument, like amount_minor<=5000 (repeatable).")
    ] = None,
    role: Annotated[str | None, Parameter(help="The role that the action asks for and your key has.")] = None,
    uses: Annotated[int, Parameter(help="How many effects, at least 1.")] = 1,
    ttl: Annotated[str, Parameter(help="For how long: 30m, 8h, 2d.")] = "8h",
    principal: Annotated[str, Parameter(help="Only for calls on behalf of this principal.")] = "",
    reason: Annotated[str, Parameter(help="Why it is given, or taken back.")] = "",
    revoke: Annotated[str | None, Parameter(help="Take this grant back.")] = None,
    list_: Annotated[bool, Parameter(name="--list", negative="", help="Show every grant.")] = False,
    dir: Dir = HERE,
    actor: As = None,
    json: Json = False,
) -> int:
    """Approve effects of ACTION in advance: within bounds, a few times, for a while. It stands for one person's approval, never for two."""
    if sum((action is not None, revoke is not None, list_)) != 1:
        raise UsageError("name an action to grant, or --revoke ID, or --list", hint="interlock grant --help")
    with effects_of(dir, actor) as effects:
        store, clock, signer, who = effects.store, effects.clock, effects.signer, effects.actor
        if list_:
            found = list(store.grants(tenant=tenant))
        elif revoke is not None:
            found = [revoke_grant(store, clock, signer, revoke, by=who, reason=reason)]
        elif action is None or not tenant or not role:
            raise UsageError("a grant needs a tenant and a role", hint="--tenant NAME --role NAME")
        else:
            found = [
                give_grant(
                    store, clock, signer, tenant=tenant, action=action, role=role, uses=uses, ttl_s=_seconds(ttl),
                    conditions=[parse_condition(each) for each in where or ()], grantor=who, reason=reason,
                    principal=principal,
                )
            ]  # fmt: skip
        now = clock.now()
        if json:
            documents = [grant_document(each, now) for each in found]
            show_json(documents if list_ else documents[0])
        else:
            show([line for each in found for line in grant_lines(each, now)] or ["No grant yet."])
    return Exit.READY


def _seconds(text: str) -> int:
    try:
        return seconds(text)
    except ValueError as cause:
        raise UsageError(f"`{text}` is no duration", hint="write 30m, 8h or 2d") from cause
