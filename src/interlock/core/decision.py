"""The guard's answer to one proposed call, with all that the life of an effect needs to go on from it.

A decision is a value: nothing was done yet. It carries the bytes that were judged, so that nothing else is forwarded.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

from interlock.core.actions import Effect
from interlock.core.budget import BudgetAsk
from interlock.core.provenance import Origin
from interlock.core.terms import ApprovalTerms, CallVerdict, IdempotencyTerms

Mode = Literal["enforce", "shadow"]
"""Whether a decision stops a call, or is only written down."""


class Needs(Protocol):
    """What an effect takes, if it is made; most decisions are only looked at."""

    def budgets(self) -> tuple[BudgetAsk, ...]:
        """What to reserve."""
        ...

    def idempotency(self) -> IdempotencyTerms | None:
        """What makes a second call the same one."""
        ...


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
        needs: what the effect takes, worked out when somebody asks: see `budgets` and `idempotency`. None for what is denied.
        approval: who is asked, when the verdict is ask. queue: who takes over, when it is escalate.
        tenant, principal, session, roles, feature: as the authenticated session says, never the model.
        policy: the digest of the map, the tools and the words that decided.
        facts: what the table looked at, for the record; see `core/table.py`.
        latency_us: how long it took, 0 where nobody measured.
    """

    verdict: CallVerdict
    codes: tuple[str, ...]
    why: tuple[str, ...]
    tool: str
    action: str = ""
    effect: Effect | None = None
    tool_digest: str = ""
    arguments: bytes = b""
    provenance: Mapping[str, Origin] = field(default_factory=lambda: MappingProxyType({}))
    needs: Needs | None = field(default=None, compare=False)  # they follow from the rest
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
    def budgets(self) -> tuple[BudgetAsk, ...]:
        """What to reserve before the call is made."""
        return () if self.needs is None else self.needs.budgets()

    @property
    def idempotency(self) -> IdempotencyTerms | None:
        """What makes a second call the same one; None for what changes nothing."""
        return None if self.needs is None else self.needs.idempotency()

    @property
    def runs(self) -> bool:
        """Whether the call may be made now: allowed, or only watched."""
        return self.verdict is CallVerdict.ALLOW or self.mode == "shadow"

    @property
    def forwarded(self) -> dict[str, Any]:
        """The arguments that the tool gets: read from exactly the bytes that were judged. Raises ValueError without any."""
        value: dict[str, Any] = json.loads(self.arguments)
        return value
