"""One reading of the stores: many checks ask the same of them, and within one judgement the answer must not change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NoReturn

from interlock.core.digest import Digest
from interlock.core.errors import LedgerError
from interlock.core.evidence import Evidence
from interlock.core.pointer import Pointer
from interlock.ports import EvidenceStore, Fact, Ledger, PointerStore, Records


def snapshot(records: Records) -> Records:
    """The same stores, read at most once each and not written; a snapshot of a snapshot is itself.

    Keep it for one judgement only: it does not see what is recorded after it was first asked, nor a key that expires.
    """
    if isinstance(records.ledger, _StillLedger):
        return records
    return replace(
        records,
        ledger=_StillLedger(records.ledger),
        evidence=_StillEvidence(records.evidence),
        pointers=_StillPointers(records.pointers),
    )


def _refuse() -> NoReturn:
    raise TypeError("a snapshot of the stores is only read")


@dataclass(frozen=True, slots=True)
class _StillLedger:
    """Fills `Ledger`."""

    ledger: Ledger
    known: dict[str | None, tuple[Fact, ...]] = field(default_factory=dict)
    verified: list[int | LedgerError] = field(default_factory=list)

    def append(self, kind: str, body: Mapping[str, Any], *, actor: str, at: datetime) -> Fact:
        """Refused."""
        _refuse()

    def facts(self, kind: str | None = None, *, after: int = 0) -> Iterator[Fact]:
        """As they were when this kind was first asked for."""
        if kind not in self.known:
            self.known[kind] = tuple(self.ledger.facts(kind))
        return (fact for fact in self.known[kind] if fact.seq > after)

    def verify(self) -> int:
        """The chain, walked once; what was found is said again."""
        if not self.verified:
            try:
                self.verified.append(self.ledger.verify())
            except LedgerError as error:
                self.verified.append(error)
        found = self.verified[0]
        if isinstance(found, LedgerError):
            raise found
        return found


@dataclass(frozen=True, slots=True)
class _StillEvidence:
    """Fills `EvidenceStore`."""

    evidence: EvidenceStore
    known: dict[str, Sequence[Evidence]] = field(default_factory=dict)
    taken_back: list[frozenset[Digest]] = field(default_factory=list)

    def put(self, evidence: Evidence, envelope: bytes) -> None:
        """Refused."""
        _refuse()

    def find(self, check: str) -> Sequence[Evidence]:
        """All evidence for a check, verified when it was first asked for."""
        if check not in self.known:
            self.known[check] = self.evidence.find(check)
        return self.known[check]

    def envelope(self, digest: Digest) -> bytes:
        """The signed bytes."""
        return self.evidence.envelope(digest)

    def revoke(self, digest: Digest, reason: str, *, actor: str, at: datetime) -> None:
        """Refused."""
        _refuse()

    def revoked(self) -> frozenset[Digest]:
        """What had been taken back."""
        if not self.taken_back:
            self.taken_back.append(self.evidence.revoked())
        return self.taken_back[0]


@dataclass(frozen=True, slots=True)
class _StillPointers:
    """Fills `PointerStore`."""

    pointers: PointerStore
    known: dict[tuple[str, str], Sequence[Pointer]] = field(default_factory=dict)

    def read(self, environment: str, feature: str) -> Pointer | None:
        """What was live."""
        history = self.history(environment, feature)
        return history[-1] if history else None

    def swap(self, new: Pointer, *, expected: int, fact: Mapping[str, Any]) -> None:
        """Refused."""
        _refuse()

    def history(self, environment: str, feature: str) -> Sequence[Pointer]:
        """Every pointer that was, the newest last."""
        if (environment, feature) not in self.known:
            self.known[environment, feature] = self.pointers.history(environment, feature)
        return self.known[environment, feature]
