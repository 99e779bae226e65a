"""The scores of the trials that are stored for a bundle, without asking the target for any."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from interlock.core.score import Absent, Score, Scored, Trial
from interlock.core.suite import Case, Suite
from interlock.ports import Scorer, TrialStore
from interlock.services.evaluate import score_case, trial_key


@dataclass(frozen=True, slots=True)
class StoredScore:
    """One scorer's word on one stored trial. `at` is when the trial was stored, aware UTC."""

    suite: str
    case: Case
    repeat: int
    trial: Trial
    score: Score
    at: datetime


def stored_scores(
    suites: Sequence[Suite],
    *,
    upstream: Mapping[str, str],
    repeats: int,
    trials: TrialStore,
    scorers: Sequence[Scorer],
) -> Iterator[StoredScore]:
    """Every score of every stored trial; what does not apply is left out, what broke is not.

    Args:
        upstream: what shapes a reply, as the run that stored the trials named it.
        repeats: how often each case was asked, at least 1.
    """
    for suite in suites:
        keys = {
            (case.id, repeat): trial_key(upstream, case, repeat) for case in suite.cases for repeat in range(repeats)
        }
        found = trials.find(keys.values())
        for case in suite.cases:
            for repeat in range(repeats):
                attempt = found.get(keys[case.id, repeat])
                if attempt is None:
                    continue
                result = score_case(case, [attempt.trial], scorers)
                for score in result.scores[0]:
                    if isinstance(score, Scored) or score.state is not Absent.NOT_APPLICABLE:
                        yield StoredScore(suite.name, case, repeat, attempt.trial, score, attempt.at)
