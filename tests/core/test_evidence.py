"""Promises of evidence: its scope is the digest of what it read, and nobody can say otherwise."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interlock.core.digest import scope_digest
from interlock.core.errors import EvidenceError
from interlock.core.evidence import Evidence, Gap, Method, evidence_from_json, evidence_to_json

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
READS = {"prompt": "sha256:" + "1" * 64, "app": "sha256:" + "2" * 64}


def stated(**changes: Any) -> dict[str, Any]:
    made = Evidence("EVAL-01", scope_digest(READS), READS, Method.MEASURED, {"cases": 1}, NOW, run="r-1")
    return {**evidence_to_json(made), **changes}


def test_evidence_survives_its_json() -> None:
    assert evidence_to_json(evidence_from_json(stated())) == stated()


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": "sha256:" + "3" * 64},
        {"reads": {**READS, "prompt": "sha256:" + "4" * 64}},
        {"reads": {"prompt": READS["prompt"]}},
        {"reads": {**READS, "tools": "none"}},
    ],
)
def test_a_scope_that_is_not_the_digest_of_what_was_read_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError, match="scope"):
        evidence_from_json(stated(**changes))


@pytest.mark.parametrize("field", ["check", "scope", "reads", "method", "data", "produced_at"])
def test_a_statement_that_lacks_a_field_is_refused(field: str) -> None:
    with pytest.raises(EvidenceError):
        evidence_from_json({name: value for name, value in stated().items() if name != field})


@pytest.mark.parametrize(
    "changes", [{"method": "felt"}, {"produced_at": "yesterday"}, {"reads": 7}, {"reads": {"app": 7}}]
)
def test_a_statement_of_the_wrong_shape_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError):
        evidence_from_json(stated(**changes))


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises((EvidenceError, ValueError)):
        evidence_from_json(stated(produced_at="2026-11-22T09:00:00"))


def test_the_first_reason_that_bars_evidence_is_named() -> None:
    made = evidence_from_json(stated())

    def gap(**changes: Any) -> Gap | None:
        asked: dict[str, Any] = {
            "scope": made.scope,
            "now": NOW,
            "max_age": timedelta(days=1),
            "allowed": frozenset(Method),
        }
        return made.gap(**{**asked, **changes})

    assert gap() is None
    assert gap(scope=scope_digest({})) is Gap.SCOPE
    assert gap(revoked=True) is Gap.REVOKED
    assert gap(allowed=frozenset({Method.ATTESTED})) is Gap.METHOD
    assert gap(now=NOW + timedelta(days=1)) is None
    assert gap(now=NOW + timedelta(days=1, seconds=1)) is Gap.STALE
    assert gap(now=NOW + timedelta(days=900), max_age=None) is None
