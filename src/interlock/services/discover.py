"""Look for the parts of a feature in somebody's own repository. Reads only; runs nothing."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from posixpath import basename, splitext
from typing import Any

import jsonschema_rs

from interlock.core.errors import InterlockError
from interlock.core.json_text import parse_json
from interlock.core.manifest import Part
from interlock.ports import Tree
from interlock.services.discover_python import model_finding, scan_python, tools_in_code
from interlock.services.discover_tools import read_servers, read_tools
from interlock.services.finding import Finding, FindingKind, count
from interlock.services.model_names import provider_of

SKIPPED: tuple[str, ...] = (
    "node_modules", "venv", "env", "site-packages", "dist", "build", "target", "vendor", "third_party", "coverage",
    "test", "tests", "__tests__", "__pycache__", "*.egg-info",
)  # fmt: skip
"""Names of folders that hold what others wrote, what tools made, or tests; hidden folders are skipped besides."""

MAX_BYTES = 1_000_000
"""Larger files are data, and are not read."""

_PROMPT_FOLDERS = frozenset({"prompt", "prompts"})
_PROMPT_ENDS = frozenset({".md", ".txt", ".j2", ".jinja", ".jinja2", ".prompt", ".mustache", ".hbs"})
_SOURCE_FOLDERS = {"kb": True, "knowledge": True, "knowledge_base": True, "knowledge-base": True, "docs": False}
_SOURCE_ENDS = frozenset({".md", ".txt", ".rst", ".html", ".json", ".jsonl", ".pdf", ".csv"})
_CONFIG_ENDS = frozenset(
    {".yaml", ".yml", ".toml", ".json", ".ini", ".cfg", ".env", ".js", ".mjs", ".ts", ".tsx", ".go", ".rb", ".java"}
)
_VALUE = re.compile(r"""["'`]([^"'`\s]{2,100})["'`]|[:=][ \t]*([A-Za-z][\w./:@-]{1,99})[ \t]*(?:#.*)?$""")
_ANSWER_FILE = re.compile(r"answer|output|repl(?:y|ies)|response|schema", re.IGNORECASE)
_DRAFTS = frozenset(
    {
        "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2019-09/schema",
        "http://json-schema.org/draft-07/schema",
        "http://json-schema.org/draft-07/schema#",
    }
)
_NO_SCHEMA = frozenset({"package.json", "tsconfig.json", "composer.json"})


def discover(tree: Tree) -> tuple[Finding, ...]:
    """Everything that looks like a part of an AI feature, parts in their order, then by confidence and place.

    Args:
        tree: the repository; files that are not UTF-8, not well-formed or over `MAX_BYTES` are passed over.
    """
    paths = [path for path in tree.paths() if not skipped(path)]
    found = _ambiguous([*_by_name(paths), *_by_content(tree, paths)])
    order = {part: n for n, part in enumerate(Part)}

    def key(finding: Finding) -> tuple[int, bool, str, int]:
        at = order[finding.part] if finding.part is not None else len(order)
        return at, finding.confidence != "found", finding.path, finding.line or 0

    return tuple(sorted(found, key=key))


def _ambiguous(findings: list[Finding]) -> list[Finding]:
    """Where several things could each be the schema of the answer, none of them is found: a person has to choose."""
    kinds = (FindingKind.JSON_SCHEMA, FindingKind.PYDANTIC_MODEL)
    fits = {kind: sum(finding.kind is kind and finding.confidence == "found" for finding in findings) for kind in kinds}
    return [
        replace(finding, confidence="guessed", note=f"{finding.note}; one of {fits[finding.kind]} whose name fits")
        if finding.confidence == "found" and fits.get(finding.kind, 0) > 1
        else finding
        for finding in findings
    ]


def looked_at(tree: Tree) -> int:
    """How many files `discover` considers."""
    return sum(not skipped(path) for path in tree.paths())


def skipped(path: str) -> bool:
    """Whether a file is left out: others wrote it, a tool made it, or an earlier init did."""
    *folders, _ = path.split("/")
    if folders and folders[0] == "interlock" and not path.endswith(".py"):
        return True  # what an earlier init wrote
    return any(step in SKIPPED or step.endswith(".egg-info") or step.startswith(".") for step in folders)


# ── by name ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _by_name(paths: Sequence[str]) -> Iterator[Finding]:
    for path in paths:
        *folders, file = path.lower().split("/")
        stem, end = splitext(file)
        if stem.strip("_.-") in {"readme", "license", "changelog"}:
            continue
        if end in _PROMPT_ENDS and (end == ".prompt" or _PROMPT_FOLDERS.intersection(folders)):
            yield Finding(Part.PROMPT, path, None, FindingKind.PROMPT_FILE, "found", "a file kept as a prompt", path)
        elif end in _PROMPT_ENDS and "prompt" in stem:
            note = "only its name says that it is a prompt"
            yield Finding(Part.PROMPT, path, None, FindingKind.PROMPT_FILE, "guessed", note, path)
        elif (end == ".md" and "runbook" in stem) or ("runbooks" in folders and end == ".md"):
            yield Finding(Part.RUNBOOK, path, None, FindingKind.RUNBOOK, "found", "a runbook", path)
        elif end == ".md" and "escalation" in stem:
            yield Finding(Part.RUNBOOK, path, None, FindingKind.ESCALATION, "found", "an escalation guide", path)
        elif end == ".json" and "index" in stem:
            note = "only its name says that it is an index"
            yield Finding(Part.RETRIEVER, path, None, FindingKind.INDEX, "guessed", note, path)
    yield from _sources(paths)


def _sources(paths: Sequence[str]) -> Iterator[Finding]:
    counts: dict[str, int] = {}
    for path in paths:
        *folders, file = path.split("/")
        at = next((n for n, step in enumerate(folders) if step.lower() in _SOURCE_FOLDERS), None)
        if at is not None and splitext(file)[1].lower() in _SOURCE_ENDS:
            folder = "/".join(folders[: at + 1])
            counts[folder] = counts.get(folder, 0) + 1
    for folder, number in sorted(counts.items()):
        if _SOURCE_FOLDERS[basename(folder).lower()]:
            yield Finding(Part.RETRIEVER, folder, None, FindingKind.SOURCES, "found", count(number, "source"), folder)
        else:
            note = f"{count(number, 'file')}; perhaps sources, perhaps the project's own documentation"
            yield Finding(Part.RETRIEVER, folder, None, FindingKind.SOURCES, "guessed", note, folder)


# ── by content ──────────────────────────────────────────────────────────────────────────────────────────────────


def _by_content(tree: Tree, paths: Iterable[str]) -> Iterator[Finding]:
    for path in paths:
        file = basename(path).lower()
        end = splitext(file)[1] or (".env" if file.startswith(".env") else "")
        if (end != ".py" and end not in _CONFIG_ENDS) or "lock" in file:
            continue
        text = read_small(tree, path)
        if text is None:
            continue
        if end == ".py":
            yield from scan_python(path, text)
            continue
        if end == ".json":
            yield from _json(path, text)
        yield from _models(path, text)


def read_small(tree: Tree, path: str) -> str | None:
    """A text file of at most `MAX_BYTES`, or None."""
    content = tree.read(path)
    if len(content) > MAX_BYTES:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def read_json(text: str, path: str) -> Any:
    """The value of a JSON file, or None when it is not well-formed, or says two things under one key."""
    try:
        return parse_json(text, path).value
    except InterlockError:
        return None


def _json(path: str, text: str) -> Iterator[Finding]:
    value = read_json(text, path)
    if read := read_tools(value):
        kind, tools = read
        names = ", ".join(tool["name"] for tool in tools)
        shape = "an MCP tools/list answer" if kind is FindingKind.MCP_TOOLS else "tools in the shape of OpenAI's API"
        yield Finding(Part.TOOLS, path, None, kind, "found", f"{count(len(tools), 'tool')}: {shape}", names)
    elif servers := read_servers(value):
        note = f"{count(len(servers), 'server')}; the tools are behind them: save each `tools/list` answer"
        yield Finding(Part.TOOLS, path, None, FindingKind.MCP_SERVERS, "found", note, ", ".join(servers))
    elif isinstance(value, dict) and basename(path) not in _NO_SCHEMA and is_schema(value):
        if not usable_schema(value):
            note = "a JSON Schema of a draft before 07, or a faulty one: a template is written instead"
            yield Finding(Part.SCHEMA, path, None, FindingKind.JSON_SCHEMA, "guessed", note)
        elif _ANSWER_FILE.search(path):
            yield Finding(Part.SCHEMA, path, None, FindingKind.JSON_SCHEMA, "found", "a JSON Schema", path)
        else:
            note = "a JSON Schema; nothing says that it is the one of the answer"
            yield Finding(Part.SCHEMA, path, None, FindingKind.JSON_SCHEMA, "guessed", note, path)


def is_schema(value: dict[str, Any]) -> bool:
    """Whether a JSON object is a JSON Schema of an object, going by its keys.

    >>> is_schema({"type": "object", "properties": {}}), is_schema({"type": "object"})
    (True, False)
    """
    declared = "json-schema.org" in str(value.get("$schema", ""))
    shaped = isinstance(value.get("properties"), dict) and value.get("type", "object") == "object"
    return shaped and (declared or "type" in value)


def usable_schema(value: dict[str, Any]) -> bool:
    """Whether a bundle can take it as its output schema: a draft that we validate, and valid against it."""
    dialect = value.get("$schema")
    if dialect is not None and dialect not in _DRAFTS:
        return False
    try:
        jsonschema_rs.meta.validate(value)
    except jsonschema_rs.ValidationError:
        return False
    return True


def _models(path: str, text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), start=1):
        for quoted, bare in _VALUE.findall(line):
            if provider_of(quoted or bare):
                yield model_finding(path, number, quoted or bare)


def tools_of(tree: Tree, finding: Finding) -> list[dict[str, Any]]:
    """The tools behind a finding of tools, in our shape; empty when they have to be asked for."""
    if finding.kind not in {FindingKind.MCP_TOOLS, FindingKind.OPENAI_TOOLS}:
        return []
    text = read_small(tree, finding.path) or ""
    if not finding.path.endswith(".py"):
        read = read_tools(read_json(text, finding.path))
        return read[1] if read else []
    return tools_in_code(text, finding.line or 0)
