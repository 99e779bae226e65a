"""What the ledger remembers: who changed a part and why, what was READY, which pairs were proven, who approved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interlock.core.bundle import Bundle
from interlock.core.digest import Digest
from interlock.core.errors import BundleError, EvidenceError
from interlock.core.manifest import Part
from interlock.core.verdict import Word
from interlock.ports import Fact, Records


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's signed yes to one bundle in one environment."""

    plan: str
    bundle: Digest
    environment: str
    approver: str
    roles: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """One check run as the ledger keeps it: a point of readiness over time."""

    at: datetime
    bundle: Digest
    environment: str
    word: Word
    blocking: tuple[str, ...]
    valid_until: datetime | None
    next_to_expire: str
    measured: tuple[str, ...]
    calls: int
    cost_usd: float
    actor: str
    envelope: Digest


def readings(records: Records, environment: str | None = None) -> list[Reading]:
    """Every check run since the first, oldest first."""
    return [
        Reading(
            fact.at, fact.body["bundle"], fact.body["environment"], Word(fact.body["verdict"]), tuple(fact.body["blocking"]),
            datetime.fromisoformat(fact.body["valid_until"]) if fact.body["valid_until"] else None,
            fact.body["next_to_expire"], tuple(fact.body["measured"]), fact.body["calls"], fact.body["cost_usd"], fact.actor,
            fact.body["envelope"],
        )
        for fact in records.ledger.facts("check")
        if environment in (None, fact.body["environment"])
    ]  # fmt: skip


def last_ready(records: Records, feature: str, *, other_than: Digest) -> Digest | None:
    """The bundle, other than this one, that was READY last, in any environment."""
    found = None
    for fact in records.ledger.facts("check"):
        body = fact.body
        if body["verdict"] == Word.READY and body["feature"] == feature and body["bundle"] != other_than:
            found = Digest(fact.body["bundle"])
    return found


def ready_here(records: Records, environment: str) -> dict[Digest, datetime]:
    """When each bundle was last READY in this environment."""
    return {
        Digest(fact.body["bundle"]): fact.at
        for fact in records.ledger.facts("check")
        if fact.body["verdict"] == Word.READY and fact.body["environment"] == environment
    }


def proven_pairs(records: Records) -> frozenset[tuple[str, str]]:
    """Every interacting pair of parts that was in some READY bundle."""
    return frozenset(
        (pair[0], pair[1])
        for fact in records.ledger.facts("check")
        if fact.body["verdict"] == Word.READY
        for pair in fact.body["pairs"]
    )


def approvals_of(records: Records, bundle: Digest, environment: str) -> list[Approval]:
    """The approvals bound to this digest in this environment, each verified against its own signature again."""
    return [
        Approval(
            fact.body["plan"], Digest(fact.body["bundle"]), fact.body["environment"], fact.actor,
            frozenset(fact.body["roles"]), fact.at,
        )
        for fact in records.ledger.facts("plan.approved")
        if fact.body["bundle"] == bundle
        and fact.body["environment"] == environment
        and is_signed(records, fact, "approval", {"bundle": bundle, "environment": environment})
    ]  # fmt: skip


def is_signed(records: Records, fact: Fact, kind: str, says: Mapping[str, Any]) -> bool:
    """Whether the envelope behind a fact verifies now, was signed by the fact's actor, and says the same."""
    try:
        payload, signature = records.signer.open(records.blobs.get(Digest(fact.body["envelope"])), kind=kind)
    except (EvidenceError, BundleError):
        return False
    return signature.name == fact.actor and all(payload.get(key) == value for key, value in says.items())


def reasons_of(records: Records, bundle: Bundle) -> dict[str, Any]:
    """Author and reason of each part's content, where somebody gave them at `interlock lock`."""
    wanted = {component.digest: kind.value for kind, component in bundle.components.items()}
    found: dict[str, Any] = {}
    for fact in records.ledger.facts("bundle.locked"):
        for change in fact.body["changes"]:
            if change["to"] in wanted and change["reason"]:
                found[wanted[change["to"]]] = {"author": fact.actor, "reason": change["reason"]}
    return found


def authors_of(records: Records, bundle: Bundle, parts: Iterable[Part]) -> frozenset[str]:
    """Everybody who locked the present content of these parts of a bundle."""
    wanted = {bundle.components[part].digest for part in parts if part in bundle.components}
    return frozenset(
        fact.actor
        for fact in records.ledger.facts("bundle.locked")
        for change in fact.body["changes"]
        if change["to"] in wanted
    )


def record_check(records: Records, body: Mapping[str, Any]) -> None:
    """Append one check run to the ledger."""
    records.ledger.append("check", body, actor=records.actor, at=records.clock.now())
