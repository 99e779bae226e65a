"""Where a value came from: what is found, in the best source, and never more than was there."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.actions import Label, Readers
from interlock.core.lexical import (
    RequestWords,
    address,
    addresses,
    cued,
    disguise,
    folded,
    occurrences,
    phrase,
    stems,
)
from interlock.core.provenance import NOWHERE, Origin, OutputLabels, Sources, leaves
from interlock.core.yaml_text import parse_rendered

NO_CUES: frozenset[str] = frozenset()


def seen(outputs: dict[str, Label], *values: Any, said: str = "") -> Sources:
    sources = Sources()
    sources.heard(said)
    for value in values:
        sources.observed("tool", leaves(OutputLabels(outputs), value))
    return sources


# ── labels by path


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("items[].id", {"items": [{"id": "A-1234"}]}),
        ("items.id", {"items": [{"id": "A-1234"}]}),
        ("[].id", [{"id": "A-1234"}]),
        ("id", [[{"id": "A-1234"}]]),
        ("*.id", {"any key": {"id": "A-1234"}}),
        ("$", "A-1234"),
        ("$", ["A-1234"]),
        ("items", {"items": {"deep": [{"id": "A-1234"}]}}),
        ("id", {"result": {"id": "A-1234"}}),
    ],
)
def test_a_field_has_the_label_of_the_path_that_leads_to_it(path: str, value: Any) -> None:
    found = seen({path: Label.SYSTEM}, value).find("A-1234", "id", NO_CUES)
    assert (found.label, found.tool, found.step) == (Label.SYSTEM, "tool", 0)


def test_the_longest_path_counts_and_nothing_else_inherits() -> None:
    labels = OutputLabels({"order": Label.SYSTEM, "order.note": Label.THIRD_PARTY, "order.note.author": Label.ATTESTED})
    assert [labels.label(path) for path in ("order.id", "order.note", "order.note.text", "order.note.author", "other")] == [
        Label.SYSTEM, Label.THIRD_PARTY, Label.THIRD_PARTY, Label.ATTESTED, Label.THIRD_PARTY,
    ]  # fmt: skip


def test_a_key_that_is_data_is_nobodys_word() -> None:
    found = seen({"*": Label.SYSTEM}, {"Grand Palace": "4 stars"})
    assert found.find("4 stars", "x", NO_CUES).label is Label.SYSTEM
    assert found.find("Grand Palace", "x", NO_CUES).label is Label.THIRD_PARTY


def test_the_best_source_counts_wherever_else_the_value_stands() -> None:
    found = seen({"id": Label.SYSTEM}, {"note": "see A-1234"}, {"id": "A-1234"}, {"note": "A-1234 again"})
    assert found.find("A-1234", "id", NO_CUES) == Origin(Label.SYSTEM, "tool", "id", 1)


def test_a_list_that_a_tool_wrote_as_text_has_entries_and_no_parts_of_fields_have() -> None:
    whole = seen({"$": Label.SYSTEM}, "Hotels: North Inn\nSouth Inn, East Inn\n")
    assert {whole.find(name, "h", NO_CUES).label for name in ("North Inn", "South Inn", "East Inn")} == {Label.SYSTEM}
    field = seen({"title": Label.SYSTEM}, {"title": "North Inn\nwrite to eve@example.com"})
    assert field.find("North Inn", "h", NO_CUES) == NOWHERE
    assert field.find("eve@example.com", "h", NO_CUES) == NOWHERE


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abc"),
            st.one_of(st.text(), st.integers(), st.floats(allow_nan=False), st.none(), st.booleans()),
        ),
        max_size=5,
    )
)
def test_every_value_of_a_trusted_output_is_found_and_its_pieces_are_not(rows: list[dict[str, Any]]) -> None:
    found = seen({"a": Label.SYSTEM}, rows)
    for row in rows:
        value = row.get("a")
        if isinstance(value, str) and value.strip():
            assert found.find(value, "a", NO_CUES).label.rank <= Label.SYSTEM.rank


def test_deep_and_huge_outputs_are_cut_and_do_not_fail() -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = {"a": [deep]}
    assert leaves(OutputLabels({"$": Label.SYSTEM}), deep) == []
    wide = leaves(OutputLabels({}), [["v"] * 30_000 for _ in range(10)])
    assert len(wide) < 90_000


def test_readers_are_inherited_by_path() -> None:
    labels = OutputLabels({}, {"secret": Readers.PRINCIPAL})
    found = {leaf.text: leaf.readers for leaf in leaves(labels, {"secret": {"pin": "9981"}, "name": "Bo"})}
    assert found == {"9981": Readers.PRINCIPAL, "Bo": None}


# ── text


@pytest.mark.parametrize(
    ("value", "text", "there"),
    [
        ("alice", "tell @alice", True), ("alice", "tell Alice's friend", True), ("alice", "malice", False),
        ("alice", "alice@example.com", False), ("report", "report-final.txt", False), ("report.txt", "see report.txt.", True),
        ("report", "docs/report", False), ("general", "#general", True), ("w123", "order w1234", False), ("a b", "say a  b now", True),
    ],
)  # fmt: skip
def test_a_value_counts_as_a_word_of_its_own(value: str, text: str, there: bool) -> None:
    assert (next(occurrences(value, folded(text)), None) is not None) is there


@given(st.text(min_size=1, max_size=20), st.text(max_size=40), st.text(max_size=40))
def test_what_stands_between_spaces_is_found(value: str, before: str, after: str) -> None:
    plain = folded(value)
    if plain:
        assert next(occurrences(plain, f"{folded(before)} {plain} {folded(after)}".strip()), None) is not None


@pytest.mark.parametrize(
    ("text", "cues", "there"),
    [
        ("file 13", {"file"}, True), ("files 12 and 13", {"file"}, True), ("file id 13", set(), True), ("#13", set(), True),
        ("number 13", set(), True), ("june 13", {"file"}, False), ("13 files", {"file"}, False), ("file 113", {"file"}, False),
        ("room 1, 2, 13", {"room"}, True), ("at 13:00", {"file"}, False), ("file: '13'", {"file"}, True),
    ],
)  # fmt: skip
def test_a_number_needs_a_cue_right_before_it(text: str, cues: set[str], there: bool) -> None:
    assert cued("13", folded(text), cues) is there


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("https://www.example.com/", "example.com"), ("WWW.Example.COM", "example.com"), ("example.com/A", "example.com/A"),
        ("ftp://example.com", "ftp://example.com"), ("a.b@Example.org", "a.b@example.org"), ("DE89 3704 0044 0532 0130 00", "#de89370400440532013000"),
        ("report.txt", None), ("Alice", None), ("2026-05-19 10:00", None), ("3.14", None), ("see example.com", None), ("v1.2.3", None),
    ],
)  # fmt: skip
def test_an_address_has_one_form(text: str, form: str | None) -> None:
    assert address(text) == form


@given(st.text())
def test_addresses_never_fail_and_each_is_its_own_form(text: str) -> None:
    for form in addresses(text):
        assert form


def test_a_sentence_that_begins_without_a_space_does_not_lengthen_a_link() -> None:
    assert addresses("on www.our-company.com.They sent it") == ["our-company.com"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Alice", None), ("Zoë Łukasiewicz", None), ("Алиса", None), ("日本語カタカナ", None), ("LINEペイ", None), ("Αλφα beta", None),
        ("Аlice", "mixed_script"), ("pаypal", "mixed_script"), ("ｆull", "not_normalised"), ("a\u200bb", "hidden_character"),
        ("a\u202eb", "hidden_character"), ("a\x00b", "hidden_character"), ("two\nlines", None), ("①", "not_normalised"),
    ],
)  # fmt: skip
def test_what_looks_like_something_else_is_named(text: str, fault: str | None) -> None:
    assert disguise(text) == fault


@pytest.mark.parametrize(
    ("request_", "word", "asks"),
    [
        ("please refund me", "refund", True), ("refunds for all", "refunded", True), ("make a reservation", "reserve", True),
        ("cancellation please", "cancel", True), ("I want my money back", "money back", True), ("back at noon", "money back", False),
        ("postpone it", "post", False), ("erstatten Sie das", "erstattet", True), ("what did I pay", "transfer", False),
        ("my payment", "pay", True), ("it was sent", "send", True),
    ],
)  # fmt: skip
def test_an_action_is_asked_for_in_any_of_its_forms(request_: str, word: str, asks: bool) -> None:
    assert RequestWords([request_]).asks([phrase(word)]) is asks


@given(st.text())
def test_a_text_asks_for_each_of_its_own_words(text: str) -> None:
    words = RequestWords([text])
    assert all(words.asks([(word,)]) for word in stems(text))


# ── texts that tools rendered


@pytest.mark.parametrize(
    "text", ["{'a': 'x', 'b': 1}", '{"a": "x", "b": 1}', "a: x\nb: 1", "- a: x\n  b: 1"]
)  # fmt: skip
def test_a_rendered_document_is_read(text: str) -> None:
    value = parse_rendered(text, "t")
    assert value in ({"a": "x", "b": 1}, [{"a": "x", "b": 1}])


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2",
        "&x 1",
        "*x",
        "!!python/object:os.system x",
        "a: b: c",
        "x\u202e: 1",
        "[" * 100,
        "a: 1\n---\nb: 2",
        "\ud800",
    ],
)
def test_a_text_in_which_readers_could_differ_is_no_document(text: str) -> None:
    assert parse_rendered(text, "t") is None
