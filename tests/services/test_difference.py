"""What a difference promises: every change is told, in the words of its part, and a lowered bar is never silent."""

import json
from dataclasses import replace
from typing import Any

import pytest

from interlock.core.manifest import Part
from interlock.services.authority import Authority, compare_authority
from interlock.services.difference import Change, Difference, diff, lowered_bars
from interlock.services.lock import resolve
from interlock.services.parts import Loaded, load_parts
from interlock.services.schema_changes import Breaks, schema_changes


def load(tree: Any) -> Loaded:
    return load_parts(resolve(tree).bundle, tree)


def compare(old: Any, new: Any) -> Difference:
    return diff(load(old), load(new))


def lowered(old: Any, new: Any) -> list[str]:
    return [bar.text for bar in lowered_bars(load(old), load(new))]


def test_the_same_bundle_differs_in_nothing(small_feature: Any) -> None:
    found = compare(small_feature, small_feature)
    assert found.changed == ()
    assert found.constraints == ()
    assert found.lowered == ()
    assert {row.change for row in found.parts} == {Change.UNCHANGED}


def test_a_first_bundle_adds_every_part_and_lowers_nothing(small_feature: Any) -> None:
    found = diff(None, load(small_feature))
    assert {row.change for row in found.parts} == {Change.ADDED}
    assert found.old is None
    assert found.lowered == ()
    guardrails = found.of(Part.GUARDRAILS)
    assert guardrails is not None
    assert guardrails.gained == ("`refund.issue`: calls `refund` (money)",)


@pytest.mark.parametrize(
    ("path", "old", "new", "part", "said"),
    [
        ("interlock.yaml", "id: tiny-1b", "id: tiny-2b", Part.MODEL, "`id`: tiny-1b → tiny-2b"),
        ("interlock.yaml", "{k: 4}", "{k: 6}", Part.RETRIEVER, "`settings.k`: 4 → 6"),
        ("kb/hours.md", "nine", "ten", Part.RETRIEVER, "1 document changed: KB-1"),
        ("tools/tools.json", "10000", "20000", Part.TOOLS,
         "tool `refund` takes: `maximum` of `amount_minor` is looser: 10000 → 20000"),
        ("tools/tools.json", "Return money.", "Return all money.", Part.TOOLS,
         "tool `refund` `description`: Return money. → Return all money."),
        ("guardrails/answers.yaml", "0.35", "0.5", Part.GUARDRAILS, "answers `evidence.threshold`: 0.35 → 0.5"),
        ("guardrails/glossary.yaml", "money returned", "cash returned", Part.GUARDRAILS,
         "glossary `terms[refund].means`: money returned → cash returned"),
        ("evals/gold.yaml", "share: 0.4", "share: 0.3", Part.EVALS, "suite `gold`: `slice.refunds.share`: 0.4 → 0.3"),
        ("evals/gold.yaml", "floor: 0.8", "floor: 0.9", Part.EVALS, "suite `gold`: `hours case.floor`: 0.8 → 0.9"),
        ("runbook/operations.yaml", "day_usd: 50.0", "day_usd: 80.0", Part.RUNBOOK, "`caps.day_usd`: 50.0 → 80.0"),
        ("interlock.yaml", "profile: standard", "profile: regulated", Part.RUNBOOK, "`profile`: standard → regulated"),
    ],
)  # fmt: skip
def test_a_change_is_told_in_the_words_of_its_part(
    small_feature: Any, path: str, old: str, new: str, part: Part, said: str
) -> None:
    found = compare(small_feature, small_feature.edited(path, old, new))
    assert [row.part for row in found.changed] == [part]
    assert said in found.changed[0].lines


def test_no_changed_part_is_silent(small_feature: Any) -> None:
    for path in ("model/model.yaml", "schema/answer.json", "tools/tools.json", "guardrails/actions.yaml"):
        found = compare(small_feature, small_feature.with_file(path, small_feature.text(path) + "\n"))
        (row,) = found.changed
        assert row.lines == (f"1 file changed: {path}",)


def test_a_prompt_is_shown_line_by_line(small_feature: Any) -> None:
    tree = small_feature.edited("prompts/system.md", "Cite them.", "Quote them.")
    tree = tree.edited("interlock.yaml", 'prompt: {version: "1"', 'prompt: {version: "2"')
    (row,) = compare(small_feature, tree).changed
    assert (row.old_version, row.new_version) == ("1", "2")
    assert row.texts[0].lines[-3:] == (" Answer from the articles.", "-Cite them.", "+Quote them.")


def test_a_part_that_a_feature_gives_up_is_removed(small_feature: Any) -> None:
    lines = small_feature.text("interlock.yaml").splitlines()
    without = "\n".join("  retriever: none" if "  retriever:" in line else line for line in lines) + "\n"
    row = compare(small_feature, small_feature.with_file("interlock.yaml", without)).of(Part.RETRIEVER)
    assert row is not None
    assert (row.change, row.new_version) == (Change.REMOVED, None)


def test_constraints_are_told_although_no_part_changed(small_feature: Any) -> None:
    found = compare(small_feature, small_feature.edited("interlock.yaml", ">=2,<4", ">=3,<4"))
    assert found.changed == ()
    assert found.constraints == ("`prompt.requires.schema`: >=2,<4 → >=3,<4",)


# ── schemas ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("old", "new", "breaks"),
    [
        ({"properties": {}}, {"properties": {"a": {}}}, Breaks.NOBODY),
        ({"properties": {}}, {"properties": {"a": {}}, "required": ["a"]}, Breaks.WRITERS),
        ({"properties": {"a": {}}}, {"properties": {}}, Breaks.READERS),
        ({"properties": {"a": {}}}, {"properties": {"a": {}}, "required": ["a"]}, Breaks.WRITERS),
        ({"properties": {"a": {}}, "required": ["a"]}, {"properties": {"a": {}}}, Breaks.READERS),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, Breaks.READERS),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, Breaks.WRITERS),
        ({"enum": ["a"]}, {}, Breaks.READERS),
        ({"type": "string"}, {"type": ["string", "null"]}, Breaks.READERS),
        ({"type": ["string", "null"]}, {"type": "string"}, Breaks.WRITERS),
        ({"type": "integer"}, {"type": "number"}, Breaks.READERS),
        ({"type": "string"}, {"type": "object"}, Breaks.BOTH),
        ({"maxLength": 9}, {"maxLength": 5}, Breaks.WRITERS),
        ({"minimum": 2}, {"minimum": 1}, Breaks.READERS),
        ({"minimum": 2}, {}, Breaks.READERS),
        ({}, {"additionalProperties": False}, Breaks.WRITERS),
        ({"additionalProperties": False}, {}, Breaks.READERS),
        ({"pattern": "a"}, {"pattern": "b"}, Breaks.BOTH),
        ({"items": {"type": "string", "maxLength": 3}}, {"items": {"type": "string", "maxLength": 2}}, Breaks.WRITERS),
    ],
)
def test_a_schema_change_says_for_whom_it_breaks(old: Any, new: Any, breaks: Breaks) -> None:
    (change,) = schema_changes(old, new)
    assert change.breaks is breaks
    assert change.breaking == (breaks is not Breaks.NOBODY)


def test_prose_in_a_schema_is_no_change() -> None:
    assert schema_changes({"description": "a", "type": "string"}, {"title": "b", "type": "string"}) == []


def test_a_field_deep_inside_is_named_by_its_path() -> None:
    def schema(kind: str) -> dict[str, Any]:
        return {"properties": {"claims": {"items": {"properties": {"text": {"type": kind}}}}}}

    (change,) = schema_changes(schema("string"), schema("integer"))
    assert change.text == "`claims[].text` changed its type: string → integer"


def test_a_breaking_change_of_the_output_schema_is_marked(small_feature: Any) -> None:
    tree = small_feature.edited("schema/answer.json", '"security", null', '"security", "legal", null')
    (row,) = compare(small_feature, tree).changed
    assert row.breaking == ("`queue` may also be `legal` (breaks readers)",)


# ── authority ───────────────────────────────────────────────────────────────────────────────────────────────────

GAINS = [
    ("effect: money", "effect: destructive"),
    ("roles: [customer]", "roles: [customer, guest]"),
    ("{order: system}", "{order: third_party}"),
    ("provenance: {order: system}", "provenance: {}"),
    ("{gt: 5000}", "{gt: 9000}"),
    ("count: 1, not: [requester]", "count: 1"),
    ("ttl: 30m", "ttl: 1h"),
    ("cap: 20000", "cap: 30000"),
    ("window: 24h, cap", "window: 1h, cap"),
    ("order: control", "order: content"),
]


def authority(old: Any, new: Any) -> Authority:
    return compare_authority(load(old).actions, load(new).actions)


@pytest.mark.parametrize(("old", "new"), GAINS)
def test_authority_that_is_gained_one_way_is_lost_the_other(small_feature: Any, old: str, new: str) -> None:
    wider = small_feature.edited("guardrails/actions.yaml", old, new)
    there, back = authority(small_feature, wider), authority(wider, small_feature)
    assert len(there.gained) == 1
    assert there.lost == ()
    assert len(back.lost) == 1
    assert back.gained == ()


def test_asking_nobody_any_more_is_a_gain(small_feature: Any) -> None:
    text = small_feature.text("guardrails/actions.yaml")
    line = next(row for row in text.splitlines() if "ask:" in row)
    alone = small_feature.with_file("guardrails/actions.yaml", text.replace(line, "    ask: null"))
    always = small_feature.edited("guardrails/actions.yaml", "{amount_minor: {gt: 5000}}", "always")
    assert authority(small_feature, alone).gained == ("`refund.issue`: asks nobody any more",)
    assert authority(alone, small_feature).lost == ("`refund.issue`: may act without asking",)
    assert authority(always, small_feature).gained == ("`refund.issue`: asks only under conditions",)


def test_one_more_condition_is_less_authority(small_feature: Any) -> None:
    bound = small_feature.edited(
        "guardrails/actions.yaml",
        "tenant: same_as_session,",
        "tenant: same_as_session, when: {amount_minor: {lte: 900}},",
    )
    looser = bound.edited("guardrails/actions.yaml", "lte: 900", "lte: 950")
    assert authority(small_feature, bound).gained == ()
    assert len(authority(small_feature, bound).lost) == 1
    assert authority(bound, looser).gained == ("`refund.issue`: `amount_minor` must be lte 900 → 950",)


def test_what_no_map_lists_is_not_granted(small_feature: Any) -> None:
    actions = load(small_feature).actions
    assert compare_authority(actions, None).lost == ("`refund.issue`: calls `refund` (money)",)
    assert compare_authority(None, actions).gained == ("`refund.issue`: calls `refund` (money)",)
    assert compare_authority(None, None) == Authority()


# ── bars ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("evals/gold.yaml", "floor: 0.8", "floor: 0.7", "suite `gold`: floor of `hours` for case: 0.8 → 0.7"),
        ("evals/gold.yaml", "floor: 0.8, ", "", "suite `gold`: floor of `hours` for case: 0.8 → none"),
        ("evals/gold.yaml", "margin: 0.05", "margin: 0.2", "suite `gold`: margin of `hours` widened: 0.05 → 0.2"),
        ("evals/gold.yaml", ", critical: true", "", "suite `gold`: slice `hours` is no longer critical"),
        ("evals/gold.yaml", "kind: gold", "kind: baseline", "suite `gold`: kind gold → baseline"),
        ("guardrails/answers.yaml", "0.35", "0.2", "evidence threshold: 0.35 → 0.2"),
        ("guardrails/answers.yaml", "must_cite: true", "must_cite: false", "an answer need not cite any more"),
        ("guardrails/answers.yaml", "id: takeover", "id: other", "escalation rule `takeover` removed"),
        ("guardrails/answers.yaml", '["legal advice"]', "[lawyer]", "forbidden words `legal-advice` lost `legal advice`"),
        ("interlock.yaml", "profile: standard", "profile: light", "profile standard → light"),
        ("interlock.yaml", "{stage: ga, approvals: 1}", "{stage: ga, approvals: 0}",
         "environment `production`: approvals 1 → 0"),
        ("interlock.yaml", "{stage: ga,", "{stage: pilot,", "environment `production`: stage ga → pilot"),
        ("interlock.yaml", "schema: fields, ", "", "`evals` no longer promises to cover `schema`"),
        ("interlock.yaml", 'schema: ">=2,<4", ', "", "`prompt` no longer requires `schema`"),
    ],
)  # fmt: skip
def test_a_lowered_bar_is_told_and_a_raised_one_is_not(
    small_feature: Any, path: str, old: str, new: str, said: str
) -> None:
    lower = small_feature.edited(path, old, new)
    assert lowered(small_feature, lower) == [said]
    raised = [text for text in lowered(lower, small_feature) if "rule `other`" not in text and "`lawyer`" not in text]
    assert raised == ([] if "kind" not in said else ["suite `gold`: kind baseline → gold"])


@pytest.mark.parametrize(
    ("name", "before", "after"), [("min_cases", 70, 60), ("broken_max", 0.01, 0.02), ("pin_level", 0, 1)]
)
def test_a_limit_has_a_direction(small_feature: Any, name: str, before: float, after: float) -> None:
    def with_limit(value: float) -> Any:
        return small_feature.edited(
            "interlock.yaml", "profile: standard", f"profile: standard\nlimits: {{{name}: {value}}}"
        )

    assert lowered(with_limit(before), with_limit(after)) == [f"limit `{name}`: {before:g} → {after:g}"]
    assert lowered(with_limit(after), with_limit(before)) == []


def test_cases_that_go_or_ask_for_less_are_lowered_bars(small_feature: Any) -> None:
    path = "evals/cases/gold-1.jsonl"
    rows = [json.loads(line) for line in small_feature.text(path).splitlines()]
    weaker = [dict(row, expect={**row["expect"], "facts": []}) if row["id"] == "answer-0" else row for row in rows[:-1]]
    weaker[1] = dict(weaker[1], expect={**weaker[1]["expect"], "outcome": ["abstain", "answer"]})
    tree = small_feature.with_file(path, "".join(json.dumps(row) + "\n" for row in weaker))
    assert lowered(small_feature, tree) == [
        "suite `gold`: case `answer-0` no longer expects facts `nine`",
        "suite `gold`: case `abstain-0` also accepts the outcome answer",
        "suite `gold`: case `escalate-2` removed",
    ]
    assert lowered(tree, small_feature) == []


def test_a_suite_that_goes_takes_its_cases_with_it(small_feature: Any) -> None:
    loaded = load(small_feature)
    bars = lowered_bars(loaded, replace(loaded, suites=()))
    assert [bar.text for bar in bars] == ["suite `gold` removed, with 9 cases"]
    assert bars[0].part is Part.EVALS
