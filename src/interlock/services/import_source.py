"""A file that another tool wrote: its bytes, their name, and what they plainly are."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from interlock.core.digest import Digest, of_bytes
from interlock.core.document import Document
from interlock.core.errors import DocumentError, DocumentSyntax, EmptyDocument, Place, TooLarge, WrongValue
from interlock.core.json_text import parse_json
from interlock.core.source import decoded
from interlock.core.yaml_text import parse_yaml

MAX_FILE = 256_000_000
"""Bytes of one file, packed or not."""
MAX_CELL = 4_000_000
"""Characters of one cell of a table."""

Shape = Literal["zip", "xml", "json", "jsonl", "csv", "yaml"]
# What JSON permits inside its strings and our reader does not: as escapes it is the same text, and can be seen.
_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
_NO_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b')


@dataclass(frozen=True)
class SourceFile:
    """One file of an import. `name` is how errors call it, `content` its raw bytes."""

    name: str
    content: bytes

    @classmethod
    def read(cls, path: Path) -> "SourceFile":
        """Raises DocumentError when there is no such file, it cannot be read, or is larger than 256 MB."""
        place = Place(str(path))
        try:
            if not path.is_file():
                hint = "check the name of the file" if not path.exists() else "name a file, not a folder or a device"
                raise DocumentError(f"`{path.name}` cannot be read: it is no file", hint=hint, place=place)
            if (size := path.stat().st_size) > MAX_FILE:
                raise TooLarge(f"{size} bytes, more than {MAX_FILE}", hint="split the file", place=place)
            return cls(path.name, path.read_bytes())
        except OSError as cause:
            hint = "check the name of the file"
            raise DocumentError(f"`{path.name}` cannot be read: {cause.strerror}", hint=hint, place=place) from cause

    @cached_property
    def sha256(self) -> Digest:
        """The name of the bytes."""
        return of_bytes(self.content)

    @cached_property
    def plain(self) -> bytes:
        """The bytes, unpacked when they are gzip. Raises TooLarge, DocumentSyntax."""
        if self.content[:2] != b"\x1f\x8b":
            return self.content
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(self.content)) as packed:
                found = packed.read(MAX_FILE + 1)
        except (OSError, EOFError, zlib.error) as cause:
            raise DocumentSyntax(
                "the gzip file is damaged or cut off", hint="copy it again", place=self.place
            ) from cause
        if len(found) > MAX_FILE:
            raise TooLarge(f"more than {MAX_FILE} bytes, unpacked", hint="split the file", place=self.place)
        return found

    @cached_property
    def text(self) -> str:
        """The text, without its byte order mark. Raises HiddenCharacter for what is not UTF-8."""
        return decoded(self.plain, self.name).removeprefix("\ufeff")

    @property
    def place(self) -> Place:
        """The file as a whole."""
        return Place(self.name)

    @property
    def stem(self) -> str:
        """The name up to its first dot."""
        return self.name.split(".")[0] or "import"

    @cached_property
    def shape(self) -> Shape:
        """What the bytes are, by the bytes; only a table and YAML, which look like anything, are known by their name.

        Raises: EmptyDocument; DocumentError for what is none of them.
        """
        if self.plain[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
            return "zip"
        start = self.text.lstrip()[:1]
        name = self.name.lower().removesuffix(".gz")
        if not start:
            raise EmptyDocument("the file is empty", hint="an empty run proves nothing", place=self.place)
        if start == "<":
            return "xml"
        if name.endswith((".csv", ".tsv")):
            return "csv"
        if start in "{[":
            return "jsonl" if name.endswith(".jsonl") or self._many_lines() else "json"
        if name.endswith((".yaml", ".yml")):
            return "yaml"
        raise DocumentError(
            f"`{self.name}` is no JSON, JSON Lines, XML or zip file, and its name says neither `.csv` nor `.yaml`",
            hint="export the run as one of these",
            place=self.place,
        )

    def _many_lines(self) -> bool:
        lines = iter(self.text.lstrip().splitlines())
        first = next(lines, "").rstrip()
        return first.startswith("{") and first.endswith("}") and any(line.strip() for line in lines)

    @cached_property
    def document(self) -> Document:
        """The JSON or YAML document. A NaN or Infinity of JSON is read as null: no value. Raises DocumentError."""
        if self.shape == "yaml":
            return parse_yaml(self.text, self.name)
        return parse_json(strict_text(self.text), self.name)

    def rows(self) -> Iterator[Document]:
        """The documents of JSON Lines, or of a CSV or TSV table, whose cells are texts. Raises DocumentError."""
        if self.shape == "csv":
            yield from self._table()
        else:
            # One line after the other: whoever wants to know what the file is reads the first one only.
            for number, line in enumerate(io.StringIO(self.text, newline="\n"), start=1):
                if line.strip(" \t\r\n"):
                    yield parse_json(strict_text(line.rstrip("\r\n")), self.name, number)

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The columns of a table. Raises DocumentError where two have one name."""
        for cells, place in self._cells():
            named = tuple(cell.strip() for cell in cells)
            if double := next((name for name in named if named.count(name) > 1 and name), None):
                raise WrongValue(f"two columns are called `{double}`", hint="rename one", place=place)
            return named
        raise EmptyDocument("the table is empty", hint="an empty run proves nothing", place=self.place)

    def _table(self) -> Iterator[Document]:
        columns, first = self.header, True
        for cells, place in self._cells():
            if first or not any(cell.strip() for cell in cells):
                first = False
                continue
            if len(cells) != len(columns):
                message = f"{len(cells)} cells under {len(columns)} columns"
                raise WrongValue(message, hint="check the commas and the quotes", place=place)
            row = {key: cell for key, cell in zip(columns, cells, strict=True) if key and cell.strip()}
            # A cell has a line and no column of its own, so the place of the row stands for all of it.
            yield Document(self.name, row, "", _Nowhere(place), place.line or 1)

    def _cells(self) -> Iterator[tuple[list[str], Place]]:
        name = self.name.lower().removesuffix(".gz")
        if "\0" in self.text:
            line = self.text.count("\n", 0, self.text.index("\0")) + 1
            raise DocumentSyntax("a NUL byte in a table", hint="export it as UTF-8 text", place=Place(self.name, line))
        csv.field_size_limit(MAX_CELL)
        reader = csv.reader(
            io.StringIO(self.text, newline=""), strict=True, delimiter="\t" if name.endswith(".tsv") else ","
        )
        while True:
            place = Place(self.name, reader.line_num + 1)
            try:
                cells = next(reader, None)
            except csv.Error as cause:
                raise DocumentSyntax(f"not CSV: {cause}", hint="check the quotes", place=place) from cause
            if cells is None:
                return
            if cells:
                yield cells, place


class _Nowhere:
    """Places of a document of which only the line is known."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def __call__(self) -> Any:
        from interlock.core.source import Marks

        return Marks({(): self._place}, {})


def strict_text(text: str) -> str:
    """JSON of other tools as our reader takes it: hidden characters as escapes, NaN and Infinity as null.

    Both are the same value: outside a string neither kind of character may stand, and NaN is no number in JSON.

    >>> strict_text('{"a": NaN, "b": "NaN\\u2028"}')
    '{"a": null, "b": "NaN\\\\u2028"}'
    """
    if _UNSEEN.search(text):
        text = _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    if "NaN" in text or "Infinity" in text:
        text = _NO_NUMBER.sub(lambda found: found[0] if found[0].startswith('"') else "null", text)
    return text


def objects_of(
    document: Document, path: tuple[str | int, ...]
) -> list[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """The objects of a list inside a document, each with its path. Raises DocumentError for anything else."""
    value = document.value
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    if not isinstance(value, list):
        raise document.error(
            path, f"`{'.'.join(map(str, path)) or 'the document'}` is no list", hint="is the file whole?"
        )
    found: list[tuple[tuple[str | int, ...], Mapping[str, Any]]] = []
    for number, one in enumerate(value):
        if not isinstance(one, dict):
            raise document.error((*path, number), "an entry is no object", hint="is the file whole?")
        found.append(((*path, number), one))
    return found
