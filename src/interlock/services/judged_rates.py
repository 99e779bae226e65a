"""What a judge's word on a slice comes to, as counts: the judge's standing, its labels, and the units. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from interlock.core.judge_rules import corrected_row
from interlock.core.judgement import Table
from interlock.core.judges import Judge
from interlock.core.score import Scored, Trial
from interlock.core.suite import Case, Slice, Suite
from interlock.services.evaluate import Run
from interlock.services.judge_standing import labels_of, standing_of, table_of
from interlock.services.judged_run import can_be_shown, exhibit_of, picked, word_on


def judge_named(suite: Suite, scorer: str) -> Judge | None:
    """The judge of a suite that is asked and that a requirement names as its scorer."""
    return next((one for one in suite.judges if one.scorer == scorer and one.spec.endpoint is not None), None)


def judged_floor(run: Run, suite: Suite, piece: Slice, judge: Judge, floor: float) -> dict[str, Any]:
    """One floor that rests on a judge. `{scorer, floor, passes, n, judge: {standing, here, passes, fails, apart, labels, …}}`.

    passes, n: units at the judge's word. here: units of which people labelled the very reply. A unit that the app failed by itself
    has failed, one that was not answered does not count.
    """
    people = _people(judge)
    here: Counter[tuple[bool, bool]] = Counter()
    alone: Counter[bool] = Counter()
    apart: Counter[str] = Counter()
    reasons: list[str] = []
    stands_for = picked(run, suite, suite.of_slice(piece.id))
    # A unit that was not asked because the release was lost is no sample of anything: it could have been either.
    if left := sum(
        case.unit not in stands_for and run.results[f"{suite.name}/{case.id}"].curtailed > 0
        for case in suite.of_slice(piece.id)
    ):
        apart["curtailed"] += left
    for one in stands_for.values():
        if not can_be_shown(judge, one.case):
            continue
        if one.trial.fault is not None:
            alone[False] += 1
        elif one.answered:
            word = word_on(run.results[f"{suite.name}/{one.case.id}"], one.index, judge)
            if not isinstance(word, Scored):
                apart[word.state.value] += 1
                reasons.append(word.why)
                continue
            human = people.get(_seen(judge, one.case, one.trial))
            if human is None:
                alone[word.passed] += 1
            else:
                here[human, word.passed] += 1
    table = Table(here[True, True], here[True, False], here[False, True], here[False, False])
    row = {
        "scorer": judge.scorer,
        "floor": floor,
        "passes": table.both_pass + table.only_judge + alone[True],
        "n": table.n + alone.total(),
        "judge": {
            "standing": standing_of(suite.name, judge),
            "here": asdict(table),
            "passes": alone[True],
            "fails": alone[False],
            "apart": dict(sorted(apart.items())),
            "why_apart": [why for why, _ in Counter(reasons).most_common(3)],
            "labels": asdict(table_of(labels_of(suite, piece, judge))),
        },
    }
    # For whoever shows it; the rule computes it anew from the counts.
    return {**row, "corrected": corrected_row(row)}


def _people(judge: Judge) -> Mapping[str, bool]:
    """By the digest of what was looked at, what most people said of it; a tie says nothing."""
    if judge.calibration is None or judge.stale():
        return {}
    votes: dict[str, list[bool]] = {}
    for row in judge.calibration.rows:
        if row.reply is not None:
            votes.setdefault(row.reply, []).append(row.human)
    return {reply: 2 * sum(said) > len(said) for reply, said in votes.items() if 2 * sum(said) != len(said)}


def _seen(judge: Judge, case: Case, trial: Trial) -> str:
    assert judge.criteria is not None  # a judge with an endpoint has criteria
    return exhibit_of(case, trial).seen(judge.criteria).digest
