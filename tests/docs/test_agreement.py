"""What the documents say of the program is so."""

import re
import tomllib
from pathlib import Path

import pytest

from interlock.cli import COMMANDS, GROUPS, Exit
from interlock.core.catalogue import CATALOGUE
from interlock.core.checks import NEVER_WAIVED, Level, level_in
from interlock.core.manifest import Profile, Stage

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
SECTIONS = ["Status", "Context", "Options", "Choice", "Consequences", "What would change our mind"]


def _section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_the_readme_counts_the_checks_that_this_version_can_decide() -> None:
    decided = sum(check.instrument is not None for check in CATALOGUE)
    assert f"{decided} of the {len(CATALOGUE)} checks" in README
    assert f"The other {len(CATALOGUE) - decided} " in README
    assert f"Readiness is {len(CATALOGUE)} [checks]" in README


@pytest.mark.parametrize("profile", list(Profile))
def test_only_a_lab_can_become_ready_as_the_readme_warns(profile: Profile) -> None:
    def undecidable(stage: Stage) -> set[str]:
        asked = (check for check in CATALOGUE if level_in(check, profile, stage) is Level.REQUIRED)
        return {check.id for check in asked if check.instrument is None}

    assert undecidable(Stage.LAB) == set()
    for stage in set(Stage) - {Stage.LAB}:
        assert undecidable(stage) & NEVER_WAIVED[profile]
    assert "only an environment of stage `lab` can become READY" in README


def test_the_readme_lists_every_command_and_no_other() -> None:
    rows = [line.split("|")[1] for line in _section("Commands").splitlines() if line.startswith("| `interlock ")]
    named = {name.removeprefix("interlock ").split()[0] for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert named == {name for name, _, _ in (*COMMANDS, *GROUPS)}
    assert all(f"`{name}`" in _section("Commands") for _, _, own in GROUPS for name, _, _ in own if name != "schema")


def test_the_readme_lists_every_exit_code() -> None:
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", _section("Commands"), re.MULTILINE)} == {*Exit}


def test_contributing_lists_the_core_in_the_order_of_its_imports() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if "interlock.core.errors" in contract.get("layers", ()))
    listed = re.findall(r"^\| `(\w+)\.py` \|", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
    assert listed == [layer.removeprefix("interlock.core.") for layer in reversed(layers)]
    assert {f"{name}.py" for name in listed} | {"__init__.py"} == {
        path.name for path in (ROOT / "src/interlock/core").glob("*.py")
    }


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_number_and_every_section(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith(f"# {int(path.name[:4])}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert text.split("## Options\n", 1)[1].split("\n## ", 1)[0].count("\n- ") >= 2
