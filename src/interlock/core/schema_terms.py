"""What the keywords of a JSON Schema say, one by one: kinds, bounds, references, patterns."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from math import ceil, floor
from typing import Any

import jsonschema_rs

from interlock.core.instances import Schema, text_like
from interlock.core.pattern import LINEAR

EVERY = frozenset({"null", "boolean", "integer", "fraction", "string", "array", "object"})
"""The kinds of JSON values; a number is a whole one or has a fraction."""
Conjuncts = tuple[Mapping[str, Any], ...]
"""Schemas without references and `allOf`, all of which hold."""


def validator(schema: Schema) -> jsonschema_rs.Validator:
    """Raises: ValueError for a schema that is none, that refers to another document, or whose patterns are not linear."""

    def refuse(uri: str) -> Any:
        raise ValueError(f"`{uri}` lies outside the schema")

    try:
        return jsonschema_rs.validator_for(
            dict(schema) if isinstance(schema, Mapping) else schema, retriever=refuse, pattern_options=LINEAR
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as cause:
        raise ValueError(str(cause).splitlines()[0]) from cause


def kinds_of(schema: Mapping[str, Any]) -> frozenset[str]:
    """The kinds that `type` permits."""
    kind = schema.get("type")
    if kind is None:
        return EVERY
    kinds = {kind} if isinstance(kind, str) else set(kind)
    return frozenset((kinds - {"number"}) | ({"integer", "fraction"} if "number" in kinds else set()))


def limit(
    schemas: Iterable[Mapping[str, Any]], least: bool, kinds: frozenset[str]
) -> tuple[Fraction, int, str, float] | None:  # fmt: skip
    """The tightest bound of numbers: its value, how it orders among equals, its keyword and the value as written."""
    found = []
    for each in schemas:
        for key in ("minimum", "exclusiveMinimum") if least else ("maximum", "exclusiveMaximum"):
            value = each.get(key)
            if isinstance(value, int | float) and not isinstance(value, bool):
                exact, beside = Fraction(str(value)), (1 if least else -1) if key.startswith("exclusive") else 0
                if "fraction" not in kinds:  # the next whole number that it permits
                    whole = (
                        (floor(exact) + 1 if beside else ceil(exact))
                        if least
                        else (ceil(exact) - 1 if beside else floor(exact))
                    )
                    exact, beside = Fraction(whole), 0
                found.append((exact, beside, key, float(value)))
    return (max if least else min)(found, default=None)


def beyond(asked: Fraction, given: tuple[Fraction, int, str, float] | None, least: bool) -> list[Any]:
    """Numbers that are written and lie beyond what is asked."""
    side = -1 if least else 1
    found: list[Fraction] = [asked + side, asked + side * Fraction(1, 2), asked]
    if given is not None:
        found += [given[0], given[0] - side * Fraction(1, 2), (given[0] + asked) / 2]
    return [int(each) if each.denominator == 1 else float(each) for each in found]


def numbers(values: Iterable[Any]) -> list[int | float]:
    """The numbers among some values; 0 where there are none."""
    return [each for each in values if isinstance(each, int | float) and not isinstance(each, bool)] or [0]


def mappings(schemas: Iterable[Schema]) -> Conjuncts:
    """Those that are more than true or false."""
    return tuple(each for each in schemas if isinstance(each, Mapping))


def alike(one: Any, other: Any) -> bool:
    """Whether equal values are of one kind all the way down: to Python, 1 and true are equal."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(key in other and alike(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return all(map(alike, one, other))
    return True


def references(schema: Any) -> Iterator[str]:
    """Every reference in a schema."""
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key in ("$ref", "$dynamicRef", "$recursiveRef") and isinstance(value, str):
                yield value
            yield from references(value)
    elif isinstance(schema, list | tuple):
        for each in schema:
            yield from references(each)


DRAFT_7 = "draft-07"
_NEWEST = "https://json-schema.org/draft/2020-12/schema"


def dialect(root: Schema) -> str:
    """The draft in which a schema is written."""
    return str(root.get("$schema", _NEWEST)).rstrip("#") if isinstance(root, Mapping) else _NEWEST


def nested_id(schema: Any, *, top: bool = True) -> bool:
    """Whether a part of a schema has an address of its own, so that references in it mean something else."""
    if isinstance(schema, Mapping):
        own = not top and any(isinstance(schema.get(key), str) for key in ("$id", "$anchor", "$dynamicAnchor"))
        return own or any(nested_id(value, top=False) for value in schema.values())
    return isinstance(schema, list | tuple) and any(nested_id(each, top=False) for each in schema)


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern is found in a name; also true where the pattern cannot be read."""
    try:
        return validator({"type": "string", "pattern": pattern}).is_valid(name)
    except ValueError:
        return True  # it may: then its schema counts too


def like(pattern: str) -> str:
    """A name that a pattern matches; the pattern itself where none can be made."""
    try:
        return text_like(pattern)
    except ValueError:
        return pattern


def fresh(fields: Mapping[str, Any]) -> str:
    """A name that is not taken."""
    name = "other"
    while name in fields:
        name += "_"
    return name


def step(name: str) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
