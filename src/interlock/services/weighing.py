"""How the answer policy weighs a statement by default: the lexical evidence score, and sources that disagree."""

from collections.abc import Sequence

from interlock.core.delivery import Weight
from interlock.core.doubts import Kind
from interlock.core.retrieved import Source
from interlock.core.support import Claim, Passage, Sources, score_answer

ABOUT_THE_SAME = 0.7
"""Share of a statement's words that another source must have nearby to be about the same thing."""
_DISAGREES = frozenset({Kind.NUMBER, Kind.DATE, Kind.UNIT, Kind.NEGATION, Kind.OPPOSITE})


def weigh_lexically(statement: str, question: str, sources: Sequence[Source], beside: Sequence[Source]) -> Weight:
    """The evidence score of a statement against the sources that it may rest on.

    A source speaks against it when it has nearly all its words in one place, and another number, date, unit or denial:
    then two sources disagree about the same thing, and a person has to say which of them holds.
    """
    passages = [Passage(source.doc_id, source.text) for source in sources]
    support = score_answer(statement, Sources(passages), question=question)
    doubts = support.doubts
    best = next((claim.passages[0] for claim in support.claims if claim.passages), None)
    why = "; ".join(dict.fromkeys(f"{doubt.kind.value} `{doubt.said}`: {doubt.why}" for doubt in doubts))[:300]
    against = None
    if best is not None and not doubts:
        others = [passage for passage in passages if passage.id != best]
        others += [Passage(source.doc_id, source.text) for source in beside]
        against = next((other.id for other in others if _disagrees(statement, question, other)), None)
    return Weight(support.score, best, why, against)


def _disagrees(statement: str, question: str, other: Passage) -> bool:
    found = score_answer(statement, Sources([other]), question=question).claims
    return any(_same_thing(claim) and any(doubt.kind in _DISAGREES for doubt in claim.doubts) for claim in found)


def _same_thing(claim: Claim) -> bool:
    return claim.parts.get("nearby", 0.0) >= ABOUT_THE_SAME
