"""What the guard decided and what came of it, in one hash chain for each tenant.

A record names the one before it by its hash, so an edited, dropped or reordered record does not fit. Free text that a call
carries is kept by digest only.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from interlock.core.actions import ArgumentKind, Effect
from interlock.core.digest import Digest, canonical, of_bytes, of_value
from interlock.core.effect import EffectRequest

GENESIS = "sha256:" + "0" * 64
"""What the first record of a tenant names as the one before it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One link of a tenant's chain.

    seq: counts from 1. text: what it says, canonical JSON; the hash is over these very characters.
    """

    tenant: str
    seq: int
    at: datetime
    kind: str
    text: str
    previous: str
    hash: str

    @property
    def body(self) -> dict[str, Any]:
        """What it says."""
        said: dict[str, Any] = json.loads(self.text)
        return said


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a tenant's chain."""

    tenant: str
    seq: int = 0
    hash: str = GENESIS


def next_record(head: Head, kind: str, body: Mapping[str, Any], at: datetime) -> Record:
    """The record that follows a head. Raises: NotCanonical; ValueError for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError("a time must be aware UTC")
    at, text = at.astimezone(UTC), canonical(dict(body)).decode()
    name = record_hash(head.tenant, head.seq + 1, at, kind, text, head.hash)
    return Record(head.tenant, head.seq + 1, at, kind, text, head.hash, name)


def record_hash(tenant: str, seq: int, at: datetime, kind: str, text: str, previous: str) -> Digest:
    """The name of a record, over everything that it says and its place."""
    said = {
        "tenant": tenant, "seq": seq, "at": at.isoformat(), "kind": kind, "body": of_bytes(text.encode()),
        "previous": previous,
    }  # fmt: skip
    return of_value(said, "interlock.record.v1")


def chain_fault(records: Iterable[Record], head: Head) -> str:
    """What is the first thing wrong with a tenant's chain; empty when it is whole.

    Args:
        records: all of them, in order of `seq`.
        head: where the chain must end.
    """
    end = Head(head.tenant)
    for record in records:
        seq = end.seq + 1
        if record.seq != seq:
            return f"record {seq} of `{head.tenant}` is missing"
        if record.previous != end.hash or record.tenant != head.tenant:
            return f"record {seq} of `{head.tenant}` does not follow the one before it"
        if record.hash != record_hash(record.tenant, record.seq, record.at, record.kind, record.text, record.previous):
            return f"record {seq} of `{head.tenant}` was altered"
        end = Head(head.tenant, record.seq, record.hash)
    if end.seq < head.seq:
        return f"record {end.seq + 1} of `{head.tenant}` is missing"
    return "" if end == head else f"record {end.seq} of `{head.tenant}` was added or altered"


def redacted(request: EffectRequest) -> dict[str, Any]:
    """The arguments as they may be kept: content by digest and length, as is what nobody classified, and all of a credential action.

    A digest of a short text can be found by trying texts; it hides content from readers, not from a search.
    """
    kinds = {each.argument: each.kind for each in request.sources}
    return {
        name: value
        if request.effect is not Effect.CREDENTIAL and kinds.get(name) in {ArgumentKind.CONTROL, ArgumentKind.QUANTITY}
        else _shadow(value)
        for name, value in request.call.items()
    }


def _shadow(value: Any) -> dict[str, Any]:
    kept = canonical(value)
    return {"sha256": of_bytes(kept), "bytes": len(kept)}


def decision_body(
    request: EffectRequest,
    *,
    mode: str,
    verdict: str,
    codes: Iterable[str],
    claim: str = "",
    attempt: int = 0,
    found: str = "",
    approval: str = "",
    accounts: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What a decision record says.

    Args:
        verdict, codes: the decision with everything that the store knows; the policy's own stand beside it.
        found: what lay under the key (`Arrival`).
        approval: the approval or grant that was used, or the request that now waits.
        accounts: what was reserved where.
    """
    terms = request.idempotency
    return {
        "v": 1, "mode": mode, "feature": request.feature, "bundle": request.bundle, "policy": request.policy,
        "principal": request.principal, "session": request.session, "agent": request.agent, "action": request.action,
        "effect": request.effect.value, "tool": request.tool, "tool_hash": request.tool_hash,
        "args_hash": request.args_hash, "args": redacted(request),
        "labels": {
            each.argument: {"kind": each.kind.value, "label": each.label.value, "source": each.source}
            for each in request.sources
        },
        "policy_verdict": request.verdict.value, "policy_codes": list(request.codes), "verdict": verdict,
        "codes": list(codes), "approval": approval, "budget": [dict(each) for each in accounts], "claim": claim,
        "idempotency": terms and {
            "key": terms.key, "window_s": terms.window_s, "retry": terms.retry.value, "found": found,
            "attempt": attempt,
        },
        "judged": request.judged and dict(request.judged),
    }  # fmt: skip
