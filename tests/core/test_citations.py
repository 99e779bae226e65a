"""Citations: a quote stands in the document that is named, in one piece, or it is told what is wrong with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.citations import MAX_QUOTE, Cite, CiteFault, Library, normalised, stands_in
from interlock.core.sources import Passage

LIBRARY = Library(
    [
        Passage("KB-1", "A refund to a card arrives within 5 working days. You then have 60\u00a0days to\nclaim it."),
        Passage("KB-2", "The deposit is €40.00 and is refunded within 14 days."),
    ]
)


@pytest.mark.parametrize(
    ("doc_id", "quote", "fault"),
    [
        ("KB-1", "arrives within 5 working days", None),
        ("KB-1", "60 days to claim it", None),
        ("KB-1", "60\u200b days", None),
        ("KB-1", "５ working days", None),
        ("KB-1", "arrives within 6 working days", CiteFault.FABRICATED),
        ("KB-2", "The deposit is €4.00", CiteFault.FABRICATED),
        ("KB-2", "0.00 and is refunded", CiteFault.FABRICATED),
        ("KB-1", "The deposit is €40.00", CiteFault.MISATTRIBUTED),
        ("KB-9", "The deposit is €40.00", CiteFault.UNRESOLVED),
        ("KB-1", "A refund to a card … 60 days to claim it", CiteFault.SPLICED),
        ("KB-2", "The deposit is €40.00 refunded within 14 days", CiteFault.SPLICED),
        ("KB-1", "", CiteFault.FABRICATED),
        ("KB-1", "…", CiteFault.FABRICATED),
        ("KB-1", "a Refund to a card", CiteFault.FABRICATED),
        ("KB-1", "x" * (MAX_QUOTE + 1), CiteFault.FABRICATED),
    ],
)
def test_each_kind_of_false_citation_has_its_name(doc_id: str, quote: str, fault: CiteFault | None) -> None:
    found = LIBRARY.check(Cite(doc_id, quote))
    assert (found.fault if found else None) is fault


def test_a_misattributed_quote_says_where_it_stands() -> None:
    found = LIBRARY.check(Cite("KB-1", "refunded within 14 days"))
    assert found is not None
    assert found.found_in == "KB-2"


@given(st.text(min_size=1, max_size=120), st.data())
def test_every_piece_between_spaces_of_a_document_stands_in_it(text: str, data: st.DataObject) -> None:
    words = normalised(text).split(" ")
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    quote = " ".join(words[start:end])
    if any(char.isalnum() for char in quote):
        assert Library([Passage("d", text)]).check(Cite("d", quote)) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_quote_is_judged(quote: str, text: str) -> None:
    found = Library([Passage("d", text)]).check(Cite("d", quote))
    assert (found is None) == (
        any(c.isalnum() for c in normalised(quote)) and stands_in(normalised(quote), normalised(text))
    )
