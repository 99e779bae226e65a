"""LangGraph: a node that makes the tool calls of the last message, with interrupts as its pauses (`pip install interlock[langgraph]`).

A resumed node begins again from its first line. What it did before the pause is not done twice: the guard gives the stored
result of the same effect.

    graph.add_node("tools", tool_node(guard, {"issue_refund": issue_refund}))
    state = graph.invoke({"messages": […]}, thread)  # in `with guard.session(…):`
    state["__interrupt__"]                           # what somebody has to decide: `session.confirm` or `interlock approve`
    graph.invoke(Command(resume=True), thread)
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from langchain_core.messages import ToolMessage
from langgraph.types import interrupt

from interlock.core.errors import EffectError, NeedsApproval
from interlock.sdk.adapters.refusal import offer, refusal, session_of
from interlock.sdk.guard import Guard
from interlock.sdk.plain import plain


def tool_node(
    guard: Guard, tools: Mapping[str, Callable[..., Any]], *, offered: Callable[[], Iterable[Any]] | None = None
) -> Callable[[dict[str, Any]], dict[str, Any]]:  # fmt: skip
    """A node for a graph whose state has `messages`: every call of the last message that may run runs, then it pauses once for
    all that wait, and after that the rest is answered as it then stands.

    Args:
        tools: by name, plain functions.
        offered: gives the definitions that are bound to the model now; one that is not the pinned one denies its tool.
    """

    def node(state: dict[str, Any]) -> dict[str, Any]:
        offer(guard, offered() if offered is not None else None)
        answers: dict[str, str] = {}
        held: list[dict[str, Any]] = []
        questions: list[dict[str, Any]] = []
        calls = state["messages"][-1].tool_calls
        for call in calls:
            try:
                answers[call["id"]] = _made(guard, tools, call)
            except NeedsApproval as error:
                held.append(call)
                questions.append({"tool": call["name"], "approval": error.approval, "message": error.message})
        if held:
            interrupt(questions)
            for call in held:
                try:
                    answers[call["id"]] = _made(guard, tools, call)
                except NeedsApproval as error:
                    answers[call["id"]] = refusal(error)
        return {
            "messages": [ToolMessage(answers[call["id"]], tool_call_id=call["id"], name=call["name"]) for call in calls]
        }

    return node


def _made(guard: Guard, tools: Mapping[str, Callable[..., Any]], call: Mapping[str, Any]) -> str:
    name = call["name"]
    try:
        session = session_of(guard)
        result = session.call(
            name if name in tools else f"{name} (not offered)", call["args"], run=tools.get(name, dict)
        )
    except NeedsApproval:
        raise
    except EffectError as error:
        return refusal(error)
    return result if isinstance(result, str) else json.dumps(plain(result))
