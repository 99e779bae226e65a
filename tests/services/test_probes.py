"""Probes: an app that guesses, crashes or acts on nonsense is found; one that keeps its safe path passes."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from interlock.core.broken import FailedRun
from interlock.core.score import Fault, Reply
from interlock.core.suite import Case, Expect
from interlock.ports import Chat, TargetReply
from interlock.services.calls import NoChat
from interlock.services.fuzz import CORPUS
from interlock.services.probes import measure_fuzz, measure_safe_path, probe

LOADED: Any = SimpleNamespace(bundle=SimpleNamespace(digest="sha256:" + "0" * 64))
CASE = Case(id="c", input="q", slices=("s",), expect=Expect(outcome="answer"), source="t")


async def model(request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"choices": [{"message": {"content": '{"intent": "refunds"}'}}]}


class App:
    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    async def run(self, case: Case, *, repeat: int, root: Path, chat: Chat) -> TargetReply:
        text = (await chat({"messages": []}))["choices"][0]["message"]["content"]
        good = text == '{"intent": "refunds"}'
        calls: tuple[Any, ...] = ()
        if self.fault == "guesses":
            good = True
        if self.fault == "crashes" and not good:
            raise FailedRun(Fault.CRASH, "boom")
        if self.fault == "last key wins":
            try:
                good = isinstance(json.loads(text)["intent"], str)
            except (ValueError, RecursionError, TypeError, KeyError):
                good = False
        if self.fault == "acts":
            calls = ({"tool": "refund", "arguments": {}, "status": "executed"},)
        reply = Reply("answer" if good else "abstain", "x", tool_calls=calls, parse_attempted=1, parse_ok=int(good))
        return TargetReply(reply, 1, 0.0, "")

    async def close(self) -> None: ...


@pytest.mark.parametrize(("fault", "fuzz", "safe"), [("", True, True), ("guesses", False, False), ("crashes", False, False), ("last key wins", False, False), ("acts", True, False)])  # fmt: skip
async def test_each_fault_is_found_and_a_safe_app_passes(fault: str, fuzz: bool, safe: bool) -> None:
    probes = await probe(LOADED, [CASE], root=Path(), target=App(fault), chat=model)
    assert len(probes) == len(CORPUS)
    parsed = measure_fuzz(probes, "abstain")
    assert (parsed["handled"] == parsed["n"]) is fuzz, parsed["missed"]
    found = measure_safe_path(probes, "abstain")
    assert found["examined"] > 10
    assert (not found["findings"]) is safe, found["findings"]


async def test_where_no_model_can_be_asked_nothing_is_shown() -> None:
    probes = await probe(LOADED, [CASE], root=Path(), target=App(), chat=NoChat())
    assert probes == ()
    assert measure_fuzz(probes, "abstain")["n"] == 0
    assert measure_safe_path(probes, "abstain")["examined"] == 0


def test_what_cannot_be_parsed_is_really_malformed_for_a_strict_reader() -> None:
    for one in CORPUS:
        text = one.make('{"intent": "refunds"}')
        assert text is not None
        assert text != '{"intent": "refunds"}', one.name
