"""Can the suite fail? Break the bundle part by part and see what turns red (EVAL-05)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from interlock.core.bundle import Bundle
from interlock.core.catalogue import BY_ID
from interlock.core.errors import InterlockError
from interlock.core.manifest import Part
from interlock.core.mutation import SEEDED, Alarm, Asked, Fate, Mutant, alarms, by_chance, fate_of
from interlock.core.rules import RULES, Ruling
from interlock.core.suite import Suite, SuiteKind
from interlock.ports import Attempt, TrialStore
from interlock.services.check import STATIC, Desk, measurer_of
from interlock.services.eval_measures import measure_regression, measure_suite
from interlock.services.evaluate import Run
from interlock.services.measure import Measurer
from interlock.services.mutant_files import read_value, same_meaning, written
from interlock.services.mutators import MutantTree, mutants_of, mutated
from interlock.services.parts import Loaded, StaticContext, load_parts
from interlock.services.survivors import case_to_write

CHECK = "EVAL-05"
SAMPLE = 6
"""Cases of each slice that a mutant is asked first; all that it is asked where the model has to answer live."""

_ASIDE = frozenset({SuiteKind.HOLDOUT, SuiteKind.BASELINE})
_READ = tuple(id for id in STATIC if id != "BND-01")
"""Static checks that may notice a mutant. BND-01 notices every changed byte, which says nothing of the suite."""
_RUN = ("EVAL-02", "SAFE-02", "PRS-01")
BY_SUITES = frozenset({*_RUN, "EVAL-03", "PRS-02"})
"""Checks that only running the suites can turn red."""


def asked_suites(loaded: Loaded) -> tuple[Suite, ...]:
    """The suites that mutants are asked: a hold-out that decides which cases are written next is none any more."""
    return tuple(suite for suite in loaded.suites if suite.kind not in _ASIDE)


def sample(suites: Sequence[Suite], most: int = SAMPLE) -> tuple[Suite, ...]:
    """Every must-pass case, and of each slice a few cases that chance chose once and for all."""
    found = []
    for suite in suites:
        chosen = {case.id for case in suite.cases if case.must_pass}
        for piece in suite.slices:
            chosen.update(by_chance(case.id for case in suite.of_slice(piece.id))[:most])
        found.append(replace(suite, cases=tuple(case for case in suite.cases if case.id in chosen)))
    return tuple(found)


@dataclass(frozen=True)
class MutationRun:
    """What a mutation run found: data for the rule of EVAL-05, the calls that were made now, and what they cost."""

    data: Mapping[str, Any]
    calls: int
    cost_usd: float

    def ruling(self, loaded: Loaded) -> Ruling:
        """What the rule says of it."""
        return RULES[CHECK](self.data, loaded.release.limits)


@dataclass
class _Forgetful:
    """A trial store for replies of bundles that nobody releases: they are not worth keeping."""

    attempts: dict[str, Attempt] = field(default_factory=dict)

    def find(self, keys: Iterable[str]) -> Mapping[str, Attempt]:
        return {key: self.attempts[key] for key in keys if key in self.attempts}

    def add(self, attempts: Sequence[Attempt]) -> None:
        self.attempts.update({one.key: one for one in attempts if one.trial.broken is None})


class _Silent:
    """A progress for the many small runs."""

    def start(self, title: str, total: int) -> None: ...

    def advance(self, done: int = 1) -> None: ...

    def finish(self) -> None: ...


@dataclass(frozen=True)
class _Before:
    """The unbroken bundle: how each check stands on the sample and on everything, and the runs to compare with."""

    static: Mapping[str, str]
    sample: Run
    whole: Run
    fuzz: Mapping[str, Any]
    safe: str


async def mutate(desk: Desk, parts: Sequence[Part] = SEEDED) -> MutationRun:
    """Make the mutants of these parts, try each, and say what became of it.

    A mutant is read by the static checks, then asked a sample of the suites, then, if nothing turned red and every
    call is at hand, all of them. What the static checks noticed is asked only until the suites themselves have noticed
    a mutant of its part. Only the sample may go live, and all mutants share one money cap.

    Raises: as a run does. A part that the feature does not have has no mutants.
    """
    loaded, mutants = desk.loaded, mutants_of(desk.loaded, parts)
    try_ = _Trying(desk, measurer_of(replace(desk, progress=_Silent())), _purse(desk))
    desk.progress.start("mutants", len(mutants))
    rows = []
    try:
        before = await try_.before(mutants) if mutants else None
        for mutant in mutants:
            assert before is not None
            rows.append(await try_.row(mutant, before))
            desk.progress.advance()
    finally:
        desk.progress.finish()
    has = [part.value for part in parts if loaded.bundle.has(part)]
    desk.records.ledger.append(
        "mutation",
        {
            "id": try_.purse, "bundle": loaded.bundle.digest, "calls": try_.calls, "cost_usd": try_.cost_usd,
            "fates": dict(Counter(row["fate"] for row in rows)),
        },
        actor=desk.records.actor,
        at=desk.records.clock.now(),
    )  # fmt: skip
    return MutationRun({"parts": has, "mutants": rows}, try_.calls, try_.cost_usd)


def _purse(desk: Desk) -> str:
    finished = sum(fact.body["bundle"] == desk.loaded.bundle.digest for fact in desk.records.ledger.facts("mutation"))
    return f"mutants-{desk.loaded.bundle.digest.removeprefix('sha256:')[:12]}-{finished + 1}"


@dataclass
class _Trying:
    """Tries one mutant after the other."""

    desk: Desk
    measurer: Measurer
    purse: str
    calls: int = 0
    cost_usd: float = 0.0
    seen: set[Part] = field(default_factory=set)
    """Parts of which the suites themselves noticed a mutant."""

    async def before(self, mutants: Sequence[Mutant]) -> _Before:
        """The bundle as it is, with the files that mutants write anew already written anew: only the change counts."""
        loaded = self.desk.loaded
        changed = {path for mutant in mutants for path in mutant.changes if path.endswith((".json", ".yaml", ".yml"))}
        same = {path: written(read_value(loaded, path)) for path in changed}
        control = loaded
        for part in SEEDED:
            own = {e.path: same[e.path] for e in _files(loaded.bundle, part) if e.path in same}
            if own:
                rewritten = Mutant("control", part, "control", "", "", own)
                bundle = mutated(control.bundle, rewritten)
                control = load_parts(bundle, MutantTree(control.tree, own), like=loaded)
        suites = asked_suites(loaded)
        fuzz, safe = await self.measurer.probe(loaded)
        return _Before(
            {id: standing for id, (standing, _) in self._read(control).items()},
            await self._ask(loaded, sample(suites), self.desk.records.trials, live=True),
            await self._ask(loaded, suites, self.desk.records.trials, live=True),
            fuzz,
            self._ruling("PRS-02", safe)[0],
        )

    async def row(self, mutant: Mutant, before: _Before) -> dict[str, Any]:
        """One mutant, tried and judged."""
        red, asked, equal = await self._try(mutant, before)
        fate, why = fate_of(red, asked, same_meaning=equal)
        row: dict[str, Any] = {
            "id": mutant.id, "part": mutant.part.value, "kind": mutant.kind, "what": mutant.what, "fate": fate.value,
            "why": why, "by": list(dict.fromkeys(alarm.check for alarm in red)),
            "by_suites": any(alarm.check in BY_SUITES for alarm in red), "cases": asked.cases,
            "answered": asked.answered,
        }  # fmt: skip
        if fate is Fate.SURVIVED:
            row["write"] = case_to_write(mutant, self.desk.loaded)
        return row

    async def _try(self, mutant: Mutant, before: _Before) -> tuple[tuple[Alarm, ...], Asked, bool]:
        loaded = self.desk.loaded
        try:
            if all(same_meaning(loaded, path, content) for path, content in mutant.changes.items()):
                return (), Asked(), True
            bundle = mutated(loaded.bundle, mutant)
            broken = load_parts(bundle, MutantTree(loaded.tree, mutant.changes), like=loaded)
        except InterlockError as error:
            return (Alarm("reading", f"refused before anything runs: {error.message}"),), Asked(), False
        try:
            read = alarms(before.static, self._read(broken, mutant.part))
            fuzz, standing = before.fuzz, before.safe
            if mutant.part is Part.SCHEMA:  # what reads the output may read it by this very schema
                fuzz, safe = await self.measurer.probe(broken)
                standing, seen = self._ruling("PRS-02", safe)
                read += alarms({"PRS-02": before.safe}, {"PRS-02": (standing, seen)})
            if read and mutant.part in self.seen:
                return read, Asked(), False  # noticed, and that the suites see this part is shown already
            if not (base := _asked(before.whole)).whole:  # with what the bundle itself does not answer nothing compares
                return read, Asked(base.cases, 0, f"the bundle as it is has {base.lacking or 'no case'}"), False
            store = _Forgetful()
            suites = asked_suites(loaded)
            run = await self._ask(broken, sample(suites), store, live=True)
            red, asked = self._judged(before.sample, run, before.fuzz, fuzz), _asked(run)
            if not red and asked.whole and not read:
                run = await self._ask(broken, suites, store, live=False)
                if _asked(run).whole:
                    red, asked = self._judged(before.whole, run, before.fuzz, fuzz), _asked(run)
            if red:
                self.seen.add(mutant.part)
            return (*red, *read), asked, False
        finally:
            self.desk.bench.discard(bundle)

    async def _ask(self, loaded: Loaded, suites: Sequence[Suite], trials: TrialStore, *, live: bool) -> Run:
        run = await self.measurer.try_out(loaded, suites, trials, purse=self.purse, live=live)
        self.calls += run.calls
        self.cost_usd += run.cost_usd
        return run

    def _judged(
        self, before: Run, after: Run, fuzz_before: Mapping[str, Any], fuzz_after: Mapping[str, Any]
    ) -> tuple[Alarm, ...]:
        limits = self.desk.loaded.release.limits
        was, now = _measured(before, fuzz_before), _measured(after, fuzz_after)
        slices = measure_regression(before, after, limits)["slices"]
        return alarms(
            {id: self._ruling(id, was[id])[0] for id in _RUN},
            {id: self._ruling(id, now[id]) for id in _RUN},
            worse_slices=[(row["slice"], row["why"]) for row in slices if row["verdict"] == "fail"],
            critical=_critical(before, after),
        )

    def _read(self, loaded: Loaded, part: Part | None = None) -> dict[str, tuple[str, str]]:
        """The static checks; with `part` only those that read it, since the others would find what they found."""
        desk = self.desk
        context = StaticContext(
            loaded, desk.manifest.app.capabilities, desk.lock, desk.bench.command_fault, loaded.release.limits,
            desk.records.clock.now().date(),
        )  # fmt: skip
        own = [id for id in _READ if part is None or part in BY_ID[id].reads]
        return {id: self._ruling(id, STATIC[id](context)) for id in own}

    def _ruling(self, id: str, data: Mapping[str, Any]) -> tuple[str, str]:
        ruling = RULES[id](data, self.desk.loaded.release.limits)
        return ruling.standing.value, ruling.seen


def _files(bundle: Bundle, part: Part) -> Sequence[Any]:
    component = bundle.components.get(part)
    return () if component is None else component.files


def _measured(run: Run, fuzz: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found = dict(measure_suite(run))
    found["PRS-01"] = {**found["PRS-01"], "fuzz": fuzz}
    return found


def _critical(before: Run, after: Run) -> Iterator[str]:
    """Must-pass cases, and cases of critical slices, that passed and fail now."""
    for suite in after.suites:
        critical = {piece.id for piece in suite.slices if piece.critical}
        for case in suite.cases:
            name = f"{suite.name}/{case.id}"
            matters = case.must_pass or critical.intersection(case.slices)
            if matters and before.results[name].passed() and after.results[name].passed() is False:
                yield case.id


def _asked(run: Run) -> Asked:
    results = run.results.values()
    broken = Counter(trial.broken.value for result in results for trial in result.trials if trial.broken is not None)
    return Asked(
        len(results),
        sum(len(result.ran) == len(result.trials) for result in results),
        ", ".join(f"{n} {kind}" for kind, n in broken.most_common()),
    )
