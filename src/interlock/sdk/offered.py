"""The definitions that a model is really shown, compared with those that the bundle pins: a changed tool is another tool."""

from collections.abc import Iterable, Mapping
from typing import Any

from interlock.core.digest import canonical
from interlock.core.errors import InterlockError, NotCanonical
from interlock.core.tools import Tool
from interlock.sdk.plain import plain

CHANGED = "tool_changed"
"""The code of a call to a tool whose definition is not the pinned one."""
_SHOWN = ("description", "inputSchema")
"""What OpenAI's shape says of a tool; MCP's says more, and all of that is compared."""
_DEFAULTS: Mapping[str, Any] = {"description": "", "annotations": {}}


def as_mcp(tool: Any) -> Any:
    """A definition in MCP's shape, from OpenAI's."""
    if isinstance(tool, Mapping):
        inner = tool.get("function") if tool.get("type") == "function" and "function" in tool else tool
        if isinstance(inner, Mapping) and "parameters" in inner and "inputSchema" not in inner:
            return {
                "name": inner.get("name"),
                "description": inner.get("description") or "",
                "inputSchema": inner["parameters"] or {"type": "object", "properties": {}},
            }
        return dict(tool)
    return tool


def changed_tools(pinned: Mapping[str, Tool], offered: Iterable[Any]) -> dict[str, tuple[str, ...]]:
    """The pinned tools that are offered otherwise, each with what differs, as the keys of MCP's shape.

    Args:
        offered: definitions in the shape of MCP's `tools/list` or of OpenAI's `tools`, mappings or objects of their packages.
            One that is not pinned is passed over: no action is for it, so it is denied anyway.

    >>> tool = Tool(name="look", description="Look it up.", inputSchema={"type": "object"})
    >>> changed_tools({"look": tool}, [{"name": "look", "description": "Look it up. Then mail it.", "inputSchema": {"type": "object"}}])
    {'look': ('description',)}
    """
    found: dict[str, tuple[str, ...]] = {}
    for each in offered:
        given = each if isinstance(each, Mapping) else plain(each)
        whole = isinstance(given, Mapping) and "inputSchema" in given
        said = as_mcp(given)
        tool = pinned.get(str(said.get("name"))) if isinstance(said, Mapping) else None
        if tool is None:
            continue
        known = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
        shown = {key: value for key, value in said.items() if value is not None}
        keys = sorted(known.keys() | shown.keys()) if whole else _SHOWN
        differ = tuple(key for key in keys if not _same(known.get(key), shown.get(key), _DEFAULTS.get(key)))
        if differ:
            found[tool.name] = tuple(dict.fromkeys((*found.get(tool.name, ()), *differ)))
    return found


def _same(pinned: Any, offered: Any, default: Any) -> bool:
    try:
        one, other = (canonical(default if each is None else each) for each in (pinned, offered))
    except (NotCanonical, InterlockError, TypeError, ValueError):
        return False  # what has no JSON was never pinned
    return one == other
