"""Comparisons, verdicts and scores in other tools' formats say what they say here."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature import Feature
from interlock.core.score import Absent, Scored, Unscored
from interlock.core.suite import Case, Expect
from interlock.services.compare import Terms, compare
from interlock.services.import_runs import import_runs
from interlock.services.result_rows import Results, read_results
from interlock.views.compare_exports import compare_junit, compare_statement
from interlock.views.events import ScoreRow, event_lines


def results(name: str, passed: dict[str, int], n: int = 60) -> Results:
    rows = [
        {"case": f"{slice_}-{i}", "slice": slice_, "passed": i < k} for slice_, k in passed.items() for i in range(n)
    ]
    return read_results("".join(json.dumps(row) + "\n" for row in rows).encode(), name)


def suites(text: str) -> dict[str, Any]:
    found = {}
    for suite in ElementTree.fromstring(text).iter("testsuite"):
        (case,) = suite.findall("testcase")
        child = next((one for one in case if one.tag in ("failure", "error", "skipped")), None)
        found[suite.get("name")] = None if child is None else (child.tag, child.get("type"))
    return found


def test_a_slice_is_a_suite_and_owed_is_never_green() -> None:
    before = results("a", {"billing": 60, "chat": 60, "tiny": 60})
    after = results("b", {"billing": 30, "chat": 60, "tiny": 57})
    document = compare(before, after).to_json()
    assert {one["slice"]: one["verdict"] for one in document["slices"]} == {
        "billing": "fail",
        "chat": "pass",
        "tiny": "owed",
    }
    assert suites(compare_junit(document)) == {"billing": ("failure", "fail"), "chat": None, "tiny": ("error", "owed")}
    lenient = compare(before, after, Terms(critical=frozenset({"chat"}))).to_json()
    assert set(suites(compare_junit(lenient)).values()) == {None}
    assert suites(compare_junit(compare(Results("a", ()), Results("b", ())).to_json())) == {"all": ("error", "owed")}


def test_a_statement_names_the_files_that_were_compared() -> None:
    document = compare(results("a", {"x": 60}), results("b", {"x": 60})).to_json()
    digests = {"baseline": "sha256:" + "1" * 64, "candidate": "sha256:" + "2" * 64}
    statement = json.loads(compare_statement(document, digests))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert [one["digest"]["sha256"][0] for one in statement["subject"]] == ["1", "2"]
    assert statement["predicate"] == json.loads(json.dumps(document))


AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 2), st.none() | st.booleans(), st.sampled_from(["exact", "facts"])),
        min_size=1, unique_by=lambda one: (one[0], one[1], one[3]),
    )
)  # fmt: skip
def test_scores_come_back_as_the_events_that_they_became(
    tmp_path_factory: pytest.TempPathFactory, scores: list[tuple[int, int, bool | None, str]]
) -> None:
    home = tmp_path_factory.mktemp("events")
    cases = [Case(id=f"c{n}", slices=(f"s{n % 2}",), expect=Expect(), source="here") for n in range(6)]
    rows = [
        ScoreRow("gold", cases[case], trial, "", Unscored(name, Absent.ERROR) if passed is None else Scored(name, float(passed), passed), AT)
        for case, trial, passed, name in scores
    ]  # fmt: skip
    path = home / "events.jsonl"
    path.write_text("".join(event_lines(rows, bundle="sha256:" + "0" * 64, feature="acme/x", model="m")), "utf-8")
    wanted: dict[tuple[str, int], list[bool | None]] = {}
    for case, trial, passed, _ in scores:
        wanted.setdefault((f"c{case}", trial), []).append(passed)
    if all(None in marks for marks in wanted.values()):
        with pytest.raises(Exception, match="every evaluation is an error"):
            import_runs(None, [path], home / "out")
        return
    report = import_runs(None, [path], home / "out")
    assert report.format == "gen-ai"
    read = read_results((home / "out" / report.releases[0].results).read_bytes(), "r.jsonl").rows
    trials = {str(n): trial for n, trial in enumerate(sorted({trial for _, trial, _, _ in scores}))}
    seen = {(row.case, trials[row.trial]): (row.status, row.value, row.slices) for row in read}
    assert seen == {
        key: (("error", None) if None in marks else ("scored", float(all(marks)))) + ((f"s{int(key[0][1:]) % 2}",),)
        for key, marks in wanted.items()
    }  # fmt: skip


def test_an_event_has_the_names_of_the_conventions() -> None:
    case = Case(id="a", slices=("x",), expect=Expect(), source="here")
    row = ScoreRow("gold", case, 0, "0af7651916cd43dd8448eb211c80319c", Scored("exact", 0.0, False, "another text"), AT)
    (line,) = event_lines([row], bundle="sha256:" + "0" * 64, feature="acme/x", model="m")
    record = json.loads(line)["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    attributes = {one["key"]: next(iter(one["value"].values())) for one in record["attributes"]}
    assert record["eventName"] == "gen_ai.evaluation.result"
    assert record["traceId"] == "0af7651916cd43dd8448eb211c80319c"
    assert record["timeUnixNano"] == "1767323045000006000"
    assert attributes["gen_ai.evaluation.name"] == "exact"
    assert attributes["gen_ai.evaluation.score.value"] == 0.0
    assert attributes["gen_ai.evaluation.score.label"] == "fail"
    assert attributes["gen_ai.evaluation.explanation"] == "another text"


def test_a_verdict_leaves_as_a_statement_that_verifies(checked: Feature, tmp_path: Path) -> None:
    path = tmp_path / "verdict.json"
    assert checked.run("report", "--format", "intoto", "--out", str(path))[0] == 0
    assert checked.run("bundle", "verify", str(path))[0] == 0
    path.write_text(path.read_text("utf-8").replace("a", "b", 1), "utf-8")
    assert checked.run("bundle", "verify", str(path))[0] == 2


def test_the_scores_of_a_run_leave_as_events(checked: Feature, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert checked.run("report", "--format", "events", "--out", str(path))[0] == 0
    report = import_runs(None, [path], tmp_path / "out")
    assert report.format == "gen-ai"
    assert report.releases[0].replies > 0
    assert report.releases[0].passed == report.releases[0].replies


def test_a_feature_that_never_ran_has_no_events(feature: Feature, tmp_path: Path) -> None:
    assert feature.run("report", "--format", "events", "--out", str(tmp_path / "e.jsonl"))[0] == 2
    assert not (tmp_path / "e.jsonl").exists()
