"""What is said before a run is what the rule does: every chance agrees with adding up every table."""

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from interlock.core.comparison import Paired, decide
from interlock.core.planning import (
    MOST_CASES,
    Ask,
    cases_for,
    chance_to_pass,
    chances,
    fails_below,
    false_pass,
    joint,
    passes_from,
    plan_slices,
    provable_margin,
)

margins = st.sampled_from([0.01, 0.02, 0.05, 0.1, 0.2, 0.35])


def verdict(n: int, broke: int, fixed: int, margin: float, others: int) -> str:
    """The rule itself, with further slices in the family that do not flip."""
    pairs = {"asked": Paired(n, broke, fixed)} | {f"other {number}": Paired(n, 0, 0) for number in range(others)}
    return decide(pairs, dict.fromkeys(pairs, margin))["asked"].verdict


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 32), margins, st.integers(0, 3))
def test_the_edges_are_the_rule_at_every_table(n: int, margin: float, others: int) -> None:
    level = 0.05 / (1 + others)
    passing = passes_from(n, margin, range(n + 1), fail_level=level)
    standing = fails_below(n, margin, range(n + 1), fail_level=level)
    for broke in range(n + 1):
        for fixed in range(n - broke + 1):
            said = "pass" if fixed >= passing[broke] else "fail" if fixed < standing[broke] else "owed"
            assert said == verdict(n, broke, fixed, margin, others), (broke, fixed)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 28), margins, st.floats(0, 0.6), st.floats(0, 0.4))
def test_chances_agree_with_adding_up_every_table(n: int, margin: float, broke_rate: float, fixed_rate: float) -> None:
    found = chances(n, margin, broke_rate, fixed_rate)
    tables = [(b, c) for b, c in product(range(n + 1), repeat=2) if b + c <= n]
    trinomial = stats.multinomial(n, [broke_rate, fixed_rate, 1 - broke_rate - fixed_rate])
    weights = {(b, c): float(trinomial.pmf([b, c, n - b - c])) for b, c in tables}
    for word, said in (("pass", found.passes), ("fail", found.fails)):
        expected = math.fsum(weight for (b, c), weight in weights.items() if verdict(n, b, c, margin, 0) == word)
        assert said == pytest.approx(expected, abs=1e-8)
    assert chance_to_pass(n, margin, broke_rate, fixed_rate) == found.passes
    assert found.passes + found.owed + found.fails == pytest.approx(1, abs=1e-8)


def test_what_is_left_out_of_the_sum_does_not_matter() -> None:
    n, rate = 500, 0.05
    found = chances(n, 0.05, rate, rate)
    passing = passes_from(n, 0.05, range(n + 1))
    whole = math.fsum(
        stats.binom.pmf(b, n, rate) * stats.binom.sf(c - 1, n - b, rate / (1 - rate)) for b, c in enumerate(passing)
    )
    assert found.passes == pytest.approx(whole, abs=1e-10)


@pytest.mark.parametrize(("discordance", "passes"), [(0.02, 0.758), (0.05, 0.615), (0.10, 0.481)])
def test_forty_cases_at_ten_points_pass_an_unchanged_slice_that_often(discordance: float, passes: float) -> None:
    found = chances(40, 0.1, discordance / 2, discordance / 2)
    assert found.passes == pytest.approx(passes, abs=5e-4)
    assert chances(40, 0.1, discordance / 2 + 0.1, discordance / 2).passes < 0.05


@pytest.mark.parametrize(("margin", "n"), [(0.05, 55), (0.02, 141), (0.01, 285)])
def test_cases_without_flips_are_the_known_table(margin: float, n: int) -> None:
    assert cases_for(margin, 0, 0.9) == n


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([0.05, 0.1, 0.2]), st.floats(0, 0.2), st.sampled_from([0.5, 0.8, 0.9]))
def test_the_cases_that_are_asked_for_reach_the_power_and_one_less_does_not(
    margin: float, discordance: float, power: float
) -> None:
    n = cases_for(margin, discordance, power)
    assert n is not None
    half = discordance / 2
    assert chance_to_pass(n, margin, half, half) >= power > chance_to_pass(n - 1, margin, half, half)


def test_no_number_of_cases_spares_an_unchanged_slice_the_false_alarms_of_the_rule() -> None:
    """One release in twenty is called worse by the exact test though nothing changed: that much power is never had."""
    assert cases_for(0.1, 0.2, 0.97) is None
    assert cases_for(0.1, 0.2, 0.97, fail_level=0.05 / 20) is not None
    with pytest.raises(ValueError):
        plan_slices([Ask("a", 100, 0.1, 0.2)], power=0.96)


def test_a_margin_that_no_number_of_cases_shows_is_said_to_be_out_of_reach() -> None:
    assert cases_for(0.001, 0.5, 0.9) is None
    (plan,) = plan_slices([Ask("tiny margin", 40, 0.001, 0.5)])
    assert plan.needed is None
    assert plan.needed_without_flips <= MOST_CASES


@settings(deadline=None, max_examples=15)
@given(st.integers(5, 150), st.floats(0, 0.2), st.sampled_from([0.5, 0.9]))
def test_the_margin_that_is_provable_is_the_least(n: int, discordance: float, power: float) -> None:
    found = provable_margin(n, discordance, power)
    half = discordance / 2
    if found is None:
        assert chance_to_pass(n, 0.75, half, half) < power
        return
    assert chance_to_pass(n, found, half, half) >= power
    assert found == 0.001 or chance_to_pass(n, found - 0.001, half, half) < power


def test_many_critical_slices_together_pass_less_often_than_each() -> None:
    plans = plan_slices([Ask(f"slice {number}", 300, 0.05, 0.05) for number in range(20)])
    together = joint(plans)
    assert together is not None
    assert together == pytest.approx(math.prod(plan.unchanged.passes for plan in plans))
    assert together < min(plan.unchanged.passes for plan in plans)
    assert plans[0].power == pytest.approx(0.9 ** (1 / 20))
    needed = plans[0].needed
    assert needed is not None
    grown = joint(plan_slices([Ask(f"slice {number}", needed, 0.05, 0.05) for number in range(20)]))
    assert grown is not None
    assert grown >= 0.9 - 1e-9


def test_slices_that_are_not_critical_ask_for_nothing_together() -> None:
    plans = plan_slices([Ask("a", 300, 0.05, 0.05, critical=False)])
    assert joint(plans) is None
    assert plans[0].power == 0.9


def test_no_case_shows_nothing() -> None:
    found = chances(0, 0.05, 0.1, 0.1)
    assert (found.passes, found.fails, found.owed) == (0, 0, 1)


def test_a_false_pass_without_any_fix_is_the_chance_that_nothing_breaks() -> None:
    assert false_pass(55, 0.05, 0.05) == pytest.approx(0.95**55, abs=1e-10)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Ask("a", -1, 0.05, 0.1),
        lambda: Ask("a", 1, 0.0, 0.1),
        lambda: Ask("a", 1, 0.05, 0.96),
        lambda: Ask("a", 1, 0.05, math.nan),
        lambda: cases_for(0.05, 0.1, 1.0),
        lambda: plan_slices([Ask("a", 1, 0.05, 0.1)], power=0),
        lambda: chances(10, 0.05, 0.6, 0.6),
        lambda: chances(-1, 0.05, 0.1, 0.1),
    ],
)
def test_what_cannot_be_planned_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError):
        wrong()  # type: ignore[operator]
