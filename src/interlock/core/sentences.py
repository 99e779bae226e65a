"""Where the sentences of a text begin and end."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？]+[”’」』）]*|\n+|(?<=[।॥።])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Za-zÀ-ÿ]|e\.g|i\.e|z\.B|d\.h|u\.a|p\.ex|bzw|ca|etc|Nr|no|No|St|Str|Mr|Mrs|Ms|Dr|Prof|Sr|Sra|vs|Art|Abs|approx|incl|inkl))\.$"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, and where it stands: `text[start:end]`."""

    text: str
    start: int
    end: int


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a text in their order, without the white space around them.

    A line break ends one. A full stop does not, after an abbreviation, an initial or the number of a list.

    >>> [s.text for s in sentences("It costs 1.5 Euro, e.g. in May. Is that all?\\n- Yes")]
    ['It costs 1.5 Euro, e.g. in May.', 'Is that all?', '- Yes']
    """
    start = 0
    for mark in _END.finditer(text):
        if mark.group().startswith(".") and _goes_on(text, start, mark.start() + 1):
            continue
        yield from _trimmed(text, start, mark.end())
        start = mark.end()
    yield from _trimmed(text, start, len(text))


def _goes_on(text: str, start: int, end: int) -> bool:
    head = text[start:end]
    if re.fullmatch(r"\s*\d{1,3}\.", head):
        return True
    return _ABBREVIATION.search(head[-8:]) is not None


def _trimmed(text: str, start: int, end: int) -> Iterator[Sentence]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield Sentence(text[start:end], start, end)
