"""What loading promises: the parts of exactly this bundle, or every fault with its place."""

import json
from dataclasses import asdict, fields, replace
from typing import Any

import pytest

from interlock.core.checks import LIMITS, Limits
from interlock.core.errors import BundleError, InterlockError, ManyErrors
from interlock.core.manifest import LimitsSpec, Part, Profile
from interlock.core.score import Reply, Trial
from interlock.core.suite import SCORERS, Case
from interlock.scorers import default_scorers
from interlock.scorers.regex import Regex
from interlock.services.lock import resolve
from interlock.services.parts import Loaded, load_parts


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


def test_suites_that_are_read_later_are_the_same_and_just_as_strict(small_feature: Any) -> None:
    bundle = resolve(small_feature).bundle
    later = load_parts(bundle, small_feature, suites_later=True)
    assert list(later.suites) == list(load(small_feature).suites)
    assert (len(later.suites), later.suites[0].name, [one.name for one in later.suites[:1]]) == (1, "gold", ["gold"])
    bad = small_feature.edited("evals/cases/gold-1.jsonl", '"source"', '"sauce"')
    loaded = load_parts(resolve(bad).bundle, bad, suites_later=True)
    assert loaded.release.feature == "kiosk/helper"  # what has nothing to do with the cases is there
    for _ in range(2):
        with pytest.raises(ManyErrors) as caught:
            list(loaded.suites)
        assert {type(fault) for fault in caught.value.errors} == {type(fault) for fault in faults(bad)}


def test_environments_stand_in_the_order_of_exposure(small_feature: Any) -> None:
    tree = small_feature.edited("interlock.yaml", "  staging:", "  zoo:")
    assert list(load(tree).release.environments) == ["zoo", "production"]


def test_limits_are_those_of_the_profile_with_what_the_manifest_replaces(small_feature: Any) -> None:
    assert load(small_feature).release.limits == LIMITS[Profile.STANDARD]
    tree = small_feature.edited("interlock.yaml", "profile: standard", "profile: light\nlimits: {min_cases: 40}")
    assert load(tree).release.limits == replace(LIMITS[Profile.LIGHT], min_cases=40)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{min_case: 40}", "did you mean `min_cases`?"),
        ("{abstain_min: 1.5}", "less than or equal to 1"),
        ("{broken_max: -0.1}", "greater than or equal to 0"),
        ("{min_cases: 1.5}", "must be a whole number"),
        ("{min_cases: -1}", "greater than or equal to 0"),
        ("{evidence_days: 0}", "greater than 0"),
        ("{evidence_days: 100000}", "less than or equal to 3650"),
        ("{provisional_hours: 721}", "less than or equal to 720"),
        ("{pin_level: 4}", "less than or equal to 3"),
        ("{pin_level: 0.5}", "must be a whole number"),
        ("{parse_min: .nan}", "not a finite number"),
        ("{parse_min: 1e999}", "too large"),
    ],
)
def test_a_limit_that_means_nothing_is_refused_where_it_is_written(small_feature: Any, written: str, said: str) -> None:
    tree = small_feature.edited("interlock.yaml", "profile: standard", f"profile: standard\nlimits: {written}")
    (fault,) = faults(tree)
    assert said in f"{fault.message} {fault.hint}"
    assert fault.place is not None
    assert (fault.place.file, fault.place.line) == (
        "interlock.yaml",
        tree.text("interlock.yaml").split("limits:")[0].count("\n") + 1,
    )


def test_every_limit_of_a_profile_can_be_written_and_no_other() -> None:
    assert set(LimitsSpec.model_fields) == {each.name for each in fields(Limits)}
    for limits in LIMITS.values():
        assert LimitsSpec(**asdict(limits)).given() == asdict(limits)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  production:", "  Prod!:", "`environments.Prod!` must be a name"),
        ("  production:", '  "a\\nb":', "must be a name"),
        ("feature: ", "feature: Über/", "must be the name of a feature"),
    ],
)
def test_a_name_that_no_file_or_command_could_hold_is_refused_with_its_place(small_feature: Any, old: str, new: str, said: str) -> None:  # fmt: skip
    (fault,) = faults(small_feature.edited("interlock.yaml", old, new))
    assert said in fault.message
    assert fault.hint
    assert str(fault.place).startswith("interlock.yaml:")


def test_names_of_suites_slices_and_cases_hold_no_hidden_character_and_end(small_feature: Any) -> None:
    for path, old, new in (
        ("evals/gold.yaml", "suite: gold", 'suite: "go\\eld"'),
        ("evals/gold.yaml", "suite: gold", f"suite: {'x' * 201}"),
        ("evals/cases/gold-1.jsonl", '"id": "', '"id": "\\u001b[31m'),
    ):
        found = faults(small_feature.edited(path, old, new))
        (fault, *_) = [fault for fault in found if fault.place is not None and fault.place.file == path]
        assert "hidden" in fault.message or "200" in fault.message


def test_an_unknown_scorer_is_refused_with_the_nearest_and_its_place(small_feature: Any) -> None:
    text = small_feature.text("evals/gold.yaml") + "  - {slice: '*', scorer: fact, floor: 0.1}\n"
    if "requirements:" not in text:
        text = text.replace("  - {slice: '*'", "requirements:\n  - {slice: '*'")
    (fault,) = faults(small_feature.with_file("evals/gold.yaml", text))
    assert (fault.message, fault.hint) == ("unknown scorer `fact`", "did you mean `facts`?")
    assert fault.place is not None
    assert (fault.place.file, fault.place.line) == ("evals/gold.yaml", text.count("\n"))


def test_every_scorer_that_is_built_in_may_be_required() -> None:
    assert set(SCORERS) == {"case", *(scorer.name for scorer in default_scorers({"type": "object"}))}


@pytest.mark.parametrize("pattern", ["(", "(?=x)y", r"(a)\1", "a" * 501, " ", "[0-9]+", "^ok$", "(a+)+$"])
def test_a_pattern_is_refused_at_load_exactly_when_its_scorer_would_refuse_it(small_feature: Any, pattern: str) -> None:
    path = "evals/cases/gold-1.jsonl"
    first, *rest = small_feature.text(path).splitlines()
    row = json.loads(first)
    row["expect"]["regex"] = pattern
    tree = small_feature.with_file(path, "\n".join([json.dumps(row), *rest]) + "\n")
    reply = Reply("answer", "ok")
    try:
        Regex().score(Case.model_validate_json(json.dumps(row)), Trial("c", 0, reply), reply)
    except (InterlockError, ValueError):
        (fault,) = faults(tree)
        assert fault.place is not None
        assert (fault.place.file, fault.place.line) == (path, 1)
    else:
        assert load(tree).suites


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
