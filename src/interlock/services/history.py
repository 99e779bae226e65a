"""What the ledger remembers: who changed a part and why, what was READY, which pairs were proven, who approved."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from interlock.core.bundle import Bundle
from interlock.core.digest import Digest
from interlock.core.errors import BundleError, EvidenceError, LedgerError
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


@runtime_checkable
class Verifies(Protocol):
    """A store that can say whether it still is what it was written as."""

    def verify(self) -> int:
        """How much was looked at. Raises: LedgerError for the first thing that does not fit."""
        ...


def ledger_fault(records: Records) -> str:
    """Why the ledger, or what is kept beside it, does not verify; empty when it does."""
    try:
        for store in (records.ledger, records.pointers, records.evidence):
            if isinstance(store, Verifies):
                store.verify()
    except LedgerError as error:
        return error.message
    return ""


def readings(records: Records, environment: str | None = None) -> list[Reading]:
    """Every check run since the first, oldest first. Raises: LedgerError for a fact that is no check run."""
    found = (_reading(fact) for fact in records.ledger.facts("check"))
    return [reading for reading in found if environment in (None, reading.environment)]


def _reading(fact: Fact) -> Reading:
    body = fact.body
    try:
        return Reading(
            fact.at, body["bundle"], body["environment"], Word(body["verdict"]), tuple(body["blocking"]),
            datetime.fromisoformat(body["valid_until"]) if body["valid_until"] else None,
            body["next_to_expire"], tuple(body["measured"]), body["calls"], body["cost_usd"], fact.actor, body["envelope"],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as cause:
        hint = "restore the database from a backup"
        raise LedgerError(f"fact {fact.seq} of the ledger is no check run", hint=hint) from cause


def _ready(records: Records, wanted: Callable[[Mapping[str, Any]], bool]) -> Iterator[Fact]:
    """Check runs that said READY, newest first, whose signed verdict says so too: a row that somebody wrote is no proof.

    Args:
        wanted: asked before the signature is, which costs a millisecond, and so asked anew for each fact.
    """
    for fact in reversed(list(records.ledger.facts("check"))):
        body = fact.body
        try:
            asked = body["verdict"] == Word.READY and wanted(body)
        except (KeyError, TypeError, IndexError):
            continue  # no check run of ours; `ledger_fault` says what is wrong with it
        if asked:
            says = {name: body.get(name) for name in ("bundle", "environment", "verdict", "feature", "pairs")}
            if is_signed(records, fact, "verdict", says, at=fact.at):
                yield fact


def last_ready(records: Records, feature: str, *, other_than: Digest) -> Digest | None:
    """The bundle, other than this one, that was READY last, in any environment; by its signed verdict."""
    found = _ready(records, lambda body: body["feature"] == feature and body["bundle"] != other_than)
    return next((Digest(fact.body["bundle"]) for fact in found), None)


def ready_here(records: Records, environment: str) -> dict[Digest, datetime]:
    """When each bundle was last READY in this environment; by its signed verdict."""
    last: dict[Digest, datetime] = {}
    for fact in _ready(records, lambda body: body["environment"] == environment and body["bundle"] not in last):
        last[Digest(fact.body["bundle"])] = fact.at
    return last


def proven_pairs(records: Records, environments: Collection[str] | None = None) -> frozenset[tuple[str, str]]:
    """Every interacting pair of parts that was in some bundle with a signed READY; in these environments, where named."""
    proven: set[tuple[str, str]] = set()

    def adds(body: Mapping[str, Any]) -> bool:
        here = environments is None or body["environment"] in environments
        return here and not proven.issuperset((pair[0], pair[1]) for pair in body["pairs"])

    for fact in _ready(records, adds):
        proven.update((pair[0], pair[1]) for pair in fact.body["pairs"])
    return frozenset(proven)


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


def is_signed(records: Records, fact: Fact, kind: str, says: Mapping[str, Any], *, at: datetime | None = None) -> bool:
    """Whether the envelope behind a fact verifies, was signed by the fact's actor, and says the same.

    Args:
        at: when the key must not have been expired; None: now.
    """
    try:
        envelope = records.blobs.get(Digest(fact.body["envelope"]))
        payload, signature = records.signer.open(envelope, kind=kind, at=at)
    except (EvidenceError, BundleError, KeyError, TypeError):
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
