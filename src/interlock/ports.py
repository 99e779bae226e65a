"""The outside world on one page: every Protocol that an adapter fills."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from interlock.core.bundle import Bundle
from interlock.core.digest import Digest
from interlock.core.evidence import Evidence
from interlock.core.manifest import TargetSpec
from interlock.core.pointer import Pointer
from interlock.core.score import Reply, Score, Trial
from interlock.core.suite import Case

if (
    TYPE_CHECKING
):  # each costs milliseconds to load: only scoring and handing over need the words, only a guard the effects
    from interlock.core.actions import Label
    from interlock.core.answer import SupportSpec
    from interlock.core.approval import Approval
    from interlock.core.asked_model import Endpoint
    from interlock.core.budget import Account, Balance, Entry, Holding
    from interlock.core.claim import Claim, State
    from interlock.core.entailment import Stance
    from interlock.core.grant import Grant
    from interlock.core.handoff import Packet
    from interlock.core.language import Heard
    from interlock.core.record import Head, Record
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


@dataclass(frozen=True, slots=True)
class Switch:
    """Whether something is off, whatever the policy says.

    scope: `global`, `feature`, `tenant`, `action`, `tool` or `principal`. name: of what is meant, empty for `global`; a principal
    is written `tenant/principal`.
    """

    scope: str
    name: str
    off: bool
    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account: the balance that is kept, and the sum of its entries, which must be the same."""

    account: Account
    balance: Balance
    posted: Balance


class EffectTransaction(Protocol):
    """What one tenant's effects have left, read and changed while nobody else of this tenant can.

    Durable as a whole when its block ends, undone as a whole when that ends in an error. `replaces` is what was read: anything
    else raises ConflictError.
    """

    def switched_off(self, scopes: Collection[tuple[str, str]]) -> Sequence[Switch]:
        """Those of these switches that are off."""
        ...

    def claim(self, key: Digest) -> Claim | None:
        """The newest claim under an idempotency key."""
        ...

    def claim_of(self, id: str) -> Claim | None: ...

    def put_claim(self, claim: Claim, *, replaces: Claim | None) -> None: ...

    def approvals(self, subject: Digest) -> Sequence[Approval]:
        """Those that wait or were rejected, oldest first. subject: the idempotency key, or without one the binding."""
        ...

    def approval(self, id: str) -> Approval | None: ...

    def put_approval(self, approval: Approval, *, replaces: Approval | None) -> None: ...

    def grants(self, action: str) -> Sequence[Grant]:
        """Every grant for an action, oldest first."""
        ...

    def grant(self, id: str) -> Grant | None: ...

    def put_grant(self, grant: Grant, *, replaces: Grant | None) -> None: ...

    def balances(self, accounts: Sequence[Account]) -> Sequence[Balance]:
        """What these accounts hold, in their order; from here on nobody else changes them."""
        ...

    def post(self, entry: Entry, *, cap: int | None = None) -> bool:
        """Move an account that `balances` gave, unless it would pass the cap; whether it moved."""
        ...

    def entries(self, claim: str) -> Sequence[Entry]:
        """Every movement on behalf of a claim, oldest first."""
        ...

    def holdings(self, account: Digest, *, members: Collection[str] = (), claim: str = "") -> Sequence[Holding]:
        """Who counts these members on an account; or, with a claim, who counts any member that it counts."""
        ...

    def hold(self, account: Digest, members: Collection[str], claim: str) -> None:
        """Let a claim count these members; what it counts already stays as it is."""
        ...

    def settle_holdings(self, account: Digest, claim: str, *, happened: bool) -> None:
        """Mark what a claim holds open as used, or let it go."""
        ...

    def append(self, kind: str, body: Mapping[str, Any], *, at: datetime) -> Record:
        """The next record of the tenant's chain."""
        ...


class EffectStore(Protocol):
    """Switches, claims, approvals, grants, budgets and decision records, changed together."""

    def transaction(self, tenant: str) -> AbstractContextManager[EffectTransaction]: ...

    def claims(self, states: Collection[State], *, tenant: str | None = None) -> Sequence[Claim]:
        """Oldest first."""
        ...

    def approvals(self, *, waiting: bool, tenant: str | None = None) -> Sequence[Approval]:
        """Oldest first: those that wait, or all."""
        ...

    def grants(self, *, tenant: str | None = None) -> Sequence[Grant]: ...

    def accounts(self, *, tenant: str | None = None) -> Sequence[AccountRow]: ...

    def switches(self) -> Sequence[Switch]:
        """Every switch that was ever set."""
        ...

    def set_switch(self, switch: Switch) -> None:
        """Durable when it returns, and a fact in the ledger."""
        ...

    def heads(self) -> Sequence[Head]:
        """The end of each tenant's chain."""
        ...

    def records(self, tenant: str, *, after: int = 0) -> Iterator[Record]:
        """In order. Raises LedgerError for one that cannot be read."""
        ...

    def verify(self, tenant: str) -> int:
        """The number of records in a whole chain. Raises LedgerError that names the first that does not fit."""
        ...


class Chat(Protocol):
    """A chat completion: OpenAI's request body in, OpenAI's response body out."""

    async def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]: ...


@runtime_checkable
class Recording(Protocol):
    """A chat that records: a call may name the parts that its endpoint reads, and tools are called through it too."""

    async def __call__(self, request: Mapping[str, Any], *, reads: Collection[str] = ()) -> Mapping[str, Any]: ...

    async def tool(self, tool: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]]) -> Any:
        """The recorded result of this call, or what `run` gives now."""
        ...


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

    def support(self, answer: str, passages: Sequence[Passage], *, question: str = "") -> Support:
        """The claims of an answer with a score in [0, 1] each, and what is wrong where.

        Raises: TooLarge for texts beyond its limits, TargetError when a model behind it cannot be asked.
        """
        ...


class LanguageReader(Protocol):
    """What says in which language a text is. Deterministic; the name has to change whenever its answers may."""

    name: str

    def knows(self, lang: str) -> bool:
        """Whether it can tell this language at all."""
        ...

    def hear(self, text: str, also: Collection[str] = ()) -> Heard:
        """The likeliest language among common ones and these, with its probability."""
        ...


class Inference(Protocol):
    """A model of natural language inference on this machine."""

    def chances(self, pairs: Sequence[tuple[str, str]], *, within_s: float) -> Sequence[Mapping[Stance, float]]:
        """For each (premise, hypothesis), the chance of each stance; chances of a pair lie in [0, 1] and sum to 1.

        Raises: BrokenRun (`timeout`) when it takes longer; TargetError when the model gives anything else.
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


class HandoffSink(Protocol):
    """Where a handoff to people goes."""

    async def send(self, packet: Packet) -> str:
        """Taken over by the other side when it returns; a word of theirs about it. Raises HandoffError."""
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

    def discard(self, bundle: Bundle) -> None:
        """Remove an assembled folder that nobody needs again."""
        ...

    def target(self, spec: TargetSpec) -> Target:
        """The way to the app."""
        ...

    def live_chat(self, spec: TargetSpec) -> LiveChat | None:
        """The live model endpoint behind the app, where the manifest names one."""
        ...

    def model_chat(self, endpoint: Endpoint) -> LiveChat:
        """The way to a model that is asked for its opinion, such as a judge. Raises TargetError when a variable is not set."""
        ...

    def address(self, url: str) -> str:
        """A url with its variables filled in, as it is where one is not set: what tells endpoints apart."""
        ...

    def recordings(self, patterns: Sequence[str]) -> Sequence[tuple[str, str]]:
        """Name and text of every recording file that the manifest names."""
        ...

    def scorers(self, output_schema: Mapping[str, Any], support: SupportScorer | None = None) -> Sequence[Scorer]:
        """Every scorer, built in and plugged in; `support` weighs evidence, by default the embedded scorer."""
        ...

    def support(
        self, spec: SupportSpec, ask: Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]] | None = None
    ) -> SupportScorer:
        """The scorer of evidence that a policy declares. `ask`: how a completion is had in a run; else its endpoint is asked.

        Raises: UsageError when an extra, a package or a variable is missing, or a file is another one than is pinned.
        """
        ...

    def languages(self) -> LanguageReader | None:
        """What tells languages apart, where it is installed."""
        ...

    def command_fault(self, argv: list[str]) -> str | None:
        """Why an `interlock …` command line does not parse; None when it does."""
        ...


class LabelMemory(Protocol):
    """What agents wrote, by tenant and resource: so that reading it back does not make a value better than it was."""

    def holds(self, tenant: str) -> bool:
        """Whether anything is kept for a tenant; asked on every observation."""
        ...

    def keep(self, tenant: str, resources: Sequence[str], labels: Mapping[str, Label]) -> None:
        """Remember, for each of the resources, values that were written to it and the label that each had."""
        ...

    def recall(self, tenant: str, resources: Sequence[str]) -> Mapping[str, Label]:
        """The values that were ever written to any of the resources, with the worst label of each."""
        ...
