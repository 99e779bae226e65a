"""The answer policy: what an answer needs, what is said without one, and when a person takes over (format 1)."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from interlock.core.binding import Str, Strict


class SliceEvidence(Strict):
    """What one slice asks of an answer where it differs from the rest."""

    threshold: float | None = Field(default=None, ge=0, le=1)
    min_sources: int | None = Field(default=None, ge=0)
    must_cite: bool | None = None
    coverage: float | None = Field(default=None, gt=0, le=1)
    max_age_days: int | None = Field(default=None, ge=1)


class EvidencePolicy(Strict):
    """What an answer needs. The model's own confidence is never evidence."""

    threshold: float = Field(ge=0, le=1, description="least score of evidence for a claim")
    min_sources: int = Field(ge=0)
    must_cite: bool
    coverage: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="least share of the statements that hold; below 1 the rest may go out alone",
    )
    max_age_days: int | None = Field(default=None, ge=1, description="age of a source beyond which it proves nothing")
    slices: dict[Str, SliceEvidence] = {}

    def of_slice(self, name: str) -> "EvidencePolicy":
        """The policy as it stands in one slice.

        >>> policy = EvidencePolicy(threshold=0.3, min_sources=1, must_cite=True, slices={"legal": SliceEvidence(threshold=0.6)})
        >>> policy.of_slice("legal").threshold, policy.of_slice("refunds").threshold
        (0.6, 0.3)
        """
        own = self.slices.get(name, SliceEvidence()).model_dump(exclude_none=True)
        return self.model_copy(update={**own, "slices": {}})


class Wording(Strict):
    """What the customer reads instead of an answer. An empty text is for SAFE-07 to find, so it can be written."""

    text: str = Field(default="", description="what is so now")
    next: str = Field(default="", description="what happens next, and by when")


class Abstain(Strict):
    """What is said when the answer is not known, by language."""

    wording: dict[Str, Wording] = {}


Signal = Literal["low_evidence_twice", "contradiction", "unknown_outcome"]
"""What the engine notices by itself: two answers in a row without evidence, two sources that disagree, and an action
of which nobody knows whether it happened."""


class Trigger(Strict):
    """What starts an escalation: a recognised intent, a slice, words of the customer by language, or a signal."""

    intent: Str | tuple[Str, ...] | None = None
    slice: Str | tuple[Str, ...] | None = None
    words: dict[Str, tuple[Str, ...]] | None = None
    signal: Signal | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.intents and not self.slices and not any((self.words or {}).values()) and self.signal is None:
            raise ValueError("must name an `intent`, a `slice`, a `signal` or `words`")
        return self

    @property
    def intents(self) -> tuple[str, ...]:
        """The intents that start it."""
        return _several(self.intent)

    @property
    def slices(self) -> tuple[str, ...]:
        """The slices that start it."""
        return _several(self.slice)


def _several(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else value


class EscalationRule(Strict):
    """When a person takes over, and in which queue."""

    id: Str
    when: Trigger
    queue: Str


class Escalate(Strict):
    """The rules that hand over, and what is said by language."""

    rules: tuple[EscalationRule, ...] = ()
    queue: Str | None = Field(default=None, description="who takes over on a signal that no rule names")
    wording: dict[Str, Wording] = {}


class ForbiddenWords(Strict):
    """Topics and commitments that no answer may hold."""

    id: Str
    words: tuple[Str, ...] = Field(min_length=1)


class AnswerPolicy(Strict):
    """One `answers.yaml`."""

    answers: Literal[1]
    evidence: EvidencePolicy
    abstain: Abstain
    escalate: Escalate
    forbidden: tuple[ForbiddenWords, ...] = ()
    frames: dict[Str, tuple[Str, ...]] = Field(
        default={}, description="by language, what may stand beside statements and states nothing itself"
    )

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        seen: set[str] = set()
        for name in (*(rule.id for rule in self.escalate.rules), *(entry.id for entry in self.forbidden)):
            if name in seen:
                raise ValueError(f"has two rules `{name}`; cases name rules by id")
            seen.add(name)
        return self

    @property
    def rule_ids(self) -> tuple[str, ...]:
        """Every rule that a case can exercise: the escalations, then the forbidden topics."""
        return (*(rule.id for rule in self.escalate.rules), *(entry.id for entry in self.forbidden))

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that the rules name, once each, in their order."""
        rest = () if self.escalate.queue is None else (self.escalate.queue,)
        return tuple(dict.fromkeys((*(rule.queue for rule in self.escalate.rules), *rest)))

    def queue_on(self, signal: Signal) -> str | None:
        """Who takes over on a signal: the queue of the first rule that names it, else the queue for the rest."""
        named = (rule.queue for rule in self.escalate.rules if rule.when.signal == signal)
        return next(named, self.escalate.queue)


def wording_for(wording: Mapping[str, Wording], language: str) -> Wording | None:
    """The wording of a language; of its base language where there is none for the region.

    >>> wording_for({"de": Wording(text="a", next="b")}, "de-AT")
    Wording(text='a', next='b')
    """
    return wording.get(language) or wording.get(language.replace("_", "-").split("-")[0])
