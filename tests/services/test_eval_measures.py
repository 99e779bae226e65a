"""Measures: broken is outside n and shown, a unit passes whole, and no half is left out."""

from datetime import UTC, datetime
from typing import Any

import pytest

from interlock.core.checks import LIMITS
from interlock.core.manifest import Profile
from interlock.core.rules import RULES, Standing
from interlock.core.score import Broken, CaseResult, Fault, Reply, Scored, Trial
from interlock.core.suite import Case, Expect, Requirement, Slice, Suite, SuiteKind
from interlock.services.eval_measures import measure_regression, measure_suite
from interlock.services.evaluate import Run

LIMIT = LIMITS[Profile.STANDARD]
AT = datetime(2026, 11, 22, tzinfo=UTC)


def run_of(
    marks: dict[str, Any], *, kind: SuiteKind = SuiteKind.GOLD, requirements: Any = (), critical: bool = True
) -> Run:
    """Case id → (marks of its trials, further fields); a mark is True, False, None for broken or a fault of the app."""
    cases, results = [], {}
    for name, (trials, more) in marks.items():
        outcome = more.pop("replied", "answer") if isinstance(more, dict) else "answer"
        case = Case(
            id=name, input=name, slices=("s",), source="t", expect=more.pop("expect", Expect(exact="x")), **more
        )
        cases.append(case)
        own = [
            Trial(name, i, None, Broken.TIMEOUT) if mark is None
            else Trial(name, i, None, calls=1, trace_id="t", fault=mark) if isinstance(mark, Fault)
            else Trial(name, i, Reply(outcome, "x", parse_attempted=1, parse_ok=int(mark)), calls=1, trace_id="t")
            for i, mark in enumerate(trials)
        ]  # fmt: skip
        scores = tuple(() if mark is None else (Scored("exact", float(mark is True), mark is True),) for mark in trials)
        results[f"gold/{name}"] = CaseResult(name, ("s",), case.unit, tuple(own), scores)
    suite = Suite("gold", kind, tuple(cases), (Slice(id="s", title="S", critical=critical),), tuple(requirements))
    return Run("r", {"app": "x"}, (suite,), results, False, 1, 0, 0.0, AT, AT, "sha256:" + "a" * 64)


def row(run: Run) -> Any:
    return measure_suite(run)["EVAL-02"]["slices"][0]


def test_broken_cases_are_outside_n_and_shown() -> None:
    run = run_of(
        {"a": ([True], {}), "b": ([False], {}), "c": ([None], {}), "d": ([True, None], {}), "e": ([False, None], {})}
    )
    found = row(run)
    assert (found["passes"], found["n"], found["broken"], found["failed"]) == (1, 3, 2, ["b", "e"])
    ran = measure_suite(run)["EVAL-01"]
    assert (ran["cases"], ran["ran"], ran["broken"], ran["traced"]) == (5, 2, {"timeout": 3}, 2)


def test_a_crash_of_the_app_is_a_case_that_ran_and_failed_and_no_abstention() -> None:
    run = run_of({
        "a": ([True], {}),
        "b": ([Fault.CRASH], {"expect": Expect(outcome="abstain")}),
        "c": ([Fault.SHAPE], {"expect": Expect(outcome="answer")}),
    })  # fmt: skip
    found = row(run)
    assert (found["passes"], found["n"], found["broken"], found["failed"]) == (1, 3, 0, ["b", "c"])
    ran = measure_suite(run)["EVAL-01"]
    assert (ran["ran"], ran["broken"], ran["traced"]) == (3, {}, 3)
    assert ran["faults"] == run.faults == {"reply in another shape": 1, "target crashed": 1}
    abstention = measure_suite(run)["SAFE-02"]
    assert abstention["should"]["failed"] == ["b"]
    assert abstention["wrongly"]["failed"] == ["c"]


def test_a_cluster_is_one_unit_and_passes_only_whole() -> None:
    run = run_of({"a": ([True], {"cluster": "k"}), "b": ([False], {"cluster": "k"}), "c": ([True], {})})
    assert (row(run)["passes"], row(run)["n"]) == (1, 2)


def test_every_repeat_must_pass() -> None:
    assert row(run_of({"a": ([True, True, False], {})}))["passes"] == 0


def test_a_must_pass_case_that_broke_is_owed_and_never_forgotten() -> None:
    many: dict[str, Any] = {f"c{i}": ([True], {}) for i in range(80)}
    good = measure_suite(run_of(many))["EVAL-02"]
    assert RULES["EVAL-02"](good, LIMIT).standing is Standing.PASS
    broken = measure_suite(run_of({**many, "m": ([None], {"must_pass": True})}))["EVAL-02"]
    assert RULES["EVAL-02"](broken, LIMIT).standing is Standing.OWED
    failed = measure_suite(run_of({**many, "m": ([False], {"must_pass": True})}))["EVAL-02"]
    assert failed["must_pass_failed"] == ["m"]
    assert RULES["EVAL-02"](failed, LIMIT).standing is Standing.FAIL


@pytest.mark.parametrize(("critical", "expected"), [(False, [("case", 0.5), ("exact", 0.9)]), (True, [("exact", 0.9)])])
def test_general_floors_hold_for_slices_that_are_not_critical(critical: bool, expected: Any) -> None:
    asked = [
        Requirement(slice="*", floor=0.5),
        Requirement(slice="*", scorer="exact", floor=0.6),
        Requirement(slice="s", scorer="exact", floor=0.9),
    ]
    floors = row(run_of({"a": ([True], {})}, requirements=asked, critical=critical))["floors"]
    assert [(floor["scorer"], floor["floor"]) for floor in floors] == expected


def test_a_baseline_suite_counts_for_nothing() -> None:
    data = measure_suite(run_of({"a": ([True], {})}, kind=SuiteKind.BASELINE))
    assert data["EVAL-01"]["cases"] == 0
    assert RULES["EVAL-01"](data["EVAL-01"], LIMIT).standing is Standing.OWED


def test_abstention_counts_both_halves_by_all_repeats() -> None:
    no, yes = Expect(outcome=("abstain", "escalate")), Expect(outcome="answer")
    data = measure_suite(run_of({
        "kept": ([True], {"expect": no, "replied": "escalate"}), "lost": ([True], {"expect": no, "replied": "answer"}),
        "good": ([True], {"expect": yes}), "refused": ([True], {"expect": yes, "replied": "abstain"}),
        "broken": ([None], {"expect": yes}), "either": ([True], {"expect": Expect(outcome=("answer", "abstain"))}),
        "handed": ([True], {"expect": Expect(outcome="escalate"), "replied": "answer"}),
    }))["SAFE-02"]  # fmt: skip
    assert (data["should"]["passes"], data["should"]["n"]) == (1, 2)
    assert (data["wrongly"]["count"], data["wrongly"]["n"], data["wrongly"]["broken"]) == (1, 2, 1)
    assert "asked_back" not in data


def test_asking_back_holds_back_where_the_case_permits_it_and_is_a_refusal_where_it_does_not() -> None:
    no, may, yes = (
        Expect(outcome=("abstain", "escalate")),
        Expect(outcome=("abstain", "clarify")),
        Expect(outcome="answer"),
    )
    data = measure_suite(run_of({
        "no": ([True], {"expect": no, "replied": "clarify"}), "may": ([True], {"expect": may, "replied": "clarify"}),
        "yes": ([True], {"expect": yes, "replied": "clarify"}), "good": ([True], {"expect": yes}),
        "only": ([True], {"expect": Expect(outcome="clarify"), "replied": "clarify"}),
    }))["SAFE-02"]  # fmt: skip
    assert (data["should"]["passes"], data["should"]["n"], data["should"]["failed"]) == (1, 2, ["no"])
    assert (data["wrongly"]["count"], data["wrongly"]["n"], data["wrongly"]["failed"]) == (1, 2, ["yes"])
    assert data["asked_back"] == {"should": 2, "wrongly": 1}
    assert "asked back on 2 of the first, 1 of the second" in RULES["SAFE-02"](data, LIMIT).seen


def test_parsed_outputs_are_counted_and_the_other_half_is_owed() -> None:
    data = measure_suite(run_of({"a": ([True], {}), "b": ([False], {}), "c": ([None], {})}))["PRS-01"]
    assert (data["evals"]["ok"], data["evals"]["attempted"]) == (1, 2)
    assert RULES["PRS-01"](data, LIMIT).standing is not Standing.PASS


def test_a_regression_names_its_cases_and_not_answering_is_no_way_to_pass() -> None:
    before = run_of({f"c{i}": ([True], {}) for i in range(80)})
    same = measure_regression(before, before, LIMIT)
    assert RULES["EVAL-03"](same, LIMIT).standing is Standing.PASS
    worse = measure_regression(before, run_of({f"c{i}": ([i >= 8], {}) for i in range(80)}), LIMIT)
    assert RULES["EVAL-03"](worse, LIMIT).standing is Standing.FAIL
    assert worse["slices"][0]["broke_cases"] == [f"c{i}" for i in range(8)]
    assert (worse["overall"]["n"], worse["overall"]["broke"], worse["overall"]["fixed"]) == (80, 8, 0)
    silent = run_of({f"c{i}": ([None if i < 8 else True], {}) for i in range(80)})
    for pair in ((before, silent), (silent, silent)):
        data = measure_regression(*pair, LIMIT)
        assert data["slices"][0]["unpaired"] == 8
        assert RULES["EVAL-03"](data, LIMIT).standing is Standing.OWED


def test_another_suite_cannot_be_paired() -> None:
    before, now = run_of({"a": ([True], {})}), run_of({"a": ([True], {"must_pass": True})})
    data = measure_regression(before, now, LIMIT)
    assert [found["n"] for found in data["slices"]] == [0]
    assert RULES["EVAL-03"](data, LIMIT).standing is Standing.OWED
