"""Promises of the default weighing: changed figures are low evidence, and only true contradictions call a person."""

import pytest

from interlock.core.retrieved import Source
from interlock.services.weighing import disagrees, weigh_lexically

REFUNDS = Source("refunds", "A refund to a card arrives within 5 working days. Ask for it in the app.")
BANK = Source("bank", "A refund to a bank account arrives within 7 working days.")
OTHER = Source("other", "A refund to a card arrives within 9 working days.")
DENIES = Source("denies", "A refund to a card never arrives within 5 working days.")
SAID = "A refund to a card arrives within 5 working days."


def test_what_a_source_says_is_carried_and_a_changed_figure_is_not() -> None:
    assert weigh_lexically(SAID, "", [REFUNDS], []).score > 0.9
    changed = weigh_lexically(SAID.replace("5", "2"), "", [REFUNDS], [])
    assert changed.score < 0.5
    assert "number" in changed.why


@pytest.mark.parametrize("source", [OTHER, DENIES])
def test_a_source_that_says_another_thing_about_the_same_speaks_against_it(source: Source) -> None:
    assert weigh_lexically(SAID, "", [REFUNDS], [source]).against == source.doc_id
    assert weigh_lexically(SAID, "", [REFUNDS, source], []).against == source.doc_id


def test_a_source_about_another_thing_speaks_against_nothing() -> None:
    assert weigh_lexically(SAID, "", [REFUNDS], [BANK]).against is None


@pytest.mark.parametrize(
    ("statement", "text", "expected"),
    [
        ("Invoice FH261 is over 24 Euro and paid in full.", "Invoice FH262 is over 31 Euro and paid in full.", False),
        (
            "A router that is not returned costs 80 Euro.",
            "A direct debit that your bank returns costs a fee of 4 Euro.",
            False,
        ),
        ("The fee is 5 Euro.", "The fee is 9 Euro.", False),  # too short to tell what it is about
        ("La tarifa de cambio cuesta 5 euros.", "La tarifa de cambio cuesta 7 euros.", True),
    ],
)
def test_the_same_thing_is_told_by_nearly_all_words(statement: str, text: str, expected: bool) -> None:
    assert disagrees(statement, text) is expected
