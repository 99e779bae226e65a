"""A cross-encoder of natural language inference as an ONNX file, on this machine and without a hub (`interlock[nli]`)."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from interlock.core.answer import OnnxScorer
from interlock.core.broken import BrokenRun
from interlock.core.entailment import Stance
from interlock.core.errors import TargetError, UsageError
from interlock.core.score import Broken

BATCH = 16
"""Pairs that the model reads at once; between two batches the time is looked at."""


class OnnxInference:
    """Fills `Inference`: a model and a tokenizer whose bytes are pinned.

    Args:
        spec: what is pinned. model, tokenizer: the files, with variables filled in.
    Raises: UsageError when the extra is not installed, a file is missing or another one, or the model takes other inputs.
    """

    def __init__(self, spec: OnnxScorer, model: Path, tokenizer: Path) -> None:
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ModuleNotFoundError as cause:
            raise UsageError(f"`{cause.name}` is not installed", hint="pip install 'interlock[nli]'") from cause
        _pinned(model, spec.model_sha256, "model")
        _pinned(tokenizer, spec.tokenizer_sha256, "tokenizer")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
            self._tokenizer: Any = Tokenizer.from_file(str(tokenizer))
        except Exception as cause:
            raise UsageError(f"`{model.name}` or `{tokenizer.name}` cannot be loaded: {cause}"[:300]) from cause
        self._tokenizer.enable_truncation(spec.max_tokens, strategy="only_first")
        self._tokenizer.enable_padding()
        self._labels = tuple(Stance(label) for label in spec.labels)
        self._inputs = [one.name for one in self._session.get_inputs()]
        if unknown := sorted(set(self._inputs) - {"input_ids", "attention_mask", "token_type_ids"}):
            raise UsageError(f"`{model.name}` takes the input `{unknown[0]}`, which no cross-encoder has")

    def chances(self, pairs: Sequence[tuple[str, str]], *, within_s: float) -> Sequence[Mapping[Stance, float]]:
        """For each (premise, hypothesis), the chance of each stance. Raises: BrokenRun (`timeout`); TargetError."""
        ends = time.monotonic() + within_s
        found: list[Mapping[Stance, float]] = []
        for at in range(0, len(pairs), BATCH):
            if time.monotonic() >= ends:
                raise BrokenRun(Broken.TIMEOUT, f"read {at} of {len(pairs)} pairs within {within_s:g} s")
            found += self._batch(pairs[at : at + BATCH])
        return found

    def _batch(self, pairs: Sequence[tuple[str, str]]) -> list[Mapping[Stance, float]]:
        import numpy as np

        try:
            encoded = self._tokenizer.encode_batch(list(pairs))
            columns = {
                "input_ids": [one.ids for one in encoded],
                "attention_mask": [one.attention_mask for one in encoded],
                "token_type_ids": [one.type_ids for one in encoded],
            }
            given = {name: np.asarray(columns[name], dtype=np.int64) for name in self._inputs}
            logits = np.asarray(self._session.run(None, given)[0], dtype=np.float64)
        except Exception as cause:
            raise TargetError(f"the model of inference failed: {cause}"[:300]) from cause
        if logits.shape != (len(pairs), len(self._labels)) or not np.isfinite(logits).all():
            raise TargetError(
                f"the model of inference gave {logits.shape} for {len(pairs)} pairs and {len(self._labels)} labels",
                hint="`labels` names the outputs of the model, in their order",
            )
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares = powers / powers.sum(axis=1, keepdims=True)
        return [
            {
                **dict.fromkeys(Stance, 0.0),
                **{label: min(1.0, float(value)) for label, value in zip(self._labels, row, strict=True)},
            }
            for row in shares
        ]


@lru_cache(maxsize=2)
def inference(spec: OnnxScorer, model: Path, tokenizer: Path) -> OnnxInference:
    """The model, loaded once in a process: many runs of one check ask for it. Raises: as `OnnxInference`."""
    return OnnxInference(spec, model, tokenizer)


def _pinned(path: Path, digest: str, what: str) -> None:
    if not path.is_file():
        raise UsageError(f"there is no {what} `{path}`", hint="name the file of your own model; none is shipped")
    with path.open("rb") as stream:
        found = "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
    if found != digest:
        raise UsageError(f"the {what} `{path.name}` is {found[:19]}…, pinned is {digest[:19]}…", hint="pin the file that is there, and calibrate anew")  # fmt: skip
