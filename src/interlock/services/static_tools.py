"""Whether a tool and the action that calls it say the same: arguments, effect, bounds, and who is asked (DOM-01)."""

from collections.abc import Iterator, Mapping
from typing import Any

from interlock.core.actions import Action, ArgumentKind, Effect
from interlock.core.document import Document
from interlock.core.glossary import Finding
from interlock.core.source import Path
from interlock.core.tools import Tool
from interlock.services.parts import Loaded

BOUNDS: Mapping[ArgumentKind, tuple[str, ...]] = {
    ArgumentKind.QUANTITY: ("maximum", "exclusiveMaximum", "enum", "const"),
    ArgumentKind.CONTROL: ("pattern", "format", "enum", "const", "maxLength", "maximum", "exclusiveMaximum", "$ref"),
}
"""What bounds a value that decides how much, or who and what is touched. A `$ref` is not followed."""

_TAKES_BACK_NOTHING = frozenset({Effect.DESTRUCTIVE, Effect.CREDENTIAL})


def disagreements(loaded: Loaded, tools: Document, actions: Document) -> Iterator[Finding]:
    """Every point on which a tool and its action differ, at its place in the tools or in the action map.

    Hints of a tool's server are never trusted to permit anything; a hint that denies what the action map says means
    that one of the two changed unseen.
    """
    by_name = {tool.name: (n, tool) for n, tool in enumerate(loaded.tools)}
    for n, action in enumerate(loaded.actions.map if loaded.actions else ()):
        if action.ask is None and action.effect in _TAKES_BACK_NOTHING:
            message = f"the action `{action.action}` is {action.effect} and asks nobody"
            yield _at(actions, ("map", n, "ask"), message)
        if action.tool not in by_name:
            continue
        at, tool = by_name[action.tool]
        for name in action.args:
            if name not in tool.arguments:
                message = f"the action `{action.action}` has the argument `{name}`, which `{tool.name}` does not take"
                yield _at(actions, ("map", n, "args", name), message)
        yield from _of_tool(tool, action, tools, ("tools", at))


def _of_tool(tool: Tool, action: Action, document: Document, at: Path) -> Iterator[Finding]:
    hints = tool.annotations or {}
    if hints.get("readOnlyHint") is True and action.effect is not Effect.READ:
        message = f"the tool `{tool.name}` says that it only reads; the action `{action.action}` is {action.effect}"
        yield _at(document, (*at, "annotations", "readOnlyHint"), message)
    if action.effect is Effect.READ:
        return
    fields: Any = tool.inputSchema.get("properties")
    for name in tool.arguments:
        if name not in action.args:
            message = f"the tool `{tool.name}` takes `{name}`, which the action `{action.action}` does not name"
            yield _at(document, (*at, "inputSchema", "properties", name), message)
            continue
        bounds = BOUNDS.get(action.args[name])
        field = fields[name]
        if bounds and isinstance(field, Mapping) and not _bounded(field, bounds):
            message = f"`{name}` of `{tool.name}` is a {action.args[name]} without a bound"
            yield _at(document, (*at, "inputSchema", "properties", name), message)


def _bounded(field: Mapping[str, Any], bounds: tuple[str, ...]) -> bool:
    return field.get("type") == "boolean" or any(key in field for key in bounds)


def _at(document: Document, path: Path, message: str) -> Finding:
    place = document.place(path)
    return Finding(message, document.file, place.line, place.column)
