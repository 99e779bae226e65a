"""Drill: effects are killed at each moment, and called by many processes at once. The full matrix is `python -m benchmarks.crash_matrix`."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks import cluster

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('facts')}/facts.db"
        return
    if not cluster.installed():
        pytest.skip("no PostgreSQL server is installed (initdb, pg_ctl)")
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    with cluster.postgresql() as found:
        yield found


def _module(name: str, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", name, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


def test_a_killed_effect_never_happens_twice_never_loses_its_hold_and_surfaces(url: str) -> None:
    done = _module("benchmarks.crash_matrix", "--runs", "2", "--url", url)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row[0]: [int(cell) for cell in row[1:5]] for row in re.findall(r"^(\w+) +(\d+) +(\d+) +(\d+) +(\d+)  nothing$", done.stdout, re.MULTILINE)}  # fmt: skip
    assert rows["claim"] == [2, 0, 0, 0]
    assert rows["dispatch"] == rows["claimed"] == [2, 0, 2, 2]
    assert rows["effect"] == rows["record"] == [2, 2, 2, 2]
    assert rows["recorded"] == [2, 2, 0, 0]


def test_64_callers_of_many_processes_get_one_effect_of_one_key_and_what_fits_of_one_budget(url: str) -> None:
    done = _module("benchmarks.burst", "--url", url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" right ") == 2


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_claim_is_one_sync_of_the_disk_and_an_outcome_another(tmp_path: Path) -> None:
    """Between two marks (`getsid`, which nobody else calls) lie the claim, the call and the outcome of an effect."""
    code = (
        "import os, sys\n"
        "from interlock.adapters.clock import SystemClock\n"
        "from interlock.adapters.sql import open_database\n"
        "from interlock.adapters.sql.effects import SqlEffectStore\n"
        "from interlock.services.effects import perform\n"
        "from interlock.testing import sample_request\n"
        "store = SqlEffectStore(open_database(sys.argv[1]))\n"
        "for number in range(12):\n"
        "    os.getsid(0)\n"
        "    perform(sample_request(5, order=str(number)), lambda **_: os.getsid(0), store=store, clock=SystemClock())\n"
        "os.getsid(0)\n"
    )
    trace = tmp_path / "trace"
    command = [
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=fsync,fdatasync,getsid",
        "-o",
        str(trace),
        sys.executable,
        "-c",
        code,
    ]
    done = subprocess.run([*command, f"sqlite:///{tmp_path}/facts.db"], capture_output=True, text=True, check=False, timeout=120)  # fmt: skip
    if not trace.exists() or "getsid" not in trace.read_text():
        pytest.skip(f"strace may not trace here: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    marks = trace.read_text().split("getsid")[1:]
    syncs = [len(re.findall(r"f(?:data)?sync\(", part)) for part in marks[:-1]]
    claims, outcomes = syncs[2::2], syncs[3::2]  # the first effect also makes the log file and syncs its folder
    assert (set(claims), set(outcomes)) == ({1}, {1})
