"""One tool call that would change something, as it was judged: what is asked, by whom, on which terms.

What is in here is what runs: the canonical argument bytes that were judged are the ones that the tool is given.
"""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from interlock.core.actions import ArgumentKind, Effect, Label
from interlock.core.budget import BudgetAsk
from interlock.core.digest import Digest, canonical, of_bytes, of_value, parse_digest
from interlock.core.terms import ApprovalTerms, CallVerdict, IdempotencyTerms, Retry

MAX_NAME = 200
"""Characters of a tenant, principal, session, action, tool or feature."""


@dataclass(frozen=True, slots=True)
class ArgumentSource:
    """Where the value of one argument came from; `source` is for people, like «field `id` of get_order».

    weighed: whether the decision rests on it; else it only informs whoever is asked, and no approval is bound to it.
    """

    argument: str
    kind: ArgumentKind
    label: Label
    source: str = ""
    weighed: bool = True


@dataclass(frozen=True, slots=True)
class EffectRequest:
    """One call as the guard judged it.

    Args:
        feature, bundle, policy: what asks, and under which rules: the digests of the bundle and of its guardrails.
        action, effect, tool, tool_hash: the domain action, its kind, its tool, and the digest of the tool's definition.
        arguments: one JSON object in canonical form (RFC 8785).
        tenant, principal, session: of the authenticated session; never from the caller or the model.
        sources: one for each argument that was judged.
        budgets: what it would use.
        idempotency: needed for everything but reads and fetches.
        approval: needed with the verdict `ask`.
        verdict, codes: what the policy says so far, and why.
        agent: the identity under which the application acts; it never approves.
        judged: the decision as `core/replay.py` records it; for the record of this very decision, and not kept with the claim.
    Raises: ValueError; MalformedDigest.
    """

    feature: str
    bundle: Digest
    policy: Digest
    action: str
    effect: Effect
    tool: str
    tool_hash: Digest
    arguments: bytes
    tenant: str
    principal: str
    session: str
    sources: tuple[ArgumentSource, ...]
    budgets: tuple[BudgetAsk, ...]
    idempotency: IdempotencyTerms | None
    approval: ApprovalTerms | None
    verdict: CallVerdict
    codes: tuple[str, ...] = ()
    agent: str = ""
    judged: Mapping[str, Any] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for digest in (self.bundle, self.policy, self.tool_hash):
            parse_digest(digest)
        for name in ("feature", "action", "tool", "tenant", "principal", "session"):
            value = getattr(self, name)
            if not value or len(value) > MAX_NAME or any(unicodedata.category(char) in {"Cc", "Cs"} for char in value):
                raise ValueError(f"an effect needs a {name} of 1 to {MAX_NAME} characters that can be shown")
        try:
            given = json.loads(self.arguments)
        except ValueError as cause:
            raise ValueError("the arguments of an effect are not JSON") from cause
        if not isinstance(given, dict) or canonical(given) != self.arguments:
            raise ValueError("the arguments of an effect are not one JSON object in canonical form")
        named = [source.argument for source in self.sources]
        if len(set(named)) < len(named) or not given.keys() >= set(named):
            raise ValueError("a source names no argument, or one twice")
        drawn = {(ask.meter, frozenset(ask.per), ask.window_s, ask.shared) for ask in self.budgets}
        if len(drawn) < len(self.budgets):
            raise ValueError("an effect draws twice on one budget")
        if self.verdict is CallVerdict.ASK and self.approval is None:
            raise ValueError("the verdict `ask` needs terms of approval")
        if self.effect not in {Effect.READ, Effect.FETCH} and self.idempotency is None:
            raise ValueError(f"the effect `{self.effect}` needs idempotency")
        if self.verdict is CallVerdict.REPLAY and self.idempotency is None:
            raise ValueError("the verdict `replay` needs idempotency")

    @property
    def args_hash(self) -> Digest:
        """The digest of the argument bytes."""
        return of_bytes(self.arguments)

    @property
    def call(self) -> dict[str, Any]:
        """The arguments as they are given to the tool."""
        given: dict[str, Any] = json.loads(self.arguments)
        return given

    @property
    def binding(self) -> Digest:
        """What an approval is bound to: change any of it and it is another request."""
        said = {
            "bundle": self.bundle, "action": self.action, "tool": self.tool, "tool_hash": self.tool_hash,
            "arguments": self.arguments.decode(), "tenant": self.tenant, "principal": self.principal,
            "session": self.session, "labels": {each.argument: each.label.value for each in self.sources if each.weighed},
            "budgets": [_budget_to_json(ask) for ask in self.budgets],
        }  # fmt: skip
        return of_value(said, "interlock.approval.v1")

    @property
    def scopes(self) -> tuple[tuple[str, str], ...]:
        """The switches that can stop it."""
        return (
            ("global", ""), ("feature", self.feature), ("tenant", self.tenant), ("action", self.action), ("tool", self.tool),
            ("principal", f"{self.tenant}/{self.principal}"),
        )  # fmt: skip

    def same_call(self, other: "EffectRequest") -> bool:
        """Whether another judgement is of this very call, whatever it says of it."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("feature", "action", "effect", "tool", "arguments", "tenant", "principal", "session", "agent")
        ) and (self.idempotency and self.idempotency.key) == (other.idempotency and other.idempotency.key)


def _budget_to_json(ask: BudgetAsk) -> dict[str, Any]:
    return {
        "meter": ask.meter, "per": list(ask.per), "window_s": ask.window_s, "cap": ask.cap, "amount": ask.amount,
        "members": list(ask.members), "shared": ask.shared,
    }  # fmt: skip


def request_to_json(request: EffectRequest) -> dict[str, Any]:
    """The request as plain JSON (schema `interlock.effect.v1`), arguments whole."""
    terms, approval = request.idempotency, request.approval
    return {
        "schema": "interlock.effect.v1", "feature": request.feature, "bundle": request.bundle, "policy": request.policy,
        "action": request.action, "effect": request.effect.value, "tool": request.tool, "tool_hash": request.tool_hash,
        "arguments": request.arguments.decode(), "tenant": request.tenant, "principal": request.principal,
        "session": request.session,
        "sources": [
            {
                "argument": each.argument, "kind": each.kind.value, "label": each.label.value, "source": each.source,
                "weighed": each.weighed,
            }
            for each in request.sources
        ],
        "budgets": [_budget_to_json(ask) for ask in request.budgets],
        "idempotency": terms and {
            "key": terms.key, "window_s": terms.window_s, "retry": terms.retry.value, "fields": list(terms.fields),
        },
        "approval": approval and {
            "role": approval.role, "count": approval.count, "not_requester": approval.not_requester,
            "ttl_s": approval.ttl_s,
        },
        "verdict": request.verdict.value, "codes": list(request.codes), "agent": request.agent,
    }  # fmt: skip


def request_from_json(data: Mapping[str, Any]) -> EffectRequest:
    """The inverse of `request_to_json`."""
    terms, approval = data["idempotency"], data["approval"]
    return EffectRequest(
        data["feature"], data["bundle"], data["policy"], data["action"], Effect(data["effect"]), data["tool"],
        data["tool_hash"], data["arguments"].encode(), data["tenant"], data["principal"], data["session"],
        tuple(
            ArgumentSource(
                each["argument"], ArgumentKind(each["kind"]), Label(each["label"]), each["source"],
                each.get("weighed", True),
            )
            for each in data["sources"]
        ),
        tuple(BudgetAsk(**{**ask, "per": tuple(ask["per"]), "members": tuple(ask["members"])}) for ask in data["budgets"]),
        terms and IdempotencyTerms(
            terms["key"], terms["window_s"], Retry(terms["retry"]), tuple(terms.get("fields", ()))
        ),
        approval and ApprovalTerms(**approval),
        CallVerdict(data["verdict"]), tuple(data["codes"]), data["agent"],
    )  # fmt: skip
