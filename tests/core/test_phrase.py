"""Phrases of a policy: what is only a shortcut finds exactly what the long way finds."""

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from interlock.core.phrase import folded_words, spoken, whole_words

PHRASES = ["told … password", "hack*", "*", "…", "hack＊", "told…password", "told...password", "quelqu'un … mon* compte",
           "a_b*", "账户 … 被盗", "not me", "naïve CAFÉ*", "ﬁle*"]  # fmt: skip
TEXT = st.lists(st.sampled_from(["told", "a", "password", "hackers", "hack", "quelquun", "mon", "monsieur", "compte", "账户", "被盗",
                                 "not", "me", "naive", "cafe", "cafes", "file", "files", "b", "bc"]), max_size=10)  # fmt: skip


@given(phrase=st.sampled_from(PHRASES), text=TEXT)
@example(phrase="hack＊", text=["hackers"])
def test_a_phrase_that_is_spoken_has_its_whole_words_in_the_text(phrase: str, text: list[str]) -> None:
    words = folded_words(" ".join(text))
    if spoken(phrase, words) is not None:
        assert whole_words(phrase) <= set(words)


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_text_is_folded_as_any_other(text: str) -> None:
    slow = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    assert folded_words(text) == folded_words(slow + "\u0301") == folded_words("\u200b" + text)
