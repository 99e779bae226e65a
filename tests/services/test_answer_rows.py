"""Answers as rows: read line by line, strictly, with a place for every fault, and scored as they stand."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from interlock.core.errors import DocumentError, UsageError
from interlock.scorers import support_scorer
from interlock.services.answer_evaluation import Evaluation
from interlock.services.answer_rows import read_answers, score_row, scored_json

ROW: dict[str, Any] = {
    "id": "a", "context": [{"id": "p", "text": "Refunds take 5 days."}], "question": "How long?", "response": "Refunds take 5 days.",
}  # fmt: skip


def write(path: Path, *rows: Any) -> Path:
    text = "".join((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_a_row_is_read_whole_and_a_line_that_is_empty_is_none(tmp_path: Path, name: str) -> None:
    full = {**ROW, "dataset": "d", "doc_id": 7, "slice": "s", "label": "grounded", "detail": {"more": [1]}}
    first, second = read_answers(
        write(tmp_path / name, full, "", {"id": 2, "response": "x", "context": None, "question": None})
    )
    assert (first.id, first.doc_id, first.label, first.slice, first.place.line) == ("a", "7", "grounded", "s", 1)
    assert (second.id, second.passages, second.question, second.label, second.place.line) == ("2", (), "", None, 3)


@pytest.mark.parametrize(
    ("row", "place", "said"),
    [
        ('{"id": "b"', "2:11", "not JSON"),
        ("[1]", "2:1", "a row is a mapping"),
        ({"id": "b"}, "2:1", "no `response`"),
        ({"response": "b"}, "2:1", "no `id`"),
        ({**ROW, "response": 1.5}, "2:", "`response` is no text"),
        ({**ROW, "response": None}, "2:", "no `response`"),
        ({**ROW, "context": {"a": 1}}, "2:", "`context` is no list"),
        ({**ROW, "context": [{"id": "p"}]}, "2:", "a passage has a `text`"),
        ({**ROW, "support": 1.5}, "2:", "in [0, 1]"),
        ({**ROW, "support": True}, "2:", "in [0, 1]"),
        ({**ROW, "outcome": "maybe"}, "2:", "no outcome"),
        ({**ROW, "response": "a" * 1_000_001}, "2:", "1,000,001 characters"),
        ('{"id": "b", "id": "c", "response": "x"}', "2:13", "twice"),
        ('{"id": "b", "response": "x", "support": NaN}', "2:41", "NaN"),
    ],
)
def test_the_first_row_that_is_none_is_blamed_with_its_place(tmp_path: Path, row: Any, place: str, said: str) -> None:
    path = write(tmp_path / "rows.jsonl", ROW, row)
    with pytest.raises(DocumentError) as fault:
        list(read_answers(path))
    assert said in str(fault.value)
    assert f"{path}:{place}" in str(fault.value)


def test_files_that_are_no_rows_are_blamed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        list(read_answers(tmp_path / "none.jsonl"))
    (tmp_path / "half.jsonl.gz").write_bytes(gzip.compress(json.dumps(ROW).encode() * 500)[:-20])
    with pytest.raises(DocumentError, match="not a whole gzip file"):
        list(read_answers(tmp_path / "half.jsonl.gz"))
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "\xe9"}\n')
    with pytest.raises(DocumentError, match="not UTF-8"):
        list(read_answers(tmp_path / "latin.jsonl"))


def test_what_people_wrote_is_read_with_its_direction_marks_which_the_scorer_finds(tmp_path: Path) -> None:
    (row,) = read_answers(
        write(tmp_path / "rows.jsonl", {**ROW, "response": "Refunds take \u202e5\u202c days.\u2028\u200e"})
    )
    found = scored_json(row, score_row(row, support_scorer()), "s")
    assert [finding["kind"] for finding in found["findings"]] == ["hidden", "hidden"]


def test_the_line_of_a_row_says_what_is_wrong_where(tmp_path: Path) -> None:
    said = "Refunds take 6 days."
    (row,) = read_answers(
        write(tmp_path / "rows.jsonl", {**ROW, "response": said, "dataset": "d", "label": "ungrounded"})
    )
    found = scored_json(row, score_row(row, support_scorer()), "embedded")
    assert (found["id"], found["dataset"], found["label"], found["scorer"]) == ("a", "d", "ungrounded", "embedded")
    (finding,) = found["findings"]
    assert (finding["kind"], said[finding["start"] : finding["end"]], finding["passage"]) == ("number", "6 days", "p")
    assert found["support"] < 0.5
    assert set(found["claims"][0]["parts"]) == {"words", "nearby", "runs"}


def test_an_evaluation_is_by_dataset_and_leaves_out_what_it_cannot_count(tmp_path: Path) -> None:
    rows = []
    for at in range(60):
        for label, said in (
            ("grounded", "Refunds take 5 days."),
            ("ungrounded", "Refunds take 6 days."),
            ("contested", "?"),
        ):
            rows.append(
                {**ROW, "id": f"{at}{label}", "dataset": "one", "doc_id": f"d{at}", "label": label, "response": said}
            )
    rows.append({**ROW, "dataset": "two", "label": "grounded"})
    evaluation, scorer = Evaluation(), support_scorer()
    for row in read_answers(write(tmp_path / "rows.jsonl", *rows)):
        found = score_row(row, scorer)
        evaluation.add(row, found.score, frozenset(doubt.kind.value for doubt in found.doubts))
    one, two = evaluation.report(0.1, splits=5)["datasets"]
    assert (one["grounded"], one["ungrounded"], one["left_out"]) == (60, 60, {"contested": 60})
    assert (one["auroc"], one["findings"]["number"]["ungrounded"], one["findings"]["number"]["grounded"]) == (
        1.0,
        60,
        0,
    )
    assert one["calibrated"]["unsupported"] == 0
    assert one["calibrated"]["delivered"] == 30
    assert (one["splits"]["held"], one["splits"]["delivering"]) == (5, 5)
    assert (two["auroc"], two["calibrated"]["outcome"]) == (None, "too few labels")


def test_a_scorer_that_nobody_offers_is_refused() -> None:
    with pytest.raises(UsageError, match="nobody offers"):
        support_scorer("hhem")
