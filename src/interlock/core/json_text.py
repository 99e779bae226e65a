"""Strict JSON and JSON Lines: a fast reader for what is plainly right, a careful one for the rest."""

import json
import re
from typing import Any, NoReturn

from interlock.core.digest import MAX_EXACT_INT
from interlock.core.document import Document
from interlock.core.errors import DocumentSyntax, EmptyDocument, HiddenCharacter, NumberOutOfRange, Place
from interlock.core.source import LINE_END, MAX_DEPTH, Builder, Source, fraction, integer, readable

MAX_JSON = 64_000_000
"""Bytes of a JSON text; tools write these."""

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


def parse_json(text: str, file: str, first: int = 1) -> Document:
    """Read one JSON text, as strictly as `parse_yaml` reads YAML.

    Args:
        text: at most 64 MB, nested at most 40 deep.
        file: the name that errors give.
        first: the number of the first line of `text` within its file, for a file that is read line by line.
    Raises: DocumentError for malformed text, repeated keys, NaN, infinities, integers beyond ±(2**53 - 1),
        half characters, hidden characters.
    """
    return _parse_json(readable(text, file, MAX_JSON, first))


def parse_jsonl(text: str, file: str) -> list[Document]:
    """Read JSON Lines: one document for each line that is not blank, with its line number.

    Raises: DocumentError for the first line that `parse_json` would refuse.
    """
    lines = enumerate(text.removeprefix("\ufeff").split("\n"), start=1)
    return [_parse_json(readable(line.rstrip("\r"), file, MAX_JSON, n)) for n, line in lines if line.strip(" \t\r")]


def parse_line(text: str, file: str, line: int) -> Document:
    """Read one line of JSON Lines, for files that are read line by line.

    Raises: DocumentError, with the number of the line.
    """
    return _parse_json(readable(text, file, MAX_JSON, line))


def _parse_json(source: Source) -> Document:
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


def _scan_json(source: Source) -> Builder:
    """Read JSON token by token, with the place of each; raises on the first fault."""
    builder, text, at = Builder(source), source.text, 0
    line, start = source.first, 0  # of the text up to `at`, so that a long text is walked once
    while match := _JSON_TOKEN.match(text, at):
        kind = match.lastgroup or ""
        word, offset = match[kind], match.start(kind)
        for end in LINE_END.finditer(text, at, offset):
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
            builder.add(integer(source, word, place) if whole else fraction(source, word, place), place)
        elif word in _WORDS:
            builder.add(_WORDS[word], place)
        else:
            raise source.error(NumberOutOfRange, f"`{word}` is not JSON", "write null, or a finite number", place)
    return builder
