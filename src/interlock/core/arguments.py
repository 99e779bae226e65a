"""Arguments of a proposed call: read strictly, bounded, validated, and fixed as the bytes that go on to the tool.

What is judged is read back from the canonical bytes, and what the tool gets is read from the same bytes: there is no
second reading on which judge and tool could differ.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import jsonschema_rs

from interlock.core.digest import MAX_EXACT_INT, canonical
from interlock.core.errors import DocumentError, ToolSchemaError
from interlock.core.json_text import parse_json
from interlock.core.pattern import LINEAR

MAX_ARGUMENTS = 100_000
"""Bytes of the canonical arguments of one call."""

MAX_LEVELS = 16
"""Levels of mappings and lists in each other."""

_ENCODE = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode
_OPEN = frozenset(
    {"$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "patternProperties"}
)


class Judged(NamedTuple):
    """Arguments that could be read: their canonical bytes, and the values read back from these."""

    content: bytes
    value: dict[str, Any]


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
    Judged(content=b'{"a":"x","b":1}', value={'a': 'x', 'b': 1})
    >>> read_arguments('{"a": 1, "a": 2}').code
    'arguments_malformed'
    """
    if isinstance(arguments, bytes | bytearray | str):
        if len(arguments) > MAX_ARGUMENTS:
            return _too_large()
        try:
            text = arguments if isinstance(arguments, str) else bytes(arguments).decode()
            arguments = parse_json(text, "arguments").value
        except UnicodeDecodeError:
            return Unread("arguments_malformed", "the arguments are not UTF-8")
        except DocumentError as fault:
            return Unread("arguments_malformed", f"the arguments are not strict JSON: {fault.message}")
    if not isinstance(arguments, Mapping):
        return Unread("arguments_malformed", "the arguments are not a mapping")
    value = arguments if type(arguments) is dict else dict(arguments)
    if not _bounded(value):
        return _too_large()
    try:
        content = canonical_bytes(value)
    except (DocumentError, TypeError, ValueError, RecursionError) as fault:
        return Unread("arguments_malformed", f"the arguments are not plain JSON: {str(fault)[:200]}")
    if len(content) > MAX_ARGUMENTS:
        return _too_large()
    return Judged(content, json.loads(content))


def _too_large() -> Unread:
    return Unread("arguments_too_large", f"more than {MAX_ARGUMENTS} bytes or {MAX_LEVELS} levels")


def _bounded(value: dict[str, Any]) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_LEVELS):
        level = [
            child
            for part in level
            for child in (part.values() if isinstance(part, dict) else part)
            if isinstance(child, dict | list | tuple)
        ]
        if not level:
            return True
        if len(level) > MAX_ARGUMENTS:
            return False
    return False


def canonical_bytes(value: dict[str, Any]) -> bytes:
    """Canonical JSON (RFC 8785), by the C encoder where both write the same.

    The two differ for floats, for keys outside ASCII (the order of UTF-16) and for what JSON does not know.

    Raises: NotCanonical.
    """
    return _ENCODE(value).encode() if _plain(value) else canonical(value)


def _plain(value: Any) -> bool:
    kind = type(value)
    if kind is str:
        return True
    if kind is int:
        return bool(-MAX_EXACT_INT <= value <= MAX_EXACT_INT)
    if kind is bool or value is None:
        return True
    if kind is dict:
        for key, child in value.items():
            if not (type(key) is str and key.isascii()):
                return False
            if type(child) is not str and not _plain(child):
                return False
        return True
    return bool(kind is list and all(_plain(child) for child in value))


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
