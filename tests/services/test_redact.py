"""What is personal in a conversation is replaced, the same by the same, and what is not stays."""

import os
import re
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.services.conversation_text import plain_text
from interlock.services.near_duplicates import Clusters, folded_words, jaccard, shingles, signature
from interlock.services.redact import KINDS, Redactor, is_iban, is_luhn

SHARED = Path(os.environ.get("INTERLOCK_SHARED_DATA") or Path(__file__).parents[2] / "../shared/data")


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("write to Ada.L+x@mail.example.co.uk please", "write to [email-1] please"),
        ("card 4111-1111-1111-1111.", "card [card-1]."),
        ("pay GB82 WEST 1234 5698 7654 32 today", "pay [iban-1] today"),
        ("from 192.168.10.4 and 2001:db8::7", "from [ip-1] and [ip-2]"),
        ("ssn 123-45-6789", "ssn [ssn-1]"),
        ("call +44 20 7946 0018 or (415) 555-0132", "call [phone-1] or [phone-2]"),
        ("my account number is 7943", "my account number is [id-1]"),
        ("the last 4 digits 6758", "the last 4 digits [id-1]"),
        ("ref 123456789", "ref [number-1]"),
        ("5.59E+15", "[number-1]"),
        ("8574", "[number-1]"),
    ],
)
def test_each_kind_is_found(text: str, becomes: str) -> None:
    assert Redactor().text(text) == becomes


@pytest.mark.parametrize(
    "text",
    [
        "refund $5000 for 3 nights", "on 2024-11-26 at 12:30:15", "version 3.11.7", "it was 26/11/2024", "a 2015 toyota yaris",
        "the price is 19.90", "platform 12, coach 7", "10 GB each", "is 24/7 support included",
    ],
)  # fmt: skip
def test_amounts_dates_and_versions_stay(text: str) -> None:
    assert Redactor().text(text) == text


def test_the_answer_to_a_question_for_a_number_is_one() -> None:
    one = Redactor()
    one.text("Could you tell me your policy number?", agent=True)
    assert one.text("sure, it is the 365 one") == "sure, it is the [number-1] one"
    assert one.text("and 365 days later?") == "and 365 days later?"


def test_names_that_the_export_gives_are_replaced_also_in_part() -> None:
    one = Redactor(["Ada Lovelace", "Will Mark"])
    assert one.text("ada here, LOVELACE it is") == "[name-1] here, [name-1] it is"
    assert one.text("Will will not mark it") == "[name-2] will not mark it"


def test_the_same_value_has_the_same_placeholder() -> None:
    one = Redactor()
    assert one.text("a@b.example and c@d.example") == "[email-1] and [email-2]"
    assert one.text("again C@D.example") == "again [email-2]"
    assert Redactor().text("C@D.example") == "[email-1]"


@settings(deadline=None)
@given(st.text(string.digits, min_size=12, max_size=18))
def test_a_number_with_its_check_digit_is_a_card(body: str) -> None:
    if len(set(body)) < 2:
        return
    check = next(digit for digit in string.digits if is_luhn(body + digit))
    (wrong,) = [digit for digit in string.digits if digit == str((int(check) + 1) % 10)]
    assert Redactor().text(f"card: {body}{check}!") == "card: [card-1]!"
    assert "[card" not in Redactor().text(f"it is {body}{wrong}!")
    assert body not in Redactor().text(f"it is {body}{wrong}!")


def _slow_iban(text: str) -> bool:
    moved = text[4:] + text[:4]
    rest = 0
    for char in moved:
        for digit in str(string.digits.find(char) if char in string.digits else ord(char) - ord("A") + 10):
            rest = (rest * 10 + int(digit)) % 97
    return rest == 1


@settings(deadline=None)
@given(st.text(string.ascii_uppercase + string.digits, min_size=11, max_size=30), st.integers(2, 98))
def test_mod_97_agrees_with_doing_it_digit_by_digit(account: str, check: int) -> None:
    text = f"DE{check:02d}{account}"
    assert is_iban(text) == _slow_iban(text)


@settings(deadline=None)
@given(st.text(string.ascii_lowercase + string.digits + " @.-+()/:$", max_size=80))
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = Redactor().text(text)
    assert Redactor().text(once) == once


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["4111111111111111", "a@b.example", "GB82WEST12345698765432", "+442079460018"]), min_size=1
    ),
    st.text(string.ascii_lowercase + " ", max_size=10),
)
def test_nothing_of_a_value_is_left(values: list[str], between: str) -> None:
    redacted = Redactor().text(f" {between} ".join(values))
    assert not any(value in redacted for value in values)
    assert set(re.findall(r"\[(\w+)-", redacted)) <= set(KINDS)


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("<p>May I<br>bring a dog?</p><script>alert(1)</script>", "May I\nbring a dog?"),
        ("2 < 3 and 5 > 4", "2 < 3 and 5 > 4"),
        ("Where is it?\n\nOn Mon, 3 Nov 2025, Support wrote:\n> hello", "Where is it?"),
        ("Where is it?\n-- \nAda\n+44 1", "Where is it?"),
        ("Where is it?\n\nKind regards,\nAda", "Where is it?"),
        ("Thanks\nWhere is it?", "Thanks\nWhere is it?"),
        ("Where is it?\nSent from my iPhone", "Where is it?"),
        ("a\u202eb\x00c\u200bd &amp; e", "abcd & e"),
    ],
)
def test_markup_quotes_signatures_and_hidden_characters_go(text: str, becomes: str) -> None:
    assert plain_text(text) == becomes


# ── near duplicates


@settings(deadline=None)
@given(st.lists(st.text(string.ascii_lowercase + " ", min_size=3, max_size=40), max_size=12))
def test_what_is_called_near_is_near(texts: list[str]) -> None:
    clusters, words = Clusters(0.7), {}
    for number, text in enumerate(texts):
        words[str(number)] = folded_words(text)
        leader = clusters.add(str(number), words[str(number)])
        assert leader == str(number) or jaccard(shingles(words[leader]), shingles(words[str(number)])) >= 0.7
    assert sum(clusters.sizes.values()) == len(texts)


def test_half_the_same_is_not_near() -> None:
    clusters, words, close = Clusters(0.7), {}, 0
    for one in range(40):
        for other in range(4):
            name = f"{one}-{other}"
            tail = " ".join(f"{place}{one * 31 + other}" for place in ("harbour", "island", "pier"))
            words[name] = folded_words(f"when does the first ferry leave for {tail} on sundays")
            leader = clusters.add(name, words[name])
            overlap = jaccard(shingles(words[leader]), shingles(words[name]))
            assert leader == name or overlap >= 0.7
            close += any(0.4 < jaccard(shingles(words[name]), shingles(known)) < 0.7 for known in words.values())
    assert close > 100  # so that the threshold had something to decide


def test_nearly_the_same_question_is_found_among_many() -> None:
    clusters = Clusters(0.7)
    for number in range(300):
        clusters.add(f"n{number}", folded_words(f"question {number * 7919} about harbour number {number * 104729}"))
    first = clusters.add("a", folded_words("When does the first ferry to the outer islands leave on Sundays?"))
    assert (
        clusters.add("b", folded_words("when does the first ferry to the outer islands leave on sundays please"))
        == first
    )
    assert clusters.add("c", folded_words("What does a bicycle cost on the way back?")) == "c"


@settings(deadline=None)
@given(st.frozensets(st.integers(0, 2**32 - 1), min_size=1, max_size=200))
def test_equal_sets_have_equal_signatures(parts: frozenset[int]) -> None:
    assert signature(parts) == signature(frozenset(sorted(parts)))


def test_a_fresh_run_over_labelled_conversations_is_as_good_as_the_documentation_says() -> None:
    path = SHARED / "dialogues/multidogo_customer_turns.jsonl.gz"
    if not path.is_file():
        pytest.skip("the public data set is not here; INTERLOCK_SHARED_DATA names its folder")
    from benchmarks.redaction import rates

    page = (Path(__file__).parents[2] / "docs/imports.md").read_text("utf-8")
    for mode in ("standard", "digits"):
        for label, hits, n, low, high, talks in rates(path, mode):  # type: ignore[arg-type]
            row = f"| `{label}` | {hits} | {n} | {hits / n:.3f} | [{low:.3f}, {high:.3f}] | {talks} |"
            assert row in page, f"docs/imports.md lacks: {row}"
