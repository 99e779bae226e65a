"""What the billing example promises of its own suites: broken on purpose, they turn red."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from interlock.cli import run

pytestmark = pytest.mark.xdist_group("billing-mutants")  # what they share is made once

EXAMPLE = Path(__file__).parents[2] / "examples" / "billing-support"
PARTS = {"prompt", "schema", "retriever", "tools", "guardrails"}


@pytest.fixture(scope="module")
def mutated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One mutation run on a copy of the example, from its recordings alone."""
    root = tmp_path_factory.mktemp("mutants") / "billing"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("demo", "live", ".interlock", "__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INTERLOCK_ACTOR", "ada")
        for name in ("INTERLOCK_STATE", "INTERLOCK_DATABASE_URL", "INTERLOCK_KEYS"):
            patch.delenv(name, raising=False)
        assert run(["lock", "--reason", "first", "--dir", str(root)]) == 0
        written = root / "mutants.json"
        import contextlib
        import io

        with contextlib.redirect_stdout(io.StringIO()) as out:
            code = run(["suite", "mutate", "--json", "--dir", str(root)])
        written.write_text(out.getvalue())
    document: dict[str, Any] = json.loads(written.read_text())
    return {**document, "code": code}


def test_at_least_nine_of_ten_mutants_are_killed_and_all_were_run(mutated: dict[str, Any]) -> None:
    fates = [row["fate"] for row in mutated["mutants"]]
    assert len(fates) >= 30
    assert "not run" not in fates, [row for row in mutated["mutants"] if row["fate"] == "not run"]
    assert fates.count("killed") >= 0.9 * len(fates)
    assert (mutated["status"], mutated["code"], mutated["kept"]) == ("pass", 0, True)


def test_the_suites_themselves_notice_a_mutant_of_every_part(mutated: dict[str, Any]) -> None:
    assert {row["part"] for row in mutated["mutants"] if row["by_suites"]} == PARTS


def test_every_survivor_is_listed_with_the_case_to_write(mutated: dict[str, Any]) -> None:
    survivors = [row for row in mutated["mutants"] if row["fate"] == "survived"]
    assert [row["id"] for row in survivors] == ["prompt/rule-removed/prompts/router.md:1"]
    assert all(row["write"]["case"]["expect"] for row in survivors)


def test_no_model_is_asked_and_nothing_is_paid(mutated: dict[str, Any]) -> None:
    assert mutated["cost_usd"] == 0
