import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped

from interlock.core.catalogue import BY_ID, CATALOGUE
from interlock.core.checks import Level
from interlock.core.manifest import Stage
from interlock.core.rules import Standing
from interlock.core.verdict import Verdict, verdict_from_json, verdict_to_json
from interlock.views.html import html_text
from interlock.views.json_ import verdict_document, verdict_text
from interlock.views.junit import junit_text
from interlock.views.markdown import MOST_BYTES, markdown_text, marker
from interlock.views.page import ReportPage
from interlock.views.sarif import sarif_document
from interlock.views.summary import RunSummary
from interlock.views.terminal import verdict_lines

RUN = RunSummary(4, 3, 0.04)
NASTY = "<script>alert(1)</script> \u202egnp @everyone [x](https://evil.example) `|` \x1b[31m\x00\ud800 " + "ü" * 50


def hostile(verdict: Verdict) -> Verdict:
    """The verdict with hostile text wherever text may come from a file or a model."""
    findings = {"findings": [{"message": NASTY, "file": "a|b<c>.md", "line": 3}], "examined": 1, "what": NASTY}
    return replace(
        verdict,
        feature=NASTY,
        outcomes=tuple(
            replace(o, seen=NASTY, proves=NASTY, asked=NASTY, details=(NASTY, NASTY), data=findings if "findings" in o.data else o.data)
            for o in verdict.outcomes
        ),
    )  # fmt: skip


def test_what_json_says_reads_back_as_the_same_verdict(verdict: Verdict, others: tuple[Verdict, ...]) -> None:
    document = json.loads(verdict_text(verdict, others=others, run=RUN))
    assert verdict_from_json(document) == verdict
    assert verdict_to_json(verdict_from_json(document)) == verdict_to_json(verdict)
    assert [row["environment"] for row in document["environments"]] == ["staging", "pilot"]
    assert document["findings"][0]["file"] == "prompts/router.md"
    assert document["next"][0] == "interlock report"


@pytest.mark.parametrize("environment", ["production", "pilot", "staging"])
def test_every_face_says_the_same_word_and_the_same_open_checks(
    verdict_of: Callable[..., Verdict], page_of: Callable[..., ReportPage], environment: str
) -> None:
    stage = {"production": Stage.GA, "pilot": Stage.PILOT, "staging": Stage.LAB}[environment]
    verdict = verdict_of(environment, stage)
    open_ids = {outcome.check for outcome in verdict.blocking()}
    document = verdict_document(verdict)
    assert document["verdict"] == verdict.word
    assert set(document["blocking"]) == open_ids

    report = JUnitXml.fromstring(junit_text(verdict).encode())
    assert report.name.startswith(verdict.word)
    red = {
        case.name.split()[0]
        for suite in report
        for case in suite
        if case.result and not isinstance(case.result[0], Skipped)
    }
    assert red == open_ids

    comment = markdown_text(verdict)
    assert f" {verdict.word}: " in comment.splitlines()[1]
    page = html_text(page_of(verdict))
    assert f"<title>{verdict.word}:" in page
    screen = verdict_lines(verdict, others=(), run=None, width=120, color=False)
    assert screen[0].startswith(verdict.word)
    for id in open_ids:
        prefix, number = id.split("-")
        assert f'<a href="#{id}">' in page or f'<a class="id" href="#{id}">' in page
        for text in (comment, "\n".join(screen)):
            assert id in text or any(number in group.split(",") for group in _groups(text, prefix))


def _groups(text: str, prefix: str) -> list[str]:
    return [word.rpartition("-")[2].rstrip(":") for word in text.split() if word.startswith(f"{prefix}-")]


def test_junit_is_red_for_what_failed_and_for_what_is_owed(verdict: Verdict) -> None:
    report = JUnitXml.fromstring(junit_text(verdict).encode())
    cases = {case.name.split()[0]: case for suite in report for case in suite}
    assert set(cases) == set(BY_ID)
    for outcome in verdict.outcomes:
        result = cases[outcome.check].result
        if outcome.level is Level.NOT_ASKED or outcome.standing in (Standing.WAIVED, Standing.NA):
            assert isinstance(result[0], Skipped)
        elif outcome.level is Level.WARNS or outcome.standing is Standing.PASS:
            assert not result
        elif outcome.standing is Standing.FAIL:
            assert isinstance(result[0], Failure)
        else:
            assert isinstance(result[0], Error)
            assert result[0].type == "owed"
    assert report.failures == sum(o.open and o.standing is Standing.FAIL for o in verdict.outcomes)
    assert report.errors == sum(o.open and o.standing is Standing.OWED for o in verdict.outcomes)


def test_sarif_has_a_rule_a_place_and_a_steady_name_for_every_finding_in_a_file(verdict: Verdict) -> None:
    document = sarif_document(verdict)
    json.dumps(document)
    run = document["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert document["version"] == "2.1.0"
    assert [row["ruleId"] for row in run["results"]] == ["DOM-02", "DOM-02"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] == "error"
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] in {"prompts/router.md", "guardrails/answers.yaml"}
        assert place["region"]["startLine"] > 0
    marks = [result["partialFingerprints"]["interlockFinding/v1"] for result in run["results"]]
    assert len(set(marks)) == 2


def test_a_finding_that_only_moved_keeps_its_name_and_equal_ones_are_told_apart(verdict: Verdict) -> None:
    def marks(*lines: int) -> list[str]:
        rows = [{"message": "same words", "file": "a b.md", "line": line} for line in lines]
        changed = replace(verdict.outcome("DOM-02"), data={"findings": rows})
        document = sarif_document(replace(verdict, outcomes=(changed,)))
        results = document["runs"][0]["results"]
        assert results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b.md"
        return [result["partialFingerprints"]["interlockFinding/v1"] for result in results]

    assert marks(3) == marks(99)
    assert len(set(marks(3, 4))) == 2


def test_an_eval_that_fails_is_not_sold_as_a_line_of_code(verdict: Verdict) -> None:
    assert verdict.outcome("EVAL-02").standing is Standing.FAIL
    assert "EVAL-02" not in json.dumps(sarif_document(verdict))


def test_the_comment_is_found_again_and_fits(verdict: Verdict) -> None:
    comment = markdown_text(verdict, run=RUN)
    assert comment.splitlines()[0] == marker(verdict.feature, verdict.environment)
    assert "privacy-delete-04" in comment
    assert comment.index("EVAL-02") < comment.index("GOV-02")
    huge = hostile(verdict)
    rows = [
        {**row, "slice": "s" * 500 + str(i), "broke_cases": ["x" * 5000] * 99}
        for i in range(300)
        for row in verdict.outcome("EVAL-03").data["slices"]
    ]
    swollen = [replace(o, data={**o.data, "slices": rows}) if o.check == "EVAL-03" else o for o in huge.outcomes]
    assert len(markdown_text(replace(huge, outcomes=tuple(swollen))).encode()) <= MOST_BYTES


def test_hostile_text_stays_text_in_every_document(verdict: Verdict) -> None:
    bad = hostile(verdict)
    comment = markdown_text(bad)
    assert "<script" not in comment
    assert "\u202e" not in comment
    assert "@everyone" not in comment.replace("@<!-- -->everyone", "")
    assert "](https://" not in comment
    assert "https://evil" not in comment
    cells = [line.replace("\\|", "").count("|") for line in comment.splitlines() if line.startswith("| ")]
    assert set(cells[:7]) == {5}
    report = JUnitXml.fromstring(junit_text(bad).encode())
    assert sum(len(suite) for suite in report) == len(CATALOGUE)
    assert "\x1b" not in json.dumps(sarif_document(bad), ensure_ascii=False)


def test_a_marker_cannot_be_closed_by_a_name() -> None:
    assert marker("a--><b", "x") == "<!-- interlock:verdict a____b x -->"


def test_limits_that_were_loosened_are_said_in_every_document(
    verdict: Verdict, page_of: Callable[..., ReportPage]
) -> None:
    said = f"limits looser than {verdict.profile}: min_cases 0 (60), broken_max 1 (0.02)"
    loose = replace(verdict, loosened=("min_cases 0 (60)", "broken_max 1 (0.02)"))
    assert verdict_document(loose)["loosened"] == ["min_cases 0 (60)", "broken_max 1 (0.02)"]
    assert said in markdown_text(loose).replace("\\", "")
    assert said in html_text(page_of(loose))
    for text in (markdown_text(verdict), html_text(page_of(verdict))):
        assert "looser than" not in text


def test_a_verdict_of_before_there_was_this_field_is_still_read(verdict: Verdict) -> None:
    old = {key: value for key, value in verdict_to_json(verdict).items() if key != "loosened"}
    assert verdict_from_json(old) == verdict
    loose = replace(verdict, loosened=("min_cases 0 (60)",))
    assert verdict_from_json(verdict_to_json(loose)) == loose
