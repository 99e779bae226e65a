"""A measured figure, the table of them, and the machine that they hold for."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """Samples of one quantity; a peer has no limit, it is what the others are read by.

    A peer that could not be measured has no samples, and a note that says why.

    The limit holds for the best sample: noise of the machine only ever adds, a regression raises the least as well.
    """

    name: str
    unit: str
    samples: tuple[float, ...]
    limit: float | None = None
    peer: bool = False
    more_is_better: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        if not self.samples and not (self.peer and self.note):
            raise ValueError(f"`{self.name}` has no samples and no reason for that")

    @property
    def median(self) -> float | None:
        """The middle sample."""
        return median(self.samples) if self.samples else None

    @property
    def best(self) -> float | None:
        """The sample with the least noise in it."""
        if not self.samples:
            return None
        return max(self.samples) if self.more_is_better else min(self.samples)

    @property
    def over(self) -> bool:
        """Whether the limit is broken."""
        return self.limit is not None and self.best is not None and self.best > self.limit

    @property
    def word(self) -> str:
        """`ok`, `over`, `peer`, or nothing for a figure that is only shown."""
        return "peer" if self.peer else "" if self.limit is None else "over" if self.over else "ok"


def table(figures: Sequence[Figure]) -> str:
    """The figures, a line each."""
    head = ("figure", "n", "median", "best", "limit", "unit", "")
    rows = [head] + [
        (f.name, str(len(f.samples)), _number(f.median), _number(f.best), _number(f.limit), f.unit, f.word)
        for f in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(row[at].rjust(widths[at]) for at in range(1, 5))]
        lines.append("  ".join([*cells, row[5].ljust(widths[5]), row[6]]).rstrip())
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def machine() -> dict[str, Any]:
    """What the figures hold for."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 2),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    named = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = named.get("model name", "unknown")
    if name == "unknown":  # some virtual machines hide the name and show only the numbers behind it
        name = " ".join(f"{key} {named[key]}" for key in ("vendor_id", "cpu family", "model") if key in named) or name
    return name


def as_json(figures: Sequence[Figure]) -> dict[str, Any]:
    """The same as plain JSON."""
    return {
        "schema": "interlock.benchmarks.v1",
        "machine": machine(),
        "figures": [
            {
                "name": f.name, "unit": f.unit, "n": len(f.samples), "median": f.median, "best": f.best, "limit": f.limit,
                "peer": f.peer, "over": f.over, "samples": list(f.samples), "note": f.note,
            }
            for f in figures
        ],
    }  # fmt: skip
