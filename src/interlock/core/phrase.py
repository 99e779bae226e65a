"""Phrases as people write them in a policy: whole words in their order, with gaps and endings left open."""

import re
import unicodedata
from functools import lru_cache

BETWEEN = 5
"""Words that `…` may stand for at most."""
_APOSTROPHES = str.maketrans("", "", "'’‘`´")
# Scripts that are written without spaces are read character by character, so that a phrase is found inside a run.
_NO_SPACES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_NO_SPACES}]|[^\W_{_NO_SPACES}]+")
_PHRASE_TOKEN = re.compile(rf"…|[{_NO_SPACES}]|[^\W_{_NO_SPACES}]+\*?|\*")

_OPEN = re.compile(r"[^\W\s]*\*|\.\.\.")


def folded_words(text: str) -> list[str]:
    """The words of a text without case, accents, apostrophes and invisible characters (Unicode NFKD, casefold).

    >>> folded_words("Ce n’est pas moi – Kündigung!")
    ['ce', 'nest', 'pas', 'moi', 'kundigung']
    """
    return _TOKEN.findall(_folded(text))


def _folded(text: str) -> str:
    if text.isascii():  # nothing to normalise, and no accent or invisible character that Unicode knows as one
        return text.lower().translate(_APOSTROPHES)
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(c for c in plain if unicodedata.category(c) not in {"Mn", "Cf"})
    return kept.translate(_APOSTROPHES)


def spoken(phrase: str, words: list[str]) -> tuple[int, int] | None:
    """Where the words of a phrase stand in a text, whole and in this order: first word and the one after the last.

    Args:
        phrase: `…` stands for at most five words between, `*` after a word for any ending of it.
        words: of the text, from `folded_words`.
    Returns: None where it is not spoken, or the phrase has no word.

    >>> spoken("told … password", folded_words("I told some stranger my password!"))
    (1, 6)
    >>> spoken("hack*", folded_words("Hackers")), spoken("sue you", folded_words("Issue your refund"))
    ((0, 1), None)
    """
    pattern = _pattern(phrase)
    if pattern is None:
        return None
    text = f" {' '.join(words)} "
    found = pattern.search(text)
    if found is None:
        return None
    first = text.count(" ", 0, found.start() + 1) - 1
    return first, first + found.group().count(" ")


@lru_cache(maxsize=8192)
def whole_words(phrase: str) -> frozenset[str]:
    """The words that a phrase has whole: a text without one of them cannot speak it, which is cheap to see.

    >>> sorted(whole_words("told … pass* on"))
    ['on', 'told']
    """
    return frozenset(folded_words(_OPEN.sub(" ", unicodedata.normalize("NFKC", phrase))))


@lru_cache(maxsize=8192)
def _pattern(phrase: str) -> re.Pattern[str] | None:
    parts: list[str] = []
    for token in _PHRASE_TOKEN.findall(_folded(phrase).replace("...", "…")):
        if token == "…":
            parts.append(rf"(?: \S+){{0,{BETWEEN}}}")
        elif token == "*":
            parts.append(r"\S*")
        elif token.endswith("*"):
            parts.append(f" {re.escape(token[:-1])}\\S*")
        else:
            parts.append(f" {re.escape(token)}")
    if not any(part.startswith(" ") for part in parts):
        return None
    return re.compile("".join(parts) + "(?= )")
