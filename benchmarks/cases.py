"""How many cases a second, when the target costs nothing: what Interlock itself adds to a run.

The whole process counts: start-up, reading the suites, one attempt for each case stored in SQLite with `synchronous=FULL`,
scoring, groundedness, statistics, signing, the verdicts of both environments. A feature that declares a path without AI has
another attempt for each gold case, and a row of its own here.
"""

from benchmarks.figure import Figure
from benchmarks.process import PYTHON, run
from benchmarks.work import Work

SMALL, LARGE = 2_000, 20_000
N = 5


def measure(work: Work) -> list[Figure]:
    """Seconds, CPU, memory and cases per second, for 2,000 and 20,000 cases."""
    figures: list[Figure] = []
    walls = {}
    for cases, n in ((SMALL, N), (LARGE, 1)):
        checked = [work.check(cases), *(work.check_anew(cases, f"cases-{cases}-{at}") for at in range(1, n))]
        took = [each for _, each in checked]
        folder = checked[0][0]
        peer = [
            run([PYTHON, "-m", "benchmarks.peer", folder, work.folder(f"peer-{cases}-{at}.db"), str(cases)])
            for at in range(n)
        ]
        small = cases == SMALL
        walls[cases] = Figure(f"check {cases:,} cases", "s", tuple(t.wall_s for t in took), 2.0 if small else None)
        figures += [
            walls[cases],
            Figure(f"check {cases:,} cases", "CPU s", tuple(t.cpu_s for t in took)),
            Figure(f"check {cases:,} cases", "MiB", tuple(t.rss_mib for t in took), 120.0 if small else None),
            Figure(f"check {cases:,} cases", "cases/s", tuple(cases / t.wall_s for t in took), more_is_better=True),
            Figure(f"  bare loop, {cases:,} rows", "s", tuple(t.wall_s for t in peer), peer=True),
            Figure(f"  bare loop, {cases:,} rows", "MiB", tuple(t.rss_mib for t in peer), peer=True),
        ]
    both = [work.check_anew(SMALL, f"cases-both-{at}", fallback=True)[1] for at in range(N)]
    figures.append(Figure("  the same and the path without AI", "s", tuple(t.wall_s for t in both)))
    # Ten times the cases must not take more than twelve times as long.
    ratio = (walls[LARGE].best / LARGE) / (walls[SMALL].best / SMALL)
    return [*figures, Figure("time per case, 20,000 against 2,000", "ratio", (ratio,), 1.2)]
