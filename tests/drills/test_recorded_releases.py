"""Given real releases of other people's models, when one follows another, then `interlock check` says which slice broke."""

import json
import os
from pathlib import Path

import pytest

from interlock.cli import run

SHARED = Path(os.environ.get("INTERLOCK_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
RELEASES = SHARED / "releases"

pytestmark = pytest.mark.skipif(
    not (RELEASES / "bfcl_answers.jsonl.gz").is_file(),
    reason=f"the public data is not here (set INTERLOCK_SHARED_DATA): {RELEASES}",
)

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["passed"],
    "properties": {"passed": {"type": "boolean"}},
    "additionalProperties": False,
}


def feature(root: Path, *, model: str) -> None:
    """A feature made of imported runs: the replies of the release that the model part names."""
    text = (root / "interlock.yaml").read_text()
    text = text.replace(
        "target: {kind: command, command: [./replace-me-with-your-app]}",
        'target: {kind: recorded, path: "recordings/{model}.jsonl"}',
    )
    text = text.replace("provider: fill-in, id: fill-in", f"provider: openai, id: {model}")
    text = text.replace("interlock/evals/*.yaml", "evals/*.yaml")
    text = text.replace("interlock/evals/cases/*.jsonl", "evals/cases/*.jsonl")
    text = text.replace("ignore: [", 'ignore: ["interlock/evals/**", "results/*", ')
    (root / "interlock.yaml").write_text(text)
    (root / "interlock/schema/answer.json").write_text(json.dumps(SCHEMA))


def checked(capsys: pytest.CaptureFixture[str], root: Path, *options: str) -> dict[str, object]:
    """One `interlock check --json`."""
    capsys.readouterr()
    run(["check", "--json", "--dir", str(root), *options])
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    return document


def test_a_release_that_gains_overall_is_blocked_by_the_slice_that_it_breaks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERLOCK_ACTOR", "somebody")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/system.md").write_text("Call a function when one of them fits the request.\n")
    stakes = ["--acts", "--no-locks-out", "--no-misstates-policy", "--no-costs-money", "--fallback", "cheap"]
    assert run(["init", "--dir", str(tmp_path), "--name", "bfcl/tools", *stakes]) == 0
    answers, tasks = RELEASES / "bfcl_answers.jsonl.gz", RELEASES / "bfcl_tasks.jsonl.gz"
    assert run(["import", "bfcl", str(answers), "--tasks", str(tasks), "--out", str(tmp_path)]) == 0
    feature(tmp_path, model="gpt-4-0613-FC")
    assert run(["lock", "--dir", str(tmp_path), "--reason", "first"]) == 0
    before = checked(capsys, tmp_path)

    manifest = tmp_path / "interlock.yaml"
    manifest.write_text(manifest.read_text().replace("gpt-4-0613-FC", "gpt-4-1106-preview-FC"))
    assert run(["lock", "--dir", str(tmp_path), "--reason", "newer model"]) == 0
    after = checked(capsys, tmp_path, "--against", str(before["bundle"]))

    assert after["verdict"] == "BLOCKED"
    rows = {row["id"]: row for row in after["checks"]}  # type: ignore[attr-defined]
    found = rows["EVAL-03"]
    slices = {row["slice"]: row for row in found["data"]["slices"]}
    assert found["status"] == "fail"
    assert [name for name, row in slices.items() if row["verdict"] == "fail"] == ["must_not_call"]
    assert (slices["must_not_call"]["broke"], slices["must_not_call"]["fixed"]) == (16, 4)
    overall = found["data"]["overall"]
    assert (overall["broke"], overall["fixed"]) == (38, 381)  # it gains a lot, and is blocked all the same
    # The first release was asked once; its stored replies served as the baseline.
    assert after["run"]["reused"] == 1240  # type: ignore[index]
