"""Operations: how a feature is switched, capped, rolled out, watched and paged (format 1)."""

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from interlock.core.actions import Duration
from interlock.core.binding import Str, Strict


class SwitchSpec(Strict):
    """A switch that can turn something off; any switch that is off wins."""

    id: Str
    scope: Literal["global", "feature", "model", "tool", "slice", "tenant"]


class FallbackSpec(Strict):
    """The path without AI: what answers when the feature is off."""

    kind: Literal["rules", "template", "search", "queue", "human"]
    call: Str = Field(description="what is called: `module:function`, or the name of a queue")


class Caps(Strict):
    """The most that may be spent, in US dollars. A cap that is missing or not positive is for CAP-01 to find."""

    request_usd: float | None = None
    tenant_day_usd: float | None = None
    day_usd: float | None = None


class RolloutStep(Strict):
    """A share of the traffic, and what must be seen before the next one: samples and time, both."""

    share: float = Field(gt=0, le=1)
    min_samples: int = Field(ge=1)
    min_minutes: int = Field(ge=0)


class Rollout(Strict):
    """The steps from few to all."""

    steps: tuple[RolloutStep, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _grows(self) -> Self:
        shares = [step.share for step in self.steps]
        if any(later <= earlier for earlier, later in pairwise(shares)):
            raise ValueError("must have steps whose shares grow")
        return self


SignalName = Literal[
    "groundedness_failure_rate",
    "schema_failure_rate",
    "tool_failure_rate",
    "escalation_rate",
    "abstention_rate",
    "cost_per_success_usd",
    "mix_drift",
]


class AlertSpec(Strict):
    """When somebody is called. What silence of the data means must be chosen."""

    signal: SignalName
    above: float = Field(ge=0)
    for_minutes: int = Field(ge=1)
    no_data: Literal["page", "hold", "ok"]
    to: tuple[Str, ...] = Field(min_length=1, description="teams of the rota")


class HandoffRoute(Strict):
    """Where a handoff to one queue goes, and how soon somebody has to acknowledge it."""

    kind: Literal["folder", "webhook", "mail"]
    to: Str = Field(description="a folder, a URL or a mail address; `${NAME}` is read from the environment")
    within: Duration = Field(description="until a person of the queue's team acknowledges it: `30m`")
    key_env: Str | None = Field(default=None, description="variable with the key that signs a webhook's body")


class Operations(Strict):
    """One `operations.yaml`."""

    operations: Literal[1]
    switches: tuple[SwitchSpec, ...] = ()
    fallback: FallbackSpec | None = None
    caps: Caps = Caps()
    on_parse_failure: Literal["abstain", "escalate"] = Field(description="the declared safe path")
    rota: dict[Str, tuple[Str, ...]] = Field(description="names of people by team, first called first")
    rollout: Rollout | None = None
    alerts: tuple[AlertSpec, ...] = ()
    handoff: dict[Str, HandoffRoute] = Field(default={}, description="by queue; `*` is every other queue")

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        ids = [switch.id for switch in self.switches]
        if twice := next((name for name in ids if ids.count(name) > 1), None):
            raise ValueError(f"has two switches `{twice}`")
        if empty := next((team for team, people in self.rota.items() if not people), None):
            raise ValueError(f"has nobody in team `{empty}` of the rota")
        for alert in self.alerts:
            if absent := next((team for team in alert.to if team not in self.rota), None):
                raise ValueError(f"sends `{alert.signal}` to `{absent}`, which is no team of the rota")
        return self

    def route(self, queue: str) -> HandoffRoute | None:
        """Where a handoff to a queue goes; None where nobody said."""
        return self.handoff.get(queue) or self.handoff.get("*")

    @property
    def people(self) -> frozenset[str]:
        """Everybody in the rota."""
        return frozenset(name for team in self.rota.values() for name in team)
