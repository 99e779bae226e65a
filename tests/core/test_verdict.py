"""Promises of the verdict: what blocks, what is owed, what a waiver can do, and which evidence decides."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.catalogue import BY_ID, CATALOGUE
from interlock.core.checks import LIMITS, Level, Limits, Question
from interlock.core.digest import Digest, scope_digest
from interlock.core.evidence import Evidence, Gap, Method
from interlock.core.manifest import Profile, Stage
from interlock.core.rules import Standing
from interlock.core.verdict import (
    Finding,
    Outcome,
    Verdict,
    Waiver,
    Word,
    best_evidence,
    judge,
    valid_until,
    verdict_from_json,
    verdict_to_json,
    word_of,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
READS = {"runbook": "sha256:" + "1" * 64}
SCOPE = scope_digest(READS)
GOOD = {"examined": 3, "what": "caps", "findings": []}
BAD = {"examined": 3, "what": "caps", "findings": [{"message": "no cap for a day"}]}
RANK = {Word.BLOCKED: 0, Word.HOLD: 1, Word.READY: 2}


def evidence(data: dict[str, Any] = GOOD, *, check: str = "CAP-01", days: float = 0, method: Method = Method.MEASURED, reads: dict[str, str] = READS, mark: str = "e") -> Evidence:  # fmt: skip
    return Evidence(check, scope_digest(reads), reads, method, data, NOW - timedelta(days=days), digest=Digest(mark))


def outcome(standing: Standing, level: Level = Level.REQUIRED, *, until: datetime | None = None) -> Outcome:
    return Outcome("X-01", "x", Question.BUNDLE, level, standing, "seen", "proves", "asked", "next", valid_until=until)


def judged(finding: Finding, *, check: str = "CAP-01", waiver: Waiver | None = None, profile: Profile = Profile.STANDARD) -> Outcome:  # fmt: skip
    return judge(BY_ID[check], finding, level=Level.REQUIRED, limits=LIMITS[profile], waiver=waiver, now=NOW)


def waiver(days: float = 10) -> Waiver:
    return Waiver("CAP-01", SCOPE, "known", "ines", "jon", "watched by hand", NOW + timedelta(days=days), NOW)


def found(*rows: Evidence, profile: Profile = Profile.STANDARD, check: str = "CAP-01", revoked: frozenset[Digest] = frozenset()) -> Finding:  # fmt: skip
    return best_evidence(
        BY_ID[check], rows[0].scope if rows else SCOPE, rows, now=NOW, limits=LIMITS[profile], profile=profile, revoked=revoked
    )  # fmt: skip


outcomes = st.lists(st.builds(outcome, st.sampled_from(Standing), st.sampled_from(Level)), max_size=8)


def slow_word(rows: list[Outcome]) -> Word:
    """The verdict as a person would say it, one question after the other."""
    asked = 0
    failing = owed = False
    for row in rows:
        if row.level != "required":
            continue
        asked += 1
        if row.standing == "fail":
            failing = True
        if row.standing == "owed":
            owed = True
    if failing:
        return Word.BLOCKED
    if owed:
        return Word.HOLD
    if asked == 0:
        return Word.HOLD
    return Word.READY


@given(outcomes)
def test_the_word_is_what_a_slow_reader_says(rows: list[Outcome]) -> None:
    assert word_of(rows) is slow_word(rows)


@given(outcomes, st.sampled_from([Standing.FAIL, Standing.OWED]), st.integers(0, 8))
def test_one_more_requirement_that_is_not_met_never_improves_a_verdict(
    rows: list[Outcome], standing: Standing, at: int
) -> None:
    more = [*rows[:at], outcome(standing), *rows[at:]]
    assert RANK[word_of(more)] <= RANK[word_of(rows)]
    assert word_of(more) is not Word.READY


@given(outcomes, st.integers(0, 7))
def test_an_outcome_that_gets_worse_never_improves_a_verdict(rows: list[Outcome], at: int) -> None:
    if at < len(rows):
        worse = [*rows[:at], outcome(Standing.FAIL, rows[at].level), *rows[at + 1 :]]
        assert RANK[word_of(worse)] <= RANK[word_of(rows)]


@pytest.mark.parametrize("level", [Level.WARNS, Level.NOT_ASKED])
def test_nothing_that_is_asked_is_hold_and_never_ready(level: Level) -> None:
    assert word_of([]) is Word.HOLD
    assert word_of([outcome(Standing.PASS, level)]) is Word.HOLD


def test_a_failure_that_only_warns_does_not_block() -> None:
    assert word_of([outcome(Standing.PASS), outcome(Standing.FAIL, Level.WARNS)]) is Word.READY


def test_passes_waivers_and_what_does_not_apply_are_ready_together() -> None:
    assert word_of([outcome(Standing.PASS), outcome(Standing.WAIVED), outcome(Standing.NA)]) is Word.READY


def test_a_waiver_turns_a_failure_into_waived_until_the_waiver_ends() -> None:
    seen = judged(Finding(evidence(BAD), None), waiver=waiver(10))
    assert (seen.standing, seen.valid_until) == (Standing.WAIVED, NOW + timedelta(days=10))
    assert "no cap for a day" in seen.seen
    assert "jon" in seen.seen
    assert "watched by hand" in seen.proves


def test_a_waiver_covers_what_was_never_measured_and_does_not_hide_a_pass() -> None:
    assert judged(Finding(None, Gap.NEVER), waiver=waiver()).standing is Standing.WAIVED
    assert judged(Finding(evidence(GOOD), None), waiver=waiver()).standing is Standing.PASS


def test_a_waiver_over_evidence_that_is_too_old_still_lasts_until_it_ends() -> None:
    reads = {"model": "sha256:" + "2" * 64}
    old = evidence({"cases": 1}, check="EVAL-01", days=300, reads=reads)
    seen = judged(Finding(old, Gap.STALE), check="EVAL-01", waiver=waiver(10))
    assert seen.valid_until == NOW + timedelta(days=10)


def test_what_does_not_apply_is_said_and_neither_owed_nor_passed() -> None:
    seen = judge(
        BY_ID["CAP-01"], Finding(None, Gap.NEVER), level=Level.REQUIRED, limits=Limits(), absent="no tools", now=NOW
    )
    assert (seen.standing, seen.seen, seen.open) == (Standing.NA, "no tools", False)


def test_a_check_without_an_instrument_is_owed_whatever_the_store_holds() -> None:
    seen = judged(Finding(evidence(check="KILL-01"), None), check="KILL-01")
    assert (seen.standing, seen.gap) == (Standing.OWED, Gap.INSTRUMENT)


@pytest.mark.parametrize("profile", [Profile.STANDARD, Profile.REGULATED])
def test_what_is_only_declared_satisfies_nothing_beyond_light(profile: Profile) -> None:
    declared = found(evidence(method=Method.DECLARED), profile=profile)
    assert declared.gap is Gap.METHOD
    assert judged(declared, profile=profile).standing is Standing.OWED


def test_light_counts_a_declaration_and_shows_it_as_one() -> None:
    seen = judged(found(evidence(method=Method.DECLARED), profile=Profile.LIGHT), profile=Profile.LIGHT)
    assert (seen.standing, seen.method) == (Standing.PASS, "declared")


@pytest.mark.parametrize("profile", Profile)
def test_a_declaration_that_is_wrong_fails_in_every_profile(profile: Profile) -> None:
    seen = judged(found(evidence(BAD, method=Method.DECLARED), profile=profile), profile=profile)
    assert (seen.standing, seen.details) == (Standing.FAIL, ("no cap for a day",))


def test_the_newest_evidence_of_the_same_scope_decides() -> None:
    older, newer = evidence(GOOD, days=2, mark="a"), evidence(BAD, days=1, mark="b")
    for rows in ((older, newer), (newer, older)):
        assert judged(found(*rows)).standing is Standing.FAIL
    assert judged(found(evidence(BAD, days=2), evidence(GOOD, days=1))).standing is Standing.PASS


def test_evidence_for_other_bytes_is_never_used() -> None:
    other = evidence(reads={"runbook": "sha256:" + "9" * 64})
    finding = best_evidence(BY_ID["CAP-01"], SCOPE, [other], now=NOW, limits=Limits(), profile=Profile.STANDARD)
    assert (finding.evidence, finding.gap) == (None, Gap.SCOPE)


def test_revoked_evidence_is_passed_over_and_alone_it_leaves_the_check_owed() -> None:
    older, newer = evidence(BAD, days=2, mark="a"), evidence(GOOD, days=1, mark="b")
    assert found(older, newer, revoked=frozenset({Digest("b")})).evidence is older
    assert found(newer, revoked=frozenset({Digest("b")})).gap is Gap.REVOKED


def test_evidence_is_too_old_one_instant_after_its_limit() -> None:
    reads = {"model": "sha256:" + "2" * 64}
    days = LIMITS[Profile.STANDARD].evidence_days
    assert found(evidence(check="EVAL-01", days=days, reads=reads), check="EVAL-01").gap is None
    assert found(evidence(check="EVAL-01", days=days + 1e-5, reads=reads), check="EVAL-01").gap is Gap.STALE


def test_evidence_from_the_future_is_not_believed_beyond_the_skew_of_a_clock() -> None:
    assert found(evidence(days=-4 / 1440)).gap is None
    assert found(evidence(days=-6 / 1440)).gap is Gap.STALE


def test_a_verdict_is_valid_as_long_as_its_first_piece_of_required_evidence() -> None:
    soon, later = NOW + timedelta(days=1), NOW + timedelta(days=9)
    rows = [
        outcome(Standing.PASS, until=later),
        outcome(Standing.PASS, Level.WARNS, until=soon),
        outcome(Standing.OWED, until=NOW - timedelta(days=3)),
    ]
    assert valid_until(rows) == later
    assert valid_until([outcome(Standing.PASS)]) is None


def test_failures_come_before_what_is_owed_and_both_by_question() -> None:
    rows = (outcome(Standing.OWED), outcome(Standing.PASS), outcome(Standing.FAIL), outcome(Standing.WAIVED))
    verdict = _verdict(rows)
    assert [row.standing for row in verdict.blocking()] == [Standing.FAIL, Standing.OWED]


def _verdict(rows: tuple[Outcome, ...]) -> Verdict:
    return Verdict(
        "harbour/ferries", Digest("sha256:" + "7" * 64), "staging", Stage.LAB, Profile.LIGHT, word_of(rows), rows, NOW,
        valid_until(rows), {"model": "sha256:" + "8" * 64}, None, "sha256:" + "6" * 64, frozenset({("a@1", "b@2")}),
    )  # fmt: skip


def test_a_verdict_survives_its_json() -> None:
    rows = (
        *tuple(judged(finding, check=check.id) for check in CATALOGUE for finding in (Finding(None, Gap.NEVER),)),
        judged(Finding(evidence(BAD), None)),
        judged(Finding(evidence(BAD), None), waiver=waiver()),
    )
    verdict = _verdict(rows)
    assert verdict_from_json(verdict_to_json(verdict)) == verdict


@pytest.mark.parametrize(
    ("mend", "said"),
    [
        ("declare guard-probes in app.capabilities", "declare guard-probes in app.capabilities"),
        (None, "interlock report"),
    ],
)
def test_what_mends_a_measurement_is_said_instead_of_the_usual_next_step(mend: str | None, said: str) -> None:
    data = {"examined": 0, "what": "probes", "findings": [], **({"mend": mend} if mend else {})}
    owed = judged(found(evidence(data, check="SAFE-05"), check="SAFE-05"), check="SAFE-05")
    assert (owed.standing, owed.next) == (Standing.OWED, said)
