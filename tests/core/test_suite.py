"""Promises of suites and cases: unique ids, declared slices, and a digest of everything that is judged."""

from typing import Any

import pytest

from interlock.core.errors import DocumentError
from interlock.core.suite import Case, Expect, Requirement, Slice, Suite, SuiteKind


def case(id: str = "a", slices: tuple[str, ...] = ("s",), **given: Any) -> Case:
    return Case(
        id=id, slices=slices, source="test", expect=given.pop("expect", Expect()), **{"input": "hello", **given}
    )


def suite(*cases: Case, requirements: tuple[Requirement, ...] = (), **given: Any) -> Suite:
    return Suite(
        "gold",
        given.get("kind", SuiteKind.GOLD),
        cases,
        (Slice(id="s", title="S"), Slice(id="t", title="T")),
        requirements,
    )


def test_a_case_id_that_occurs_twice_is_refused() -> None:
    with pytest.raises(DocumentError, match="twice"):
        suite(case(), case())


def test_a_slice_that_is_not_declared_is_refused_in_cases_and_requirements() -> None:
    with pytest.raises(DocumentError, match="`u`"):
        suite(case(slices=("s", "u")))
    with pytest.raises(DocumentError, match="`u`"):
        suite(case(), requirements=(Requirement(slice="u"),))


def test_rewording_an_expectation_asks_nothing_anew_but_is_another_suite() -> None:
    old, new = case(), case(expect=Expect(facts=("nine",)))
    assert old.request_digest == new.request_digest
    assert suite(old).digest != suite(new).digest


@pytest.mark.parametrize("change", [{"input": "hi"}, {"lang": "de"}, {"context": {"customer": 1}}])
def test_what_the_target_is_given_names_the_request(change: dict[str, Any]) -> None:
    assert case(**change).request_digest != case().request_digest


@pytest.mark.parametrize(
    ("outcome", "unanswerable"),
    [
        (None, False),
        ("answer", False),
        ("abstain", True),
        (("abstain", "escalate"), True),
        (("answer", "abstain"), False),
    ],
)
def test_a_case_has_no_answer_when_every_permitted_outcome_is_another(outcome: Any, unanswerable: bool) -> None:
    assert case(expect=Expect(outcome=outcome)).unanswerable is unanswerable


def test_cases_of_a_cluster_are_one_unit() -> None:
    assert (case().unit, case(cluster="c").unit) == ("a", "c")


def test_the_margin_of_a_slice_is_its_own_then_the_general_one_then_the_default() -> None:
    rows = (Requirement(slice="s", margin=0.1), Requirement(slice="s", margin=0.2), Requirement(slice="*", margin=0.3))
    assert suite(requirements=rows).margin("s", 0.5) == 0.1
    assert suite(requirements=rows).margin("t", 0.5) == 0.3
    assert suite().margin("t", 0.5) == 0.5


def test_the_digest_of_a_suite_sees_its_kind_and_its_bars() -> None:
    digests = {
        suite(case()).digest,
        suite(case(), kind=SuiteKind.HOLDOUT).digest,
        suite(case(), requirements=(Requirement(slice="s", floor=0.5),)).digest,
        suite(case(), requirements=(Requirement(slice="s", floor=0.4),)).digest,
        suite(case(weight=2.0)).digest,
    }
    assert len(digests) == 5
