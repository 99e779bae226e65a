"""What the guard's bookkeeping adds to a call that has an effect: one commit before it and one after it.

The peer is a commit of one row of the same size by the same driver: what the disk asks of anybody.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, text

from benchmarks import cluster
from benchmarks.figure import Figure
from benchmarks.work import Work
from interlock.adapters.clock import SystemClock
from interlock.adapters.sql import Database, open_database
from interlock.adapters.sql.effects import SqlEffectStore
from interlock.core.effect import EffectRequest
from interlock.services.effect_claim import Go
from interlock.services.effects import Life
from interlock.testing import sample_request

ROUNDS, CALLS, WARM = 5, 100, 20
ROW = "x" * 3500
"""About what a claim, its entry, its record and the ends of both come to."""


def measure(_: Work) -> list[Figure]:
    """p50 and p99 of the claim, of its outcome and of a bare commit, in milliseconds of wall time."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as folder:
        figures += _measured("SQLite", f"sqlite:///{Path(folder)}/facts.db")
    if cluster.installed():
        with cluster.postgresql() as url:
            figures += _measured("PostgreSQL", url)
    return figures


def _measured(name: str, url: str) -> list[Figure]:
    database = open_database(url)
    try:
        store = SqlEffectStore(database)
        begun, done = [], []
        with _counted(database) as commits:
            for number in range(ROUNDS):
                claims, outcomes = _effects(store, f"t{number}")
                begun.append(claims)
                done.append(outcomes)
        each = len(commits) / (ROUNDS * (CALLS + WARM))
        bare = [_commits(database) for _ in range(ROUNDS)]
    finally:
        database.close()
    figures = [Figure(f"effect: commits of a claim and its outcome, {name}", "", (each,), limit=2.0)]
    for what, rounds, peer in (("claim + reserve + record", begun, False), ("outcome + record", done, False), ("a bare commit", bare, True)):  # fmt: skip
        for share in (50, 99):
            samples = tuple(1000 * _quantile(times, share / 100) for times in rounds)
            figures.append(Figure(f"effect: {what}, p{share}, {name}", "ms", samples, peer=peer))
    return figures


def _effects(store: SqlEffectStore, tenant: str) -> tuple[list[float], list[float]]:
    claims, outcomes = [], []
    for number in range(CALLS + WARM):
        request: EffectRequest = sample_request(1, order=str(number), tenant=tenant)
        life = Life(request, lambda **_: {"refund_id": "R"}, store, SystemClock())
        steps: list[Any] = []
        took_s = _timed(lambda life=life, steps=steps: steps.append(life.begin()))  # type: ignore[misc]
        step = steps[0]
        assert isinstance(step, Go)
        settled_s = _timed(lambda life=life, step=step: life.done(step, {"refund_id": "R"}))  # type: ignore[misc]
        if number >= WARM:
            claims.append(took_s)
            outcomes.append(settled_s)
    return claims, outcomes


def _commits(database: Database) -> list[float]:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS bare (line TEXT)"))

    def commit() -> None:
        with database.write() as connection:
            connection.execute(text("INSERT INTO bare VALUES (:line)"), {"line": ROW})

    times = [_timed(commit) for _ in range(CALLS + WARM)]
    return times[WARM:]


def _timed(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _quantile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


@contextmanager
def _counted(database: Database) -> Iterator[list[int]]:
    commits: list[int] = []

    def count(_: Any) -> None:
        commits.append(1)

    event.listen(database.engine, "commit", count)
    yield commits
    event.remove(database.engine, "commit", count)
