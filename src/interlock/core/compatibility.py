"""Whether every value that one JSON Schema permits is permitted by another: proven, or broken by a value, or left open.

What the comparison doubts is tried with whole values: one that the writer's schema takes and the reader's refuses is a proof.
What is neither proven nor broken is said to be open.

One assumption, because otherwise every new field of an open object would break: a writer writes the fields that its schema
names. Where `additionalProperties` is written down and not false, or no field is named at all, others may be there too.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from interlock.core.containment import Comparison, Doubt
from interlock.core.instances import Path, Schema, fullest, placed, smallest
from interlock.core.schema_terms import alike, dialect, nested_id, step, validator

_TRIES = 400
_EXAMPLES = 12
_COMBINATIONS = 64


@dataclass(frozen=True, slots=True)
class Break:
    """A value that is written and cannot be read. pointer: to the keyword that refuses it, in the reader's schema (RFC 6901)."""

    pointer: str
    why: str
    witness: Any


@dataclass(frozen=True, slots=True)
class Compatibility:
    """What a comparison found. open: places that are neither proven nor broken, each with why."""

    breaks: tuple[Break, ...] = ()
    open: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether every value that is written can be read."""
        return not self.breaks and not self.open


def reads(reader: Schema, writer: Schema, *, examples: Iterable[Any] = ()) -> Compatibility:
    """Whether a reader's schema takes every value that a writer's schema lets through.

    Args:
        reader, writer: whole schemas, valid ones, whose references stay inside them.
        examples: values that were written; a breaking value is made from one of them where made-up ones do not fit.

    >>> old = {"type": "object", "properties": {"state": {"enum": ["open", "closed"]}}, "required": ["state"]}
    >>> new = {"type": "object", "properties": {"state": {"enum": ["open"]}}, "required": ["state"]}
    >>> reads(new, old).breaks
    (Break(pointer='/properties/state/enum', why='does not take `closed`', witness={'state': 'closed'}),)
    >>> reads(old, new).proven
    True
    """
    if dialect(reader) != dialect(writer):
        return Compatibility(open=("`/$schema` is another draft",))
    if reader == writer and alike(reader, writer):  # to Python, 1 and true are equal
        return Compatibility()
    if nested_id(reader) or nested_id(writer):
        return Compatibility(open=("`$id` inside the schema: it cannot be compared",))
    look = Comparison(writer, reader)
    look.compare((writer,), reader, (), "", 0)
    try:
        return _Trial(writer, reader, examples).settle(look.doubts)
    except ValueError as cause:
        return Compatibility(open=(f"the schema cannot be tried: {cause}",))


class _Trial:
    """Tries to prove what was doubted, with whole values before both schemas."""

    def __init__(self, writer: Schema, reader: Schema, examples: Iterable[Any]) -> None:
        self.writer = writer
        self.written, self.taken = validator(writer), validator(reader)
        made = [smallest(writer, writer, choice=at) for at in range(6)]
        made += [fullest(writer, writer, choice=at) for at in range(4)]
        made += [each for each in _varied(writer) if self.written.is_valid(each)][:_EXAMPLES]
        known = [each for _, each in zip(range(_EXAMPLES), examples, strict=False)]
        self.bases = [*made, *known]

    def settle(self, doubts: Sequence[Doubt]) -> Compatibility:
        """Prove what can be proven; one finding for each place and reason."""
        breaks: dict[tuple[str, str], Break] = {}
        left: dict[str, str] = {}
        for doubt in doubts:
            found = next(self._proofs(doubt), None)
            if found is None:
                left.setdefault(doubt.pointer, f"`{doubt.pointer or '/'}` {doubt.why}")
            else:
                breaks.setdefault((found.pointer, found.why), found)
        broken = {each.pointer for each in breaks.values()}
        return Compatibility(tuple(breaks.values()), tuple(why for at, why in left.items() if at not in broken))

    def _proofs(self, doubt: Doubt) -> Iterator[Break]:
        tries = 0
        for base in self.bases:
            for value in doubt.values:
                if (tries := tries + 1) > _TRIES:
                    return
                try:
                    whole = placed(base, self.writer, self.writer, doubt.path, value)
                    if self.written.is_valid(whole) and (at := self._refused(whole, doubt)) is not None:
                        yield Break(at, doubt.why, whole)
                except (ValueError, TypeError, OverflowError, RecursionError):
                    continue  # a number that no JSON has, or a value that cannot be put there

    def _refused(self, whole: Any, doubt: Doubt) -> str | None:
        """Where the reader refuses a value for the reason that is doubted; None where it takes it, or refuses another part."""
        for error in self.taken.iter_errors(whole):
            at = "".join(f"/{step(str(each))}" for each in error.schema_path)
            where: Path = tuple(error.instance_path)
            near = where[: len(doubt.path)] == doubt.path or doubt.path[: len(where)] == where
            if near and (at == doubt.pointer or at.startswith(f"{doubt.pointer}/")):
                return at
        return None


def _varied(writer: Schema) -> Iterator[Any]:
    """Values that differ in the fields which have a few choices: conditions of a schema ask for such combinations."""
    fields = writer.get("properties", {}) if isinstance(writer, Mapping) else {}
    few: dict[str, list[Any]] = {}
    for name, schema in fields.items():
        listed = schema.get("enum") if isinstance(schema, Mapping) else None
        if isinstance(listed, list) and 1 < len(listed) <= _EXAMPLES:
            few[name] = listed
    for values in islice(product(*few.values()), _COMBINATIONS if few else 0):
        for make in (fullest, smallest):
            made = make(writer, writer)
            if isinstance(made, dict):
                yield {**made, **{name: value for name, value in zip(few, values, strict=True) if name in made}}


def shown(value: Any, most: int = 160) -> str:
    """A value as JSON, of at most so many characters.

    >>> shown({"a": "x" * 30}, 12)
    '{"a": "xxxx…'
    """
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[: most - 1]}…"
