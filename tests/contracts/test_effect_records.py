"""The records, the budgets and the stored effects notice what somebody did to their rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from interlock.adapters.sql import Database, open_database
from interlock.adapters.sql.effects import SqlEffectStore
from interlock.core.claim import State
from interlock.core.errors import LedgerError
from interlock.core.record import GENESIS
from interlock.services.effects import perform
from interlock.services.reconcile import verify_records
from interlock.testing import FixedClock, sample_request

TABLES = ("decision_records", "record_heads", "claims", "budget_entries", "budget_members", "budgets")


def _execute(database: Database, *statements: str, **values: Any) -> None:
    with database.write() as connection:
        for statement in statements:
            connection.execute(text(statement), values)


def _chain(tmp_path: Path, effects: int) -> SqlEffectStore:
    """Two records for each effect."""
    database = open_database(f"sqlite:///{tmp_path}/facts.db")
    _execute(database, *(f"DELETE FROM {table}" for table in TABLES))
    store = SqlEffectStore(database)
    for number in range(effects):
        perform(sample_request(5, order=str(number)), lambda **_: "done", store=store, clock=FixedClock())
    return store


def _columns(store: SqlEffectStore, seq: int) -> dict[str, Any]:
    with store._database.read() as connection:
        row = connection.execute(text("SELECT * FROM decision_records WHERE seq = :seq"), {"seq": seq}).one()
    return dict(row._mapping)


quickly = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quickly
@given(data=st.data())
def test_any_edited_record_is_found(tmp_path: Path, data: st.DataObject) -> None:
    store = _chain(tmp_path, 2)
    seq = data.draw(st.integers(1, 4))
    column = data.draw(st.sampled_from(["at", "kind", "body", "previous", "hash", "tenant"]))
    before = _columns(store, seq)[column]
    at = data.draw(st.integers(0, len(before)))
    cut = data.draw(st.integers(at, len(before)))
    after = (
        before[:at] + data.draw(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=3)) + before[cut:]
    )
    _execute(store._database, f'UPDATE decision_records SET "{column}" = :after WHERE seq = {seq}', after=after)
    if after == before:
        assert verify_records(store)[0].seq == 4
    else:
        with pytest.raises(LedgerError, match=r"record \d+ of `"):
            verify_records(store)
    store._database.close()


@quickly
@given(dropped=st.sets(st.integers(1, 4), min_size=1))
def test_any_dropped_record_is_found_by_its_number(tmp_path: Path, dropped: set[int]) -> None:
    store = _chain(tmp_path, 2)
    for seq in dropped:
        _execute(store._database, f"DELETE FROM decision_records WHERE seq = {seq}")
    with pytest.raises(LedgerError, match=f"record {min(dropped)} of `acme` is missing"):
        verify_records(store)
    store._database.close()


@quickly
@given(pair=st.sets(st.integers(1, 4), min_size=2, max_size=2))
def test_any_two_swapped_records_are_found(tmp_path: Path, pair: set[int]) -> None:
    store = _chain(tmp_path, 2)
    one, other = sorted(pair)
    for source, target in ((one, 0), (other, one), (0, other)):
        _execute(store._database, f"UPDATE decision_records SET seq = {target} WHERE seq = {source}")
    with pytest.raises(LedgerError, match=f"record {one} of `acme`"):
        verify_records(store)
    store._database.close()


@pytest.mark.parametrize(
    "tamper",
    [
        "DELETE FROM decision_records WHERE seq = 4; UPDATE record_heads SET seq = 3",
        "UPDATE record_heads SET hash = 'sha256:' || hex(zeroblob(32))",
        "DELETE FROM record_heads",
        "INSERT INTO decision_records SELECT tenant, 5, at, kind, body, previous, hash FROM decision_records WHERE seq = 4",
        "UPDATE budgets SET held = held + 1",
        "UPDATE budgets SET used = used - 5",
        "DELETE FROM budget_entries WHERE kind = 'commit'",
        "UPDATE budget_entries SET used = used + 1 WHERE kind = 'commit'",
    ],
)
def test_cut_added_and_altered_rows_are_found(tmp_path: Path, tamper: str) -> None:
    store = _chain(tmp_path, 2)
    assert verify_records(store)[0].seq == 4
    _execute(store._database, *tamper.split("; "))
    with pytest.raises(LedgerError):
        verify_records(store)
    store._database.close()


def test_a_chain_that_is_written_anew_as_a_whole_shows_against_its_noted_end(tmp_path: Path) -> None:
    store = _chain(tmp_path, 2)
    noted = verify_records(store)
    store._database.close()
    other = _chain(tmp_path, 3)
    with other.transaction("acme") as turn:
        turn.append("decision", {"rewritten": True}, at=FixedClock().now())
    assert verify_records(other)[0].seq == 7
    _execute(other._database, "DELETE FROM decision_records", "DELETE FROM record_heads")
    with other.transaction("acme") as turn:
        for number in range(9):
            turn.append("decision", {"rewritten": number}, at=FixedClock().now())
    assert verify_records(other)[0].seq == 9
    with pytest.raises(LedgerError, match="record 4 of `acme` is not what was noted"):
        verify_records(other, noted=noted)
    other._database.close()


@pytest.mark.parametrize(
    "edit",
    [
        lambda document: document.replace('"number":1', '"number":0', 1),
        lambda document: document.replace('"amount_minor\\":5', '"amount_minor\\": 5'),
        lambda document: document[:-5],
        lambda _: "{}",
    ],
)
def test_an_edited_effect_is_an_error_and_no_other_effect(tmp_path: Path, edit: Callable[[str], str]) -> None:
    store = _chain(tmp_path, 1)
    with store._database.read() as connection:
        document = connection.execute(text("SELECT document FROM claims")).scalar_one()
    assert edit(document) != document
    _execute(store._database, "UPDATE claims SET document = :new", new=edit(document))
    with pytest.raises(LedgerError, match="cannot be read"):
        store.claims(list(State))
    store._database.close()


def test_a_balance_below_nothing_is_refused_by_the_database(database: Database) -> None:
    store = SqlEffectStore(database)
    perform(sample_request(5), lambda **_: 1, store=store, clock=FixedClock())
    with pytest.raises(LedgerError):
        _execute(database, "UPDATE budgets SET held = -1")


def test_claim_reserve_and_record_are_one_commit_and_so_is_the_outcome(database: Database) -> None:
    store, commits = SqlEffectStore(database), []
    event.listen(database.engine, "commit", lambda _: commits.append(1))

    def tool(**_: Any) -> str:
        assert len(commits) == 1
        return "done"

    perform(sample_request(5), tool, store=store, clock=FixedClock())
    assert len(commits) == 2
    assert [record.kind for record in store.records("acme")] == ["decision", "outcome"]
    assert next(iter(store.records("acme"))).previous == GENESIS
