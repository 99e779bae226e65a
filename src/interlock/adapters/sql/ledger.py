"""Append-only facts in a hash chain."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from interlock.adapters.sql.engine import Database, lock_ledger
from interlock.adapters.sql.schema import facts, ledger_head
from interlock.core.digest import canonical
from interlock.core.errors import InterlockError, LedgerError
from interlock.ports import Fact

GENESIS = "0" * 64
"""What the first fact names as the one before it."""

PAGE = 500


def utc_text(at: datetime) -> str:
    """A time as it is stored and hashed: ISO 8601 in UTC. Raises: ValueError for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError("a time must be aware UTC")
    return at.astimezone(UTC).isoformat()


def fact_hash(previous: str, seq: int, at: str, kind: str, actor: str, body: Mapping[str, Any]) -> str:
    """sha256 over the canonical JSON of everything that a fact says, its place in the chain included."""
    said = {"previous": previous, "seq": seq, "at": at, "kind": kind, "actor": actor, "body": dict(body)}
    return hashlib.sha256(canonical(said)).hexdigest()


def append_fact(connection: Connection, kind: str, body: Mapping[str, Any], *, actor: str, at: datetime) -> Fact:
    """Append within a transaction that may hold more, like the row that the fact is about.

    Raises: LedgerError when the end of the chain is not where it was left.
    """
    lock_ledger(connection)
    head = connection.execute(select(ledger_head.c.seq, ledger_head.c.hash)).one_or_none()
    last = connection.execute(select(facts.c.seq, facts.c.hash).order_by(facts.c.seq.desc()).limit(1)).one_or_none()
    if head is None or tuple(head) != (tuple(last) if last is not None else (0, GENESIS)):
        raise LedgerError(
            "the end of the ledger was altered", hint="restore the database from a backup; nothing was written"
        )
    seq, stored_at = int(head.seq) + 1, utc_text(at)
    name = fact_hash(head.hash, seq, stored_at, kind, actor, body)
    text = canonical(dict(body)).decode()
    row = {"seq": seq, "at": stored_at, "kind": kind, "actor": actor, "body": text, "previous": head.hash, "hash": name}
    connection.execute(insert(facts).values(row))
    connection.execute(update(ledger_head).values(seq=seq, hash=name))
    return Fact(seq, at.astimezone(UTC), kind, actor, json.loads(text), head.hash, name)


class SqlLedger:
    """Fills `Ledger` with one table; writers of all processes take turns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, kind: str, body: Mapping[str, Any], *, actor: str, at: datetime) -> Fact:
        """Durable when it returns. Raises: LedgerError; NotCanonical when the body is not plain JSON."""
        with self._database.write() as connection:
            return append_fact(connection, kind, body, actor=actor, at=at)

    def facts(self, kind: str | None = None, *, after: int = 0) -> Iterator[Fact]:
        """In order, oldest first; a page at a time, so that a slow reader holds nobody up."""
        while True:
            query = select(facts).where(facts.c.seq > after).order_by(facts.c.seq).limit(PAGE)
            with self._database.read() as connection:
                rows = connection.execute(query if kind is None else query.where(facts.c.kind == kind)).all()
            for row in rows:
                yield _fact(row)
            if len(rows) < PAGE:
                return
            after = rows[-1].seq

    def verify(self) -> int:
        """The number of facts in a whole chain. Raises: LedgerError that names the first fact that does not fit."""
        previous, count = GENESIS, 0
        with self._database.read() as connection:
            head = connection.execute(select(ledger_head.c.seq, ledger_head.c.hash)).one_or_none()
            result = connection.execution_options(yield_per=PAGE).execute(select(facts).order_by(facts.c.seq))
            for row in result:
                count += 1
                if row.seq != count:
                    raise _broken(count, "is missing")
                if row.previous != previous:
                    raise _broken(count, "does not follow the one before it")
                if not _says_what_it_said(row):
                    raise _broken(count, "was altered")
                previous = row.hash
        if head is None or tuple(head) != (count, previous):
            raise _broken(count + 1, "is missing" if head is not None and head.seq > count else "was added or altered")
        return count


def _says_what_it_said(row: Row[Any]) -> bool:
    try:
        body = json.loads(row.body)
        # The text too: another spelling of the same value was not written by us.
        return bool(
            canonical(body).decode() == row.body
            and fact_hash(row.previous, row.seq, row.at, row.kind, row.actor, body) == row.hash
        )
    except (ValueError, TypeError, RecursionError, InterlockError):
        return False


def _fact(row: Row[Any]) -> Fact:
    try:
        at, body = datetime.fromisoformat(row.at), json.loads(row.body)
    except (ValueError, TypeError) as cause:
        raise _broken(row.seq, "cannot be read") from cause
    return Fact(row.seq, at, row.kind, row.actor, body, row.previous, row.hash)


def _broken(seq: int, fault: str) -> LedgerError:
    hint = "restore the database from a backup; what came before this fact is whole"
    return LedgerError(f"fact {seq} of the ledger {fault}", hint=hint)
