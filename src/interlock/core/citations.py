"""Whether what is quoted stands where it is said to stand: resolved, verbatim, in one piece.

Verbatim is after the declared normalisation: Unicode NFKC, characters that nobody sees left out, white space as one space. The
case counts, and so does every digit.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from interlock.core.sources import Passage
from interlock.core.words import clean

MAX_QUOTE = 20_000
"""Characters of a quote; a longer one is refused as fabricated."""
_SPACE = re.compile(r"\s+")
_GAP = re.compile(r"\s*(?:\[\s*(?:…|\.\.\.)\s*\]|…|\.\.\.)\s*")
_PIECE = 3
"""Words that a piece of a spliced quote has at least; any two words stand somewhere."""


class CiteFault(StrEnum):
    """What is wrong with a citation."""

    UNRESOLVED = "unresolved"  # the document was not retrieved for this answer
    FABRICATED = "fabricated"  # no retrieved document says it
    MISATTRIBUTED = "misattributed"  # another retrieved document says it
    SPLICED = "spliced"  # the document says the pieces, and not in one


@dataclass(frozen=True, slots=True)
class Cite:
    """One citation: the id of a document, and the words that are said to stand in it."""

    doc_id: str
    quote: str


@dataclass(frozen=True, slots=True)
class CiteFinding:
    """A citation that does not hold, and why. found_in: the document that does say it, where another one does."""

    fault: CiteFault
    cite: Cite
    why: str
    found_in: str = ""


def normalised(text: str) -> str:
    """A text as quotes are compared.

    >>> normalised("within 30\\u00a0days\\n of\\u200b purchase")
    'within 30 days of purchase'
    """
    return _SPACE.sub(" ", clean(text).text).strip()


class Library:
    """The documents that were retrieved for one answer, read for quotes."""

    def __init__(self, documents: Sequence[Passage]) -> None:
        self.texts: dict[str, list[str]] = {}
        for document in documents:
            self.texts.setdefault(document.id, []).append(normalised(document.text))

    def holds(self, doc_id: str, quote: str) -> bool:
        """Whether a document says a normalised quote in one piece."""
        return any(stands_in(quote, text) for text in self.texts.get(doc_id, ()))

    def check(self, cite: Cite) -> CiteFinding | None:
        """What is wrong with a citation; None when it holds.

        >>> library = Library([Passage("a", "Refunds take 5 days."), Passage("b", "Deposits take 14 days.")])
        >>> library.check(Cite("a", "take 5 days")) is None
        True
        >>> [library.check(Cite("a", quote)).fault.value for quote in ("take 6 days", "take 14 days")]
        ['fabricated', 'misattributed']
        """
        quote = normalised(cite.quote[: MAX_QUOTE + 1])
        if cite.doc_id not in self.texts:
            return CiteFinding(CiteFault.UNRESOLVED, cite, f"`{cite.doc_id}` was not retrieved for this answer")
        if not quote or not any(char.isalnum() for char in quote):
            return CiteFinding(CiteFault.FABRICATED, cite, "the quote has no word")
        if len(quote) > MAX_QUOTE:
            return CiteFinding(CiteFault.FABRICATED, cite, f"a quote of more than {MAX_QUOTE:,} characters")
        if self.holds(cite.doc_id, quote):
            return None
        for other in self.texts:
            if other != cite.doc_id and self.holds(other, quote):
                return CiteFinding(CiteFault.MISATTRIBUTED, cite, f"`{other}` says it, `{cite.doc_id}` does not", other)
        if any(_spliced(quote, text) for text in self.texts[cite.doc_id]):
            return CiteFinding(CiteFault.SPLICED, cite, f"`{cite.doc_id}` says the pieces, and not in one")
        return CiteFinding(CiteFault.FABRICATED, cite, f"`{cite.doc_id}` does not say it")


def stands_in(quote: str, text: str) -> bool:
    """Whether a text has a quote, not inside a longer word or number; both are normalised.

    >>> stands_in("9.90", "it is 19.90 in all"), stands_in("9.90", "it is 9.90, in all")
    (False, True)
    """
    start = text.find(quote)
    while start >= 0:
        end = start + len(quote)
        if not (_joined(text, start, -1) or _joined(text, end - 1, 1)):
            return True
        start = text.find(quote, start + 1)
    return False


def _joined(text: str, at: int, step: int) -> bool:
    """Whether the word or number at `at` goes on beyond the edge of a quote."""
    edge, beyond = text[at], text[at + step : at + step + 1] if at + step >= 0 else ""
    if not beyond or not edge.isalnum() or edge > "\u2e80":
        return False
    if edge.isdigit() and beyond in ".,":
        further = at + 2 * step
        return 0 <= further < len(text) and text[further].isdigit()
    return beyond.isalnum()


def _spliced(quote: str, text: str) -> bool:
    """Whether a quote is made of two or three pieces of a text, at ellipses or wherever one breaks off."""
    pieces = [piece for piece in _GAP.split(quote) if piece]
    if len(pieces) > 1:
        return all(stands_in(piece, text) for piece in pieces)
    words = quote.split(" ")
    at = 0
    for _ in range(3):
        reach = _longest(words, at, text)
        if reach - at < min(_PIECE, len(words) - at):
            return False
        at = reach
        if at == len(words):
            return True
    return False


def _longest(words: Sequence[str], start: int, text: str) -> int:
    """The end of the longest run of words from `start` that a text has; containment only shrinks as it grows."""
    low, high = start, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if stands_in(" ".join(words[start:middle]), text):
            low = middle
        else:
            high = middle - 1
    return low
