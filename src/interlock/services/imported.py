"""What an import brings: cases, runs of them, and a word on everything that did not come along."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from interlock.core.errors import DocumentError, InterlockError, Place
from interlock.services.result_rows import Fault, Status

Kind = Literal["mapped", "unmapped", "left out", "refused"]


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One object of a source file, with its release and trial known."""

    value: Mapping[str, Any]
    fault: Fault
    place: Place
    release: str
    trial: int

    def need(self, key: str, kind: type | tuple[type, ...], says: str) -> Any:
        """The value of a key that must be there. Raises DocumentError with its place when it is not, or another type."""
        value = self.value.get(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool) or value == "":
            raise self.fault(
                key, f"`{key}` is {says}, not `{str(value)[:40]}`", "the format's description names its keys"
            )
        return value


@dataclass(frozen=True, slots=True)
class ImportedRun:
    """One trial of one case, as its harness told it.

    status: `scored` has a reply and a verdict, or a score in [0, 1] without one; `error` and `missing` have no reply
    and `detail` says why; `not_applicable` may have one, and nobody judged it.
    """

    release: str
    case: str
    trial: int
    reply: Mapping[str, Any] | None
    passed: bool | None
    place: Place
    detail: str = ""
    status: Status = "scored"
    score: float | None = None

    def __post_init__(self) -> None:
        if self.status == "scored" and (self.reply is None or (self.passed is None and self.score is None)):
            raise ValueError("a scored run has a reply and a verdict or a score")
        if self.status != "scored" and (self.passed is not None or self.score is not None):
            raise ValueError("a run without a score has no verdict")
        if self.status in ("error", "missing") and (self.reply is not None or not self.detail):
            raise ValueError("a run that broke has no reply, and says why")
        if self.score is not None and not 0 <= self.score <= 1:
            raise ValueError("a score lies in [0, 1]")


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of thing that happened to the source: what, why, and to what: each case or row, or how many rows."""

    kind: Kind
    what: str
    why: str
    items: tuple[str, ...]
    count: int


@dataclass(slots=True)
class Findings:
    """Collects findings while a source is read; the same thing said twice is one finding with two items."""

    _found: dict[tuple[Kind, str, str], list[str]] = field(default_factory=dict)
    _fields: dict[tuple[str, str], int] = field(default_factory=dict)

    def note(self, kind: Kind, what: str, why: str, item: str = "") -> None:
        """Say what happened to an item; without an item, to the source as a whole."""
        self._found.setdefault((kind, what, why), []).extend([item] if item else [])

    def unmapped(self, row: SourceRow, known: Collection[str], reasons: Mapping[str, str]) -> None:
        """Count every key of a row that has no place in a case or a reply."""
        for key in row.value:
            if key not in known:
                which = (f"`{key}`", reasons.get(key, "no counterpart"))
                self._fields[which] = self._fields.get(which, 0) + 1

    def refuse(self, error: InterlockError) -> None:
        """A row that cannot be taken: it is listed with its place."""
        place = getattr(error, "place", None)
        self.note("refused", error.message, error.hint, str(place) if place else "the source")

    def all(self) -> tuple[Finding, ...]:
        """Everything, refusals first."""
        order: list[Kind] = ["refused", "left out", "unmapped", "mapped"]
        found = [Finding(kind, what, why, tuple(items), len(items)) for (kind, what, why), items in self._found.items()]
        found += [Finding("unmapped", what, why, (), rows) for (what, why), rows in self._fields.items()]
        return tuple(sorted(found, key=lambda one: order.index(one.kind)))


@dataclass(frozen=True, slots=True)
class Imported:
    """A source as the project sees it. `cases` are objects of the case format, `titles` name its slices.

    ran_on: what each release ran on, as far as the source says: `model`, `config` (a digest), `created`, …
    waiting: cases of which the source does not say what to expect, so that a person must. Without runs, the source is
    a set of cases and no recording.
    """

    name: str
    cases: tuple[Mapping[str, Any], ...]
    titles: Mapping[str, str]
    runs: tuple[ImportedRun, ...]
    ran_on: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    waiting: tuple[Mapping[str, Any], ...] = ()


def runs_of(
    rows: Iterable[SourceRow], findings: Findings, read: Callable[[SourceRow], ImportedRun | None]
) -> list[ImportedRun]:
    """Each row through `read(row) -> ImportedRun | None`; a row that it refuses is listed."""
    runs = []
    for row in rows:
        try:
            run = read(row)
        except DocumentError as error:
            findings.refuse(error)
            continue
        if run is not None:
            runs.append(run)
    return runs
