"""What to write next, as one table in the terminal and as plain JSON."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rich.cells import cell_len

from interlock.core.verdict import Verdict
from interlock.views.screen import cut, padded, painted, wrapped
from interlock.views.wording import plain


class GapRow(Protocol):
    """One thing that too few cases leave open."""

    @property
    def what(self) -> str: ...
    @property
    def suite(self) -> str: ...
    @property
    def have(self) -> int: ...
    @property
    def need(self) -> int | None: ...
    @property
    def write(self) -> int | None: ...
    @property
    def checks(self) -> tuple[str, ...]: ...
    @property
    def required(self) -> int: ...
    @property
    def why(self) -> tuple[str, ...]: ...


_HEAD = ("blocks", "what", "have", "need", "write")


def gaps_json(gaps: Sequence[GapRow], verdict: Verdict) -> dict[str, Any]:
    """The gaps as plain JSON (schema `interlock.gaps.v1`), in their order."""
    return {
        "schema": "interlock.gaps.v1",
        "feature": verdict.feature,
        "environment": verdict.environment,
        "profile": verdict.profile.value,
        "gaps": [_row(gap) for gap in gaps],
    }


def _row(gap: GapRow) -> Mapping[str, Any]:
    return {
        "what": gap.what,
        "suite": gap.suite or None,
        "have": gap.have,
        "need": gap.need,
        "write": gap.write,
        "blocks": gap.required,
        "checks": list(gap.checks),
        "why": list(gap.why),
    }


def gaps_lines(
    gaps: Sequence[GapRow], verdict: Verdict, *, width: int, color: bool, unicode: bool = True
) -> list[str]:  # fmt: skip
    """One table, what blocks most first: how many are there, how many are needed, how many to write, and why.

    Args:
        gaps: in their order.
        verdict: of the environment that was asked about.
        width: columns.
        color: whether to write ANSI colours; each repeats a word.
        unicode: False writes ASCII only.
    """
    where = f"{verdict.environment} ({verdict.stage}, {verdict.profile})"
    if not gaps:
        return wrapped(plain(f"Nothing is missing for {where} that more cases would mend.", unicode=unicode), width)
    rows = [
        (
            f"{gap.required} of {len(gap.checks)}",
            gap.what + (f" ({gap.suite})" if gap.suite else ""),
            str(gap.have),
            "-" if gap.need is None else str(gap.need),
            "mend" if gap.write is None else f"+{gap.write}",
        )
        for gap in gaps
    ]
    widths = [max(cell_len(plain(row[at])) for row in (_HEAD, *rows)) for at in range(len(_HEAD))]
    widths[1] = min(widths[1], max(24, width // 3))
    lines = wrapped(f"What to write next for {where}; blocks: required checks that wait, of all that do.", width)
    lines.append(painted(cut(_columns(_HEAD, widths), width), "strong", color=color))
    for gap, row in zip(gaps, rows, strict=True):
        lines.append(cut(plain(_columns(row, widths), unicode=unicode), width, mark="…" if unicode else "..."))
        said = f"{', '.join(gap.checks)}: {'; '.join(gap.why)}"
        lines += [
            painted(line, "faint", color=color)
            for line in wrapped(plain(said, unicode=unicode), width, first="      ", rest="      ")
        ]
    return lines


def _columns(row: Sequence[str], widths: Sequence[int]) -> str:
    blocks, what, *numbers = row
    shown = [padded(blocks, widths[0]), padded(cut(what, widths[1]), widths[1])]
    shown += [" " * (size - cell_len(text)) + text for text, size in zip(numbers, widths[2:], strict=True)]
    return "  ".join(shown)
