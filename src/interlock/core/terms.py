"""What the guard says of a call, and on which terms an effect may happen: who must agree, and what makes two calls the same one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from interlock.core.digest import Digest, of_value, parse_digest

KEY_DOMAIN = "interlock.idempotency.v1"
"""What the keys of effects are digests under."""


class CallVerdict(StrEnum):
    """What the guard says of one call, weakest first; of several the strongest stands.

    `rank` is 0 for allow and 4 for deny.

    >>> CallVerdict.ALLOW.rank < CallVerdict.REPLAY.rank < CallVerdict.ASK.rank < CallVerdict.DENY.rank
    True
    """

    rank: int  # an attribute and no property: it is asked for in every decision

    ALLOW = "allow"
    REPLAY = "replay"
    ASK = "ask"
    ESCALATE = "escalate"
    DENY = "deny"


for _rank, _verdict in enumerate(CallVerdict):
    _verdict.rank = _rank


def join(*verdicts: CallVerdict) -> CallVerdict:
    """The strongest of some verdicts; of none, allow: nobody objects.

    >>> join(CallVerdict.ASK, CallVerdict.DENY, CallVerdict.ALLOW).value
    'deny'
    """
    return max(verdicts, key=lambda verdict: verdict.rank, default=CallVerdict.ALLOW)


class Retry(StrEnum):
    """What may be done with an outcome that is not known: look, call again, or wait for a person."""

    VERIFY = "verify"
    SAFE = "safe"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class IdempotencyTerms:
    """What makes two calls the same effect.

    key: derived by the guard (`idempotency_key`), never chosen by the model. window_s: how long after it was settled an effect is
    remembered, at least 1 second. fields: the arguments that are part of the key, for people.
    """

    key: Digest
    window_s: int
    retry: Retry
    fields: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        parse_digest(self.key)
        if type(self.window_s) is not int or self.window_s < 1:
            raise ValueError("`window_s` must be an integer of at least 1")


def idempotency_key(tenant: str, action: str, fields: Mapping[str, Any]) -> Digest:
    """The name of an effect by its business fields; where an action has none, by run and step.

    Args:
        fields: plain JSON values, like order and amount.
    Raises: NotCanonical.
    """
    return of_value({"tenant": tenant, "action": action, "fields": dict(fields)}, KEY_DOMAIN)


@dataclass(frozen=True, slots=True)
class ApprovalTerms:
    """Who must agree: how many different people with a role, within how many seconds (1 or more).

    role: empty where the person of the session confirms it themselves, and nobody else can; then one is enough.
    """

    role: str
    count: int
    not_requester: bool
    ttl_s: int

    def __post_init__(self) -> None:
        if self.count < 1 or self.ttl_s < 1:
            raise ValueError("an approval needs at least one person and at least one second")
        if not self.role and (self.count > 1 or self.not_requester):
            raise ValueError("what the person of the session confirms is confirmed by them alone")

    @property
    def who(self) -> str:
        """Who must agree, in words.

        >>> ApprovalTerms("finance", 2, True, 60).who, CONFIRM.who
        ('`finance`', 'the person of the session')
        """
        return f"`{self.role}`" if self.role else "the person of the session"


CONFIRM = ApprovalTerms(role="", count=1, not_requester=False, ttl_s=1800)
"""Who answers a question about a source where the map names nobody: the person of the session, within 30 minutes."""
