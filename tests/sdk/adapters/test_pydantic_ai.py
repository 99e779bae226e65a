"""Pydantic AI behind the guard: its own deferred calls are the pauses. No network: a scripted model."""

from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="needs `pip install interlock[pydantic-ai]`")

from pydantic_ai import Agent, DeferredToolRequests
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.toolsets import FunctionToolset
from tests.guarded_shop import SAID, Shop

from interlock.sdk.adapters.pydantic_ai import GuardedToolset, decided


def agent_of(shop: Shop, *calls: tuple[str, dict[str, Any]]) -> Agent[None, Any]:
    def script(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        said = sum(isinstance(message, ModelResponse) for message in messages)
        if said == 0:
            return ModelResponse([ToolCallPart(name, args, f"c{at}") for at, (name, args) in enumerate(calls)])
        return ModelResponse([TextPart("done")])

    toolset = GuardedToolset(FunctionToolset([*shop.tools.values()]), shop.guard)
    return Agent(FunctionModel(script), toolsets=[toolset], output_type=[str, DeferredToolRequests])


def returns(result: Any) -> dict[str, Any]:
    parts = [part for message in result.all_messages() for part in message.parts if isinstance(part, ToolReturnPart)]
    return {part.tool_call_id: part.content for part in parts}


async def test_a_held_call_waits_the_others_run_and_it_goes_on_after_the_yes() -> None:
    shop = Shop()
    large = {"order_id": "W123", "amount_minor": 6000}
    agent = agent_of(shop, ("get_order", {"order_id": "W123"}), ("issue_refund", large))
    with shop.session():
        result = await agent.run(SAID)
        assert isinstance(result.output, DeferredToolRequests)
        assert (len(shop.done), shop.refunds) == (1, [])
        asked = result.output.metadata["c1"]["approval"]
        early = await agent.run(
            message_history=result.all_messages(), deferred_tool_results=decided(result.output)
        )  # the loop says yes, and nobody who counts did
        assert '"waits_for_approval"' in returns(early)["c1"]
        assert shop.refunds == []
        shop.approve(asked)
        final = await agent.run(message_history=result.all_messages(), deferred_tool_results=decided(result.output))
    assert final.output == "done"
    assert shop.refunds == [("refund", "W123", 6000)]


async def test_what_is_denied_is_said_to_the_model_and_an_unknown_outcome_is_not_repeated() -> None:
    shop = Shop()
    small = {"order_id": "W123", "amount_minor": 10}
    outside = await agent_of(shop, ("issue_refund", small)).run(SAID)
    assert '"no_session"' in returns(outside)["c0"]
    shop.fails = True
    with shop.session():
        for _ in range(2):
            result = await agent_of(shop, ("issue_refund", small)).run(SAID)
            assert '"outcome_unknown"' in returns(result)["c0"]
    assert len(shop.refunds) == 1
