"""What changed between two bundles, in the terminal."""

from collections.abc import Sequence
from typing import Protocol

from interlock.core.digest import Digest, short
from interlock.core.manifest import Part
from interlock.views.screen import cut, padded, painted, wrapped
from interlock.views.wording import plain


class TextRow(Protocol):
    """One text file, as the lines of a unified diff."""

    @property
    def path(self) -> str: ...
    @property
    def lines(self) -> tuple[str, ...]: ...


class PartRow(Protocol):
    """One part before and after; `change` is a word: unchanged, added, removed or changed."""

    @property
    def part(self) -> Part: ...
    @property
    def change(self) -> str: ...
    @property
    def old_version(self) -> str | None: ...
    @property
    def new_version(self) -> str | None: ...
    @property
    def lines(self) -> tuple[str, ...]: ...
    @property
    def breaking(self) -> tuple[str, ...]: ...
    @property
    def gained(self) -> tuple[str, ...]: ...
    @property
    def lost(self) -> tuple[str, ...]: ...
    @property
    def texts(self) -> Sequence[TextRow]: ...


class BarRow(Protocol):
    """One bar that is lower than before."""

    @property
    def text(self) -> str: ...


class DifferenceRows(Protocol):
    """Two bundles compared, part by part."""

    @property
    def old(self) -> Digest | None: ...
    @property
    def new(self) -> Digest: ...
    @property
    def parts(self) -> Sequence[PartRow]: ...
    @property
    def constraints(self) -> tuple[str, ...]: ...
    @property
    def lowered(self) -> Sequence[BarRow]: ...


_SIGNS = {"unchanged": "=", "changed": "~", "added": "+", "removed": "-"}


def difference_lines(
    difference: DifferenceRows, *, width: int, color: bool, unicode: bool = True, texts: bool = False,
    owes: Sequence[str] = (),
) -> list[str]:  # fmt: skip
    """The difference, part by part: what is the same in one line, what changed with its sentences.

    Args:
        difference: of two bundles, as `services.difference.diff` gives it.
        width: columns.
        color: whether to write ANSI colours; each repeats a sign.
        unicode: False writes ASCII only.
        texts: also the changed lines of prompts and guides.
        owes: ids of the checks whose evidence the change voids.
    """

    def text(value: str) -> str:
        return plain(value, unicode=unicode)

    def say(value: str, style: str = "", indent: int = 16) -> list[str]:
        found = wrapped(text(value), width, first=" " * (indent - 2), rest=" " * indent)
        return [painted(line, style, color=color) for line in found] if style else found

    old = short(difference.old) if difference.old else "nothing"
    lines = [cut(text(f"{old} → {short(difference.new)}"), width)]
    same = [row.part.value for row in difference.parts if row.change == "unchanged"]
    for row in difference.parts:
        if row.change == "unchanged":
            continue
        versions = f"{row.old_version or 'none'} → {row.new_version or 'none'}"
        lines.append(cut(text(f" {_SIGNS[row.change]} {padded(row.part.value, 11)}{row.change} {versions}"), width))
        for line in row.lines:
            lines += say(line)
        for line in row.gained:
            lines += say(f"may now: {line}", "fail")
        for line in row.lost:
            lines += say(f"may no longer: {line}", "pass")
        for line in row.breaking:
            lines += say(f"breaking: {line}", "fail")
        for change in row.texts if texts else ():
            lines += [_text_line(text(line), width, color=color) for line in change.lines]
    if same:
        lines += wrapped(f"{', '.join(same)}: unchanged", width, first=" = ", rest="   ")
    for line in difference.constraints:
        lines += say(f"constraint {line}", indent=5)
    for bar in difference.lowered:
        lines += say(f"lowered bar: {bar.text}", "fail", indent=5)
    if owes:
        lines += say(f"owes again: {', '.join(owes)}", indent=5)
    return lines


def _text_line(line: str, width: int, *, color: bool) -> str:
    style = {"+": "pass", "-": "fail", "@": "faint"}.get(line[:1], "")
    line = cut(f"     {line}", width)
    return painted(line, style, color=color) if style else line
