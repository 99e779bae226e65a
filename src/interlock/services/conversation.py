"""A conversation, whoever exported it."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from interlock.core.errors import DocumentError, DocumentSyntax, Place

CUSTOMER = frozenset(
    {
        "customer",
        "user",
        "lead",
        "contact",
        "end-user",
        "end_user",
        "enduser",
        "requester",
        "client",
        "visitor",
        "human",
    }
)
AGENT = frozenset(
    {
        "agent",
        "admin",
        "assistant",
        "bot",
        "operator",
        "teammate",
        "system",
        "support",
        "staff",
        "team",
        "ai",
        "workflow",
    }
)
Refuse = Callable[[DocumentError], None]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message: who said it, customer or not, and its text as the export has it."""

    customer: bool
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation. `names` are those that the export gives to its people, `tags` what it is labelled with.

    expect: an object of the case format's `expect`, where the export brings one.
    """

    id: str
    turns: tuple[Turn, ...]
    place: Place
    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    expect: Mapping[str, Any] | None = None
    internal: int = 0


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """An export as text, unpacked when it is gzip. Raises DocumentError when it cannot be read, also while it is."""
    place = Place(str(path))
    if not path.is_file():
        raise DocumentError(f"there is no file `{path.name}`", hint="name the export", place=place)
    try:
        with path.open("rb") as start:
            packed = start.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if packed else path.open("rb") as raw:
            yield io.TextIOWrapper(raw, "utf-8-sig", newline="")
    except UnicodeDecodeError as cause:
        raise DocumentSyntax("not UTF-8", hint="export it as UTF-8", place=place) from cause
    except (EOFError, zlib.error, gzip.BadGzipFile) as cause:
        raise DocumentSyntax("the gzip file is damaged or cut off", hint="copy it again", place=place) from cause
    except OSError as cause:
        raise DocumentError(f"`{path.name}` cannot be read: {cause.strerror}", hint="check it", place=place) from cause


def people(names: Sequence[str]) -> tuple[str, ...]:
    """Names of people, each once."""
    # An address is found by its grammar; as a name it would take its provider out of every sentence.
    return tuple(dict.fromkeys(name.strip() for name in names if name.strip() and "@" not in name))
