"""`python -m benchmarks.crash_matrix [--runs N] [--url URL]`: kill -9 at each moment of an effect, then look.

A child process carries out one effect and is killed: while it claims (before the commit, or right after it), when it dispatches,
after the effect, while it records (before the commit, or after), or by its parent at a random moment. The effect is a line in a
file, like a payment at a bank. After each kill another process calls again, waits for the lease, looks at the file, and settles.

It must hold in every run: at most one effect, no lost hold, and what was interrupted after its claim surfaces as `unknown`.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import cluster
from interlock.adapters.clock import SystemClock
from interlock.adapters.sql import open_database
from interlock.adapters.sql.effects import SqlEffectStore
from interlock.core.budget import Balance
from interlock.core.claim import Claim, DidNotHappen, Happened, State
from interlock.core.effect import EffectRequest
from interlock.core.errors import InProgress, OutcomeUnknown
from interlock.core.terms import Retry
from interlock.ports import EffectTransaction
from interlock.services.effects import LEASE_S, perform
from interlock.services.reconcile import reconcile, unknowns, verify_records
from interlock.testing import sample_request

POINTS = ("claim", "claimed", "dispatch", "effect", "record", "recorded", "anywhere")
AMOUNT = 7


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # never reached


class Dying:
    """A store whose process dies around its nth commit."""

    def __init__(self, store: SqlEffectStore, nth: int, *, before: bool) -> None:
        self._store, self._left, self._before = store, nth, before

    @contextmanager
    def transaction(self, tenant: str) -> Iterator[EffectTransaction]:
        self._left -= 1
        with self._store.transaction(tenant) as turn:
            yield turn
            if self._left == 0 and self._before:
                _die()
        if self._left == 0:
            _die()


class Later:
    """A clock that is ahead."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return SystemClock().now() + self._by


class Bank:
    """The other side: a line for each effect that happened, durable like the real one."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def pay(self) -> None:
        descriptor = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, b"paid\n")
        os.fsync(descriptor)
        os.close(descriptor)

    def paid(self) -> int:
        return self.file.read_text().count("paid") if self.file.exists() else 0

    def look(self, _: Claim) -> Happened | DidNotHappen:
        return Happened({"refund_id": "R"}) if self.paid() else DidNotHappen("no such payment")


def _victim(url: str, request: EffectRequest, bank: Bank, point: str, ready: Callable[[], None]) -> None:
    """What the child does until it dies."""
    store: Any = SqlEffectStore(open_database(url))
    if point in ("claim", "claimed"):
        store = Dying(store, 1, before=point == "claim")
    elif point in ("record", "recorded"):
        store = Dying(store, 2, before=point == "record")

    def tool(order_id: str, amount_minor: int, note: str) -> dict[str, str]:
        if point == "dispatch":
            _die()
        bank.pay()
        if point == "effect":
            _die()
        return {"refund_id": "R"}

    ready()
    perform(request, tool, store=store, clock=SystemClock())


def _kill(url: str, request: EffectRequest, bank: Bank, point: str, longest_s: float) -> None:
    """Let a child carry out the effect and die."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _victim(url, request, bank, point, lambda: os.write(writes, b"!") and None)
        finally:
            os._exit(0)  # only where it was not killed
    os.close(writes)
    os.read(reads, 1)
    os.close(reads)
    if point == "anywhere":
        time.sleep(random.uniform(0, longest_s))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert point == "anywhere" or os.WTERMSIG(status) == signal.SIGKILL, f"the child was not killed at {point}"


def _look(url: str, request: EffectRequest, bank: Bank, point: str, seen: Counter[str]) -> None:
    """Everything that must hold after a kill; what is wrong is counted."""
    database = open_database(url)
    try:
        store, now, later = SqlEffectStore(database), SystemClock(), Later(timedelta(seconds=LEASE_S + 1))

        def again(clock: Any) -> str:
            def tool(order_id: str, amount_minor: int, note: str) -> dict[str, str]:
                bank.pay()
                return {"refund_id": "R"}

            try:
                return "replayed" if perform(request, tool, store=store, clock=clock).replayed else "done"
            except InProgress:
                return "in progress"
            except OutcomeUnknown:
                return "unknown"

        def balance() -> Balance:
            return next((row.balance for row in store.accounts(tenant=request.tenant)), Balance())

        paid = bank.paid()
        found = {claim.state for claim in store.claims(list(State), tenant=request.tenant)}
        seen["runs"] += 1
        seen["effect happened before the kill"] += paid
        if found == {State.IN_FLIGHT}:
            seen["interrupted after the claim"] += 1
            told = [again(now), again(later), again(later)]
            surfaced = [claim.tenant for claim in unknowns(store, later, tenant=request.tenant)]
            seen["surfaced as unknown"] += told == ["in progress", "unknown", "unknown"] and surfaced == [
                request.tenant
            ]
            seen["LOST HOLD"] += balance() != Balance(0, AMOUNT)
            seen["REPEATED"] += bank.paid() != paid
            told_after = reconcile(store, later, {request.action: bank.look})
            seen["NOT RECONCILED"] += not any(claim.tenant == request.tenant for claim in told_after.settled)
        expected = "replayed" if paid or found == {State.COMPLETED} else "done"
        seen["WRONG ANSWER"] += again(later) != expected
        seen["TWO EFFECTS"] += bank.paid() > 1
        seen["NO EFFECT"] += bank.paid() < 1
        seen["WRONG BALANCE"] += balance() != Balance(AMOUNT, 0)
        if point in ("dispatch", "effect", "record", "claimed"):
            seen["NOT INTERRUPTED"] += found != {State.IN_FLIGHT}
        if point == "claim":
            seen["HALF A CLAIM"] += bool(found)
        store.verify(request.tenant)
    finally:
        database.close()


def matrix(url: str, runs: int) -> dict[str, Counter[str]]:
    """Every moment, so many times."""
    table: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory(prefix="interlock-crash-") as folder:
        database = open_database(url)
        begun = time.perf_counter()
        for number in range(3):
            request = sample_request(AMOUNT, tenant=f"warm-{number}")
            perform(request, lambda **_: 1, store=SqlEffectStore(database), clock=SystemClock())
        longest_s = 1.5 * (time.perf_counter() - begun) / 3
        database.close()
        for point in POINTS:
            seen = table.setdefault(point, Counter())
            for number in range(runs):
                request = sample_request(AMOUNT, tenant=f"{point}-{number}", retry=Retry.VERIFY)
                bank = Bank(Path(folder) / f"{point}-{number}")
                _kill(url, request, bank, point, longest_s)
                _look(url, request, bank, point, seen)
        database = open_database(url)
        verify_records(SqlEffectStore(database))
        database.close()
    return table


def show(name: str, table: dict[str, Counter[str]]) -> int:
    """Print a table. Returns: how many things were wrong."""
    print(f"\n{name}")
    columns = ("runs", "effect happened before the kill", "interrupted after the claim", "surfaced as unknown")
    faults = 0
    print(f"{'killed at':<10}  " + "  ".join(columns) + "  wrong")
    for point, seen in table.items():
        wrong = {fault: count for fault, count in seen.items() if fault.isupper() and count}
        if seen["surfaced as unknown"] != seen["interrupted after the claim"]:
            wrong["NOT SURFACED"] = seen["interrupted after the claim"] - seen["surfaced as unknown"]
        faults += sum(wrong.values())
        cells = "  ".join(f"{seen[column]:>{len(column)}}" for column in columns)
        print(f"{point:<10}  {cells}  {wrong or 'nothing'}")
    return faults


def main() -> int:
    """Returns: 1 when anything was wrong in any run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash_matrix", description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="kills at each moment (100)")
    parser.add_argument(
        "--url", action="append", help="a facts database to use; default: SQLite, and PostgreSQL where installed"
    )
    asked = parser.parse_args()
    faults = 0
    with ExitStack() as stack:
        urls = asked.url
        if not urls:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="interlock-crash-"))
            urls = [f"sqlite:///{folder}/facts.db"]
            if cluster.installed():
                urls.append(stack.enter_context(cluster.postgresql()))
        for url in urls:
            begun = time.monotonic()
            faults += show(url.split(":")[0], matrix(url, asked.runs))
            print(f"in {time.monotonic() - begun:.0f} s")
    print(f"\n{faults} wrong")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
