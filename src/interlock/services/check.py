"""The main job: see what is owed, measure just that within the cap, sign the evidence, and give the verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from interlock.core.bundle import Bundle
from interlock.core.catalogue import BY_ID, CATALOGUE
from interlock.core.checks import OWN_COMMAND, Check, Level, level_in
from interlock.core.digest import Digest
from interlock.core.evidence import Evidence, Gap, Method, evidence_to_json
from interlock.core.manifest import Manifest, Part
from interlock.core.rules import RULES
from interlock.core.verdict import Finding, Outcome, Verdict, judge, verdict_to_json
from interlock.ports import Bench, Progress, Records
from interlock.services.assess import absent, assess, baseline, find, hybrids, inputs, scope_of
from interlock.services.history import readings, record_check
from interlock.services.ledger_checks import LEDGER, LedgerContext
from interlock.services.lock import Resolved
from interlock.services.measure import FALLBACK, REGRESSION, SUITE_CHECKS, Measured, Measurer
from interlock.services.parts import Loaded, StaticContext, load_parts
from interlock.services.settle import DECIDES
from interlock.services.shelf import ShelfTree, fetch, keep
from interlock.services.snapshot import snapshot
from interlock.services.static_bundle import STATIC as STATIC_BUNDLE
from interlock.services.static_policy import METHODS
from interlock.services.static_policy import STATIC as STATIC_POLICY
from interlock.services.static_suites import STATIC as STATIC_SUITES
from interlock.services.subject import Subject, subject_of, subjects_of
from interlock.services.waive import open_waivers

STATIC = {**STATIC_BUNDLE, **STATIC_POLICY, **STATIC_SUITES}


@dataclass(frozen=True, slots=True)
class Owed:
    """A check whose evidence does not exist for these bytes, and why."""

    check: str
    gap: Gap
    can_measure: bool
    reads: tuple[str, ...]


@dataclass(frozen=True)
class CheckPlan:
    """What a check run would do, before it spends anything.

    changed: parts that differ from the bundle that was checked before, with the checks that read them.
    """

    bundle: Digest
    environments: tuple[str, ...]
    changed: Mapping[str, tuple[str, ...]]
    owed: tuple[Owed, ...]
    asked: int
    reused: int
    calls_max: int
    cost_max_usd: float | None
    cost_cap_usd: float | None

    @property
    def measure(self) -> tuple[str, ...]:
        """The checks that this run is going to measure."""
        return tuple(owed.check for owed in self.owed if owed.can_measure)


@dataclass(frozen=True)
class CheckRun:
    """What a check run did."""

    plan: CheckPlan
    verdicts: tuple[Verdict, ...]
    measured: tuple[str, ...]
    calls: int = 0
    reused: int = 0
    cost_usd: float = 0.0
    broken: Mapping[str, int] = field(default_factory=dict)
    truncated: bool = False
    envelopes: Mapping[str, Digest] = field(default_factory=dict)
    faults: Mapping[str, int] = field(default_factory=dict)
    curtailed: int = 0

    def verdict(self, environment: str) -> Verdict:
        """The verdict for one environment."""
        return next(verdict for verdict in self.verdicts if verdict.environment == environment)


@dataclass
class Desk:
    """One check run at work: the bundle on the table, the stores, and the bench."""

    resolved: Resolved
    loaded: Loaded
    lock: Bundle | None
    records: Records
    bench: Bench
    progress: Progress
    against: Digest | None = None

    @property
    def manifest(self) -> Manifest:
        """The manifest that is on the table."""
        return self.resolved.manifest

    def subject(self, environment: str, bundle: Bundle | None = None) -> Subject:
        """The bundle in one environment."""
        subject = subject_of(self.loaded, bundle or self.loaded.bundle, self.resolved.app, environment)
        return replace(subject, against=self.against, locked=self.locked)

    @property
    def locked(self) -> bool:
        """Whether the lock is of these bytes: nothing is spent on bytes that are not locked."""
        return self.lock is not None and self.lock.digest == self.loaded.bundle.digest


def plan_check(desk: Desk, environments: Sequence[str], *, again: bool = False) -> CheckPlan:
    """What is owed for these environments, and what measuring it would cost. Spends nothing.

    A check is owed when any of the environments has no usable evidence for it. `again` owes every eval anew.
    """
    desk = replace(desk, records=snapshot(desk.records))
    owed: dict[str, Owed] = {}
    for environment in environments:
        subject = desk.subject(environment)
        named = inputs(subject, desk.records)
        for check in CATALOGUE:
            if absent(check, subject, named) is not None:
                continue
            gap = _gap(check, subject, named, desk.records, again=again)
            if gap is not None and check.id not in owed:
                can = check.instrument not in (None, *OWN_COMMAND) and (desk.locked or check.id in STATIC)
                owed[check.id] = Owed(check.id, gap, can, tuple(part.value for part in Part if part in check.reads))
    if any(id in SUITE_CHECKS and row.gap is Gap.BROKEN for id, row in owed.items()):
        # INVARIANT: one run answers them all. What a broken run said of one check is not kept beside a later run's word.
        for id in sorted(SUITE_CHECKS | {REGRESSION, FALLBACK}):
            check = BY_ID[id]
            if id not in owed and any(
                absent(check, s, inputs(s, desk.records, ("live",))) is None for s in map(desk.subject, environments)
            ):
                owed[id] = Owed(id, Gap.BROKEN, desk.locked, tuple(part.value for part in Part if part in check.reads))
    measurer = measurer_of(desk)
    ids = [id for id, row in owed.items() if row.can_measure]
    cost = measurer.plan(desk.loaded, ids, _baselines(desk, environments), again=again)
    return CheckPlan(
        desk.loaded.bundle.digest, tuple(environments), _changed(desk, environments), tuple(owed.values()),
        cost.asked, cost.reused, cost.calls_max, cost.cost_max_usd, desk.manifest.run.cost_cap_usd,
    )  # fmt: skip


def _gap(check: Check, subject: Subject, named: Mapping[str, str], records: Records, *, again: bool) -> Gap | None:
    if check.instrument is None:
        return Gap.INSTRUMENT
    found = find(check, subject, named, records)
    if again and check.instrument in ("eval", "probe", "contract"):
        return Gap.STALE
    if found.gap is Gap.METHOD:
        return None  # measuring again would find the same declaration
    if found.gap is None and found.evidence is not None:
        ruling = RULES[check.id](found.evidence.data, subject.limits)
        return Gap.BROKEN if ruling.gap is Gap.BROKEN else None  # a broken run is run again
    return found.gap


def _changed(desk: Desk, environments: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Parts that differ from the bundle of the newest check run, and for each the applicable checks that read it."""
    earlier = [reading.bundle for reading in readings(desk.records) if reading.bundle != desk.loaded.bundle.digest]
    if not earlier:
        return {}
    before, _ = fetch(desk.records, earlier[-1])
    applicable: set[str] = set()
    for environment in environments:
        subject = desk.subject(environment)
        named = inputs(subject, desk.records, ("live",))
        applicable |= {check.id for check in CATALOGUE if absent(check, subject, named) is None}
    return {
        part.value: tuple(check.id for check in CATALOGUE if part in check.reads and check.id in applicable)
        for part in desk.loaded.bundle.changed_from(before)
    }


def _baselines(desk: Desk, environments: Sequence[str]) -> dict[Digest, list[str]]:
    found: dict[Digest, list[str]] = {}
    for environment in environments:
        before = baseline(desk.subject(environment), desk.records)
        if before is not None:
            found.setdefault(before, []).append(environment)
    return found


def _blocks(desk: Desk, environments: Sequence[str]) -> frozenset[str]:
    """The checks of slices whose failure blocks each of these environments: asked, not waived."""
    found = DECIDES - {waiver.check for waiver in open_waivers(desk.records, desk.records.clock.now())}
    for environment in environments:
        subject = desk.subject(environment)
        named = inputs(subject, desk.records, ("live",))
        spec = subject.spec
        found -= {
            id
            for id in found
            if level_in(BY_ID[id], subject.profile, spec.stage, frozenset(spec.also)) is not Level.REQUIRED
            or absent(BY_ID[id], subject, named) is not None
        }
    return found


def measurer_of(desk: Desk) -> Measurer:
    """What runs the suites and probes of the bundle on the desk."""
    named = frozenset(desk.loaded.bundle.paths()) | {entry.path for entry in desk.resolved.app_files}
    return Measurer(desk.manifest, desk.resolved.app, desk.records, desk.bench, desk.progress, named)


async def check(
    desk: Desk,
    environments: Sequence[str],
    *,
    again: bool = False,
    ways_back: bool = False,
    plan: CheckPlan | None = None,
) -> CheckRun:
    """Measure what is owed, within the money cap, and judge every environment.

    `plan` is what `plan_check` said of the same desk a moment ago, where somebody was shown it; else it is made here.

    Static checks first, then the evals (one run answers them all), then what the ledger says, because that may rest on
    the evals of this very run. Evidence is signed and stored the moment it exists, so that an interrupted run resumes.
    """
    keep(desk.records, desk.loaded.bundle, desk.loaded.tree)
    plan = plan or plan_check(desk, environments, again=again)
    done: list[str] = []
    static = StaticContext(
        desk.loaded, desk.manifest.app.capabilities, desk.lock, desk.bench.command_fault, desk.loaded.release.limits,
        desk.records.clock.now().date(),
    )  # fmt: skip
    for id in plan.measure:
        if id in STATIC:
            store(desk, environments[0], desk.loaded.bundle, id, STATIC[id](static), METHODS.get(id, Method.MEASURED))
            done.append(id)
    measurer = measurer_of(desk)
    total = Measured()
    wanted = [id for id in plan.measure if BY_ID[id].instrument in ("eval", "probe", "contract")]
    if wanted and desk.locked:
        against = _baselines(desk, environments)
        blocks = _blocks(desk, environments)
        total = await measurer.measure(desk.loaded, wanted, against, again=again, blocks=blocks)
        for id, rows in total.data.items():
            for environment, data in rows.items():
                store(
                    desk, environment or environments[0], desk.loaded.bundle, id, data, Method.MEASURED, run=total.run
                )
            done.append(id)
    if ways_back and desk.locked:
        total = total.plus(await _prove_ways_back(desk, environments, measurer))
    if desk.locked:
        done += _ask_ledger(desk, environments, plan)
    return _conclude(desk, environments, plan, tuple(dict.fromkeys(done)), total)


def _ask_ledger(desk: Desk, environments: Sequence[str], plan: CheckPlan) -> list[str]:
    """What the ledger says: the checks of the plan, and those whose answer this very run has moved."""
    done = []
    for environment in environments:
        subject = desk.subject(environment)
        still = snapshot(desk.records)
        named = inputs(subject, still)
        for id, measure in LEDGER.items():
            check = BY_ID[id]
            owed = id in plan.measure or _gap(check, subject, named, still, again=False) is not None
            if owed and absent(check, subject, named) is None:
                data = measure(LedgerContext(subject, desk.loaded, desk.records))
                store(desk, environment, desk.loaded.bundle, id, data, Method.MEASURED)
                done.append(id)
    return done


async def _prove_ways_back(desk: Desk, environments: Sequence[str], measurer: Measurer) -> Measured:
    """Run the evals of each single-part hybrid, so that a rollback at 3 a.m. was proven in daylight (ROLL-06)."""
    total = Measured()
    for before in _baselines(desk, environments):
        old, _ = fetch(desk.records, before)
        for _, hybrid in hybrids(desk.loaded.bundle, old):
            tree = ShelfTree(hybrid.paths(), desk.records.blobs)
            keep(desk.records, hybrid, tree)
            subject = replace(desk.subject(environments[0]), bundle=hybrid)
            named = inputs(subject, desk.records, ("app",))
            wanted = [id for id in ("EVAL-01", "SAFE-02") if _gap(BY_ID[id], subject, named, desk.records, again=False)]
            if wanted:
                found = await measurer.measure(load_parts(hybrid, tree), wanted, {}, again=False)
                for id, rows in found.data.items():
                    for data in rows.values():
                        store(desk, environments[0], hybrid, id, data, Method.MEASURED, run=found.run)
                total = total.plus(replace(found, data={}))
    return total


def store(
    desk: Desk, environment: str, bundle: Bundle, id: str, data: Mapping[str, Any], method: Method, *, run: str = ""
) -> None:
    """Sign the data of one check as evidence for the bytes that it reads, and keep it."""
    subject = desk.subject(environment, bundle)
    scope, reads = scope_of(BY_ID[id], subject, inputs(subject, desk.records, BY_ID[id].inputs))
    evidence = Evidence(id, scope, reads, method, data, desk.records.clock.now(), run=run)
    said = {**evidence_to_json(evidence), "subjects": subjects_of(bundle, BY_ID[id].reads)}
    envelope = desk.records.signer.sign(said, kind="evidence")
    desk.records.evidence.put(evidence, envelope)


def _conclude(
    desk: Desk, environments: Sequence[str], plan: CheckPlan, done: tuple[str, ...], total: Measured
) -> CheckRun:
    still = snapshot(desk.records)
    verdicts = tuple(assess(desk.subject(environment), still) for environment in environments)
    envelopes = {}
    for verdict in verdicts:
        said = {**verdict_to_json(verdict), "subjects": subjects_of(desk.loaded.bundle, Part)}
        envelope = desk.records.blobs.put(desk.records.signer.sign(said, kind="verdict"))
        envelopes[verdict.environment] = envelope
        ending = [o for o in verdict.outcomes if o.valid_until is not None and o.valid_until == verdict.valid_until]
        record_check(
            desk.records,
            {
                "feature": verdict.feature,
                "bundle": verdict.bundle,
                "environment": verdict.environment,
                "verdict": verdict.word.value,
                "blocking": [outcome.check for outcome in verdict.blocking()],
                "valid_until": verdict.valid_until.isoformat() if verdict.valid_until else None,
                "next_to_expire": ending[0].check if ending else "",
                "measured": list(done),
                "calls": total.calls,
                "cost_usd": total.cost_usd,
                "capabilities": list(desk.manifest.app.capabilities),
                "pairs": sorted(list(pair) for pair in verdict.pairs),
                "envelope": envelope,
            },
        )
    return CheckRun(
        plan,
        verdicts,
        done,
        total.calls,
        total.reused,
        total.cost_usd,
        total.broken,
        total.truncated,
        envelopes,
        total.faults,
        total.curtailed,
    )


def check_static(
    resolved: Resolved, loaded: Loaded, lock: Bundle | None, command_fault: Callable[[list[str]], str | None]
) -> tuple[Outcome, ...]:
    """The checks that only read files: offline, without stores, in well under a second. For pre-commit."""
    limits, profile = loaded.release.limits, loaded.release.profile
    context = StaticContext(loaded, resolved.manifest.app.capabilities, lock, command_fault, limits)
    found = []
    for id, measure in STATIC.items():
        check = BY_ID[id]
        reads = loaded.bundle.parts(check.reads)
        evidence = Evidence(
            id, loaded.bundle.scope(check.reads), reads, METHODS.get(id, Method.MEASURED), measure(context), EPOCH
        )
        found.append(judge(check, Finding(evidence, None), level=check.level(profile), limits=limits, now=EPOCH))
    return tuple(found)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Static outcomes have no age: they are made of the bytes that lie there."""
