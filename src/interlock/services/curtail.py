"""Asking no more of a slice whose verdict stands: what is left of it is shown, and counts as nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from interlock.core.score import CaseResult, Trial
from interlock.core.suite import Case, Slice, Suite


@dataclass(frozen=True)
class SliceSoFar:
    """What is known of a slice while its suite runs.

    results: by case, the share of its trials that passed, None where it broke or was not scored; a case is here as soon
        as one of its trials failed, or all are in. left: cases that are not in `results`, at least 1.
    """

    suite: Suite
    slice: Slice
    results: Mapping[str, float | None]
    left: int


StopSlice = Callable[[SliceSoFar], bool]
"""Whether the verdict of a slice is the same whatever its cases that are left will do. It must be right for every
verdict that reads these cases: a case is in more than one check."""


def critical_failed(so_far: SliceSoFar) -> bool:
    """A critical slice in which a case failed has failed EVAL-02, whatever the others do."""
    return so_far.slice.critical and any(value is not None and value < 1.0 for value in so_far.results.values())


@dataclass
class _Open:
    """One case that is being asked."""

    suite: Suite
    case: Case
    missing: int
    trials: list[Trial] = field(default_factory=list)


class Curtailer:
    """Sees stored trials and says which trials need not be asked any more.

    Args:
        suites: what is asked.
        keys: key and case of each trial, by suite, case and repeat.
        stop_slice: the rule; it is asked about a slice only when something of it is new.
        score: the result of a case from its trials.
    """

    def __init__(
        self,
        suites: Iterable[Suite],
        keys: Mapping[tuple[str, str, int], tuple[str, Case]],
        stop_slice: StopSlice,
        score: Callable[[Case, Sequence[Trial]], CaseResult],
    ) -> None:
        self._stop_slice, self._score = stop_slice, score
        named = {suite.name: suite for suite in suites}
        self._slices = {(suite.name, piece.id): (suite, piece) for suite in named.values() for piece in suite.slices}
        self._results: dict[tuple[str, str], dict[str, float | None]] = {at: {} for at in self._slices}
        self._size = {
            (suite.name, piece.id): len(suite.of_slice(piece.id)) for suite in named.values() for piece in suite.slices
        }
        self._stopped: set[tuple[str, str]] = set()
        cases: dict[tuple[str, str], _Open] = {}
        self._waiting: dict[str, list[_Open]] = {}
        for (name, case_id, _), (key, case) in keys.items():
            one = cases.setdefault((name, case_id), _Open(named[name], case, 0))
            one.missing += 1
            self._waiting.setdefault(key, []).append(one)

    def stops(self, key: str) -> bool:
        """Whether this trial needs no asking: none of its cases must pass, and every slice of each of them stands."""
        return bool(self._stopped) and all(
            not one.case.must_pass and all((one.suite.name, name) in self._stopped for name in one.case.slices)
            for one in self._waiting[key]
        )

    def saw(self, trials: Iterable[tuple[str, Trial]]) -> None:
        """Take note of trials, which are stored."""
        moved: set[tuple[str, str]] = set()
        for key, trial in trials:
            for one in self._waiting[key]:
                one.missing -= 1
                one.trials.append(trial)
                value = self._score(one.case, one.trials).value()
                if one.missing == 0 or (value is not None and value < 1.0):
                    broken = any(each.broken is not None for each in one.trials)
                    for name in one.case.slices:
                        # A failure stays one; a repeat that broke leaves the rest of its case open.
                        known = value if value is not None and (value < 1.0 or not broken) else None
                        self._results[one.suite.name, name][one.case.id] = known
                        moved.add((one.suite.name, name))
        for at in sorted(moved - self._stopped):
            left = self._size[at] - len(self._results[at])
            if left and self._stop_slice(SliceSoFar(*self._slices[at], MappingProxyType(self._results[at]), left)):
                self._stopped.add(at)
