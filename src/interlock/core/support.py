"""Whether what is said stands in the sources: a score for each claim, its parts, and findings with their places.

Each sentence of an answer is laid over the one or two sentences of a source that it is nearest to. Words that both have
count for it; a number, date, unit, name, denial or quantifier that the source does not have is found, and counts hard
against it. No model, no network: the same text has the same score everywhere.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from interlock.core.doubts import Doubt, Kind, Look
from interlock.core.errors import TooLarge
from interlock.core.lexicon import REFUSALS
from interlock.core.quantities import quantities
from interlock.core.sources import Asked, Near, Passage, Sources, content_of, counts_in, covered, nearest
from interlock.core.words import Clean, Word, clean, sentences, words

__all__ = ["Claim", "Doubt", "Kind", "Passage", "Sources", "Support", "score_answer"]

SCORER = "interlock.support.v1"
"""The name of this way of scoring, with its version: a threshold holds for the scorer that it was calibrated with."""
MAX_ANSWER = 1_000_000
"""Characters of an answer; a longer one is refused."""

FACTOR: Mapping[str, float] = {
    "number": 0.4, "date": 0.4, "unit": 0.5, "name": 0.5, "negation": 0.5, "opposite": 0.5, "hidden": 0.5,
    "count": 0.6, "quantifier": 0.7,
}  # fmt: skip
"""What a finding leaves of the score of its claim. Fixed beforehand, not fitted: a wrong figure makes a sentence wrong however
many of its words are right (0.4 puts it below a sentence of which half the words are missing); a name, unit or denial that only
seems wrong is commoner; a quantifier is a hint (decision 46)."""
TWICE = 2
"""Findings of one kind that count in one claim; the third adds nothing."""

SHARE: Mapping[str, float] = {"words": 0.5, "nearby": 0.25, "runs": 0.25}
"""What the parts of the lexical score weigh: all sources, the nearest passage, pairs of words."""
GIVEN = 0.3
"""The weight of a word that the question had already: repeating it proves little."""
_REFUSAL = re.compile("|".join(REFUSALS), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of an answer and how well the sources bear it.

    score: in [0, 1]. parts: the lexical score's parts, each in [0, 1]. passages: ids of what it was laid over.
    """

    start: int
    end: int
    score: float
    parts: Mapping[str, float]
    passages: tuple[str, ...]
    doubts: tuple[Doubt, ...]
    unsupported: tuple[tuple[int, int], ...]
    weight: float

    def findings(self, answer: str) -> list[dict[str, Any]]:
        """Every finding as plain JSON, in the order of the text: the doubts, and the words that no source has."""
        passage = self.passages[0] if self.passages else ""
        named = {(doubt.start, doubt.end) for doubt in self.doubts}
        rows = [doubt.row() for doubt in self.doubts]
        rows += [
            Doubt(Kind.WORD, start, end, answer[start:end], passage, "no source has this word").row()
            for start, end in self.unsupported
            if (start, end) not in named
        ]
        return sorted(rows, key=lambda row: (row["start"], row["kind"]))


@dataclass(frozen=True, slots=True)
class Support:
    """How well sources bear an answer: the mean of its weakest claim and of all of them.

    score: in [0, 1]; 1 for an answer that claims nothing, 0 for one without sources. An answer that only says that the
    sources do not tell is borne the better the less of the question they cover.
    """

    score: float
    claims: tuple[Claim, ...]

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """The findings of all claims, in the order of the text."""
        return tuple(doubt for claim in self.claims for doubt in claim.doubts)


def score_answer(answer: str, sources: Sources, *, question: str = "") -> Support:
    """Lay every sentence of an answer over its sources.

    Args:
        answer: at most a million characters.
        sources: the passages that it may rest on; with none of them nothing is supported.
        question: what was asked; a short answer is read together with it.
    Raises: TooLarge.

    >>> source = Sources([Passage("fees", "Express delivery costs 9.90 euros and takes 2 working days.")])
    >>> good = score_answer("Express delivery takes 2 working days.", source)
    >>> bad = score_answer("Express delivery takes 3 working days.", source)
    >>> good.score > 0.8, bad.score < 0.4, [(doubt.kind.value, doubt.said) for doubt in bad.doubts]
    (True, True, [('number', '3 working days')])
    """
    if len(answer) > MAX_ANSWER:
        raise TooLarge(
            f"the answer has {len(answer):,} characters", hint=f"score at most {MAX_ANSWER:,} of them at once"
        )
    text = clean(answer)
    # Without a source nothing is borne, whatever was asked.
    asked = Asked.of(question if sources.sentences else "", sources.language)
    places = sentences(text.text)
    claims = tuple(claim for start, end in places if (claim := _claim(text, start, end, sources, asked)) is not None)
    if not claims:
        refuses = any(_REFUSAL.search(text.text, start, end) for start, end in places)
        return Support(1.0 - covered(asked, sources) if refuses else 1.0, ())
    total = sum(claim.weight for claim in claims)
    mean = sum(claim.score * claim.weight for claim in claims) / total
    return Support((min(claim.score for claim in claims) + mean) / 2, claims)


def _claim(text: Clean, start: int, end: int, sources: Sources, asked: Asked) -> Claim | None:
    """One sentence; None where it claims nothing: no word in it, or it only says that the sources do not tell."""
    found = words(text.text, start, end, sources.language)
    if not found or _REFUSAL.search(text.text, start, end):
        return None
    if not sources.sentences:
        return Claim(*text.span(start, end), 0.0, dict.fromkeys(SHARE, 0.0), (), (), (), 1.0)
    said = quantities(text.text, start, end)
    content = content_of(found, said)
    bare = not content and not said
    if bare:  # `yes` and `no` say what the question says
        content = list(asked.content)
    kin = {word.stem: sources.kin(word.stem) for word in content}
    near = nearest(content, said, kin, sources)
    novel = any(word.stem not in asked.stems for word in content) or bool(said)
    given = GIVEN if novel else 1.0
    weights = {w.stem: sources.weight(w.stem) * (given if w.stem in asked.stems else 1.0) for w in content}
    # What only the question named is neither said by a source nor made up by the answer.
    told = [word for word in content if kin[word.stem] or word.stem not in asked.stems] if novel else content
    parts = _parts(told, kin, weights, near, sources)
    ids = tuple(dict.fromkeys(sources.passages[sources.sentences[at].passage].id for at in near.sentences))
    doubts: list[Doubt] = []
    if not bare:
        look = Look(text, found, content, said, kin, near, sources, asked, ids[0] if ids else "")
        doubts = sorted(look.doubts(), key=lambda doubt: (doubt.start, doubt.kind))
    score = sum(SHARE[name] * value for name, value in parts.items())
    counted: dict[Kind, int] = {}
    for doubt in doubts:
        counted[doubt.kind] = counted.get(doubt.kind, 0) + 1
        if counted[doubt.kind] <= TWICE:
            score *= FACTOR[doubt.kind]
    missing = () if bare else tuple(text.span(w.start, w.end) for w in told if not kin[w.stem])
    return Claim(
        *text.span(start, end), score, parts, ids, tuple(doubts), missing, float(max(1, len(content) + len(said)))
    )


def _parts(
    content: Sequence[Word], kin: Mapping[str, tuple[tuple[str, float], ...]], weights: Mapping[str, float], near: Near,
    sources: Sources,
) -> dict[str, float]:  # fmt: skip
    """The lexical score: words found anywhere, words found nearby, pairs of neighbours found in a row."""
    if not content:  # only numbers, which are checked for themselves
        return dict.fromkeys(SHARE, 1.0)
    total = sum(weights[w.stem] for w in content)
    everywhere = sum(weights[w.stem] * max((c for _, c in kin[w.stem]), default=0.0) for w in content) / total
    nearby = sum(weights[w.stem] * counts_in(kin[w.stem], near.stems) for w in content) / total
    pairs = list(pairwise(w.stem for w in content))
    runs = sum(pair in sources.pairs for pair in pairs) / len(pairs) if pairs else nearby
    return {"words": everywhere, "nearby": nearby, "runs": runs}
