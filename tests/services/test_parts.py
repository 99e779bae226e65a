"""What loading promises: the parts of exactly this bundle, or every fault with its place."""

from dataclasses import replace
from typing import Any

import pytest

from interlock.core.checks import LIMITS
from interlock.core.errors import BundleError, InterlockError, ManyErrors, UsageError
from interlock.core.manifest import Part, Profile
from interlock.services.lock import resolve
from interlock.services.parts import Loaded, load_parts, release_of


def load(tree: Any) -> Loaded:
    return load_parts(resolve(tree).bundle, tree)


def faults(tree: Any) -> list[InterlockError]:
    with pytest.raises(InterlockError) as caught:
        load(tree)
    return list(caught.value.errors) if isinstance(caught.value, ManyErrors) else [caught.value]


def test_every_part_is_read_into_its_own_value(small_feature: Any) -> None:
    loaded = load(small_feature)
    assert [tool.name for tool in loaded.tools] == ["refund"]
    assert loaded.actions is not None
    assert loaded.actions.map[0].action == "refund.issue"
    assert loaded.answers.rule_ids == ("takeover", "legal-advice")
    assert loaded.glossary.terms[0].term == "refund"
    assert loaded.output_schema["required"] == ["version", "outcome", "text", "queue"]
    assert [(suite.name, len(suite.cases)) for suite in loaded.suites] == [("gold", 9)]
    assert loaded.operations.rota["oncall"][0] == "Bo Keller"
    assert loaded.runbook.front.owner == "Ada Winter"
    assert loaded.release.feature == "kiosk/helper"
    assert loaded.release.owners == {"product": "Ada Winter", "oncall": "Bo Keller"}
    assert loaded.text("prompts/system.md") == "Answer from the articles.\nCite them.\n"


def test_environments_stand_in_the_order_of_exposure(small_feature: Any) -> None:
    tree = small_feature.edited("interlock.yaml", "  staging:", "  zoo:")
    assert list(load(tree).release.environments) == ["zoo", "production"]


def test_limits_are_those_of_the_profile_with_what_the_manifest_replaces(small_feature: Any) -> None:
    assert load(small_feature).release.limits == LIMITS[Profile.STANDARD]
    tree = small_feature.edited("interlock.yaml", "profile: standard", "profile: light\nlimits: {min_cases: 40}")
    assert load(tree).release.limits == replace(LIMITS[Profile.LIGHT], min_cases=40)
    with pytest.raises(UsageError, match="unknown limit `cases`"):
        release_of(resolve(tree.edited("interlock.yaml", "min_cases", "cases")).bundle)


def test_a_bundle_is_read_without_its_manifest(small_feature: Any) -> None:
    bundle = resolve(small_feature).bundle
    loaded = load_parts(bundle, small_feature.without("interlock.yaml"))
    assert loaded.release.owners == {}
    assert loaded.release.profile is Profile.STANDARD


def test_bytes_that_are_not_those_of_the_bundle_are_refused(small_feature: Any) -> None:
    bundle = resolve(small_feature).bundle
    with pytest.raises(BundleError, match=r"`prompts/system.md` is not the file"):
        load_parts(bundle, small_feature.with_file("prompts/system.md", "Answer anything.\n"))


def test_bytes_that_are_no_text_are_kept_out_of_the_texts(small_feature: Any) -> None:
    weights = type(small_feature)({**small_feature.files, "model/weights.bin": b"\xff\xfe\x00"})
    loaded = load(weights)
    assert "model/weights.bin" in loaded.bundle.paths()
    assert {path for part, path, _ in loaded.texts if part is Part.MODEL} == {"model/model.yaml"}


def test_every_fault_is_told_at_once_with_its_place(small_feature: Any) -> None:
    tree = small_feature.edited("guardrails/answers.yaml", "threshold: 0.35", "threshold: 35")
    tree = tree.edited("runbook/operations.yaml", "switches:", "switchs:")
    tree = tree.edited("evals/cases/gold-1.jsonl", '"source": "written for this test"', '"sauce": "x"')
    files = {fault.place.file for fault in faults(tree) if fault.place}
    assert files == {"guardrails/answers.yaml", "runbook/operations.yaml", "evals/cases/gold-1.jsonl"}


def test_an_output_schema_that_is_none_is_refused_without_asking_the_network(small_feature: Any) -> None:
    (fault,) = faults(small_feature.edited("schema/answer.json", '"type": "string"', '"type": "text"'))
    assert "not a JSON Schema" in fault.message
    assert str(fault.place).startswith("schema/answer.json:1:")
    odd = small_feature.edited("schema/answer.json", '{"type"', '{"$schema": "http://nowhere.invalid/x", "type"')
    assert "no published draft" in faults(odd)[0].message
    assert "is a mapping" in faults(small_feature.with_file("schema/answer.json", "[]"))[0].message


def test_a_case_of_an_undeclared_slice_names_the_suite_file(small_feature: Any) -> None:
    (fault,) = faults(small_feature.edited("evals/cases/gold-1.jsonl", '"slices": ["hours"', '"slices": ["nights"'))
    assert "`nights`" in fault.message
    assert str(fault.place) == "evals/gold.yaml:1:1"


def test_two_suites_of_one_name_are_refused(small_feature: Any) -> None:
    tree = small_feature.with_file("evals/again.yaml", small_feature.text("evals/gold.yaml"))
    assert "two files are named suite `gold`" in faults(tree)[0].message


def test_a_file_that_two_patterns_name_counts_once(small_feature: Any) -> None:
    tree = small_feature.edited("evals/gold.yaml", '["cases/gold-*.jsonl"]', '["cases/*.jsonl", "cases/gold-1.jsonl"]')
    assert len(load(tree).suites[0].cases) == 9
