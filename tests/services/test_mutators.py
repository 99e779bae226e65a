"""Promises of the mutators: small, deterministic, inside one part, and each with a case that would notice."""

import json
from pathlib import Path
from typing import Any

import pytest

from feature import FILES, write_feature
from interlock.adapters.folder import FolderTree
from interlock.core.binding import bind
from interlock.core.json_text import parse_jsonl
from interlock.core.manifest import Part
from interlock.core.mutation import SEEDED, Mutant
from interlock.core.suite import Case
from interlock.services.lock import resolve
from interlock.services.mutant_files import same_meaning, written
from interlock.services.mutators import MOST, MutantTree, mutants_of, mutated
from interlock.services.parts import Loaded, load_parts
from interlock.services.survivors import case_to_write

EXAMPLE = Path(__file__).parents[2] / "examples" / "billing-support"


def load(root: Path) -> Loaded:
    tree = FolderTree(root)
    return load_parts(resolve(tree).bundle, tree)


@pytest.fixture(scope="module")
def example() -> Loaded:
    return load(EXAMPLE)


@pytest.fixture(scope="module")
def mutants(example: Loaded) -> tuple[Mutant, ...]:
    return mutants_of(example)


def one(mutants: tuple[Mutant, ...], id: str) -> Mutant:
    return next(mutant for mutant in mutants if mutant.id == id)


def value(mutant: Mutant) -> Any:
    (content,) = mutant.changes.values()
    return json.loads(content)


def test_every_kind_that_the_check_names_is_there(mutants: tuple[Mutant, ...]) -> None:
    assert {(mutant.part.value, mutant.kind) for mutant in mutants} == {
        ("prompt", "rule removed"), ("prompt", "contradiction added"), ("prompt", "language changed"),
        ("schema", "field dropped"), ("schema", "enum widened"), ("schema", "required removed"),
        ("retriever", "k=1"), ("retriever", "shuffled"), ("retriever", "stale"), ("retriever", "empty"),
        ("tools", "bound removed"), ("tools", "effect misdeclared"), ("tools", "tool added"), ("tools", "tool removed"),
        ("guardrails", "threshold zero"), ("guardrails", "escalation rule removed"),
        ("guardrails", "forbidden words removed"), ("guardrails", "ask removed"),
    }  # fmt: skip


def test_the_same_bytes_give_the_same_mutants(mutants: tuple[Mutant, ...]) -> None:
    again = mutants_of(load(EXAMPLE))
    assert [(m.id, m.changes) for m in again] == [(m.id, m.changes) for m in mutants]
    assert len({m.id for m in mutants}) == len(mutants)


def test_a_mutant_changes_bytes_of_its_own_part_and_nothing_else(example: Loaded, mutants: tuple[Mutant, ...]) -> None:
    for mutant in mutants:
        own = {entry.path for entry in example.bundle.components[mutant.part].files}
        assert set(mutant.changes) <= own
        assert any(example.tree.read(path) != content for path, content in mutant.changes.items())
        assert mutated(example.bundle, mutant).changed_from(example.bundle) == (mutant.part,)


def test_no_kind_drowns_the_others(mutants: tuple[Mutant, ...]) -> None:
    for mutant in mutants:
        assert sum(other.kind == mutant.kind for other in mutants) <= MOST


def test_every_mutant_of_the_example_is_a_bundle_that_loads(example: Loaded, mutants: tuple[Mutant, ...]) -> None:
    for mutant in mutants:
        tree = MutantTree(example.tree, mutant.changes)
        loaded = load_parts(mutated(example.bundle, mutant), tree, like=example)
        assert loaded.suites is example.suites


def test_no_mutant_means_the_same_as_before(example: Loaded, mutants: tuple[Mutant, ...]) -> None:
    for mutant in mutants:
        assert not all(same_meaning(example, path, content) for path, content in mutant.changes.items())


def test_writing_a_file_anew_and_white_space_mean_the_same(example: Loaded) -> None:
    path = "guardrails/answers.yaml"
    anew = written(example.answers.model_dump(mode="json", by_alias=True, exclude_none=True))
    assert not same_meaning(example, path, anew.replace(b"0.35", b"0.36", 1))
    prompt = example.text("prompts/router.md") or ""
    assert same_meaning(example, "prompts/router.md", prompt.replace("\n", "\n\n").encode())
    assert not same_meaning(example, "prompts/router.md", (prompt + "More.").encode())


def test_the_front_matter_of_prompts_and_documents_stays(example: Loaded, mutants: tuple[Mutant, ...]) -> None:
    for mutant in mutants:
        for path, content in mutant.changes.items():
            if path.endswith(".md"):
                before = (example.text(path) or "").split("\n---\n")[0]
                assert content.decode().split("\n---\n")[0] == before


def test_a_threshold_of_zero_is_zero_in_every_slice(tmp_path: Path) -> None:
    root = write_feature(tmp_path / "f")
    path = root / "guardrails/answers.yaml"
    path.write_text(
        path.read_text().replace("must_cite: false}", "must_cite: false, slices: {times: {threshold: 0.9}}}")
    )
    mutant = one(mutants_of(load(root)), "guardrails/threshold-zero/evidence")
    assert value(mutant)["evidence"]["threshold"] == 0
    assert value(mutant)["evidence"]["slices"] == {"times": {"threshold": 0}}


def test_a_removed_bound_leaves_the_argument_without_one(mutants: tuple[Mutant, ...]) -> None:
    mutant = one(mutants, "tools/bound-removed/issue_refund.amount_minor")
    tool = next(tool for tool in value(mutant)["tools"] if tool["name"] == "issue_refund")
    field = tool["inputSchema"]["properties"]["amount_minor"]
    assert "maximum" not in field
    assert field["type"] == "integer"


def test_the_gravest_tools_and_asks_come_first(mutants: tuple[Mutant, ...]) -> None:
    asks = [mutant.id for mutant in mutants if mutant.kind == "ask removed"]
    assert asks[0] == "guardrails/ask-removed/personal_data.delete"
    assert next(mutant.id for mutant in mutants if mutant.kind == "tool removed").endswith("delete_personal_data")


def test_figures_of_another_version_are_other_figures_and_identifiers_stay(mutants: tuple[Mutant, ...]) -> None:
    text = one(mutants, "retriever/stale/documents").changes["kb/KB-101-refund-times.md"].decode()
    assert "within 6 working days" in text
    assert "id: KB-101" in text


def test_each_document_holds_the_text_of_another(example: Loaded, mutants: tuple[Mutant, ...]) -> None:
    changes = one(mutants, "retriever/shuffled/documents").changes
    bodies = {path: (example.text(path) or "").split("\n---\n", 1)[1] for path in changes}
    moved = {path: content.decode().split("\n---\n", 1)[1] for path, content in changes.items()}
    assert sorted(moved.values()) == sorted(bodies.values())
    assert all(moved[path] != bodies[path] for path in changes)


def test_the_language_is_one_that_is_not_served(example: Loaded, mutants: tuple[Mutant, ...]) -> None:
    mutant = next(mutant for mutant in mutants if mutant.kind == "language changed")
    assert "`fi` is not served" in mutant.what
    assert "fi" not in example.release.languages


def test_a_prompt_of_one_rule_is_not_emptied_and_a_feature_without_parts_has_none(tmp_path: Path) -> None:
    root = write_feature(
        tmp_path / "f",
        lambda text: (
            "\n".join(
                "  retriever: none"
                if line.startswith("  retriever:")
                else "  tools: none"
                if line.startswith("  tools:")
                else line
                for line in text.splitlines()
            )
            + "\n"
        ),
    )
    for path in ("kb/timetable.md", "tools/tools.json"):
        (root / path).unlink()
    (root / "guardrails/actions.yaml").write_text("actions: 1\nmap: []\n")
    cases = root / "evals/cases/gold.jsonl"
    cases.write_text(cases.read_text().replace(', "tool:look_up"', ""))
    found = mutants_of(load(root))
    assert {mutant.part for mutant in found} == {Part.PROMPT, Part.SCHEMA, Part.GUARDRAILS}
    assert "rule removed" not in {mutant.kind for mutant in found}
    assert FILES["prompts/system.md"].count(".") == 1


def test_only_the_parts_that_were_asked_for_are_broken(example: Loaded) -> None:
    assert {mutant.part for mutant in mutants_of(example, (Part.TOOLS,))} == {Part.TOOLS}


@pytest.mark.parametrize("part", SEEDED)
def test_the_case_to_write_is_a_case_of_a_suite_that_exists(
    example: Loaded, mutants: tuple[Mutant, ...], part: Part
) -> None:
    for mutant in (mutant for mutant in mutants if mutant.part is part):
        write = case_to_write(mutant, example)
        (row,) = parse_jsonl(json.dumps(write["case"]), "case.jsonl")
        case = bind(Case, row)
        suite = next(suite for suite in example.suites if suite.name == write["suite"])
        assert write["slice"] in {piece.id for piece in suite.slices}
        assert case.slices == (write["slice"],)
        assert suite.kind.value != "holdout"


def test_the_case_lies_where_cases_like_it_lie(example: Loaded, mutants: tuple[Mutant, ...]) -> None:
    write = case_to_write(one(mutants, "guardrails/threshold-zero/evidence"), example)
    assert (write["suite"], write["slice"]) == ("gold", "unanswerable")
    write = case_to_write(one(mutants, "guardrails/escalation-removed/privacy-request"), example)
    assert (write["suite"], write["slice"]) == ("gold", "privacy")
