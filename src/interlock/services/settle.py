"""The rule of `run.curtail`: once the release is lost, a slice stands as soon as none of its verdicts can change.

A case is read by more checks than those of its slices. So nothing stops before a check that blocks the release has failed
whatever else comes; from then on the word of the release is BLOCKED, and only what keeps the verdict of each slice, its
floors (EVAL-02) and its comparison with what is live (EVAL-03), is left out. What is learnt is counted, never recounted:
a trial costs the same in a suite of any size.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from interlock.core.comparison import FAIL_ALPHA, Paired, mcnemar_p
from interlock.core.curtailment import correction_settled, flawless_settled, floor_settled, verdict_settled
from interlock.core.estimate import Clears, Estimate, clears
from interlock.core.judges import PREFIX as JUDGE
from interlock.core.repeats import Repeated
from interlock.core.score import CaseResult
from interlock.core.suite import Case, Slice, Suite, SuiteKind
from interlock.services.judge_standing import asked_slices

FLOORS = "EVAL-02"
COMPARED = "EVAL-03"
DECIDES = frozenset({FLOORS, COMPARED})
"""The checks that a slice has a verdict of its own in."""
_PAIRED = frozenset({SuiteKind.GOLD, SuiteKind.REGRESSION})


class _State(Enum):
    """How a case, or a unit of several, stands before one scorer by what is known; LEFT may still become any other."""

    PASSED = "passed"
    FAILED = "failed"
    BROKEN = "broken"
    UNSCORED = "unscored"
    LEFT = "left"


def _state(result: CaseResult, scorer: str = "case") -> _State:
    passed = result.passed(scorer)
    if passed is False:
        return _State.FAILED  # one failed repeat is enough, whatever the others do
    if result.curtailed or not result.trials:
        return _State.LEFT
    if len(result.ran) < len(result.trials):
        return _State.BROKEN
    return _State.UNSCORED if passed is None else _State.PASSED


@dataclass
class _Tally:
    """The units of a slice before one scorer, counted."""

    unit_of: Mapping[str, str]
    cases: dict[str, _State] = field(init=False)
    units: dict[str, Counter[_State]] = field(init=False)
    sums: Counter[_State] = field(init=False)

    def __post_init__(self) -> None:
        self.cases = dict.fromkeys(self.unit_of, _State.LEFT)
        sizes = Counter(self.unit_of.values())
        self.units = {unit: Counter({_State.LEFT: size}) for unit, size in sizes.items()}
        self.sums = Counter({_State.LEFT: len(sizes)})

    def learn(self, case: str, state: _State) -> None:
        if (old := self.cases[case]) is state:
            return
        self.cases[case] = state
        unit = self.units[self.unit_of[case]]
        self.sums[_of_unit(unit)] -= 1
        unit[old] -= 1
        unit[state] += 1
        self.sums[_of_unit(unit)] += 1

    @property
    def passes(self) -> int:
        return self.sums[_State.PASSED]

    @property
    def n(self) -> int:
        return self.sums[_State.PASSED] + self.sums[_State.FAILED]

    @property
    def left(self) -> int:
        return self.sums[_State.LEFT]


def _of_unit(cases: Mapping[_State, int]) -> _State:
    """A unit of several cases: one failure fails it; until all are in, or one failed, it is left."""
    for state in (_State.FAILED, _State.LEFT, _State.BROKEN, _State.PASSED):
        if cases.get(state, 0):
            return state
    return _State.UNSCORED


@dataclass
class _Comparison:
    """One slice compared with one baseline, counted. before: what each case was under it."""

    before: Mapping[str, _State]
    margin: float
    family: int
    plain: bool
    """Whether each case is a unit of its own with one trial: else the mean decides, and nothing is settled early."""
    n: int = 0
    broke: int = 0
    fixed: int = 0
    unpaired: int = 0
    left: int = field(init=False)
    fixable: int = field(init=False)
    seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.left = len(self.before)
        self.fixable = sum(was is _State.FAILED for was in self.before.values())

    def learn(self, case: str, now: _State) -> None:
        if not self.plain or now is _State.LEFT or case in self.seen:
            return
        self.seen.add(case)
        was = self.before[case]
        self.left -= 1
        self.fixable -= was is _State.FAILED
        judged = {_State.PASSED, _State.FAILED}
        if was in judged and now in judged:
            self.n += 1
            self.broke += (was, now) == (_State.PASSED, _State.FAILED)
            self.fixed += (was, now) == (_State.FAILED, _State.PASSED)
        elif {was, now} != {_State.UNSCORED}:
            self.unpaired += 1

    @property
    def pair(self) -> Paired:
        return Paired(self.n, self.broke, self.fixed, self.unpaired)

    def failed(self) -> bool:
        """Is it worse in every ending? Asked often, so it rests on the exact test alone, which is cheap."""
        most_fixed = self.fixed + self.fixable
        return self.plain and self.broke > most_fixed and mcnemar_p(self.broke, most_fixed) < FAIL_ALPHA / self.family

    def settled(self) -> bool:
        if not self.plain:
            return False
        pair, left, fixable, family = self.pair, self.left, self.fixable, self.family
        return (
            correction_settled(pair, left, fixable=fixable, family=family)
            and verdict_settled(pair, left, self.margin, fixable=fixable, family=family) is not None
        )


@dataclass
class _Census:
    """A census compared with one baseline: each case met its need before and does now, or not."""

    before: Mapping[str, bool | None]
    broke: set[str] = field(default_factory=set)

    def learn(self, case: str, met: bool | None) -> None:
        if self.before[case] and met is False:
            self.broke.add(case)

    def failed(self) -> bool:
        return bool(self.broke)

    settled = failed  # a census that held so far may still break


@dataclass
class _Watched:
    """One slice: what its verdicts rest on, as far as it is known."""

    piece: Slice
    tallies: Mapping[str, _Tally]
    floors: Mapping[str, float]
    compared: Sequence[_Comparison | _Census]
    short: set[str] = field(default_factory=set)
    """Cases of a census that fell short."""

    def learn(self, case: Case, result: CaseResult) -> None:
        for scorer, tally in self.tallies.items():
            tally.learn(case.id, _state(result, scorer))
        met = None
        if self.piece.estimand == "census" and (met := _met(result, self.piece)) is False:
            self.short.add(case.id)
        for one in self.compared:
            if isinstance(one, _Census):
                one.learn(case.id, met)
            else:
                one.learn(case.id, _state(result))

    def failed(self) -> bool:
        """Has it failed EVAL-02 in every ending?"""
        if self.short or (self._flawless and self._failures):
            return True
        return any(self._lost(scorer, floor) for scorer, floor in self.floors.items())

    def settled(self) -> bool:
        """Is its standing in EVAL-02, and in each comparison, the same in every ending?"""
        if self.piece.estimand == "census" and not self.short:
            return False
        if any(scorer.startswith(JUDGE) for scorer in self.floors):
            return False  # a judge speaks once every reply is in
        if self._flawless and not flawless_settled(self._failures, self.tallies["case"].left):
            return False
        tallies = ((self.tallies[scorer], floor) for scorer, floor in self.floors.items())
        return all(floor_settled(one.passes, one.n, one.left, floor) for one, floor in tallies) and all(
            one.settled() for one in self.compared
        )

    @property
    def _flawless(self) -> bool:
        return self.piece.critical and self.piece.estimand != "census"

    @property
    def _failures(self) -> int:
        return self.tallies["case"].sums[_State.FAILED]

    def _lost(self, scorer: str, floor: float) -> bool:
        tally = self.tallies[scorer]
        passes, n, left = tally.passes, tally.n, tally.left
        if n == 0 or (passes + left) / (n + left) >= floor:  # the best that can come reaches it: no need to compute
            return False
        return (
            floor_settled(passes, n, left, floor) and clears(floor, Estimate.of(passes + left, n + left)) is Clears.FAIL
        )


def _met(result: CaseResult, piece: Slice) -> bool | None:
    marks = result.marks()
    asked = len(result.trials) + result.curtailed
    return Repeated(result.case_id, round(sum(marks)), len(marks), asked).meets(piece.needs)


class LostRelease:
    """Fills `StopSlice`.

    Args:
        suites: what is asked.
        repeats: trials of a case.
        baselines: the results, by suite and case, of each bundle that is compared with, on the same suites.
        default_margin: of a slice that declares none, in (0, 1].
        blocks: the checks among EVAL-02 and EVAL-03 whose failure blocks every environment that is judged. With none of
            them nothing is ever left out.
    """

    def __init__(
        self,
        suites: Sequence[Suite],
        *,
        repeats: int,
        baselines: Sequence[Mapping[str, CaseResult]] = (),
        default_margin: float = 0.05,
        blocks: Collection[str] = (),
    ) -> None:
        self._blocks = DECIDES.intersection(blocks)
        self._lost = False
        self._failed_floors = False
        self._failed_against: set[int] = set()
        self._baselines = len(baselines)
        self._standing: set[tuple[str, str]] = set()
        self._moved: set[tuple[str, str]] = set()
        family = sum(
            piece.estimand != "census" for suite in suites if suite.kind in _PAIRED for piece in suite.slices
        )  # as `measure_regression` judges them: together, with each slice as each judge sees it
        family += sum(
            judge.spec.endpoint is not None and piece.estimand != "census"
            for suite in suites
            if suite.kind in _PAIRED
            for judge in suite.judges
            for piece in asked_slices(suite, judge)
        )
        self._watched = {
            (suite.name, piece.id): _watched(suite, piece, repeats, baselines, default_margin, max(family, 1))
            for suite in suites
            for piece in suite.slices
        }

    def learn(self, suite: Suite, case: Case, result: CaseResult) -> None:
        """Count what is known of a case."""
        if not self._blocks:
            return
        if case.must_pass and _state(result) is _State.FAILED:
            self._failed_floors = True
        for name in case.slices:
            at = suite.name, name
            if at not in self._standing:
                self._watched[at].learn(case, result)
                self._moved.add(at)

    def standing(self) -> Collection[tuple[str, str]]:
        """The slices that stand; none before the release is lost."""
        moved, self._moved = self._moved, set()
        if not self._lost and self._is_lost(moved):
            self._lost = True
            moved = set(self._watched)
        if self._lost:
            self._standing |= {at for at in moved - self._standing if self._watched[at].settled()}
        return self._standing

    def _is_lost(self, moved: Iterable[tuple[str, str]]) -> bool:
        for at in moved:
            watched = self._watched[at]
            self._failed_floors = self._failed_floors or watched.failed()
            self._failed_against |= {index for index, one in enumerate(watched.compared) if one.failed()}
        against_all = 0 < self._baselines == len(self._failed_against)
        return (FLOORS in self._blocks and self._failed_floors) or (COMPARED in self._blocks and against_all)


def _watched(
    suite: Suite, piece: Slice, repeats: int, baselines: Sequence[Mapping[str, CaseResult]], margin: float, family: int
) -> _Watched:  # fmt: skip
    cases, floors = suite.of_slice(piece.id), suite.floors(piece)
    # As `eval_measures` counts: a cluster and a case that have the same name are two units.
    unit_of = {case.id: f"case {case.id}" if case.cluster is None else f"cluster {case.cluster}" for case in cases}
    tallies = {scorer: _Tally(unit_of) for scorer in {"case", *floors}}
    compared: list[_Comparison | _Census] = []
    if suite.kind in _PAIRED:
        plain = repeats == 1 and len(set(unit_of.values())) == len(cases)
        for results in baselines:
            before = {case.id: results[f"{suite.name}/{case.id}"] for case in cases}
            if piece.estimand == "census":
                compared.append(_Census({id: _met(result, piece) for id, result in before.items()}))
            else:
                was = {id: _state(result) for id, result in before.items()}
                compared.append(_Comparison(was, suite.margin(piece.id, margin), family, plain))
    return _Watched(piece, tallies, floors, compared)
