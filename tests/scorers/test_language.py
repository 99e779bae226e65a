"""Promises of the language scorer and its reader: no pass without having looked, none where it is not sure."""

import gzip
import json
import os
from pathlib import Path

import pytest

from interlock.core.errors import UsageError
from interlock.core.language import Tongue, stands
from interlock.core.score import Absent, Reply, Scored, Trial, Unscored
from interlock.core.suite import Case, Expect
from interlock.scorers import default_scorers, language
from interlock.scorers.language import Language, Py3langid, language_reader
from interlock.services.evaluate import score_case
from interlock.services.starter_texts import SPOKEN

GERMAN = "Ihre Rechnung kommt am fünften Werktag des Monats per E-Mail."
ENGLISH = "Your invoice arrives by e-mail on the fifth working day of the month."


def score(wanted: str | None, text: str, outcome: str = "answer") -> Scored | Unscored:
    case = Case(
        id="c", input="Wann kommt meine Rechnung?", lang="de", slices=("s",), source="t", expect=Expect(language=wanted)
    )
    reply = Reply(outcome, text)
    return Language().score(case, Trial("c", 0, reply, calls=1), reply)


def test_a_reply_in_the_language_asked_for_passes_and_in_another_fails() -> None:
    right, wrong = score("de", GERMAN), score("de", ENGLISH)
    assert isinstance(right, Scored)
    assert isinstance(wrong, Scored)
    assert (right.passed, wrong.passed, wrong.harm) == (True, False, False)
    assert wrong.why == "in `en` where `de` was asked for"


@pytest.mark.parametrize("outcome", ["answer", "clarify", "abstain", "escalate"])
def test_words_of_no_are_read_by_the_same_person(outcome: str) -> None:
    found = score("de", ENGLISH, outcome)
    assert isinstance(found, Scored)
    assert not found.passed


def test_without_an_expected_language_it_does_not_apply() -> None:
    found = score(None, ENGLISH)
    assert isinstance(found, Unscored)
    assert found.state is Absent.NOT_APPLICABLE


@pytest.mark.parametrize("text", ["", "42", "OK", "€ 9.90", "🎉🎉"])
def test_a_text_that_is_too_short_to_say_gets_no_score(text: str) -> None:
    found = score("de", text)
    assert isinstance(found, Unscored)
    assert found.state is Absent.MISSING


def test_a_language_that_the_reader_does_not_know_gets_no_score() -> None:
    found = score("tlh", GERMAN)
    assert isinstance(found, Unscored)
    assert "does not know `tlh`" in found.why


def test_where_nothing_tells_languages_apart_the_case_has_failed_and_never_passed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(language, "language_reader", lambda: None)
    with pytest.raises(UsageError, match="nothing here tells languages apart"):
        score("de", GERMAN)
    case = Case(id="c", input="x", slices=("s",), source="t", expect=Expect(language="de"))
    result = score_case(case, [Trial("c", 0, Reply("answer", GERMAN), calls=1)], [Language()])
    assert result.passed() is False


def test_the_reader_is_none_where_the_extra_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    language_reader.cache_clear()
    monkeypatch.setattr(language, "version", missing)
    try:
        assert language_reader() is None
    finally:
        language_reader.cache_clear()


def test_it_is_one_of_every_run_and_no_judge_of_substance() -> None:
    found = next(scorer for scorer in default_scorers() if scorer.name == "language")
    assert not found.substance


def test_the_same_text_is_heard_the_same_whatever_was_asked_before() -> None:
    reader = Py3langid()
    alone = reader.hear(GERMAN, ("de",))
    reader.hear("Goedendag, waarmee kunt u mij helpen?", ("nl", "af", "lb"))
    assert reader.hear(GERMAN, ("de",)) == alone
    assert reader.name.startswith("py3langid ")


@pytest.mark.parametrize("lang", sorted(SPOKEN))
def test_every_starter_is_surely_in_the_language_that_it_is_listed_under(lang: str) -> None:
    reader = Py3langid()
    for line in SPOKEN[lang]:
        assert stands(lang, reader.hear(line.text, ("en", "de", "fr", "es"))) is Tongue.CONFIRMED, line


SHARED = os.environ.get("INTERLOCK_SHARED_DATA")


@pytest.mark.skipif(not SHARED, reason="INTERLOCK_SHARED_DATA names no folder with the public data sets")
def test_of_public_questions_in_five_languages_none_is_taken_for_another() -> None:
    assert SHARED is not None
    with gzip.open(Path(SHARED) / "abstain" / "xquad_languages.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    reader = Py3langid()
    found = [stands(row["lang"], reader.hear(row["question"], ("en",))) for row in rows]
    assert len(found) > 1900
    assert found.count(Tongue.OTHER) == 0
    assert found.count(Tongue.CONFIRMED) / len(found) > 0.97
