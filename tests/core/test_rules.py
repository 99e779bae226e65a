"""Promises of the rules: nothing measured is owed, and each bound is kept to the last case."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.checks import LIMITS, Limits
from interlock.core.evidence import Gap
from interlock.core.manifest import Profile
from interlock.core.rules import RULES, Ruling, Standing

LIGHT, STANDARD = LIMITS[Profile.LIGHT], LIMITS[Profile.STANDARD]
FAIL, OWED, PASS = Standing.FAIL, Standing.OWED, Standing.PASS

FINDINGS = {"examined": 0, "what": "rows", "findings": []}
RAN = {"cases": 60, "ran": 60, "broken": {}, "calls": 60, "traced": 60, "truncated": False}
NO_FAULT = dict.fromkeys(("unresolved", "fabricated", "misattributed", "spliced"), 0)
NO_WAY = {"n": 0, "read": 0, "apart": 0, "refused": [], "breaks": [], "open": []}
EMPTY: Mapping[str, Mapping[str, Any]] = {
    **dict.fromkeys(RULES, FINDINGS),
    "PIN-01": {"pins": []},
    "SAFE-01": {"delivered": 0, "slices": [], "citations": {"checked": 0, **NO_FAULT}},
    "SAFE-03": {"labels": 0, "budget": 0.0, "confidence": 0.0, "stale": [], "slices": []},
    "SAFE-04": {
        "packs": [],
        "languages": {"identifier": None, "served": ["en"], "confirmed": {}, "outside": 0, "other": []},
    },
    "SAFE-02": {"should": {"passes": 0, "n": 0}, "wrongly": {"count": 0, "n": 0}},
    "EVAL-01": {**RAN, "cases": 0, "ran": 0, "calls": 0, "traced": 0},
    "EVAL-02": {"slices": [], "must_pass_failed": []},
    "EVAL-03": {"baseline": "sha256:" + "1" * 64, "slices": [], "overall": {}},
    "EVAL-04": {
        "judges": [
            {
                "name": "helpful",
                "pinned": True,
                "calibrated": False,
                "stale": [],
                "target": 0.6,
                "ties": 0,
                "table": dict.fromkeys(("both_pass", "only_human", "only_judge", "both_fail"), 0),
            }
        ]
    },
    "EVAL-05": {"parts": ["prompt"], "mutants": []},
    "EVAL-08": {"fallback": "python", "slices": [], "broken": 0, "cases": 0},
    "SAFE-06": {"queues": []},
    "ACT-05": {"attacks": [], "tasks": [], "unmade": []},
    "EVAL-07": {"cases": 0, "units": 0, "sourceless": [], "faults": [], "profile": None, "keys": [], "uncovered": []},
    "PRS-03": {
        "baseline": "sha256:" + "1" * 64,
        "reader": False,
        "forward": NO_WAY,
        "back": NO_WAY,
        "kept": [],
        "promised": [],
    },
    "PRS-01": {"evals": {"ok": 0, "attempted": 0}, "fuzz": {"handled": 0, "n": 0, "missed": []}},
}


def rule(id: str, data: Mapping[str, Any], limits: Limits = STANDARD) -> Ruling:
    return RULES[id](data, limits)


@pytest.mark.parametrize("id", sorted(set(RULES) - {"GOV-04", "EVAL-04"}))
@pytest.mark.parametrize("profile", Profile)
def test_an_empty_measurement_is_owed_and_never_a_pass(id: str, profile: Profile) -> None:
    ruling = rule(id, EMPTY[id], LIMITS[profile])
    assert ruling.standing is OWED
    assert ruling.gap in (Gap.THIN, Gap.BROKEN)


def test_a_finding_fails_even_where_nothing_was_counted_and_keeps_its_place() -> None:
    found = {**FINDINGS, "findings": [{"message": "no", "file": "a.md", "line": 3}, {"message": "never"}]}
    ruling = rule("DOM-02", found)
    assert (ruling.standing, ruling.details) == (FAIL, ("a.md:3: no", "never"))


def test_half_of_what_is_asked_is_owed_and_says_which_half_is_missing() -> None:
    ruling = rule("BND-03", {**FINDINGS, "examined": 2, "owed": "sampled traces"})
    assert (ruling.standing, ruling.asked, ruling.gap) == (OWED, "sampled traces", Gap.INSTRUMENT)
    assert rule("BND-03", {**FINDINGS, "examined": 2, "owed": ""}).standing is PASS


def pins(level: str, alias: str | None = None) -> dict[str, Any]:
    return {"pins": [{"part": "model", "level": level, "alias": alias, "why": "because"}]}


@pytest.mark.parametrize(
    ("profile", "level", "alias", "standing"),
    [
        (Profile.LIGHT, "P2", None, PASS), (Profile.LIGHT, "P2", "latest", PASS), (Profile.LIGHT, "P3", None, FAIL),
        (Profile.STANDARD, "P1", None, PASS), (Profile.STANDARD, "P2", None, FAIL), (Profile.STANDARD, "P1", "latest", FAIL),
        (Profile.REGULATED, "P0", None, PASS), (Profile.REGULATED, "P2", None, FAIL),
    ],
)  # fmt: skip
def test_a_pin_is_held_at_the_level_of_the_profile(
    profile: Profile, level: str, alias: str | None, standing: Standing
) -> None:
    assert rule("PIN-01", pins(level, alias), LIMITS[profile]).standing is standing


@pytest.mark.parametrize(
    ("change", "standing"),
    [
        ({}, PASS),
        ({"calls": 0}, OWED),
        ({"cases": 59, "ran": 59, "traced": 59}, OWED),
        ({"traced": 59}, OWED),
        ({"truncated": True}, OWED),
        ({"cases": 100, "ran": 98, "traced": 98, "broken": {"timeout": 2}}, PASS),
        ({"cases": 100, "ran": 97, "traced": 97, "broken": {"timeout": 2, "rate limit": 1}}, OWED),
        ({"cases": 60, "ran": 59, "traced": 59, "broken": {"timeout": 1}}, OWED),
    ],
)
def test_a_run_counts_when_enough_cases_ran_through_the_app(change: dict[str, Any], standing: Standing) -> None:
    assert rule("EVAL-01", {**RAN, **change}).standing is standing


def critical(
    passes: int, n: int, *, floors: list[dict[str, Any]] | None = None, is_critical: bool = True
) -> dict[str, Any]:
    row = {"slice": "refunds", "critical": is_critical, "passes": passes, "n": n, "floors": floors or []}
    return {"slices": [row], "must_pass_failed": []}


@pytest.mark.parametrize(("passes", "n", "standing"), [(59, 59, PASS), (58, 58, OWED), (0, 0, OWED), (199, 200, FAIL)])
def test_critical_slices_need_59_cases_without_a_failure_to_prove_5_per_cent(
    passes: int, n: int, standing: Standing
) -> None:
    assert rule("EVAL-02", critical(passes, n)).standing is standing


def test_light_asks_critical_slices_only_not_to_fail() -> None:
    assert rule("EVAL-02", critical(1, 1), LIGHT).standing is PASS
    assert rule("EVAL-02", critical(0, 1), LIGHT).standing is FAIL
    assert rule("EVAL-02", critical(0, 0), LIGHT).standing is OWED


@pytest.mark.parametrize(("passes", "standing"), [(30, PASS), (25, OWED), (5, FAIL)])
def test_a_floor_is_cleared_by_its_lower_bound_and_missed_by_its_upper_bound(passes: int, standing: Standing) -> None:
    floor = [{"scorer": "facts", "floor": 0.8, "passes": passes, "n": 30}]
    assert rule("EVAL-02", critical(30, 30, floors=floor, is_critical=False)).standing is standing


def test_a_must_pass_case_that_failed_fails_whatever_the_rates_say() -> None:
    assert rule("EVAL-02", {**critical(59, 59), "must_pass_failed": ["lock-1"]}).standing is FAIL


def compared(*verdicts: str, n: int = 40) -> dict[str, Any]:
    rows = [
        {"slice": f"s{i}", "verdict": word, "broke": 1, "fixed": 2, "n": n, "delta": 0.0, "low": -0.1 * i, "why": "so"}
        for i, word in enumerate(verdicts)
    ]
    return {"baseline": "sha256:" + "1" * 64, "slices": rows, "overall": {"fixed": 2, "broke": 1}}


@pytest.mark.parametrize(
    ("verdicts", "standing"), [(("pass", "pass"), PASS), (("pass", "owed"), OWED), (("owed", "fail", "pass"), FAIL)]
)
def test_one_slice_that_is_worse_fails_and_one_undecided_is_owed(verdicts: tuple[str, ...], standing: Standing) -> None:
    assert rule("EVAL-03", compared(*verdicts)).standing is standing


def test_a_comparison_in_which_no_case_ran_twice_shows_nothing() -> None:
    assert rule("EVAL-03", compared("pass", n=0)).standing is OWED


def abstained(passes: int, n: int, count: int, of: int) -> dict[str, Any]:
    return {"should": {"passes": passes, "n": n}, "wrongly": {"count": count, "n": of}}


@pytest.mark.parametrize(
    ("data", "standing"),
    [
        (abstained(14, 14, 0, 14), PASS),  # 0.05 ** (1 / 14) is 0.807
        (abstained(13, 13, 0, 14), OWED),  # 0.05 ** (1 / 13) is 0.794
        (abstained(14, 14, 0, 13), OWED),
        (abstained(14, 14, 0, 0), OWED),
        (abstained(0, 0, 0, 14), OWED),
        (abstained(3, 14, 0, 14), FAIL),
        (abstained(14, 14, 12, 14), FAIL),
    ],
)
def test_saying_no_when_it_should_and_not_otherwise_are_asked_together(data: Any, standing: Standing) -> None:
    assert rule("SAFE-02", data).standing is standing


def parsed(ok: int, attempted: int, handled: int = 10, n: int = 10) -> dict[str, Any]:
    missed = ["fence"] * (n - handled)
    return {"evals": {"ok": ok, "attempted": attempted}, "fuzz": {"handled": handled, "n": n, "missed": missed}}


@pytest.mark.parametrize(
    ("data", "standing"),
    [
        (parsed(299, 299), PASS),  # 0.05 ** (1 / 299) is 0.99003
        (parsed(298, 298), OWED),
        (parsed(299, 299, 9), FAIL),
        (parsed(0, 0, 9), FAIL),
        (parsed(299, 299, 0, 0), OWED),
        (parsed(250, 299), FAIL),
    ],
)
def test_a_parse_rate_is_proven_by_its_bound_and_every_fuzzed_output_is_handled(data: Any, standing: Standing) -> None:
    assert rule("PRS-01", data).standing is standing


def stakes(derived: str, declared: str, missing: list[str] | None = None) -> dict[str, Any]:
    return {"stakes": True, "derived": derived, "declared": declared, "missing": missing or []}


@pytest.mark.parametrize("derived", Profile)
@pytest.mark.parametrize("declared", Profile)
def test_a_profile_may_be_heavier_than_the_stakes_and_never_lighter(derived: Profile, declared: Profile) -> None:
    order = list(Profile)
    standing = PASS if order.index(declared) >= order.index(derived) else FAIL
    assert rule("GOV-04", stakes(derived, declared)).standing is standing


def test_stakes_that_nobody_answered_fail() -> None:
    assert rule("GOV-04", stakes("light", "light", ["stakes"])).standing is FAIL


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_one_more_failure_never_makes_a_critical_slice_better(passes: int, failures: int, more: int) -> None:
    rank = {FAIL: 0, OWED: 1, PASS: 2}
    fewer = rule("EVAL-02", critical(passes, passes + failures)).standing
    worse = rule("EVAL-02", critical(passes, passes + failures + more)).standing
    assert not (more and failures == 0 and fewer is not FAIL and worse is not FAIL)
    assert rank[worse] <= rank[fewer]


@pytest.mark.parametrize("id", sorted(RULES))
def test_every_ruling_says_what_was_seen_and_what_is_asked(id: str) -> None:
    ruling = rule(id, stakes("light", "light") if id == "GOV-04" else EMPTY[id])
    assert ruling.seen
    assert ruling.asked
    assert ruling.proves


def grounded(unsupported: int, n: int, *, asked: bool = True, **faults: int) -> dict[str, Any]:
    slices = [{"slice": "refunds", "asked": asked, "unsupported": unsupported, "n": n, "examples": ["c1: because"]}]
    return {"delivered": n, "slices": slices, "citations": {"checked": n, **NO_FAULT, **faults, "examples": []}}


@pytest.mark.parametrize(
    ("data", "standing"),
    [
        (grounded(0, 29), PASS), (grounded(0, 28), OWED), (grounded(1, 29), OWED), (grounded(9, 29), FAIL),
        (grounded(0, 5, asked=False), OWED), (grounded(4, 5, asked=False), FAIL), (grounded(0, 29, fabricated=1), FAIL),
        (grounded(0, 29, unresolved=1), FAIL), (grounded(0, 29, misattributed=1), FAIL), (grounded(0, 29, spliced=1), FAIL),
        (grounded(0, 0), OWED),
    ],
)  # fmt: skip
def test_delivered_answers_are_supported_by_the_exact_bound_and_every_citation_holds(
    data: dict[str, Any], standing: Standing
) -> None:
    assert rule("SAFE-01", data).standing is standing


@given(st.integers(0, 200), st.integers(0, 200))
def test_one_more_unsupported_answer_never_improves_the_ruling(unsupported: int, n: int) -> None:
    unsupported, n = min(unsupported, n), max(1, n)
    order = [PASS, OWED, FAIL]
    before, after = (rule("SAFE-01", grounded(min(k, n), n)).standing for k in (unsupported, unsupported + 1))
    assert order.index(after) >= order.index(before)
