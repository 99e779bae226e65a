"""The plan of a feature's own suites: their cases, margins and stored costs."""

from collections.abc import Mapping
from statistics import median

from interlock.core.estimate import Estimate
from interlock.services.assess import baseline
from interlock.services.check import Desk, measurer_of
from interlock.services.drift import known_flips
from interlock.services.eval_measures import PAIRED, slice_names
from interlock.services.evaluate import trial_keys
from interlock.services.measure import Measurer
from interlock.services.preregister import registered
from interlock.services.sample_plan import ASSUMED, POWER, Cost, Flips, SamplePlan, asks_of, plan_samples


def plan_feature(
    desk: Desk, environment: str, *, declared: Flips | None = None,
    measured: tuple[Mapping[str, Flips], Flips | None] = ({}, None), power: float = POWER,
) -> SamplePlan:  # fmt: skip
    """The plan for the bundle on the desk. Spends nothing.

    How often cases flip by themselves is, in this order: what was declared; what was measured and given; the newest A/A
    run in the ledger; the repeats of this bundle's newest run; an assumption that is printed as one.

    Raises: UsageError where a number is out of range.
    """
    limits, measurer = desk.loaded.release.limits, measurer_of(desk)
    by_slice, overall = known_flips(desk.records)
    repeated, all_repeats = _repeated(desk)
    by_slice = {**repeated, **by_slice, **measured[0]}
    default = declared or measured[1] or overall or all_repeats or Flips(ASSUMED, "assumed")
    suites = measurer.suites(desk.loaded)
    asks, flips, floors, census = asks_of(suites, {} if declared else by_slice, limits, default)
    before = baseline(desk.subject(environment), desk.records)
    baselines = [] if before is None else [before]
    return plan_samples(
        asks, flips, power=power, limits=limits, floors=floors, cost=_cost(desk, measurer, environment),
        repeats=desk.manifest.run.repeats, census=census, registered=registered(desk.records, measurer.terms(desk.loaded, baselines)),
    )  # fmt: skip


def _repeated(desk: Desk) -> tuple[dict[str, Flips], Flips | None]:
    """Flips between single trials, from the newest run of the suites in which cases were repeated."""
    newest = next(
        (e for e in desk.records.evidence.find("EVAL-02") if any(r.get("repeats") for r in e.data["slices"])), None
    )
    if newest is None:
        return {}, None
    rows = {(row["suite"], row["slice"]): row["repeats"] for row in newest.data["slices"] if row.get("repeats")}
    about = f"trials of one case against each other, {newest.produced_at:%Y-%m-%d}"

    def flips(rate: float, cases: int) -> Flips:
        return Flips(rate, "repeats", Estimate.of(min(cases, round(rate * cases)), cases), about)

    found: dict[str, Flips] = {}
    total = weight = 0.0
    for name, suite, piece in slice_names(desk.loaded.suites):
        row = rows.get((suite.name, piece.id))
        if suite.kind in PAIRED and row and row["discordance"] is not None:
            found[name] = flips(row["discordance"], row["cases"])
            total += row["discordance"] * row["cases"]
            weight += row["cases"]
    return found, flips(total / weight, int(weight)) if weight else None


def _cost(desk: Desk, measurer: Measurer, environment: str) -> Cost:
    """The next run, and what one more case costs by the trials that are stored."""
    loaded, run = desk.loaded, desk.manifest.run
    before = baseline(desk.subject(environment), desk.records)
    baselines = {} if before is None else {before: [environment]}
    plan = measurer.plan(loaded, ["EVAL-01", "EVAL-03"] if baselines else ["EVAL-01"], baselines, again=False)
    keys = trial_keys(measurer.suites(loaded), measurer.upstream(loaded.bundle), run.repeats)
    stored = [attempt.trial for attempt in desk.records.trials.find(keys).values()]
    arms = run.repeats * (1 + len(baselines))
    if not stored:
        return Cost(plan, None, None)
    usd = sum(trial.cost_usd for trial in stored) / len(stored)
    seconds = median(trial.latency_s for trial in stored) / run.concurrency
    return Cost(plan, usd * arms, seconds * arms)
