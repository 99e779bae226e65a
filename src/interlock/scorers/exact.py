"""The reply is this text and no other."""

from interlock.core.score import Reply, Score, Scored, Trial, not_applicable
from interlock.core.suite import Case


class Exact:
    """The text of the reply equals `expect.exact`, apart from white space around it."""

    name = "exact"
    substance = True

    def score(self, case: Case, trial: Trial, reply: Reply) -> Score:
        """Scored 1 or 0."""
        wanted = case.expect.exact
        if wanted is None:
            return not_applicable(self.name)
        same = reply.text.strip() == wanted.strip()
        return Scored(self.name, float(same), same, "" if same else "the text is another one")
