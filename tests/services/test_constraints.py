"""What constraints promise: parts that do not fit are named, and the smallest way out is found."""

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.core.bundle import Bundle, Component
from interlock.core.errors import BundleError
from interlock.core.manifest import Part
from interlock.services.constraints import check, one_way, order, satisfies, smallest_fix


def make(constraints: dict[str, Any] | None = None, /, **parts: dict[str, Any] | str) -> Bundle:
    """A bundle of versions; `prompt="2"` is short for a prompt of version 2 with nothing else."""
    rows = {Part(name): {"version": spec} if isinstance(spec, str) else spec for name, spec in parts.items()}
    return Bundle(
        "f", {part: Component(part, spec["version"], spec, ()) for part, spec in rows.items()}, constraints or {}
    )


def messages(bundle: Bundle, tools: tuple[str, ...] = (), capabilities: tuple[str, ...] = ()) -> list[str]:
    return [finding["message"] for finding in check(bundle, tools=tools, capabilities=capabilities)]


NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=4)


@given(NUMBERS, NUMBERS)
def test_versions_are_ordered_as_lists_of_numbers(one: list[int], other: list[int]) -> None:
    width = max(len(one), len(other))
    mine, theirs = ([*row, *[0] * (width - len(row))] for row in (one, other))
    expected = (mine > theirs) - (mine < theirs)
    assert order(".".join(map(str, one)), ".".join(map(str, other))) == expected


@pytest.mark.parametrize(
    ("version", "wanted", "held"),
    [
        ("3", ">=3,<5", True), ("5", ">=3,<5", False), ("5.0", "<5", False), ("4.9.9", ">=3, <5", True),
        ("1.10", ">1.9", True), ("3", "3", True), ("3.0", "==3", True), ("3.1", "3", False), ("3", "!=3", False),
        ("2025a", "2025a", True), ("2025a", "!=3", True),
    ],
)  # fmt: skip
def test_a_range_holds_or_it_does_not(version: str, wanted: str, held: bool) -> None:
    assert satisfies(version, wanted) is held


@pytest.mark.parametrize("wanted", ["", ">=", "~3", "^3", ">=3,,<5", ">=3 <5", "*"])
def test_a_range_that_cannot_be_read_is_never_satisfied(wanted: str) -> None:
    with pytest.raises(BundleError):
        satisfies("3", wanted)
    rows = {"prompt": {"requires": {"schema": wanted}}}
    assert len(messages(make(rows, prompt="1", schema="3"))) == 1


def test_a_version_without_an_order_is_not_ordered() -> None:
    with pytest.raises(BundleError, match="`2025a` has no order"):
        satisfies("2025a", ">=1")


def test_each_broken_constraint_is_named() -> None:
    rows = {
        "prompt": {"requires": {"schema": ">=3", "tools": {"has": ["a", "b"]}, "app": {"capability": "x"}}},
        "schema": {"requires": {"retriever": ">=1"}, "reads_stored": ["1"]},
    }
    assert messages(make(rows, prompt="1", schema="2"), ("a",), ("y",)) == [
        "`prompt` needs `schema` >=3, and it is 2",
        "`prompt` needs the tool `b`, which `tools` does not offer",
        "`prompt` needs an app that can `x`; it says `y`",
        "`schema` needs `retriever` >=1, and the feature has none",
        "schema 2 does not read its own answers; it reads only 1",
    ]
    fitting = {**rows, "schema": {"reads_stored": ["1", "3"]}}
    assert messages(make(fitting, prompt="1", schema="3"), ("a", "b"), ("x",)) == []


def test_the_embedding_of_queries_and_of_the_index_must_be_the_one_asked_for() -> None:
    rows = {"retriever": {"requires": {"embedding": "fp:1"}}}
    for spec, count in (
        ({"embedding": "fp:1"}, 0),
        ({"embedding": "fp:1", "index": {"embedding": "fp:1"}}, 0),
        ({"embedding": "fp:1", "index": {"embedding": "fp:2"}}, 1),
        ({"embedding": "fp:2"}, 1),
        ({}, 1),
    ):
        assert len(messages(make(rows, retriever={"version": "1", **spec}))) == count


def test_a_finding_says_where_the_constraint_was_written() -> None:
    rows = {"prompt": {"requires": {"schema": ">=3"}}}
    found = check(make(rows, prompt="1", schema="2"), tools=(), capabilities=(), where=lambda path: (".".join(map(str, path)), 7))  # fmt: skip
    assert (found[0]["file"], found[0]["line"]) == ("parts.prompt.requires.schema", 7)


def test_a_way_back_that_cannot_read_what_was_stored_is_refused() -> None:
    live = make({"schema": {"reads_stored": ["2", "3"]}}, schema="3")
    assert one_way(live, make({"schema": {"reads_stored": ["2", "3"]}}, schema="2")) == []
    assert (
        "stored by schema 3" in one_way(live, make({"schema": {"reads_stored": ["1", "2"]}}, schema="2"))[0]["message"]
    )
    assert len(one_way(live, make(schema="2"))) == 1
    assert one_way(live, make(schema="3.0")) == []


def test_the_smallest_fix_moves_only_what_must_move() -> None:
    old = make({"prompt": {"requires": {"schema": "2"}}, "schema": {"reads_stored": ["2", "3"]}},
               model="1", prompt="1", schema="2", guardrails="1")  # fmt: skip
    live = make({"prompt": {"requires": {"schema": "3"}}, "schema": {"reads_stored": ["2", "3"]}},
                model="2", prompt="2", schema="3", guardrails="2")  # fmt: skip

    def fix(part: Part, history: list[Bundle]) -> tuple[Part, ...] | None:
        found = smallest_fix(live, history, part, tools=lambda _: (), capabilities=())
        return None if found is None else found.parts

    assert fix(Part.MODEL, [old]) == (Part.MODEL,)
    assert fix(Part.PROMPT, [old]) == (Part.PROMPT, Part.SCHEMA)
    assert fix(Part.PROMPT, [live]) is None
    assert fix(Part.PROMPT, []) is None
    one_way_only = old.with_part(Part.SCHEMA, make({"schema": {"reads_stored": ["2"]}}, schema="2"))
    assert fix(Part.PROMPT, [one_way_only]) is None
    assert fix(Part.PROMPT, [one_way_only, old]) == (Part.PROMPT, Part.SCHEMA)


VERSIONS = st.sampled_from(["1", "2", "3"])
RANGES = st.dictionaries(
    st.sampled_from(["prompt", "schema", "guardrails"]),
    st.dictionaries(st.sampled_from(["prompt", "schema", "model"]), VERSIONS, max_size=2),
    max_size=3,
)


@st.composite
def bundles(draw: st.DrawFn) -> Bundle:
    rows = {part: {"requires": wants} for part, wants in draw(RANGES).items()}
    return make(rows, **{name: draw(VERSIONS) for name in ("model", "prompt", "schema", "guardrails")})


@settings(deadline=None, max_examples=60)
@given(bundles(), bundles(), st.sampled_from([Part.MODEL, Part.PROMPT, Part.SCHEMA]))
def test_a_fix_fits_and_no_smaller_one_does(live: Bundle, source: Bundle, part: Part) -> None:
    found = smallest_fix(live, [source], part, tools=lambda _: (), capabilities=())

    def fits(parts: tuple[Part, ...]) -> bool:
        candidate = live
        for kind in parts:
            candidate = candidate.with_part(kind, source)
        return not check(candidate, tools=(), capabilities=()) and not one_way(live, candidate)

    # A part with the same content is none that moves: dropping only what it demands would be no way back.
    moving = source.changed_from(live)
    every = [kinds for n in range(len(moving) + 1) for kinds in combinations(moving, n) if part in kinds]
    working = [len(kinds) for kinds in every if fits(kinds)]
    if not working:
        assert found is None
    else:
        assert found is not None
        assert part in found.parts
        assert fits(found.parts)
        assert len(found.parts) == min(working)
