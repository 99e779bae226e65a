"""The reply costs no more than it may."""

from interlock.core.score import Reply, Score, Scored, Trial, not_applicable
from interlock.core.suite import Case


class Cost:
    """The trial cost at most `expect.max_cost_usd`; a replayed call counts with what it once cost."""

    name = "cost"
    substance = False

    def score(self, case: Case, trial: Trial, reply: Reply) -> Score:
        """Scored 1 or 0."""
        most = case.expect.max_cost_usd
        if most is None:
            return not_applicable(self.name)
        fine = trial.cost_usd <= most
        return Scored(self.name, float(fine), fine, "" if fine else f"{trial.cost_usd:.4f} USD, at most {most:g} asked")
