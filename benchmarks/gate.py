"""The gate in a pipeline: judge a stored run of 20,000 trials and write it down, measuring nothing."""

import json
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.process import Took, interlock
from benchmarks.work import Work

N = 5
TRIALS = 20_000


def measure(work: Work) -> list[Figure]:
    """Seconds on the clock of `interlock report`, as a page and as JSON, each from a process of its own."""
    folder, _ = work.check(TRIALS)
    pages = [_report(folder, work.folder("report.html"), "html") for _ in range(N)]
    documents = [_report(folder, work.folder("report.json"), "json") for _ in range(N)]
    verdict = json.loads(work.folder("report.json").read_text(encoding="utf-8"))
    if not verdict["checks"]:
        raise RuntimeError("the report has no checks")
    both = tuple(page.wall_s + document.wall_s for page, document in zip(pages, documents, strict=True))
    return [
        Figure(f"report of {TRIALS:,} trials: html", "s", tuple(took.wall_s for took in pages)),
        Figure(f"report of {TRIALS:,} trials: json", "s", tuple(took.wall_s for took in documents)),
        Figure(f"report of {TRIALS:,} trials: both", "s", both, 5.0),
        Figure(f"report of {TRIALS:,} trials: html", "MiB", tuple(took.rss_mib for took in pages)),
    ]


def _report(folder: Path, out: Path, form: str) -> Took:
    return interlock(folder, "report", "--format", form, "--out", str(out))
