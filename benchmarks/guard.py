"""The guard's cost in process: one decision after fifty outputs, one output of 4 kB, beside other engines.

CPU time of one thread, garbage collection on, the store not in it: claiming and recording an effect are measured elsewhere.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import thread_time_ns
from typing import Any

from benchmarks.figure import Figure
from benchmarks.work import Work
from interlock.core.replay import record_of
from interlock.sdk.guard import Guard
from interlock.sdk.session import Session
from interlock.services.replay import replay

ACTIONS, OUTPUTS, CALLS = 40, 50, 4000
PEERS = ("cedarpy==4.12.2", "jsonschema==4.26.0", "invariant-ai==0.3.5")


def _action(n: int) -> dict[str, Any]:
    return {
        "action": f"refund{n}.issue",
        "tool": f"issue_refund_{n}",
        "effect": "money",
        "args": {"order_id": "control", "recipient": "control", "amount_minor": "quantity", "note": "content"},
        "allow": {
            "roles": ["support"],
            "when": {"amount_minor": {"lte": 50_000}, "order_id": {"matches": "W[0-9]{1,9}"}},
        },
        "ask": {
            "when": {"amount_minor": {"gt": 5000}},
            "approvers": {"role": "finance", "count": 1, "not": ["requester"]},
            "ttl": "30m",
        },
        "budget": {"meter": "amount_minor", "per": ["tenant", "principal"], "window": "24h", "cap": 200_000},
        "idempotency": {"key": ["order_id", "amount_minor"], "window": "72h", "retry": "verify"},
        "outputs": {"refund_id": "system"},
        "words": ["refund", "money back"],
    }


def _reader() -> dict[str, Any]:
    fields = {
        "order_id": "system",
        "customer": "system",
        "total_minor": "system",
        "placed_on": "system",
        "sender": "attested",
    }
    return {"action": "order.list", "tool": "list_orders", "effect": "read", "outputs": fields, "words": ["order"]}


def schema() -> dict[str, Any]:
    """The input schema of every tool here."""
    return {
        "type": "object",
        "properties": {
            "order_id": {"type": "string", "maxLength": 40},
            "recipient": {"type": "string", "maxLength": 80},
            "amount_minor": {"type": "integer", "minimum": 1},
            "note": {"type": "string", "maxLength": 2000},
        },
        "required": ["order_id", "recipient", "amount_minor"],
    }


def guard() -> Guard:
    """A guard with forty actions."""
    entries = [_action(n) for n in range(ACTIONS - 1)] + [_reader()]
    tools = [{"name": f"issue_refund_{n}", "inputSchema": schema()} for n in range(ACTIONS - 1)]
    tools.append({"name": "list_orders", "inputSchema": {"type": "object", "properties": {}}})
    return Guard.from_parts(actions=entries, tools=tools)


def output(n: int) -> list[dict[str, Any]]:
    """One output of about 4 kB: orders with a note that somebody wrote."""
    return [
        {
            "order_id": f"W{n:03}{row:02}1", "customer": f"customer{n * 20 + row}@example.org", "total_minor": 1999 + row,
            "placed_on": f"2026-03-{row % 28 + 1:02}", "sender": f"Person {n * 20 + row}",
            "note": f"Please leave parcel {row} at the door of number {n}, thank you.",
        }
        for row in range(21)
    ]  # fmt: skip


def session(made: Guard) -> Session:
    """A session that has seen fifty outputs."""
    opened = made.session(tenant="acme", principal="u1", roles=["support"], session_id="s1")
    opened.heard("Please refund order W007031, I paid twice. You can reach me at bo@example.net, order from March 3rd.")
    for n in range(OUTPUTS):
        opened.observed("list_orders", {}, output(n))
    return opened


def calls() -> list[tuple[str, dict[str, Any]]]:
    """Calls as they come: most are well sourced, some ask, some are in doubt or invalid."""
    made = []
    for n in range(CALLS):
        order = f"W{n % OUTPUTS:03}{n % 21:02}1" if n % 10 else f"W{n:06}9"
        made.append((f"issue_refund_{n % (ACTIONS - 1)}", {
            "order_id": order, "recipient": f"customer{(n % OUTPUTS) * 20 + n % 21}@example.org",
            "amount_minor": 1999 if n % 7 else 7000,
            "note": f"Paid twice, see order {order}." + ("" if n % 5 else " Details: https://example.org/orders"),
        }))  # fmt: skip
    return made


def quantile(samples: list[float], q: float) -> float:
    """The sample at a quantile, without interpolation."""
    return sorted(samples)[min(len(samples) - 1, int(q * len(samples)))]


def timed(runs: int, call: Callable[[int], object]) -> list[float]:
    """CPU microseconds of each of some calls."""
    samples = []
    for n in range(runs):
        began = thread_time_ns()
        call(n)
        samples.append((thread_time_ns() - began) / 1000)
    return samples


def measure(work: Work) -> list[Figure]:
    """The figures: p50 and p99 over thousands of calls, in five rounds each."""
    made = guard()
    opened, proposed = session(made), calls()
    decide = [timed(CALLS, lambda n: opened.decide(*proposed[n])) for _ in range(5)]
    observe = []
    for _ in range(5):
        fresh = made.session(tenant="acme", principal="u1", session_id="s2")
        outputs = [output(n) for n in range(200)]
        observe.append(timed(200, lambda n, to=fresh, rows=outputs: to.observed("list_orders", {}, rows[n])))  # type: ignore[misc]
    figures = [
        Figure("guard: decide, p50", "µs CPU", tuple(quantile(round_, 0.5) for round_ in decide), 30),
        Figure("guard: decide, p99", "µs CPU", tuple(quantile(round_, 0.99) for round_ in decide), 300),
        Figure("guard: observe 4 kB, p50", "µs CPU", tuple(quantile(round_, 0.5) for round_ in observe), 200),
    ]
    lines = [json.dumps(record_of(opened.decide(*call), made.policy)) for call in proposed]
    speeds = []
    for _ in range(5):
        began = thread_time_ns()
        replayed = replay(made.policy, lines)
        speeds.append((thread_time_ns() - began) / 1e3 / replayed.judged)
        if replayed.flipped or replayed.judged < CALLS:
            raise RuntimeError("the same policy judged a record otherwise")
    figures.append(Figure("guard: replay of a record", "µs CPU", tuple(speeds), 50))
    return figures + _peers(work)


# ── peers, in an environment of their own ───────────────────────────────────────────────────────────────────────


def _peers(work: Work) -> list[Figure]:
    """The same calls through other engines; one that does not install is left out, and said so."""
    home = work.folder("guard-peers")
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    python = home / "bin" / "python"
    found: list[Figure] = []
    for peer in PEERS:
        done = subprocess.run(
            [str(python), "-m", "pip", "install", "-q", peer], capture_output=True, text=True, check=False, timeout=300
        )
        if done.returncode:
            print(f"{peer} does not install here: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            continue
        script = Path(__file__).parent / "guard_peers.py"
        name = peer.partition("==")[0]
        run = subprocess.run(
            [str(python), str(script), name], input=json.dumps({"calls": calls()[:400], "schema": schema()}),
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        if run.returncode:
            print(f"{peer} failed: {run.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            continue
        for label, samples in json.loads(run.stdout).items():
            found.append(Figure(f"{peer}: {label}", "µs CPU", tuple(samples), peer=True))
    return found
