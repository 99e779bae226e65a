"""The answer policy inside an app: nothing leaves unjudged, whatever fails."""

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from interlock.core.answer import AnswerPolicy
from interlock.core.binding import bind
from interlock.core.delivery import Abstained, AnswerJudge, Clarified, Code, Delivered, Escalated, Weight
from interlock.core.guard_probe import CANARY
from interlock.core.handoff import missing
from interlock.core.phrase import folded_words
from interlock.core.retrieved import Source
from interlock.core.yaml_text import parse_yaml
from interlock.sdk.interaction import Answers, Interaction

POLICY = """answers: 1
evidence: {threshold: 0.6, min_sources: 1, must_cite: false}
abstain: {wording: {en: {text: "I do not know.", next: "Ask for a person."}}}
escalate:
  queue: people
  rules: [{id: person, when: {words: {en: ["real person"]}}, queue: people}]
  wording: {en: {text: "A person takes over.", next: "By tomorrow."}}
"""
SOURCES = [{"doc_id": "refunds", "text": "Refunds to a card take 5 working days. Ask in the app.", "tenant": "acme"}]
GOOD = {
    "text": "Refunds to a card take 5 working days.",
    "claims": [
        {
            "text": "Refunds to a card take 5 working days.",
            "cites": [{"doc_id": "refunds", "quote": "take 5 working days"}],
        }
    ],
}


def recall(statement: str, question: str, sources: Sequence[Source], beside: Sequence[Source]) -> Weight:
    words = set(folded_words(statement))
    best = max(sources, key=lambda source: len(words & set(folded_words(source.text))))
    return Weight(len(words & set(folded_words(best.text))) / max(1, len(words)), best.doc_id)


@pytest.fixture
def talk() -> Iterator[Interaction]:
    judge = AnswerJudge(
        bind(AnswerPolicy, parse_yaml(POLICY, "a.yaml")), {"refund.issue": ("issued your refund",)}, recall
    )
    with Answers(judge, "acme/billing", "sha256:1", {"*": 600}).interaction(tenant="acme") as interaction:
        interaction.heard("How long does a refund take?")
        yield interaction


def test_a_structured_answer_is_delivered_and_recorded(talk: Interaction) -> None:
    judged = talk.answer(GOOD, sources=SOURCES)
    assert isinstance(judged, Delivered)
    assert talk.record()[0]["outcome"] == "deliver"
    assert talk.turns[-1] == ("assistant", judged.text)


@pytest.mark.parametrize(
    "given",
    [
        {"claims": "none"}, {"text": 5}, {"claims": [{}]}, {"claims": [{"text": "x", "cites": [{"doc_id": 1}]}]},
        {"outcome": "shout"}, [1], 7, {"text": "", "claims": []}, "",
    ],
)  # fmt: skip
def test_what_is_no_answer_is_never_delivered(talk: Interaction, given: Any) -> None:
    judged = talk.answer(given, sources=SOURCES)
    assert isinstance(judged, Abstained)
    assert judged.findings


@pytest.mark.parametrize(
    "sources", [[{"text": "no id"}], [None], ["text"], 5, [{"doc_id": "a", "text": "b", "updated": "soon"}]]
)
def test_sources_that_cannot_be_read_deliver_nothing(talk: Interaction, sources: Any) -> None:
    judged = talk.answer(GOOD, sources=sources)
    assert not isinstance(judged, Delivered)
    assert judged.findings[0].code is Code.POLICY_ERROR


def test_a_scorer_that_fails_delivers_nothing(talk: Interaction) -> None:
    def broken(*_: object) -> Weight:
        raise OSError("the scorer is away")

    talk.answers.judge = AnswerJudge(talk.answers.judge.policy, {}, broken)
    judged = talk.answer(GOOD, sources=SOURCES)
    assert isinstance(judged, Escalated | Abstained)
    assert judged.findings[0].code is Code.POLICY_ERROR
    assert "".join(talk.stream(["Refunds to a card take 5 working days."], sources=SOURCES)).startswith(
        "A person takes over"
    )


def test_low_evidence_twice_in_one_conversation_calls_a_person(talk: Interaction) -> None:
    assert isinstance(talk.answer("You get gold coins tomorrow morning.", sources=SOURCES), Abstained)
    second = talk.answer("You get silver coins tomorrow morning.", sources=SOURCES)
    assert isinstance(second, Escalated)
    packet = talk.handoff(second)
    document = packet.to_json()
    assert missing(document) == []
    assert [turn["role"] for turn in document["conversation"]] == ["person", "assistant", "assistant"]
    assert document["within_s"] == 600
    assert any("low-evidence" in why for row in document["evidence"] for why in row["findings"])
    assert talk.handoff(second, at=packet.at).id == packet.id


def test_an_answer_between_two_weak_ones_starts_anew(talk: Interaction) -> None:
    talk.answer("You get gold coins tomorrow morning.", sources=SOURCES)
    talk.answer(GOOD, sources=SOURCES)
    assert isinstance(talk.answer("You get silver coins tomorrow morning.", sources=SOURCES), Abstained)


def test_a_stream_stops_before_the_first_sentence_that_does_not_hold(talk: Interaction) -> None:
    chunks = ["Refunds to a ca", "rd take 5 working days. You al", "so get 100 gold coins", " today. Ask in the app."]
    pieces = list(talk.stream(iter(chunks), sources=SOURCES))
    assert pieces[0] == "Refunds to a card take 5 working days. "
    assert pieces[1:] == ["\n\nI do not know. Ask for a person."]
    assert isinstance(talk.judged[-1], Abstained)
    assert [one.holds for one in talk.judged[-1].statements] == [True, False]


def test_a_stream_that_holds_leaves_as_it_came(talk: Interaction) -> None:
    text = "Refunds to a card take 5 working days. Ask in the app."
    assert "".join(talk.stream(text, sources=SOURCES)) == text
    assert isinstance(talk.judged[-1], Delivered)
    assert "".join(talk.stream([], sources=SOURCES)) == "I do not know. Ask for a person."


def test_a_question_for_a_person_never_begins_a_stream(talk: Interaction) -> None:
    talk.heard("Give me a real person!")
    said = list(talk.stream(iter(["Refunds to a card take 5 working days."]), sources=SOURCES))
    assert said == ["A person takes over. By tomorrow."]
    assert isinstance(talk.judged[-1], Escalated)


async def test_an_asynchronous_stream_is_judged_alike(talk: Interaction) -> None:
    async def chunks() -> AsyncIterator[str]:
        for chunk in ("Refunds to a card take 5 working", " days. You get 100 gold coins. ", "More."):
            yield chunk

    pieces = [piece async for piece in talk.astream(chunks(), sources=SOURCES)]
    assert pieces == ["Refunds to a card take 5 working days. ", "\n\nI do not know. Ask for a person."]


def test_a_stream_that_breaks_off_says_so(talk: Interaction) -> None:
    def breaks() -> Iterator[str]:
        yield "Refunds to a card take 5 working days. Ask "
        raise ConnectionError("gone")

    pieces = list(talk.stream(breaks(), sources=SOURCES))
    assert pieces[0].startswith("Refunds")
    assert pieces[-1].strip() == "A person takes over. By tomorrow."


def test_a_done_action_may_be_said_once_the_ledger_holds_it(talk: Interaction) -> None:
    said = {"text": f"{GOOD['text']} We issued your refund.", "claims": GOOD["claims"]}
    assert not isinstance(talk.answer(said, sources=SOURCES), Delivered)
    source = {"doc_id": "ledger", "text": "We issued your refund.", "tenant": "acme"}
    talk.did("refund.issue")
    both = {
        **said,
        "claims": [
            *GOOD["claims"],
            {"text": "We issued your refund.", "cites": [{"doc_id": "ledger", "quote": "issued your refund"}]},
        ],
    }
    assert isinstance(talk.answer(both, sources=[*SOURCES, source]), Delivered)
    talk.lost("refund.issue")
    assert isinstance(talk.answer(both, sources=[*SOURCES, source]), Escalated)


def test_asking_back_is_an_outcome_of_its_own(talk: Interaction) -> None:
    assert isinstance(talk.answer({"outcome": "clarify", "text": "Which invoice?"}), Clarified)
    assert talk.record()[0]["outcome"] == "clarify"


@pytest.mark.parametrize(
    ("probe", "code"),
    [
        ({"kind": "canary", "text": f"Hello {CANARY}"}, Code.CANARY),
        ({"kind": "commitment", "text": "We issued your refund."}, Code.COMMITMENT),
        ({"kind": "outage", "text": "x"}, Code.POLICY_ERROR),
    ],
)
def test_a_probe_takes_the_place_of_any_answer_and_never_leaves(talk: Interaction, probe: Any, code: Code) -> None:
    with talk.answers.interaction(tenant="acme", probe=probe) as probed:
        judged = probed.answer(GOOD, sources=SOURCES)
        assert not isinstance(judged, Delivered)
        assert code in {finding.code for finding in judged.findings}
        assert probe["text"] == "x" or probe["text"] not in judged.text
        assert code.value in str(probed.record())
    with talk.answers.interaction(tenant="acme", probe=probe) as probed:
        said = "".join(probed.stream(["Refunds to a card take 5 working days."], sources=SOURCES))
        assert "Refunds" not in said
        assert CANARY not in said


def test_what_is_no_probe_changes_nothing(talk: Interaction) -> None:
    with talk.answers.interaction(tenant="acme", probe={"kind": "deliver", "text": "gold"}) as probed:
        assert isinstance(probed.answer(GOOD, sources=SOURCES), Delivered)


OPERATIONS = """operations: 1
on_parse_failure: escalate
rota: {people: [Jon Brook]}
handoff: {people: {kind: folder, to: queue, within: 20m}}
"""
SCHEMA = (
    '{"type": "object", "properties": {"text": {"type": "string", "minLength": 1}}, "required": ["text", "version"]}'
)


def parts(folder: Path, *, operations: str = OPERATIONS) -> Answers:
    for name, text in (("a.yaml", POLICY), ("o.yaml", operations), ("s.json", SCHEMA)):
        (folder / name).write_text(text, "utf-8")
    return Answers.from_parts(answers=folder / "a.yaml", schema=folder / "s.json", operations=folder / "o.yaml")


def test_a_policy_from_files_holds_answers_to_the_schema_and_queues_to_their_time(tmp_path: Path) -> None:
    with parts(tmp_path).interaction(tenant="acme") as talk:
        judged = talk.answer(GOOD, sources=SOURCES)
        assert isinstance(judged, Escalated)  # `version` is missing, and the operations hand over what cannot be read
        assert judged.findings[0].code is Code.SHAPE
        assert talk.handoff(judged).within_s == 20 * 60
        assert isinstance(talk.answer({**GOOD, "version": 1}, sources=SOURCES), Delivered)


@pytest.mark.parametrize(("declared", "outcome"), [("escalate", Escalated), ("abstain", Abstained)])
def test_an_output_that_cannot_be_read_takes_the_declared_path(tmp_path: Path, declared: str, outcome: type) -> None:
    answers = parts(tmp_path, operations=OPERATIONS.replace("escalate", declared))
    with answers.interaction(tenant="acme") as talk:
        talk.heard("How long does a refund take?")
        judged = talk.unreadable("the output is not JSON")
        assert isinstance(judged, outcome)
        assert [finding.why for finding in judged.findings] == ["the output is not JSON"]
        assert talk.judged == [judged]
        talk.heard("I want a real person")
        called = talk.unreadable("the output is not JSON")
        assert isinstance(called, Escalated)
        assert called.rule == "person"


def test_an_unreadable_output_is_no_answer_even_when_the_policy_fails(talk: Interaction) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("away")

    object.__setattr__(talk.answers.judge, "instead", broken)
    judged = talk.unreadable("cut off")
    assert isinstance(judged, Abstained)
    assert judged.findings[0].code is Code.POLICY_ERROR


def test_an_outage_that_a_probe_asked_for_is_no_error_in_the_log(
    talk: Interaction, caplog: pytest.LogCaptureFixture
) -> None:
    with talk.answers.interaction(tenant="acme", probe={"kind": "outage", "text": "x"}) as probed:
        probed.answer(GOOD, sources=SOURCES)
    assert not caplog.records
    talk.answer(GOOD, sources=[None])  # type: ignore[list-item]
    assert len(caplog.records) == 1
