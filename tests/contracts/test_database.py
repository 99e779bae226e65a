"""The facts database: what must be noticed, what must survive, and who wins."""

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from interlock.adapters.dsse import Keyring
from interlock.adapters.sql import (
    Database,
    DatabaseUnavailable,
    SqlEvidenceStore,
    SqlLedger,
    SqlPointerStore,
    SqlTrialStore,
    open_database,
)
from interlock.adapters.sql.migrations import scripts
from interlock.adapters.sql.schema import REVISION, metadata
from interlock.core.errors import ConflictError, EvidenceError, LedgerError
from interlock.core.evidence import Evidence, evidence_to_json
from interlock.core.pointer import Move
from interlock.testing import FixedClock, PlainSigner, sample_evidence, sample_pointer
from interlock.testing.contracts import AT


def _execute(database: Database, *statements: str, **values: Any) -> None:
    with database.write() as connection:
        for statement in statements:
            connection.execute(text(statement), values)


# ── the schema


def test_migrations_lead_to_the_schema_that_the_code_uses(database: Database) -> None:
    assert scripts().get_current_head() == REVISION
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_opening_again_keeps_everything_and_imports_no_migrations(url: str) -> None:
    database = open_database(url)
    SqlLedger(database).append("a", {}, actor="ada", at=AT)
    database.close()
    code = (
        "import sys; from interlock.adapters.sql import SqlLedger, open_database;"
        "print(SqlLedger(open_database(sys.argv[1])).verify(), 'alembic' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["1", "False"]


def test_several_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    code = "import sys; from interlock.adapters.sql import open_database; open_database(sys.argv[1])"
    url = f"sqlite:///{tmp_path}/deep/er/facts.db"
    started = [subprocess.Popen([sys.executable, "-c", code, url], stderr=subprocess.PIPE) for _ in range(4)]
    assert [each.communicate()[1] for each in started] == [b""] * 4


def test_a_database_of_a_newer_version_is_refused_untouched(database: Database, url: str) -> None:
    _execute(database, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseUnavailable, match="9999"):
        open_database(url)
    _execute(database, f"UPDATE alembic_version SET version_num = '{REVISION}'")


@pytest.mark.parametrize(
    "url", ["", "facts.db", "mysql://x/y", "sqlite://", "sqlite:///:memory:", "postgresql+foo://x"]
)
def test_what_is_no_database_is_refused_with_the_way_to_write_it(url: str) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        open_database(url)
    assert "sqlite:///" in caught.value.hint


def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "facts.db").write_bytes(b"not a database, but somebody's thesis " * 99)
    with pytest.raises(DatabaseUnavailable, match="not a database"):
        open_database(f"sqlite:///{tmp_path}/facts.db")
    assert (tmp_path / "facts.db").read_bytes().startswith(b"not a database")


def test_a_password_is_never_shown() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(DatabaseUnavailable) as caught:
        open_database("postgresql://ada:secret@localhost:1/x")
    assert "secret" not in caught.value.render()


def test_a_missing_driver_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DatabaseUnavailable) as caught:
        open_database("postgresql://localhost/x")
    assert caught.value.hint == "pip install 'interlock[postgres]'"


def test_sqlite_is_durable_at_each_commit(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/facts.db")
    with database.read() as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        told = [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in asked]
    assert told == ["wal", 2, 1, 10_000]
    database.close()


# ── the chain


def _chain(tmp_path: Path, length: int) -> Database:
    database = open_database(f"sqlite:///{tmp_path}/facts.db")
    _execute(database, "DELETE FROM facts", "UPDATE ledger_head SET seq = 0, hash = :zero", zero="0" * 64)
    for number in range(length):
        SqlLedger(database).append("kind", {"n": number}, actor="ada", at=AT + timedelta(seconds=number))
    return database


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), length=st.integers(1, 5))
def test_any_edited_fact_is_found(tmp_path: Path, data: st.DataObject, length: int) -> None:
    database = _chain(tmp_path, length)
    seq = data.draw(st.integers(1, length))
    column = data.draw(st.sampled_from(["at", "kind", "actor", "body", "previous", "hash", "seq"]))
    with database.read() as connection:
        before = connection.execute(text(f'SELECT "{column}" FROM facts WHERE seq = {seq}')).scalar_one()
    if column == "seq":
        after = data.draw(st.integers(-3, 50).filter(lambda n: not 1 <= n <= length))
    else:
        at = data.draw(st.integers(0, len(before)))
        cut = data.draw(st.integers(at, len(before)))
        new = data.draw(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=3))
        after = before[:at] + new + before[cut:]
    _execute(database, f'UPDATE facts SET "{column}" = :after WHERE seq = {seq}', after=after)
    if after == before:
        assert SqlLedger(database).verify() == length
    else:
        with pytest.raises(LedgerError, match=r"fact \d+ of the ledger"):
            SqlLedger(database).verify()
    database.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), length=st.integers(1, 5))
def test_any_dropped_fact_is_found_by_its_number(tmp_path: Path, data: st.DataObject, length: int) -> None:
    database = _chain(tmp_path, length)
    dropped = sorted(data.draw(st.sets(st.integers(1, length), min_size=1)))
    for seq in dropped:
        _execute(database, f"DELETE FROM facts WHERE seq = {seq}")
    with pytest.raises(LedgerError, match=f"fact {dropped[0]} of the ledger is missing"):
        SqlLedger(database).verify()
    database.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), length=st.integers(2, 5))
def test_any_two_swapped_facts_are_found(tmp_path: Path, data: st.DataObject, length: int) -> None:
    database = _chain(tmp_path, length)
    one, other = sorted(data.draw(st.sets(st.integers(1, length), min_size=2, max_size=2)))
    for source, target in ((one, 0), (other, one), (0, other)):
        _execute(database, f"UPDATE facts SET seq = {target} WHERE seq = {source}")
    with pytest.raises(LedgerError, match=f"fact {one} of the ledger"):
        SqlLedger(database).verify()
    database.close()


def test_nothing_is_appended_to_a_chain_whose_end_was_cut_off(database: Database) -> None:
    ledger = SqlLedger(database)
    for number in range(3):
        ledger.append("a", {"n": number}, actor="ada", at=AT)
    _execute(database, "DELETE FROM facts WHERE seq = 3")
    with pytest.raises(LedgerError, match="end of the ledger"):
        ledger.append("a", {}, actor="ada", at=AT)


def test_an_added_fact_is_found(database: Database) -> None:
    SqlLedger(database).append("a", {}, actor="ada", at=AT)
    _execute(
        database,
        "INSERT INTO facts (seq, at, kind, actor, body, previous, hash) "
        "SELECT 2, at, kind, actor, body, hash, previous FROM facts",
    )
    with pytest.raises(LedgerError, match="fact 2"):
        SqlLedger(database).verify()


def test_a_long_ledger_is_read_in_pages_without_gaps(database: Database) -> None:
    ledger = SqlLedger(database)
    from interlock.adapters.sql.ledger import append_fact

    with database.write() as connection:
        for number in range(1003):
            append_fact(connection, "ab"[number % 2], {"n": number}, actor="ada", at=AT)
    assert [fact.seq for fact in ledger.facts()] == list(range(1, 1004))
    assert [fact.body["n"] for fact in ledger.facts("b")] == list(range(1, 1003, 2))
    assert ledger.verify() == 1003


def test_another_spelling_of_the_same_fact_is_found(database: Database) -> None:
    SqlLedger(database).append("a", {"n": 1}, actor="ada", at=AT)
    _execute(database, "UPDATE facts SET body = :body", body='{"n": 1.0}')
    with pytest.raises(LedgerError, match="fact 1 of the ledger was altered"):
        SqlLedger(database).verify()


# ── pointers


def test_a_pointer_row_that_was_edited_is_found_by_folding_the_ledger(database: Database) -> None:
    store = SqlPointerStore(database)
    first = sample_pointer()
    store.swap(first, expected=0, fact={})
    store.swap(first.moved(first.stable, Move.UNDO, reason="r", actor="a", at=AT), expected=1, fact={})
    assert store.verify() == 2
    for table in ("pointers", "pointer_history"):
        edit = f"UPDATE {table} SET document = replace(document, '{{0}}', '{{1}}')"
        _execute(database, edit.format('"actor":"a', '"actor":"x'))
        with pytest.raises(LedgerError, match="not what the ledger says"):
            store.verify()
        _execute(database, edit.format('"actor":"x', '"actor":"a'))
    _execute(database, "DELETE FROM pointer_history WHERE generation = 1")
    with pytest.raises(LedgerError, match="acme/support 1"):
        store.verify()


def test_a_move_that_cannot_be_told_does_not_happen(database: Database) -> None:
    store = SqlPointerStore(database)
    _execute(database, "DELETE FROM ledger_head")
    with pytest.raises(LedgerError):
        store.swap(sample_pointer(), expected=0, fact={})
    assert store.read("staging", "acme/support") is None
    assert list(store.history("staging", "acme/support")) == []
    _execute(database, "INSERT INTO ledger_head VALUES (1, 0, :zero)", zero="0" * 64)


GENERATIONS = 6

RACE = """
import os, sys, threading, time
from dataclasses import replace
from interlock.adapters.sql import SqlPointerStore, open_database
from interlock.core.errors import ConflictError
from interlock.testing import sample_pointer

url, me, generations = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = SqlPointerStore(open_database(url))
lock, gate, end = threading.Lock(), threading.Barrier(4, timeout=15), time.monotonic() + 15

def race(number):
    for generation in range(1, generations + 1):
        gate.wait()
        new = replace(sample_pointer(), generation=generation, actor=f"{me}-{number}")
        while time.monotonic() < end:
            current = store.read("staging", "acme/support")
            if (current.generation if current else 0) >= generation - 1:
                break
        try:
            store.swap(new, expected=generation - 1, fact={})
        except ConflictError:
            continue
        with lock:
            print(generation, new.actor, flush=True)

print("ready", flush=True)
sys.stdin.readline()
def stopped(problem):
    print(problem.exc_value, file=sys.stderr, flush=True)
    os._exit(1)

threading.excepthook = stopped
threads = [threading.Thread(target=race, args=(number,)) for number in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_of_sixteen_who_move_the_same_pointer_exactly_one_wins(url: str, database: Database) -> None:
    """Four processes of four threads each."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, url, str(number), str(GENERATIONS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(4)
    ]  # fmt: skip
    for each in started:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in started:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    told = [each.communicate(timeout=60) for each in started]
    assert [error for _, error in told] == [""] * 4
    won = sorted(tuple(line.split()) for out, _ in told for line in out.splitlines())
    history = SqlPointerStore(database).history("staging", "acme/support")
    assert won == [(str(pointer.generation), pointer.actor) for pointer in history]
    assert [pointer.generation for pointer in history] == list(range(1, GENERATIONS + 1))
    assert SqlLedger(database).verify() == SqlPointerStore(database).verify() == GENERATIONS


def test_of_sixteen_threads_that_move_the_same_pointer_exactly_one_wins(database: Database) -> None:
    store, won, lost = SqlPointerStore(database), [], []
    gate = threading.Barrier(16)

    def race(number: int) -> None:
        gate.wait()
        try:
            store.swap(replace(sample_pointer(), actor=str(number)), expected=0, fact={})
            won.append(str(number))
        except ConflictError:
            lost.append(str(number))

    threads = [threading.Thread(target=race, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    current = store.read("staging", "acme/support")
    assert current is not None
    assert ([current.actor], len(lost)) == (won, 15)


# ── evidence


def _put(store: SqlEvidenceStore, signer: Any, evidence: Evidence) -> None:
    store.put(evidence, signer.sign(evidence_to_json(evidence), kind="evidence"))


def test_evidence_that_was_edited_in_the_database_is_not_found(database: Database) -> None:
    signer = PlainSigner()
    store = SqlEvidenceStore(database, signer)
    _put(store, signer, sample_evidence(n=1))
    _put(store, signer, sample_evidence("EVAL-02", n=2))
    kept = store.envelope(store.find("EVAL-01")[0].digest)
    _execute(database, 'UPDATE evidence SET "check" = :one', one="EVAL-01")
    assert [dict(each.data) for each in store.find("EVAL-01")] == [{"n": 1}]
    assert list(store.find("EVAL-02")) == []
    edited = kept.replace(b'"n":1', b'"n":9')
    _execute(database, "UPDATE evidence SET envelope = :edited", edited=edited)
    assert list(store.find("EVAL-01")) == []


def test_evidence_by_an_expired_key_is_not_found_until_it_is_signed_again(database: Database, tmp_path: Path) -> None:
    clock = FixedClock()
    keyring = Keyring(tmp_path / "keyring", clock=clock)
    keyring.create_key("ada", ["producer"], 30)
    store = SqlEvidenceStore(database, keyring)
    _put(store, keyring, sample_evidence())
    assert len(store.find("EVAL-01")) == 1
    clock.advance(timedelta(days=30))
    assert list(store.find("EVAL-01")) == []
    keyid = keyring.create_key("ada", ["producer"], 30)
    _put(store, keyring, sample_evidence())
    assert [each.producer for each in store.find("EVAL-01")] == [keyid]


def test_a_revocation_that_was_deleted_is_found(database: Database) -> None:
    signer = PlainSigner()
    store = SqlEvidenceStore(database, signer)
    _put(store, signer, sample_evidence())
    store.revoke(store.find("EVAL-01")[0].digest, "wrong", actor="ada", at=AT)
    assert store.verify() == 1
    _execute(database, "DELETE FROM revocations")
    with pytest.raises(LedgerError, match="revocation"):
        store.verify()


# ── kill -9

WRITER = """
import sys
from dataclasses import replace
from interlock.adapters.folder import FolderBlobStore
from interlock.adapters.sql import SqlLedger, SqlPointerStore, SqlTrialStore, SqlCallStore, open_database
from interlock.core.score import Reply, Trial
from interlock.ports import Attempt
from interlock.testing import sample_pointer
from interlock.testing.contracts import AT
from pathlib import Path

database = open_database(sys.argv[1])
ledger, pointers, trials, calls = (kind(database) for kind in (SqlLedger, SqlPointerStore, SqlTrialStore, SqlCallStore))
blobs = FolderBlobStore(Path(sys.argv[2]))
number = 0
while True:
    number += 1
    ledger.append("step", {"n": number}, actor="ada", at=AT)
    pointers.swap(replace(sample_pointer(), generation=number), expected=number - 1, fact={})
    trials.add([Attempt(f"k{number}", "r", Trial("c", 0, Reply("answer", str(number))), AT)])
    calls.reserve(f"k{number}", "r", 1.0, at=AT)
    blobs.put(str(number).encode() * 50_000)
    print(number, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 7, 20])
def test_what_was_acknowledged_survives_kill_9(url: str, tmp_path: Path, acknowledged: int) -> None:
    from interlock.adapters.folder import FolderBlobStore
    from interlock.adapters.sql import SqlCallStore
    from interlock.core.digest import of_bytes

    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, url, str(tmp_path / "blobs")], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    for _ in range(acknowledged):
        assert child.stdout.readline()
    child.kill()
    rest, _ = child.communicate()
    assert child.returncode == -signal.SIGKILL
    steps = acknowledged + sum(line.endswith("\n") for line in rest.splitlines(keepends=True))

    database = open_database(url)
    told = [fact.body["n"] for fact in SqlLedger(database).facts("step")]
    assert told[:steps] == list(range(1, steps + 1))
    assert len(told) <= steps + 1
    assert SqlLedger(database).verify() >= 2 * steps
    assert SqlPointerStore(database).verify() >= steps
    assert len(SqlTrialStore(database).find(f"k{number}" for number in range(1, steps + 1))) == steps
    assert SqlCallStore(database).spent("r") >= steps
    blobs = FolderBlobStore(tmp_path / "blobs")
    for number in range(1, steps + 1):
        content = str(number).encode() * 50_000
        assert blobs.get(of_bytes(content)) == content
    # And it goes on: the next fact fits the chain.
    SqlLedger(database).append("after", {}, actor="ada", at=AT)
    assert SqlLedger(database).verify() >= 2 * steps + 1
    database.close()


def test_evidence_that_somebody_stored_as_text_is_left_out(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/facts.db")
    signer = PlainSigner()
    store = SqlEvidenceStore(database, signer)
    _put(store, signer, sample_evidence())
    (kept,) = store.find(sample_evidence().check)
    for wrong in ("CAST(envelope AS TEXT)", "7"):
        _execute(database, f"UPDATE evidence SET envelope = {wrong}")
        assert list(store.find(kept.check)) == []
        with pytest.raises(EvidenceError, match="altered"):
            store.envelope(kept.digest)
    database.close()


@pytest.mark.parametrize("document", ["{", "[]", "{}", "null", '"x"'])
def test_a_pointer_that_cannot_be_read_is_an_error_of_the_ledger(tmp_path: Path, document: str) -> None:
    database = open_database(f"sqlite:///{tmp_path}/facts.db")
    SqlPointerStore(database).swap(sample_pointer(), expected=0, fact={})
    _execute(database, "UPDATE pointers SET document = :d", d=document)
    with pytest.raises(LedgerError, match="cannot be read"):
        SqlPointerStore(database).read(sample_pointer().environment, sample_pointer().feature)
    database.close()
