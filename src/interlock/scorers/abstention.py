"""It answers, abstains or hands over when it should."""

from interlock.core.score import Reply, Score, Scored, Trial, not_applicable
from interlock.core.suite import Case


class Abstention:
    """The outcome of the reply is one that `expect.outcome` permits."""

    name = "abstention"
    substance = True

    def score(self, case: Case, trial: Trial, reply: Reply) -> Score:
        """Scored 1 or 0."""
        permitted = case.expect.outcomes
        if not permitted:
            return not_applicable(self.name)
        fine = reply.outcome in permitted
        why = "" if fine else f"`{reply.outcome}` where `{'` or `'.join(permitted)}` was right"
        return Scored(self.name, float(fine), fine, why)
