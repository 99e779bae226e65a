"""Targets: what is not one well-formed reply is a broken run of a named kind, over real sockets and processes."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from interlock.adapters.targets import address, open_target
from interlock.adapters.targets.chat_http import HttpChat
from interlock.adapters.targets.python import PythonTarget
from interlock.adapters.targets.reply import read_reply
from interlock.core.broken import BrokenRun
from interlock.core.errors import DocumentError, TargetError
from interlock.core.manifest import TargetSpec
from interlock.core.score import Broken
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
    with pytest.raises(BrokenRun) as caught:
        read_reply({**GOOD, **change})
    assert caught.value.broken is Broken.PROTOCOL
    assert not caught.value.retry


def test_a_whole_reply_arrives_whole() -> None:
    reply = read_reply(GOOD)
    assert (reply.outcome, reply.text, reply.parse_ok, reply.output) == ("answer", "hi", 1, {"text": "hi"})
    assert reply.claims[0]["cites"][0]["doc_id"] == "KB-1"
    assert read_reply({"outcome": "abstain", "text": ""}).claims == ()


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
    ("name", "kind"), [("crash", Broken.CRASH), ("leave", Broken.CRASH), ("wrong", Broken.PROTOCOL)]
)
async def test_an_app_that_crashes_breaks_its_trial_only(tmp_path: Path, name: str, kind: Broken) -> None:
    target = PythonTarget(f"echo_app:{name}", write(tmp_path / "f", "echo_app", ECHO))
    assert (await broken(target.run(CASE, repeat=0, root=tmp_path, chat=Trialled()))).broken is kind


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
        ("import sys; sys.exit(3)", Broken.CRASH),
        ("print('hello')", Broken.PROTOCOL),
        ('print(\'{"outcome": "answer", "outcome": "abstain", "text": ""}\')', Broken.PROTOCOL),
        ("print('[]')", Broken.PROTOCOL),
        ("", Broken.PROTOCOL),
        ('print(\'{"outcome": "answer", "text": "x", "calls": 0}\')', Broken.NO_CALL),
        ("print('x' * 17_000_000)", Broken.PROTOCOL),
    ],
)
async def test_a_program_that_says_anything_else_is_broken(tmp_path: Path, code: str, kind: Broken) -> None:
    fault = await broken(command(tmp_path, code).run(CASE, repeat=0, root=tmp_path, chat=Trialled()))
    assert fault.broken is kind
    missing = open_target(TargetSpec(kind="command", command=("./no-such-program",)), tmp_path)
    assert (await broken(missing.run(CASE, repeat=0, root=tmp_path, chat=Trialled()))).broken is Broken.CRASH


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
    assert kinds == [Broken.NO_CALL, Broken.TIMEOUT, Broken.CRASH, Broken.RECORDING]


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


async def test_a_live_chat_asks_again_only_after_transport_broke(serve: Serve) -> None:
    seen: list[str] = []
    answers = [429, 503, 200]

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers["Idempotency-Key"])
        status = answers[len(seen) - 1]
        if status != 200:
            return web.Response(status=status, headers={"Retry-After": "0"})
        return web.json_response({"choices": [{"message": {"content": "hi"}}]})

    chat = HttpChat(await serve(handler), backoff_s=0.01)
    response = await chat({"messages": []}, key="k1")
    assert response["choices"][0]["message"]["content"] == "hi"
    assert seen == ["k1", "k1", "k1"]
    await chat.close()


@pytest.mark.parametrize(("status", "body", "kind", "tries"), [(503, "x", Broken.SERVER, 2), (400, "x", Broken.PROTOCOL, 1), (200, "{}", Broken.PROTOCOL, 1), (200, "nan", Broken.PROTOCOL, 1)])  # fmt: skip
async def test_a_live_chat_gives_up_in_order(serve: Serve, status: int, body: str, kind: Broken, tries: int) -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(1)
        return web.Response(status=status, text=body)

    chat = HttpChat(await serve(handler), attempts=2, backoff_s=0.01)
    fault = await broken(chat({}, key="k"))
    await chat.close()
    assert (fault.broken, fault.retry, len(seen)) == (kind, False, tries)


async def test_a_wait_that_is_asked_for_is_waited(serve: Serve) -> None:
    times: list[float] = []

    async def handler(request: web.Request) -> web.Response:
        times.append(time.perf_counter())
        if len(times) == 1:
            return web.Response(status=429, headers={"Retry-After": "1"})
        return web.json_response({"choices": [{"message": {"content": "hi"}}]})

    chat = HttpChat(await serve(handler), backoff_s=0.01)
    await chat({})
    await chat.close()
    assert times[1] - times[0] >= 0.95
