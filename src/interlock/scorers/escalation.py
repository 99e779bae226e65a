"""What a person must see reaches the right people."""

from interlock.core.score import Reply, Score, Scored, Trial, not_applicable
from interlock.core.suite import Case


class Escalation:
    """The reply hands over to `expect.queue`; where the case permits another outcome too, only if it hands over."""

    name = "escalation"
    substance = True

    def score(self, case: Case, trial: Trial, reply: Reply) -> Score:
        """Scored 1 or 0."""
        wanted = case.expect.queue
        if wanted is None or (reply.outcome != "escalate" and reply.outcome in case.expect.outcomes):
            return not_applicable(self.name)
        if reply.outcome != "escalate":
            return Scored(self.name, 0.0, False, f"does not hand over to `{wanted}`")
        fine = reply.queue == wanted
        return Scored(self.name, float(fine), fine, "" if fine else f"hands over to `{reply.queue}`, not to `{wanted}`")
