"""A value that remembers where each part of it was written, so that an error can show the line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from interlock.core.errors import DocumentError, Place, WrongValue
from interlock.core.source import Marks, Path, Source


@dataclass(frozen=True)
class Document:
    """A value, the text that it was read from, and the place of every part of it.

    Args:
        file: the name of the text.
        value: plain dicts, lists, str, int, float, bool and None.
        text: the source, for the line under an error.
        locate: finds the places; asked once, and only when an error must be shown.
        first_line: the number of the first line of `text` within its file.
    """

    file: str
    value: Any
    text: str
    locate: Callable[[], Marks]
    first_line: int = 1

    @cached_property
    def marks(self) -> Marks:
        """Places of values and of keys."""
        return self.locate()

    @property
    def places(self) -> Mapping[Path, Place]:
        """The place of each value, by its path."""
        return self.marks.values

    def place(self, path: Path = (), *, key: bool = False) -> Place:
        """The place of a value, or of its key; of the nearest parent that is there when it is not."""
        if key and path in self.marks.keys:
            return self.marks.keys[path]
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.file, self.first_line, 1))

    def error(
        self,
        path: Path,
        message: str,
        *,
        hint: str = "",
        key: bool = False,
        kind: type[DocumentError] = WrongValue,
    ) -> DocumentError:
        """An error about the value at `path` (about its key, with `key`), ready to be raised."""
        return Source(self.file, self.text, self.first_line).error(kind, message, hint, self.place(path, key=key))
