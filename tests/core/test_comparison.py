"""A bundle replaces another only where it is shown not to be worse."""

import gzip
import json
import math
import os
from collections import defaultdict
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests

from interlock.core.comparison import (
    Paired,
    SliceDecision,
    decide,
    holm,
    mcnemar_p,
    paired_from_trials,
    tango_interval,
)

SEVERITY = {"pass": 0, "owed": 1, "fail": 2}
tables = st.integers(1, 300).flatmap(
    lambda n: st.integers(0, n).flatmap(lambda b: st.tuples(st.just(b), st.integers(0, n - b), st.just(n)))
)
margins = st.sampled_from([0.01, 0.02, 0.05, 0.1, 0.2])


def verdict(pair: Paired, margin: float = 0.05) -> str:
    return decide({"slice": pair}, {"slice": margin})["slice"].verdict


def score(broke: int, fixed: int, n: int, change: float) -> float:
    """Tango's statistic the slow way: the likelihood under the hypothesis is climbed by a numeric search."""
    least, most = max(0.0, -change), (1 - change) / 2

    def slope(q: float) -> float:
        both = 0.0 if broke == 0 else broke / q
        return (
            both
            + (0.0 if fixed == 0 else fixed / (q + change))
            - (0.0 if n == broke + fixed else 2 * (n - broke - fixed) / (1 - 2 * q - change))
        )

    inside = 1e-15
    low, high = least + inside, most - inside
    if slope(low) <= 0:
        q = least
    elif slope(high) >= 0:
        q = most
    else:
        q = optimize.brentq(slope, low, high, xtol=1e-16, rtol=1e-14)
    return (fixed - broke - n * change) / math.sqrt(n * (2 * q + change - change**2))


@settings(deadline=None, max_examples=150)
@given(tables, st.sampled_from([0.005, 0.025, 0.045, 0.05, 0.1]))
def test_bounds_are_where_the_brute_force_score_meets_the_quantile(table: tuple[int, int, int], alpha: float) -> None:
    broke, fixed, n = table
    z = stats.norm.isf(alpha)
    low, high = tango_interval(broke, fixed, n, alpha)
    delta = (fixed - broke) / n
    expected_low = expected_high = delta
    if broke < n:
        expected_low = optimize.brentq(
            lambda d: score(broke, fixed, n, d) - z, -1 + 1e-9, delta - 1e-9, xtol=1e-12, rtol=1e-12
        )
    if fixed < n:
        expected_high = optimize.brentq(
            lambda d: score(broke, fixed, n, d) + z, delta + 1e-9, 1 - 1e-9, xtol=1e-12, rtol=1e-12
        )
    assert (low, high) == (pytest.approx(expected_low, abs=1e-7), pytest.approx(expected_high, abs=1e-7))


def test_the_published_example_is_reproduced() -> None:
    assert tuple(round(bound, 3) for bound in tango_interval(7, 1, 21, 0.025)) == (-0.517, -0.026)


@given(tables)
def test_swapping_the_bundles_mirrors_the_bounds(table: tuple[int, int, int]) -> None:
    broke, fixed, n = table
    low, high = tango_interval(broke, fixed, n)
    assert tango_interval(fixed, broke, n) == (-high, -low)
    assert -1 <= low <= (fixed - broke) / n <= high <= 1


@pytest.mark.parametrize(("alpha", "low"), [(0.05, -0.063), (0.045, -0.067)])
def test_forty_cases_without_a_flip_rule_out_no_small_drop(alpha: float, low: float) -> None:
    z2 = stats.norm.isf(alpha) ** 2
    found = tango_interval(0, 0, 40, alpha)[0]
    assert found == pytest.approx(-z2 / (40 + z2), rel=1e-12)
    assert round(found, 3) == low


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_exact_one_sided_binomial_test(broke: int, fixed: int) -> None:
    expected = 1.0
    if broke + fixed:
        expected = stats.binomtest(broke, broke + fixed, 0.5, alternative="greater").pvalue
    assert mcnemar_p(broke, fixed) == pytest.approx(expected, rel=1e-9)


@settings(deadline=None, max_examples=40)  # statsmodels takes 30 ms a call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_agrees_with_statsmodels(pvalues: list[float]) -> None:
    assert holm(pvalues) == pytest.approx(list(multipletests(pvalues, method="holm")[1]), abs=1e-12)


def test_holm_of_nothing_is_nothing() -> None:
    assert holm([]) == []
    assert decide({}, {}) == {}


@given(margins, st.integers(0, 9))
def test_no_paired_case_is_owed_and_never_a_pass(margin: float, unpaired: int) -> None:
    found = decide({"empty": Paired(0, 0, 0, unpaired)}, {"empty": margin})["empty"]
    assert (found.verdict, found.delta, found.low, found.high, found.p_holm) == ("owed", None, -1.0, 1.0, 1.0)


def test_five_identical_cases_are_owed_until_there_are_55() -> None:
    found = decide({"refunds": Paired(5, 0, 0)}, {"refunds": 0.05})["refunds"]
    assert (found.verdict, found.decides_at) == ("owed", 55)
    assert found.smallest_drop == -found.low > 0.05
    assert "55 cases" in found.why
    assert verdict(Paired(54, 0, 0)) == "owed"
    assert verdict(Paired(55, 0, 0)) == "pass"


@pytest.mark.parametrize(
    ("margin", "alpha", "n"),
    [(0.05, 0.05, 52), (0.05, 0.045, 55), (0.02, 0.05, 133), (0.02, 0.045, 141), (0.01, 0.05, 268), (0.01, 0.045, 285)],
)
def test_cases_for_a_pass_without_flips_are_the_known_table(margin: float, alpha: float, n: int) -> None:
    found = decide({"s": Paired(1, 0, 0)}, {"s": margin}, alpha=alpha)["s"]
    assert found.decides_at == n


@given(tables, margins)
def test_pass_and_fail_rest_on_the_figures_beside_them(table: tuple[int, int, int], margin: float) -> None:
    found = decide({"s": Paired(table[2], table[0], table[1])}, {"s": margin})["s"]
    proven = found.p_holm < 0.05 or found.high < -margin
    assert found.verdict == ("fail" if proven else "pass" if found.low > -margin else "owed")
    assert found.smallest_drop == max(0.0, -found.low)


@given(tables, margins)
def test_one_more_broken_case_never_improves_the_verdict(table: tuple[int, int, int], margin: float) -> None:
    broke, fixed, n = table
    now = SEVERITY[verdict(Paired(n, broke, fixed), margin)]
    if broke + fixed < n:  # a case that had not flipped
        assert SEVERITY[verdict(Paired(n, broke + 1, fixed), margin)] >= now
    if fixed:  # a case that had been fixed
        assert SEVERITY[verdict(Paired(n, broke, fixed - 1), margin)] >= now
        assert SEVERITY[verdict(Paired(n, broke + 1, fixed - 1), margin)] >= now


@given(tables, margins, st.integers(1, 20))
def test_cases_judged_once_only_never_improve_the_verdict(
    table: tuple[int, int, int], margin: float, unpaired: int
) -> None:
    broke, fixed, n = table
    plain, short = Paired(n, broke, fixed), Paired(n, broke, fixed, unpaired)
    assert SEVERITY[verdict(short, margin)] >= SEVERITY[verdict(plain, margin)]
    assert (verdict(short, margin) == "fail") == (verdict(plain, margin) == "fail")


@given(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(8, 40)), margins)
def test_decides_at_is_where_the_same_rates_begin_to_pass(table: tuple[int, int, int], margin: float) -> None:
    broke, fixed, n = table
    found = decide({"s": Paired(n, broke, fixed)}, {"s": margin})["s"]
    assert found.verdict != "owed" or found.decides_at is None or found.decides_at > n
    if found.decides_at is None:
        if found.verdict == "owed" and (fixed - broke) / n > -margin:  # grown until it is proven, it fails instead
            times = next(k for k in range(1, 10_000) if mcnemar_p(broke * k, fixed * k) < 0.05)
            assert verdict(Paired(n * times, broke * times, fixed * times), margin) == "fail"
        return
    enough = math.ceil(found.decides_at / n)
    assume(enough < 2_000)
    there = decide({"s": Paired(n * enough, broke * enough, fixed * enough)}, {"s": margin})["s"]
    assert there.low > -margin
    # Whole multiples overshoot: a drop, unlike a gain, may be proven before the multiple is reached, and then fails.
    assert there.verdict == "pass" or (broke > fixed and there.p_holm < 0.05)
    short = (found.decides_at - 1) // n
    if short:
        assert verdict(Paired(n * short, broke * short, fixed * short), margin) != "pass"


def test_a_drop_beyond_the_margin_has_no_number_of_cases_that_would_pass() -> None:
    found = decide({"s": Paired(20, 2, 0)}, {"s": 0.05})["s"]
    assert (found.verdict, found.decides_at) == ("owed", None)
    assert verdict(Paired(200, 20, 0)) == "fail"


def test_a_small_drop_that_is_proven_fails_although_it_is_within_the_margin() -> None:
    found = decide({"s": Paired(2_000, 8, 0)}, {"s": 0.05})["s"]
    assert found.low > -0.05
    assert found.verdict == "fail"


def test_holm_is_over_the_slices_given_and_a_sound_slice_does_not_need_it_to_pass() -> None:
    alone = decide({"s": Paired(400, 5, 0)}, {"s": 0.05})
    crowd = decide(
        {"s": Paired(400, 5, 0)} | {f"calm-{i}": Paired(400, 3, 3) for i in range(9)},
        {"s": 0.05} | {f"calm-{i}": 0.05 for i in range(9)},
    )
    assert (alone["s"].verdict, crowd["s"].verdict) == ("fail", "pass")
    assert crowd["s"].p_holm == pytest.approx(10 * alone["s"].p_holm)
    assert {crowd[f"calm-{i}"].verdict for i in range(9)} == {"pass"}


@pytest.mark.parametrize("margin", [0.02, 0.05, 0.075, 0.1, 0.15, 0.2])
def test_at_forty_cases_a_drop_of_the_margin_passes_five_times_in_a_hundred_at_most(margin: float) -> None:
    n = 40
    passing = [
        [n - b - c, b, c] for b in range(n + 1) for c in range(n + 1 - b) if tango_interval(b, c, n)[0] > -margin
    ]

    def size(flips: float) -> float:
        chances = [1 - flips, (flips + margin) / 2, (flips - margin) / 2]
        return float(sum(stats.multinomial.pmf(passing, n, chances)))

    usual = [size(margin + (0.85 - margin) * step / 50) for step in range(51)]
    assert 0.02 < max(usual) <= 0.05  # and the rule is not safe by never passing
    extreme = [size(0.85 + 0.15 * step / 50) for step in range(51)]
    assert max(extreme) <= 0.061


# ── Trials, grades, clusters ───────────────────────────────────────────────────────────────────────────────────────


def rows(values: list[float], trials: int = 1) -> list[tuple[str, str | None, float]]:
    return [(f"case-{i}", None, value) for i, value in enumerate(values) for _ in range(trials)]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30), st.integers(1, 3), st.integers(1, 3))
def test_steady_repeats_are_plain_counts_whatever_their_number(
    cases: list[tuple[bool, bool]], trials_a: int, trials_b: int
) -> None:
    found = paired_from_trials(rows([a for a, _ in cases], trials_a), rows([b for _, b in cases], trials_b))
    broke, fixed = sum(a and not b for a, b in cases), sum(b and not a for a, b in cases)
    assert found == Paired(len(cases), broke, fixed)


def test_repeats_that_disagree_keep_their_differences() -> None:
    before = [("a", None, 1.0), ("a", None, 1.0), ("b", None, 1.0)]
    after = [("a", None, 1.0), ("a", None, 0.0), ("a", None, 0.0), ("b", None, 1.0)]
    found = paired_from_trials(before, after)
    assert (found.n, found.broke, found.fixed) == (2, 1, 0)
    assert found.differences == pytest.approx((-2 / 3, 0.0))


def test_paraphrases_of_one_case_are_one_case() -> None:
    one = [(f"wording-{i}", "seed", 1.0) for i in range(500)]
    found = paired_from_trials(one, one)
    assert found.n == 1
    assert verdict(found) == "owed"


def test_a_case_that_only_one_bundle_answered_counts_against_a_pass() -> None:
    before = rows([1.0] * 100)
    assert verdict(paired_from_trials(before, before)) == "pass"
    found = paired_from_trials(before, before[:90])
    assert (found.n, found.unpaired) == (90, 10)
    decision = decide({"s": found}, {"s": 0.05})["s"]
    assert decision.verdict == "owed"
    assert "judge the 10 missing" in decision.why
    graded = paired_from_trials([*before, ("g", None, 0.5)], [*before[:90], ("g", None, 0.5)])
    assert graded.differences
    assert verdict(graded) == "owed"


def test_graded_scores_without_spread_pass_only_with_enough_cases() -> None:
    few, many = rows([0.7] * 6), rows([0.7] * 60)
    assert verdict(paired_from_trials(few, few)) == "owed"
    assert verdict(paired_from_trials(many, many)) == "pass"


def test_graded_scores_need_the_t_bound_as_well_as_the_counts() -> None:
    before = rows([1.0] * 60)
    after = rows([0.6, 1.0] * 30)  # no case falls under one half, the mean falls by 0.2
    found = decide({"s": paired_from_trials(before, after)}, {"s": 0.05})["s"]
    assert (found.broke, found.fixed, found.delta) == (0, 0, pytest.approx(-0.2))
    assert found.high < -0.05
    assert found.verdict == "fail"


def test_a_small_graded_fall_without_broken_cases_is_not_proven() -> None:
    before, after = rows([1.0] * 60), rows([0.96, 1.0] * 30)
    found = decide({"s": paired_from_trials(before, after)}, {"s": 0.05})["s"]
    assert found.p_holm < 0.05
    assert found.verdict == "pass"


def test_a_graded_fall_with_broken_cases_is_proven_although_it_is_within_the_margin() -> None:
    before, after = rows([0.9] * 400), rows([0.9] * 380 + [0.3] * 20)
    found = decide({"s": paired_from_trials(before, after)}, {"s": 0.1})["s"]
    assert found.low > -0.1
    assert (found.broke, found.verdict) == (20, "fail")


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_fewer_graded_cases_than_signs_could_speak_for_never_fail(n: int) -> None:
    assert verdict(paired_from_trials(rows([0.9] * n), rows([0.1] * n))) == "owed"


def test_five_graded_cases_that_all_collapse_fail() -> None:
    assert verdict(paired_from_trials(rows([0.9] * 5), rows([0.1] * 5))) == "fail"


graded_cases = st.lists(
    st.tuples(*[st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])] * 2, st.sampled_from("abcdefgh")), max_size=40
)


@given(graded_cases, margins)
def test_a_graded_pass_is_never_given_where_the_counts_alone_are_not_enough(
    cases: list[tuple[float, float, str]], margin: float
) -> None:
    before = [(f"c{i}", cluster, value) for i, (value, _, cluster) in enumerate(cases)]
    after = [(f"c{i}", cluster, value) for i, (_, value, cluster) in enumerate(cases)]
    pair = paired_from_trials(before, after)
    found = decide({"s": pair}, {"s": margin})["s"]
    assert -1 <= found.low <= found.high <= 1
    if found.verdict == "pass":
        assert tango_interval(pair.broke, pair.fixed, pair.n)[0] > -margin
        assert found.low > -margin
    if pair.n == 0:
        assert found.verdict == "owed"
    if found.verdict == "owed" and found.decides_at is not None:
        assert found.decides_at > pair.n


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Paired(3, 2, 2),
        lambda: Paired(-1, 0, 0),
        lambda: Paired(2, 0, 0, 0, (0.0, math.nan), ("a", "b")),
        lambda: Paired(2, 0, 0, 0, (0.0, 0.0), ("a", "a")),
        lambda: tango_interval(1, 1, 1),
        lambda: tango_interval(0, 0, 1, 0.6),
        lambda: mcnemar_p(-1, 2),
        lambda: holm([0.1, math.nan]),
        lambda: decide({"s": Paired(1, 0, 0)}, {}),
        lambda: decide({"s": Paired(1, 0, 0)}, {"s": -0.1}),
        lambda: decide({"s": Paired(1, 0, 0)}, {"s": 0.1}, fail_alpha=0),
        lambda: paired_from_trials([("a", None, math.nan)], []),
        lambda: paired_from_trials([("a", None, 1.5)], []),
        lambda: paired_from_trials([("a", "x", 1.0)], [("a", "y", 1.0)]),
    ],
)
def test_impossible_input_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        wrong()


# ── Real releases ──────────────────────────────────────────────────────────────────────────────────────────────────

SHARED = Path(os.environ.get("INTERLOCK_SHARED_DATA") or Path(__file__).parents[2] / "../shared/data")


def real(name: str) -> list[dict[str, Any]]:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"the public data set {name} is not here; INTERLOCK_SHARED_DATA names its folder")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def function_calling(before: str, after: str) -> tuple[dict[str, Paired], dict[str, SliceDecision]]:
    trials: dict[str, dict[str, list[tuple[str, None, float]]]] = defaultdict(lambda: defaultdict(list))
    for row in real("releases/bfcl_answers.jsonl.gz"):
        trials[row["slice"]][row["release"]].append((row["task_id"], None, float(row["passed"])))
    pairs = {name: paired_from_trials(arms[before], arms[after]) for name, arms in trials.items()}
    return pairs, dict(decide(pairs, dict.fromkeys(pairs, 0.05)))


def test_a_release_that_gains_overall_fails_on_calls_that_must_not_be_made() -> None:
    pairs, found = function_calling("gpt-4-0613-FC", "gpt-4-1106-preview-FC")
    assert sum(pair.n for pair in pairs.values()) == 1_240
    assert sum(pair.fixed for pair in pairs.values()) > sum(pair.broke for pair in pairs.values())
    assert found["must_not_call"].verdict == "fail"
    assert {found[name].verdict for name in ("several_calls", "choose_several")} == {"pass"}
    assert [name for name in found if found[name].verdict == "fail"] == ["must_not_call"]


@pytest.mark.parametrize("before", ["gpt-4-0613-FC", "mistral-large-2407-FC-Auto"])
def test_a_release_that_always_calls_a_tool_fails_where_it_must_not(before: str) -> None:
    _, found = function_calling(before, "mistral-large-2407-FC-Any")
    assert found["must_not_call"].verdict == "fail"
    assert found["must_not_call"].high < -0.05


def test_repeated_trials_of_one_release_never_fail_against_each_other() -> None:
    trials: dict[int, list[tuple[str, None, float]]] = defaultdict(list)
    for row in real("runs/tau_airline_gpt4o_16tasks.jsonl.gz"):
        trials[row["trial"]].append((row["task_id"], None, float(row["passed"])))
    found = [verdict(paired_from_trials(trials[a], trials[b])) for a, b in permutations(sorted(trials), 2)]
    assert len(found) == 12
    assert "fail" not in found
    halves = paired_from_trials(trials[0] + trials[1], trials[2] + trials[3])
    assert verdict(halves) != "fail"


def test_to_break_a_case_is_never_better_than_to_fail_it() -> None:
    failed = decide({"billing": Paired(n=1000, broke=12, fixed=0)}, {"billing": 0.05})["billing"]
    broken = decide({"billing": Paired(n=988, broke=0, fixed=0, unpaired=12)}, {"billing": 0.05})["billing"]
    assert (failed.verdict, broken.verdict) == ("fail", "owed")
    assert (
        decide({"billing": Paired(n=999, broke=0, fixed=0, unpaired=1)}, {"billing": 0.05})["billing"].verdict == "pass"
    )
