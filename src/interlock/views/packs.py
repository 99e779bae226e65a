"""How the six packs stand, as lines of a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from interlock.core.packs import Pack
from interlock.views.screen import cut, padded, painted, wrapped
from interlock.views.wording import plain

_HEAD = ("pack", "cases", "count", "write")


def pack_lines(states: Mapping[str, Any], *, width: int, color: bool, unicode: bool = True) -> list[str]:
    """One line a pack: cases, those that count, how many to write so that a pass is possible; then what is wrong with them.

    Args:
        states: what `services/pack_measure.py` found.
        width: columns.
        color: whether to write ANSI colours; each repeats a word.
        unicode: False writes ASCII only.
    """
    rows = [
        (row["pack"], str(row["cases"]), str(row["cases"] - row["starters"]), _write(row)) for row in states["packs"]
    ]
    widths = [max(cell_len(row[at]) for row in (_HEAD, *rows)) for at in range(len(_HEAD))]
    lines = [painted(cut(_columns(_HEAD, widths), width), "strong", color=color)]
    for row, told in zip(rows, states["packs"], strict=True):
        lines.append(cut(plain(_columns(row, widths), unicode=unicode), width))
        for said in _notes(told):
            text = wrapped(plain(said, unicode=unicode), width, first="      ", rest="      ")
            lines += [painted(line, "faint", color=color) for line in text]
    spoken = any(row["pack"] == Pack.MULTILINGUAL and row["cases"] for row in states["packs"])
    for said in _tongues(states["languages"]) if spoken else ():
        lines += wrapped(plain(said, unicode=unicode), width, rest="  ")
    return lines


def written_lines(written: Mapping[str, Any], *, width: int) -> list[str]:
    """What was written, and what a person does with it."""
    total = sum(written["counts"].values())
    counts = ", ".join(f"{pack} {n}" for pack, n in written["counts"].items())
    lines = [f"wrote {written['suite']}", f"wrote {written['cases']}: {total} starters ({counts})"]
    said = [
        'Read each case and make it yours. Then say so in its `source`: "starter, confirmed by NAME on DATE". '
        "Until then it lets nothing pass; what does harm fails at once."
    ]
    if written["unspoken"]:
        said.append(f"No words are at hand in {', '.join(written['unspoken'])}: write those cases yourself.")
    if written["add"]:
        said.append(f"The manifest does not name the suite yet: {written['add']}")
    said.append("Next: interlock lock, then interlock check")
    return [*lines, *(line for text in said for line in wrapped(text, width))]


def _write(row: Mapping[str, Any]) -> str:
    if row["excuse"] is not None:
        return "n/a"
    return "mend" if row["need"] is None else f"+{row['need']}" if row["need"] else "-"


def _notes(row: Mapping[str, Any]) -> list[str]:
    if row["excuse"] is not None:
        derived = "derived" if row["excuse"]["derived"] else "claimed"
        against = ", ".join(f"`{name}`" for name in row["excuse"]["contradicted"])
        return [
            f"does not apply, {derived}: {row['excuse']['why']}" + (f"; the stakes say {against}" if against else "")
        ]
    notes = [row["what"]] if not row["cases"] else []
    return notes + ([f"{row['starters']} starters wait for a person"] if row["starters"] else [])


def _tongues(found: Mapping[str, Any]) -> list[str]:
    if found["identifier"] is None:
        return ['Languages were not looked at: pip install "interlock[languages]"']
    counts = ", ".join(f"{lang} {found['confirmed'].get(lang, 0)}" for lang in found["served"])
    said = [
        f"multilingual, by {found['identifier']}: {counts}; not served {found['outside']}; too short to say {len(found['unsure'])}"
    ]
    for row in found["other"]:
        place = f"{row['file']}:{row['line']}: " if row.get("file") else ""
        said.append(
            f"{place}case `{row['case']}` says `{row['lang']}` and reads as `{row['heard']}` ({row['sure']:.0%} sure)"
        )
    return said


def _columns(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers = row
    shown = [padded(name, widths[0])]
    shown += [" " * (size - cell_len(text)) + text for text, size in zip(numbers, widths[1:], strict=True)]
    return "  ".join(shown)
