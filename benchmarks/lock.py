"""Naming the bytes: a lock of 450 files, 0.9 MB, beside hashing the same bytes and nothing else."""

import hashlib
import time
from pathlib import Path

from benchmarks.feature import write_feature
from benchmarks.figure import Figure
from benchmarks.process import interlock
from benchmarks.work import Work
from interlock.adapters.folder import FolderTree
from interlock.services.lock import resolve

N = 7
FILES = 450
BYTES = 900_000


def measure(work: Work) -> list[Figure]:
    """Seconds on the clock, in this process and as a command."""
    folder = write_feature(work.folder("lock"), documents=FILES)
    extra = sum(1 for path in folder.rglob("*") if path.is_file()) - FILES
    for path in sorted(folder.glob("kb/*.md"))[FILES - extra :]:
        path.unlink()
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    size = sum(path.stat().st_size for path in paths)
    if len(paths) != FILES or abs(size - BYTES) > BYTES * 0.1:
        raise RuntimeError(f"{len(paths)} files with {size} bytes are not {FILES} files with {BYTES}")
    inside, bare = [], []
    for _ in range(N):
        started = time.perf_counter()
        resolve(FolderTree(folder))
        inside.append(time.perf_counter() - started)
        started = time.perf_counter()
        _hash(paths)
        bare.append(time.perf_counter() - started)
    command = tuple(interlock(folder, "lock").wall_s for _ in range(N))
    return [
        Figure("lock 450 files: resolve", "s", tuple(inside), 0.5),
        Figure("lock 450 files: interlock lock", "s", command, 1.0),
        Figure("  the same bytes through sha256", "s", tuple(bare), peer=True),
    ]


def _hash(paths: list[Path]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
