"""Plain OpenAI tool calls through the guard, with the client's own objects."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessageFunctionToolCall
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText
from tests.guarded_shop import Shop

from interlock.sdk.adapters.openai_calls import answer_calls


def call(id: str, name: str, **arguments: Any) -> ChatCompletionMessageFunctionToolCall:
    said = {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    return ChatCompletionMessageFunctionToolCall.model_validate(said)


def test_of_a_mixed_batch_only_the_held_call_waits() -> None:
    shop = Shop()
    calls = [
        call("c1", "get_order", order_id="W123"),
        call("c2", "issue_refund", order_id="W123", amount_minor=6000),
        call("c3", "issue_refund", order_id="W123", amount_minor=1000),
        call("c4", "rm_rf"),
    ]
    with shop.session():
        turn = answer_calls(shop.guard, calls, shop.tools)
        assert [message["tool_call_id"] for message in turn.messages] == ["c1", "c3", "c4"]
        assert json.loads(turn.messages[2]["content"])["status"] == "denied"
        assert shop.refunds == [("refund", "W123", 1000)]
        held = turn.again()
        assert (held.messages, set(held.waiting)) == ((), {"c2"})
        assert json.loads(turn.refused().messages[0]["content"])["status"] == "waits_for_approval"
        shop.approve(turn.waiting["c2"].approval)
        done = turn.again()
    assert (done.messages[0]["tool_call_id"], done.waiting) == ("c2", {})
    assert shop.refunds[1:] == [("refund", "W123", 6000)]


def test_calls_of_the_responses_api_are_answered_in_its_form() -> None:
    shop = Shop()
    text = ResponseOutputText(type="output_text", text="one moment", annotations=[])
    output = [
        ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[text]),
        ResponseFunctionToolCall(
            type="function_call", call_id="c1", name="get_order", arguments='{"order_id": "W123"}'
        ),
    ]
    with shop.session():
        turn = answer_calls(shop.guard, output, shop.tools)
    assert turn.messages[0]["type"] == "function_call_output"
    assert json.loads(turn.messages[0]["output"])["order_id"] == "W123"


def test_outside_a_session_and_with_arguments_that_cannot_be_read_nothing_is_called() -> None:
    shop = Shop()
    bad = ResponseFunctionToolCall(
        type="function_call", call_id="c1", name="issue_refund", arguments='{"amount_minor": 1, "amount_minor": 9}'
    )
    found = [answer_calls(shop.guard, [bad], shop.tools).messages[0]["output"]]
    with shop.session():
        found.append(answer_calls(shop.guard, [bad], shop.tools).messages[0]["output"])
        found.append(answer_calls(shop.guard, [bad], {}).messages[0]["output"])
    codes = [json.loads(each)["codes"] for each in found]
    assert codes == [["no_session"], ["arguments_malformed"], ["unmapped_tool"]]
    assert shop.done == []


def test_an_unknown_outcome_is_said_to_the_model_and_not_repeated() -> None:
    shop = Shop()
    shop.fails = True
    with shop.session():
        for _ in range(2):
            turn = answer_calls(shop.guard, [call("c", "issue_refund", order_id="W123", amount_minor=10)], shop.tools)
            assert json.loads(turn.messages[0]["content"])["status"] == "outcome_unknown"
    assert len(shop.refunds) == 1


def test_an_async_tool_is_refused_loudly() -> None:
    async def get_order(order_id: str) -> None: ...

    shop = Shop()
    with shop.session(), pytest.raises(TypeError, match="awaited"):
        answer_calls(shop.guard, [call("c", "get_order", order_id="W123")], {"get_order": get_order})
