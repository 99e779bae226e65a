"""What init is going to write, while it is being put together, and how text gets into YAML."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from interlock.core.manifest import Part
from interlock.ports import Tree
from interlock.services.finding import Finding, FindingKind
from interlock.services.globs import is_glob
from interlock.services.stakes import StakesAnswers

FOLDER = "interlock"
"""Where init writes everything but the manifest."""

RECORD = f"{FOLDER}/.init.json"
"""What init wrote, so that it can be taken back."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the summary: what, where it was seen or written, and how sure that is."""

    what: str
    where: str
    standing: str


@dataclass(slots=True)
class Draft:
    """What will be written, while it is being put together.

    used: the findings that the manifest rests on. templates: the files that a person has to fill.
    """

    tree: Tree
    findings: Sequence[Finding]
    answers: StakesAnswers
    files: dict[str, str] = field(default_factory=dict)
    used: list[Finding] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    paths: Sequence[str] = ()

    def of(self, *kinds: FindingKind) -> list[Finding]:
        """The findings of some kinds; the guessed ones only where nothing was found."""
        every = [finding for finding in self.findings if finding.kind in kinds]
        return [finding for finding in every if finding.confidence == "found"] or every

    def template(self, part: Part, path: str, text: str, *, row: bool = True) -> str:
        self.files[path] = text
        self.templates.append(path)
        if row:
            self.rows.append(Row(part.value, path, "not found, template written"))
        return path

    def seen(self, what: str, finding: Finding, where: str | None = None) -> None:
        self.used.append(finding)
        standing = finding.note if finding.confidence == "found" else f"guessed, please confirm: {finding.note}"
        self.rows.append(Row(what, where or finding.where, standing))

    def claim(self, paths: Iterable[str]) -> list[str]:
        """Take files for a part: those that no other part has, and whose name is no pattern."""
        mine = [path for path in dict.fromkeys(paths) if path not in self.taken and not is_glob(path)]
        self.taken.update(mine)
        return mine


def quoted(text: str) -> str:
    """A string as a quoted scalar of YAML; what cannot be seen is written as an escape.

    >>> print(quoted('say "yes"'), quoted("a\u2028b"))
    "say \\"yes\\"" "a\\u2028b"
    """
    written = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else _escape(ord(char)) for char in written)


def _escape(point: int) -> str:
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def listed(texts: Iterable[str]) -> str:
    """Strings as a list on one line."""
    return "[" + ", ".join(quoted(text) for text in texts) + "]"


def comment(text: str) -> str:
    """A remark at the end of a line; it can never become a line of its own."""
    return "  # " + "".join(char if char.isprintable() else " " for char in text)


def said(finding: Finding, text: str = "") -> str:
    """A comment that says where something comes from, and whether a person has to confirm it."""
    told = f"{finding.where}{': ' if text else ''}{text}"
    return comment(told if finding.confidence == "found" else f"guessed, confirm: {told}")
