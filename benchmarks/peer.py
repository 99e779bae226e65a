"""The peer of `cases.py`, a process of its own: ask the same app, write the same rows, and do nothing else."""

import asyncio
import importlib
import json
import sqlite3
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BATCH = 64


async def run(folder: Path, database: Path) -> int:
    """Eight workers on one queue, rows stored 64 at a time. Returns: the number of rows."""
    sys.path.insert(0, str(folder))
    answer = importlib.import_module("desk.app").answer
    store = sqlite3.connect(database, isolation_level=None)
    store.execute("PRAGMA journal_mode=WAL")
    store.execute("PRAGMA synchronous=FULL")
    store.execute("CREATE TABLE trials (id INTEGER PRIMARY KEY, key TEXT, run TEXT, at TEXT, broken TEXT, trial TEXT)")
    cases = [
        json.loads(line)
        for path in sorted(folder.glob("evals/cases/*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    queue, waiting = iter(cases), list[tuple[Any, ...]]()

    def flush() -> None:
        store.execute("BEGIN IMMEDIATE")
        store.executemany("INSERT INTO trials (key, run, at, broken, trial) VALUES (?, ?, ?, ?, ?)", waiting)
        store.execute("COMMIT")
        waiting.clear()

    async def worker() -> None:
        for case in queue:
            started = time.perf_counter()
            reply = await answer({"input": case["input"], "lang": case["lang"], "context": {}}, root=folder, chat=None)
            trial = {"case_id": case["id"], "reply": reply, "latency_s": time.perf_counter() - started, "calls": 1}
            waiting.append((case["id"], "bare", datetime.now(UTC).isoformat(), None, json.dumps(trial)))
            if len(waiting) >= BATCH:
                flush()
            await asyncio.sleep(0)

    await asyncio.gather(*(worker() for _ in range(8)))
    flush()
    (count,) = store.execute("SELECT count(*) FROM trials").fetchone()
    store.close()
    return int(count)


if __name__ == "__main__":
    written = asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2])))
    sys.exit(0 if written == int(sys.argv[3]) else f"{written} rows written, not {sys.argv[3]}")
