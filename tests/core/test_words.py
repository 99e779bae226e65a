"""Words and sentences: places lead back to the text as written, whatever script it is in."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.words import MAX_SENTENCE, clean, language_of, sentences, stem, words


@given(st.text())
def test_every_place_lies_in_the_text_as_written_and_spans_keep_their_order(text: str) -> None:
    cleaned = clean(text)
    before = 0
    for start, end in sentences(cleaned.text):
        for word in words(cleaned.text, start, end):
            a, b = cleaned.span(word.start, word.end)
            assert 0 <= before <= a <= b <= len(text)
            before = a


@given(st.text(alphabet=st.characters(exclude_categories=["Cf", "Cs", "Mn", "Mc", "Me"])))
def test_clean_text_is_the_normal_form_of_what_was_written(text: str) -> None:
    assert unicodedata.normalize("NFKC", clean(text).text) == unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Lee called. It was 5 p.m. already!", ["Dr. Lee called.", "It was 5 p.m. already!"]),
        (
            "Die Frist endet am 2. März 2024. Danach nicht mehr.",
            ["Die Frist endet am 2. März 2024.", "Danach nicht mehr."],
        ),
        ("It was 1844.First came later.", ["It was 1844.", "First came later."]),
        ("返金は3日以内です。手数料はかかりません。", ["返金は3日以内です。", "手数料はかかりません。"]),
        ("One\n\n- two\n- three", ["One", "- two", "- three"]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert [text[a:b] for a, b in sentences(text)] == expected


def test_a_text_without_an_end_is_read_in_pieces_and_nothing_of_it_is_lost() -> None:
    text = "word " * 5_000
    pieces = [text[a:b] for a, b in sentences(text)]
    assert max(map(len, pieces)) <= MAX_SENTENCE
    assert " ".join("".join(pieces).split()).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("forms", "other"),
    [
        (("refund", "refunds", "refunded", "refunding"), "fund"),
        (("cancel", "cancelled", "cancellation", "cancels"), "cancer"),
        (("Monat", "Monate", "Monaten"), "Montag"),
        (("rembourser", "rembourse", "remboursement"), "embourser"),
    ],
)
def test_forms_of_one_word_share_a_stem_and_another_word_does_not(forms: tuple[str, ...], other: str) -> None:
    assert len({stem(form) for form in forms}) == 1
    assert stem(other) != stem(forms[0])


def test_a_denial_is_read_out_of_its_contraction() -> None:
    assert [word.form for word in words("It isn't, you can't and don't.")] == [
        "it", "is", "not", "you", "ca", "not", "and", "do", "not"]  # fmt: skip


def test_scripts_without_spaces_are_read_as_pairs_and_marks_stay_with_their_letters() -> None:
    assert [word.form for word in words("การคืน")] == ["กา", "าร", "รค", "คื", "ืน"]
    assert [word.form for word in words(clean("सेवा शुल्क").text)] == ["सेवा", "शुल्क"]


@pytest.mark.parametrize(
    ("text", "language"),
    [("the invoice is not paid", "en"), ("die Rechnung ist nicht bezahlt", "de"), ("la facture n'est pas payée", "fr"),
     ("la factura no está pagada", "es"), ("返金", "")],
)  # fmt: skip
def test_a_language_is_known_by_its_grammar(text: str, language: str) -> None:
    assert language_of([word.form for word in words(text)]) == language


def test_what_nobody_sees_is_left_out_and_told() -> None:
    assert clean("4\u200b9 days").text == "49 days"
    assert clean("4\u200b9 days").unseen == ((1, 2),)
    assert clean("\u202e05\u202c").unseen == ((0, 1), (3, 4))
    assert clean("zu\u00adsammen") == ("zusammen", clean("zu\u00adsammen").at, 9, ())


@pytest.mark.parametrize("char", [" ", "a", "\u200b", "e\u0301", "ก", "\n", "("])
def test_reading_takes_time_that_grows_with_the_text_and_never_faster(char: str) -> None:
    def seconds(n: int) -> float:
        text = clean(char * n).text
        start = time.process_time()
        for a, b in sentences(text):
            words(text, a, b)
        return time.process_time() - start

    seconds(2_000)
    assert seconds(200_000) < 5.0


def test_a_character_that_becomes_several_keeps_its_one_place() -> None:
    text = clean("1 ¾ cup")
    assert text.text == "1 3⁄4 cup"
    assert text.span(2, 3) == text.span(2, 5) == (2, 3)
