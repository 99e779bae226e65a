"""Canonical bytes, and the name that they give to content.

The same content has the same digest on every machine and in every language: values are written as canonical
JSON (RFC 8785) before they are hashed, and each kind of thing is hashed under a domain of its own, so that a
component can never pass for a bundle.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from json.encoder import encode_basestring as _quoted
from typing import Any, NewType

import rfc8785

from interlock.core.errors import MalformedDigest, NotCanonical, UnsafePath

Digest = NewType("Digest", str)
"""The name of some bytes: `sha256:` and 64 lower-case hexadecimal digits."""

MAX_EXACT_INT = 2**53 - 1
"""The largest integer that every JSON reader takes exactly."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def parse_digest(text: str) -> Digest:
    """Take text as a digest, or say why it is none.

    Raises: MalformedDigest.
    """
    if not _DIGEST.fullmatch(text):
        raise MalformedDigest(f"`{text[:80]}` is not a digest", hint="write `sha256:` and 64 lower-case hex digits")
    return Digest(text)


def short(digest: Digest) -> str:
    """The first 12 hexadecimal digits, for people.

    >>> short(of_bytes(b""))
    'e3b0c44298fc'
    """
    return digest.removeprefix("sha256:")[:12]


def of_bytes(content: bytes) -> Digest:
    """The digest of raw bytes; text is hashed as it lies in its file, line ends included.

    >>> of_bytes(b"abc")
    'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    """
    return Digest("sha256:" + hashlib.sha256(content).hexdigest())


def canonical(value: object) -> bytes:
    """A JSON value (dict, list, tuple, str, int, float, bool, None) as canonical JSON.

    1 and 1.0 are one number here, as they are in JSON; NFC and NFD spellings of a string are two strings.

    Args:
        value: integers within ±(2**53 - 1), finite floats, text keys.
    Raises: NotCanonical, which names the offending part.
    Source: RFC 8785, JSON Canonicalization Scheme.

    >>> canonical({"b": [1.0, 1e21], "a": None})
    b'{"a":null,"b":[1,1e+21]}'
    """
    try:
        return _written(value).encode()
    except (ValueError, TypeError) as cause:  # also what an unpaired surrogate raises, and a key that is no text
        where, what = _culprit(value)
        raise NotCanonical(f"`{where}` has no canonical form: {what}", hint="use plain JSON values") from cause
    except RecursionError as cause:
        raise NotCanonical("the value is nested too deeply, or holds itself", hint="flatten it") from cause


def _written(value: Any) -> str:
    """What RFC 8785 writes, several times as fast for text, lists and mappings: a large suite has millions of them."""
    kind = type(value)
    if kind is str:
        return _quoted(value)
    if value is None:
        return "null"
    if kind is dict:
        keys = sorted(value)
        if not "".join(keys).isascii():
            keys.sort(key=_code_units)
        return "{" + ",".join([_quoted(key) + ":" + _written(value[key]) for key in keys]) + "}"
    if kind is list or kind is tuple:
        return "[" + ",".join([_written(child) for child in value]) + "]"
    if kind is bool:
        return "true" if value else "false"
    return rfc8785.dumps(value).decode()  # numbers, and what is refused


def _code_units(key: str) -> bytes:
    """Keys are sorted by their UTF-16 code units; for ASCII that is the order of the text itself."""
    return key.encode("utf-16-be")


def _culprit(value: object) -> tuple[str, str]:
    """The first part of a refused value that JSON cannot hold, and why."""
    open_: list[tuple[str, object]] = [("$", value)]
    while open_:
        where, part = open_.pop()
        if isinstance(part, dict):
            for key in part:
                if not isinstance(key, str):
                    return where, f"a key is of type {type(key).__name__}, not text"
                if not _is_utf8(key):
                    return where, "a key holds an unpaired surrogate"
            open_ += [(f"{where}.{key}", child) for key, child in reversed(part.items())]
        elif isinstance(part, list | tuple):
            open_ += [(f"{where}[{i}]", part[i]) for i in reversed(range(len(part)))]
        elif isinstance(part, bool | None):
            continue
        elif isinstance(part, int):
            if abs(part) > MAX_EXACT_INT:
                return where, "an integer beyond ±(2^53 - 1)"
        elif isinstance(part, float):
            if part - part != 0:
                return where, "a number that is not finite"
        elif not isinstance(part, str):
            return where, f"a value of type {type(part).__name__}"
        elif not _is_utf8(part):
            return where, "an unpaired surrogate"
    return "$", "not a JSON value"


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def of_value(value: object, domain: str) -> Digest:
    """The digest of a JSON value within a domain: sha256(domain, NUL, canonical JSON).

    Args:
        domain: what kind of thing is named, with the version of its form, like `interlock.scope.v1`.
    Raises: NotCanonical; ValueError for a domain that is empty or holds NUL.
    """
    if not domain or "\0" in domain:
        raise ValueError(f"not a domain: {domain!r}")
    return of_bytes(domain.encode() + b"\0" + canonical(value))


def safe_path(path: str) -> str:
    """Give back a path that names the same file inside its folder on every system, or refuse it.

    Raises: UnsafePath for what is absolute, has `.`, `..` or empty steps, backslashes, control characters or
        text that is not in Unicode normal form C.

    >>> safe_path("kb/refunds.md")
    'kb/refunds.md'
    """
    steps = path.split("/")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        fault, hint = "is absolute", "write it relative to the project folder"
    elif "\\" in path:
        fault, hint = "has a backslash", "separate folders with `/`"
    elif ".." in steps:
        fault, hint = "leaves its folder", "keep the files of a bundle inside the project folder"
    elif "" in steps or "." in steps:
        fault, hint = "has an empty step", "write each folder once, without `.` or a doubled `/`"
    elif any(unicodedata.category(char) in {"Cc", "Cs"} for char in path):
        fault, hint = "has a character that cannot be shown", "rename the file"
    elif not unicodedata.is_normalized("NFC", path):
        fault, hint = "is not in Unicode normal form C", "rename the file; some systems spell accents as two characters"
    else:
        return path
    raise UnsafePath(f"the path `{path}` {fault}", hint=hint)


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a component: where it lies, and what it holds.

    Args:
        path: relative to the project folder; see `safe_path`.
        size: bytes, at least 0.
        sha256: the digest of the raw bytes.
    Raises: UnsafePath, MalformedDigest; ValueError for an impossible size.
    """

    path: str
    size: int
    sha256: Digest

    def __post_init__(self) -> None:
        safe_path(self.path)
        parse_digest(self.sha256)
        if not 0 <= self.size <= MAX_EXACT_INT:
            raise ValueError(f"not a file size: {self.size}")

    @classmethod
    def of(cls, path: str, content: bytes) -> "FileEntry":
        """The entry of a file whose bytes are at hand."""
        return cls(path, len(content), of_bytes(content))


def component_digest(kind: str, spec: Mapping[str, object], files: Iterable[FileEntry]) -> Digest:
    """The digest of one part: its kind, its settings and its files, in whatever order these were listed.

    Args:
        kind: the part, like `prompt`.
        spec: what `interlock.yaml` says of it and a change of behaviour could come from.
        files: each path at most once.
    Raises: NotCanonical, or UnsafePath when a path is listed twice.
    """
    entries = sorted(files, key=lambda entry: entry.path)  # by code point, the same everywhere
    for one, other in pairwise(entries):
        if one.path == other.path:
            raise UnsafePath(f"the path `{one.path}` is listed twice in `{kind}`", hint="list each file once")
    listed = [{"path": entry.path, "size": entry.size, "sha256": entry.sha256} for entry in entries]
    return of_value({"kind": kind, "spec": dict(spec), "files": listed}, "interlock.component.v1")


def bundle_digest(components: Mapping[str, Digest], constraints: Digest) -> Digest:
    """The digest of a bundle: a tree of one leaf for each part and one for the constraints between them.

    Constraints are a leaf of their own, so that tightening one does not void evidence about the parts.

    Raises: MalformedDigest.
    """
    leaves = {kind: parse_digest(digest) for kind, digest in components.items()}
    return of_value({"components": leaves, "constraints": parse_digest(constraints)}, "interlock.bundle.v1")


def scope_digest(scope: Mapping[str, str]) -> Digest:
    """The digest under which evidence is kept: exactly what was read to measure it.

    Args:
        scope: what was read, like `prompt`, and the digest or name of it.
    Raises: NotCanonical when a key or a value is not text.
    """
    for key, value in scope.items():
        if not isinstance(value, str):
            raise NotCanonical(f"`{key}` in a scope is not text", hint="give the digest of what was read")
    return of_value(dict(scope), "interlock.scope.v1")
