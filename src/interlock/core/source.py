"""A text and its places: what no reader lets pass, and a value that grows with the place of each part.

YAML and JSON readers forgive what changes the meaning of a release: `1.10` becomes `1.1`, `no` becomes false,
the second of two equal keys wins. Here each of these is an error with file, line, column and a way out.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from interlock.core.digest import MAX_EXACT_INT
from interlock.core.errors import DocumentError, DuplicateKey, HiddenCharacter, NumberOutOfRange, Place, TooLarge

Path = tuple[str | int, ...]
"""The way from the root of a document to a value: keys of mappings and indexes of lists."""

MAX_DEPTH = 40
"""Levels of mappings and lists in each other."""

# Control characters other than tab and line ends, direction marks, line separators, half characters, a stray BOM.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
LINE_END = re.compile(r"\r\n|\r|\n")


class Marks(NamedTuple):
    """Where each value and each key of a document was written."""

    values: Mapping[Path, Place]
    keys: Mapping[Path, Place]


class Source(NamedTuple):
    """A text under its name; `first` is the number of its first line."""

    file: str
    text: str
    first: int = 1

    def place(self, offset: int) -> Place:
        """The line and the column of the character at `offset`, counted from 0."""
        line, start = self.first, 0
        for end in LINE_END.finditer(self.text, 0, offset):
            line, start = line + 1, end.end()
        return Place(self.file, line, offset - start + 1)

    def line(self, place: Place) -> str | None:
        """The line at a place, without its end; None when the text has no such line."""
        lines = LINE_END.split(self.text)
        index = (place.line or 0) - self.first
        return lines[index] if 0 <= index < len(lines) else None

    def error(self, kind: type[DocumentError], message: str, hint: str, at: int | Place) -> DocumentError:
        """An error about the place or the offset `at`, with its line, ready to be raised."""
        place = self.place(at) if isinstance(at, int) else at
        return kind(message, hint=hint, place=place, source_line=self.line(place))


def decoded(content: bytes, file: str) -> str:
    """Bytes as text. Raises HiddenCharacter, with the line, for what is not UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as cause:
        line = content.count(b"\n", 0, cause.start) + 1
        raise HiddenCharacter(
            f"byte {cause.start} is not UTF-8", hint="save the file as UTF-8", place=Place(file, line)
        ) from cause


def readable(text: str, file: str, limit: int, first: int = 1) -> Source:
    """The text without its byte order mark, once it is known to be of honest size and free of hidden characters.

    Args:
        limit: the most bytes of UTF-8.
        first: the number of the first line of `text` within its file.
    Raises: TooLarge, HiddenCharacter.
    """
    source = Source(file, text.removeprefix("\ufeff"), first)
    if len(text) > limit or (len(text) * 4 > limit and len(text.encode(errors="surrogatepass")) > limit):
        raise TooLarge(f"more than {limit} bytes", hint="split the file", place=Place(file))
    if bad := _HIDDEN.search(source.text):
        raise source.error(
            HiddenCharacter,
            f"hidden character U+{ord(bad[0]):04X}",
            f"remove it, or write it as an escape in a quoted string: `\\u{ord(bad[0]):04x}`",
            bad.start(),
        )
    return source


def integer(source: Source, digits: str, at: int | Place) -> int:
    """The digits as an integer. Raises NumberOutOfRange beyond ±(2**53 - 1), where readers begin to disagree."""
    if len(digits) > 20 or abs(int(digits)) > MAX_EXACT_INT:
        raise source.error(
            NumberOutOfRange, f"the integer `{digits[:24]}` is beyond ±(2^53 - 1)", "write it in quotes", at
        )
    return int(digits)


def fraction(source: Source, digits: str, at: int | Place) -> float:
    """The digits as a finite float. Raises NumberOutOfRange for what only infinity could stand for."""
    number = float(digits)
    if number - number != 0:
        raise source.error(NumberOutOfRange, f"the number `{digits[:24]}` is too large", "write it in quotes", at)
    return number


class Builder:
    """Grows a value from a stream of starts, ends and scalars, and notes where each part lies."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.values: dict[Path, Place] = {}
        self.keys: dict[Path, Place] = {}
        self.root: Any = None
        self.path: Path = ()
        self._open: list[tuple[Path, dict[str, Any] | list[Any]]] = []

    @property
    def wants_key(self) -> bool:
        """Whether the next event is the key of a mapping."""
        return bool(self._open) and isinstance(self._open[-1][1], dict) and self.path == self._open[-1][0]

    def key(self, name: str, place: Place) -> None:
        """Take the key of the value that comes next. Raises DuplicateKey."""
        path = (*self.path, name)
        if path in self.keys:
            raise self.source.error(
                DuplicateKey,
                f"the key `{name}` is written twice",
                f"keep one; the first is at {self.keys[path]}",
                place,
            )
        self.keys[path] = place
        self.path = path

    def add(self, value: Any, place: Place) -> None:
        """Take a scalar, or an empty mapping or list that stays open until `close`. Raises TooLarge beyond MAX_DEPTH."""
        if not self._open:
            self.root = value
        else:
            at, parent = self._open[-1]
            if isinstance(parent, list):
                self.path = (*at, len(parent))
                parent.append(value)
            else:
                parent[str(self.path[-1])] = value
        self.values[self.path] = place
        if isinstance(value, dict | list):
            self._open.append((self.path, value))
            if len(self._open) > MAX_DEPTH:
                raise self.source.error(TooLarge, f"nested deeper than {MAX_DEPTH} levels", "flatten it", place)
        elif self._open:
            self.path = self._open[-1][0]

    def close(self) -> None:
        """End the mapping or the list that was opened last."""
        self._open.pop()
        self.path = self._open[-1][0] if self._open else ()

    def marks(self) -> Marks:
        """The places of what was taken."""
        return Marks(self.values, self.keys)
