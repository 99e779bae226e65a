"""The life of effects in the facts database: all that one decision changes is one transaction with one fsync.

On SQLite a writer has the database to itself. On PostgreSQL it holds the row of its tenant's chain, and of each account that it
draws on, always in this order, so that two transactions never wait for each other in a ring.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, Table, bindparam, delete, func, insert, select, tuple_, update

from interlock.adapters.sql.engine import Database, insert_into
from interlock.adapters.sql.ledger import append_fact, utc_text
from interlock.adapters.sql.schema import (
    approvals,
    budget_entries,
    budget_members,
    budgets,
    claims,
    decision_records,
    grants,
    record_heads,
    switches,
)
from interlock.core.approval import WAITING, Approval, ApprovalState, approval_from_json, approval_to_json
from interlock.core.budget import Account, Balance, Entry, Holding, account_from_json, account_to_json
from interlock.core.claim import Claim, State, claim_from_json, claim_to_json
from interlock.core.digest import Digest
from interlock.core.errors import ConflictError, InterlockError, LedgerError
from interlock.core.grant import Grant, grant_from_json, grant_to_json
from interlock.core.record import Head, Record, chain_fault, next_record
from interlock.ports import AccountRow, EffectTransaction, Switch

PAGE = 500
_T = TypeVar("_T")
_OF_INTEREST = [state.value for state in (*WAITING, ApprovalState.REJECTED)]


# Statements that every effect needs are put together once: SQLAlchemy takes longer for that than SQLite for running them.
_TURN = select(record_heads).where(record_heads.c.tenant == bindparam("t")).with_for_update()
_SWITCHED = select(switches).where(tuple_(switches.c.scope, switches.c.name).in_(bindparam("at")), switches.c.off == 1)
_NEWEST = (
    select(claims.c.document)
    .where(claims.c.tenant == bindparam("t"), claims.c.key == bindparam("k"))
    .order_by(claims.c.number.desc())
    .limit(1)
)
_BALANCES = (
    select(budgets.c.id, budgets.c.used, budgets.c.held)
    .where(budgets.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(budgets.c.id)
    .with_for_update()
)
_POST = (
    update(budgets)
    .where(budgets.c.id == bindparam("i"))
    .values(used=budgets.c.used + bindparam("u"), held=budgets.c.held + bindparam("h"))
)
_POST_WITHIN = _POST.where(budgets.c.used + budgets.c.held + bindparam("more") <= bindparam("cap"))
_ENTER = insert(budget_entries)
_ENTRIES = select(budget_entries).where(budget_entries.c.claim == bindparam("c")).order_by(budget_entries.c.id)
_APPEND = insert(decision_records)
_ADVANCE = (
    update(record_heads).where(record_heads.c.tenant == bindparam("t")).values(seq=bindparam("s"), hash=bindparam("h"))
)


class SqlEffectTransaction:
    """Fills `EffectTransaction` on an open transaction that has the turn of its tenant."""

    def __init__(self, connection: Connection, head: Head) -> None:
        self._connection = connection
        self._head = head
        self._read: list[tuple[object, str]] = []  # what was read or written here, as its row has it

    def switched_off(self, scopes: Collection[tuple[str, str]]) -> Sequence[Switch]:
        """Those of these switches that are off."""
        rows = self._connection.execute(_SWITCHED, {"at": list(scopes)})
        return tuple(_switch(row) for row in rows)

    def claim(self, key: Digest) -> Claim | None:
        """The newest claim under a key."""
        return self._one(_NEWEST, claim_from_json, {"t": self._head.tenant, "k": key})

    def claim_of(self, id: str) -> Claim | None:
        """A claim of this tenant by its id."""
        return self._one(self._by_id(claims, id), claim_from_json)

    def put_claim(self, claim: Claim, *, replaces: Claim | None) -> None:
        """Write, or replace what was read."""
        row = {
            "tenant": self._mine(claim.tenant), "key": claim.key, "number": claim.number, "state": claim.state.value,
        }  # fmt: skip
        self._put(claims, claim.id, row, claim, replaces, claim_to_json)

    def approvals(self, subject: Digest) -> Sequence[Approval]:
        """Those that wait or were rejected, oldest first."""
        here = (approvals.c.tenant == self._head.tenant) & (approvals.c.subject == subject)
        query = select(approvals.c.document).where(here, approvals.c.state.in_(_OF_INTEREST))
        rows = self._connection.execute(query.order_by(approvals.c.created_at, approvals.c.id)).scalars()
        return tuple(self._remember(_read(text, approval_from_json), text) for text in rows)

    def approval(self, id: str) -> Approval | None:
        """An approval of this tenant by its id."""
        return self._one(self._by_id(approvals, id), approval_from_json)

    def put_approval(self, approval: Approval, *, replaces: Approval | None) -> None:
        """Write, or replace what was read."""
        terms = approval.request.idempotency
        row = {
            "tenant": self._mine(approval.request.tenant), "subject": terms.key if terms else approval.binding,
            "state": approval.state.value, "created_at": utc_text(approval.created_at),
        }  # fmt: skip
        self._put(approvals, approval.id, row, approval, replaces, approval_to_json)

    def grants(self, action: str) -> Sequence[Grant]:
        """Every grant for an action, oldest first."""
        here = (grants.c.tenant == self._head.tenant) & (grants.c.action == action)
        query = select(grants.c.document).where(here).order_by(grants.c.created_at, grants.c.id)
        rows = self._connection.execute(query).scalars()
        return tuple(self._remember(_read(text, grant_from_json), text) for text in rows)

    def grant(self, id: str) -> Grant | None:
        """A grant of this tenant by its id."""
        return self._one(self._by_id(grants, id), grant_from_json)

    def put_grant(self, grant: Grant, *, replaces: Grant | None) -> None:
        """Write, or replace what was read."""
        tenant, at = self._mine(grant.tenant), utc_text(grant.created_at)
        row = {"tenant": tenant, "action": grant.action, "created_at": at}
        self._put(grants, grant.id, row, grant, replaces, grant_to_json)

    def balances(self, accounts: Sequence[Account]) -> Sequence[Balance]:
        """What these accounts hold, locked until the end; new ones are opened."""
        if not accounts:
            return ()
        wanted = {account.id: account for account in accounts}
        ids = {"ids": list(wanted)}
        found = {row.id: Balance(row.used, row.held) for row in self._connection.execute(_BALANCES, ids)}
        if missing := sorted(wanted.keys() - found.keys()):
            rows = [
                {
                    "id": id, "tenant": wanted[id].tenant, "used": 0, "held": 0,
                    "document": _document(account_to_json(wanted[id])),
                }
                for id in missing
            ]  # fmt: skip
            opened = insert_into(self._connection, budgets).values(rows).on_conflict_do_nothing()
            self._connection.execute(opened)
            found = {row.id: Balance(row.used, row.held) for row in self._connection.execute(_BALANCES, ids)}
        return tuple(found[account.id] for account in accounts)

    def post(self, entry: Entry, *, cap: int | None = None) -> bool:
        """Move an account, unless it would pass the cap."""
        moved = {"i": entry.account, "u": entry.used, "h": entry.held}
        statement = _POST
        if cap is not None:
            statement, moved = _POST_WITHIN, {**moved, "more": entry.used + entry.held, "cap": cap}
        if self._connection.execute(statement, moved).rowcount != 1:
            return False
        row = {
            "account": entry.account, "claim": entry.claim, "kind": entry.kind, "held": entry.held, "used": entry.used,
            "at": utc_text(entry.at),
        }  # fmt: skip
        self._connection.execute(_ENTER, row)
        return True

    def entries(self, claim: str) -> Sequence[Entry]:
        """Every movement on behalf of a claim, oldest first."""
        return tuple(
            Entry(Digest(row.account), row.claim, row.kind, row.held, row.used, datetime.fromisoformat(row.at))
            for row in self._connection.execute(_ENTRIES, {"c": claim})
        )

    def holdings(self, account: Digest, *, members: Collection[str] = (), claim: str = "") -> Sequence[Holding]:
        """Who counts these members, or those of a claim."""
        table = budget_members.c
        wanted: Any = list(members)
        if claim:
            wanted = select(table.member).where(table.account == account, table.claim == claim)
        query = select(budget_members).where(table.account == account, table.member.in_(wanted))
        return tuple(
            Holding(Digest(row.account), row.member, row.claim, bool(row.used))
            for row in self._connection.execute(query.order_by(table.member, table.claim))
        )

    def hold(self, account: Digest, members: Collection[str], claim: str) -> None:
        """Let a claim count these members."""
        rows = [{"account": account, "member": member, "claim": claim, "used": 0} for member in sorted(members)]
        if rows:
            held = insert_into(self._connection, budget_members).values(rows).on_conflict_do_nothing()
            self._connection.execute(held)

    def settle_holdings(self, account: Digest, claim: str, *, happened: bool) -> None:
        """Mark as used, or let go."""
        table = budget_members.c
        mine = (table.account == account) & (table.claim == claim) & (table.used == 0)
        self._connection.execute(
            update(budget_members).where(mine).values(used=1) if happened else delete(budget_members).where(mine)
        )

    def append(self, kind: str, body: Mapping[str, Any], *, at: datetime) -> Record:
        """The next record of the chain."""
        record = next_record(self._head, kind, body, at)
        row = {
            "tenant": record.tenant, "seq": record.seq, "at": utc_text(record.at), "kind": kind,
            "body": record.text, "previous": record.previous, "hash": record.hash,
        }  # fmt: skip
        self._connection.execute(_APPEND, row)
        self._connection.execute(_ADVANCE, {"t": record.tenant, "s": record.seq, "h": record.hash})
        self._head = Head(record.tenant, record.seq, record.hash)
        return record

    def _mine(self, tenant: str) -> str:
        if tenant != self._head.tenant:
            raise ValueError("a transaction of one tenant writes nothing of another")
        return tenant

    def _by_id(self, table: Table, id: str) -> Select[Any]:
        return select(table.c.document).where(table.c.id == id, table.c.tenant == self._head.tenant)

    def _one(
        self, query: Select[Any], read: Callable[[Mapping[str, Any]], _T], values: Mapping[str, Any] | None = None
    ) -> _T | None:
        text = self._connection.execute(query, values).scalar_one_or_none()
        return None if text is None else self._remember(_read(text, read), text)

    def _remember(self, value: _T, text: str) -> _T:
        self._read.append((value, text))
        return value

    def _put(
        self, table: Table, id: str, row: Mapping[str, Any], value: _T, before: _T | None,
        write: Callable[[_T], Mapping[str, Any]],
    ) -> None:  # fmt: skip
        text = _document(write(value))
        values = {**row, "document": text}
        if before is None:
            statement = insert_into(self._connection, table).values({"id": id, **values}).on_conflict_do_nothing()
        else:
            known = next((kept for each, kept in reversed(self._read) if each is before), None)
            old = known if known is not None else _document(write(before))
            statement = update(table).where(table.c.id == id, table.c.document == old).values(values)
        if self._connection.execute(statement.returning(table.c.id)).scalar_one_or_none() is None:
            raise ConflictError(f"`{id[:19]}` changed since it was read", hint="look again and decide again")
        self._remember(value, text)


def _document(value: Mapping[str, Any]) -> str:
    """The one way in which a row is written; ASCII, so that no database reads it otherwise."""
    return json.dumps(value, allow_nan=False, sort_keys=True, separators=(",", ":"))


class SqlEffectStore:
    """Fills `EffectStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def transaction(self, tenant: str) -> Iterator[EffectTransaction]:
        """The turn of a tenant. Raises: DatabaseUnavailable, also when somebody else had it for more than 10 seconds."""
        with self._database.write() as connection:
            yield SqlEffectTransaction(connection, _turn(connection, tenant))

    def claims(self, states: Collection[State], *, tenant: str | None = None) -> Sequence[Claim]:
        """Oldest first."""
        query = select(claims.c.document).where(claims.c.state.in_([state.value for state in states]))
        found = self._documents(query, claims, tenant, claim_from_json)
        return sorted(found, key=lambda each: (each.claimed_at, each.id))

    def approvals(self, *, waiting: bool, tenant: str | None = None) -> Sequence[Approval]:
        """Oldest first."""
        query = select(approvals.c.document).order_by(approvals.c.created_at, approvals.c.id)
        if waiting:
            query = query.where(approvals.c.state.in_([state.value for state in WAITING]))
        return self._documents(query, approvals, tenant, approval_from_json)

    def grants(self, *, tenant: str | None = None) -> Sequence[Grant]:
        """Oldest first."""
        query = select(grants.c.document).order_by(grants.c.created_at, grants.c.id)
        return self._documents(query, grants, tenant, grant_from_json)

    def accounts(self, *, tenant: str | None = None) -> Sequence[AccountRow]:
        """Every account, with what its entries sum up to."""
        sums = func.coalesce(func.sum(budget_entries.c.used), 0), func.coalesce(func.sum(budget_entries.c.held), 0)
        query = (
            select(budgets.c.document, budgets.c.used, budgets.c.held, *sums)
            .outerjoin(budget_entries, budget_entries.c.account == budgets.c.id)
            .group_by(budgets.c.id, budgets.c.document, budgets.c.used, budgets.c.held)
            .order_by(budgets.c.id)
        )
        if tenant is not None:
            query = query.where(budgets.c.tenant == tenant)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return tuple(
            AccountRow(_read(document, account_from_json), Balance(used, held), Balance(int(used_sum), int(held_sum)))
            for document, used, held, used_sum, held_sum in rows
        )

    def switches(self) -> Sequence[Switch]:
        """Every switch that was ever set."""
        with self._database.read() as connection:
            rows = connection.execute(select(switches).order_by(switches.c.scope, switches.c.name)).all()
        return tuple(_switch(row) for row in rows)

    def set_switch(self, switch: Switch) -> None:
        """Write the row, and the fact beside it."""
        place = {"scope": switch.scope, "name": switch.name}
        said = {"off": int(switch.off), "reason": switch.reason, "actor": switch.actor, "at": utc_text(switch.at)}
        with self._database.write() as connection:
            body = {**place, "off": switch.off, "reason": switch.reason}
            append_fact(connection, "switch.set", body, actor=switch.actor, at=switch.at)
            statement = insert_into(connection, switches).values({**place, **said})
            connection.execute(statement.on_conflict_do_update(index_elements=["scope", "name"], set_=said))

    def heads(self) -> Sequence[Head]:
        """The end of each tenant's chain; also of one that has records and no end."""
        with self._database.read() as connection:
            rows = connection.execute(select(record_heads).where(record_heads.c.seq > 0)).all()
            tenants = set(connection.execute(select(decision_records.c.tenant).distinct()).scalars())
        known = {row.tenant: Head(row.tenant, row.seq, row.hash) for row in rows}
        return tuple(known.get(tenant, Head(tenant)) for tenant in sorted({*known, *tenants}))

    def records(self, tenant: str, *, after: int = 0) -> Iterator[Record]:
        """In order, a page at a time."""
        table = decision_records.c
        while True:
            query = select(decision_records).where(table.tenant == tenant, table.seq > after)
            with self._database.read() as connection:
                rows = connection.execute(query.order_by(table.seq).limit(PAGE)).all()
            yield from (_record(row) for row in rows)
            if len(rows) < PAGE:
                return
            after = rows[-1].seq

    def verify(self, tenant: str) -> int:
        """The number of records in a whole chain."""
        table = decision_records.c
        with self._database.read() as connection:
            last = connection.execute(select(record_heads).where(record_heads.c.tenant == tenant)).one_or_none()
            head = Head(tenant) if last is None else Head(tenant, last.seq, last.hash)
            query = select(decision_records).where(table.tenant == tenant).order_by(table.seq)
            rows = connection.execution_options(yield_per=PAGE).execute(query)
            if fault := chain_fault((_record(row) for row in rows), head):
                raise LedgerError(fault, hint="restore the database from a backup; what came before is whole")
        return head.seq

    def _documents(
        self, query: Select[Any], table: Table, tenant: str | None, read: Callable[[Mapping[str, Any]], _T]
    ) -> list[_T]:
        if tenant is not None:
            query = query.where(table.c.tenant == tenant)
        with self._database.read() as connection:
            return [_read(text, read) for text in connection.execute(query).scalars()]


def _turn(connection: Connection, tenant: str) -> Head:
    """Wait for the tenant's turn; it ends with the transaction."""
    row = connection.execute(_TURN, {"t": tenant}).one_or_none()
    if row is None:
        first = {"tenant": tenant, "seq": 0, "hash": Head(tenant).hash}
        connection.execute(insert_into(connection, record_heads).values(first).on_conflict_do_nothing())
        row = connection.execute(_TURN, {"t": tenant}).one()
    return Head(row.tenant, row.seq, row.hash)


def _switch(row: Row[Any]) -> Switch:
    return Switch(row.scope, row.name, bool(row.off), row.reason, row.actor, datetime.fromisoformat(row.at))


def _record(row: Row[Any]) -> Record:
    try:
        at = datetime.fromisoformat(row.at)
        written = utc_text(at) == row.at  # another spelling of the same time was not written by us
        json.loads(row.body)
    except (ValueError, TypeError, RecursionError):
        written = False
    if not written:
        hint = "restore the database from a backup; what came before is whole"
        raise LedgerError(f"record {row.seq} of `{row.tenant}` was altered", hint=hint)
    return Record(row.tenant, row.seq, at, row.kind, row.body, row.previous, row.hash)


def _read(text: str, read: Callable[[Mapping[str, Any]], _T]) -> _T:
    try:
        return read(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, InterlockError) as cause:
        hint = "the row was edited; restore the database from a backup"
        raise LedgerError("a stored effect, approval, grant or account cannot be read", hint=hint) from cause
