"""OpenAI Agents SDK: function tools behind the guard, with the SDK's own pauses (`pip install interlock[openai-agents]`).

agent = Agent(name="support", tools=guarded(guard, [get_order, issue_refund]))
result = await Runner.run(agent, text)           # in `with guard.session(…):`
for item, question in waiting(guard, result):    # somebody decides; `session.confirm` or `interlock approve`
    state = result.to_state(); state.approve(item)
result = await Runner.run(agent, state)
"""

import asyncio
import inspect
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from agents import FunctionTool, RunContextWrapper, RunResult, RunResultStreaming, function_tool
from agents.items import ToolApprovalItem
from agents.tool_context import ToolContext

from interlock.core.errors import EffectError, NeedsApproval, UsageError
from interlock.sdk.adapters.refusal import definition, offer, refusal, session_of
from interlock.sdk.guard import Guard


def guarded(guard: Guard, functions: Iterable[Callable[..., Any]], *, pinned: bool = False) -> list[FunctionTool]:
    """Tools whose calls go through the guard.

    Args:
        functions: plain ones, not yet tools. A tool that the SDK made turns errors into text, and so would pass for done.
        pinned: the SDK's own definitions have to be those of the bundle; a tool with another one is denied.
    Raises: UsageError for what is no plain function, also for tools that run elsewhere, out of the guard's reach.
    """
    made = []
    for function in functions:
        if not inspect.isroutine(function):
            raise UsageError(
                f"`{type(function).__name__}` is no plain function, so the guard cannot stand before it",
                hint="hand over the function itself, without `function_tool`",
            )
        # INVARIANT: what fails must raise, so that its outcome is not taken for done.
        made.append(_guarded(guard, function_tool(function, failure_error_function=None), pinned))
    return made


def _guarded(guard: Guard, tool: FunctionTool, pinned: bool) -> FunctionTool:
    def shown() -> None:
        offer(guard, [definition(tool.name, tool.description, tool.params_json_schema)] if pinned else None)

    async def needs_approval(context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str) -> bool:
        shown()
        try:
            return await asyncio.to_thread(session_of(guard).ask, tool.name, arguments) is not None
        except EffectError:
            return False  # there is nothing to ask; the call itself is refused

    async def invoke(context: ToolContext[Any], arguments: str) -> Any:
        async def run(**given: Any) -> Any:
            return await tool.on_invoke_tool(context, json.dumps(given))

        shown()
        try:
            return await session_of(guard).acall(tool.name, arguments, run=run)
        except EffectError as error:  # also of a call that the loop let through and nobody approved here
            return refusal(error)

    return replace(tool, on_invoke_tool=invoke, needs_approval=needs_approval)


def waiting(guard: Guard, result: RunResult | RunResultStreaming) -> list[tuple[ToolApprovalItem, NeedsApproval]]:
    """The interruptions of a run that still wait, each with the question that a person has to answer."""
    found = []
    for item in result.interruptions:
        arguments = getattr(item.raw_item, "arguments", None)
        question = session_of(guard).ask(item.name or "", arguments)
        if question is not None:
            found.append((item, question))
    return found
