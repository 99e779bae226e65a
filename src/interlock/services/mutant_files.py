"""Reads a structured file of a bundle, and writes a changed one: JSON, which is YAML as well."""

import copy
import json
from typing import Any

from interlock.core.json_text import parse_json
from interlock.core.yaml_text import parse_yaml
from interlock.services.parts import Loaded


def read_value(loaded: Loaded, path: str) -> Any:
    """The value in a JSON or YAML file, as a copy that may be changed. Raises DocumentError."""
    text = loaded.text(path) or ""
    return copy.deepcopy((parse_json if path.lower().endswith(".json") else parse_yaml)(text, path).value)


def written(value: Any) -> bytes:
    """The bytes of a file with this value."""
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def same_meaning(loaded: Loaded, path: str, content: bytes) -> bool:
    """Whether a changed file provably says what it said: the same value, or the same words in the same order."""
    before = loaded.text(path)
    if before is None:
        return False
    if path.lower().endswith((".json", ".yaml", ".yml")):
        parse = parse_json if path.lower().endswith(".json") else parse_yaml
        return bool(parse(content.decode(), path).value == read_value(loaded, path))
    return content.decode().split() == before.split()
