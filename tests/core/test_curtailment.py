"""A run that stops early gives the verdict that the whole run would have given."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.core.comparison import Paired, decide
from interlock.core.curtailment import (
    correction_settled,
    flawless_settled,
    floor_settled,
    settled,
    verdict_settled,
)
from interlock.core.estimate import Estimate, clears


@st.composite
def underway(draw: st.DrawFn) -> tuple[Paired, int]:
    n = draw(st.integers(0, 70))
    broke = draw(st.integers(0, min(n, draw(st.sampled_from([3, 12, 70])))))
    fixed = draw(st.integers(0, min(n - broke, 6)))
    return Paired(n, broke, fixed, draw(st.sampled_from([0, 0, 1, 3]))), draw(st.integers(0, 6))


def endings(so_far: Paired, left: int, fixable: int) -> Iterator[Paired]:
    """Every way in which the cases that are left can turn out; one that no scorer judges under either bundle is gone."""
    for broke in range(left + 1):
        for fixed in range(min(fixable, left - broke) + 1):
            for lost in range(left - broke - fixed + 1):
                for gone in range(left - broke - fixed - lost + 1):
                    n = so_far.n + left - lost - gone
                    yield Paired(n, so_far.broke + broke, so_far.fixed + fixed, so_far.unpaired + lost)


@settings(deadline=None, max_examples=250)
@given(underway(), st.sampled_from([0.02, 0.05, 0.1, 0.2]), st.integers(1, 4), st.booleans(), st.integers(0, 6))
def test_a_settled_verdict_is_the_one_of_every_ending(
    state: tuple[Paired, int], margin: float, family: int, others_got_worse: bool, failed_before: int
) -> None:
    so_far, left = state
    fixable = min(left, failed_before)
    said = verdict_settled(so_far, left, margin, fixable=fixable, family=family)
    assert settled(so_far, left, margin, fixable=fixable, family=family) == (said is not None)
    if said is None:
        return
    others = {str(number): Paired(100, 30 if others_got_worse else 0, 0) for number in range(family - 1)}
    for whole in endings(so_far, left, fixable):
        pairs = {"asked": whole, **others}
        assert decide(pairs, dict.fromkeys(pairs, margin))["asked"].verdict == said


def test_what_failed_before_is_all_that_can_be_fixed() -> None:
    lost = Paired(12, 9, 0)
    assert verdict_settled(lost, 28, 0.05) is None  # 28 fixed would make it better
    assert verdict_settled(lost, 28, 0.05, fixable=1) == "fail"
    assert verdict_settled(lost, 28, 0.05, fixable=28) is None


@settings(deadline=None, max_examples=150)
@given(underway(), st.lists(underway(), min_size=1, max_size=3), st.integers(0, 6))
def test_where_the_correction_is_settled_no_other_slice_turns_with_this_one(
    state: tuple[Paired, int], others: list[tuple[Paired, int]], failed_before: int
) -> None:
    so_far, left = state
    fixable = min(left, failed_before)
    if not correction_settled(so_far, left, fixable=fixable, family=1 + len(others)):
        return
    rest = {str(number): pair for number, (pair, _) in enumerate(others)}
    found = set()
    for whole in endings(so_far, left, fixable):
        pairs = {"asked": whole, **rest}
        decisions = decide(pairs, dict.fromkeys(pairs, 0.1))
        found.add(tuple(decisions[name].verdict for name in rest))
    assert len(found) == 1


def test_between_the_levels_of_the_correction_another_slice_can_turn() -> None:
    grey = Paired(200, 5, 0)  # p = 0.031 alone; a sixth makes it 0.0156, and then the other has the mildest level
    other = Paired(200, 9, 2)  # p = 0.033
    verdicts = [
        decide({"first": ending, "other": other}, {"first": 0.2, "other": 0.2})["other"].verdict
        for ending in (Paired(201, 6, 0), Paired(201, 5, 0))
    ]
    assert verdicts == ["fail", "pass"]
    assert not correction_settled(grey, 1, fixable=0, family=2)
    assert correction_settled(grey, 1, fixable=0, family=1)


@pytest.mark.parametrize(
    ("pair", "left", "said"),
    [
        (Paired(60, 20, 0), 10, "fail"),
        (Paired(300, 0, 0), 4, "pass"),
        (Paired(5, 0, 0), 1, "owed"),
        (Paired(60, 2, 0), 10, None),
        (Paired(0, 0, 0), 60, None),
    ],
)
def test_each_verdict_can_be_settled_early(pair: Paired, left: int, said: str | None) -> None:
    assert verdict_settled(pair, left, 0.05) == said


def test_a_failure_that_other_slices_could_still_correct_away_is_open() -> None:
    proven_alone = Paired(200, 6, 0)  # p = 0.016, within a wide margin
    assert verdict_settled(proven_alone, 0, 0.2) == "fail"
    assert verdict_settled(proven_alone, 0, 0.2, family=4) is None


def test_a_finished_slice_is_settled() -> None:
    assert settled(Paired(60, 2, 1), 0, 0.05)


def test_graded_cases_are_never_settled_early() -> None:
    graded = Paired(3, 0, 0, 0, (0.1, 0.0, 0.2), ("a", "b", "c"))
    assert not settled(graded, 0, 0.05)


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 8), st.sampled_from([0.6, 0.8, 0.9, 0.95]))
def test_a_settled_floor_is_the_one_of_every_ending(passes: int, failures: int, left: int, floor: float) -> None:
    n = passes + failures
    if not floor_settled(passes, n, left, floor):
        return
    now = clears(floor, Estimate.of(passes, n))
    for more in range(left + 1):
        for dropped in range(left - more + 1):
            assert clears(floor, Estimate.of(passes + more, n + left - dropped)) == now


def test_floors_can_be_settled_early_and_can_stay_open() -> None:
    assert floor_settled(20, 40, 10, 0.9)  # broken, whatever comes
    assert floor_settled(60, 60, 2, 0.9)  # cleared, whatever comes
    assert not floor_settled(40, 40, 10, 0.9)
    assert not floor_settled(0, 0, 40, 0.9)


def test_one_failure_settles_what_permits_none() -> None:
    assert flawless_settled(1, 30)
    assert flawless_settled(0, 0)
    assert not flawless_settled(0, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: settled(Paired(1, 0, 0), -1, 0.05),
        lambda: settled(Paired(1, 0, 0), 2, 0.05, fixable=3),
        lambda: correction_settled(Paired(1, 0, 0), 2, fixable=-1),
        lambda: floor_settled(1, 1, -1, 0.9),
    ],
)
def test_cases_that_cannot_be_left_are_refused(wrong: object) -> None:
    with pytest.raises(ValueError):
        wrong()  # type: ignore[operator]
