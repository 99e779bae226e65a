"""The declared normalisation of text, shared by the scorers that look for one text in another."""

import re
import unicodedata

_SPACE = re.compile(r"\s+")


def spaced(text: str) -> str:
    """Unicode NFKC, with every run of white space as one space.

    >>> spaced("10\\u00a0GB\\n each ")
    '10 GB each'
    """
    if text.isascii():
        return " ".join(text.split())
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text)).strip()


def folded(text: str) -> str:
    """`spaced`, without the difference between upper and lower case."""
    if text.isascii():  # nothing to compose, and what the rest comes to
        return " ".join(text.split()).lower()
    # Folding the case can undo the normal form, so it is made again (Unicode 15, section 3.13, D145).
    return spaced(spaced(text).casefold())


def occurs(wanted: str, text: str) -> bool:
    """Whether `wanted` stands in `text`, both folded; a number is not found inside a longer number.

    >>> occurs("9.90", "it is 19.90 in all"), occurs("9.90", "it is 9.90, in all")
    (False, True)
    """
    if not wanted:
        return False
    start = text.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if not (_joined(wanted[0], text[max(0, start - 2) : start][::-1]) or _joined(wanted[-1], text[end : end + 2])):
            return True
        start = text.find(wanted, start + 1)
    return False


def _joined(edge: str, beyond: str) -> bool:
    """Whether the digit at the edge goes on: another digit, or a separator and a digit."""
    if not edge.isdigit() or not beyond:
        return False
    return beyond[0].isdigit() or (beyond[0] in ".," and beyond[1:].isdigit())
