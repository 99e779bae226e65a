"""What is answered stands in what was retrieved."""

from functools import cached_property
from typing import TYPE_CHECKING

from interlock.core.score import Reply, Score, Scored, Trial, not_applicable
from interlock.core.suite import Case
from interlock.ports import SupportScorer

if TYPE_CHECKING:
    from interlock.core.grounding import Grounder


class Groundedness:
    """Every claim of a delivered answer has at least `expect.min_support`, and every citation of it holds.

    The same function as in the app and on traces (`core/grounding.py`). A reply that is no answer claims nothing, and is
    not judged.
    """

    name = "groundedness"
    substance = True

    def __init__(self, support: SupportScorer | None = None) -> None:
        """`support`: what the bundle's policy weighs evidence with; default: the embedded scorer."""
        self._support = support

    @cached_property
    def _grounder(self) -> "Grounder":
        from interlock.core.grounding import Grounder

        return Grounder(support=None if self._support is None else self._support.support)

    def score(self, case: Case, trial: Trial, reply: Reply) -> Score:
        """Scored by the weakest claim."""
        least = case.expect.min_support
        if least is None or reply.outcome != "answer":
            return not_applicable(self.name)
        found = self._grounder.ground(reply, question=case.input or "")
        weak = found.unsupported(least)
        if not weak:
            return Scored(self.name, found.score, True)
        first = weak[0]
        why = (
            first.faults[0].why if first.faults else first.doubts[0].why if first.doubts else "the words are not there"
        )
        return Scored(self.name, found.score, False, f"`{first.text[:60]}` is not supported: {why}")
