"""A tool call as the tools of this world write it: flat, or as OpenAI nests it."""

import json
from typing import Any


def named_call(call: Any) -> tuple[str | None, dict[str, Any] | None]:
    """Name and arguments of `{name, arguments}` or `{function: {name, arguments}}`; arguments may be JSON text.

    Returns: None for a name that is not there, and for arguments that are no object.

    >>> named_call({"function": {"name": "area", "arguments": '{"base": 3}'}})
    ('area', {'base': 3})
    >>> named_call({"name": "area", "arguments": "3"})
    ('area', None)
    """
    if isinstance(call, dict) and isinstance(call.get("function"), dict):
        call = call["function"]
    if not isinstance(call, dict) or not isinstance(call.get("name"), str) or not call["name"]:
        return None, None
    arguments = call.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            arguments = None
    return call["name"], arguments if isinstance(arguments, dict) else None
