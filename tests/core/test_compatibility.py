"""Two schemas compared: what is called readable is readable, what is called broken is broken by the value that is shown."""

import copy
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.core.compatibility import Compatibility, reads
from interlock.core.instances import fullest, smallest

BASE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "state": {"enum": ["open", "closed", None]},
        "text": {"type": "string", "minLength": 1, "maxLength": 40},
        "amount": {"type": "integer", "minimum": 0, "maximum": 500},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        "by": {"type": "object", "properties": {"id": {"type": "string", "pattern": "^U-[0-9]{3}$"}}, "required": ["id"]},
    },
    "required": ["state", "text"],
    "additionalProperties": False,
}  # fmt: skip


def edited(*path: Any, to: Any = None, gone: bool = False) -> dict[str, Any]:
    schema = copy.deepcopy(BASE)
    at: Any = schema
    for step in path[:-1]:
        at = at[step]
    if gone:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return schema


def independent(schema: Any) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema)


def holds(found: Compatibility, reader: Any, writer: Any) -> None:
    for each in found.breaks:
        assert independent(writer).is_valid(each.witness), each
        assert not independent(reader).is_valid(each.witness), each


CHANGES = {
    "a field removed": (edited("properties", "amount", gone=True), "/additionalProperties", None),
    "a field added": (edited("properties", "more", to={"type": "string"}), None, "/additionalProperties"),
    "an optional field required": (edited("required", to=["state", "text", "amount"]), "/required", None),
    "a required field optional": (edited("required", to=["state"]), None, "/required"),
    "an enumeration narrowed": (edited("properties", "state", "enum", to=["open", None]), "/properties/state/enum", None),
    "an enumeration widened": (edited("properties", "state", "enum", to=["open", "closed", None, "held"]), None, "/properties/state/enum"),
    "another type": (edited("properties", "text", to={"type": "integer"}), "/properties/text/type", "/properties/text/type"),
    "null permitted": (edited("properties", "text", "type", to=["string", "null"]), None, "/properties/text/type"),
    "longer texts": (edited("properties", "text", "maxLength", to=80), None, "/properties/text/maxLength"),
    "shorter texts": (edited("properties", "text", "maxLength", to=20), "/properties/text/maxLength", None),
    "empty texts": (edited("properties", "text", "minLength", to=0), None, "/properties/text/minLength"),
    "larger numbers": (edited("properties", "amount", "maximum", to=501), None, "/properties/amount/maximum"),
    "fractions": (edited("properties", "amount", "type", to="number"), None, "/properties/amount/type"),
    "more items": (edited("properties", "tags", "maxItems", to=4), None, "/properties/tags/maxItems"),
    "another item": (edited("properties", "tags", "items", to={"enum": ["a"]}), "/properties/tags/items/enum", None),
    "a deep field required": (edited("properties", "by", "required", to=["id", "at"]), "/properties/by/required", None),
    "a pattern dropped": (edited("properties", "by", "properties", "id", to={"type": "string"}), None, "/properties/by/properties/id/pattern"),
    "opened": (edited("additionalProperties", to=True), None, "/additionalProperties"),
    "other words for people": (edited("title", to="Answer"), None, None),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_each_kind_of_change_breaks_whom_it_breaks_and_shows_a_value(name: str) -> None:
    new, forward, back = CHANGES[name]
    for reader, writer, at in ((new, BASE, forward), (BASE, new, back)):
        found = reads(reader, writer)
        assert [each.pointer for each in found.breaks] == ([at] if at else []), found
        assert not found.open
        assert found.proven == (at is None)
        holds(found, reader, writer)


def test_another_branch_of_a_pattern_and_a_condition_that_grew_tighter_are_broken_by_a_value() -> None:
    old = {
        "type": "object", "required": ["kind", "queue", "ids"],
        "properties": {
            "kind": {"enum": ["answer", "escalate"]}, "queue": {"enum": ["billing", None]},
            "ids": {"type": "array", "items": {"type": "string", "pattern": "^(KB-[0-9]{3}|FF-[0-9]{2})$"}},
        },
        "allOf": [
            {"if": {"properties": {"kind": {"const": "answer"}}}, "then": {"properties": {"queue": {"type": "null"}, "ids": {"minItems": 1}}}}
        ],
    }  # fmt: skip
    new = copy.deepcopy(old)
    new["properties"]["ids"]["items"]["pattern"] = "^KB-[0-9]{3}$"  # type: ignore[index]
    found = reads(new, old)
    assert [each.pointer for each in found.breaks] == ["/properties/ids/items/pattern"]
    holds(found, new, old)
    new = copy.deepcopy(old)
    new["allOf"][0]["then"]["properties"]["ids"]["minItems"] = 2  # type: ignore[index]
    found = reads(new, old)
    assert [each.pointer for each in found.breaks] == ["/allOf/0/then/properties/ids/minItems"]
    holds(found, new, old)
    assert reads(old, new).proven


def test_a_rename_breaks_both_ways() -> None:
    new = edited("properties", "words", to=BASE["properties"]["text"])
    del new["properties"]["text"]
    new["required"] = ["state", "words"]
    for reader, writer in ((new, BASE), (BASE, new)):
        found = reads(reader, writer)
        assert {each.pointer for each in found.breaks} == {"/required", "/additionalProperties"}
        holds(found, reader, writer)


def test_a_writer_of_an_open_object_writes_the_fields_that_it_names() -> None:
    old = {"type": "object", "properties": {"a": {"type": "string"}}}
    new = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
    assert reads(new, old).proven
    assert reads(old, new).proven
    said = {**old, "additionalProperties": True}  # says that others may be there
    assert [each.pointer for each in reads(new, said).breaks] == ["/properties/b/type"]


def test_conditions_and_references_that_stay_the_same_are_no_change() -> None:
    rule = {"if": {"properties": {"state": {"const": "open"}}}, "then": {"properties": {"tags": {"minItems": 1}}}}
    part = {
        "$defs": {
            "person": {"type": "object", "properties": {"id": {"type": "string"}, "boss": {"$ref": "#/$defs/person"}}}
        }
    }
    old = {**BASE, **part, "allOf": [rule], "properties": {**BASE["properties"], "for": {"$ref": "#/$defs/person"}}}
    new = copy.deepcopy(old)
    new["properties"]["state"]["enum"].append("held")
    assert reads(new, old).proven
    found = reads(old, new)
    assert [each.pointer for each in found.breaks] == ["/properties/state/enum"]
    assert not found.open
    holds(found, old, new)


def test_a_recursive_schema_is_compared_to_its_end() -> None:
    def tree(leaf: dict[str, Any]) -> dict[str, Any]:
        node = {
            "type": "object",
            "properties": {"leaf": leaf, "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
        }
        return {"$defs": {"node": node}, "$ref": "#/$defs/node"}

    narrow, wide = tree({"type": "integer", "minimum": 0}), tree({"type": "integer"})
    assert reads(wide, narrow).proven
    found = reads(narrow, wide)
    assert [each.pointer for each in found.breaks] == ["/$defs/node/properties/leaf/minimum"]
    holds(found, narrow, wide)


def test_a_branch_more_is_read_back_by_nobody_and_a_branch_less_is_read_by_all() -> None:
    def union(*names: str) -> dict[str, Any]:
        branches = [
            {"type": "object", "properties": {"kind": {"const": name}, "n": {"type": "integer"}}, "required": ["kind"]}
            for name in names
        ]
        return {"oneOf": branches}

    assert reads(union("a", "b", "c"), union("a", "b")).proven
    found = reads(union("a", "b"), union("a", "b", "c"))
    assert [each.pointer for each in found.breaks] == ["/oneOf"]
    holds(found, union("a", "b"), union("a", "b", "c"))


def test_an_object_that_names_no_field_may_hold_any() -> None:
    writer = {"type": "object", "properties": {"extra": {"type": "object"}}}
    reader = {"type": "object", "properties": {"extra": {"type": "object", "properties": {"a": {"type": "string"}}}}}
    found = reads(reader, writer)
    assert [each.pointer for each in found.breaks] == ["/properties/extra/properties/a/type"]
    holds(found, reader, writer)
    found = reads({"type": "object", "maxProperties": 1}, {"type": "object"})
    assert [each.pointer for each in found.breaks] == ["/maxProperties"]


def test_of_several_bounds_that_all_hold_the_tightest_counts() -> None:
    writer = {"type": "array", "maxItems": 9, "allOf": [{"maxItems": 3}, {"maxItems": 5, "minItems": 2}]}
    assert reads({"type": "array", "maxItems": 3, "minItems": 2}, writer).proven
    found = reads({"type": "array", "maxItems": 2}, writer)
    assert len(found.breaks[0].witness) == 3
    numbers = {"allOf": [{"type": "integer"}, {"exclusiveMinimum": 4}, {"minimum": 2}]}
    assert reads({"type": "number", "minimum": 5}, numbers).proven
    assert reads({"type": "number", "minimum": 5.5}, numbers).breaks[0].witness == 5


def test_where_exactly_one_branch_may_hold_two_that_overlap_are_not_proven() -> None:
    reader = {"oneOf": [{"type": "integer", "minimum": 0}, {"type": "integer", "maximum": 10}]}
    writer = {"type": "integer", "minimum": 5, "maximum": 7}
    found = reads(reader, writer)
    assert [each.pointer for each in found.breaks] == ["/oneOf"]
    holds(found, reader, writer)
    assert reads(reader, {"type": "integer", "minimum": 11}).open  # true, and not proven


def test_what_cannot_be_compared_is_said_to_be_open() -> None:
    old = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^[ab]+$"}}}
    new = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a|b)+$"}}}
    found = reads(new, old)
    assert not found.breaks
    assert not found.proven
    assert found.open == ("`/properties/a/pattern` is another one",)
    assert reads({"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"}, {"type": "object"}).open
    assert reads({**BASE, "unevaluatedProperties": False}, BASE).open


def test_an_example_helps_where_no_value_can_be_made() -> None:
    writer: dict[str, Any] = {
        "type": "object", "required": ["id", "n"], "additionalProperties": False,
        "properties": {"id": {"type": "string", "pattern": "^\\p{Lu}xx$"}, "n": {"type": "integer"}},
    }  # fmt: skip
    reader = copy.deepcopy(writer)
    reader["properties"]["n"]["maximum"] = 5
    assert reads(reader, writer).open
    found = reads(reader, writer, examples=[{"id": "Éxx", "n": 1}])
    assert [each.witness["id"] for each in found.breaks] == ["Éxx"]


# ── properties

_NAMES = ("a", "b", "c")
_VALUES = st.sampled_from([None, True, False, 0, 1, 2, 5, 1.5, "", "x", "xy", "xyz"])


def _leaves() -> st.SearchStrategy[Any]:
    return st.one_of(
        st.just(True),
        st.builds(lambda kinds: {"type": kinds}, st.lists(st.sampled_from(["string", "integer", "number", "null", "boolean", "array", "object"]), min_size=1, max_size=2, unique=True)),
        st.builds(lambda values: {"enum": values}, st.lists(_VALUES, min_size=1, max_size=3)),
        st.builds(lambda least, most: {"type": "string", "minLength": least, "maxLength": most}, st.integers(0, 2), st.integers(1, 3)),
        st.builds(lambda kind, key, n: {"type": kind, key: n}, st.sampled_from(["integer", "number"]), st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]), st.integers(1, 3)),
        st.builds(lambda pattern: {"type": "string", "pattern": pattern}, st.sampled_from(["^x", "y", "^x+$"])),
    )  # fmt: skip


def _more(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(st.sampled_from(_NAMES), inner, max_size=3)
    named = st.lists(st.sampled_from(_NAMES), max_size=2, unique=True)
    plain = st.builds(
        lambda properties, required, more: {"type": "object", "properties": properties, "required": required, **more},
        fields, named, st.sampled_from([{}, {"additionalProperties": False}, {"additionalProperties": True}, {"minProperties": 1}, {"maxProperties": 1}]),
    )  # fmt: skip
    mapped = st.builds(lambda each: {"type": "object", "additionalProperties": each}, inner)
    keyed = st.builds(lambda each, rest: {"type": "object", "patternProperties": {"^a": each}, "additionalProperties": rest}, inner, st.booleans())  # fmt: skip
    listed = st.builds(
        lambda items, more: {"type": "array", "items": items, **more}, inner,
        st.sampled_from([{}, {"minItems": 1}, {"maxItems": 1}, {"uniqueItems": True}, {"prefixItems": [{"type": "string"}]}]),
    )  # fmt: skip
    held = st.builds(lambda items: {"type": "array", "contains": items}, inner)
    chosen = st.builds(lambda key, each: {key: each}, st.sampled_from(["anyOf", "oneOf", "allOf"]), st.lists(inner, min_size=1, max_size=2))  # fmt: skip
    negated = st.builds(lambda each: {"not": each}, inner)
    ruled = st.builds(lambda c, t, e: {"if": c, "then": t, "else": e}, inner, inner, inner)
    return st.one_of(plain, plain, mapped, keyed, listed, held, chosen, negated, ruled)


SCHEMAS = st.recursive(_leaves(), _more, max_leaves=6)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two schemas that have much in common: one is the other with a part exchanged, or both are anything."""
    one = draw(SCHEMAS)
    if draw(st.integers(0, 3)) == 0:
        return one, draw(SCHEMAS)
    other = copy.deepcopy(one)
    places = list(_places(other))
    if not places:
        return one, draw(SCHEMAS)
    for _ in range(draw(st.integers(1, 2))):
        at, key = places[draw(st.integers(0, len(places) - 1))]
        at[key] = draw(_leaves() if draw(st.booleans()) else SCHEMAS)
    return one, other


def _places(schema: Any) -> Any:
    if isinstance(schema, dict):
        for key in ("items", "contains", "not", "if", "then", "else"):
            if key in schema:
                yield schema, key
                yield from _places(schema[key])
        for key in ("anyOf", "oneOf", "allOf"):
            for index in range(len(schema.get(key, ()))):
                yield schema[key], index
                yield from _places(schema[key][index])
        for name in schema.get("properties", {}):
            yield schema["properties"], name
            yield from _places(schema["properties"][name])


INSTANCES = st.recursive(
    _VALUES,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from((*_NAMES, "ab")), inner, max_size=3)),
    max_leaves=5,
)  # fmt: skip


def _written(value: Any, schema: Any) -> bool:
    """Whether a value has only such fields as the assumption of the comparison permits: an object whose schema names fields
    has those."""
    if isinstance(schema, dict) and isinstance(value, dict):
        if (
            "properties" in schema
            and "additionalProperties" not in schema
            and set(value) - set(schema["properties"]) - set(schema.get("required", ()))
        ):
            return False
        inner = schema.get("properties", {})
        rest = schema.get("additionalProperties", True)
        if not all(_written(each, inner.get(name, rest)) for name, each in value.items()):
            return False
    if (
        isinstance(schema, dict)
        and isinstance(value, list)
        and not all(_written(each, schema.get("items", True)) for each in value)
    ):
        return False
    branches = [
        each
        for key in ("allOf", "anyOf", "oneOf")
        for each in (schema.get(key, ()) if isinstance(schema, dict) else ())
    ]
    branches += [schema[key] for key in ("if", "then", "else") if isinstance(schema, dict) and key in schema]
    return all(_written(value, each) for each in branches)


@settings(max_examples=250, deadline=None)
@given(pairs(), st.lists(INSTANCES, min_size=8, max_size=30))
def test_what_is_called_readable_is_readable_and_what_is_called_broken_is_broken(
    pair: tuple[Any, Any], values: list[Any]
) -> None:
    reader, writer = pair
    found = reads(reader, writer)
    holds(found, reader, writer)
    if found.proven:
        written, taken = independent(writer), independent(reader)
        made = [smallest(writer, writer, choice=at) for at in range(4)] + [
            fullest(writer, writer, choice=at) for at in range(3)
        ]
        for value in [*values, *made]:
            if written.is_valid(value) and _written(value, writer):
                assert taken.is_valid(value), (reader, writer, value)


@settings(max_examples=100, deadline=None)
@given(SCHEMAS)
def test_a_schema_reads_what_it_wrote_itself(schema: Any) -> None:
    assert reads(copy.deepcopy(schema), schema).proven
    described = {**schema, "description": "for people"} if isinstance(schema, dict) else schema
    assert reads(described, schema).breaks == ()
