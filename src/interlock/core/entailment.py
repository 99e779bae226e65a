"""A stronger word on evidence: whether the sources entail a claim, contradict it, or do not say it.

A model looks at each claim; the exact checks of numbers, dates, names and denials look at it beside. A model may find a claim
weaker than the words let it seem, and stronger where it only puts the source in other words. It never lifts what was found exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from interlock.core.asked_model import AskedModel, Endpoint
from interlock.core.digest import of_bytes
from interlock.core.doubts import Doubt, Kind
from interlock.core.shown import DATA_RULE, answered_object, as_data, closed, drawn, number_of
from interlock.core.sources import Passage
from interlock.core.support import Support

FORM = "interlock.entailment.v1"
"""The name of the way in which claims are put to a model, with its version."""


class Stance(StrEnum):
    """What sources say of a claim."""

    ENTAILED = "entailed"
    CONTRADICTED = "contradicted"
    NOT_STATED = "not_stated"


@dataclass(frozen=True, slots=True)
class Word:
    """A model's word on one claim. score: in [0, 1], how sure it is that the sources entail the claim."""

    stance: Stance
    score: float
    why: str = ""
    passage: str = ""

    def __post_init__(self) -> None:
        """Refuse a score that is none."""
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"a score lies in [0, 1], not {self.score!r}")


_MEANS: Mapping[Stance, str] = {
    Stance.ENTAILED: "the sources say it, in these or in other words, with every figure, condition and name",
    Stance.CONTRADICTED: "the sources say something that cannot be true together with it",
    Stance.NOT_STATED: "the sources do not say it, or only a part of it",
}


def claim_request(
    claim: str, passages: Sequence[Passage], question: str, model: AskedModel, endpoint: Endpoint
) -> Mapping[str, Any]:
    """The request that asks a model about one claim; the same for the same texts, with its options in an order drawn from them."""
    shown = {
        **({"question": question} if question else {}),
        "sources": [{"id": passage.id, "text": passage.text} for passage in passages],
        "claim": claim,
    }
    data = as_data(shown)
    seed = of_bytes(data.encode())
    options = drawn(seed, (stance.value for stance in Stance))
    means = "\n".join(f"- {name}: {_MEANS[Stance(name)]}" for name in options)
    row = closed({"why": {"type": "string"}, "verdict": {"type": "string", "enum": list(options)}})
    system = (
        "You check whether sources bear a claim. Use the sources alone, nothing that you know besides, and take the question only to "
        f"understand what the claim is about.\n\n{DATA_RULE}\n\nReply with one JSON object: `why`, one short sentence, then `verdict`:\n{means}"
    )
    return {
        "model": model.id,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": data}],
        "temperature": 0,
        "seed": number_of(seed),
        **endpoint.limits(),
        "response_format": {"type": "json_schema", "json_schema": {"name": "stance", "strict": True, "schema": row}},
    }


def read_word(completion: Mapping[str, Any]) -> Word | str:
    """What a model said of a claim; else, in plain words, why it said nothing."""
    value = answered_object(completion, ("why", "verdict"))
    if isinstance(value, str):
        return value
    if not isinstance(value["why"], str) or value["verdict"] not in tuple(Stance):
        return f"the reply calls the claim `{str(value['verdict'])[:40]}`, which is none of the words to choose from"
    stance = Stance(value["verdict"])
    return Word(stance, 1.0 if stance is Stance.ENTAILED else 0.0, value["why"][:200])


def borne(answer: str, exact: Support, words: Sequence[Word]) -> Support:
    """The support of an answer by a model's words on its claims, with the exact findings beside.

    Args:
        answer: the text.
        exact: what the embedded scorer says of it (`score_answer`): its claims, their exact findings.
        words: a word on each of its claims, in their order.
    Raises: ValueError when there are more or fewer words than claims.
    """
    if len(words) != len(exact.claims):
        raise ValueError(f"`{len(words)}` words on `{len(exact.claims)}` claims")
    if not exact.claims:
        return exact
    claims = []
    for claim, word in zip(exact.claims, words, strict=True):
        # INVARIANT: a wrong figure stays one, whatever a model makes of the sentence.
        score = min(word.score, claim.score) if claim.doubts else word.score
        doubts = claim.doubts
        if word.stance is not Stance.ENTAILED:
            kind = Kind.CONTRADICTED if word.stance is Stance.CONTRADICTED else Kind.NOT_STATED
            passage = word.passage or (claim.passages[0] if claim.passages else "")
            why = word.why or _MEANS[word.stance]
            doubts = (*doubts, Doubt(kind, claim.start, claim.end, answer[claim.start : claim.end], passage, why))
        claims.append(replace(claim, score=score, doubts=doubts, parts={**claim.parts, "words_alone": claim.score}))
    total = sum(claim.weight for claim in claims)
    mean = sum(claim.score * claim.weight for claim in claims) / total
    return Support((min(claim.score for claim in claims) + mean) / 2, tuple(claims))
