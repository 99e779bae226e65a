"""Single cases worth a look: which flipped, and which disagree with themselves."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from interlock.core.score import Broken, CaseResult, Reply, Scored, Trial
from interlock.core.suite import Case, Expect, Slice, Suite, SuiteKind
from interlock.services.case_rows import flaky_cases, flipped_cases
from interlock.services.evaluate import Run

AT = datetime(2026, 11, 22, tzinfo=UTC)
SLICES = (Slice(id="s", title="S"), Slice(id="c", title="C", critical=True))


def run_of(marks: dict[str, tuple[Any, ...]], **cases: dict[str, Any]) -> tuple[Run, Suite]:
    """Case id → its trials: True, False, or None for one that broke."""
    rows = tuple(
        Case(id=id, input=id, expect=Expect(exact="x"), source="t", **{"slices": ("s",), **cases.get(id, {})})
        for id in marks
    )
    suite = Suite("gold", SuiteKind.GOLD, rows, SLICES)
    results = {}
    for case in rows:
        trials = tuple(
            Trial(case.id, i, None, Broken.TIMEOUT)
            if mark is None
            else Trial(case.id, i, Reply("answer", "x"), calls=1)
            for i, mark in enumerate(marks[case.id])
        )
        scores = tuple(
            () if mark is None else (Scored("exact", float(mark), mark, "" if mark else "says y"),)
            for mark in marks[case.id]
        )
        results[f"gold/{case.id}"] = CaseResult(case.id, case.slices, case.unit, trials, scores)
    return Run("r", {}, (suite,), results, False, 1, 0, 0.0, AT, AT), suite


def flips(before: dict[str, Any], after: dict[str, Any], **cases: dict[str, Any]) -> list[dict[str, Any]]:
    old, _ = run_of(before, **cases)
    new, suite = run_of(after, **cases)
    return flipped_cases(old, new, [(suite, case) for case in suite.cases])


def test_the_worst_flip_comes_first() -> None:
    found = flips(
        {"small": (True, True), "big": (True,), "must": (True, True), "crit": (True,), "better": (False,), "same": (True,)},
        {"small": (True, False), "big": (False,), "must": (True, False), "crit": (False,), "better": (True,), "same": (True,)},
        must={"must_pass": True}, crit={"slices": ("c",)},
    )  # fmt: skip
    assert [row["case"] for row in found] == ["must", "crit", "big", "small", "better"]
    assert found[0]["why"] == "exact: says y"
    assert found[-1]["why"] == ""
    assert (found[3]["before"], found[3]["after"]) == (1.0, 0.5)


def test_a_case_that_broke_in_one_run_is_no_flip() -> None:
    assert flips({"a": (True,)}, {"a": (None,)}) == []


@given(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=5).map(tuple),
        min_size=1,
    )
)
def test_flaky_is_what_passed_and_failed_and_broken_repeats_do_not_count(marks: dict[str, tuple[Any, ...]]) -> None:
    run, suite = run_of(marks)
    found = {row["case"]: (row["passes"], row["trials"]) for row in flaky_cases(run, [suite])}
    slow = {
        id: (row.count(True), row.count(True) + row.count(False))
        for id, row in marks.items()
        if True in row and False in row
    }
    assert found == slow


def test_the_most_undecided_comes_first() -> None:
    run, suite = run_of({"a": (True, True, True, False), "b": (True, False), "c": (True, False, False)})
    assert [row["case"] for row in flaky_cases(run, [suite])] == ["b", "c", "a"]
