"""Single cases worth a look: those that flipped between two bundles, and those whose repeats disagree. Pure."""

from collections.abc import Sequence
from typing import Any

from interlock.core.score import CaseResult, Scored
from interlock.core.suite import Case, Suite
from interlock.services.evaluate import Run

_WHY = 200  # characters of a reason that evidence keeps


def flaky_cases(run: Run, suites: Sequence[Suite]) -> list[dict[str, Any]]:
    """Cases that passed in some repeats and failed in others, the most undecided first.

    Returns: `[{case, suite, passes, trials}]`; empty where nothing was repeated. Broken repeats do not count.
    """
    found = []
    for suite in suites:
        for case in suite.cases:
            marks = run.results[f"{suite.name}/{case.id}"].marks()
            passes, trials = round(sum(marks)), len(marks)
            if 0 < passes < trials:
                found.append({"case": case.id, "suite": suite.name, "passes": passes, "trials": trials})
    return sorted(found, key=lambda row: (abs(2 * row["passes"] / row["trials"] - 1), row["suite"], row["case"]))


def flipped_cases(baseline: Run, candidate: Run, cases: Sequence[tuple[Suite, Case]]) -> list[dict[str, Any]]:
    """Cases whose share of passed repeats changed, the worst first: must-pass, critical, the largest drop.

    Returns: `[{case, suite, slices, before, after, trials, must_pass, critical, why}]`; before and after are shares in
        [0, 1] of the two numbers in `trials`, why is what a scorer said of the first failed repeat of the candidate, empty where the case got better.
    """
    found = []
    for suite, case in cases:
        name = f"{suite.name}/{case.id}"
        arms = baseline.results[name], candidate.results[name]
        before, after = (arm.value() for arm in arms)
        if before is None or after is None or before == after:
            continue
        critical = {piece.id for piece in suite.slices if piece.critical}
        found.append(
            {
                "case": case.id,
                "suite": suite.name,
                "slices": list(case.slices),
                "before": before,
                "after": after,
                "trials": [len(arm.marks()) for arm in arms],
                "must_pass": case.must_pass,
                "critical": bool(critical.intersection(case.slices)),
                "why": _why(candidate.results[name]) if after < before else "",
            }
        )
    return sorted(found, key=_badness)


def _badness(row: dict[str, Any]) -> tuple[Any, ...]:
    worse = row["after"] < row["before"]
    return not worse, not (worse and row["must_pass"]), not row["critical"], row["after"] - row["before"], row["case"]


def _why(result: CaseResult) -> str:
    for trial, scores in zip(result.trials, result.scores, strict=True):
        if trial.fault is not None:
            return f"{trial.fault.value}: {trial.detail}"[:_WHY]
        for score in scores:
            if isinstance(score, Scored) and not score.passed:
                return f"{score.scorer}: {score.why}"[:_WHY]
    return ""
