"""Every error that Interlock raises on purpose, as one family tree.

An error says what is wrong, where, and what to do. Its `code` never changes once published: scripts and
documentation may rely on it.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

_WINDOW = 120  # columns of a source line that are shown around the fault


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file that a person wrote.

    Args:
        file: the name as the reader knows it, usually relative to the project.
        line: counted from 1, or None when the whole file is meant.
        column: counted in characters from 1, or None when the whole line is meant.

    >>> str(Place("interlock.yaml", 7, 3))
    'interlock.yaml:7:3'
    """

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


class InterlockError(Exception):
    """Something could not be done; the message says what, the hint what to do about it.

    Args:
        message: lower case, with what the user wrote in backticks.
        hint: what to do, or empty.
        place: where the fault was written.
        source_line: the text of that line, shown under the message.
    """

    code: ClassVar[str] = "interlock"
    exit_code: int = 0  # 0: by the code; see the table of exit codes

    def __init__(
        self, message: str, *, hint: str = "", place: Place | None = None, source_line: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.place = place
        self.source_line = source_line

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in cls.__dict__:
            raise TypeError(f"{cls.__name__} needs a code of its own")

    def __str__(self) -> str:
        return self.message if self.place is None else f"{self.place}: {self.message}"

    def render(self) -> str:
        """The error as several lines of plain text: code, message, place, source line, help.

        What came from a file cannot move the cursor, recolour the terminal or reorder the text: control and
        direction characters are shown as escapes.
        """
        lines = [f"error[{self.code}]: {_visible(self.message)}"]
        if self.place is not None:
            lines.append(f" --> {_visible(str(self.place))}")
            if self.source_line is not None and self.place.line is not None:
                lines.extend(_excerpt(self.source_line, self.place.line, self.place.column))
        if self.hint:
            lines.append(f"  help: {_visible(self.hint)}")
        return "\n".join(lines)


def _hidden(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _visible(text: str) -> str:
    return "".join(c if c == "\n" or not _hidden(c) else c.encode("unicode_escape").decode() for c in text)


def _excerpt(source: str, line: int, column: int | None) -> Iterator[str]:
    """The source line behind its number, and a caret below the column."""
    at = min(column or 1, len(source) + 1) - 1
    start = max(0, at - _WINDOW // 2) if len(source) > _WINDOW else 0
    # One sign for each hidden character, so that the caret stays below its column.
    shown = ["�" if _hidden(c) and c != "\t" else " " if c == "\t" else c for c in source[start : start + _WINDOW]]
    lead, trail = "…" if start else "", "…" if start + _WINDOW < len(source) else ""
    yield f"  {line} | {lead}{''.join(shown)}{trail}".rstrip()
    if column is not None:
        gap = len(lead) + sum(_width(c) for c in shown[: at - start])
        yield f"{' ' * (len(str(line)) + 2)} | {' ' * gap}^"


def _width(char: str) -> int:
    """Columns that a terminal gives to a character: 0, 1 or 2."""
    return 0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1


class ManyErrors(InterlockError):
    """Several errors found in one pass, so that they can be mended in one pass."""

    code = "many"

    def __init__(self, errors: Iterable[InterlockError]) -> None:
        flat: list[InterlockError] = []
        for error in errors:
            flat.extend(error.errors if isinstance(error, ManyErrors) else (error,))
        self.errors: tuple[InterlockError, ...] = tuple(flat)
        super().__init__(f"{len(flat)} errors", place=flat[0].place if flat else None)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)

    def render(self) -> str:
        """Every error in full, with an empty line between them."""
        return "\n\n".join(error.render() for error in self.errors)


class UsageError(InterlockError):
    """A command was called in a way that it does not understand."""

    code = "usage"


class DocumentError(InterlockError):
    """A file that a person or a tool wrote cannot be taken as it is."""

    code = "doc"


class DocumentSyntax(DocumentError):
    """The text is not well-formed YAML or JSON."""

    code = "doc.syntax"


class EmptyDocument(DocumentError):
    """The text holds no value."""

    code = "doc.empty"


class TooLarge(DocumentError):
    """The text is longer, or nested deeper, than any honest document needs."""

    code = "doc.too-large"


class HiddenCharacter(DocumentError):
    """The text holds a character that a reader cannot see: control, direction, tab in YAML."""

    code = "doc.hidden-character"


class DuplicateKey(DocumentError):
    """A key is written twice in one mapping; most parsers silently drop one of the two."""

    code = "doc.duplicate-key"


class KeyNotText(DocumentError):
    """The key of a mapping is a number, a truth value, null, a list or a mapping."""

    code = "doc.key-not-text"


class YamlFeature(DocumentError):
    """The text uses anchors, aliases, merge keys, tags, directives or several documents."""

    code = "doc.yaml-feature"


class AmbiguousValue(DocumentError):
    """An unquoted value that one YAML reader takes for text and another for a date, time, number or truth value."""

    code = "doc.ambiguous-value"


class NumberOutOfRange(DocumentError):
    """A number that a double cannot hold exactly (integers) or at all (NaN, infinity)."""

    code = "doc.number-out-of-range"


class UnknownKey(DocumentError):
    """A key that the format does not have."""

    code = "doc.unknown-key"


class MissingKey(DocumentError):
    """A key that the format requires."""

    code = "doc.missing-key"


class WrongValue(DocumentError):
    """A value of the wrong type, outside its range or not among the allowed ones."""

    code = "doc.wrong-value"


class VersionNotText(WrongValue):
    """A version written as a number, so that 1.10 and 1.1 would be the same version."""

    code = "doc.version-not-text"


class NotCanonical(DocumentError):
    """A value that has no canonical JSON form, and so no digest."""

    code = "doc.not-canonical"


class UnsafePath(DocumentError):
    """A file path that is absolute, leaves its folder or is not spelled the same on every system."""

    code = "doc.unsafe-path"


class BundleError(InterlockError):
    """The bundle does not fit together, or is not what it says it is."""

    code = "bundle"


class MalformedDigest(BundleError):
    """Text that should name bytes by their SHA-256 and does not."""

    code = "bundle.malformed-digest"


class UnknownContent(BundleError):
    """A bundle names bytes that the store does not hold."""

    code = "bundle.unknown-content"

    def __init__(self, digest: str) -> None:
        super().__init__(f"no content for `{digest[:19]}`", hint="push the bundle from where it was built")
        self.digest = digest


class EvidenceError(InterlockError):
    """Evidence is unreadable, altered, or does not belong to what it is offered for."""

    code = "evidence"


class TargetError(InterlockError):
    """The application under test could not be reached, or did not keep the target contract."""

    code = "target"


class LedgerError(InterlockError):
    """The record of facts could not be read or written, or its chain is broken."""

    code = "ledger"


class PromotionError(InterlockError):
    """A bundle may not become live here, or may not be returned to."""

    code = "promotion"


class ConflictError(InterlockError):
    """What is live changed since it was read; nothing was written."""

    code = "conflict"


class BusyError(InterlockError):
    """Somebody else is doing what may be done only once at a time."""

    code = "busy"
    exit_code = 3


class CapError(InterlockError):
    """Going on would cost more than the declared cap."""

    code = "cap"


class HandoffError(InterlockError):
    """A handoff to people could not be sent, or names what nobody knows."""

    code = "handoff"


class EffectError(InterlockError):
    """An effect was not carried out, or it is not known whether it was."""

    code = "effect"


class Denied(EffectError):
    """The guard says no; the tool was not called. `codes` say why, `record` is the number of the decision."""

    code = "effect.denied"

    def __init__(self, message: str, *, codes: Iterable[str], record: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.codes = tuple(codes)
        self.record = record


class Escalated(Denied):
    """The guard hands the matter to a person; the tool was not called."""

    code = "effect.escalated"


class KeyConflict(Denied):
    """The same effect was asked for before with other arguments; the tool was not called."""

    code = "effect.key-conflict"


class ResultNotKept(Denied):
    """The effect happened before, and what it returned was not kept, so the repeated call has no answer."""

    code = "effect.result-not-kept"


class NeedsApproval(EffectError):
    """A person must agree first; the tool was not called. `approval` names the request, `expires_at` ends it."""

    code = "effect.needs-approval"
    exit_code = 4

    def __init__(self, message: str, *, approval: str, expires_at: datetime, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.approval = approval
        self.expires_at = expires_at


class InProgress(EffectError):
    """The same effect is under way elsewhere; the tool was not called again."""

    code = "effect.in-progress"
    exit_code = 3


class OutcomeUnknown(EffectError):
    """The tool was called and it is not known what came of it. `claim` names it; it is never repeated by itself.

    result: what the tool returned, where it did and only the record of it failed.
    """

    code = "effect.outcome-unknown"

    def __init__(self, message: str, *, claim: str, result: object = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.claim = claim
        self.result = result


class RefusedBeforeEffect(EffectError):
    """Raised by a tool that refused before it changed anything: the effect surely did not happen and may be tried again."""

    code = "effect.refused-before"


class ApprovalError(EffectError):
    """A person may not decide this request, or it can no longer be decided."""

    code = "effect.approval"


class SettlementError(EffectError):
    """An outcome cannot be settled like this: it is known already, or nobody may say so."""

    code = "effect.settlement"


class PolicyError(InterlockError):
    """An action map, its tools and its glossary do not make a policy that could decide."""

    code = "policy"


class ToolSchemaError(PolicyError):
    """The input schema of a tool is no schema, refers outside itself, or has a pattern that could hang."""

    code = "policy.tool-schema"


def all_codes() -> dict[str, type[InterlockError]]:
    """Every error code with its class, sorted by code, for the reference in the documentation.

    >>> all_codes()["cap"].__name__
    'CapError'
    """
    found: list[type[InterlockError]] = [InterlockError]
    for kind in found:  # grows while it is walked
        found.extend(kind.__subclasses__())
    return {kind.code: kind for kind in sorted(found, key=lambda kind: kind.code)}
