"""What is live: current row, history and ledger fact, moved in one transaction."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select

from interlock.adapters.sql.engine import Database, insert_into, lock_ledger
from interlock.adapters.sql.ledger import append_fact
from interlock.adapters.sql.schema import facts, pointer_history, pointers
from interlock.core.digest import canonical
from interlock.core.errors import ConflictError, LedgerError
from interlock.core.pointer import Pointer, pointer_from_json, pointer_to_json

POINTER_MOVED = "pointer.moved"
"""The kind of the fact that every move leaves; its body has the whole pointer under `pointer`."""


class SqlPointerStore:
    """Fills `PointerStore`; every move is a fact in the ledger of the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, environment: str, feature: str) -> Pointer | None:
        """What is live now; None before the first promotion."""
        here = (pointers.c.environment == environment) & (pointers.c.feature == feature)
        with self._database.read() as connection:
            document = connection.execute(select(pointers.c.document).where(here)).scalar_one_or_none()
        return None if document is None else _pointer(document)

    def swap(self, new: Pointer, *, expected: int, fact: Mapping[str, Any]) -> None:
        """Compare and set.

        Args:
            new: of generation `expected + 1`.
            expected: the generation that was read; 0 when there was none.
            fact: what else the ledger should say of this move.
        Raises: ConflictError when the stored generation is another one; then nothing was written.
        """
        if new.generation != expected + 1:
            raise ValueError(f"generation {new.generation} does not follow {expected}")
        here = (pointers.c.environment == new.environment) & (pointers.c.feature == new.feature)
        row = {
            "environment": new.environment,
            "feature": new.feature,
            "generation": new.generation,
            "document": canonical(pointer_to_json(new)).decode(),
        }
        with self._database.write() as connection:
            lock_ledger(connection)
            found = connection.execute(select(pointers.c.generation).where(here)).scalar_one_or_none() or 0
            if found != expected:
                raise ConflictError(
                    f"`{new.environment}` is at generation {found}, not {expected}: somebody moved it meanwhile",
                    hint="look at `interlock status` and decide again",
                )
            body = {**fact, "pointer": pointer_to_json(new)}
            appended = append_fact(connection, POINTER_MOVED, body, actor=new.actor, at=new.at)
            statement = insert_into(connection, pointers).values(row)
            changed = {"generation": new.generation, "document": row["document"]}
            connection.execute(statement.on_conflict_do_update(index_elements=["environment", "feature"], set_=changed))
            connection.execute(insert(pointer_history).values({**row, "fact_seq": appended.seq}))

    def history(self, environment: str, feature: str) -> Sequence[Pointer]:
        """Every pointer that was, oldest first, the current one last."""
        table = pointer_history.c
        query = select(table.document).where(table.environment == environment, table.feature == feature)
        with self._database.read() as connection:
            documents = connection.execute(query.order_by(table.generation)).scalars().all()
        return tuple(_pointer(document) for document in documents)

    def verify(self) -> int:
        """Fold the ledger again and compare it with the rows kept beside it.

        Returns: the number of moves.
        Raises: LedgerError that names the first pointer that is not what the ledger says.
        """
        folded: dict[tuple[str, str], str] = {}
        moves: dict[tuple[str, str, int], str] = {}
        with self._database.read() as connection:
            told = select(facts.c.body).where(facts.c.kind == POINTER_MOVED).order_by(facts.c.seq)
            for body in connection.execute(told).scalars():
                pointer = json.loads(body)["pointer"]
                place = (pointer["environment"], pointer["feature"])
                folded[place] = moves[(*place, pointer["generation"])] = canonical(pointer).decode()
            current = {(row.environment, row.feature): row.document for row in connection.execute(select(pointers))}
            past = {
                (row.environment, row.feature, row.generation): row.document
                for row in connection.execute(select(pointer_history))
            }
        _compare(folded, current)
        _compare(moves, past)
        return len(moves)


def _pointer(document: str) -> Pointer:
    try:
        return pointer_from_json(json.loads(document))
    except (ValueError, TypeError, KeyError, AttributeError) as cause:
        hint = "the row was edited; restore the database from a backup"
        raise LedgerError("a pointer cannot be read", hint=hint) from cause


def _compare(told: Mapping[Any, str], kept: Mapping[Any, str]) -> None:
    for place in sorted({*told, *kept}):
        if told.get(place) != kept.get(place):
            name = " ".join(str(step) for step in place)
            hint = "the row was edited; restore the database from a backup"
            raise LedgerError(f"the pointer `{name}` is not what the ledger says", hint=hint)
