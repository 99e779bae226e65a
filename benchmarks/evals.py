"""Whole eval runs beside promptfoo, inspect_ai and DeepEval; how they grow; and the gate over 100,000 attempts.

A whole process each: start-up, reading the suites, asking an app that costs nothing, every attempt stored, every reply
scored. Interlock stores with `synchronous=FULL` and signs a verdict besides. Each tool's count of passed cases is compared
with the number of cases. A peer that cannot be installed here is named with the reason, and has no figure.
"""

import json
import sqlite3
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.peers.install import PEERS, NotThere, Peer, installed
from benchmarks.peers.rows import write_rows
from benchmarks.process import VERDICTS, interlock
from benchmarks.work import Work

SMALL, MIDDLE, LARGE = 2_000, 20_000, 100_000
N = 3


def measure(work: Work) -> list[Figure]:
    """Seconds, CPU and memory of 2,000 cases beside the peers; growth to 100,000; the gate over those."""
    small = [work.check(SMALL), *(work.check_anew(SMALL, f"evals-{SMALL}-{at}") for at in range(1, N))]
    for folder, _ in small:
        _stored(folder, SMALL)
    took = [each for _, each in small]
    figures = [
        Figure(f"interlock, {SMALL:,} cases", "s", tuple(t.wall_s for t in took), 2.0),
        Figure(f"interlock, {SMALL:,} cases", "CPU s", tuple(t.cpu_s for t in took)),
        Figure(f"interlock, {SMALL:,} cases", "MiB", tuple(t.rss_mib for t in took), 120.0),
    ]
    for peer in PEERS:
        figures += _peer(peer, work)
    return [*figures, *_growth(work), *_gate(work.check(LARGE)[0], work)]


def _stored(folder: Path, cases: int) -> None:
    with sqlite3.connect(folder / ".interlock/facts.db") as store:
        (kept,) = store.execute("SELECT count(DISTINCT key) FROM trials WHERE broken IS NULL").fetchone()
    store.close()
    if kept != cases:
        raise RuntimeError(f"{kept} attempts are stored, not {cases}")


def _peer(peer: Peer, work: Work) -> list[Figure]:
    name = f"  {peer.name}, {SMALL:,} cases ({peer.setting})"
    place = work.folder(f"peer-{peer.name.lower()}")
    place.mkdir()
    try:
        home = installed(peer, work.folder("peers"))
        rows = write_rows(place, SMALL)
        took = peer.ask(home, rows, place / "kept", SMALL)
    except (NotThere, RuntimeError, OSError, KeyError, ValueError) as error:
        return [Figure(name, "s", (), peer=True, note=f"not measured: {str(error).strip()[-300:]}")]
    return [
        Figure(name, "s", (took.wall_s,), peer=True),
        Figure(name, "CPU s", (took.cpu_s,), peer=True),
        Figure(name, "MiB", (took.rss_mib,), peer=True),
    ]


def _growth(work: Work) -> list[Figure]:
    figures, per_case = [], {}
    for cases in (MIDDLE, LARGE):
        folder, took = work.check(cases)
        _stored(folder, cases)
        # CPU, not the clock: the whole is long enough for others to use the machine meanwhile.
        per_case[cases] = took.cpu_s / cases
        figures += [
            Figure(f"interlock, {cases:,} cases", "s", (took.wall_s,)),
            Figure(f"interlock, {cases:,} cases", "CPU s", (took.cpu_s,)),
            Figure(f"interlock, {cases:,} cases", "MiB", (took.rss_mib,), 8.0 * cases / 1_000 + 64),
        ]
    ratio = per_case[LARGE] / per_case[MIDDLE]
    return [*figures, Figure(f"CPU per case, {LARGE:,} against {MIDDLE:,}", "ratio", (ratio,), 1.35)]


def _gate(folder: Path, work: Work) -> list[Figure]:
    """The verdict of a stored run in a pipeline, and its report, each from a process of its own."""
    samples = []
    for _ in range(N):
        gate = interlock(folder, "check", "--quiet", "--json", codes=VERDICTS)
        said = json.loads(gate.out)
        if said["measured"] or said["run"]["calls"]:
            raise RuntimeError("the gate measured something again")
        if f" of {LARGE} cases ran" not in json.dumps(said["checks"]):
            raise RuntimeError(f"the verdict does not rest on {LARGE} cases")
        report = interlock(folder, "report", "--format", "html", "--out", str(work.folder("evals.html")))
        samples.append((gate, report))
    return [
        Figure(f"gate + report, {LARGE:,} attempts", "s", tuple(g.wall_s + r.wall_s for g, r in samples), 5.0),
        Figure(f"gate + report, {LARGE:,} attempts", "CPU s", tuple(g.cpu_s + r.cpu_s for g, r in samples)),
        Figure(f"gate, {LARGE:,} attempts", "MiB", tuple(g.rss_mib for g, _ in samples)),
    ]
