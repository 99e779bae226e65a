"""The action map: which tool calls a bundle is permitted, and on what terms (format 1).

A closed shape without an expression language, so that it can be compiled to a plain decision table and every
row can be read aloud. What is not listed is denied.
"""

import re
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from interlock.core.binding import Str, Strict

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
    WRITE = "write"
    SEND = "send"
    MONEY = "money"
    DESTRUCTIVE = "destructive"
    CREDENTIAL = "credential"


class Label(StrEnum):
    """Where a value came from, best source first: the person, our systems, an attested third party, any other, the model."""

    USER = "user"
    SYSTEM = "system"
    ATTESTED = "attested"
    THIRD_PARTY = "third_party"
    MODEL = "model"

    @property
    def rank(self) -> int:
        """0 for the best source, 4 for the worst.

        >>> Label.USER.rank < Label.SYSTEM.rank < Label.MODEL.rank
        True
        """
        return list(Label).index(self)

    def at_least(self, worst: "Label") -> bool:
        """Whether this source is as good as `worst`, or better."""
        return self.rank <= worst.rank


class ArgumentKind(StrEnum):
    """What an argument decides: who or what is touched, how much, or only what is said."""

    CONTROL = "control"
    QUANTITY = "quantity"
    CONTENT = "content"


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as cause:
        raise ValueError(f"must be a regular expression: {cause}") from cause
    return text


Scalar = str | int | bool


class Condition(Strict):
    """What must hold of one argument; every key that is given must hold. Numbers are integers in minor units."""

    eq: Scalar | None = None
    in_: tuple[Scalar, ...] | None = Field(default=None, alias="in", min_length=1)
    lt: int | None = None
    lte: int | None = None
    gt: int | None = None
    gte: int | None = None
    matches: Annotated[Str, AfterValidator(_pattern)] | None = Field(default=None, description="the whole value")
    same_as_session: Literal["tenant", "principal"] | None = Field(
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

    roles: tuple[Str, ...] = Field(min_length=1)
    tenant: Literal["same_as_session"]
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


class Budget(Strict):
    """A sum that calls may use up: of `calls`, or of a quantity argument in minor units."""

    meter: Str
    per: tuple[Literal["tenant", "principal", "session"], ...] = Field(min_length=1)
    window: Duration
    cap: int = Field(ge=1)


class Idempotency(Strict):
    """What makes two calls the same call, for how long, and what to do when an outcome is not known."""

    key: tuple[Str, ...] = Field(min_length=1)
    window: Duration
    retry: Literal["verify", "safe", "never"]


class Action(Strict):
    """One domain action: the shape of one tool call, and the terms on which it is permitted."""

    action: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")]
    tool: Str
    effect: Effect
    args: dict[Str, ArgumentKind]
    allow: Allow
    ask: Ask | None = Field(description="`null` never asks; it must be written")
    budget: Budget | None = None
    idempotency: Idempotency | None = None
    outputs: dict[Str, Label] = Field(default={}, description="a field that is not listed is third_party")
    words: tuple[Str, ...] = Field(default=(), description="how a reply says that it was done, in every language")

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        for place, names in self._mentions().items():
            for name in names:
                if name not in self.args:
                    raise ValueError(f"names `{name}` in `{place}`, which `args` does not list")
        conditions = {**self.allow.when, **(self.ask.when if self.ask and self.ask.when != "always" else {})}
        ordered = [name for name, condition in conditions.items() if condition.compares]
        if self.budget and self.budget.meter != "calls":
            ordered.append(self.budget.meter)
        for name in ordered:
            if self.args[name] is not ArgumentKind.QUANTITY:
                raise ValueError(f"measures `{name}`, which `args` does not call a quantity")
        if self.effect is not Effect.READ:
            for key, given in (("budget", self.budget), ("idempotency", self.idempotency)):
                if given is None:
                    raise ValueError(f"has the effect `{self.effect}` and needs a `{key}`")
        return self

    def _mentions(self) -> dict[str, tuple[str, ...]]:
        """The arguments that each clause names."""
        asked = self.ask.when if self.ask else "always"
        return {
            "allow.provenance": tuple(self.allow.provenance),
            "allow.when": tuple(self.allow.when),
            "ask.when": () if asked == "always" else tuple(asked),
            "budget.meter": (self.budget.meter,) if self.budget and self.budget.meter != "calls" else (),
            "idempotency.key": self.idempotency.key if self.idempotency else (),
        }

    def label(self, field: str) -> Label:
        """Where a field of its result comes from; what nobody labelled is a third party's."""
        return self.outputs.get(field, Label.THIRD_PARTY)


class ActionMap(Strict):
    """One `actions.yaml`."""

    actions: Literal[1]
    map: tuple[Action, ...]

    def of_tool(self, tool: str) -> tuple[Action, ...]:
        """The actions that call a tool."""
        return tuple(action for action in self.map if action.tool == tool)
