"""Changes of single values in YAML that people wrote: what is not changed stays byte for byte."""

import re
from collections.abc import Mapping
from copy import deepcopy
from difflib import unified_diff
from io import StringIO
from typing import Any

from interlock.core.errors import DocumentError, Place
from interlock.core.yaml_text import parse_yaml

_TOP_KEY = re.compile(r"^(?![\s#])", re.MULTILINE)


def with_values(text: str, file: str, block: str, changes: Mapping[tuple[str, ...], Any]) -> str:
    """The text with values set in one of its top-level mappings, which alone is written anew, comments and quotes kept.

    Args:
        block: the top-level key. changes: value by path of keys below it; mappings that are missing on the way are made.
    Raises: DocumentError when the text is no strict YAML, has no such mapping, or would mean anything else afterwards.
    """
    from ruamel.yaml import YAML

    wanted = deepcopy(parse_yaml(text, file).value)  # what was read may be shared
    start, end = _span(text, file, block)
    yaml = YAML(typ="rt")
    yaml.preserve_quotes, yaml.width = True, 1_000_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    tree = yaml.load(text[start:end])
    for path, value in changes.items():
        for root in (tree, wanted):
            _set(root[block], path, value, file)
    out = StringIO()
    yaml.dump(tree, out)
    return _same(text[:start] + out.getvalue() + text[end:], wanted, file)


def with_key_after(text: str, file: str, path: tuple[str, ...], key: str, value: str) -> str:
    """The text with one more `key: value` right after another key of the same mapping: in a line of its own, or behind a comma.

    Raises: DocumentError when that key's value is no text that stands in one line.
    """
    document = parse_yaml(text, file)
    wanted = deepcopy(document.value)
    at: Any = wanted
    for step in path[:-1]:
        at = at[step]
    place, stands = document.place(path, key=True), document.place(path)
    lines = text.splitlines(keepends=True)
    number = place.line or 1
    line = lines[number - 1]
    if line.lstrip().startswith(f"{path[-1]}:"):
        indent = line[: len(line) - len(line.lstrip())]
        lines.insert(number, f"{indent}{key}: {value}\n")
    else:
        found = re.compile(rf"([\"']?){re.escape(str(at[path[-1]]))}\1").match(line, (stands.column or 1) - 1)
        if stands.line != number or found is None:
            raise _by_hand(file)
        lines[number - 1] = f"{line[: found.end()]}, {key}: {value}{line[found.end() :]}"
    at[key] = value
    return _same("".join(lines), wanted, file)


def _span(text: str, file: str, block: str) -> tuple[int, int]:
    found = re.search(rf"^{re.escape(block)}:", text, re.MULTILINE)
    if found is None:
        raise _by_hand(file)
    after = _TOP_KEY.search(text, found.end())
    end = after.start() if after and after.start() < len(text) else len(text)
    body = text[found.start() : end]
    # Comments and empty lines in front of the next key belong to it.
    kept = re.sub(r"(?:^[ \t]*(?:#[^\n]*)?\n)+\Z", "", body, flags=re.MULTILINE)
    return found.start(), found.start() + len(kept)


def _set(root: Any, path: tuple[str, ...], value: Any, file: str) -> None:
    at = root
    for key in path[:-1]:
        if not isinstance(at, dict):
            raise _by_hand(file)
        if at.get(key) is None:
            at[key] = {}
        at = at[key]
    at[path[-1]] = value


def _same(written: str, wanted: Any, file: str) -> str:
    if parse_yaml(written, file).value != wanted:
        raise _by_hand(file)
    return written


def _by_hand(file: str) -> DocumentError:
    return DocumentError(
        f"`{file}` cannot be changed without touching more of it", hint="make the change by hand", place=Place(file)
    )


def difference(before: str, after: str, file: str) -> list[str]:
    """A unified diff of two versions of a file, as lines without their ends."""
    lines = unified_diff(before.splitlines(), after.splitlines(), f"a/{file}", f"b/{file}", n=1, lineterm="")
    return list(lines)
