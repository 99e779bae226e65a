"""The outside world on one page: every Protocol that an adapter fills."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from interlock.core.bundle import Bundle
from interlock.core.digest import Digest
from interlock.core.evidence import Evidence
from interlock.core.manifest import TargetSpec
from interlock.core.pointer import Pointer
from interlock.core.score import Reply, Score, Trial
from interlock.core.suite import Case

if TYPE_CHECKING:  # 30 ms that only scoring needs
    from interlock.core.support import Passage, Support


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...


class Tree(Protocol):
    """A folder of files that does not change while it is read: a working copy, or a bundle by its digests."""

    def paths(self) -> Sequence[str]:
        """Every file, relative, POSIX, NFC, sorted. Raises BundleError for a symlink that leaves the root."""
        ...

    def read(self, path: str) -> bytes:
        """The bytes of one file. Raises UnknownContent or BundleError when it is not there."""
        ...


class BlobStore(Protocol):
    """Bytes by their digest: written whole or not at all, checked against the name on every read."""

    def put(self, content: bytes) -> Digest: ...

    def get(self, digest: Digest) -> bytes:
        """Raises UnknownContent when the store does not hold it, BundleError when what it holds is something else."""
        ...

    def has(self, digest: Digest) -> bool: ...


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of the ledger. hash = sha256 over previous, at, kind, actor and body; seq starts at 1."""

    seq: int
    at: datetime
    kind: str
    actor: str
    body: Mapping[str, Any]
    previous: str
    hash: str


class Ledger(Protocol):
    """Append-only facts in a hash chain."""

    def append(self, kind: str, body: Mapping[str, Any], *, actor: str, at: datetime) -> Fact:
        """Durable when it returns."""
        ...

    def facts(self, kind: str | None = None, *, after: int = 0) -> Iterator[Fact]:
        """In order, oldest first."""
        ...

    def verify(self) -> int:
        """The number of facts in a whole chain. Raises LedgerError that names the first fact that does not fit."""
        ...


class PointerStore(Protocol):
    """What is live: the current row and its history, moved together with a ledger fact in one transaction."""

    def read(self, environment: str, feature: str) -> Pointer | None: ...

    def swap(self, new: Pointer, *, expected: int, fact: Mapping[str, Any]) -> None:
        """Compare and set: raises ConflictError unless the stored generation is `expected` (0: none yet)."""
        ...

    def history(self, environment: str, feature: str) -> Sequence[Pointer]:
        """Every pointer that was, oldest first."""
        ...


class EvidenceStore(Protocol):
    """Signed evidence by check and scope. The envelope is the truth; the store is an index over it."""

    def put(self, evidence: Evidence, envelope: bytes) -> None: ...

    def find(self, check: str) -> Sequence[Evidence]:
        """All evidence for a check, of any scope, newest first; envelopes that do not verify are left out."""
        ...

    def envelope(self, digest: Digest) -> bytes: ...

    def revoke(self, digest: Digest, reason: str, *, actor: str, at: datetime) -> None: ...

    def revoked(self) -> frozenset[Digest]: ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """One stored trial under its key; append-only."""

    key: str
    run: str
    trial: Trial
    at: datetime


class TrialStore(Protocol):
    """Trials by the digest of what was upstream of them, so that a run resumes and nothing is paid twice."""

    def find(self, keys: Iterable[str]) -> Mapping[str, Attempt]:
        """The unbroken attempts under these keys."""
        ...

    def add(self, attempts: Sequence[Attempt]) -> None:
        """Durable when it returns."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One recorded call to a model or endpoint."""

    key: str
    request: Mapping[str, Any]
    response: Mapping[str, Any]
    cost_usd: float
    latency_s: float
    at: datetime


class CallStore(Protocol):
    """Recorded calls by content, and the money that was reserved for calls still under way."""

    def get(self, key: str) -> Call | None: ...

    def reserve(self, key: str, run: str, usd: float, *, at: datetime) -> None:
        """Note durably, before the call, that it will be made and what it may cost at most."""
        ...

    def put(self, call: Call, run: str) -> None:
        """Settle the reservation and keep the response, durably, in one transaction."""
        ...

    def release(self, key: str, run: str) -> None:
        """Drop a reservation whose call was surely not made."""
        ...

    def spent(self, run: str) -> float:
        """US dollars settled, plus those still reserved, in this run."""
        ...


class Chat(Protocol):
    """A chat completion: OpenAI's request body in, OpenAI's response body out."""

    async def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]: ...


class LiveChat(Protocol):
    """A chat that is really asked; `key` is what an endpoint recognises a repeated call by."""

    async def __call__(self, request: Mapping[str, Any], *, key: str = "") -> Mapping[str, Any]: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class TargetReply:
    """What a target gave back for one case."""

    reply: Reply
    calls: int
    cost_usd: float
    trace_id: str
    spans: Mapping[str, Any] = field(default_factory=dict)


class Target(Protocol):
    """What is evaluated: the app, reached in one of several ways.

    Raises TargetError with a `broken` kind for everything that is neither a pass nor a failure of the bundle.
    """

    async def run(self, case: Case, *, repeat: int, root: Path, chat: Chat) -> TargetReply: ...

    async def close(self) -> None: ...


class Scorer(Protocol):
    """What judges one property of a reply. Pure, deterministic, never NaN."""

    name: str
    substance: bool
    """Whether it judges groundedness, policy or task success, rather than tone, similarity or confidence (EVAL-09)."""

    def score(self, case: Case, trial: Trial, reply: Reply) -> Score:
        """Scored, or Unscored(not_applicable) when the case expects nothing of this scorer."""
        ...


class SupportScorer(Protocol):
    """What says how well passages bear an answer. The embedded one is `core/support.py`; a stronger one is a plug-in.

    A package offers one through the entry point group `interlock.support`: a class or function without arguments that gives
    it. It may ask a model; the name has to change whenever the same texts may get another score.
    """

    name: str

    def support(self, answer: str, passages: "Sequence[Passage]", *, question: str = "") -> "Support":
        """The claims of an answer with a score in [0, 1] each, and what is wrong where.

        Raises: TooLarge for texts beyond its limits, TargetError when a model behind it cannot be asked.
        """
        ...


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed: the key's id, the person or machine that it belongs to, and what it may speak for."""

    keyid: str
    name: str
    roles: frozenset[str]


class Signer(Protocol):
    """Signs and verifies statements (DSSE, ed25519)."""

    def sign(self, payload: Mapping[str, Any], *, kind: str, name: str | None = None) -> bytes:
        """A DSSE envelope over an in-toto statement. `name` picks a key of the keyring; default: the actor's own.

        Raises EvidenceError when the key is unknown, or expired.
        """
        ...

    def open(self, envelope: bytes, *, kind: str, at: datetime | None = None) -> tuple[dict[str, Any], Signature]:
        """The payload and who signed it.

        Raises EvidenceError when a byte changed, no trusted key signed it, the key had expired, or the kind differs.
        """
        ...


class Progress(Protocol):
    """Somebody who watches a run: to stderr, or nowhere."""

    def start(self, title: str, total: int) -> None: ...

    def advance(self, done: int = 1) -> None: ...

    def finish(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Records:
    """The stores of one feature, and who is asking: what every service is given."""

    ledger: Ledger
    pointers: PointerStore
    evidence: EvidenceStore
    trials: TrialStore
    calls: CallStore
    blobs: BlobStore
    signer: Signer
    clock: Clock
    actor: str


class Bench(Protocol):
    """Where a bundle is put together and run."""

    def assemble(self, bundle: Bundle, tree: Tree) -> Path:
        """A folder with exactly the files of the bundle."""
        ...

    def intact(self, bundle: Bundle, tree: Tree, root: Path) -> bool:
        """Whether an assembled folder still holds exactly the files of the bundle."""
        ...

    def target(self, spec: TargetSpec) -> Target:
        """The way to the app."""
        ...

    def live_chat(self, spec: TargetSpec) -> LiveChat | None:
        """The live model endpoint behind the app, where the manifest names one."""
        ...

    def recordings(self, patterns: Sequence[str]) -> Sequence[tuple[str, str]]:
        """Name and text of every recording file that the manifest names."""
        ...

    def scorers(self, output_schema: Mapping[str, Any]) -> Sequence[Scorer]:
        """Every scorer, built in and plugged in."""
        ...

    def command_fault(self, argv: list[str]) -> str | None:
        """Why an `interlock …` command line does not parse; None when it does."""
        ...
