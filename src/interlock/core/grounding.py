"""How a delivered reply stands on what was retrieved for it: its claims, its citations, and what it says beside them.

The same function judges a case of an eval, an answer in the app, and a trace.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from interlock.core.citations import Cite, CiteFinding, Library, normalised
from interlock.core.doubts import Doubt, Kind
from interlock.core.lexicon import COURTESY
from interlock.core.quantities import quantities
from interlock.core.score import Reply
from interlock.core.sources import Passage, Sources
from interlock.core.support import Support, score_answer
from interlock.core.words import clean, sentences, words

FLOOR = 0.55
"""The score below which a claim counts as unsupported when answers are measured, whatever the policy of the bundle asks: just
above what one hard finding leaves of a claim of which every word stands in the source."""
FRAMING = 6
"""Content words that a sentence beside the claims may have and still be a frame, such as «our rules say»; a figure is never one."""
_REMEMBERED = 4_000
"""Characters of a text whose sentences are remembered: many short answers are the same, long ones hardly ever."""
_FIGURES = frozenset({Kind.NUMBER, Kind.DATE, Kind.UNIT, Kind.COUNT})


class Weighs(Protocol):
    """How well passages bear a text, by another scorer than the embedded one."""

    def __call__(self, answer: str, passages: Sequence[Passage], *, question: str = "") -> Support: ...


@dataclass(frozen=True, slots=True)
class GroundedClaim:
    """One claim of a reply: what was said, how well it is borne, and which of its citations do not hold."""

    text: str
    score: float
    cited: tuple[str, ...]
    doubts: tuple[Doubt, ...]
    faults: tuple[CiteFinding, ...]

    def supported(self, floor: float = FLOOR) -> bool:
        """Whether it reaches the floor and every citation of it holds."""
        return self.score >= floor and not self.faults


@dataclass(frozen=True, slots=True)
class Grounding:
    """All that a reply claims, and how many citations were looked up."""

    claims: tuple[GroundedClaim, ...]
    citations: int

    @property
    def score(self) -> float:
        """The score of the weakest claim, in [0, 1]; 1 where nothing is claimed."""
        return min((0.0 if claim.faults else claim.score for claim in self.claims), default=1.0)

    @property
    def faults(self) -> tuple[CiteFinding, ...]:
        """The citations that do not hold."""
        return tuple(fault for claim in self.claims for fault in claim.faults)

    def unsupported(self, floor: float = FLOOR) -> tuple[GroundedClaim, ...]:
        """The claims that are not borne."""
        return tuple(claim for claim in self.claims if not claim.supported(floor))


class Grounder:
    """Grounds replies; sources and claims that come again are read once.

    Args:
        keep: claims and sets of sources that are remembered, each at least 1.
        support: what weighs a claim instead of the embedded scorer (`SupportScorer.support`); what it raises, `ground` raises.
    """

    def __init__(self, keep: int = 2_000, support: Weighs | None = None) -> None:
        self._keep, self._support = keep, support
        self._sources: dict[tuple[tuple[str, str], ...], Sources] = {}
        self._scores: dict[tuple[str, str, int], Support] = {}

    def ground(self, reply: Reply, *, question: str = "") -> Grounding:
        """Lay every claim of a reply over the documents that it cites, and what it says beside over all that were retrieved.

        A reply without claims is split into sentences. Courtesies and questions claim nothing, short framing without a figure
        neither.
        """
        documents = [Passage(str(row.get("doc_id")), str(row.get("text") or "")) for row in reply.retrieved]
        library = Library(documents)
        found: list[GroundedClaim] = []
        citations = 0
        for claim in reply.claims:
            cites = list(_cites(claim))
            citations += len(cites)
            faults = tuple(fault for cite in cites if (fault := library.check(cite)) is not None)
            named = {cite.doc_id for cite in cites} & set(library.texts)
            own = [document for document in documents if document.id in named] if named else documents
            text = str(claim.get("text") or "")
            support = self._score(text, own, question)
            found.append(GroundedClaim(text, support.score, tuple(sorted(named)), support.doubts, faults))
        claimed = tuple(str(claim.get("text") or "") for claim in reply.claims)
        beside = _beside if len(reply.text) <= _REMEMBERED else _beside.__wrapped__
        for sentence in beside(reply.text, claimed):
            support = self._score(sentence, documents, question)
            framing = bool(claimed) and _frames(sentence)
            if framing and not any(doubt.kind in _FIGURES for doubt in support.doubts):
                continue
            found.append(GroundedClaim(sentence, support.score, (), support.doubts, ()))
        return Grounding(tuple(found), citations)

    def _score(self, text: str, documents: Sequence[Passage], question: str) -> Support:
        key = tuple((document.id, document.text) for document in documents)
        sources = self._sources.get(key)
        if sources is None:
            if len(self._sources) >= self._keep:
                self._sources.clear()
                self._scores.clear()
            sources = self._sources[key] = Sources(documents)
        told = (text, question if documents else "", id(sources))
        if told not in self._scores:
            if len(self._scores) >= self._keep * 8:
                self._scores.clear()
            exact = score_answer(text, sources, question=question)
            self._scores[told] = (
                exact if self._support is None else _both(exact, self._support(text, documents, question=question))
            )
        return self._scores[told]


def _both(exact: Support, asked: Support) -> Support:
    """What a scorer gave, held down by what was found exactly: a plug-in may not lift that either."""
    if not exact.doubts or asked.score <= exact.score:
        return asked
    return Support(exact.score, exact.claims)


def _cites(claim: Mapping[str, object]) -> Iterator[Cite]:
    listed = claim.get("cites")
    for cite in listed if isinstance(listed, list | tuple) else ():
        if isinstance(cite, Mapping):
            yield Cite(str(cite.get("doc_id")), str(cite.get("quote") or ""))


@lru_cache(maxsize=512)
def _beside(text: str, claimed: tuple[str, ...]) -> tuple[str, ...]:
    """The sentences of what the person reads that no claim covers and that claim something; many answers say the same."""
    rest = normalised(text)
    for claim in sorted({normalised(one) for one in claimed} - {""}, key=len, reverse=True):
        rest = rest.replace(claim, "\n")
    said = (rest[start:end] for start, end in sentences(rest))
    return tuple(sentence for sentence in said if not sentence.endswith("?") and not _courtesy(sentence))


def _courtesy(sentence: str) -> bool:
    forms = [word.form for word in words(sentence) if not word.function]
    return all(form in COURTESY for form in forms) and not quantities(sentence)


def _frames(sentence: str) -> bool:
    text = clean(sentence).text
    return sum(not word.function for word in words(text)) <= FRAMING
