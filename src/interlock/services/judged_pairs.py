"""Two bundles before one judge: its differences against a margin that is narrowed by how much of a difference it shows. Pure.

A judge that errs alike under both bundles shows the real difference times sensitivity + specificity - 1. So to pass, the observed
difference has to lie within the margin times a lower bound of that factor; to fail, beyond the whole margin, or be a proven drop.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from interlock.core.comparison import Paired, SliceDecision, decide, paired_from_trials
from interlock.core.judge_rules import counts_for_nothing
from interlock.core.judged_rate import least_power
from interlock.core.judges import Judge
from interlock.core.score import Scored
from interlock.core.suite import Slice, Suite
from interlock.services.evaluate import Run
from interlock.services.judge_standing import asked_slices, labels_of, standing_of, table_of
from interlock.services.judged_run import can_be_shown, picked, word_on


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """One slice under two bundles, as one judge sees it.

    power: lower bound of how much of a difference the judge shows, in [0, 1]. nothing: why its word counts for nothing, else "".
    broke, fixed: ids of cases. before, after: units that it let pass, and units with its word, of each bundle.
    """

    name: str
    suite: Suite
    slice: Slice
    judge: Judge
    pair: Paired
    margin: float
    power: float
    nothing: str
    broke: tuple[str, ...]
    fixed: tuple[str, ...]
    before: tuple[int, int]
    after: tuple[int, int]


def judged_pairs(
    baseline: Run, candidate: Run, named: Sequence[tuple[str, Suite, Slice]], comparable: set[str], margin: float
) -> Iterator[JudgedPair]:
    """Every slice that asks for a judge with an endpoint; a census is none of a judge's business.

    Args:
        named: the slices with the names that they have among all suites. comparable: suites that both runs asked.
        margin: of a slice that has none.
    """
    for name, suite, piece in named:
        for judge in suite.judges:
            if judge.spec.endpoint is None or piece not in asked_slices(suite, judge) or piece.estimand == "census":
                continue
            yield _pair(baseline, candidate, f"{name} {judge.scorer}", suite, piece, judge, comparable, margin)


def _pair(
    baseline: Run, candidate: Run, name: str, suite: Suite, piece: Slice, judge: Judge, comparable: set[str], margin: float
) -> JudgedPair:  # fmt: skip
    labels = table_of(labels_of(suite, piece, judge))
    standing = standing_of(suite.name, judge)
    nothing = counts_for_nothing(standing, f"judge `{judge.spec.name}`")
    if not nothing and not labels.n:
        nothing = f"judge `{judge.spec.name}` has no label of this slice"
    words = [_words(run, suite, piece, judge) if suite.name in comparable else {} for run in (baseline, candidate)]
    (before, after), known = words, [unit for unit in words[0] if unit in words[1]]
    was, now = ({unit: word[0] for unit, word in side.items() if word[0] is not None} for side in (before, after))
    # A unit that was answered under both bundles and has the judge's word under one of them, or none, may have got worse.
    lost = sum(before[unit][0] is None or after[unit][0] is None for unit in known)
    both = [unit for unit in known if unit in was and unit in now]
    pair = paired_from_trials([(u, None, float(was[u])) for u in both], [(u, None, float(now[u])) for u in both])
    return JudgedPair(
        name, suite, piece, judge, replace(pair, unpaired=lost), suite.margin(piece.id, margin), least_power(labels), nothing,
        tuple(before[unit][1] for unit in both if was[unit] and not now[unit]),
        tuple(before[unit][1] for unit in both if now[unit] and not was[unit]),
        (sum(was.values()), len(was)), (sum(now.values()), len(now)),
    )  # fmt: skip


def _words(run: Run, suite: Suite, piece: Slice, judge: Judge) -> Mapping[str, tuple[bool | None, str]]:
    """By unit, whether the judge let its reply pass (None: set apart) and its case; without units that were not answered."""
    found: dict[str, tuple[bool | None, str]] = {}
    for unit, one in picked(run, suite, suite.of_slice(piece.id)).items():
        if not can_be_shown(judge, one.case):
            continue
        if one.trial.fault is not None:
            found[unit] = False, one.case.id
        elif one.answered:
            word = word_on(run.results[f"{suite.name}/{one.case.id}"], one.index, judge)
            found[unit] = (word.passed if isinstance(word, Scored) else None), one.case.id
    return found


def narrowed(pairs: Sequence[JudgedPair]) -> dict[str, float]:
    """By name, the margin that a difference as the judge sees it is held to."""
    return {one.name: one.margin * one.power for one in pairs}


def settled(
    pairs: Sequence[JudgedPair], narrow: Mapping[str, SliceDecision], whole: Mapping[str, SliceDecision]
) -> Mapping[str, SliceDecision]:
    """The decision on each, from those under the narrowed and under the whole margin: a doubt about the judge is never a verdict."""
    found: dict[str, SliceDecision] = {}
    for one in pairs:
        decision = narrow[one.name]
        by = f"the judge shows at least {one.power:.2f} of a difference, so the margin is {one.margin * one.power:.3f}"
        if one.nothing or one.power <= 0.0:
            why = one.nothing or f"judge `{one.judge.spec.name}` is not shown to tell right from wrong in this slice"
            found[one.name] = replace(decision, verdict="owed", why=f"{why}; its differences count nothing")
        elif whole[one.name].verdict == "fail":
            found[one.name] = replace(whole[one.name], why=f"{whole[one.name].why}; as the judge sees it")
        elif decision.verdict == "fail":
            found[one.name] = replace(decision, verdict="owed", why=f"worse than the narrowed margin; {by}")
        else:
            found[one.name] = replace(decision, why=f"{decision.why}; {by}")
    return found


def decided(
    pairs: Sequence[JudgedPair], others: Mapping[str, Paired], margins: Mapping[str, float]
) -> Mapping[str, SliceDecision]:
    """All slices together, so that Holm's correction is over each of them; judged ones are decided as `settled` says."""
    counting = [one for one in pairs if not one.nothing]
    everything = {**others, **{one.name: one.pair for one in pairs}}
    if not everything:
        return {}
    narrow = decide(everything, {**margins, **narrowed(pairs)})
    if not pairs:
        return narrow
    whole = decide(
        {**others, **{one.name: one.pair for one in counting}}, {**margins, **{one.name: one.margin for one in counting}}
    ) if others or counting else {}  # fmt: skip
    # A judge that counts for nothing takes nothing from the others either: they are decided without it.
    return {**{name: whole[name] for name in others}, **settled(pairs, narrow, {**narrow, **whole})}


def about(one: JudgedPair) -> dict[str, Any]:
    """What a row of EVAL-03 says of a judged slice beside its decision."""
    return {
        "suite": one.suite.name, "title": f"{one.slice.title}, as judge {one.judge.spec.name} sees it",
        "critical": one.slice.critical, "share": one.slice.share, "estimand": one.slice.estimand, "unpaired": one.pair.unpaired,
        "broke_cases": list(one.broke), "fixed_cases": list(one.fixed), "judge": one.judge.spec.name, "power": one.power,
    }  # fmt: skip
