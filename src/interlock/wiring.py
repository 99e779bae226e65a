"""Which adapter fills which port: the only file that knows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlock.adapters.clock import SystemClock
from interlock.adapters.dsse import Keyring
from interlock.adapters.folder import FolderBlobStore, FolderTree, exclusive, holds, materialise
from interlock.core.asked_model import Endpoint
from interlock.core.bundle import Bundle
from interlock.core.digest import short
from interlock.core.errors import TargetError, UsageError
from interlock.core.manifest import TargetSpec
from interlock.ports import (
    Clock,
    EffectStore,
    LanguageReader,
    LiveChat,
    Progress,
    Records,
    Scorer,
    Signer,
    SupportScorer,
    Target,
    Tree,
)
from interlock.services.globs import matching
from interlock.services.lock import MANIFEST, Resolved, read_lock, read_text, resolve
from interlock.services.parts import Loaded, Release, load_parts, release_of
from interlock.settings import Settings

if TYPE_CHECKING:  # all that measures comes with it, and most commands measure nothing
    from interlock.core.answer import SupportSpec
    from interlock.services.check import Desk
    from interlock.services.stronger import Ask

LOCK = "interlock.lock"
KEY_DAYS = 365
"""How long a key lasts that is made for somebody on first use."""


@contextmanager
def open_records(settings: Settings, *, clock: Clock | None = None) -> Iterator[Records]:
    """The stores of a feature; the database and the actor's key are made on first use.

    Raises: DatabaseUnavailable; UsageError when the state folder cannot be made or written; EvidenceError when the
        actor's name cannot name a key.
    """
    from interlock.adapters.sql import (
        SqlCallStore,
        SqlEvidenceStore,
        SqlLedger,
        SqlPointerStore,
        SqlTrialStore,
        open_database,
    )

    clock = clock or SystemClock()
    keyring = _prepared(settings, clock)
    database = open_database(settings.database_url)
    try:
        yield Records(
            ledger=SqlLedger(database),
            pointers=SqlPointerStore(database),
            evidence=SqlEvidenceStore(database, keyring),
            trials=SqlTrialStore(database),
            calls=SqlCallStore(database),
            blobs=FolderBlobStore(settings.state / "blobs"),
            signer=keyring,
            clock=clock,
            actor=settings.actor,
        )
    finally:
        database.close()


@dataclass(frozen=True, slots=True)
class Effects:
    """What the life of effects is recorded in, and who is asking."""

    store: EffectStore
    signer: Signer
    clock: Clock
    actor: str


@contextmanager
def open_effects(settings: Settings, *, clock: Clock | None = None) -> Iterator[Effects]:
    """The effects of a feature, in the same database as its records.

    Raises: as `open_records`.
    """
    from interlock.adapters.sql import open_database
    from interlock.adapters.sql.effects import SqlEffectStore

    clock = clock or SystemClock()
    keyring = _prepared(settings, clock)
    database = open_database(settings.database_url)
    try:
        yield Effects(SqlEffectStore(database), keyring, clock, settings.actor)
    finally:
        database.close()


def _prepared(settings: Settings, clock: Clock) -> Keyring:
    """The state folder, and in it the actor's key: made on first use."""
    keyring = open_keyring(settings, clock)
    try:
        settings.state.mkdir(parents=True, exist_ok=True)
        if not (ignore := settings.state / ".gitignore").exists():
            write_file(ignore, "*\n")  # private keys and records are not for the repository
        if settings.actor not in {key.name for key in keyring.trusted().values()}:
            keyring.create_key(settings.actor, ["author"], KEY_DAYS)
    except (FileExistsError, NotADirectoryError) as cause:
        raise UsageError(
            f"the state folder `{settings.state}` cannot be made: a file is in the way",
            hint="move the file, or set INTERLOCK_STATE to another folder",
        ) from cause
    except OSError as cause:
        raise UsageError(
            f"the state folder `{settings.state}` cannot be used: {cause.strerror}",
            hint="make it writable, or set INTERLOCK_STATE to another folder",
        ) from cause
    return keyring


def measuring(settings: Settings) -> AbstractContextManager[None]:
    """Held while something is measured: two checks at once would pay for everything twice. Raises BusyError."""
    return exclusive(settings.state / "measuring.lock")


def open_keyring(settings: Settings, clock: Clock | None = None) -> Keyring:
    """The keys that this machine holds, and those that it trusts."""
    return Keyring(settings.keys, clock=clock or SystemClock(), actor=settings.actor)


@dataclass(frozen=True)
class WorkBench:
    """Fills `Bench`: folders under the state folder, targets and endpoints as the manifest names them."""

    settings: Settings
    command_check: Callable[[list[str]], str | None]
    timeout_s: float = 60.0

    def assemble(self, bundle: Bundle, tree: Tree) -> Path:
        """A folder with exactly the files of the bundle, under the state folder."""
        return materialise(sorted(bundle.paths()), tree, self.settings.state / "bundles" / short(bundle.digest))

    def intact(self, bundle: Bundle, tree: Tree, root: Path) -> bool:
        """Whether an assembled folder still holds exactly the files of the bundle."""
        return holds(sorted(bundle.paths()), tree, root)

    def discard(self, bundle: Bundle) -> None:
        """Remove an assembled folder; what is not there is as good."""
        from shutil import rmtree

        rmtree(self.settings.state / "bundles" / short(bundle.digest), ignore_errors=True)

    def target(self, spec: TargetSpec) -> Target:
        """The way to the app."""
        if self.settings.ray:
            from interlock.adapters.targets.ray_pool import FANNED_OUT, RayTarget

            if spec.kind in FANNED_OUT:
                tree = FolderTree(self.settings.root)
                files = {path: tree.read(path) for path in tree.paths()}
                return RayTarget(spec, files, address=self.settings.ray, timeout_s=self.timeout_s)
        from interlock.adapters.targets import open_target

        return open_target(spec, self.settings.root, timeout_s=self.timeout_s)

    def live_chat(self, spec: TargetSpec) -> LiveChat | None:
        """The model endpoint behind the app, where the manifest names one and its variables are set."""
        from interlock.adapters.targets import address
        from interlock.adapters.targets.chat_http import HttpChat

        if spec.kind not in ("python", "openai") or not spec.url:
            return None
        return HttpChat(address(spec.url), key_env=spec.key_env, timeout_s=self.timeout_s)

    def model_chat(self, endpoint: Endpoint) -> LiveChat:
        """The way to a model that is asked for its opinion."""
        from interlock.adapters.targets import address
        from interlock.adapters.targets.chat_http import HttpChat

        return HttpChat(address(endpoint.url), key_env=endpoint.key_env, timeout_s=endpoint.timeout_s)

    def address(self, url: str) -> str:
        """A url with its variables filled in, as it is where one is not set."""
        from interlock.adapters.targets import address

        try:
            return address(url)
        except TargetError:
            return url

    def recordings(self, patterns: Sequence[str]) -> Sequence[tuple[str, str]]:
        """Name and text of every recording file."""
        tree = FolderTree(self.settings.root)
        names = sorted({path for pattern in patterns for path in matching(pattern, tree.paths())})
        return [(name, read_text(tree, name)) for name in names]

    def scorers(self, output_schema: Mapping[str, Any], support: SupportScorer | None = None) -> Sequence[Scorer]:
        """Every scorer, built in and plugged in."""
        from interlock.scorers import default_scorers, load_scorers

        return (*default_scorers(output_schema, support), *load_scorers())

    def support(self, spec: "SupportSpec", ask: "Ask | None" = None) -> SupportScorer:
        """The scorer of evidence that a policy declares."""
        return open_support(spec, self.settings.root, ask)

    def languages(self) -> LanguageReader | None:
        """What tells languages apart, where the extra `languages` is installed."""
        from interlock.scorers.language import language_reader

        return language_reader()

    def command_fault(self, argv: list[str]) -> str | None:
        """Why a command line does not parse."""
        return self.command_check(argv)


def tree_of(settings: Settings) -> Tree:
    """The files in the feature's folder."""
    return FolderTree(settings.root)


def open_support(spec: "SupportSpec", root: Path, ask: "Ask | None" = None) -> SupportScorer:
    """The scorer of evidence that a policy declares.

    Args:
        spec: `evidence.scorer` of `answers.yaml`.
        root: the folder that paths are relative to.
        ask: how a completion is had in a run; else the declared endpoint is asked.
    Raises: UsageError when an extra, a package or a variable is missing, or a file is another one than is pinned.
    """
    from interlock.adapters.targets import address, filled
    from interlock.core.answer import EndpointScorer, OnnxScorer
    from interlock.services.stronger import EndpointSupport, InferenceSupport

    try:
        match spec:
            case EndpointScorer() if ask is not None:
                return EndpointSupport(spec, ask=ask)
            case EndpointScorer(endpoint=endpoint):
                from interlock.adapters.targets.chat_http import HttpChat

                chat = HttpChat(address(endpoint.url), key_env=endpoint.key_env, timeout_s=endpoint.timeout_s)
                return EndpointSupport(spec, live=chat)
            case OnnxScorer():
                from interlock.adapters.onnx_nli import inference

                model, tokenizer = (root / filled(path) for path in (spec.model, spec.tokenizer))
                return InferenceSupport(spec, inference(spec, model, tokenizer))
    except TargetError as error:
        raise UsageError(error.message, hint=error.hint) from error
    from interlock.scorers import support_scorer

    return support_scorer(spec.name)


def read_feature(settings: Settings) -> tuple[Resolved, Loaded, Bundle | None]:
    """The bundle in the feature's folder, and what its lock pins.

    Raises: UsageError when there is no manifest; every error of strict loading.
    """
    tree, resolved, lock = _read_manifest(settings)
    # What is locked was read strictly when it was locked.
    locked = lock is not None and lock.digest == resolved.bundle.digest
    return resolved, load_parts(resolved.bundle, tree, suites_later=locked), lock


def read_release(settings: Settings) -> tuple[Resolved, Release, Bundle | None]:
    """The same without the parts themselves: the terms of release are all that a move and a look at what is live need.

    Raises: UsageError when there is no manifest; what is wrong with the manifest or with the files that it names.
    """
    _, resolved, lock = _read_manifest(settings)
    return resolved, release_of(resolved.bundle), lock


def _read_manifest(settings: Settings) -> tuple[FolderTree, Resolved, Bundle | None]:
    tree = FolderTree(settings.root)
    if not (settings.root / MANIFEST).is_file():
        raise UsageError(f"there is no `{MANIFEST}` in `{settings.root.name}`", hint="make one with `interlock init`")
    return tree, resolve(tree), read_lock(read_text(tree, LOCK)) if LOCK in tree.paths() else None


def open_desk(settings: Settings, records: Records, bench: WorkBench, progress: Progress) -> "Desk":
    """A check run at work on the bundle in the feature's folder."""
    from interlock.services.check import Desk

    resolved, loaded, lock = read_feature(settings)
    return Desk(resolved, loaded, lock, records, bench, progress)


def write_file(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    from interlock.adapters.folder import write_durably

    write_durably(path, text.encode(), mode=0o644)
