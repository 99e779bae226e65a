"""One eval run that answers every check that asks for it: the candidate, the baselines, the probes."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from interlock.core.bundle import Bundle
from interlock.core.digest import Digest
from interlock.core.errors import UsageError
from interlock.core.manifest import Part, RunSpec
from interlock.core.suite import Suite, SuiteKind
from interlock.ports import Attempt, SupportScorer, TrialStore
from interlock.services.asking import Look
from interlock.services.curtail import StopSlice
from interlock.services.drift import AGAINST_ITSELF, DatedTrials, can_move, measure_itself, within_window
from interlock.services.eval_fallback import measure_fallback
from interlock.services.eval_measures import grounding_of, measure_regression, measure_suite
from interlock.services.evaluate import Run, RunPlan, plan_run, trial_keys
from interlock.services.parts import Loaded, load_parts
from interlock.services.preregister import FixedTerms, loosened_since, plan_of, register, upstream_of
from interlock.services.probing import Probing
from interlock.services.rerun import full_scope
from interlock.services.settle import LostRelease
from interlock.services.shelf import fetch

GROUNDED = "SAFE-01"
REGRESSION = "EVAL-03"
FALLBACK = "EVAL-08"
CONTRACT = "PRS-03"
PACKS = "SAFE-04"
SUITE_CHECKS = frozenset({"EVAL-01", "EVAL-02", "SAFE-01", "SAFE-02", PACKS, "PRS-01"})
PROBED = frozenset({"PRS-01", "PRS-02"})
GUARDED = frozenset({"SAFE-05", "DOM-03"})
JUDGED = frozenset({"EVAL-02", REGRESSION})
"""Checks that read the word of a judge."""
TERMED = frozenset({"EVAL-02", "SAFE-02", PACKS})
"""Checks of one run that name the plan under which it was made."""
SAMPLED = frozenset({"SAFE-01", "PRS-01"})
"""Checks that rest on what a sample of the cases shows, whatever their slices: what was left out is told to them."""
MOST_REPEATS = 50


@dataclass(frozen=True)
class Measured:
    """What a measuring brought: data by check and environment ("" where the environment does not matter)."""

    data: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    run: str = ""
    calls: int = 0
    reused: int = 0
    cost_usd: float = 0.0
    broken: Mapping[str, int] = field(default_factory=dict)
    truncated: bool = False
    faults: Mapping[str, int] = field(default_factory=dict)
    curtailed: int = 0

    def plus(self, other: "Measured") -> "Measured":
        """Both together."""
        return Measured(
            {**self.data, **other.data}, self.run or other.run, self.calls + other.calls, self.reused + other.reused,
            self.cost_usd + other.cost_usd, dict(Counter(self.broken) + Counter(other.broken)), self.truncated or other.truncated,
            dict(Counter(self.faults) + Counter(other.faults)), self.curtailed + other.curtailed,
        )  # fmt: skip


@dataclass(frozen=True)
class FreshTrials:
    """Stored trials that are young enough: old replies never make new evidence."""

    trials: TrialStore
    not_before: datetime

    def find(self, keys: Iterable[str]) -> Mapping[str, Attempt]:
        """The unbroken attempts under these keys that are not older than the limit."""
        found = self.trials.find(keys)
        return {key: attempt for key, attempt in found.items() if attempt.at >= self.not_before}

    def add(self, attempts: Sequence[Attempt]) -> None:
        """Durable when it returns."""
        self.trials.add(attempts)


class Measurer(Probing):
    """Runs suites and probes against the app, each trial at most once for the same upstream bytes."""

    def plan(
        self, loaded: Loaded, checks: Sequence[str], baselines: Mapping[Digest, Sequence[str]], *, again: bool
    ) -> RunPlan:
        """What measuring these checks would ask and cost at most."""
        trials = self._fresh(loaded, checks, baselines, again=again)
        none = RunPlan(0, 0, 0, 0.0, 0.0)
        plans = [none]
        if _asks(checks):
            bundles = [loaded.bundle, *(fetch(self.records, old)[0] for old in baselines if REGRESSION in checks)]
            plans = [
                plan_run(
                    loaded, self.suites(loaded), upstream=self.upstream(bundle), trials=trials, run=self.manifest.run
                )
                for bundle in bundles
            ]
            if JUDGED.intersection(checks) and _judged(self.suites(loaded)):
                plans = [self.jury.added_to(plan, self.suites(loaded)) for plan in plans]
        if FALLBACK in checks and (arm := self.manifest.fallback) is not None:
            upstream = self.upstream(loaded.bundle, arm)
            plan = plan_run(loaded, gold(loaded.suites), upstream=upstream, trials=trials, run=self.manifest.run)
            plans.append(replace(plan, calls_max=plan.asked, cost_max_usd=0.0))  # it has no model to ask
        if GUARDED.intersection(checks) and self._takes_probes():
            from interlock.services.guardrail_probes import probes_for

            plans.append(RunPlan(0, 0, len(probes_for(loaded)), 0.0, 0.0))
        if CONTRACT in checks and baselines and self._reads_stored():
            from interlock.services.contract import MOST_READ

            plans.append(RunPlan(0, 0, 2 * MOST_READ * len(baselines), 0.0, 0.0))
        costs = [plan.cost_max_usd for plan in plans]
        times = [plan.seconds for plan in plans]
        return RunPlan(
            sum(plan.asked for plan in plans),
            sum(plan.reused for plan in plans),
            sum(plan.calls_max for plan in plans),
            None if None in costs else sum(cost for cost in costs if cost is not None),
            None if None in times else sum(time for time in times if time is not None),
        )

    async def measure(
        self,
        loaded: Loaded,
        checks: Sequence[str],
        baselines: Mapping[Digest, Sequence[str]],
        *,
        again: bool,
        blocks: Collection[str] = (),
    ) -> Measured:
        """Run what these checks need and give their data.

        Args:
            checks: ids whose evidence is owed.
            baselines: bundles to compare with, each with the environments that it is the baseline of.
            again: ask everything anew, also what was asked before.
            blocks: checks whose failure blocks every environment that is judged: what `run.curtail` may rest on.
        Raises: CapError when a cap is set and the price of a call that could be made is not known.
        """
        data: dict[str, dict[str, Mapping[str, Any]]] = {}
        trials = self._fresh(loaded, checks, baselines, again=again)
        total, run = Measured(), None
        older: list[tuple[Run, Measured]] = []
        fixed: dict[str, Any] = {}
        if _asks(checks):
            terms = self.terms(loaded, baselines if REGRESSION in checks else ())
            fixed = {
                "after_seeing": list(loosened_since(self.records, loaded, terms)),
                "plan": register(self.records, terms),
            }
            grounded: dict[str, Any] = {}

            def look(run: Run, support: SupportScorer | None) -> None:
                """What is delivered stands on sources: read while the scorer of evidence can still be asked."""
                grounded.update(grounding_of(run, support))

            # A slice may only be left out by what it would replace, so that is asked first where slices are.
            blocking = frozenset(blocks).intersection(checks) if self.manifest.run.curtail else frozenset()
            if blocking and REGRESSION in checks:
                older = [await self._baseline(loaded, digest, trials, fixed["plan"]) for digest in baselines]
            stop_slice = self._stop_slice(loaded, blocking, [old for old, _ in older]) if blocking else None
            run, spent = await self._run(
                loaded, loaded, trials, plan=fixed["plan"], stop_slice=stop_slice, judges=JUDGED.intersection(checks),
                look=look if GROUNDED in checks else None,
            )  # fmt: skip
            total = total.plus(spent)
            found = dict(measure_suite(run, grounded or None))
            if PACKS in checks:
                from interlock.services.pack_measure import measure_packs, speaks

                found[PACKS] = measure_packs(run, loaded, self.bench.languages() if speaks(loaded) else None)
            for id, row in found.items():
                if id in checks:
                    left_out = {"curtailed": run.curtailed} if run.curtailed and id in SAMPLED else {}
                    data[id] = {"": {**row, **(fixed if id in TERMED else {}), **left_out}}
        if PROBED.intersection(checks):
            fuzz, safe = await self._probe(loaded)
            if "PRS-01" in data:
                data["PRS-01"] = {"": {**data["PRS-01"][""], "fuzz": fuzz}}
            if "PRS-02" in checks:
                data["PRS-02"] = {"": safe}
        if GUARDED.intersection(checks):
            probed = await self._probe_guardrail(loaded)
            data |= {id: {"": probed[id]} for id in GUARDED.intersection(checks)}
        if FALLBACK in checks and run is not None:
            arm, spent = await self._fallback(loaded, trials)
            total = total.plus(spent)
            data[FALLBACK] = {"": measure_fallback(arm, run, loaded.release.limits)}
        if REGRESSION in checks and run is not None:
            for digest, environments in baselines.items():
                old_run, spent = older.pop(0) if older else await self._baseline(loaded, digest, trials, fixed["plan"])
                total = total.plus(spent)
                row = {**measure_regression(old_run, run, loaded.release.limits), "baseline": digest, **fixed}
                data.setdefault(REGRESSION, {}).update(dict.fromkeys(environments, row))
        if CONTRACT in checks:
            for digest, environments in baselines.items():
                row = await self._contract(loaded, load_parts(*fetch(self.records, digest)))
                data.setdefault(CONTRACT, {}).update(dict.fromkeys(environments, row))
        return replace(total, data=data)

    async def _baseline(
        self, loaded: Loaded, digest: Digest, trials: TrialStore, plan: str
    ) -> tuple[Run, Measured]:  # fmt: skip
        old, tree = fetch(self.records, digest)
        # The old runtime parts before the new suites: the same questions for both.
        before = load_parts(old.with_part(Part.EVALS, loaded.bundle), _Both(tree, loaded.tree, loaded.bundle))
        return await self._run(before, loaded, trials, plan=plan, judges={REGRESSION})

    def _stop_slice(self, loaded: Loaded, blocks: Collection[str], baselines: Sequence[Run]) -> StopSlice:
        return LostRelease(
            self.suites(loaded),
            repeats=self.manifest.run.repeats,
            baselines=[old.results for old in baselines],
            default_margin=loaded.release.limits.default_margin,
            blocks=blocks,
        )

    async def run(self, loaded: Loaded) -> Run:
        """Run the suites that are loaded, reusing fresh replies; for a smoke set."""
        return (await self._run(loaded, loaded, self._fresh(loaded, (), (), again=False)))[0]

    def terms(self, loaded: Loaded, baselines: Iterable[Digest]) -> FixedTerms:
        """What a run is judged by, before it is made."""
        upstream, repeats = self.upstream(loaded.bundle), self.manifest.run.repeats
        return plan_of(loaded, upstream=upstream, repeats=repeats, baselines=baselines)

    async def against_itself(self, loaded: Loaded) -> tuple[Mapping[str, Any], Measured]:
        """An A/A run: twice the repeats, the second half compared with the first; what came of it becomes a fact.

        Raises: UsageError where nothing would be asked anew, or the repeats would be too many.
        """
        manifest, repeats = self.manifest, self.manifest.run.repeats
        if manifest.run.calls == "replay-strict" or manifest.target.kind == "recorded":
            raise UsageError(
                "an A/A run asks the app anew, and here replies are only replayed",
                hint="set `run.calls` to live or record, or declare what you expect: interlock plan --discordance 0.05",
            )
        if 2 * repeats > MOST_REPEATS:
            raise UsageError(
                f"an A/A run of {repeats} repeats asks each case {2 * repeats} times", hint="lower `run.repeats`"
            )
        trials = FreshTrials(self.records.trials, self._now() - self._window(loaded))
        twice = manifest.run.model_copy(update={"repeats": 2 * repeats})
        run, spent = await self._run(loaded, loaded, trials, spec=twice)
        found = measure_itself(run, repeats, loaded.release.limits.default_margin)
        self.records.ledger.append(
            AGAINST_ITSELF,
            {"bundle": loaded.bundle.digest, "run": run.id, **found},
            actor=self.records.actor,
            at=self._now(),
        )
        return found, spent

    async def _run(
        self,
        loaded: Loaded,
        asking: Loaded,
        trials: TrialStore,
        *,
        plan: str = "",
        spec: RunSpec | None = None,
        stop_slice: StopSlice | None = None,
        judges: Collection[str] = (),
        look: Look | None = None,
    ) -> tuple[Run, Measured]:
        """One run and its fact. judges: the checks for which judges are asked as well; none where nobody reads their word."""
        suites = self.suites(asking)
        dated = DatedTrials(trials)
        run_id = self._run_id(self.upstream(loaded.bundle), asking.bundle.parts([Part.EVALS]), suites)
        run = await self._ask(loaded, suites, dated, run_id, spec=spec, stop_slice=stop_slice, look=look)
        if judges and _judged(run.suites):
            run = await self.jury.hear(run)
        results = run.results.values()
        broken = Counter(trial.broken.value for result in results for trial in result.trials if trial.broken)
        ran = {
            suite.kind.value: sum(bool(run.results[f"{suite.name}/{case.id}"].ran) for case in suite.cases)
            for suite in suites
        }
        asked_bundle = loaded.bundle.with_part(Part.EVALS, asking.bundle)
        self.records.ledger.append(
            "run",
            {
                "id": run_id, "bundle": loaded.bundle.digest, "evals": asking.bundle.components[Part.EVALS].digest,
                "ran": ran, "calls": run.calls, "reused": run.reused, "cost_usd": run.cost_usd, "broken": dict(broken),
                "truncated": run.truncated, "faults": dict(run.faults), "seconds": (run.finished - run.started).total_seconds(),
                "curtailed": run.curtailed, "plan": plan, "upstream": upstream_of(run.upstream),
                "scope": full_scope(asked_bundle, self.app), "oldest": (dated.oldest or run.started).isoformat(),
            },
            actor=self.records.actor,
            at=self.records.clock.now(),
        )  # fmt: skip
        return run, Measured(
            {},
            run_id,
            run.calls,
            run.reused,
            run.cost_usd,
            dict(broken),
            run.truncated,
            dict(run.faults),
            run.curtailed,
        )

    async def try_out(
        self, loaded: Loaded, suites: Sequence[Suite], trials: TrialStore, *, purse: str, live: bool
    ) -> Run:
        """Run these suites on a bundle that nobody releases: no fact is kept of it.

        Args:
            purse: the id under which money counts, the same for all runs that share a cap.
            live: whether what is not recorded may be asked, where the manifest permits it at all.
        """
        return await self._ask(loaded, suites, trials, purse, may_ask=live)

    async def _fallback(self, loaded: Loaded, trials: TrialStore) -> tuple[Run | None, Measured]:
        """The gold suites through the path without AI, which has no model to ask; None where none is declared."""
        arm = self.manifest.fallback
        if arm is None:
            return None, Measured()
        evals = loaded.bundle.parts([Part.EVALS])
        run_id = self._run_id(self.upstream(loaded.bundle, arm), evals, gold(loaded.suites))
        run = await self._ask(loaded, gold(loaded.suites), trials, run_id, arm)
        broken = Counter(trial.broken.value for one in run.results.values() for trial in one.trials if trial.broken)
        return run, Measured(
            {},
            run_id,
            run.calls,
            run.reused,
            run.cost_usd,
            dict(broken),
            run.truncated,
            dict(run.faults),
            run.curtailed,
        )

    def _fresh(self, loaded: Loaded, checks: Sequence[str], baselines: Iterable[Digest], *, again: bool) -> FreshTrials:
        """The stored trials that a run may reuse: young enough to be evidence and, where bundles are compared, close in time."""
        now = self._now()
        fresh = FreshTrials(
            self.records.trials, now if again else now - timedelta(days=loaded.release.limits.evidence_days)
        )
        if again or REGRESSION not in checks:
            return fresh
        bundles = [loaded.bundle, *(fetch(self.records, old)[0] for old in baselines)]
        if len(bundles) == 1 or not any(can_move(self.manifest, bundle) for bundle in bundles):
            return fresh
        suites, repeats = self.suites(loaded), self.manifest.run.repeats
        arms = [trial_keys(suites, self.upstream(bundle), repeats) for bundle in bundles]
        window = self._window(loaded)
        # INVARIANT: what moved by itself between two days must not look like what the change did.
        close = within_window(fresh, arms, now=now, window=window)
        return fresh if close else FreshTrials(self.records.trials, max(fresh.not_before, now - window))

    def _window(self, loaded: Loaded) -> timedelta:
        return timedelta(days=loaded.release.limits.drift_days)


def _judged(suites: Iterable[Suite]) -> bool:
    return any(suite.judges for suite in suites)


def _asks(checks: Sequence[str]) -> bool:
    return bool((SUITE_CHECKS | {REGRESSION, FALLBACK}).intersection(checks))


def gold(suites: Sequence[Suite]) -> tuple[Suite, ...]:
    """The suites that the path without AI is asked as well."""
    return tuple(suite for suite in suites if suite.kind is SuiteKind.GOLD)


@dataclass(frozen=True)
class _Both:
    """The files of an old bundle with the eval files of a new one."""

    old: Any
    new: Any
    newer: Bundle

    def _evals(self) -> set[str]:
        return {entry.path for entry in self.newer.components[Part.EVALS].files}

    def paths(self) -> list[str]:
        return sorted({*self.old.paths(), *self._evals()})

    def read(self, path: str) -> bytes:
        content: bytes = (self.new if path in self._evals() else self.old).read(path)
        return content
