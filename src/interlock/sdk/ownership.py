"""Whose things a call touches: the host says to which tenant a resource belongs, and another tenant's is denied."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from interlock.core.actions import ArgumentKind
from interlock.core.decision import Decision
from interlock.core.judge import Policy, argument_leaves, explain
from interlock.core.table import Facts, Reason
from interlock.core.terms import CallVerdict

Owners = Mapping[str, Callable[[Any], str | None]]
"""By name of a control argument, a function that gives the tenant of a resource; None where there is no such resource."""
OTHERS = "other_owner"
UNKNOWN = "owner_unknown"


def owned(decision: Decision, policy: Policy, owners: Owners) -> Decision:
    """A decision, or a denial of it where something that it touches is not the tenant's own.

    The owner is looked up for what would otherwise be permitted or asked, for every value of every control argument that
    `owners` names. INVARIANT: what cannot be looked up is denied.
    """
    row, facts = policy.row(decision.tool), decision.facts
    if decision.verdict is CallVerdict.DENY or row is None or not isinstance(facts, Facts):
        return decision
    faults: list[tuple[str, str]] = []
    for name, find in owners.items():
        if name in facts.arguments and row.plans.get(name, row.plan_else).kind is ArgumentKind.CONTROL:
            for place, value in argument_leaves(name, facts.arguments[name]):
                if code := _fault(find, value, decision.tenant):
                    faults.append((code, place))
    if not faults:
        return decision
    said: dict[str, str] = dict(zip(decision.codes, decision.why, strict=True))
    for code, place in sorted(faults):
        said[code] = explain(Reason(CallVerdict.DENY, code, place), row)
    codes = tuple(sorted(said))
    return replace(
        decision, verdict=CallVerdict.DENY, codes=codes, why=tuple(said[code] for code in codes), needs=None,
        approval=None, queue="", facts=facts._replace(faults=(*facts.faults, *faults)),
    )  # fmt: skip


def _fault(find: Callable[[Any], str | None], value: Any, tenant: str) -> str:
    try:
        owner = find(value)
    except Exception:  # noqa: BLE001 — the host's own code; whatever it was, nobody knows whose the thing is
        return UNKNOWN
    if not isinstance(owner, str):
        return UNKNOWN
    return "" if owner == tenant else OTHERS
