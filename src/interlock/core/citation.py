"""Whether a source says what an answer quotes from it: verbatim, in one piece, where the answer says that it stands."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property

MAX_QUOTE = 4_000
"""Characters of a quote at most: a longer one is a copy of the document."""
_LEAST_PIECE = 3
_MOST_PIECES = 6
_SPACE = re.compile(r"\s+")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‐": "-", "‑": "-",
                        "–": "-", "—": "-", "−": "-"})  # fmt: skip


def declared(text: str) -> str:
    """A text in the form in which quotes are compared; the case counts.

    Unicode NFKC (UAX #15), invisible format characters removed, typographic quotation marks and dashes as their
    plain ones, and every run of white space as one space.

    >>> declared("10\\u00a0GB –\\n “each”")
    '10 GB - "each"'
    """
    plain = unicodedata.normalize("NFKC", text).translate(_PLAIN)
    if not plain.isascii():
        plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    return _SPACE.sub(" ", plain).strip()


@dataclass(frozen=True)
class Source:
    """A document as it was retrieved for one interaction.

    Args:
        doc_id: its id.
        text: what it says.
        tenant: whose document it is; None for one that belongs to nobody in particular.
        readers: the roles that may read it; None for everybody.
        updated: the day of its last change, where it is known.
        valid_until: the last day on which it holds, where it is known.
    """

    doc_id: str
    text: str
    tenant: str | None = None
    readers: frozenset[str] | None = None
    updated: date | None = None
    valid_until: date | None = None

    @cached_property
    def declared(self) -> str:
        """The text in the form in which quotes are compared."""
        return declared(self.text)


@dataclass(frozen=True, slots=True)
class Cite:
    """A document and the words of it that an answer rests on."""

    doc_id: str
    quote: str


class CiteFault(StrEnum):
    """How a citation fails."""

    NOT_RETRIEVED = "not-retrieved"
    """The document is not among those retrieved for this tenant and interaction."""
    EMPTY = "empty-quote"
    TOO_LONG = "quote-too-long"
    FABRICATED = "fabricated"
    """No retrieved document says it."""
    MISATTRIBUTED = "misattributed"
    """Another retrieved document says it."""
    SPLICED = "spliced"
    """The document has all its pieces, but not in one place."""


@dataclass(frozen=True)
class Shelf:
    """The documents that one tenant's interaction retrieved: what may be cited.

    Documents of another tenant are not on the shelf, whoever put them into the list.
    """

    sources: tuple[Source, ...]
    foreign: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, sources: Iterable[Source], tenant: str | None) -> "Shelf":
        """The documents that are the tenant's own, or nobody's."""
        every = tuple(sources)
        own = tuple(source for source in every if source.tenant is None or source.tenant == tenant)
        kept = {source.doc_id for source in own}
        return cls(own, frozenset(source.doc_id for source in every) - kept)

    def under(self, doc_id: str) -> tuple[Source, ...]:
        """The documents, or passages of one, under an id."""
        return tuple(source for source in self.sources if source.doc_id == doc_id)

    def fault(self, cite: Cite) -> CiteFault | None:
        """How the citation fails; None when it holds.

        >>> shelf = Shelf.of([Source("a", "Refunds take 5 days. Ask in the app."), Source("b", "VAT is 20 %.")], None)
        >>> [shelf.fault(Cite("a", quote)) for quote in ("take 5 days", "take 9 days")]
        [None, <CiteFault.FABRICATED: 'fabricated'>]
        >>> shelf.fault(Cite("a", "VAT is 20 %")), shelf.fault(Cite("c", "x"))
        (<CiteFault.MISATTRIBUTED: 'misattributed'>, <CiteFault.NOT_RETRIEVED: 'not-retrieved'>)
        """
        here = self.under(cite.doc_id)
        if not here:
            return CiteFault.NOT_RETRIEVED
        if len(cite.quote) > MAX_QUOTE:
            return CiteFault.TOO_LONG
        quote = declared(cite.quote)
        if not any(c.isalnum() for c in quote):
            return CiteFault.EMPTY
        if any(stands(quote, source.declared) for source in here):
            return None
        if any(stands(quote, source.declared) for source in self.sources if source.doc_id != cite.doc_id):
            return CiteFault.MISATTRIBUTED
        if any(spliced(quote, source.declared) for source in here):
            return CiteFault.SPLICED
        return CiteFault.FABRICATED


def stands(quote: str, text: str) -> bool:
    """Whether a quote stands in a text as whole words and whole numbers; both in the declared form.

    >>> stands("9.90", "it is 19.90 in all"), stands("refund", "refunds take"), stands("9.90", "it is 9.90.")
    (False, False, True)
    """
    start = text.find(quote)
    while start >= 0:
        end = start + len(quote)
        if not (_goes_on(quote[0], text[max(0, start - 2) : start][::-1]) or _goes_on(quote[-1], text[end : end + 2])):
            return True
        start = text.find(quote, start + 1)
    return False


def _goes_on(edge: str, beyond: str) -> bool:
    """Whether the word or number at the edge of a quote goes on beyond it. Scripts without spaces have no edges."""
    if not beyond or not edge.isalnum():
        return False
    if edge.isdigit():
        return beyond[0].isdigit() or (beyond[0] in ".,'" and beyond[1:].isdigit())
    return edge.isascii() and beyond[0].isascii() and beyond[0].isalpha()


def spliced(quote: str, text: str) -> bool:
    """Whether a quote is made of several pieces of a text, each of at least three words; both in the declared form.

    >>> spliced("Refunds take 5 days in the app now.", "Refunds take 5 days. Ask in the app now.")
    True
    """
    words = [word for word in re.split(r"[ …]+|\.\.\.", quote) if word]
    at = pieces = 0
    while at < len(words):
        most = _longest(words, at, text)
        if most - at < _LEAST_PIECE and most < len(words):
            return False
        if most == at or (most - at < _LEAST_PIECE and pieces == 0):
            return False
        at, pieces = most, pieces + 1
        if pieces > _MOST_PIECES:
            return False
    return pieces > 1


def _longest(words: Sequence[str], at: int, text: str) -> int:
    """The end of the longest run of words from `at` that stands in the text; shorter runs stand there as well."""
    low, high = at, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if " ".join(words[at:middle]) in text:
            low = middle
        else:
            high = middle - 1
    return low
