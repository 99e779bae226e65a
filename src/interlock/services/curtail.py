"""Asking no more of a slice whose verdict stands: what is left of it is shown, and counts as nothing."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from interlock.core.score import CaseResult, Trial
from interlock.core.suite import Case, Suite


class StopSlice(Protocol):
    """A rule that says of slices that nothing more need be asked of them.

    It must be right for every verdict that it promises to keep: a case is in more than one check.
    """

    def learn(self, suite: Suite, case: Case, result: CaseResult) -> None:
        """Take note of a case as far as it is known; `result.curtailed` counts its trials that are not in yet."""
        ...

    def standing(self) -> Collection[tuple[str, str]]:
        """The slices, by suite and name, that stand by what was learnt. Asked once for each batch of trials."""
        ...


@dataclass
class _Open:
    """One case that is being asked."""

    suite: Suite
    case: Case
    missing: int
    result: CaseResult


class Curtailer:
    """Sees stored trials and says which trials need not be asked any more.

    Args:
        suites: what is asked.
        keys: key and case of each trial, by suite, case and repeat.
        stop_slice: the rule.
        score: the result of a case from its trials.
    """

    def __init__(
        self,
        suites: Iterable[Suite],
        keys: Mapping[tuple[str, str, int], tuple[str, Case]],
        stop_slice: StopSlice,
        score: Callable[[Case, Sequence[Trial]], CaseResult],
    ) -> None:
        self._rule, self._score = stop_slice, score
        self._standing: Collection[tuple[str, str]] = ()
        named = {suite.name: suite for suite in suites}
        cases: dict[tuple[str, str], _Open] = {}
        self._waiting: dict[str, list[_Open]] = {}
        for (name, case_id, _), (key, case) in keys.items():
            none = CaseResult(case.id, case.slices, case.unit, ())
            one = cases.setdefault((name, case_id), _Open(named[name], case, 0, none))
            one.missing += 1
            self._waiting.setdefault(key, []).append(one)

    def stops(self, key: str) -> bool:
        """Whether this trial needs no asking: none of its cases must pass, and every slice of each of them stands."""
        return bool(self._standing) and all(
            not one.case.must_pass and all((one.suite.name, name) in self._standing for name in one.case.slices)
            for one in self._waiting[key]
        )

    def saw(self, trials: Iterable[tuple[str, Trial]]) -> None:
        """Take note of trials, which are stored. Each is scored once, however many repeats its case has."""
        for key, trial in trials:
            for one in self._waiting[key]:
                one.missing -= 1
                new, so_far = self._score(one.case, [trial]), one.result
                one.result = CaseResult(
                    so_far.case_id, so_far.slices, so_far.unit, so_far.trials + new.trials, so_far.scores + new.scores,
                    one.missing,
                )  # fmt: skip
                self._rule.learn(one.suite, one.case, one.result)
        self._standing = self._rule.standing()
