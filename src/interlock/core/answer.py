"""The answer policy: what an answer needs, what is said without one, and when a person takes over (format 1)."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from interlock.core.asked_model import AskedModel, Endpoint
from interlock.core.binding import Str, Strict
from interlock.core.digest import of_value


class SliceEvidence(Strict):
    """What one slice asks of an answer where it differs from the rest."""

    threshold: float | None = Field(default=None, ge=0, le=1)
    min_sources: int | None = Field(default=None, ge=0)
    must_cite: bool | None = None
    coverage: float | None = Field(default=None, gt=0, le=1)
    max_age_days: int | None = Field(default=None, ge=1)


Sha256 = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class _Stronger(Strict):
    deadline_s: float = Field(default=20.0, gt=0, le=600, description="seconds for all claims of one answer")
    max_claims: int = Field(default=40, ge=1, le=500, description="claims of one answer that are asked about at most")


class EndpointScorer(_Stronger):
    """A model behind an OpenAI-compatible endpoint says of each claim: entailed, contradicted, or not stated."""

    kind: Literal["endpoint"]
    model: AskedModel
    endpoint: Endpoint

    @property
    def pin(self) -> str:
        """The name that thresholds and calibrations repeat: another model, or another way of asking it, is another scorer."""
        asks = of_value(self.endpoint.limits(), domain="interlock.scorer.v1").removeprefix("sha256:")[:8]
        return f"entailment-1-{asks}:{self.model.pin}"


class OnnxScorer(_Stronger):
    """A cross-encoder of natural language inference as an ONNX file of the team's own (`interlock[nli]`)."""

    kind: Literal["onnx"]
    model: Str = Field(description="absolute path of the `.onnx` file; `${NAME}` reads an environment variable")
    model_sha256: Sha256 = Field(description="digest of that file; another file is refused")
    tokenizer: Str = Field(description="absolute path of its `tokenizer.json`")
    tokenizer_sha256: Sha256
    labels: tuple[Literal["entailed", "contradicted", "not_stated"], ...] = Field(
        description="what the model's outputs mean, in their order", min_length=2, max_length=3
    )
    max_tokens: int = Field(default=512, ge=16, le=8192, description="tokens of a window and a claim together")

    @model_validator(mode="after")
    def _each_label_once(self) -> Self:
        if len(set(self.labels)) < len(self.labels) or "entailed" not in self.labels:
            raise ValueError("`labels` names each output once, and one of them is `entailed`")
        if not all(path.startswith(("/", "${")) for path in (self.model, self.tokenizer)):
            raise ValueError(
                "the model lies outside the bundle: write `${NAME}`, a variable with its path, or an absolute path"
            )
        return self

    @property
    def pin(self) -> str:
        """The name that thresholds and calibrations repeat."""
        named = {"model": self.model_sha256, "tokenizer": self.tokenizer_sha256, "labels": list(self.labels), "max_tokens": self.max_tokens}  # fmt: skip
        return "nli-1:" + of_value(named, domain="interlock.scorer.v1").removeprefix("sha256:")[:16]


class PluginScorer(Strict):
    """What an installed package offers under `interlock.support`."""

    kind: Literal["plugin"]
    name: Str

    @property
    def pin(self) -> str:
        """Its name, which changes whenever the same texts may get another score."""
        return self.name


SupportSpec = EndpointScorer | OnnxScorer | PluginScorer


class EvidencePolicy(Strict):
    """What an answer needs. The model's own confidence is never evidence."""

    threshold: float = Field(ge=0, le=1, description="least score of evidence for a claim; 0 asks for none")
    min_sources: int = Field(ge=0)
    must_cite: bool
    coverage: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="least share of the statements that hold; below 1 the rest may go out alone",
    )
    max_age_days: int | None = Field(default=None, ge=1, description="age of a source beyond which it proves nothing")
    scorer: Annotated[SupportSpec, Field(discriminator="kind")] | None = Field(
        default=None, description="a stronger scorer of evidence; default: the embedded one, which needs no model"
    )
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
