"""What changed between two JSON Schemas, and for whom it breaks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")  # a higher number is tighter
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")  # a lower number is tighter
_PROSE = frozenset({"title", "description", "$comment", "examples", "default", "$schema", "$id", "deprecated"})
_READ = frozenset({"type", "enum", "const", "properties", "required", "items", "additionalProperties", *_LEAST, *_MOST})
_DEEPEST = 12


class Breaks(StrEnum):
    """Who cannot go on as before. Readers meet values that they did not know; writers are refused what was fine."""

    NOBODY = "nobody"
    READERS = "readers"
    WRITERS = "writers"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One change, in words."""

    text: str
    breaks: Breaks

    @property
    def breaking(self) -> bool:
        """Whether anybody must change with it."""
        return self.breaks is not Breaks.NOBODY


def schema_changes(old: Any, new: Any, at: str = "") -> list[SchemaChange]:
    """Every change between two schemas, field by field, in the order of the new one.

    Descriptions break nobody and are not listed. A keyword that is not understood here (`pattern`, `allOf`, …) is
    listed as breaking both sides when it differs: it may, and silence would say that it does not.

    Args:
        old, new: a schema as a mapping, or true or false.
        at: the path of the part compared, empty for the whole.
    """
    return list(_changes(old, new, at, 0))


def _changes(old: Any, new: Any, at: str, depth: int) -> Iterator[SchemaChange]:
    if old == new:
        return
    name = f"`{at}`" if at else "the whole"
    if not isinstance(old, Mapping) or not isinstance(new, Mapping) or depth > _DEEPEST:
        yield SchemaChange(f"{name} has another schema", Breaks.BOTH)
        return
    yield from _types(old, new, name)
    yield from _values(old, new, name)
    yield from _bounds(old, new, name)
    yield from _fields(old, new, at, depth)
    if "items" in old and "items" in new:
        yield from _changes(old["items"], new["items"], f"{at}[]", depth + 1)
    elif "items" in old or "items" in new:
        gone = "items" in old
        yield SchemaChange(
            f"the items of {name} are {'no longer' if gone else 'now'} described",
            Breaks.READERS if gone else Breaks.WRITERS,
        )
    if (was := old.get("additionalProperties", True)) != (now := new.get("additionalProperties", True)):
        side = Breaks.READERS if was is False else Breaks.WRITERS if now is False else Breaks.BOTH
        word = "open" if was is False else "closed" if now is False else "other"
        yield SchemaChange(f"{name} is {word} to further fields", side)
    for key in sorted((old.keys() | new.keys()) - _READ - _PROSE):
        if old.get(key) != new.get(key):
            word = "changed" if key in old and key in new else "was added" if key in new else "was removed"
            yield SchemaChange(f"`{key}` of {name} {word}", Breaks.BOTH)


def _types(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> Iterator[SchemaChange]:
    before, after = _type_set(old), _type_set(new)
    if before == after:
        return
    side = Breaks.READERS if before < after else Breaks.WRITERS if after < before else Breaks.BOTH
    if "integer" in before and "number" in after and before - {"integer"} <= after:
        side = Breaks.READERS
    yield SchemaChange(f"{name} changed its type: {_type_text(old)} → {_type_text(new)}", side)


_ANY = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})


def _type_set(schema: Mapping[str, Any]) -> frozenset[str]:
    kind = schema.get("type")
    return _ANY if kind is None else frozenset([kind] if isinstance(kind, str) else kind)


def _type_text(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    return "any" if kind is None else kind if isinstance(kind, str) else " or ".join(kind)


def _values(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> Iterator[SchemaChange]:
    before, after = _enum(old), _enum(new)
    if before is None and after is None:
        return
    if before is None:
        yield SchemaChange(f"{name} is now limited to {_list(after or [])}", Breaks.WRITERS)
    elif after is None:
        yield SchemaChange(f"{name} is no longer limited to {_list(before)}", Breaks.READERS)
    else:
        gained = [value for value in after if value not in before]
        lost = [value for value in before if value not in after]
        if gained:
            yield SchemaChange(f"{name} may also be {_list(gained)}", Breaks.READERS)
        if lost:
            yield SchemaChange(f"{name} may no longer be {_list(lost)}", Breaks.WRITERS)


def _enum(schema: Mapping[str, Any]) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    return list(schema["enum"]) if isinstance(schema.get("enum"), list) else None


def _list(values: list[Any]) -> str:
    return ", ".join("null" if value is None else f"`{value}`" for value in values)


def _bounds(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> Iterator[SchemaChange]:
    for key in (*_LEAST, *_MOST):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if before is None or after is None:
            tighter = before is None
        else:
            tighter = after > before if key in _LEAST else after < before
        shown = f"{'none' if before is None else before} → {'none' if after is None else after}"
        word = "tighter" if tighter else "looser"
        # A looser bound lets through values that readers never met, such as a larger amount.
        yield SchemaChange(f"`{key}` of {name} is {word}: {shown}", Breaks.WRITERS if tighter else Breaks.READERS)


def _fields(old: Mapping[str, Any], new: Mapping[str, Any], at: str, depth: int) -> Iterator[SchemaChange]:
    before, after = old.get("properties", {}), new.get("properties", {})
    asked_before, asked_after = set(old.get("required", ())), set(new.get("required", ()))
    for field in [*after, *(key for key in before if key not in after)]:
        path = f"{at}.{field}" if at else field
        if field not in before:
            asked = field in asked_after
            yield SchemaChange(
                f"field `{path}` added{', required' if asked else ''}", Breaks.WRITERS if asked else Breaks.NOBODY
            )
        elif field not in after:
            yield SchemaChange(f"field `{path}` removed", Breaks.READERS)
        else:
            if field in asked_after - asked_before:
                yield SchemaChange(f"field `{path}` is now required", Breaks.WRITERS)
            elif field in asked_before - asked_after:
                yield SchemaChange(f"field `{path}` is no longer required", Breaks.READERS)
            yield from _changes(before[field], after[field], path, depth + 1)
