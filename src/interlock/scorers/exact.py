"""The reply is this text and no other."""

from interlock.core.score import Absent, Reply, Score, Scored, Trial, Unscored
from interlock.core.suite import Case


class Exact:
    """The text of the reply equals `expect.exact`, apart from white space around it."""

    name = "exact"
    substance = True

    def score(self, case: Case, trial: Trial, reply: Reply) -> Score:
        """Scored 1 or 0."""
        wanted = case.expect.exact
        if wanted is None:
            return Unscored(self.name, Absent.NOT_APPLICABLE)
        same = reply.text.strip() == wanted.strip()
        return Scored(self.name, float(same), same, "" if same else "the text is another one")
