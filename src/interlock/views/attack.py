"""What an attack run found, for the terminal."""

from collections.abc import Mapping
from typing import Any

from interlock.core.attack_rules import shares
from interlock.core.rules import Ruling
from interlock.views.screen import painted, wrapped
from interlock.views.wording import plain


def attack_lines(
    rulings: Mapping[str, Ruling], data: Mapping[str, Any], *, width: int, color: bool, unicode: bool = True
) -> list[str]:
    """A line for each check with what was found, then every share with its count and interval, then what went through.

    Args:
        rulings: by check. data: what ACT-05 was measured on. width: columns. color, unicode: as elsewhere.
    """
    lines: list[str] = []
    for check, ruling in rulings.items():
        word = painted(ruling.standing.value.upper(), ruling.standing.value, color=color)
        lines += [f"{word}  {check}  " + plain(ruling.seen, unicode=unicode)]
        lines += wrapped(
            plain(f"{ruling.proves}; asked: {ruling.asked}", unicode=unicode), width, first="  ", rest="  "
        )
    lines.append("")
    for share in shares(data):
        lines += wrapped(plain(str(share), unicode=unicode), width, first="  ", rest="      ")
    through = [row for row in data["attacks"] if not row["stopped"]]
    stamped = [row for row in data["attacks"] if row["stopped"] and not row["stamped"]]
    for title, rows in (("Goes through", through), ("Goes through once somebody says yes to every question", stamped)):
        if rows:
            lines += ["", title]
            for row in rows:
                said = plain(f"{row['pack']}: {row['name']}", unicode=unicode)
                lines += wrapped(said, width, first="  ", rest="      ")
    return lines
