"""`python -m benchmarks.burst [--url URL]`: 64 callers in 8 processes at one key, and at one budget, all at once.

It must hold: of one key exactly one effect; of one budget exactly as many effects as fit, and never more than the cap.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import cluster
from benchmarks.crash_matrix import Bank
from interlock.adapters.clock import SystemClock
from interlock.adapters.sql import open_database
from interlock.adapters.sql.effects import SqlEffectStore
from interlock.core.budget import Balance, BudgetAsk
from interlock.core.effect import EffectRequest
from interlock.core.errors import Denied, InProgress
from interlock.services.effects import perform
from interlock.services.reconcile import verify_records
from interlock.testing import sample_request

PROCESSES, THREADS = 8, 8
CAP, AMOUNT = 205, 10
"""A cap that no whole number of effects reaches: 20 fit, and 5 stay."""


def _request(scene: str, caller: int) -> EffectRequest:
    budget = BudgetAsk("amount_minor", ("tenant",), 10**9, CAP, AMOUNT)
    order = "one" if scene == "key" else f"order-{caller}"
    return sample_request(AMOUNT, order=order, tenant=scene, budgets=(budget,))


def _caller(
    store: SqlEffectStore, scene: str, caller: int, bank: Bank, start: threading.Event, told: Counter[str]
) -> None:
    def tool(order_id: str, amount_minor: int, note: str) -> int:
        bank.pay()
        return caller

    start.wait()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            done = perform(_request(scene, caller), tool, store=store, clock=SystemClock())
            told["replayed" if done.replayed else "done"] += 1
            return
        except InProgress:
            told["met it in progress"] += 1
            time.sleep(0.05)
        except Denied as error:
            if error.codes != ("store.unavailable",):
                told[error.codes[0]] += 1
                return
            told["waited too long and tried again"] += 1
    told["gave up"] += 1


def _process(url: str, scene: str, number: int, bank: Bank, ready: int, go: int, out: Path) -> None:
    told: Counter[str] = Counter()
    store, start = SqlEffectStore(open_database(url)), threading.Event()
    threads = [
        threading.Thread(target=_caller, args=(store, scene, number * THREADS + thread, bank, start, told))
        for thread in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    os.write(ready, b"!")
    os.read(go, 1)
    start.set()
    for thread in threads:
        thread.join()
    out.write_text(json.dumps(told))


def burst(url: str, scene: str) -> dict[str, Any]:
    """All callers at once. scene: `key` or `budget`."""
    with tempfile.TemporaryDirectory(prefix="interlock-burst-") as name:
        folder = Path(name)
        open_database(url).close()
        ready_reads, ready = os.pipe()
        go, go_writes = os.pipe()
        bank, children = Bank(folder / "bank"), []
        for number in range(PROCESSES):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    _process(url, scene, number, bank, ready, go, folder / f"{number}.json")
                    status = 0
                finally:
                    os._exit(status)
            children.append(child)
        for _ in children:
            os.read(ready_reads, 1)
        begun = time.perf_counter()
        os.write(go_writes, b"!" * PROCESSES)
        assert all(os.waitpid(child, 0)[1] == 0 for child in children)
        took_s = time.perf_counter() - begun
        told: Counter[str] = Counter()
        for number in range(PROCESSES):
            told += Counter(json.loads((folder / f"{number}.json").read_text()))
        for descriptor in (ready_reads, ready, go, go_writes):
            os.close(descriptor)
        database = open_database(url)
        store = SqlEffectStore(database)
        (row,) = store.accounts(tenant=scene)
        verify_records(store)
        database.close()
        return {"scene": scene, "callers": PROCESSES * THREADS, "effects": bank.paid(), "balance": row.balance, "told": dict(told), "took_s": took_s}  # fmt: skip


def right(told: dict[str, Any]) -> bool:
    """Whether a burst kept its promise."""
    callers = PROCESSES * THREADS
    effects, refused = (1, 0) if told["scene"] == "key" else (CAP // AMOUNT, callers - CAP // AMOUNT)
    said = Counter(told["told"])
    return (
        told["effects"] == said["done"] == effects
        and told["balance"] == Balance(effects * AMOUNT, 0)
        and said["budget.cap"] == refused
        and said["replayed"] == callers - effects - refused
    )


def main() -> int:
    """Returns: 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.burst", description=__doc__)
    parser.add_argument(
        "--url", action="append", help="an empty facts database; default: SQLite, and PostgreSQL where installed"
    )
    asked = parser.parse_args()
    wrong = 0
    with ExitStack() as stack:
        urls = asked.url
        if not urls:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="interlock-burst-"))
            urls = [f"sqlite:///{folder}/facts.db"]
            if cluster.installed():
                urls.append(stack.enter_context(cluster.postgresql()))
        for url in urls:
            for scene in ("key", "budget"):
                told = burst(url, scene)
                wrong += not right(told)
                print(f"{url.split(':')[0]:<12} {'right' if right(told) else 'WRONG'}  {told}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
