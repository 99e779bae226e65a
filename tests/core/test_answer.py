"""The answer policy."""

from pathlib import Path

import pytest

from interlock.core.answer import AnswerPolicy, Wording, wording_for
from interlock.core.binding import bind
from interlock.core.errors import InterlockError
from interlock.core.yaml_text import parse_yaml

EXAMPLE = Path(__file__).parents[2] / "examples" / "billing-support" / "guardrails" / "answers.yaml"
POLICY = """answers: 1
evidence: {threshold: 0.35, min_sources: 1, must_cite: true, slices: {legal: {threshold: 0.9}}}
abstain: {wording: {en: {text: "I do not know.", next: "A person answers tomorrow."}}}
escalate:
  rules: [{id: security, when: {intent: account_security}, queue: security}]
  wording: {}
forbidden: [{id: legal-advice, words: [legal advice]}]
"""


def read(text: str) -> AnswerPolicy:
    return bind(AnswerPolicy, parse_yaml(text, "answers.yaml"))


def test_the_policy_of_the_example_binds() -> None:
    policy = read(EXAMPLE.read_text(encoding="utf-8"))
    assert "account-security" in policy.rule_ids
    assert "security" in policy.queues
    assert len(set(policy.queues)) == len(policy.queues)


def test_a_slice_keeps_what_it_does_not_replace() -> None:
    legal = read(POLICY).evidence.of_slice("legal")
    assert (legal.threshold, legal.min_sources, legal.must_cite) == (0.9, 1, True)
    assert read(POLICY).evidence.of_slice("other").threshold == 0.35


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("threshold: 0.35", "threshold: 1.35", 2),
        ("{intent: account_security}", "{}", 5),
        ("{intent: account_security}", "{mood: bad}", 5),
        ("words: [legal advice]", "words: []", 7),
        ("id: legal-advice", "id: security", 1),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused_at_its_place(old: str, new: str, line: int) -> None:
    assert old in POLICY
    with pytest.raises(InterlockError) as error:
        read(POLICY.replace(old, new))
    assert error.value.place is not None
    assert error.value.place.line == line


def test_a_region_uses_the_wording_of_its_language() -> None:
    wording = {"de": Wording(text="a", next="b"), "de-CH": Wording(text="c", next="d")}
    assert wording_for(wording, "de-AT") == wording["de"]
    assert wording_for(wording, "de-CH") == wording["de-CH"]
    assert wording_for(wording, "fr") is None
