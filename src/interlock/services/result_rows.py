"""Recorded results as rows: JSON Lines, a JSON array or CSV, plain or gzipped, strictly read."""

import csv
import gzip
import io
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from interlock.core.document import Document
from interlock.core.errors import DocumentError, DocumentSyntax, MissingKey, Place, TooLarge, WrongValue
from interlock.core.json_text import parse_json, parse_jsonl

Status = Literal["scored", "error", "not_applicable", "missing"]
STATUSES: tuple[Status, ...] = get_args(Status)
KEYS = ("case", "slice", "slices", "passed", "score", "trial", "status", "cluster", "release", "version")
MAX_BYTES = 256_000_000
"""Bytes of one results file, unpacked."""

Fault = Callable[[str | None, str, str], DocumentError]  # key or None for the row, message, hint
_TRUTH = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True, slots=True)
class ResultRow:
    """What one trial of one case came to. `value` is in [0, 1], None unless the status is `scored`.

    `slices` and `cluster` are None where the row does not say; another row of the case may. `release` is what the row
    names as its release, its version, or both.
    """

    case: str
    trial: str
    status: Status
    value: float | None
    slices: tuple[str, ...] | None
    cluster: str | None
    place: Place
    release: str | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """The rows of one file, and the keys in it that nobody looked at."""

    file: str
    rows: tuple[ResultRow, ...]
    ignored: tuple[str, ...] = ()

    @property
    def release(self) -> str | None:
        """The release that every row names alike; None where one names none, or another."""
        named = {row.release for row in self.rows}
        return named.pop() if len(named) == 1 else None


def unpacked(content: bytes, file: str) -> str:
    """The text of a file, unpacked when its name ends in `.gz`. Raises DocumentError when it is not such a text."""
    try:
        if file.endswith(".gz"):
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
                content = packed.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise TooLarge(f"more than {MAX_BYTES} bytes", hint="split the file", place=Place(file))
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        line = content.count(b"\n", 0, cause.start) + 1
        raise DocumentSyntax("not UTF-8", hint="save the file as UTF-8", place=Place(file, line)) from cause
    except (OSError, EOFError, zlib.error) as cause:
        raise DocumentSyntax("not a gzip file", hint="name it without `.gz`, or pack it", place=Place(file)) from cause


def objects(text: str, file: str) -> Iterator[tuple[Mapping[str, Any], Fault, Place]]:
    """Each JSON object of JSON Lines, of a JSON array or of CSV (by the name), with its place and a way to blame it.

    Raises: DocumentError with file and line for text that is malformed or a row that is no object.
    """
    name = file.removesuffix(".gz").lower()
    if name.endswith(".csv"):
        yield from _csv(text, file)
    elif name.endswith(".json") or text.lstrip().startswith("["):
        document = parse_json(text, file) if text.strip() else None
        if document is None:
            return
        if not isinstance(document.value, list):
            raise document.error((), "the results are no array", hint="write `[{…}, …]`, or JSON Lines as `.jsonl`")
        for number, row in enumerate(document.value):
            yield _object(row, document, (number,))
    else:
        for line in parse_jsonl(text, file):
            yield _object(line.value, line, ())


def read_results(content: bytes, file: str) -> Results:
    """Rows `{case, slice | slices, passed | score, trial, status, cluster, release | version}`; other keys are named only.

    An absent status is `scored`, and such a row has `passed` or a `score` in [0, 1]; where both are there, `passed`
    counts. A case that occurs more than once has a different `trial` each time.

    Args:
        content: the bytes of the file.
        file: its name, which says how to read it: `.jsonl`, `.json`, `.csv`, each also with `.gz`.
    Raises: DocumentError with file and line for the first row that is none.

    >>> read_results(b'{"case": "a", "slice": "refunds", "passed": true}', "a.jsonl").rows[0].value
    1.0
    """
    rows: list[ResultRow] = []
    ignored: dict[str, None] = {}
    seen: dict[tuple[str, str], Place] = {}
    for row, fault, place in objects(unpacked(content, file), file):
        read = read_row(row, fault, place)
        if (earlier := seen.setdefault((read.case, read.trial), place)) is not place:
            raise fault(
                "case",
                f"case `{read.case}` occurs twice with trial `{read.trial}`, first in line {earlier.line}",
                "number its repeats with `trial`; rows of several releases go into a file each",
            )
        ignored.update(dict.fromkeys(key for key in row if key not in KEYS))
        rows.append(read)
    return Results(file, tuple(rows), tuple(ignored))


def _object(row: object, document: Document, path: tuple[int, ...]) -> tuple[Mapping[str, Any], Fault, Place]:
    if not isinstance(row, dict):
        raise document.error(path, "a row is an object", hint='such as `{"case": "a", "passed": true}`')

    def fault(key: str | None, message: str, hint: str) -> DocumentError:
        return document.error(path if key is None else (*path, key), message, hint=hint)

    # Asking a document for a place reads it again with places; the line of a JSON Lines row is known without.
    return row, fault, Place(document.file, document.first_line) if not path else document.place(path)


def _csv(text: str, file: str) -> Iterator[tuple[Mapping[str, Any], Fault, Place]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: Sequence[str] | None = None
    while True:
        place = Place(file, reader.line_num + 1)
        try:
            cells = next(reader, None)
        except csv.Error as cause:
            raise DocumentSyntax(f"not CSV: {cause}", hint="check the quotes", place=place) from cause
        if cells is None:
            return
        if not cells:
            continue
        if header is None:
            header = [cell.strip() for cell in cells]
            if len(set(header)) < len(header):
                raise WrongValue("two columns have the same name", hint="rename one", place=place)
            continue
        if len(cells) != len(header):
            raise WrongValue(f"{len(cells)} cells under {len(header)} columns", hint="check the commas", place=place)
        named = zip(header, cells, strict=True)
        row = {key: _cell(key, cell.strip()) for key, cell in named if cell.strip()}

        def fault(key: str | None, message: str, hint: str, place: Place = place) -> DocumentError:
            return WrongValue(message, hint=hint, place=place)

        yield row, fault, place


def _cell(key: str, cell: str) -> object:
    """A cell as the JSON value that it stands for, or as it is where it stands for none."""
    if key == "passed":
        return _TRUTH.get(cell.lower(), cell)
    if key == "slices":
        return [part.strip() for part in cell.split(";") if part.strip()]
    if key == "score":
        try:
            return float(cell)
        except ValueError:
            return cell
    return cell


def read_row(row: Mapping[str, Any], fault: Fault, place: Place) -> ResultRow:
    """One object as a row. Raises DocumentError when it is none."""
    stated = row.get("status")
    status = "scored" if stated is None else next((known for known in STATUSES if known == stated), None)
    if status is None:
        raise fault("status", f"unknown status `{stated}`", f"one of {', '.join(STATUSES)}")
    case = _name(row, "case", fault)
    if case is None:
        error = fault(None, "a row without `case`", "name the case; both files name it alike")
        raise MissingKey(error.message, hint=error.hint, place=place)
    return ResultRow(
        case=case,
        trial=_name(row, "trial", fault) or "0",
        status=status,
        value=_value(row, fault) if status == "scored" else None,
        slices=_slices(row, fault),
        cluster=_name(row, "cluster", fault),
        place=place,
        release=" ".join(filter(None, (_name(row, "release", fault), _name(row, "version", fault)))) or None,
    )


def _name(row: Mapping[str, Any], key: str, fault: Fault) -> str | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise fault(key, f"`{key}` is a name or a number, not `{value}`", f"write `{key}` as text")
    return value.strip()


def _slices(row: Mapping[str, Any], fault: Fault) -> tuple[str, ...] | None:
    one, many = _name(row, "slice", fault), row.get("slices")
    if many is None:
        return None if one is None else (one,)
    if one is not None:
        raise fault("slices", "a row with both `slice` and `slices`", "keep one of the two")
    if not isinstance(many, list) or not many or not all(isinstance(name, str) and name.strip() for name in many):
        raise fault("slices", "`slices` is a list of names", 'such as `["refunds", "german"]`')
    return tuple(sorted({name.strip() for name in many}))


def _value(row: Mapping[str, Any], fault: Fault) -> float:
    passed, score = row.get("passed"), row.get("score")
    if score is not None and (
        isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score) or not 0 <= score <= 1
    ):
        raise fault("score", f"`{score}` is not a score in [0, 1]", "divide by the best possible score")
    if passed is not None:
        if not isinstance(passed, bool):
            raise fault("passed", f"`passed` is true or false, not `{passed}`", "put a grade into `score`")
        return float(passed)
    if score is None:
        raise fault(None, "a scored row has `passed` or `score`", "or a `status`: error, not_applicable, missing")
    return float(score)
