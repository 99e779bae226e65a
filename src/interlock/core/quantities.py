"""Numbers, amounts, units, dates and times in a text, so that two of them can be compared: 1.000,50 € and EUR 1,000.50.

A number that two countries read differently keeps both readings, and matches either.
"""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from interlock.core.lexicon import ABOUT, AT_LEAST, AT_MOST
from interlock.core.units import CURRENCIES, MONTHS, SCALES, SHORT_SCALES, SPELLED, UNITS

MAX_DIGITS = 40
"""Digits of a number; a longer run of digits is compared as text."""


class Quantity(NamedTuple):
    """A number with its unit, or a date or a time of day.

    values: the readings of the number in its base unit. unit: `` (none), `%`, a currency, `s`, `month`, `byte`, … kind: number |
    amount | date. bound: `>=`, `<=`, `~` or nothing. spelled: written as a word. start, end: span in the clean text.
    """

    values: frozenset[Decimal]
    unit: str
    kind: str
    start: int
    end: int
    bound: str = ""
    spelled: bool = False
    when: "tuple[frozenset[tuple[int | None, int | None, int | None]], ...]" = ()
    digits: int = 0  # significant digits, for rounding
    figures: frozenset[Decimal] = frozenset()  # the number as written, without the size of its unit


_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_LONG_MONTH = "|".join(
    sorted((m for m in MONTHS if len(m) > 3 and m not in {"mars", "march", "sept", "juin"}), key=len, reverse=True)
)
_ORDINAL = r"(?:st|nd|rd|th|er|\.|º|ª)?"
_YEAR = r"(?P<{0}>[12]\d{{3}})"
_DATE = re.compile(
    rf"(?<![\w.])(?:(?P<iso>\d{{4}}-\d{{1,2}}-\d{{1,2}})(?!\d)"
    rf"|(?P<numeric>\d{{1,2}}(?P<sep>[./-])\d{{1,2}}(?P=sep)(?:\d{{4}}|\d{{2}}))(?![\d])"
    rf"|(?P<cjk>(?:\d{{4}}\s?[年년]\s?)?\d{{1,2}}\s?[月월]\s?(?:\d{{1,2}}\s?[日일])?)"
    rf"|(?P<d1>\d{{1,2}}){_ORDINAL}\s+(?:of\s+|de\s+)?(?P<m1>{_MONTH})\b\.?(?:,?\s+(?:de\s+|del\s+)?{_YEAR.format('y1')}\b)?"
    rf"|(?P<m2>{_MONTH})\b\.?\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b(?![.:]\d)(?:,?\s+{_YEAR.format('y2')}\b)?"
    rf"|(?P<m3>{_MONTH})\b\.?,?\s+(?:of\s+|de\s+)?{_YEAR.format('y3')}\b"
    rf"|(?P<m4>{_LONG_MONTH})\b)",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"(?<![\w.:])(?:(?P<h1>\d{1,2})(?:[:.](?P<m1>[0-5]\d))?\s?(?P<half>[ap])\.?m\b\.?|(?P<h2>[01]?\d|2[0-4]):(?P<m2>[0-5]\d)(?!\d)(?::[0-5]\d)?"
    r"|(?P<h3>[01]?\d|2[0-4])\s?(?:Uhr\b|h\s?(?P<m3>[0-5]\d)(?!\d)))",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"(?P<before>(?:US|A|C|HK)?[$€£¥₹₩₽]|\b(?:USD|EUR|GBP|CHF|JPY)(?=\s?\d))?\s?(?P<sign>(?<![\w\d)])[-−])?"
    r"(?P<digits>\d+(?:[.,'’](?=\d)\d+|[ \u202f]\d{3}(?!\d))*)(?:st|nd|rd|th)?(?!\d)",
)
_AFTER = re.compile(r"(?P<gap>\s?-?\s?)(?P<word>%|°[CcFf]|[$€£¥円元]|[^\W\d_]+(?:/s)?)?", re.UNICODE)
_ADJECTIVES = frozenset(  # between a number and its unit
    "working business calendar full consecutive more additional extra other further whole straight bank werk volle ganze".split()  # noqa: SIM905
)
_A_UNIT = re.compile(
    r"(?:\b(?:one|a|an|per|each|every|single|ein|eine|einen|einem|einer|pro|je|un|une|par|chaque|una|por|cada)\s+|/\s?)([^\W\d_]+)",
    re.IGNORECASE,
)


_ONE = frozenset({Decimal(1)})


def quantities(text: str, start: int = 0, end: int | None = None) -> list[Quantity]:
    """Every quantity in a span of a clean text, in its order; the marks of a list are none.

    >>> [(q.unit, [float(value) for value in q.values], q.kind) for q in quantities("1.000,50 € in 2 weeks, on 3 May 2024")]
    [('eur', [1000.5], 'amount'), ('s', [1209600.0], 'amount'), ('', [], 'date')]
    """
    stop = len(text) if end is None else end
    found: list[Quantity] = []
    taken: list[tuple[int, int]] = []
    for match in _DATE.finditer(text, start, stop):
        if (date := _date(text, match)) is not None:
            found.append(date)
            taken.append(match.span())
    for match in _CLOCK.finditer(text, start, stop):
        if not _overlaps(match.span(), taken):
            found.append(_clock(match))
            taken.append(match.span())
    taken.sort()
    found += _numbers(text, start, stop, taken)
    found += _words(text, start, stop, taken)
    found.sort(key=lambda q: q.start)
    return found


def unit_mentions(text: str) -> frozenset[tuple[str, Decimal]]:
    """The units that a clean text names once: `a month`, `per day`, `one year`; each counts as one of it."""
    found = set()
    for match in _A_UNIT.finditer(text):
        unit = UNITS.get(match[1].casefold())
        if unit is not None:
            found.add(unit)
    return frozenset(found)


def _overlaps(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    return any(a < span[1] and span[0] < b for a, b in taken[-8:]) or any(a < span[1] and span[0] < b for a, b in taken)


def _date(text: str, match: re.Match[str]) -> Quantity | None:
    whens: list[tuple[int | None, int | None, int | None]] = []
    if match["iso"]:
        year, month, day = (int(part) for part in match["iso"].split("-"))
        whens.append((year, month, day))
    elif match["numeric"]:
        first, second, year = (int(part) for part in match["numeric"].split(match["sep"]))
        year += 0 if year > 99 else 2000 if year < 70 else 1900
        whens += [(year, b, a) for a, b in ((first, second), (second, first)) if 1 <= b <= 12 and 1 <= a <= 31]
    elif match["cjk"]:
        parts = [int(part) for part in re.findall(r"\d+", match["cjk"])]
        has_year = bool(re.search("[年년]", match["cjk"]))
        year_, rest = (parts[0], parts[1:]) if has_year else (None, parts)
        whens.append((year_, rest[0] if rest else None, rest[1] if len(rest) > 1 else None))
    elif match["m1"]:
        whens.append((_int(match["y1"]), MONTHS[match["m1"].casefold()], int(match["d1"])))
    elif match["m2"]:
        whens.append((_int(match["y2"]), MONTHS[match["m2"].casefold()], int(match["d2"])))
    elif match["m3"]:
        whens.append((int(match["y3"]), MONTHS[match["m3"].casefold()], None))
    elif match["m4"]:
        name = match["m4"]
        if name[0].islower() and name.casefold() not in {
            "enero",
            "febrero",
            "abril",
            "agosto",
            "janvier",
            "février",
            "avril",
            "juillet",
            "août",
        }:
            return None
        whens.append((None, MONTHS[name.casefold()], None))
    whens = [w for w in whens if (w[1] is None or 1 <= w[1] <= 12) and (w[2] is None or 1 <= w[2] <= 31)]
    if not whens:
        return None
    word = next((match[key] for key in ("m1", "m2", "m3") if match[key]), "")
    if word in ("may", "march", "mar", "ago"):  # a verb, a noun, or «three days ago»
        return None
    return Quantity(frozenset(), "", "date", match.start(), match.end(), when=(frozenset(whens),))


def _int(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _clock(match: re.Match[str]) -> Quantity:
    hour = int(match["h1"] or match["h2"] or match["h3"])
    minute = int(match["m1"] or match["m2"] or match["m3"] or 0)
    if match["half"]:
        hours = {hour % 12 + (12 if match["half"].lower() == "p" else 0)}
    else:
        hours = {hour % 24, (hour + 12) % 24} if hour <= 12 else {hour % 24}
    return Quantity(frozenset(Decimal(60 * h + minute) for h in hours), "clock", "date", match.start(), match.end())


def _numbers(text: str, start: int, stop: int, taken: list[tuple[int, int]]) -> Iterator[Quantity]:
    at = 0
    for match in _NUMBER.finditer(text, start, stop):
        begin, end = match.start("digits"), match.end()
        while at < len(taken) and taken[at][1] <= begin:
            at += 1
        if at < len(taken) and taken[at][0] < end and begin < taken[at][1]:
            continue
        before = text[begin - 1] if begin else " "
        if _letter(before) or before == "_" or (_letter(text[end : end + 1]) and not _has_unit(text, end)):
            continue  # part of a name or a code, which is compared as a word
        if _list_mark(text, begin, end, start) or text.startswith(
            "24/7", max(0, end - 4) if text[begin:end] == "7" else begin
        ):
            continue
        readings = _readings(match["digits"])
        if not readings:
            continue
        yield _with_unit(text, match, readings, begin, end, spelled=False)


def _letter(char: str) -> bool:
    """Whether a letter would join a digit to one word; those of scripts without spaces do not."""
    return char.isalpha() and char < "\u2e80" and not "\u0e00" <= char <= "\u17ff"


def _has_unit(text: str, at: int) -> bool:
    word = re.match(r"[^\W\d_]+", text[at : at + 24])
    if word is None:
        return True
    form = word[0].casefold()
    return (
        form in UNITS
        or form in SHORT_SCALES
        or form in CURRENCIES
        or form in SCALES
        or form in {"x", "st", "nd", "rd", "th"}
    )


def _list_mark(text: str, begin: int, end: int, start: int) -> bool:
    line = max(start, text.rfind("\n", start, begin) + 1)
    return (
        not text[line:begin].strip("([*# \t")
        and text[end : end + 1] in (".", ")")
        and text[end + 1 : end + 2] in (" ", "\t", "")
    )


def _readings(digits: str) -> frozenset[Decimal]:
    if sum(char.isdigit() for char in digits) > MAX_DIGITS:
        return frozenset()
    plain = "".join(str(int(char)) if char.isdigit() else char for char in digits)
    plain = re.sub(r"['’ \u202f]", "", plain)
    dots, commas = plain.count("."), plain.count(",")
    try:
        if dots and commas:
            decimal = max(plain.rfind("."), plain.rfind(","))
            if plain.count(plain[decimal]) > 1:
                return frozenset({Decimal(re.sub(r"[.,]", "", plain))})
            return frozenset({Decimal(re.sub(r"[.,]", "", plain[:decimal]) + "." + plain[decimal + 1 :])})
        mark = "." if dots else "," if commas else ""
        if not mark:
            return frozenset({Decimal(plain)})
        parts = plain.split(mark)
        grouped = len(parts[0]) <= 3 and parts[0] != "0" and all(len(part) == 3 for part in parts[1:])
        if len(parts) > 2:
            return frozenset({Decimal("".join(parts))}) if grouped else frozenset()  # 1.2.3 is a version, not a number
        found = {Decimal(".".join(parts))}
        return frozenset(found | {Decimal("".join(parts))} if grouped else found)
    except InvalidOperation:
        return frozenset()


def _words(text: str, start: int, stop: int, taken: list[tuple[int, int]]) -> Iterator[Quantity]:
    """Numbers written as words: `five`, `twenty-five`, `two hundred thousand`."""
    total, current, begin, last = 0, 0, -1, -1
    for match in _LETTERS.finditer(text, start, stop):
        form = match[0].casefold()
        joined = begin >= 0 and text[last : match.start()] in (" ", "-", " and ", "-and-")
        if begin >= 0 and not (joined and (form in SPELLED or form in SCALES)):
            yield _spelled(text, total + current, begin, last)
            begin = -1
        if form == "and" and begin >= 0:
            continue
        if form in SPELLED and form != "one":
            if begin < 0:
                total, current, begin = 0, 0, match.start()
            elif current % 10 or (SPELLED[form] >= 10 and current % 100):
                yield _spelled(text, total + current, begin, last)
                total, current, begin = 0, 0, match.start()
            current += SPELLED[form]
            last = match.end()
        elif begin >= 0 and form in SCALES:
            scale = SCALES[form]
            if scale == 100:
                current = max(1, current) * 100
            else:
                total, current = total + max(1, current) * scale, 0
            last = match.end()
        elif form == "one" and (unit := UNITS.get(_next_word(text, match.end()))) is not None:
            yield Quantity(
                frozenset({unit[1]}), unit[0], "amount", match.start(), match.end(), spelled=True, figures=_ONE
            )
    if begin >= 0:
        yield _spelled(text, total + current, begin, last)


_LETTERS = re.compile(r"[^\W\d_]+")


def _next_word(text: str, at: int) -> str:
    match = _LETTERS.match(text, at + 1)
    return match[0].casefold() if match else ""


def _spelled(text: str, value: int, begin: int, end: int) -> Quantity:
    return _finish(text, frozenset({Decimal(value)}), begin, end, "", spelled=True)


def _with_unit(
    text: str, match: re.Match[str], readings: frozenset[Decimal], begin: int, end: int, *, spelled: bool
) -> Quantity:
    before = (match["before"] or "").casefold()
    currency = CURRENCIES.get(before) or (CURRENCIES.get(before[-1:], "") if before else "")
    first = match.start("before") if currency else begin
    if match["sign"]:
        readings = frozenset(-value for value in readings)
    return _finish(text, readings, first, end, currency, spelled=spelled)


def _finish(text: str, readings: frozenset[Decimal], begin: int, end: int, unit: str, *, spelled: bool) -> Quantity:
    factor = Decimal(1)
    after = _AFTER.match(text, end)
    cursor, hops = end, 0
    while after is not None and after["word"] and hops < 3:
        word = after["word"].casefold()
        glued = not after["gap"]
        if word in SCALES or (glued and word in SHORT_SCALES and (unit or word == "k")):
            factor *= SCALES.get(word) or SHORT_SCALES[word]
            cursor = after.end()
        elif word in CURRENCIES and not unit:
            unit, cursor = CURRENCIES[word], after.end()
            break
        elif word in UNITS and not unit and not (word in {"m", "an", "g", "h"} and not glued and word != "h"):
            (unit, size), cursor = UNITS[word], after.end()
            factor *= size
            break
        elif word in ("per", "pour", "por") and _next_word(text, after.end()) in ("cent", "ciento") and not unit:
            unit, cursor = "%", after.end() + 5
            break
        elif word not in _ADJECTIVES:
            break
        hops += 1
        after = _AFTER.match(text, after.end())
    values = frozenset((value * factor).normalize() for value in readings)
    digits = max((len(str(abs(value)).replace(".", "").strip("0")) for value in readings), default=0)
    kind = "amount" if unit else "number"
    stop = max(end, cursor) if unit else end
    return Quantity(
        values, unit, kind, begin, stop, _bound(text, begin), spelled, digits=digits, figures=_normal(readings)
    )


def _normal(values: frozenset[Decimal]) -> frozenset[Decimal]:
    return frozenset(value.normalize() for value in values)


_BOUNDS: dict[tuple[str, ...], str] = {
    tuple(phrase.split()): mark
    for phrases, mark in ((ABOUT, "~"), (AT_LEAST, ">="), (AT_MOST, "<="), (("no less than",), ">="))
    for phrase in phrases
}
_BEFORE = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?\.?|~")


def _bound(text: str, begin: int) -> str:
    """The bound that stands before a figure, with at most one word between: `up to`, `at least some`."""
    before = [word.casefold() for word in _BEFORE.findall(text[max(0, begin - 32) : begin])[-4:]]
    for end in (len(before), len(before) - 1):
        for length in (3, 2, 1):
            if 0 < length <= end and (mark := _BOUNDS.get(tuple(before[end - length : end]))):
                return mark
    return ""


def dates_agree(said: Quantity, known: Quantity) -> bool:
    """Whether a date is told by another: every part that it names is the same there.

    >>> told = quantities("31 August 2022")[0]
    >>> dates_agree(quantities("August 2022")[0], told), dates_agree(quantities("30 August")[0], told)
    (True, False)
    """
    return any(
        all(mine is None or mine == theirs for mine, theirs in zip(one, other, strict=True))
        for one in said.when[0]
        for other in known.when[0]
    )


def rounds_to(said: Quantity, known: Quantity) -> bool:
    """Whether a number is another one with fewer digits: 2.3 million and 2,345,678.

    Two significant digits have to be left, or the number has to be called approximate and lie within a tenth.
    """
    if said.unit != known.unit:
        return False
    for mine in said.values:
        for theirs in known.values:
            if theirs == 0 or mine == 0 or (mine < 0) != (theirs < 0):
                continue
            gap = abs(mine - theirs)
            off = gap / abs(theirs)
            if 2 <= said.digits < known.digits and gap <= Decimal(5).scaleb(
                int(mine.normalize().as_tuple().exponent) - 1
            ):
                return True
            if said.bound == "~" and off <= Decimal("0.1"):
                return True
            if said.bound == ">=" and 0 <= (theirs - mine) / abs(theirs) <= Decimal("0.1"):
                return True
            if said.bound == "<=" and 0 <= (mine - theirs) / abs(theirs) <= Decimal("0.1"):
                return True
    return False
