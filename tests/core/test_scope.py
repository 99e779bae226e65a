"""Abstention on inputs: questions that the feature is not for, and questions that the sources cannot hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from interlock.core.answerability import Advice, answerable
from interlock.core.scope import Scope, scope_threshold
from interlock.core.sources import Passage, Sources

SCOPE = Scope(
    [("where is my invoice", "invoice"), ("send me the invoice again", "invoice"), ("cancel my contract", "cancel"),
     ("I want to stop the contract", "cancel")]
)  # fmt: skip


def test_a_question_fits_its_own_label_best_and_a_stranger_fits_none() -> None:
    assert SCOPE.fit("please cancel the contract").label == "cancel"
    assert SCOPE.fit("invoices are missing").label == "invoice"
    assert SCOPE.fit("cancel the contract").score > SCOPE.fit("cancel the moon landing").score > SCOPE.fit("jazz").score
    assert (SCOPE.fit("").score, SCOPE.fit("").label) == (0.0, "")


@given(st.text(max_size=60))
def test_a_fit_lies_in_its_range_and_is_the_same_for_every_order_of_the_examples(text: str) -> None:
    examples = [("where is my invoice", "invoice"), ("cancel my contract", "cancel")]
    one, other = Scope(examples).fit(text), Scope(reversed(examples)).fit(text)
    assert one.label == other.label
    assert one.score == pytest.approx(other.score)
    assert 0.0 <= one.score <= 1.0


@pytest.mark.parametrize("text", ["where is my invoice", "I want to stop the contract"])
def test_an_example_of_one_label_fits_it_nearly_wholly(text: str) -> None:
    assert SCOPE.fit(text).score > 0.6


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300), st.sampled_from([0.05, 0.1, 0.2]))
def test_the_threshold_refuses_no_more_than_the_exact_bound_allows(scores: list[float], share: float) -> None:
    found = scope_threshold(scores, share)
    if found is None:
        assert beta.ppf(0.95, 1, len(scores)) > share
        return
    refused = sum(score < found for score in scores)
    assert beta.ppf(0.95, refused + 1, len(scores) - refused) <= share + 1e-9


def test_a_scope_without_examples_and_a_share_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError):
        Scope([])
    with pytest.raises(ValueError):
        scope_threshold([0.5], 0.0)


def test_what_is_not_retrieved_cannot_be_answered() -> None:
    sources = Sources([Passage("p", "Express delivery costs 9.90 euros. Weekend delivery is not offered.")])
    assert answerable("What does express delivery cost?", sources).advice is Advice.ANSWER
    assert answerable("Who founded the railway museum in York?", sources).advice is Advice.ABSTAIN
    assert answerable("What does express delivery cost?", Sources([])).advice is Advice.ABSTAIN
