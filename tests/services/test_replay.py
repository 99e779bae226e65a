"""Replay by what is upstream of a call: what did not change there is free and exactly paired, what did is asked anew."""

import asyncio
import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from interlock.adapters.targets.python import PythonTarget
from interlock.core.binding import bind
from interlock.core.broken import BrokenRun, FailedRun
from interlock.core.errors import DocumentError
from interlock.core.manifest import RunSpec
from interlock.core.score import Broken, Fault
from interlock.core.suite import Case, Expect, Slice, Suite, SuiteKind
from interlock.core.yaml_text import parse_yaml
from interlock.scorers import default_scorers
from interlock.services.calls import RecordedChat, TrialChat, call_key, tool_key
from interlock.services.evaluate import Run, evaluate
from interlock.services.recorder import parse_recordings
from interlock.testing import FixedClock, MemoryCallStore, MemoryTrialStore

PARTS = {
    name: f"sha256:{name}"
    for name in ("model", "prompt", "schema", "retriever", "tools", "guardrails", "app", "target")
}

APP = '''
"""An app whose every part does something: prompt and articles go into the request, schema and guardrail come after."""

import json

RAN = []


def _look_up(order):
    RAN.append(order)
    return {"order": order, "state": f"sent {len(RAN)}"}


async def answer(request, *, root, chat, tools):
    part = {name: (root / name).read_text() for name in ("prompt", "article", "schema", "guardrail")}
    said = await chat({"messages": [{"role": "system", "content": part["prompt"] + part["article"]},
                                    {"role": "user", "content": request["input"]}]})
    order = await tools("orders", {"order": request["input"][-1]}, _look_up)
    text = said["choices"][0]["message"]["content"] + " " + order["state"] + part["schema"]
    return {"outcome": "abstain" if part["guardrail"] in text else "answer", "text": text,
            "tool_calls": [{"tool": "orders", "arguments": {"order": order["order"]}, "status": "executed"}]}


def waits(request, *, root, chat, tools):
    return {"outcome": "answer", "text": tools("orders", {"order": "7"}, _look_up)["state"]}


async def hosted(request, *, root, chat):
    said = await chat({"messages": [{"role": "user", "content": request["input"]}]}, reads=["retriever"])
    return {"outcome": "answer", "text": said["choices"][0]["message"]["content"]}


async def wrong(request, *, root, chat):
    return {"outcome": "answer", "text": str(await chat({"messages": []}, reads=["weather"]))}
'''


class Live:
    """Answers each question with the number of times that it was asked anything."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, request: Mapping[str, Any], *, key: str = "") -> Mapping[str, Any]:
        self.asked += 1
        await asyncio.sleep(0)
        return {"choices": [{"message": {"content": f"reply {self.asked}"}}]}


class Bundle:
    """A bundle's files, its parts' digests, and one run after the other over the same store of calls."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.live, self.store, self.target = folder, Live(), MemoryCallStore(), ""
        (folder / "code").mkdir()
        (folder / "code/replayed_app.py").write_text(APP)
        self.files = {"prompt": "Be kind.", "article": "A day.", "schema": "", "guardrail": "weapons"}
        self.parts = dict(PARTS)

    def change(self, part: str, file: str, text: str) -> None:
        self.files[file] = text
        self.parts[part] = f"sha256:{part}:{text}"

    async def run(
        self, mode: Any = "record", *, call: str = "answer", fingerprint: str = "f1", recordings: str = ""
    ) -> Run:
        root = self.folder / f"root-{len(list(self.folder.iterdir()))}"
        root.mkdir()
        for name, text in self.files.items():
            (root / name).write_text(text)
        chat = RecordedChat(
            mode=mode, live=None if mode == "replay-strict" else self.live, store=self.store, clock=FixedClock(), run="r",
            fingerprint=fingerprint, reads=self.parts, recordings=parse_recordings([("r.jsonl", recordings)]),
        )  # fmt: skip
        target = PythonTarget(f"replayed_app:{call}", self.folder / "code")
        cases = tuple(
            Case(id=f"c{n}", input=f"order {n}", slices=("s",), expect=Expect(), source="test") for n in range(3)
        )
        loaded: Any = SimpleNamespace(bundle=SimpleNamespace(digest="sha256:b", components={}))
        try:
            return await evaluate(
                loaded, [Suite("gold", SuiteKind.GOLD, cases, (Slice(id="s", title="s"),))], root=root, target=target,
                chat=chat, trials=MemoryTrialStore(), run=RunSpec(concurrency=2), run_id="r", upstream=self.parts,
                scorers=default_scorers(), clock=FixedClock(), progress=Silent(),
            )  # fmt: skip
        finally:
            await target.close()


class Silent:
    def start(self, title: str, total: int) -> None: ...

    def advance(self, done: int = 1) -> None: ...

    def finish(self) -> None: ...


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[Bundle]:
    made = Bundle(tmp_path)
    yield made
    sys.modules.pop("replayed_app", None)


def texts(run: Run) -> list[str]:
    return [
        trial.reply.text if trial.reply else str(trial) for result in run.results.values() for trial in result.trials
    ]


async def test_a_changed_schema_or_guardrail_replays_everything_and_is_exactly_paired(bundle: Bundle) -> None:
    first = texts(await bundle.run())
    assert bundle.live.asked == 3
    bundle.change("schema", "schema", "!")
    second = await bundle.run()
    assert texts(second) == [f"{text}!" for text in first]
    bundle.change("guardrails", "guardrail", "sent")
    third = await bundle.run("replay-strict")
    assert texts(third) == texts(second)
    assert {trial.reply.outcome for r in third.results.values() for trial in r.trials if trial.reply} == {"abstain"}
    assert bundle.live.asked == 3
    assert (second.cost_usd, second.calls, third.cost_usd) == (0.0, first_calls(second), 0.0)


def first_calls(run: Run) -> int:
    return sum(trial.calls for result in run.results.values() for trial in result.trials)


@pytest.mark.parametrize("change", ["prompt", "index", "model"])
async def test_a_changed_prompt_index_or_model_goes_live_and_strictly_breaks(bundle: Bundle, change: str) -> None:
    await bundle.run()
    fingerprint = "f2" if change == "model" else "f1"
    if change == "prompt":
        bundle.change("prompt", "prompt", "Be brief.")
    elif change == "index":
        bundle.change("retriever", "article", "Two days.")
    strict = await bundle.run("replay-strict", fingerprint=fingerprint)
    assert {trial.broken for result in strict.results.values() for trial in result.trials} == {Broken.RECORDING}
    await bundle.run("replay-or-live", fingerprint=fingerprint)
    assert bundle.live.asked == 6
    await bundle.run("replay-strict", fingerprint=fingerprint)
    assert bundle.live.asked == 6


async def test_an_index_on_the_other_side_is_named_by_the_call_that_reads_it(bundle: Bundle) -> None:
    await bundle.run(call="hosted")
    bundle.change("prompt", "prompt", "It is not in this request.")
    await bundle.run(call="hosted")
    assert bundle.live.asked == 3
    bundle.change("retriever", "article", "New.")
    await bundle.run(call="hosted")
    assert bundle.live.asked == 6
    wrong = await bundle.run(call="wrong")
    faults = [trial for result in wrong.results.values() for trial in result.trials]
    assert {trial.fault for trial in faults} == {Fault.CRASH}
    assert "`weather`" in faults[0].detail


async def test_a_tool_is_carried_out_once_and_replayed_until_its_part_or_the_app_changes(bundle: Bundle) -> None:
    ran = lambda: len(importlib.import_module("replayed_app").RAN)  # noqa: E731
    await bundle.run()
    assert ran() == 3
    bundle.change("prompt", "prompt", "Be brief.")
    await bundle.run()
    assert ran() == 3
    for part in ("tools", "app"):
        bundle.parts[part] += " changed"
        strict = await bundle.run("replay-strict")
        assert {trial.broken for result in strict.results.values() for trial in result.trials} == {Broken.RECORDING}
    await bundle.run()
    assert ran() == 6
    await bundle.run("live")
    assert ran() == 9


async def test_a_function_that_waits_has_the_same_tools(bundle: Bundle) -> None:
    first = await bundle.run(call="waits")
    again = await bundle.run("replay-strict", call="waits")
    assert texts(first) == texts(again) == ["sent 1"] * 3
    assert len(importlib.import_module("replayed_app").RAN) == 1  # three trials with one call


async def test_tool_calls_replay_out_of_a_recording_file(bundle: Bundle) -> None:
    reads = {name: bundle.parts[name] for name in ("app", "tools")}
    rows = [
        {"key": tool_key(reads, "orders", {"order": "7"}), "request": {"tool": "orders", "arguments": {"order": "7"}}, "response": {"result": {"state": "recorded"}}}
    ]  # fmt: skip
    run = await bundle.run("replay-strict", call="waits", recordings="".join(json.dumps(row) for row in rows))
    assert texts(run) == ["recorded"] * 3
    assert importlib.import_module("replayed_app").RAN == []


async def test_what_a_tool_raises_is_the_apps_own_and_is_not_kept() -> None:
    async def falls() -> Any:
        raise KeyError("order")

    async def strange() -> Any:
        return {1, 2}

    async def good() -> Any:
        return None

    store = MemoryCallStore()
    chat = RecordedChat(mode="record", live=None, store=store, clock=FixedClock(), run="r", reads=PARTS)
    trial = TrialChat(chat, repeat=0, trial_key="k", trace_id="t", bundle="b")
    with pytest.raises(KeyError):
        await trial.tool("orders", {}, falls)
    with pytest.raises(FailedRun, match="result of `orders`"):
        await trial.tool("orders", {}, strange)
    with pytest.raises(FailedRun, match="tool call is no plain JSON"):
        await trial.tool("orders", {"at": {1}}, good)
    assert (store.calls, trial.broken, trial.calls) == ({}, None, 0)
    other = TrialChat(chat, repeat=0, trial_key="k", trace_id="t", bundle="b")
    assert await other.tool("orders", {}, good) is None
    assert len(store.calls) == 1
    plain = TrialChat(Live(), repeat=0, trial_key="k", trace_id="t", bundle="b")
    assert await plain.tool("orders", {}, good) is None


def _forget_app(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "app" or name.startswith("app.")]:
        monkeypatch.delitem(sys.modules, name)


async def test_the_billing_tools_of_the_example_replay_without_its_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Path(__file__).parents[2] / "examples/billing-support"
    _forget_app(monkeypatch)  # of another feature, which another test has loaded
    monkeypatch.syspath_prepend(str(app))
    tools = importlib.import_module("app.tools")
    account = next(iter(tools.accounts()))
    store = MemoryCallStore()

    async def outages(mode: Any, look: Any) -> Any:
        chat = RecordedChat(mode=mode, live=None, store=store, clock=FixedClock(), run="r", reads=PARTS)
        trial = TrialChat(chat, repeat=0, trial_key="k", trace_id="t", bundle="b")
        return await trial.tool("check_outage", {"account_id": account, "days": 30}, look)

    async def real() -> Any:
        return tools.accounts()[account]["outages"]

    async def gone() -> Any:
        raise ConnectionError("the billing system is away")

    seen = await outages("live", real)
    assert seen == tools.accounts()[account]["outages"]
    assert await outages("replay-strict", gone) == seen
    for name in [name for name in sys.modules if name == "app" or name.startswith("app.")]:
        del sys.modules[name]


def test_a_call_that_reads_nothing_else_has_the_name_that_old_recordings_know() -> None:
    request = {"model": "m", "messages": []}
    assert call_key("f", request) == call_key("f", request, reads={})
    assert call_key("f", request) == "sha256:c957ea35e4146ca0a4248035c201020032058a63c4fbaf37b0028bc0202b1a17"
    assert call_key("f", request) != call_key("f", request, reads={"retriever": "sha256:1"})
    assert tool_key({}, "t", {}) != tool_key({}, "t", {}, repeat=1) != tool_key({}, "t", {}, index=1)


def test_replay_is_the_old_name_of_replay_strict_and_nothing_else_is_a_mode() -> None:
    def read(mode: str) -> RunSpec:
        return bind(RunSpec, parse_yaml(f"calls: {mode}\n", "run.yaml"))

    assert read("replay").calls == read("replay-strict").calls == "replay-strict"
    assert [read(mode).calls for mode in ("live", "record", "replay-or-live")] == ["live", "record", "replay-or-live"]
    with pytest.raises(DocumentError, match="replay-strict"):
        read("rewind")


async def test_a_miss_in_strict_replay_says_which_call_it_was() -> None:
    chat = RecordedChat(mode="replay-strict", live=Live(), store=MemoryCallStore(), clock=FixedClock(), run="r")
    with pytest.raises(BrokenRun) as caught:
        await chat({"messages": []})
    assert call_key("", {"messages": []})[7:19] in caught.value.detail
