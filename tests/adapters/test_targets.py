"""Targets: what is not one well-formed reply is a broken run of a named kind, over real sockets and processes."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from interlock.adapters.targets import address, app_thread, open_target
from interlock.adapters.targets.chat_http import HttpChat
from interlock.adapters.targets.python import PythonTarget
from interlock.adapters.targets.reply import read_reply
from interlock.core.broken import BrokenRun, FailedRun
from interlock.core.errors import DocumentError, TargetError
from interlock.core.manifest import TargetSpec
from interlock.core.score import Broken, Fault
from interlock.core.suite import Case, Expect

CASE = Case(id="c1", input="hello", slices=("s",), expect=Expect(), source="test", lang="en")
GOOD: dict[str, Any] = {
    "outcome": "answer",
    "text": "hi",
    "claims": [{"text": "hi", "cites": [{"doc_id": "KB-1", "quote": "hi"}]}],
    "retrieved": [{"doc_id": "KB-1", "text": "hi", "score": 0.5}],
    "tool_calls": [{"tool": "t", "arguments": {"a": 1}, "status": "proposed"}],
    "parse": {"attempted": 1, "ok": 1, "errors": []},
    "output": {"text": "hi"},
}


class Trialled:
    """A chat that knows its trial, as the runner's does."""

    trial_key, trace_id, bundle = "sha256:" + "1" * 64, "ab" * 16, "sha256:" + "2" * 64

    def __init__(self, *contents: str) -> None:
        self.contents, self.asked = list(contents), []  # type: ignore[var-annotated]

    async def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(request)
        return {"choices": [{"message": {"content": self.contents.pop(0)}, "finish_reason": "stop"}]}


async def broken(run: Awaitable[Any]) -> BrokenRun:
    with pytest.raises(BrokenRun) as caught:
        await run
    return caught.value


async def failed(run: Awaitable[Any]) -> FailedRun:
    with pytest.raises(FailedRun) as caught:
        await run
    return caught.value


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_post("/{tail:.*}", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "resolved"},
        {"outcome": None},
        {"text": 5},
        {"text": "\ud800"},
        {"surprise": 1},
        {"claims": [{"text": "x", "cites": [{"doc_id": "KB-1"}]}]},
        {"claims": "none"},
        {"retrieved": [{"doc_id": 1, "text": "x"}]},
        {"tool_calls": [{"tool": "t", "arguments": {}, "status": "done"}]},
        {"tool_calls": [{"tool": "t", "arguments": [], "status": "executed"}]},
        {"parse": {"attempted": 1, "ok": 2, "errors": []}},
        {"parse": {"attempted": True, "ok": 0}},
        {"output": {"x": float("nan")}},
        {"output": {"x": {1, 2}}},
        {"retrieved": [{"doc_id": "a", "text": "x", "score": float("inf")}]},
        {"tool_calls": [{"tool": "t", "arguments": {"a": float("nan")}, "status": "executed"}]},
        {"confidence": 1.5},
        {"queue": ["billing"]},
    ],
)
def test_a_reply_in_another_shape_is_refused_and_never_coerced(change: dict[str, Any]) -> None:
    with pytest.raises(FailedRun) as caught:
        read_reply({**GOOD, **change})
    assert caught.value.fault is Fault.SHAPE


def test_a_whole_reply_arrives_whole() -> None:
    reply = read_reply(GOOD)
    assert (reply.outcome, reply.text, reply.parse_ok, reply.output) == ("answer", "hi", 1, {"text": "hi"})
    assert reply.claims[0]["cites"][0]["doc_id"] == "KB-1"
    assert read_reply({"outcome": "abstain", "text": ""}).claims == ()
    assert read_reply({"outcome": "clarify", "text": "Which one?"}).outcome == "clarify"


def write(folder: Path, name: str, code: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(code)
    return folder


ECHO = """
async def answer(request, *, root, chat):
    return {"outcome": "answer", "text": request["input"] + " " + root.name + " " + request["lang"]}

def plainly(request, *, root, chat):
    said = chat({"messages": []})["choices"][0]["message"]["content"]
    return {"outcome": "answer", "text": said}

async def crash(request, *, root, chat):
    raise RuntimeError("boom")

async def leave(request, *, root, chat):
    raise SystemExit(3)

def leave_plainly(request, *, root, chat):
    raise KeyboardInterrupt

async def give_up(request, *, root, chat):
    import asyncio
    raise asyncio.CancelledError

async def pretend(request, *, root, chat):
    from interlock.core.broken import BrokenRun
    from interlock.core.score import Broken
    raise BrokenRun(Broken.RATE_LIMIT, "not my fault")

async def too_late(request, *, root, chat):
    raise TimeoutError

async def wrong(request, *, root, chat):
    return {"text": "no outcome"}

def hang(request, *, root, chat):
    import time
    time.sleep(30)
"""


async def test_a_python_app_is_called_async_or_not(tmp_path: Path) -> None:
    folder = write(tmp_path / "f", "echo_app", ECHO)
    got = await PythonTarget("echo_app:answer", folder).run(CASE, repeat=0, root=tmp_path, chat=Trialled())
    assert (got.reply.text, got.calls) == (f"hello {tmp_path.name} en", 1)
    chat = Trialled("said")
    got = await PythonTarget("echo_app:plainly", folder).run(CASE, repeat=0, root=tmp_path, chat=chat)
    assert (got.reply.text, len(chat.asked)) == ("said", 1)
    assert str(folder) not in sys.path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("crash", Fault.CRASH),
        ("leave", Fault.CRASH),
        ("leave_plainly", Fault.CRASH),
        ("give_up", Fault.CRASH),
        ("pretend", Fault.CRASH),
        ("too_late", Fault.CRASH),
        ("wrong", Fault.SHAPE),
    ],
)
async def test_an_app_that_crashes_fails_its_trial_only_and_cannot_call_it_broken(
    tmp_path: Path, name: str, kind: Fault
) -> None:
    target = PythonTarget(f"echo_app:{name}", write(tmp_path / "f", "echo_app", ECHO))
    try:
        assert (await failed(target.run(CASE, repeat=0, root=tmp_path, chat=Trialled()))).fault is kind
    finally:
        await target.close()


async def test_what_broke_in_the_chat_is_told_as_it_broke(tmp_path: Path) -> None:
    async def chat(request: Mapping[str, Any]) -> Mapping[str, Any]:
        raise BrokenRun(Broken.SERVER, "down")

    for name in ("ask", "ask_plainly"):
        target = PythonTarget(f"asking_app:{name}", write(tmp_path / "f", "asking_app", ASKING))
        assert (await broken(target.run(CASE, repeat=0, root=tmp_path, chat=chat))).broken is Broken.SERVER
        await target.close()


ASKING = """
async def ask(request, *, root, chat):
    return await chat({"messages": []})

def ask_plainly(request, *, root, chat):
    return chat({"messages": []})
"""

BLOCKING = """
import asyncio, time
async def answer(request, *, root, chat):
    if "block" in request["input"]:
        time.sleep(20)
    if "thread" in request["input"]:
        await asyncio.to_thread(time.sleep, 20)
    return {"outcome": "answer", "text": "alive"}

def plainly(request, *, root, chat):
    time.sleep(20)
"""


def asks(text: str) -> Case:
    return Case(id="c1", input=text, slices=("s",), expect=Expect(), source="test", lang="en")


async def test_an_app_that_blocks_its_event_loop_loses_one_trial_and_not_the_run(tmp_path: Path) -> None:
    target = PythonTarget("blocking_app:answer", write(tmp_path / "f", "blocking_app", BLOCKING))
    start = time.perf_counter()
    for _ in range(app_thread.MAX_STUCK_LOOPS - 1):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await target.run(asks("block"), repeat=0, root=tmp_path, chat=Trialled())
        got = await asyncio.gather(
            *(target.run(asks("go on"), repeat=0, root=tmp_path, chat=Trialled()) for _ in range(3))
        )
        assert [each.reply.text for each in got] == ["alive"] * 3
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await target.run(asks("block"), repeat=0, root=tmp_path, chat=Trialled())
    with pytest.raises(TargetError, match="blocked 4 event loops"):
        await target.run(asks("go on"), repeat=0, root=tmp_path, chat=Trialled())
    await target.close()
    assert time.perf_counter() - start < 15


async def test_functions_that_never_return_stop_the_run_when_they_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_thread, "MAX_STUCK_CALLS", 2)
    target = PythonTarget("blocking_app:plainly", write(tmp_path / "f", "blocking_app", BLOCKING))
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await target.run(CASE, repeat=0, root=tmp_path, chat=Trialled())
    with pytest.raises(TargetError, match="never returned"):
        await target.run(CASE, repeat=0, root=tmp_path, chat=Trialled())


@pytest.mark.parametrize("how", ["block", "thread"])
async def test_interrupting_a_run_ends_the_process_although_the_app_hangs(tmp_path: Path, how: str) -> None:
    write(tmp_path, "blocking_app", BLOCKING)
    code = f"""
import asyncio, pathlib
from interlock.adapters.targets.python import PythonTarget
from interlock.core.suite import Case, Expect
case = Case(id="c1", input={how!r}, slices=("s",), expect=Expect(), source="t")
async def main():
    target = PythonTarget("blocking_app:answer", pathlib.Path("."))
    print("started", flush=True)
    await target.run(case, repeat=0, root=pathlib.Path("."), chat=None)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"started\n"
    await asyncio.sleep(0.3)
    child.send_signal(signal.SIGINT)
    async with asyncio.timeout(5):
        said, _ = await child.communicate()
    assert said == b"interrupted\n"


async def test_a_call_after_its_trial_is_over_reaches_no_model(tmp_path: Path) -> None:
    code = """
import threading, time
ended = threading.Event()
def answer(request, *, root, chat):
    time.sleep(0.3)
    try:
        chat({"messages": []})
    finally:
        ended.set()
"""
    target = PythonTarget("late_app:answer", write(tmp_path / "f", "late_app", code))
    chat = Trialled("said")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await target.run(CASE, repeat=0, root=tmp_path, chat=chat)
    while not sys.modules["late_app"].ended.is_set():  # noqa: ASYNC110  set in another thread
        await asyncio.sleep(0.02)
    assert chat.asked == []


@pytest.mark.parametrize("name", ["json", "asyncio", "aiohttp", "interlock"])
def test_an_app_named_like_a_module_of_this_process_is_refused_and_evicts_nothing(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, "main", ECHO)
    before = sys.modules[name]
    with pytest.raises(TargetError, match=f"`{name}`") as caught:
        PythonTarget(f"{name}.main:answer", tmp_path)
    assert "name of its own" in caught.value.hint
    assert sys.modules[name] is before


async def test_the_files_that_an_app_was_loaded_from_are_known_also_when_it_loads_them_late(tmp_path: Path) -> None:
    write(tmp_path / "pack", "__init__", "")
    write(tmp_path / "pack", "main", "from pack import near\nasync def answer(request, *, root, chat):\n"
          "    from pack import far\n    return {'outcome': 'answer', 'text': far.TEXT}\n")  # fmt: skip
    write(tmp_path / "pack", "near", "")
    write(tmp_path / "pack", "far", "TEXT = 'far'")
    write(tmp_path / "pack", "never", "")
    target = PythonTarget("pack.main:answer", tmp_path)
    assert target.loaded_files() == ("pack/__init__.py", "pack/main.py", "pack/near.py")
    await target.run(CASE, repeat=0, root=tmp_path, chat=Trialled())
    assert target.loaded_files() == ("pack/__init__.py", "pack/far.py", "pack/main.py", "pack/near.py")
    await target.close()


async def test_a_function_that_hangs_does_not_hold_the_run(tmp_path: Path) -> None:
    target = PythonTarget("echo_app:hang", write(tmp_path / "f", "echo_app", ECHO))
    start = time.perf_counter()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await target.run(CASE, repeat=0, root=tmp_path, chat=Trialled())
    assert time.perf_counter() - start < 5


async def test_two_features_with_a_module_of_the_same_name_stay_apart(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        code = f"async def answer(request, *, root, chat):\n    return {{'outcome': 'answer', 'text': '{name}'}}\n"
        target = PythonTarget("same_app:answer", write(tmp_path / name, "same_app", code))
        texts.append((await target.run(CASE, repeat=0, root=tmp_path, chat=Trialled())).reply.text)
    assert texts == ["one", "two"]


@pytest.mark.parametrize("call", ["nothing", "no_such_module_x:answer", "echo_app:nothing", "bad_app:answer"])
def test_an_app_that_cannot_be_loaded_is_an_error_before_any_case(tmp_path: Path, call: str) -> None:
    write(tmp_path, "echo_app", ECHO)
    write(tmp_path, "bad_app", "1 / 0")
    with pytest.raises(TargetError):
        open_target(TargetSpec(kind="python", call=call), tmp_path)


def command(tmp_path: Path, code: str) -> Any:
    (tmp_path / "program.py").write_text(code)
    return open_target(TargetSpec(kind="command", command=(sys.executable, "program.py")), tmp_path)


async def test_a_program_reads_the_request_and_writes_the_reply(tmp_path: Path) -> None:
    target = command(tmp_path, "import json,os,sys\nr=json.load(sys.stdin)\n"
                     "print(json.dumps({'outcome':'answer','text':r['input']+os.environ['INTERLOCK_TRIAL_KEY'],'calls':2,'cost_usd':0.5}))")  # fmt: skip
    got = await target.run(CASE, repeat=0, root=tmp_path, chat=Trialled())
    assert (got.reply.text, got.calls, got.cost_usd) == ("hello" + Trialled.trial_key, 2, 0.5)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import sys; sys.exit(3)", Fault.CRASH),
        ("print('hello')", Fault.SHAPE),
        ('print(\'{"outcome": "answer", "outcome": "abstain", "text": ""}\')', Fault.SHAPE),
        ("print('[]')", Fault.SHAPE),
        ("", Fault.SHAPE),
        ("print('x' * 17_000_000)", Fault.SHAPE),
    ],
)
async def test_a_program_that_says_anything_else_has_failed(tmp_path: Path, code: str, kind: Fault) -> None:
    fault = await failed(command(tmp_path, code).run(CASE, repeat=0, root=tmp_path, chat=Trialled()))
    assert fault.fault is kind


async def test_a_program_that_is_missing_or_called_nothing_is_broken(tmp_path: Path) -> None:
    missing = open_target(TargetSpec(kind="command", command=("./no-such-program",)), tmp_path)
    assert (await broken(missing.run(CASE, repeat=0, root=tmp_path, chat=Trialled()))).broken is Broken.START
    idle = command(tmp_path, 'print(\'{"outcome": "answer", "text": "x", "calls": 0}\')')
    assert (await broken(idle.run(CASE, repeat=0, root=tmp_path, chat=Trialled()))).broken is Broken.NO_CALL


async def test_time_running_out_kills_the_whole_process_group(tmp_path: Path) -> None:
    target = command(tmp_path, "import subprocess,sys,time,pathlib\n"
                     "p=subprocess.Popen([sys.executable,'-c','import time; time.sleep(60)'])\n"
                     "pathlib.Path('pid').write_text(str(p.pid))\ntime.sleep(60)")  # fmt: skip
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3):
            await target.run(CASE, repeat=0, root=tmp_path, chat=Trialled())
    child = int((tmp_path / "pid").read_text())
    for _ in range(100):
        stat = Path(f"/proc/{child}/stat")
        if not stat.exists() or stat.read_text().split()[2] == "Z":
            break
        await asyncio.sleep(0.05)
    else:
        os.kill(child, 9)
        pytest.fail("a grandchild outlived its trial")


async def test_an_endpoint_is_told_which_trial_it_serves(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Mapping[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers)
        return web.json_response({**GOOD, "text": (await request.json())["input"]})

    monkeypatch.setenv("APP_URL", await serve(handler))
    monkeypatch.setenv("APP_KEY", "secret")
    target = open_target(TargetSpec(kind="http", url="${APP_URL}/ask", key_env="APP_KEY"), tmp_path)
    try:
        got = await target.run(CASE, repeat=0, root=tmp_path, chat=Trialled())
    finally:
        await target.close()
    assert (got.reply.text, got.calls) == ("hello", 1)
    assert seen[0]["Idempotency-Key"] == Trialled.trial_key
    assert seen[0]["Interlock-Bundle"] == Trialled.bundle
    assert seen[0]["traceparent"].startswith(f"00-{Trialled.trace_id}-")
    assert seen[0]["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("status", "kind", "retry"),
    [
        (429, Broken.RATE_LIMIT, True),
        (500, Broken.SERVER, True),
        (503, Broken.SERVER, True),
        (401, Broken.PROTOCOL, False),
        (302, Broken.PROTOCOL, False),
    ],
)
async def test_each_status_breaks_a_run_in_its_own_way(
    tmp_path: Path, serve: Serve, status: int, kind: Broken, retry: bool
) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, text="no", headers={"Retry-After": "7", "Location": "/elsewhere"})

    target = open_target(TargetSpec(kind="http", url=await serve(handler)), tmp_path)
    fault = await broken(target.run(CASE, repeat=0, root=tmp_path, chat=Trialled()))
    await target.close()
    assert (fault.broken, fault.retry) == (kind, retry)
    assert fault.retry_after_s == (7 if retry else 0)


async def test_nobody_there_and_nobody_answering_are_two_things(tmp_path: Path, serve: Serve) -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.json_response(GOOD)

    gone = open_target(TargetSpec(kind="http", url="http://127.0.0.1:9"), tmp_path)
    fault = await broken(gone.run(CASE, repeat=0, root=tmp_path, chat=Trialled()))
    assert (fault.broken, fault.made) == (Broken.REFUSED, False)
    late = open_target(TargetSpec(kind="http", url=await serve(slow)), tmp_path, timeout_s=0.2)
    fault = await broken(late.run(CASE, repeat=0, root=tmp_path, chat=Trialled()))
    assert (fault.broken, fault.made) == (Broken.TIMEOUT, True)
    await gone.close()
    await late.close()


def test_an_address_is_complete_or_refused() -> None:
    with pytest.raises(TargetError, match="environment variable"):
        address("${NO_SUCH_VARIABLE_HERE}/x")
    with pytest.raises(TargetError, match="http"):
        address("file:///etc/passwd")


@pytest.mark.parametrize("kind", ["python", "http", "command", "recorded"])
def test_a_target_that_lacks_what_it_needs_says_what(tmp_path: Path, kind: Any) -> None:
    with pytest.raises(TargetError, match="needs"):
        open_target(TargetSpec(kind=kind), tmp_path)


def recorded(tmp_path: Path, *rows: Any) -> Any:
    (tmp_path / "runs.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return open_target(TargetSpec(kind="recorded", path="runs.jsonl"), tmp_path)


async def test_recorded_replies_are_found_by_case_and_repeat(tmp_path: Path) -> None:
    target = recorded(
        tmp_path,
        {"case": "c1", "reply": GOOD},
        {"case": "c1", "repeat": 1, "reply": {**GOOD, "text": "second"}},
        {"case": "c1", "trial": 2, "status": "error", "detail": "no call made"},
        {"case": "c1", "trial": 3, "status": "error", "detail": "Timeout after 60 s"},
        {"case": "c1", "trial": 4, "status": "error", "detail": "strange"},
    )
    texts = [(await target.run(CASE, repeat=r, root=tmp_path, chat=Trialled())).reply.text for r in (0, 1)]
    assert texts == ["hi", "second"]
    kinds = [(await broken(target.run(CASE, repeat=r, root=tmp_path, chat=Trialled()))).broken for r in (2, 3, 4, 5)]
    assert kinds == [Broken.NO_CALL, Broken.TIMEOUT, Broken.RECORDING, Broken.RECORDING]


@pytest.mark.parametrize(
    "row",
    [{"case": "c1"}, {"reply": GOOD}, {"case": "c1", "reply": GOOD, "status": "error"}, {"case": "c1", "reply": GOOD, "x": 1},
     {"case": "c1", "reply": "x"}, {"case": "c1", "repeat": -1, "reply": GOOD}, []],
)  # fmt: skip
def test_a_recording_that_is_not_understood_is_refused_whole(tmp_path: Path, row: Any) -> None:
    with pytest.raises(DocumentError):
        recorded(tmp_path, {"case": "other", "reply": GOOD}, row)
    with pytest.raises(DocumentError, match="twice"):
        recorded(tmp_path, {"case": "c1", "reply": GOOD}, {"case": "c1", "reply": GOOD})


EXAMPLE = Path(__file__).parents[2] / "examples" / "billing-support"


async def test_without_an_app_prompt_and_schema_of_the_bundle_are_asked(tmp_path: Path) -> None:
    output = {"version": 3, "outcome": "abstain", "text": "I do not know", "claims": [], "queue": None}
    chat = Trialled(f"```json\n{json.dumps(output)}\n```", "I think so", json.dumps({**output, "version": 2}))
    target = open_target(TargetSpec(kind="openai", url="http://127.0.0.1:9"), EXAMPLE)
    good, prose, old = [await target.run(CASE, repeat=0, root=EXAMPLE, chat=chat) for _ in range(3)]
    request = chat.asked[0]
    assert request["messages"][0]["role"] == "system"
    assert request["messages"][-1] == {"role": "user", "content": "hello"}
    assert (good.reply.outcome, good.reply.output, good.reply.parse_ok, good.calls) == ("abstain", output, 1, 0)
    assert (prose.reply.outcome, prose.reply.output, prose.reply.parse_ok) == ("answer", None, 0)
    assert (old.reply.output, old.reply.parse_ok) == (None, 0)


@pytest.mark.parametrize(("status", "body", "kind"), [(429, "x", Broken.RATE_LIMIT), (503, "x", Broken.SERVER), (400, "x", Broken.PROTOCOL), (200, "{}", Broken.PROTOCOL), (200, "nan", Broken.PROTOCOL)])  # fmt: skip
async def test_a_live_chat_asks_once_and_says_what_broke(serve: Serve, status: int, body: str, kind: Broken) -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers["Idempotency-Key"])
        return web.Response(status=status, text=body, headers={"Retry-After": "7"})

    chat = HttpChat(await serve(handler))
    fault = await broken(chat({}, key="k"))
    await chat.close()
    assert (fault.broken, seen, fault.retry) == (kind, ["k"], kind in {Broken.RATE_LIMIT, Broken.SERVER})
    assert fault.retry_after_s == (7 if fault.retry else 0)
    assert fault.made == (kind not in {Broken.RATE_LIMIT} and status != 400)


@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
async def test_a_key_that_an_endpoint_sends_back_is_told_to_nobody(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    key = 'sk-"very/secret"-0123456789'

    async def handler(request: web.Request) -> web.Response:
        said = request.headers["Authorization"]
        body: dict[str, Any] = {"pad": "x" * 120, "headers": {"authorization": said}, "plain": key, "more": [key]}
        if status == 200:
            body = {"outcome": "answer", "text": "", key: "an unknown field that is named in the fault"}
        return web.json_response(body, status=status)

    monkeypatch.setenv("APP_KEY", key)
    url = await serve(handler)
    target = open_target(TargetSpec(kind="http", url=url, key_env="APP_KEY"), tmp_path)
    asked = target.run(CASE, repeat=0, root=tmp_path, chat=Trialled())
    told = await (failed(asked) if status == 200 else broken(asked))
    assert "***" in told.detail
    await target.close()
    chat = HttpChat(url, key_env="APP_KEY")
    fault = await broken(chat({}))
    await chat.close()
    for text in (told.detail, str(told), fault.detail, str(fault)):
        assert "secret" not in text
        assert "sk-" not in text
