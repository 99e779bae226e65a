"""Passages read for comparison, and the place in them that a question or a claim is nearest to."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import pairwise
from math import log

from interlock.core.errors import TooLarge
from interlock.core.lexicon import NEGATIONS
from interlock.core.quantities import Quantity, quantities, rounds_to, unit_mentions
from interlock.core.units import period, weekday
from interlock.core.words import Word, clean, language_of, sentences, words

MAX_SOURCES = 20_000_000
"""Characters of all the sources of an answer together."""
MAX_QUESTION = 100_000
"""Characters of a question that are read."""
PREFIX = 0.8
"""What a word counts that shares most of its beginning with one of the source."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One document that an answer may rest on."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class ReadSentence:
    """One sentence of a source as it is compared: its content stems in their order, which of them it denies, the words of all
    kinds, the periods and weekdays that it names, and its quantities, each with the content words around it."""

    stems: tuple[str, ...]
    have: frozenset[str]
    denied: frozenset[str]
    denies: bool
    forms: frozenset[str]
    periods: frozenset[str]
    weekdays: frozenset[int]
    told: tuple[tuple[Quantity, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class ReadPassage:
    """A passage, read once: its language, sentences, single units and the lengths of its lists."""

    language: str
    sentences: tuple[ReadSentence, ...]
    once: frozenset[tuple[str, Decimal]]
    listed: frozenset[int]


def read_passage(text: str) -> ReadPassage:
    """Read a passage for comparison; the same documents are retrieved again and again, so short ones are remembered."""
    return _remembered(text) if len(text) <= _REMEMBER else _read(text)


_REMEMBER = 20_000
"""Characters of a passage that is remembered."""


@lru_cache(maxsize=512)
def _remembered(text: str) -> ReadPassage:
    return _read(text)


def _read(raw: str) -> ReadPassage:
    text = clean(raw).text
    language = language_of([word.form for word in words(text[:4000])])
    found = tuple(_sentence(text, start, end, language) for start, end in sentences(text))
    return ReadPassage(language, found, unit_mentions(text), frozenset(_list_lengths(text)))


def _sentence(text: str, start: int, end: int, language: str) -> ReadSentence:
    found = words(text, start, end, language)
    told = quantities(text, start, end)
    content = content_of(found, told)
    stems = tuple(word.stem for word in content)
    return ReadSentence(
        stems,
        frozenset(stems),
        denied_in(found, language),
        any(word.form in NEGATIONS for word in found),
        frozenset(word.form for word in found),
        frozenset(name for word in found if (name := period(word.form))),
        frozenset(day for word in found if (day := weekday(word.form)) is not None),
        tuple((quantity, around_of(content, quantity)) for quantity in told),
    )


@dataclass(frozen=True, slots=True)
class SourceSentence:
    """A sentence in its place among all sources."""

    passage: int
    stems: frozenset[str]
    denied: frozenset[str]
    denies: bool
    periods: frozenset[str]


@dataclass(frozen=True, slots=True)
class Known:
    """A quantity of a source, its sentence, and the content words around it."""

    quantity: Quantity
    sentence: int
    around: frozenset[str]


class Sources:
    """Passages, read for scoring; built once for all the claims of an answer.

    Raises: TooLarge beyond 20 million characters.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        if (size := sum(len(passage.text) for passage in passages)) > MAX_SOURCES:
            raise TooLarge(
                f"the sources have {size:,} characters", hint=f"score against at most {MAX_SOURCES:,} of them"
            )
        self.passages = tuple(passages)
        read = [read_passage(passage.text) for passage in self.passages]
        self.language = _commonest(read)
        self.sentences: list[SourceSentence] = []
        self.holding: dict[str, list[int]] = {}
        self.pairs: set[tuple[str, str]] = set()
        self.forms: set[str] = set()
        self.known: list[Known] = []
        self.by_value: dict[tuple[str, Decimal], list[int]] = {}
        self.units_of: dict[Decimal, set[str]] = {}
        self.measured: set[Decimal] = set()
        self.by_unit: dict[str, list[int]] = {}
        self._weights: dict[str, float] = {}
        self._rounded: dict[tuple[frozenset[Decimal], str, str, int], bool] = {}
        self.once = frozenset[tuple[str, Decimal]]().union(*(one.once for one in read))
        self.listed = frozenset[int]().union(*(one.listed for one in read))
        self.weekdays: set[int] = set()
        self.periods: set[str] = set()
        for at, passage in enumerate(read):
            for sentence in passage.sentences:
                self._add(at, sentence)

    def _add(self, passage: int, read: ReadSentence) -> None:
        index = len(self.sentences)
        self.sentences.append(SourceSentence(passage, read.have, read.denied, read.denies, read.periods))
        for one in read.have:
            self.holding.setdefault(one, []).append(index)
        self.pairs.update(pairwise(read.stems))
        self.forms |= read.forms
        self.periods |= read.periods
        self.weekdays |= read.weekdays
        for quantity, around in read.told:
            at = len(self.known)
            self.known.append(Known(quantity, index, around))
            if quantity.values:
                self.by_unit.setdefault(quantity.unit, []).append(at)
            if quantity.unit:
                self.measured |= quantity.figures
            for value in quantity.values:
                self.by_value.setdefault((quantity.unit, value), []).append(at)
                self.units_of.setdefault(value, set()).add(quantity.unit)

    @cached_property
    def dates(self) -> list[Known]:
        """The dates of the sources."""
        return [known for known in self.known if known.quantity.when]

    @cached_property
    def date_numbers(self) -> frozenset[Decimal]:
        """The years, months and days of the sources' dates, as numbers."""
        return frozenset(
            Decimal(part)
            for known in self.dates
            for when in known.quantity.when[0]
            for part in when
            if part is not None
        )

    @cached_property
    def beginnings(self) -> dict[str, list[str]]:
        """The stems of the sources by their first five letters."""
        found: dict[str, list[str]] = {}
        for one in self.holding:
            if len(one) >= _PREFIX_LETTERS:
                found.setdefault(one[:_PREFIX_LETTERS], []).append(one)
        return found

    def rounds(self, said: Quantity) -> bool:
        """Whether a figure is one of the sources' with fewer digits, or called about it."""
        told = (said.values, said.unit, said.bound, said.digits)
        if told not in self._rounded:
            near = self.by_unit.get(said.unit, ())
            self._rounded[told] = any(rounds_to(said, self.known[index].quantity) for index in near)
        return self._rounded[told]

    def weight(self, word: str) -> float:
        """How much a word tells, from 1 to 3: the fewer sentences have it, the more.

        Source: inverse document frequency, Spärck Jones (1972), Journal of Documentation 28(1), 11-21.
        """
        if word not in self._weights:
            n, df = len(self.sentences), len(self.holding.get(word, ()))
            self._weights[word] = 1.0 + 2.0 * log((n + 1) / (df + 1)) / log(n + 1) if n > 1 else 1.0
        return self._weights[word]

    def kin(self, word: str) -> tuple[tuple[str, float], ...]:
        """The stems of the sources that a word may stand for, with what each counts: itself, or its nearest."""
        if word in self.holding:
            return ((word, 1.0),)
        found = {}
        if len(word) >= _PREFIX_LETTERS:
            for other in self.beginnings.get(word[:_PREFIX_LETTERS], ())[:_MAX_KIN]:
                shared = next(
                    (at for at, (a, b) in enumerate(zip(word, other, strict=False)) if a != b),
                    min(len(word), len(other)),
                )
                if shared >= 0.7 * max(len(word), len(other)):
                    found[other] = PREFIX
        return tuple(found.items())


def _commonest(read: Sequence[ReadPassage]) -> str:
    """The language of most sentences; the first of them among equals."""
    counts: dict[str, int] = {}
    for passage in read:
        counts[passage.language] = counts.get(passage.language, 0) + len(passage.sentences)
    return max(counts, key=lambda code: counts[code]) if counts else ""


_PREFIX_LETTERS = 5
_MAX_KIN = 50
_MAX_HOLDING = 2_000
"""Sentences that one word may point to; in longer sources a commoner word does not help to find the place."""
_AROUND = 2


def content_of(found: Sequence[Word], told: Sequence[Quantity]) -> list[Word]:
    """The words that carry content and are no part of a quantity, which is compared for itself."""
    inside = {at for quantity in told for at in range(quantity.start, quantity.end)}
    return [word for word in found if not word.function and word.start not in inside]


def around_of(content: Sequence[Word], quantity: Quantity) -> frozenset[str]:
    """The content words next to a quantity, two on each side, marked with the side that they stand on."""
    before = [f"<{word.stem}" for word in content if word.end <= quantity.start][-_AROUND:]
    after = [f">{word.stem}" for word in content if word.start >= quantity.end][:_AROUND]
    return frozenset(before) | frozenset(after)


_ITEM = re.compile(r"^[ \t]*(?:(?P<number>\d{1,2})[.)]|[-*•–])[ \t]+\S", re.MULTILINE)


def _list_lengths(text: str) -> set[int]:
    """How long the lists of a text are: `four products` may be told by four items."""
    lengths, run = set(), 0
    for match in _ITEM.finditer(text):
        number = int(match["number"]) if match["number"] else run + 1
        if number <= run:
            lengths.add(run)
        run = number
    return lengths | {run} if run > 1 else lengths


def denied_in(found: Sequence[Word], language: str) -> frozenset[str]:
    """Content words in the reach of a denial: two within four words after it, in German and French two before it as well."""
    denied: set[str] = set()
    before = 2 if language in ("de", "fr") else 0
    for at, word in enumerate(found):
        if word.form in NEGATIONS:
            reach = [w for w in found[at + 1 : at + 5] if not w.function][:2]
            reach += [w for w in found[max(0, at - before) : at] if not w.function]
            denied.update(w.stem for w in reach)
    return frozenset(denied)


# ── what is laid over them


@dataclass(frozen=True, slots=True)
class Asked:
    """What the question said already."""

    stems: frozenset[str]
    forms: frozenset[str]
    quantities: tuple[Quantity, ...]
    content: tuple[Word, ...]

    @classmethod
    def of(cls, question: str, language: str) -> "Asked":
        return _asked(question[:MAX_QUESTION], language)


@lru_cache(maxsize=16)
def _asked(question: str, language: str) -> Asked:
    """Each claim of an answer is laid beside the same question."""
    text = clean(question).text
    found = words(text, language=language)
    told = tuple(quantities(text))
    content = tuple(content_of(found, told))
    return Asked(frozenset(w.stem for w in content), frozenset(w.form for w in found), told, content)


@dataclass(frozen=True, slots=True)
class Near:
    """The place of a source that a claim is nearest to: one sentence or two in a row."""

    sentences: tuple[int, ...]
    stems: frozenset[str]
    recall: float


_CANDIDATES = 4


def nearest(
    content: Sequence[Word],
    said: Sequence[Quantity],
    kin: Mapping[str, tuple[tuple[str, float], ...]],
    sources: Sources,
) -> Near:
    """The one or two sentences that hold most of the claim's words, by weight."""
    points: dict[int, float] = {}
    for word in {w.stem for w in content}:
        for other, counts in kin[word]:
            holding = sources.holding[other]
            if len(holding) <= _MAX_HOLDING:
                gain = counts * sources.weight(other)
                for at in holding:
                    points[at] = points.get(at, 0.0) + gain
    for quantity in said:
        for value in quantity.values:
            for index in sources.by_value.get((quantity.unit, value), ())[:_MAX_HOLDING]:
                at = sources.known[index].sentence
                points[at] = points.get(at, 0.0) + 2.0
    best = sorted(points, key=lambda at: (-points[at], at))[:_CANDIDATES]
    total = sum(sources.weight(w.stem) for w in content) or 1.0
    found = Near((), frozenset(), 0.0)
    reached = -1.0
    for at in best:
        for pair in ((at,), (at, at + 1), (at - 1, at)):
            if pair[0] < 0 or pair[-1] >= len(sources.sentences):
                continue
            if len({sources.sentences[one].passage for one in pair}) > 1:
                continue
            stems = frozenset().union(*(sources.sentences[one].stems for one in pair))
            recall = sum(sources.weight(w.stem) * counts_in(kin[w.stem], stems) for w in content) / total
            if recall - 0.02 * len(pair) > reached:  # a second sentence has to bring something
                reached = recall - 0.02 * len(pair)
                found = Near(pair, stems, recall)
    return found


def counts_in(kin: tuple[tuple[str, float], ...], stems: frozenset[str]) -> float:
    return max((counts for other, counts in kin if other in stems), default=0.0)


def coverage(question: str, sources: Sources) -> float:
    """How much of a question one place of the sources covers, in [0, 1]: whether they can hold an answer at all.

    Covering a question is needed to answer it, and not enough: a passage may speak of the thing and not tell.

    >>> source = Sources([Passage("fees", "Express delivery costs 9.90 euros.")])
    >>> coverage("What does express delivery cost?", source), coverage("Who is the ombudsman?", source)
    (1.0, 0.0)
    """
    return covered(Asked.of(question, sources.language), sources)


def covered(asked: Asked, sources: Sources) -> float:
    """`coverage` of a question that was read already."""
    if not sources.sentences:
        return 0.0
    if not asked.content:
        return 1.0  # nothing was asked that a source could fail to cover
    kin = {word.stem: sources.kin(word.stem) for word in asked.content}
    figures = [quantity for quantity in asked.quantities if quantity.values]
    told = sum(any((figure.unit, value) in sources.by_value for value in figure.values) for figure in figures)
    covers = nearest(asked.content, asked.quantities, kin, sources).recall * len(asked.content)
    return (covers + told) / (len(asked.content) + len(figures))
