"""What became of an effect, and what a repeated call gets.

The promise: one effect or a surfaced `unknown`. A claim is written before the call; a lease that ran out makes the outcome
`unknown`, never a second call.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from interlock.core.budget import Account, account_from_json, account_to_json
from interlock.core.digest import Digest, of_value
from interlock.core.effect import EffectRequest, request_from_json, request_to_json
from interlock.core.terms import Retry


class State(StrEnum):
    """Of a claim. Only the first and the last are open."""

    IN_FLIGHT = "in_flight"
    COMPLETED = "completed"
    FAILED_BEFORE_EFFECT = "failed_before_effect"
    UNKNOWN = "unknown"


OPEN = frozenset({State.IN_FLIGHT, State.UNKNOWN})
"""States in which the budget stays held."""


class Arrival(StrEnum):
    """What a call finds under its key."""

    NEW = "new"
    RETRY = "retry"
    IN_PROGRESS = "in_progress"
    LAPSED = "lapsed"
    REPLAY = "replay"
    UNKNOWN = "unknown"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Happened:
    """A look at the other side showed that the effect happened; `result`: what a repeated call is answered with, plain JSON."""

    result: Any = None


@dataclass(frozen=True, slots=True)
class DidNotHappen:
    """A look at the other side showed that the effect did not happen and no longer can."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry out one effect once, and what came of it.

    number: counts the effects under one key whose windows do not touch, from 1. attempt: calls, from 1. owner: whoever calls.
    result: canonical JSON, None while there is none or when it was not kept. approval: the approval or grant that it used.
    accounts: on which the attempt reserved what it may use.
    doubtful: whether an earlier attempt may have happened, so that a refusal of a later one proves nothing.
    """

    tenant: str
    key: Digest
    number: int
    attempt: int
    state: State
    owner: str
    lease_until: datetime
    claimed_at: datetime
    request: EffectRequest
    settled_at: datetime | None = None
    settled_by: str = ""
    result: str | None = None
    reason: str = ""
    approval: str = ""
    accounts: tuple[Account, ...] = ()
    doubtful: bool = False

    def __post_init__(self) -> None:
        terms = self.request.idempotency
        if terms is None or terms.key != self.key or self.request.tenant != self.tenant:
            raise ValueError("a claim is on the effect that it names")
        if self.number < 1 or self.attempt < 1 or (self.state is State.IN_FLIGHT) != (self.settled_at is None):
            raise ValueError("a claim counts from 1, and is settled when it is no longer in flight")

    @property
    def id(self) -> Digest:
        """Its name; also what the other side may recognise a repeated call by (`Idempotency-Key`)."""
        return _claim_id(self.tenant, self.key, self.number)

    @property
    def terms_window(self) -> timedelta:
        """How long it is remembered once it is settled."""
        terms = self.request.idempotency
        assert terms is not None
        return timedelta(seconds=terms.window_s)

    def forgotten(self, now: datetime) -> bool:
        """Whether a call under its key is a new effect. What is open is never forgotten."""
        return self.state not in OPEN and self.settled_at is not None and now >= self.settled_at + self.terms_window

    def lapsed(self, now: datetime) -> bool:
        """Whether its owner should have settled it by now."""
        return self.state is State.IN_FLIGHT and now >= self.lease_until

    def retried(
        self, request: EffectRequest, *, owner: str, lease: timedelta, now: datetime, approval: str,
        accounts: tuple[Account, ...],
    ) -> "Claim":  # fmt: skip
        """The next attempt. What an unknown one held stays held, on its own accounts."""
        if self.state not in {State.FAILED_BEFORE_EFFECT, State.UNKNOWN}:
            raise ValueError(f"a claim that is {self.state} is not tried again")
        return replace(
            self, attempt=self.attempt + 1, state=State.IN_FLIGHT, owner=owner, lease_until=now + lease, request=request,
            settled_at=None, settled_by="", reason="", approval=approval,
            accounts=self.accounts if self.state is State.UNKNOWN else accounts,
            doubtful=self.doubtful or self.state is State.UNKNOWN,
        )  # fmt: skip

    def settled(self, state: State, *, by: str, at: datetime, result: str | None = None, reason: str = "") -> "Claim":
        """What is known of it now.

        Its owner's «failed before effect» says nothing of an earlier attempt that may have happened: the outcome stays
        unknown. Whoever looked (`by` is not the owner) knows of all attempts.

        Raises: ValueError when it is settled already, or the state settles nothing.
        """
        if self.state not in OPEN or state is State.IN_FLIGHT:
            raise ValueError(f"a claim that is {self.state} does not become {state}")
        if state is State.FAILED_BEFORE_EFFECT and self.doubtful and by == self.owner:
            state = State.UNKNOWN
        doubtful = self.doubtful and state is State.UNKNOWN
        return replace(
            self, state=state, settled_at=at, settled_by=by, result=result, reason=reason, doubtful=doubtful
        )  # fmt: skip


@lru_cache(maxsize=4096)
def _claim_id(tenant: str, key: Digest, number: int) -> Digest:
    return of_value({"tenant": tenant, "key": key, "number": number}, "interlock.claim.v1")


def arrive(claim: Claim | None, request: EffectRequest, now: datetime) -> Arrival:
    """What a call gets that finds this claim under its key.

    | found | same arguments | other arguments |
    |---|---|---|
    | nothing, or forgotten | new | new |
    | in flight, lease live | in progress | conflict |
    | in flight, lease over | lapsed: the outcome becomes unknown | conflict |
    | completed | replay of the stored result | conflict |
    | failed before effect | retry | conflict |
    | unknown | unknown; retry where the action is `safe` to repeat | conflict |

    Source: draft-ietf-httpapi-idempotency-key-header; an expired lease is no leave to repeat.
    """
    if claim is None or claim.forgotten(now):
        return Arrival.NEW
    if claim.request.args_hash != request.args_hash:
        return Arrival.CONFLICT
    match claim.state:
        case State.IN_FLIGHT:
            return Arrival.LAPSED if claim.lapsed(now) else Arrival.IN_PROGRESS
        case State.COMPLETED:
            return Arrival.REPLAY
        case State.FAILED_BEFORE_EFFECT:
            return Arrival.RETRY
        case State.UNKNOWN:
            safe = request.idempotency is not None and request.idempotency.retry is Retry.SAFE
            return Arrival.RETRY if safe else Arrival.UNKNOWN


def claim_to_json(claim: Claim) -> dict[str, Any]:
    """The claim as plain JSON (schema `interlock.claim.v1`)."""
    return {
        "schema": "interlock.claim.v1", "tenant": claim.tenant, "key": claim.key, "number": claim.number,
        "attempt": claim.attempt, "state": claim.state.value, "owner": claim.owner,
        "lease_until": claim.lease_until.isoformat(), "claimed_at": claim.claimed_at.isoformat(),
        "request": request_to_json(claim.request),
        "settled_at": claim.settled_at.isoformat() if claim.settled_at else None, "settled_by": claim.settled_by,
        "result": claim.result, "reason": claim.reason, "approval": claim.approval,
        "accounts": [account_to_json(account) for account in claim.accounts], "doubtful": claim.doubtful,
    }  # fmt: skip


def claim_from_json(data: Mapping[str, Any]) -> Claim:
    """The inverse of `claim_to_json`."""
    return Claim(
        data["tenant"], data["key"], data["number"], data["attempt"], State(data["state"]), data["owner"],
        datetime.fromisoformat(data["lease_until"]), datetime.fromisoformat(data["claimed_at"]),
        request_from_json(data["request"]),
        datetime.fromisoformat(data["settled_at"]) if data["settled_at"] else None,
        data["settled_by"], data["result"], data["reason"], data["approval"],
        tuple(account_from_json(account) for account in data["accounts"]), data["doubtful"],
    )  # fmt: skip
