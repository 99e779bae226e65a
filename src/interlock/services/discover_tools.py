"""The shapes in which repositories keep the tools of a model, and their translation into our manifest."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from interlock.services.finding import FindingKind

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_MCP_KEYS = ("name", "title", "description", "inputSchema", "outputSchema", "annotations", "_meta")


def _text_keys(tool: Mapping[str, Any], *keys: str) -> bool:
    return all(isinstance(tool.get(key, ""), str) for key in keys)


def _object_schema(value: object) -> dict[str, Any] | None:
    """A schema of arguments; without a `type` it is one of an object, as the APIs read it."""
    if value is None:
        return {"type": "object", "properties": {}}
    if not isinstance(value, Mapping) or value.get("type", "object") != "object":
        return None
    return {"type": "object", **value}


def _from_mcp(tool: object) -> dict[str, Any] | None:
    if (
        not isinstance(tool, Mapping)
        or "inputSchema" not in tool
        or not _text_keys(tool, "name", "title", "description")
    ):
        return None
    if not _NAME.fullmatch(str(tool.get("name", ""))):
        return None
    made = {key: tool[key] for key in _MCP_KEYS if tool.get(key) is not None}
    for key in ("inputSchema", "outputSchema"):
        if key in made:
            schema = _object_schema(made[key])
            if schema is None:
                return None
            made[key] = schema
    return made if all(isinstance(made.get(key, {}), Mapping) for key in ("annotations", "_meta")) else None


def _from_openai(tool: object) -> dict[str, Any] | None:
    """Both spellings: with a `function` inside (chat completions), and flat (responses)."""
    if not isinstance(tool, Mapping) or tool.get("type") != "function":
        return None
    function = tool.get("function", tool)
    if not isinstance(function, Mapping) or not _text_keys(function, "name", "description"):
        return None
    schema = _object_schema(function.get("parameters"))
    if schema is None or not _NAME.fullmatch(str(function.get("name", ""))):
        return None
    return {"name": function["name"], "description": function.get("description", ""), "inputSchema": schema}


def read_tools(value: object) -> tuple[FindingKind, list[dict[str, Any]]] | None:
    """The tools in a value, in the shape of an MCP `tools/list` answer, and the shape that they were in.

    Args:
        value: a whole JSON document, or a literal of the code.
    Returns: None for anything that is not wholly a list of tools; one odd entry and it is something else.

    >>> read_tools([{"type": "function", "function": {"name": "refund", "parameters": {"type": "object"}}}])
    (<FindingKind.OPENAI_TOOLS: 'openai tools'>, [{'name': 'refund', 'description': '', 'inputSchema': {'type': 'object'}}])
    """
    if isinstance(value, Mapping):
        inner = value.get("result", value)  # a saved JSON-RPC answer
        value = inner.get("tools") if isinstance(inner, Mapping) else None
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return None
    for kind, read in ((FindingKind.MCP_TOOLS, _from_mcp), (FindingKind.OPENAI_TOOLS, _from_openai)):
        tools = [tool for tool in map(read, value) if tool is not None]
        if len(tools) == len(value):
            return kind, tools
    return None


def read_servers(value: object) -> list[str] | None:
    """The names of the servers in an `mcp.json`, or None when the value is none."""
    servers = value.get("mcpServers") if isinstance(value, Mapping) else None
    return sorted(map(str, servers)) if isinstance(servers, Mapping) and servers else None
