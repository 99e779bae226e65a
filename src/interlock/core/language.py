"""Whether a text is in the language that it is said to be in: yes, no, or too short to say."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

SURE = 0.8
"""Probability from which an identification counts. Of 2,556 questions in seven languages none was taken for another one at it,
and 97 % were recognised (docs/suites.md)."""


class Tongue(StrEnum):
    """How a text stands to the language that was said of it."""

    CONFIRMED = "confirmed"
    OTHER = "other"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Heard:
    """What an identifier says of a text.

    lang: ISO 639 code of the likeliest language. sure: its probability, in [0, 1].
    """

    lang: str
    sure: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.sure <= 1.0:  # also refuses NaN
            raise ValueError(f"a probability lies in [0, 1], not {self.sure!r}")


def primary(tag: str) -> str:
    """The language of a tag without region and script, in lower case (RFC 5646, section 2.1).

    >>> primary("de-AT"), primary("PT_br")
    ('de', 'pt')
    """
    return tag.replace("_", "-").partition("-")[0].strip().lower()


def stands(declared: str, heard: Heard) -> Tongue:
    """Whether the text is in the declared language; what is not sure says nothing.

    >>> [stands("de-AT", heard).value for heard in (Heard("de", 0.99), Heard("nl", 0.95), Heard("nl", 0.6))]
    ['confirmed', 'other', 'unsure']
    """
    if heard.sure < SURE:
        return Tongue.UNSURE
    return Tongue.CONFIRMED if _same(primary(declared), heard.lang) else Tongue.OTHER


_ALIKE: Mapping[str, str] = {"nb": "no", "nn": "no", "iw": "he", "in": "id", "fil": "tl", "cmn": "zh", "sh": "sr"}
"""Codes of one language, as identifiers differ in which they give (ISO 639-1 of old, macrolanguages of ISO 639-3)."""


def _same(one: str, other: str) -> bool:
    return _ALIKE.get(one, one) == _ALIKE.get(other, other)
