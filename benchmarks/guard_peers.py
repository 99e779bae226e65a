"""The peers of `guard.py`, each in an environment of its own: `python guard_peers.py NAME < {calls, schema}`.

They do less than the guard: a policy engine compares roles and amounts, a validator the shape, an analyser earlier outputs.
"""

import json
import sys
from collections.abc import Callable
from time import thread_time_ns
from typing import Any

ROUNDS = 3


def quantiles(call: Callable[[int], object], n: int) -> dict[str, list[float]]:
    """The 50th and 99th percentile of CPU microseconds, of several rounds."""
    found: dict[str, list[float]] = {"p50": [], "p99": []}
    for _ in range(ROUNDS):
        samples = []
        for at in range(n):
            began = thread_time_ns()
            call(at)
            samples.append((thread_time_ns() - began) / 1000)
        samples.sort()
        found["p50"].append(samples[n // 2])
        found["p99"].append(samples[int(n * 0.99)])
    return found


def cedarpy(calls: list[Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Forty permits by role and amount, policies and entities parsed beforehand."""
    import cedarpy as cedar

    policies = cedar.PolicySet.from_str("\n".join(
        f'permit(principal in Role::"support", action == Action::"issue_refund_{n}", resource) '
        "when { context.amount_minor <= 50000 };" for n in range(40)
    ))  # fmt: skip
    entities = cedar.Entities.from_json_str(json.dumps([
        {"uid": {"type": "User", "id": "u1"}, "attrs": {}, "parents": [{"type": "Role", "id": "support"}]},
        {"uid": {"type": "Role", "id": "support"}, "attrs": {}, "parents": []},
    ]))  # fmt: skip
    requests = [
        {"principal": 'User::"u1"', "action": f'Action::"{tool}"', "resource": 'Tool::"t"', "context": arguments}
        for tool, arguments in calls
    ]
    assert cedar.is_authorized(requests[1], policies, entities).allowed
    return quantiles(lambda at: cedar.is_authorized(requests[at], policies, entities), len(requests))


def jsonschema(calls: list[Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The arguments against the tool's schema, the validator built beforehand."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(schema)
    assert validator.is_valid(calls[1][1])
    return quantiles(lambda at: validator.is_valid(calls[at][1]), len(calls))


def invariant_ai(calls: list[Any], schema: dict[str, Any]) -> dict[str, Any]:
    """One flow rule over nine earlier outputs; from ten on it stops with an error of its own."""
    from invariant.analyzer import LocalPolicy

    policy = LocalPolicy.from_string(
        'raise "after untrusted text" if:\n    (out: ToolOutput) -> (call: ToolCall)\n'
        '    out.content == "never"\n    call is tool:issue_refund_0\n'
    )
    history: list[dict[str, Any]] = []
    for n in range(9):
        call = {"id": f"c{n}", "type": "function", "function": {"name": "list_orders", "arguments": {}}}
        history.append({"role": "assistant", "content": None, "tool_calls": [call]})
        history.append({"role": "tool", "tool_call_id": f"c{n}", "content": "order W1 of customer1@example.org " * 100})
    traces = [
        [*history, {"role": "assistant", "content": None, "tool_calls": [
            {"id": "x", "type": "function", "function": {"name": tool, "arguments": arguments}}]}]
        for tool, arguments in calls[:60]
    ]  # fmt: skip
    policy.analyze(traces[0])
    return quantiles(lambda at: policy.analyze(traces[at]), len(traces))


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    peer = {"cedarpy": cedarpy, "jsonschema": jsonschema, "invariant-ai": invariant_ai}[sys.argv[1]]
    print(json.dumps(peer(asked["calls"], asked["schema"])))
