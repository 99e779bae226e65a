"""A run that stops early gives the verdict that the whole run would have given."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.core.comparison import Paired, decide
from interlock.core.curtailment import flawless_settled, floor_settled, settled, verdict_settled
from interlock.core.estimate import Estimate, clears


@st.composite
def underway(draw: st.DrawFn) -> tuple[Paired, int]:
    n = draw(st.integers(0, 70))
    broke = draw(st.integers(0, min(n, draw(st.sampled_from([3, 12, 70])))))
    fixed = draw(st.integers(0, min(n - broke, 6)))
    return Paired(n, broke, fixed, draw(st.sampled_from([0, 0, 1, 3]))), draw(st.integers(0, 6))


@settings(deadline=None, max_examples=250)
@given(underway(), st.sampled_from([0.02, 0.05, 0.1, 0.2]), st.integers(1, 4), st.booleans())
def test_a_settled_verdict_is_the_one_of_every_ending(
    state: tuple[Paired, int], margin: float, family: int, others_got_worse: bool
) -> None:
    so_far, left = state
    said = verdict_settled(so_far, left, margin, family=family)
    assert settled(so_far, left, margin, family=family) == (said is not None)
    if said is None:
        return
    others = {str(number): Paired(100, 30 if others_got_worse else 0, 0) for number in range(family - 1)}
    for broke in range(left + 1):
        for fixed in range(left - broke + 1):
            for lost in range(left - broke - fixed + 1):
                whole = Paired(
                    so_far.n + left - lost, so_far.broke + broke, so_far.fixed + fixed, so_far.unpaired + lost
                )
                pairs = {"asked": whole, **others}
                assert decide(pairs, dict.fromkeys(pairs, margin))["asked"].verdict == said


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


@pytest.mark.parametrize("wrong", [lambda: settled(Paired(1, 0, 0), -1, 0.05), lambda: floor_settled(1, 1, -1, 0.9)])
def test_cases_that_cannot_be_left_are_refused(wrong: object) -> None:
    with pytest.raises(ValueError):
        wrong()  # type: ignore[operator]
