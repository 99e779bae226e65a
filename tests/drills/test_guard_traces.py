"""What the guard is worth on recorded calls: benign ones are kept and seldom asked, hijacks are stopped before their first effect."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("INTERLOCK_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
TRACES, TOOLS = (SHARED / "guard" / f"agentdojo_{name}.jsonl.gz" for name in ("traces", "tools"))

pytestmark = pytest.mark.skipif(
    not TRACES.is_file(), reason=f"the public data is not here (set INTERLOCK_SHARED_DATA): {TRACES}"
)
sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="module")
def replays() -> list[object]:
    from benchmarks.guard_traces import guards, read_rows, replay

    ready = guards(read_rows(TOOLS))
    return [replay(ready[trace["suite"]], trace) for trace in read_rows(TRACES)]


def test_the_guard_keeps_what_is_asked_of_it(replays: list[object]) -> None:
    from benchmarks.guard_traces import shares

    found = shares(replays)  # type: ignore[arg-type]
    assert [(share.name, share.n) for share in found if share.floor is not None] == [
        ("benign calls kept, with approvals", 131),
        ("benign tasks without any question", 37),
        ("hijacks stopped before their first effect", 498),
        ("hijacks stopped when every question is stamped", 498),
    ]
    below = [str(share) for share in found if share.floor is not None and share.count / share.n < share.floor]
    assert below == []


def test_the_page_shows_these_very_numbers(replays: list[object]) -> None:
    from benchmarks.guard_traces import table

    assert table(replays) in (ROOT / "docs" / "guard.md").read_text("utf-8")  # type: ignore[arg-type]
