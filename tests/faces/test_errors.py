"""What goes wrong is said once, in words, with a place and a way out, and never as a fault of ours."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from feature import Feature, write_feature
from interlock.adapters.sql import open_database
from interlock.cli import BUNDLE_COMMANDS, COMMANDS, GROUPS, run


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["explain", "EVAL-33"], "usage"),
        (["check", "--nosuch"], "usage"),
        (["rollback", "nosuchpart"], "usage"),
        (["status", "--dir", "/nowhere-at-all"], "usage"),
    ],
)
def test_whoever_asks_for_json_gets_an_error_as_one_document(
    words: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--json"]) == 2
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["schema"] == "interlock.error.v1"
    assert set(document["error"]) == {"code", "message", "place", "hint"}
    assert document["error"]["code"] == code
    assert document["error"]["message"] in err
    assert run(words) == 2
    assert capsys.readouterr() == ("", err)


def test_an_error_in_a_file_has_its_place_in_json_and_several_are_all_there(feature: Feature) -> None:
    feature.edit("interlock.yaml", "profile: light", "profile: light\nlimits: {min_cases: -1}")
    code, out, _ = feature.run("lock", "--json")
    assert (code, json.loads(out)["error"]["place"]) == (2, "interlock.yaml:5:21")
    feature.edit("interlock.yaml", "languages: [en]", "languages: []")
    code, out, _ = feature.run("lock", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (2, "many")
    assert len(json.loads(out)["errors"]) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["check", "--env", ""],
        ["check", "--against", ""],
        ["check", "--as", " "],
        ["status", "--env", ""],
        ["history", "--env", ""],
        ["rollback", "--to", ""],
        ["rollback", "--env", ""],
        ["promote", "staging", "--as", ""],
        ["waive", "EVAL-01", "--reason", "r", "--owner", "o", "--approver", "", "--control", "c", "--days", "1"],
    ],
)
def test_an_empty_value_never_means_the_default(
    live: Feature, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = live.live()
    assert run([*words, "--dir", str(live.root)]) == 2
    assert "empty" in capsys.readouterr().err
    assert live.live() == before


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b"{\n\xff"])
def test_a_lock_that_is_no_text_is_an_error_with_its_place(checked: Feature, content: bytes) -> None:
    (checked.root / "interlock.lock").write_bytes(content)
    code, _, err = checked.run("check", "--plan")
    assert code == 2
    assert "is not UTF-8" in err
    assert "interlock.lock" in err


def test_a_recording_that_is_no_text_is_an_error_with_its_place(feature: Feature) -> None:
    feature.edit("interlock.yaml", "calls: record,", "calls: replay-strict,")
    feature.lock()
    (feature.root / "recordings").mkdir()
    (feature.root / "recordings/a.jsonl").write_bytes(b'{"recording": 1}\n\xff\n')
    code, _, err = feature.run("check")
    assert code == 2
    assert "--> recordings/a.jsonl:2" in err


def test_a_state_folder_that_cannot_be_is_named_with_a_way_out(
    feature: Feature, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (feature.root / ".interlock").write_text("in the way")
    (tmp_path / "file").write_text("in the way")
    for place in (None, str(tmp_path / "file/state"), "/proc/no-state-here"):
        if place is not None:
            monkeypatch.setenv("INTERLOCK_STATE", place)
        for command in ("lock", "check", "status", "history"):
            code, out, err = feature.run(command)
            assert (code, out) == (2, ""), err
            assert "the state folder" in err
            assert "INTERLOCK_STATE" in err


def test_what_the_system_refuses_is_no_fault_of_ours(feature: Feature, monkeypatch: pytest.MonkeyPatch) -> None:
    import interlock.cli.lock as module

    def refused(path: Path, text: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(module, "write_file", refused)
    code, out, err = feature.run("lock")
    assert (code, out) == (2, "")
    assert "Permission denied" in err
    assert "Traceback" not in err


def tamper(feature: Feature, statement: str) -> None:
    database = open_database(f"sqlite:///{feature.root / '.interlock/facts.db'}")
    with database.write() as connection:
        connection.exec_driver_sql(statement)
    database.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE facts SET actor = 'eve' WHERE seq = 2",
        "UPDATE ledger_head SET seq = seq + 1",
        "UPDATE pointers SET document = replace(document, 'first', 'other')",
        "INSERT INTO revocations (digest, fact_seq) VALUES ('sha256:0', 1)",
    ],
)
def test_status_and_history_say_first_that_the_ledger_was_tampered_with(live: Feature, statement: str) -> None:
    for command in ("status", "history"):
        code, out, err = live.run(command)
        assert (code, err) == (0, "")
        assert "does not verify" not in out
    tamper(live, statement)
    for command in ("status", "history"):
        code, out, err = live.run(command)
        assert code == 1
        assert out.startswith("the ledger does not verify: ")
        assert len(out.splitlines()) > 1
        code, out, err = live.run(command, "--json")
        assert code == 1
        assert json.loads(out)
        assert err.startswith("the ledger does not verify: ")


def test_lock_shows_no_control_character(feature: Feature) -> None:
    feature.edit(
        "interlock.yaml",
        'requires: {schema: ">=1,<3"}',
        'requires: {schema: ">=1,<3", app: {capability: "x\\e[31m\\u202e"}}',
    )
    _, out, err = feature.run("lock")
    assert "BROKEN" in out
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out + err)


def test_no_hint_names_a_command_that_there_is_not() -> None:
    known = {name for name, *_ in (*COMMANDS, *BUNDLE_COMMANDS, *GROUPS)}
    for path in (Path(__file__).parents[2] / "src").rglob("*.py"):
        for name in re.findall(r"(?<!`)`interlock ([a-z]+)", path.read_text()):
            assert name in known, f"{path.name}: `interlock {name}`"


@pytest.mark.parametrize("extra", [[], ["--json"], ["--quiet"]])
def test_ctrl_c_while_measuring_says_what_is_kept(tmp_path: Path, as_ada: None, extra: list[str]) -> None:
    root, started = write_feature(tmp_path / "ferries"), tmp_path / "started"
    app = root / "app/main.py"
    slow = f"    import asyncio, pathlib\n    pathlib.Path({str(started)!r}).touch()\n    await asyncio.sleep(30)\n"
    app.write_text(app.read_text().replace('    text = request["input"]\n', slow + '    text = request["input"]\n'))
    words = [sys.executable, "-m", "interlock"]
    subprocess.run([*words, "lock", "--reason", "r", "--dir", str(root)], check=True, capture_output=True)
    check = [*words, "check", "--dir", str(root), *extra]
    process = subprocess.Popen(check, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 30
    while not started.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    said = "interrupted; what was measured is kept, run the same command again"
    assert (process.returncode, err.splitlines()[-1]) == (130, said)
    assert "Traceback" not in err
    assert (json.loads(out)["error"]["code"] if extra == ["--json"] else out) == (
        "interrupted" if extra == ["--json"] else ""
    )


def test_a_run_that_is_cancelled_from_inside_is_an_interruption_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import asyncio

    import interlock.cli.explain as module

    def cancelled(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(module, "find_check", cancelled)
    assert run(["explain", "EVAL-03"]) == 130
    assert "kept" in capsys.readouterr().err
