"""Terms are fixed before replies are seen; what is loosened afterwards, on the same bytes, is exploratory."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from feature import Feature
from interlock.core.checks import Limits
from interlock.core.evidence import Gap
from interlock.core.rules import RULES, Standing
from interlock.services.rerun import last_rerun, rerun_data
from interlock.settings import read_settings
from interlock.wiring import open_records, read_feature


class LaterClock:
    """The real time, moved forward."""

    by = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> type[LaterClock]:
    monkeypatch.setattr(LaterClock, "by", timedelta(0))
    monkeypatch.setattr("interlock.wiring.SystemClock", LaterClock)
    return LaterClock


def row(document: Any, id: str) -> Any:
    return next(row for row in document["checks"] if row["id"] == id)


def facts(feature: Feature, *kinds: str) -> list[tuple[str, Any]]:
    with open_records(read_settings(feature.root, actor="ada")) as records:
        return [(fact.kind, fact.body) for fact in records.ledger.facts() if fact.kind in kinds]


def test_the_plan_is_in_the_ledger_before_the_run_and_the_verdict_names_it(checked: Feature) -> None:
    (first, plan), (second, run) = facts(checked, "plan", "run")[:2]
    assert (first, second) == ("plan", "run")
    assert run["plan"] == plan["digest"]
    (suite,) = plan["suites"]
    times = next(piece for piece in suite["slices"] if piece["slice"] == "times")
    assert times == {"slice": "times", "critical": True, "estimand": "population", "needs": None, "margin": 0.3,
                     "floors": {"facts": 0.7}, "cases": 16}  # fmt: skip
    assert (plan["alpha"], plan["fail_alpha"], plan["repeats"]) == (0.045, 0.05, 1)
    assert row(checked.check(), "EVAL-02")["data"]["plan"] == plan["digest"]


def test_the_same_terms_are_one_plan(checked: Feature) -> None:
    checked.check("--again")
    assert len(facts(checked, "plan")) == 1
    assert len(facts(checked, "run")) == 2


def test_a_floor_that_is_lowered_after_the_replies_were_seen_is_exploratory(checked: Feature) -> None:
    checked.edit("evals/gold.yaml", "floor: 0.7", "floor: 0.5")
    checked.lock()
    done = checked.check()
    found = row(done, "EVAL-02")
    assert (found["status"], found["owed_because"]) == ("owed", "chosen after the replies were seen")
    assert "0.7 → 0.5" in found["seen"]
    assert done["run"]["calls"] == 0  # the replies are the ones that were seen


def test_other_bytes_have_not_been_seen(checked: Feature) -> None:
    checked.edit("evals/gold.yaml", "floor: 0.7", "floor: 0.5")
    checked.edit_part("prompt")
    checked.lock()
    assert row(checked.check(), "EVAL-02")["status"] == "pass"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("floor: 0.7", "floor: 0.75"),
        ("margin: 0.3}", "margin: 0.25}"),
        ("share: 0.4}", "share: 0.4, critical: true}"),
        ("share: 0.4}", "share: 0.4, owner: Ines Holt}"),
    ],
)
def test_stricter_or_indifferent_terms_are_no_choice_by_the_result(checked: Feature, old: str, new: str) -> None:
    checked.edit("evals/gold.yaml", old, new)
    checked.lock()
    assert row(checked.check(), "EVAL-02")["data"]["after_seeing"] == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("critical: true", "critical: false", "no longer critical"),
        ("critical: true", "critical: true, estimand: census", "became a census"),
        ("margin: 0.3}", "margin: 0.35}", "margin of `times` widened: 0.3 → 0.35"),
    ],
)
def test_each_way_of_asking_less_is_named(checked: Feature, old: str, new: str, says: str) -> None:
    checked.edit("evals/gold.yaml", old, new)
    checked.lock()
    (text,) = row(checked.check(), "EVAL-02")["data"]["after_seeing"]
    assert says in text


def test_a_case_that_is_dropped_after_it_failed_is_exploratory_and_a_case_more_is_not(checked: Feature) -> None:
    path = checked.root / "evals/cases/gold.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[1:]))
    checked.lock()
    assert row(checked.check(), "EVAL-02")["data"]["after_seeing"] == ["suite `gold`: case `time-0` removed"]
    path.write_text("".join([*lines, lines[0].replace("time-0", "time-99").replace("(0)", "(99)")]))
    checked.lock()
    assert row(checked.check(), "EVAL-02")["data"]["after_seeing"] == []


def test_a_margin_that_is_widened_after_a_comparison_was_seen_passes_nothing(live: Feature) -> None:
    wide(live)
    live.edit_part("prompt")
    live.lock()
    assert row(live.check("--env", "staging"), "EVAL-03")["status"] == "pass"
    live.edit("evals/gold.yaml", "margin: 0.3}\n  - {slice: rest", "margin: 0.5}\n  - {slice: rest")
    live.lock()
    found = row(live.check("--env", "staging"), "EVAL-03")
    assert (found["status"], found["owed_because"]) == ("owed", "chosen after the replies were seen")
    assert "margin of `times` widened" in found["seen"]
    live.edit("prompts/system.md", "Answer", "Reply")
    live.lock()
    found = row(live.check("--env", "staging"), "EVAL-03")
    assert found["status"] == "pass"
    assert found["data"]["plan"][7:19] in found["seen"]


def test_other_repeats_are_asked_anew_so_nothing_of_them_was_seen(checked: Feature) -> None:
    checked.edit("evals/gold.yaml", "floor: 0.7", "floor: 0.5")
    checked.edit("interlock.yaml", "repeats: 1", "repeats: 2")
    checked.lock()
    done = checked.check()
    assert done["run"]["reused"] == 0
    assert row(done, "EVAL-02")["data"]["after_seeing"] == []


# ── drift ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def wide(feature: Feature) -> None:
    """Margins that so few cases can show."""
    feature.edit("evals/gold.yaml", "margin: 0.3}", "margin: 0.3}\n  - {slice: rest, margin: 0.3}")


def hosted(feature: Feature) -> None:
    """A model that somebody else serves: the same id can answer otherwise tomorrow."""
    feature.edit(
        "interlock.yaml",
        'id: gull-1, fingerprint: "sha256:' + "5a" * 32 + '"',
        'id: gull-2026-01-05, fingerprint: "fp_1"',
    )


def compared(feature: Feature) -> Any:
    """Release, wait, change the prompt: what comparing with live would ask."""
    feature.edit("prompts/system.md", "Answer", "Reply")
    feature.lock()
    return feature.json("check", "--plan", "--env", "staging")


@pytest.mark.parametrize(("days", "asked"), [(1, 29), (4, 58)])
def test_live_is_asked_anew_when_its_replies_are_older_than_the_drift_window(
    feature: Feature, later: type[LaterClock], days: int, asked: int
) -> None:
    wide(feature)
    hosted(feature)
    feature.release()
    later.by = timedelta(days=days)
    assert compared(feature)["trials"] == asked
    done = feature.check("--env", "staging")
    assert done["run"]["reused"] == 58 - asked
    assert row(done, "EVAL-03")["status"] == "pass"


def test_a_model_whose_weights_are_held_does_not_move(feature: Feature, later: type[LaterClock]) -> None:
    feature.edit("interlock.yaml", "5a" * 32, sha256(b"weights").hexdigest())
    feature.release()
    later.by = timedelta(days=4)
    assert compared(feature)["trials"] == 29


def test_the_drift_window_is_a_limit(feature: Feature, later: type[LaterClock]) -> None:
    hosted(feature)
    feature.edit("interlock.yaml", "profile: light\n", "profile: light\nlimits: {drift_days: 5}\n")
    feature.release()
    later.by = timedelta(days=4)
    assert compared(feature)["trials"] == 29


def test_two_old_arms_that_answered_together_are_not_asked_again(feature: Feature, later: type[LaterClock]) -> None:
    hosted(feature)
    feature.release()
    compared(feature)
    feature.check("--env", "staging")
    later.by = timedelta(days=10)
    feature.edit("evals/gold.yaml", "When it leaves", "When it goes")
    feature.lock()
    assert feature.json("check", "--plan", "--env", "staging")["trials"] == 0


# ── OBS-05 ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_whole_run_is_remembered_and_ages_by_its_oldest_reply(checked: Feature, later: type[LaterClock]) -> None:
    found = row(checked.check(), "OBS-05")
    assert (found["status"], found["data"]["cases"]) == ("pass", 29)
    later.by = timedelta(days=20)
    checked.edit_part("evals")
    checked.lock()
    done = checked.check()
    assert done["run"]["reused"] == 29  # new evidence, made of old replies: that is no rerun
    assert row(done, "OBS-05")["data"]["age_days"] == pytest.approx(20, abs=0.1)
    later.by = timedelta(days=35)
    assert standing(checked) == (Standing.OWED, Gap.STALE)
    checked.check("--again")
    assert standing(checked) == (Standing.PASS, None)


def test_a_run_that_mostly_broke_or_was_cut_short_is_no_rerun(checked: Feature) -> None:
    with open_records(read_settings(checked.root, actor="ada")) as records:
        loaded, app, limits = bundle_of(checked)
        (fact,) = records.ledger.facts("run")
        assert last_rerun(records, loaded, app, limits.broken_max) is not None
        for spoilt in (
            {"truncated": True},
            {"curtailed": 2},
            {"broken": {"timeout": 5}},
            {"ran": {}},
            {"scope": "sha256:0"},
        ):
            records.ledger.append("run", {**fact.body, "id": "other", **spoilt}, actor="ada", at=datetime.now(UTC))
        found = last_rerun(records, loaded, app, limits.broken_max)
        assert found is not None
        assert found.run == fact.body["id"]


def bundle_of(feature: Feature) -> tuple[Any, Any, Limits]:
    resolved, loaded, _ = read_feature(read_settings(feature.root, actor="ada"))
    return loaded.bundle, resolved.app, loaded.release.limits


def standing(feature: Feature) -> tuple[Standing, Gap | None]:
    """What OBS-05 says right now, without asking anything anew."""
    bundle, app, limits = bundle_of(feature)
    with open_records(read_settings(feature.root, actor="ada")) as records:
        ruling = RULES["OBS-05"](rerun_data(records, bundle, app, limits), limits)
    return ruling.standing, ruling.gap


def test_a_bundle_that_was_never_run_has_no_rerun(feature: Feature) -> None:
    found = row(feature.check(), "OBS-05")  # not locked, so nothing is asked
    assert found["status"] == "owed"
