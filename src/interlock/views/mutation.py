"""What became of the mutants, for the terminal."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from interlock.core.manifest import Part, RunSpec
from interlock.core.mutation import Fate, Mutant, tally
from interlock.core.rules import Ruling
from interlock.views.screen import cut, painted, wrapped
from interlock.views.wording import plain

_ORDER = (Fate.SURVIVED.value, Fate.NOT_RUN.value, Fate.EQUIVALENT.value, Fate.KILLED.value)


def mutation_lines(
    data: Mapping[str, Any], ruling: Ruling, *, width: int, color: bool, unicode: bool = True
) -> list[str]:
    """The result, a line for each part, then every mutant, those that need a person first, each with what noticed it.

    Args:
        data: what EVAL-05 was measured on.
        ruling: what its rule says.
        width: columns.
        color, unicode: whether to write ANSI colours, and signs beyond ASCII.
    """
    word = painted(ruling.standing.value.upper(), ruling.standing.value, color=color)
    lines = [f"{word}  " + plain(ruling.seen, unicode=unicode)]
    lines += wrapped(plain(f"{ruling.proves}; asked: {ruling.asked}", unicode=unicode), width, first="  ", rest="  ")
    counts = tally(data["mutants"])
    for part in data["parts"]:
        own = counts.get(part, {})
        told = (
            ", ".join(f"{own[fate]} {fate}" for fate in reversed(_ORDER) if own.get(fate)) or "no mutant could be made"
        )
        lines.append(f"  {part:<11} {told}")
    lines.append("")
    for fate in _ORDER:
        for row in (row for row in data["mutants"] if row["fate"] == fate):
            lines += _mutant(row, width=width, unicode=unicode)
    return lines


def _mutant(row: Mapping[str, Any], *, width: int, unicode: bool) -> list[str]:
    said = plain(f"{row['fate']:<10}  {row['id']}: {row['what']}", unicode=unicode)
    why = plain(row["why"], unicode=unicode)
    if row["fate"] == Fate.KILLED.value:
        mark = "…" if unicode else "..."
        return [cut(said, width, mark=mark), cut(f"            {why}", width, mark=mark)]
    lines = wrapped(said, width, rest=" " * 12) + wrapped(why, width, first=" " * 12, rest=" " * 12)
    if write := row.get("write"):
        asked = f"write a case in suite {write['suite']}, slice {write['slice']}: {write['behaviour']}"
        lines += wrapped(plain(asked, unicode=unicode), width, first=" " * 12, rest=" " * 12)
        lines.append(" " * 12 + json.dumps(write["case"], ensure_ascii=not unicode))  # one line, to be copied
    return lines


def list_lines(
    mutants: Sequence[Mutant], sample: int, cases: int, run: RunSpec, *, width: int, unicode: bool = True
) -> list[str]:
    """Every mutant with what is changed, and what trying them would ask at most."""
    lines = []
    for part in Part:
        own = [mutant for mutant in mutants if mutant.part is part]
        lines += [f"{part.value}: {len(own)}"] if own else []
        for mutant in own:
            said = plain(f"{mutant.id}: {mutant.what}", unicode=unicode)
            lines += wrapped(said, width, first="  ", rest="    ")
    lines.append(
        f"{len(mutants)} mutants; nothing was run. Each is asked {sample} of {cases} cases first, the rest where"
    )
    if run.calls == "replay-strict":
        lines.append("nothing turned red and every call is recorded. `calls: replay`: no call is made.")
    else:
        cap = "no cap" if run.cost_cap_usd is None else f"cap ${run.cost_cap_usd:.2f} for all of them together"
        lines.append(
            f"nothing turned red and every call is at hand. `calls: {run.calls}`: only those {sample} cases of a mutant that"
        )
        lines.append(f"changes requests are asked live, at most {sample * len(mutants)} replies, {cap}.")
    return lines
