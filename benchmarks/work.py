"""Where the benchmarks work, and what more than one of them needs."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.feature import write_feature
from benchmarks.process import VERDICTS, Took, interlock


@dataclass
class Work:
    """A folder for this run of the benchmarks."""

    root: Path
    checked: dict[int, tuple[Path, Took]] = field(default_factory=dict)

    def folder(self, name: str) -> Path:
        """A place for one feature."""
        return self.root / name

    def check(self, cases: int) -> tuple[Path, Took]:
        """A feature with that many cases, checked once as a whole process, each attempt stored."""
        if cases not in self.checked:
            self.checked[cases] = self.check_anew(cases, f"cases-{cases}")
        return self.checked[cases]

    def check_anew(self, cases: int, name: str, *, fallback: bool = False) -> tuple[Path, Took]:
        """The same in a folder of its own; with `fallback` the path without AI is asked every gold case as well."""
        folder = write_feature(self.folder(name), cases=cases, fallback=fallback)
        interlock(folder, "lock", "--reason", "first version")
        took = interlock(folder, "check", "--quiet", "--json", codes=VERDICTS)
        calls = json.loads(took.out)["run"]["calls"]
        if calls < cases * (1.9 if fallback else 1):
            raise RuntimeError(f"the check made {calls} calls for {cases} cases")
        return folder, took
