"""A verdict as JUnit XML, so that a CI system shows every check in its test tab and is red when it should be."""

from collections.abc import Callable

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from interlock.core.checks import Level, Question
from interlock.core.digest import short
from interlock.core.rules import Standing
from interlock.core.verdict import Outcome, Verdict
from interlock.views.wording import chain, plain


def junit_text(verdict: Verdict) -> str:
    """One suite per question, one test case per check.

    A failed check is a failure, an owed one an error of type `owed`; what does not apply, is waived or is not asked
    here is skipped. A check that only warns passes and says so in its output.
    """
    report = JUnitXml(
        f"{plain(verdict.word)} {plain(verdict.feature)}@{short(verdict.bundle)} {plain(verdict.environment)}"
    )
    for question in Question:
        suite = TestSuite(f"{question.number} {question.value}")
        suite.timestamp = verdict.produced_at.isoformat()
        for outcome in verdict.of_question(question):
            suite.add_testcase(_case(outcome, f"{verdict.feature}.{verdict.environment}"))
        report.add_testsuite(suite)
    render: Callable[[], bytes] = report.tostring  # the library leaves it untyped
    return render().decode("utf-8")


def _case(outcome: Outcome, group: str) -> TestCase:
    case = TestCase(plain(f"{outcome.check} {outcome.title}"), classname=plain(group), time=0.0)
    story = "\n".join(f"{name}: {plain(text)}" for name, text in chain(outcome))
    story += "".join(f"\n- {plain(detail)}" for detail in outcome.details)
    seen = plain(outcome.seen)
    if outcome.level is Level.NOT_ASKED:
        case.result = [Skipped("not asked in this environment")]
    elif outcome.standing in (Standing.NA, Standing.WAIVED):
        case.result = [Skipped(f"{outcome.standing.value}: {seen}")]
    elif outcome.standing is Standing.PASS:
        case.system_out = story
    elif outcome.level is Level.WARNS:
        case.system_out = f"warning, {outcome.standing.value}\n{story}"
    elif outcome.standing is Standing.FAIL:
        case.result = [_told(Failure(seen, "fail"), story)]
    else:
        case.result = [_told(Error(seen, "owed"), story)]
    return case


def _told(result: Failure | Error, story: str) -> Failure | Error:
    result.text = story
    return result
