"""Before anything is spent: what the cases of each slice can show, how many would be enough, what that costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from interlock.core.checks import Limits
from interlock.core.errors import UsageError
from interlock.core.estimate import Estimate, cases_to_certify
from interlock.core.planning import MOST_CASES, Ask, SlicePlan, joint, plan_slices
from interlock.core.sequential import fewest_breaks
from interlock.core.suite import Suite
from interlock.services.eval_measures import PAIRED, slice_names
from interlock.services.evaluate import RunPlan

ASSUMED = 0.05
"""Share of cases that flip though nothing changed, where nobody measured or declared it."""
POWER = 0.9
"""Chance with which an unchanged release shall pass all critical slices together."""

Source = Literal["measured", "repeats", "declared", "assumed"]


@dataclass(frozen=True, slots=True)
class Flips:
    """How often a case flips although nothing changed, and how that is known.

    estimate: the counts behind a measured rate; None where it is declared or assumed.
    about: what was measured, and when.
    """

    rate: float
    source: Source
    estimate: Estimate | None = None
    about: str = ""


@dataclass(frozen=True, slots=True)
class Exit:
    """One honest way out for a critical slice that is too small."""

    name: Literal["census", "grow", "sign", "canary"]
    says: str
    do: str


@dataclass(frozen=True, slots=True)
class Planned:
    """One slice: what it can show, what it is planned with, and what it still takes.

    careful: the chance that the unchanged slice passes at the upper end of a measured flip rate; None where not measured.
    without_failure: cases that a critical slice needs for EVAL-02, all of them passing; None where none is asked.
    floors: by scorer, the floor and the cases that clear it without a failure.
    """

    plan: SlicePlan
    flips: Flips
    careful: float | None = None
    without_failure: int | None = None
    floors: tuple[tuple[str, float, int], ...] = ()
    exits: tuple[Exit, ...] = ()

    @property
    def enough(self) -> bool:
        """Whether the cases suffice for the comparison, and for a critical slice without a failure."""
        return self.plan.enough and (self.without_failure is None or self.plan.ask.cases >= self.without_failure)

    @property
    def missing(self) -> int | None:
        """Cases to add; None where no number within reach is enough."""
        if self.plan.needed is None:
            return None
        return max(0, self.plan.needed - self.plan.ask.cases, (self.without_failure or 0) - self.plan.ask.cases)


@dataclass(frozen=True, slots=True)
class Cost:
    """What the next run asks, and what one more case costs with all its repeats under both bundles.

    usd_each, seconds_each: None where nothing is stored to learn from.
    """

    run: RunPlan
    usd_each: float | None
    seconds_each: float | None


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """The plan of all slices. joint: the chance that every critical one passes an unchanged release.

    census: slices that claim nothing of other cases, so that there is nothing to plan.
    repeats: trials of a case. registered: the digest under which these terms are in the ledger, where they are.
    """

    power: float
    slices: tuple[Planned, ...]
    joint: float | None
    census: tuple[str, ...] = ()
    repeats: int = 1
    cost: Cost | None = None
    registered: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values (schema `interlock.sample-plan.v1`)."""
        return {
            "schema": "interlock.sample-plan.v1",
            "power": self.power,
            "joint": self.joint,
            "enough": bool(self.slices) and all(one.enough for one in self.slices if one.plan.ask.critical),
            "repeats": self.repeats,
            "census": list(self.census),
            "registered": self.registered,
            "slices": [_plain(one, self.cost) for one in self.slices],
            "cost": None if self.cost is None else {
                "trials": self.cost.run.asked, "reused": self.cost.run.reused, "calls_max": self.cost.run.calls_max,
                "cost_max_usd": self.cost.run.cost_max_usd,
                "minutes": None if self.cost.run.seconds is None else self.cost.run.seconds / 60,
                "usd_each": self.cost.usd_each, "seconds_each": self.cost.seconds_each,
            },
        }  # fmt: skip


def plan_samples(
    asks: Sequence[Ask], flips: Mapping[str, Flips], *, power: float = POWER, limits: Limits | None = None,
    floors: Mapping[str, Mapping[str, float]] | None = None, cost: Cost | None = None, repeats: int = 1,
    census: Sequence[str] = (), registered: str | None = None,
) -> SamplePlan:  # fmt: skip
    """The plan for these slices.

    Args:
        asks: each with a discordance that is the rate of its `flips`.
        power: in (0, 0.95).
        limits: of the profile, for what EVAL-02 asks of critical slices; None asks nothing of that kind.
        floors: by slice and scorer.
    Raises: UsageError where a number is out of range.
    """
    try:
        plans = plan_slices(asks, power)
        careful = {ask.slice: _careful(ask, flips[ask.slice], asks, power) for ask in asks}
    except ValueError as cause:
        raise UsageError(str(cause), hint="margins and flips are fractions: 0.05 is five points") from cause
    found = []
    for plan in plans:
        name = plan.ask.slice
        bound = limits is not None and plan.ask.critical and limits.critical_failure_max < 1
        least = cases_to_certify(1 - limits.critical_failure_max) if limits is not None and bound else None
        asked = (floors or {}).get(name, {})
        one = Planned(
            plan, flips[name], careful[name], least,
            tuple((scorer, floor, cases_to_certify(floor)) for scorer, floor in asked.items() if 0 < floor < 1),
        )  # fmt: skip
        exits = () if one.enough or not plan.ask.critical else _exits(one)
        found.append(Planned(one.plan, one.flips, one.careful, one.without_failure, one.floors, exits))
    return SamplePlan(power, tuple(found), joint(plans), tuple(census), repeats, cost, registered)


def _careful(ask: Ask, flips: Flips, asks: Sequence[Ask], power: float) -> float | None:
    if flips.estimate is None:
        return None
    high = min(flips.estimate.interval.high, 1 - ask.margin)
    worse = [Ask(ask.slice, ask.cases, ask.margin, high, ask.critical) if one is ask else one for one in asks]
    return plan_slices(worse, power)[list(asks).index(ask)].unchanged.passes


def _exits(one: Planned) -> tuple[Exit, ...]:
    """The four, in this order: the later ones claim less, or later."""
    plan, ask = one.plan, one.plan.ask
    grow = (
        f"no number up to {MOST_CASES:,} is enough at these flips and this margin"
        if one.missing is None
        else f"{one.missing} more cases from real traces of this slice, their source recorded; {ask.cases + one.missing} are enough"
    )
    sign = (
        "no margin is provable with these cases"
        if plan.provable_margin is None
        else f"these {ask.cases} cases can prove that no drop is above {100 * plan.provable_margin:.1f} points"
    )
    if one.without_failure is not None and ask.cases < one.without_failure:
        sign += f"; EVAL-02 still asks {one.without_failure} cases without a failure"
    return (
        Exit(
            "census",
            f"the {ask.cases} cases are the requirement itself: each passes its repeats; nothing is claimed of other traffic",
            f"`estimand: census` on slice `{ask.slice}`",
        ),
        Exit("grow", grow, "add cases to the suite; paraphrases share a `cluster` and count once"),
        Exit(
            "sign",
            sign,
            f"`margin` of `{ask.slice}` in the suite before the run, signed for a while: interlock waive EVAL-03",
        ),
        Exit(
            "canary",
            f"watch the slice live, with a look after every case: {fewest_breaks()} breaks without a fix stop it, and with"
            " no change fewer than 1 in 20 watches ever stop",
            "compare live and candidate on the same requests: `core/sequential.py`",
        ),
    )


def asks_of(
    suites: Sequence[Suite], flips: Mapping[str, Flips], limits: Limits, default: Flips
) -> tuple[list[Ask], dict[str, Flips], dict[str, dict[str, float]], list[str]]:
    """What the suites of a feature ask, slice by slice: asks, flips, floors, and the slices that are a census."""
    asks: list[Ask] = []
    known: dict[str, Flips] = {}
    floors: dict[str, dict[str, float]] = {}
    census: list[str] = []
    for name, suite, piece in slice_names(suites):
        if suite.kind not in PAIRED:
            continue
        if piece.estimand == "census":
            census.append(name)
            continue
        margin = suite.margin(piece.id, limits.default_margin)
        known[name] = flips.get(name, default)
        rate = min(known[name].rate, 1 - margin)
        units = {("cluster", case.cluster) if case.cluster else ("case", case.id) for case in suite.of_slice(piece.id)}
        asks.append(Ask(name, len(units), margin, rate, piece.critical))
        floors[name] = suite.floors(piece)
    return asks, known, floors, census


def _plain(one: Planned, cost: Cost | None) -> dict[str, Any]:
    plan, ask, flips = one.plan, one.plan.ask, one.flips
    more = one.missing
    return {
        "slice": ask.slice,
        "critical": ask.critical,
        "cases": ask.cases,
        "margin": ask.margin,
        "discordance": {
            "rate": ask.discordance,
            "source": flips.source,
            "about": flips.about or None,
            "flipped": flips.estimate.passes if flips.estimate else None,
            "n": flips.estimate.n if flips.estimate else None,
            "low": flips.estimate.interval.low if flips.estimate else None,
            "high": flips.estimate.interval.high if flips.estimate else None,
        },
        "power": plan.power,
        "pass_unchanged": plan.unchanged.passes,
        "pass_unchanged_careful": one.careful,
        "fail_unchanged": plan.unchanged.fails,
        "pass_dropped": plan.dropped.passes,
        "fail_dropped": plan.dropped.fails,
        "enough": one.enough,
        "needed": plan.needed,
        "needed_without_flips": plan.needed_without_flips,
        "missing": more,
        "missing_usd": None if more is None or cost is None or cost.usd_each is None else more * cost.usd_each,
        "missing_minutes": None if more is None or cost is None or cost.seconds_each is None
        else more * cost.seconds_each / 60,
        "provable_margin": plan.provable_margin,
        "without_failure": one.without_failure,
        "floors": [{"scorer": scorer, "floor": floor, "cases": cases} for scorer, floor, cases in one.floors],
        "exits": [{"exit": exit.name, "says": exit.says, "do": exit.do} for exit in one.exits],
    }  # fmt: skip
