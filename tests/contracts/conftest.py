"""Every port on every adapter: in memory, on SQLite, and on PostgreSQL where a server is installed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from benchmarks import cluster
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


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a throw-away cluster that listens on a socket in a folder of its own."""
    if not cluster.installed():
        pytest.skip("no PostgreSQL server is installed (initdb, pg_ctl)")
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    with cluster.postgresql(durable=False) as url:
        yield url


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
