"""A verdict as real checks and rules make it: the evidence is made up, the outcomes are judged."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interlock.core.catalogue import CATALOGUE
from interlock.core.checks import LIMITS, level_in
from interlock.core.digest import Digest, of_bytes, scope_digest
from interlock.core.estimate import clopper_pearson
from interlock.core.evidence import Evidence, Gap, Method
from interlock.core.manifest import Part, Profile, Stage
from interlock.core.verdict import Finding, Verdict, Waiver, Word, judge, valid_until, word_of
from interlock.views.page import BundleColumn, PartCell, ReadingRow, ReportPage, WaiverRow
from interlock.views.summary import RunSummary

NOW = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
CLEAN = {"findings": [], "examined": 14, "what": "rules"}


def slice_row(name: str, passes: int, n: int, *, critical: bool = False, floor: float | None = None, failed: tuple[str, ...] = ()) -> dict[str, Any]:  # fmt: skip
    interval = clopper_pearson(passes, n)
    floors = [{"scorer": "case", "floor": floor, "passes": passes, "n": n}] if floor is not None else []
    return {
        "suite": "gold", "slice": name, "title": f"Questions about {name.replace('_', ' ')}", "critical": critical,
        "share": 0.1, "passes": passes, "n": n, "broken": 0, "low": interval.low, "high": interval.high,
        "failed": list(failed), "floors": floors,
    }  # fmt: skip


def moved(name: str, broke: tuple[str, ...], fixed: tuple[str, ...], n: int, verdict: str, why: str) -> dict[str, Any]:
    delta = (len(fixed) - len(broke)) / n
    return {
        "slice": name, "verdict": verdict, "broke": len(broke), "fixed": len(fixed), "n": n, "delta": delta,
        "low": delta - 0.08, "high": delta + 0.07, "margin": 0.10, "decides_at": None, "why": why,
        "broke_cases": list(broke), "fixed_cases": list(fixed),
    }  # fmt: skip


DATA: dict[str, Mapping[str, Any]] = {
    "BND-01": {"findings": [], "examined": 81, "what": "files"},
    "BND-03": CLEAN, "CMP-01": CLEAN, "CMP-02": CLEAN, "CMP-03": CLEAN, "GOV-01": CLEAN, "GOV-03": CLEAN,
    "PIN-01": {"pins": [{"part": "model", "level": "P1"}, {"part": "prompt", "level": "P0"}]},
    "GOV-04": {"missing": [], "derived": "standard", "declared": "standard"},
    "SAFE-07": CLEAN, "EVAL-06": CLEAN, "EVAL-09": CLEAN, "PRS-02": CLEAN, "DOM-01": CLEAN,
    "CAP-01": CLEAN, "RUN-01": CLEAN, "ROLL-06": CLEAN,
    "DOM-02": {
        "findings": [
            {"message": "`resolved` is a word of state without a definition", "file": "prompts/router.md", "line": 31},
            {"message": "`approved` is a word of state without a definition", "file": "guardrails/answers.yaml", "line": 12},
        ],
        "examined": 9, "what": "texts", "asked": "every word of state is defined or not used",
    },
    "SAFE-02": {"should": {"passes": 61, "n": 65}, "wrongly": {"count": 9, "n": 312}},
    "EVAL-01": {"cases": 377, "ran": 377, "broken": {}, "calls": 412, "traced": 377, "truncated": False},
    "EVAL-02": {
        "slices": [
            slice_row("refunds", 33, 40, floor=0.60, failed=("refund-dup-01", "refund-bank-07", "refund-old-account-02")),
            slice_row("account_security", 62, 62, critical=True),
            slice_row("privacy", 60, 62, critical=True, failed=("privacy-delete-04", "privacy-third-party-11")),
            slice_row("outage_credit", 30, 36, floor=0.60, failed=("outage-planned-03",)),
            slice_row("small_talk", 12, 12, floor=0.60),
            slice_row("unanswerable", 24, 30, floor=0.70, failed=("legal-advice-02",)),
        ],
        "must_pass_failed": [],
    },
    "EVAL-03": {
        "baseline": of_bytes(b"live"),
        "overall": {"broke": 5, "fixed": 11},
        "slices": [
            moved("privacy", ("privacy-delete-04", "privacy-third-party-11"), (), 62, "owed", "2 of 62 changed; 88 more cases would settle it"),
            moved("refunds", ("refund-dup-01",), tuple(f"refund-{i:02}" for i in range(9)), 40, "pass", "not worse than its margin"),
            moved("outage_credit", ("outage-planned-03", "outage-credit-09"), ("outage-late-01", "outage-late-02"), 36, "owed", "2 broke and 2 were fixed of 36"),
        ],
    },
    "PRS-01": {"evals": {"ok": 409, "attempted": 412}, "fuzz": {"handled": 40, "n": 40, "missed": []}},
}  # fmt: skip


def make_verdict(
    environment: str = "production", stage: Stage = Stage.GA, profile: Profile = Profile.STANDARD,
    data: Mapping[str, Mapping[str, Any]] = DATA, waived: tuple[str, ...] = ("RUN-03",), feature: str = "fernhollow/billing-support",
) -> Verdict:  # fmt: skip
    limits, outcomes = LIMITS[profile], []
    for index, check in enumerate(CATALOGUE):
        reads = {"prompt": of_bytes(check.id.encode())}
        scope, found = scope_digest(reads), Finding(None, Gap.NEVER)
        if check.id in data:
            evidence = Evidence(
                check.id, scope, reads, Method.MEASURED, data[check.id], NOW - timedelta(minutes=7 * index), "k1",
                digest=of_bytes(f"evidence {check.id}".encode()),
            )  # fmt: skip
            found = Finding(evidence, None)
        waiver = None
        if check.id in waived:
            waiver = Waiver(
                check.id, scope, "the pager moves to another vendor this month", "mei", "tomas",
                "support watches the queue by hand", NOW + timedelta(days=20), NOW,
            )  # fmt: skip
        outcomes.append(
            judge(check, found, level=level_in(check, profile, stage), limits=limits, waiver=waiver, now=NOW)
        )
    return Verdict(
        feature, of_bytes(b"this"), environment, stage, profile, word_of(outcomes), tuple(outcomes), NOW,
        valid_until(outcomes), {part.value: of_bytes(part.encode()) for part in Part}, of_bytes(b"live"), of_bytes(b"app"),
    )  # fmt: skip


def make_page(verdict: Verdict, *others: Verdict) -> ReportPage:
    words = [
        Word.BLOCKED,
        Word.BLOCKED,
        Word.HOLD,
        Word.READY,
        Word.HOLD,
        Word.READY,
        Word.READY,
        Word.HOLD,
        verdict.word,
    ]
    readings = tuple(
        ReadingRow(
            NOW - timedelta(days=len(words) - i), of_bytes(b"b%d" % (i // 2)), "production", word,
            () if word is Word.READY else ("SAFE-02", "EVAL-02", "EVAL-03"), NOW + timedelta(days=5), "EVAL-01", 40 * i, 0.01 * i, "ines",
        )
        for i, word in enumerate(words)
    )  # fmt: skip
    live = {part.value: PartCell("1", of_bytes(part.encode()), "P0") for part in Part}
    this = {
        **live,
        "prompt": PartCell("2", of_bytes(b"new"), "P0", "ines", "say what happens next after a refusal"),
        "tools": None,
    }
    return ReportPage(
        (verdict, *others), readings,
        RunSummary(412, 365, 0.0421, ("EVAL-01", "EVAL-02", "EVAL-03", "SAFE-02"), {"timeout": 2}, False, 31.4),
        (
            BundleColumn("live", of_bytes(b"live"), live),
            BundleColumn("this", of_bytes(b"this"), this, ("prompt requires schema >=2,<4: holds, it is 3",)),
        ),
        (WaiverRow("RUN-03", "the pager moves to another vendor", "mei", "tomas", "support watches by hand", NOW + timedelta(days=20)),),
        {outcome.evidence: "ci@fernhollow" for outcome in verdict.outcomes if outcome.evidence},
    )  # fmt: skip


@pytest.fixture
def verdict() -> Verdict:
    return make_verdict()


@pytest.fixture
def others() -> tuple[Verdict, ...]:
    return (make_verdict("staging", Stage.LAB), make_verdict("pilot", Stage.PILOT))


@pytest.fixture
def page(verdict: Verdict, others: tuple[Verdict, ...]) -> ReportPage:
    return make_page(verdict, *others)


@pytest.fixture
def verdict_of() -> Callable[..., Verdict]:
    return make_verdict


@pytest.fixture
def page_of() -> Callable[..., ReportPage]:
    return make_page


@pytest.fixture
def digest() -> Callable[[bytes], Digest]:
    return of_bytes
