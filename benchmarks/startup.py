"""How long one waits for nothing: start-up of the command line, and the checks that only read files."""

from benchmarks.feature import write_feature
from benchmarks.figure import Figure
from benchmarks.process import INTERLOCK, PYTHON, VERDICTS, Took, interlock, run
from benchmarks.work import Work

N = 9


def measure(work: Work) -> list[Figure]:
    """CPU seconds of 9 processes each; the static checks in seconds on the clock."""
    help_ = _times([*INTERLOCK, "--help"])
    imported = _times([PYTHON, "-c", "import interlock"])
    bare = _times([PYTHON, "-c", "pass"])
    parser = _times([PYTHON, "-c", "import cyclopts"])
    folder = write_feature(work.folder("static"))
    interlock(folder, "lock")
    static = [interlock(folder, "check", "--static", codes=VERDICTS) for _ in range(N)]
    return [
        Figure("interlock --help", "CPU s", _cpu(help_), 0.150),
        Figure("import interlock", "CPU s", _cpu(imported), 0.060),
        Figure("  python -c pass", "CPU s", _cpu(bare), peer=True),
        Figure("  import cyclopts", "CPU s", _cpu(parser), peer=True),
        Figure("interlock check --static", "s", tuple(took.wall_s for took in static), 1.0),
        Figure("interlock check --static", "CPU s", _cpu(static)),
    ]


def _times(words: list[str]) -> list[Took]:
    run(words)  # the first one compiles
    return [run(words) for _ in range(N)]


def _cpu(took: list[Took]) -> tuple[float, ...]:
    return tuple(each.cpu_s for each in took)
