"""Files that other tools really wrote become cases, recordings and rows; what does not fit is said."""

import json
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock.adapters.targets.recorded import RecordedTarget
from interlock.core.binding import bind
from interlock.core.errors import DocumentError, InterlockError, TooLarge, UsageError
from interlock.core.json_text import parse_jsonl
from interlock.core.suite import Case
from interlock.scorers import default_scorers
from interlock.services import import_zip
from interlock.services.import_options import ImportOptions
from interlock.services.import_promptfoo_asserts import assertion_of_cell
from interlock.services.import_runs import ImportReport, import_runs
from interlock.services.import_source import MAX_FILE, SourceFile, strict_text
from interlock.services.result_rows import read_results

GOLDEN = Path(__file__).parents[1] / "golden" / "imports"


def take(out: Path, *names: str, format: str | None = None, **options: Any) -> ImportReport:
    return import_runs(
        format, [GOLDEN / name for name in names], out, options=ImportOptions(**options), scorers=default_scorers()
    )


def cases_in(out: Path, report: ImportReport) -> dict[str, Case]:
    path = out / f"evals/cases/{report.suite}.jsonl"
    return {(case := bind(Case, line)).id: case for line in parse_jsonl(path.read_text("utf-8"), path.name)}


def queue_in(out: Path, report: ImportReport) -> list[dict[str, Any]]:
    path = out / f"evals/queue/{report.suite}.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def statuses(out: Path, results: str) -> list[tuple[str, str, float | None]]:
    rows = read_results((out / results).read_bytes(), results).rows
    return sorted((row.case, row.status, row.value) for row in rows)


def found(report: ImportReport, kind: str, what: str) -> dict[str, Any]:
    return next(one for one in report.to_json()["findings"] if one["kind"] == kind and what in one["what"])


def test_promptfoo_results_keep_every_state(tmp_path: Path) -> None:
    report = take(tmp_path, "promptfoo-0.121.20.json")
    assert report.format == "promptfoo"
    assert [one.release for one in report.releases] == ["ferries-1", "ferries-2"]
    one = report.releases[0]
    assert (one.replies, one.passed, one.broken, one.repeats) == (8, 6, 2, 2)
    assert one.ran_on["model"] == "ferries-1"
    assert one.ran_on["tool"] == "promptfoo 0.121.20"
    assert one.agreement is not None
    assert (one.agreement.agree, one.agreement.of) == (6, 6)
    seen = statuses(tmp_path, one.results)
    assert seen.count(("broken", "error", None)) == 2
    assert seen.count(("dog", "scored", 1.0)) == 2
    cases = cases_in(tmp_path, report)
    assert cases["first ferry"].expect.facts == ("07:15",)
    assert cases["first ferry"].expect.forbid == ("sorry",)
    assert cases["first ferry"].slices == ("timetable",)
    assert cases["first ferry"].input == "When does the first ferry leave?"
    assert cases["dog"].expect.facts == (("on a lead", "muzzle"),)
    assert cases["dog"].expect.recorded  # one of its assertions is code: only promptfoo can judge it
    assert found(report, "unmapped", "javascript")["items"] == ["dog"]


def test_promptfoo_json_lines_say_the_same_as_the_document(tmp_path: Path) -> None:
    whole, lines = take(tmp_path / "a", "promptfoo-0.121.20.json"), take(tmp_path / "b", "promptfoo-0.121.20.jsonl")
    one = set(statuses(tmp_path / "a", whole.releases[0].results))
    assert set(statuses(tmp_path / "b", lines.releases[0].results)) <= one


def test_a_promptfoo_configuration_and_a_table_give_cases_without_runs(tmp_path: Path) -> None:
    config, table = take(tmp_path, "promptfoo-config.yaml"), take(tmp_path, "promptfoo-tests.csv")
    assert (config.releases, table.releases) == ((), ())
    first = cases_in(tmp_path, config)["first ferry"]
    assert (first.expect.max_latency_s, first.expect.recorded) == (5.0, False)
    rows = cases_in(tmp_path, table)
    assert rows["bicycle"].expect.exact == "A bicycle costs nothing."
    assert rows["dog"].expect.facts == (("on a lead", "muzzle"),)


@pytest.mark.parametrize("name", ["inspect-0.3.285.json", "inspect-0.3.285.eval"])
async def test_an_inspect_log_keeps_epochs_grades_and_replies(tmp_path: Path, name: str) -> None:
    if name.endswith(".eval"):
        pytest.importorskip("zstandard")
    report = take(tmp_path, name)
    (one,) = report.releases
    assert (report.format, one.release, one.replies, one.passed, one.repeats) == ("inspect", "mockllm/model", 8, 6, 2)
    assert one.ran_on["tool"] == "inspect_ai 0.3.285"
    assert one.agreement is not None
    assert (one.agreement.agree, one.agreement.of) == (8, 8)
    cases = cases_in(tmp_path, report)
    assert cases["first"].expect.facts == (("07:15", "7:15"),)
    target = RecordedTarget(tmp_path / one.recording)

    async def chat(_: object) -> dict[str, Any]:
        raise AssertionError

    got = await target.run(cases["dog"], repeat=1, root=tmp_path, chat=chat)
    assert got.reply.text == "Dogs travel free, on a lead."
    assert "slice-by difficulty" in found(report, "unmapped", "difficulty")["why"]
    sliced = take(tmp_path / "sliced", name, slice_by=("difficulty",))
    assert sliced.slices["difficulty=hard"] == 2


def test_both_forms_of_an_inspect_log_are_the_same_run(tmp_path: Path) -> None:
    pytest.importorskip("zstandard")
    take(tmp_path / "a", "inspect-0.3.285.json"), take(tmp_path / "b", "inspect-0.3.285.eval")
    name = "results/mockllm-model.jsonl"
    assert statuses(tmp_path / "a", name) == statuses(tmp_path / "b", name)


def test_a_deepeval_metric_that_broke_is_an_error_and_not_a_failure(tmp_path: Path) -> None:
    report = take(tmp_path / "all", "deepeval-4.3.1-run.json")
    (one,) = report.releases
    assert (one.release, one.replies, one.passed, one.broken) == ("made-up-1", 2, 1, 1)
    assert ("dog", "error", None) in statuses(tmp_path / "all", one.results)
    only = take(tmp_path / "one", "deepeval-4.3.1-run.json", scorers=("Exact Match",)).releases[0]
    assert (only.replies, only.passed, only.broken) == (3, 2, 0)
    with pytest.raises(UsageError, match="no metric `Exact`"):
        take(tmp_path / "none", "deepeval-4.3.1-run.json", scorers=("Exact",))


@pytest.mark.parametrize("name", ["deepeval-4.3.1-goldens.json", "deepeval-4.3.1-goldens.csv"])
def test_a_golden_without_an_expectation_waits_for_a_person(tmp_path: Path, name: str) -> None:
    report = take(tmp_path, name)
    case = cases_in(tmp_path, report)["first"]
    assert case.expect.tools is not None
    assert case.expect.tools[0].tool == "look_up"
    assert case.expect.facts == ()
    (waiting,) = queue_in(tmp_path, report)
    assert (waiting["input"], waiting["expect"]) == ("May I bring a dog?", {})
    assert report.waiting == 1
    judged = take(tmp_path / "judged", name, reference="facts")
    assert cases_in(tmp_path / "judged", judged)["first"].expect.facts == ("07:15",)


def test_openai_samples_are_judged_as_their_registry_says(tmp_path: Path) -> None:
    report = take(tmp_path, "openai-evals-registry.yaml", "openai-evals-samples.jsonl")
    cases = list(cases_in(tmp_path, report).values())
    assert [case.expect.regex for case in cases] == ["^(?:07:15)", "^(?:Yes|yes)", "^(?:3 euros)"]
    alone = take(tmp_path / "alone", "openai-evals-samples.jsonl")
    assert (alone.cases, alone.waiting) == (0, 3)


def test_an_openai_log_is_a_recording(tmp_path: Path) -> None:
    (one,) = take(tmp_path, "openai-evals-3.0.1-log.jsonl").releases
    assert (one.release, one.replies, one.passed) == ("ferries-1", 3, 2)


def test_a_junit_report_keeps_four_outcomes_apart(tmp_path: Path) -> None:
    report = take(tmp_path, "pytest-9.2.xml")
    (one,) = report.releases
    assert statuses(tmp_path, one.results) == [
        ("test_ferry.test_bar", "not_applicable", None),
        ("test_ferry.test_bicycle", "scored", 0.0),
        ("test_ferry.test_dog", "error", None),
        ("test_ferry.test_first_ferry", "scored", 1.0),
    ]
    assert report.slices == {"timetable": 1, "pytest": 3}


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────────


def table(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def test_tables_are_known_by_their_columns_and_others_by_a_map(tmp_path: Path) -> None:
    ragas = table(
        tmp_path, "ragas.csv",
        "user_input,response,reference,faithfulness,category\nwhen?,07:15,07:15,1.0,times\nhow much?,nothing,3 euros,0.4,prices\n",
    )  # fmt: skip
    report = import_runs(None, [ragas], tmp_path / "a", options=ImportOptions(pass_at=0.5))
    assert (report.format, report.releases[0].replies, report.releases[0].passed) == ("ragas", 2, 1)
    assert import_runs(None, [ragas], tmp_path / "b").releases[0].graded == 1
    mlflow = table(
        tmp_path, "eval_results_table.json",
        json.dumps({"columns": ["inputs", "outputs", "targets", "exact_match/v1/score"], "data": [["when?", "07:15", "07:15", 1]]}),
    )  # fmt: skip
    assert import_runs(None, [mlflow], tmp_path / "c").format == "mlflow"
    langsmith = table(
        tmp_path, "l.jsonl",
        json.dumps({"example_id": "e1", "inputs": {"question": "when?"}, "reference_outputs": {"answer": "07:15"}, "outputs": {"answer": "7"}, "error": None}),
    )  # fmt: skip
    assert import_runs(None, [langsmith], tmp_path / "d").waiting == 1
    plain = table(tmp_path, "mine.csv", "q,a,ok,kind\nwhen?,07:15,yes,times\n")
    with pytest.raises(UsageError, match="no format that is known"):
        import_runs(None, [plain], tmp_path / "e")
    columns = {"input": "q", "text": "a", "passed": "ok", "slice": "kind"}
    mapped = import_runs("table", [plain], tmp_path / "f", options=ImportOptions(columns=columns))
    assert (mapped.releases[0].passed, mapped.slices) == (1, {"times": 1})


def test_several_metrics_are_not_chosen_from_in_silence(tmp_path: Path) -> None:
    path = table(tmp_path, "r.csv", "user_input,response,faithfulness,relevance\nwhen?,07:15,1.0,0.2\n")
    with pytest.raises(UsageError, match=r"2 metrics: faithfulness, relevance"):
        import_runs(None, [path], tmp_path / "a")
    chosen = ImportOptions(scorers=("faithfulness",))
    assert import_runs(None, [path], tmp_path / "b", options=chosen).releases[0].passed == 1


def test_a_file_that_two_formats_fit_is_not_guessed(tmp_path: Path) -> None:
    both = table(tmp_path, "x.jsonl", '{"case": "a", "passed": true, "user_input": "q", "response": "r"}\n')
    with pytest.raises(UsageError, match="could be `ragas` or `rows`"):
        import_runs(None, [both], tmp_path / "out")


# ── a run that did not succeed ──────────────────────────────────────────────────────────────────────────────────


def _edit(name: str, change: Callable[[Any], None], tmp_path: Path) -> Path:
    value = json.loads((GOLDEN / name).read_text("utf-8"))
    change(value)
    path = tmp_path / name
    path.write_text(json.dumps(value), "utf-8")
    return path


def _all_errors(value: Any) -> None:
    rows = value["results"]["results"]
    for row in rows:
        row.update(success=False, failureReason=2, error="timed out")
    value["results"]["stats"].update(successes=0, failures=0, errors=len(rows))


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("inspect-0.3.285.json", lambda v: v.update(status="error", error={"message": "no key"}), "`error`, not a success: no key"),
        ("inspect-0.3.285.json", lambda v: v.update(status="cancelled"), "`cancelled`, not a success"),
        ("inspect-0.3.285.json", lambda v: v["samples"].pop(), "had 8 samples, the log holds 7"),
        ("inspect-0.3.285.json", lambda v: v.update(samples=[]), "no samples"),
        ("inspect-0.3.285.json", lambda v: v.update(invalidated=True), "marked invalid"),
        ("promptfoo-0.121.20.json", lambda v: v["results"]["results"].pop(), "the run says .* the file has"),
        ("promptfoo-0.121.20.json", lambda v: v["results"].update(results=[]), "no result"),
        ("promptfoo-0.121.20.json", lambda v: v["results"].update(version=2), "version `2`"),
        ("promptfoo-0.121.20.json", _all_errors, "every result of the run is an error"),
        ("deepeval-4.3.1-run.json", lambda v: v["testCases"].pop(), "the file has"),
        ("deepeval-4.3.1-run.json", lambda v: v.update(testCases=[]), "no test case"),
    ],
)  # fmt: skip
def test_a_run_that_did_not_succeed_is_refused(
    tmp_path: Path, name: str, change: Callable[[Any], None], says: str
) -> None:
    path = _edit(name, change, tmp_path)
    with pytest.raises(InterlockError, match=says):
        import_runs(None, [path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", sorted(p.name for p in GOLDEN.iterdir() if p.suffix in (".json", ".xml", ".eval")))
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, name: str) -> None:
    whole = (GOLDEN / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(InterlockError):
        import_runs(None, [path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_openai_log_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    lines = (GOLDEN / "openai-evals-3.0.1-log.jsonl").read_text("utf-8").splitlines(keepends=True)
    path = tmp_path / "log.jsonl"
    path.write_text(lines[0] + "".join(lines[2:]), "utf-8")
    with pytest.raises(DocumentError, match="the run did not end"):
        import_runs(None, [path], tmp_path / "out")
    path.write_text("".join(lines[:-2]), "utf-8")
    with pytest.raises(DocumentError, match="accuracy"):
        import_runs(None, [path], tmp_path / "out")


def test_a_grade_that_is_no_number_is_an_error_and_not_a_pass(tmp_path: Path) -> None:
    text = (GOLDEN / "inspect-0.3.285.json").read_text("utf-8").replace('"value":"C"', '"value":NaN')
    path = tmp_path / "nan.json"
    path.write_text(text, "utf-8")
    (one,) = import_runs(None, [path], tmp_path / "out").releases
    assert (one.passed, one.broken) == (0, 6)


# ── what is meant to do harm ────────────────────────────────────────────────────────────────────────────────────


def test_a_name_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    test = '<testcase classname="a" name="b"/>'
    path = table(tmp_path, "r.xml", f'<testsuites><testsuite name="s" tests="2">{test}{test}</testsuite></testsuites>')
    with pytest.raises(DocumentError, match=r"`a\.b` occurs twice"):
        import_runs(None, [path], tmp_path / "out")


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
    ],
)
def test_an_entity_is_refused_unread(tmp_path: Path, head: str) -> None:
    path = table(tmp_path, "r.xml", f'<?xml version="1.0"?>{head}<testsuites><testsuite name="&b;"/></testsuites>')
    with pytest.raises(DocumentError, match="a document type or an entity"):
        import_runs(None, [path], tmp_path / "out")


def test_deep_documents_are_refused(tmp_path: Path) -> None:
    deep = table(tmp_path, "d.json", '{"status":"success","eval":' + '{"a":' * 5000 + "1" + "}" * 5001)
    with pytest.raises(InterlockError):
        import_runs(None, [deep], tmp_path / "out")
    nested = table(tmp_path, "d.xml", "<testsuites>" + "<testsuite>" * 500 + "</testsuite>" * 500 + "</testsuites>")
    with pytest.raises(TooLarge, match="nested more than"):
        import_runs(None, [nested], tmp_path / "out")


def zipped(name: str, content: bytes, *, claim: int | None = None, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr(name, content)
    raw = bytearray(packed.getvalue())
    if claim is not None:
        at = raw.rindex(b"PK\x01\x02")
        raw[at + 24 : at + 28] = struct.pack("<L", claim)
    return bytes(raw)


def test_a_zip_bomb_is_stopped_and_no_claim_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "bomb.eval"
    path.write_bytes(zipped("header.json", b" " * 70_000_000))
    with pytest.raises(TooLarge, match="unpacked"):
        import_runs("inspect", [path], tmp_path / "out")
    path.write_bytes(zipped("header.json", b'{"status": "success"}', claim=1_000_000_000))
    with pytest.raises(InterlockError):
        import_runs("inspect", [path], tmp_path / "out")


@pytest.mark.parametrize(
    "packed", [lambda: zipped("header.json", b" " * 50_000_000), lambda: zstandard_bomb(50_000_000)]
)
def test_a_bomb_is_stopped_before_it_fills_the_memory(
    packed: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = packed()
    monkeypatch.setattr(import_zip, "MAX_MEMBER", 1_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            import_zip.Archive(content, "bomb.eval").read("header.json")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def zstandard_bomb(size: int) -> bytes:
    zstandard = pytest.importorskip("zstandard")
    plain = b" " * size
    raw = bytearray(zipped("header.json", zstandard.ZstdCompressor().compress(plain), method=zipfile.ZIP_STORED))
    for mark, method, crc, length in ((b"PK\x03\x04", 8, 14, 22), (b"PK\x01\x02", 10, 16, 24)):
        at = raw.rindex(mark)
        raw[at + method : at + method + 2] = struct.pack("<H", 93)
        raw[at + crc : at + crc + 4] = struct.pack("<L", zlib.crc32(plain))
        raw[at + length : at + length + 4] = struct.pack("<L", len(plain))
    return bytes(raw)


def test_a_zstandard_bomb_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "bomb.eval"
    path.write_bytes(zstandard_bomb(70_000_000))
    with pytest.raises(TooLarge, match="unpacked"):
        import_runs("inspect", [path], tmp_path / "out")


def test_a_file_that_claims_too_much_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(MAX_FILE + 1)
    with pytest.raises(TooLarge):
        import_runs(None, [path], tmp_path / "out")
    with pytest.raises(DocumentError, match="no file"):
        SourceFile.read(Path("/dev/zero"))


def test_nul_bytes_and_formulas_in_a_table(tmp_path: Path) -> None:
    nul = tmp_path / "n.csv"
    nul.write_bytes(b"case,passed\na\x00b,true\n")
    with pytest.raises(DocumentError, match="NUL"):
        import_runs(None, [nul], tmp_path / "out")
    formula = table(tmp_path, "f.csv", 'q,__expected\n"=HYPERLINK(""http://x"",""y"")",@SUM(A1)\n')
    report = import_runs(None, [formula], tmp_path / "f")
    (case,) = cases_in(tmp_path / "f", report).values()
    # A formula is a text like any other, and nothing that is written is opened by a spreadsheet.
    assert (case.input, case.expect.exact) == ('=HYPERLINK("http://x","y")', "@SUM(A1)")


def test_an_edited_recording_is_refused(tmp_path: Path) -> None:
    report = take(tmp_path, "inspect-0.3.285.json")
    path = tmp_path / report.releases[0].recording
    path.write_text(path.read_text("utf-8").replace('"passed": false', '"passed": true'), "utf-8")
    with pytest.raises(DocumentError, match="edited since it was imported"):
        RecordedTarget(path)


@settings(deadline=None)
@given(st.text(alphabet='ab:,()-NaNInfinity"\\', max_size=30))
def test_a_cell_is_an_assertion_whatever_it_holds(cell: str) -> None:
    found = assertion_of_cell(cell)
    assert isinstance(found["type"], str)


LEAF: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
) | st.text(max_size=5)


def grown(inner: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return inner | st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)


ANY = grown(grown(LEAF, st.text(max_size=5)), st.text(max_size=5))
KNOWN = st.sampled_from(["id", "type", "name", "value"])
JUNK = grown(grown(LEAF, KNOWN), KNOWN)


@settings(deadline=None)
@given(ANY)
def test_making_json_strict_keeps_its_value(value: Any) -> None:
    assert json.loads(strict_text(json.dumps(value, ensure_ascii=False))) == value


_READ = {name: json.loads((GOLDEN / name).read_text("utf-8")) for name in (
    "inspect-0.3.285.json", "promptfoo-0.121.20.json", "deepeval-4.3.1-run.json", "deepeval-4.3.1-goldens.json",
)}  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_document_is_refused_or_read_and_never_a_crash(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(_READ)))
    value = json.loads(json.dumps(_READ[name]))
    here, steps = value, data.draw(st.integers(1, 5))
    for _ in range(steps):
        if not isinstance(here, dict | list) or not here:
            break
        key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        if not isinstance(here[key], dict | list) or not here[key] or data.draw(st.booleans()):
            here[key] = data.draw(JUNK)
            break
        here = here[key]
    from interlock.services.import_formats import FORMATS
    from interlock.services.imported import Findings

    source = SourceFile(name, json.dumps(value).encode())
    one = FORMATS[name.split("-")[0]]
    try:
        if one.fits(source):
            one.read([source], None, ImportOptions(), Findings())
    except InterlockError:
        return
