"""Readiness over time, in the terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from interlock.core.digest import Digest, short
from interlock.core.verdict import Word
from interlock.views.screen import cut, padded, painted
from interlock.views.wording import ids_in_groups, minute, money, plain

LETTERS: dict[Word, str] = {Word.READY: "R", Word.HOLD: "H", Word.BLOCKED: "B"}


class ReadingLike(Protocol):
    """One check run as the ledger keeps it."""

    @property
    def at(self) -> datetime: ...
    @property
    def bundle(self) -> str: ...
    @property
    def environment(self) -> str: ...
    @property
    def word(self) -> Word: ...
    @property
    def blocking(self) -> tuple[str, ...]: ...
    @property
    def valid_until(self) -> datetime | None: ...
    @property
    def next_to_expire(self) -> str: ...
    @property
    def calls(self) -> int: ...
    @property
    def cost_usd(self) -> float: ...
    @property
    def actor(self) -> str: ...


def history_lines(
    readings: Sequence[ReadingLike], *, width: int, color: bool, unicode: bool = True, most: int = 40
) -> list[str]:  # fmt: skip
    """A line per reading, the newest last, and what expires next.

    Args:
        readings: oldest first.
        width: columns.
        color: whether to write ANSI colours; each repeats a word.
        unicode: False writes ASCII only.
        most: how many readings at most; older ones are counted.
    """
    if not readings:
        return ["No check has run here yet.", "Next: interlock check"]
    shown = readings[-most:]
    lines = []
    if len(shown) < len(readings):
        lines.append(f"{len(readings) - len(shown)} earlier readings are not shown")
    place = max(len(reading.environment) for reading in shown)
    for reading in shown:
        said = f"{minute(reading.at)}  {reading.word:<7}  {padded(reading.environment, place)}  {short(Digest(reading.bundle))}"
        said += f"  {reading.calls} calls {money(reading.cost_usd)}  {reading.actor}"
        if reading.blocking:
            said += f"  {len(reading.blocking)} open: {ids_in_groups(reading.blocking)}"
        line = cut(plain(said, unicode=unicode), width, mark="…" if unicode else "...")
        lines.append(line.replace(reading.word, painted(reading.word, reading.word.value, color=color), 1))
    return [*lines, *_ends(readings, width, unicode=unicode)]


def _ends(readings: Sequence[ReadingLike], width: int, *, unicode: bool) -> list[str]:
    """What expires next in each environment, by its newest reading."""
    newest = {reading.environment: reading for reading in readings}
    lines = []
    for name, reading in newest.items():
        what = f" {reading.next_to_expire}" if reading.next_to_expire else " is not named"
        said = (
            f"{name}: {reading.word}; its evidence counts until {minute(reading.valid_until)}, first to expire{what}"
            if reading.valid_until
            else f"{name}: {reading.word}; nothing in it ages, it holds until a part changes"
        )
        lines.append(cut(plain(said, unicode=unicode), width, mark="…" if unicode else "..."))
    return lines
