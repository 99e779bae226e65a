"""The mix and the judges: what decides, what only informs, and what is never a pass."""

from typing import Any

import pytest

from interlock.core.checks import LIMITS
from interlock.core.evidence import Gap
from interlock.core.judged_rate import LABELS_MIN
from interlock.core.manifest import Profile
from interlock.core.rules import RULES, Standing

STANDARD = LIMITS[Profile.STANDARD]


def key(**changes: Any) -> dict[str, Any]:
    rows = [
        {"slice": "a", "title": "", "critical": False, "share": 0.5, "gold": 0.6, "units": 60.0, "weight": 0.83},
        {"slice": "b", "title": "", "critical": False, "share": 0.5, "gold": 0.4, "units": 40.0, "weight": 1.25},
    ]
    return {
        "key": "slice", "basis": "declared", "requests": None, "units": 400, "n_eff": 400.0, "weighted": False, "distance": 0.08,
        "low": 0.0, "high": 0.14, "unweighted": 0.08, "jensen_shannon": 0.07, "chi_square": {"statistic": 4.0, "dof": 1, "p": 0.05},
        "slices": rows, **changes,
    }  # fmt: skip


def mix(*keys: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "cases": 400, "units": 400, "sourceless": [], "faults": [], "profile": None, "keys": list(keys), "uncovered": [],
        **changes,
    }  # fmt: skip


def judged(**changes: Any) -> dict[str, Any]:
    return {
        "suite": "gold", "name": "helpful", "model": "x/y-2026-05-01", "pinned": True, "why": "a snapshot", "calibrated": True,
        "stale": [], "labels": 100, "raters": ["ines"], "ties": 0, "target": 0.6,
        "table": {"both_pass": 48, "only_human": 2, "only_judge": 2, "both_fail": 48}, **changes,
    }  # fmt: skip


def test_a_mix_that_is_shown_to_be_within_its_limit_passes() -> None:
    ruling = RULES["EVAL-07"](mix(key()), STANDARD)
    assert ruling.standing is Standing.PASS
    assert "400 gold cases" in ruling.seen
    assert "at most 0.140" in ruling.proves


@pytest.mark.parametrize(
    ("data", "standing", "gap"),
    [
        (mix(key(high=0.16)), Standing.OWED, Gap.THIN),
        (mix(key(distance=0.3, low=0.16, high=0.4)), Standing.FAIL, None),
        (mix(key(), key(key="lang", distance=0.3, low=0.2, high=0.4)), Standing.FAIL, None),
        (mix(key(), key(key="lang", high=0.2)), Standing.OWED, Gap.THIN),
        (mix(), Standing.OWED, Gap.THIN),
        (mix(key(), uncovered=[{"slice": "c", "key": "slice", "share": 0.02}]), Standing.OWED, Gap.THIN),
        (mix(key(), sourceless=["case-1"]), Standing.FAIL, None),
        (mix(key(), faults=["the shares sum to 1.300"]), Standing.FAIL, None),
        (mix(key(weighted=True, n_eff=59.0)), Standing.OWED, Gap.THIN),
        (mix(key(weighted=True, n_eff=60.0)), Standing.PASS, None),
    ],
)
def test_nothing_but_a_shown_mix_with_sources_and_every_slice_passes(
    data: Any, standing: Standing, gap: Gap | None
) -> None:
    ruling = RULES["EVAL-07"](data, STANDARD)
    assert (ruling.standing, ruling.gap) == (standing, gap)


@pytest.mark.parametrize(
    ("age", "standing"), [(90, Standing.PASS), (91, Standing.OWED), (-3, Standing.OWED), (None, Standing.PASS)]
)
def test_counted_traffic_ages_and_is_not_of_the_future(age: int | None, standing: Standing) -> None:
    profile = {"name": "chat", "as_of": "2026-08-01", "age_days": age}
    ruling = RULES["EVAL-07"](mix(key(basis="observed", requests=900), profile=profile), STANDARD)
    assert ruling.standing is standing
    assert ruling.gap is (Gap.STALE if standing is Standing.OWED else None)


def test_beyond_the_limit_it_says_that_weights_are_mandatory_and_which() -> None:
    ruling = RULES["EVAL-07"](mix(key(distance=0.2, low=0.05, high=0.3)), STANDARD)
    assert ruling.standing is Standing.OWED
    assert "weights are mandatory" in ruling.proves
    assert "a × 0.83, b × 1.25" in " ".join(ruling.details)


def test_what_would_decide_a_mix_is_said() -> None:
    assert (
        "612 cases in this mix could prove it"
        in RULES["EVAL-07"](mix(key(distance=0.1005, high=0.16)), STANDARD).proves
    )
    assert "mend the mix" in RULES["EVAL-07"](mix(key(distance=0.16, high=0.2)), STANDARD).proves


def test_no_judge_needs_no_calibration() -> None:
    assert RULES["EVAL-04"]({"judges": []}, STANDARD).standing is Standing.NA


@pytest.mark.parametrize(
    ("changes", "standing", "gap"),
    [
        ({}, Standing.PASS, None),
        (
            {"calibrated": False, "table": dict.fromkeys(("both_pass", "only_human", "only_judge", "both_fail"), 0)},
            Standing.OWED,
            Gap.METHOD,
        ),
        ({"stale": ["prompt"]}, Standing.OWED, Gap.SCOPE),
        ({"pinned": False}, Standing.FAIL, None),
        ({"target": 0.9}, Standing.OWED, Gap.THIN),
        ({"table": {"both_pass": 25, "only_human": 25, "only_judge": 25, "both_fail": 25}}, Standing.FAIL, None),
        (
            {"table": {"both_pass": 25, "only_human": 0, "only_judge": 0, "both_fail": LABELS_MIN - 26}},
            Standing.OWED,
            Gap.THIN,
        ),
        (
            {"table": {"both_pass": 25, "only_human": 0, "only_judge": 0, "both_fail": LABELS_MIN - 25}},
            Standing.PASS,
            None,
        ),
        ({"table": {"both_pass": 100, "only_human": 0, "only_judge": 0, "both_fail": 0}}, Standing.OWED, Gap.THIN),
    ],
)
def test_a_judge_passes_only_pinned_and_with_labels_that_show_it(
    changes: dict[str, Any], standing: Standing, gap: Gap | None
) -> None:
    ruling = RULES["EVAL-04"]({"judges": [judged(**changes)]}, STANDARD)
    assert (ruling.standing, ruling.gap) == (standing, gap)


def test_one_good_judge_does_not_excuse_another() -> None:
    ruling = RULES["EVAL-04"]({"judges": [judged(), judged(name="polite", calibrated=False)]}, STANDARD)
    assert ruling.standing is Standing.OWED
    assert "judge `polite` has no calibration record" in ruling.seen
    assert any("kappa 0.92" in line and "100 labelled cases" in line for line in ruling.details)
