"""Requests, grants and unknown outcomes as lines of text and as JSON: what a person needs to decide."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from interlock.core.approval import Approval, ApprovalState
from interlock.core.claim import Claim
from interlock.core.digest import short
from interlock.core.effect import EffectRequest
from interlock.core.grant import Grant
from interlock.core.terms import Retry


def shown(value: Any) -> str:
    """One value of a call on one line, hidden characters escaped.

    >>> shown("a" + chr(10) + "b"), shown(5)
    ('"a\\\\nb"', '5')
    """
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def approval_lines(approval: Approval, now: datetime) -> list[str]:
    """What is asked, what would run, and where each value came from."""
    request = approval.request
    return [
        f"{approval.id}  {request.action}  {_standing(approval, now)}",
        f"  for      {_plain(request.principal)} of {_plain(request.tenant)}, session {_plain(request.session)}, feature {_plain(request.feature)}",
        f"  runs     {request.tool}  [{request.effect}]  bundle {short(request.bundle)}",
        *_arguments(request),
        *(
            f"  budget   {each.meter} {each.amount} of at most {each.cap} per {', '.join(each.per)} in {_span(each.window_s)}"
            for each in request.budgets
        ),
        f"  why      {', '.join(request.codes) or 'the policy asks'}",
        f"  agreed   {', '.join(vote.approver for vote in approval.votes) or 'nobody yet'}",
    ]


def _arguments(request: EffectRequest) -> Iterator[str]:
    sources = {each.argument: each for each in request.sources}
    width = max((len(name) for name in request.call), default=0)
    for name, value in request.call.items():
        source = sources.get(name)
        where = "not classified" if source is None else f"{source.label}"
        quoted = f": {_plain(source.source)}" if source is not None and source.source else ""
        yield f"  argument {name:<{width}}  {shown(value)}  <- {where}{quoted}"


def _standing(approval: Approval, now: datetime) -> str:
    terms = approval.terms
    if approval.state in {ApprovalState.PENDING, ApprovalState.APPROVED}:
        left = max(0, int((approval.expires_at - now).total_seconds()))
        asks = (
            f"waits for {approval.waits} of {terms.count} by {terms.who}"
            if approval.waits
            else "approved, not used yet"
        )
        not_by = f", not by {_plain(approval.request.principal)}" if terms.not_requester and approval.waits else ""
        return f"{asks}{not_by}; {_span(left)} left"
    by = f" by {_plain(approval.closed_by)}" if approval.closed_by else ""
    return f"{approval.state}{by}{f': {_plain(approval.reason)}' if approval.reason else ''}"


def grant_lines(grant: Grant, now: datetime) -> list[str]:
    """What a grant covers, and how much of it is left."""
    whom = (
        f"{_plain(grant.principal)} of {_plain(grant.tenant)}"
        if grant.principal
        else f"everybody of {_plain(grant.tenant)}"
    )
    lines = [
        f"{grant.id}  {grant.action}  {grant.standing(now)}",
        f"  for      {whom}, where {' and '.join(_plain(str(each)) for each in grant.conditions)}",
        f"  uses     {grant.used} of {grant.uses}, until {grant.expires_at:%Y-%m-%d %H:%M} UTC",
        f"  given by {grant.grantor} for `{grant.role}`: {_plain(grant.reason)}",
    ]
    if grant.revoked_at is not None:
        lines.append(
            f"  revoked  {grant.revoked_at:%Y-%m-%d %H:%M} UTC by {grant.revoked_by}: {_plain(grant.revoked_for)}"
        )
    return lines


def claim_lines(claim: Claim) -> list[str]:
    """An effect whose outcome is not known, and what may be done about it."""
    request, terms = claim.request, claim.request.idempotency
    retry = terms.retry if terms else Retry.NEVER
    todo = {
        Retry.VERIFY: "the app's verify hook looks, or a person settles",
        Retry.SAFE: "may be called again: the action is safe to repeat",
        Retry.NEVER: "a person settles",
    }[retry]
    return [
        f"{short(claim.id)}  {request.action}  since {claim.claimed_at:%Y-%m-%d %H:%M:%S} UTC, attempt {claim.attempt}",
        f"  for      {_plain(request.principal)} of {_plain(request.tenant)}, session {_plain(request.session)}",
        f"  ran      {request.tool}",
        *_arguments(request),
        *(f"  held     {each.meter} {each.amount} per {', '.join(each.per)}" for each in request.budgets),
        f"  why      {_plain(claim.reason)}",
        f"  next     {todo}",
    ]


def approval_document(approval: Approval, now: datetime) -> dict[str, Any]:
    """A request for approval as JSON (schema `interlock.approval.v1`), without envelopes."""
    request = approval.request
    return {
        "schema": "interlock.approval.v1", "id": approval.id, "binding": approval.binding, "state": approval.state.value,
        "waits": approval.waits, "role": approval.terms.role, "count": approval.terms.count,
        "not_requester": approval.terms.not_requester, "created_at": approval.created_at.isoformat(),
        "expires_at": approval.expires_at.isoformat(),
        "seconds_left": max(0, int((approval.expires_at - now).total_seconds())),
        "approvals": [vote.approver for vote in approval.votes], "closed_by": approval.closed_by, "reason": approval.reason,
        "codes": list(request.codes), **_call_document(request),
    }  # fmt: skip


def claim_document(claim: Claim) -> dict[str, Any]:
    """An unknown outcome as JSON (schema `interlock.outcome.v1`)."""
    terms = claim.request.idempotency
    return {
        "schema": "interlock.outcome.v1", "claim": claim.id, "state": claim.state.value, "attempt": claim.attempt,
        "claimed_at": claim.claimed_at.isoformat(), "settled_at": claim.settled_at and claim.settled_at.isoformat(),
        "settled_by": claim.settled_by, "reason": claim.reason, "retry": terms.retry.value if terms else None,
        **_call_document(claim.request),
    }  # fmt: skip


def grant_document(grant: Grant, now: datetime) -> dict[str, Any]:
    """A grant as JSON (schema `interlock.grant.v1`), without its envelope."""
    return {
        "schema": "interlock.grant.v1", "id": grant.id, "standing": grant.standing(now), "tenant": grant.tenant,
        "action": grant.action, "principal": grant.principal, "conditions": [str(each) for each in grant.conditions],
        "role": grant.role, "uses": grant.uses, "used": grant.used, "created_at": grant.created_at.isoformat(),
        "expires_at": grant.expires_at.isoformat(), "grantor": grant.grantor, "reason": grant.reason,
        "revoked_by": grant.revoked_by,
    }  # fmt: skip


def _call_document(request: EffectRequest) -> dict[str, Any]:
    sources = {each.argument: each for each in request.sources}
    return {
        "action": request.action, "effect": request.effect.value, "tool": request.tool, "bundle": request.bundle,
        "feature": request.feature, "tenant": request.tenant, "principal": request.principal, "session": request.session,
        "arguments": {
            name: {
                "value": value, "label": sources[name].label.value if name in sources else None,
                "source": sources[name].source if name in sources else "",
            }
            for name, value in request.call.items()
        },
        "budgets": [
            {"meter": each.meter, "per": list(each.per), "amount": each.amount, "cap": each.cap, "window_s": each.window_s}
            for each in request.budgets
        ],
    }  # fmt: skip


def _plain(text: str) -> str:
    """Text of others on one line, hidden characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _span(seconds: int) -> str:
    """A time in its largest fitting units.

    >>> _span(5400), _span(86400), _span(59)
    ('1 h 30 min', '1 d', '59 s')
    """
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        if seconds >= size:
            parts.append(f"{seconds // size} {unit}")
            seconds %= size
    return " ".join(parts[:2]) or "0 s"
