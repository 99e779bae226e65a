"""The contract of scorers of evidence on each of them: embedded, behind an endpoint, and on this machine as ONNX."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock.core.answer import EndpointScorer, OnnxScorer
from interlock.ports import SupportScorer
from interlock.scorers import support_scorer
from interlock.testing import SupportScorerContract
from interlock.wiring import open_support
from nli_files import write_model
from scripted_model import data_of, scripted


def lenient(request: dict[str, Any]) -> str:
    """A model that knows parrots, and lets everything else pass, whatever figure is in it."""
    stance = "not_stated" if "Parrots" in data_of(request)["claim"] else "entailed"
    return json.dumps({"why": "as read", "verdict": stance})


def endpoint_spec(url: str, **changes: Any) -> EndpointScorer:
    return EndpointScorer.model_validate(
        {"kind": "endpoint", "model": {"provider": "somebody", "id": "judge-2026-05-01"}, "endpoint": {"url": url},
         "deadline_s": 5, **changes}
    )  # fmt: skip


class TestEmbedded(SupportScorerContract):
    @pytest.fixture
    def scorer(self) -> SupportScorer:
        return support_scorer()


class TestEndpoint(SupportScorerContract):
    @pytest.fixture
    def scorer(self) -> Iterator[SupportScorer]:
        with scripted(lenient) as model:
            found = open_support(endpoint_spec(model.url), Path())
            yield found
            found.close()  # type: ignore[attr-defined]


class TestOnnx(SupportScorerContract):
    @pytest.fixture
    def scorer(self, tmp_path: Path) -> SupportScorer:
        for name in ("onnx", "onnxruntime", "tokenizers"):
            pytest.importorskip(name, reason="needs interlock[nli], and onnx to write the model")
        return open_support(OnnxScorer.model_validate_json(json.dumps(write_model(tmp_path))), Path())
