"""Lines of a terminal: cut and wrapped by the columns that they take, painted only when asked."""

from rich.cells import cell_len, chop_cells
from rich.color import ColorSystem
from rich.style import Style

from interlock.core.rules import Standing
from interlock.core.verdict import Word

PAINT: dict[str, str] = {
    Standing.PASS.value: "green",
    Standing.FAIL.value: "bold red",
    Standing.OWED.value: "yellow",
    Standing.WAIVED.value: "magenta",
    Standing.NA.value: "dim",
    Word.READY.value: "bold green",
    Word.HOLD.value: "bold yellow",
    Word.BLOCKED.value: "bold red",
    "strong": "bold",
    "faint": "dim",
}
"""Styles by the word that they paint; the word is always there too."""


def painted(text: str, style: str, *, color: bool) -> str:
    """The text in a style, or as it is."""
    return Style.parse(PAINT[style]).render(text, color_system=ColorSystem.STANDARD) if color else text


def cut(text: str, width: int, *, mark: str = "…") -> str:
    """The text in at most `width` columns; a cut is marked.

    >>> cut("abcdef", 4), cut("abcdef", 6)
    ('abc…', 'abcdef')
    """
    if cell_len(text) <= width:
        return text
    room = width - cell_len(mark)
    if room <= 0:
        return mark[: max(0, width)]
    return chop_cells(text, room)[0].rstrip() + mark


def wrapped(text: str, width: int, *, first: str = "", rest: str = "") -> list[str]:
    """The text in lines of at most `width` columns; `first` and `rest` are what the lines begin with.

    >>> wrapped("one two three", 9, rest="  ")
    ['one two', '  three']
    """
    lines: list[str] = []
    line, empty = first, True
    for whole in text.split():
        word = whole
        gap = "" if empty else " "
        if cell_len(line + gap + word) <= width:
            line, empty = line + gap + word, False
            continue
        if not empty:
            lines.append(line)
            line = rest
        while cell_len(line + word) > width:  # longer than a line: fill this one and go on in the next
            piece = chop_cells(word, max(1, width - cell_len(line)))[0] or word[0]
            lines.append(line + piece)
            line, word = rest, word[len(piece) :]
        line, empty = line + word, False
    return [*lines, line.rstrip()]


def padded(text: str, width: int) -> str:
    """The text, filled with spaces to `width` columns."""
    return text + " " * max(0, width - cell_len(text))
