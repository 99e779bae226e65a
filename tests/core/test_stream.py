"""A stream is judged in whole sentences, however it was cut."""

from hypothesis import given
from hypothesis import strategies as st

from interlock.core.stream import MAX_PENDING, in_sentences
from interlock.core.words import sentences

texts = st.lists(
    st.sampled_from(
        [
            "Refunds take 5 days.",
            "Is that all?",
            "See e.g. the app.",
            "It costs 1.5 Euro!",
            "\n- one",
            "退款五天。",
            " ",
            "x",
        ]
    ),
    max_size=12,
).map(" ".join)


@given(texts, st.data())
def test_nothing_is_lost_added_or_reordered(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join(in_sentences(chunks)) == text


@given(texts)
def test_character_by_character_gives_the_sentences_of_the_whole(text: str) -> None:
    whole = [text[start:end] for start, end in sentences(text)]
    assert [piece.strip() for piece in in_sentences(text) if piece.strip()] == whole


def test_a_stream_without_an_end_is_judged_in_pieces() -> None:
    pieces = list(in_sentences(["x" * 1000] * 10))
    assert max(map(len, pieces)) <= MAX_PENDING
    assert sum(map(len, pieces)) == 10_000
