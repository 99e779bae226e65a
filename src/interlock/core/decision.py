"""The guard's answer to one proposed call, with all that the life of an effect needs to go on from it.

A decision is a value: nothing was done yet. It carries the bytes that were judged, so that nothing else is forwarded.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal

from interlock.core.actions import Effect
from interlock.core.digest import Digest
from interlock.core.provenance import Origin

Mode = Literal["enforce", "shadow"]
"""Whether a decision stops a call, or is only written down."""


class Verdict(StrEnum):
    """What becomes of a call, from the weakest to the strongest; the strongest that any rule says stands.

    `rank` is 0 for allow and 4 for deny.

    >>> Verdict.ALLOW.rank < Verdict.REPLAY.rank < Verdict.ASK.rank < Verdict.ESCALATE.rank < Verdict.DENY.rank
    True
    """

    rank: int

    ALLOW = "allow"
    REPLAY = "replay"
    ASK = "ask"
    ESCALATE = "escalate"
    DENY = "deny"


for _rank, _verdict in enumerate(Verdict):
    _verdict.rank = _rank


def join(*verdicts: Verdict) -> Verdict:
    """The strongest of some verdicts; of none, allow: nobody objects.

    >>> join(Verdict.ASK, Verdict.DENY, Verdict.ALLOW).value
    'deny'
    """
    return max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.ALLOW)


@dataclass(frozen=True, slots=True)
class BudgetAsk:
    """What one call would use of one budget; to be reserved before it and settled after it.

    Args:
        meter: `calls`, `distinct`, the name of a quantity argument, or what the host measures (`tokens`, `rows`).
        per: whose budget: any of `tenant`, `principal`, `session`, `feature`.
        window_s: seconds, at least 1.
        cap: the most that may be used and held in the window, at least 1.
        amount: what this call asks for, at least 0, in the unit of the meter.
        members: with the meter `distinct`, the digests of the values that count once each; `amount` is their number.
    """

    meter: str
    per: tuple[str, ...]
    window_s: int
    cap: int
    amount: int
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sameness:
    """What makes two calls the same effect.

    Args:
        key: the digest of tenant, action and the business fields; the model cannot choose it.
        fields: the arguments that are part of it.
        window_s: how long a second call with this key is the same, in seconds.
        retry: what to do when the outcome is not known: `verify`, `safe` or `never`.
    """

    key: Digest
    fields: tuple[str, ...]
    window_s: int
    retry: Literal["verify", "safe", "never"]


@dataclass(frozen=True, slots=True)
class ApprovalTerms:
    """Who may answer the question, and how long it stands.

    Args:
        role: the team that decides; empty when the person of the session confirms it.
        count: how many different people, at least 1.
        exclude: who of them may not; `requester` is the person of the session.
        ttl_s: seconds, at least 1.
    """

    role: str
    count: int
    exclude: tuple[str, ...]
    ttl_s: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What the guard says of one proposed call. Equal calls in equal sessions give equal decisions, latency apart.

    Args:
        verdict: the strongest that any rule says.
        codes: why, as stable words, in alphabetical order; empty for a plain allow.
        why: the same in sentences, one for each code.
        tool: the name that was called.
        action: the domain action, empty when no row of the map is for this tool.
        effect: what the action changes, None when there is no action.
        tool_digest: the definition that the arguments were validated against, empty without one.
        arguments: canonical JSON of the arguments that were judged; empty bytes when they could not be read.
        provenance: for each argument with a source, where its value was found; parts of lists as `to[0]`.
        budgets: what to reserve. sameness: what makes a second call the same one; None for what changes nothing.
        approval: who is asked, when the verdict is ask. queue: who takes over, when it is escalate.
        tenant, principal, session, roles, feature: as the authenticated session says, never the model.
        policy: the digest of the map, the tools and the words that decided.
        facts: what the table looked at, for the record; see `core/table.py`.
        latency_us: how long it took, 0 where nobody measured.
    """

    verdict: Verdict
    codes: tuple[str, ...]
    why: tuple[str, ...]
    tool: str
    action: str = ""
    effect: Effect | None = None
    tool_digest: str = ""
    arguments: bytes = b""
    provenance: Mapping[str, Origin] = field(default_factory=lambda: MappingProxyType({}))
    budgets: tuple[BudgetAsk, ...] = ()
    sameness: Sameness | None = None
    approval: ApprovalTerms | None = None
    queue: str = ""
    tenant: str = ""
    principal: str = ""
    session: str = ""
    roles: tuple[str, ...] = ()
    feature: str = ""
    policy: str = ""
    mode: Mode = "enforce"
    facts: Any = None
    latency_us: float = 0.0

    @property
    def runs(self) -> bool:
        """Whether the call may be made now: allowed, or only watched."""
        return self.verdict is Verdict.ALLOW or self.mode == "shadow"

    @property
    def forwarded(self) -> dict[str, Any]:
        """The arguments that the tool gets: read from exactly the bytes that were judged. Raises ValueError without any."""
        value: dict[str, Any] = json.loads(self.arguments)
        return value
