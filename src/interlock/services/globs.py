"""Which paths a pattern names. A small language, the same on every system."""

import re
from collections.abc import Iterable
from functools import lru_cache

_TOKEN = re.compile(
    r"(?P<folders>(?:^|(?<=/))\*\*/)|(?P<rest>(?<=/)\*\*$|^\*\*$)|(?P<star>\*+)|(?P<one>\?)|(?P<char>.)", re.S
)


def is_glob(pattern: str) -> bool:
    """Whether a pattern may name several files; anything else is the path of one file.

    >>> is_glob("kb/*.md"), is_glob("kb/a[1].md")
    (True, False)
    """
    return "*" in pattern or "?" in pattern


@lru_cache(maxsize=1024)
def to_regex(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression over a whole path.

    `**/` is any number of folders, none included; a `**` at the end is everything below; `*` is any text and `?`
    any one character within one step. Everything else, brackets included, stands for itself. Upper and lower case
    differ, and a leading dot is a character like any other, so that no file is passed over in silence.

    >>> bool(to_regex("kb/**/*.md").fullmatch("kb/a.md")), bool(to_regex("kb/*.md").fullmatch("kb/old/a.md"))
    (True, False)
    """
    out = []
    for token in _TOKEN.finditer(pattern):
        match token.lastgroup:
            case "folders":
                out.append("(?:[^/]+/)*")
            case "rest":
                out.append(".+")
            case "star":
                out.append("[^/]*")
            case "one":
                out.append("[^/]")
            case _:
                out.append(re.escape(token[0]))
    return re.compile("".join(out), re.S)


def matching(pattern: str, paths: Iterable[str]) -> list[str]:
    """The paths that a pattern names, in their order; a path without `*` and `?` names itself."""
    if not is_glob(pattern):
        return [path for path in paths if path == pattern]
    form = to_regex(pattern)
    return [path for path in paths if form.fullmatch(path)]
