"""Promises of the command line: one result on stdout, everything else on stderr, an exit code that means something."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from feature import Feature
from interlock.cli import BUNDLE_COMMANDS, COMMANDS, Exit, command_fault, run

HEAVY = ("sqlalchemy", "aiohttp", "pydantic", "jinja2", "rich", "cyclopts", "ruamel", "securesystemslib", "alembic", "numpy",
         "pandas", "scipy", "fastapi", "starlette", "flask", "cryptography", "jsonschema_rs", "junitparser")  # fmt: skip


def python(code: str, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("code", ["import interlock", "from interlock.cli import run; run(['--help'])"])
def test_the_first_page_and_the_package_import_nothing_heavy(code: str) -> None:
    show = f"import sys; print(*[n for n in {HEAVY!r} if n in sys.modules], file=sys.stderr)"
    done = python(f"{code}\n{show}")
    assert (done.returncode, done.stderr.split()) == (0, [])


@pytest.mark.parametrize(
    "code", ["from interlock.cli import run; run(['explain', 'EVAL-03'])", "from interlock.core import verdict"]
)
def test_explaining_and_the_core_need_no_database_and_no_network(code: str) -> None:
    heavy = ("sqlalchemy", "aiohttp", "alembic", "pandas", "scipy", "numpy", "fastapi", "flask")
    done = python(f"{code}\nimport sys; print(*[n for n in {heavy!r} if n in sys.modules], file=sys.stderr)")
    assert (done.returncode, done.stderr.split()) == (0, [])


@pytest.mark.parametrize(
    "words", [[name] for name, *_ in COMMANDS] + [["bundle", name] for name, *_ in BUNDLE_COMMANDS] + [["bundle"], ["config"], ["config", "schema"]]
)  # fmt: skip
def test_every_command_has_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "--help"]) == 0
    out, err = capsys.readouterr()
    assert "Usage:" in out
    assert words[-1] in out
    assert err == ""


def test_the_overview_names_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name, *_ in COMMANDS)
    assert all(str(code.value) in out for code in Exit)


GOOD = (
    "status", "status --env production", "check", "check --env staging --plan", "rollback", "rollback prompt --reason drill",
    "rollback --undo --env staging", "explain EVAL-03", "history", "bundle verify", "bundle diff live", "promote staging --reason go",
    "lock --reason why", "apply 12345678", "waive X --reason r --owner o --approver a --control c --days 3", "check --help",
)  # fmt: skip
BAD = (
    "statu", "check --nosuch", "rollback nosuchpart", "promote", "bundle nosuch", "explain EVAL-03 EVAL-04", "approve",
    "waive X --days soon --reason r --owner o --approver a --control c", "check --env",
)  # fmt: skip


@pytest.mark.parametrize("line", GOOD)
def test_a_command_of_a_runbook_that_parses_is_accepted(line: str) -> None:
    assert command_fault(line.split()) is None


@pytest.mark.parametrize("line", BAD)
def test_a_command_of_a_runbook_that_does_not_parse_is_refused_with_a_reason(line: str) -> None:
    assert command_fault(line.split())


@pytest.mark.parametrize("line", BAD)
def test_a_wrong_call_is_exit_2_with_one_error_and_no_trace(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error[usage]")
    assert "Traceback" not in err


def test_an_unknown_check_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "EVAL-33"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "did you mean `EVAL-03`" in err


def test_a_folder_without_a_feature_is_told_how_to_make_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("check", "status", "lock", "history"):
        assert run([command, "--dir", str(tmp_path)]) == 2
        assert "interlock init" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


JSON_COMMANDS: Sequence[Sequence[str]] = (
    ["status"], ["check"], ["check", "--plan"], ["check", "--static"], ["history"], ["history", "--waivers"], ["lock"],
    ["bundle", "show"], ["bundle", "verify"], ["bundle", "diff", "live"], ["keys"], ["explain"], ["explain", "BND-01"],
    ["report", "--format", "json", "--out", "-"],
)  # fmt: skip


@pytest.mark.parametrize("words", JSON_COMMANDS)
def test_json_is_exactly_one_document_and_nothing_else(live: Feature, words: list[str]) -> None:
    given = [*words] if words[0] == "report" else [*words, "--json"]
    if words[0] == "explain":
        live._capsys.readouterr()
        assert run(given) == 0
        out, err = live._capsys.readouterr()
    else:
        code, out, err = live.run(*given)
        assert code in (0, 1, 3), err
    json.loads(out)
    assert out.endswith(("}\n", "]\n"))
    assert err == ""


def test_a_promotion_and_a_rollback_print_one_document_too(checked: Feature) -> None:
    for words in (["promote", "staging"], ["promote", "production"]):
        code, out, err = checked.run(*words, "--json")
        assert code in (0, 4)
        assert json.loads(out)
        assert err == ""


def test_the_exit_code_is_the_verdict_of_the_environment_that_was_asked(checked: Feature) -> None:
    assert checked.run("check")[0] == 0
    checked.edit("interlock.yaml", "production: {stage: lab", "production: {stage: ga")
    checked.lock()
    assert checked.run("check", "--env", "staging")[0] == 0
    assert checked.run("check", "--env", "production")[0] == 3
    assert checked.run("check")[0] == 3
    (checked.root / "interlock.lock").unlink()
    assert checked.run("check")[0] == 1


def rows(folder: Path, name: str, passed: int, n: int) -> str:
    path = folder / name
    path.write_text("".join(json.dumps({"case": f"c{i}", "slice": "s", "passed": i < passed}) + "\n" for i in range(n)))
    return str(path)


@pytest.mark.parametrize(("passed", "n", "code"), [(200, 200, 0), (100, 200, 1), (10, 10, 3)])
def test_compare_exits_with_its_verdict(
    passed: int, n: int, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", rows(tmp_path, "a.jsonl", n, n), rows(tmp_path, "b.jsonl", passed, n), "--json"]
    assert run(words) == code
    assert json.loads(capsys.readouterr().out)


def test_compare_and_import_refuse_what_is_not_there_or_not_theirs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.jsonl").write_text("no json\n")
    good = rows(tmp_path, "a.jsonl", 3, 3)
    for words in (
        ["compare", good, str(tmp_path / "gone.jsonl")],
        ["compare", good, str(tmp_path / "x.jsonl")],
        ["compare", good, good, "--slice-margin", "half"],
        ["import", "nosuch", good, "--out", str(tmp_path / "out")],
        ["import", "rows", str(tmp_path / "x.jsonl"), "--out", str(tmp_path / "out")],
    ):
        assert run(words) == 2, words
        out, err = capsys.readouterr()
        assert out == "", words
        assert err.startswith("error["), words
    assert not (tmp_path / "out").exists()


def test_import_writes_a_suite_and_exits_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", "rows", rows(tmp_path, "a.jsonl", 3, 4), "--out", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)
    assert list((tmp_path / "out").rglob("*.yaml"))


def test_a_reader_that_leaves_early_gets_no_trace(checked: Feature) -> None:
    words = [sys.executable, "-m", "interlock", "explain", "--json"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), err) == (0, b"")


def test_a_fault_of_ours_is_exit_70_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import interlock.cli.explain as module

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(module, "find_check", broken)
    assert run(["explain", "EVAL-03"]) == 70
    assert "error[bug]" in capsys.readouterr().err


def test_an_interruption_is_exit_130_and_says_that_work_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import interlock.cli.explain as module

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "find_check", interrupted)
    assert run(["explain", "EVAL-03"]) == 130
    assert "kept" in capsys.readouterr().err


def test_a_name_that_git_knows_becomes_the_name_of_a_key(tmp_path: Path) -> None:
    from interlock.settings import read_settings

    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "config", "user.name", "Zoë  O'Neill"], check=True)
    assert read_settings(tmp_path, {}).actor == "zoe-oneill"
    assert read_settings(tmp_path, {"INTERLOCK_ACTOR": "bo"}).actor == "bo"
    assert read_settings(tmp_path, {"INTERLOCK_ACTOR": "bo"}, actor="cy").actor == "cy"


def test_the_state_folder_keeps_itself_out_of_the_repository(checked: Feature) -> None:
    assert (checked.root / ".interlock/.gitignore").read_text() == "*\n"
    keys = list((checked.root / ".interlock/keys/keys").glob("*.pem"))
    assert keys
    assert all(key.stat().st_mode & 0o077 == 0 for key in keys)
