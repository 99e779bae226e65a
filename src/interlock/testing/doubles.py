"""Every port in memory: quick, whole, and gone when the process ends."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from interlock.core.digest import Digest, canonical, of_bytes, parse_digest
from interlock.core.errors import BundleError, ConflictError, EvidenceError, InterlockError, LedgerError, UnknownContent
from interlock.core.evidence import Evidence, evidence_from_json, evidence_to_json
from interlock.core.pointer import Pointer, pointer_to_json
from interlock.ports import Attempt, Call, Fact, Ledger, Signature, Signer


class FixedClock:
    """A clock that moves when it is told to.

    Args:
        at: aware UTC.

    >>> clock = FixedClock(datetime(2026, 11, 22, tzinfo=UTC))
    >>> clock.advance(timedelta(hours=2))
    >>> clock.now().isoformat()
    '2026-11-22T02:00:00+00:00'
    """

    def __init__(self, at: datetime = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)) -> None:
        self.at = at

    def now(self) -> datetime:
        """The time it was set to."""
        return self.at

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.at += by


class MemoryBlobStore:
    """Blobs in a dict."""

    def __init__(self) -> None:
        self.blobs: dict[Digest, bytes] = {}

    def put(self, content: bytes) -> Digest:
        """Keep some bytes."""
        digest = of_bytes(content)
        self.blobs[digest] = content
        return digest

    def get(self, digest: Digest) -> bytes:
        """The bytes of a digest."""
        try:
            content = self.blobs[parse_digest(digest)]
        except KeyError as cause:
            raise UnknownContent(digest) from cause
        if of_bytes(content) != digest:
            raise BundleError(f"the blob `{digest[:19]}` holds other bytes than its name says", hint="put it again")
        return content

    def has(self, digest: Digest) -> bool:
        """Whether it is here."""
        return parse_digest(digest) in self.blobs


class MemoryTree:
    """Files in a dict.

    >>> MemoryTree({"b.md": "text", "a.md": b"bytes"}).paths()
    ('a.md', 'b.md')
    """

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self.files = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}

    def paths(self) -> Sequence[str]:
        """Every file, sorted."""
        return tuple(sorted(self.files))

    def read(self, path: str) -> bytes:
        """The bytes of one file."""
        if path not in self.files:
            raise BundleError(f"the file `{path}` is not there", hint="look at `paths()`")
        return self.files[path]


class MemoryLedger:
    """A hash chain in a list."""

    def __init__(self) -> None:
        self.chain: list[Fact] = []

    def append(self, kind: str, body: Mapping[str, Any], *, actor: str, at: datetime) -> Fact:
        """Add a fact."""
        previous = self.chain[-1].hash if self.chain else "0" * 64
        if at.tzinfo is None:
            raise ValueError("a time must be aware UTC")
        kept = json.loads(canonical(dict(body)))
        fact = Fact(len(self.chain) + 1, at.astimezone(UTC), kind, actor, kept, previous, "")
        self.chain.append(Fact(fact.seq, fact.at, kind, actor, kept, previous, _hash(fact)))
        return self.chain[-1]

    def facts(self, kind: str | None = None, *, after: int = 0) -> Iterator[Fact]:
        """In order."""
        for fact in list(self.chain):
            if fact.seq > after and kind in {None, fact.kind}:
                yield fact

    def verify(self) -> int:
        """Walk the chain."""
        previous = "0" * 64
        for seq, fact in enumerate(self.chain, start=1):
            if (fact.seq, fact.previous, fact.hash) != (seq, previous, _hash(fact)):
                raise LedgerError(f"fact {seq} of the ledger was altered", hint="it is only a double")
            previous = fact.hash
        return len(self.chain)


def _hash(fact: Fact) -> str:
    said = {
        "previous": fact.previous, "seq": fact.seq, "at": fact.at.isoformat(), "kind": fact.kind,
        "actor": fact.actor, "body": fact.body,
    }  # fmt: skip
    return hashlib.sha256(canonical(said)).hexdigest()


class MemoryPointerStore:
    """Pointers in a dict, each move also a fact.

    Args:
        ledger: where the facts go.
    """

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or MemoryLedger()
        self._moves: dict[tuple[str, str], list[Pointer]] = {}

    def read(self, environment: str, feature: str) -> Pointer | None:
        """What is live."""
        moves = self._moves.get((environment, feature))
        return moves[-1] if moves else None

    def swap(self, new: Pointer, *, expected: int, fact: Mapping[str, Any]) -> None:
        """Compare and set."""
        if new.generation != expected + 1:
            raise ValueError(f"generation {new.generation} does not follow {expected}")
        current = self.read(new.environment, new.feature)
        found = current.generation if current else 0
        if found != expected:
            raise ConflictError(f"`{new.environment}` is at generation {found}, not {expected}", hint="read it again")
        body = {**fact, "pointer": pointer_to_json(new)}
        self.ledger.append("pointer.moved", body, actor=new.actor, at=new.at)
        self._moves.setdefault((new.environment, new.feature), []).append(new)

    def history(self, environment: str, feature: str) -> Sequence[Pointer]:
        """Every move."""
        return tuple(self._moves.get((environment, feature), ()))


class MemoryEvidenceStore:
    """Envelopes in a dict.

    Args:
        signer: what says whether an envelope may be believed.
        ledger: where revocations are noted.
    """

    def __init__(self, signer: Signer, ledger: Ledger | None = None, *, kind: str = "evidence") -> None:
        self.ledger = ledger or MemoryLedger()
        self.envelopes: dict[Digest, bytes] = {}
        self._signer = signer
        self._kind = kind
        self._revoked: set[Digest] = set()

    def put(self, evidence: Evidence, envelope: bytes) -> None:
        """Keep an envelope that says what the evidence says."""
        stated = self._open(envelope)
        if evidence_to_json(stated) != evidence_to_json(evidence):
            raise EvidenceError("the envelope states something else than the evidence", hint="sign it again")
        self.envelopes[stated.digest] = envelope

    def find(self, check: str) -> Sequence[Evidence]:
        """Newest first."""
        found = []
        for envelope in self.envelopes.values():
            try:
                found.append(self._open(envelope))
            except EvidenceError:
                continue
        mine = (each for each in found if each.check == check)
        return sorted(mine, key=lambda each: (each.produced_at, each.digest), reverse=True)

    def envelope(self, digest: Digest) -> bytes:
        """The signed bytes."""
        if digest not in self.envelopes:
            raise UnknownContent(digest)
        return self.envelopes[digest]

    def revoke(self, digest: Digest, reason: str, *, actor: str, at: datetime) -> None:
        """Take evidence back."""
        if digest not in self._revoked:
            self.ledger.append("evidence.revoked", {"digest": digest, "reason": reason}, actor=actor, at=at)
            self._revoked.add(digest)

    def revoked(self) -> frozenset[Digest]:
        """Everything that was taken back."""
        return frozenset(self._revoked)

    def _open(self, envelope: bytes) -> Evidence:
        payload, signature = self._signer.open(envelope, kind=self._kind)
        return evidence_from_json(payload, producer=signature.keyid, digest=of_bytes(canonical(payload)))


class MemoryTrialStore:
    """Attempts in a list."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []

    def find(self, keys: Iterable[str]) -> Mapping[str, Attempt]:
        """The newest unbroken ones."""
        wanted = set(keys)
        return {each.key: each for each in self.attempts if each.key in wanted and each.trial.broken is None}

    def add(self, attempts: Sequence[Attempt]) -> None:
        """Append."""
        self.attempts.extend(attempts)


class MemoryCallStore:
    """Calls in a dict, money in lists."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self._reserved: dict[tuple[str, str], list[float]] = {}
        self._settled: dict[str, list[float]] = {}

    def get(self, key: str) -> Call | None:
        """The newest response."""
        return self.calls.get(key)

    def reserve(self, key: str, run: str, usd: float, *, at: datetime) -> None:
        """Set money aside."""
        self._reserved.setdefault((key, run), []).append(_money(usd))

    def put(self, call: Call, run: str) -> None:
        """Settle and keep."""
        self._settled.setdefault(run, []).append(_money(call.cost_usd))
        self.release(call.key, run)
        self.calls[call.key] = call

    def release(self, key: str, run: str) -> None:
        """Give the newest reservation back."""
        if self._reserved.get((key, run)):
            self._reserved[key, run].pop()

    def spent(self, run: str) -> float:
        """Settled and reserved."""
        reserved = (usd for (_, owner), amounts in self._reserved.items() if owner == run for usd in amounts)
        return sum(self._settled.get(run, ())) + sum(reserved)


def _money(usd: float) -> float:
    if not 0 <= usd < float("inf"):
        raise ValueError(f"not an amount of money: {usd}")
    return usd


class PlainSigner:
    """A signer without keys: it notices changed bytes and keeps terms, and proves nothing to anybody.

    Args:
        roles: by name, of everybody who can sign; the first one signs when nobody is named.
        clock: what says whether a name has expired.
        not_after: when a name expires; others never do.
    """

    def __init__(
        self,
        roles: Mapping[str, Collection[str]] | None = None,
        *,
        clock: FixedClock | None = None,
        not_after: Mapping[str, datetime] | None = None,
    ) -> None:
        self.roles = {name: frozenset(each) for name, each in (roles or {"tester": ("producer",)}).items()}
        self.clock = clock or FixedClock()
        self.not_after = dict(not_after or {})

    def sign(self, payload: Mapping[str, Any], *, kind: str, name: str | None = None) -> bytes:
        """An envelope with a checksum."""
        name = name or next(iter(self.roles))
        self._check(name, self.clock.now())
        return _sealed({"kind": kind, "name": name, "payload": dict(payload)})

    def open(self, envelope: bytes, *, kind: str, at: datetime | None = None) -> tuple[dict[str, Any], Signature]:
        """The payload, if nothing changed."""
        try:
            said = json.loads(envelope)
            said.pop("sum")
            same = _sealed(said) == envelope
            stated, name, payload = said["kind"], said["name"], dict(said["payload"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, InterlockError) as cause:
            raise EvidenceError("the envelope is malformed", hint="sign it again") from cause
        if not same:
            raise EvidenceError("the envelope was altered", hint="sign it again")
        self._check(name, at or self.clock.now())
        if stated != kind:
            raise EvidenceError(f"the statement is a `{stated}`, not a `{kind}`", hint="offer the right one")
        return payload, Signature(f"plain:{name}", name, self.roles[name])

    def _check(self, name: str, at: datetime) -> None:
        if name not in self.roles:
            raise EvidenceError(f"nobody knows `{name}`", hint=f"known: {', '.join(self.roles)}")
        if name in self.not_after and at >= self.not_after[name]:
            raise EvidenceError(f"the key of `{name}` expired", hint="use another name")


def _sealed(said: Mapping[str, Any]) -> bytes:
    return canonical({**said, "sum": of_bytes(canonical(dict(said)))})
