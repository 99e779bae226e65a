"""Calibration: the policy gets what the labels prove, the rest of its bytes stay, and the record cannot promise more."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from feature import Feature
from interlock.cli import run
from interlock.core.binding import bind
from interlock.core.calibration import Calibration, promises
from interlock.core.checks import LIMITS
from interlock.core.errors import DocumentError
from interlock.core.json_text import parse_json
from interlock.core.manifest import Profile
from interlock.core.rules import RULES, Standing
from interlock.core.support import SCORER
from interlock.services.tune import Labels, Terms, record_text
from interlock.services.yaml_edit import with_key_after, with_values

STANDARD = LIMITS[Profile.STANDARD]
PARTS = {"model": "sha256:1", "prompt": "sha256:2", "retriever": "none"}


def record(good: int = 400, bad: int = 100, *, faulty: int = 0, **changes: Any) -> Calibration:
    """Labels of which `faulty` unsupported ones score as high as the good ones."""
    answers = [(0.9, 0, "refunds", f"g{at}") for at in range(good)]
    answers += [(0.9 if at < faulty else 0.2, 1, "refunds", f"b{at}") for at in range(bad)]
    base: dict[str, Any] = {"calibration": 1, "scorer": SCORER, "budget": 0.05, "confidence": 0.95, "seed": 0,
                            "measured_at": "2026-11-26T00:00:00+00:00", "parts": PARTS, "answers": answers}  # fmt: skip
    return Calibration.model_validate_json(json.dumps({**base, **changes}))


def ruled(
    found: Calibration, policy: dict[str, float] | None = None, parts: dict[str, str] | None = None
) -> tuple[str, str]:
    data = promises(found, policy or {"*": 0.9}, parts or PARTS, SCORER)
    ruling = RULES["SAFE-03"](data, STANDARD)
    return ruling.standing.value, ruling.seen + " " + ruling.proves


def test_a_record_whose_labels_prove_the_threshold_passes() -> None:
    standing, said = ruled(record())
    assert standing == Standing.PASS
    assert "500 labelled answers" in said


@pytest.mark.parametrize(
    ("found", "policy", "parts", "standing", "said"),
    [
        (record(), {"*": 0.5}, None, "fail", "the policy delivers from 0.500, 0.900 was calibrated"),
        (record(), {"*": 0.9, "refunds": 0.1}, None, "fail", "refunds: the policy delivers from 0.100"),
        (record(), None, {**PARTS, "prompt": "sha256:3"}, "owed", "another prompt"),
        (record(scorer="hhem"), None, None, "owed", "scorer (hhem)"),
        (record(budget=0.2), None, None, "fail", "larger than the profile permits"),
        (record(confidence=0.8), None, None, "fail", "only 80.0 % sure"),
        (record(good=40, bad=5), None, None, "owed", "too few labels"),
        (record(faulty=90), None, None, "fail", "no threshold keeps the budget"),
    ],
)
def test_a_record_that_proves_less_does_not_pass(
    found: Calibration, policy: dict[str, float] | None, parts: dict[str, str] | None, standing: str, said: str
) -> None:
    found_standing, text = ruled(found, policy, parts)
    assert found_standing == standing
    assert said in text


def test_the_record_is_one_answer_a_line_and_reads_back() -> None:
    text = record_text(record(good=3, bad=2))
    assert bind(Calibration, parse_json(text, "calibration.json")) == record(good=3, bad=2)
    assert sum(line.lstrip().startswith("[0.") for line in text.splitlines()) == 5


def labels(path: Path, n: int = 400, **more: Any) -> Path:
    rows = []
    for at in range(n):
        bad = at % 4 == 0
        said = f"The ferry costs {6 if bad else 5} euros and leaves at noon."
        rows.append({"id": str(at), "context": [{"id": "p", "text": "The ferry costs 5 euros and leaves at noon."}], "question": "",
                     "response": said, "label": "ungrounded" if bad else "grounded", "doc_id": f"d{at}", **more})  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_tuning_prints_the_change_and_writes_nothing_until_it_is_told_to(
    feature: Feature, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in feature.root.rglob("*") if path.is_file()}
    assert run(["tune", "abstention", "--data", str(labels(tmp_path / "l.jsonl")), "--dir", str(feature.root)]) == 0
    out = capsys.readouterr().out
    assert any(line.startswith("+") and "threshold" in line for line in out.splitlines())
    assert "(proven)" in out
    assert {path: path.read_bytes() for path in feature.root.rglob("*") if path.is_file()} == before


def test_what_is_written_passes_safe_03_and_a_second_tuning_changes_nothing(
    feature: Feature, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["tune", "abstention", "--data", str(labels(tmp_path / "l.jsonl")), "--dir", str(feature.root)]
    assert run([*command, "--write"]) == 0
    capsys.readouterr()
    assert run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["diff"] == []
    assert run(["lock", "--reason", "calibrated", "--dir", str(feature.root)]) == 0
    capsys.readouterr()
    run(["check", "--static", "--json", "--dir", str(feature.root)])
    checks = {row["id"]: row for row in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["SAFE-03"]["status"] == "pass"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--budget", "0"], "a budget and a confidence lie in (0, 1)"), (["--confidence", "1"], "lie in (0, 1)"),
     (["--seed", "-1"], "a seed is 0 or more")],
)  # fmt: skip
def test_terms_out_of_range_are_wrong_usage(
    feature: Feature, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    data = labels(tmp_path / "l.jsonl", 4)
    assert run(["tune", "abstention", "--data", str(data), "--dir", str(feature.root), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_rows_without_labels_or_of_two_scorers_are_refused(
    feature: Feature, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = labels(tmp_path / "l.jsonl", 4, label="maybe")
    assert run(["tune", "abstention", "--data", str(data), "--dir", str(feature.root)]) == 2
    assert "no answer has the label" in capsys.readouterr().err
    mixed = tmp_path / "m.jsonl"
    mixed.write_text(
        labels(tmp_path / "a.jsonl", 2).read_text()
        + labels(tmp_path / "b.jsonl", 2, support=0.5, scorer="x").read_text()
    )
    assert run(["tune", "abstention", "--data", str(mixed), "--dir", str(feature.root)]) == 2
    assert "do not compare" in capsys.readouterr().err


def test_escalated_and_abstained_answers_are_counted_beside_the_delivered(tmp_path: Path) -> None:
    from interlock.scorers import support_scorer
    from interlock.services.answer_rows import read_answers
    from interlock.services.tune import gather

    text = (
        labels(tmp_path / "a.jsonl", 6).read_text()
        + labels(tmp_path / "b.jsonl", 3, outcome="escalate", slice="s").read_text()
    )
    text += labels(tmp_path / "c.jsonl", 1, outcome="abstain").read_text()
    text += labels(tmp_path / "e.jsonl", 1, outcome="clarify").read_text()
    (tmp_path / "d.jsonl").write_text(text)
    found = gather(read_answers(tmp_path / "d.jsonl"), support_scorer())
    assert isinstance(found, Labels)
    assert (len(found.answers), found.escalated, found.abstained) == (6, {"*": 3, "s": 3}, 2)
    assert Terms() == Terms(0.05, 0.95, 0)
    assert datetime.now(UTC)


POLICY = """# why
answers: 1
evidence:
  threshold: 0.35   # guessed
  must_cite: true
  slices: {}

# the next one
abstain: {wording: {en: {text: 'a: b', next: "c"}}}
forbidden: [ {id: x,   words: [a]} ]
"""


def test_only_the_block_that_changes_is_written_anew() -> None:
    text = with_values(POLICY, "a.yaml", "evidence", {("threshold",): 0.5, ("slices", "refunds", "threshold"): 0.7})
    assert text.replace("0.5 ", "0.35").split("# the next one")[1] == POLICY.split("# the next one")[1]
    assert text.startswith("# why\nanswers: 1\nevidence:\n  threshold: 0.5")
    assert "# guessed" in text
    assert "refunds:\n      threshold: 0.7" in text


def test_a_change_that_cannot_be_made_cleanly_is_left_to_a_person() -> None:
    with pytest.raises(DocumentError, match="without touching"):
        with_values(POLICY, "a.yaml", "missing", {("a",): 1})
    with pytest.raises(DocumentError, match="without touching"):
        with_key_after("a: {b: [1,\n  2]}\n", "a.yaml", ("a", "b"), "c", "2")
    assert with_key_after('a: {b: "x", d: z} # y\n', "a.yaml", ("a", "b"), "c", "w") == 'a: {b: "x", c: w, d: z} # y\n'
    assert (
        with_key_after("a:\n  b: x # y\n  d: z\n", "a.yaml", ("a", "b"), "c", "w") == "a:\n  b: x # y\n  c: w\n  d: z\n"
    )
