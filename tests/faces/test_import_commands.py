"""The commands that bring cases and runs in: what they print, what they refuse, how they end."""

import json
from pathlib import Path

import pytest

from interlock.cli import SUITE_COMMANDS, Exit, run

GOLDEN = Path(__file__).parents[1] / "golden/imports"


def test_a_file_needs_no_format_and_a_format_may_stand_before_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(GOLDEN / "promptfoo-0.121.20.json")
    assert run(["import", file, "--out", str(tmp_path / "a"), "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert run(["import", "promptfoo", file, "--out", str(tmp_path / "b"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == one
    assert run(["import", "promptfoo", file, "--format", "inspect", "--out", str(tmp_path / "c")]) == Exit.USAGE
    assert run(["import", file, "--format", "inspect", "--out", str(tmp_path / "c")]) == Exit.USAGE
    assert "none of Inspect logs" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("option", [["--column", "input"], ["--column", "colour=x"], ["--pass-at", "2"], ["--bind"]])
def test_a_choice_that_cannot_be_is_refused(tmp_path: Path, option: list[str]) -> None:
    file = str(GOLDEN / "pytest-9.2.xml")
    assert run(["import", file, "--out", str(tmp_path / "a"), *option]) == Exit.USAGE
    assert not (tmp_path / "a").exists()


def test_two_imported_releases_compare_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", str(GOLDEN / "promptfoo-0.121.20.json"), "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    rows = [str(tmp_path / f"results/ferries-{n}.jsonl") for n in (1, 2)]
    assert run(["compare", *rows, "--format", "junit"]) == Exit.HOLD
    assert 'type="owed"' in capsys.readouterr().out
    out = tmp_path / "statement.json"
    assert run(["compare", *rows, "--format", "intoto", "--out", str(out)]) == Exit.HOLD
    assert json.loads(out.read_text("utf-8"))["predicate"]["verdict"] == "HOLD"


def test_a_missing_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    real = importlib.import_module

    def without(name: str) -> object:
        if name in ("zstandard", "compression.zstd"):
            raise ModuleNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib, "import_module", without)
    assert run(["import", str(GOLDEN / "inspect-0.3.285.eval"), "--out", str(tmp_path / "a")]) == Exit.USAGE
    assert "pip install 'interlock[inspect]'" in capsys.readouterr().err


def test_conversations_that_were_not_all_taken_end_in_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.jsonl"
    good = {"id": "1", "messages": [{"role": "user", "content": "How do I get a refund to a@b.example?"}]}
    path.write_text(json.dumps(good) + "\n{broken\n", "utf-8")
    assert run(["suite", "import", "jsonl", str(path), "--out", str(tmp_path / "a")]) == Exit.PARTLY
    printed = capsys.readouterr().out
    assert "c.jsonl:2:2" in printed
    assert "email 1" in printed
    path.write_text(json.dumps(good) + "\n", "utf-8")
    assert run(["suite", "import", "jsonl", str(path), "--out", str(tmp_path / "b"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["waiting"] == 1
    assert run(["suite", "import", "jsonl", str(path), "--out", str(tmp_path / "c"), "--slice", "x"]) == Exit.USAGE
    assert run(["suite", "import", "jsonl", str(path), "--out", str(tmp_path / "c"), "--near", "0"]) == Exit.USAGE
    assert not (tmp_path / "c").exists()


def test_every_suite_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name, _, _ in SUITE_COMMANDS:
        assert run(["suite", name, "--help"]) == 0
        assert name in capsys.readouterr().out
