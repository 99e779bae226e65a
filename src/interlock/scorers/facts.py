"""What must be said is said, and what must not be said is not."""

from interlock.core.errors import DocumentError
from interlock.core.score import Reply, Score, Scored, Trial, not_applicable
from interlock.core.suite import Case
from interlock.scorers.text import folded, occurs


class Facts:
    """Every fact of `expect.facts` (one of its alternatives) occurs in the text, nothing of `expect.forbid` does.

    Both sides are compared in Unicode NFKC, without case and with white space as one space; a number is not found
    inside a longer number. Where the case permits a reply that is no answer and gets one, only `forbid` is judged.
    """

    name = "facts"
    substance = True

    def score(self, case: Case, trial: Trial, reply: Reply) -> Score:
        """Scored by the share of the facts that occur, 0 as soon as something forbidden does."""
        expect = case.expect
        facts = () if reply.outcome != "answer" and reply.outcome in expect.outcomes else expect.facts
        if not facts and not expect.forbid:
            return not_applicable(self.name)
        text = folded(reply.text)
        for word in expect.forbid:
            if occurs(self._folded(word), text):
                return Scored(self.name, 0.0, False, f"says `{word}`, which is forbidden here", harm=True)
        missing = []
        for fact in facts:
            ways = (fact,) if isinstance(fact, str) else fact
            # A list, not a generator: an empty alternative is an error even when an earlier one occurs.
            if not any([occurs(self._folded(way), text) for way in ways]):  # noqa: C419
                missing.append(" / ".join(ways))
        if not facts:
            return Scored(self.name, 1.0, True)
        why = f"does not say `{'`, `'.join(missing)}`" if missing else ""
        return Scored(self.name, 1 - len(missing) / len(facts), not missing, why)

    @staticmethod
    def _folded(word: str) -> str:
        plain = folded(word)
        if not plain:
            raise DocumentError("an empty fact occurs in every text", hint="write what must be said, or remove it")
        return plain
