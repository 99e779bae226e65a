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


class EvidencePolicy(Strict):
    """What an answer needs. The model's own confidence is never evidence."""

    threshold: float = Field(ge=0, le=1, description="least score of evidence for a claim")
    min_sources: int = Field(ge=0)
    must_cite: bool
    slices: dict[Str, SliceEvidence] = {}

    def of_slice(self, name: str) -> "EvidencePolicy":
        """The policy as it stands in one slice.

        >>> policy = EvidencePolicy(threshold=0.3, min_sources=1, must_cite=True, slices={"legal": SliceEvidence(threshold=0.6)})
        >>> policy.of_slice("legal").threshold, policy.of_slice("refunds").threshold
        (0.6, 0.3)
        """
        own = self.slices.get(name, SliceEvidence())
        return EvidencePolicy(
            threshold=self.threshold if own.threshold is None else own.threshold,
            min_sources=self.min_sources if own.min_sources is None else own.min_sources,
            must_cite=self.must_cite if own.must_cite is None else own.must_cite,
        )


class Wording(Strict):
    """What the customer reads instead of an answer. An empty text is for SAFE-07 to find, so it can be written."""

    text: str = Field(default="", description="what is so now")
    next: str = Field(default="", description="what happens next, and by when")


class Abstain(Strict):
    """What is said when the answer is not known, by language."""

    wording: dict[Str, Wording] = {}


class Trigger(Strict):
    """What starts an escalation: a recognised intent, or words of the customer by language."""

    intent: Str | tuple[Str, ...] | None = None
    words: dict[Str, tuple[Str, ...]] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.intents and not any((self.words or {}).values()):
            raise ValueError("must name an `intent` or `words`")
        return self

    @property
    def intents(self) -> tuple[str, ...]:
        """The intents that start it."""
        if self.intent is None:
            return ()
        return (self.intent,) if isinstance(self.intent, str) else self.intent


class EscalationRule(Strict):
    """When a person takes over, and in which queue."""

    id: Str
    when: Trigger
    queue: Str


class Escalate(Strict):
    """The rules that hand over, and what is said by language."""

    rules: tuple[EscalationRule, ...] = ()
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
        return tuple(dict.fromkeys(rule.queue for rule in self.escalate.rules))


def wording_for(wording: Mapping[str, Wording], language: str) -> Wording | None:
    """The wording of a language; of its base language where there is none for the region.

    >>> wording_for({"de": Wording(text="a", next="b")}, "de-AT")
    Wording(text='a', next='b')
    """
    return wording.get(language) or wording.get(language.replace("_", "-").split("-")[0])
