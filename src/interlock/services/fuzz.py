"""Malformed model outputs, made from a good one: what every parser meets sooner or later."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_WORD = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_SAMPLE: dict[str, Any] = {"outcome": "answer", "text": "yes"}
NONSENSE = "interlock-no-such-value"
"""A value that no enumeration declares."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """One way of being malformed.

    parses: whether a parser may still extract the object that was meant (a fence, prose around it). Everything else
    has no one meaning, so that taking it for an output is guessing.
    """

    name: str
    make: Callable[[str], str | None]
    parses: bool = False


def _object(content: str) -> dict[str, Any]:
    """The object in a good output; a stand-in where the app's outputs are no JSON objects."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return dict(_SAMPLE)
    return value if isinstance(value, dict) and value else dict(_SAMPLE)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _body(content: str) -> str:
    return _text(_object(content))


def _bad_enum(content: str) -> str | None:
    """Single words become one that is not declared; an output of sentences has no enumeration to leave."""
    value = _object(content)
    words = {key for key, word in value.items() if isinstance(word, str) and _WORD.fullmatch(word)}
    return _text({key: NONSENSE if key in words else word for key, word in value.items()}) if words else None


def _duplicate_keys(content: str) -> str:
    value = _object(content)
    key = next(iter(value))
    return _body(content)[:-1] + f", {_text(key)}: {_text(NONSENSE)}}}"


def _constant(word: str) -> Callable[[str], str]:
    def make(content: str) -> str:
        value = _object(content)
        return "{" + ", ".join(f"{_text(key)}: {word}" for key in value) + "}"

    return make


def _control(content: str) -> str:
    value = _object(content)
    key = next(iter(value))
    return "{" + f'{_text(key)}: "a\x00b\x07"' + "}"


def _missing_quote(content: str) -> str:
    return _body(content).replace('"', "", 1)


CORPUS: tuple[Malformed, ...] = (
    Malformed("truncated in the middle", lambda content: _body(content)[: max(1, len(_body(content)) // 2)]),
    Malformed("last bracket missing", lambda content: _body(content)[:-1]),
    Malformed("in a code fence", lambda content: f"```json\n{_body(content)}\n```", parses=True),
    Malformed("prose around it", lambda content: f"Sure! Here it is:\n{_body(content)}\nAnything else?", parses=True),
    Malformed("prose only", lambda content: "I would rather talk about the weather."),
    Malformed("value outside its enumeration", _bad_enum),
    Malformed("key written twice", _duplicate_keys),
    Malformed("empty", lambda content: ""),
    Malformed("white space only", lambda content: " \n\t "),
    Malformed("null", lambda content: "null"),
    Malformed("NaN as values", _constant("NaN")),
    Malformed("infinity as values", _constant("-Infinity")),
    Malformed("numbers as values", _constant("42")),
    Malformed("objects as values", _constant('{"value": "yes"}')),
    Malformed("nested 5,000 deep", lambda content: '{"a":' * 5_000 + "1" + "}" * 5_000),
    Malformed("200 kB of text", lambda content: _text(dict.fromkeys(_object(content), "x" * 200_000)), parses=True),
    Malformed("control characters", _control),
    Malformed("garbage after it", lambda content: _body(content) + "}}] trailing", parses=True),
    Malformed("two objects", lambda content: _body(content) + "\n" + _text(dict.fromkeys(_object(content), NONSENSE))),
    Malformed("array instead of object", lambda content: f"[{_body(content)}]"),
    Malformed("text instead of object", lambda content: _text(_body(content))),
    Malformed("single quotes", lambda content: str(_object(content))),
    Malformed("quote missing", _missing_quote),
    Malformed("no key", lambda content: "{}"),
)
"""Every way, once; the order is fixed, so that a run can be compared with the one before."""
