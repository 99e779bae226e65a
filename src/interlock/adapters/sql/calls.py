"""Recorded calls by content, and what each run may have spent."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from interlock.adapters.sql.engine import Database, insert_into
from interlock.adapters.sql.ledger import utc_text
from interlock.adapters.sql.schema import calls, spending
from interlock.ports import Call


class SqlCallStore:
    """Fills `CallStore`.

    A reservation that nobody settled, because its process died, stays reserved: the money may have been spent.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> Call | None:
        """The newest recorded response."""
        with self._database.read() as connection:
            row = connection.execute(select(calls).where(calls.c.key == key)).one_or_none()
        if row is None:
            return None
        request, response = json.loads(row.request), json.loads(row.response)
        return Call(row.key, request, response, row.cost_usd, row.latency_s, datetime.fromisoformat(row.at))

    def reserve(self, key: str, run: str, usd: float, *, at: datetime) -> None:
        """Note durably, before the call, what it may cost at most: 0 US dollars or more."""
        with self._database.write() as connection:
            _spend(connection, key, run, usd, settled=0, at=at)

    def put(self, call: Call, run: str) -> None:
        """Settle the newest reservation of this call in this run, if there is one, and keep the response."""
        row = {
            "key": call.key,
            "request": _text(call.request),
            "response": _text(call.response),
            "cost_usd": call.cost_usd,
            "latency_s": call.latency_s,
            "at": utc_text(call.at),
        }
        with self._database.write() as connection:
            number = _reservation(connection, call.key, run)
            if number is None:
                _spend(connection, call.key, run, call.cost_usd, settled=1, at=call.at)
            else:
                _money(call.cost_usd)
                settled = update(spending).where(spending.c.id == number).values(usd=call.cost_usd, settled=1)
                connection.execute(settled)
            statement = insert_into(connection, calls).values(row)
            connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=row))

    def release(self, key: str, run: str) -> None:
        """Drop the newest reservation, whose call was surely not made."""
        with self._database.write() as connection:
            number = _reservation(connection, key, run)
            connection.execute(delete(spending).where(spending.c.id == number))

    def spent(self, run: str) -> float:
        """US dollars settled, plus those still reserved, in this run."""
        with self._database.read() as connection:
            total = connection.execute(select(func.sum(spending.c.usd)).where(spending.c.run == run)).scalar_one()
        return float(total or 0.0)


def _spend(connection: Connection, key: str, run: str, usd: float, *, settled: int, at: datetime) -> None:
    row = {"run": run, "key": key, "usd": _money(usd), "settled": settled, "at": utc_text(at)}
    connection.execute(insert(spending).values(row))


def _money(usd: float) -> float:
    if not 0 <= usd < float("inf"):  # also refuses NaN
        raise ValueError(f"not an amount of money: {usd}")
    return usd


def _reservation(connection: Connection, key: str, run: str) -> int | None:
    """The newest open reservation; on PostgreSQL locked, so that two settle two."""
    open_ = (spending.c.run == run) & (spending.c.key == key) & (spending.c.settled == 0)
    query = select(spending.c.id).where(open_).order_by(spending.c.id.desc()).limit(1)
    found: int | None = connection.execute(query.with_for_update(skip_locked=True)).scalar_one_or_none()
    return found


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), allow_nan=False, sort_keys=True, separators=(",", ":"))
