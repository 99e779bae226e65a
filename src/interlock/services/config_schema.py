"""The file formats as JSON Schemas, for editors and for those who write the files with a program."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel

from interlock.core.actions import ActionMap
from interlock.core.answer import AnswerPolicy
from interlock.core.errors import UsageError
from interlock.core.glossary import Glossary
from interlock.core.judges import CalibrationRecord
from interlock.core.manifest import Manifest
from interlock.core.operations import Operations
from interlock.core.rubric import Rubric
from interlock.core.suite import Case, SuiteFile
from interlock.core.traffic import TrafficProfile

ConfigKind = Literal[
    "interlock", "suite", "case", "glossary", "actions", "answers", "operations", "traffic", "calibration", "rubric"
]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_FORMATS: Mapping[str, tuple[type[BaseModel], str]] = {
    "interlock": (Manifest, "interlock.yaml: a feature and the eight parts of its bundle"),
    "suite": (SuiteFile, "evals/*.yaml: a suite, its slices and what must hold of them"),
    "case": (Case, "one line of evals/cases/*.jsonl: an input and what is expected of the reply"),
    "glossary": (Glossary, "guardrails/glossary.yaml: what the words of the domain mean"),
    "actions": (ActionMap, "guardrails/actions.yaml: which tool calls are permitted, and on what terms"),
    "answers": (AnswerPolicy, "guardrails/answers.yaml: when to answer, to abstain and to hand over"),
    "operations": (Operations, "runbook/operations.yaml: switches, caps, rota, rollout and alerts"),
    "traffic": (TrafficProfile, "evals/traffic.yaml: requests counted by slice"),
    "calibration": (CalibrationRecord, "labels of people beside the verdicts of a judge"),
    "rubric": (Rubric, "evals/judges/*.yaml: what an answer has to meet before a judge that is asked"),
}

KINDS: tuple[str, ...] = get_args(ConfigKind)
"""The formats that have a schema."""


def config_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one file format, made from the model that reads it.

    What needs more than one file, or two keys of one file together, stays for the reader to refuse: a schema accepts
    everything that the reader accepts, and refuses most of what it refuses.

    Args:
        kind: one of `KINDS`.
    Raises: UsageError for any other.

    >>> config_schema("glossary")["$id"]
    'urn:interlock:schema:glossary:1'
    """
    if kind not in _FORMATS:
        raise UsageError(f"there is no format `{kind}`", hint=f"one of {', '.join(KINDS)}")
    model, title = _FORMATS[kind]
    made = model.model_json_schema(by_alias=True, mode="validation")
    for name in ("title", "description"):
        made.pop(name, None)
    head = {"$schema": DIALECT, "$id": f"urn:interlock:schema:{kind}:1", "title": title}
    described = {"description": " ".join((model.__doc__ or title).split())}
    return {**head, **described, **made}
