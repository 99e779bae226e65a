"""Cases, slices and requirements: what a bundle is asked, and what must hold of its replies."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

from pydantic import Field, JsonValue, model_validator

from interlock.core.binding import LabelStr, Str, Strict
from interlock.core.digest import Digest, of_value
from interlock.core.errors import DocumentError
from interlock.core.judges import Judge, JudgeSpec
from interlock.core.packs import Pack, PackExcuse


class SuiteKind(StrEnum):
    """What a suite is for; several checks ask for suites of one kind."""

    GOLD = "gold"
    ADVERSARIAL = "adversarial"
    BASELINE = "baseline"
    REGRESSION = "regression"
    HOLDOUT = "holdout"


SCORERS: tuple[str, ...] = (
    "case", "exact", "regex", "facts", "schema", "citation", "abstention", "escalation", "tool_calls", "groundedness", "language", "recorded",
    "latency", "cost",
)  # fmt: skip
"""What a requirement may name without a plug-in: the whole case, or one scorer."""

ReplyKind = Literal["answer", "clarify", "abstain", "escalate"]
"""What a reply does: it answers, asks back, says that it does not know, or hands over to a person."""


class ExpectedCall(Strict):
    """A tool call that must be made: the tool, and a subset of its arguments."""

    tool: Str
    arguments: dict[str, JsonValue] = {}


class Expect(Strict):
    """What a good reply has; each key is judged by one scorer, an absent key by none."""

    facts: tuple[str | tuple[str, ...], ...] = Field(default=(), description="each must occur; a list is alternatives")
    forbid: tuple[Str, ...] = Field(default=(), description="none of these may occur")
    cites: tuple[Str, ...] = Field(default=(), description="documents of which at least one must be cited")
    outcome: ReplyKind | tuple[ReplyKind, ...] | None = None
    queue: Str | None = None
    tools: tuple[ExpectedCall, ...] | None = Field(default=None, description="calls to be made; `[]` is none at all")
    forbid_tools: tuple[Str, ...] = ()
    exact: str | None = None
    regex: Str | None = None
    max_latency_s: float | None = Field(default=None, gt=0)
    max_cost_usd: float | None = Field(default=None, ge=0)
    min_support: float | None = Field(
        default=None, ge=0, le=1, description="least support of each claim in what was retrieved"
    )
    language: Str | None = Field(default=None, description="language that the reply must be in, such as `de`")
    reference: str | None = Field(
        default=None, min_length=1, description="a good answer, for a judge that is shown one; no other scorer reads it"
    )
    recorded: bool = Field(default=False, description="judge by the verdict that an imported reply carries")

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The permitted outcomes, none when the case does not say."""
        if self.outcome is None:
            return ()
        return (self.outcome,) if isinstance(self.outcome, str) else self.outcome


class Case(Strict):
    """One input and what is expected of the reply."""

    id: LabelStr
    input: str | None = None
    messages: tuple[dict[str, JsonValue], ...] | None = None
    lang: Str | None = None
    slices: tuple[Str, ...] = Field(min_length=1)
    expect: Expect
    source: Str = Field(description="where the case comes from; every case has a source (EVAL-07)")
    weight: float = Field(default=1.0, gt=0, description="how much it counts in the mix (EVAL-07)")
    cluster: str | None = Field(default=None, description="cases of one cluster are not independent")
    must_pass: bool = False
    covers: tuple[Str, ...] = Field(default=(), description="`tool:…`, `schema:…`, `rule:…` that this case exercises")
    context: dict[str, JsonValue] = {}

    def request(self) -> dict[str, Any]:
        """What the target is given."""
        asked: dict[str, Any] = {"context": dict(self.context)}
        if self.messages is not None:
            asked["messages"] = [dict(message) for message in self.messages]
        else:
            asked["input"] = self.input or ""
        if self.lang:
            asked["lang"] = self.lang
        return asked

    @cached_property
    def request_digest(self) -> Digest:
        """Name of the request alone: rewording an expectation does not re-ask the target."""
        return of_value(self.request(), domain="interlock.request.v1")

    @property
    def unanswerable(self) -> bool:
        """Whether a plain answer would be wrong: the reply must abstain or escalate (SAFE-02)."""
        return bool(self.expect.outcomes) and "answer" not in self.expect.outcomes

    @property
    def unit(self) -> str:
        """The unit of statistics: the cluster where there is one, else the case."""
        return self.cluster or self.id


class Slice(Strict):
    """A named part of the cases, with its declared share of real traffic."""

    id: LabelStr
    title: Str
    share: float | None = Field(default=None, ge=0, le=1)
    key: LabelStr = Field(default="slice", description="slices of one key divide the traffic: their shares sum to 1")
    critical: bool = False
    owner: Str | None = None
    against_fallback: Literal["beats", "matches"] | None = Field(
        default=None, description="what is claimed of the AI against the path without it (EVAL-08)"
    )
    estimand: Literal["population", "census"] = Field(
        default="population",
        description="`census`: these cases are the requirement itself, nothing is claimed of others",
    )
    needs: int | None = Field(
        default=None, ge=1, le=50, description="census: trials of each case that must pass; all, where it is left out"
    )
    pack: Pack | None = Field(default=None, description="what its cases try (SAFE-04)")

    @model_validator(mode="after")
    def _needs_a_census(self) -> "Slice":
        if self.needs is not None and self.estimand != "census":
            raise ValueError("`needs` counts the trials of each case; it goes with `estimand: census`")
        return self


class Requirement(Strict):
    """A floor for an estimate on one slice (`*` is every slice), and the margin of a paired comparison."""

    slice: Str
    scorer: Str = Field(default="case", description="`case` is the whole case; else the name of one scorer")
    floor: float | None = Field(default=None, ge=0, le=1)
    margin: float | None = Field(default=None, gt=0, le=1)


class SuiteFile(Strict):
    """One `evals/*.yaml` file."""

    suite: LabelStr
    kind: SuiteKind
    cases: tuple[Str, ...] = Field(min_length=1)
    slices: tuple[Slice, ...] = Field(min_length=1)
    requirements: tuple[Requirement, ...] = ()
    judges: tuple[JudgeSpec, ...] = ()
    without: tuple[PackExcuse, ...] = Field(
        default=(), description="packs that do not apply, with the reason (SAFE-04)"
    )

    @model_validator(mode="after")
    def _packs(self) -> "SuiteFile":
        held = {piece.pack for piece in self.slices if piece.pack is not None}
        if held and self.kind in NO_PACKS:
            raise ValueError(f"a suite of kind `{self.kind}` holds no packs; put them into one of kind `adversarial`")
        for excuse in self.without:
            if excuse.pack in held:
                raise ValueError(f"`without` says that `{excuse.pack}` does not apply, and a slice holds it")
        return self


NO_PACKS = frozenset({SuiteKind.BASELINE, SuiteKind.HOLDOUT})
"""Kinds that SAFE-04 does not read: another path answers the one, the other is kept back."""


@dataclass(frozen=True)
class Suite:
    """A suite with its cases. Case ids are unique and every slice that a case names is declared."""

    name: str
    kind: SuiteKind
    cases: tuple[Case, ...]
    slices: tuple[Slice, ...]
    requirements: tuple[Requirement, ...] = ()
    judges: tuple[Judge, ...] = ()
    without: tuple[PackExcuse, ...] = ()

    def __post_init__(self) -> None:
        known = {piece.id for piece in self.slices}
        seen: set[str] = set()
        for case in self.cases:
            if case.id in seen:
                raise DocumentError(
                    f"case `{case.id}` occurs twice in suite `{self.name}`", hint="give it an id of its own"
                )
            seen.add(case.id)
            unknown = [name for name in case.slices if name not in known]
            if unknown:
                raise DocumentError(
                    f"case `{case.id}` names slice `{unknown[0]}`, which suite `{self.name}` does not declare",
                    hint=f"declared slices: {', '.join(sorted(known))}",
                )
        for requirement in self.requirements:
            if requirement.slice not in known and requirement.slice != "*":
                raise DocumentError(
                    f"a requirement of suite `{self.name}` names slice `{requirement.slice}`, which is not declared"
                )

    @cached_property
    def digest(self) -> Digest:
        """Name of the questions and of what must hold; made when it is asked for, since a large suite takes a while."""
        judged = [
            {"name": j.spec.name, "model": j.spec.model.pin, "prompt": j.prompt, "rubric": j.rubric,
             **({"asks": j.asks} if j.asks else {})}
            for j in self.judges
        ]  # fmt: skip
        return of_value(
            {
                **({"judges": judged} if judged else {}),  # another judge is another suite, more labels are not
                **({"without": [excuse.model_dump(mode="json") for excuse in self.without]} if self.without else {}),
                "name": self.name,
                "kind": self.kind.value,
                "cases": [_case_value(case) for case in self.cases],
                "slices": [_without_none(piece.model_dump(mode="json"), "pack") for piece in self.slices],
                "requirements": [requirement.model_dump(mode="json") for requirement in self.requirements],
            },
            domain="interlock.suite.v1",
        )

    def of_slice(self, name: str) -> tuple[Case, ...]:
        """The cases of one slice."""
        return tuple(case for case in self.cases if name in case.slices)

    def of_pack(self, pack: Pack) -> tuple[Case, ...]:
        """The cases of one pack, each once."""
        names = {piece.id for piece in self.slices if piece.pack is pack}
        return tuple(case for case in self.cases if names.intersection(case.slices)) if names else ()

    def floors(self, piece: Slice) -> dict[str, float]:
        """The floors of a slice by scorer: its own, and of scorers it has none for those of `*`, unless each of its cases counts."""
        each = piece.critical or piece.estimand == "census"
        general: dict[str, float] = {}
        own: dict[str, float] = {}
        for row in self.requirements:
            if row.floor is not None and row.slice == "*" and not each:
                general[row.scorer] = max(general.get(row.scorer, 0.0), row.floor)
            if row.floor is not None and row.slice == piece.id:
                own[row.scorer] = max(own.get(row.scorer, 0.0), row.floor)
        return {**general, **own}

    def margin(self, name: str, default: float) -> float:
        """The non-inferiority margin of a slice: its own, else that of `*`, else the default."""
        own = [r.margin for r in self.requirements if r.slice == name and r.margin is not None]
        general = [r.margin for r in self.requirements if r.slice == "*" and r.margin is not None]
        return min(own) if own else min(general) if general else default


def _case_value(case: Case) -> dict[str, Any]:
    value = case.model_dump(mode="json")
    return {**value, "expect": _without_none(_without_none(value["expect"], "language"), "reference")}


def _without_none(value: dict[str, Any], key: str) -> dict[str, Any]:
    """The value without a key that says nothing: a suite that does not use it keeps the name that it had before."""
    return {name: held for name, held in value.items() if name != key or held is not None}
