"""A row of the ledger that says READY is no proof: the signed verdict behind it has to say so too."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from feature import Feature
from interlock.core.digest import Digest
from interlock.core.errors import LedgerError
from interlock.ports import Records
from interlock.services.history import last_ready, ledger_fault, proven_pairs, readings, ready_here
from interlock.settings import read_settings
from interlock.wiring import open_records

OTHER = Digest("sha256:" + "0" * 64)


@pytest.fixture
def records(checked: Feature) -> Iterator[Records]:
    with open_records(read_settings(checked.root)) as opened:
        yield opened


def body_of(records: Records) -> dict[str, Any]:
    return dict(list(records.ledger.facts("check"))[-1].body)


def append(records: Records, actor: str = "ada", **changes: Any) -> None:
    records.ledger.append("check", {**body_of(records), **changes}, actor=actor, at=records.clock.now())


def test_what_was_checked_and_signed_counts(records: Records) -> None:
    body = body_of(records)
    assert set(ready_here(records, "staging")) == set(ready_here(records, "production")) == {body["bundle"]}
    assert last_ready(records, body["feature"], other_than=OTHER) == body["bundle"]
    assert last_ready(records, body["feature"], other_than=Digest(body["bundle"])) is None
    assert proven_pairs(records) == {tuple(pair) for pair in body["pairs"]} != frozenset()
    assert proven_pairs(records, ["nowhere"]) == frozenset()


@pytest.mark.parametrize(
    "changes",
    [
        {"bundle": OTHER, "pairs": [["a", "b"]]},
        {"bundle": OTHER, "pairs": [["a", "b"]], "envelope": OTHER},
        {"bundle": OTHER, "pairs": [["a", "b"]], "envelope": "nothing"},
        {"bundle": OTHER, "pairs": [["a", "b"]], "envelope": 7},
        {"pairs": [["a", "b"]]},
        {"environment": "elsewhere", "pairs": [["a", "b"]]},
    ],
)
def test_a_ready_that_nobody_signed_counts_for_nothing(records: Records, changes: dict[str, Any]) -> None:
    pairs, here = proven_pairs(records), ready_here(records, "production")
    append(records, **changes)
    assert proven_pairs(records) == pairs
    assert ready_here(records, "production") == here
    assert ready_here(records, "elsewhere") == {}
    assert last_ready(records, body_of(records)["feature"], other_than=Digest(body_of(records)["bundle"])) != OTHER


def test_a_verdict_that_another_signed_does_not_count_for_this_actor(records: Records) -> None:
    at = ready_here(records, "production")
    append(records, actor="eve")
    assert ready_here(records, "production") == at


def test_a_ready_here_is_as_old_as_its_newest_signed_check(records: Records) -> None:
    before = ready_here(records, "production")
    append(records, environment="production")
    (digest,) = before
    assert ready_here(records, "production")[digest] > before[digest]


def test_three_hundred_check_runs_are_looked_through_quickly(records: Records) -> None:
    for _ in range(300):
        append(records)
    started = time.perf_counter()
    feature = body_of(records)["feature"]
    for _ in range(3):
        proven_pairs(records)
        ready_here(records, "production")
        last_ready(records, feature, other_than=OTHER)
    assert time.perf_counter() - started < 0.6  # of which the signatures are a few milliseconds


def test_a_fact_that_is_no_check_run_is_an_error_of_the_ledger(records: Records) -> None:
    assert ledger_fault(records) == ""
    records.ledger.append("check", {"verdict": "READY"}, actor="eve", at=records.clock.now())
    records.ledger.append("check", {**body_of(records), "pairs": [[], 7]}, actor="eve", at=records.clock.now())
    with pytest.raises(LedgerError, match="is no check run"):
        readings(records)
    assert proven_pairs(records)
    assert set(ready_here(records, "production")) == {next(iter(records.ledger.facts("check"))).body["bundle"]}
    assert last_ready(records, "nothing", other_than=OTHER) is None
