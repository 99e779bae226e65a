"""What the checks of the bundle itself promise: they pass what is whole, and name each thing that is not."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from interlock.core.bundle import Bundle
from interlock.core.checks import LIMITS, Limits
from interlock.core.manifest import Part, Profile
from interlock.core.rules import RULES, Ruling, Standing
from interlock.services.lock import lock_text, read_lock, resolve
from interlock.services.parts import StaticContext, load_parts
from interlock.services.static_bundle import STATIC

STANDARD = LIMITS[Profile.STANDARD]


def context(tree: Any, lock: Bundle | None = None, capabilities: tuple[str, ...] = ("answer-v3",)) -> StaticContext:
    bundle = resolve(tree).bundle
    loaded = load_parts(bundle, tree)
    return StaticContext(loaded, capabilities, lock, lambda _: None, loaded.release.limits)


def measure(check: str, tree: Any, **more: Any) -> Mapping[str, Any]:
    return STATIC[check](context(tree, **more))


def rule(check: str, tree: Any, limits: Limits = STANDARD, **more: Any) -> Ruling:
    return RULES[check](measure(check, tree, **more), limits)


# ── BND-01 ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lock_of_these_bytes_passes(small_feature: Any) -> None:
    lock = read_lock(lock_text(resolve(small_feature)))
    ruling = rule("BND-01", small_feature, lock=lock)
    assert ruling.standing is Standing.PASS
    assert ruling.seen.startswith("14 files")


def test_no_lock_pins_nothing(small_feature: Any) -> None:
    assert rule("BND-01", small_feature).standing is Standing.FAIL


def test_changed_new_and_lost_files_are_named_with_their_part(small_feature: Any) -> None:
    lock = resolve(small_feature).bundle
    now = (
        small_feature.edited("prompts/system.md", "Cite", "Quote")
        .with_file("kb/new.md", "x")
        .without("kb/old/refunds.md")
    )
    found = [(f["message"], f["file"]) for f in measure("BND-01", now, lock=lock)["findings"]]
    assert found == [
        ("part `prompt` changed: the bytes are not those that the lock pins", "prompts/system.md"),
        ("part `retriever` has a file that the lock does not know", "kb/new.md"),
        ("part `retriever` lost a file that the lock pins", "kb/old/refunds.md"),
    ]


def test_changed_settings_constraints_and_parts_are_named(small_feature: Any) -> None:
    lock = resolve(small_feature).bundle
    now = small_feature.edited("interlock.yaml", "{k: 4}", "{k: 5}").edited("interlock.yaml", ">=2,<4", ">=3")
    found = [f["message"] for f in measure("BND-01", now, lock=lock)["findings"]]
    assert found == [
        "part `retriever` changed its settings since the lock: `settings`",
        "what `prompt` demands of other parts is not what the lock says",
    ]
    short = Bundle(lock.feature, {k: v for k, v in lock.components.items() if k is not Part.TOOLS}, lock.constraints)
    assert "part `tools` is not in the lock" in measure("BND-01", small_feature, lock=short)["findings"][0]["message"]


def test_the_lock_of_another_feature_is_no_lock(small_feature: Any) -> None:
    lock = resolve(small_feature).bundle
    other = Bundle("kiosk/other", lock.components, lock.constraints)
    assert rule("BND-01", small_feature, lock=other).standing is Standing.FAIL


# ── PIN-01 ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_parts_that_are_held_pass_and_each_is_named(small_feature: Any) -> None:
    ruling = rule("PIN-01", small_feature)
    assert ruling.standing is Standing.PASS
    assert ruling.seen == "model P1, retriever P0, tools P0, prompt P0"


def test_an_alias_fails_in_standard_and_passes_in_light_with_a_probe(small_feature: Any) -> None:
    tree = small_feature.edited(
        "interlock.yaml", 'id: tiny-1b, fingerprint: "sha256:' + "ab" * 32 + '"', "id: tiny-latest"
    )
    assert rule("PIN-01", tree).standing is Standing.FAIL
    assert rule("PIN-01", tree, LIMITS[Profile.LIGHT]).standing is Standing.FAIL
    probed = tree.edited("interlock.yaml", "id: tiny-latest", "id: tiny-latest, probe: model/model.yaml")
    assert rule("PIN-01", probed).standing is Standing.FAIL
    assert rule("PIN-01", probed, LIMITS[Profile.LIGHT]).standing is Standing.PASS


# ── CMP-01 ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_constraints_that_hold_pass_and_are_counted(small_feature: Any) -> None:
    ruling = rule("CMP-01", small_feature)
    assert ruling.standing is Standing.PASS
    assert ruling.seen.startswith("4 constraints")


def test_a_broken_constraint_is_named_with_its_line(small_feature: Any) -> None:
    tree = small_feature.edited("interlock.yaml", ">=2,<4", ">=4")
    (found,) = measure("CMP-01", tree)["findings"]
    assert (found["file"], found["line"]) == ("interlock.yaml", 13)
    assert found["message"] == "`prompt` needs `schema` >=4, and it is 3"
    assert rule("CMP-01", small_feature, capabilities=()).standing is Standing.FAIL
    renamed = small_feature.edited("tools/tools.json", '"refund"', '"reimburse"')
    assert "needs the tool `refund`" in measure("CMP-01", renamed)["findings"][0]["message"]


# ── CMP-02 ──────────────────────────────────────────────────────────────────────────────────────────────────────


def messages(tree: Any) -> list[str]:
    return [finding["message"] for finding in measure("CMP-02", tree)["findings"]]


def test_suites_that_cover_everything_pass(small_feature: Any) -> None:
    # tool, outcome + 3, text, queue + 2, two rules, two slices; `version` has one value that every answer carries.
    ruling = rule("CMP-02", small_feature)
    assert ruling.standing is Standing.PASS
    assert ruling.seen.startswith("13 things")


def test_each_thing_that_too_few_cases_touch_is_named(small_feature: Any) -> None:
    path = "evals/cases/gold-1.jsonl"
    rows = [json.loads(line) for line in small_feature.text(path).splitlines()]
    kept = [row for row in rows if row["id"] != "abstain-2"]
    tree = small_feature.with_file(
        path, "".join(json.dumps({**row, "covers": ["rule:takeover"]}) + "\n" for row in kept)
    )
    assert messages(tree) == ["only 2 of 3 cases touch `schema:outcome=abstain`", "no case touches `rule:legal-advice`"]


def test_a_new_tool_field_value_rule_or_slice_is_uncovered_until_a_case_touches_it(small_feature: Any) -> None:
    tree = small_feature.edited("schema/answer.json", '"escalate"]', '"escalate", "defer"]')
    tree = tree.edited("guardrails/answers.yaml", "forbidden: [", "forbidden: [{id: rude, words: [fool]}, ")
    tree = tree.edited("evals/gold.yaml", "requirements:", "  - {id: nights, title: Nights}\nrequirements:")
    assert messages(tree) == [
        "no case touches `schema:outcome=defer`",
        "no case touches `rule:rude`",
        "no case touches `slice:nights`",
    ]


def test_an_outcome_that_is_one_of_several_is_not_sure_to_happen(small_feature: Any) -> None:
    path = "evals/cases/gold-1.jsonl"
    tree = small_feature.edited(path, '"outcome": "abstain"', '"outcome": ["abstain", "answer"]')
    assert messages(tree) == ["no case touches `schema:outcome=abstain`"]


def test_a_promise_that_is_not_made_is_itself_a_finding(small_feature: Any) -> None:
    bare = small_feature.edited("interlock.yaml", ", covers: {tools: all, schema: fields, guardrails: rules}", "")
    assert messages(bare) == ["the evals part does not say what its suites cover"]
    some = small_feature.edited("interlock.yaml", "tools: all, schema: fields, guardrails: rules", "tools: all")
    assert len(messages(some)) == 2
    assert measure("CMP-02", some)["findings"][0]["line"] == 18


def test_a_name_in_covers_that_names_nothing_is_told_once(small_feature: Any) -> None:
    tree = small_feature.edited("evals/cases/gold-1.jsonl", '"rule:takeover", ', '"rule:takeover", "rule:takover", ')
    assert messages(tree) == ["`gold/answer-0` and 8 more cover `rule:takover`, which this bundle does not have"]


def test_the_limit_of_the_profile_says_how_many_cases_are_enough(small_feature: Any) -> None:
    tree = small_feature.edited("evals/cases/gold-1.jsonl", '"outcome": "abstain"', '"outcome": ["abstain", "answer"]')
    for least, count in ((0, 0), (1, 1), (3, 1), (4, 5), (10, 13)):
        asked = replace(context(tree), limits=STANDARD.changed({"cover_min": least}))
        assert len(STATIC["CMP-02"](asked)["findings"]) == count
