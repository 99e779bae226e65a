"""Strict YAML: one plain document, where every unquoted word means one thing to every reader."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from interlock.core.document import Document
from interlock.core.errors import (
    AmbiguousValue,
    DocumentSyntax,
    EmptyDocument,
    HiddenCharacter,
    InterlockError,
    KeyNotText,
    Place,
    YamlFeature,
)
from interlock.core.source import Builder, Source, fraction, integer, readable

MAX_YAML = 4_000_000
"""Bytes of a YAML text; people write these."""

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


_TRUTHS = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})


def _plain(source: Source, text: str, place: Place) -> str | int | float | bool | None:
    """What an unquoted scalar means in the core schema of YAML 1.2, if it means one thing only."""
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return text[0] in "tT"
    if _INT.fullmatch(text):
        return integer(source, text, place)
    if _FLOAT.fullmatch(text):
        return fraction(source, text, place)
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

    The same text under the same name is the same document, and is read once: nobody changes the value of a document.

    >>> parse_yaml('part: {version: "1.10", k: 4}', "x.yaml").value
    {'part': {'version': '1.10', 'k': 4}}
    """
    return _parsed(text, file)


@lru_cache(maxsize=64)
def _parsed(text: str, file: str) -> Document:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    source = readable(text, file, MAX_YAML)
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


def parse_rendered(text: str, file: str) -> Any:
    """The value of a text that a program rendered, as JSON, as YAML or as Python writes mappings; None when it is none.

    Looser than `parse_yaml` in one point: an unquoted word that readers disagree about, such as a date, is text. What
    is repeated, aliased, tagged or hidden still makes the whole text no document.

    >>> parse_rendered("- id: 7\\n  on: 2026-01-02", "x")
    [{'id': 7, 'on': '2026-01-02'}]
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        source = readable(text, file, MAX_YAML)
        return _build_yaml(source, YAML(typ="safe", pure=True).parse(source.text), loose=True).root
    except (InterlockError, YAMLError, ValueError, LookupError, ArithmeticError, AttributeError, TypeError,
            AssertionError, RecursionError):  # fmt: skip
        return None


def _build_yaml(source: Source, events: Iterable[Any], *, loose: bool = False) -> Builder:
    from ruamel.yaml import events as ev

    builder, documents = Builder(source), 0
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
                _add_scalar(builder, event, place, loose)
            elif builder.wants_key:
                raise source.error(KeyNotText, "a list or a mapping as a key", "keys are text", place)
            else:
                builder.add({} if isinstance(event, ev.MappingStartEvent) else [], place)
        elif isinstance(event, ev.CollectionEndEvent):
            builder.close()
    if () not in builder.values:
        raise EmptyDocument("the document is empty", hint="write at least one key", place=Place(source.file, 1, 1))
    return builder


def _refuse_feature(source: Source, event: Any, place: Place) -> None:
    from ruamel.yaml.events import AliasEvent

    if isinstance(event, AliasEvent):
        raise source.error(YamlFeature, f"the alias `*{event.anchor}`", "write the value out", place)
    if event.anchor is not None:
        raise source.error(YamlFeature, f"the anchor `&{event.anchor}`", "write the value out where it is used", place)
    if event.tag is not None:
        raise source.error(YamlFeature, f"the tag `{event.tag}`", "remove it; quotes make text of a value", place)


def _add_scalar(builder: Builder, event: Any, place: Place, loose: bool = False) -> None:
    source, text = builder.source, str(event.value)
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise source.error(
            HiddenCharacter, "half of a character", "write the whole character, or `\\U` and 8 digits", place
        )
    plain = not event.style
    if plain and loose and any(form.fullmatch(text) for form, _, _ in _AMBIGUOUS) and text not in _TRUTHS:
        plain = False
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
