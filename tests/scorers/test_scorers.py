"""Scorers: each judges its own key, never invents a number, and is not fooled cheaply."""

import json
import math
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.errors import DocumentError
from interlock.core.score import Absent, Reply, Score, Scored, Trial, Unscored
from interlock.core.suite import Case, Expect
from interlock.scorers import default_scorers, load_scorers
from interlock.scorers.abstention import Abstention
from interlock.scorers.citation import Citation
from interlock.scorers.cost import Cost
from interlock.scorers.escalation import Escalation
from interlock.scorers.exact import Exact
from interlock.scorers.facts import Facts
from interlock.scorers.latency import Latency
from interlock.scorers.regex import Regex
from interlock.scorers.schema import Schema
from interlock.scorers.tool_calls import ToolCalls, holds


def judge(scorer: Any, expect: dict[str, Any], reply: Reply | None = None, **trial: Any) -> Score:
    reply = reply or Reply("answer", "hello")
    case = Case(id="c", input="q", slices=("s",), expect=Expect.model_validate_json(json.dumps(expect)), source="test")
    score: Score = scorer.score(case, Trial("c", 0, reply, **trial), reply)
    return score


def passed(score: Score) -> bool:
    assert isinstance(score, Scored), score
    return score.passed


@pytest.mark.parametrize(
    "scorer", [Exact(), Regex(), Facts(), Citation(), Abstention(), Escalation(), ToolCalls(), Latency(), Cost()]
)
def test_a_case_that_expects_nothing_of_a_scorer_is_not_judged_by_it(scorer: Any) -> None:
    score = judge(scorer, {})
    assert score == Unscored(scorer.name, Absent.NOT_APPLICABLE)


def test_the_names_are_unique_and_none_is_the_whole_case() -> None:
    names = [scorer.name for scorer in default_scorers({"type": "object"})]
    assert len(set(names)) == len(names) == 13
    assert "case" not in names
    assert load_scorers() == ()


texts = st.text(max_size=60)
json_values = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | texts,
                           lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8)  # fmt: skip
cites = st.fixed_dictionaries({"doc_id": st.sampled_from(["A", "B"]), "quote": texts})
replies = st.builds(
    Reply,
    outcome=st.sampled_from(["answer", "clarify", "abstain", "escalate"]),
    text=texts,
    claims=st.lists(st.fixed_dictionaries({"text": texts, "cites": st.lists(cites, max_size=3)}), max_size=3).map(tuple),
    queue=st.none() | st.sampled_from(["billing", "security"]),
    retrieved=st.lists(st.fixed_dictionaries({"doc_id": st.sampled_from(["A", "B"]), "text": texts}), max_size=3).map(tuple),
    tool_calls=st.lists(st.fixed_dictionaries({"tool": st.sampled_from(["t", "u"]), "arguments": st.dictionaries(texts, json_values, max_size=2),
                                               "status": st.sampled_from(["proposed", "executed", "refused"])}), max_size=4).map(tuple),
    output=json_values,
)  # fmt: skip
expects = st.fixed_dictionaries({}, optional={
    "facts": st.lists(texts.filter(str.strip) | st.lists(texts.filter(str.strip), min_size=1, max_size=2), max_size=3),
    "cites": st.lists(st.sampled_from(["A", "B"]), max_size=2),
    "outcome": st.sampled_from(["answer", "abstain", "escalate"]),
    "queue": st.sampled_from(["billing", "security"]),
    "tools": st.lists(st.fixed_dictionaries({"tool": st.sampled_from(["t", "u"])}), max_size=4),
    "forbid_tools": st.lists(st.sampled_from(["t", "u"]), max_size=1),
    "exact": texts,
    "regex": st.sampled_from(["a+", "^$", "(a+)+$"]),
    "max_latency_s": st.floats(0.001, 10),
    "max_cost_usd": st.floats(0, 10),
})  # fmt: skip


@given(expects, replies, st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_score_is_a_number_in_the_unit_interval_and_the_same_every_time(
    expect: dict[str, Any], reply: Reply, latency_s: float, cost_usd: float
) -> None:
    for scorer in default_scorers({"type": "object"}):
        score = judge(scorer, expect, reply, latency_s=latency_s, cost_usd=cost_usd)
        assert score == judge(scorer, expect, reply, latency_s=latency_s, cost_usd=cost_usd)
        if isinstance(score, Scored):
            assert not math.isnan(score.value)
            assert 0 <= score.value <= 1
            assert score.passed == (score.value == 1.0)
            assert score.passed or score.why


@pytest.mark.parametrize(
    ("expect", "text", "good"),
    [
        ({"facts": ["ten working days"]}, "Within TEN\u00a0 working\ndays.", True),
        ({"facts": ["straße"]}, "Die STRASSE", True),
        ({"facts": ["café"]}, "cafe\u0301", True),
        ({"facts": ["9.90"]}, "It is 19.90.", False),
        ({"facts": ["9"]}, "It is 9.90.", False),
        ({"facts": ["9.90"]}, "It is 9.90.", True),
        ({"facts": ["9"]}, "19 or 9", True),
        ({"facts": [["refund", "money back"]]}, "You get your money back", True),
        ({"facts": ["a", "zzz"]}, "a", False),
        ({"forbid": ["reimburse"]}, "We REIMBURSE you", False),
        ({"forbid": ["reimburse"]}, "We refund you", True),
        ({"facts": ["refund"], "forbid": ["reimburse"]}, "refund, reimburse", False),
    ],
)
def test_facts_are_found_as_a_reader_would_find_them(expect: dict[str, Any], text: str, good: bool) -> None:
    assert passed(judge(Facts(), expect, Reply("answer", text))) is good


def test_facts_are_not_asked_of_a_reply_that_may_abstain() -> None:
    reply = Reply("abstain", "I do not know")
    assert isinstance(judge(Facts(), {"facts": ["x"], "outcome": ["answer", "abstain"]}, reply), Unscored)
    assert not passed(judge(Facts(), {"facts": ["x"], "outcome": "answer"}, reply))


@pytest.mark.parametrize("facts", [[""], [[" "]], [["a", ""]]])
def test_an_empty_fact_is_an_error_and_not_always_true(facts: list[Any]) -> None:
    with pytest.raises(DocumentError, match="empty fact"):
        judge(Facts(), {"facts": facts}, Reply("answer", "a"))


@pytest.mark.parametrize("pattern", ["x" * 501, "(?=a)b", r"(a)\1", "["])
def test_a_pattern_that_could_run_away_or_means_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(DocumentError, match="refused"):
        judge(Regex(), {"regex": pattern})


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "a*a*a*a*a*a*b", "(.*)(.*)(.*)x"])
def test_no_accepted_pattern_takes_exponential_time(pattern: str) -> None:
    start = time.perf_counter()
    judge(Regex(), {"regex": pattern}, Reply("answer", "a" * 19_999 + "!"))
    assert time.perf_counter() - start < 1


def test_a_pattern_is_searched_anywhere_in_the_text() -> None:
    assert passed(judge(Regex(), {"regex": r"INV-\d{4}"}, Reply("answer", "see INV-1234.")))
    assert not passed(judge(Regex(), {"regex": r"^INV-\d{4}$"}, Reply("answer", "see INV-1234.")))


def test_exact_is_the_whole_text() -> None:
    assert passed(judge(Exact(), {"exact": "hello"}, Reply("answer", " hello\n")))
    assert not passed(judge(Exact(), {"exact": "hello"}, Reply("answer", "hello you")))


def test_an_output_is_judged_by_the_schema_and_nothing_is_fetched() -> None:
    scorer = Schema(
        {
            "type": "object",
            "required": ["text"],
            "properties": {"text": {"$ref": "#/$defs/t"}},
            "$defs": {"t": {"type": "string"}},
        }
    )
    assert passed(judge(scorer, {}, Reply("answer", "x", output={"text": "x"})))
    assert not passed(judge(scorer, {}, Reply("answer", "x", output={"text": 1})))
    assert not passed(judge(scorer, {}, Reply("answer", "x")))
    for ref in ("https://example.org/x.json", "file:///etc/passwd"):
        with pytest.raises(DocumentError, match="refused"):
            Schema({"$ref": ref})
    with pytest.raises(DocumentError, match="refused"):
        Schema({"type": "nonsense"})


def cited(doc_id: str, quote: str, *, text: str = "Refunds take  ten\u00a0days.") -> Reply:
    claims = ({"text": "c", "cites": [{"doc_id": doc_id, "quote": quote}]},)
    return Reply("answer", "x", claims=claims, retrieved=({"doc_id": "KB-1", "text": text},))


def test_a_citation_holds_only_word_for_word_in_a_retrieved_document() -> None:
    assert passed(judge(Citation(), {"cites": ["KB-1", "KB-2"]}, cited("KB-1", "take ten days")))
    for doc_id, quote in (
        ("KB-2", "take ten days"),
        ("KB-1", "take two days"),
        ("KB-1", ""),
        ("KB-1", "TAKE ten days"),
    ):
        score = judge(Citation(), {}, cited(doc_id, quote))
        assert not passed(score), (doc_id, quote)
    assert not passed(judge(Citation(), {"cites": ["KB-9"]}, cited("KB-1", "take ten days")))
    assert not passed(judge(Citation(), {"cites": ["KB-1"]}, Reply("answer", "x")))


def test_a_claim_without_a_source_fails_where_sources_are_expected() -> None:
    good = cited("KB-1", "take ten days")
    assert not passed(
        judge(Citation(), {"cites": ["KB-1"]}, replace(good, claims=(*good.claims, {"text": "and more", "cites": []})))
    )


def test_outcome_and_queue_are_two_findings() -> None:
    handed = Reply("escalate", "x", queue="billing")
    assert passed(judge(Abstention(), {"outcome": ["escalate", "abstain"]}, handed))
    assert not passed(judge(Abstention(), {"outcome": "answer"}, handed))
    assert passed(judge(Escalation(), {"outcome": "escalate", "queue": "billing"}, handed))
    assert not passed(judge(Escalation(), {"outcome": "escalate", "queue": "security"}, handed))
    assert not passed(judge(Escalation(), {"queue": "security"}, Reply("answer", "x")))
    assert isinstance(
        judge(Escalation(), {"outcome": ["abstain", "escalate"], "queue": "billing"}, Reply("abstain", "x")), Unscored
    )


def called(*calls: tuple[str, dict[str, Any], str]) -> Reply:
    return Reply("answer", "x", tool_calls=tuple({"tool": t, "arguments": a, "status": s} for t, a, s in calls))


def test_expected_calls_are_paired_one_to_one_by_a_subset_of_their_arguments() -> None:
    general, narrow = {"tool": "refund", "arguments": {}}, {"tool": "refund", "arguments": {"amount": 5}}
    two = called(("refund", {"amount": 5, "id": 1}, "executed"), ("refund", {"amount": 7}, "proposed"))
    assert passed(judge(ToolCalls(), {"tools": [general, narrow]}, two))  # a greedy pairing would miss this
    assert passed(judge(ToolCalls(), {"tools": [narrow]}, two))
    assert not passed(judge(ToolCalls(), {"tools": [narrow, narrow]}, two))
    assert not passed(judge(ToolCalls(), {"tools": [narrow]}, called(("refund", {"amount": 5}, "refused"))))


def test_what_is_forbidden_does_harm_and_what_is_only_wrong_does_not() -> None:
    def harm(score: Score) -> bool:
        assert isinstance(score, Scored)
        return score.harm

    assert harm(judge(ToolCalls(), {"forbid_tools": ["t"]}, called(("t", {}, "proposed"))))
    assert not harm(judge(ToolCalls(), {"forbid_tools": ["t"]}, called(("t", {}, "refused"))))
    assert not harm(judge(ToolCalls(), {"tools": [{"tool": "t"}]}, called()))
    assert harm(judge(Facts(), {"forbid": ["hello"]}))
    assert not harm(judge(Facts(), {"facts": ["goodbye"]}))
    with pytest.raises(ValueError, match="has not passed"):
        Scored("x", 1.0, True, harm=True)


def test_asking_back_is_an_outcome_like_others() -> None:
    back = Reply("clarify", "Which one?")
    assert passed(judge(Abstention(), {"outcome": "clarify"}, back))
    assert not passed(judge(Abstention(), {"outcome": ["answer", "abstain"]}, back))
    assert not passed(judge(Abstention(), {"outcome": "clarify"}, Reply("answer", "Five days.")))


def test_no_call_at_all_and_forbidden_calls() -> None:
    assert passed(judge(ToolCalls(), {"tools": []}, called(("t", {}, "refused"))))
    assert not passed(judge(ToolCalls(), {"tools": []}, called(("t", {}, "proposed"))))
    assert not passed(judge(ToolCalls(), {"forbid_tools": ["t"]}, called(("t", {}, "proposed"))))
    assert passed(judge(ToolCalls(), {"forbid_tools": ["t"]}, called(("u", {}, "proposed"))))


def test_true_is_not_one() -> None:
    assert not holds({"a": 1}, {"a": True})
    assert not holds([1], [True])
    assert holds([{"a": 1}], [{"a": 1}])
    assert not holds([{"a": 1}], [{"a": 1, "b": 2}])


def test_time_and_money_have_limits() -> None:
    assert passed(judge(Latency(), {"max_latency_s": 2}, latency_s=2.0))
    assert not passed(judge(Latency(), {"max_latency_s": 2}, latency_s=2.1))
    assert passed(judge(Cost(), {"max_cost_usd": 0}, cost_usd=0.0))
    assert not passed(judge(Cost(), {"max_cost_usd": 0.1}, cost_usd=0.2))
