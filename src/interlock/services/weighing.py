"""How the answer policy weighs a statement by default: the lexical evidence score, and sources that disagree."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from interlock.core.citations import normalised
from interlock.core.commitment import DENIALS
from interlock.core.delivery import Weigh, Weight
from interlock.core.errors import TargetError, TooLarge
from interlock.core.phrase import folded_words
from interlock.core.retrieved import Source
from interlock.core.support import Passage, Sources, score_answer
from interlock.core.words import sentences
from interlock.ports import SupportScorer

ABOUT_THE_SAME = 0.8
"""Share of all words of two sentences, figures and denials aside, that both must have to be about the same thing. Articles
of one subject share many words; two sentences that share nearly all of them say the same thing, or contradict each other."""
_LEAST = 5
"""Words that a sentence needs to be about anything that can be told."""


def weigh_with(scorer: SupportScorer) -> Weigh:
    """The evidence score of a statement by a scorer that a policy declares, with the exact checks beside.

    A scorer that cannot be asked, or cannot cope with what it is given, means no evidence: a score of 0, and why. Whatever it gives,
    a figure, name or denial that was found exactly to be wrong holds the score down.
    """

    def weigh(statement: str, question: str, sources: Sequence[Source], beside: Sequence[Source]) -> Weight:
        exact = weigh_lexically(statement, question, sources, beside)
        passages = [Passage(source.doc_id, source.text) for source in sources]
        try:
            support = scorer.support(statement, passages, question=question)
        except (TargetError, TooLarge) as error:
            return Weight(0.0, exact.doc_id, f"`{scorer.name}` gave no word: {error.message}"[:300], exact.against)
        if not exact.why:
            why = "; ".join(dict.fromkeys(f"{doubt.kind.value}: {doubt.why}" for doubt in support.doubts))[:300]
            return Weight(support.score, exact.doc_id, why, exact.against)
        return Weight(min(support.score, exact.score), exact.doc_id, exact.why, exact.against)

    return weigh


def weigh_lexically(statement: str, question: str, sources: Sequence[Source], beside: Sequence[Source]) -> Weight:
    """The evidence score of a statement against the sources that it may rest on.

    A source speaks against it when it has a sentence of nearly the same words with another figure, or with a denial that
    the statement has not: then two sources disagree about the same thing, and a person has to say which of them holds.
    """
    support = score_answer(
        statement, Sources([Passage(source.doc_id, source.text) for source in sources]), question=question
    )
    best = next((claim.passages[0] for claim in support.claims if claim.passages), None)
    why = "; ".join(dict.fromkeys(f"{doubt.kind.value} `{doubt.said}`: {doubt.why}" for doubt in support.doubts))[:300]
    against = None
    if best is not None and not support.doubts:
        others = (source for source in (*sources, *beside) if source.doc_id != best)
        against = next((other.doc_id for other in others if disagrees(statement, other.text)), None)
    return Weight(support.score, best, why, against)


def disagrees(statement: str, text: str) -> bool:
    """Whether a text has a sentence about the same thing with another figure, or with a denial where there was none.

    >>> disagrees("A refund to a card takes 5 days.", "Hello. A refund to a card takes 9 days.")
    True
    >>> disagrees("A refund to a card takes 5 days.", "A refund to a bank account takes 9 days.")
    False
    """
    said = _read(statement)
    if len(said.words) < _LEAST:
        return False
    return any(_contradict(said, sentence) for sentence in _sentences(text))


@dataclass(frozen=True, slots=True)
class _Sentence:
    """The words of a sentence, the identifiers among them (`FH-261`, `a7`), its figures, and whether it denies something."""

    words: frozenset[str]
    names: frozenset[str]
    figures: frozenset[str]
    denies: bool


def _read(sentence: str) -> _Sentence:
    words = frozenset(folded_words(sentence))
    figures = frozenset(word for word in words if word.isdigit())
    names = frozenset(word for word in words - figures if any(char.isdigit() for char in word))
    return _Sentence(words - figures - DENIALS, names, figures, bool(DENIALS & words))


@lru_cache(maxsize=1024)
def _sentences(text: str) -> tuple[_Sentence, ...]:
    """The sentences of a source; remembered, because the same documents are retrieved again and again."""
    plain = normalised(text)
    return tuple(_read(plain[start:end]) for start, end in sentences(plain))


def _contradict(one: _Sentence, other: _Sentence) -> bool:
    every = len(one.words | other.words)
    same = every > 0 and one.names == other.names and len(one.words & other.words) / every >= ABOUT_THE_SAME
    return same and (one.figures != other.figures or one.denies != other.denies)
