"""How far a judge can be trusted, as lines and as plain JSON."""

from collections.abc import Mapping
from typing import Any, Protocol


class Shown(Protocol):
    """A calibration that was made."""

    @property
    def ruling(self) -> Any: ...
    @property
    def standing(self) -> Mapping[str, Any]: ...
    @property
    def apart(self) -> Mapping[str, int]: ...
    @property
    def why_apart(self) -> tuple[str, ...]: ...
    @property
    def calls(self) -> int: ...
    @property
    def cost_usd(self) -> float: ...


def calibration_json(found: Shown, path: str, waiting: int) -> dict[str, Any]:
    """As plain JSON (schema `interlock.judge-calibration.v1`)."""
    return {
        "schema": "interlock.judge-calibration.v1",
        "status": found.ruling.standing.value,
        "seen": found.ruling.seen,
        "asked": found.ruling.asked,
        "details": list(found.ruling.details),
        **found.standing,
        "set_apart": dict(found.apart),
        "why_apart": list(found.why_apart),
        "waiting": waiting,
        "calls": found.calls,
        "cost_usd": found.cost_usd,
        "written": path,
    }


def calibration_lines(found: Shown, waiting: int) -> list[str]:
    """In a terminal: what people and the judge agree on, what that shows, and what was left out."""
    standing, table = found.standing, found.standing["table"]
    lines = [
        f"judge {standing['name']} ({standing['model']})",
        f"{found.ruling.standing.value.upper()}  {found.ruling.seen}",
        f"asked: {found.ruling.asked}",
        "",
        f"{'':<14}{'judge passes':>14}{'judge fails':>14}",
        f"{'people pass':<14}{table['both_pass']:>14}{table['only_human']:>14}",
        f"{'people fail':<14}{table['only_judge']:>14}{table['both_fail']:>14}",
    ]
    if found.apart:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.apart.items()))
        lines += ["", f"set apart, in none of these figures: {kinds}", *(f"  {why}" for why in found.why_apart)]
    if waiting:
        lines += ["", f"{waiting} rows have no label yet"]
    lines += ["", f"{found.calls} questions, {found.cost_usd:.4f} US dollars now"]
    return lines
