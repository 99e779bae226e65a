"""The action map: which tool calls a bundle is permitted, and on what terms (format 1).

A closed shape without an expression language, so that it can be compiled to a plain decision table and every
row can be read aloud. What is not listed is denied.
"""

import re
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from interlock.core.binding import Str, Strict
from interlock.core.pattern import whole_match

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Duration = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,7}[smhd]$")]
"""A whole number of seconds, minutes, hours or days: `30m`, `24h`."""


def seconds(duration: str) -> int:
    """A duration in seconds.

    Args:
        duration: digits and one of `s`, `m`, `h`, `d`.
    Raises: ValueError for any other text.

    >>> seconds("30m"), seconds("720h")
    (1800, 2592000)
    """
    if not re.fullmatch(r"[1-9][0-9]{0,7}[smhd]", duration):
        raise ValueError(f"not a duration: `{duration}`")
    return int(duration[:-1]) * _UNIT_SECONDS[duration[-1]]


class Effect(StrEnum):
    """What a call changes, from nothing to what cannot be taken back."""

    READ = "read"
    FETCH = "fetch"
    WRITE = "write"
    SEND = "send"
    MONEY = "money"
    DESTRUCTIVE = "destructive"
    CREDENTIAL = "credential"


class Label(StrEnum):
    """Where a value came from, best source first: the person, our systems, an attested third party, any other, the model.

    `rank` is 0 for the best source and 4 for the worst.

    >>> Label.USER.rank < Label.SYSTEM.rank < Label.MODEL.rank
    True
    """

    rank: int

    USER = "user"
    SYSTEM = "system"
    ATTESTED = "attested"
    THIRD_PARTY = "third_party"
    MODEL = "model"

    def at_least(self, worst: "Label") -> bool:
        """Whether this source is as good as `worst`, or better."""
        return self.rank <= worst.rank


for _rank, _label in enumerate(Label):
    _label.rank = _rank  # an attribute, because it is asked for several times in every decision


class ArgumentKind(StrEnum):
    """What an argument decides: who or what is touched, how much, or only what is said."""

    CONTROL = "control"
    QUANTITY = "quantity"
    CONTENT = "content"


class Audience(StrEnum):
    """Who may read what a call sends: people of the tenant, or anybody."""

    INTERNAL = "internal"
    EXTERNAL = "external"


class Readers(StrEnum):
    """Who may read a value: the person of the session alone, or the people of the tenant."""

    PRINCIPAL = "principal"
    TENANT = "tenant"


_SOURCES_BY_EFFECT = {
    Effect.READ: Label.MODEL,
    Effect.FETCH: Label.USER,
    Effect.WRITE: Label.ATTESTED,
    Effect.SEND: Label.SYSTEM,
    Effect.MONEY: Label.SYSTEM,
    Effect.DESTRUCTIVE: Label.USER,
    Effect.CREDENTIAL: Label.USER,
}
"""The worst source that is good enough for what a call touches, where the map says nothing else."""


def _pattern(text: str) -> str:
    whole_match(text)
    return text


Scalar = str | int | bool


SESSION_FACT = r"^(?:tenant|principal|session|feature|fact\.[A-Za-z0-9_]{1,63})$"
"""What a session says of itself: who it is for, or a fact that the host gave it."""


class Condition(Strict):
    """What must hold of one argument; every key that is given must hold. Numbers are integers in minor units."""

    eq: Scalar | None = None
    in_: tuple[Scalar, ...] | None = Field(default=None, alias="in", min_length=1)
    lt: int | None = None
    lte: int | None = None
    gt: int | None = None
    gte: int | None = None
    matches: Annotated[Str, AfterValidator(_pattern)] | None = Field(default=None, description="the whole value")
    same_as_session: Annotated[str, StringConstraints(pattern=SESSION_FACT)] | None = Field(
        default=None, description="equals what the authenticated session says"
    )
    provenance: Label | None = Field(default=None, description="found in a source at least as good as this one")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must hold at least one condition, such as `{gt: 5000}`")
        return self

    @property
    def compares(self) -> bool:
        """Whether it orders numbers."""
        return any(bound is not None for bound in (self.lt, self.lte, self.gt, self.gte))


class Allow(Strict):
    """Who may have it done, for whom, and how well the values must be sourced."""

    roles: tuple[Str, ...] | None = Field(default=None, min_length=1, description="any of these; left out, every role")
    tenant: Literal["same_as_session"] = "same_as_session"
    provenance: dict[Str, Label] = Field(default={}, description="by argument, the worst source that is good enough")
    when: dict[Str, Condition] = Field(default={}, description="by argument, what must hold at all; else deny")


class Approvers(Strict):
    """How many of which team, and who of them may not."""

    role: Str
    count: int = Field(ge=1, le=10)
    not_: tuple[Literal["requester"], ...] = Field(default=(), alias="not")


class Ask(Strict):
    """When a person decides, who, and how long the question stands."""

    when: Literal["always"] | dict[Str, Condition]
    approvers: Approvers
    ttl: Duration


class HandOver(Strict):
    """When a person takes over instead of the model, and in which queue."""

    when: Literal["always"] | dict[Str, Condition]
    queue: Str


class Budget(Strict):
    """A sum that calls may use up, in whole units: calls, minor units of money, or what `reserve` stands for."""

    meter: Str
    of: Str | None = Field(default=None, description="with the meter `distinct`: the argument whose values count once")
    reserve: int | None = Field(
        default=None, ge=1, description="of what is known only afterwards, the most of one call"
    )
    per: tuple[Literal["tenant", "principal", "session", "feature"], ...] = Field(min_length=1)
    window: Duration
    cap: int = Field(ge=1)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if (self.meter == "distinct") != (self.of is not None):
            raise ValueError("has the meter `distinct` and the key `of` together, or neither")
        if self.reserve is not None and self.meter in {"calls", "distinct"}:
            raise ValueError(f"counts `{self.meter}`, which is known beforehand: leave `reserve` out")
        return self

    @property
    def argument(self) -> str | None:
        """The argument that is measured or counted."""
        return self.of if self.meter == "distinct" else self.meter if self._measures else None

    @property
    def _measures(self) -> bool:
        return self.meter != "calls" and self.reserve is None


class Idempotency(Strict):
    """What makes two calls the same call, for how long, and what to do when an outcome is not known."""

    key: tuple[Str, ...] = Field(min_length=1)
    window: Duration
    retry: Literal["verify", "safe", "never"]


DEFAULT_BUDGET = Budget(meter="calls", per=("tenant", "principal"), window="24h", cap=100)
"""What an effect may use whose entry names no budget."""


class Action(Strict):
    """One domain action: the shape of one tool call, and the terms on which it is permitted."""

    action: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")]
    tool: Str
    effect: Effect
    audience: Audience | None = Field(default=None, description="who reads it; `send` and `money` go out by default")
    args: dict[Str, ArgumentKind] = Field(default={}, description="an argument that is not listed is control")
    allow: Allow = Allow()
    ask: Ask | None = Field(default=None, description="`null`: no rule asks, only a doubtful source")
    escalate: HandOver | None = None
    budget: Budget | tuple[Budget, ...] | None = None
    idempotency: Idempotency | None = None
    outputs: dict[Str, Label] = Field(default={}, description="a field that is not listed is third_party")
    readers: Readers | dict[Str, Readers] | None = Field(
        default=None, description="who may read the result, or a field"
    )
    harmless: dict[Str, tuple[Scalar, ...]] = Field(default={}, description="values that need no source")
    without_store: bool = Field(default=False, description="a read that may go on where nothing can be recorded")
    parse_text: bool = Field(default=True, description="a text result is read as JSON or YAML, to label its fields")
    words: tuple[Str, ...] = Field(
        default=(), description="how people ask for it and say it was done, in all languages"
    )

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        for place, names in self._mentions().items():
            for name in names:
                if name not in self.args:
                    raise ValueError(f"names `{name}` in `{place}`, which `args` does not list")
        if self.without_store and (self.effect is not Effect.READ or self.budgets):
            raise ValueError("goes on without a store, which only a read without a budget may")
        drawn = [(budget.meter, frozenset(budget.per), seconds(budget.window)) for budget in self.budgets]
        if len(set(drawn)) < len(drawn):
            raise ValueError("draws twice on one budget: give each its own meter, `per` or window")
        conditions = [clause for clause in (self.allow.when, *self._questions()) if clause != "always"]
        ordered = [name for clause in conditions for name, condition in clause.items() if condition.compares]
        ordered += [budget.meter for budget in self.budgets if budget.argument and not budget.of]
        for name in ordered:
            if self.args[name] is not ArgumentKind.QUANTITY:
                raise ValueError(f"measures `{name}`, which `args` does not call a quantity")
        return self

    def _questions(self) -> tuple[Literal["always"] | dict[str, Condition], ...]:
        return tuple(clause.when for clause in (self.ask, self.escalate) if clause is not None)

    def _mentions(self) -> dict[str, tuple[str, ...]]:
        """The arguments that each clause names."""
        asked = self.ask.when if self.ask else "always"
        handed = self.escalate.when if self.escalate else "always"
        return {
            "allow.provenance": tuple(self.allow.provenance),
            "allow.when": tuple(self.allow.when),
            "ask.when": () if asked == "always" else tuple(asked),
            "escalate.when": () if handed == "always" else tuple(handed),
            "budget.meter": tuple(budget.argument for budget in self.budgets if budget.argument),
            "idempotency.key": self.idempotency.key if self.idempotency else (),
            "harmless": tuple(self.harmless),
        }

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """The budgets as written; an effect without any has the default one."""
        if self.budget is None:
            return () if self.effect is Effect.READ else (DEFAULT_BUDGET,)
        return (self.budget,) if isinstance(self.budget, Budget) else self.budget

    @property
    def reaches(self) -> Audience | None:
        """Who reads what the call sends; None when it sends nothing."""
        if self.audience is None and self.effect in {Effect.SEND, Effect.MONEY}:
            return Audience.EXTERNAL
        return self.audience

    def demands(self, argument: str) -> Label:
        """The worst source that is good enough for an argument: of all of it when it is control or quantity, of the
        links, addresses and account numbers in it when it is content."""
        if argument in self.allow.provenance:
            return self.allow.provenance[argument]
        kind = self.args.get(argument, ArgumentKind.CONTROL)
        if kind is ArgumentKind.QUANTITY:
            return Label.MODEL
        internal = self.effect is Effect.SEND and self.reaches is Audience.INTERNAL
        worst = Label.ATTESTED if internal else _SOURCES_BY_EFFECT[self.effect]
        return Label.SYSTEM if kind is ArgumentKind.CONTENT and worst is Label.USER else worst

    def label(self, field: str) -> Label:
        """Where a field of its result comes from; what nobody labelled is a third party's."""
        return self.outputs.get(field, Label.THIRD_PARTY)


class SessionLimits(Strict):
    """What one session may use up before every further call is denied: a runaway stops here."""

    calls: int = Field(default=100, ge=1, description="proposed calls, denied ones too")
    seconds: int = Field(default=3600, ge=1, description="from the beginning of the session")
    tokens: int = Field(default=500_000, ge=1, description="what the app reports with `spent`")


class ActionMap(Strict):
    """One `actions.yaml`."""

    actions: Literal[1]
    session: SessionLimits = SessionLimits()
    map: tuple[Action, ...]

    def of_tool(self, tool: str) -> tuple[Action, ...]:
        """The actions that call a tool."""
        return tuple(action for action in self.map if action.tool == tool)
