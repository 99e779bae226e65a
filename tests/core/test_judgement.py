import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa as of_statsmodels

from interlock.core.judgement import Table, cohen_kappa, ppi_mean, rogan_gladen, sensitivity, specificity, tabulate

tables = st.builds(Table, *[st.integers(0, 120)] * 4)
whole = st.builds(Table, *[st.integers(1, 120)] * 4)

JUDGES = [(0.99, 0.99), (0.97, 0.97), (0.95, 0.9), (0.9, 0.99), (0.8, 0.7)]
"""How often a judge passes what people pass, and fails what they fail: from nearly perfect to poor."""


def cells(passing: float, se: float, sp: float) -> list[float]:
    return [passing * se, passing * (1 - se), (1 - passing) * (1 - sp), (1 - passing) * sp]


def kappa_of(chances: list[float]) -> float:
    a, b, c, d = chances
    by_chance = (a + b) * (a + c) + (c + d) * (b + d)
    return (a + d - by_chance) / (1 - by_chance)


@given(whole)
def test_kappa_and_its_error_are_those_of_statsmodels(table: Table) -> None:
    theirs = of_statsmodels(np.array([[table.both_pass, table.only_human], [table.only_judge, table.both_fail]]))
    ours = cohen_kappa(table)
    assert ours.kappa == pytest.approx(theirs.kappa, abs=1e-8)
    assert ours.standard_error == pytest.approx(theirs.std_kappa, abs=1e-8)


@given(tables)
def test_the_estimate_lies_between_its_bounds(table: Table) -> None:
    found = cohen_kappa(table)
    assert -1 <= found.low <= found.high <= 1
    assert found.kappa is None or found.low <= found.kappa <= found.high


def test_perfect_agreement_on_few_cases_proves_little_and_more_on_many() -> None:
    lows = [cohen_kappa(Table(n, 0, 0, n)).low for n in (5, 25, 100, 400)]
    assert lows == sorted(lows)
    assert lows[0] < 0.5 < lows[1] < 0.9 < lows[2] < lows[3] < 1


def test_a_judge_that_always_says_yes_shows_no_agreement() -> None:
    found = cohen_kappa(Table(95, 0, 5, 0))
    assert found.kappa is None
    assert found.low < 0.2


@pytest.mark.parametrize("n", [50, 100, 200])
@pytest.mark.parametrize("passing", [0.5, 0.8, 0.95])
def test_the_bounds_of_kappa_hold_as_often_as_they_say(n: int, passing: float) -> None:
    """95 % each; over 600 draws a bound that holds so often shows 0.93 or more."""
    random = np.random.default_rng(n)
    for se, sp in JUDGES:
        chances = cells(passing, se, sp)
        true = kappa_of(chances)
        drawn = [cohen_kappa(Table(*map(int, row))) for row in random.multinomial(n, chances, size=600)]
        assert np.mean([found.low <= true for found in drawn]) >= 0.94
        assert np.mean([found.high >= true for found in drawn]) >= 0.92


def test_the_large_sample_bound_would_not_hold() -> None:
    """Why cases are added: 50 labels of a nearly perfect judge, and the textbook bound."""
    chances, random = cells(0.5, 0.99, 0.99), np.random.default_rng(1)
    true, held = kappa_of(chances), []
    for row in random.multinomial(50, chances, size=400):
        found = cohen_kappa(Table(*map(int, row)))
        if found.kappa is not None and found.standard_error is not None:
            held.append(found.kappa - 1.645 * found.standard_error <= true)
    assert np.mean(held) < 0.7


@given(tables.filter(lambda t: t.sensitivity[1] > 0 and t.specificity[1] > 0))
def test_sensitivity_and_specificity_have_exact_intervals(table: Table) -> None:
    for ours, (count, n) in ((sensitivity(table), table.sensitivity), (specificity(table), table.specificity)):
        theirs = stats.binomtest(count, n).proportion_ci(method="exact")
        assert (ours.low, ours.high) == (pytest.approx(theirs.low, abs=1e-8), pytest.approx(theirs.high, abs=1e-8))


@given(st.integers(0, 200), whole)
def test_rogan_gladen_undoes_the_errors_of_the_judge(passes: int, table: Table) -> None:
    found = rogan_gladen(passes, 200, table)
    (hits, positives), (misses, negatives) = table.sensitivity, table.specificity
    se, sp = hits / positives, misses / negatives
    if se + sp <= 1:
        assert found.rate is None
        assert (found.interval.low, found.interval.high) == (0.0, 1.0)
        return
    assert found.rate == pytest.approx(min(1.0, max(0.0, (passes / 200 + sp - 1) / (se + sp - 1))))
    assert found.interval.low <= found.rate <= found.interval.high


@pytest.mark.parametrize(("passing", "true"), [(0.5, 0.8), (0.9, 0.8), (0.95, 0.97), (0.8, 0.4)])
def test_the_interval_of_rogan_gladen_always_covers(passing: float, true: float) -> None:
    random = np.random.default_rng(4)
    for se, sp in JUDGES:
        covered = 0
        for row in random.multinomial(60, cells(passing, se, sp), size=200):
            judged = int(random.binomial(400, true * se + (1 - true) * (1 - sp)))
            interval = rogan_gladen(judged, 400, Table(*map(int, row))).interval
            covered += interval.low <= true <= interval.high
        assert covered / 200 >= 0.95


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=3, max_size=60),
    st.lists(st.integers(0, 1), min_size=2, max_size=90),
)
def test_the_power_of_ppi_is_the_one_with_the_least_variance(rows: list[tuple[int, int]], others: list[int]) -> None:
    human, judge = [row[0] for row in rows], [row[1] for row in rows]
    found = ppi_mean(human, judge, others)

    def variance(power: float) -> float:
        rest = np.var([h - power * j for h, j in rows], ddof=1) / len(rows)
        return float(rest + power**2 * np.var(judge, ddof=1) / len(others))

    best = min(np.linspace(0, 1, 201), key=variance)
    assert variance(found.power) <= variance(float(best)) + 1e-9
    plain = np.mean(human) + found.power * (np.mean(others) - np.mean(judge))
    assert found.rate == pytest.approx(min(1.0, max(0.0, plain)), abs=1e-9)
    assert 0 <= found.interval.low <= found.rate <= found.interval.high <= 1


@pytest.mark.parametrize("n", [30, 60, 200])
@pytest.mark.parametrize("passing", [0.5, 0.8, 0.95])
def test_the_interval_of_ppi_covers_as_often_as_it_says(n: int, passing: float) -> None:
    """95 % at 30, 60 and 200 labels; the plain normal one covers 0.60 to 0.95 of the time here."""
    random = np.random.default_rng(n)
    for se, sp in JUDGES:
        covered = 0
        for _ in range(300):
            human = random.random(n) < passing
            judge = np.where(human, random.random(n) < se, random.random(n) < 1 - sp)
            others = (random.random(400) < passing * se + (1 - passing) * (1 - sp)).astype(float)
            interval = ppi_mean(human.astype(float).tolist(), judge.astype(float).tolist(), others.tolist()).interval
            covered += interval.low <= passing <= interval.high
        assert covered / 300 >= 0.93


def test_labels_of_several_people_are_counted_by_majority() -> None:
    rows = [
        ("a", True, False),
        ("a", True, False),
        ("a", False, False),
        ("b", False, True),
        ("c", True, True),
        ("c", False, True),
    ]
    table, ties = tabulate(rows)
    assert table == Table(0, 1, 1, 0)
    assert ties == 1


def test_what_is_no_count_or_score_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        Table(-1, 0, 0, 0)
    with pytest.raises(ValueError, match="is not a count"):
        rogan_gladen(5, 4, Table(1, 1, 1, 1))
    with pytest.raises(ValueError, match="too few"):
        ppi_mean([1], [1], [1])
    with pytest.raises(ValueError, match="lies in"):
        ppi_mean([1, float("nan")], [1, 0], [1])
