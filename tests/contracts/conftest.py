"""Every port on every adapter: in memory, on SQLite, and on PostgreSQL where a server is installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from effect_world import ROLES, World
from interlock.adapters.sql import (
    Database,
    SqlCallStore,
    SqlEvidenceStore,
    SqlLedger,
    SqlPointerStore,
    SqlTrialStore,
    open_database,
)
from interlock.adapters.sql.effects import SqlEffectStore
from interlock.ports import CallStore, EffectStore, EvidenceStore, Ledger, PointerStore, Signer, TrialStore
from interlock.testing import (
    FixedClock,
    MemoryCallStore,
    MemoryEffectStore,
    MemoryEvidenceStore,
    MemoryLedger,
    MemoryPointerStore,
    MemoryTrialStore,
    PlainSigner,
)


@dataclass(frozen=True)
class Stores:
    ledger: Ledger
    pointers: PointerStore
    evidence: EvidenceStore
    trials: TrialStore
    calls: CallStore
    signer: Signer
    effects: EffectStore


def _program(name: str) -> str | None:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(installed[-1]) if installed else shutil.which(name)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a throw-away cluster that listens on a socket in a folder of its own."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("no PostgreSQL server is installed (initdb, pg_ctl)")
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    folder = Path(tempfile.mkdtemp(prefix="interlock-pg-"))
    user = None
    if os.geteuid() == 0:  # the server refuses to run as root
        user = "nobody"
        shutil.chown(folder, user)

    def run(*command: str) -> None:
        subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL, timeout=60)

    data = str(folder / "data")
    run(initdb, "-D", data, "-U", "interlock", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
    # The disk is not what is tested here: a killed client loses nothing, and nobody pulls the plug.
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
    run(pg_ctl, "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"postgresql://interlock@/postgres?host={folder}"
    finally:
        run(pg_ctl, "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


def _emptied(url: str) -> None:
    database = open_database(url)
    with database.write() as connection:
        connection.execute(
            text(
                "TRUNCATE facts, pointers, pointer_history, evidence, revocations, trials, calls, spending, switches, claims,"
                " approvals, grants, budgets, budget_entries, budget_members, decision_records, record_heads"
            )
        )
        connection.execute(text("UPDATE ledger_head SET seq = 0, hash = repeat('0', 64)"))
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty facts database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/facts.db"
    found: str = request.getfixturevalue("postgresql")
    _emptied(found)
    return found


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = open_database(url)
    yield opened
    opened.close()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    signer = PlainSigner()
    if request.param == "memory":
        chain = MemoryLedger()
        yield Stores(
            chain, MemoryPointerStore(chain), MemoryEvidenceStore(signer, chain), MemoryTrialStore(), MemoryCallStore(),
            signer, MemoryEffectStore(chain),
        )  # fmt: skip
        return
    url = f"sqlite:///{tmp_path}/facts.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql")
        _emptied(url)
    opened = open_database(url)
    yield Stores(
        SqlLedger(opened), SqlPointerStore(opened), SqlEvidenceStore(opened, signer), SqlTrialStore(opened),
        SqlCallStore(opened), signer, SqlEffectStore(opened),
    )  # fmt: skip
    opened.close()


@pytest.fixture
def world(stores: Stores) -> World:
    clock = FixedClock()
    return World(stores.effects, clock, PlainSigner(ROLES, clock=clock))
