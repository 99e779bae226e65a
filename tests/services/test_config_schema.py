"""The published schemas accept what the reader accepts, and refuse what it refuses."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from interlock.core.errors import UsageError
from interlock.core.json_text import parse_jsonl
from interlock.core.yaml_text import parse_yaml
from interlock.services.config_schema import KINDS, config_schema

EXAMPLE = Path(__file__).parents[2] / "examples" / "billing-support"
FILES = {
    "interlock": "interlock.yaml",
    "suite": "evals/*.yaml",
    "glossary": "guardrails/glossary.yaml",
    "actions": "guardrails/actions.yaml",
    "answers": "guardrails/answers.yaml",
    "operations": "runbook/operations.yaml",
}


OWN: dict[str, Any] = {
    "traffic": {"profile": "chat, one quarter", "as_of": "2026-10-31", "counts": {"refunds": 120, "privacy": 9}},
    "calibration": {
        "calibration": 1, "judge": "helpful", "model": "somebody/judge-2026-05-01", "prompt": "sha256:" + "0a" * 32,
        "rubric": "sha256:" + "0b" * 32, "rows": [{"case": "a", "rater": "ines", "human": True, "judge": False}],
    },
    "rubric": {"rubric": 1, "sees": ["question", "sources"], "criteria": [{"id": "polite", "asks": "It is friendly."}]},
}  # fmt: skip
"""Formats that the example has no file of."""


def documents(kind: str) -> Iterator[Any]:
    if kind in OWN:
        yield OWN[kind]
    elif kind == "case":
        for path in sorted(EXAMPLE.glob("evals/cases/*.jsonl")):
            yield from (row.value for row in parse_jsonl(path.read_text(), path.name))
    else:
        for path in sorted(EXAMPLE.glob(FILES[kind])):
            yield parse_yaml(path.read_text(), path.name).value


def validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(config_schema(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_one_and_says_what_it_is(kind: str) -> None:
    schema = config_schema(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:interlock:schema:{kind}:1"
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["title"]
    assert schema["description"]
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_of_the_example_are_accepted(kind: str) -> None:
    values = list(documents(kind))
    assert values
    for value in values:
        assert [error.message for error in validator(kind).iter_errors(value)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_and_a_missing_key_are_refused(kind: str) -> None:
    value = next(documents(kind))
    assert not validator(kind).is_valid({**value, "surprise": 1})
    for key in config_schema(kind)["required"]:
        assert not validator(kind).is_valid({name: inner for name, inner in value.items() if name != key}), key


def _set(*path: str | int, to: Any) -> Callable[[Any], None]:
    def change(value: Any) -> None:
        for step in path[:-1]:
            value = value[step]
        value[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("interlock", _set("interlock", to=2)),
        ("interlock", _set("profile", to="lax")),
        ("interlock", _set("languages", to=[])),
        ("interlock", _set("parts", "prompt", "version", to=1.1)),
        ("interlock", _set("parts", "prompt", to="none")),
        ("interlock", _set("parts", "tools", to="nothing")),
        ("interlock", _set("parts", "schema_", to={})),
        ("interlock", _set("environments", "production", "stage", to="prod")),
        ("interlock", _set("stakes", "fallback", to="free")),
        ("suite", _set("kind", to="golden")),
        ("suite", _set("slices", 0, "share", to=1.5)),
        ("case", _set("expect", "outcome", to="answered")),
        ("case", _set("slices", to=[])),
        ("case", _set("weight", to=0)),
        ("glossary", _set("terms", 0, "meaning", to="x")),
        ("actions", _set("map", 0, "effect", to="delete")),
        ("actions", _set("map", 0, "allow", "tenant", to="any")),
        ("answers", _set("evidence", "threshold", to=2)),
        ("traffic", _set("counts", "refunds", to=-1)),
        ("traffic", _set("counts", "refunds", to=1.5)),
        ("calibration", _set("rows", 0, "human", to="yes")),
        ("calibration", _set("prompt", to="v1")),
        ("calibration", _set("rows", to=[])),
        ("operations", _set("on_parse_failure", to="answer")),
        ("operations", _set("alerts", 0, "no_data", to="ignore")),
    ],
)
def test_wrong_values_are_refused(kind: str, change: Callable[[Any], None]) -> None:
    value = copy.deepcopy(next(documents(kind)))
    assert validator(kind).is_valid(value)
    change(value)
    assert not validator(kind).is_valid(value)


@pytest.mark.parametrize("part", ["retriever", "tools"])
def test_a_feature_may_say_that_it_has_none(part: str) -> None:
    value = copy.deepcopy(next(documents("interlock")))
    value["parts"][part] = "none"
    assert validator("interlock").is_valid(value)


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError) as refused:
        config_schema("runbook")
    assert "operations" in refused.value.hint
