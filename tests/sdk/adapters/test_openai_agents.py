"""The OpenAI Agents SDK behind the guard: its own interruptions are the pauses. No network: a scripted model."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

pytest.importorskip("agents", reason="needs `pip install interlock[openai-agents]`")

from agents import Agent, ModelResponse, RunConfig, Runner, Usage, WebSearchTool, function_tool
from agents.items import ToolCallOutputItem
from agents.models.interface import Model
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText
from tests.guarded_shop import SAID, Shop

from interlock.core.errors import UsageError
from interlock.sdk.adapters.openai_agents import guarded, waiting

QUIET = RunConfig(tracing_disabled=True)


class Scripted(Model):
    """Calls these tools first, and then says that it is done."""

    def __init__(self, *calls: tuple[str, dict[str, Any]]) -> None:
        self.turns = [
            [
                ResponseFunctionToolCall(type="function_call", call_id=f"c{at}", name=name, arguments=json.dumps(args))
                for at, (name, args) in enumerate(calls)
            ],
            [
                ResponseOutputMessage(
                    id="m", type="message", role="assistant", status="completed",
                    content=[ResponseOutputText(type="output_text", text="done", annotations=[])],
                )
            ],
        ]  # fmt: skip

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        return ModelResponse(output=list(self.turns.pop(0)), usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


def agent_of(shop: Shop, *calls: tuple[str, dict[str, Any]]) -> Agent[Any]:
    return Agent("support", tools=[*guarded(shop.guard, shop.tools.values())], model=Scripted(*calls))


def outputs(result: Any) -> list[Any]:
    return [item.output for item in result.new_items if isinstance(item, ToolCallOutputItem)]


async def test_a_held_call_interrupts_the_run_and_goes_on_after_the_yes() -> None:
    shop = Shop()
    agent = agent_of(
        shop, ("get_order", {"order_id": "W123"}), ("issue_refund", {"order_id": "W123", "amount_minor": 6000})
    )
    with shop.session():
        result = await Runner.run(agent, SAID, run_config=QUIET)
        [(item, question)] = waiting(shop.guard, result)
        assert (item.name, shop.refunds) == ("issue_refund", [])
        shop.approve(question.approval)
        state = result.to_state()
        state.approve(item)
        result = await Runner.run(agent, state, run_config=QUIET)
    assert result.final_output == "done"
    assert shop.refunds == [("refund", "W123", 6000)]


async def test_a_yes_of_the_loop_alone_makes_nothing_run() -> None:
    shop = Shop()
    agent = agent_of(shop, ("issue_refund", {"order_id": "W123", "amount_minor": 6000}))
    with shop.session():
        result = await Runner.run(agent, SAID, run_config=QUIET)
        state = result.to_state()
        state.approve(result.interruptions[0], always_approve=True)
        result = await Runner.run(agent, state, run_config=QUIET)
    assert '"waits_for_approval"' in str(outputs(result))
    assert shop.refunds == []


async def test_what_is_denied_is_said_to_the_model_and_an_unknown_outcome_is_not_repeated() -> None:
    shop = Shop()
    small = ("issue_refund", {"order_id": "W123", "amount_minor": 10})
    outside = await Runner.run(agent_of(shop, small), SAID, run_config=QUIET)
    assert '"no_session"' in str(outputs(outside))
    shop.fails = True
    with shop.session():
        for _ in range(2):
            result = await Runner.run(agent_of(shop, small), SAID, run_config=QUIET)
            assert '"outcome_unknown"' in str(outputs(result))
    assert len(shop.refunds) == 1


def test_tools_that_the_guard_cannot_stand_before_are_refused() -> None:
    shop = Shop()
    for tool in (WebSearchTool(), function_tool(shop.get_order)):
        with pytest.raises(UsageError, match="no plain function"):
            guarded(shop.guard, [tool])  # type: ignore[list-item]
