"""Arguments for a tool, made from its schema: calls that fit it, and calls that do not."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from importlib import import_module
from random import Random
from typing import Any

from interlock.core.actions import Action, Condition
from interlock.core.arguments import compile_schema
from interlock.core.tools import Tool

sre: Any = import_module("re._parser")
"""The parser of the standard library's patterns."""
_TRIES = 40
_CLASSES = {"CATEGORY_DIGIT": "0123456789", "CATEGORY_WORD": "abcdefghk", "CATEGORY_SPACE": " "}


def like(pattern: str, seed: int) -> str:
    """A text that a pattern matches, another one for another seed; not proven, so whoever uses it validates it.

    Raises: ValueError for look-around, back-references and what else is no plain pattern.

    >>> import re
    >>> bool(re.fullmatch("FF-[0-9]{8}", like("^FF-[0-9]{8}$", 3)))
    True
    """
    return _text(sre.parse(pattern), Random(seed))  # noqa: S311 — chance that can be repeated, not a secret


def _text(tokens: Any, chance: Random) -> str:
    return "".join(_piece(str(op), value, chance) for op, value in tokens)


def _piece(op: str, value: Any, chance: Random) -> str:
    match op:
        case "LITERAL":
            return chr(value)
        case "ANY" | "NOT_LITERAL":
            return "q"
        case "AT":
            return ""
        case "IN":
            return _member(value, chance)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, inner = value
            return "".join(
                _text(inner, chance) for _ in range(chance.randint(int(least), min(int(most), int(least) + 4)))
            )
        case "SUBPATTERN":
            return _text(value[-1], chance)
        case "BRANCH":
            return _text(chance.choice(value[1]), chance)
        case _:
            raise ValueError(f"no text can be made for `{op}`")


def _member(members: Any, chance: Random) -> str:
    kind, value = chance.choice([each for each in members if str(each[0]) != "NEGATE"])
    if str(members[0][0]) == "NEGATE":
        return "~"
    if str(kind) == "RANGE":
        return chr(chance.randint(*value))
    return chr(value) if str(kind) == "LITERAL" else chance.choice(_CLASSES.get(str(value), "a"))


def calls(action: Action, tool: Tool, session: Mapping[str, str], seed: int) -> Iterator[dict[str, Any]]:
    """Calls that fit a tool's schema, which differ in what the map's conditions look at.

    Args:
        session: what conditions may compare with.
        seed: another one gives other ids and texts.
    """
    validator = compile_schema(tool.inputSchema, tool.name)
    conditions = {**action.allow.when, **(_when(action.ask)), **(_when(action.escalate))}
    properties = _properties(tool)
    for at in range(_TRIES):
        made = {
            name: _value(name, schema, tool.inputSchema, conditions.get(name), session, seed * _TRIES + at, at)
            for name, schema in properties.items()
        }
        if validator.is_valid(made):
            yield made


def sample(tool: Tool, argument: str, seed: int) -> Any:
    """A value that fits one argument of a tool; another one for another seed, where there is another."""
    return _value(argument, _properties(tool).get(argument, {}), tool.inputSchema, None, {}, seed, seed)


def _properties(tool: Tool) -> Mapping[str, Any]:
    found = tool.inputSchema.get("properties")
    return found if isinstance(found, Mapping) else {}


def _when(clause: Any) -> Mapping[str, Condition]:
    return {} if clause is None or clause.when == "always" else clause.when


def _value(
    name: str, schema: Any, root: Mapping[str, Any], condition: Condition | None, session: Mapping[str, str], seed: int, at: int
) -> Any:  # fmt: skip
    schema = _resolved(schema, root)
    if condition is not None and (bound := _bound(condition, session)) is not None:
        return bound
    if "const" in schema:
        return schema["const"]
    if isinstance(listed := schema.get("enum"), list):
        return listed[seed % len(listed)]
    kind = schema.get("type")
    kind = next((each for each in kind if each != "null"), "null") if isinstance(kind, list) else kind
    match kind:
        case "integer" | "number":
            return _number(schema, condition, at)
        case "boolean":
            return False
        case "array":
            item = _value(name, schema.get("items", {}), root, None, session, seed, at)
            return [item] * max(1, schema.get("minItems", 1)) if schema.get("minItems", 1) == 1 else [
                _value(name, schema.get("items", {}), root, None, session, seed + each, at) for each in range(schema["minItems"])
            ]  # fmt: skip
        case "object":
            inner = schema.get("properties", {})
            return {key: _value(key, part, root, None, session, seed, at) for key, part in inner.items()}
        case _:
            return _string(name, schema, seed)


def _resolved(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(8):
        if not isinstance(schema, Mapping):
            return {}
        if isinstance(ref := schema.get("$ref"), str) and ref.startswith("#/"):
            found: Any = root
            for step in ref[2:].split("/"):
                found = found.get(step, {}) if isinstance(found, Mapping) else {}
            schema = found
        elif (
            choice := next((schema[key] for key in ("anyOf", "oneOf", "allOf") if schema.get(key)), None)
        ) is not None:
            schema = choice[0]
        else:
            return schema
    return {}


def _bound(condition: Condition, session: Mapping[str, str]) -> Any:
    if condition.same_as_session is not None:
        return session.get(condition.same_as_session)
    if condition.eq is not None:
        return condition.eq
    if condition.in_ is not None:
        return condition.in_[0]
    return like(condition.matches, 1) if condition.matches else None


def _number(schema: Mapping[str, Any], condition: Condition | None, at: int) -> int:
    least, most = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1), schema.get("maximum")
    tried = [least, least + 1]
    for bound in (condition.lt, condition.lte, condition.gt, condition.gte) if condition else ():
        tried += [] if bound is None else [bound - 1, bound, bound + 1]
    tried += [] if most is None else [most]
    fits = [each for each in tried if each >= least and (most is None or each <= most)] or [least]
    return int(fits[at % len(fits)])


def _string(name: str, schema: Mapping[str, Any], seed: int) -> str:
    if isinstance(pattern := schema.get("pattern"), str):
        try:
            return like(pattern, seed)
        except ValueError:
            return ""
    day = (date(2027, 1, 1) + timedelta(days=seed % 300)).isoformat()
    shaped = {
        "date": day, "date-time": f"{day}T09:00:00Z", "email": f"person{seed}@example.com",
        "uri": f"https://example.com/{name}/{seed}", "uuid": f"00000000-0000-4000-8000-{seed:012d}",
    }  # fmt: skip
    text = shaped.get(str(schema.get("format")), f"{name.replace('_', '-')}-K{seed:05d}")
    least = schema.get("minLength", 0)
    made: str = (text + "x" * max(0, least - len(text)))[: schema.get("maxLength", len(text) + least)]
    return made


def broken(tool: Tool, call: Mapping[str, Any]) -> Sequence[tuple[str, Any]]:
    """Calls that a tool's schema or the strict reading must refuse, made from one that fits; each with what is wrong."""
    import json

    text = json.dumps(call)
    first = next(iter(call), "a")
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    found: list[tuple[str, Any]] = [
        ("a key twice", text[:-1] + f", {json.dumps(first)}: 1}}" if call else '{"a": 1, "a": 2}'),
        ("not a number", '{"a": NaN}'),
        ("an infinite number", '{"a": 1e999}'),
        ("forty levels", {**call, first: deep}),
        ("a megabyte", {**call, first: "x" * 1_000_000}),
        ("a key that is not named", {**call, "__proto__": 1}),
        ("no mapping", "[]"),
        ("half a character", f'{{{json.dumps(first)}: "\\ud800"}}'),
    ]
    validator = compile_schema(tool.inputSchema, tool.name)
    required = tool.inputSchema.get("required")
    needed = required if isinstance(required, list) else []
    for name, schema in _properties(tool).items():
        inside = _resolved(schema, tool.inputSchema)
        tried = [("of another kind", [[1]]), ("of another kind", {"a": 1})]
        tried += [("below the least", inside["minimum"] - 1)] if "minimum" in inside else []
        tried += [("above the most", inside["maximum"] + 1)] if "maximum" in inside else []
        tried += [("not in the list", "~not in the list~")] if "enum" in inside else []
        tried += [("not like the pattern", "~" * max(1, inside.get("minLength", 1)))] if "pattern" in inside else []
        tried += [("too long", "x" * (inside["maxLength"] + 1))] if "maxLength" in inside else []
        found += [
            (f"`{name}` {what}", {**call, name: value})
            for what, value in tried
            if not validator.is_valid({**call, name: value})
        ]
        if name in needed:
            found.append((f"`{name}` left out", {key: value for key, value in call.items() if key != name}))
    return found
