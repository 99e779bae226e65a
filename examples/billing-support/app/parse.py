"""What the model wrote becomes a value, or an error that says why not. Nothing is repaired and nothing is guessed."""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(?P<body>.*?)\n?\s*```\s*\Z", re.DOTALL)
LONGEST = 8_000  # characters; a routing answer has twenty


class ParseError(ValueError):
    """The output is not the object that was asked for."""


def content(completion: Mapping[str, Any]) -> str:
    """The text of a chat completion.

    Raises:
        ParseError: when there is none, or the model was cut off in the middle.
    """
    choices = completion.get("choices")
    if not isinstance(choices, list) or not choices:
        raise ParseError("the completion has no choices")
    choice = choices[0]
    text = choice.get("message", {}).get("content")
    if not isinstance(text, str) or not text.strip():
        raise ParseError("the completion has no text")
    if choice.get("finish_reason") == "length":
        raise ParseError("the output was cut off at the token limit")
    return text


def strict_object(text: str) -> dict[str, Any]:
    """One JSON object, in a code fence or bare; nothing before it and nothing after it.

    >>> strict_object('```json\\n{"intent": "refunds"}\\n```')
    {'intent': 'refunds'}
    """
    if len(text) > LONGEST:
        raise ParseError("the output is too long")
    fenced = _FENCE.match(text)
    try:
        value = json.loads(
            fenced["body"] if fenced else text, object_pairs_hook=_no_duplicates, parse_constant=_no_constants
        )
    except json.JSONDecodeError as error:
        raise ParseError(f"the output is not JSON: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise ParseError("the output is nested too deeply") from error
    if not isinstance(value, dict):
        raise ParseError("the output is not an object")
    return value


def one_string(text: str, key: str, *, among: Collection[str] = ()) -> str:
    """The only member of the object, a text; with `among`, one of these values.

    >>> one_string('{"intent": "refunds"}', "intent", among={"refunds", "invoices"})
    'refunds'
    """
    value = strict_object(text)
    if set(value) != {key}:
        raise ParseError(f"the output must have the key `{key}` only, it has: {', '.join(sorted(value)) or 'none'}")
    found = value[key]
    if not isinstance(found, str) or not found.strip():
        raise ParseError(f"`{key}` is not a text")
    if among and found not in among:
        raise ParseError(f"`{key}` has the undeclared value `{found[:60]}`")
    return found


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ParseError("the output repeats a key")
    return value


def _no_constants(name: str) -> Any:
    raise ParseError(f"the output holds `{name}`, which is not JSON")
