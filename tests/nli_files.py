"""A tiny model of inference, written by the test itself: it counts the words of a claim that its premise does not have."""

import hashlib
import json
from pathlib import Path
from typing import Any

LABELS = ["contradicted", "entailed", "not_stated"]
KNOWN = """express delivery takes working days returns are free within costs euros and not the shop opens at nine closes six
parrots sing opera midnight 2 3 30 9 90 . ,"""
WORDS = KNOWN.split()


def write_model(folder: Path, **changes: Any) -> dict[str, Any]:
    """Model and tokenizer in a folder; the declaration of a scorer that pins them.

    With e = 1 where a token of the claim stands in the premise: entailed gets 8 (share of them) - 6, not stated the opposite,
    contradicted nothing. A real cross-encoder has the same inputs and outputs.
    """
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = {word: at for at, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))

    def constant(name: str, value: Any, dtype: Any) -> Any:
        return numpy_helper.from_array(np.array(value, dtype=dtype), name)

    node = helper.make_node
    nodes = [
        node("Cast", ["token_type_ids"], ["types"], to=TensorProto.FLOAT),
        node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        node("Greater", ["input_ids", "last_mark"], ["is_word"]),
        node("Cast", ["is_word"], ["word"], to=TensorProto.FLOAT),
        node("Mul", ["types", "mask"], ["second_all"]),
        node("Mul", ["second_all", "word"], ["second"]),
        node("Sub", ["one", "types"], ["not_second"]),
        node("Mul", ["not_second", "mask"], ["first_all"]),
        node("Mul", ["first_all", "word"], ["first"]),
        node("Unsqueeze", ["input_ids", "axis2"], ["rows"]),
        node("Unsqueeze", ["input_ids", "axis1"], ["columns"]),
        node("Equal", ["rows", "columns"], ["same_bool"]),
        node("Cast", ["same_bool"], ["same"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["first", "axis1"], ["first_columns"]),
        node("Mul", ["same", "first_columns"], ["met_pairs"]),
        node("ReduceMax", ["met_pairs"], ["met"], axes=[2], keepdims=0),
        node("Mul", ["met", "second"], ["hits"]),
        node("ReduceSum", ["hits", "axis1"], ["hit_count"], keepdims=1),
        node("ReduceSum", ["second_all", "axis1"], ["asked_count"], keepdims=1),
        node("Sub", ["asked_count", "one"], ["asked_words"]),  # without the mark that ends the claim
        node("Max", ["asked_words", "one"], ["asked_least"]),
        node("Div", ["hit_count", "asked_least"], ["share"]),
        node("Mul", ["share", "eight"], ["scaled"]),
        node("Sub", ["scaled", "six"], ["entailed"]),
        node("Neg", ["entailed"], ["not_stated"]),
        node("Sub", ["entailed", "far"], ["contradicted_raw"]),
        node("Min", ["contradicted_raw", "low"], ["contradicted"]),
        node("Concat", ["contradicted", "entailed", "not_stated"], ["logits"], axis=1),
    ]
    given = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    out = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])]
    values = [
        constant("last_mark", 3, np.int64), constant("one", 1, np.float32), constant("eight", 8, np.float32),
        constant("six", 6, np.float32), constant("far", 9, np.float32), constant("low", -9, np.float32),
        constant("axis1", [1], np.int64), constant("axis2", [2], np.int64),
    ]  # fmt: skip
    graph = helper.make_graph(nodes, "tiny-nli", given, out, values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return {
        "kind": "onnx",
        "model": str(folder / "model.onnx"),
        "model_sha256": digest(folder / "model.onnx"),
        "tokenizer": str(folder / "tokenizer.json"),
        "tokenizer_sha256": digest(folder / "tokenizer.json"),
        "labels": LABELS,
        **changes,
    }


def digest(path: Path) -> str:
    """Of a file, as it is pinned."""
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def declared(spec: dict[str, Any]) -> str:
    """A declaration as YAML text on one line."""
    return json.dumps(spec)
