"""`run.curtail: true` in a whole check: the same words for fewer calls, and no less than everything where it could matter."""

from typing import Any

import pytest

from feature import Feature

BOTH = "also: [EVAL-02, EVAL-03]"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interlock.services.evaluate.BATCH", 1)


def worse(feature: Feature, *, curtail: bool, also: str) -> Any:
    """A change of the prompt that breaks every answer, checked in staging."""
    manifest = (feature.root / "interlock.yaml").read_text()
    manifest = manifest.replace("staging: {stage: lab, approvals: 0}", f"staging: {{stage: lab, approvals: 0, {also}}}")
    manifest = manifest.replace("concurrency: 4", f"concurrency: 1, curtail: {str(curtail).lower()}")
    (feature.root / "interlock.yaml").write_text(manifest)
    feature.edit("prompts/system.md", "timetable.", "timetable, terse .")
    feature.lock()
    return feature.check("--env", "staging")


def words(done: Any) -> dict[str, str]:
    return {row["id"]: row["status"] for row in done["checks"] if row["id"] in ("EVAL-02", "EVAL-03")}


def test_a_lost_release_is_blocked_for_fewer_calls_and_the_saving_is_said(live: Feature, tmp_path: Any) -> None:
    done = worse(live, curtail=True, also=BOTH)
    assert (done["verdict"], done["run"]["truncated"]) == ("BLOCKED", False)
    assert words(done) == {"EVAL-02": "fail", "EVAL-03": "fail"}
    calls, left_out = done["run"]["calls"], done["run"]["curtailed"]
    assert calls + left_out == 29  # live's replies are stored, so only the new bundle is asked
    assert left_out >= 10
    code, out, _ = live.run("report", "--env", "staging", "--format", "md", "--out", "-")
    assert code == 0
    assert f"{left_out} trials not asked" in out


def test_without_curtailing_the_same_words_cost_every_call(live: Feature) -> None:
    done = worse(live, curtail=False, also=BOTH)
    assert (done["verdict"], done["run"]["calls"], done["run"]["curtailed"]) == ("BLOCKED", 29, 0)
    assert words(done) == {"EVAL-02": "fail", "EVAL-03": "fail"}


@pytest.mark.parametrize("also", ["also: []", "also: [EVAL-01]"])
def test_where_no_slice_can_block_every_case_is_asked(live: Feature, also: str) -> None:
    done = worse(live, curtail=True, also=also)
    assert (done["run"]["calls"], done["run"]["curtailed"]) == (29, 0)


def test_a_good_release_is_asked_in_full(live: Feature) -> None:
    manifest = (live.root / "interlock.yaml").read_text()
    (live.root / "interlock.yaml").write_text(manifest.replace("concurrency: 4", "concurrency: 1, curtail: true"))
    live.edit_part("prompt")
    live.lock()
    done = live.check("--env", "staging")
    assert (done["verdict"], done["run"]["calls"], done["run"]["curtailed"]) == ("READY", 29, 0)
