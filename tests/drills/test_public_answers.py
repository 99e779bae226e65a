"""Evidence scores on public labelled answers: by dataset, never as one figure. Skipped without the data."""

import os
from collections import defaultdict
from pathlib import Path

import pytest

from interlock.core.ranking import auroc
from interlock.core.risk import Labelled, calibrate
from interlock.core.words import clean, words
from interlock.scorers import support_scorer
from interlock.services.answer_rows import AnswerRow, read_answers, score_row

SHARED = Path(os.environ.get("INTERLOCK_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
Scored = dict[str, list[tuple[AnswerRow, float]]]


@pytest.fixture(scope="module")
def scored() -> Scored:
    path = SHARED / "grounding" / "labelled_responses.jsonl.gz"
    if not path.is_file():
        pytest.skip("the public data set grounding/ is not here; INTERLOCK_SHARED_DATA names its folder")
    scorer = support_scorer()
    found: Scored = defaultdict(list)
    for row in read_answers(path):
        if row.label in ("grounded", "ungrounded"):
            found[row.dataset].append((row, score_row(row, scorer).score))
    return found


def area(rows: list[tuple[AnswerRow, float]]) -> float:
    value = auroc(
        [s for row, s in rows if row.label == "grounded"], [s for row, s in rows if row.label != "grounded"]
    ).value
    assert value is not None
    return value


def overlap(row: AnswerRow) -> float:
    def stems(text: str) -> set[str]:
        return {word.stem for word in words(clean(text).text) if not word.function}

    said = stems(row.response)
    return len(said & {stem for passage in row.passages for stem in stems(passage.text)}) / max(1, len(said))


@pytest.mark.parametrize(
    ("dataset", "least", "over_overlap"),
    [("summedits", 0.74, 0.2), ("halueval_qa", 0.95, 0.05), ("mtrag_human", 0.93, -0.03)],
)
def test_support_tells_labelled_answers_apart_and_does_not_lose_to_word_overlap(
    scored: Scored, dataset: str, least: float, over_overlap: float
) -> None:
    rows = scored[dataset]
    assert area(rows) > least
    assert area(rows) - area([(row, overlap(row)) for row, _ in rows]) > over_overlap


@pytest.mark.parametrize("dataset", ["summedits", "halueval_qa", "mtrag_human"])
@pytest.mark.parametrize("budget", [0.05, 0.1, 0.2])
def test_a_promise_holds_on_held_back_documents_in_at_least_95_of_100_splits(
    scored: Scored, dataset: str, budget: float
) -> None:
    rows = [Labelled(score, row.label == "ungrounded", dataset, row.doc_id) for row, score in scored[dataset]]
    held = refuted = 0
    for seed in range(100):
        proof = calibrate(rows, budget, seed=seed).proof
        held += proof is None or (proof.at.risk or 0.0) <= budget
        refuted += proof is not None and proof.refutes(budget)
    assert held >= 95
    assert refuted <= 5
