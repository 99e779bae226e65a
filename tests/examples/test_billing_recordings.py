"""What the recorder of the billing example promises, without the real model."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from interlock.core.digest import of_value

LIVE = Path(__file__).parents[2] / "examples" / "billing-support" / "live"
FINGERPRINT = "sha256:" + "0" * 64
REQUEST = {"model": "m", "messages": [{"role": "user", "content": "Grüße"}], "temperature": 0, "seed": 11}
HEADER = {"recording": 1, "weights_sha256": "0" * 64, "recorded": "2026-11-22"}


@pytest.fixture
def recorder_module(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(LIVE))
    yield importlib.import_module("record")
    for name in ("record", "serve"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_a_recorded_call_has_the_name_that_a_replay_looks_for(recorder_module: ModuleType) -> None:
    named = {"model_fingerprint": FINGERPRINT, "request": REQUEST, "index": 0, "repeat": 0}
    assert recorder_module.call_key(FINGERPRINT, REQUEST) == str(of_value(named, "interlock.call.v1"))


def test_a_recording_keeps_nothing_of_the_machine(recorder_module: ModuleType) -> None:
    completion = {
        "id": "chatcmpl-1",
        "model": "/home/somebody/model.gguf",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "{}"}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "prompt_tokens_details": {}},
        "timings": {"prompt_ms": 12.5},
    }
    kept = json.dumps(recorder_module.trimmed(completion))
    assert not any(word in kept for word in ("chatcmpl-1", "/home", "timings", "prompt_tokens_details"))


async def test_a_call_that_is_recorded_is_not_made_again(recorder_module: ModuleType, tmp_path: Path) -> None:
    output = tmp_path / "run.jsonl"
    key = recorder_module.call_key(FINGERPRINT, REQUEST)
    line = {"key": key, "request": REQUEST, "response": {"choices": []}, "latency_s": 0.1}
    output.write_text(f"{json.dumps(HEADER)}\n{json.dumps(line)}\n", "utf-8")
    recorder = recorder_module.Recorder("http://127.0.0.1:9/v1", FINGERPRINT, output)
    recorder.open({**HEADER, "recorded": "2026-11-23"})
    assert await recorder.chat(REQUEST) == {"choices": []}
    assert recorder.calls == 0


def test_other_weights_begin_a_new_recording(recorder_module: ModuleType, tmp_path: Path) -> None:
    output = tmp_path / "run.jsonl"
    output.write_text(f"{json.dumps(HEADER)}\n", "utf-8")
    changed = {**HEADER, "weights_sha256": "1" * 64}
    recorder_module.Recorder("http://127.0.0.1:9/v1", FINGERPRINT, output).open(changed)
    assert json.loads(output.read_text("utf-8")) == changed
