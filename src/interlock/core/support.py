"""Whether what is said stands in the sources: a score for each claim, its parts, and findings with their places.

Each sentence of an answer is laid over the one or two sentences of a source that it is nearest to. Words that both have
count for it; a number, date, unit, name, denial or quantifier that the source does not have is found, and counts hard
against it. No model, no network: the same text has the same score everywhere.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from math import log
from typing import Any

from interlock.core.errors import TooLarge
from interlock.core.lexicon import ABSOLUTES, DIMINISHING, NEGATIONS, OPPOSITES, REFUSALS
from interlock.core.quantities import Quantity, dates_agree, period, quantities, rounds_to, unit_mentions, weekday
from interlock.core.words import Clean, Word, clean, language_of, sentences, stem, words

MAX_ANSWER = 1_000_000
"""Characters of an answer; a longer one is refused."""
MAX_SOURCES = 20_000_000
"""Characters of all its sources together."""

FACTOR: Mapping[str, float] = {
    "number": 0.4, "date": 0.4, "unit": 0.5, "name": 0.5, "negation": 0.5, "opposite": 0.5, "hidden": 0.5,
    "count": 0.6, "quantifier": 0.7,
}  # fmt: skip
"""What a finding leaves of the score of its claim. Fixed beforehand, not fitted: a wrong figure makes a sentence wrong however
many of its words are right (0.4 puts it below a sentence of which half the words are missing); a name, unit or denial that only
seems wrong is commoner; a quantifier is a hint (decision 50)."""
TWICE = 2
"""Findings of one kind that count in one claim; the third adds nothing."""

SHARE: Mapping[str, float] = {"words": 0.5, "nearby": 0.25, "runs": 0.25}
"""What the parts of the lexical score weigh: all sources, the nearest passage, pairs of words."""
GIVEN = 0.3
"""The weight of a word that the question had already: repeating it proves little."""
PREFIX = 0.8
"""What a word counts that shares most of its beginning with one of the source."""

_REFUSAL = re.compile("|".join(REFUSALS), re.IGNORECASE)


_OPPOSITE: dict[str, frozenset[str]] = {}
for _pair in OPPOSITES:
    for _one, _other in (_pair, _pair[::-1]):
        _OPPOSITE[stem(_one)] = _OPPOSITE.get(stem(_one), frozenset()) | {stem(_other)}


class Kind(StrEnum):
    """What is wrong with a place in an answer."""

    NUMBER = "number"
    DATE = "date"
    UNIT = "unit"
    NAME = "name"
    NEGATION = "negation"
    OPPOSITE = "opposite"
    QUANTIFIER = "quantifier"
    COUNT = "count"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Doubt:
    """One finding: what was said, where in the answer as written, and against which passage.

    start, end: characters of the answer, counted from 0. passage: id of the nearest passage, "" for none.
    """

    kind: Kind
    start: int
    end: int
    said: str
    passage: str
    why: str

    def row(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"kind": self.kind.value, "start": self.start, "end": self.end, "said": self.said, "passage": self.passage,
                "why": self.why}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of an answer and how well the sources bear it.

    score: in [0, 1]. parts: the lexical score's parts, each in [0, 1]. passages: ids of what it was laid over.
    """

    start: int
    end: int
    score: float
    parts: Mapping[str, float]
    passages: tuple[str, ...]
    doubts: tuple[Doubt, ...]
    unsupported: tuple[tuple[int, int], ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Support:
    """How well sources bear an answer: the mean of its weakest claim and of all of them.

    score: in [0, 1]; 1 for an answer that claims nothing, 0 for one without sources.
    """

    score: float
    claims: tuple[Claim, ...]

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """The findings of all claims, in the order of the text."""
        return tuple(doubt for claim in self.claims for doubt in claim.doubts)


# ── the sources, read once ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Passage:
    """One document that an answer may rest on."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class _Sentence:
    """One sentence of a source: its content stems, which of them it denies, and the periods that it names."""

    passage: int
    stems: frozenset[str]
    denied: frozenset[str]
    denies: bool
    periods: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Known:
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
            raise TooLarge(f"the sources have {size:,} characters", hint=f"score against at most {MAX_SOURCES:,} of them")
        self.passages = tuple(passages)
        cleaned = [clean(passage.text) for passage in passages]
        self.language = language_of([word.form for text in cleaned for word in words(text.text[:4000])])
        self.sentences: list[_Sentence] = []
        self.holding: dict[str, list[int]] = {}
        self.pairs: set[tuple[str, str]] = set()
        self.forms: set[str] = set()
        self.known: list[_Known] = []
        self.by_value: dict[tuple[str, Decimal], list[int]] = {}
        self.units_of: dict[Decimal, set[str]] = {}
        self.once: set[tuple[str, Decimal]] = set()
        self.weekdays: set[int] = set()
        self.periods: set[str] = set()
        self.listed: set[int] = set()
        for at, text in enumerate(cleaned):
            self._read(at, text.text)

    def _read(self, passage: int, text: str) -> None:
        for start, end in sentences(text):
            found = words(text, start, end, self.language)
            told = quantities(text, start, end)
            content = _content(found, told)
            index = len(self.sentences)
            stems = [word.stem for word in content]
            periods = frozenset(name for word in found if (name := period(word.form)))
            self.sentences.append(
                _Sentence(
                    passage, frozenset(stems), _denied(found, self.language), any(w.form in NEGATIONS for w in found), periods
                )
            )
            self.periods |= periods
            for one in dict.fromkeys(stems):
                self.holding.setdefault(one, []).append(index)
            self.forms.update(word.form for word in found)
            self.weekdays.update(day for word in found if (day := weekday(word.form)) is not None)
            self.pairs.update(zip(stems, stems[1:], strict=False))
            for quantity in told:
                self._keep(quantity, index, _around(content, quantity))
        self.once |= unit_mentions(text)
        self.listed |= _list_lengths(text)

    def _keep(self, quantity: Quantity, sentence: int, around: frozenset[str]) -> None:
        at = len(self.known)
        self.known.append(_Known(quantity, sentence, around))
        for value in quantity.values:
            self.by_value.setdefault((quantity.unit, value), []).append(at)
            self.units_of.setdefault(value, set()).add(quantity.unit)

    @cached_property
    def dates(self) -> list[_Known]:
        """The dates of the sources."""
        return [known for known in self.known if known.quantity.when]

    @cached_property
    def date_numbers(self) -> frozenset[Decimal]:
        """The years, months and days of the sources' dates, as numbers."""
        return frozenset(
            Decimal(part) for known in self.dates for when in known.quantity.when[0] for part in when if part is not None
        )

    @cached_property
    def beginnings(self) -> dict[str, list[str]]:
        """The stems of the sources by their first five letters."""
        found: dict[str, list[str]] = {}
        for one in self.holding:
            if len(one) >= _PREFIX_LETTERS:
                found.setdefault(one[:_PREFIX_LETTERS], []).append(one)
        return found

    def weight(self, word: str) -> float:
        """How much a word tells, from 1 to 3: the fewer sentences have it, the more.

        Source: inverse document frequency, Spärck Jones (1972), Journal of Documentation 28(1), 11-21.
        """
        n, df = len(self.sentences), len(self.holding.get(word, ()))
        return 1.0 + 2.0 * log((n + 1) / (df + 1)) / log(n + 1) if n > 1 else 1.0

    def kin(self, word: str) -> tuple[tuple[str, float], ...]:
        """The stems of the sources that a word may stand for, with what each counts: itself, or its nearest."""
        if word in self.holding:
            return ((word, 1.0),)
        found = {}
        if len(word) >= _PREFIX_LETTERS:
            for other in self.beginnings.get(word[:_PREFIX_LETTERS], ())[:_MAX_KIN]:
                shared = next((at for at, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
                if shared >= 0.7 * max(len(word), len(other)):
                    found[other] = PREFIX
        return tuple(found.items())


_PREFIX_LETTERS = 5
_MAX_KIN = 50
_MAX_HOLDING = 2_000
"""Sentences that one word may point to; in longer sources a commoner word does not help to find the place."""
_AROUND = 4


def _content(found: Sequence[Word], told: Sequence[Quantity]) -> list[Word]:
    """The words that carry content and are no part of a quantity, which is compared for itself."""
    inside = {at for quantity in told for at in range(quantity.start, quantity.end)}
    return [word for word in found if not word.function and word.start not in inside]


def _around(content: Sequence[Word], quantity: Quantity) -> frozenset[str]:
    """The content words next to a quantity, four on each side."""
    before = [word.stem for word in content if word.end <= quantity.start][-_AROUND:]
    after = [word.stem for word in content if word.start >= quantity.end][:_AROUND]
    return frozenset(before) | frozenset(after)


_NO_DENIAL = re.compile(r"\s(?:only|just|necessarily|always|merely|simply)\b")
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


def _denied(found: Sequence[Word], language: str) -> frozenset[str]:
    """Content words in the reach of a denial: two within four words after it, in German and French two before it as well."""
    denied: set[str] = set()
    before = 2 if language in ("de", "fr") else 0
    for at, word in enumerate(found):
        if word.form in NEGATIONS:
            reach = [w for w in found[at + 1 : at + 5] if not w.function][:2]
            reach += [w for w in found[max(0, at - before) : at] if not w.function]
            denied.update(w.stem for w in reach)
    return frozenset(denied)


# ── an answer over its sources ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the question said already."""

    stems: frozenset[str]
    forms: frozenset[str]
    quantities: tuple[Quantity, ...]
    content: tuple[Word, ...]

    @classmethod
    def of(cls, question: str, language: str) -> "_Asked":
        text = clean(question[:MAX_ANSWER]).text
        found = words(text, language=language)
        content = tuple(word for word in found if not word.function)
        return cls(frozenset(w.stem for w in content), frozenset(w.form for w in found), tuple(quantities(text)), content)


def score_answer(answer: str, sources: Sources, *, question: str = "") -> Support:
    """Lay every sentence of an answer over its sources.

    Args:
        answer: at most a million characters.
        sources: the passages that it may rest on; with none of them nothing is supported.
        question: what was asked; a short answer is read together with it.
    Raises: TooLarge.

    >>> source = Sources([Passage("fees", "Express delivery costs 9.90 euros and takes 2 working days.")])
    >>> good = score_answer("Express delivery takes 2 working days.", source)
    >>> bad = score_answer("Express delivery takes 3 working days.", source)
    >>> good.score > 0.9, bad.score < 0.4, [(doubt.kind.value, doubt.said) for doubt in bad.doubts]
    (True, True, [('number', '3 working days')])
    """
    if len(answer) > MAX_ANSWER:
        raise TooLarge(f"the answer has {len(answer):,} characters", hint=f"score at most {MAX_ANSWER:,} of them at once")
    text = clean(answer)
    asked = _Asked.of(question, sources.language)
    claims = tuple(
        claim for start, end in sentences(text.text) if (claim := _claim(text, start, end, sources, asked)) is not None
    )
    if not claims:
        return Support(1.0, ())
    total = sum(claim.weight for claim in claims)
    mean = sum(claim.score * claim.weight for claim in claims) / total
    return Support((min(claim.score for claim in claims) + mean) / 2, claims)


def _claim(text: Clean, start: int, end: int, sources: Sources, asked: _Asked) -> Claim | None:
    """One sentence; None where it claims nothing: no word in it, or it only says that the sources do not tell."""
    found = words(text.text, start, end, sources.language)
    if not found or _REFUSAL.search(text.text, start, end):
        return None
    said = quantities(text.text, start, end)
    content = _content(found, said)
    bare = not content and not said
    if bare:  # `yes` and `no` say what the question says
        content = list(asked.content)
    if not sources.sentences:
        return Claim(*text.span(start, end), 0.0, dict.fromkeys(SHARE, 0.0), (), (), (), 1.0)
    kin = {word.stem: sources.kin(word.stem) for word in content}
    near = _nearest(content, said, kin, sources)
    novel = any(word.stem not in asked.stems for word in content) or bool(said)
    given = GIVEN if novel else 1.0
    weights = {w.stem: sources.weight(w.stem) * (given if w.stem in asked.stems else 1.0) for w in content}
    parts = _parts(content, kin, weights, near, sources)
    ids = tuple(dict.fromkeys(sources.passages[sources.sentences[at].passage].id for at in near.sentences))
    doubts: list[Doubt] = []
    if not bare:
        look = _Look(text, found, content, said, kin, near, sources, asked, ids[0] if ids else "", parts)
        doubts = sorted(look.doubts(), key=lambda doubt: (doubt.start, doubt.kind))
    score = sum(SHARE[name] * value for name, value in parts.items())
    counted: dict[Kind, int] = {}
    for doubt in doubts:
        counted[doubt.kind] = counted.get(doubt.kind, 0) + 1
        if counted[doubt.kind] <= TWICE:
            score *= FACTOR[doubt.kind]
    missing = () if bare else tuple(text.span(w.start, w.end) for w in content if not kin[w.stem])
    return Claim(
        *text.span(start, end), score, parts, ids, tuple(doubts), missing, float(max(1, len(content) + len(said)))
    )


@dataclass(frozen=True, slots=True)
class _Near:
    """The place of a source that a claim is nearest to: one sentence or two in a row."""

    sentences: tuple[int, ...]
    stems: frozenset[str]
    recall: float


_CANDIDATES = 4


def _nearest(
    content: Sequence[Word], said: Sequence[Quantity], kin: Mapping[str, tuple[tuple[str, float], ...]], sources: Sources
) -> _Near:
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
    found = _Near((), frozenset(), 0.0)
    reached = -1.0
    for at in best:
        for pair in ((at,), (at, at + 1), (at - 1, at)):
            if pair[0] < 0 or pair[-1] >= len(sources.sentences):
                continue
            if len({sources.sentences[one].passage for one in pair}) > 1:
                continue
            stems = frozenset().union(*(sources.sentences[one].stems for one in pair))
            recall = sum(sources.weight(w.stem) * _counts(kin[w.stem], stems) for w in content) / total
            if recall - 0.02 * len(pair) > reached:  # a second sentence has to bring something
                reached = recall - 0.02 * len(pair)
                found = _Near(pair, stems, recall)
    return found


def _counts(kin: tuple[tuple[str, float], ...], stems: frozenset[str]) -> float:
    return max((counts for other, counts in kin if other in stems), default=0.0)


def _parts(
    content: Sequence[Word], kin: Mapping[str, tuple[tuple[str, float], ...]], weights: Mapping[str, float], near: _Near,
    sources: Sources,
) -> dict[str, float]:  # fmt: skip
    """The lexical score: words found anywhere, words found nearby, pairs of neighbours found in a row."""
    if not content:  # only numbers, which are checked for themselves
        return dict.fromkeys(SHARE, 1.0)
    total = sum(weights[w.stem] for w in content)
    everywhere = sum(weights[w.stem] * max((c for _, c in kin[w.stem]), default=0.0) for w in content) / total
    nearby = sum(weights[w.stem] * _counts(kin[w.stem], near.stems) for w in content) / total
    pairs = list(zip([w.stem for w in content], [w.stem for w in content[1:]], strict=False))
    runs = sum(pair in sources.pairs for pair in pairs) / len(pairs) if pairs else nearby
    return {"words": everywhere, "nearby": nearby, "runs": runs}


@dataclass(frozen=True, slots=True)
class _Look:
    """One claim over its place, to be searched for what the sources do not say."""

    text: Clean
    found: Sequence[Word]
    content: Sequence[Word]
    said: Sequence[Quantity]
    kin: Mapping[str, tuple[tuple[str, float], ...]]
    near: _Near
    sources: Sources
    asked: _Asked
    passage: str
    parts: Mapping[str, float]

    def doubts(self) -> Iterator[Doubt]:
        """Every finding."""
        yield from self._hidden()
        for quantity in self.said:
            yield from self._quantity(quantity)
        yield from self._periods()
        yield from self._names()
        yield from self._denials()
        yield from self._opposites()
        yield from self._quantifiers()

    def _doubt(self, kind: Kind, start: int, end: int, why: str) -> Doubt:
        return Doubt(kind, *self.text.span(start, end), self.text.text[start:end], self.passage, why)

    def _hidden(self) -> Iterator[Doubt]:
        begin, end = self.text.span(self.found[0].start, self.found[-1].end)
        for a, b in self.text.unseen:
            if begin <= a < end:
                yield Doubt(Kind.HIDDEN, a, b, "", self.passage, "a character that hides or reorders what is read")

    # ── quantities

    def _quantity(self, said: Quantity) -> Iterator[Doubt]:
        sources = self.sources
        if said.when:
            known = any(dates_agree(said, other.quantity) for other in sources.dates)
            if not known and not any(dates_agree(said, other) for other in self.asked.quantities if other.when):
                yield self._doubt(Kind.DATE, said.start, said.end, "no source names this date")
            return
        if any((said.unit, value) in sources.by_value for value in said.values):
            yield from self._misplaced(said)
            return
        if any(value in other.values and said.unit == other.unit for other in self.asked.quantities for value in said.values):
            return
        if self._as_number(said) or any((said.unit, value) in sources.once for value in said.values):
            return
        if any(rounds_to(said, known.quantity) for known in sources.known):
            return
        if said.unit == "clock":
            yield self._doubt(Kind.DATE, said.start, said.end, "no source names this time")
        elif said.unit and any(self._plain(said) & known.quantity.values or self._same_figure(said, known.quantity)
                               for known in sources.known if known.quantity.unit):  # fmt: skip
            yield self._doubt(Kind.UNIT, said.start, said.end, "the source has this figure in another unit")
        elif said.spelled and not said.unit and max(said.values) <= 12:
            if not any(int(value) in sources.listed for value in said.values):
                yield self._doubt(Kind.COUNT, said.start, said.end, "no source names this count")
        elif said.values != {Decimal(1)} or said.unit:
            yield self._doubt(Kind.NUMBER, said.start, said.end, "no source names this figure")

    def _as_number(self, said: Quantity) -> bool:
        """Whether the figure stands in a source or the question without a unit, or the claim names none."""
        sources = self.sources
        if not said.unit:
            asked = any(value in other.values for other in self.asked.quantities for value in said.values)
            return asked or any(value in sources.units_of or value in sources.date_numbers for value in said.values)
        return said.unit != "clock" and any("" in sources.units_of.get(value, ()) for value in self._plain(said))

    def _plain(self, said: Quantity) -> frozenset[Decimal]:
        """The figure as it was written, without the size of its unit."""
        digits = quantities(re.sub(r"[^\d.,'’ ]+", " ", self.text.text[said.start : said.end]))
        return frozenset(value for quantity in digits for value in quantity.values) or said.values

    def _same_figure(self, said: Quantity, known: Quantity) -> bool:
        return known.unit != said.unit and bool(said.values & known.values)

    def _misplaced(self, said: Quantity) -> Iterator[Doubt]:
        """A figure that the source has, next to none of the words that stand around it here, where another one has them."""
        around = _around(self.content, said)
        own = {index for value in said.values for index in self.sources.by_value.get((said.unit, value), ())}
        if len(around) < 2 or any(self.sources.known[index].around & around for index in own):
            return
        homes = {self.sources.known[index].sentence for index in own}
        apart = any(self.sources.sentences[at].stems & around for at in homes)
        for index, known in enumerate(self.sources.known):
            if index in own or known.quantity.unit != said.unit or len(known.around & around) < max(2, len(around) // 2):
                continue
            if known.sentence in homes or not apart:
                yield self._doubt(Kind.NUMBER, said.start, said.end, "the source says this figure of something else")
                return

    def _periods(self) -> Iterator[Doubt]:
        inside = [(quantity.start, quantity.end) for quantity in self.said]
        nearby = frozenset().union(*(self.sources.sentences[at].periods for at in self.near.sentences), frozenset())
        for word in self.found:
            name = period(word.form)
            day = weekday(word.form)
            if day is not None and day not in self.sources.weekdays and word.form not in self.asked.forms:
                yield self._doubt(Kind.DATE, word.start, word.end, "no source names this day")
            if name in ("", "second") or word.form in self.asked.forms or any(a <= word.start < b for a, b in inside):
                continue
            if name not in self.sources.periods or (nearby and name not in nearby and self.near.recall >= 0.5):
                yield self._doubt(Kind.UNIT, word.start, word.end, "the source speaks of another period")

    # ── names

    def _names(self) -> Iterator[Doubt]:
        text, inside = self.text.text, [(quantity.start, quantity.end) for quantity in self.said]
        capitals = sum(text[word.start].isupper() for word in self.content)
        heading = len(self.content) > 3 and capitals > 0.7 * len(self.content)
        for word in self.content:
            written = text[word.start : word.end]
            if any(a <= word.start < b for a, b in inside) or self.kin[word.stem] or word.stem in self.asked.stems:
                continue
            odd = any(char.isupper() or char.isdigit() for char in written[1:])
            if not (written[0].isupper() or odd) or (self.sources.language == "de" and not odd):
                continue  # every German noun has a capital
            if (odd or not self._starts(word)) and not heading:
                yield self._doubt(Kind.NAME, word.start, word.end, "no source names it")

    def _starts(self, word: Word) -> bool:
        """Whether a word has its capital only for its place: first in the sentence, the line, an item or a heading."""
        text, begin = self.text.text, self.found[0].start
        before = text[max(0, word.start - 4) : word.start].rstrip(" \"'“„«([")
        if word.start == begin or (before and before[-1] in ":*-–•#|/.)!?") or text[begin : word.start].strip(" .)").isdigit():
            return True
        stop = min((at for mark in ":*" if (at := text.find(mark, word.end, word.end + 60)) >= 0), default=-1)
        ahead = [other for other in self.content if other.start < stop]
        return stop >= 0 and len(ahead) < 8 and all(text[other.start].isupper() for other in ahead)

    # ── denial and quantity

    def _denials(self) -> Iterator[Doubt]:
        if self.near.recall < 0.4:
            return
        places = [self.sources.sentences[at] for at in self.near.sentences]
        denied = frozenset().union(*(place.denied for place in places))
        denies = any(place.denies for place in places)
        cues = [word for word in self.found if self._denies(word)]
        for at, word in enumerate(self.found):
            if word not in cues:
                continue
            reach = _denied(self.found[at : at + 5], self.sources.language)
            kin = {other for one in reach for other, _ in self.kin.get(one, ())} | reach
            if not denies or (kin & self.near.stems and not kin & denied):
                yield self._doubt(Kind.NEGATION, word.start, word.end, "the source does not deny it")
                return
        if not cues and self.near.recall >= 0.6 and not any(word.form in NEGATIONS for word in self.found):
            for word in self.content:
                if word.stem in denied and not any(
                    word.stem in place.stems and word.stem not in place.denied for place in places
                ):
                    yield self._doubt(Kind.NEGATION, word.start, word.end, "the source denies it")
                    return

    def _denies(self, word: Word) -> bool:
        """Whether a word denies; `No, …` answers, and `not only` or `whether or not` denies nothing."""
        if word.form not in NEGATIONS or word.form in self.asked.forms:
            return False
        after = self.text.text[word.end : word.end + 14].casefold()
        if word.form == "no" and (after[:1] in (",", ".", ";", ":", "!") or word.start == self.found[0].start and not after.strip()):
            return False
        return not (word.form == "not" and _NO_DENIAL.match(after)) and not self.text.text[: word.start].casefold().endswith("whether or ")

    def _opposites(self) -> Iterator[Doubt]:
        if self.near.recall < 0.3:
            return
        for word in self.content:
            against = _OPPOSITE.get(word.stem, frozenset()) & self.near.stems
            if against and word.stem not in self.sources.holding and word.stem not in self.asked.stems:
                said = {w.stem for w in self.content}
                if not against & said:
                    yield self._doubt(Kind.OPPOSITE, word.start, word.end, "the source says the opposite")

    def _quantifiers(self) -> Iterator[Doubt]:
        for word in self.found:
            if word.form in NEGATIONS or word.form in self.asked.forms or word.form in self.sources.forms:
                continue
            if word.stem in self.sources.holding:
                continue
            if word.form in ABSOLUTES:
                yield self._doubt(Kind.QUANTIFIER, word.start, word.end, "the source makes no such general statement")
            elif word.form in DIMINISHING and self.near.recall >= 0.3:
                yield self._doubt(Kind.QUANTIFIER, word.start, word.end, "the source does not limit it so")
        for quantity in self.said:
            if quantity.bound in ("<=", ">="):
                bounds = {
                    self.sources.known[index].quantity.bound
                    for value in quantity.values
                    for index in self.sources.by_value.get((quantity.unit, value), ())
                }
                against = {"<=": ">=", ">=": "<="}[quantity.bound]
                if bounds == {against}:
                    yield self._doubt(Kind.QUANTIFIER, quantity.start, quantity.end, "the source bounds it from the other side")
