"""A person's yes in advance: to a few effects of one action, within bounds, for a while, until it is taken back."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from interlock.core.approval import objection
from interlock.core.digest import of_value
from interlock.core.effect import EffectRequest
from interlock.core.errors import ApprovalError, UsageError
from interlock.core.terms import CallVerdict

PREFIX = "grant-"
Operator = Literal["=", "<=", ">=", "<", ">"]
_CONDITION = re.compile(r"(?P<argument>[^\s=<>]+)\s*(?P<operator><=|>=|=|<|>)\s*(?P<value>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class GrantCondition:
    """What must hold of one argument. Order compares integers only; a missing or ill-typed argument never matches."""

    argument: str
    operator: Operator
    value: str | int | bool

    def __post_init__(self) -> None:
        if not self.argument or (self.operator != "=" and type(self.value) is not int):
            raise ValueError("a condition names an argument, and orders integers only")

    def holds(self, call: Mapping[str, Any]) -> bool:
        """Whether the arguments of a call meet it.

        >>> GrantCondition("amount_minor", "<=", 5000).holds({"amount_minor": 5000})
        True
        >>> [GrantCondition("amount_minor", "<=", 5000).holds(each) for each in ({}, {"amount_minor": "1"}, {"amount_minor": True})]
        [False, False, False]
        """
        given = call.get(self.argument)
        if type(given) is not type(self.value) or given is None:
            return False
        if self.operator == "=":
            return bool(given == self.value)
        assert isinstance(given, int)
        assert isinstance(self.value, int)
        return {
            "<=": given <= self.value,
            ">=": given >= self.value,
            "<": given < self.value,
            ">": given > self.value,
        }[self.operator]

    def __str__(self) -> str:
        value = str(self.value).lower() if isinstance(self.value, bool) else self.value
        return f"{self.argument} {self.operator} {value}"


def parse_condition(text: str) -> GrantCondition:
    """A condition as a person writes it: digits are an integer, `true` and `false` truth values, quotes make text of them.

    Raises: UsageError.

    >>> str(parse_condition("amount_minor<=5000")), parse_condition('code="12"').value
    ('amount_minor <= 5000', '12')
    """
    hint = "write `amount_minor<=5000` or `order_id=W123`; with <, <=, > and >= an integer"
    found = _CONDITION.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"`{text}` is no condition", hint=hint)
    said = found["value"].strip()
    value: str | int | bool = said
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,15})", said):
        value = int(said)
    elif said in {"true", "false"}:
        value = said == "true"
    elif len(said) > 1 and said[0] == said[-1] == '"':
        value = said[1:-1]
    try:
        return GrantCondition(found["argument"], found["operator"], value)  # type: ignore[arg-type]  # the pattern allows no other
    except ValueError as cause:
        raise UsageError(f"`{text}` is no condition", hint=hint) from cause


@dataclass(frozen=True, slots=True)
class Grant:
    """A standing approval, signed by the person who gave it.

    Args:
        principal: whose calls it is for; empty: any of the tenant's.
        conditions: at least one; all must hold.
        role: that the approval of the action asks for, and that the grantor's key has.
        uses: how many effects it covers, at least 1. used: how many it covered.
        expires_at: the first moment at which it covers no more.
    """

    id: str
    tenant: str
    action: str
    principal: str
    conditions: tuple[GrantCondition, ...]
    role: str
    uses: int
    expires_at: datetime
    created_at: datetime
    grantor: str
    reason: str
    roles: tuple[str, ...] = ()
    envelope: bytes = b""
    used: int = 0
    revoked_at: datetime | None = None
    revoked_by: str = ""
    revoked_for: str = ""

    def __post_init__(self) -> None:
        if not (self.tenant and self.action and self.conditions and self.role and self.grantor):
            raise ValueError("a grant names a tenant, an action, a condition, a role and who gives it")
        if self.uses < 1 or not 0 <= self.used <= self.uses or self.expires_at <= self.created_at:
            raise ValueError("a grant has at least one use and some time, and is not used more often than that")

    def standing(self, now: datetime) -> str:
        """`active`, `revoked`, `expired` or `used up`."""
        if self.revoked_at is not None:
            return "revoked"
        if now >= self.expires_at:
            return "expired"
        return "used up" if self.used >= self.uses else "active"

    def covers(self, request: EffectRequest, now: datetime) -> bool:
        """Whether it stands for the approval that this request needs. It is one person's yes: where two must agree it does not."""
        terms = request.approval
        return (
            request.verdict is CallVerdict.ASK
            and terms is not None
            and terms.count == 1
            and terms.role == self.role
            and not objection(request, terms, self.grantor, self.roles)
            and self.standing(now) == "active"
            and (self.tenant, self.action) == (request.tenant, request.action)
            and self.principal in ("", request.principal)
            and all(condition.holds(request.call) for condition in self.conditions)
        )

    def once_more(self) -> "Grant":
        """With one more use."""
        return replace(self, used=self.used + 1)

    def revoked(self, by: str, reason: str, now: datetime) -> "Grant":
        """Taken back. Raises: ApprovalError when it was already."""
        if self.revoked_at is not None:
            raise ApprovalError(f"`{self.id}` was revoked already", hint="interlock grant --list")
        return replace(self, revoked_at=now, revoked_by=by, revoked_for=reason)


def grant_id(statement: Mapping[str, Any]) -> str:
    """The name of a grant, by what its giver states."""
    return PREFIX + of_value(dict(statement), "interlock.grant.v1").removeprefix("sha256:")[:12]


def grant_statement(grant: Grant) -> dict[str, Any]:
    """What the person signs."""
    return {
        "tenant": grant.tenant, "action": grant.action, "principal": grant.principal,
        "conditions": [[each.argument, each.operator, each.value] for each in grant.conditions], "role": grant.role,
        "uses": grant.uses, "expires_at": grant.expires_at.isoformat(), "created_at": grant.created_at.isoformat(),
        "grantor": grant.grantor, "reason": grant.reason,
    }  # fmt: skip


def grant_to_json(grant: Grant) -> dict[str, Any]:
    """The grant as plain JSON (schema `interlock.grant.v1`)."""
    return {
        "schema": "interlock.grant.v1", "id": grant.id, **grant_statement(grant), "roles": list(grant.roles),
        "envelope": base64.b64encode(grant.envelope).decode(), "used": grant.used,
        "revoked_at": grant.revoked_at.isoformat() if grant.revoked_at else None, "revoked_by": grant.revoked_by,
        "revoked_for": grant.revoked_for,
    }  # fmt: skip


def grant_from_json(data: Mapping[str, Any]) -> Grant:
    """The inverse of `grant_to_json`."""
    return Grant(
        data["id"], data["tenant"], data["action"], data["principal"],
        tuple(GrantCondition(*each) for each in data["conditions"]), data["role"], data["uses"],
        datetime.fromisoformat(data["expires_at"]), datetime.fromisoformat(data["created_at"]), data["grantor"],
        data["reason"], tuple(data["roles"]), base64.b64decode(data["envelope"]), data["used"],
        datetime.fromisoformat(data["revoked_at"]) if data["revoked_at"] else None, data["revoked_by"],
        data["revoked_for"],
    )  # fmt: skip
