"""`python -m benchmarks [NAME…] [--json FILE]`."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks import answers, cases, effects, evals, gate, guard, lock, recheck, startup
from benchmarks.figure import as_json, machine, table
from benchmarks.work import Work

ALL = {
    "startup": startup.measure,
    "lock": lock.measure,
    "recheck": recheck.measure,
    "cases": cases.measure,
    "gate": gate.measure,
    "evals": evals.measure,
    "effects": effects.measure,
    "guard": guard.measure,
    "answers": answers.measure,
}


def main() -> int:
    """Measure, print the table, write the JSON. Returns: 1 when a limit is broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(ALL)}; default: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every sample")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in ALL]:
        parser.error(f"no benchmark is named {', '.join(unknown)}; there are {', '.join(ALL)}")
    figures = []
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as folder:
        work = Work(Path(folder))
        for name in asked.names or ALL:
            print(f"{name} …", file=sys.stderr)
            figures += ALL[name](work)
    about = machine()
    print(
        f"{about['cpu']}, {about['cores']} cores at load {about['load']}, {about['system']}, Python {about['python']}"
    )
    print(f"{about['date']}\n")
    print(table(figures))
    for figure in figures:
        if figure.note:
            print(f"\n{figure.name.strip()}: {figure.note}")
    if asked.json:
        asked.json.write_text(json.dumps(as_json(figures), indent=2) + "\n", encoding="utf-8")
    over = sum(figure.over for figure in figures)
    limits = sum(figure.limit is not None for figure in figures)
    print(f"\n{limits} limits, {over} broken")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
