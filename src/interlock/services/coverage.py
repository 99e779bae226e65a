"""What a bundle can do, and how many cases touch each of it (CMP-02)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.core.packs import confirmed
from interlock.core.suite import Case, ReplyKind
from interlock.services.parts import Loaded

_DEEPEST = 12
ABSENT = "(absent)"
"""How `covers` says that a field is left out: `schema:action=(absent)`."""
_JUDGED = {"facts": "text", "forbid": "text", "exact": "text", "regex": "text", "cites": "claims"}
"""Which field of a reply each expectation looks at, where the schema has a field of that name."""


@dataclass(frozen=True, slots=True)
class Covered:
    """One thing to be covered, `tool:…`, `schema:…`, `rule:…` or `slice:…`, and how many cases do."""

    item: str
    cases: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Everything to be covered, and names in `covers` that name nothing: (suite, case, name)."""

    items: tuple[Covered, ...]
    unknown: tuple[tuple[str, str, str], ...]


def value_name(value: Any) -> str:
    """A value of an enum as it is written after `schema:field=`.

    >>> value_name("answer"), value_name(None), value_name(3)
    ('answer', 'null', '3')
    """
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _enum(field: Any) -> list[str]:
    if not isinstance(field, Mapping) or not isinstance(field.get("enum"), list):
        return []
    return [value_name(value) for value in field["enum"]]


def _fields(schema: Any, at: str, depth: int = 0) -> Iterator[str]:
    """Every field at any depth, `claims.text` for the text of each claim, with its enum values."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return
    for name, field in schema.get("properties", {}).items():
        path = f"{at}.{name}" if at else name
        yield path
        yield from (f"{path}={value}" for value in _enum(field))
        yield from _fields(field, path, depth + 1)
    yield from _fields(schema.get("items"), at, depth + 1)


def items(loaded: Loaded, *, tools: bool = True, schema: bool = True, rules: bool = True) -> list[str]:
    """What there is to cover: tools, top-level fields of the output schema with their enum values, rules, slices.

    A field with one possible value (`const`) that every answer carries is exercised by every case, and not listed. A
    field that may be left out is listed twice, there and `(absent)`.
    """
    found: list[str] = []
    if tools:
        found += [f"tool:{tool.name}" for tool in loaded.tools]
    if schema:
        always = set(loaded.output_schema.get("required", ()))
        for name, field in loaded.output_schema.get("properties", {}).items():
            if isinstance(field, Mapping) and "const" in field and name in always:
                continue
            found.append(f"schema:{name}")
            found += [f"schema:{name}={value}" for value in _enum(field)]
            if name not in always:  # two kinds of reply, so both are to be seen
                found.append(f"schema:{name}={ABSENT}")
    if rules:
        found += [f"rule:{name}" for name in loaded.answers.rule_ids]
    found += [f"slice:{name}" for name in dict.fromkeys(piece.id for suite in loaded.suites for piece in suite.slices)]
    return found


def touched(case: Case) -> frozenset[str]:
    """What a case exercises: what its `covers` says, and what its expectations cannot be judged without.

    An expected outcome is the value of `outcome` when it is the only one; with several, only the field is sure. An
    expected queue is a value of `queue`; a reply that is not handed over has none.
    """
    found = {*case.covers, *(f"slice:{name}" for name in case.slices)}
    expect = case.expect
    found.update(f"tool:{call.tool}" for call in expect.tools or ())
    found.update(f"tool:{name}" for name in expect.forbid_tools)
    outcomes: tuple[str, ...] = expect.outcomes
    if outcomes:
        found.add("schema:outcome")
        if len(set(outcomes)) == 1:
            found.add(f"schema:outcome={outcomes[0]}")
        if _ESCALATE not in outcomes:
            found.add("schema:queue=null")
    if expect.queue is not None:
        found.add(f"schema:queue={expect.queue}")
    for key, field in _JUDGED.items():
        if getattr(expect, key) not in (None, ()):
            found.add(f"schema:{field}")
    present = [item for item in found if item.startswith("schema:") and not item.endswith(f"={ABSENT}")]
    found.update(item.partition("=")[0] for item in present)
    return frozenset(found)


_ESCALATE: ReplyKind = "escalate"


def measure_coverage(loaded: Loaded, *, tools: bool = True, schema: bool = True, rules: bool = True) -> Coverage:
    """Count the cases that touch each thing that the bundle can do.

    Args:
        tools, schema, rules: which kinds the suites promise to cover; declared slices always count.
    """
    counts = dict.fromkeys(items(loaded, tools=tools, schema=schema, rules=rules), 0)
    known = {*items(loaded), *(f"schema:{name}" for name in _fields(loaded.output_schema, ""))}
    unknown: list[tuple[str, str, str]] = []
    for suite, case in _cases(loaded):
        for item in touched(case):
            # A starter that nobody has confirmed fills its own slice, and covers nothing that the bundle can do.
            if item in counts and (confirmed(case.source) or item.startswith("slice:")):
                counts[item] += 1
        unknown += [(suite, case.id, item) for item in case.covers if not _names_something(item, known)]
    return Coverage(tuple(Covered(item, n) for item, n in counts.items()), tuple(unknown))


def _names_something(item: str, known: set[str]) -> bool:
    if item in known:
        return True
    # A value of a field without an enum is the author's own finer cut, as long as the field is there.
    field, equals, _ = item.partition("=")
    return bool(equals) and field in known and not any(other.startswith(field + "=") for other in known)


def _cases(loaded: Loaded) -> Iterator[tuple[str, Case]]:
    for suite in loaded.suites:
        for case in suite.cases:
            yield suite.name, case
