"""Pydantic AI: a toolset behind the guard, with deferred calls as its pauses (`pip install interlock[pydantic-ai]`).

agent = Agent(model, toolsets=[GuardedToolset(FunctionToolset([issue_refund]), guard)], output_type=[str, DeferredToolRequests])
result = await agent.run(text)                   # in `with guard.session(…):`
if isinstance(result.output, DeferredToolRequests):
    questions = {call.tool_call_id: result.output.metadata[call.tool_call_id] for call in result.output.approvals}
    …                                            # somebody decides: `session.confirm` or `interlock approve`
    await agent.run(message_history=result.all_messages(), deferred_tool_results=decided(result.output))
"""

from dataclasses import dataclass
from typing import Any

from pydantic_ai import ApprovalRequired, DeferredToolRequests, DeferredToolResults, RunContext
from pydantic_ai.toolsets import ToolsetTool, WrapperToolset

from interlock.core.errors import EffectError, NeedsApproval
from interlock.sdk.adapters.refusal import definition, offer, refusal, session_of
from interlock.sdk.guard import Guard
from interlock.sdk.plain import plain


@dataclass
class GuardedToolset(WrapperToolset[Any]):
    """The tools of another toolset; each call goes through the guard, in the current session.

    pinned: the definitions that the toolset gives, at every step, have to be those of the bundle; a tool with another one is denied.
    Use it for toolsets of others, such as an MCP server's.
    """

    guard: Guard
    pinned: bool = False

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        """The tools as the model is shown them."""
        tools: dict[str, ToolsetTool[Any]] = await super().get_tools(ctx)
        if self.pinned:
            said = (each.tool_def for each in tools.values())
            offer(self.guard, [definition(each.name, each.description, each.parameters_json_schema) for each in said])
        return tools

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:  # fmt: skip
        """The result, or what the model is told instead. Raises: ApprovalRequired while a person has to decide."""

        async def run(**given: Any) -> Any:
            judged = tool.args_validator.validate_python(given)  # days and models again, from what was judged
            return await self.wrapped.call_tool(name, judged, ctx, tool)

        try:
            return await session_of(self.guard).acall(name, plain(tool_args), run=run)
        except NeedsApproval as error:
            if ctx.tool_call_approved:  # the loop said yes, and nobody who counts here did
                return refusal(error)
            said = {"approval": error.approval, "message": error.message, "expires_at": error.expires_at.isoformat()}
            raise ApprovalRequired(metadata=said) from error
        except EffectError as error:
            return refusal(error)


def decided(requests: DeferredToolRequests) -> DeferredToolResults:
    """Go on with every call that waited: the guard says anew of each whether the people who count agreed."""
    return DeferredToolResults(approvals={call.tool_call_id: True for call in requests.approvals})
