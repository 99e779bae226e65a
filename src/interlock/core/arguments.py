"""Arguments of a proposed call: read strictly, bounded, validated, and fixed as the bytes that go on to the tool.

What is judged is read back from the canonical bytes, and what the tool gets is read from the same bytes: there is no
second reading on which judge and tool could differ.
"""

import json
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring as _quoted
from typing import Any, NamedTuple, NoReturn

import jsonschema_rs

from interlock.core.digest import MAX_EXACT_INT, canonical
from interlock.core.errors import DocumentError, ToolSchemaError
from interlock.core.pattern import LINEAR

MAX_ARGUMENTS = 100_000
"""Bytes of the canonical arguments of one call."""

MAX_LEVELS = 16
"""Levels of mappings and lists in each other."""

_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
_OPEN = frozenset(
    {"$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "patternProperties"}
)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key is written twice in one mapping")
    return value


def _not_finite(word: str) -> NoReturn:
    raise ValueError(f"`{word}` is not JSON")


def _fraction(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise ValueError("a number that is too large")
    return number


_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_not_finite, parse_float=_fraction)
"""Not `parse_json`: a reply may well hold direction marks, in a text that goes on as it is."""


class Judged(NamedTuple):
    """Arguments that could be read: their canonical bytes, the values read back from these, and the bytes by argument."""

    content: bytes
    value: dict[str, Any]
    parts: Mapping[str, str]


class Unread(NamedTuple):
    """Arguments that could not be read, and why: a stable code and a sentence."""

    code: str
    why: str


def read_arguments(arguments: object) -> Judged | Unread:
    """Fix the arguments of a call.

    Args:
        arguments: a mapping of plain JSON values, or its JSON text (or UTF-8 bytes) as a model wrote it.
    Returns: the bytes and values to judge; `arguments_malformed` for what is not strict JSON (repeated keys, numbers
        that are not finite, half characters), `arguments_too_large` beyond 100 kB or 16 levels.

    >>> read_arguments('{"b": 1.0, "a": "x"}')
    Judged(content=b'{"a":"x","b":1}', value={'a': 'x', 'b': 1}, parts={'a': '"x"', 'b': '1'})
    >>> read_arguments('{"a": 1, "a": 2}').code
    'arguments_malformed'
    """
    if type(arguments) is not dict and isinstance(arguments, bytes | bytearray | str):
        if len(arguments) > MAX_ARGUMENTS:
            return _too_large()
        try:
            arguments = _STRICT.decode(arguments if isinstance(arguments, str) else bytes(arguments).decode())
        except (ValueError, RecursionError) as fault:  # also what is not UTF-8
            return Unread("arguments_malformed", f"the arguments are not strict JSON: {str(fault)[:200]}")
    if type(arguments) is not dict and not isinstance(arguments, Mapping):
        return Unread("arguments_malformed", "the arguments are not a mapping")
    try:
        parts, value = _parts(arguments)
        text = "{" + ",".join([f"{_quoted(name)}:{part}" for name, part in parts.items()]) + "}"
        content = text.encode()
    except (DocumentError, TypeError, ValueError, RecursionError) as fault:
        return Unread("arguments_malformed", f"the arguments are not plain JSON: {str(fault)[:200]}")
    except _Deep:
        return _too_large()
    if len(content) > MAX_ARGUMENTS:
        return _too_large()
    # Text, integers and nothing come back from their canonical bytes as themselves; anything else is read back from them.
    return Judged(content, _scan(text, 0)[0] if value is None else value, parts)


def _too_large() -> Unread:
    return Unread("arguments_too_large", f"more than {MAX_ARGUMENTS} bytes or {MAX_LEVELS} levels")


class _Deep(Exception):  # never leaves this file
    """More levels than any honest call has."""


def _parts(arguments: Mapping[Any, Any]) -> tuple[dict[str, str], dict[str, Any] | None]:
    """Each argument in canonical JSON, in the order of the names; and the values, where all are text, integers or nothing."""
    parts: dict[str, str] = {}
    values: dict[str, Any] = {}
    plain = True
    for name in _ordered(arguments):
        value = values[name] = arguments[name]  # asked for once: the next answer might be another one
        kind = type(value)
        if kind is str:
            parts[name] = _quoted(value)
        else:
            plain = plain and (kind is int or value is None)
            parts[name] = _written(value, 1)
    return parts, values if plain else None


def _ordered(value: Mapping[Any, Any]) -> list[str]:
    """The keys in the order of RFC 8785: by UTF-16, which in ASCII is the order of Python. Raises TypeError."""
    for name in value:
        if type(name) is not str:
            raise TypeError("a key is not text")
        if not name.isascii():
            return sorted(value, key=lambda key: str(key).encode("utf-16-be"))
    return sorted(value)


def _written(value: Any, level: int) -> str:
    """Canonical JSON (RFC 8785). The same as `digest.canonical`, which is asked for fractions; ten times as fast."""
    kind = type(value)
    if kind is str:
        return _quoted(value)
    if kind is int:
        if not -MAX_EXACT_INT <= value <= MAX_EXACT_INT:
            raise ValueError("an integer beyond ±(2^53 - 1)")
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if value is None:
        return "null"
    if kind is float and MAX_EXACT_INT < abs(value) < 1e21:  # would be written as an integer that is not exact
        raise ValueError("a number beyond ±(2^53 - 1)")
    if level >= MAX_LEVELS:
        raise _Deep
    if kind is list or kind is tuple:
        return "[" + ",".join([_written(child, level + 1) for child in value]) + "]"
    if kind is dict:
        return "{" + ",".join([f"{_quoted(name)}:{_written(value[name], level + 1)}" for name in _ordered(value)]) + "}"
    return canonical(value).decode()


def canonical_text(value: Mapping[str, Any]) -> str:
    """Canonical JSON of a mapping of plain values; see `_written`.

    >>> canonical_text({"b": 1.0, "a": ["ä", None]})
    '{"a":["ä",null],"b":1}'
    """
    return _written(dict(value), 0)


# ── schemas ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _refuse(uri: str) -> Any:
    raise ValueError(f"`{uri}` is outside the schema, and nothing is fetched")


def closed(schema: Any, *, root: bool = True) -> Any:
    """A schema in which objects take no keys that they do not name, unless it says otherwise itself.

    An object that is put together from several schemas is left as it is, because no one of these knows all keys; so
    is one inside that names no keys at all, which is a free mapping.

    >>> closed({"type": "object", "properties": {"a": {"type": "string"}}})["additionalProperties"]
    False
    """
    if not isinstance(schema, dict):
        return schema
    made = {key: _closed_at(key, part, "properties" in schema) for key, part in schema.items()}
    if (
        (root or (made.get("type") == "object" and "properties" in made))
        and not {"additionalProperties", "unevaluatedProperties"} & made.keys()
        and not _OPEN & made.keys()
    ):
        made["additionalProperties"] = False
    return made


def _closed_at(key: str, part: Any, partial: bool) -> Any:
    if key in {"properties", "$defs", "definitions"} and isinstance(part, dict):
        return {name: closed(child, root=False) for name, child in part.items()}
    if key in {"anyOf", "oneOf"} and isinstance(part, list) and not partial:
        return [closed(child, root=False) for child in part]
    return closed(part, root=False) if key == "items" else part


def compile_schema(schema: Mapping[str, Any], tool: str) -> jsonschema_rs.Validator:
    """A validator of one tool's arguments: closed, without the network, in linear time.

    Raises: ToolSchemaError for what is no JSON Schema, refers outside itself, or has a pattern that could hang.
    """
    try:
        return jsonschema_rs.validator_for(closed(dict(schema)), retriever=_refuse, pattern_options=LINEAR)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, RecursionError) as cause:
        what = str(cause).strip().splitlines()[0][:200]
        raise ToolSchemaError(
            f"the input schema of `{tool}` cannot be used: {what}",
            hint="refer only inside the schema, and use patterns without look-around and back-references",
        ) from cause


def schema_faults(validator: jsonschema_rs.Validator, value: dict[str, Any], most: int = 5) -> tuple[str, ...]:
    """Where arguments break their schema: JSON pointers and keywords, never the values."""
    found: list[str] = []
    for fault in validator.iter_errors(value):
        pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in fault.instance_path)
        found.append(f"{pointer or '/'}: {fault.kind.name}")
        if len(found) == most:
            break
    return tuple(found)
