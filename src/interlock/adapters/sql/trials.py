"""Trials under the digest of what was upstream of them, so that nothing is paid twice."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import insert, select

from interlock.adapters.sql.engine import Database
from interlock.adapters.sql.ledger import utc_text
from interlock.adapters.sql.schema import trials
from interlock.core.score import Broken, Fault, Reply, Trial
from interlock.ports import Attempt

BATCH = 500
"""Keys asked for in one statement."""
_TRIAL = tuple(each.name for each in fields(Trial))
_REPLY = tuple(each.name for each in fields(Reply))


class SqlTrialStore:
    """Fills `TrialStore` with one append-only table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, keys: Iterable[str]) -> Mapping[str, Attempt]:
        """The newest unbroken attempt under each of these keys; one that the app failed by itself is unbroken."""
        found: dict[str, Attempt] = {}
        rest = iter(dict.fromkeys(keys))
        with self._database.read() as connection:
            while batch := list(islice(rest, BATCH)):
                query = select(trials).where(trials.c.key.in_(batch), trials.c.broken.is_(None)).order_by(trials.c.id)
                for row in connection.execute(query):
                    found[row.key] = Attempt(row.key, row.run, _trial(row.trial), datetime.fromisoformat(row.at))
        return found

    def add(self, attempts: Sequence[Attempt]) -> None:
        """Durable when it returns: all of them or none."""
        rows = [
            {
                "key": attempt.key,
                "run": attempt.run,
                "at": utc_text(attempt.at),
                "broken": attempt.trial.broken.value if attempt.trial.broken else None,
                "trial": _text(attempt.trial),
            }
            for attempt in attempts
        ]
        if rows:
            with self._database.write() as connection:
                connection.execute(insert(trials), rows)


def _text(trial: Trial) -> str:
    return _write(_row(trial, _TRIAL))


def _row(value: Trial | Reply, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _plain(value: object) -> object:
    """What the JSON writer does not know by itself: the reply, and mappings that are no dict."""
    if isinstance(value, Reply):
        return _row(value, _REPLY)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a reply holds a {type(value).__name__}, which is not plain JSON")


_write = json.JSONEncoder(allow_nan=False, sort_keys=True, separators=(",", ":"), default=_plain).encode


def _trial(text: str) -> Trial:
    data = json.loads(text)
    if data["reply"] is not None:
        tuples = ("claims", "retrieved", "tool_calls", "parse_errors", "decisions")
        data["reply"] = Reply(**{**data["reply"], **{key: tuple(data["reply"].get(key, ())) for key in tuples}})
    kinds = {
        "broken": Broken(data["broken"]) if data["broken"] else None,
        "fault": Fault(data["fault"]) if data.get("fault") else None,
    }
    return Trial(**{**data, **kinds})
