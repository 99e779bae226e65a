"""What a Python file tells about a feature, read as syntax and never run."""

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from interlock.core.manifest import Part
from interlock.services.discover_tools import read_tools
from interlock.services.finding import Confidence, Finding, FindingKind, count
from interlock.services.model_names import provider_of
from interlock.services.pins import moving_name

_PROMPT_NAME = re.compile(r"(?:^|_)(?:PROMPT|INSTRUCTIONS|SYSTEM_MESSAGE)(?:_|$)", re.IGNORECASE)
_SURE_NAME = re.compile(r"(?:^|_)PROMPT(?:_|$)")  # a constant; other names are often something else
_ANSWER_NAME = re.compile(r"(?:Answer|Reply|Response|Output|Result)")
_CALL_NAME = re.compile(
    r"(?:answer|reply|respond|ask|chat|(?:generate|get|make|produce)_(?:answer|reply|response))(?:_\w+)?"
)
_RETRIEVAL = re.compile(r"(?:^|_)(?:retriev\w*|vector\w*|embed\w*|rerank\w*)(?:_|$)", re.IGNORECASE)
_LEAST_PROMPT = 20  # characters; shorter is a label, not a prompt

Function = ast.FunctionDef | ast.AsyncFunctionDef


def parse_python(text: str) -> ast.Module | None:
    """The syntax tree of a file, or None when it does not parse with this Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd escapes in somebody's strings are not our business
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def scan_python(path: str, text: str) -> Iterator[Finding]:
    """Prompts, models of pydantic, tools, retrieval, model ids and ways in to the app, in the order of the file."""
    module = parse_python(text)
    if module is None:
        return
    nodes = list(ast.walk(module))
    found = [*_assigned(path, nodes), *_classes(path, nodes), *_functions(path, module, nodes), *_strings(path, nodes)]
    yield from sorted(found, key=lambda finding: finding.line or 0)


def _text_of(node: ast.expr | None) -> str:
    """The text that an expression certainly holds: a string, an f-string without its holes, a call such as dedent."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text_of(part) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text_of(left) + _text_of(right)
        case ast.Call(func=ast.Attribute(value=inner), args=[]):  # """…""".strip()
            return _text_of(inner)
        case ast.Call(args=[inner, *_]):  # dedent("""…"""), PromptTemplate("…")
            return _text_of(inner)
    return ""


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _assignments(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.expr, int]]:
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value, node.lineno
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value, node.lineno


def _assigned(path: str, nodes: Sequence[ast.AST]) -> Iterator[Finding]:
    for name, value, line in _assignments(nodes):
        if _PROMPT_NAME.search(name) and len(_text_of(value)) >= _LEAST_PROMPT:
            yield _prompt(path, line, name, "found" if _SURE_NAME.search(name) else "guessed")
        if isinstance(value, ast.List) and (read := read_tools(_literal(value))):
            kind, tools = read
            note = f"{count(len(tools), 'tool')} in code; a converted manifest is written, theirs stays"
            yield Finding(Part.TOOLS, path, line, kind, "found", note, ", ".join(tool["name"] for tool in tools))
    for node in nodes:
        if isinstance(node, ast.Dict):
            pairs = {
                key.value: value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            }
            content = pairs.get("content")
            if _text_of(pairs.get("role")) in {"system", "developer"} and len(_text_of(content)) >= _LEAST_PROMPT:
                yield _prompt(path, node.lineno, "system message", "guessed")


def _prompt(path: str, line: int, name: str, confidence: Confidence) -> Finding:
    note = "found in code, not claimable as a file: move the text to a file that the app reads from the bundle"
    return Finding(Part.PROMPT, path, line, FindingKind.PROMPT_IN_CODE, confidence, note, name)


def _last(node: ast.expr) -> str:
    """The last step of a dotted name, through calls and brackets."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return _last(inner)
    return ""


def _classes(path: str, nodes: Iterable[ast.AST]) -> Iterator[Finding]:
    models = {"BaseModel"}
    for node in nodes:
        if isinstance(node, ast.ClassDef) and any(_last(base) in models for base in node.bases):
            models.add(node.name)
            says = bool(_ANSWER_NAME.search(node.name))
            note = f"a pydantic model: save `{node.name}.model_json_schema()` as the schema file of the bundle"
            confidence: Confidence = "found" if says else "guessed"
            yield Finding(Part.SCHEMA, path, node.lineno, FindingKind.PYDANTIC_MODEL, confidence, note, node.name)


def _functions(path: str, module: ast.Module, nodes: Iterable[ast.AST]) -> Iterator[Finding]:
    for node in nodes:
        if isinstance(node, Function) and any(_last(mark) == "tool" for mark in node.decorator_list):
            note = "decorated as a tool; its schema is made at run time, so save the `tools/list` answer"
            yield Finding(Part.TOOLS, path, node.lineno, FindingKind.TOOL_FUNCTION, "guessed", note, node.name)
        if isinstance(node, Function | ast.ClassDef) and _RETRIEVAL.search(_snake(node.name)):
            note = "its name speaks of retrieval"
            yield Finding(Part.RETRIEVER, path, node.lineno, FindingKind.RETRIEVAL_CODE, "guessed", note, node.name)
    for node in module.body:  # a target is called as `module:function`
        if isinstance(node, Function):
            keywords = {argument.arg for argument in (*node.args.kwonlyargs, *node.args.args)}
            if {"root", "chat"} <= keywords and node.args.args:
                note = "takes a request, `root` and `chat`, as a python target does"
                yield Finding(None, path, node.lineno, FindingKind.CALL, "found", note, node.name)
            elif _CALL_NAME.fullmatch(node.name):
                note = "only its name says that it answers; it has to take `(request, *, root, chat)`"
                yield Finding(None, path, node.lineno, FindingKind.CALL, "guessed", note, node.name)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)


def _strings(path: str, nodes: Iterable[ast.AST]) -> Iterator[Finding]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and provider_of(node.value):
            yield model_finding(path, node.lineno, node.value)


def model_finding(path: str, line: int, name: str) -> Finding:
    """A model id and, where it has no snapshot, the warning that it moves."""
    moves = moving_name(name)
    note = f"an alias, not a version: {moves}" if moves else "a snapshot"
    return Finding(Part.MODEL, path, line, FindingKind.MODEL_ID, "found", note, name)


def tools_in_code(text: str, line: int) -> list[dict[str, Any]]:
    """The tools of the list that is assigned at a line, in our shape; empty when there is none."""
    module = parse_python(text)
    for _, value, at in _assignments(ast.walk(module)) if module is not None else ():
        if at == line and isinstance(value, ast.List) and (read := read_tools(_literal(value))):
            return read[1]
    return []
