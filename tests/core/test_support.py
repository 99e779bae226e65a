"""Evidence scores: a change of one figure, name or denial is found where it stands, and abuse costs no time."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.errors import TooLarge
from interlock.core.sources import Passage, Sources, coverage
from interlock.core.support import MAX_ANSWER, Kind, Support, score_answer

TERMS = """Refunds to a card arrive within 5 working days. Plan Fern 300 costs €32.00 per month and offers 300 Mbit/s.
The router deposit of €40.00 is refunded by Jane Miller's team after 3 May 2024. You cannot cancel a hardware order.
At least 20 users are needed. Support increases the limit. Up to 5 devices may be connected."""
SOURCE = Sources([Passage("terms", TERMS), Passage("other", "The office is open on Monday from 9:00.")])


def kinds(answer: str, sources: Sources = SOURCE, question: str = "") -> set[str]:
    return {doubt.kind.value for doubt in score_answer(answer, sources, question=question).doubts}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Refunds to a card arrive within 6 working days.", Kind.NUMBER),
        ("Refunds to a card arrive within 5 months.", Kind.UNIT),
        ("Plan Fern 300 costs €33.00 per month and offers 300 Mbit/s.", Kind.NUMBER),
        ("Plan Fern 300 costs €32.00 per year and offers 300 Mbit/s.", Kind.UNIT),
        ("The router deposit of €40.00 is refunded by Jane Smith's team after 3 May 2024.", Kind.NAME),
        ("The router deposit of €40.00 is refunded by Jane Miller's team after 4 May 2024.", Kind.DATE),
        ("The router deposit of €40.00 is not refunded by Jane Miller's team.", Kind.NEGATION),
        ("You can cancel a hardware order.", Kind.NEGATION),
        ("Refunds to a card never arrive within 5 working days.", Kind.NEGATION),
        ("At most 20 users are needed.", Kind.QUANTIFIER),
        ("Support decreases the limit.", Kind.OPPOSITE),
        ("Refunds to a card always arrive within 5 working days.", Kind.QUANTIFIER),
        ("The office is open on Tuesday from 9:00.", Kind.DATE),
        ("The office is open on Monday from 8:00.", Kind.DATE),
        ("The router deposit of $40.00 is refunded.", Kind.UNIT),
    ],
)
def test_one_changed_thing_is_found_in_its_place_and_lowers_the_score(said: str, kind: Kind) -> None:
    found = score_answer(said, SOURCE)
    (doubt,) = [doubt for doubt in found.doubts if doubt.kind is kind]
    assert said[doubt.start : doubt.end] == doubt.said
    assert doubt.passage in {"terms", "other"}
    assert found.score <= 0.75


@pytest.mark.parametrize("sentence", [line.strip() for line in TERMS.replace("\n", " ").split(". ")])
def test_a_sentence_of_the_source_is_borne_without_a_doubt(sentence: str) -> None:
    found = score_answer(sentence, SOURCE)
    assert (found.doubts, found.score) == ((), 1.0)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("Die Frist beträgt 14 Tage. Der Preis ist 1.000,50 €.", "Der Preis ist EUR 1,000.50."),
        ("Le délai est de 14 jours.", "Le délai est de deux semaines."),
        ("El plazo es de 14 días.", "El plazo es de 2 semanas."),
        ("返金は3日以内です。", "返金は3日以内です。"),
        ("رسوم الخدمة 500 ريال", "رسوم الخدمة 500 ريال"),
    ],
)
def test_the_same_in_another_way_of_writing_is_no_doubt(source: str, said: str) -> None:
    assert kinds(said, Sources([Passage("p", source)])) == set()


@pytest.mark.parametrize(
    ("source", "said", "kind"),
    [
        ("Die Frist beträgt 14 Tage.", "Die Frist beträgt 15 Tage.", Kind.NUMBER),
        ("Die Erstattung ist möglich.", "Die Erstattung ist nicht möglich.", Kind.NEGATION),
        ("Le remboursement est possible.", "Le remboursement n'est pas possible.", Kind.NEGATION),
        ("El reembolso es posible el lunes.", "El reembolso es posible el martes.", Kind.DATE),
        ("返金は3日以内です。", "返金は4日以内です。", Kind.NUMBER),
        ("رسوم الخدمة 500 ريال", "رسوم الخدمة ٦٠٠ ريال", Kind.NUMBER),
        ("ค่าบริการ 500 บาท", "ค่าบริการ 600 บาท", Kind.NUMBER),
    ],
)
def test_a_change_is_found_in_other_languages_and_scripts(source: str, said: str, kind: Kind) -> None:
    assert kind.value in kinds(said, Sources([Passage("p", source)]))


def test_the_question_is_read_with_a_short_answer() -> None:
    asked = "In which city does the company that Ann Lee founded have its seat?"
    sources = Sources([Passage("p", "Ann Lee founded Lee Foods in 1990. Lee Foods has its seat in Delhi.")])
    right, wrong = (score_answer(said, sources, question=asked).score for said in ("Delhi", "Mumbai"))
    echo = score_answer("The company that Ann Lee founded has its seat in Mumbai.", sources, question=asked)
    assert right == 1.0
    assert wrong == 0.0
    assert echo.score < 0.5
    assert {doubt.said for doubt in echo.doubts} == {"Mumbai"}


def test_without_sources_nothing_is_supported_and_an_answer_without_a_claim_is() -> None:
    assert score_answer("Refunds take 5 days.", Sources([])).score == 0.0
    assert score_answer("", SOURCE) == Support(1.0, ())
    assert score_answer("I do not have that information.", Sources([])) == Support(1.0, ())


def test_a_refusal_is_borne_the_less_the_more_of_the_question_the_sources_cover() -> None:
    said = "The documents do not provide this information."
    told = score_answer(said, SOURCE, question="What does plan Fern 300 cost per month?").score
    untold = score_answer(said, SOURCE, question="Who is the ombudsman of Norway?").score
    assert told < 0.3
    assert untold == 1.0


def test_a_claim_that_is_split_over_two_sources_is_borne_by_both_and_by_neither_alone() -> None:
    one, two = Passage("a", "The router deposit is €40.00."), Passage("b", "Deposits are returned within 14 days.")
    said = "The router deposit of €40.00 is returned within 14 days."
    both, first, second = (score_answer(said, Sources(list(given))).score for given in ((one, two), (one,), (two,)))
    assert both > max(first, second)
    assert kinds(said, Sources([one, two])) == set()
    assert kinds(said, Sources([one])) == {"number"}


def test_figures_that_changed_places_are_found() -> None:
    source = Sources(
        [Passage("p", "Clients report a 35% increase in team productivity and a 50% reduction in lead times.")]
    )
    found = score_answer(
        "Clients report a 50% increase in team productivity and a 35% reduction in lead times.", source
    )
    assert {doubt.said for doubt in found.doubts} == {"50%", "35%"}


@pytest.mark.parametrize("hidden", ["\u200b", "\u2060", "\u202e", "\u2066"])
def test_characters_that_hide_or_reorder_are_found_and_what_stands_behind_them_is_read(hidden: str) -> None:
    said = f"Refunds to a card arrive within 5{hidden}0 working days."
    found = score_answer(said, SOURCE)
    assert {doubt.kind for doubt in found.doubts} == {Kind.HIDDEN, Kind.NUMBER}
    (place,) = [doubt for doubt in found.doubts if doubt.kind is Kind.HIDDEN]
    assert said[place.start : place.end] == hidden


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=60))
def test_any_texts_give_a_score_and_places_in_the_answer(answer: str, source: str, question: str) -> None:
    found = score_answer(answer, Sources([Passage("p", source)]), question=question)
    assert 0.0 <= found.score <= 1.0
    for claim in found.claims:
        assert 0 <= claim.start < claim.end <= len(answer)
        assert 0.0 <= claim.score <= 1.0
        assert all(0.0 <= part <= 1.0 + 1e-9 for part in claim.parts.values())
        for row in claim.findings(answer):
            assert claim.start <= row["start"] < row["end"] <= len(answer)


@given(st.text(min_size=1, max_size=200))
def test_the_same_texts_have_the_same_score_whoever_asked_before(text: str) -> None:
    assert score_answer(text, Sources([Passage("p", text)])) == score_answer(text, Sources([Passage("p", text)]))


def test_an_answer_that_is_too_long_is_refused_and_the_longest_permitted_one_is_scored_in_bounded_time() -> None:
    with pytest.raises(TooLarge, match="1,000,001 characters"):
        score_answer("a" * (MAX_ANSWER + 1), SOURCE)
    start = time.process_time()
    claims = score_answer(("Refunds to a card arrive within 6 working days. " * 21_000)[:MAX_ANSWER], SOURCE).claims
    assert len(claims) > 20_000
    assert time.process_time() - start < 60


def test_ten_thousand_claims_are_scored_in_time_that_grows_with_them() -> None:
    def seconds(n: int) -> float:
        start = time.process_time()
        found = score_answer("".join(f"Refund {at} takes {at} days. " for at in range(n)), SOURCE)
        assert len(found.claims) == n
        return time.process_time() - start

    seconds(100)
    assert seconds(10_000) < 30 * max(0.05, seconds(1_000))


def test_coverage_is_of_the_question_and_not_of_the_source() -> None:
    assert coverage("What does plan Fern 300 cost?", SOURCE) == 1.0
    assert coverage("What does the moon cost?", SOURCE) < 1.0
    assert coverage("Anything?", Sources([])) == 0.0
