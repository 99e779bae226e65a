"""Values that a JSON Schema permits, made from it: the smallest, the fullest, and one with a given value at a given place.

They are made, not proven: whoever uses one validates it.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from math import ceil
from typing import Any

_sre: Any = import_module("re._parser")
"""The parser of the standard library's patterns."""
_CLASSES = {"CATEGORY_DIGIT": "0", "CATEGORY_WORD": "a", "CATEGORY_SPACE": " "}
_SHAPED = {
    "date": "2026-01-31", "date-time": "2026-01-31T09:00:00Z", "time": "09:00:00Z", "email": "a@example.com",
    "uri": "https://example.com/a", "uuid": "00000000-0000-4000-8000-000000000000", "ipv4": "192.0.2.1", "hostname": "example.com",
}  # fmt: skip
_DEEPEST = 8
_LONGEST = 10_000
REMOVED: Any = type("Removed", (), {"__repr__": lambda _: "removed"})()
"""In the place of a value: the field is left out."""

Path = tuple[str | int, ...]
Schema = Any
"""A mapping, true or false."""


def resolved(ref: str, root: Any) -> Schema:
    """What a `$ref` into the same document names; None for any other.

    >>> resolved("#/$defs/a~1b", {"$defs": {"a/b": {"type": "null"}}})
    {'type': 'null'}
    """
    if not ref.startswith("#"):
        return None
    found = root
    for step in ref[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping) and name in found:
            found = found[name]
        elif isinstance(found, Sequence) and not isinstance(found, str) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found


def smallest(schema: Schema, root: Any, *, choice: int = 0, depth: int = 0) -> Any:
    """A value with nothing in it that may be left out.

    Args:
        choice: another one takes another value of an enumeration and another branch.

    >>> smallest({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 3}, "m": {}}}, {})
    {'n': 3}
    """
    return _made(schema, root, False, choice, depth)


def fullest(schema: Schema, root: Any, *, choice: int = 0) -> Any:
    """A value with every field that the schema names, and something in every list.

    >>> fullest({"type": "object", "properties": {"a": {"type": "array", "items": {"enum": ["x", "y"]}}}}, {}, choice=1)
    {'a': ['y']}
    """
    return _made(schema, root, True, choice, 0)


def placed(base: Any, schema: Schema, root: Any, path: Path, value: Any) -> Any:
    """A copy of a value with another one at a place; what is missing on the way there is made from the schema.

    >>> placed({"a": 1}, {"properties": {"b": {"type": "array"}}}, {}, ("b", 0), "x")
    {'a': 1, 'b': ['x']}
    >>> placed({"a": 1, "b": 2}, {}, {}, ("b",), REMOVED)
    {'a': 1}
    """
    if not path:
        return value
    step, rest = path[0], path[1:]
    flat = _flat(schema, root, 0)
    if isinstance(step, int):
        inner = flat.get("items", True)
        items = list(base) if isinstance(base, list) else []
        while len(items) <= step:
            items.append(smallest(inner, root))
        items[step] = placed(items[step], inner, root, rest, value)
        return items
    fields = dict(base) if isinstance(base, Mapping) else {}
    if not rest and value is REMOVED:
        fields.pop(step, None)
        return fields
    inner = _field(flat, step)
    fields[step] = placed(fields[step] if step in fields else smallest(inner, root), inner, root, rest, value)
    return fields


def text_like(pattern: str, choice: int = 0) -> str:
    """A text that a pattern matches; another choice takes another branch. Raises: ValueError for what is no plain pattern.

    >>> text_like("^(KB-[0-9]{3}|FF)$"), text_like("^(KB-[0-9]{3}|FF)$", 1)
    ('KB-000', 'FF')
    """
    try:
        return _text(_sre.parse(pattern), choice)
    except (_sre.error, OverflowError, RecursionError) as cause:
        raise ValueError("not a pattern that Python reads") from cause


def _text(tokens: Any, choice: int) -> str:
    return "".join(_piece(str(op), value, choice) for op, value in tokens)


def _piece(op: str, value: Any, choice: int) -> str:
    match op:
        case "LITERAL":
            return chr(value)
        case "ANY":
            return "q"
        case "NOT_LITERAL":
            return "q" if value != ord("q") else "z"
        case "AT":
            return ""
        case "IN":
            kind, first = value[0]
            if str(kind) == "NEGATE":
                return "~"
            return chr(first[0] if str(kind) == "RANGE" else first) if str(kind) != "CATEGORY" else _CLASSES.get(
                str(first), "a"
            )  # fmt: skip
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            if int(value[0]) > _LONGEST:
                raise ValueError("too long a text")
            return _text(value[2], choice) * int(value[0])
        case "SUBPATTERN":
            return _text(value[-1], choice)
        case "BRANCH":
            return _text(value[1][choice % len(value[1])], choice)
        case _:
            raise ValueError(f"no text can be made for `{op}`")


def _field(flat: Mapping[str, Any], name: str) -> Schema:
    fields = flat.get("properties", {})
    return fields[name] if name in fields else flat.get("additionalProperties", True)


def _flat(schema: Schema, root: Any, choice: int, depth: int = 0) -> dict[str, Any]:
    """One mapping of keywords: references followed, `allOf` laid together, one branch of each choice taken."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return {}
    found = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "anyOf", "oneOf")}
    more: list[Schema] = [*schema.get("allOf", ())]
    if isinstance(schema.get("$ref"), str):
        more.append(resolved(schema["$ref"], root))
    more += [branches[choice % len(branches)] for key in ("anyOf", "oneOf") if (branches := schema.get(key))]
    for each in more:
        for key, value in _flat(each, root, choice, depth + 1).items():
            if key == "properties":
                found[key] = {**found.get(key, {}), **value}
            elif key == "required":
                found[key] = list(dict.fromkeys([*found.get(key, ()), *value]))
            else:
                found[key] = value
    return found


def _made(schema: Schema, root: Any, full: bool, choice: int, depth: int) -> Any:
    flat = _flat(schema, root, choice)
    if "const" in flat:
        return flat["const"]
    if flat.get("enum"):
        return flat["enum"][choice % len(flat["enum"])]
    match _kind(flat, choice):
        case "object":
            return _object(flat, root, full, choice, depth)
        case "array":
            return _array(flat, root, full, choice, depth)
        case "integer" | "number":
            return _number(flat)
        case "boolean":
            return bool(choice % 2)
        case "null":
            return None
    return _string(flat, choice)


def _kind(flat: Mapping[str, Any], choice: int) -> str:
    kind = flat.get("type")
    if isinstance(kind, str):
        return kind
    if kind:
        return str(kind[choice % len(kind)])
    if "properties" in flat or "required" in flat:
        return "object"
    return "array" if "items" in flat or "prefixItems" in flat else "string"


def _object(flat: Mapping[str, Any], root: Any, full: bool, choice: int, depth: int) -> dict[str, Any]:
    fields = flat.get("properties", {})
    names: Iterable[str] = dict.fromkeys([*flat.get("required", ()), *(fields if full and depth < _DEEPEST else ())])
    made = {name: _made(_field(flat, name), root, full, choice, depth + 1) for name in names if depth < _DEEPEST}
    spare = [*fields, *(f"more{at}" for at in range(flat.get("minProperties", 0)))]
    for name in spare:
        if len(made) >= flat.get("minProperties", 0):
            break
        if _field(flat, name) is not False:
            made.setdefault(name, _made(_field(flat, name), root, False, choice, depth + 1))
    return made


def _array(flat: Mapping[str, Any], root: Any, full: bool, choice: int, depth: int) -> list[Any]:
    if depth >= _DEEPEST:
        return []
    first = flat.get("prefixItems", flat["items"] if isinstance(flat.get("items"), list) else ())
    rest = flat.get("items", True) if not isinstance(flat.get("items"), list) else True
    count = max(flat.get("minItems", 0), min(1, flat.get("maxItems", 1)) if full else 0)
    shapes = [*first, *[rest] * max(0, count - len(first))][:count]
    apart = flat.get("uniqueItems") is True
    return [_made(each, root, full, choice + (at if apart else 0), depth + 1) for at, each in enumerate(shapes)]


def _number(flat: Mapping[str, Any]) -> int | float:
    whole = flat.get("type") != "number"
    least, most = flat.get("minimum"), flat.get("maximum")
    if "exclusiveMinimum" in flat and (least is None or flat["exclusiveMinimum"] >= least):
        least = flat["exclusiveMinimum"] + 1
        if (top := flat.get("exclusiveMaximum", most)) is not None and least > top:
            least = (flat["exclusiveMinimum"] + top) / 2
    if most is None and "exclusiveMaximum" in flat:
        most = flat["exclusiveMaximum"] - 1
    number = least if least is not None else min(0, most) if most is not None else 0
    if step := flat.get("multipleOf"):
        number = ceil(number / step) * step
    return ceil(number) if whole else number


def _string(flat: Mapping[str, Any], choice: int) -> str:
    text = _SHAPED.get(str(flat.get("format")), "a")
    if isinstance(pattern := flat.get("pattern"), str):
        try:
            text = text_like(pattern, choice)
        except ValueError:
            return ""
    text += "a" * min(_LONGEST, max(0, flat.get("minLength", 0) - len(text)))
    made: str = text[: flat.get("maxLength", len(text))]
    return made
