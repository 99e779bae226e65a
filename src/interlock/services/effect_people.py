"""What people decide about effects: approve, reject, grant in advance, take a grant back."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from interlock.core.approval import (
    AGENT_ROLE,
    PREFIX,
    Approval,
    ApprovalState,
    Vote,
    confirmation_statement,
    vote_statement,
)
from interlock.core.errors import ApprovalError, UsageError
from interlock.core.grant import Grant, GrantCondition, grant_id, grant_statement
from interlock.ports import Clock, EffectStore, Signer
from interlock.services.effect_claim import APPROVAL_KIND, CONFIRMATION_KIND, GRANT_KIND, put_closed

REJECTION_KIND = "effect-rejection"
REVOCATION_KIND = "effect-revocation"


def is_effect_approval(id: str) -> bool:
    """Whether an id names a request for approval of an effect, and not a plan of a promotion."""
    return id.startswith(PREFIX)


def waiting(store: EffectStore, clock: Clock, *, tenant: str | None = None) -> Sequence[Approval]:
    """Requests that somebody should look at, oldest first; what ran out is closed on the way."""
    found = []
    for approval in store.approvals(waiting=True, tenant=tenant):
        if not approval.over(clock.now()):
            found.append(approval)
            continue
        with store.transaction(approval.request.tenant) as turn:
            now, current = clock.now(), turn.approval(approval.id)
            if current == approval and current.over(now):
                put_closed(turn, current, current.expired(now), now)
    return found


def find_approval(store: EffectStore, id: str) -> Approval:
    """A request by its id, or the beginning of it: `ask-` and 4 digits or more. Raises: UsageError."""
    found = [each for each in store.approvals(waiting=False) if each.id.startswith(id)] if len(id) >= 8 else []
    if len(found) != 1:
        open_ = ", ".join(each.id for each in store.approvals(waiting=True)) or "none"
        raise UsageError(f"there is no request for approval `{id}`", hint=f"requests that wait: {open_}")
    return found[0]


def approve_effect(store: EffectStore, clock: Clock, signer: Signer, id: str, *, approver: str) -> Approval:
    """One person's signed yes to exactly this call.

    Raises: UsageError when there is no such request; ApprovalError when it is closed or too late, or this person may not: the
        requester, the agent, somebody without the role, or who approved already; EvidenceError when they cannot sign.
    """
    found = find_approval(store, id)
    now = clock.now()
    envelope = signer.sign(vote_statement(found, now), kind=APPROVAL_KIND, name=approver)
    _, signature = signer.open(envelope, kind=APPROVAL_KIND)
    return _voted(
        store, clock, found, Vote(signature.name, signature.keyid, tuple(sorted(signature.roles)), now, envelope)
    )


def _voted(store: EffectStore, clock: Clock, found: Approval, vote: Vote) -> Approval:
    with store.transaction(found.request.tenant) as turn:
        current = turn.approval(found.id)
        if current is None or current.binding != found.binding:
            raise ApprovalError(f"`{found.id}` changed since it was read", hint="look at it again")
        after = current.voted(vote, clock.now())
        turn.put_approval(after, replaces=current)
        body = {
            "approval": after.id, "state": after.state.value, "by": vote.approver, "keyid": vote.keyid, "reason": "",
            "binding": after.binding, "waits": after.waits,
        }  # fmt: skip
        turn.append("approval", body, at=vote.at)
    return after


def confirm_effect(
    store: EffectStore, clock: Clock, signer: Signer, id: str, *, tenant: str, principal: str
) -> Approval:
    """The yes of the person of the session to a question that is theirs to answer, under the word of the app that knows them.

    Args:
        tenant, principal: as the app's authentication says.
    Raises: UsageError when there is no such request of theirs; ApprovalError when it is closed, too late, or not theirs to
        confirm; EvidenceError when the app cannot sign.
    """
    found = find_approval(store, id)
    if (found.request.tenant, found.request.principal) != (tenant, principal):
        raise UsageError(
            f"there is no request for approval `{id}` of `{principal}`", hint="confirm in the same session"
        )
    if found.terms.role:
        raise ApprovalError(f"`{found.id}` waits for {found.terms.who}", hint=f"interlock approve {found.id} --as NAME")
    now = clock.now()
    envelope = signer.sign(confirmation_statement(found, now), kind=CONFIRMATION_KIND)
    _, signature = signer.open(envelope, kind=CONFIRMATION_KIND)
    if AGENT_ROLE in signature.roles:
        raise ApprovalError(f"the key of `{signature.name}` speaks for a program", hint="the app has a key of its own")
    return _voted(store, clock, found, Vote(principal, signature.keyid, (), now, envelope))


def reject_effect(
    store: EffectStore, clock: Clock, signer: Signer, id: str, *, by: str, reason: str
) -> Approval:  # fmt: skip
    """One person's no, which ends the request: until its time is up the same call is denied. Who asked may withdraw it.

    Raises: UsageError, ApprovalError, EvidenceError.
    """
    found = find_approval(store, id)
    now = clock.now()
    envelope = signer.sign({**vote_statement(found, now), "reason": reason}, kind=REJECTION_KIND, name=by)
    _, signature = signer.open(envelope, kind=REJECTION_KIND)
    with store.transaction(found.request.tenant) as turn:
        current = turn.approval(found.id)
        if current is None:
            raise ApprovalError(f"`{found.id}` is gone", hint="interlock approvals")
        after = current.rejected(signature.name, signature.roles, reason, clock.now())
        put_closed(turn, current, after, now, proof=base64.b64encode(envelope).decode())
    assert after.state is ApprovalState.REJECTED
    return after


def give_grant(
    store: EffectStore, clock: Clock, signer: Signer, *, tenant: str, action: str, conditions: Sequence[GrantCondition],
    role: str, uses: int, ttl_s: int, grantor: str, reason: str, principal: str = "",
) -> Grant:  # fmt: skip
    """A signed yes in advance.

    Raises: UsageError when a term is missing; ApprovalError when the grantor's key does not have the role; EvidenceError.
    """
    if not conditions:
        raise UsageError("a grant needs a condition on an argument", hint="--where 'amount_minor<=5000'")
    if uses < 1 or ttl_s < 1 or not reason.strip():
        raise UsageError("a grant needs a use, some time and a reason", hint="--uses 10 --ttl 8h --reason TEXT")
    now = clock.now()
    blank = Grant(
        "grant-", tenant, action, principal, tuple(conditions), role, uses, now + timedelta(seconds=ttl_s), now, grantor,
        reason,
    )  # fmt: skip
    said = grant_statement(blank)
    envelope = signer.sign(said, kind=GRANT_KIND, name=grantor)
    _, signature = signer.open(envelope, kind=GRANT_KIND)
    if role not in signature.roles:
        raise ApprovalError(
            f"the key of `{grantor}` does not have the role `{role}`", hint="somebody with the role grants: --as NAME"
        )
    grant = replace(blank, id=grant_id(said), roles=tuple(sorted(signature.roles)), envelope=envelope)
    with store.transaction(tenant) as turn:
        turn.put_grant(grant, replaces=None)
        turn.append("grant", {"grant": grant.id, "state": "given", "by": grantor, **said}, at=now)
    return grant


def revoke_grant(store: EffectStore, clock: Clock, signer: Signer, id: str, *, by: str, reason: str) -> Grant:
    """Take a grant back; anybody with a trusted key may. Raises: UsageError, ApprovalError, EvidenceError."""
    found = [each for each in store.grants() if each.id.startswith(id)] if len(id) >= 10 else []
    if len(found) != 1:
        raise UsageError(f"there is no grant `{id}`", hint="interlock grant --list")
    now = clock.now()
    said = {"grant": found[0].id, "reason": reason, "at": now.isoformat()}
    envelope = signer.sign(said, kind=REVOCATION_KIND, name=by)
    signer.open(envelope, kind=REVOCATION_KIND)
    with store.transaction(found[0].tenant) as turn:
        current = turn.grant(found[0].id)
        if current is None:
            raise ApprovalError(f"`{found[0].id}` is gone", hint="interlock grant --list")
        after = current.revoked(by, reason, now)
        turn.put_grant(after, replaces=current)
        proof = base64.b64encode(envelope).decode()
        turn.append("grant", {**said, "state": "revoked", "by": by, "proof": proof}, at=now)
    return after
