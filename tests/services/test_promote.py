"""Promises of the way forward: it asks the verdict, other people, and what is live, at the moment of the move."""

import subprocess
import sys

import pytest

from feature import Feature, spawn
from interlock.core.bundle import Bundle, Component
from interlock.core.checks import LIMITS
from interlock.core.digest import Digest
from interlock.core.manifest import EnvironmentSpec, Part, Profile, Stage
from interlock.services.promote import approvals_needed
from interlock.services.subject import Subject


def plan_of(feature: Feature, environment: str = "production", actor: str = "ada") -> str:
    document = feature.json("promote", environment, "--reason", "launch", actor=actor, codes=(4,))
    assert document["waits"] == document["needs"] == 1
    return str(document["plan"])


# ── the command line ────────────────────────────────────────────────────────────────────────────────────────────


def test_where_nobody_has_to_approve_a_ready_bundle_goes_live_at_once(checked: Feature) -> None:
    pointer = checked.json("promote", "staging", "--reason", "launch")
    assert (pointer["generation"], pointer["move"], pointer["actor"], pointer["reason"]) == (
        1,
        "promotion",
        "ada",
        "launch",
    )
    assert checked.live() == pointer


def test_a_refused_promotion_lists_every_check_that_blocks_and_moves_nothing(checked: Feature) -> None:
    checked.edit("prompts/system.md", "timetable.", "timetable, terse .")
    checked.edit("interlock.yaml", "stage: lab, approvals: 0}", "stage: lab, approvals: 0, also: [EVAL-02]}")
    checked.lock()
    checked.check()
    code, out, err = checked.run("promote", "staging")
    assert (code, out) == (1, "")
    assert "BLOCKED" in err
    assert "EVAL-02" in err
    assert "GOV-02" not in err
    assert checked.json("status", "--env", "staging")[0]["pointer"] is None


def test_what_was_never_measured_is_refused_as_on_hold(feature: Feature) -> None:
    feature.lock()
    code, _, err = feature.run("promote", "staging")
    assert code in (1, 3)
    assert "HOLD" in err
    assert all(check in err for check in ("BND-01", "CMP-01", "EVAL-01", "SAFE-02", "SAFE-07", "GOV-03"))


def test_bytes_that_are_not_the_locked_ones_do_not_go_live(checked: Feature) -> None:
    (checked.root / "interlock.lock").unlink()
    code, _, err = checked.run("promote", "staging")
    assert code in (1, 3)
    assert "BND-01" in err


def test_a_plan_waits_for_somebody_else_and_status_names_them(checked: Feature) -> None:
    plan = plan_of(checked)
    assert checked.json("status", "--env", "production")[0]["waiting"] == [plan]
    code, _, err = checked.run("apply", plan)
    assert code == 4
    assert "waits for 1 more approval" in err
    assert checked.run("approve", plan, actor="bo")[0] == 0
    assert checked.json("apply", plan)["generation"] == 1
    row = checked.json("status", "--env", "production")[0]
    assert (row["approvals"], row["waiting"]) == (["bo"], [])
    assert checked.run("apply", plan)[0] == 2


@pytest.mark.parametrize("by", ["its author", "who wrote a part", "the same twice"])
def test_nobody_approves_their_own_work_nor_twice(checked: Feature, by: str) -> None:
    """Ada wrote the parts; Cleo only proposes."""
    plan = plan_of(checked, actor="cleo")
    approver = {"its author": "cleo", "who wrote a part": "ada", "the same twice": "bo"}[by]
    if by == "the same twice":
        assert checked.run("approve", plan, actor="bo")[0] == 0
    code, _, err = checked.run("approve", plan, actor=approver)
    assert code == 2
    assert f"`{approver}`" in err
    approvals = checked.json("approve", plan, actor="dora")["approvals"]
    assert approvals.count(approver) == (1 if by == "the same twice" else 0)


def test_whoever_writes_a_changed_part_after_approving_no_longer_counts(checked: Feature) -> None:
    plan = plan_of(checked)
    assert checked.run("approve", plan, actor="bo")[0] == 0
    lock = checked.root / "interlock.lock"
    lock.unlink()
    checked.lock(actor="bo")
    assert checked.run("apply", plan)[0] == 4


def test_what_is_old_in_staging_is_new_in_production(live: Feature) -> None:
    """Somebody who wrote the model, long live in staging, is no other person when it first reaches production."""
    live.edit_part("prompt")
    live.release(actor="bo")
    plan = plan_of(live, actor="bo")
    assert live.run("approve", plan, actor="ada")[0] == 2


def test_a_plan_for_an_older_generation_is_stale(live: Feature) -> None:
    live.edit("interlock.yaml", "staging: {stage: lab, approvals: 0}", "staging: {stage: lab, approvals: 1}")
    live.lock()
    live.check()
    first, second = plan_of(live, "staging"), plan_of(live, "staging")
    for plan in (first, second):
        assert live.run("approve", plan, actor="bo")[0] == 0
    live.json("apply", first)
    code, _, err = live.run("apply", second)
    assert code == 2
    assert "error[conflict]" in err
    assert live.live()["generation"] == 2


def test_apply_asks_the_verdict_again(checked: Feature) -> None:
    plan = plan_of(checked)
    assert checked.run("approve", plan, actor="bo")[0] == 0
    checked.edit("app/main.py", "found = next", "found =  next")
    code, _, err = checked.run("apply", plan)
    assert code in (1, 3)
    assert "EVAL-01" in err
    assert checked.json("status", "--env", "production")[0]["pointer"] is None


def test_what_is_live_is_not_promoted_again_and_an_unknown_plan_or_place_is_named(live: Feature) -> None:
    assert live.run("promote", "staging")[0] == 2
    assert "there is no plan" in live.run("apply", "0123abcd")[2]
    code, _, err = live.run("promote", "moon")
    assert code == 2
    assert "staging, production" in err


def test_of_two_processes_that_promote_at_once_one_wins(checked: Feature) -> None:
    checked.edit("interlock.yaml", "staging: {stage: lab, approvals: 0}", "staging: {stage: lab, approvals: 1}")
    checked.lock()
    checked.check()
    plans = [plan_of(checked, "staging"), plan_of(checked, "staging")]
    for plan in plans:
        assert checked.run("approve", plan, actor="bo")[0] == 0
    both = [
        spawn(sys.executable, ["apply", plan, "--as", "ada", "--dir", str(checked.root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for plan in plans
    ]  # fmt: skip
    ended = [(process.communicate()[1], process.returncode) for process in both]
    assert sorted(code for _, code in ended) == [0, 2], ended
    assert "error[conflict]" in next(err for err, code in ended if code == 2)
    assert checked.live()["generation"] == 1


# ── who has to say yes ────────────────────────────────────────────────────────────────────────────


def subject_for(profile: Profile, approvals: int = 0, also: tuple[str, ...] = ("GOV-02",)) -> Subject:
    parts = {part: Component(part, "1", {"version": "1"}, ()) for part in Part}
    spec = EnvironmentSpec(stage=Stage.LAB, approvals=approvals, also=also)
    return Subject(Bundle("f", parts, {}), Digest("sha256:" + "1" * 64), profile, LIMITS[profile], "staging", spec, ())


@pytest.mark.parametrize(
    ("profile", "approvals", "also", "needs"),
    [
        (Profile.LIGHT, 0, (), (0, False)),
        (Profile.STANDARD, 0, (), (0, False)),
        (Profile.STANDARD, 0, ("GOV-02",), (1, False)),
        (Profile.STANDARD, 3, ("GOV-02",), (3, False)),
        (Profile.REGULATED, 0, ("GOV-02",), (2, True)),
        (Profile.REGULATED, 1, (), (1, False)),
    ],
)
def test_an_environment_asks_for_at_least_as_many_people_as_its_profile(
    profile: Profile, approvals: int, also: tuple[str, ...], needs: tuple[int, bool]
) -> None:
    assert approvals_needed(subject_for(profile, approvals, also)) == needs


def test_a_regulated_plan_waits_until_one_of_two_approvals_is_a_risk_owner(feature: Feature) -> None:
    feature.edit(
        "interlock.yaml",
        "profile: light",
        "profile: regulated\nlimits: {min_cases: 20, abstain_min: 0.5, refused_max: 0.5}",
    )
    feature.edit("interlock.yaml", "stage: lab, approvals: 0}", "stage: lab, approvals: 0, also: [GOV-02]}")
    feature.lock()
    assert feature.check("--env", "staging")["verdict"] == "HOLD"
    plan = feature.json("promote", "staging", codes=(4,))
    assert plan["needs"] == 2
    for approver in ("bo", "cy"):
        assert feature.run("approve", plan["plan"], actor=approver)[0] == 4
    code, _, err = feature.run("apply", plan["plan"])
    assert code == 4
    assert "risk owner" in err
    assert feature.run("keys", "--new", "dora", "--role", "risk")[0] == 0
    assert feature.run("approve", plan["plan"], actor="dora")[0] == 0
    assert feature.json("apply", plan["plan"])["generation"] == 1
    assert feature.check("--env", "staging")["verdict"] == "READY"


def test_an_approval_whose_signature_was_lost_or_changed_counts_no_more(checked: Feature) -> None:
    plan = plan_of(checked)
    before = set((checked.root / ".interlock/blobs").rglob("*"))
    assert checked.run("approve", plan, actor="bo")[0] == 0
    (envelope,) = [path for path in set((checked.root / ".interlock/blobs").rglob("*")) - before if path.is_file()]
    kept = envelope.read_bytes()
    envelope.chmod(0o644)
    envelope.write_bytes(kept[:-1] + b" ")
    assert checked.run("apply", plan)[0] == 4
    envelope.write_bytes(kept)
    assert checked.run("apply", plan)[0] == 0
