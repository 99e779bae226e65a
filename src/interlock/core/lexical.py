"""Text as the guard compares it: one form for what looks alike, addresses in a text, numbers that need a cue, words asked.

Matching is lexical on purpose: it costs microseconds, gives the same result everywhere, and a miss only asks a person.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Set
from functools import lru_cache

# ── one form for what looks alike ───────────────────────────────────────────────────────────────────────────────


def folded(text: str) -> str:
    """Text in the form in which it is searched: NFKC, caseless, with single spaces.

    >>> folded("Ｓtrasse\\n Ⅷ")
    'strasse viii'
    """
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC"})
_LAID_OUT = frozenset("\t\n\r")


def disguise(text: str) -> str | None:
    """What makes a text look like another one: the code of the fault, or None.

    `hidden_character` (controls, direction marks, zero-width and unassigned characters), `not_normalised` (NFKC writes
    it otherwise, as for full-width letters), `mixed_script` (one word in several alphabets).

    Source: Unicode Technical Standard 39, section 5.2, the level «highly restrictive», word by word.

    >>> disguise("аlice"), disguise("Zoë"), disguise("pay\\u200bpal")
    ('mixed_script', None, 'hidden_character')
    """
    if text.isascii():
        return "hidden_character" if not text.isprintable() and not _only_laid_out(text) else None
    if any(unicodedata.category(char) in {"Cc", "Cf", "Cn", "Co", "Cs"} and char not in _LAID_OUT for char in text):
        return "hidden_character"
    if unicodedata.normalize("NFKC", text) != unicodedata.normalize("NFC", text):
        return "not_normalised"
    for word in re.findall(r"[^\W\d_]+", text):
        scripts = {_script(char) for char in word if unicodedata.category(char)[0] == "L"} - {""}
        if len(scripts) > 1 and not (scripts - _EAST_ASIAN) <= {"LATIN"}:
            return "mixed_script"
    return None


def _only_laid_out(text: str) -> bool:
    return all(char.isprintable() or char in _LAID_OUT for char in text)


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    name = unicodedata.name(char, "")
    return "" if name.startswith("MODIFIER") else name.partition(" ")[0]


# ── addresses: what a text can send its reader to ───────────────────────────────────────────────────────────────

_TLDS = (
    "com|org|net|io|co|ai|dev|app|info|biz|xyz|ru|cn|de|uk|fr|eu|ca|au|ch|nl|jp|br|gov|edu|mil|int|tv|cc|link|click|top"
    "|online|site|shop|store|live|page|gg|ly|es|pl|se|fi|dk|kr|tr|ua|za|mx|pt|gr|cz|hu|ro|ie|nz|sg|hk|tw|tech|cloud"
    "|world|news|blog|space|website|support|help|zip|mov|ngo|bank|pay|email|network|systems|agency|finance|icu|vip|pro"
)
_ADDRESS = re.compile(
    r"(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<link>(?:[a-z][a-z0-9+.-]{1,20}://|www\.|mailto:|tel:)[^\s<>\"'`{}|\\^\]]+"
    r"|(?<![\w@.-])(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:(?:" + _TLDS + r")(?![\w-])|[a-z]{2,18}(?=/))"
    r"(?::\d{1,5})?(?:[/?#][^\s<>\"'`{}|\\^\]]*)?"
    r"|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])(?::\d{1,5})?(?:/[^\s<>\"'`{}|\\^\]]*)?)"
    r"|(?P<account>(?<![\w])(?:[a-z]{2}\d{2}(?:[ ]?[a-z0-9]{4}){2,7}(?:[ ]?[a-z0-9]{1,4})?(?![\w])"
    r"|0x[0-9a-f]{40}(?![\w])|(?=[a-z0-9]*\d[a-z0-9]*\d[a-z0-9]*\d)[a-z0-9]{16,64}(?![\w]))"
    r"|(?<![\w.,-])\+?\d(?:[ ()./-]{0,2}\d){7,18}(?![\w]|[.,]\d))",
    re.IGNORECASE,
)
_CALENDAR = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?|\d{1,2}[./]\d{1,2}[./]\d{4}")
_NEXT_SENTENCE = re.compile(r"(?<=[a-z0-9])\.[A-Z][a-z]*$")
# One class of characters in front, so that the search skips quickly over texts that hold none of this.
_SUSPECT = re.compile(
    r"[@.:0-9](?:(?<=@)|(?<=:)\S|(?<=\.)\w|(?<=\d)(?:\w{8}|(?:[ ()./-]{0,2}\d){7}|\d (?:[^\W_]{4} ){2}))"
)
_PLAIN_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)


def addresses(text: str) -> list[str]:
    """The links, e-mail addresses, account and phone numbers in a text, each in the form in which they are compared.

    >>> addresses("See https://www.Example.com/a?b=1, mail Bo@example.org or pay DE89 3704 0044 0532 0130 00.")
    ['example.com/a?b=1', 'bo@example.org', '#de89370400440532013000']
    """
    if not _SUSPECT.search(text):
        return []
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    plain = _CALENDAR.sub(lambda day: "~" * len(day[0]), plain)
    found: dict[str, None] = {}
    for match in _ADDRESS.finditer(plain):
        found.setdefault(_address(match), None)
    return list(found)


def address(text: str) -> str | None:
    """The compared form of a text that is one address and nothing else, or None.

    >>> address("www.example.com/"), address("Alice")
    ('example.com', None)
    """
    if "@" in text:
        if _PLAIN_EMAIL.fullmatch(text):
            return text.lower()
    elif len(text) < 4 or (len(text) < 8 and text.isalnum()):  # shorter than any link or number that counts
        return None
    if not _SUSPECT.search(text):
        return None
    stripped = text.strip()
    if _CALENDAR.fullmatch(stripped) or not (match := _ADDRESS.match(stripped)):
        return None
    return _address(match) if match.end() == len(stripped) else None


def _address(match: re.Match[str]) -> str:
    kind, text = match.lastgroup, match[0]
    if kind == "email":
        return text.rstrip(".").casefold()
    if kind == "account":
        return "#" + re.sub(r"[^0-9a-z]", "", text.casefold())
    text = _NEXT_SENTENCE.sub("", text.rstrip(".,;:!?)…»”'"))
    scheme, mark, rest = text.partition("://")
    scheme, rest = (scheme.casefold(), rest) if mark else ("", text)
    host, slash, path = re.fullmatch(r"([^/?#]*)([/?#]?)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    host = host.casefold().removeprefix("www.")
    tail = slash + path if path or slash in "?#" else ""
    return f"{'' if scheme in {'', 'http', 'https'} else scheme + '://'}{host}{tail}"


# ── finding a value in what was said ────────────────────────────────────────────────────────────────────────────

_NUMBER_WORDS = frozenset({"id", "ids", "number", "numbers", "no", "nr", "num", "nummer", "numéro", "número", "ref"})
_LIST_WORDS = frozenset({"and", "or", "und", "oder", "et", "ou", "y", "o", "the", "with", "is", "to", "through"})
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def needs_cue(text: str) -> bool:
    """Whether a value is too common to count by bare occurrence: all digits (up to six), or next to no characters.

    >>> needs_cue("13"), needs_cue("a1"), needs_cue("W123"), needs_cue("Bob"), needs_cue("33812044")
    (True, True, False, False, False)
    """
    return len(text) <= 2 or (text.isdigit() and len(text) <= 6) or (len(text) == 3 and not text.isalpha())


@lru_cache(maxsize=4096)
def name_words(name: str) -> tuple[str, ...]:
    """The words of an identifier, singular and caseless.

    >>> name_words("fileIds"), name_words("transaction_id")
    (('file', 'id'), ('transaction', 'id'))
    """
    return tuple(dict.fromkeys(_single(word.casefold()) for word in _WORD.findall(_CAMEL.sub(" ", name))))


def _single(word: str) -> str:
    return word[:-1] if len(word) > 2 and word.endswith("s") and not word.endswith("ss") else word


def occurrences(value: str, text: str) -> Iterator[int]:
    """Where a folded value stands in a folded text as a word of its own, not as a part of a longer name."""
    at, size = text.find(value), len(value)
    while at >= 0:
        before, after = text[max(at - 2, 0) : at], text[at + size : at + size + 2]
        if not (
            before[-1:].isalnum()
            or (before[-1:] in _LEADS and before[:-1].isalnum())  # an `@` or a `.` of its own joins nothing
            or before[-1:] in _JOINS
            or after[:1].isalnum()
            or after[:1] in _JOINS
            or (after[:1] in _LEADS and after[1:].isalnum())
        ):
            yield at
        at = text.find(value, at + 1)


_JOINS = frozenset({"_", "-", "/", "\\"})
_LEADS = frozenset({".", "@"})


def cued(value: str, text: str, cues: Set[str]) -> bool:
    """Whether a folded value stands in a folded text right after a word that says what it is.

    >>> cued("13", "delete file 13, please", {"file"}), cued("13", "my flight on june 13", {"file"})
    (True, False)
    """
    for at in occurrences(value, text):
        before = text[:at].rstrip(" '\"(=:")
        if before.endswith("#"):
            return True
        words = [_single(word) for word in _WORD.findall(before[-80:])]
        while words and (words[-1].isdigit() or words[-1] in _LIST_WORDS):
            words.pop()
        if words and (words[-1] in cues or words[-1] in _NUMBER_WORDS):
            return True
    return False


# ── days ────────────────────────────────────────────────────────────────────────────────────────────────────────

_MONTHS = {
    name: month
    for month, names in enumerate(
        ("january jan januar janvier enero", "february feb februar février fevrier febrero", "march mar märz mars marzo",
         "april apr avril abril", "may mai mayo", "june jun juni juin junio", "july jul juli juillet julio",
         "august aug août aout agosto", "september sep sept septembre septiembre", "october oct oktober octobre octubre",
         "november nov novembre noviembre", "december dec dezember décembre decembre diciembre"), start=1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAYS = re.compile(
    rf"(?P<iso>\d{{4}}-(?P<im>\d\d)-(?P<id>\d\d))"
    rf"|\b(?P<md>\d{{1,2}})(?:st|nd|rd|th|\.)?\s*(?:of\s+|de\s+)?(?P<mm>{_MONTH})\b"
    rf"|\b(?P<nm>{_MONTH})\.?\s+(?:the\s+)?(?P<nd>\d{{1,2}})(?:st|nd|rd|th)?\b"
    r"|\b(?P<a>\d{1,2})[./](?P<b>\d{1,2})(?:[./]\d{2,4})?\b"
)
_ISO_DAY = re.compile(r"\d{4}-(\d\d)-(\d\d)(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")


def day_of(text: str) -> tuple[int, int] | None:
    """Month and day of a text that is an ISO 8601 date, with or without a time; else None.

    >>> day_of("2026-05-19 11:00"), day_of("19 May")
    ((5, 19), None)
    """
    match = _ISO_DAY.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def days_in(text: str) -> frozenset[tuple[int, int]]:
    """The days that a folded text names, as (month, day); without the year, which people leave out.

    >>> sorted(days_in("from april 25th to the 3rd of may, not 2026-06-01"))
    [(4, 25), (5, 3), (6, 1)]
    """
    found: set[tuple[int, int]] = set()
    for match in _DAYS.finditer(text):
        if match["iso"]:
            found.add((int(match["im"]), int(match["id"])))
        elif match["md"]:
            found.add((_MONTHS[match["mm"]], int(match["md"])))
        elif match["nm"]:
            found.add((_MONTHS[match["nm"]], int(match["nd"])))
        else:
            first, second = int(match["a"]), int(match["b"])
            found.update(pair for pair in ((first, second), (second, first)) if pair[0] <= 12)
    return frozenset(found)


# ── words that ask for an action ────────────────────────────────────────────────────────────────────────────────

_IRREGULAR = {
    "sent": "send", "paid": "pay", "wrote": "write", "written": "write", "made": "make", "told": "tell", "gave": "give",
    "given": "give", "bought": "buy", "booked": "book", "left": "leave", "put": "put", "set": "set", "met": "meet",
}  # fmt: skip
_SUFFIXES = ("ments", "ment", "ings", "ing", "ed", "es", "s", "e")


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """A folded word without its commonest English endings; crude, and the same on both sides of a comparison.

    >>> stem("payments"), stem("refunded"), stem("sent")
    ('pay', 'refund', 'send')
    """
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith("ss"):
            word = word[: -len(suffix)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls" else word


def stems(text: str) -> frozenset[str]:
    """The stems of a text's words.

    >>> sorted(stems("Please refund my last two payments"))
    ['last', 'my', 'pay', 'pleas', 'refund', 'two']
    """
    return frozenset(stem(word) for word in _WORD.findall(folded(text)))


class RequestWords:
    """The words of a request, ready to be asked for phrases."""

    __slots__ = ("_starts", "_stems")

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._stems: set[str] = set()
        self._starts: dict[str, list[str]] = {}
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Take one more text of the request."""
        for word in stems(text) - self._stems:
            self._stems.add(word)
            if len(word) >= 5:
                self._starts.setdefault(word[:5], []).append(word)

    def asks(self, phrases: Iterable[tuple[str, ...]]) -> bool:
        """Whether every word of any of the phrases occurs; phrases are tuples of stems.

        >>> words = RequestWords(["Could you make a reservation at the Ritz?"])
        >>> words.asks([("reserv",)]), words.asks([("cancel",)])
        (True, False)
        """
        return any(all(self._has(word) for word in phrase) for phrase in phrases if phrase)

    def _has(self, word: str) -> bool:
        if word in self._stems:
            return True
        # `cancel` and `cancellation`, `erstatten` and `erstattet`: one grows out of the other.
        return len(word) >= 5 and any(
            other.startswith(word[: min(len(word), len(other)) - 1]) and abs(len(word) - len(other)) <= 6
            for other in self._starts.get(word[:5], ())
        )


def phrase(text: str) -> tuple[str, ...]:
    """A phrase as `RequestWords.asks` takes it: the stems of its words, in their order.

    >>> phrase("money back")
    ('money', 'back')
    """
    return tuple(stem(word) for word in _WORD.findall(folded(text)))
