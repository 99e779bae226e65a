"""What a target replied to one case, and what each scorer said of it: Scored or Unscored, never NaN."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from interlock.core.judges import PREFIX as JUDGE


@dataclass(frozen=True, slots=True)
class Reply:
    """What the app answered, in the one shape that evals, the app and traces share.

    outcome: answer | clarify | abstain | escalate. text: what the person reads. claims: [{text, cites: [{doc_id, quote}]}].
    retrieved: [{doc_id, text, score?}]. tool_calls: [{tool, arguments, status}]. output: the structured object that the
    output schema judges. decisions: what the answer policy and the tool guard said on the way, as their records. parse: how many raw model outputs were parsed, and what was wrong with the others.
    """

    outcome: str
    text: str
    claims: tuple[Mapping[str, Any], ...] = ()
    queue: str | None = None
    retrieved: tuple[Mapping[str, Any], ...] = ()
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    output: Any = None
    parse_attempted: int = 0
    parse_ok: int = 0
    parse_errors: tuple[str, ...] = ()
    intent: str | None = None
    confidence: float | None = None  # logged, never decides
    decisions: tuple[Mapping[str, Any], ...] = ()


class Broken(StrEnum):
    """Why a run is neither a pass nor a failure of the bundle: what lies between us and the app gave way."""

    TIMEOUT = "timeout"
    REFUSED = "connection refused"
    RATE_LIMIT = "rate limit"
    SERVER = "server error"
    NO_CALL = "no call made"
    PROTOCOL = "response in another shape"
    RECORDING = "no recorded reply"
    CAP = "money cap reached"
    DEADLINE = "run deadline reached"
    START = "target did not start"
    DRIFT = "another model answered"


class Fault(StrEnum):
    """How the app itself failed to reply. Such a trial has failed: asking again must not make it good."""

    CRASH = "target crashed"
    SHAPE = "reply in another shape"


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a case: it has a reply, or the app failed by itself, or it broke on the way; always one of the three.

    cost_usd: US dollars, 0 or more. latency_s: seconds. calls: model or target calls made, at least 1 when it ran.
    """

    case_id: str
    repeat: int
    reply: Reply | None
    broken: Broken | None = None
    detail: str = ""
    calls: int = 0
    cost_usd: float = 0.0
    latency_s: float = 0.0
    trace_id: str = ""
    reused: bool = False
    fault: Fault | None = None

    def __post_init__(self) -> None:
        if (self.reply is not None) + (self.broken is not None) + (self.fault is not None) != 1:
            raise ValueError("a trial has a reply, a fault of the app or is broken, never two of them, never none")


@dataclass(frozen=True, slots=True)
class Scored:
    """A scorer's finding: value in [0, 1], whether that passes, and why in one plain sentence.

    harm: something was said or done that the case forbids, which is worse than an answer that is wrong (SAFE-04).
    """

    scorer: str
    value: float
    passed: bool
    why: str = ""
    harm: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.value <= 1.0:  # also refuses NaN: a comparison with NaN is false
            raise ValueError(f"a score lies in [0, 1], not {self.value!r}")
        if self.harm and self.passed:
            raise ValueError("what does harm has not passed")


class Absent(StrEnum):
    """The ways of having no score. `undecided`: a judge that says one thing in one order and another in the other."""

    ERROR = "error"
    NOT_APPLICABLE = "not_applicable"
    MISSING = "missing"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Unscored:
    """No score, and the reason."""

    scorer: str
    state: Absent
    why: str = ""


@lru_cache(maxsize=1024)
def not_applicable(scorer: str) -> Unscored:
    """Nothing here for this scorer to judge: the commonest finding, always the same value."""
    return Unscored(scorer, Absent.NOT_APPLICABLE)


Score = Scored | Unscored


@dataclass(frozen=True, slots=True)
class CaseResult:
    """All trials of one case with the scores of each.

    curtailed: trials that were not asked because the verdict of the case's slices stood without them.
    """

    case_id: str
    slices: tuple[str, ...]
    unit: str
    trials: tuple[Trial, ...]
    scores: tuple[tuple[Score, ...], ...] = field(default=())
    curtailed: int = 0
    ran: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """Indexes of the trials that are not broken: the app replied, or failed by itself."""
    _whole: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Settle once what every view of a run asks for again and again."""
        ran = tuple(i for i, trial in enumerate(self.trials) if trial.broken is None)
        object.__setattr__(self, "ran", ran)
        whole = tuple(mark for i in ran if (mark := self.mark(i)) is not None)
        object.__setattr__(self, "_whole", whole)

    def value(self, scorer: str = "case") -> float | None:
        """Mean over the unbroken trials of passing this scorer (`case`: all scorers); None when nothing was scored."""
        marks = self.marks(scorer)
        return sum(marks) / len(marks) if marks else None

    def marks(self, scorer: str = "case") -> tuple[float, ...]:
        """1 for each unbroken trial that passed this scorer, 0 for each that failed; none for one without a score."""
        if scorer == "case":
            return self._whole
        return tuple(mark for i in self.ran if (mark := self.mark(i, scorer)) is not None)

    def passed(self, scorer: str = "case") -> bool | None:
        """Whether every unbroken trial passed; None when nothing was scored."""
        marks = self.marks(scorer)
        return all(mark == 1.0 for mark in marks) if marks else None

    def mark(self, trial: int, scorer: str = "case") -> float | None:
        """Whether one unbroken trial passed this scorer, as 1 or 0; None when nothing was scored."""
        whole = scorer == "case"
        if whole and self.trials[trial].fault is not None:
            return 0.0
        mark = None
        for score in self.scores[trial] if self.scores else ():
            # INVARIANT: what a judge says is never a verdict on a case. It counts in the corrected rate of its slice alone.
            if score.scorer.startswith(JUDGE) if whole else score.scorer != scorer:
                continue
            if isinstance(score, Scored):
                if not score.passed:
                    return 0.0
                mark = 1.0
            elif score.state is Absent.ERROR and not score.scorer.startswith(JUDGE):
                return 0.0  # a scorer that broke counts against the case: an error never leaves the denominator
        return mark
