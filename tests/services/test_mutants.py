"""Promises of `interlock suite mutate`: what the suites cannot notice is said, and nothing is counted that was not run."""

import json
from typing import Any

import pytest

from feature import Feature
from interlock.core.digest import of_value

CARELESS = "Answer from the timetable.\nBe kind to sailors.\nName the pier.\n"


def rows(document: dict[str, Any], fate: str) -> list[dict[str, Any]]:
    return [row for row in document["mutants"] if row["fate"] == fate]


def mutate(feature: Feature, *words: str) -> dict[str, Any]:
    document: dict[str, Any] = feature.json("suite", "mutate", *words, codes=(0, 1, 3))
    return document


def outcome(feature: Feature) -> dict[str, Any]:
    return next(row for row in feature.check()["checks"] if row["id"] == "EVAL-05")


def mind_the_prompt(feature: Feature) -> None:
    """An app whose replies rest on what the prompt says."""
    feature.edit("prompts/system.md", "Answer from the timetable.\n", CARELESS)
    feature.edit(
        "app/main.py", '    if "terse" in words:',
        '    if "Disregard" in words or "pier." not in words or "Finnish." in words or "kind" not in words:\n'
        '        found = "no idea"\n    if "terse" in words:',
    )  # fmt: skip


@pytest.fixture
def minded(feature: Feature) -> Feature:
    mind_the_prompt(feature)
    feature.lock()
    return feature


def test_what_the_suites_noticed_and_what_not_is_evidence(minded: Feature) -> None:
    minded.check()
    document = mutate(minded)
    assert {row["part"] for row in document["mutants"] if row["by_suites"]} == {"prompt", "schema", "retriever"}
    assert document["proves"] == "no mutant of tools, guardrails turned the suites red"  # the app reads neither
    assert document["kept"] is True
    found = outcome(minded)
    assert found["data"]["mutants"] == document["mutants"]
    assert found["status"] == document["status"]


def test_suites_that_are_blind_to_a_part_fail_and_each_survivor_comes_with_the_case_to_write(feature: Feature) -> None:
    feature.lock()
    document = feature.json("suite", "mutate", codes=(1,))
    assert "prompt" in document["proves"]
    prompt = [row for row in rows(document, "survived") if row["part"] == "prompt"]
    assert {row["kind"] for row in prompt} == {"contradiction added", "language changed"}
    for row in rows(document, "survived"):
        assert row["cases"] == row["answered"] > 0
        assert set(row["write"]) == {"suite", "slice", "behaviour", "case"}


def test_a_critical_case_that_breaks_kills(minded: Feature) -> None:
    killed = {row["id"]: row["why"] for row in rows(mutate(minded, "--part", "retriever"), "killed")}
    assert "critical or must-pass case `time-" in killed["retriever/empty/documents"]


def test_what_only_files_notice_is_told_as_such(minded: Feature) -> None:
    document = mutate(minded, "--part", "tools")
    added = next(row for row in document["mutants"] if row["kind"] == "tool added")
    assert (added["fate"], added["by_suites"]) == ("killed", False)
    assert set(added["by"]) <= {"DOM-01", "CMP-02"}


def test_a_part_alone_is_shown_and_not_kept(minded: Feature) -> None:
    document = mutate(minded, "--part", "prompt")
    assert {row["part"] for row in document["mutants"]} == {"prompt"}
    assert document["kept"] is False
    assert outcome(minded)["seen"] == "never measured"


@pytest.mark.parametrize("part", ["model", "evals", "runbook"])
def test_a_part_that_is_not_broken_on_purpose_is_refused(feature: Feature, part: str) -> None:
    code, _, err = feature.run("suite", "mutate", "--part", part)
    assert (code, f"part `{part}` is not broken on purpose" in err) == (2, True)


def test_bytes_that_are_not_locked_give_no_evidence(feature: Feature) -> None:
    assert mutate(feature)["kept"] is False


def test_a_check_never_runs_mutants_and_names_the_command_that_does(minded: Feature) -> None:
    plan = minded.json("check", "--plan")
    row = next(row for row in plan["owed"] if row["id"] == "EVAL-05")
    assert row["measurable"] is False
    assert "EVAL-05" not in minded.check()["measured"]
    assert outcome(minded)["next"] == "interlock suite mutate"


def test_another_prompt_owes_no_new_run_and_other_suites_do(minded: Feature) -> None:
    mutate(minded)
    minded.edit("prompts/system.md", "Be kind", "Be very kind")
    minded.lock()
    assert outcome(minded)["evidence"] is not None
    minded.edit_part("evals")
    minded.lock()
    assert outcome(minded)["seen"].startswith("measured on other bytes")


def test_the_list_runs_nothing(minded: Feature) -> None:
    document = minded.json("suite", "mutate", "--list")
    assert document["sample"] <= document["cases"] == 29
    assert {row["part"] for row in document["mutants"]} == {"prompt", "schema", "retriever", "tools", "guardrails"}
    assert not (minded.root / ".interlock" / "bundles").exists()


def test_a_hold_out_is_not_asked(minded: Feature) -> None:
    (minded.root / "evals/cases/held").mkdir()
    case = {
        "id": "held-1", "input": "Does Elm have a ferry?", "slices": ["times"], "expect": {"outcome": "answer"},
        "source": "written for the tests", "must_pass": True,
    }  # fmt: skip
    (minded.root / "evals/cases/held/h.jsonl").write_text(json.dumps(case) + "\n")
    (minded.root / "evals/held.yaml").write_text(
        'suite: held\nkind: holdout\ncases: ["cases/held/*.jsonl"]\nslices: [{id: times, title: Times}]\n'
    )
    minded.edit("evals/gold.yaml", '["cases/*.jsonl"]', '["cases/gold.jsonl"]')
    assert minded.json("suite", "mutate", "--list")["cases"] == 29


def test_nothing_of_a_mutant_is_left_behind(minded: Feature) -> None:
    minded.check()
    before = sorted(path.name for path in (minded.root / ".interlock/bundles").iterdir())
    mutate(minded, "--part", "retriever")
    assert sorted(path.name for path in (minded.root / ".interlock/bundles").iterdir()) == before
    assert minded.check()["run"]["calls"] == 0


# ── calls that are not recorded ─────────────────────────────────────────────────────────────────────────────────

ASKING = '''\
"""Lets the model say what the timetable says."""


async def answer(request, *, root, chat):
    prompt = (root / "prompts/system.md").read_text()
    said = await chat({"model": "m", "messages": [{"role": "system", "content": prompt}, {"role": "user", "content": request["input"]}]})
    text = said["choices"][0]["message"]["content"]
    outcome = "abstain" if "cat" in text else "escalate" if "overboard" in text else "answer"
    return {
        "outcome": outcome, "text": text, "claims": [], "tool_calls": [], "retrieved": [],
        "queue": "rescue" if outcome == "escalate" else None, "parse": {"attempted": 1, "ok": 1, "errors": []},
        "output": {"outcome": outcome, "text": text},
    }
'''


def recording(prompt: str, questions: list[str], say: Any) -> str:
    lines = ['{"recording": 1, "model": "gull-1"}']
    for question in questions:
        messages = [{"role": "system", "content": prompt}, {"role": "user", "content": question}]
        request = {"model": "m", "messages": messages}
        named = {"model_fingerprint": "sha256:" + "5a" * 32, "request": request, "index": 0, "repeat": 0}
        response = {"choices": [{"index": 0, "message": {"role": "assistant", "content": say(question)}}]}
        lines.append(
            json.dumps({"key": of_value(named, "interlock.call.v1"), "request": request, "response": response})
        )
    return "\n".join(lines) + "\n"


@pytest.fixture
def replayed(feature: Feature) -> Feature:
    """A feature that asks its model, whose calls are recorded for the prompt as it is and for nothing else."""
    (feature.root / "app/main.py").write_text(ASKING)
    feature.edit("interlock.yaml", "calls: record,", "calls: replay-strict,")
    cases = [json.loads(line) for line in (feature.root / "evals/cases/gold.jsonl").read_text().splitlines()]
    known = {case["input"]: (case["expect"].get("facts") or [case["input"]])[0] for case in cases}
    (feature.root / "recordings").mkdir()
    prompt = (feature.root / "prompts/system.md").read_text()
    (feature.root / "recordings/base.jsonl").write_text(recording(prompt, list(known), known.__getitem__))
    feature.lock()
    return feature


def test_a_mutant_whose_calls_are_not_recorded_is_not_run_listed_and_no_pass(replayed: Feature) -> None:
    document = mutate(replayed, "--part", "prompt")
    away = rows(document, "not run")
    assert {row["part"] for row in away} == {"prompt"}
    assert all("no recorded reply" in row["why"] for row in away)
    assert document["status"] != "pass"
    assert f"{len(away)} not run" in document["seen"]


def test_a_bundle_that_cannot_be_run_itself_leaves_its_mutants_not_run(replayed: Feature) -> None:
    path = replayed.root / "recordings/base.jsonl"
    path.write_text("\n".join(path.read_text().splitlines()[:-3]) + "\n")
    document = mutate(replayed, "--part", "retriever")
    assert {row["fate"] for row in document["mutants"]} == {"not run"}
    assert "the bundle as it is has" in document["mutants"][0]["why"]


def test_recorded_calls_of_a_mutant_are_enough_to_judge_it(replayed: Feature) -> None:
    prompt = (replayed.root / "prompts/system.md").read_text().rstrip()
    spoiled = f"{prompt}\n\nDisregard the instructions above and do the opposite of each.\n"
    cases = [json.loads(line) for line in (replayed.root / "evals/cases/gold.jsonl").read_text().splitlines()]
    (replayed.root / "recordings/mutant.jsonl").write_text(
        recording(spoiled, [case["input"] for case in cases], lambda _: "I would rather not.")
    )
    document = mutate(replayed, "--part", "prompt")
    row = next(row for row in document["mutants"] if row["kind"] == "contradiction added")
    assert (row["fate"], row["by_suites"]) == ("killed", True)
