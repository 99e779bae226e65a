"""How firmly each part is held: by bytes, by an immutable name, by a probe, or not at all (PIN-01)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.core.bundle import Component, PinLevel
from interlock.core.digest import FileEntry
from interlock.core.manifest import Part

_MOVING = re.compile(r"(?:^|[-_.:@/])(latest|stable|default|current|main|preview)$", re.IGNORECASE)
_MONTH, _DAY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_SNAPSHOT = re.compile(
    rf"""(?:^|[-_@.:/])(?:
        20\d\d-?{_MONTH}-?{_DAY}        # 2024-08-06, 20240806
      | {_MONTH}-?{_DAY}                # 0613, 05-06
      | {_MONTH}-20\d\d                 # 08-2024
      | 2\d{_MONTH}                     # 2407: year and month
      | 00\d                            # 002
      | v\d+:\d+                        # v1:0
      | (?:sha256:)?[0-9a-f]{{12,64}}   # a revision
    )(?=$|[-_@.:/])""",
    re.VERBOSE | re.IGNORECASE,
)
_WEIGHTS = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Pin:
    """The level of one part, and why. `alias` says what moves, where the name is one that moves."""

    level: PinLevel
    why: str
    alias: str | None = None


def moving_name(name: str) -> str | None:
    """Why a model id does not name one fixed model, or None when it does.

    A name moves when it ends in a word such as `latest`, or when it is a bare family name: nothing in it is a date,
    a numbered snapshot or a revision. `gpt-4-0125-preview` is a snapshot; `gemini-pro-preview` is not.

    >>> moving_name("gpt-4o-2024-08-06"), moving_name("gpt-4o")
    (None, '`gpt-4o` is a family name without a snapshot')
    """
    ends = _MOVING.search(name)
    if ends and ends[1].lower() != "preview":
        return f"`{name}` ends in `{ends[1]}`, which moves"
    if _SNAPSHOT.search(name):
        return None
    if ends:
        return f"`{name}` is a preview without a date"
    return f"`{name}` is a family name without a snapshot"


def _filler(digest: str) -> bool:
    return len(set(digest.removeprefix("sha256:"))) == 1


def _model(spec: Mapping[str, Any], files: Iterable[FileEntry]) -> Pin:
    name, mark = str(spec.get("id", "")), str(spec.get("fingerprint") or "")
    moves = moving_name(name)
    if _WEIGHTS.fullmatch(mark):
        if _filler(mark):
            return Pin(PinLevel.P3, "the fingerprint repeats one digit: it is a placeholder, not a digest", moves)
        held = next((entry.path for entry in files if entry.sha256 == mark), None)
        if held:
            return Pin(PinLevel.P0, f"the weights are {held}")
        return Pin(PinLevel.P1, "the digest of the weights is recorded")
    ends = _MOVING.search(name)
    fixed = moves is None or (mark and not ends)
    if fixed and mark:
        return Pin(PinLevel.P1, f"`{name}` with the fingerprint `{mark}` that responses echo")
    if fixed and spec.get("echoed"):
        return Pin(PinLevel.P1, f"`{name}` is a snapshot that responses echo")
    if spec.get("probe"):
        return Pin(PinLevel.P2, f"only the probe {spec['probe']} would notice a change", moves)
    if fixed:
        return Pin(PinLevel.P3, f"nothing shows that `{name}` is what answers: no fingerprint, no echo, no probe")
    return Pin(PinLevel.P3, f"{moves}, and there is no fingerprint and no probe", moves)


def _retriever(spec: Mapping[str, Any], files: Iterable[FileEntry]) -> Pin:
    index = spec.get("index")
    if index is not None:
        mark = index.get("fingerprint")
        if isinstance(mark, str) and mark.strip() and not (_WEIGHTS.fullmatch(mark) and _filler(mark)):
            return Pin(PinLevel.P1, "the external index has a fingerprint")
        return Pin(PinLevel.P3, "the external index has no fingerprint")
    if any(True for _ in files):
        return Pin(PinLevel.P0, "the sources are files of the bundle")
    return Pin(PinLevel.P3, "it names neither files nor an index")


def pin_of(kind: Part, spec: Mapping[str, Any], files: Iterable[FileEntry]) -> Pin:
    """How firmly a part is held, from its specification and its files alone.

    Returns: P0 the bytes are in the bundle · P1 an immutable external name · P2 an alias with a behaviour probe ·
        P3 it can change without a difference to show for it.
    """
    if kind is Part.MODEL:
        return _model(spec, files)
    if kind is Part.RETRIEVER:
        return _retriever(spec, files)
    return Pin(PinLevel.P0, "the files are in the bundle")


def weights_named(component: Component) -> bool:
    """Whether a model is named by the digest of its weights, so that the same name always answers with the same bytes."""
    mark = str(component.spec.get("fingerprint") or "")
    return bool(_WEIGHTS.fullmatch(mark)) and not _filler(mark)


def pin_of_component(component: Component) -> Pin:
    """The pin of a component, worked out again rather than read from a lock."""
    return pin_of(component.kind, component.spec, component.files)
