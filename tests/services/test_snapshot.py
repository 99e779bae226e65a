"""One judgement reads the stores once, and cannot write them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.core.errors import LedgerError
from interlock.ports import Records
from interlock.services.snapshot import snapshot
from interlock.testing import (
    FixedClock,
    MemoryBlobStore,
    MemoryCallStore,
    MemoryEvidenceStore,
    MemoryLedger,
    MemoryPointerStore,
    MemoryTrialStore,
    PlainSigner,
    sample_pointer,
)

CLOCK = FixedClock()


@pytest.fixture
def records() -> Records:
    ledger, signer = MemoryLedger(), PlainSigner({"ada": ["author"]}, clock=CLOCK)
    return Records(
        ledger,
        MemoryPointerStore(ledger),
        MemoryEvidenceStore(signer, ledger),
        MemoryTrialStore(),
        MemoryCallStore(),
        MemoryBlobStore(),
        signer,
        CLOCK,
        "ada",
    )


def test_what_was_read_once_does_not_change_within_a_judgement(records: Records) -> None:
    records.ledger.append("check", {"n": 1}, actor="ada", at=CLOCK.now())
    still = snapshot(records)
    assert [fact.body["n"] for fact in still.ledger.facts("check")] == [1]
    records.ledger.append("check", {"n": 2}, actor="ada", at=CLOCK.now())
    assert [fact.body["n"] for fact in still.ledger.facts("check")] == [1]
    assert [fact.body["n"] for fact in snapshot(records).ledger.facts("check")] == [1, 2]


def test_only_facts_after_the_asked_place_are_given(records: Records) -> None:
    for n in range(4):
        records.ledger.append("check", {"n": n}, actor="ada", at=CLOCK.now() + timedelta(seconds=n))
    still = snapshot(records).ledger
    assert list(still.facts("check", after=2)) == list(records.ledger.facts("check", after=2))
    assert list(still.facts()) == list(records.ledger.facts())
    assert list(still.facts("run")) == []


def test_a_broken_chain_is_said_to_be_broken_each_time(records: Records) -> None:
    class Broken(MemoryLedger):
        walks = 0

        def verify(self) -> int:
            self.walks += 1
            raise LedgerError("fact 3 of the ledger was altered")

    broken = Broken()
    still = snapshot(replace(records, ledger=broken)).ledger
    for _ in range(3):
        with pytest.raises(LedgerError, match="fact 3"):
            still.verify()
    assert broken.walks == 1


def test_the_live_pointer_is_the_newest_of_its_history(records: Records) -> None:
    first = sample_pointer()
    assert snapshot(records).pointers.read(first.environment, first.feature) is None
    records.pointers.swap(first, expected=first.generation - 1, fact={"why": "test"})
    still = snapshot(records).pointers
    assert still.read(first.environment, first.feature) == records.pointers.read(first.environment, first.feature)
    assert list(still.history(first.environment, first.feature)) == [first]


def test_a_snapshot_writes_nothing(records: Records) -> None:
    still = snapshot(records)
    with pytest.raises(TypeError, match="only read"):
        still.ledger.append("check", {}, actor="ada", at=CLOCK.now())
    with pytest.raises(TypeError, match="only read"):
        still.pointers.swap(sample_pointer(), expected=0, fact={})
    assert list(records.ledger.facts()) == []


def test_a_snapshot_of_a_snapshot_is_itself(records: Records) -> None:
    still = snapshot(records)
    assert snapshot(still) is still
