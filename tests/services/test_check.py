"""Promises of `interlock check`: it measures what is owed for exactly these bytes, and nothing else."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from feature import EDITS, Feature, files_of
from interlock.core.catalogue import CATALOGUE
from interlock.core.checks import OWN_COMMAND
from interlock.core.manifest import Part


def reading(part: str, *, measurable: bool = False) -> set[str]:
    """The checks that read a part and apply to a feature that was never live."""
    return {
        check.id
        for check in CATALOGUE
        if Part(part) in check.reads
        and "live" not in check.inputs
        and (check.instrument not in (None, *OWN_COMMAND) or not measurable)
    }


def owed(plan: dict[str, object]) -> set[str]:
    rows = plan["owed"]
    assert isinstance(rows, Iterable)
    return {row["id"] for row in rows if row["measurable"]}


@pytest.mark.parametrize("part", list(EDITS))
def test_a_changed_byte_of_a_part_owes_exactly_the_checks_that_read_it(checked: Feature, part: str) -> None:
    checked.edit_part(part)
    checked.lock()
    plan = checked.json("check", "--plan")
    assert {name: set(ids) for name, ids in plan["changed"].items()} == {part: reading(part)}
    assert owed(plan) == set(plan["measure"]) == reading(part, measurable=True)
    assert set(checked.check()["measured"]) == reading(part, measurable=True)
    again = checked.check()
    assert (again["measured"], again["verdict"]) == ([], "READY")


def test_with_nothing_changed_nothing_is_owed_measured_or_called(checked: Feature) -> None:
    plan = checked.json("check", "--plan")
    assert (plan["measure"], plan["trials"], plan["changed"]) == ([], 0, {})
    done = checked.check()
    assert (done["verdict"], done["measured"], done["run"]["calls"]) == ("READY", [], 0)


def test_becoming_ready_takes_no_evidence_away(feature: Feature) -> None:
    feature.edit("interlock.yaml", "stage: lab, approvals: 0}", "stage: lab, approvals: 0, also: [CMP-03, EVAL-06]}")
    feature.edit("interlock.yaml", "stage: lab, approvals: 1}", "stage: lab, approvals: 1, also: [CMP-03]}")
    feature.lock()
    first = feature.check()
    assert first["verdict"] == "READY"
    assert feature.check()["measured"] == []
    assert feature.check("--env", "production")["verdict"] == "READY"


def test_a_plan_spends_and_stores_nothing(feature: Feature) -> None:
    feature.lock()
    before = feature.json("check", "--plan")
    assert before["trials"] == 29
    assert "EVAL-01" in before["measure"]
    assert feature.json("check", "--plan") == before
    assert feature.json("history") == []


def test_nothing_is_spent_on_bytes_that_are_not_locked(feature: Feature) -> None:
    done = feature.check()
    assert (done["verdict"], done["run"]["calls"]) == ("BLOCKED", 0)
    status = {row["id"]: row["status"] for row in done["checks"]}
    assert (status["BND-01"], status["EVAL-01"]) == ("fail", "owed")
    assert "EVAL-01" not in done["measured"]
    plan = feature.json("check", "--plan")
    assert plan["trials"] == 0


def test_locking_mends_what_was_checked_unlocked(feature: Feature) -> None:
    assert feature.check()["verdict"] == "BLOCKED"
    feature.lock()
    done = feature.check()
    assert "BND-01" in done["measured"]
    assert done["verdict"] == "READY"


def test_a_lock_of_other_bytes_blocks_again(checked: Feature) -> None:
    lock = checked.root / "interlock.lock"
    kept = lock.read_bytes()
    lock.unlink()
    assert checked.check()["verdict"] == "BLOCKED"
    lock.write_bytes(kept)
    assert checked.check()["verdict"] == "READY"


def test_an_edit_after_the_lock_is_seen_and_named(checked: Feature) -> None:
    checked.edit_part("prompt")
    done = checked.check()
    row = next(row for row in done["checks"] if row["id"] == "BND-01")
    assert (done["verdict"], row["status"]) == ("BLOCKED", "fail")
    assert "prompts/system.md" in row["seen"]
    assert done["run"]["calls"] == 0


def test_a_constraint_that_is_added_is_checked_although_no_part_changed(checked: Feature) -> None:
    checked.edit("interlock.yaml", 'schema: ">=1,<3"', 'schema: ">=2,<3"')
    checked.run("lock", "--reason", "tighter")
    done = checked.check()
    row = next(row for row in done["checks"] if row["id"] == "CMP-01")
    assert (row["status"], done["verdict"]) == ("fail", "BLOCKED")


def test_an_edit_that_changes_replies_is_measured_as_worse(live: Feature) -> None:
    live.edit("prompts/system.md", "timetable.", "timetable, terse .")
    live.lock()
    done = live.check("--env", "staging")
    status = {row["id"]: row["status"] for row in done["checks"]}
    assert status["EVAL-02"] == "fail"
    assert status["EVAL-03"] == "fail"
    assert done["compared_to"] == live.live()["stable"]


def test_a_run_asks_each_case_once_and_a_reworded_expectation_asks_nothing(checked: Feature) -> None:
    checked.edit("evals/cases/gold.jsonl", '"facts": ["pier 3"]', '"facts": ["pier 4"]')
    checked.lock()
    done = checked.check()
    assert done["run"]["calls"] == 0
    assert done["run"]["reused"] == 29
    assert next(row for row in done["checks"] if row["id"] == "EVAL-02")["status"] == "fail"


def test_again_asks_everything_anew(checked: Feature) -> None:
    assert checked.json("check", "--plan", "--again")["trials"] == 29
    done = checked.check("--again")
    assert (done["run"]["calls"], done["run"]["reused"]) == (29, 0)


def test_ways_back_are_proven_in_daylight(live: Feature) -> None:
    live.edit_part("prompt")
    live.edit_part("model")
    live.lock()
    assert next(row for row in live.check("--env", "staging")["checks"] if row["id"] == "ROLL-06")["status"] == "owed"
    done = live.check("--env", "staging", "--ways-back")
    row = next(row for row in done["checks"] if row["id"] == "ROLL-06")
    assert done["run"]["calls"] == 2 * 29
    assert row["status"] == "pass"
    assert live.check("--env", "staging")["measured"] == []


def test_static_checks_read_files_only(checked: Feature) -> None:
    before = files_of(checked.root), sorted((checked.root / ".interlock").iterdir())
    code, out, _ = checked.run("check", "--static", "--json")
    assert (code, json.loads(out)["failed"]) == (1, ["DOM-01"])  # no term of the glossary is the action
    assert before == (files_of(checked.root), sorted((checked.root / ".interlock").iterdir()))


# ── strict reading ──────────────────────────────────────────────────────────────────────────────────────────────


def _outside_link(root: Path) -> None:
    (root.parent / "secret.md").write_text("secret")
    (root / "kb/link.md").symlink_to(root.parent / "secret.md")


FAULTS = {
    "version 1.10 without quotes": (
        lambda f: f.edit("interlock.yaml", 'prompt: {version: "1"', "prompt: {version: 1.10"), "doc.version-not-text", "interlock.yaml:14:"),
    "a key twice": (
        lambda f: f.edit("interlock.yaml", "profile: light\n", "profile: light\nprofile: light\n"), "doc.duplicate-key", "interlock.yaml:5:1"),
    "an unclaimed file": (
        lambda f: (f.root / "prompts/loose.txt").write_text("?"), "doc", "interlock.yaml:14:3"),
    "an empty glob": (
        lambda f: f.edit("interlock.yaml", 'files: ["kb/*.md"]', 'files: ["kb/*.txt"]'), "doc", "interlock.yaml:16:"),
    "a link out of the folder": (lambda f: _outside_link(f.root), "bundle", "kb/link.md"),
}  # fmt: skip


@pytest.mark.parametrize("command", ["lock", "check"])
@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_manifest_with_a_fault_is_refused_at_its_place_and_nothing_is_written(
    feature: Feature, fault: str, command: str
) -> None:
    break_it, code, place = FAULTS[fault]
    break_it(feature)
    before = files_of(feature.root)
    exit_code, out, err = feature.run(command)
    assert (exit_code, out) == (2, ""), err
    assert f"error[{code}" in err
    assert place in err
    assert "help: " in err
    assert files_of(feature.root) == before


def test_quoted_versions_1_1_and_1_10_are_two_versions(checked: Feature) -> None:
    digests = []
    for version in ("1.1", "1.10"):
        checked.edit(
            "interlock.yaml", 'prompt: {version: "' + ("1" if not digests else "1.1"), 'prompt: {version: "' + version
        )
        digests.append(checked.lock())
    assert len(set(digests)) == 2


def test_how_the_app_is_reached_is_part_of_what_was_measured(checked: Feature) -> None:
    checked.edit("interlock.yaml", "parts:\n", 'fallback: {kind: python, call: "app.main:answer"}\nparts:\n')
    plan = checked.json("check", "--plan")
    assert set(plan["measure"]) >= {"EVAL-01", "EVAL-02", "SAFE-02", "PRS-01", "PRS-02"}


def test_code_that_is_called_and_not_named_by_the_app_is_refused(checked: Feature) -> None:
    (checked.root / "elsewhere").mkdir()
    (checked.root / "elsewhere/other.py").write_text("from app.main import answer\n")
    checked.edit("interlock.yaml", "app.main:answer", "elsewhere.other:answer")
    code, _, said = checked.run("lock")
    assert code == 2
    assert "`elsewhere/other.py` is what runs, and `app.files` does not claim it" in said
