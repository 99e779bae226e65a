"""Two JSON Schemas walked together: where may one permit what the other refuses? Sound and not complete.

After Habib, Shinnar, Hirzel and Pradel, «Finding data compatibility bugs with JSON subschema checking» (ISSTA 2021). Without a
doubt, everything that is written can be read; a doubt comes with values that may prove it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from interlock.core.instances import REMOVED, Path, Schema, fullest, resolved, smallest
from interlock.core.schema_terms import (
    DRAFT_7,
    EVERY,
    Conjuncts,
    alike,
    beyond,
    dialect,
    fresh,
    kinds_of,
    like,
    limit,
    mappings,
    matches,
    numbers,
    references,
    step,
    validator,
)  # fmt: skip

_COUNTS = {  # keyword: the kind that it bounds, and whether it is the least
    "minLength": ("string", True), "maxLength": ("string", False), "minItems": ("array", True), "maxItems": ("array", False),
    "minProperties": ("object", True), "maxProperties": ("object", False),
}  # fmt: skip
_ALONE: Mapping[str, frozenset[str]] = {
    "not": EVERY, "pattern": frozenset({"string"}), "format": frozenset({"string"}),
    "uniqueItems": frozenset({"array"}), "multipleOf": frozenset({"integer", "fraction"}), "propertyNames": frozenset({"object"}),
    "dependentRequired": frozenset({"object"}), "dependentSchemas": frozenset({"object"}), "dependencies": frozenset({"object"}),
}  # fmt: skip
"""Keywords that mean the same wherever they stand: where the writer has the very same, they hold. The kinds that they bind."""
_WHOLE = frozenset({"unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"})
"""Keywords that mean something only together with all of their schema."""
_DEEPEST = 24
_SPLITS = 32


@dataclass(frozen=True, slots=True)
class Doubt:
    """A place where something may be written that cannot be read.

    pointer: to the keyword of the reader's schema. path: of the place in a value. values: what to put there to prove it.
    """

    pointer: str
    why: str
    path: Path
    values: tuple[Any, ...]


@dataclass
class Comparison:
    """Walks both schemas together, and keeps what it doubts."""

    writer: Schema
    reader: Schema
    doubts: list[Doubt] = field(default_factory=list)
    _under_way: set[tuple[tuple[int, ...], int]] = field(default_factory=set)

    def compare(self, written: Iterable[Schema], read: Schema, path: Path, at: str, depth: int) -> None:
        """Doubt whatever the conjunction of the written schemas may permit and the read one may not."""
        ws = self._conjuncts(written)
        if ws is None or read is True or read == {}:
            return  # nothing is written there, or everything is read
        key = (tuple(map(id, ws)), id(read))
        if key in self._under_way:
            return  # INVARIANT: a finite value cannot break a recursive schema only below itself
        self._under_way.add(key)
        try:
            self._split(ws, read, path, at, depth)
        finally:
            self._under_way.discard(key)

    def _split(self, ws: Conjuncts, read: Schema, path: Path, at: str, depth: int) -> None:
        if any(self._same(each, read) for each in ws):
            return
        if read is False:
            self._doubt(at, "nothing may stand here", path, self._samples(ws))
            return
        if depth > _DEEPEST:
            self._doubt(at, "is too deep to compare", path, self._samples(ws))
            return
        whole = self._reading(read, at)
        if whole is None:
            self._doubt(at, "refers to something that is not in the schema", path, self._samples(ws))
            return
        for part, where in whole:
            if part is False:
                self._doubt(where, "nothing may stand here", path, self._samples(ws))
            elif part is not True and not any(self._same(each, part) for each in ws):
                self._by_alternative(ws, part, path, where, depth)

    def _by_alternative(self, ws: Conjuncts, part: Mapping[str, Any], path: Path, at: str, depth: int) -> None:
        """Each alternative of the writer by itself: their union is what is written."""
        if any(self._same(each, part) for each in ws):
            return
        holds = {
            key for key in ("anyOf", "oneOf") if key in part and any(self._same(w.get(key), part[key]) for w in ws)
        }
        rest = {key: value for key, value in part.items() if key not in holds}
        for index, each in enumerate(ws):
            for key in ("anyOf", "oneOf"):
                if 0 < len(branches := each.get(key) or ()) <= _SPLITS and depth <= _DEEPEST:
                    left = {name: value for name, value in each.items() if name != key}
                    for branch in branches:
                        more = self._conjuncts((*ws[:index], left, branch, *ws[index + 1 :]))
                        if more is not None:
                            self._by_alternative(more, rest, path, at, depth + 2)
                    return
        self._keywords(ws, rest, path, at, depth)

    # ── one schema of the reader, without references and `allOf`, against a conjunction

    def _keywords(self, ws: Conjuncts, r: Mapping[str, Any], path: Path, at: str, depth: int) -> None:
        kinds = self._kinds(ws)
        if not kinds or self._listed(ws, r, kinds, path, at):
            return
        asked = kinds_of(r)
        if lost := sorted(kinds - asked):
            found = [each for kind in lost for each in self._samples(ws, kind)]
            self._doubt(f"{at}/type", f"takes no {' and no '.join(lost)}", path, found)
        kinds &= asked
        for key in ("const", "enum"):
            if key in r:
                listed = [r[key]] if key == "const" else r[key]
                made = self._samples(ws)
                made += [each + "a" for each in made if isinstance(each, str)] + [each + 1 for each in numbers(made)]
                found = [each for each in made if each not in listed]
                self._doubt(f"{at}/{key}", "takes listed values only", path, found)
        self._bounds(ws, r, kinds, path, at)
        for key, bound in _ALONE.items():
            if key in r and kinds & bound and not any(key in w and self._same(w[key], r[key]) for w in ws):
                self._alone(ws, r, key, path, at)
        for key in ("anyOf", "oneOf"):
            if key in r:
                self._some(ws, r[key], path, f"{at}/{key}", depth, one=key == "oneOf")
        if "if" in r:
            self._conditional(ws, r, path, at, depth)
        if "contains" in r and "array" in kinds and not any(
            all(self._same(w.get(key), r.get(key)) for key in ("contains", "minContains", "maxContains")) for w in ws
        ):  # fmt: skip
            self._doubt(f"{at}/contains", "is another one", path, self._samples(ws))
        if found := sorted(_WHOLE & r.keys()):
            self._doubt(f"{at}/{found[0]}", "cannot be compared", path, self._samples(ws))
        if "object" in kinds:
            self._fields(ws, r, path, at, depth)
        if "array" in kinds:
            self._items(ws, r, path, at, depth)

    def _listed(self, ws: Conjuncts, r: Mapping[str, Any], kinds: frozenset[str], path: Path, at: str) -> bool:
        """Decide exactly where only a few values are written. Returns: whether it was decided."""
        values = _few(ws)
        if values is None and kinds <= {"null", "boolean"}:
            values = [None] * ("null" in kinds) + [False, True] * ("boolean" in kinds)
        if values is None:
            return False
        written, taken = self._accepts({"allOf": list(ws)}, self.writer), self._accepts(r, self.reader)
        if written is None or taken is None:
            return False
        lost = [value for value in values if written(value) and not taken(value)]
        if lost:
            shown = ", ".join(f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`" for value in lost)
            self._doubt(at, f"does not take {shown}", path, lost)
        return True

    def _bounds(self, ws: Conjuncts, r: Mapping[str, Any], kinds: frozenset[str], path: Path, at: str) -> None:
        if kinds & {"integer", "fraction"}:
            for least in (True, False):
                asked, given = limit([r], least, kinds), limit(ws, least, kinds)
                if asked is not None and (given is None or (given[:2] < asked[:2] if least else given[:2] > asked[:2])):
                    word = "at least" if least else "at most"
                    why = f"takes {word} {asked[3]:g}, {'anything' if given is None else f'{given[3]:g}'} is written"
                    self._doubt(f"{at}/{asked[2]}", why, path, beyond(asked[0], given, least))
        for key, (kind, least) in _COUNTS.items():
            if key in r and kind in kinds:
                given_n = self._count(ws, key, least)
                if given_n is None or (given_n < r[key] if least else given_n > r[key]):
                    word = "at least" if least else "at most"
                    why = f"takes {word} {r[key]}, {'any number' if given_n is None else given_n} may be written"
                    found = self._sized(ws, kind, r[key] - 1 if least else r[key] + 1, given_n)
                    self._doubt(f"{at}/{key}", why, path, found)

    def _count(self, ws: Conjuncts, key: str, least: bool) -> int | None:
        found = [int(w[key]) for w in ws if key in w]
        if key == "minProperties":
            found.append(len({name for w in ws for name in w.get("required", ())}))
        if key == "maxProperties" and self._open(ws) is None:
            found.append(len(self._named(ws)))
        if least:
            return max(found, default=0)
        return min(found, default=None)

    def _sized(self, ws: Conjuncts, kind: str, size: int, given: int | None) -> list[Any]:
        sizes = [each for each in dict.fromkeys((size, given)) if each is not None and 0 <= each <= 20_000]
        flat: dict[str, Any] = {"allOf": list(ws), "type": kind}
        if kind == "string":
            texts = [each for each in self._samples(ws, "string") if isinstance(each, str)]
            padded = [text + "a" * (n - len(text)) if len(text) <= n else text[:n] for n in sizes for text in texts]
            return [*padded, *("a" * n for n in sizes), *("0" * n for n in sizes)]
        if kind == "array":
            item: dict[str, Any] = {"allOf": [w["items"] for w in ws if isinstance(w.get("items"), Mapping | bool)]}
            return [[smallest(item, self.writer, choice=at) for at in range(n)] for n in sizes if n <= 1000]
        return [smallest({**flat, "minProperties": n}, self.writer) for n in sizes if n <= 1000] + [
            fullest(flat, self.writer)
        ]

    def _alone(self, ws: Conjuncts, r: Mapping[str, Any], key: str, path: Path, at: str) -> None:
        if key == "format" and DRAFT_7 not in dialect(self.reader):
            return  # an annotation since 2019-09
        if key == "uniqueItems" and (r[key] is not True or (self._count(ws, "maxItems", least=False) or 2) < 2):
            return
        if key == "multipleOf":
            step = Fraction(str(r[key]))
            if any("multipleOf" in w and (Fraction(str(w["multipleOf"])) / step).denominator == 1 for w in ws):
                return
            if step.denominator == 1 and step.numerator == 1 and "fraction" not in self._kinds(ws):
                return
        values = self._samples(ws)
        if key == "pattern":
            values += ["a", "A", "0", "-", "", "a b", "é"]
        elif key == "uniqueItems":
            values += [[each, each] for each in self._samples(self._item(ws))]
        elif key == "multipleOf":
            values += [number + more for number in numbers(values) for more in (1, 2, 3, 0.5, 0.1)]
        self._doubt(f"{at}/{key}", "is another one", path, values)

    def _some(
        self, ws: Conjuncts, branches: Sequence[Schema], path: Path, at: str, depth: int, *, one: bool
    ) -> None:  # fmt: skip
        """Some branch takes all that is written; where it has to be the only one, none of the others takes any of it."""
        tried: list[Doubt] = []
        for index, branch in enumerate(branches):
            inner = Comparison(self.writer, self.reader, [], self._under_way)
            inner.compare(ws, branch, path, f"{at}/{index}", depth + 1)
            others = [other for place, other in enumerate(branches) if place != index] if one else []
            if not inner.doubts and all(self._apart(ws, other) for other in others):
                return
            tried += inner.doubts
        word = "by exactly one branch" if one else "by any branch"
        self._doubt(at, f"does not take it {word}", path, self._samples(ws))
        self.doubts += [Doubt(at, f"does not take it {word}", each.path, each.values) for each in tried]

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
                    values = None if field_ws is None else _few(field_ws)
                    if values is not None and taken is not None and not any(map(taken, values)):
                        return True
        return False

    def _conditional(self, ws: Conjuncts, r: Mapping[str, Any], path: Path, at: str, depth: int) -> None:
        keys = ("if", "then", "else")
        if any(all(self._same(w.get(key), r.get(key)) for key in keys) for w in ws):
            return
        for branch in ("then", "else"):
            if branch in r:
                more: list[Schema] = list(ws) + ([r["if"]] if branch == "then" else [])
                if branch == "then" and "$ref" in json.dumps(r["if"]):
                    more.pop()  # it would be looked up in the writer's schema
                more += [w[branch] for w in ws if branch in w and self._same(w.get("if"), r["if"])]
                self.compare(more, r[branch], path, f"{at}/{branch}", depth + 1)

    # ── objects and arrays

    def _fields(self, ws: Conjuncts, r: Mapping[str, Any], path: Path, at: str, depth: int) -> None:
        for name in r.get("required", ()):
            if not any(name in w.get("required", ()) for w in ws):
                self._doubt(f"{at}/required", f"asks for `{name}`", (*path, name), [REMOVED])
        other = self._open(ws)
        fields, patterns = r.get("properties", {}), r.get("patternProperties", {})
        named = self._named(ws)
        for name, schema in fields.items():
            if name in named or other is not None:
                self.compare(self._field(ws, name), schema, (*path, name), f"{at}/properties/{step(name)}", depth + 1)
        for pattern, schema in patterns.items():
            where = f"{at}/patternProperties/{step(pattern)}"
            if any(self._same(w.get("patternProperties", {}).get(pattern), schema) for w in ws):
                continue
            for name in named:
                if matches(pattern, name):
                    self.compare(self._field(ws, name), schema, (*path, name), where, depth + 1)
            if other is not None:
                self._doubt(where, "is another one", path, self._samples(ws))
        if r.get("additionalProperties", True) is not True:
            rest, where = r["additionalProperties"], f"{at}/additionalProperties"
            for name in named:
                if name not in fields and not any(matches(pattern, name) for pattern in patterns):
                    self.compare(self._field(ws, name), rest, (*path, name), where, depth + 1)
            if other is not None:
                self.compare(other, rest, (*path, fresh(fields)), where, depth + 1)
                for pattern in dict.fromkeys(name for w in ws for name in w.get("patternProperties", {})):
                    self.compare(self._field(ws, like(pattern)), rest, (*path, like(pattern)), where, depth + 1)

    def _named(self, ws: Conjuncts) -> list[str]:
        return list(dict.fromkeys(name for w in ws for name in self._names(w, 0)))

    def _names(self, schema: Schema, depth: int) -> Iterator[str]:
        """The fields that a schema names, also under conditions and in branches."""
        if isinstance(schema, Mapping) and depth <= _DEEPEST:
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

    def _items(self, ws: Conjuncts, r: Mapping[str, Any], path: Path, at: str, depth: int) -> None:
        if self._count(ws, "maxItems", least=False) == 0:
            return
        listed = any("prefixItems" in each or isinstance(each.get("items"), list) for each in (*ws, r))
        keys = ("prefixItems", "items", "additionalItems")
        if listed and any(key in r for key in keys):
            if not any(all(self._same(w.get(key), r.get(key)) for key in keys) for w in ws):
                self._doubt(f"{at}/items", "is another one", path, self._samples(ws))
        elif "items" in r:
            self.compare(self._item(ws), r["items"], (*path, 0), f"{at}/items", depth + 1)

    def _item(self, ws: Conjuncts) -> tuple[Schema, ...]:
        return tuple(w["items"] for w in ws if isinstance(w.get("items"), Mapping | bool)) or (True,)

    # ── schemas as lists of keywords

    def _conjuncts(self, schemas: Iterable[Schema]) -> Conjuncts | None:
        """Mappings without references and `allOf` that all hold; None where nothing can. What cannot be found holds nothing."""
        found: list[Mapping[str, Any]] = []
        for schema in schemas:
            for part, _ in self._parts(schema, "", self.writer, 0) or ():
                if part is False:
                    return None
                if isinstance(part, Mapping):
                    # Apart from the rest of its schema such a keyword would refuse what is written.
                    kept = {k: v for k, v in part.items() if k not in _WHOLE} if _WHOLE & part.keys() else part
                    if not any(kept == other and alike(kept, other) for other in found):
                        found.append(kept)
        return tuple(found)

    def _reading(self, schema: Schema, at: str) -> list[tuple[Schema, str]] | None:
        return self._parts(schema, at, self.reader, 0)

    def _parts(self, schema: Schema, at: str, root: Schema, depth: int) -> list[tuple[Schema, str]] | None:
        """A schema as parts that all hold, with their places; None where a reference leads nowhere."""
        if not isinstance(schema, Mapping):
            return [(schema, at)]
        if "$ref" not in schema and "allOf" not in schema:
            return [(schema, at)]
        if depth > _DEEPEST:
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

    def _doubt(self, pointer: str, why: str, path: Path, values: Sequence[Any]) -> None:
        self.doubts.append(Doubt(pointer, why, path, tuple(values)))


def _few(ws: Conjuncts) -> list[Any] | None:
    """The values that are listed; None where none are."""
    for each in ws:
        if "const" in each:
            return [each["const"]]
        if isinstance(each.get("enum"), list):
            return list(each["enum"])
    return None
