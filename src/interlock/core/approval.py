"""A person's yes to exactly one effect: bound to one digest, used once, for a limited time.

What is changed in the call, the labels, the bundle or the budget has another digest, and so is another request.
"""

import base64
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from interlock.core.digest import Digest, of_value
from interlock.core.effect import EffectRequest, request_from_json, request_to_json
from interlock.core.errors import ApprovalError
from interlock.core.terms import ApprovalTerms

PREFIX = "ask-"
"""What the id of a request begins with; no id of a promotion plan does."""

AGENT_ROLE = "agent"
"""A key with this role speaks for a program, and approves nothing."""


class ApprovalState(StrEnum):
    """Where a request for approval stands. The first two are open."""

    PENDING = "pending"
    APPROVED = "approved"
    CONSUMED = "consumed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


WAITING = frozenset({ApprovalState.PENDING, ApprovalState.APPROVED})


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's signed yes."""

    approver: str
    keyid: str
    roles: tuple[str, ...]
    at: datetime
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Approval:
    """A request for approval, and what became of it.

    binding: the digest that a yes is bound to. expires_at: the first moment at which it is too late. closed_by: who or what ended
    it. claim: the effect that consumed it.
    """

    id: str
    binding: Digest
    request: EffectRequest
    terms: ApprovalTerms
    state: ApprovalState
    created_at: datetime
    expires_at: datetime
    votes: tuple[Vote, ...] = ()
    closed_at: datetime | None = None
    closed_by: str = ""
    reason: str = ""
    claim: str = ""

    def __post_init__(self) -> None:
        if self.binding != self.request.binding:
            raise ValueError("an approval is bound to the request that it shows")

    @property
    def waits(self) -> int:
        """How many more people must agree."""
        return max(0, self.terms.count - len(self.votes)) if self.state in WAITING else 0

    def over(self, now: datetime) -> bool:
        """Whether its time is up."""
        return now >= self.expires_at

    def voted(self, vote: Vote, now: datetime) -> "Approval":
        """With one more yes. Raises: ApprovalError when this person may not give it, or it is too late."""
        _still_open(self, now)
        if fault := objection(self.request, self.terms, vote.approver, vote.roles):
            raise ApprovalError(fault, hint="another person approves: --as NAME")
        if any(_same_person(vote.approver, other.approver) for other in self.votes):
            raise ApprovalError(
                f"`{vote.approver}` approved `{self.id}` already", hint="another person approves: --as NAME"
            )
        votes = (*self.votes, vote)
        state = ApprovalState.APPROVED if len(votes) >= self.terms.count else ApprovalState.PENDING
        return replace(self, votes=votes, state=state)

    def rejected(self, by: str, roles: Collection[str], reason: str, now: datetime) -> "Approval":
        """Refused by somebody who might have agreed, or withdrawn by who asked. Raises: ApprovalError."""
        _still_open(self, now)
        withdraws = _same_person(by, self.request.principal)
        if not withdraws and (fault := objection(self.request, self.terms, by, roles)):
            raise ApprovalError(fault, hint="somebody with the role rejects: --as NAME")
        return self._closed(ApprovalState.REJECTED, now, by, reason)

    def consumed(self, claim: str, now: datetime) -> "Approval":
        """Used, once. Raises: ApprovalError when it is not approved, or too late."""
        if self.state is not ApprovalState.APPROVED or self.over(now):
            raise ApprovalError(f"`{self.id}` is {self.state} and cannot be used", hint="ask again")
        return replace(self._closed(ApprovalState.CONSUMED, now, self.request.principal, ""), claim=claim)

    def expired(self, now: datetime) -> "Approval":
        """Ended by time."""
        if not self.over(now):
            raise ValueError(f"`{self.id}` has time until {self.expires_at}")
        return self._closed(ApprovalState.EXPIRED, now, "time", "nobody used it in time")

    def superseded(self, now: datetime) -> "Approval":
        """Ended because the same effect was asked for with something changed."""
        return self._closed(ApprovalState.SUPERSEDED, now, self.request.principal, "the request was changed")

    def _closed(self, state: ApprovalState, now: datetime, by: str, reason: str) -> "Approval":
        if self.state not in WAITING:
            raise ApprovalError(f"`{self.id}` is {self.state} already", hint="interlock approvals --all")
        return replace(self, state=state, closed_at=now, closed_by=by, reason=reason)


def ask(request: EffectRequest, now: datetime, nonce: str) -> Approval:
    """A new request for approval. `nonce` tells two requests for the same thing apart.

    Raises: ValueError for a request without terms of approval.
    """
    terms = request.approval
    if terms is None:
        raise ValueError("the request has no terms of approval")
    said = {"binding": request.binding, "at": now.isoformat(), "nonce": nonce}
    id = PREFIX + of_value(said, "interlock.ask.v1").removeprefix("sha256:")[:12]
    expires = now + timedelta(seconds=terms.ttl_s)
    return Approval(id, request.binding, request, terms, ApprovalState.PENDING, now, expires)


def objection(request: EffectRequest, terms: ApprovalTerms, who: str, roles: Collection[str]) -> str:
    """Why this person's yes does not count; empty when it does."""
    if request.agent and _same_person(who, request.agent):
        return f"`{who}` is the agent that acts here"
    if AGENT_ROLE in roles:
        return f"the key of `{who}` speaks for a program"
    if terms.not_requester and _same_person(who, request.principal):
        return f"`{who}` asked for this"
    if not terms.role:
        mine = _same_person(who, request.principal)
        return "" if mine else f"`{request.principal}` confirms this, and nobody else"
    if terms.role not in roles:
        return f"the key of `{who}` does not have the role `{terms.role}`"
    return ""


def _same_person(one: str, other: str) -> bool:
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().strip()


def _still_open(approval: Approval, now: datetime) -> None:
    if approval.state not in WAITING:
        raise ApprovalError(f"`{approval.id}` is {approval.state} already", hint="interlock approvals --all")
    if approval.over(now):
        raise ApprovalError(
            f"`{approval.id}` ran out at {approval.expires_at:%Y-%m-%d %H:%M:%S} UTC", hint="the call is made again"
        )


def vote_statement(approval: Approval, at: datetime) -> dict[str, Any]:
    """What a person signs: this request, bound to exactly this call."""
    return {
        "approval": approval.id, "binding": approval.binding, "tenant": approval.request.tenant,
        "action": approval.request.action, "args_hash": approval.request.args_hash, "at": at.isoformat(),
    }  # fmt: skip


def confirmation_statement(approval: Approval, at: datetime) -> dict[str, Any]:
    """What an app signs when the person who is signed in to it confirms this very call."""
    return {**vote_statement(approval, at), "confirmed_by": approval.request.principal}


def approval_to_json(approval: Approval) -> dict[str, Any]:
    """The request for approval as plain JSON (schema `interlock.ask.v1`)."""
    return {
        "schema": "interlock.ask.v1", "id": approval.id, "binding": approval.binding,
        "request": request_to_json(approval.request),
        "terms": {
            "role": approval.terms.role, "count": approval.terms.count, "not_requester": approval.terms.not_requester,
            "ttl_s": approval.terms.ttl_s,
        },
        "state": approval.state.value, "created_at": approval.created_at.isoformat(),
        "expires_at": approval.expires_at.isoformat(),
        "votes": [
            {
                "approver": vote.approver, "keyid": vote.keyid, "roles": list(vote.roles), "at": vote.at.isoformat(),
                "envelope": base64.b64encode(vote.envelope).decode(),
            }
            for vote in approval.votes
        ],
        "closed_at": approval.closed_at.isoformat() if approval.closed_at else None,
        "closed_by": approval.closed_by, "reason": approval.reason, "claim": approval.claim,
    }  # fmt: skip


def approval_from_json(data: Mapping[str, Any]) -> Approval:
    """The inverse of `approval_to_json`."""
    return Approval(
        data["id"], data["binding"], request_from_json(data["request"]), ApprovalTerms(**data["terms"]),
        ApprovalState(data["state"]), datetime.fromisoformat(data["created_at"]),
        datetime.fromisoformat(data["expires_at"]),
        tuple(
            Vote(
                vote["approver"], vote["keyid"], tuple(vote["roles"]), datetime.fromisoformat(vote["at"]),
                base64.b64decode(vote["envelope"]),
            )
            for vote in data["votes"]
        ),
        datetime.fromisoformat(data["closed_at"]) if data["closed_at"] else None,
        data["closed_by"], data["reason"], data["claim"],
    )  # fmt: skip
