"""The reply comes in time."""

from interlock.core.score import Reply, Score, Scored, Trial, not_applicable
from interlock.core.suite import Case


class Latency:
    """The trial took no longer than `expect.max_latency_s`; a replayed call counts with the time it once took."""

    name = "latency"
    substance = False

    def score(self, case: Case, trial: Trial, reply: Reply) -> Score:
        """Scored 1 or 0."""
        most = case.expect.max_latency_s
        if most is None:
            return not_applicable(self.name)
        fine = trial.latency_s <= most
        return Scored(
            self.name, float(fine), fine, "" if fine else f"{trial.latency_s:.2f} s, at most {most:g} s asked"
        )
