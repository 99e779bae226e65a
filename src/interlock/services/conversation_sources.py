"""Conversations as support tools export them, one after the other, never all in memory at once.

JSON Lines and CSV are read line by line, so that their size does not matter; a JSON document has 64 MB at most.
Source: developers.intercom.com (conversation model), developer.zendesk.com (tickets, comments, incremental exports).
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from interlock.core.errors import DocumentError, EmptyDocument, MissingKey, Place, TooLarge, WrongValue
from interlock.core.json_text import parse_json
from interlock.services.conversation import AGENT, CUSTOMER, Conversation, Refuse, Turn, opened, people
from interlock.services.conversation_table import read_table
from interlock.services.import_source import strict_text

MAX_LINE = 8_000_000
"""Bytes of one line: of one conversation."""


def read_conversations(format: str, path: Path, columns: Mapping[str, str], refuse: Refuse) -> Iterator[Conversation]:
    """Every conversation of a file; what cannot be taken goes to `refuse`, with file, line and column.

    Args:
        format: `intercom`, `zendesk`, `csv` or `jsonl`.
        columns: role → column of a table: conversation, role, text, name, tags.
    Raises: DocumentError for a file that cannot be read at all.
    """
    if format == "csv":
        yield from read_table(path, columns, refuse)
        return
    make = {"intercom": _intercom, "zendesk": _zendesk, "jsonl": _plain}[format]
    for value, place in _objects(path, _LISTS[format], refuse):
        try:
            yield make(value, place)
        except DocumentError as error:
            refuse(error)


_LISTS: Mapping[str, tuple[str, ...]] = {
    "intercom": ("conversations", "data"),
    "zendesk": ("tickets",),
    "jsonl": ("conversations",),
}


def _objects(path: Path, lists: Sequence[str], refuse: Refuse) -> Iterator[tuple[Mapping[str, Any], Place]]:
    """The objects of JSON Lines, of an array, or of a list inside one document."""
    name, seen = path.name, False
    with opened(path) as file:
        for number, line in _lines(file, name):
            if not line.strip():
                continue
            if not seen and (line.lstrip()[0] == "[" or not line.rstrip().endswith("}")):
                yield from _document(line, file, name, lists, refuse)
                return
            try:
                document = parse_json(strict_text(line.rstrip("\r\n")), name, number)
                value = document.value
                inner = next(
                    (key for key in lists if isinstance(value, dict) and isinstance(value.get(key), list)), None
                )
                if not seen and inner is not None:
                    yield from _document(line, file, name, lists, refuse)
                    return
                if not isinstance(value, dict):
                    raise document.error((), "a conversation is an object", hint="one `{…}` on each line")
                # A place inside a document costs a second reading of it; of a line the beginning is known.
                yield value, Place(name, number, 1)
            except DocumentError as error:
                refuse(error)
            seen = True
    if not seen:
        raise EmptyDocument("the file has no conversation", hint="export some", place=Place(name))


def _lines(file: TextIO, name: str) -> Iterator[tuple[int, str]]:
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            # It may be one document on one line; that one is read whole, up to its own limit.
            if number == 1:
                yield number, line
                continue
            raise TooLarge(f"a line of more than {MAX_LINE} characters", hint="split it", place=Place(name, number))
        yield number, line


def _document(
    start: str, file: TextIO, name: str, lists: Sequence[str], refuse: Refuse
) -> Iterator[tuple[Mapping[str, Any], Place]]:
    limit = 64_000_000
    rest = file.read(limit + 1)
    if len(start) + len(rest) > limit:
        raise TooLarge(
            f"a JSON document of more than {limit} bytes",
            hint="export JSON Lines, which has no limit",
            place=Place(name),
        )
    document = parse_json(strict_text(start + rest), name)
    value, path = document.value, ()
    users = value.get("users") if isinstance(value, dict) else None
    if isinstance(value, dict):
        inner = next((key for key in lists if isinstance(value.get(key), list)), None)
        if inner is None:
            yield value, document.place()
            return
        value, path = value[inner], (inner,)  # type: ignore[assignment]
    if not value:
        raise EmptyDocument("the file has no conversation", hint="export some", place=Place(name))
    for number, one in enumerate(value):
        if isinstance(one, dict):
            yield (one if users is None else {**one, "users": users}), document.place((*path, number))
        else:
            refuse(document.error((*path, number), "a conversation is an object", hint="is the file whole?"))


def _id(value: Mapping[str, Any], place: Place, *keys: str) -> str:
    for key in keys:
        found = value.get(key)
        if isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip():
            return str(found)
    raise MissingKey(f"a conversation without `{keys[0]}`", hint="its id is its source", place=place)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _intercom(value: Mapping[str, Any], place: Place) -> Conversation:
    first = _object(value.get("source")) or _object(value.get("conversation_message"))
    parts = value.get("conversation_parts")
    parts = _list(parts.get("conversation_parts")) if isinstance(parts, dict) else _list(parts)
    if not first and not parts:
        raise MissingKey(
            "a conversation without `source` and `conversation_parts`", hint="is this Intercom's?", place=place
        )
    turns, names, internal = [], [], 0
    for part in (first, *parts):
        if not isinstance(part, dict):
            raise WrongValue("a conversation part is no object", hint="is the file whole?", place=place)
        author = _object(part.get("author"))
        names += [name for key in ("name", "email") if (name := _text(author.get(key)))]
        if part.get("part_type") == "note":
            internal += 1
        elif body := _text(part.get("body")):
            turns.append(Turn(_text(author.get("type")).lower() in CUSTOMER, body))
    contacts = value.get("contacts")
    contacts = contacts.get("contacts") if isinstance(contacts, dict) else contacts
    names += [name for one in _list(contacts) if (name := _text(_object(one).get("name")))]
    tags = value.get("tags")
    tags = tags.get("tags") if isinstance(tags, dict) else tags
    named = tuple(
        name for one in _list(tags) if (name := _text(one if isinstance(one, str) else _object(one).get("name")))
    )
    return Conversation(_id(value, place, "id"), tuple(turns), place, people(names), named, None, internal)


def _zendesk(value: Mapping[str, Any], place: Place) -> Conversation:
    ticket = _object(value.get("ticket")) or value
    requester = ticket.get("requester_id", _object(ticket.get("requester")).get("id"))
    comments, turns, internal = _list(ticket.get("comments")), [], 0
    accounts = {one.get("id"): one for one in map(_object, _list(value.get("users"))) if one}
    names = [_text(_object(ticket.get(key)).get("name")) for key in ("requester", "submitter", "assignee")]
    authors = {requester}
    for comment in map(_object, comments):
        author = comment.get("author_id", _object(comment.get("author")).get("id"))
        authors.add(author)
        names.append(_text(_object(comment.get("author")).get("name")))
        if comment.get("public") is False:
            internal += 1
            continue
        body = next((text for key in ("html_body", "body", "plain_body") if (text := _text(comment.get(key)))), "")
        role = _text(_object(accounts.get(author)).get("role"))
        if body:
            turns.append(Turn(author == requester if requester is not None else role in CUSTOMER, body))
    if not turns and (body := _text(ticket.get("description"))):
        turns.append(Turn(True, body))
    names += [_text(accounts[one].get("name")) for one in authors if one in accounts]
    if not turns and not internal:
        raise MissingKey("a ticket without `comments` and `description`", hint="is this Zendesk's?", place=place)
    tags = tuple(tag for tag in _list(ticket.get("tags")) if isinstance(tag, str))
    return Conversation(_id(ticket, place, "id"), tuple(turns), place, people(names), tags, None, internal)


def _plain(value: Mapping[str, Any], place: Place) -> Conversation:
    messages = next(
        (value[key] for key in ("messages", "turns", "conversation") if isinstance(value.get(key), list)), None
    )
    if messages is None and isinstance(value.get("text"), str):
        messages = [{"role": "customer", "text": value["text"]}]
    if messages is None:
        raise MissingKey("a conversation without `messages`", hint="`{id, messages: [{role, content}]}`", place=place)
    turns = []
    for message in messages:
        role = _text(_object(message).get("role", _object(message).get("author"))).lower()
        text = next(
            (
                message[key]
                for key in ("content", "text", "body")
                if isinstance(message, dict) and isinstance(message.get(key), str)
            ),
            None,
        )
        if text is None or (role not in CUSTOMER and role not in AGENT):
            raise WrongValue(
                f"a message of role `{role[:40]}`" if text is not None else "a message without `content`",
                hint="roles are customer or user, and agent or assistant", place=place,
            )  # fmt: skip
        turns.append(Turn(role in CUSTOMER, text))
    names = value.get("names", value.get("name"))
    tags = tuple(tag for tag in _list(value.get("tags")) if isinstance(tag, str))
    expect = value.get("expect")
    if expect is not None and not isinstance(expect, dict):
        raise WrongValue("`expect` is no object", hint="as in a case", place=place)
    called = [names] if isinstance(names, str) else [one for one in _list(names) if isinstance(one, str)]
    return Conversation(_id(value, place, "id", "conversation_id"), tuple(turns), place, people(called), tags, expect)
