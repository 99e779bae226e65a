"""Promises of the pointer and of the rules of the way back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.bundle import Bundle, Component
from interlock.core.digest import Digest
from interlock.core.manifest import Part
from interlock.core.pointer import (
    Move,
    Pointer,
    Rule,
    WayBack,
    first_pointer,
    pointer_from_json,
    pointer_to_json,
    way_back,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
BUNDLE = Bundle("f", {part: Component(part, "1", {"version": "1"}, ()) for part in Part}, {})


def decide(*, ready: bool = False, unproven: int = 0, broken: tuple[str, ...] = (), regulated: bool = False) -> WayBack:
    proven = sorted(BUNDLE.pairs())[unproven:]
    return way_back(
        BUNDLE, was_ready_here=ready, proven=proven, broken=broken, provisional=DAY, regulated=regulated, propose=(Part.PROMPT,)
    )  # fmt: skip


def test_r1_a_bundle_that_was_ready_here_returns_at_once_and_for_good() -> None:
    way = decide(ready=True, unproven=3)
    assert (way.rule, way.provisional, way.people, way.untested) == (Rule.R1, None, 1, frozenset())


def test_r2_proven_pairs_return_at_once_but_provisionally() -> None:
    way = decide()
    assert (way.rule, way.provisional, way.people) == (Rule.R2, DAY, 1)


@pytest.mark.parametrize(("regulated", "people"), [(False, 1), (True, 2)])
def test_r3_an_untested_pair_gets_half_the_time_and_two_people_where_it_is_regulated(
    regulated: bool, people: int
) -> None:
    way = decide(unproven=1, regulated=regulated)
    assert (way.rule, way.provisional, way.people) == (Rule.R3, DAY / 2, people)
    assert way.untested == {sorted(BUNDLE.pairs())[0]}


@pytest.mark.parametrize("ready", [True, False])
def test_r4_a_broken_constraint_is_refused_even_if_it_was_ready_here(ready: bool) -> None:
    way = decide(ready=ready, broken=("prompt needs schema >=3",))
    assert (way.rule, way.broken, way.propose) == (Rule.R4, ("prompt needs schema >=3",), (Part.PROMPT,))


@given(st.booleans(), st.integers(0, 13), st.booleans(), st.booleans())
def test_the_rules_are_asked_in_the_order_of_safety(ready: bool, unproven: int, broken: bool, regulated: bool) -> None:
    way = decide(ready=ready, unproven=unproven, broken=("x",) if broken else (), regulated=regulated)
    slow = Rule.R4 if broken else Rule.R1 if ready else Rule.R3 if unproven else Rule.R2
    assert way.rule is slow
    assert (way.provisional is None) == (slow in (Rule.R1, Rule.R4))


def _pointer() -> Pointer:
    first = first_pointer("staging", "f", Digest("sha256:" + "1" * 64), reason="first", actor="ada", at=NOW)
    return first.moved(
        Digest("sha256:" + "2" * 64), Move.DERIVED, reason="r", actor="bo", at=NOW, provisional_until=NOW
    )


def test_every_move_also_backwards_is_a_higher_generation() -> None:
    pointer = _pointer()
    assert (pointer.generation, pointer.environment, pointer.feature) == (2, "staging", "f")
    assert pointer.moved(pointer.stable, Move.UNDO, reason="", actor="", at=NOW).provisional_until is None


def test_a_pointer_survives_its_json() -> None:
    assert pointer_from_json(pointer_to_json(_pointer())) == _pointer()
