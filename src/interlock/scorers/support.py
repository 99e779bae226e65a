"""The embedded scorer of evidence, in the shape of its port."""

from collections.abc import Sequence

from interlock.core.support import SCORER, Passage, Sources, Support, score_answer


class Embedded:
    """`core/support.py`: no model, no key, the same score everywhere."""

    name = SCORER

    def support(self, answer: str, passages: Sequence[Passage], *, question: str = "") -> Support:
        """Lay the answer over the passages. Raises: TooLarge."""
        return score_answer(answer, Sources(passages), question=question)
