"""A decision as a request for its effect: what was judged, and on which terms, goes on to be carried out."""

from collections.abc import Iterator
from typing import Any

from interlock.core.actions import Effect
from interlock.core.decision import Decision
from interlock.core.digest import Digest, of_value
from interlock.core.effect import ArgumentSource, EffectRequest
from interlock.core.judge import Policy, argument_leaves
from interlock.core.provenance import SAID, Origin, Sources, number
from interlock.core.replay import record_of
from interlock.core.table import Row
from interlock.core.terms import CallVerdict

UNNAMED = "unnamed"
"""The feature of a guard that was made from parts and given no name."""


def request_of(
    decision: Decision, policy: Policy, sources: Sources, *, bundle: Digest, agent: str = ""
) -> EffectRequest:
    """The request for the effect of a decision that is not a denial.

    Args:
        policy, sources: those that decided; they also say where the values came from that no rule asked about.
        bundle: the digest of what is released.
        agent: the identity under which the application acts; it never approves.
    Raises: ValueError for a denial, and for a name of the session that cannot be shown; MalformedDigest.
    """
    row = policy.row(decision.tool)
    if row is None or decision.verdict is CallVerdict.DENY or decision.effect is None:
        raise ValueError("a denied call has no effect to ask for")
    return EffectRequest(
        feature=decision.feature or UNNAMED, bundle=bundle, policy=Digest(decision.policy), action=decision.action,
        effect=decision.effect, tool=decision.tool, tool_hash=_definition(decision), arguments=decision.arguments,
        tenant=decision.tenant, principal=decision.principal, session=decision.session,
        sources=tuple(_sources(decision, row, sources)), budgets=decision.budgets,
        idempotency=None if decision.effect in {Effect.READ, Effect.FETCH} else decision.idempotency,
        approval=decision.approval, verdict=decision.verdict, codes=decision.codes, agent=agent,
        judged=record_of(decision, policy),
    )  # fmt: skip


def _definition(decision: Decision) -> Digest:
    """The tool's definition; one that nobody defined has only its name."""
    return (
        Digest(decision.tool_digest) if decision.tool_digest else of_value(decision.tool, "interlock.undefined-tool.v1")
    )


def _sources(decision: Decision, row: Row, sources: Sources) -> Iterator[ArgumentSource]:
    """For each argument the worst source of its parts: as the decision found it, else looked up now for whoever is asked."""
    found: dict[str, Origin] = {}
    for place, origin in decision.provenance.items():
        name = place.partition("[")[0]
        if name not in found or found[name].label.rank < origin.label.rank:
            found[name] = origin
    for name, value in decision.forwarded.items():
        kind = row.plans.get(name, row.plan_else).kind
        origin = found.get(name) or _looked_up(name, value, row, sources)
        yield ArgumentSource(name, kind, origin.label, str(origin), weighed=name in found)


def _looked_up(name: str, value: Any, row: Row, sources: Sources) -> Origin:
    worst = SAID
    for _, leaf in argument_leaves(name, value):
        text = leaf if type(leaf) is str else str(leaf).lower() if type(leaf) is bool else number(leaf)
        origin = sources.find(text, name, row.cues)
        worst = origin if origin.label.rank > worst.label.rank else worst
    return worst
