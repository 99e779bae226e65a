"""Two JSON Schemas walked together: where may one permit what the other refuses? Sound and not complete.

After Habib, Shinnar, Hirzel and Pradel, «Finding data compatibility bugs with JSON subschema checking» (ISSTA 2021). Without a
doubt, everything that is written can be read; a doubt comes with values that may prove it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from interlock.core.instances import REMOVED, Path, Schema, fullest, smallest
from interlock.core.schema_pair import DEEPEST, WHOLE, Pair, few
from interlock.core.schema_terms import (
    DRAFT_7,
    EVERY,
    Conjuncts,
    beyond,
    dialect,
    fresh,
    kinds_of,
    like,
    limit,
    matches,
    numbers,
    step,
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
class Comparison(Pair):
    """Walks both schemas together, and keeps what it doubts."""

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
        if depth > DEEPEST:
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
                if 0 < len(branches := each.get(key) or ()) <= _SPLITS and depth <= DEEPEST:
                    left = {name: value for name, value in each.items() if name != key}
                    for branch in branches:
                        more = self._conjuncts((*ws[:index], left, branch, *ws[index + 1 :]))
                        if more is not None:
                            self._by_alternative(more, rest, path, at, depth + 2)
                    return
        self._keywords(ws, rest, path, at, depth)

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
        if found := sorted(WHOLE & r.keys()):
            self._doubt(f"{at}/{found[0]}", "cannot be compared", path, self._samples(ws))
        if "object" in kinds:
            self._fields(ws, r, path, at, depth)
        if "array" in kinds:
            self._items(ws, r, path, at, depth)

    def _listed(self, ws: Conjuncts, r: Mapping[str, Any], kinds: frozenset[str], path: Path, at: str) -> bool:
        """Decide exactly where only a few values are written. Returns: whether it was decided."""
        values = few(ws)
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
                if name in fields or any(matches(pattern, name) for pattern in patterns):
                    continue
                if rest is False:
                    if (known := self._conjuncts(self._field(ws, name))) is not None:
                        self._doubt(where, f"does not know the field `{name}`", (*path, name), self._samples(known))
                else:
                    self.compare(self._field(ws, name), rest, (*path, name), where, depth + 1)
            if other is not None:
                self.compare(other, rest, (*path, fresh(fields)), where, depth + 1)
                for pattern in dict.fromkeys(name for w in ws for name in w.get("patternProperties", {})):
                    self.compare(self._field(ws, like(pattern)), rest, (*path, like(pattern)), where, depth + 1)

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

    def _reading(self, schema: Schema, at: str) -> list[tuple[Schema, str]] | None:
        return self._parts(schema, at, self.reader, 0)

    def _doubt(self, pointer: str, why: str, path: Path, values: Sequence[Any]) -> None:
        self.doubts.append(Doubt(pointer, why, path, tuple(values)))
