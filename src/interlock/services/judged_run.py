"""Which replies of a run a judge is asked about, and its word on each, beside the scores of the other scorers.

Of each unit of a slice one reply counts, drawn from the names of its cases: replies of one unit are not independent, and a judge is
paid by the reply.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from interlock.core.judge_rules import counts_for_nothing
from interlock.core.judges import Judge
from interlock.core.packs import confirmed
from interlock.core.rubric import Exhibit, Marks
from interlock.core.score import Absent, CaseResult, Score, Scored, Trial, Unscored
from interlock.core.shown import drawn
from interlock.core.suite import Case, Suite
from interlock.services.calls import RecordedChat
from interlock.services.evaluate import Run, trial_key
from interlock.services.judge_asking import Apart, Bailiff, Said
from interlock.services.judge_standing import asked_slices, standing_of


@dataclass(frozen=True, slots=True)
class Picked:
    """The reply that stands for a unit before judges."""

    case: Case
    index: int
    trial: Trial

    @property
    def answered(self) -> bool:
        """Whether there is an answer to judge; a reply that abstains or hands over is for other checks."""
        return self.trial.reply is not None and self.trial.reply.outcome == "answer"


def picked(run: Run, suite: Suite, cases: Iterable[Case]) -> Mapping[str, Picked]:
    """By unit, the reply that stands for it; a unit of which every trial broke has none. Cases that nobody confirmed stand for none."""
    units: dict[str, dict[str, tuple[Case, int]]] = {}
    for case in cases:
        if not confirmed(case.source):
            continue
        for index in range(len(run.results[f"{suite.name}/{case.id}"].trials)):
            units.setdefault(case.unit, {})[f"{case.id}\0{index}"] = (case, index)
    found: dict[str, Picked] = {}
    for unit, trials in units.items():
        for name in drawn(f"{suite.name}\0{unit}", trials):
            case, index = trials[name]
            trial = run.results[f"{suite.name}/{case.id}"].trials[index]
            if trial.broken is None:
                found[unit] = Picked(case, index, trial)
                break
    return found


def exhibit_of(case: Case, trial: Trial) -> Exhibit:
    """What a judge is shown of a trial that has a reply."""
    if trial.reply is None:
        raise ValueError("a trial without a reply shows nothing")
    sources = tuple((str(row.get("doc_id")), str(row.get("text") or "")) for row in trial.reply.retrieved)
    return Exhibit(trial.reply.text, said_before(case), case.expect.reference, sources)


def said_before(case: Case) -> str:
    """What was asked; of a conversation every turn, with who said it."""
    if case.messages is None:
        return case.input or ""
    return "\n".join(f"{turn.get('role')}: {turn.get('content')}" for turn in case.messages)


async def judged(
    run: Run, chat_of: Callable[[Judge], RecordedChat], *, at_once: int, seconds: float | None = None
) -> Run:
    """The run with what each judge of its suites that has an endpoint said.

    A judge whose word counts for nothing, because it is not calibrated or disqualified, is not asked: that would be paid for nothing.

    Args:
        chat_of: the chat through which a judge is asked; one judge is asked after the other, so that each sees what was spent.
        at_once: questions under way at most. seconds: until no question is begun any more; None for no end.
    """
    ends = None if seconds is None else asyncio.get_running_loop().time() + seconds
    for suite in run.suites:
        for judge in suite.judges:
            if judge.spec.endpoint is not None and not counts_for_nothing(standing_of(suite.name, judge), ""):
                run = await _judged_by(run, suite, judge, Bailiff(judge, chat_of(judge), at_once=at_once, ends=ends))
    return run


async def _judged_by(run: Run, suite: Suite, judge: Judge, bailiff: Bailiff) -> Run:
    work: dict[tuple[str, int], Picked] = {}
    for piece in asked_slices(suite, judge):
        for one in picked(run, suite, suite.of_slice(piece.id)).values():
            if one.answered and can_be_shown(judge, one.case):
                work[one.case.id, one.index] = one
    said = await bailiff.all(
        [
            (exhibit_of(one.case, one.trial), trial_key(run.upstream, one.case, one.trial.repeat))
            for one in work.values()
        ]
    )
    results = dict(run.results)
    for (case_id, index), word in zip(work, said, strict=True):
        name = f"{suite.name}/{case_id}"
        results[name] = _with_score(results[name], index, score_of(judge, word))
    return replace(
        run, results=results, calls=run.calls + sum(one.calls for one in said),
        cost_usd=run.cost_usd + sum(one.cost_usd for one in said),
    )  # fmt: skip


def can_be_shown(judge: Judge, case: Case) -> bool:
    """Whether the case has what the rubric shows."""
    return judge.criteria is not None and not (judge.criteria.needs_reference and case.expect.reference is None)


def score_of(judge: Judge, said: Said) -> Score:
    """What a judge said as a score; what is set apart is none, and never a pass."""
    if isinstance(said.word, Apart):
        return Unscored(judge.scorer, said.word.state, said.word.why)
    marks: Marks = said.word
    return Scored(judge.scorer, marks.share, marks.passed, marks.told())


def word_on(result: CaseResult, index: int, judge: Judge) -> Score:
    """The score that a judge gave a trial; `missing` where it was not asked."""
    for score in result.scores[index]:
        if score.scorer == judge.scorer:
            return score
    return Unscored(judge.scorer, Absent.MISSING, "it was not asked")


def _with_score(result: CaseResult, index: int, score: Score) -> CaseResult:
    scores = tuple((*own, score) if at == index else own for at, own in enumerate(result.scores))
    return replace(result, scores=scores)
