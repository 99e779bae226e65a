"""`interlock answers score`: the newcomer's first use of evidence, in one command."""

import json
from pathlib import Path

import pytest

from interlock.cli import run

ROWS = [
    {"id": str(at), "context": [{"id": "p", "text": "Refunds take 5 days."}], "question": "", "dataset": "made", "doc_id": f"d{at}",
     "response": f"Refunds take {6 if at % 2 else 5} days.", "label": "ungrounded" if at % 2 else "grounded"}
    for at in range(40)
]  # fmt: skip


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    return path


def test_each_row_gives_one_json_line(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["answers", "score", str(rows)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["id"] for line in lines] == [row["id"] for row in ROWS]
    assert all(0 <= line["support"] <= 1 for line in lines)
    assert lines[1]["findings"][0]["kind"] == "number"


def test_an_evaluation_is_the_last_line_and_its_table_goes_to_stderr(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["answers", "score", str(rows), "--evaluate", "--budget", "0.3"]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert len(lines) == len(ROWS) + 1
    (dataset,) = json.loads(lines[-1])["evaluation"]["datasets"]
    assert (dataset["dataset"], dataset["auroc"]) == ("made", 1.0)
    assert "AUROC 1.000" in shown.err
    assert "budget 30.0 %" in shown.err


def test_a_file_appears_whole_or_not_at_all(rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.jsonl"
    assert run(["answers", "score", str(rows), "--out", str(out)]) == 0
    assert len(out.read_text().splitlines()) == len(ROWS)
    rows.write_text(rows.read_text() + '{"id": 1}\n')
    kept = out.read_text()
    assert run(["answers", "score", str(rows), "--out", str(out)]) == 2
    assert f"{rows}:41:1" in capsys.readouterr().err
    assert out.read_text() == kept
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    "arguments",
    [["none.jsonl"], ["{rows}", "--budget", "1"], ["{rows}", "--scorer", "nobody"], ["{rows}", "--out", "/none/x"]],
)
def test_wrong_usage_ends_with_two(rows: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(["answers", "score", *(part.replace("{rows}", str(rows)) for part in arguments)]) == 2
    assert capsys.readouterr().err.startswith("error[")
