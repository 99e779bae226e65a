"""Scores as `gen_ai.evaluation.result` events, so that they stand beside the traces of the same replies.

Each line is one OTLP/JSON export of logs, which a collector's `otlpjsonfile` receiver reads as it is.
Source: OpenTelemetry semantic conventions for generative AI, gen-ai-events (status: development); OTLP file exporter.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from interlock.core.score import Score, Scored
from interlock.core.suite import Case

EVENT = "gen_ai.evaluation.result"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One scorer's word on one trial of a case. `at` is aware UTC; `trace_id` may be empty."""

    suite: str
    case: Case
    repeat: int
    trace_id: str
    score: Score
    at: datetime


def event_lines(scores: Iterable[ScoreRow], *, bundle: str, feature: str, model: str) -> Iterator[str]:
    """One line for each score, with its line end.

    Args:
        bundle: digest of what was evaluated. feature: its name. model: the id that its model part names.
    """
    resource = {
        "attributes": _attributes({"service.name": feature, "interlock.bundle": bundle, "gen_ai.request.model": model})
    }
    for one in scores:
        record = {
            "timeUnixNano": _nanoseconds(one.at),
            "eventName": EVENT,
            "attributes": _attributes(_told(one, bundle, model)),
            **({"traceId": one.trace_id} if _is_trace(one.trace_id) else {}),
        }
        line = {
            "resourceLogs": [
                {"resource": resource, "scopeLogs": [{"scope": {"name": "interlock"}, "logRecords": [record]}]}
            ]
        }
        yield json.dumps(line, ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n"


def _told(one: ScoreRow, bundle: str, model: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "gen_ai.evaluation.name": one.score.scorer,
        "gen_ai.request.model": model,
        "interlock.release": bundle,
        "interlock.suite": one.suite,
        "interlock.case.id": one.case.id,
        "interlock.slices": list(one.case.slices),
        "interlock.trial": one.repeat,
    }
    if one.score.why:
        told["gen_ai.evaluation.explanation"] = one.score.why
    if isinstance(one.score, Scored):
        told["gen_ai.evaluation.score.value"] = one.score.value
        told["gen_ai.evaluation.score.label"] = "pass" if one.score.passed else "fail"
    else:
        told["interlock.status"] = one.score.state.value
        told["error.type"] = one.score.state.value
    return told


def _is_trace(text: str) -> bool:
    return len(text) == 32 and all(char in "0123456789abcdef" for char in text) and text.strip("0") != ""


def _nanoseconds(at: datetime) -> str:
    past = at - _EPOCH
    return str(((past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds) * 1000)


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    return {"stringValue": str(value)}
