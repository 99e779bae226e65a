"""Mutants of the output schema: a field dropped, an enumeration widened, a required field no longer required."""

from collections.abc import Iterator, Mapping
from typing import Any

from interlock.core.manifest import Part
from interlock.core.mutation import Mutant, by_chance
from interlock.services.mutant_files import read_value, written
from interlock.services.parts import Loaded

STRANGE = "interlock_other"
"""A value that no enumeration declares."""


def mutate_schema(loaded: Loaded) -> Iterator[Mutant]:
    """One change of the top level of the output schema each."""
    path = loaded.bundle.components[Part.SCHEMA].spec["output"]
    schema = read_value(loaded, path)
    fields = schema.get("properties")
    if not isinstance(fields, Mapping):
        return
    required = [name for name in schema.get("required", ()) if name in fields]
    for name in by_chance(fields):
        left = {key: value for key, value in fields.items() if key != name}
        changed = {**schema, "properties": left, "required": [key for key in required if key != name]}
        yield _mutant(
            path, changed, "field dropped", name,
            f"`{name}` is no longer a field of {path}", f"a reply that carries `{name}`",
        )  # fmt: skip
    for name in by_chance(name for name, field in fields.items() if _values(field)):
        widened = {**fields[name], "enum": [*_values(fields[name]), STRANGE]}
        yield _mutant(
            path, {**schema, "properties": {**fields, name: widened}}, "enum widened", name,
            f"`{name}` may also be `{STRANGE}`", f"each value that `{name}` may have, named in `covers`",
        )  # fmt: skip
    for name in by_chance(required):
        changed = {**schema, "required": [key for key in required if key != name]}
        yield _mutant(
            path, changed, "required removed", name,
            f"`{name}` may be left out", f"a model output without `{name}`, which must take the safe path",
        )  # fmt: skip


def _values(field: Any) -> list[Any]:
    values = field.get("enum") if isinstance(field, Mapping) else None
    return values if isinstance(values, list) else []


def _mutant(path: str, schema: Mapping[str, Any], kind: str, name: str, what: str, behaviour: str) -> Mutant:
    id = f"schema/{kind.replace(' ', '-')}/{name}"
    expect = {"outcome": "answer", "facts": ["what the reply must say"]}
    return Mutant(id, Part.SCHEMA, kind, what, behaviour, {path: written(schema)}, expect, f"schema:{name}")
