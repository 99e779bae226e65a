"""Plain OpenAI tool calls, of Chat Completions and of Responses: each is judged, what may run runs, what waits is held.

turn = answer_calls(guard, reply.choices[0].message.tool_calls, {"issue_refund": issue_refund})
messages += turn.messages          # outputs and refusals, ready to be sent back
…                                  # somebody decides what `turn.waiting` names
messages += turn.again().messages  # in the same session
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.core.errors import EffectError, NeedsApproval
from interlock.sdk.adapters.refusal import offer, refusal, session_of
from interlock.sdk.guard import Guard
from interlock.sdk.plain import plain
from interlock.sdk.run import is_async

Tools = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Proposed:
    """One tool call as the model wrote it; `responses`: it came from the Responses API."""

    id: str
    name: str
    arguments: str
    responses: bool

    def message(self, output: str) -> dict[str, Any]:
        """The message that answers it."""
        if self.responses:
            return {"type": "function_call_output", "call_id": self.id, "output": output}
        return {"role": "tool", "tool_call_id": self.id, "content": output}


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of the calls of one reply.

    messages: one for each call that is answered, refused ones among them. waiting: by id of the call, the question that a person
    has to answer first; those calls are not answered yet.
    """

    guard: Guard
    tools: Tools
    messages: tuple[dict[str, Any], ...]
    waiting: Mapping[str, NeedsApproval]
    held: tuple[Proposed, ...] = ()
    offered: tuple[Any, ...] | None = None

    def again(self) -> "Turn":
        """The calls that waited, tried again; in a session of the same tenant, person and id."""
        return _answered(self.guard, self.held, self.tools, self.offered)

    def refused(self) -> "Turn":
        """The calls that waited, answered with that: for a loop that cannot pause."""
        told = tuple(call.message(refusal(self.waiting[call.id])) for call in self.held)
        return Turn(self.guard, self.tools, told, {})


def answer_calls(
    guard: Guard, calls: Iterable[Any] | None, tools: Tools, *, offered: Iterable[Any] | None = None
) -> Turn:  # fmt: skip
    """Judge and make the calls of one reply, in the current session.

    Args:
        calls: `message.tool_calls`, or `response.output`, of which everything but function calls is passed over.
        tools: by name. A name that is not among them is denied, whatever the map says.
        offered: the `tools` of the request: a definition that is not the pinned one denies its tool; see `Session.offered`.
    Raises: what a tool raised that changed nothing. TypeError for an async tool: `guard.tool` and your own loop await those.
    """
    shown = None if offered is None else tuple(offered)
    return _answered(guard, tuple(filter(None, map(_proposed, calls or ()))), tools, shown)


def _proposed(call: Any) -> Proposed | None:
    said: dict[str, Any] = call if isinstance(call, dict) else plain(call)
    if said.get("type") == "function_call":
        return Proposed(said["call_id"], said["name"], said["arguments"], True)
    inner = said.get("function")
    return Proposed(said["id"], inner["name"], inner["arguments"], False) if isinstance(inner, dict) else None


def _answered(guard: Guard, calls: tuple[Proposed, ...], tools: Tools, offered: tuple[Any, ...] | None) -> Turn:
    messages, waiting, held = [], {}, []
    offer(guard, offered)
    for call in calls:
        run = tools.get(call.name, _absent)
        if is_async(run):
            raise TypeError(f"the tool `{call.name}` has to be awaited; call it through `guard.tool`")
        try:
            name = call.name if call.name in tools else f"{call.name} (not offered)"
            result = session_of(guard).call(name, call.arguments, run=run)
        except NeedsApproval as error:
            waiting[call.id] = error
            held.append(call)
        except EffectError as error:
            messages.append(call.message(refusal(error)))
        else:
            messages.append(call.message(result if isinstance(result, str) else json.dumps(plain(result))))
    return Turn(guard, tools, tuple(messages), waiting, tuple(held), offered)


def _absent(**_: Any) -> None:
    raise AssertionError("a tool that is not offered was let through")
