"""A structured answer of a model, read strictly; where it does not fit, the model may mend it, at most twice.

Each attempt is judged from zero. The model sees where its answer breaks the schema, never what it wrote. Nothing is mended
after an effect: what came of the effect and what the answer says of it could differ.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.core.arguments import Judged, compile_schema, read_arguments, schema_faults
from interlock.core.errors import Denied, UsageError
from interlock.sdk.session import Session

MOST_REPAIRS = 2


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with an answer: JSON pointers and keywords, like `/amount_minor: minimum`; or that it cannot be read."""

    faults: tuple[str, ...]

    @property
    def message(self) -> str:
        """What the model is told."""
        return "your answer was not used; write the whole answer again as one JSON object. " + "; ".join(self.faults)


@dataclass(frozen=True, slots=True)
class Structured:
    """An answer that fits. content: its canonical bytes, which were judged. repairs: how often it was mended, 0 to 2."""

    value: Mapping[str, Any]
    content: bytes
    repairs: int


Reply = str | tuple[str, int]
"""What a model wrote, alone or with the tokens that it took."""


class StructuredReader:
    """Reads the answers of one schema.

    Args:
        schema: JSON Schema of an object; closed, never fetched from anywhere, without patterns that could hang.
        session: each repair counts as one of its calls, and as its tokens.
    Raises: ToolSchemaError for what is no such schema.
    """

    def __init__(self, schema: Mapping[str, Any], session: Session) -> None:
        self._validator = compile_schema(schema, "answer")
        self._session = session

    def read(self, first: Reply, again: Callable[[Wrong], Reply]) -> Structured:
        """The answer, mended where needed.

        Args:
            first: what the model wrote. again: asks it anew, with what was wrong.
        Raises: Denied when it does not fit after two repairs, an effect was made meanwhile, or the session is used up.
        """
        return _Reading(self._validator, self._session).to_the_end(first, again)

    async def aread(self, first: Reply, again: Callable[[Wrong], Awaitable[Reply]]) -> Structured:
        """The same with an async model."""
        reading = _Reading(self._validator, self._session)
        found = reading.judged(first)
        while isinstance(found, Wrong):
            reading.allow_repair(found)
            found = reading.judged(await again(found))
        return found


class _Reading:
    def __init__(self, validator: Any, session: Session) -> None:
        self.validator, self.session, self.repairs = validator, session, 0
        self.effects = session.effects

    def to_the_end(self, first: Reply, again: Callable[[Wrong], Reply]) -> Structured:
        found = self.judged(first)
        while isinstance(found, Wrong):
            self.allow_repair(found)
            found = self.judged(again(found))
        return found

    def judged(self, reply: Reply) -> Structured | Wrong:
        text, tokens = reply if isinstance(reply, tuple) else (reply, 0)
        if not isinstance(text, str):
            raise UsageError("a model's answer is text", hint="hand over what it wrote, or (text, tokens)")
        if tokens:
            self.session.spent(tokens=tokens)
        read = read_arguments(text)
        if not isinstance(read, Judged):
            return Wrong((read.why,))
        if not self.validator.is_valid(read.value):
            return Wrong(schema_faults(self.validator, read.value))
        return Structured(read.value, read.content, self.repairs)

    def allow_repair(self, wrong: Wrong) -> None:
        """Raises: Denied when the answer is not to be mended."""
        said = "; ".join(wrong.faults)
        if self.session.effects != self.effects:
            raise Denied(
                f"the answer does not fit, and an effect was made meanwhile: {said}", codes=("answer.after-effect",)
            )
        if self.repairs >= MOST_REPAIRS:
            raise Denied(f"the answer does not fit after {MOST_REPAIRS} repairs: {said}", codes=("answer.unusable",))
        if code := self.session.count_repair():
            raise Denied("the answer does not fit, and the session is used up", codes=(code,))
        self.repairs += 1
