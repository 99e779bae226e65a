"""What every importer needs of a case: its name, its slices, and expectations that have a true counterpart."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.core.digest import of_bytes, short
from interlock.services.compare import UNNAMED
from interlock.services.import_options import ImportOptions
from interlock.services.imported import Findings

KNOWN_SLICES = ("slice", "slices", "tag", "tags", "category")
MAX_LABEL = 200
_FEW = 20  # different values of a key, up to which it could name slices
_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u061c\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]+"
)


def label(text: str) -> str:
    """Text as the name of a case or a slice: one line, no hidden characters, at most 200; empty stays empty.

    >>> label(" late\\n refund ")
    'late refund'
    """
    plain = " ".join(_UNSEEN.sub(" ", text).split())
    if len(plain) <= MAX_LABEL:
        return plain
    return f"{plain[: MAX_LABEL - 13]}-{short(of_bytes(plain.encode()))}"


def digest_name(value: object) -> str:
    """A name for a case that has none: the same content has the same name in every file.

    >>> digest_name({"question": "when?"})
    'case-5a155013f653'
    """
    plain = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return f"case-{short(of_bytes(plain.encode()))}"


@dataclass(slots=True)
class Slicer:
    """Slices from metadata: the keys that are named for it, and a word on those that could be."""

    options: ImportOptions
    _others: dict[str, dict[str, int]] = field(default_factory=dict)

    def of(self, metadata: Mapping[str, Any] | None, *more: object) -> list[str]:
        """The slices of one case, sorted; `all` where nothing names one. `more` are values that are slices as such."""
        found: dict[str, None] = {}
        for value in more:
            found.update(dict.fromkeys(_names(value)))
        for key, value in (metadata or {}).items():
            if key in self.options.slice_by:
                found.update(dict.fromkeys(label(f"{key}={name}") for name in _names(value)))
            elif key.lower() in KNOWN_SLICES:
                found.update(dict.fromkeys(_names(value)))
            else:
                for name in _names(value):
                    counts = self._others.setdefault(key, {})
                    if name in counts or len(counts) <= _FEW:
                        counts[name] = counts.get(name, 0) + 1
        return sorted(found) or [UNNAMED]

    def report(self, findings: Findings) -> None:
        """List the keys of metadata that made no slice, and which of them could."""
        for key, counts in self._others.items():
            if 1 < len(counts) <= _FEW and max(counts.values()) > 1:
                why = f"{len(counts)} different values; `--slice-by {key}` makes slices of them"
            else:
                why = "no counterpart"
            findings.note("unmapped", f"metadata `{key}`", why)


def _names(value: object) -> list[str]:
    if isinstance(value, str):
        return [name] if (name := label(value)) else []
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, int | float):
        return [str(value)]
    if isinstance(value, Sequence):
        return [name for one in value if not isinstance(one, list | dict) for name in _names(one)]
    return []


def titles_of(cases: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Each slice under its own name."""
    return {name: name for case in cases for name in case["slices"]}


@dataclass(slots=True)
class Wanted:
    """An expectation that grows; what does not fit into it is not forced in.

    complete: whether everything that the source asks of the case has found its place.
    """

    facts: list[str | list[str]] = field(default_factory=list)
    forbid: list[str] = field(default_factory=list)
    single: dict[str, Any] = field(default_factory=dict)
    complete: bool = True

    def fact(self, *ways: str) -> bool:
        """One of these texts must occur. False when one says nothing, which would occur everywhere."""
        if not ways or not all(way.strip() for way in ways):
            return False
        self.facts.append(ways[0] if len(ways) == 1 else list(ways))
        return True

    def never(self, *words: str) -> bool:
        """None of these texts may occur."""
        if not words or not all(word.strip() for word in words):
            return False
        self.forbid += [word for word in words if word not in self.forbid]
        return True

    def only(self, key: str, value: Any) -> bool:
        """A key that can be there once. False when it is taken by another value."""
        if key in self.single and self.single[key] != value:
            return False
        self.single[key] = value
        return True

    def reference(self, options: ImportOptions, answers: Sequence[str]) -> bool:
        """A reference answer (or several, of which one will do), judged as the options say. False when they do not."""
        ways = [answer for answer in answers if answer.strip()]
        if options.reference == "facts" and ways:
            return self.fact(*ways)
        if options.reference == "exact" and len(ways) == 1:
            return self.only("exact", ways[0])
        return False

    @property
    def empty(self) -> bool:
        """Whether nothing is expected yet."""
        return not (self.facts or self.forbid or self.single)

    def to_json(self, *, recorded: bool) -> dict[str, Any]:
        """As `expect` of a case.

        Args:
            recorded: whether the case was run elsewhere; then the verdict of its harness is what counts, and our own
                expectations stand in for it only where they say all that it says.
        """
        own: dict[str, Any] = dict(self.single)
        if self.facts:
            own["facts"] = self.facts
        if self.forbid:
            own["forbid"] = self.forbid
        if recorded and not (self.complete and not self.empty):
            own["recorded"] = True
        return own


WHY_REFERENCE = "a reference answer does not say how it judges: `--reference facts` (must occur) or `exact` (must be)"


def literal(text: str) -> str:
    """A text as a pattern that matches just it, on the engine of the scorer `regex`.

    >>> literal("1.5 (net)")
    '1\\\\.5 \\\\(net\\\\)'
    """
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def pattern_fits(pattern: str) -> bool:
    """Whether the scorer `regex` takes a pattern: no look-around, no references to groups, at most 500 characters."""
    import jsonschema_rs

    if not pattern.strip() or len(pattern) > 500:
        return False
    try:
        jsonschema_rs.validator_for(
            {"type": "string", "pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions(size_limit=1_000_000)
        )
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True
