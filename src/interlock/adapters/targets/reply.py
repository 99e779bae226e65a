"""The reply of an app as it comes over the border: every field known, every value of its type, nothing coerced."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from interlock.core.broken import BrokenRun, FailedRun
from interlock.core.score import Broken, Fault, Reply
from interlock.ports import TargetReply

_Count = Annotated[int, Field(ge=0, le=1_000_000)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, JsonValue]


class CiteModel(_Closed):
    """Where a claim comes from."""

    doc_id: str
    quote: str


class ClaimModel(_Closed):
    """One statement with its sources."""

    text: str
    cites: list[CiteModel] = []


class RetrievedModel(_Open):
    """A document that the app had before it."""

    doc_id: str
    text: str
    score: float | None = None


class ToolCallModel(_Open):
    """A call that the app proposed, made or refused."""

    tool: str
    arguments: dict[str, JsonValue] = {}
    status: Literal["proposed", "executed", "refused"]


class DecisionModel(_Open):
    """What a guardrail said on the way: `Interaction.record()`, or a record of the tool guard."""

    findings: list[dict[str, JsonValue]] = []


class ParseModel(_Closed):
    """How many raw outputs of the model were parsed, and what was wrong with the others."""

    attempted: _Count
    ok: _Count
    errors: list[str] = []


class ReplyModel(_Closed):
    """The whole reply; keys that the contract does not have are refused."""

    outcome: Literal["answer", "clarify", "abstain", "escalate"]
    text: str
    claims: list[ClaimModel] = []
    queue: str | None = None
    retrieved: list[RetrievedModel] = []
    tool_calls: list[ToolCallModel] = []
    parse: ParseModel | None = None
    output: JsonValue = None
    intent: str | None = None
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    decisions: list[DecisionModel] = []


_REPLY = TypeAdapter(ReplyModel)
_PLAIN = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False
).encode  # what holds itself recurses


def read_reply(value: object) -> Reply:
    """A reply value (plain JSON types) as a Reply.

    Raises: FailedRun (`reply in another shape`) that names the first field that does not fit.
    """
    if not isinstance(value, dict):
        raise FailedRun(Fault.SHAPE, f"a reply is an object, not {type(value).__name__}")
    try:
        model = _REPLY.validate_python(value)
        # What is stored must come back as it was: no NaN, no half character, nothing but plain JSON.
        _PLAIN(value).encode()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the reply"
        raise FailedRun(Fault.SHAPE, f"`{where}`: {first['msg']}", hint="see the target contract") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise FailedRun(Fault.SHAPE, f"the reply is no plain JSON: {error}"[:300]) from error
    parse = model.parse
    if parse is not None and parse.ok > parse.attempted:
        raise FailedRun(Fault.SHAPE, f"`parse`: {parse.ok} of {parse.attempted} outputs cannot have been parsed")
    return Reply(
        outcome=model.outcome,
        text=model.text,
        # The values as they came: they were just found to be plain and of the right shape.
        claims=tuple(value.get("claims") or ()),
        queue=model.queue,
        retrieved=tuple(value.get("retrieved") or ()),
        tool_calls=tuple(value.get("tool_calls") or ()),
        output=model.output,
        parse_attempted=parse.attempted if parse else 0,
        parse_ok=parse.ok if parse else 0,
        parse_errors=tuple(parse.errors) if parse else (),
        intent=model.intent,
        confidence=model.confidence,
        decisions=tuple(value.get("decisions") or ()),
    )


def read_usage(value: Mapping[str, Any]) -> tuple[dict[str, Any], int, float]:
    """A reply that came from outside the process, split into the reply, the calls behind it and their cost.

    `calls` and `cost_usd` may stand beside the fields of the reply; without them it was one call of unknown cost, 0.
    Raises: FailedRun when they are no counts, BrokenRun when no call was made.
    """
    reply = dict(value)
    calls, cost = reply.pop("calls", 1), reply.pop("cost_usd", 0.0)
    if not isinstance(calls, int) or isinstance(calls, bool) or calls < 0:
        raise FailedRun(Fault.SHAPE, "`calls` is not a count")
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < 1e9:
        raise FailedRun(Fault.SHAPE, "`cost_usd` is not an amount of money")
    if calls == 0:
        raise BrokenRun(Broken.NO_CALL, "the reply says that nothing was called")
    return reply, calls, float(cost)


def reply_from_json(content: bytes, what: str) -> TargetReply:
    """A reply from bytes that came from outside the process.

    Raises: FailedRun (`reply in another shape`), BrokenRun (`no call made`).
    """
    try:
        value = strict_json(content)
    except ValueError as error:
        raise FailedRun(Fault.SHAPE, f"{what} is not JSON: {error}"[:300]) from error
    if not isinstance(value, dict):
        raise FailedRun(Fault.SHAPE, f"{what} is not an object")
    reply, calls, cost = read_usage(value)
    return TargetReply(read_reply(reply), calls=calls, cost_usd=cost, trace_id="")


def strict_json(text: str | bytes) -> Any:
    """A JSON value whose meaning does not depend on the reader: no key twice, no NaN, no bottomless nesting.

    Raises: ValueError.
    """
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key is written twice")
    return value


def _no_constant(name: str) -> object:
    raise ValueError(f"`{name}` is not JSON")
