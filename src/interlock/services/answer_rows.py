"""Answers as rows: JSON Lines, plain or gzipped, read line by line and strictly, each with its sources."""

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.core.document import Document
from interlock.core.errors import DocumentSyntax, MissingKey, Place, TooLarge, UsageError, WrongValue
from interlock.core.json_text import MAX_JSON, parse_line
from interlock.core.source import decoded
from interlock.core.support import MAX_ANSWER, Passage, Support
from interlock.ports import SupportScorer

GROUNDED, UNGROUNDED = "grounded", "ungrounded"
"""The labels that an evaluation counts; every other one is left out and named."""

_INVISIBLE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One answer with what it may rest on. Empty texts where the row does not say; support and label None likewise.

    outcome: answer | abstain | escalate: what became of it, where that is known. scorer: what gave the support.
    """

    id: str
    question: str
    response: str
    passages: tuple[Passage, ...]
    dataset: str
    doc_id: str
    slice: str
    label: str | None
    support: float | None
    scorer: str
    outcome: str
    place: Place


def read_answers(path: Path) -> Iterator[AnswerRow]:
    """The rows of a file, one at a time: `{id, context: [{id, text, title?}], question, response, …}`.

    Args:
        path: JSON Lines in UTF-8; with `.gz` at the end of the name it is unpacked.
    Raises: UsageError when there is no such file; DocumentError with file, line and column for the first row that is none.
    """
    if not path.is_file():
        raise UsageError(f"there is no file `{path}`", hint="name a file of answers: docs/answers.md")
    name = str(path)
    with path.open("rb") as raw:
        lines = gzip.GzipFile(fileobj=raw) if name.endswith(".gz") else raw
        number = 0
        while True:
            try:
                line = lines.readline(MAX_JSON + 1)
            except (OSError, EOFError, zlib.error) as cause:
                hint = "name it without `.gz`, or pack it again"
                raise DocumentSyntax("not a whole gzip file", hint=hint, place=Place(name, number + 1)) from cause
            if not line:
                return
            number += 1
            if len(line) > MAX_JSON:
                raise TooLarge(
                    f"a line of more than {MAX_JSON:,} bytes", hint="split the row", place=Place(name, number)
                )
            text = _text(line, name, number)
            if text.strip():
                yield _row(parse_line(text, name, number), number)


def _text(line: bytes, name: str, number: int) -> str:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = decoded(line, name)  # raises, and says which byte
    text = text.rstrip("\r\n").removeprefix("\ufeff" if number == 1 else "")
    return shown_escapes(text)


def shown_escapes(text: str) -> str:
    """JSON with every character that nobody sees written as an escape; its meaning stays.

    Answers hold what people and models wrote. A direction mark in them is for a scorer to find, not for the reader to refuse.
    """
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _row(document: Document, number: int) -> AnswerRow:
    row = document.value
    if not isinstance(row, dict):
        raise document.error((), "a row is a mapping", hint="write one JSON object a line", kind=WrongValue)
    label = _string(document, row, "label", "")
    outcome = _string(document, row, "outcome", "answer")
    if outcome not in ("answer", "clarify", "abstain", "escalate"):
        hint = "write answer, clarify, abstain or escalate"
        raise document.error(("outcome",), f"`{outcome}` is no outcome", hint=hint, kind=WrongValue)
    response = _string(document, row, "response", None)
    if len(response) > MAX_ANSWER:
        hint = f"at most {MAX_ANSWER:,} characters are scored at once"
        raise document.error(("response",), f"a response of {len(response):,} characters", hint=hint, kind=TooLarge)
    return AnswerRow(
        id=_string(document, row, "id", None),
        question=_string(document, row, "question", ""),
        response=response,
        passages=_passages(document, row),
        dataset=_string(document, row, "dataset", ""),
        doc_id=_string(document, row, "doc_id", ""),
        slice=_string(document, row, "slice", ""),
        label=label or None,
        support=_support(document, row),
        scorer=_string(document, row, "scorer", ""),
        outcome=outcome,
        place=Place(document.file, number),
    )


def _string(document: Document, row: Mapping[str, Any], key: str, default: str | None) -> str:
    value = row.get(key)
    if value is None and default is not None:
        return default
    if value is None:
        place = () if key not in row else (key,)
        raise document.error(place, f"the row has no `{key}`", hint="see docs/answers.md for the keys", kind=MissingKey)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise document.error((key,), f"`{key}` is no text", hint="write it as a string", kind=WrongValue)
    return value


def _support(document: Document, row: Mapping[str, Any]) -> float | None:
    value = row.get("support")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise document.error(("support",), "`support` is no number in [0, 1]", hint="leave it out, and it is computed", kind=WrongValue)  # fmt: skip
    return float(value)


def _passages(document: Document, row: Mapping[str, Any]) -> tuple[Passage, ...]:
    given = row.get("context")
    if given is None:
        return ()
    if not isinstance(given, list):
        raise document.error(("context",), "`context` is no list", hint="write `[{id, text}, …]`", kind=WrongValue)
    found = []
    for at, item in enumerate(given):
        if not isinstance(item, dict) or not isinstance(item.get("text"), str):
            raise document.error(("context", at), "a passage has a `text`", hint="write `{id, text}`", kind=WrongValue)
        id, title = item.get("id", at), item.get("title")
        text = item["text"] if not isinstance(title, str) or not title else f"{title}\n{item['text']}"
        found.append(Passage(str(id), text))
    return tuple(found)


def score_row(row: AnswerRow, scorer: SupportScorer) -> Support:
    """Lay the answer of a row over its passages. Raises: TooLarge, with the place of the row."""
    try:
        return scorer.support(row.response, row.passages, question=row.question)
    except TooLarge as fault:
        raise TooLarge(fault.message, hint=fault.hint, place=row.place) from fault


def scored_json(row: AnswerRow, support: Support, scorer: str) -> dict[str, Any]:
    """The line that `interlock answers score` prints of a row."""
    told = {"dataset": row.dataset, "doc_id": row.doc_id, "slice": row.slice, "label": row.label}
    return {
        "id": row.id,
        **{key: value for key, value in told.items() if value},
        "support": round(support.score, 6),
        "scorer": scorer,
        "claims": [
            {
                "start": claim.start, "end": claim.end, "support": round(claim.score, 6), "passages": list(claim.passages),
                "parts": {name: round(value, 4) for name, value in claim.parts.items()},
            }
            for claim in support.claims
        ],
        "findings": [finding for claim in support.claims for finding in claim.findings(row.response)],
    }  # fmt: skip
