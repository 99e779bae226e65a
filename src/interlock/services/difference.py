"""What changed between two bundles, part by part, in the words of each part rather than in lines of files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum
from typing import Any

from interlock.core.bundle import Component
from interlock.core.digest import Digest
from interlock.core.manifest import Part
from interlock.core.suite import Slice, Suite
from interlock.services.authority import compare_authority
from interlock.services.bars import LoweredBar, lowered_bars
from interlock.services.parts import Loaded
from interlock.services.schema_changes import schema_changes

__all__ = ["Change", "Difference", "LoweredBar", "PartDifference", "TextChange", "diff", "lowered_bars"]

_TEXT_LINES = 400  # of one file; a rewritten file is read in an editor, not in a report


class Change(StrEnum):
    """What happened to a part."""

    UNCHANGED = "unchanged"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class TextChange:
    """One text file, as the lines of a unified diff without line ends."""

    path: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PartDifference:
    """One part before and after.

    lines: what changed, one sentence each. breaking: those of them that somebody else must change with.
    gained, lost: authority of the tool guard. texts: prompts and guides, line by line.
    """

    part: Part
    change: Change
    old_version: str | None
    new_version: str | None
    old_digest: Digest | None
    new_digest: Digest | None
    lines: tuple[str, ...] = ()
    breaking: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    texts: tuple[TextChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """Two bundles compared; `old` is None for a first bundle. constraints: what parts demand of each other."""

    old: Digest | None
    new: Digest
    parts: tuple[PartDifference, ...]
    constraints: tuple[str, ...]
    lowered: tuple[LoweredBar, ...]

    @property
    def changed(self) -> tuple[PartDifference, ...]:
        """The parts that differ."""
        return tuple(part for part in self.parts if part.change is not Change.UNCHANGED)

    def of(self, part: Part) -> PartDifference | None:
        """One part, None where neither bundle has it."""
        return next((row for row in self.parts if row.part is part), None)


@dataclass(frozen=True, slots=True)
class _Said:
    """What one part has to say of its change."""

    lines: tuple[str, ...] = ()
    breaking: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def diff(old: Loaded | None, new: Loaded) -> Difference:
    """Compare two bundles.

    Returns: a row for every part that either of them has, in the usual order. A part is unchanged exactly when its
        digest is; a change that the semantic rules do not know is still told, as a file or a setting that changed.
    """
    rows = []
    for part in Part:
        before = None if old is None else old.bundle.components.get(part)
        after = new.bundle.components.get(part)
        if before is None and after is None:
            continue
        rows.append(_row(part, old, new, before, after))
    return Difference(
        None if old is None else old.bundle.digest,
        new.bundle.digest,
        tuple(rows),
        () if old is None else tuple(flat_changes(old.bundle.constraints, new.bundle.constraints)),
        tuple(lowered_bars(old, new)),
    )


def _row(
    part: Part, old: Loaded | None, new: Loaded, before: Component | None, after: Component | None
) -> PartDifference:
    kind = (
        Change.ADDED if before is None
        else Change.REMOVED if after is None
        else Change.UNCHANGED if before.digest == after.digest
        else Change.CHANGED
    )  # fmt: skip
    said = _Said()
    texts: tuple[TextChange, ...] = ()
    if kind is Change.CHANGED and old is not None and before is not None and after is not None:
        said = _say(part, old, new, before, after)
        texts = tuple(_texts(part, old, new))
    elif kind is Change.ADDED and after is not None:
        said = _Said((f"{len(after.files)} files",), gained=_granted(part, None, new)[0])
    elif kind is Change.REMOVED and before is not None:
        said = _Said((f"{len(before.files)} files",))
    return PartDifference(
        part,
        kind,
        None if before is None else before.version,
        None if after is None else after.version,
        None if before is None else before.digest,
        None if after is None else after.digest,
        said.lines,
        said.breaking,
        said.gained,
        said.lost,
        texts,
    )


def _granted(part: Part, old: Loaded | None, new: Loaded) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    if part is not Part.GUARDRAILS:
        return (), (), ()
    authority = compare_authority(None if old is None else old.actions, new.actions)
    return authority.gained, authority.lost, authority.other


def _say(part: Part, old: Loaded, new: Loaded, before: Component, after: Component) -> _Said:
    lines = [*_spec(before, after)]
    breaking: list[str] = []
    gained, lost, other = _granted(part, old, new)
    match part:
        case Part.SCHEMA:
            for change in schema_changes(old.output_schema, new.output_schema):
                lines.append(change.text)
                if change.breaking:
                    breaking.append(f"{change.text} (breaks {change.breaks})")
        case Part.TOOLS:
            lines, breaking = [*lines, *_tools(old, new)[0]], _tools(old, new)[1]
        case Part.GUARDRAILS:
            lines += [*other, *_guardrails(old, new)]
        case Part.EVALS:
            lines += _evals(old.suites, new.suites)
        case Part.RUNBOOK:
            lines += flat_changes(_dump(old.operations), _dump(new.operations))
    lines += _files(part, before, after, new if part is Part.RETRIEVER else None, old)
    return _Said(tuple(lines), tuple(breaking), gained, lost)


def _spec(before: Component, after: Component) -> Iterator[str]:
    for line in flat_changes(dict(before.spec), dict(after.spec)):
        if not line.startswith("`version`"):  # a column of its own
            yield line.replace("`release.", "`", 1)


# ── settings ────────────────────────────────────────────────────────────────────────────────────────────────────


def flat_changes(old: object, new: object) -> list[str]:
    """Changed settings by their dotted name, before → after.

    Rows of a list that have an `id`, `name`, `action`, `term`, `state` or `signal` are told apart by it; other lists
    are compared as a whole.

    >>> flat_changes({"k": 4, "s": {"a": 1}}, {"k": 6, "s": {}})
    ['`k`: 4 → 6', '`s.a` removed (was 1)']
    """
    before, after = dict(_flat(old, "")), dict(_flat(new, ""))
    found = []
    for name in [*after, *(key for key in before if key not in after)]:
        if name not in before:
            found.append(f"`{name}` added: {_shown(after[name])}")
        elif name not in after:
            found.append(f"`{name}` removed (was {_shown(before[name])})")
        elif before[name] != after[name]:
            found.append(f"`{name}`: {_shown(before[name])} → {_shown(after[name])}")
    return found


_NAMES = ("id", "name", "action", "term", "state", "signal")


def _flat(value: object, at: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for key, child in value.items():
            yield from _flat(child, f"{at}.{key}" if at else str(key))
    elif isinstance(value, list | tuple) and (names := _row_names(value)):
        for name, child in zip(names, value, strict=True):
            yield from _flat(child, f"{at}[{name}]")
    elif value not in ({}, None):
        yield at, value


def _row_names(rows: Sequence[object]) -> list[str] | None:
    for key in _NAMES:
        names = [str(row[key]) for row in rows if isinstance(row, Mapping) and key in row]
        if names and len(set(names)) == len(rows):
            return names
    return None


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_shown, value)) + "]"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _dump(model: Any) -> dict[str, Any]:
    value: dict[str, Any] = model.model_dump(mode="json", by_alias=True)
    return value


# ── tools and guardrails ────────────────────────────────────────────────────────────────────────────────────────


def _tools(old: Loaded, new: Loaded) -> tuple[list[str], list[str]]:
    before, after = {tool.name: _dump(tool) for tool in old.tools}, {tool.name: _dump(tool) for tool in new.tools}
    lines, breaking = [], []
    for name in [*after, *(key for key in before if key not in after)]:
        if name not in before:
            lines.append(f"tool `{name}` added")
        elif name not in after:
            lines.append(f"tool `{name}` removed")
            breaking.append(f"tool `{name}` removed (breaks writers)")
        else:
            one, other = before[name], after[name]
            for key, what in (("inputSchema", "takes"), ("outputSchema", "returns")):
                for change in schema_changes(one.get(key) or {}, other.get(key) or {}):
                    lines.append(f"tool `{name}` {what}: {change.text}")
                    if change.breaking:
                        breaking.append(f"{lines[-1]} (breaks {change.breaks})")
            rest = {key: value for key, value in one.items() if key not in {"inputSchema", "outputSchema"}}
            others = {key: value for key, value in other.items() if key not in {"inputSchema", "outputSchema"}}
            lines += [f"tool `{name}` {line}" for line in flat_changes(rest, others)]
    return lines, breaking


def _guardrails(old: Loaded, new: Loaded) -> Iterator[str]:
    for what, before, after in (("glossary", old.glossary, new.glossary), ("answers", old.answers, new.answers)):
        for line in flat_changes(_dump(before), _dump(after)):
            yield f"{what} {line}"


# ── evals ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _evals(old: Iterable[Suite], new: Iterable[Suite]) -> Iterator[str]:
    before, after = {suite.name: suite for suite in old}, {suite.name: suite for suite in new}
    for name in [*after, *(key for key in before if key not in after)]:
        if name not in before:
            yield f"suite `{name}` added, {len(after[name].cases)} cases"
        elif name not in after:
            yield f"suite `{name}` removed, {len(before[name].cases)} cases"
        else:
            for line in _suite(before[name], after[name]):
                yield f"suite `{name}`: {line}"


def _suite(old: Suite, new: Suite) -> Iterator[str]:
    if old.kind is not new.kind:
        yield f"kind {old.kind} → {new.kind}"
    before, after = {case.id: case for case in old.cases}, {case.id: case for case in new.cases}
    yield from _named("cases added", [key for key in after if key not in before])
    yield from _named("cases removed", [key for key in before if key not in after])
    yield from _named("cases changed", [key for key in after if key in before and after[key] != before[key]])
    yield from flat_changes({"slice": _slices(old.slices)}, {"slice": _slices(new.slices)})
    yield from flat_changes(_requirements(old), _requirements(new))


def _slices(slices: Iterable[Slice]) -> dict[str, Any]:
    return {piece.id: _dump(piece) for piece in slices}


def _requirements(suite: Suite) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for row in suite.requirements:
        rows[f"{row.slice} {row.scorer}"] = {"floor": row.floor, "margin": row.margin}
    return rows


def _named(what: str, names: list[str]) -> Iterator[str]:
    if names:
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        noun, _, verb = what.partition(" ")
        yield f"{len(names)} {noun if len(names) > 1 else noun[:-1]} {verb}: {', '.join(names[:8])}{more}"


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────

_LINE_BY_LINE = frozenset({Part.PROMPT, Part.RUNBOOK})


def _files(part: Part, before: Component, after: Component, new: Loaded | None, old: Loaded) -> Iterator[str]:
    """Files added, removed and changed; documents of the retriever by their id."""
    was, now = {e.path: e.sha256 for e in before.files}, {e.path: e.sha256 for e in after.files}
    word = "documents" if part is Part.RETRIEVER else "files"

    def name(path: str) -> str:
        text = (new.text(path) if new is not None else None) or (old.text(path) if part is Part.RETRIEVER else None)
        return document_id(path, text or "") if part is Part.RETRIEVER else path

    yield from _named(f"{word} added", [name(path) for path in now if path not in was])
    yield from _named(f"{word} removed", [name(path) for path in was if path not in now])
    yield from _named(f"{word} changed", [name(path) for path in now if path in was and now[path] != was[path]])


def document_id(path: str, text: str) -> str:
    """The id of a document: that of its front matter, else its path.

    >>> document_id("kb/a.md", "---\\nid: KB-101\\n---\\n")
    'KB-101'
    """
    lines = text.splitlines()
    if lines and lines[0].strip() == "---":
        for line in lines[1:]:
            if line.strip() == "---":
                break
            key, colon, value = line.partition(":")
            if colon and key in {"id", "doc_id"} and value.strip():
                return value.strip().strip("\"'")
    return path


def _texts(part: Part, old: Loaded, new: Loaded) -> Iterator[TextChange]:
    if part not in _LINE_BY_LINE:
        return
    before = {path: text for kind, path, text in old.texts if kind is part}
    after = {path: text for kind, path, text in new.texts if kind is part}
    for path in sorted(before.keys() | after.keys()):
        one, other = before.get(path), after.get(path)
        if one == other:
            continue
        lines = list(
            unified_diff(
                (one or "").splitlines(),
                (other or "").splitlines(),
                path if one is not None else "nothing",
                path if other is not None else "nothing",
                lineterm="",
            )
        )
        if len(lines) > _TEXT_LINES:
            lines = [*lines[:_TEXT_LINES], f"… {len(lines) - _TEXT_LINES} more lines"]
        yield TextChange(path, tuple(lines))
