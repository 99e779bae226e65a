"""Promises of scores: never NaN, never out of range, and an error never leaves the denominator."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.score import Absent, Broken, CaseResult, Fault, Reply, Score, Scored, Trial, Unscored

REPLY = Reply("answer", "nine")
GOOD, POOR = Scored("facts", 1.0, True), Scored("facts", 0.0, False)
ERROR, SILENT = Unscored("tone", Absent.ERROR), Unscored("tone", Absent.NOT_APPLICABLE)


def trial(reply: Reply | None = REPLY) -> Trial:
    return Trial("a", 0, reply, None if reply else Broken.TIMEOUT)


def result(*scores: tuple[Score, ...] | None) -> CaseResult:
    """One trial for each entry; None is a broken one."""
    trials = tuple(trial(None if row is None else REPLY) for row in scores)
    return CaseResult("a", ("s",), "a", trials, tuple(row or () for row in scores))


@given(st.one_of(st.floats(max_value=-1e-9), st.floats(min_value=1 + 1e-9), st.just(math.nan)))
def test_a_score_outside_of_0_and_1_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="score"):
        Scored("facts", value, True)


def test_a_trial_has_a_reply_or_a_fault_or_is_broken_never_two_of_them_never_none() -> None:
    for reply in (None, REPLY):
        for broken in (None, Broken.TIMEOUT):
            for fault in (None, Fault.CRASH):
                if (reply, broken, fault).count(None) == 2:
                    Trial("a", 0, reply, broken, fault=fault)
                    continue
                with pytest.raises(ValueError, match="never"):
                    Trial("a", 0, reply, broken, fault=fault)


def test_a_trial_that_the_app_failed_by_itself_is_a_failure_also_when_no_scorer_applies() -> None:
    failed = Trial("a", 0, None, fault=Fault.CRASH)
    own = CaseResult("a", ("s",), "a", (failed, trial()), ((SILENT,), (GOOD,)))
    assert own.ran == (0, 1)
    assert (own.value(), own.passed()) == (0.5, False)


def test_a_case_passes_when_every_scorer_that_applies_passes() -> None:
    assert result((GOOD, SILENT)).passed() is True
    assert result((GOOD, Scored("queue", 0.0, False))).passed() is False


def test_a_scorer_that_broke_counts_against_the_case() -> None:
    assert result((GOOD, ERROR)).passed() is False
    assert result((ERROR,)).passed() is False
    assert result((GOOD, ERROR)).passed("tone") is False


def test_nothing_scored_is_no_verdict_on_a_case() -> None:
    assert result((SILENT,)).passed() is None
    assert result().passed() is None
    assert result((GOOD,)).passed("tone") is None


def test_broken_trials_are_neither_passes_nor_failures() -> None:
    assert result(None).passed() is None
    assert result(None, (GOOD,)).value() == 1.0
    assert result(None, (GOOD,)).ran == (1,)


def test_a_case_that_passes_now_and_then_has_not_passed() -> None:
    assert result((GOOD,), (POOR,)).value() == 0.5
    assert result((GOOD,), (POOR,)).passed() is False


@pytest.mark.parametrize(
    "word",
    [
        Scored("judge:helpful", 0.0, False),
        Scored("judge:helpful", 1.0, True),
        Unscored("judge:helpful", Absent.ERROR),
        Unscored("judge:helpful", Absent.UNDECIDED),
        Unscored("judge:helpful", Absent.MISSING),
    ],
)
def test_what_a_judge_says_is_no_verdict_on_a_case(word: Scored | Unscored) -> None:
    trial = Trial("a", 0, Reply("answer", "x"), calls=1)
    own = [Scored("facts", 1.0, True), Scored("facts", 0.0, False), Unscored("facts", Absent.ERROR)]
    for score in own:
        alone, beside = (CaseResult("a", ("s",), "a", (trial,), (scores,)) for scores in ((score,), (score, word)))
        assert (beside.passed(), beside.value()) == (alone.passed(), alone.value())
    judged = CaseResult("a", ("s",), "a", (trial,), ((word,),))
    assert judged.passed() is None
    assert judged.passed("judge:helpful") is (word.passed if isinstance(word, Scored) else None)
