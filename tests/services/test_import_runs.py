"""Runs recorded elsewhere become a suite, recordings and result rows; on made-up runs and on public ones."""

import json
import os
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from interlock.adapters.targets.recorded import RecordedTarget
from interlock.core.binding import bind
from interlock.core.broken import BrokenRun
from interlock.core.errors import DocumentError, UsageError
from interlock.core.json_text import parse_jsonl
from interlock.core.score import Absent, Reply, Scored, Trial, Unscored
from interlock.core.suite import Case, Expect, Suite, SuiteFile
from interlock.core.verdict import Word
from interlock.core.yaml_text import parse_yaml
from interlock.ports import Chat, TargetReply
from interlock.scorers.recorded import Recorded
from interlock.scorers.tool_calls import ToolCalls
from interlock.services.compare import Comparison, compare
from interlock.services.import_runs import FORMATS, ImportReport, import_runs
from interlock.services.result_rows import read_results
from interlock.views.imports import import_json, import_lines

SHARED = Path(os.environ.get("INTERLOCK_SHARED_DATA") or Path(__file__).parents[2] / "../shared/data")


def shared(name: str) -> Path:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"the public data set {name} is not here; INTERLOCK_SHARED_DATA names its folder")
    return path


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def suite_in(out: Path, name: str) -> Suite:
    file = bind(SuiteFile, parse_yaml((out / f"evals/{name}.yaml").read_text("utf-8"), f"{name}.yaml"))
    (cases,) = file.cases
    lines = parse_jsonl((out / "evals" / cases).read_text("utf-8"), cases)
    return Suite(file.suite, file.kind, tuple(bind(Case, line) for line in lines), file.slices, file.requirements)


async def no_chat(request: object) -> dict[str, Any]:
    raise AssertionError("a recorded target makes no call")


async def replay(out: Path, recording: str, case: Case, repeat: int = 0) -> TargetReply:
    chat: Chat = no_chat
    return await RecordedTarget(out / recording).run(case, repeat=repeat, root=out, chat=chat)


def compared(out: Path, before: str, after: str) -> Comparison:
    first, second = (read_results((out / f"results/{name}.jsonl").read_bytes(), name) for name in (before, after))
    return compare(first, second)


def verdicts(comparison: Comparison) -> dict[str, str]:
    return {one["slice"]: one["verdict"] for one in comparison.to_json()["slices"]}


def finding(report: ImportReport, what: str) -> dict[str, Any]:
    return next(dict(one) for one in report.to_json()["findings"] if what in one["what"])


def run(task: int, trial: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "dataset": "shop",
        "release": "agent-1",
        "task_id": str(task),
        "trial": trial,
        "passed": task % 2 == 0,
        "slices": {"intent": "return", "expects_escalation": task == 3},
        "messages": [
            {"role": "user", "content": f"please take back item {task}"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "name": "look", "arguments": {"id": task}}],
            },
            {"role": "tool", "tool_call_id": "1", "content": "not found", "is_error": True},
            {"role": "assistant", "content": "It is on its way back."},
            {"role": "user", "content": "thanks"},
        ],
        "stats": {"escalated": task == 3, "n_messages": 5},
    } | more


def answer(task: str, calls: list[Any] | None, passed: bool, release: str = "r1", **more: Any) -> dict[str, Any]:
    text = "I cannot do that." if calls is None else None
    return {"release": release, "task_id": task, "passed": passed, "calls": calls, "text": text} | more


CALL = {"name": "area", "arguments": {"base": 3}}


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    def task(name: str, slice_: str, expects: bool) -> dict[str, Any]:
        asked = [{"role": "user", "content": f"question {name}"}]
        return {
            "task_id": name,
            "slice": slice_,
            "messages": asked,
            "tools": [{"name": "area"}],
            "expects_call": expects,
        }

    return write(
        tmp_path / "tasks.jsonl", [task("a", "one_call", True), task("n", "must_not_call", False), task("z", "x", True)]
    )


async def test_an_agent_run_keeps_its_words_its_calls_and_its_verdict(tmp_path: Path) -> None:
    source = write(tmp_path / "runs.jsonl", [run(task, trial) for task in range(4) for trial in range(2)])
    report = import_runs("tau", [source], tmp_path / "out")
    suite = suite_in(tmp_path / "out", "shop")
    assert [case.id for case in suite.cases] == ["shop-0", "shop-1", "shop-2", "shop-3"]
    assert suite.cases[0].input == "please take back item 0"
    assert suite.cases[3].slices == ("return", "escalation_due")
    assert all(piece.critical for piece in suite.slices)
    for case in suite.cases:
        got = await replay(tmp_path / "out", "recordings/agent-1.jsonl", case, repeat=1)
        number = int(case.id[-1])
        assert got.reply.text == "It is on its way back."
        assert got.reply.outcome == ("escalate" if number == 3 else "answer")
        assert got.reply.tool_calls == (
            {"tool": "look", "arguments": {"id": number}, "status": "executed", "is_error": True},
        )
        score = Recorded().score(case, Trial(case.id, 1, got.reply), got.reply)
        assert isinstance(score, Scored)
        assert score.passed is (number % 2 == 0)
    (release,) = report.releases
    assert (release.replies, release.passed, release.repeats, release.broken) == (8, 4, 2, 0)


def test_one_trial_can_be_taken_alone(tmp_path: Path) -> None:
    source = write(tmp_path / "runs.jsonl", [run(task, trial) for task in range(4) for trial in (1, 2)])
    report = import_runs("tau", [source], tmp_path / "out", trial=2)
    rows = read_results((tmp_path / "out/results/agent-1-trial-2.jsonl").read_bytes(), "r.jsonl").rows
    assert {row.trial for row in rows} == {"0"}
    assert finding(report, "other trials")["count"] == 4
    both = import_runs("tau", [source], tmp_path / "both")
    assert "1→0, 2→1" in finding(both, "`trial`")["why"]


def test_nothing_of_an_agent_run_is_dropped_in_silence(tmp_path: Path) -> None:
    rows = [
        run(0, reward=1.0, mood="fine"),
        run(1, in_full_set=False),
        run(2, passed="yes"),
        run(4, messages=[{"role": "assistant", "content": "hello"}]),
        run(5, slices={}),
        run(0, trial=1, messages=[{"role": "user", "content": "another opening"}]),
    ]
    report = import_runs("tau", [write(tmp_path / "runs.jsonl", rows)], tmp_path / "out")
    refused = {one["what"]: one["items"] for one in report.to_json()["findings"] if one["kind"] == "refused"}
    assert len(refused) == 3
    assert [item.split(":")[:2] for items in refused.values() for item in items] == [
        ["runs.jsonl", "3"], ["runs.jsonl", "4"], ["runs.jsonl", "5"],
    ]  # fmt: skip
    assert finding(report, "extra runs")["items"] == ["runs.jsonl:2"]
    assert finding(report, "`mood`")["count"] == 1
    assert finding(report, "other opening lines")["items"] == ["runs.jsonl:6"]
    text = "\n".join(import_lines(report.to_json()))
    assert all(one.what in text for one in report.findings)
    assert json.loads(import_json(report.to_json())) == report.to_json()


async def test_an_answer_keeps_its_calls_and_a_silent_case_is_judged_twice(tmp_path: Path, tasks: Path) -> None:
    rows = [
        answer("a", [CALL], True), answer("n", [CALL], True),
        answer("a", None, False, "r2"), answer("n", None, True, "r2"),
    ]  # fmt: skip
    out = tmp_path / "out"
    report = import_runs("bfcl", [write(tmp_path / "answers.jsonl", rows)], out, tasks=tasks)
    suite = suite_in(out, "bfcl")
    called, silent = suite.cases
    assert called.messages == ({"role": "user", "content": "question a"},)
    assert called.context == {"tools": [{"name": "area"}]}
    assert (called.expect.tools, silent.expect.tools) == (None, ())
    got = await replay(out, "recordings/r1.jsonl", silent)
    assert got.reply.tool_calls == ({"tool": "area", "arguments": {"base": 3}, "status": "proposed"},)
    trial = Trial("n", 0, got.reply)
    own, theirs = ToolCalls().score(silent, trial, got.reply), Recorded().score(silent, trial, got.reply)
    assert isinstance(own, Scored)
    assert isinstance(theirs, Scored)
    assert (own.passed, theirs.passed) == (False, True)
    agreements = {one.release: one.agreement for one in report.releases}
    assert agreements["r1"] is not None
    assert agreements["r2"] is not None
    assert (agreements["r1"].agree, agreements["r1"].of, agreements["r1"].differ) == (0, 1, ("n",))
    assert (agreements["r2"].agree, agreements["r2"].of, agreements["r2"].differ) == (1, 1, ())
    assert finding(report, "tasks without an answer")["items"] == ["z"]


async def test_an_answer_that_is_none_is_a_broken_run_not_a_failed_one(tmp_path: Path, tasks: Path) -> None:
    rows = [answer("a", [CALL], True), answer("n", None, False, text=None)]
    out = tmp_path / "out"
    report = import_runs("bfcl", [write(tmp_path / "answers.jsonl", rows)], out, tasks=tasks)
    assert (report.releases[0].replies, report.releases[0].broken) == (1, 1)
    with pytest.raises(BrokenRun, match="neither calls nor text"):
        await replay(out, "recordings/r1.jsonl", suite_in(out, "bfcl").cases[1])
    rows_of_r1 = read_results((out / "results/r1.jsonl").read_bytes(), "r1").rows
    assert [row.status for row in rows_of_r1] == ["scored", "error"]


@pytest.mark.parametrize(
    "bad",
    [
        answer("unknown", [CALL], True),
        answer("a", [{"name": "area", "arguments": "3"}], True),
        answer("a", [{"arguments": {}}], True),
        answer("a", [CALL], True, slice="must_not_call"),
        answer("a", [CALL], True) | {"passed": 1},
        answer("a", [CALL], True) | {"release": 7},
        answer("a", [CALL], True, trial=-1),
    ],
)
def test_a_bad_answer_is_refused_with_its_place(tmp_path: Path, tasks: Path, bad: dict[str, Any]) -> None:
    source = write(tmp_path / "answers.jsonl", [answer("n", None, True), bad])
    report = import_runs("bfcl", [source], tmp_path / "out", tasks=tasks)
    (refused,) = [one for one in report.findings if one.kind == "refused"]
    assert refused.items[0].startswith("answers.jsonl:2")


async def test_rows_of_any_harness_can_be_imported(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"case": "a", "slice": "x", "passed": True, "input": "question", "text": "answer", "tokens": 5},
        {"case": "b", "slice": "x", "status": "error"},
        {"case": "c", "slice": "x", "status": "missing"},
        {"case": "d", "slice": "x", "score": 0.7},
    ]
    out = tmp_path / "out"
    report = import_runs("rows", [write(tmp_path / "nightly.jsonl", rows)], out, release="v2")
    suite = suite_in(out, "nightly")
    assert [case.id for case in suite.cases] == ["a", "b", "c"]
    assert (await replay(out, "recordings/v2.jsonl", suite.cases[0])).reply.text == "answer"
    with pytest.raises(BrokenRun):
        await replay(out, "recordings/v2.jsonl", suite.cases[1])
    with pytest.raises(BrokenRun, match="no recorded reply"):
        await replay(out, "recordings/v2.jsonl", suite.cases[2])
    statuses = [row.status for row in read_results((out / "results/v2.jsonl").read_bytes(), "v2").rows]
    assert statuses == ["scored", "error", "missing"]
    assert finding(report, "a grade without a verdict")["items"][0].startswith("nightly.jsonl:4")
    assert finding(report, "`tokens`")["count"] == 1


def test_importing_twice_changes_nothing_and_never_overwrites(tmp_path: Path) -> None:
    source, out = write(tmp_path / "runs.jsonl", [run(0), run(2)]), tmp_path / "out"
    first = import_runs("tau", [source], out)
    files = {name: (out / name).read_bytes() for name in first.files}
    assert import_runs("tau", [source], out) == first
    write(source, [run(0), run(1)])
    with pytest.raises(DocumentError, match="is there already"):
        import_runs("tau", [source], out)
    assert {name: (out / name).read_bytes() for name in first.files} == files


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda s, o: import_runs("spreadsheet", [s], o), "unknown format `spreadsheet`"),
        (lambda s, o: import_runs("bfcl", [s], o), "keeps its tasks apart"),
        (lambda s, o: import_runs("tau", [], o), "no file"),
        (lambda s, o: import_runs("tau", [s], o, release="agent-9"), "no run fits"),
        (lambda s, o: import_runs("tau", [s, s], o), "twice, first at runs.jsonl:1"),
        (lambda s, o: import_runs("tau", [s.parent / "none.jsonl"], o), "cannot be read"),
    ],
)
def test_a_wrong_call_is_refused_and_writes_nothing(
    tmp_path: Path, call: Callable[[Path, Path], ImportReport], says: str
) -> None:
    source = write(tmp_path / "runs.jsonl", [run(0)])
    with pytest.raises((UsageError, DocumentError), match=says):
        call(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_file_names_stay_in_the_folder(tmp_path: Path) -> None:
    source = write(tmp_path / "runs.jsonl", [run(0, release="../../vendor/model:1", dataset="../up")])
    report = import_runs("tau", [source], tmp_path / "a" / "b" / "out")
    assert report.files == (
        "evals/up.yaml", "evals/cases/up.jsonl", "recordings/vendor-model-1.jsonl", "results/vendor-model-1.jsonl",
    )  # fmt: skip


def test_a_reply_without_a_verdict_is_no_pass() -> None:
    case = Case(id="a", slices=("x",), expect=Expect(recorded=True), source="here")
    for output in (None, {}, {"passed": None}, {"passed": 1}, "passed"):
        reply = Reply("answer", "", output=output)
        score = Recorded().score(case, Trial("a", 0, reply), reply)
        assert isinstance(score, Unscored)
        assert score.state is Absent.ERROR
    plain = case.model_copy(update={"expect": Expect()})
    reply = Reply("answer", "", output={"passed": True})
    score = Recorded().score(plain, Trial("a", 0, reply), reply)
    assert isinstance(score, Unscored)
    assert score.state is Absent.NOT_APPLICABLE


def test_every_format_says_what_it_is() -> None:
    assert set(FORMATS) == {
        "promptfoo", "inspect", "openai-evals", "deepeval", "langsmith", "mlflow", "ragas", "table", "junit", "gen-ai",
        "tau", "bfcl", "rows",
    }  # fmt: skip
    assert all(one.summary for one in FORMATS.values())


# ── public runs ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def bfcl(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ImportReport]:
    answers, asked = shared("releases/bfcl_answers.jsonl.gz"), shared("releases/bfcl_tasks.jsonl.gz")
    out = tmp_path_factory.mktemp("bfcl")
    return out, import_runs("bfcl", [answers], out, tasks=asked)


def test_a_release_that_gains_overall_is_blocked_by_the_slice_it_breaks(bfcl: tuple[Path, ImportReport]) -> None:
    found = compared(bfcl[0], "gpt-4-0613-FC", "gpt-4-1106-preview-FC")
    overall = found.overall.decision
    assert (overall.n, overall.broke, overall.fixed, overall.verdict) == (1240, 38, 381, "pass")
    assert overall.low > 0.25
    assert found.verdict is Word.BLOCKED
    assert verdicts(found) == {
        "one_call": "pass", "choose_tool": "pass", "several_calls": "pass", "choose_several": "pass",
        "must_not_call": "fail",
    }  # fmt: skip
    silent = next(one.decision for one in found.slices if one.decision.slice == "must_not_call")
    assert (silent.n, silent.broke, silent.fixed) == (240, 16, 4)


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        ("mistral-large-2407-FC-Auto", "mistral-large-2407-FC-Any", (97, 0)),
        ("gpt-4-0613-FC", "mistral-large-2407-FC-Any", (213, 0)),
        ("gpt-4-turbo-2024-04-09-FC", "gpt-4o-2024-05-13-FC", (22, 2)),
    ],
)
def test_calling_where_no_call_is_right_blocks(
    bfcl: tuple[Path, ImportReport], before: str, after: str, counts: tuple[int, int]
) -> None:
    found = compared(bfcl[0], before, after)
    assert found.verdict is Word.BLOCKED
    assert [name for name, verdict in verdicts(found).items() if verdict == "fail"] == ["must_not_call"]
    silent = next(one.decision for one in found.slices if one.decision.slice == "must_not_call")
    assert (silent.broke, silent.fixed) == counts


def test_no_public_release_fails_against_itself(bfcl: tuple[Path, ImportReport]) -> None:
    for release in bfcl[1].releases:
        assert set(verdicts(compared(bfcl[0], release.release, release.release)).values()) == {"pass"}


async def test_our_scorer_agrees_with_the_public_verdicts_as_often_as_the_report_says(
    bfcl: tuple[Path, ImportReport],
) -> None:
    out, report = bfcl
    cases = [case for case in suite_in(out, "bfcl").cases if case.expect.tools == ()]
    assert len(cases) == 240
    agree = 0
    for release in report.releases:
        target = RecordedTarget(out / release.recording)
        same = 0
        for case in cases:
            got = (await target.run(case, repeat=0, root=out, chat=no_chat)).reply
            own, theirs = (scorer.score(case, Trial(case.id, 0, got), got) for scorer in (ToolCalls(), Recorded()))
            assert isinstance(own, Scored)
            assert isinstance(theirs, Scored)
            same += own.passed == theirs.passed
        assert release.agreement is not None
        assert (same, len(cases)) == (release.agreement.agree, release.agreement.of)
        agree += same
    assert agree == 2159  # of 2,160


def test_no_trial_of_one_agent_fails_against_another(tmp_path: Path) -> None:
    source = shared("runs/tau_airline_gpt4o_16tasks.jsonl.gz")
    for trial in range(4):
        import_runs("tau", [source], tmp_path / str(trial), trial=trial)
    rows = [
        read_results((tmp_path / f"{trial}/results/gpt-4o-trial-{trial}.jsonl").read_bytes(), str(trial))
        for trial in range(4)
    ]
    for one, other in combinations(rows, 2):
        for found in (compare(one, other), compare(other, one)):
            assert found.verdict is Word.HOLD
            assert "fail" not in verdicts(found).values()
            assert found.overall.decision.verdict == "owed"


async def test_public_agent_runs_replay_whole(tmp_path: Path) -> None:
    report = import_runs("tau", [shared("runs/tau_retail.jsonl.gz")], tmp_path)
    (release,) = report.releases
    assert (release.replies, release.passed, report.cases) == (100, 73, 100)
    assert finding(report, "extra runs")["count"] == 2
    passed = 0
    for case in suite_in(tmp_path, "tau-retail").cases:
        reply = (await replay(tmp_path, release.recording, case)).reply
        score = Recorded().score(case, Trial(case.id, 0, reply), reply)
        passed += isinstance(score, Scored) and score.passed
    assert passed == 73
