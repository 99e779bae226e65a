"""The answer policy at work: what is delivered, and what is said instead."""

import random
import time
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core import delivery
from interlock.core.answer import AnswerPolicy, EscalationRule
from interlock.core.binding import bind
from interlock.core.citations import Cite
from interlock.core.delivery import (
    Abstained,
    AnswerJudge,
    Clarified,
    Code,
    Delivered,
    Escalated,
    Judged,
    Occasion,
    Proposal,
    Statement,
    Weight,
)  # fmt: skip
from interlock.core.phrase import folded_words
from interlock.core.retrieved import Source
from interlock.core.yaml_text import parse_yaml

POLICY = """answers: 1
evidence:
  threshold: 0.6
  min_sources: 1
  must_cite: true
  coverage: 0.5
  slices: {legal: {threshold: 0.95, min_sources: 2, coverage: 1.0}, fresh: {max_age_days: 30}}
abstain: {wording: {en: {text: "I do not know.", next: "Ask for a person."}, de: {text: "Das weiß ich nicht.", next: "Fragen Sie eine Person."}}}
escalate:
  queue: people
  rules:
    - {id: security, when: {intent: account_security, words: {en: ["hacked", "someone … my account"]}}, queue: security}
    - {id: dispute, when: {slice: disputes}, queue: billing}
    - {id: nobody-knows, when: {signal: unknown_outcome}, queue: oncall}
  wording: {en: {text: "A person takes over.", next: "By tomorrow."}}
forbidden: [{id: legal-advice, words: ["legal advice", "you would win … court"]}]
frames: {en: ["Our rules say:"], de: ["In unseren Regeln steht:"]}
"""
DONE = {"refund.issue": ("issued your refund", "refund … has been issued"), "plan.change": ("changed your plan",)}
REFUNDS = Source("refunds", "Refunds to a card take 5 working days. Refunds to a bank take 7 days.", "acme")
VAT = Source("vat", "VAT in Spain is 21 %.", "acme", updated=date(2026, 11, 1))
OURS = (REFUNDS, VAT)


def recall(statement: str, question: str, sources: Sequence[Source], beside: Sequence[Source]) -> Weight:
    """A plain scorer: the share of the statement's words in the best source."""
    words = set(folded_words(statement))
    best = max(sources, key=lambda source: len(words & set(folded_words(source.text))))
    score = len(words & set(folded_words(best.text))) / max(1, len(words))
    return Weight(score, best.doc_id)


JUDGE = AnswerJudge(bind(AnswerPolicy, parse_yaml(POLICY, "answers.yaml")), DONE, recall)
ASKED = Occasion("How long does a refund take?", tenant="acme", on=date(2026, 11, 26))
HOLDS = Statement("Refunds to a card take 5 working days.", (Cite("refunds", "take 5 working days"),))


def answer(*statements: Statement, text: str | None = None, **more: Any) -> Proposal:
    return Proposal("answer", " ".join(s.text for s in statements) if text is None else text, statements, **more)


def occasion(**changes: Any) -> Occasion:
    return Occasion(**{"asked": ASKED.asked, "tenant": "acme", "on": ASKED.on, **changes})


def codes(judged: Judged) -> set[Code]:
    return {finding.code for finding in judged.findings}


def test_an_answer_whose_statements_all_hold_is_delivered_as_it_is() -> None:
    proposal = answer(HOLDS, text=f"Our rules say: {HOLDS.text}")
    judged = JUDGE.judge(proposal, OURS, ASKED)
    assert isinstance(judged, Delivered)
    assert (judged.text, judged.partly, judged.findings) == (proposal.text, False, ())


@pytest.mark.parametrize(
    ("cite", "code"),
    [
        (Cite("refunds", "take 9 working days"), Code.FABRICATED),
        (Cite("refunds", "take 15 working days"), Code.FABRICATED),
        (Cite("refunds", ""), Code.FABRICATED),
        (Cite("vat", "take 5 working days"), Code.MISATTRIBUTED),
        (Cite("refunds", "Refunds to a card take 7 days."), Code.SPLICED),
        (Cite("elsewhere", "take 5 working days"), Code.NOT_RETRIEVED),
    ],
)
def test_a_citation_that_does_not_hold_takes_its_statement_with_it(cite: Cite, code: Code) -> None:
    judged = JUDGE.judge(answer(Statement(HOLDS.text, (cite,))), OURS, ASKED)
    assert isinstance(judged, Abstained)
    assert code in codes(judged)
    assert judged.text == "I do not know. Ask for a person."


def test_a_document_of_another_tenant_is_no_source_even_when_it_was_retrieved() -> None:
    theirs = Source("refunds", REFUNDS.text, "other")
    judged = JUDGE.judge(answer(HOLDS), (theirs, VAT), ASKED)
    assert isinstance(judged, Abstained)
    assert Code.NOT_RETRIEVED in codes(judged)
    assert any("another tenant" in finding.why for finding in judged.findings)


def test_what_holds_goes_out_alone_where_the_policy_permits_it() -> None:
    bad = Statement("Refunds in cash take 2 hours.", (Cite("refunds", "in cash"),))
    judged = JUDGE.judge(answer(HOLDS, bad), OURS, ASKED)
    assert isinstance(judged, Delivered)
    assert judged.partly
    assert judged.text == HOLDS.text
    assert Code.FABRICATED in codes(judged)
    strict = JUDGE.judge(answer(HOLDS, bad), OURS, occasion(slice="legal"))
    assert isinstance(strict, Abstained)


def test_a_text_may_not_say_more_than_its_statements() -> None:
    more = f"{HOLDS.text} You also get a voucher worth 50 Euro as a present."
    judged = JUDGE.judge(answer(HOLDS, text=more), OURS, ASKED)
    assert isinstance(judged, Delivered)
    assert judged.partly
    assert "voucher" not in judged.text
    turned = JUDGE.judge(answer(HOLDS, text=f"It is never true that {HOLDS.text}"), OURS, occasion(slice="legal"))
    assert isinstance(turned, Abstained)


def test_a_statement_that_only_another_document_carries_does_not_hold() -> None:
    borrowed = Statement("VAT in Spain is 21 %.", (Cite("refunds", "take 5 working days"),))
    assert isinstance(JUDGE.judge(answer(borrowed), OURS, ASKED), Abstained)


def test_stale_documents_and_those_for_other_readers_prove_nothing() -> None:
    old = Source("refunds", REFUNDS.text, "acme", updated=date(2026, 9, 1))
    assert isinstance(JUDGE.judge(answer(HOLDS), (old,), ASKED), Delivered)
    late = JUDGE.judge(answer(HOLDS), (old,), occasion(slice="fresh"))
    assert Code.STALE in codes(late)
    undated = JUDGE.judge(answer(HOLDS), (REFUNDS,), occasion(slice="fresh"))
    assert Code.STALE in codes(undated)
    over = Source("refunds", REFUNDS.text, "acme", valid_until=date(2026, 11, 25))
    assert Code.STALE in codes(JUDGE.judge(answer(HOLDS), (over,), ASKED))
    inside = Source("refunds", REFUNDS.text, "acme", readers=frozenset({"staff"}))
    assert Code.NOT_PERMITTED in codes(JUDGE.judge(answer(HOLDS), (inside,), ASKED))
    assert isinstance(JUDGE.judge(answer(HOLDS), (inside,), occasion(roles=frozenset({"staff"}))), Delivered)


def test_a_completed_action_may_be_claimed_only_when_the_ledger_holds_it() -> None:
    said = answer(HOLDS, text=f"{HOLDS.text} I have issued your refund.")
    judged = JUDGE.judge(said, OURS, occasion(slice="legal", done=frozenset({"plan.change"})))
    assert Code.COMMITMENT in codes(judged)
    assert not isinstance(judged, Delivered)
    partly = JUDGE.judge(said, OURS, ASKED)
    assert isinstance(partly, Delivered)
    assert partly.text == HOLDS.text
    unknown = JUDGE.judge(said, OURS, occasion(unknown=frozenset({"refund.issue"})))
    assert isinstance(unknown, Escalated)
    assert (unknown.queue, unknown.rule) == ("oncall", "unknown_outcome")


def test_a_forbidden_topic_is_never_delivered_in_part() -> None:
    judged = JUDGE.judge(answer(HOLDS, text=f"{HOLDS.text} You would win in court."), OURS, ASKED)
    assert isinstance(judged, Abstained)
    assert judged.reason is Code.FORBIDDEN


def test_a_rule_of_the_question_goes_before_any_answer() -> None:
    hacked = JUDGE.judge(answer(HOLDS), OURS, occasion(asked="I was HACKED, refund me"))
    assert isinstance(hacked, Escalated)
    assert (hacked.queue, hacked.rule) == ("security", "security")
    assert isinstance(JUDGE.judge(answer(HOLDS), OURS, occasion(slice="disputes")), Escalated)
    by_intent = JUDGE.judge(answer(HOLDS), OURS, occasion(intent="account_security"))
    assert isinstance(by_intent, Escalated)


def test_a_rule_hears_the_words_of_every_language() -> None:
    rule = {
        "id": "lock",
        "when": {"words": {"en": ["account locked"], "de": ["Konto … gesperrt"]}},
        "queue": "security",
    }
    policy = JUDGE.policy.model_copy(
        update={
            "escalate": JUDGE.policy.escalate.model_copy(
                update={"rules": (EscalationRule.model_validate(rule, strict=False),)}
            )
        }
    )
    judge = AnswerJudge(policy, DONE, recall)
    for lang in ("en", "de", "fr"):
        judged = judge.judge(answer(HOLDS), OURS, occasion(asked="Mein Konto wurde gesperrt", lang=lang))
        assert isinstance(judged, Escalated)
        assert judged.rule == "lock"


def test_a_word_or_two_beside_a_statement_may_not_say_that_an_action_is_done() -> None:
    judge = AnswerJudge(JUDGE.policy, {"refund.issue": ("reembolsado",)}, recall)
    for more in ("Reembolsado.", "Reembolsado ya."):
        judged = judge.judge(answer(HOLDS, text=f"{HOLDS.text} {more}"), OURS, ASKED)
        assert Code.COMMITMENT in codes(judged)
        assert "Reembolsado" not in judged.text


def test_a_word_without_end_is_no_filler() -> None:
    weighed = JUDGE.judge_sentence("x" * 100, OURS, ASKED)
    assert not weighed.holds


def test_low_evidence_twice_calls_a_person() -> None:
    bad = answer(Statement("Refunds come as gold coins.", (Cite("refunds", "gold"),)))
    assert isinstance(JUDGE.judge(bad, OURS, ASKED), Abstained)
    second = JUDGE.judge(bad, OURS, occasion(low_before=1))
    assert isinstance(second, Escalated)
    assert (second.queue, second.rule) == ("people", "low_evidence_twice")


def test_sources_that_disagree_call_a_person() -> None:
    def divided(statement: str, question: str, sources: Sequence[Source], beside: Sequence[Source]) -> Weight:
        return Weight(0.9, "refunds", against="vat")

    judged = AnswerJudge(JUDGE.policy, DONE, divided).judge(answer(HOLDS), OURS, ASKED)
    assert isinstance(judged, Escalated)
    assert judged.rule == "contradiction"


def test_what_is_not_of_the_declared_shape_takes_the_declared_path() -> None:
    broken = answer(HOLDS, fault="claims is not a list")
    assert isinstance(JUDGE.judge(broken, OURS, ASKED), Abstained)
    escalates = AnswerJudge(JUDGE.policy, DONE, recall, on_fault="escalate").judge(broken, OURS, ASKED)
    assert isinstance(escalates, Escalated)


def test_an_assistant_that_abstains_or_asks_back_is_let() -> None:
    assert isinstance(JUDGE.judge(Proposal("abstain", "no idea"), OURS, ASKED), Abstained)
    asked = JUDGE.judge(Proposal("clarify", "Which invoice do you mean?"), OURS, ASKED)
    assert isinstance(asked, Clarified)
    promised = JUDGE.judge(Proposal("clarify", "I have issued your refund. Which card?"), OURS, ASKED)
    assert isinstance(promised, Abstained)


@pytest.mark.parametrize(
    ("text", "let"),
    [
        ("Do you mean the refund of 5 days or the one of 7 days?", True),
        ("Which card do you mean\uff1f", True),
        ("I can look that up. Which invoice is it?", True),
        ("Refunds to a card take 5 working days [refunds]. Which card do you mean?", True),
        ("There is a handling fee of 9.90 euros [refunds]. Which card do you mean?", False),
        ("Refunds to a card take 5 working days [nowhere]. Which card do you mean?", False),
        ("Refunds to a card take 5 working days. Which card do you mean?", False),  # the policy asks for citations
        ("", False),
        ("   ", False),
    ],
)
def test_asking_back_asks_and_states_no_figure_without_evidence(text: str, let: bool) -> None:
    judged = JUDGE.judge(Proposal("clarify", text), OURS, ASKED)
    assert isinstance(judged, Clarified if let else Abstained)


def test_wording_comes_in_the_language_of_the_person() -> None:
    judged = JUDGE.judge(Proposal("abstain", ""), OURS, occasion(lang="de-AT"))
    assert isinstance(judged, Abstained)
    assert judged.text.startswith("Das weiß ich nicht.")


@pytest.mark.parametrize("char", ["\u202e", "\u200b", "\u2066", "\u0007", "\u2060"])
def test_invisible_characters_are_found(char: str) -> None:
    text = HOLDS.text.replace("card", f"ca{char}rd")
    judged = JUDGE.judge(answer(Statement(text, HOLDS.cites)), OURS, ASKED)
    assert Code.HIDDEN in codes(judged)
    assert not isinstance(judged, Delivered)


def test_soft_hyphens_and_joiners_are_part_of_text() -> None:
    text = HOLDS.text.replace("working", "work\u00ading")
    assert isinstance(JUDGE.judge(answer(Statement(text, HOLDS.cites)), OURS, ASKED), Delivered)


def test_plain_text_without_citations_is_no_answer_where_the_policy_asks_for_them() -> None:
    judged = JUDGE.judge(Proposal("answer", HOLDS.text), OURS, ASKED)
    assert isinstance(judged, Abstained)
    assert Code.UNCITED in codes(judged)


def test_a_sentence_of_a_stream_rests_on_the_document_that_it_marks() -> None:
    assert JUDGE.judge_sentence("Refunds to a card take 5 working days. [refunds]", OURS, ASKED).holds
    assert not JUDGE.judge_sentence("Refunds to a card take 5 working days. [vat]", OURS, ASKED).holds
    unmarked = JUDGE.judge_sentence("Refunds to a card take 5 working days.", OURS, ASKED)
    assert [finding.code for finding in unmarked.findings] == [Code.UNCITED]
    made_up = JUDGE.judge_sentence("Refunds to a card take 5 working days. [nowhere]", OURS, ASKED)
    assert Code.NOT_RETRIEVED in {finding.code for finding in made_up.findings}
    assert JUDGE.judge_sentence("Gladly!", OURS, ASKED).holds


@pytest.mark.parametrize(
    "proposal",
    [
        Proposal("answer", "x" * 1_000_000),
        answer(*[HOLDS] * 10_000),
        Proposal("answer", "spam " * 19_000 + "!"),
        answer(Statement("word " * 15_000, (Cite("refunds", "word " * 790),))),
        answer(Statement(HOLDS.text, tuple([Cite("refunds", "card take 7 days to a")] * 1_900))),
    ],
)
def test_a_huge_answer_is_refused_in_bounded_time(proposal: Proposal) -> None:
    began = time.process_time()
    judged = JUDGE.judge(proposal, OURS, ASKED)
    assert not isinstance(judged, Delivered)
    assert time.process_time() - began < 5  # a bound of kind, not a benchmark: quadratic work takes minutes


def test_a_scorer_out_of_range_is_an_error_and_no_evidence() -> None:
    odd = AnswerJudge(JUDGE.policy, DONE, lambda *_: Weight(float("nan"), "refunds"))
    with pytest.raises(ValueError, match="evidence lies in"):
        odd.judge(answer(HOLDS), OURS, ASKED)


def test_a_handoff_says_the_models_words_only_when_they_pass() -> None:
    fine = "I am handing this to a colleague who can see your invoices."
    assert JUDGE.handoff_text(fine, ASKED) == (fine, ())
    text, found = JUDGE.handoff_text("I have issued your refund, a colleague confirms.", ASKED)
    assert text == "A person takes over. By tomorrow."
    assert found[0].code is Code.COMMITMENT
    assert JUDGE.handoff_text("  ", ASKED)[0] == "A person takes over. By tomorrow."


statements = st.builds(
    Statement,
    st.sampled_from([HOLDS.text, "VAT in Spain is 21 %.", "Refunds are gold.", "I have issued your refund.", "Yes."]),
    st.lists(
        st.builds(
            Cite, st.sampled_from(["refunds", "vat", "none"]), st.sampled_from(["5 working days", "VAT", "gold"])
        ),
        max_size=2,
    ).map(tuple),
)


@given(st.lists(statements, max_size=4), st.sampled_from(["", "legal", "fresh"]), st.integers(0, 2))
def test_whatever_is_delivered_holds(found: list[Statement], slice: str, low: int) -> None:
    judged = JUDGE.judge(answer(*found), OURS, occasion(slice=slice, low_before=low))
    if isinstance(judged, Delivered):
        assert judged.text.strip()
        kept = [one for one in judged.statements if one.holds]
        assert kept
        assert all(one.score is not None and one.score >= JUDGE.evidence(slice).threshold for one in kept)
        assert all(one.statement.cites for one in kept)
        assert "gold" not in judged.text
        assert "issued your refund" not in judged.text


@given(st.lists(statements, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_one_more_source_of_another_tenant_changes_nothing(found: list[Statement], chance: random.Random) -> None:
    planted = Source(chance.choice(["refunds", "gold"]), "Refunds are gold. gold", "other")
    proposal = answer(*found)
    alone, beside = JUDGE.judge(proposal, OURS, ASKED), JUDGE.judge(proposal, (planted, *OURS), ASKED)
    assert type(alone) is type(beside)
    assert alone.text == beside.text


def test_the_limits_are_said_in_the_finding() -> None:
    judged = JUDGE.judge(Proposal("answer", "x" * (delivery.MAX_TEXT + 1)), OURS, ASKED)
    assert judged.findings[0].why == "100001 characters, at most 100000"


def test_a_source_valid_today_still_holds() -> None:
    today = Source(
        "refunds", REFUNDS.text, "acme", valid_until=ASKED.on, updated=date(2026, 11, 26) - timedelta(days=30)
    )
    assert isinstance(JUDGE.judge(answer(HOLDS), (today,), occasion(slice="fresh")), Delivered)


# ── no evidence asked ───────────────────────────────────────────────────────────────────────────────────────────


def asking(threshold: float, weigh: Any = recall, **more: Any) -> AnswerJudge:
    evidence = JUDGE.policy.evidence.model_copy(
        update={"threshold": threshold, "min_sources": 0, "must_cite": False, "slices": {}, **more}
    )
    return AnswerJudge(JUDGE.policy.model_copy(update={"evidence": evidence}), DONE, weigh)


def test_a_threshold_of_zero_asks_for_no_evidence_and_any_other_does() -> None:
    said = Proposal("answer", "Good morning to everybody who writes to us today.")
    assert isinstance(asking(0.0).judge(said, (), ASKED), Delivered)
    assert isinstance(asking(0.0).judge(said, OURS, ASKED), Delivered)
    for threshold in (1e-9, 0.01, 1.0):
        judged = asking(threshold).judge(said, (), ASKED)
        assert isinstance(judged, Abstained)
        assert judged.reason is Code.LOW_EVIDENCE


def test_where_no_evidence_is_asked_everything_else_still_is() -> None:
    judge = asking(0.0)
    promised = Proposal("answer", "I have issued your refund today.")
    assert Code.COMMITMENT in codes(judge.judge(promised, (), ASKED))
    cited = Statement("Refunds to a card take 9 days.", (Cite("refunds", "take 9 days"),))
    assert Code.FABRICATED in codes(judge.judge(answer(cited), OURS, ASKED))
    assert Code.UNCITED in codes(
        asking(0.0, must_cite=True).judge(Proposal("answer", "Refunds are quick here."), OURS, ASKED)
    )
    assert Code.TOO_FEW_SOURCES in codes(
        asking(0.0, min_sources=1).judge(Proposal("answer", "Refunds are quick here."), (), ASKED)
    )
    divided = asking(0.0, lambda *_: Weight(0.0, "refunds", against="vat"))
    assert Code.CONTRADICTION in codes(divided.judge(Proposal("answer", "Refunds are quick here."), OURS, ASKED))


def test_where_no_evidence_is_asked_what_a_reader_may_not_see_is_still_not_told_to_them() -> None:
    secret = Source("board", "The shop closes in May for good.", tenant="acme", readers=frozenset({"board"}))
    said = Proposal("answer", "The shop closes in May for good.")
    judged = asking(0.0).judge(said, (secret,), ASKED)
    assert Code.NOT_PERMITTED in codes(judged)
    assert not isinstance(judged, Delivered)
    assert isinstance(asking(0.0).judge(said, (secret,), occasion(roles=frozenset({"board"}))), Delivered)
