"""Answers that want to get through: each ends as a finding or a clear refusal, in bounded time, with the default scorer."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock import Answers
from interlock.core.delivery import Code, Delivered, Judged
from interlock.sdk.interaction import Interaction

POLICY = """answers: 1
evidence: {threshold: 0.8, min_sources: 1, must_cite: true}
abstain: {wording: {en: {text: "I do not know.", next: "Ask for a person."}}}
escalate: {queue: people, wording: {en: {text: "A person takes over.", next: "By tomorrow."}}}
"""
GLOSSARY = """glossary: 1
terms: [{term: refund, means: money back, owner: billing, actions: [refund.issue], done: [issued your refund, reembolsado]}]
"""
FEES = {"doc_id": "fees", "tenant": "acme", "text": "The setup fee for a new connection is €29.00. A move to a new address costs €19.00."}  # fmt: skip
TERM = {
    "doc_id": "term",
    "tenant": "acme",
    "text": "The minimum term of a plan is 12 months. It is not renewed by itself.",
}
THEIRS = {"doc_id": "theirs", "tenant": "other", "text": "The setup fee for staff of Other Ltd is €1.00."}
SOURCES = [FEES, TERM, THEIRS]
TRUE = "The setup fee for a new connection is €29.00."
SECONDS = 30
"""A bound of kind, not a benchmark: work that grows with the square takes minutes."""


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Interaction]:
    (tmp_path / "answers.yaml").write_text(POLICY, "utf-8")
    (tmp_path / "glossary.yaml").write_text(GLOSSARY, "utf-8")
    answers = Answers.from_parts(answers=tmp_path / "answers.yaml", glossary=tmp_path / "glossary.yaml")
    with answers.interaction(tenant="acme") as interaction:
        interaction.heard("What does a new connection cost?")
        yield interaction


def claim(text: str, doc_id: str = "fees", quote: str | None = None) -> dict[str, Any]:
    return {"text": text, "cites": [{"doc_id": doc_id, "quote": text if quote is None else quote}]}


def answer(*claims: dict[str, Any], text: str | None = None) -> dict[str, Any]:
    return {"text": " ".join(one["text"] for one in claims) if text is None else text, "claims": list(claims)}


def codes(judged: Judged) -> set[Code]:
    return {finding.code for finding in judged.findings}


def test_what_is_true_and_cited_is_delivered(talk: Interaction) -> None:
    assert isinstance(talk.answer(answer(claim(TRUE)), sources=SOURCES), Delivered)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param(answer(claim(THEIRS["text"], "theirs")), Code.NOT_RETRIEVED, id="quote of another tenant's document"),
        pytest.param(answer(claim(THEIRS["text"], "fees")), Code.FABRICATED, id="another tenant's words under an own document"),
        pytest.param(answer(claim(TRUE.replace("29", "39"))), Code.FABRICATED, id="quote with a changed amount"),
        pytest.param(answer(claim(TRUE.replace("29", "39"), quote=TRUE)), Code.LOW_EVIDENCE, id="changed amount over a true quote"),
        pytest.param(answer(claim(TRUE.replace("€29.00", "€2900"))), Code.FABRICATED, id="amount without its point"),
        pytest.param(answer(claim(TRUE, "elsewhere")), Code.NOT_RETRIEVED, id="document that was not retrieved"),
        pytest.param(answer(claim(TRUE, "term")), Code.MISATTRIBUTED, id="quote of another own document"),
        pytest.param(answer(claim("The minimum term of a new connection is €29.00.", quote="The setup fee")), Code.LOW_EVIDENCE,
                     id="claim split over two sources, cited to one"),
        pytest.param(answer(claim("The setup fee of a plan is 12 months.", quote="The setup fee of a plan is 12 months.")),
                     Code.FABRICATED, id="quote put together of two sources"),
        pytest.param(answer(claim("The setup fee A move to a new address costs €19.00.")), Code.SPLICED,
                     id="quote put together of two places"),
        pytest.param(answer(claim("The setup fee for a new connection is \u202e00.92€.", quote="The setup fee")), Code.HIDDEN,
                     id="right to left override"),
        pytest.param(answer(claim(TRUE.replace("29", "2\u200b9"), quote="The setup fee")), Code.HIDDEN, id="zero width space"),
        pytest.param(answer(claim(TRUE, quote="The\u2060 setup fee")), Code.HIDDEN, id="word joiner in a quote"),
        pytest.param(answer(claim(TRUE), text=f"{TRUE} And everybody gets a voucher of €50."), Code.LOW_EVIDENCE,
                     id="more text than claims"),
        pytest.param(answer(claim(TRUE), text=f"{TRUE} Reembolsado."), Code.COMMITMENT, id="done in one word beside a claim"),
        pytest.param(answer({"text": TRUE, "cites": []}), Code.UNCITED, id="no citation"),
        pytest.param(TRUE, Code.UNCITED, id="plain text without a citation"),
        pytest.param({"text": TRUE, "claims": [{"text": TRUE, "cites": [{"doc_id": "fees"}]}]}, Code.SHAPE, id="citation without a quote"),
    ],
)  # fmt: skip
def test_it_is_found_and_not_delivered(talk: Interaction, given: Any, code: Code) -> None:
    judged = talk.answer(given, sources=SOURCES)
    assert not isinstance(judged, Delivered)
    assert code in codes(judged)
    assert talk.turns[-1] == ("assistant", judged.text)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param("x" * 1_000_000, Code.TOO_LARGE, id="1 MB of one word"),
        pytest.param(f"{TRUE} " * 22_000, Code.TOO_LARGE, id="1 MB of true sentences"),
        pytest.param(answer(*[claim(TRUE)] * 10_000), Code.TOO_LARGE, id="10,000 claims"),
        pytest.param(answer(*[claim(TRUE)] * 10_000, text=TRUE), Code.TOO_LARGE, id="10,000 claims behind a short text"),
        pytest.param(answer(claim(TRUE, quote="The setup fee " * 70_000)), Code.FABRICATED, id="1 MB quote"),
        pytest.param({"text": TRUE, "claims": [{"text": TRUE, "cites": claim(TRUE)["cites"] * 10_000}]}, Code.TOO_LARGE,
                     id="10,000 citations"),
        pytest.param("[fees] " + "Not so. " * 12_000, Code.UNCITED, id="12,000 denials within the limit of size"),
    ],
)  # fmt: skip
def test_what_is_too_much_is_refused_in_bounded_time(talk: Interaction, given: Any, code: Code) -> None:
    began = time.process_time()
    judged = talk.answer(given, sources=SOURCES)
    assert time.process_time() - began < SECONDS
    assert not isinstance(judged, Delivered)
    assert code in codes(judged)


def test_a_document_of_a_quarter_megabyte_is_read_in_bounded_time(talk: Interaction) -> None:
    long = {**FEES, "text": f"{FEES['text']} " * 3_000}
    began = time.process_time()
    assert isinstance(talk.answer(answer(claim(TRUE)), sources=[long]), Delivered)
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize("chunks", [["x" * 1_000_000], ["word "] * 200_000, [TRUE + " [fees] "] * 10_000])
def test_a_stream_without_end_leaves_nothing_unjudged_in_bounded_time(talk: Interaction, chunks: list[str]) -> None:
    began = time.process_time()
    said = "".join(talk.stream(chunks, sources=SOURCES))
    assert time.process_time() - began < SECONDS
    assert TRUE in said or said.strip() == "I do not know. Ask for a person."
