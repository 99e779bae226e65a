"""Documents to models: the base and the words of every file format, and what is wrong with a file, said plainly."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from interlock.core.document import Document
from interlock.core.errors import DocumentError, ManyErrors, MissingKey, UnknownKey, VersionNotText
from interlock.core.source import Path, Source


class Strict(BaseModel):
    """The base of every file format: closed, frozen, and without conversions between types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _version(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("version_not_text", "must be a string")
    return value


Str = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
"""Text that says something."""

VersionStr = Annotated[str, BeforeValidator(_version), StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$")]
"""A version: letters, digits and `.+_-`, at most 64, always text, because 1.10 and 1.1 are one number."""

NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"
NameStr = Annotated[str, StringConstraints(pattern=NAME)]
"""A name that stands in file names, commands and signatures: lower case, digits and `._-`, at most 63."""

_STEP = "[a-z0-9][a-z0-9._-]{0,62}"
FEATURE = rf"^{_STEP}(/{_STEP})*$"
FeatureStr = Annotated[str, StringConstraints(pattern=FEATURE, max_length=200)]
"""The name of a feature: names with slashes between, like `acme/support-answers`."""

_UNSEEN = r"\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069"
LABEL = rf"^[^{_UNSEEN}]*[^\s{_UNSEEN}][^{_UNSEEN}]*$"
LabelStr = Annotated[str, StringConstraints(pattern=LABEL, max_length=200)]
"""The name of a suite, a slice or a case: one line that says something, without hidden characters, at most 200."""

_FORMS: Mapping[str, tuple[str, str]] = {
    r"\S": ("must not be blank", ""),
    NAME: (
        "must be a name",
        "begin with a lower-case letter or a digit, go on with these and `.`, `_`, `-`; at most 63 characters",
    ),
    FEATURE: (
        "must be the name of a feature",
        "lower-case letters, digits, `.`, `_` and `-`, with slashes between: `acme/support-answers`",
    ),
    LABEL: ("must be one line without hidden characters", "remove line breaks, control and direction characters"),
}
"""What each pattern asks for, and what to do."""

M = TypeVar("M", bound=BaseModel)


def bind(model: type[M], document: Document, at: Path = ()) -> M:
    """Make a model of a document, or of the part of it at a path.

    Args:
        model: usually a subclass of `Strict`.
        at: the path of the part, () for all of it.
    Raises: DocumentError with the place of the fault; ManyErrors, in the order of the text, when there are several.
    """
    value = document.value
    for depth, step in enumerate(at):
        try:
            value = value[step]
        except (LookupError, TypeError) as cause:
            message = f"missing key `{step}` in `{_dotted(at[:depth])}`"
            raise document.error(at[:depth], message, hint=f"add `{step}`", kind=MissingKey) from cause
    try:
        # Through JSON text, where a list may become a tuple and a string an enum, and nothing else is converted.
        return model.model_validate_json(json.dumps(value))
    except ValidationError as invalid:
        errors = list(_explain(model, document, at, value, invalid.errors(include_url=False)))
        errors.sort(key=lambda e: (e.place.line or 0, e.place.column or 0) if e.place else (0, 0))
        raise (errors[0] if len(errors) == 1 else ManyErrors(errors)) from invalid


def _explain(
    model: type[BaseModel], document: Document, at: Path, value: Any, details: list[ErrorDetails]
) -> Iterator[DocumentError]:
    found: dict[Path, list[tuple[ErrorDetails, bool]]] = {}
    for detail in details:
        path, labelled = _path(value, detail)
        found.setdefault(path, []).append((detail, labelled))
    for path, here in found.items():
        # One branch of «a mapping, or `none`» fails inside the mapping: what the other branch expected is noise.
        if all(labelled for _, labelled in here) and any(p[: len(path)] == path and p != path for p in found):
            continue
        # A list whose only item is wrong is not too short: it is counted without the items that failed.
        if here[0][0]["type"] == "too_short" and any(p[: len(path)] == path and p != path for p in found):
            continue
        yield _explained(model, document, at, path, [detail for detail, _ in here])


def _path(value: Any, detail: ErrorDetails) -> tuple[Path, bool]:
    """The path of an error in the document, without the names of union branches, and whether one came last."""
    path: Path = ()
    loc = detail["loc"]
    for index, step in enumerate(loc):
        last = index == len(loc) - 1
        there = isinstance(value, dict) and step in value
        if there or (isinstance(value, list) and isinstance(step, int) and step < len(value)):
            path, value = (*path, step), value[step]
        elif last and detail["type"] == "missing":
            path = (*path, step)
        elif last:
            return path, True
    return path, False


def _explained(
    model: type[BaseModel], document: Document, at: Path, path: Path, details: list[ErrorDetails]
) -> DocumentError:
    detail, name = details[0], path[-1] if path else ""
    kind, full, shown = detail["type"], (*at, *path), f"`{_dotted((*at, *path))}`"
    if kind == "extra_forbidden":
        hint = _suggest(str(name), _known_keys(model, path[:-1]), "known keys: ")
        return document.error(full, f"unknown key `{name}`", hint=hint, key=True, kind=UnknownKey)
    if kind == "missing":
        where = f" in `{_dotted(full[:-1])}`" if full[:-1] else ""
        return document.error(
            full[:-1], f"missing key `{name}`{where}", hint=f"add `{name}: …`", key=True, kind=MissingKey
        )
    if kind == "version_not_text":
        hint = f'write "{_written(document, full)}" in quotes (YAML reads 1.10 and 1.1 as the same number)'
        return document.error(full, f"{shown} must be a string", hint=hint, kind=VersionNotText)
    allowed: list[str] = []
    for other in details:
        allowed += re.findall(r"'([^']*)'", str(other.get("ctx", {}).get("expected", "")))
    got = detail["input"]
    hint = _suggest(got if isinstance(got, str) else "", allowed, "allowed: ") if allowed else ""
    form = str(detail.get("ctx", {}).get("pattern", ""))
    hint = str(detail.get("ctx", {}).get("hint", _FORMS[form][1] if form in _FORMS else hint))
    wants = dict.fromkeys(_demand(each) for each in details)
    key = detail["loc"][-1:] == ("[key]",)
    return document.error(full, f"{shown} {' or '.join(wants)}{_not(got)}", hint=hint, key=key)


def _demand(detail: ErrorDetails) -> str:
    """What was asked of a value, in our words."""
    if detail["type"] == "string_too_short" and detail.get("ctx", {}).get("min_length") == 1:
        return "must not be empty"
    if detail["type"] == "string_pattern_mismatch" and (form := _FORMS.get(str(detail.get("ctx", {}).get("pattern")))):
        return form[0]
    if detail["type"] == "multiple_of" and detail.get("ctx", {}).get("multiple_of") == 1:
        return "must be a whole number"
    text = re.sub(r"^(?:Value error, |Assertion failed, )", "", detail["msg"])
    text = re.sub(r"^\w+ should ", "must ", text).replace("'", "`")
    text = re.sub(r"an object\b|a valid dictionary\b", "a mapping", text)
    text = re.sub(r"a valid (?:array|tuple|list|set|frozenset)\b", "a list", text)
    return text.replace("a valid ", "a ").replace("a integer", "an integer")


def _not(got: object) -> str:
    """What was found instead; nothing for mappings and lists, which the source line shows."""
    if got is None or isinstance(got, bool):
        return f", not `{json.dumps(got)}`"
    if isinstance(got, int | float):
        return f", not the number `{got}`"
    return f", not `{got[:60]}`" if isinstance(got, str) and got.strip() else ""


def _suggest(word: str, known: Iterable[str], lead: str) -> str:
    from difflib import get_close_matches

    names = list(dict.fromkeys(known))
    near = get_close_matches(word, names, n=1)
    return f"did you mean `{near[0]}`?" if near else lead + ", ".join(f"`{name}`" for name in names) if names else ""


def _dotted(path: Path) -> str:
    """A path as people write it.

    >>> _dotted(("parts", "schema", "reads_stored", 0))
    'parts.schema.reads_stored[0]'
    """
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".") or "the document"


def _written(document: Document, path: Path) -> str:
    """A scalar as its author wrote it, so that 1.10 is shown as 1.10."""
    place = document.place(path)
    line = Source(document.file, document.text, document.first_line).line(place) or ""
    word = re.match(r"[^\s,\]}#]+", line[(place.column or 1) - 1 :])
    return word[0] if word else "…"


def _known_keys(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that the models at a path have, in the order of their fields."""
    types: list[Any] = [model]
    for step in path:
        inner: list[Any] = []
        for kind in types:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                inner += [f.annotation for key, f in kind.model_fields.items() if (f.alias or key) == step]
            else:
                inner += get_args(kind)
        types = list(_alternatives(inner))
    models = [kind for kind in types if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return [field.alias or key for kind in models for key, field in kind.model_fields.items()]


def _alternatives(types: Iterable[Any]) -> Iterator[Any]:
    """The branches of unions, without their annotations."""
    for kind in types:
        if get_origin(kind) is Annotated:
            yield from _alternatives(get_args(kind)[:1])
        elif get_origin(kind) in {Union, UnionType}:
            yield from _alternatives(get_args(kind))
        else:
            yield kind
