"""Strict text to values that remember where they were written.

YAML and JSON readers forgive what changes the meaning of a release: `1.10` becomes `1.1`, `no` becomes false,
the second of two equal keys wins. Here each of these is an error with file, line, column and a way out.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, NamedTuple, NoReturn, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from interlock.core.digest import MAX_EXACT_INT
from interlock.core.errors import (
    AmbiguousValue,
    DocumentError,
    DocumentSyntax,
    DuplicateKey,
    EmptyDocument,
    HiddenCharacter,
    KeyNotText,
    ManyErrors,
    MissingKey,
    NumberOutOfRange,
    Place,
    TooLarge,
    UnknownKey,
    VersionNotText,
    WrongValue,
    YamlFeature,
)

Path = tuple[str | int, ...]
"""The way from the root of a document to a value: keys of mappings and indexes of lists."""

MAX_DEPTH = 40
MAX_YAML = 4_000_000
"""Bytes of a YAML text; people write these."""
MAX_JSON = 64_000_000
"""Bytes of a JSON text; tools write these."""

# Control characters other than tab and line ends, direction marks, line separators, half characters, a stray BOM.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
_LINE_END = re.compile(r"\r\n|\r|\n")


class Marks(NamedTuple):
    """Where each value and each key of a document was written."""

    values: Mapping[Path, Place]
    keys: Mapping[Path, Place]


class _Source(NamedTuple):
    """A text under its name; `first` is the number of its first line."""

    file: str
    text: str
    first: int = 1

    def place(self, offset: int) -> Place:
        line, start = self.first, 0
        for end in _LINE_END.finditer(self.text, 0, offset):
            line, start = line + 1, end.end()
        return Place(self.file, line, offset - start + 1)

    def line(self, place: Place) -> str | None:
        lines = _LINE_END.split(self.text)
        index = (place.line or 0) - self.first
        return lines[index] if 0 <= index < len(lines) else None

    def error(self, kind: type[DocumentError], message: str, hint: str, at: int | Place) -> DocumentError:
        place = self.place(at) if isinstance(at, int) else at
        return kind(message, hint=hint, place=place, source_line=self.line(place))


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
        return _Source(self.file, self.text, self.first_line).error(kind, message, hint, self.place(path, key=key))


# ── what both languages refuse ──────────────────────────────────────────────────────────────────────────────────


def _readable(text: str, file: str, limit: int, first: int = 1) -> _Source:
    """The text without its byte order mark, once it is known to be of honest size and free of hidden characters."""
    source = _Source(file, text.removeprefix("\ufeff"), first)
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


def _integer(source: _Source, digits: str, at: int | Place) -> int:
    if len(digits) > 20 or abs(int(digits)) > MAX_EXACT_INT:
        raise source.error(
            NumberOutOfRange, f"the integer `{digits[:24]}` is beyond ±(2^53 - 1)", "write it in quotes", at
        )
    return int(digits)


def _fraction(source: _Source, digits: str, at: int | Place) -> float:
    number = float(digits)
    if number - number != 0:
        raise source.error(NumberOutOfRange, f"the number `{digits[:24]}` is too large", "write it in quotes", at)
    return number


class _Builder:
    """Grows a value from a stream of starts, ends and scalars, and notes where each part lies."""

    def __init__(self, source: _Source) -> None:
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
        self._open.pop()
        self.path = self._open[-1][0] if self._open else ()

    def marks(self) -> Marks:
        return Marks(self.values, self.keys)


# ── YAML ────────────────────────────────────────────────────────────────────────────────────────────────────────

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_AMBIGUOUS = (
    (re.compile(r"(?i:yes|no|on|off|y|n|true|false)"), "a truth value to some readers", "`true` or `false`"),
    (
        re.compile(
            r"\d{4}-\d\d?-\d\d?(?:(?:[Tt]|\s+)\d\d?:\d\d(?::\d\d(?:\.\d*)?)?(?:\s*(?:Z|[-+]\d\d?(?::?\d\d)?))?)?"
        ),
        "a date to some readers",
        "",
    ),
    (re.compile(r"[-+]?\d+(?::[0-5]?\d)+(?:\.\d*)?"), "a time or a base-60 number to some readers", ""),
    (re.compile(r"[-+]?0\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)?"), "octal to some readers", "the number without zeros"),
    (re.compile(r"[-+]?0(?:[xX][\da-fA-F_]+|[oO][0-7_]+|[bB][01_]+)"), "a number to some readers", "it in decimal"),
    (re.compile(r"[-+]?\d[\d_]*_[\d_]*(?:\.\d*)?"), "a number to some readers", "the number without `_`"),
    (re.compile(r"(?i:[-+]?\.(?:inf|nan))"), "not a finite number", ""),
)


def _plain(source: _Source, text: str, place: Place) -> str | int | float | bool | None:
    """What an unquoted scalar means in the core schema of YAML 1.2, if it means one thing only."""
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return text[0] in "tT"
    if _INT.fullmatch(text):
        return _integer(source, text, place)
    if _FLOAT.fullmatch(text):
        return _fraction(source, text, place)
    for form, what, otherwise in _AMBIGUOUS:
        if form.fullmatch(text):
            hint = f'quote it: "{text}"' + (f", or write {otherwise}" if otherwise else "")
            raise source.error(AmbiguousValue, f"unquoted `{text}` is {what}", hint, place)
    return text


def parse_yaml(text: str, file: str) -> Document:
    """Read one YAML 1.2 document of plain values.

    Args:
        text: at most 4 MB, nested at most 40 deep; LF, CRLF or CR line ends.
        file: the name that errors give.
    Raises: DocumentError for anything that is malformed, hidden, repeated, or read differently by another reader.

    >>> parse_yaml('part: {version: "1.10", k: 4}', "x.yaml").value
    {'part': {'version': '1.10', 'k': 4}}
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    source = _readable(text, file, MAX_YAML)
    if (tab := source.text.find("\t")) >= 0:
        hint = "indent with spaces; inside a double-quoted string write `\\t`"
        raise source.error(HiddenCharacter, "tab character", hint, tab)
    try:
        builder = _build_yaml(source, YAML(typ="safe", pure=True).parse(source.text))
    except MarkedYAMLError as cause:
        mark = cause.problem_mark or cause.context_mark
        at = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        message = " ".join(str(cause.problem or cause.context or "not YAML").split())
        hint = "check the indentation, the quotes and the brackets; quote text that holds `: ` or ` #`"
        raise source.error(DocumentSyntax, f"not YAML: {message}", hint, at) from cause
    except (YAMLError, ValueError, LookupError, ArithmeticError, AttributeError, TypeError, AssertionError) as cause:
        # The reader has a few paths that end in a bare Python error; for the author of the file all are one fault.
        raise DocumentSyntax("not YAML", hint="check the quotes and the escapes", place=Place(file)) from cause
    return Document(file, builder.root, source.text, builder.marks)


def _build_yaml(source: _Source, events: Iterable[Any]) -> _Builder:
    from ruamel.yaml import events as ev

    builder, documents = _Builder(source), 0
    for event in events:
        place = Place(source.file, event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, ev.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise source.error(YamlFeature, "a second document in one file", "keep one `---` at most", place)
            if event.version or event.tags:
                raise source.error(YamlFeature, "a directive", "remove the line that begins with `%`", place)
        elif isinstance(event, ev.NodeEvent):
            _refuse_feature(source, event, place)
            if isinstance(event, ev.ScalarEvent):
                _add_scalar(builder, event, place)
            elif builder.wants_key:
                raise source.error(KeyNotText, "a list or a mapping as a key", "keys are text", place)
            else:
                builder.add({} if isinstance(event, ev.MappingStartEvent) else [], place)
        elif isinstance(event, ev.CollectionEndEvent):
            builder.close()
    if () not in builder.values:
        raise EmptyDocument("the document is empty", hint="write at least one key", place=Place(source.file, 1, 1))
    return builder


def _refuse_feature(source: _Source, event: Any, place: Place) -> None:
    from ruamel.yaml.events import AliasEvent

    if isinstance(event, AliasEvent):
        raise source.error(YamlFeature, f"the alias `*{event.anchor}`", "write the value out", place)
    if event.anchor is not None:
        raise source.error(YamlFeature, f"the anchor `&{event.anchor}`", "write the value out where it is used", place)
    if event.tag is not None:
        raise source.error(YamlFeature, f"the tag `{event.tag}`", "remove it; quotes make text of a value", place)


def _add_scalar(builder: _Builder, event: Any, place: Place) -> None:
    source, text = builder.source, str(event.value)
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise source.error(
            HiddenCharacter, "half of a character", "write the whole character, or `\\U` and 8 digits", place
        )
    plain = not event.style
    if builder.wants_key:
        if plain and text == "<<":
            raise source.error(YamlFeature, "the merge key `<<`", "write the keys out", place)
        if plain and not isinstance(value := _plain(source, text, place), str):
            kind = "null" if value is None else "a truth value" if isinstance(value, bool) else "a number"
            raise source.error(KeyNotText, f"the key `{text}` is {kind}", f'quote it: "{text}"', place)
        builder.key(text, place)
    elif not builder.path and plain and not text:
        raise source.error(EmptyDocument, "the document is empty", "write at least one key", place)
    else:
        builder.add(_plain(source, text, place) if plain else text, place)


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────────────────────

_JSON_TOKEN = re.compile(
    r'[ \t\r\n]*(?:(?P<mark>[{}\[\],:])|(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)'
    r"|(?P<word>-?[A-Za-z]+))"
)
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_WORDS = {"true": True, "false": False, "null": None}


class _Suspect(Exception):  # never leaves this file
    """The fast reader met something that the careful one must judge."""


def _suspicious(_: str) -> NoReturn:
    raise _Suspect


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _Suspect
    return value


def _fast_int(digits: str) -> int:
    if len(digits) > 20 or abs(value := int(digits)) > MAX_EXACT_INT:
        raise _Suspect
    return value


def _fast_float(digits: str) -> float:
    value = float(digits)
    if value - value != 0:
        raise _Suspect
    return value


_FAST = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_suspicious, parse_int=_fast_int, parse_float=_fast_float
)


def parse_json(text: str, file: str) -> Document:
    """Read one JSON text, as strictly as `parse_yaml` reads YAML.

    Args:
        text: at most 64 MB, nested at most 40 deep.
        file: the name that errors give.
    Raises: DocumentError for malformed text, repeated keys, NaN, infinities, integers beyond ±(2**53 - 1),
        half characters, hidden characters.
    """
    return _parse_json(_readable(text, file, MAX_JSON))


def parse_jsonl(text: str, file: str) -> list[Document]:
    """Read JSON Lines: one document for each line that is not blank, with its line number.

    Raises: DocumentError for the first line that `parse_json` would refuse.
    """
    lines = enumerate(text.removeprefix("\ufeff").split("\n"), start=1)
    return [_parse_json(_readable(line.rstrip("\r"), file, MAX_JSON, n)) for n, line in lines if line.strip(" \t\r")]


def _parse_json(source: _Source) -> Document:
    text = source.text
    try:
        # The fast reader takes what is plainly right; whatever it doubts is read again by the one that knows places.
        value = _FAST.decode(text)
        if _HALF.search(text) or (text.count("[") + text.count("{") > MAX_DEPTH and _deep(value)):
            value = _scan_json(source).root
    except (_Suspect, RecursionError) as cause:
        _scan_json(source)  # raises at the very place, which lies before anything that the fast reader has not seen
        raise source.error(DocumentSyntax, "not JSON", "check the numbers and the keys", 0) from cause
    except json.JSONDecodeError as cause:
        if not text.strip(" \t\r\n"):
            raise source.error(EmptyDocument, "the document is empty", "write a JSON value", 0) from cause
        hint = "check the commas, the quotes and the brackets"
        raise source.error(DocumentSyntax, f"not JSON: {cause.msg.lower()}", hint, min(cause.pos, len(text))) from cause
    return Document(source.file, value, text, lambda: _scan_json(source).marks(), source.first)


def _deep(value: Any) -> bool:
    level, depth = [value], 0
    while level := [part for part in level if isinstance(part, dict | list)]:
        depth += 1
        if depth > MAX_DEPTH:
            return True
        level = [child for part in level for child in (part.values() if isinstance(part, dict) else part)]
    return False


def _scan_json(source: _Source) -> _Builder:
    """Read JSON token by token, with the place of each; raises on the first fault."""
    builder, text, at = _Builder(source), source.text, 0
    line, start = source.first, 0  # of the text up to `at`, so that a long text is walked once
    while match := _JSON_TOKEN.match(text, at):
        kind = match.lastgroup or ""
        word, offset = match[kind], match.start(kind)
        for end in _LINE_END.finditer(text, at, offset):
            line, start = line + 1, end.end()
        at, place = match.end(), Place(source.file, line, offset - start + 1)
        if kind == "mark":
            if word in "{[":
                builder.add({} if word == "{" else [], place)
            elif word in "}]":
                builder.close()
        elif kind == "text":
            try:
                string = json.loads(word)
            except json.JSONDecodeError as cause:
                raise source.error(
                    DocumentSyntax, f"not JSON: {cause.msg.lower()}", "mend the string", place
                ) from cause
            if any("\ud800" <= char <= "\udfff" for char in string):
                raise source.error(HiddenCharacter, "half of a character", "escape both halves of the pair", place)
            if builder.wants_key:
                builder.key(string, place)
            else:
                builder.add(string, place)
        elif kind == "number":
            whole = word.removeprefix("-").isdigit()
            builder.add(_integer(source, word, place) if whole else _fraction(source, word, place), place)
        elif word in _WORDS:
            builder.add(_WORDS[word], place)
        else:
            raise source.error(NumberOutOfRange, f"`{word}` is not JSON", "write null, or a finite number", place)
    return builder


# ── models ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Strict(BaseModel):
    """The base of every file format: closed, frozen, and without conversions between types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _version(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("version_not_text", "must be a string")
    return value


Str = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
"""Text that says something."""

VersionStr = Annotated[str, BeforeValidator(_version), StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$")]
"""A version: letters, digits and `.+_-`, at most 64, always text, because 1.10 and 1.1 are one number."""

NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"
NameStr = Annotated[str, StringConstraints(pattern=NAME)]
"""A name that stands in file names, commands and signatures: lower case, digits and `._-`, at most 63."""

_STEP = "[a-z0-9][a-z0-9._-]{0,62}"
FEATURE = rf"^{_STEP}(/{_STEP})*$"
FeatureStr = Annotated[str, StringConstraints(pattern=FEATURE, max_length=200)]
"""The name of a feature: names with slashes between, like `acme/support-answers`."""

_UNSEEN = r"\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069"
LABEL = rf"^[^{_UNSEEN}]*[^\s{_UNSEEN}][^{_UNSEEN}]*$"
LabelStr = Annotated[str, StringConstraints(pattern=LABEL, max_length=200)]
"""The name of a suite, a slice or a case: one line that says something, without hidden characters, at most 200."""

_FORMS: Mapping[str, tuple[str, str]] = {
    r"\S": ("must not be blank", ""),
    NAME: (
        "must be a name",
        "begin with a lower-case letter or a digit, go on with these and `.`, `_`, `-`; at most 63 characters",
    ),
    FEATURE: (
        "must be the name of a feature",
        "lower-case letters, digits, `.`, `_` and `-`, with slashes between: `acme/support-answers`",
    ),
    LABEL: ("must be one line without hidden characters", "remove line breaks, control and direction characters"),
}
"""What each pattern asks for, and what to do."""

M = TypeVar("M", bound=BaseModel)


def decoded(content: bytes, file: str) -> str:
    """Bytes as text. Raises HiddenCharacter, with the line, for what is not UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as cause:
        line = content.count(b"\n", 0, cause.start) + 1
        raise HiddenCharacter(
            f"byte {cause.start} is not UTF-8", hint="save the file as UTF-8", place=Place(file, line)
        ) from cause


def bind(model: type[M], document: Document, at: Path = ()) -> M:
    """Make a model of a document, or of the part of it at a path.

    Args:
        model: usually a subclass of `Strict`.
        at: the path of the part, () for all of it.
    Raises: DocumentError with the place of the fault; ManyErrors, in the order of the text, when there are several.
    """
    value = document.value
    for depth, step in enumerate(at):
        try:
            value = value[step]
        except (LookupError, TypeError) as cause:
            message = f"missing key `{step}` in `{_dotted(at[:depth])}`"
            raise document.error(at[:depth], message, hint=f"add `{step}`", kind=MissingKey) from cause
    try:
        # Through JSON text, where a list may become a tuple and a string an enum, and nothing else is converted.
        return model.model_validate_json(json.dumps(value))
    except ValidationError as invalid:
        errors = list(_explain(model, document, at, value, invalid.errors(include_url=False)))
        errors.sort(key=lambda e: (e.place.line or 0, e.place.column or 0) if e.place else (0, 0))
        raise (errors[0] if len(errors) == 1 else ManyErrors(errors)) from invalid


def _explain(
    model: type[BaseModel], document: Document, at: Path, value: Any, details: list[ErrorDetails]
) -> Iterator[DocumentError]:
    found: dict[Path, list[tuple[ErrorDetails, bool]]] = {}
    for detail in details:
        path, labelled = _path(value, detail)
        found.setdefault(path, []).append((detail, labelled))
    for path, here in found.items():
        # One branch of «a mapping, or `none`» fails inside the mapping: what the other branch expected is noise.
        if all(labelled for _, labelled in here) and any(p[: len(path)] == path and p != path for p in found):
            continue
        yield _explained(model, document, at, path, [detail for detail, _ in here])


def _path(value: Any, detail: ErrorDetails) -> tuple[Path, bool]:
    """The path of an error in the document, without the names of union branches, and whether one came last."""
    path: Path = ()
    loc = detail["loc"]
    for index, step in enumerate(loc):
        last = index == len(loc) - 1
        there = isinstance(value, dict) and step in value
        if there or (isinstance(value, list) and isinstance(step, int) and step < len(value)):
            path, value = (*path, step), value[step]
        elif last and detail["type"] == "missing":
            path = (*path, step)
        elif last:
            return path, True
    return path, False


def _explained(
    model: type[BaseModel], document: Document, at: Path, path: Path, details: list[ErrorDetails]
) -> DocumentError:
    detail, name = details[0], path[-1] if path else ""
    kind, full, shown = detail["type"], (*at, *path), f"`{_dotted((*at, *path))}`"
    if kind == "extra_forbidden":
        hint = _suggest(str(name), _known_keys(model, path[:-1]), "known keys: ")
        return document.error(full, f"unknown key `{name}`", hint=hint, key=True, kind=UnknownKey)
    if kind == "missing":
        where = f" in `{_dotted(full[:-1])}`" if full[:-1] else ""
        return document.error(
            full[:-1], f"missing key `{name}`{where}", hint=f"add `{name}: …`", key=True, kind=MissingKey
        )
    if kind == "version_not_text":
        hint = f'write "{_written(document, full)}" in quotes (YAML reads 1.10 and 1.1 as the same number)'
        return document.error(full, f"{shown} must be a string", hint=hint, kind=VersionNotText)
    allowed: list[str] = []
    for other in details:
        allowed += re.findall(r"'([^']*)'", str(other.get("ctx", {}).get("expected", "")))
    got = detail["input"]
    hint = _suggest(got if isinstance(got, str) else "", allowed, "allowed: ") if allowed else ""
    form = str(detail.get("ctx", {}).get("pattern", ""))
    hint = str(detail.get("ctx", {}).get("hint", _FORMS[form][1] if form in _FORMS else hint))
    wants = dict.fromkeys(_demand(each) for each in details)
    key = detail["loc"][-1:] == ("[key]",)
    return document.error(full, f"{shown} {' or '.join(wants)}{_not(got)}", hint=hint, key=key)


def _demand(detail: ErrorDetails) -> str:
    """What was asked of a value, in our words."""
    if detail["type"] == "string_too_short" and detail.get("ctx", {}).get("min_length") == 1:
        return "must not be empty"
    if detail["type"] == "string_pattern_mismatch" and (form := _FORMS.get(str(detail.get("ctx", {}).get("pattern")))):
        return form[0]
    if detail["type"] == "multiple_of" and detail.get("ctx", {}).get("multiple_of") == 1:
        return "must be a whole number"
    text = re.sub(r"^(?:Value error, |Assertion failed, )", "", detail["msg"])
    text = re.sub(r"^\w+ should ", "must ", text).replace("'", "`")
    text = re.sub(r"an object\b|a valid dictionary\b", "a mapping", text)
    text = re.sub(r"a valid (?:array|tuple|list|set|frozenset)\b", "a list", text)
    return text.replace("a valid ", "a ").replace("a integer", "an integer")


def _not(got: object) -> str:
    """What was found instead; nothing for mappings and lists, which the source line shows."""
    if got is None or isinstance(got, bool):
        return f", not `{json.dumps(got)}`"
    if isinstance(got, int | float):
        return f", not the number `{got}`"
    return f", not `{got[:60]}`" if isinstance(got, str) and got.strip() else ""


def _suggest(word: str, known: Iterable[str], lead: str) -> str:
    from difflib import get_close_matches

    names = list(dict.fromkeys(known))
    near = get_close_matches(word, names, n=1)
    return f"did you mean `{near[0]}`?" if near else lead + ", ".join(f"`{name}`" for name in names) if names else ""


def _dotted(path: Path) -> str:
    """A path as people write it.

    >>> _dotted(("parts", "schema", "reads_stored", 0))
    'parts.schema.reads_stored[0]'
    """
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".") or "the document"


def _written(document: Document, path: Path) -> str:
    """A scalar as its author wrote it, so that 1.10 is shown as 1.10."""
    place = document.place(path)
    line = _Source(document.file, document.text, document.first_line).line(place) or ""
    word = re.match(r"[^\s,\]}#]+", line[(place.column or 1) - 1 :])
    return word[0] if word else "…"


def _known_keys(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that the models at a path have, in the order of their fields."""
    types: list[Any] = [model]
    for step in path:
        inner: list[Any] = []
        for kind in types:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                inner += [f.annotation for key, f in kind.model_fields.items() if (f.alias or key) == step]
            else:
                inner += get_args(kind)
        types = list(_alternatives(inner))
    models = [kind for kind in types if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return [field.alias or key for kind in models for key, field in kind.model_fields.items()]


def _alternatives(types: Iterable[Any]) -> Iterator[Any]:
    """The branches of unions, without their annotations."""
    for kind in types:
        if get_origin(kind) is Annotated:
            yield from _alternatives(get_args(kind)[:1])
        elif get_origin(kind) in {Union, UnionType}:
            yield from _alternatives(get_args(kind))
        else:
            yield kind
