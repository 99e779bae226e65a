"""Two JSON Schemas, and what each says at one place: the parts that all hold there, its fields, its items, and samples of it."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.core.instances import Schema, fullest, resolved, smallest
from interlock.core.schema_terms import (
    DRAFT_7,
    EVERY,
    Conjuncts,
    alike,
    dialect,
    kinds_of,
    mappings,
    matches,
    numbers,
    references,
    validator,
)  # fmt: skip

WHOLE = frozenset({"unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"})
"""Keywords that mean something only together with all of their schema."""
DEEPEST = 24
"""Levels of schemas in each other that are followed."""


@dataclass
class Pair:
    """What a writer's schema and a reader's say; a conjunction is a list of schemas that all hold."""

    writer: Schema
    reader: Schema

    def _conjuncts(self, schemas: Iterable[Schema]) -> Conjuncts | None:
        """Mappings without references and `allOf` that all hold; None where nothing can. What cannot be found holds nothing."""
        found: list[Mapping[str, Any]] = []
        for schema in schemas:
            for part, _ in self._parts(schema, "", self.writer, 0) or ():
                if part is False:
                    return None
                if isinstance(part, Mapping):
                    # Apart from the rest of its schema such a keyword would refuse what is written.
                    kept = {k: v for k, v in part.items() if k not in WHOLE} if WHOLE & part.keys() else part
                    if not any(kept == other and alike(kept, other) for other in found):
                        found.append(kept)
        return tuple(found)

    def _parts(self, schema: Schema, at: str, root: Schema, depth: int) -> list[tuple[Schema, str]] | None:
        """A schema as parts that all hold, with their places; None where a reference leads nowhere."""
        if not isinstance(schema, Mapping):
            return [(schema, at)]
        if "$ref" not in schema and "allOf" not in schema:
            return [(schema, at)]
        if depth > DEEPEST:
            return None
        found: list[tuple[Schema, str]] = []
        rest = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
        if isinstance(ref := schema.get("$ref"), str):
            inner = resolved(ref, root)
            parts = None if inner is None else self._parts(inner, ref[1:], root, depth + 1)
            if parts is None:
                return None
            found += parts
            if DRAFT_7 in dialect(root):
                return found  # there a reference stands alone
        if rest:
            found.append((rest, at))
        for index, each in enumerate(schema.get("allOf", ())):
            parts = self._parts(each, f"{at}/allOf/{index}", root, depth + 1)
            if parts is None:
                return None
            found += parts
        return found

    def _same(self, written: Schema, read: Schema) -> bool:
        """Whether both are written alike and mean the same."""
        if written != read or not alike(written, read):
            return False
        text = json.dumps(read, default=str)
        if '"$ref"' not in text and '"$dynamicRef"' not in text and '"$recursiveRef"' not in text:
            return True
        if not isinstance(self.writer, Mapping) or not isinstance(self.reader, Mapping):
            return False
        same = all(self.writer.get(key) == self.reader.get(key) for key in ("$defs", "definitions"))
        return same and all(ref.startswith(("#/$defs/", "#/definitions/")) for ref in references(read))

    def _kinds(self, ws: Conjuncts) -> frozenset[str]:
        found = EVERY
        for each in ws:
            found &= kinds_of(each)
        return found

    def _accepts(self, schema: Schema, root: Schema) -> Callable[[Any], bool] | None:
        """A validator of one part of a schema; None where it cannot stand alone."""
        if not all(ref.startswith(("#/$defs/", "#/definitions/")) for ref in references(schema)):
            return None
        around = {
            key: root[key] for key in ("$schema", "$defs", "definitions") if isinstance(root, Mapping) and key in root
        }
        try:
            return validator({**around, "allOf": [schema]}).is_valid
        except ValueError:
            return None

    def _samples(self, ws: Sequence[Schema], kind: str = "") -> list[Any]:
        """Values that may well be written, of one kind or of any."""
        schema: dict[str, Any] = {"allOf": list(ws)}
        if kind:
            schema["allOf"] = [*schema["allOf"], {"type": "number" if kind == "fraction" else kind}]
        made = [smallest(schema, self.writer, choice=at) for at in range(4)] + [fullest(schema, self.writer)]
        if kind == "fraction":
            made = [number + more for number in numbers(made) for more in (0.5, 0.25)]
        if not kind:
            made += [each for one in sorted(self._kinds(mappings(ws))) for each in self._samples(ws, one)[:2]]
        found: list[Any] = []
        for each in made:
            if not any(each is other or (each == other and alike(each, other)) for other in found):
                found.append(each)
        return found

    def _named(self, ws: Conjuncts) -> list[str]:
        return list(dict.fromkeys(name for w in ws for name in self._names(w, 0)))

    def _names(self, schema: Schema, depth: int) -> Iterator[str]:
        """The fields that a schema names, also under conditions and in branches."""
        if isinstance(schema, Mapping) and depth <= DEEPEST:
            yield from schema.get("properties", ())
            yield from schema.get("required", ())
            inner = [schema[key] for key in ("if", "then", "else") if key in schema]
            inner += [each for key in ("allOf", "anyOf", "oneOf") for each in schema.get(key, ())]
            inner += schema.get("dependentSchemas", {}).values()
            if isinstance(ref := schema.get("$ref"), str):
                inner.append(resolved(ref, self.writer))
            for each in inner:
                yield from self._names(each, depth + 1)

    def _open(self, ws: Conjuncts) -> tuple[Schema, ...] | None:
        """What fields that are not named are written as; None where there are none."""
        said = [w["additionalProperties"] for w in ws if "additionalProperties" in w]
        if False in [each for each in said if isinstance(each, bool)]:
            return None if not any(w.get("patternProperties") for w in ws) else (True,)
        if said or any("patternProperties" in w for w in ws):
            return tuple(said) or (True,)
        return None if any("properties" in w for w in ws) else (True,)

    def _field(self, ws: Conjuncts, name: str) -> tuple[Schema, ...]:
        """Every schema that a field of this name is written under."""
        found: list[Schema] = []
        for w in ws:
            known = name in w.get("properties", {})
            if known:
                found.append(w["properties"][name])
            for pattern, schema in w.get("patternProperties", {}).items():
                if matches(pattern, name):
                    known = True
                    found.append(schema)
            if not known and "additionalProperties" in w:
                found.append(w["additionalProperties"])
        return tuple(found) or (True,)

    def _item(self, ws: Conjuncts) -> tuple[Schema, ...]:
        return tuple(w["items"] for w in ws if isinstance(w.get("items"), Mapping | bool)) or (True,)

    def _apart(self, ws: Conjuncts, branch: Schema) -> bool:
        """Whether surely nothing that is written is taken by a branch: another kind, or another value of a field."""
        parts = self._parts(branch, "", self.reader, 0)
        for part, _ in parts or ():
            if part is False:
                return True
            if not isinstance(part, Mapping):
                continue
            if not self._kinds(ws) & kinds_of(part):
                return True
            if self._kinds(ws) != {"object"}:
                continue
            for name, schema in part.get("properties", {}).items():
                if any(name in w.get("required", ()) for w in ws):
                    field_ws, taken = self._conjuncts(self._field(ws, name)), self._accepts(schema, self.reader)
                    values = None if field_ws is None else few(field_ws)
                    if values is not None and taken is not None and not any(map(taken, values)):
                        return True
        return False


def few(ws: Conjuncts) -> list[Any] | None:
    """The values that are listed; None where none are."""
    for each in ws:
        if "const" in each:
            return [each["const"]]
        if isinstance(each.get("enum"), list):
            return list(each["enum"])
    return None
