"""Promises of the way back: it never asks, it is never silent about what it does not know, and it never goes forward."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from feature import Feature, files_of
from interlock.cli.session import records_of
from interlock.core.digest import Digest
from interlock.core.manifest import Part
from interlock.core.pointer import Rule
from interlock.services.parts import load_parts
from interlock.services.rollback import plan_rollback
from interlock.services.shelf import fetch
from interlock.services.subject import subject_of
from interlock.settings import read_settings
from interlock.testing import FixedClock
from interlock.wiring import open_records


@pytest.fixture
def second(live: Feature) -> Feature:
    """Two bundles were live in staging, one after the other; prompt and model differ. The second one serves."""
    live.edit_part("prompt")
    live.edit_part("model")
    live.release()
    return live


def versions(feature: Feature, digest: str) -> dict[str, str]:
    """Digest by part of a kept bundle."""
    with records_of(feature.root) as (_, records):
        return fetch(records, Digest(digest))[0].parts(Part)


def test_r1_the_whole_bundle_returns_at_once_as_a_higher_generation(second: Feature) -> None:
    first = second.json("history", "--env", "staging")[0]["bundle"]
    done = second.json("rollback", "--env", "staging", "--reason", "odd answers")
    assert done["rule"] == "R1 return"
    assert done["smoke"]["good"]
    pointer = done["pointer"]
    assert (pointer["generation"], pointer["stable"], pointer["provisional_until"]) == (3, first, None)
    assert (pointer["reason"], pointer["actor"], second.live()) == ("odd answers", "ada", pointer)


def test_the_way_back_is_quick_because_what_was_asked_is_known(second: Feature) -> None:
    assert second.json("rollback", "--env", "staging")["smoke"]["n"] > 0
    assert _facts(second, "run")[-1]["calls"] == 0


def _facts(feature: Feature, kind: str) -> list[dict[str, object]]:
    with records_of(feature.root) as (_, records):
        return [dict(fact.body) for fact in records.ledger.facts(kind)]


def test_a_part_goes_back_alone_and_every_other_byte_stays(second: Feature) -> None:
    before = versions(second, second.live()["stable"])
    done = second.json("rollback", "prompt", "--env", "staging", "--untested", "--reason", "drill")
    after = versions(second, done["pointer"]["stable"])
    assert {part for part in before if before[part] != after[part]} == {"prompt"}
    assert done["parts"] == ["prompt"]
    folder = next((second.root / ".interlock/bundles").glob(done["pointer"]["stable"][7:19] + "*"))
    mine = {path: content for path, content in files_of(second.root).items() if (folder / path).is_file()}
    assert {path for path, content in mine.items() if (folder / path).read_bytes() != content} == {"prompts/system.md"}


def test_r3_an_untested_combination_needs_the_glass_broken_and_a_reason(second: Feature) -> None:
    for words in ([], ["--untested"], ["--reason", "x"]):
        code, out, err = second.run("rollback", "prompt", "--env", "staging", *words)
        assert (code, out) == (2, "")
        assert "untested combination" in err
        assert "--untested --reason" in err
        assert second.live()["generation"] == 2
    done = second.json("rollback", "prompt", "--env", "staging", "--untested", "--reason", "wrong tone")
    assert done["rule"] == "R3 break glass"
    assert hours(done["pointer"]) == pytest.approx(36)


def hours(pointer: dict[str, str]) -> float:

    return (
        datetime.fromisoformat(pointer["provisional_until"]) - datetime.fromisoformat(pointer["at"])
    ).total_seconds() / 3600


@pytest.mark.parametrize(
    ("profile", "limits", "lasts"),
    [("light", "", 72), ("standard", "\nlimits: {min_cases: 20, abstain_min: 0.5, refused_max: 0.5}", 24), ("regulated", "\nlimits: {min_cases: 20, abstain_min: 0.5, refused_max: 0.5}", 4)],
)  # fmt: skip
def test_r2_a_combination_of_proven_pairs_returns_provisionally_for_as_long_as_the_profile_permits(
    feature: Feature, profile: str, limits: str, lasts: int
) -> None:
    feature.edit("interlock.yaml", "profile: light", f"profile: {profile}{limits}")
    feature.release()
    feature.edit_part("model")
    feature.edit_part("runbook")  # interacts with nothing, so taking it back alone leaves every pair proven
    feature.release()
    done = feature.json("rollback", "runbook", "--env", "staging")
    assert done["rule"] == "R2 derived"
    assert hours(done["pointer"]) == pytest.approx(lasts)
    assert feature.json("status", "--env", "staging")[0]["provisional_until"] == done["pointer"]["provisional_until"]


def test_a_provisional_bundle_is_paid_for_once_a_check_says_ready(second: Feature) -> None:
    done = second.json("rollback", "prompt", "--env", "staging", "--untested", "--reason", "drill")
    assert second.check("--env", "staging")["verdict"] == "READY", (
        "of the bundle in the folder, which is not what is live"
    )
    assert second.json("status", "--env", "staging")[0]["provisional_until"] is not None
    second.edit("prompts/system.md", "Timetable", "timetable")
    assert second.lock() == done["pointer"]["stable"]
    assert second.json("status", "--env", "staging")[0]["provisional_until"] is not None
    assert second.check("--env", "staging")["verdict"] == "READY"
    assert second.json("status", "--env", "staging")[0]["provisional_until"] is None


def test_a_way_back_that_was_proven_in_daylight_is_no_glass_to_break(live: Feature) -> None:
    live.edit_part("prompt")
    live.edit_part("model")
    live.lock()
    live.check("--env", "staging")
    live.json("promote", "staging")
    assert "untested" in live.run("rollback", "prompt", "--env", "staging")[2]


def test_two_people_break_the_glass_where_it_is_regulated(feature: Feature) -> None:
    feature.edit(
        "interlock.yaml",
        "profile: light",
        "profile: regulated\nlimits: {min_cases: 20, abstain_min: 0.5, refused_max: 0.5}",
    )
    feature.release()
    feature.edit_part("prompt")
    feature.edit_part("model")
    feature.release()
    glass = ["rollback", "prompt", "--env", "staging", "--untested", "--reason", "wrong tone"]
    for words in ([], ["--second", "ada"]):
        code, _, err = feature.run(*glass, *words)
        assert code == 2
        assert "two people" in err
    assert feature.run(*glass, "--second", "bo")[0] == 2  # nobody of that name has a key
    assert feature.run("keys", "--new", "bo")[0] == 0
    assert feature.json(*glass, "--second", "bo")["rule"] == "R3 break glass"
    (move,) = _facts(feature, "pointer.moved")[-1:]
    assert move["second"] == "bo"
    assert str(move["approval"]).startswith("sha256:")


@pytest.fixture
def bound(feature: Feature) -> Feature:
    """A second bundle in which the prompt asks for a newer schema, and the schema was renewed with it."""
    feature.edit(
        "interlock.yaml", "output: schema/answer.json}", 'output: schema/answer.json, reads_stored: ["1", "2"]}'
    )
    feature.release()
    feature.edit("interlock.yaml", 'schema: ">=1,<3"', 'schema: ">=2,<3"')
    feature.edit("interlock.yaml", 'schema: {version: "1"', 'schema: {version: "2"')
    feature.edit_part("prompt")
    feature.release()
    return feature


def test_r4_a_broken_constraint_is_refused_with_the_smallest_set_that_holds(bound: Feature) -> None:
    code, out, err = bound.run("rollback", "schema", "--env", "staging", "--untested", "--reason", "now!")
    assert (code, out) == (1, "")
    assert "error[rollback.constraint]" in err
    assert ">=2" in err
    assert "go back together: " in err
    assert {"prompt", "schema"} == set(err.split("together: ")[1].split("\n")[0].split())
    assert bound.live()["generation"] == 2


def test_the_whole_bundle_still_returns_where_one_part_cannot(bound: Feature) -> None:
    assert bound.json("rollback", "--env", "staging")["rule"] == "R1 return"


def test_no_bundle_returns_that_cannot_read_what_is_stored_now(live: Feature) -> None:
    live.edit(
        "interlock.yaml", 'schema: {version: "1", output', 'schema: {version: "2", reads_stored: ["1", "2"], output'
    )
    live.release()
    code, _, err = live.run("rollback", "--env", "staging")
    assert code == 1
    assert "stored by schema 2" in err
    assert "--to" in err


def test_undo_takes_the_last_rollback_back_once(second: Feature) -> None:
    there = second.live()["stable"]
    second.json("rollback", "--env", "staging")
    done = second.json("rollback", "--undo", "--env", "staging")
    assert (done["pointer"]["stable"], done["pointer"]["generation"], done["pointer"]["move"]) == (there, 4, "undo")
    code, _, err = second.run("rollback", "--undo", "--env", "staging")
    assert code == 2
    assert "not a rollback" in err


def test_undo_does_not_go_forward_to_what_was_never_ready_here(second: Feature) -> None:
    second.json("rollback", "prompt", "--env", "staging", "--untested", "--reason", "drill")
    second.json("rollback", "--env", "staging")
    code, _, err = second.run("rollback", "--undo", "--env", "staging")
    assert code == 2
    assert "was not READY here" in err
    assert second.live()["generation"] == 4


def test_a_second_rollback_never_returns_to_the_bundle_that_the_first_one_left(second: Feature) -> None:
    bad = second.live()["stable"]
    second.json("rollback", "--env", "staging")
    code, _, err = second.run("rollback", "--env", "staging")
    assert code == 2
    assert "no other bundle" in err
    assert second.live()["stable"] != bad
    assert second.live()["generation"] == 3


def test_after_one_part_went_back_the_whole_goes_further_back_and_the_part_not_forward(second: Feature) -> None:
    first = second.json("history", "--env", "staging")[0]["bundle"]
    second.json("rollback", "prompt", "--env", "staging", "--untested", "--reason", "drill")
    code, _, err = second.run("rollback", "prompt", "--env", "staging", "--untested", "--reason", "again")
    assert code == 2
    assert "no other `prompt`" in err
    assert second.json("rollback", "--env", "staging")["pointer"]["stable"] == first


def test_somebody_may_name_where_to_go_and_not_stay(second: Feature) -> None:
    first = second.json("history", "--env", "staging")[0]["bundle"]
    assert second.run("rollback", "--env", "staging", "--to", second.live()["stable"][7:19])[0] == 2
    assert second.json("rollback", "--env", "staging", "--to", first[7:19])["pointer"]["stable"] == first
    assert second.run("rollback", "--env", "staging", "--to", "ffffffff")[0] == 2


def test_there_is_no_way_back_from_nothing_nor_from_the_first_bundle(checked: Feature, live_once: Path) -> None:
    code, _, err = checked.run("rollback", "--env", "staging")
    assert code == 2
    assert "nothing is live" in err
    checked.json("promote", "staging")
    code, _, err = checked.run("rollback", "--env", "staging")
    assert code == 2
    assert "no other bundle" in err


def test_a_bundle_that_was_ready_too_long_ago_no_longer_just_returns(second: Feature) -> None:

    now = second.live()["at"]

    for days, rule in ((89, Rule.R1), (91, Rule.R2)):  # the window of light is 90 days
        clock = FixedClock(datetime.fromisoformat(now) + timedelta(days=days))
        with open_records(read_settings(second.root), clock=clock) as records:
            bundle, tree = fetch(records, Digest(second.live()["stable"]))
            subject = subject_of(load_parts(bundle, tree), bundle, Digest("sha256:" + "0" * 64), "staging")
            assert plan_rollback(subject, records, None).rule is rule


def test_the_smoke_set_says_what_it_saw_of_what_is_live_now(second: Feature) -> None:
    second.edit("app/main.py", "no such ferry", "no ferry")
    second.edit("app/main.py", "words = (root", "1 / 0; words = (root")
    code, out, _ = second.run("rollback", "--env", "staging", "--json")
    done = json.loads(out)
    assert code == 5
    assert not done["smoke"]["good"]
    assert second.live() == done["pointer"]


def test_a_smoke_set_that_cannot_start_does_not_hide_that_the_flip_was_done(second: Feature) -> None:
    second.edit("interlock.yaml", 'call: "app.main:answer"', 'call: "app.gone:answer"')
    code, out, _ = second.run("rollback", "--env", "staging", "--json")
    done = json.loads(out)
    assert code == 5
    assert "app.gone" in done["smoke"]["fault"]
    assert second.live()["generation"] == 3


def test_half_an_edit_in_the_folder_stops_no_way_back(second: Feature) -> None:
    first = second.live()["stable"]
    (second.root / "prompts/loose.txt").write_text("half an edit")
    assert second.run("check")[0] == 2
    code, out, _ = second.run("rollback", "--env", "staging", "--reason", "odd answers", "--json")
    done = json.loads(out)
    assert code == 5
    assert "cannot be read" in done["smoke"]["fault"]
    (second.root / "prompts/loose.txt").unlink()
    assert second.live() == done["pointer"]
    assert second.live()["stable"] != first


def test_a_bundle_that_was_never_live_here_is_no_way_back(live: Feature) -> None:
    before = live.live()
    live.edit("prompts/system.md", "timetable.", "timetable, terse .")
    never = live.lock()
    live.check("--env", "staging")
    code, _, said = live.run("rollback", "--env", "staging", "--to", never[7:19], "--untested", "--reason", "forward")
    assert code == 2
    assert "was never live in `staging`: that would be a way forward, which asks" in said
    assert live.live() == before
