"""Lock: read `interlock.yaml`, claim every file that it names, and make the bundle of exactly these bytes."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from posixpath import dirname, join, normpath
from typing import Any

from interlock.core.binding import bind
from interlock.core.bundle import Bundle, Component, bundle_from_json, bundle_to_json
from interlock.core.digest import Digest, FileEntry, of_bytes, of_value, parse_digest
from interlock.core.document import Document
from interlock.core.errors import BundleError, DocumentError, InterlockError, ManyErrors, Place
from interlock.core.json_text import parse_json
from interlock.core.manifest import Manifest, Part
from interlock.core.source import Path, decoded
from interlock.core.suite import SuiteFile
from interlock.core.yaml_text import parse_yaml
from interlock.ports import Tree
from interlock.services.globs import is_glob, matching, to_regex
from interlock.services.pins import pin_of

MANIFEST = "interlock.yaml"
LOCK = "interlock.lock"

ROLES: Mapping[Part, tuple[str, ...]] = {
    Part.MODEL: ("probe",),
    Part.SCHEMA: ("output", "parser"),
    Part.TOOLS: ("manifest",),
    Part.GUARDRAILS: ("glossary", "actions", "answers", "calibration"),
    Part.EVALS: ("traffic",),
    Part.RUNBOOK: ("runbook", "escalation", "operations"),
}
"""The keys of each part that name one file with a meaning of its own."""

OUTSIDE_SPEC = frozenset({"files", "folders", "requires", "covers", "reads_stored"})
"""What a part's specification leaves out: files are hashed themselves, constraints are a leaf of their own."""

_NEEDS_FILES = frozenset(Part) - {Part.MODEL, Part.RETRIEVER}
_MACHINE = frozenset({".git", ".interlock", "__pycache__"})  # folders that tools write, nobody releases
_SHOWN = 20  # unclaimed files that are listed one by one


@dataclass(frozen=True, slots=True)
class Resolved:
    """A manifest, the bundle that it makes, and the app build around it."""

    manifest: Manifest
    document: Document
    bundle: Bundle
    app: Digest
    app_files: tuple[FileEntry, ...]


@dataclass(frozen=True, slots=True)
class _Claim:
    owner: Part | None  # None is the app
    pattern: str
    document: Document
    at: Path

    @property
    def name(self) -> str:
        return "the app" if self.owner is None else f"part `{self.owner}`"


@dataclass(slots=True)
class _Desk:
    """Where claims come in, and faults are collected."""

    paths: Sequence[str]
    faults: list[InterlockError] = field(default_factory=list)
    owners: dict[str, _Claim] = field(default_factory=dict)

    def claim(self, claim: _Claim) -> list[str]:
        """The files of a claim; a claim of nothing, or of what another part has, is a fault."""
        found = matching(claim.pattern, self.paths)
        if not found:
            self.faults.append(_nothing(claim, self.paths))
        for path in found:
            first = self.owners.setdefault(path, claim)
            if first.owner is claim.owner:
                continue
            # A parser is often a file of the app's folder: the part has it, and the app build does not count it twice.
            if claim.owner is not None:
                message = f"`{path}` is claimed by {claim.name} and by {first.name}"
                hint = f"let one part have it; the other claim is at {first.document.place(first.at)}"
                self.faults.append(claim.document.error(claim.at, message, hint=hint, kind=DocumentError))
        return found

    def of(self, owner: Part | None) -> list[str]:
        return [path for path in self.paths if path in self.owners and self.owners[path].owner is owner]


def _nothing(claim: _Claim, paths: Sequence[str]) -> DocumentError:
    if is_glob(claim.pattern):
        loose = [path for path in paths if to_regex(claim.pattern.lower()).fullmatch(path.lower())]
        hint = f"`{loose[0]}` differs in upper and lower case" if loose else "correct the pattern, or remove it"
        message = f"the pattern `{claim.pattern}` matches no file"
    else:
        below = claim.pattern.rstrip("/") + "/"
        near = get_close_matches(claim.pattern, paths, n=1, cutoff=0.6)
        if any(path.startswith(below) for path in paths):
            message, hint = f"`{claim.pattern}` is a folder, not a file", f"write `{below}**` for everything in it"
        else:
            message = f"there is no file `{claim.pattern}`"
            hint = f"did you mean `{near[0]}`?" if near else f"paths are relative to the folder of {MANIFEST}"
    return claim.document.error(claim.at, message, hint=hint, kind=DocumentError)


def read_text(tree: Tree, path: str) -> str:
    """A text file of a tree. Raises DocumentError when it is not UTF-8."""
    return decoded(tree.read(path), path)


def _claims(manifest: Manifest, document: Document) -> Iterator[_Claim]:
    """Every claim that the manifest makes, parts first, so that the app gets what is left."""
    for part in Part:
        spec = manifest.part(part)
        if spec is None:
            continue
        at: Path = ("parts", part.value)
        for role in ROLES.get(part, ()):
            if (path := getattr(spec, role)) is not None:
                yield _Claim(part, path, document, (*at, role))
        for version, patterns in (getattr(spec, "stored", None) or {}).items():
            for index, pattern in enumerate(patterns):
                yield _Claim(part, pattern, document, (*at, "stored", version, index))
        for key in ("suites", "files"):
            for index, pattern in enumerate(getattr(spec, key, ())):
                yield _Claim(part, pattern, document, (*at, key, index))
    for index, pattern in enumerate(manifest.app.files):
        yield _Claim(None, pattern, document, ("app", "files", index))


def case_pattern(suite_path: str, pattern: str) -> str | None:
    """A pattern of a suite file as seen from the project folder, or None when it leaves that folder.

    >>> case_pattern("evals/gold.yaml", "cases/*.jsonl")
    'evals/cases/*.jsonl'
    """
    joined = normpath(join(dirname(suite_path), pattern))
    return None if pattern.startswith("/") or joined == ".." or joined.startswith("../") else joined


def _claim_cases(desk: _Desk, tree: Tree, suite_path: str) -> None:
    """Case files that a suite names belong to the evals part, whether or not `files` names them too."""
    try:
        document = parse_yaml(read_text(tree, suite_path), suite_path)
        suite = bind(SuiteFile, document)
    except InterlockError as fault:
        desk.faults.append(fault)
        return
    for index, pattern in enumerate(suite.cases):
        full = case_pattern(suite_path, pattern)
        if full is None:
            message = f"`{pattern}` leaves the project folder"
            desk.faults.append(document.error(("cases", index), message, hint="keep the cases beside their suite"))
        else:
            desk.claim(_Claim(Part.EVALS, full, document, ("cases", index)))
    for index, judge in enumerate(suite.judges):
        for role in ("prompt", "rubric", "calibration"):
            if (path := getattr(judge, role)) is not None:
                full = case_pattern(suite_path, path)
                if full is None:
                    message = f"`{path}` leaves the project folder"
                    desk.faults.append(document.error(("judges", index, role), message))
                else:
                    desk.claim(_Claim(Part.EVALS, full, document, ("judges", index, role)))


def _known_elsewhere(manifest: Manifest) -> Iterator[str]:
    """Patterns of files that the manifest names without making them part of the bundle."""
    yield from manifest.ignore
    yield from manifest.run.recordings
    for target in (manifest.target, manifest.fallback):
        if target is not None and target.path is not None:
            yield target.path


def _below(folder: str, path: str) -> bool:
    return folder == "" or path.startswith(folder + "/")


def _unclaimed(desk: _Desk, manifest: Manifest, document: Document) -> Iterator[DocumentError]:
    """Files that lie in the folder of a part and that nothing claims: what a lock would silently skip."""
    known = {path for pattern in _known_elsewhere(manifest) for path in matching(pattern, desk.paths)}
    loose = [path for path in desk.paths if path not in desk.owners and path not in known]
    told: set[str] = set()
    for part in Part:
        spec = manifest.part(part)
        if spec is None:
            continue
        at: Path = ("parts", part.value)
        if spec.folders is None:
            folders = {dirname(path) for path in desk.of(part)} - {""}
        else:
            folders = set()
            for index, written in enumerate(spec.folders):
                folder = normpath(written)
                folder = "" if folder == "." else folder
                folders.add(folder)
                if not any(_below(folder, path) for path in desk.paths):
                    message = f"there is no file in the folder `{written}`"
                    yield document.error((*at, "folders", index), message, hint="correct the path, or remove it")
        found = [path for path in loose if path not in told and any(_below(folder, path) for folder in folders)]
        told.update(found)
        for path in found[:_SHOWN]:
            yield document.error(
                at,
                f"`{path}` lies in a folder of part `{part}`, and nothing claims it",
                hint=f"add it to `parts.{part}.files`, or to `ignore` if it is not released",
                key=True,
                kind=DocumentError,
            )
        if len(found) > _SHOWN:
            message = f"{len(found) - _SHOWN} more files in the folders of part `{part}` are claimed by nothing"
            yield document.error(at, message, hint="claim them with a pattern such as `**`", key=True)


def _spec(manifest: Manifest, part: Part) -> dict[str, Any]:
    spec: dict[str, Any] = manifest.part(part).model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude=set(OUTSIDE_SPEC)
    )
    if part is Part.EVALS:
        spec["suites"] = sorted(spec["suites"])  # the order of patterns means nothing
    if part is Part.RUNBOOK:
        # How the feature is operated: changing the profile or an environment is a change of the runbook part.
        spec["release"] = manifest.model_dump(
            mode="json",
            by_alias=True,
            exclude_none=True,
            include={"feature", "purpose", "profile", "languages", "data_classes", "stakes", "limits", "environments"},
        )
        spec["release"]["order"] = list(manifest.environments)  # canonical JSON sorts keys; exposure has an order
    return spec


def _constraints(manifest: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in Part:
        spec = manifest.part(part)
        if spec is None:
            continue
        rows = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
        if kept := {key: rows[key] for key in ("requires", "covers", "reads_stored") if rows.get(key)}:
            found[part.value] = kept
    return found


def _in_order(faults: Iterable[InterlockError]) -> list[InterlockError]:
    def where(fault: InterlockError) -> tuple[bool, str, int, int]:
        place = fault.place or Place("")
        return place.file != MANIFEST, place.file, place.line or 0, place.column or 0

    return sorted(ManyErrors(faults).errors, key=where)


def _unnamed_app(desk: _Desk, manifest: Manifest, document: Document) -> Iterator[DocumentError]:
    """The module that is called has to be a file of the app build: else its edits would be nobody's change."""
    for key, spec in (("target", manifest.target), ("fallback", manifest.fallback)):
        if spec is None or spec.kind != "python" or not spec.call:
            continue
        module = spec.call.partition(":")[0].replace(".", "/")
        for path in (f"{module}.py", f"{module}/__init__.py"):
            if path in desk.paths and path not in desk.owners:
                yield document.error(
                    (key, "call"), f"`{path}` is what runs, and `app.files` does not claim it",
                    hint=f"add it: `app: {{files: [\"{path}\", …]}}`, with what it imports",
                )  # fmt: skip


def resolve(tree: Tree) -> Resolved:
    """Read the manifest, give every file its part, and make the bundle.

    Returns: the same bundle for the same bytes, in whatever order the manifest lists its patterns.
    Raises: DocumentError, or ManyErrors with every fault, each with its place: a manifest that cannot be read, a
        pattern that matches nothing, a path that is not there, a file of two parts, a file in the folder of a part
        that nothing claims. BundleError from the tree for a symlink that leaves it.
    """
    everything = tree.paths()
    if MANIFEST not in everything:
        hint = "run `interlock init` in the folder of the feature"
        raise DocumentError(f"there is no `{MANIFEST}` here", hint=hint, place=Place(MANIFEST))
    document = parse_yaml(read_text(tree, MANIFEST), MANIFEST)
    manifest = bind(Manifest, document)
    free = [path for path in everything if path not in (MANIFEST, LOCK) and not _MACHINE.intersection(path.split("/"))]
    desk = _Desk(free)
    claiming = set()
    for claim in _claims(manifest, document):
        found = desk.claim(claim)
        claiming.add(claim.owner)
        if claim.owner is Part.EVALS and claim.at[2] == "suites":
            for path in found:
                if path != manifest.parts.evals.traffic:  # it may lie beside the suites
                    _claim_cases(desk, tree, path)
    for part in Part:
        if part in _NEEDS_FILES and manifest.part(part) is not None and part not in claiming:
            message = f"part `{part}` has no file"
            desk.faults.append(
                document.error(("parts", part.value), message, hint=f"add `files: […]` to `parts.{part}`", key=True)
            )
    desk.faults.extend(_unclaimed(desk, manifest, document))
    desk.faults.extend(_unnamed_app(desk, manifest, document))
    if desk.faults:
        faults = _in_order(desk.faults)
        raise faults[0] if len(faults) == 1 else ManyErrors(faults)
    components = {}
    for part in Part:
        if manifest.part(part) is not None:
            files = tuple(FileEntry.of(path, tree.read(path)) for path in desk.of(part))
            spec = _spec(manifest, part)
            components[part] = Component(part, spec["version"], spec, files, pin_of(part, spec, files).level)
    app_files = tuple(FileEntry.of(path, tree.read(path)) for path in desk.of(None))
    bundle = Bundle(manifest.feature, components, _constraints(manifest))
    reached = _reached(manifest, tree)
    return Resolved(manifest, document, bundle, app_digest(app_files, manifest.app.capabilities, reached), app_files)


def _reached(manifest: Manifest, tree: Tree) -> dict[str, Any]:
    """How the app is reached and run: another target, or other recorded replies, is another app."""
    target = manifest.target
    replies = matching(target.path.replace("{model}", "*"), tree.paths()) if target.path else []
    return {
        "target": target.model_dump(mode="json", exclude_none=True),
        "fallback": manifest.fallback.model_dump(mode="json", exclude_none=True) if manifest.fallback else None,
        "run": {"repeats": manifest.run.repeats, "timeout_s": manifest.run.timeout_s},
        "replies": {path: of_bytes(tree.read(path)) for path in replies},
    }


def app_digest(files: Iterable[FileEntry], capabilities: Iterable[str], reached: Mapping[str, Any]) -> Digest:
    """The name of an app build: its files outside the parts, what it says it can do, and how it is reached."""
    return of_value(
        {
            "files": [
                {"path": entry.path, "size": entry.size, "sha256": entry.sha256}
                for entry in sorted(files, key=lambda entry: entry.path)
            ],
            "capabilities": sorted(set(capabilities)),
            "reached": dict(reached),
        },
        "interlock.app.v1",
    )


def lock_text(resolved: Resolved) -> str:
    """What `interlock.lock` holds: generated, committed, compared byte by byte (BND-01)."""
    value = {
        "interlock_lock": 1,
        "bundle": bundle_to_json(resolved.bundle),
        "app": {
            "digest": resolved.app,
            "capabilities": sorted(set(resolved.manifest.app.capabilities)),
            "files": [{"path": e.path, "size": e.size, "sha256": e.sha256} for e in resolved.app_files],
        },
    }
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _lock_value(text: str) -> dict[str, Any]:
    value = parse_json(text, LOCK).value
    if not isinstance(value, dict) or value.get("interlock_lock") != 1 or "bundle" not in value:
        raise BundleError(f"`{LOCK}` is not a lock of format 1", hint="run `interlock lock`", place=Place(LOCK))
    return value


def read_lock(text: str) -> Bundle:
    """The bundle that a lock pins. Raises DocumentError, or BundleError when its digests do not add up."""
    try:
        return bundle_from_json(_lock_value(text)["bundle"])
    except (KeyError, TypeError, ValueError, AttributeError) as cause:
        raise BundleError(
            f"`{LOCK}` misses something: {cause}", hint="run `interlock lock`", place=Place(LOCK)
        ) from cause


def read_lock_app(text: str) -> Digest:
    """The app build that a lock names. Raises as `read_lock` does."""
    try:
        return parse_digest(_lock_value(text)["app"]["digest"])
    except (KeyError, TypeError) as cause:
        raise BundleError(f"`{LOCK}` names no app build", hint="run `interlock lock`", place=Place(LOCK)) from cause
