"""Personal data out of a conversation: each value becomes a placeholder that is the same wherever it stands in it.

What has a check digit or a grammar is recognised exactly (card, IBAN, address of a machine); what has none by the word
before it («account 7943»), by being long, or by being all that a message says. That is deliberately more than is
certain: a question without its order number is still a question.
Source: ISO/IEC 7812-1 annex B (Luhn), ISO 13616-1 and ISO 7064 (IBAN, mod 97-10), RFC 5322, ITU-T E.164.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["standard", "digits"]
KINDS = ("email", "iban", "card", "ip", "ssn", "phone", "name", "id", "number")
"""Kinds in the order in which they are looked for."""

_EMAIL = re.compile(
    r"[\w.!#$%&'*+/=?^`{|}~-]+@(?:[\w-]+\.)+[\w-]{2,}"
    # As it is spoken or transcribed: «ada at example dot com», «ada 12 gmailcom».
    r"|\b[\w.+-]+(?: \d+)?(?: at | ?@ ?)[\w-]+(?: dot |\.)(?:com|org|net|edu|co uk|de|fr|in)\b"
    r"|\b[\w.+-]+(?: \w{1,6})? (?:gmail|yahoo|hotmail|outlook|icloud|aol|protonmail|gmx|live|msn|ymail)[ .]?com\b",
    re.IGNORECASE,
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_DIGITS = re.compile(r"(?<![\w.])\+?\(?\d(?:[ ().\-/]{0,2}\d)+(?!\w)")
_IP = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w:]|\.\d)")
_SSN = re.compile(r"(?<!\d)(?!000|666|9\d\d)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?!\d)")
_DATE = re.compile(
    r"(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])[-./ ](?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])[-./ ](?:0?[1-9]|[12]\d|3[01])[-./ ](?:19|20)?\d\d"
    r"|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:19|20)\d\d"
)
_KEYWORD = re.compile(
    r"\b(?P<key>last (?:four|4)(?: digits?)?|ssn|ss#?|social(?: security)?|account|acct|a/c|ac|card|credit|debit|visa|mastercard|amex|policy|claim|order|booking"
    r"|reservation|invoice|ticket|tracking|member(?:ship)?|customer|client|routing|sort code|pin|cvv|passport|licen[cs]e|iban"
    r"|phone|mobile|cell|tel(?:ephone)?|zip|post ?code|konto|kunden|bestell|rechnungs?|vertrags?)"
    r"(?P<gap>(?:[\s:#=.,'-]+(?:s?(?:no|nos|num|nr|number|numbers|nummer|id|is|my|the|code|last|four|4|digits?|of|ends?|ending|with|in"
    r"|it|its|it's|should|be|reads?|are|and|to|from|on|for|a|an|ssn|card|account|security|new|old|current)\b)){0,6}[\s:#=.,'-]*)"
    r"(?P<value>[A-Za-z]{0,4}[ -]?\d(?:[\d -]*\d)?)(?!\w)",
    re.IGNORECASE,
)
_SSN_WORDS = ("ssn", "ss", "ss#", "social", "social security")
_SHORT = 4  # words up to which a message with an identifier in it says nothing else
_LONGER = re.compile(r"(?<![\w.,:])\d{4,}(?![\w:]|[.,]\d)")
_YEAR = re.compile(r"19[5-9]\d|20[0-3]\d")
_SPREADSHEET = re.compile(r"(?<![\w.])\d(?:\.?\d)* ?[eE] ?\+?1[2-9](?!\w)")  # what a table makes of a card number
_ASKED = re.compile(
    r"\b(?:ssn|social|account|card|policy|claim|order|booking|reservation|invoice|member\w*|customer|routing|pin|cvv|passport"
    r"|licen[cs]e|phone|mobile|number|digits?|id|identif\w+|verif\w+)\b",
    re.IGNORECASE,
)
_RUN = re.compile(r"\d{3,}")
_AMOUNT = re.compile(r"[$€£¥₹]\s?$")
_WORDS_AS_NAMES = frozenset(
    [
        "will",
        "mark",
        "may",
        "rose",
        "grace",
        "hope",
        "bill",
        "grant",
        "chase",
        "drew",
        "art",
        "jack",
        "sky",
        "summer",
        "faith",
        "joy",
        "dawn",
        "page",
        "rich",
        "max",
        "long",
        "young",
        "brown",
        "white",
        "black",
        "green",
        "gray",
        "grey",
        "king",
        "price",
        "case",
        "love",
        "day",
        "west",
        "north",
        "banks",
        "wood",
        "stone",
        "bell",
        "may",
        "june",
        "april",
        "august",
    ]
)
_MIN_NUMBER = 7
"""Digits from which on a run of them is an identifier, whatever stands before it."""


@dataclass
class Redactor:
    """Redacts the messages of one conversation; make one for each.

    Args:
        names: names that the export gives to people of this conversation.
        mode: `standard`, or `digits`, which also takes every run of three digits, amounts and years among them.

    >>> r = Redactor(["Ada Lovelace"])
    >>> r.text("I am ada, card 4111 1111 1111 1111"), r.text("yes, 4111111111111111")
    ('I am [name-1], card [card-1]', 'yes, [card-1]')
    """

    names: Iterable[str] = ()
    mode: Mode = "standard"
    counts: Counter[str] = field(default_factory=Counter)
    _known: dict[str, dict[str, str]] = field(default_factory=dict)
    _asked: bool = False

    def __post_init__(self) -> None:
        self._people = [pattern for name in self.names for pattern in _people(name)]

    def text(self, text: str, *, agent: bool = False) -> str:
        """The text with placeholders. Redacting what was redacted changes nothing.

        Args:
            agent: whether the other side says it; numbers that follow a question for one are taken as the answer to it.
        """
        asked, self._asked = self._asked, agent and bool(_ASKED.search(text))
        text = _replaced(text, _EMAIL, lambda found: self._place("email", found[0].casefold()))
        if any(char.isdigit() for char in text):
            text = _replaced(text, _IBAN, self._iban)
            text = _replaced(text, _IP, self._ip)
            text = _replaced(text, _SSN, lambda found: self._place("ssn", _bare(found[0])))
            text = _replaced(text, _DIGITS, self._digits)
            text = _replaced(text, _KEYWORD, self._named)
            text = _replaced(text, _SPREADSHEET, lambda found: self._place("number", _bare(found[0])))
            if len(text.split()) <= _SHORT:
                text = _replaced(text, _LONGER, self._alone)
            if self.mode == "digits" or asked:
                text = _replaced(text, _RUN, lambda found: self._place("number", found[0]))
        for pattern, key in self._people:
            text = _replaced(text, pattern, lambda found, key=key: self._place("name", key))  # type: ignore[misc]
        return text

    def _place(self, kind: str, value: str) -> str:
        self.counts[kind] += 1
        known = self._known.setdefault(kind, {})
        return known.setdefault(value, f"[{kind}-{len(known) + 1}]")

    def _iban(self, found: re.Match[str]) -> str:
        # A word may follow the last group; the longest beginning that adds up is the number.
        text = found[0]
        for end in range(len(text), 14, -1):
            if (end == len(text) or text[end] == " ") and is_iban(text[:end]):
                return self._place("iban", _bare(text[:end])) + text[end:]
        return text

    def _ip(self, found: re.Match[str]) -> str:
        try:
            address = ipaddress.ip_address(found[0])
        except ValueError:
            return found[0]
        # «::» and times such as 12:30:15 are no address that somebody could be found by.
        if address.version == 6 and found[0].count(":") < 4 and "::" not in found[0]:
            return found[0]
        return found[0] if address.is_unspecified else self._place("ip", str(address))

    def _digits(self, found: re.Match[str]) -> str:
        text = found[0]
        digits = _bare(text)
        if 13 <= len(digits) <= 19 and is_luhn(digits) and len(set(digits)) > 1:
            return self._place("card", digits)
        if _DATE.fullmatch(text.strip("()")) or _AMOUNT.search(found.string[: found.start()]):
            return text
        international = text.startswith(("+", "00"))
        parted = bool(re.search(r"\d[ ().\-/]+\d", text))
        if 8 <= len(digits) <= 15 and (international or (parted and len(digits) >= 9) or len(digits) in (10, 11)):
            return self._place("phone", digits)
        return self._place("number", digits) if len(digits) >= _MIN_NUMBER else text

    def _named(self, found: re.Match[str]) -> str:
        digits = _bare(found["value"])
        if sum(char.isdigit() for char in digits) < 3:
            return found[0]
        kind = "ssn" if found["key"].casefold() in _SSN_WORDS else "id"
        return found[0][: found.start("value") - found.start()] + self._place(kind, digits)

    def _alone(self, found: re.Match[str]) -> str:
        text = found[0]
        known = _YEAR.fullmatch(text) or _DATE.fullmatch(text) or _AMOUNT.search(found.string[: found.start()])
        return text if known else self._place("number", text)


def _replaced(text: str, pattern: re.Pattern[str], by: Callable[[re.Match[str]], str]) -> str:
    """The text with matches replaced, outside the placeholders that are there already."""
    return "".join(
        part if number % 2 else pattern.sub(by, part) for number, part in enumerate(_PLACEHOLDER.split(text))
    )


_PLACEHOLDER = re.compile(rf"(\[(?:{'|'.join(KINDS)})-\d+\])")


def _bare(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text).casefold()


def _people(name: str) -> list[tuple[re.Pattern[str], str]]:
    """Patterns for a name as a whole and for its parts, with what they stand for."""
    key = " ".join(name.split()).casefold()
    parts = [part for part in re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", name) if len(part) > 2]
    if not parts:
        return []
    whole = re.compile(r"\b" + r"\s+".join(map(re.escape, name.split())) + r"\b", re.IGNORECASE)
    found = [(whole, key)]
    for part in parts:
        flags = re.NOFLAG if part.casefold() in _WORDS_AS_NAMES else re.IGNORECASE
        found.append((re.compile(rf"\b{re.escape(part)}\b", flags), key))
    return found


def is_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of those before it.

    >>> is_luhn("4111111111111111"), is_luhn("4111111111111112")
    (True, False)
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """Whether a text is an International Bank Account Number: 15 to 34 characters, remainder 1 modulo 97.

    >>> is_iban("GB82 WEST 1234 5698 7654 32"), is_iban("GB82 WEST 1234 5698 7654 33")
    (True, False)
    """
    plain = text.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", plain):
        return False
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1
