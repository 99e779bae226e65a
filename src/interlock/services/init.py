"""Begin: an `interlock.yaml` and templates beside somebody's own files, none of which is changed, and the way back."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from posixpath import dirname
from typing import Literal, Protocol

from interlock.core.binding import FEATURE, Str, Strict, bind
from interlock.core.digest import of_bytes, safe_path
from interlock.core.errors import DocumentError, InterlockError, Place, UnknownContent, UsageError
from interlock.core.json_text import parse_json
from interlock.core.manifest import Profile
from interlock.ports import Tree
from interlock.services.discover import discover, looked_at
from interlock.services.finding import Finding
from interlock.services.init_draft import FOLDER, RECORD, Row
from interlock.services.init_manifest import draft
from interlock.services.lock import MANIFEST, resolve
from interlock.services.parts import load_parts
from interlock.services.stakes import StakesAnswers

_ALREADY = "edit it, or take back what init wrote with `interlock init --undo`"


class FeatureFolder(Protocol):
    """The folder that init writes to; nothing that is there is ever replaced."""

    def exists(self, path: str) -> bool:
        """Whether a file, a folder or a link of this name is there."""
        ...

    def read(self, path: str) -> bytes:
        """The bytes of a file. Raises UsageError for what is no file."""
        ...

    def write_new(self, path: str, content: bytes) -> None:
        """Write a file and the folders on the way to it. Raises UsageError when something is there already."""
        ...

    def delete(self, path: str) -> bool:
        """Remove a file, or a folder if it is empty. Returns whether it is gone."""
        ...


@dataclass(frozen=True, slots=True)
class InitPlan:
    """What init would write, and what it rests on.

    files: text by path, `interlock.yaml` first. findings: everything that was seen. guessed: what the manifest rests
    on and a person has to confirm. templates: files that somebody has to fill. rows: the summary, part by part.
    looked_at: how many files were considered.
    """

    files: Mapping[str, str]
    findings: tuple[Finding, ...]
    guessed: tuple[Finding, ...]
    templates: tuple[str, ...]
    rows: tuple[Row, ...]
    profile: Profile
    looked_at: int


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of the files that init wrote: removed, kept because edited since, or gone before."""

    removed: tuple[str, ...]
    kept: tuple[str, ...]
    missing: tuple[str, ...]


class _Written(Strict):
    path: Str
    sha256: Str


class _Record(Strict):
    """`interlock/.init.json`."""

    interlock_init: Literal[1]
    files: tuple[_Written, ...]
    folders: tuple[Str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Overlay:
    """A tree as it will be once some files are added."""

    tree: Tree
    added: Mapping[str, bytes]

    def paths(self) -> Sequence[str]:
        return sorted({*self.tree.paths(), *self.added})

    def read(self, path: str) -> bytes:
        return self.added[path] if path in self.added else self.tree.read(path)


def name_of(folder: str) -> str:
    """The name of a folder as the name of a feature.

    >>> name_of("My Bot (2)"), name_of("日本")
    ('my-bot-2', 'feature')
    """
    return re.sub(r"[^a-z0-9._]+", "-", folder.lower()).strip("-._")[:63] or "feature"


def plan_init(tree: Tree, answers: StakesAnswers, name: str) -> InitPlan:
    """What to write for a feature that has no `interlock.yaml` yet. Writes nothing.

    The plan is locked and its parts are read before it is returned, so what is written can be locked at once.

    Args:
        name: of the feature, such as `acme/support-answers`.
    Raises: UsageError when the feature has a manifest, or something lies where init would write; DocumentError or
        ManyErrors when the repository holds something that no bundle could be made of.
    """
    there = set(tree.paths())
    if not name.strip():
        raise UsageError("the feature has no name", hint="give one, such as `acme/support-answers`")
    if not re.fullmatch(FEATURE, name):
        hint = "lower-case letters, digits, `.`, `_` and `-`, with slashes between: `acme/support-answers`"
        raise UsageError(f"`{name}` is no name for a feature", hint=hint)
    for path in (MANIFEST, RECORD):
        if path in there:
            raise UsageError(f"`{path}` is already here", hint=_ALREADY, place=Place(path))
    findings = discover(tree)
    made = draft(tree, findings, answers, name)
    taken = [path for path in (FOLDER, *made.files) if path in there]
    if taken:
        raise _in_the_way(taken)
    overlay = _Overlay(tree, {path: text.encode() for path, text in made.files.items()})
    load_parts(resolve(overlay).bundle, overlay)
    guessed = tuple(dict.fromkeys(finding for finding in made.used if finding.confidence == "guessed"))
    return InitPlan(
        dict(made.files), findings, guessed, tuple(made.templates), tuple(made.rows), answers.profile, looked_at(tree)
    )


def _in_the_way(paths: Sequence[str]) -> UsageError:
    shown = ", ".join(f"`{path}`" for path in paths[:5]) + (" …" if len(paths) > 5 else "")
    verb = "is" if len(paths) == 1 else "are"
    return UsageError(f"{shown} {verb} in the way", hint=f"init overwrites nothing; move it, or {_ALREADY}")


def apply_init(plan: InitPlan, folder: FeatureFolder) -> tuple[str, ...]:
    """Write a plan. The record is written first, so that an init that was killed can be taken back too.

    Returns: the paths written, the record last.
    Raises: UsageError when something is in the way; then nothing is written, or what was written is removed again.
    """
    taken = [path for path in (*plan.files, RECORD) if folder.exists(path)]
    if taken:
        raise _in_the_way(taken)
    folders = sorted(
        {parent for path in (*plan.files, RECORD) for parent in _parents(path) if not folder.exists(parent)}
    )
    contents = {path: text.encode() for path, text in plan.files.items()}
    record = _Record(
        interlock_init=1,
        files=tuple(_Written(path=path, sha256=of_bytes(content)) for path, content in contents.items()),
        folders=tuple(folders),
    )
    written: list[str] = []
    try:
        # The manifest comes last: where it is, everything that it names is there too.
        last = sorted(contents.items(), key=lambda item: item[0] == MANIFEST)
        for path, content in ((RECORD, _record_text(record).encode()), *last):
            folder.write_new(path, content)
            written.append(path)
    except (InterlockError, OSError):
        for path in reversed(written):
            folder.delete(path)
        _prune(folders, folder)
        raise
    return (*contents, RECORD)


def undo_init(folder: FeatureFolder) -> Undone:
    """Remove what init wrote, exactly: a file that was edited since is kept and named, and so are its folders.

    Raises: UsageError when there is nothing to take back; DocumentError when the record is not one of ours.
    """
    if not folder.exists(RECORD):
        raise UsageError(
            f"there is no `{RECORD}`, so nothing is known that init wrote", hint="remove the files by hand"
        )
    record = _read_record(folder.read(RECORD))
    removed, kept, missing = [], [], []
    for entry in record.files:
        if not folder.exists(entry.path):
            missing.append(entry.path)
        elif _digest(folder, entry.path) == entry.sha256 and folder.delete(entry.path):
            removed.append(entry.path)
        else:
            kept.append(entry.path)
    folder.delete(RECORD)  # last: an undo that was killed can be run again
    _prune(record.folders, folder)
    return Undone(tuple(removed), tuple(kept), tuple(missing))


def _digest(folder: FeatureFolder, path: str) -> str | None:
    try:
        return of_bytes(folder.read(path))
    except (UsageError, UnknownContent):
        return None  # a link or a folder of that name is not what init wrote


def _prune(folders: Sequence[str], folder: FeatureFolder) -> None:
    for path in sorted(folders, key=len, reverse=True):
        if folder.exists(path):
            folder.delete(path)


def _parents(path: str) -> list[str]:
    parent, found = dirname(path), []
    while parent:
        found.append(parent)
        parent = dirname(parent)
    return found


def _record_text(record: _Record) -> str:
    return json.dumps(record.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def _read_record(content: bytes) -> _Record:
    """The record. Somebody may have edited it: it can never name a file that init does not write."""
    try:
        text = content.decode()
    except UnicodeDecodeError as cause:
        raise DocumentError("the record is not UTF-8", hint="restore it from history", place=Place(RECORD)) from cause
    document = parse_json(text, RECORD)
    record = bind(_Record, document)
    for path in (*(entry.path for entry in record.files), *record.folders):
        inside = path in {MANIFEST, FOLDER} or path.startswith(f"{FOLDER}/")
        if safe_path(path) and not inside:
            raise document.error((), f"`{path}` is no file that init writes", hint="restore the record from history")
    return record
