"""Words and sentences of any script, with their places: what evidence scoring counts.

Text is compared in Unicode NFKC without case, and what a reader cannot see is left out; every place leads back to
the text as it was written. Scripts without spaces are read as pairs of characters.
"""

import re
import unicodedata
from array import array
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from interlock.core.lexicon import ELIDED, FUNCTION_WORDS, LANGUAGES

MAX_SENTENCE = 1_000
"""Characters of a sentence; a longer one is read in pieces, so that the time grows with the text and never faster."""

_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0900-\u0963\u0966-\u096f\u0971-\u0df3\u1ab0-\u1aff"
    "\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_SPACELESS = (
    "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
)
_WORD = re.compile(rf"(?P<run>[{_SPACELESS}]+)|(?P<word>(?:(?![{_SPACELESS}_])[\w{_MARKS}])+(?:['’](?=\w))?)")
_REORDERS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_UNSEEN = re.compile("[\u200b\u2060\ufeff\u00ad\u180e\u2061-\u2064\U000e0000-\U000e007f]")
_END = re.compile(
    r"[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？｡।॥؟۔]+[」』”’）]*"  # an end, and what closes after it
    r"|(?<=[a-zà-ÿ0-9)\"”])[.!?](?=[A-ZÀ-Þ][a-zà-ÿ])"  # joined without a space, as crawled text often is
    r"|(?<![ \t])[ \t]*\n\s*|;\s"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"“])(?:[A-Za-z]|(?:[A-Za-z]\.)+[A-Za-z]|[Mm]rs?|[Mm]s|[Dd]r|[Pp]rof|[Ss]t|[Jj]r|[Ss]r|[Nn]o|[Nn]r|[Vv]s|"
    r"[Ii]nc|[Ll]td|[Cc]o|[Cc]orp|[Ee]tc|[Aa]pprox|[Cc]a|[Bb]zw|[Ss]og|[Ss]tr|[Uu]sw|[Ff]ig|[Vv]ol|[Aa]rt|[Ss]ra?|[Mm]me|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Okt|Nov|Dec|Dez|Gen|Gov|Sen|Rep|Rev|Col|Capt|Lt|Sgt|Mt|Ave|Blvd)\.$"
)
_DAY_BEFORE_MONTH = re.compile(r"(?:^|\s)\d{1,2}\.$")


class Clean(NamedTuple):
    """A text in NFKC without unseen characters; `at` leads from its offsets to those of the text as written."""

    text: str
    at: "array[int] | None"  # None where both are the same
    written: int  # characters of the text as written
    unseen: tuple[tuple[int, int], ...]  # spans, as written, that reorder what is read or hide inside a word

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a span of the clean text was written."""
        if self.at is None:
            return start, end
        first = self.at[start] if start < len(self.at) else self.written
        while 0 < end < len(self.at) and self.at[end] == self.at[end - 1]:
            end += 1  # one written character may be several in NFKC, such as ¾
        return first, self.at[end] if end < len(self.at) else self.written


class Word(NamedTuple):
    """A word: `form` without case, `stem` for comparison, and its span in the clean text."""

    form: str
    stem: str
    start: int
    end: int
    function: bool  # carries grammar, not content


def clean(text: str) -> Clean:
    """The text as it is compared.

    >>> clean("１０\u00a0GB").text, clean("4\u200b9 days").unseen
    ('10 GB', ((1, 2),))
    """
    if text.isascii():
        return Clean(text, None, len(text), ())
    unseen = [(m.start(), m.end()) for m in _REORDERS.finditer(text)]
    unseen += [
        (m.start(), m.end())
        for m in _UNSEEN.finditer(text)
        if m.start() and m.end() < len(text) and text[m.start() - 1].isalnum() and text[m.end()].isalnum()
        and m[0] != "\u00ad"  # a soft hyphen is honest inside a word
    ]  # fmt: skip
    plain = not any(_is_format(char) for char in set(text))
    if plain and unicodedata.is_normalized("NFKC", text):
        return Clean(text, None, len(text), tuple(unseen))
    pieces, at, cursor = [], array("l"), 0
    while cursor < len(text):
        end = cursor + 1
        while end < len(text) and unicodedata.combining(text[end]) and end - cursor < 32:
            end += 1
        piece = text[cursor:end]
        if not piece.isascii():
            piece = unicodedata.normalize("NFKC", "".join(c for c in piece if not _is_format(c)))
        pieces.append(piece)
        at.extend([cursor] * len(piece))
        cursor = end
    return Clean("".join(pieces), at, len(text), tuple(sorted(unseen)))


@lru_cache(maxsize=4096)
def _is_format(char: str) -> bool:
    return unicodedata.category(char) == "Cf"


def sentences(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences of a clean text, without the space around them; a long one comes in pieces.

    >>> [text[a:b] for text in ("Dr. Lee called. It was 5 p.m. already!",) for a, b in sentences(text)]
    ['Dr. Lee called.', 'It was 5 p.m. already!']
    """
    found: list[tuple[int, int]] = []
    start = 0
    for end in _END.finditer(text):
        if end[0][0] == "." and _goes_on(text, end):
            continue
        found += _trimmed(text, start, end.end())
        start = end.end()
    return [*found, *_trimmed(text, start, len(text))]


def _goes_on(text: str, end: re.Match[str]) -> bool:
    before = text[max(0, end.start() - 24) : end.start() + 1]
    after = text[end.end() : end.end() + 3].lstrip()
    if _ABBREVIATION.search(before):
        return bool(after)
    return (bool(_DAY_BEFORE_MONTH.search(before)) and bool(after)) or after[:1].islower()


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > MAX_SENTENCE:
        cut = text.rfind(" ", start + MAX_SENTENCE // 2, start + MAX_SENTENCE)
        cut = cut if cut > start else start + MAX_SENTENCE
        yield start, cut
        start = cut
    if start < end:
        yield start, end


def words(text: str, start: int = 0, end: int | None = None, language: str = "") -> list[Word]:
    """The words of a span of a clean text.

    >>> [word.stem for word in words("Refunds are issued")], [word.form for word in words("返金期限")]
    (['refund', 'are', 'issu'], ['返金', '金期', '期限'])
    """
    found: list[Word] = []
    for match in _WORD.finditer(text, start, len(text) if end is None else end):
        if match.lastgroup == "run":
            found += _grams(match)
            continue
        written = match["word"]
        form = written.casefold().replace("’", "'")
        if form.endswith("'"):
            form = form if form in ELIDED else form[:-1]
        if form == "s" and found and found[-1].end == match.start() and text[match.start() - 1] in "'’":
            continue  # a genitive
        if form == "t" and found and text[match.start() - 1] in "'’" and found[-1].form.endswith("n"):
            cut = found.pop()
            stemless = cut.form[:-1]
            if stemless:
                found.append(_word(stemless, cut.start, cut.end - 1, language))
            found.append(Word("not", "not", cut.start if stemless else cut.end - 1, match.end(), True))
            continue
        found.append(_word(form, match.start(), match.start() + len(written), language))
    return found


def _word(form: str, start: int, end: int, language: str) -> Word:
    return Word(form, stem(form), start, end, form in FUNCTION_WORDS.get(language, FUNCTION_WORDS["*"]))


def _grams(run: re.Match[str]) -> Iterator[Word]:
    text, start = run[0].casefold(), run.start()
    if len(text) != run.end() - start:
        text = run[0]
    for at in range(max(1, len(text) - 1)):
        gram = text[at : at + 2]
        yield Word(gram, gram, start + at, start + at + len(gram), False)


def language_of(forms: list[str]) -> str:
    """The language whose function words the text uses most, of those that the lexicon knows; "" for none of them.

    >>> language_of("die Rechnung ist nicht bezahlt".split()), language_of(["返金"])
    ('de', '')
    """
    counts = {code: sum(form in FUNCTION_WORDS[code] for form in forms[:400]) for code in LANGUAGES}
    best = max(LANGUAGES, key=lambda code: counts[code])
    return best if counts[best] else ""


_ENDINGS = (
    ("ational", "ate"), ("ization", "ize"), ("isation", "ize"), ("fulness", "ful"), ("ousness", "ous"), ("iveness", "ive"),
    ("ements", ""), ("ement", ""), ("ments", ""), ("ment", ""), ("ations", "at"), ("ation", "at"), ("itions", "it"),
    ("ition", "it"), ("ingly", ""), ("edly", ""), ("ising", "ize"), ("izing", "ize"), ("ises", "ize"), ("izes", "ize"),
    ("ised", "ize"), ("ized", "ize"), ("ise", "ize"), ("ities", ""), ("ity", ""), ("ions", ""), ("ion", ""), ("ings", ""),
    ("ing", ""), ("ness", ""), ("ies", "y"), ("ied", "y"), ("ers", ""), ("ors", ""), ("ally", "al"), ("ly", ""), ("ed", ""),
    ("er", ""), ("or", ""), ("en", ""), ("em", ""), ("es", ""), ("e", ""), ("s", ""), ("n", ""),
)  # fmt: skip


@lru_cache(maxsize=65_536)
def stem(form: str) -> str:
    """A word without its ending, the same for the forms of one word in most cases.

    One light set of endings for all languages in Latin script: it needs no language, which a short answer does not
    tell, and takes a hundredth of the time of the Snowball stemmers (decision 46).
    Source: after the light stemmers of Harman (1991), JASIS 42(1), 7-15, and Savoy (2006), SAC '06, 1031-1035.

    >>> stem("refunded"), stem("refunds"), stem("Monate"), stem("cancellation") == stem("cancelled")
    ('refund', 'refund', 'monat', True)
    """
    form = form.casefold()
    if len(form) < 4 or not form.isalpha():
        return form
    if "à" <= max(form) <= "ÿ" or max(form) > "ÿ":
        form = "".join(c for c in unicodedata.normalize("NFD", form) if not unicodedata.combining(c))
    for ending, instead in _ENDINGS:
        if form.endswith(ending) and len(form) - len(ending) + len(instead) >= 3:
            if ending == "s" and form.endswith(("ss", "us", "is")):
                break
            form = form[: len(form) - len(ending)] + instead
            break
    if form.endswith("at") and len(form) >= 6:
        form = form[:-2]
    if len(form) > 3 and form[-1] == form[-2] and form[-1] in "bdfglmnprt":
        form = form[:-1]
    return form[:-1] + "i" if len(form) > 3 and form.endswith("y") else form
