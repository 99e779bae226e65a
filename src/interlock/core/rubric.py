"""A rubric: what an answer has to meet, how a judge is asked about it, and how its reply is read.

The order of everything that has one is drawn from a seed: criteria, the words to choose from, and which of two answers comes
first. Two answers are compared twice, in both orders; a judge that prefers a place has said nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from interlock.core.asked_model import AskedModel, Endpoint
from interlock.core.binding import NameStr, Str, Strict
from interlock.core.digest import Digest, of_value
from interlock.core.shown import DATA_RULE, answered_object, as_data, closed, drawn, number_of

MAX_SHOWN = 200_000
"""Characters of one exhibit that a judge is shown at most."""

Part = Literal["question", "sources", "reference"]


class Criterion(Strict):
    """One thing that must be so, as a sentence that is true or not."""

    id: NameStr
    asks: Str = Field(
        description="what must be true of the answer; in a comparison, what the better answer has more of"
    )


class Rubric(Strict):
    """One rubric of a judge that is asked (format 1)."""

    rubric: Literal[1]
    criteria: tuple[Criterion, ...] = Field(
        min_length=1, max_length=20, description="an answer passes with all of them"
    )
    sees: tuple[Part, ...] = Field(default=("question",), description="what is shown beside the answer")
    compare: bool = Field(
        default=False, description="compare with the case's `expect.reference`; it passes where it is not worse"
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        ids = [criterion.id for criterion in self.criteria]
        if len(set(ids)) < len(ids):
            raise ValueError("two criteria have one id")
        if self.compare and "reference" in self.sees:
            raise ValueError("a comparison shows the reference as one of two answers: take `reference` out of `sees`")
        return self

    @property
    def needs_reference(self) -> bool:
        """Whether it can only be asked about a case with a reference."""
        return self.compare or "reference" in self.sees


@dataclass(frozen=True, slots=True)
class Exhibit:
    """What a judge is shown. sources: (id, text) of each document."""

    answer: str
    question: str = ""
    reference: str | None = None
    sources: tuple[tuple[str, str], ...] = ()

    def seen(self, rubric: Rubric) -> "Exhibit":
        """As much of it as the rubric shows."""
        return Exhibit(
            self.answer,
            self.question if "question" in rubric.sees else "",
            self.reference if rubric.needs_reference else None,
            self.sources if "sources" in rubric.sees else (),
        )

    @property
    def size(self) -> int:
        """Characters."""
        texts = [self.answer, self.question, self.reference or "", *(text for _, text in self.sources)]
        return sum(map(len, texts))

    @property
    def digest(self) -> Digest:
        """What a label of a person is bound to: exactly this was looked at."""
        shown = {"answer": self.answer, "question": self.question, "reference": self.reference,
                 "sources": [list(source) for source in self.sources]}  # fmt: skip
        return of_value(shown, domain="interlock.exhibit.v1")


@dataclass(frozen=True, slots=True)
class Marks:
    """What a judge said: by criterion, whether it is met, and why in its words."""

    met: Mapping[str, bool]
    why: Mapping[str, str]

    @property
    def passed(self) -> bool:
        """Whether every criterion is met."""
        return all(self.met.values())

    @property
    def share(self) -> float:
        """Share of the criteria that are met, in [0, 1]."""
        return sum(self.met.values()) / len(self.met)

    def told(self) -> str:
        """In one line: what is not met and why, or that all is."""
        missed = [f"{name}: {self.why[name]}" for name, met in self.met.items() if not met]
        return "; ".join(missed)[:300] if missed else "every criterion is met"


@dataclass(frozen=True, slots=True)
class Question:
    """One request to a judge, and how its reply is read.

    met_by: the words that say a criterion is met. ids: of the criteria, in the order in which they are asked.
    """

    request: Mapping[str, Any]
    ids: tuple[str, ...]
    words: tuple[str, ...]
    met_by: frozenset[str]

    def read(self, completion: Mapping[str, Any]) -> Marks | str:
        """The marks; else, in plain words, why the reply holds none."""
        value = answered_object(completion, self.ids)
        if isinstance(value, str):
            return value
        for name in self.ids:
            row = value[name]
            if not isinstance(row, dict) or set(row) != {"why", "verdict"} or not isinstance(row["why"], str):
                return f"the reply says nothing readable of `{name}`"
            if row["verdict"] not in self.words:
                return (
                    f"the reply calls `{name}` `{str(row['verdict'])[:40]}`, which is none of the words to choose from"
                )
        return Marks(
            {name: value[name]["verdict"] in self.met_by for name in sorted(self.ids)},
            {name: value[name]["why"][:300] for name in sorted(self.ids)},
        )


def questions(
    rubric: Rubric, prompt: str, exhibit: Exhibit, model: AskedModel, endpoint: Endpoint, seed: str
) -> tuple[Question, ...]:
    """The requests by which a judge is asked about one answer: one, or two for a comparison, in both orders.

    Args:
        prompt: who the judge is and how it works; it comes first in the system message.
        exhibit: what it is shown; only what the rubric shows is sent.
        seed: what all orders are drawn from, such as the key of the trial.
    Raises: ValueError where the rubric needs a reference and the exhibit has none.
    """
    seen = exhibit.seen(rubric)
    if rubric.needs_reference and seen.reference is None:
        raise ValueError("the rubric needs a reference and there is none")
    if not rubric.compare:
        return (_question(rubric, prompt, _alone(seen), ("met", "not_met"), {"met"}, model, endpoint, seed),)
    places = drawn(f"{seed}\0place", ("first", "second"))
    return tuple(
        _question(
            rubric, prompt, _beside(seen, place), ("first", "second", "equal"), {place, "equal"}, model, endpoint, seed
        )
        for place in places
    )


def together(asked: Rubric, marks: Sequence[Marks]) -> Marks | None:
    """What several questions about one answer come to; None where a comparison came out differently in the two orders."""
    if len({one.passed for one in marks}) > 1:
        return None
    # They agree on whether it passes. Where they differ on which criterion is missed, a criterion is met only if both say so.
    ids = [criterion.id for criterion in asked.criteria]
    return Marks(
        {name: all(one.met[name] for one in marks) for name in ids},
        {name: next((one.why[name] for one in marks if not one.met[name]), marks[0].why[name]) for name in ids},
    )


def asking(prompt: Digest, rubric: Digest, endpoint: Endpoint) -> Digest:
    """The name of the way in which a judge is asked: labels that were made with another way say nothing of this one."""
    named = {"prompt": prompt, "rubric": rubric, "limits": endpoint.limits(), "form": _FORM, "rule": DATA_RULE}
    return of_value(named, domain="interlock.judge.v1")


_FORM = (
    "Judge by these criteria alone, each for itself. Reply with one JSON object that has a key for each criterion: "
    "`why`, one short sentence, then `verdict`."
)


def _question(
    rubric: Rubric, prompt: str, shown: Mapping[str, Any], words: tuple[str, ...], met_by: set[str],
    model: AskedModel, endpoint: Endpoint, seed: str,
) -> Question:  # fmt: skip
    criteria = {criterion.id: criterion.asks for criterion in rubric.criteria}
    ids, options = drawn(f"{seed}\0criteria", criteria), drawn(f"{seed}\0words", words)
    told = "\n".join(f"- {name}: {criteria[name]}" for name in ids)
    meaning = (
        "which answer has more of it: `first`, `second`, or `equal`"
        if rubric.compare
        else "whether it is so: `met` or `not_met`"
    )
    system = f"{prompt.strip()}\n\n{DATA_RULE}\n\n{_FORM} The verdict says {meaning}.\n\nCriteria:\n{told}"
    row = closed({"why": {"type": "string"}, "verdict": {"type": "string", "enum": list(options)}})
    return Question(
        {
            "model": model.id,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": as_data(shown)}],
            "temperature": 0,
            "seed": number_of(seed),
            **endpoint.limits(),
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "verdict", "strict": True, "schema": closed(dict.fromkeys(ids, row))},
            },
        },
        ids,
        words,
        frozenset(met_by),
    )


def _alone(seen: Exhibit) -> dict[str, Any]:
    shown = _around(seen)
    if seen.reference is not None:
        shown["reference"] = seen.reference
    return {**shown, "answer": seen.answer}


def _beside(seen: Exhibit, place: str) -> dict[str, Any]:
    other = "second" if place == "first" else "first"
    answers = {place: seen.answer, other: seen.reference}
    return {**_around(seen), "first": answers["first"], "second": answers["second"]}


def _around(seen: Exhibit) -> dict[str, Any]:
    shown: dict[str, Any] = {"question": seen.question} if seen.question else {}
    if seen.sources:
        shown["sources"] = [{"id": name, "text": text} for name, text in seen.sources]
    return shown
