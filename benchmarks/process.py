"""Runs child processes and says what each took."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PYTHON = sys.executable
INTERLOCK = (PYTHON, "-m", "interlock")


@dataclass(frozen=True, slots=True)
class Took:
    """What one child process used. wall_s, cpu_s: seconds, cpu of user and system. rss_mib: peak resident memory."""

    wall_s: float
    cpu_s: float
    rss_mib: float
    code: int
    out: str
    err: str


def run(
    words: Sequence[str | Path], *, folder: Path | None = None, codes: Sequence[int] = (0,), env: Mapping[str, str] = {}
) -> Took:
    """Run a command to its end.

    Peak memory is right only while this process is smaller than the child, whose count starts with ours; so nothing
    big is held here. Raises: RuntimeError when the command ends with another code than one of `codes`.
    """
    environ = {key: value for key, value in os.environ.items() if not key.startswith("INTERLOCK_")}
    environ |= {"INTERLOCK_ACTOR": "bench", "PYTHONDONTWRITEBYTECODE": "", **env}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        child = subprocess.Popen([str(word) for word in words], cwd=folder, stdout=out, stderr=err, env=environ)
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        took = Took(
            wall_s,
            usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10),
            child.returncode,
            out.read().decode(),
            err.read().decode(),
        )
    if took.code not in codes:
        line = " ".join(str(word) for word in words)
        raise RuntimeError(f"`{line}` ended with {took.code}:\n{took.err[-2000:]}{took.out[-2000:]}")
    return took


def interlock(folder: Path, *words: str, codes: Sequence[int] = (0,)) -> Took:
    """One `interlock` command on a feature's folder."""
    return run([*INTERLOCK, *words, "--dir", str(folder)], codes=codes)


VERDICTS = (0, 1, 3)
"""Exit codes of a command that gave a verdict, whatever it was."""
