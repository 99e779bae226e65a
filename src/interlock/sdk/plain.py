"""What tools return, as plain JSON values: the form in which fields have names and labels."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from enum import Enum
from typing import Any

_SCALARS = frozenset({str, int, float, bool, type(None)})
_MAX_LEVELS = 40


def plain(value: Any, level: int = 0) -> Any:
    """A value as dict, list, str, int, float, bool and None; whatever else there is, as its text.

    Pydantic models and dataclasses give their fields, enumerations their value, days and times ISO 8601.

    >>> plain({"on": date(2026, 1, 2), 3: ("a", b"b")})
    {'on': '2026-01-02', '3': ['a', 'b']}
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if level > _MAX_LEVELS:
        return str(value)
    if isinstance(value, Enum):
        return plain(value.value, level + 1)
    if isinstance(value, Mapping):
        return {
            name if type(name) is str else str(plain(name)): plain(child, level + 1) for name, child in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(child, level + 1) for child in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="replace")
    if callable(dump := getattr(value, "model_dump", None)) and not isinstance(value, type):
        return plain(dump(), level + 1)
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name), level + 1) for each in fields(value)}
    for base in (str, bool, int, float):
        if isinstance(value, base):
            return base(value)
    return str(value)
