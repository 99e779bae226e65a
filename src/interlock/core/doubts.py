"""What a claim says that its sources do not: numbers, dates, units, names, denials, opposites, quantifiers."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from interlock.core.lexicon import ABSOLUTES, DIMINISHING, NEGATIONS, OPPOSITES
from interlock.core.quantities import Quantity, dates_agree
from interlock.core.sources import Asked, Near, Sources, around_of, denied_in
from interlock.core.units import period, weekday
from interlock.core.words import Clean, Word, stem

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
    CONTRADICTED = "contradicted"  # by the word of a model, where one is asked
    NOT_STATED = "not_stated"
    WORD = "word"  # no source has it; what that costs is in the lexical score already


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


_MOST = 2_000
"""Figures of one unit that are looked at for one claim."""
_SHOWN = 20
"""Hidden characters of one claim that are told one by one."""
_NO_DENIAL = re.compile(r"\s(?:only|just|necessarily|always|merely|simply)\b")


@dataclass(frozen=True, slots=True)
class Look:
    """One claim over its place, to be searched for what the sources do not say."""

    text: Clean
    found: Sequence[Word]
    content: Sequence[Word]
    said: Sequence[Quantity]
    kin: Mapping[str, tuple[tuple[str, float], ...]]
    near: Near
    sources: Sources
    asked: Asked
    passage: str

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
        spans = self.text.unseen
        for a, b in spans[bisect_left(spans, (begin, 0)) : bisect_left(spans, (end, 0))][:_SHOWN]:
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
        if any(
            value in other.values and said.unit == other.unit
            for other in self.asked.quantities
            for value in said.values
        ):
            return
        if self._as_number(said) or any((said.unit, value) in sources.once for value in said.values):
            return
        if sources.rounds(said):
            return
        if said.unit == "clock":
            yield self._doubt(Kind.DATE, said.start, said.end, "no source names this time")
        elif said.unit and said.figures & sources.measured:
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
        if said.unit == "clock" or not any("" in sources.units_of.get(figure, ()) for figure in said.figures):
            return False
        around = {word[1:] for word in around_of(self.content, said)}
        bare = (index for figure in said.figures for index in sources.by_value.get(("", figure), ()))
        return any(around & {word[1:] for word in sources.known[index].around} for index in bare)

    def _misplaced(self, said: Quantity) -> Iterator[Doubt]:
        """A figure that the source has, next to none of the words that stand around it here, where another one has them."""
        around = around_of(self.content, said)
        own = {index for value in said.values for index in self.sources.by_value.get((said.unit, value), ())}
        if len(around) < 2 or any(self.sources.known[index].around & around for index in own):
            return
        homes = {self.sources.known[index].sentence for index in own}
        apart = any(self.sources.sentences[at].stems & {word[1:] for word in around} for at in homes)
        for index in self.sources.by_unit.get(said.unit, ())[:_MOST]:
            known = self.sources.known[index]
            if index in own or len(known.around & around) < max(2, len(around) // 2):
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
        if (
            word.start == begin
            or (before and before[-1] in ":*-–•#|/.)!?")
            or text[begin : word.start].strip(" .)").isdigit()
        ):
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
            reach = denied_in(self.found[at : at + 5], self.sources.language)
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
        if word.form == "no" and (
            after[:1] in (",", ".", ";", ":", "!") or (word.start == self.found[0].start and not after.strip())
        ):
            return False
        before = self.text.text[max(0, word.start - 11) : word.start].casefold()
        return not (word.form == "not" and _NO_DENIAL.match(after)) and before != "whether or "

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
                    yield self._doubt(
                        Kind.QUANTIFIER, quantity.start, quantity.end, "the source bounds it from the other side"
                    )
