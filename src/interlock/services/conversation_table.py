"""Conversations in a table: a row a message, or a row a question."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from interlock.core.errors import DocumentSyntax, EmptyDocument, MissingKey, Place, WrongValue
from interlock.services.conversation import AGENT, CUSTOMER, Conversation, Refuse, Turn, opened, people
from interlock.services.import_source import MAX_CELL

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "conversation": ("conversation", "conversation_id", "id", "ticket", "ticket_id", "thread_id"),
    "role": ("role", "author", "author_type", "sender", "from"),
    "text": ("text", "content", "message", "body", "question"),
    "name": ("name", "author_name", "customer_name"),
    "tags": ("tags", "tag"),
}


def read_table(path: Path, columns: Mapping[str, str], refuse: Refuse) -> Iterator[Conversation]:
    """One row a message, those of a conversation one after the other; without a column for the role, a row is one."""
    name = path.name
    csv.field_size_limit(MAX_CELL)
    with opened(path) as file:
        reader = csv.reader(file, strict=True)
        header: list[str] | None = None
        at: dict[str, int] = {}
        current: list[tuple[Mapping[str, str], Place]] = []
        while True:
            place = Place(name, reader.line_num + 1)
            try:
                cells = next(reader, None)
            except csv.Error as cause:
                # The rest of the file cannot be told apart any more: nothing after this line is what it seems.
                raise DocumentSyntax(f"not CSV: {cause}", hint="check the quotes", place=place) from cause
            if cells is None:
                break
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                at = _places(header, columns, place)
                continue
            if len(cells) != len(header):
                message = f"{len(cells)} cells under {len(header)} columns"
                refuse(WrongValue(message, hint="check the commas and the quotes", place=Place(name, place.line, 1)))
                continue
            if bad := next((number for number, cell in enumerate(cells) if "\0" in cell), None):
                refuse(WrongValue("a NUL byte", hint="export it as text", place=Place(name, place.line, bad + 1)))
                continue
            row = {role: cells[index] for role, index in at.items()}
            if current and ("role" not in at or row["conversation"] != current[0][0]["conversation"]):
                yield from _grouped(current, refuse)
                current = []
            current.append((row, place))
        if header is None:
            raise EmptyDocument("the table is empty", hint="export some conversations", place=Place(name))
        if current:
            yield from _grouped(current, refuse)


def _places(header: Sequence[str], columns: Mapping[str, str], place: Place) -> dict[str, int]:
    found = {}
    for role, usual in _COLUMNS.items():
        names = (columns[role],) if role in columns else usual
        index = next((header.index(name) for name in names if name in header), None)
        if index is not None:
            found[role] = index
        elif role in columns:
            raise MissingKey(f"there is no column `{columns[role]}`", hint=f"columns: {', '.join(header)}", place=place)
    for role in ("conversation", "text"):
        if role not in found:
            raise MissingKey(
                f"no column is the {role}", hint=f"--column {role}=NAME; columns: {', '.join(header)}", place=place
            )
    return found


def _grouped(rows: Sequence[tuple[Mapping[str, str], Place]], refuse: Refuse) -> Iterator[Conversation]:
    turns, names, tags = [], [], []
    first = rows[0][1]
    if not rows[0][0]["conversation"].strip():
        refuse(
            MissingKey(
                "a row without a conversation", hint="its id is its source", place=Place(first.file, first.line, 1)
            )
        )
        return
    for row, place in rows:
        role = row.get("role", "customer").strip().lower()
        if role not in CUSTOMER and role not in AGENT:
            refuse(
                WrongValue(
                    f"a message of role `{role[:40]}`", hint="customer or agent", place=Place(place.file, place.line, 1)
                )
            )
            return
        turns.append(Turn(role in CUSTOMER, row["text"]))
        names.append(row.get("name", ""))
        tags += [tag.strip() for tag in row.get("tags", "").replace(";", ",").split(",") if tag.strip()]
    yield Conversation(
        rows[0][0]["conversation"].strip(), tuple(turns), first, people(names), tuple(dict.fromkeys(tags))
    )
