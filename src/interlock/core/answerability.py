"""Whether a question can be answered from what was retrieved, before anything is written."""

from dataclasses import dataclass
from enum import StrEnum

from interlock.core.sources import Sources, coverage

ABSTAIN_BELOW, PART_BELOW = 0.25, 0.5
"""Covered by a quarter the question is about something else; covered by half, part of it may be told. Fixed, not fitted."""


class Advice(StrEnum):
    """What the evidence alone suggests."""

    ANSWER = "answer"
    PART = "answer_part"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True)
class Answerable:
    """The advice, and how much of the question the sources cover, in [0, 1]."""

    advice: Advice
    covers: float


def answerable(question: str, sources: Sources) -> Answerable:
    """What the sources suggest for a question. Nothing retrieved, or nothing about it, is a reason to abstain.

    Evidence does not tell when to ask back: a question that is not clear may be covered word for word.

    >>> from interlock.core.sources import Passage
    >>> answerable("What does express delivery cost?", Sources([Passage("fees", "Express delivery costs 9.90 euros.")])).advice
    <Advice.ANSWER: 'answer'>
    >>> answerable("What does express delivery cost?", Sources([])).advice
    <Advice.ABSTAIN: 'abstain'>
    """
    covers = coverage(question, sources)
    advice = Advice.ABSTAIN if covers < ABSTAIN_BELOW else Advice.PART if covers < PART_BELOW else Advice.ANSWER
    return Answerable(advice, covers)
