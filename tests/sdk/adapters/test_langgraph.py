"""LangGraph behind the guard: its own interrupts are the pauses. No network: plain nodes."""

import json
from typing import Annotated, Any, TypedDict

import pytest

pytest.importorskip("langgraph", reason="needs `pip install interlock[langgraph]`")

from langchain_core.messages import AIMessage, AnyMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command
from tests.guarded_shop import Shop

from interlock.sdk.adapters.langgraph import tool_node

THREAD: Any = {"configurable": {"thread_id": "t1"}}


class State(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def graph_of(shop: Shop) -> Any:
    graph = StateGraph(State)
    graph.add_node("tools", tool_node(shop.guard, shop.tools))
    graph.add_edge(START, "tools")
    graph.add_edge("tools", END)
    return graph.compile(checkpointer=InMemorySaver())


def proposed(*calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    listed = [{"name": name, "args": args, "id": f"c{at}"} for at, (name, args) in enumerate(calls)]
    return {"messages": [AIMessage("", tool_calls=listed)]}


def outputs(state: dict[str, Any]) -> dict[str, Any]:
    return {m.tool_call_id: json.loads(m.content) for m in state["messages"] if m.type == "tool"}


def test_a_resumed_node_begins_again_and_does_nothing_twice() -> None:
    shop = Shop()
    graph = graph_of(shop)
    small, large = {"order_id": "W123", "amount_minor": 10}, {"order_id": "W123", "amount_minor": 6000}
    with shop.session():
        state = graph.invoke(proposed(("issue_refund", small), ("issue_refund", large)), THREAD)
        question = state["__interrupt__"][0].value[0]
        assert shop.refunds == [("refund", "W123", 10)]
        shop.approve(question["approval"])
        state = graph.invoke(Command(resume=True), THREAD)
    assert shop.refunds == [("refund", "W123", 10), ("refund", "W123", 6000)]
    assert [outputs(state)[id]["refund_id"] for id in ("c0", "c1")] == ["R1", "R2"]


def test_resumed_without_a_yes_the_call_is_refused_and_nothing_happens() -> None:
    shop = Shop()
    graph = graph_of(shop)
    with shop.session():
        graph.invoke(proposed(("issue_refund", {"order_id": "W123", "amount_minor": 6000}), ("rm_rf", {})), THREAD)
        state = graph.invoke(Command(resume=True), THREAD)
    assert {id: said["status"] for id, said in outputs(state).items()} == {"c0": "waits_for_approval", "c1": "denied"}
    assert shop.done == []


def test_outside_a_session_everything_is_denied() -> None:
    shop = Shop()
    state = graph_of(shop).invoke(proposed(("get_order", {"order_id": "W123"})), THREAD)
    assert outputs(state)["c0"]["codes"] == ["no_session"]
    assert shop.done == []
