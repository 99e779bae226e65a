"""Promises of a model's word on claims: it is read strictly, the texts stay data, and exact findings are never lifted."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.asked_model import AskedModel, Endpoint
from interlock.core.doubts import Kind
from interlock.core.entailment import Stance, Word, borne, claim_request, read_word
from interlock.core.sources import Passage, Sources
from interlock.core.support import score_answer

FEES = Passage("fees", "Express delivery costs 9.90 euros and takes 2 working days. Returns are free within 30 days.")
MODEL = AskedModel(provider="x", id="m-2026-05-01")
AT = Endpoint(url="http://localhost/v1")
SAID = (
    "Express delivery takes 2 working days.",
    "Express delivery takes 3 working days.",
    "Returns are not free within 30 days.",
    "Customers may send goods back gratis.",
    "Parrots sing.",
)
words = st.builds(Word, st.sampled_from(Stance), st.floats(0, 1))


@given(st.lists(st.sampled_from(SAID), min_size=1, max_size=4, unique=True), st.lists(words, min_size=4, max_size=4))
def test_whatever_a_model_says_an_exact_finding_holds_its_claim_down(said: list[str], given_: list[Word]) -> None:
    answer = " ".join(said)
    exact = score_answer(answer, Sources([FEES]))
    found = borne(answer, exact, given_[: len(exact.claims)])
    for before, after, word in zip(exact.claims, found.claims, given_, strict=False):
        assert after.score == (min(before.score, word.score) if before.doubts else word.score)
        assert set(before.doubts) <= set(after.doubts)
        kinds = {doubt.kind for doubt in after.doubts} - {doubt.kind for doubt in before.doubts}
        expected = {
            Stance.ENTAILED: set(),
            Stance.CONTRADICTED: {Kind.CONTRADICTED},
            Stance.NOT_STATED: {Kind.NOT_STATED},
        }
        assert kinds == expected[word.stance]
    assert min(claim.score for claim in found.claims) <= found.score <= 1.0


def test_a_paraphrase_is_lifted_and_a_claim_of_the_sources_words_can_be_sunk() -> None:
    paraphrase, verbatim = SAID[3], SAID[0]
    exact = score_answer(paraphrase, Sources([FEES]))
    assert exact.score < 0.5
    assert not exact.doubts
    assert borne(paraphrase, exact, [Word(Stance.ENTAILED, 1.0)]).score == 1.0
    exact = score_answer(verbatim, Sources([FEES]))
    assert exact.score > 0.8
    assert borne(verbatim, exact, [Word(Stance.CONTRADICTED, 0.0, "it is another tariff")]).score == 0.0


def test_a_word_on_each_claim_is_needed() -> None:
    with pytest.raises(ValueError, match="words on"):
        borne(SAID[0], score_answer(SAID[0], Sources([FEES])), [])
    with pytest.raises(ValueError, match="lies in"):
        Word(Stance.ENTAILED, float("nan"))


@given(st.text(max_size=200), st.text(max_size=200))
def test_the_texts_are_data_and_the_same_texts_are_the_same_request(claim: str, source: str) -> None:
    one, other = (claim_request(claim, [Passage("p", source)], "q", MODEL, AT) for _ in range(2))
    assert json.dumps(one) == json.dumps(other)
    data = one["messages"][1]["content"]
    assert data.count("<") == 2
    assert json.loads(data[6:-7])["claim"] == claim
    assert (one["temperature"], one["model"]) == (0, MODEL.id)


def test_the_options_stand_in_every_order() -> None:
    requests = [claim_request(f"claim {n}", [FEES], "", MODEL, AT) for n in range(200)]
    orders = {tuple(r["response_format"]["json_schema"]["schema"]["properties"]["verdict"]["enum"]) for r in requests}
    assert len(orders) == 6


@pytest.mark.parametrize(
    "content",
    ["entailed", '{"verdict": "entailed"}', '{"why": "x", "verdict": "ENTAILED"}', '{"why": 1, "verdict": "entailed"}',
     '{"why": "x", "verdict": "entailed", "score": 1}', '{"why": "x", "verdict": null}', "[]", "", None],
)  # fmt: skip
def test_a_reply_in_another_shape_is_no_word(content: Any) -> None:
    good = {"choices": [{"message": {"content": '{"why": "x", "verdict": "entailed"}'}, "finish_reason": "stop"}]}
    assert read_word(good) == Word(Stance.ENTAILED, 1.0, "x")
    assert isinstance(read_word({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}), str)
