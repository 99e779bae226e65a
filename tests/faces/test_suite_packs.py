"""What `interlock suite packs` promises: it shows, writes a new file and never another, and says what a person does next."""

import json
from pathlib import Path
from typing import Any

import pytest

from feature import Feature, files_of
from interlock.core.packs import Pack


def test_it_shows_what_is_missing_and_writes_nothing(feature: Feature) -> None:
    before = files_of(feature.root)
    code, out, _ = feature.run("suite", "packs")
    assert code == 0
    for pack in Pack:
        assert f"{pack} " in out
    assert "+6" in out  # light: 60 % of attacks take six cases
    assert files_of(feature.root) == before


def test_starters_are_two_new_files_that_lock_and_are_asked(feature: Feature) -> None:
    before = files_of(feature.root)
    code, out, err = feature.run("suite", "packs", "--write", "--json")
    assert code == 0, err
    written = json.loads(out)["written"]
    assert (written["suite"], written["cases"], written["add"]) == ("evals/packs.yaml", "evals/packs/cases.jsonl", None)
    after = files_of(feature.root)
    assert {path: after[path] for path in before} == before
    assert set(after) - set(before) == {"evals/packs.yaml", "evals/packs/cases.jsonl"}
    rows = [json.loads(line) for line in after["evals/packs/cases.jsonl"].decode().splitlines()]
    assert len(rows) == sum(written["counts"].values()) > 60
    assert {row["source"] for row in rows} == {"starter"}


def test_nothing_is_overwritten(feature: Feature) -> None:
    assert feature.run("suite", "packs", "--write")[0] == 0
    before = files_of(feature.root)
    code, _, err = feature.run("suite", "packs", "--pack", "injection")
    assert code == 2
    assert "there is a suite `packs` already" in err
    (feature.root / "evals/mine").mkdir()
    (feature.root / "evals/mine/cases.jsonl").write_text("mine")
    code, _, err = feature.run("suite", "packs", "--pack", "injection", "--name", "mine")
    assert code == 2
    (feature.root / "evals/mine/cases.jsonl").unlink()
    assert files_of(feature.root) == before


@pytest.mark.parametrize("name", ["../packs", "a/b", ".hidden", "-x", "two words", ""])
def test_a_name_that_leaves_the_folder_is_refused(feature: Feature, name: str) -> None:
    before = files_of(feature.root)
    code, _, _ = feature.run("suite", "packs", "--write", f"--name={name}")
    assert code == 2
    assert files_of(feature.root) == before


def test_a_feature_whose_suites_would_take_the_cases_for_their_own_is_left_as_it_is(feature: Feature) -> None:
    feature.edit("evals/gold.yaml", '["cases/*.jsonl"]', '["**/*.jsonl"]')
    before = files_of(feature.root)
    code, _, err = feature.run("suite", "packs", "--write")
    assert code == 2
    assert "does not declare" in err
    assert files_of(feature.root) == before


def test_an_unknown_pack_is_refused_with_the_list(feature: Feature) -> None:
    code, _, err = feature.run("suite", "packs", "--pack", "injections")
    assert code == 2
    assert "tool-output-injection" in err


def _confirm(path: Path) -> None:
    path.write_text(
        path.read_text().replace('"source": "starter"', '"source": "starter, confirmed by Ines Holt on 2026-11-26"')
    )


def _safe04(feature: Feature) -> Any:
    assert feature.run("lock", "--reason", "packs")[0] == 0
    _, out, err = feature.run("check", "--env", "production", "--json", "--quiet")
    return next(row for row in json.loads(out)["checks"] if row["id"] == "SAFE-04"), err


def test_from_no_case_to_a_verdict(feature: Feature) -> None:
    """Owed without cases, owed with starters, and judged by what the app really says once a person confirmed them."""
    feature.edit("interlock.yaml", "stage: lab, approvals: 1", 'stage: lab, approvals: 1, also: ["SAFE-04"]')
    found, _ = _safe04(feature)
    assert (found["status"], found["level"]) == ("owed", "required")
    assert "injection: no case" in found["seen"]

    assert feature.run("suite", "packs", "--write")[0] == 0
    found, _ = _safe04(feature)
    assert found["status"] == "owed"
    assert any("starters that nobody has confirmed" in line for line in found["details"])

    _confirm(feature.root / "evals/packs/cases.jsonl")
    found, _ = _safe04(feature)
    # The ferry app answers «no such ferry» to everything, also to what must be held back.
    assert found["status"] == "fail"
    assert any(line.startswith("out-of-domain: 10 of 10 failed") for line in found["details"])


def test_a_case_in_another_language_than_it_says_is_shown_with_its_line_and_exit_1(feature: Feature) -> None:
    assert feature.run("suite", "packs", "--pack", "multilingual")[0] == 0
    path = feature.root / "evals/packs/cases.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[1]["lang"] = "pl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out, _ = feature.run("suite", "packs")
    assert code == 1
    assert "evals/packs/cases.jsonl:2: case" in out
    assert "says `pl` and reads as `nl`" in " ".join(out.split())


def test_a_language_that_nobody_can_hear_is_refused_before_anything_is_asked(
    feature: Feature, monkeypatch: pytest.MonkeyPatch
) -> None:
    from interlock.wiring import WorkBench

    assert feature.run("suite", "packs", "--write")[0] == 0
    path = feature.root / "evals/packs/cases.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["expect"] = {"language": "en"}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert feature.run("lock", "--reason", "languages")[0] == 0
    monkeypatch.setattr(WorkBench, "languages", lambda bench: None)
    code, _, err = feature.run("check", "--env", "production", "--quiet")
    assert code == 2
    assert "nothing here tells languages apart" in err
    assert 'pip install "interlock[languages]"' in err


def test_another_language_served_is_another_scope_of_this_check_alone(feature: Feature) -> None:
    feature.edit("interlock.yaml", "stage: lab, approvals: 1", 'stage: lab, approvals: 1, also: ["SAFE-04"]')
    _safe04(feature)
    feature.edit("interlock.yaml", "languages: [en]", "languages: [en, de]")
    assert feature.run("lock", "--reason", "German")[0] == 0
    _, out, _ = feature.run("check", "--env", "production", "--plan", "--json")
    owed = {row["id"] for row in json.loads(out)["owed"]}
    assert "SAFE-04" in owed
    assert not {"SAFE-02", "EVAL-01", "EVAL-02"} & owed
