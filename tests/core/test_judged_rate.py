"""Promises of a rate that rests on a judge: its bounds hold, whatever the judge does wrong, and no label is no rate."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.core.checks import LIMITS
from interlock.core.estimate import Clears
from interlock.core.evidence import Gap
from interlock.core.judge_rules import read_floor
from interlock.core.judged_rate import HERE_MIN, LABELS_MIN, JudgedUnits, corrected_rate, fitness, least_power
from interlock.core.judgement import Table
from interlock.core.manifest import Profile
from interlock.core.rules import RULES, Standing

NONE = Table(0, 0, 0, 0)
GOOD = Table(140, 6, 6, 48)
counts = st.integers(0, 80)
tables = st.builds(Table, counts, counts, counts, counts)


def draw(chance: random.Random, n: int, rate: float, se: float, sp: float) -> Table:
    cells = [0, 0, 0, 0]
    for _ in range(n):
        human = chance.random() < rate
        judge = chance.random() < (se if human else 1 - sp)
        cells[{(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}[human, judge]] += 1
    return Table(*cells)


@pytest.mark.parametrize(("se", "sp"), [(0.95, 0.9), (0.99, 0.6), (0.8, 0.8), (1.0, 0.5)])
@pytest.mark.parametrize("rate", [0.5, 0.8, 0.95])
def test_the_lower_bound_holds_where_labels_are_of_these_replies_and_of_others(
    rate: float, se: float, sp: float
) -> None:
    """Each bound is to hold in 95 % of all cases; of 300 simulated ones at most 27 may miss (3 standard deviations)."""
    chance = random.Random(f"{rate}{se}{sp}")
    missed = {"here": 0, "others": 0}
    for _ in range(300):
        rest = draw(chance, 200, rate, se, sp)
        passes, fails = rest.both_pass + rest.only_judge, rest.only_human + rest.both_fail
        here = draw(chance, HERE_MIN, rate, se, sp)
        others = draw(chance, 100, 0.6, se, sp)  # another bundle, of which another share passed
        for name, units in (
            ("here", JudgedUnits(here, passes, fails, 0, here)),
            ("others", JudgedUnits(NONE, passes, fails, 0, others)),
        ):
            found = corrected_rate(units)
            assert found is not None
            missed[name] += found.interval.low > rate
    assert max(missed.values()) <= 27, missed


def test_labels_of_other_replies_never_say_how_many_pass_here() -> None:
    """Of the old bundle nearly all passed. Of the new one hardly any: old labels must not make it look better."""
    old = Table(180, 6, 2, 12)
    found = corrected_rate(JudgedUnits(NONE, passes=60, fails=240, apart=0, labels=old))
    assert found is not None
    assert found.interval.high < 0.5


@given(tables, counts, counts, st.integers(0, 20), tables)
def test_a_rate_lies_in_its_interval_and_units_apart_only_widen_it(
    here: Table, passes: int, fails: int, apart: int, labels: Table
) -> None:
    plain, found = (corrected_rate(JudgedUnits(here, passes, fails, n, labels)) for n in (0, apart))
    if plain is None or found is None:
        assert labels.n == 0 or here.n + passes + fails == 0
        return
    assert 0 <= found.interval.low <= found.interval.high <= 1
    assert found.rate is None or found.interval.low <= found.rate <= found.interval.high
    if here.n == 0 or passes + fails:  # else people looked at every unit, and with units apart not any more
        assert found.interval.low <= plain.interval.low + 1e-12
        assert found.interval.high >= plain.interval.high - 1e-12


@settings(max_examples=40)
@given(counts, counts, tables)
def test_without_a_label_there_is_no_rate(passes: int, fails: int, here: Table) -> None:
    assert corrected_rate(JudgedUnits(NONE, passes, fails, 0, NONE)) is None
    assert corrected_rate(JudgedUnits(NONE, 0, 0, passes, here)) is None


def test_where_people_labelled_every_unit_the_judge_has_no_say() -> None:
    found = corrected_rate(JudgedUnits(Table(40, 40, 0, 0), 0, 0, 0, Table(40, 40, 0, 0)))
    assert found is not None
    assert (found.rate, found.power) == (1.0, 0.0)


@given(tables)
def test_a_judges_power_is_a_share_and_none_where_a_side_has_no_label(labels: Table) -> None:
    assert 0.0 <= least_power(labels) <= 1.0
    if not labels.both_fail + labels.only_judge or not labels.both_pass + labels.only_human:
        assert least_power(labels) == 0.0


# ── the rule ────────────────────────────────────────────────────────────────────────────────────────────────────


def plain(table: Table) -> dict[str, int]:
    return {name: getattr(table, name) for name in ("both_pass", "only_human", "only_judge", "both_fail")}


def floor(passes: int = 290, fails: int = 10, ask: float = 0.8, **changes: Any) -> dict[str, Any]:
    labels = changes.pop("labels", GOOD)
    standing = {"suite": "gold", "name": "helpful", "pinned": True, "why": "a snapshot", "calibrated": True, "stale": [],
                "table": plain(labels), "target": 0.6, **changes.pop("standing", {})}  # fmt: skip
    judge = {"standing": standing, "here": plain(NONE), "passes": passes, "fails": fails, "apart": {}, "why_apart": [],
             "labels": plain(labels), **changes}  # fmt: skip
    return {"scorer": "judge:helpful", "floor": ask, "passes": passes, "n": passes + fails, "judge": judge}


def test_the_corrected_bound_decides_and_not_the_judges_word() -> None:
    found = read_floor(floor())
    assert found.state is Clears.PASS
    assert found.corrected is not None
    assert found.corrected.interval.low >= 0.8
    high = 290 / 300  # what the judge says, as a floor
    assert read_floor(floor(ask=high)).state is Clears.UNDECIDED
    assert read_floor(floor(passes=60, fails=240)).state is Clears.FAIL


@pytest.mark.parametrize(
    ("changes", "gap"),
    [
        ({"standing": {"pinned": False}}, Gap.METHOD),
        ({"standing": {"calibrated": False}}, Gap.METHOD),
        ({"standing": {"stale": ["model"]}}, Gap.METHOD),
        ({"standing": {"table": plain(Table(40, 30, 30, 40))}}, Gap.METHOD),
        ({"standing": {"table": plain(Table(24, 0, 0, LABELS_MIN - 25))}}, Gap.METHOD),
        ({"standing": {"target": 0.95}}, Gap.METHOD),
        ({"labels": NONE, "standing": {"table": plain(GOOD)}}, Gap.SCOPE),
        ({"passes": 0, "fails": 0}, Gap.THIN),
        ({"passes": 0, "fails": 0, "apart": {"missing": 300}}, Gap.BROKEN),
        ({"passes": 150, "fails": 0, "apart": {"error": 150}}, Gap.THIN),
        ({"passes": 150, "fails": 0, "apart": {"undecided": 150}}, Gap.THIN),
    ],
)  # fmt: skip
def test_a_judge_that_cannot_be_counted_on_neither_passes_nor_fails_anything(changes: dict[str, Any], gap: Gap) -> None:
    found = read_floor(floor(**changes))
    assert (found.state, found.gap) == (Clears.UNDECIDED, gap)
    row = {"slice": "refunds", "critical": False, "floors": [floor(**changes)]}
    ruling = RULES["EVAL-02"]({"slices": [row], "must_pass_failed": []}, LIMITS[Profile.STANDARD])
    assert ruling.standing is Standing.OWED


def test_a_disqualified_judge_is_called_that() -> None:
    found = read_floor(floor(standing={"table": plain(Table(40, 30, 30, 40))}))
    assert "is disqualified: kappa" in found.why
    assert "its scores count nothing" in found.why


@given(tables, st.floats(0.05, 0.95))
def test_a_judge_is_fit_only_with_enough_labels(labels: Table, target: float) -> None:
    if labels.n < LABELS_MIN:
        assert fitness(labels, target).value == "unproven"


def test_a_pass_tells_the_corrected_rate_with_its_interval() -> None:
    row = {"slice": "refunds", "critical": False, "floors": [floor()]}
    ruling = RULES["EVAL-02"]({"slices": [row], "must_pass_failed": []}, LIMITS[Profile.STANDARD])
    assert ruling.standing is Standing.PASS
    assert "lets 290 of 300 pass; corrected" in ruling.details[0]
