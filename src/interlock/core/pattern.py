"""Patterns that cannot hang: the class of RE2, matched in time that grows with the text and nothing else.

The engine is that of the JSON Schema validator, so that a pattern means one thing in a schema and in an action map.
It has neither look-around nor back-references; a pattern that needs them is refused when it is read.
"""

from collections.abc import Callable
from functools import lru_cache

import jsonschema_rs

MAX_PATTERN = 500
"""Characters of a pattern."""

LINEAR = jsonschema_rs.RegexOptions(size_limit=1_000_000, dfa_size_limit=1_000_000)
"""The engine's settings: linear time, bounded memory in bytes."""


@lru_cache(maxsize=4096)
def whole_match(pattern: str) -> Callable[[str], bool]:
    r"""A function that says whether the whole of a text matches.

    Args:
        pattern: at most 500 characters; `.` does not match a line end.
    Raises: ValueError for what is not such a pattern.
    Source: RE2's syntax, https://github.com/google/re2/wiki/Syntax, as the Rust crate `regex` has it.

    >>> digits = whole_match("[0-9]+|none")
    >>> digits("2026"), digits("2026\n"), digits("x2026")
    (True, False, False)
    """
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"must be a pattern of at most {MAX_PATTERN} characters")
    try:
        _compiled(pattern)  # alone first: `a)|(b` would be whole only between the anchors
        matcher = _compiled(f"^(?:{pattern})$")
    except jsonschema_rs.ValidationError as cause:
        raise ValueError("must be a pattern without look-around and back-references, not too large") from cause
    return matcher.is_valid


def _compiled(pattern: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for({"type": "string", "pattern": pattern}, pattern_options=LINEAR)
