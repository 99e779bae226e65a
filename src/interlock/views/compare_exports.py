"""A comparison for other tools: JUnit for a CI system, an in-toto statement for whoever signs and keeps it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from interlock.views.wording import plain

PREDICATE = "urn:interlock:comparison:1"


def compare_junit(document: Mapping[str, Any]) -> str:
    """One suite per slice with one test case: may the candidate replace the baseline here?

    A slice that fails is a failure, an owed one an error of type `owed`: a skipped test is green in most CI systems, and
    no data is never a pass. A slice that is not critical passes and says so in its output.

    Args:
        document: what `Comparison.to_json` gives.
    """
    report = JUnitXml(f"{document['verdict']}: {plain(document['candidate'])} against {plain(document['baseline'])}")
    for one in document["slices"]:
        suite = TestSuite(plain(one["slice"]))
        case = TestCase("no worse than the baseline", classname=plain(one["slice"]), time=0.0)
        story = _story(one)
        if one["verdict"] == "pass" or not one["critical"]:
            case.system_out = story if one["critical"] else f"not critical, {one['verdict']}\n{story}"
        else:
            seen = plain(one["why"])
            result = Failure(seen, "fail") if one["verdict"] == "fail" else Error(seen, "owed")
            result.text = story
            case.result = [result]
        suite.add_testcase(case)
        report.add_testsuite(suite)
    if not document["slices"]:
        suite, case = TestSuite("all"), TestCase("no worse than the baseline", classname="all", time=0.0)
        case.result = [Error("there is no case to compare", "owed")]
        suite.add_testcase(case)
        report.add_testsuite(suite)
    render: Callable[[], bytes] = report.tostring  # the library leaves it untyped
    return render().decode("utf-8")


def _story(one: Mapping[str, Any]) -> str:
    def figure(value: float | None) -> str:
        return "none" if value is None else f"{value:.4f}"

    rows = [
        f"n: {one['n']} paired of {one['cases']} cases, {one['errors']} with errors, {one['unpaired']} unpaired",
        f"broke: {one['broke']}", f"fixed: {one['fixed']}",
        f"change: {figure(one['delta'])} [{figure(one['low'])}, {figure(one['high'])}]", f"margin: {figure(one['margin'])}",
        f"decides at: {one['decides_at']}", f"why: {plain(one['why'])}",
    ]  # fmt: skip
    return "\n".join(rows)


def compare_statement(document: Mapping[str, Any], subjects: Mapping[str, str]) -> str:
    """An in-toto Statement v1 about the two files, unsigned, as JSON text with a line end.

    Args:
        document: what `Comparison.to_json` gives.
        subjects: `baseline` and `candidate` → `sha256:…` of the files' bytes.
    """
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
            for name, digest in sorted(subjects.items())
        ],
        "predicateType": PREDICATE,
        "predicate": dict(document),
    }
    return json.dumps(statement, indent=2, ensure_ascii=True, allow_nan=False, sort_keys=True) + "\n"
