"""A check when nothing changed: it must measure nothing, and say so at once."""

import json
from pathlib import Path

from benchmarks.feature import write_feature
from benchmarks.figure import Figure
from benchmarks.process import VERDICTS, interlock
from benchmarks.work import Work

N = 7
CASES = 300


def measure(work: Work) -> list[Figure]:
    """Seconds on the clock of a full check of 300 cases, and of the checks after it."""
    folder = write_feature(work.folder("recheck"), cases=CASES)
    interlock(folder, "lock", "--reason", "first version")
    first = interlock(folder, "check", "--quiet", "--json", codes=VERDICTS)
    asked = json.loads(first.out)["run"]["calls"]
    if asked < CASES:
        raise RuntimeError(f"the first check made {asked} calls for {CASES} cases")
    again = [_nothing(folder) for _ in range(N)]
    return [
        Figure(f"check of {CASES} new cases", "s", (first.wall_s,)),
        Figure("re-check, nothing changed", "s", tuple(wall for wall, _ in again), 1.0),
        Figure("re-check, nothing changed", "CPU s", tuple(cpu for _, cpu in again)),
    ]


def _nothing(folder: Path) -> tuple[float, float]:
    took = interlock(folder, "check", "--quiet", "--json", codes=VERDICTS)
    said = json.loads(took.out)
    if said["measured"] != [] or said["run"]["calls"] != 0:
        raise RuntimeError(f"nothing changed, and yet it measured {said['measured']} with {said['run']['calls']} calls")
    return took.wall_s, took.cpu_s
