"""A delivered reply stands on what was retrieved: its claims, its citations, and what it says beside them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.citations import CiteFault
from interlock.core.grounding import FLOOR, Grounder
from interlock.core.score import Reply

KB = (
    {"doc_id": "KB-1", "text": "A refund to a card arrives within 5 working days."},
    {"doc_id": "KB-2", "text": "The router deposit is €40.00."},
)


def reply(text: str, *claims: tuple[str, str, str], retrieved: tuple[dict[str, str], ...] = KB) -> Reply:
    stated = tuple({"text": said, "cites": [{"doc_id": doc, "quote": quote}]} for said, doc, quote in claims)
    return Reply("answer", text, claims=stated, retrieved=retrieved)


def bad(given_: Reply, question: str = "") -> list[str]:
    return [claim.text for claim in Grounder().ground(given_, question=question).unsupported()]


FIVE = "A refund to a card arrives within 5 working days."
SIX = "A refund to a card arrives within 6 working days."


def test_a_claim_that_its_document_says_is_supported() -> None:
    found = Grounder().ground(reply(f"Our rules say: {FIVE}", (FIVE, "KB-1", FIVE)))
    assert (found.score, found.citations, found.unsupported()) == (1.0, 1, ())


@pytest.mark.parametrize(
    ("claim", "fault"),
    [
        ((FIVE, "KB-1", SIX), CiteFault.FABRICATED),
        ((FIVE, "KB-2", FIVE), CiteFault.MISATTRIBUTED),
        ((FIVE, "KB-9", FIVE), CiteFault.UNRESOLVED),
        ((FIVE, "KB-1", "A refund … within 5 working days"), CiteFault.SPLICED),
    ],
)
def test_a_citation_that_does_not_hold_makes_its_claim_unsupported(
    claim: tuple[str, str, str], fault: CiteFault
) -> None:
    found = Grounder().ground(reply(claim[0], claim))
    assert [one.fault for one in found.faults] == [fault]
    assert found.unsupported()
    assert found.score == 0.0


def test_a_true_quote_does_not_carry_another_claim() -> None:
    assert bad(reply(SIX, (SIX, "KB-1", FIVE))) == [SIX]


def test_a_claim_rests_on_what_it_cites_and_not_on_what_else_was_retrieved() -> None:
    claim = ("The router deposit is €40.00.", "KB-1", FIVE)
    assert bad(reply(claim[0], claim)) == [claim[0]]


def test_a_figure_beside_the_claims_is_judged_and_a_frame_is_not() -> None:
    assert bad(reply(f"Here is what I found: {FIVE} Anything else?", (FIVE, "KB-1", FIVE))) == []
    assert bad(reply(f"{FIVE} You also get 25 euros.", (FIVE, "KB-1", FIVE))) == ["You also get 25 euros."]


def test_prose_without_claims_is_judged_sentence_by_sentence() -> None:
    wrong = "Our shop in Berlin sells umbrellas to tourists."
    assert bad(reply(f"{FIVE} {wrong}")) == [wrong]
    assert bad(reply("Hello! Thank you, glad to help. Anything else?")) == []
    assert bad(reply(FIVE, retrieved=())) == [FIVE]


def test_what_the_question_named_is_no_invention_of_the_answer() -> None:
    said = "A refund to Ms Abernathy's card arrives within 5 working days."
    assert bad(reply(said), question="When does Ms Abernathy get the refund to her card?") == []


def test_the_floor_lies_above_a_wholly_worded_claim_with_one_wrong_figure() -> None:
    (claim,) = Grounder().ground(reply(SIX)).claims
    assert claim.score == pytest.approx(0.4)
    assert claim.score < FLOOR


@given(
    st.text(max_size=80),
    st.lists(st.tuples(st.text(max_size=40), st.text(max_size=5), st.text(max_size=40)), max_size=3),
)
def test_any_reply_can_be_grounded_and_a_grounder_forgets_nothing_that_matters(text: str, claims: list[Any]) -> None:
    said = reply(text, *claims)
    shared = Grounder(keep=1)
    shared.ground(reply("something else"))
    assert shared.ground(said) == Grounder().ground(said)
    assert 0.0 <= Grounder().ground(said).score <= 1.0


def test_cites_of_another_shape_are_no_citations() -> None:
    said = Reply("answer", FIVE, claims=({"text": FIVE, "cites": "KB-1"}, {"text": FIVE}), retrieved=KB)
    found = Grounder().ground(said)
    assert (found.citations, found.unsupported()) == (0, ())
