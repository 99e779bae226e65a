"""What is live where, since when and on whose word, in the terminal."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from interlock.core.digest import short
from interlock.core.pointer import Pointer
from interlock.core.verdict import Word
from interlock.views.screen import painted, wrapped
from interlock.views.wording import minute, plain


class ReadingWord(Protocol):
    """The newest reading of what is live."""

    @property
    def word(self) -> Word: ...
    @property
    def valid_until(self) -> datetime | None: ...


class StandingRow(Protocol):
    """One environment as it is now."""

    @property
    def environment(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def pointer(self) -> Pointer | None: ...
    @property
    def versions(self) -> Mapping[str, str]: ...
    @property
    def approvals(self) -> tuple[str, ...]: ...
    @property
    def provisional_until(self) -> datetime | None: ...
    @property
    def reading(self) -> ReadingWord | None: ...
    @property
    def waiting(self) -> Collection[object]: ...


def status_lines(rows: Sequence[StandingRow], *, width: int, color: bool, unicode: bool = True) -> list[str]:
    """A few lines per environment: bundle, versions, since when, on whose word, until when, what waits.

    Args:
        rows: in the order of exposure.
        width: columns.
        color: whether to write ANSI colours; each repeats a word.
        unicode: False writes ASCII only.
    """
    lines: list[str] = []
    for row in rows:
        pointer = row.pointer
        if pointer is None:
            said = [f"{row.environment} ({row.stage}): nothing is live"]
        else:
            name = f"{row.environment} ({row.stage}): {pointer.feature}@{short(pointer.stable)}, generation {pointer.generation}"
            word = (f"{row.reading.word} at its last check" if row.reading else "never checked here") + (
                f", valid until {minute(row.reading.valid_until)}" if row.reading and row.reading.valid_until else ""
            )
            who = f"  {pointer.move} by {pointer.actor} since {minute(pointer.at)}: {pointer.reason}"
            if row.approvals:
                who += f" · approved by {', '.join(row.approvals)}"
            said = [f"{name}, {word}", who]
            if row.versions:
                said.append("  " + " · ".join(f"{part} {version}" for part, version in row.versions.items()))
            off = ", ".join(f"{switch} ({reason})" for switch, reason in pointer.switches.items())
            if off:
                said.append(f"  switched off: {off}")
            if row.provisional_until:
                said.append(
                    f"  provisional until {minute(row.provisional_until)}: prove it with interlock check, or go on"
                )
        if row.waiting:
            said.append(f"  {len(row.waiting)} waiting for approval: interlock approve PLAN")
        for text in said:
            indent = text[: len(text) - len(text.lstrip())]
            found = wrapped(plain(text, unicode=unicode), width, first=indent, rest=indent + "  ")
            lines += [_paint(line, row, color=color) for line in found]
    return lines or ["No environment is declared.", "Next: interlock init"]


def _paint(line: str, row: StandingRow, *, color: bool) -> str:
    if row.reading and f"{row.reading.word} at" in line:
        return line.replace(row.reading.word, painted(row.reading.word, row.reading.word.value, color=color), 1)
    return line
