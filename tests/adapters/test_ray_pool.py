"""The app on a Ray cluster: the same scores as here, and a killed worker costs only what it was doing."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from interlock.adapters.targets import open_target
from interlock.core.digest import of_value
from interlock.core.manifest import RunSpec, TargetSpec
from interlock.core.score import Broken, Fault, Scored
from interlock.core.suite import Case, Expect, Slice, Suite, SuiteKind
from interlock.ports import Target
from interlock.scorers import default_scorers
from interlock.services.calls import RecordedChat
from interlock.services.evaluate import Run, evaluate
from interlock.testing import FixedClock, MemoryCallStore, MemoryTrialStore

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'interlock[ray]'")
from interlock.adapters.targets.ray_pool import RayMissing, RayTarget  # noqa: E402

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

APP = """
import asyncio
import os
import urllib.request


def _stock(name):
    if name == "unicorn":
        raise LookupError("no such animal")
    return {"name": name, "left": len(name)}


async def answer(request, *, root, chat, tools):
    asked = request["input"]
    if "crash" in asked:
        raise ValueError("the app fell over")
    if "paid" in asked:
        call = urllib.request.Request(asked.split()[-1], data=str(os.getpid()).encode(), headers={"Idempotency-Key": asked})
        return {"outcome": "answer", "text": await asyncio.to_thread(lambda: urllib.request.urlopen(call).read().decode())}
    said = await chat({"messages": [{"role": "user", "content": asked}]}, reads=["prompt"])
    try:
        left = (await tools("stock", {"name": "unicorn" if "unicorn" in asked else asked}, _stock))["left"]
    except LookupError as error:
        left = str(error)
    text = (root / "prompt.md").read_text() + said["choices"][0]["message"]["content"] + str(left)
    return {"outcome": "answer", "text": text}
"""
LOADED: Any = SimpleNamespace(bundle=SimpleNamespace(digest="sha256:b", components={}))


class Silent:
    def start(self, title: str, total: int) -> None: ...

    def advance(self, done: int = 1) -> None: ...

    def finish(self) -> None: ...


class Live:
    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, request: Mapping[str, Any], *, key: str = "") -> Mapping[str, Any]:
        self.asked += 1
        return {"choices": [{"message": {"content": request["messages"][0]["content"].upper()}}]}


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False, object_store_memory=80_000_000)  # fmt: skip
    yield
    ray.shutdown()


@pytest.fixture
def feature(tmp_path: Path) -> Path:
    (tmp_path / "feature/herd").mkdir(parents=True)
    (tmp_path / "feature/herd/__init__.py").write_text("")
    (tmp_path / "feature/herd/app.py").write_text(APP)
    (tmp_path / "root").mkdir()
    (tmp_path / "root/prompt.md").write_text("So: ")
    return tmp_path


def suite(*inputs: str) -> Suite:
    cases = tuple(
        Case(id=f"c{n}", input=asked, slices=("s",), expect=Expect(facts=("S",), outcome="answer"), source="test")
        for n, asked in enumerate(inputs)
    )
    return Suite("gold", SuiteKind.GOLD, cases, (Slice(id="s", title="s"),))


def files(feature: Path) -> dict[str, bytes]:
    return {name: (feature / "feature" / name).read_bytes() for name in ("herd/__init__.py", "herd/app.py")}


async def go(target: Target, feature: Path, asked: Suite, *, live: Live | None = None, **spec: Any) -> Run:
    chat = RecordedChat(
        mode="record", live=live, store=MemoryCallStore(), clock=FixedClock(), run="r",
        reads={"prompt": "sha256:p", "tools": "none", "app": "sha256:a"},
    )  # fmt: skip
    return await evaluate(
        LOADED, [asked], root=feature / "root", target=target, chat=chat, trials=MemoryTrialStore(),
        run=RunSpec(**{"concurrency": 4, "timeout_s": 30, **spec}), run_id="r", upstream={"model": "m"},
        scorers=default_scorers(), clock=FixedClock(), progress=Silent(),
    )  # fmt: skip


def digest(run: Run) -> str:
    """The digest of every score and reply of a run."""
    told = {
        name: [
            [
                [score.scorer, score.value if isinstance(score, Scored) else score.state.value, score.why]
                for score in scores
            ]
            + [trial.reply.text if trial.reply else trial.detail, trial.fault and trial.fault.value, trial.calls]
            for trial, scores in zip(result.trials, result.scores, strict=True)
        ]
        for name, result in run.results.items()
    }
    return of_value(told, domain="test.scores.v1")


@pytest.mark.usefixtures("cluster")
async def test_the_scores_are_those_of_a_run_here_and_calls_are_made_and_counted_here(feature: Path) -> None:
    asked = suite("horse", "goat", "unicorn", "crash", *(f"sheep {n}" for n in range(12)))
    spec = TargetSpec(kind="python", call="herd.app:answer")
    here, there = open_target(spec, feature / "feature"), RayTarget(spec, files(feature), address="auto", workers=2)
    lives = Live(), Live()
    try:
        mine = await go(here, feature, asked, live=lives[0])
        theirs = await go(there, feature, asked, live=lives[1])
        assert there.loaded_files() == ("herd/__init__.py", "herd/app.py")
    finally:
        await here.close()
        await there.close()
        sys.modules.pop("herd.app", None)
        sys.modules.pop("herd", None)
    assert digest(theirs) == digest(mine)
    assert theirs.results["gold/c0"].trials[0].reply.text == "So: HORSE5"  # type: ignore[union-attr]
    assert theirs.results["gold/c2"].trials[0].reply.text == "So: UNICORNno such animal"  # type: ignore[union-attr]
    assert theirs.results["gold/c3"].trials[0].fault is Fault.CRASH
    assert (lives[1].asked, theirs.calls) == (lives[0].asked, mine.calls)
    assert {trial.broken for result in theirs.results.values() for trial in result.trials} == {None}


class Paid(BaseHTTPRequestHandler):
    """Charges once for each key, and notes which process asked; the first four calls hang until a worker was killed."""

    charged: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    pids: set[int] = set()
    waiting, go_on = threading.Semaphore(0), threading.Event()

    def do_POST(self) -> None:
        key = self.headers["Idempotency-Key"]
        self.pids.add(int(self.rfile.read(int(self.headers["Content-Length"]))))
        self.asked[key] += 1
        self.charged[key] = 1
        self.waiting.release()
        self.go_on.wait(20)
        body = f"S {key}".encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # whoever asked was killed

    def log_message(self, *args: Any) -> None: ...


@pytest.mark.usefixtures("cluster")
async def test_a_killed_worker_costs_only_its_cases_which_others_do_and_nothing_is_paid_twice(feature: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Paid)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asked = suite(*(f"paid {n} http://127.0.0.1:{server.server_port}/" for n in range(10)))
    target = RayTarget(TargetSpec(kind="python", call="herd.app:answer"), files(feature), address="auto", workers=2)

    async def kill_one() -> int:
        for _ in range(4):
            await asyncio.to_thread(Paid.waiting.acquire, timeout=20)
        assert len(Paid.pids) == 2
        os.kill(victim := min(Paid.pids), signal.SIGKILL)
        await asyncio.sleep(0.3)
        Paid.go_on.set()
        return victim

    try:
        run, victim = await asyncio.gather(go(target, feature, asked), kill_one())
    finally:
        await target.close()
        server.shutdown()
        server.server_close()
    assert {trial.broken for result in run.results.values() for trial in result.trials} == {None}
    assert all(result.passed() for result in run.results.values())
    assert set(Paid.charged.values()) == {1}  # by key, as an endpoint that honours it charges
    assert len(Paid.charged) == 10
    assert 1 <= sum(count - 1 for count in Paid.asked.values()) <= 2  # only what the killed one was doing, of 4 at once
    assert len(Paid.pids - {victim}) >= 1


@pytest.mark.usefixtures("cluster")
async def test_an_app_that_cannot_be_loaded_there_or_changes_its_files_is_refused(feature: Path) -> None:
    from interlock.core.errors import TargetError

    with pytest.raises(TargetError, match="cannot be loaded on the cluster"):
        RayTarget(TargetSpec(kind="python", call="herd.app:missing"), files(feature), address="auto", workers=1)
    writes = textwrap.dedent("""
        async def answer(request, *, root, chat):
            (root / "prompt.md").write_text("another one")
            return {"outcome": "answer", "text": "S"}
    """)
    target = RayTarget(
        TargetSpec(kind="python", call="app:answer"), {"app.py": writes.encode()}, address="auto", workers=1
    )
    try:
        await go(target, feature, suite("x"))
        assert (feature / "root/prompt.md").read_text() == "So: "  # theirs is a copy
        with pytest.raises(TargetError, match=r"changed .* of its bundle"):
            target.loaded_files()
    finally:
        await target.close()


@pytest.mark.usefixtures("cluster")
async def test_a_trial_out_of_time_is_given_up_there_too(feature: Path) -> None:
    sleeps = b"""
import asyncio
async def answer(request, *, root, chat):
    if request["input"] == "slow":
        await asyncio.sleep(60)
    return {"outcome": "answer", "text": "S"}
"""
    target = RayTarget(TargetSpec(kind="python", call="app:answer"), {"app.py": sleeps}, address="auto", workers=1)
    try:
        run = await go(target, feature, suite("slow", "quick"), timeout_s=1.0)
    finally:
        await target.close()
    assert [trial.broken for result in run.results.values() for trial in result.trials] == [Broken.TIMEOUT, None]


def test_without_ray_there_is_a_hint() -> None:
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from interlock.adapters.targets.ray_pool import RayMissing, _connected\n"
        "try: _connected('local')\n"
        "except RayMissing as error: print(error.hint)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "pip install 'interlock[ray]'"
    assert issubclass(RayMissing, Exception)
