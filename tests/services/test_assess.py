"""Promises of an assessment: it reads stored, signed evidence of exactly these bytes, and measures nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from feature import Feature
from interlock.cli import command_fault
from interlock.cli.session import Bar
from interlock.core.catalogue import BY_ID, CATALOGUE
from interlock.core.digest import Digest, of_bytes
from interlock.core.evidence import Gap
from interlock.core.manifest import Part
from interlock.core.rules import Standing
from interlock.core.verdict import Word
from interlock.ports import Records
from interlock.services.assess import absent, assess, baseline, changed_parts, find, inputs
from interlock.services.check import Desk
from interlock.services.subject import Subject
from interlock.settings import read_settings
from interlock.testing import FixedClock
from interlock.wiring import WorkBench, open_desk, open_records

DAY = timedelta(days=1)


@contextmanager
def at_desk(feature: Feature, *, later: timedelta = timedelta(0)) -> Iterator[tuple[Desk, Records]]:
    """The feature's desk, some time after its last check."""
    from datetime import UTC, datetime

    settings = read_settings(feature.root)
    with open_records(settings, clock=FixedClock(datetime.now(UTC) + later)) as records:
        yield open_desk(settings, records, WorkBench(settings, command_fault), Bar(quiet=True)), records


def test_an_assessment_writes_nothing_and_says_the_same_twice(checked: Feature) -> None:
    with at_desk(checked) as (desk, records):
        count = records.ledger.verify()
        first, second = (assess(desk.subject("staging"), records) for _ in range(2))
        assert first == second
        assert first.word is Word.READY
        assert records.ledger.verify() == count


def test_a_verdict_ends_with_its_first_piece_of_evidence(checked: Feature) -> None:
    with at_desk(checked) as (desk, records):
        until = assess(desk.subject("staging"), records).valid_until
    assert until is not None
    with at_desk(checked, later=timedelta(days=30, minutes=5)) as (desk, records):
        verdict = assess(desk.subject("staging"), records)
        assert (verdict.word, verdict.outcome("EVAL-01").gap) == (Word.HOLD, Gap.STALE)
        assert records.clock.now() > until


def test_every_check_is_in_every_verdict_once(checked: Feature) -> None:
    with at_desk(checked) as (desk, records):
        verdict = assess(desk.subject("staging"), records)
    assert [outcome.check for outcome in verdict.outcomes] == [check.id for check in CATALOGUE]


def test_revoked_evidence_leaves_its_check_owed(checked: Feature) -> None:
    with at_desk(checked) as (desk, records):
        used = assess(desk.subject("staging"), records).outcome("SAFE-07").evidence
        assert used is not None
        records.evidence.revoke(used, "the lint was wrong", actor="ada", at=records.clock.now())
        verdict = assess(desk.subject("staging"), records)
    assert (verdict.word, verdict.outcome("SAFE-07").gap) == (Word.HOLD, Gap.REVOKED)


def test_evidence_of_another_app_build_is_not_used(checked: Feature) -> None:
    with at_desk(checked) as (desk, records):
        other = replace(desk.subject("staging"), app=of_bytes(b"another build"))
        verdict = assess(other, records)
    assert verdict.word is Word.HOLD
    assert {row.check for row in verdict.blocking()} == {"EVAL-01", "SAFE-02", "CMP-01"}


def test_evidence_of_another_bundle_is_never_used(checked: Feature) -> None:
    with at_desk(checked) as (desk, records):
        subject = desk.subject("staging")
        without = replace(
            subject.bundle, components={k: v for k, v in subject.bundle.components.items() if k is not Part.TOOLS}
        )
        named = inputs(replace(subject, bundle=without), records)
        for check in CATALOGUE:
            if check.instrument and Part.TOOLS in check.reads and "live" not in check.inputs:
                assert find(check, replace(subject, bundle=without), named, records).evidence is None, check.id


def test_a_row_that_was_edited_in_the_database_is_not_evidence(checked: Feature) -> None:
    with sqlite3.connect(checked.root / ".interlock/facts.db") as database:
        rows = database.execute("select digest, envelope from evidence where \"check\" = 'SAFE-02'").fetchall()
        for digest, envelope in rows:
            edited = bytes(envelope).replace(b"a", b"b", 1)
            database.execute("update evidence set envelope = ? where digest = ?", (edited, digest))
    database.close()
    with at_desk(checked) as (desk, records):
        verdict = assess(desk.subject("staging"), records)
    assert verdict.outcome("SAFE-02").standing is Standing.OWED
    assert verdict.word is Word.HOLD


def test_a_check_does_not_apply_for_a_derived_reason_only(checked: Feature) -> None:
    with at_desk(checked) as (desk, records):
        subject = desk.subject("staging")
        named = inputs(subject, records)
        assert (
            absent(BY_ID["EVAL-03"], subject, named)
            == "nothing was ever live here, so there is nothing to compare with"
        )
        assert absent(BY_ID["ACT-01"], subject, named) is None
        bare = {k: v for k, v in subject.bundle.components.items() if k not in (Part.TOOLS, Part.RETRIEVER)}
        without = replace(subject, bundle=replace(subject.bundle, components=bare))
        gone = {check.id for check in CATALOGUE if absent(check, without, {**named, "live": "x"})}
    assert gone == {"ACT-01", "ACT-02", "ACT-03", "ACT-04", "ACT-05", "ACT-06", "DOM-03", "PIN-03"}


def test_the_baseline_is_what_it_would_replace_here_else_in_a_less_exposed_place(live: Feature) -> None:
    first = Digest(live.live()["stable"])
    live.edit_part("prompt")
    second = Digest(live.lock())
    live.check()
    with at_desk(live) as (desk, records):
        assert baseline(desk.subject("staging"), records) == first
        assert baseline(desk.subject("production"), records) == first
        assert changed_parts(desk.subject("staging"), records) == (Part.PROMPT,)
        assert changed_parts(desk.subject("production"), records) == tuple(Part), "all of it is new there"
    live.json("promote", "staging")
    with at_desk(live) as (desk, records):
        assert desk.loaded.bundle.digest == second
        assert baseline(desk.subject("staging"), records) == first, "what it did replace"


def test_a_bundle_that_was_never_live_has_no_baseline(checked: Feature) -> None:
    with at_desk(checked) as (desk, records):
        assert baseline(desk.subject("production"), records) is None


def test_the_ledger_that_was_edited_is_seen_by_the_check_of_the_chain(live: Feature) -> None:
    live.edit("interlock.yaml", "stage: lab, approvals: 0}", "stage: lab, approvals: 0, also: [GOV-01]}")
    live.lock()
    assert live.check("--env", "staging")["verdict"] == "READY"
    with sqlite3.connect(live.root / ".interlock/facts.db") as database:
        names = [row[0] for row in database.execute("select name from sqlite_master where type = 'trigger'")]
        for name in names:
            database.execute(f'drop trigger "{name}"')
        database.execute("update facts set actor = 'mallory' where seq = 2")
    database.close()
    with at_desk(live) as (desk, records):
        verdict = assess(desk.subject("staging"), records)
    assert verdict.outcome("GOV-01").standing is Standing.OWED
    assert verdict.word is Word.HOLD


@pytest.mark.parametrize("name", sorted({name for check in CATALOGUE for name in check.inputs}))
def test_every_named_input_of_a_scope_is_known(checked: Feature, name: str) -> None:
    with at_desk(checked) as (desk, records):
        subject: Subject = desk.subject("staging")
        assert list(inputs(subject, records, [name])) == [name]
