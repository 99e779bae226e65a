"""Where a guard writes down what it lets through: opened when the first effect needs it."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

from interlock.core.digest import Digest
from interlock.core.errors import InterlockError, LedgerError
from interlock.ports import Clock, EffectStore, Signer


@dataclass(frozen=True, slots=True)
class Opened:
    """The store of effects, the clock, and whose signatures count; without a signer nobody's do."""

    store: EffectStore
    clock: Clock
    signer: Signer | None


class EffectBook:
    """The store of one guard.

    Args:
        store: an open one, or the URL of a database; None for the feature's own.
        signer, clock: with an open store; else the feature's keys and the clock of the system.
        root: the feature's folder; None for a guard that was made from parts: such a guard has a store only where it is
            given one, or where INTERLOCK_DATABASE_URL names one.
        bundle: gives the digest of what is released, when it is first asked for.
        agent: the identity under which the application acts; it never approves.
    """

    def __init__(
        self,
        store: EffectStore | str | None,
        *,
        signer: Signer | None,
        clock: Clock | None,
        root: Path | None,
        bundle: Callable[[], Digest],
        agent: str,
    ) -> None:
        self.agent = agent
        self._given, self._signer, self._clock, self._root = store, signer, clock, root
        self._digest = bundle
        self._bundle: Digest | None = None
        self._opened: Opened | None = None
        self._open = ExitStack()
        self._lock = Lock()

    @property
    def bundle(self) -> Digest:
        """The digest of what is released. Raises: every error of strict loading."""
        with self._lock:
            if self._bundle is None:
                self._bundle = self._digest()
            return self._bundle

    def opened(self) -> Opened:
        """The open store. Raises: LedgerError when there is none, or it cannot be opened."""
        with self._lock:
            if self._opened is None:
                try:
                    self._opened = self._made()
                except LedgerError:
                    raise
                except InterlockError as cause:
                    raise LedgerError(cause.message, hint=cause.hint) from cause
            return self._opened

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._opened = None
            self._open.close()

    def _made(self) -> Opened:
        from interlock.adapters.clock import SystemClock

        clock = self._clock or SystemClock()
        if self._given is not None and not isinstance(self._given, str):
            return Opened(self._given, clock, self._signer)
        from dataclasses import replace
        from os import environ

        from interlock.settings import read_settings
        from interlock.wiring import open_effects

        if self._given is None and self._root is None and not environ.get("INTERLOCK_DATABASE_URL"):
            raise LedgerError(
                "this guard has no store",
                hint="give it one: `store=`, or set INTERLOCK_DATABASE_URL; nothing was called",
            )
        settings = read_settings(self._root or Path.cwd())
        if self._given is not None:
            settings = replace(settings, database_url=self._given)
        effects = self._open.enter_context(open_effects(settings, clock=clock))
        return Opened(effects.store, clock, self._signer or effects.signer)


class NoStore:
    """Stands where a store could not be opened: each transaction says so."""

    def __init__(self, cause: LedgerError) -> None:
        self._cause = cause

    def transaction(self, tenant: str) -> NoReturn:
        """Raises: LedgerError."""
        raise LedgerError(self._cause.message, hint=self._cause.hint) from self._cause

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)
