"""Reads the bundle's files into one frozen value; nothing else in the application opens a part."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from interlock import Answers

from .policy import read_policy
from .search import Article, Index, Terms


@dataclass(frozen=True, slots=True)
class Prompt:
    """The system prompt, its settings and its labelled examples.

    `mode` is `route` (the model only names the intent) or `answer` (the model writes the answer); the right side of an
    example is an intent or a written answer.
    """

    mode: str
    system: str
    intents: tuple[str, ...]
    constrained: bool
    max_tokens: int
    shots: int
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application knows of its bundle: prompt, model, retriever, tools, and the answer policy of its guardrails."""

    prompt: Prompt
    model: Mapping[str, Any]
    settings: Mapping[str, Any]
    terms: Terms
    index: Index
    tools: frozenset[str]
    answers: Answers


_LOADED: dict[Path, tuple[tuple[tuple[str, int, int], ...], Parts]] = {}


def load(root: Path) -> Parts:
    """Read the parts below `root`, once for each state of the files.

    Args:
        root: folder that holds the bundle's files.

    Raises:
        OSError, ValueError, KeyError: when a file is missing or malformed; the caller does not guess.
    """
    state = tuple(sorted(_files(root)))
    known = _LOADED.get(root)
    if known is not None and known[0] == state:
        return known[1]
    terms = Terms.of(_json(root / "kb" / "terms.json"))
    articles = [read_article(path) for path in sorted((root / "kb").glob("*.md"))]
    parts = Parts(
        prompt=read_prompt(root / "prompts" / "router.md"),
        model=_yaml((root / "model" / "model.yaml").read_text("utf-8")),
        settings=_json(root / "kb" / "settings.json"),
        terms=terms,
        index=Index(articles, terms),
        tools=frozenset(tool["name"] for tool in _json(root / "tools" / "tools.json")["tools"]),
        answers=read_policy(root),
    )
    _LOADED[root] = (state, parts)
    return parts


def _files(root: Path) -> Iterator[tuple[str, int, int]]:
    """Path, time and size of every file that `load` may read; asked before each answer, so without a `Path` for each."""
    for folder in ("prompts", "model", "kb", "tools", "guardrails", "schema", "runbook"):
        with os.scandir(root / folder) as entries:
            for entry in entries:
                if entry.is_file():
                    stat = entry.stat()
                    yield entry.path, stat.st_mtime_ns, stat.st_size


def read_article(path: Path) -> Article:
    """One article of the knowledge base: YAML front matter and a body."""
    head, body = _front_matter(path)
    return Article.of(head["id"], head["title"], head["topic"], head["audience"], body)


def read_prompt(path: Path) -> Prompt:
    """A prompt file: settings in the front matter, the system text, and `- question => answer` lines as examples."""
    head, body = _front_matter(path)
    lines = body.splitlines()
    marked = [line[2:].rsplit(" => ", 1) for line in lines if line.startswith("- ") and " => " in line]
    examples = tuple((question.strip(), intent.strip()) for question, intent in marked)
    text = [line for line in lines if not line.startswith("#") and not (line.startswith("- ") and " => " in line)]
    intents = tuple(head.get("intents", ()))
    strange = sorted({intent for _, intent in examples} - set(intents)) if head["mode"] == "route" else []
    if strange:
        raise ValueError(f"`{path.name}` has examples of undeclared intents: {', '.join(strange)}")
    if head["mode"] not in {"route", "answer"}:
        raise ValueError(f"`{path.name}` has the unknown mode `{head['mode']}`")
    return Prompt(
        mode=head["mode"],
        system="\n".join(text).strip(),
        intents=intents,
        constrained=head["response"] == "schema",
        max_tokens=int(head["max_tokens"]),
        shots=int(head.get("shots", 0)),
        examples=examples,
    )


def _front_matter(path: Path) -> tuple[dict[str, Any], str]:
    text = path.read_text("utf-8")
    if not text.startswith("---\n") or "\n---\n" not in text[4:]:
        raise ValueError(f"`{path.name}` has no front matter")
    head, body = text[4:].split("\n---\n", 1)
    return _yaml(head), body.strip("\n")


def _yaml(text: str) -> dict[str, Any]:
    value = YAML(typ="safe", pure=True).load(text)
    if not isinstance(value, dict):
        raise ValueError("a mapping is expected")
    return value


def _json(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_text("utf-8"))
    if not isinstance(value, dict):
        raise ValueError(f"`{path.name}` must hold an object")
    return value
