"""Checks meet evidence: READY, HOLD or BLOCKED, with every reason. One object; all faces render it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from interlock.core.checks import Check, Level, Limits, Question, allowed_methods
from interlock.core.digest import Digest
from interlock.core.evidence import Evidence, Gap
from interlock.core.manifest import Profile, Stage
from interlock.core.rules import RULES, Ruling, Standing


class Word(StrEnum):
    """The three verdicts. There is no score and no sum."""

    READY = "READY"
    HOLD = "HOLD"
    BLOCKED = "BLOCKED"


FIRST = frozenset({"BND-01", "CMP-01"})
"""Nothing is worth measuring before these hold."""

MENDED_BY_CASES = "interlock report"
"""Where a failed eval lists its cases: running it again would find the same."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A named person lets one check pass for a while, and says what holds instead."""

    check: str
    scope: Digest
    reason: str
    owner: str
    approver: str
    control: str
    until: datetime
    issued: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one check stands here: what was seen → what it proves → what is asked → the next command."""

    check: str
    title: str
    question: Question
    level: Level
    standing: Standing
    seen: str
    proves: str
    asked: str
    next: str
    details: tuple[str, ...] = ()
    gap: Gap | None = None
    evidence: Digest | None = None
    method: str = ""
    produced_at: datetime | None = None
    valid_until: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether it keeps the bundle from READY."""
        return self.level is Level.REQUIRED and self.standing in (Standing.FAIL, Standing.OWED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to «is this bundle safe to operate here?», as of one moment.

    valid_until: the least of its evidence; None when nothing in it ages.
    compared_to: the live bundle that it was compared with, if any.
    loosened: the limits that are looser than the profile's own, as `checks.loosened` says them.
    """

    feature: str
    bundle: Digest
    environment: str
    stage: Stage
    profile: Profile
    word: Word
    outcomes: tuple[Outcome, ...]
    produced_at: datetime
    valid_until: datetime | None
    components: Mapping[str, str]
    compared_to: Digest | None = None
    app: str = ""
    pairs: frozenset[tuple[str, str]] = frozenset()
    loosened: tuple[str, ...] = ()

    def blocking(self) -> tuple[Outcome, ...]:
        """What keeps it from READY: failures first, then what is owed, in the order of the questions.

        The bundle itself comes last, but for what has to be mended before anything else can be measured.
        """

        def rank(outcome: Outcome) -> tuple[bool, int]:
            number = 0 if outcome.check in FIRST else outcome.question.number or len(Question)
            return outcome.standing is not Standing.FAIL, number

        return tuple(sorted((outcome for outcome in self.outcomes if outcome.open), key=rank))

    def of_question(self, question: Question) -> tuple[Outcome, ...]:
        """The outcomes under one of the five questions, or the bundle itself."""
        return tuple(outcome for outcome in self.outcomes if outcome.question is question)

    def outcome(self, check: str) -> Outcome:
        """The outcome of one check."""
        return next(outcome for outcome in self.outcomes if outcome.check == check)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the store holds for a check: usable evidence, or the gap."""

    evidence: Evidence | None
    gap: Gap | None
    seen: str = ""


def best_evidence(
    check: Check, scope: Digest, found: Iterable[Evidence], *, now: datetime, limits: Limits, profile: Profile,
    revoked: frozenset[Digest] = frozenset(),
) -> Finding:  # fmt: skip
    """The newest evidence that may be used for this scope; else the gap of the newest that may not.

    The newest of the same scope decides: a later failure is never hidden behind an earlier pass.
    """
    allowed, max_age = allowed_methods(profile), check.max_age(limits)
    newest_first = sorted(found, key=lambda evidence: evidence.produced_at, reverse=True)
    same = [evidence for evidence in newest_first if evidence.scope == scope]
    if not same:
        return Finding(None, Gap.SCOPE if newest_first else Gap.NEVER)
    gap: Gap | None = None
    for evidence in same:
        found_gap = evidence.gap(
            scope=scope, now=now, max_age=max_age, allowed=allowed, revoked=evidence.digest in revoked
        )
        if found_gap is None:
            return Finding(evidence, None)
        gap = gap or found_gap
        if found_gap is not Gap.REVOKED:
            return Finding(evidence, found_gap)
    return Finding(None, gap)


def judge(
    check: Check, finding: Finding, *, level: Level, limits: Limits, absent: str | None = None, waiver: Waiver | None = None,
    now: datetime,
) -> Outcome:  # fmt: skip
    """One check, decided. `absent` is the derived reason why it does not apply; a person cannot type it."""

    def outcome(standing: Standing, ruling: Ruling, evidence: Evidence | None = None) -> Outcome:
        age = check.max_age(limits)
        return Outcome(
            check.id, check.title, check.question, level, standing, ruling.seen, ruling.proves, ruling.asked,
            _next(check, standing, ruling), ruling.details, ruling.gap,
            evidence.digest if evidence else None, evidence.method.value if evidence else "",
            evidence.produced_at if evidence else None,
            evidence.produced_at + age if evidence and age else None,
            evidence.data if evidence else {},
        )  # fmt: skip

    if absent is not None:
        return outcome(Standing.NA, Ruling(Standing.NA, absent, "", ""))
    ruling = _ruling(check, finding, limits)
    if waiver is None or ruling.standing in (Standing.PASS, Standing.NA):
        return outcome(ruling.standing, ruling, finding.evidence)
    waived = Ruling(
        Standing.WAIVED,
        f"{ruling.seen}; waived by {waiver.approver} for {waiver.owner} until {waiver.until:%Y-%m-%d}: {waiver.reason}",
        f"nothing; instead: {waiver.control}",
        ruling.asked,
        ruling.details,
    )
    # It rests on the waiver, not on the evidence: only the end of the waiver ends it.
    return replace(outcome(Standing.WAIVED, waived, finding.evidence), valid_until=waiver.until)


def _ruling(check: Check, finding: Finding, limits: Limits) -> Ruling:
    if check.instrument is None:
        return Ruling(Standing.OWED, f"nothing: {check.missing}", "nothing", check.rule, gap=Gap.INSTRUMENT)
    if finding.evidence is not None and finding.gap in (None, Gap.METHOD):
        ruling = RULES[check.id](finding.evidence.data, limits)
        # What is only declared shows nothing good, but a declaration that is wrong is wrong.
        if finding.gap is None or ruling.standing is Standing.FAIL:
            return ruling
    return Ruling(
        Standing.OWED, _unseen(finding), "nothing about these bytes, here and now", check.rule, gap=finding.gap
    )


def _next(check: Check, standing: Standing, ruling: Ruling) -> str:
    if standing in (Standing.PASS, Standing.NA):
        return ""
    if ruling.next:
        return ruling.next
    told = check.instrument in ("eval", "probe") and (standing is Standing.FAIL or ruling.gap is Gap.THIN)
    return MENDED_BY_CASES if told else check.next


def _unseen(finding: Finding) -> str:
    match finding.gap:
        case Gap.STALE if finding.evidence:
            return f"measured on {finding.evidence.produced_at:%Y-%m-%d}, which is too old"
        case Gap.METHOD if finding.evidence:
            return f"{finding.evidence.method.value} only; this profile asks for more than a typed line"
        case Gap.SCOPE:
            return "measured on other bytes; a part that it reads has changed"
        case Gap.REVOKED:
            return "the evidence was revoked"
        case _:
            return finding.seen or "never measured"


def word_of(outcomes: Sequence[Outcome]) -> Word:
    """BLOCKED when a required check fails, HOLD when one is owed, READY when every one passes, is waived or n/a.

    No required outcome at all is HOLD: nothing was asked, so nothing was shown.
    """
    required = [outcome for outcome in outcomes if outcome.level is Level.REQUIRED]
    if any(outcome.standing is Standing.FAIL for outcome in required):
        return Word.BLOCKED
    if not required or any(outcome.standing is Standing.OWED for outcome in required):
        return Word.HOLD
    return Word.READY


def valid_until(outcomes: Sequence[Outcome]) -> datetime | None:
    """The moment at which the first required piece of evidence stops counting; what is owed counts for nothing now."""
    ends = [
        o.valid_until
        for o in outcomes
        if o.level is Level.REQUIRED and o.standing is not Standing.OWED and o.valid_until is not None
    ]
    return min(ends) if ends else None


def verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    """The verdict as plain JSON (schema `interlock.verdict.v1`): what is signed, stored and printed by `--json`."""
    return {
        "schema": "interlock.verdict.v1",
        "verdict": verdict.word.value,
        "feature": verdict.feature,
        "bundle": verdict.bundle,
        "environment": verdict.environment,
        "stage": verdict.stage.value,
        "profile": verdict.profile.value,
        "produced_at": verdict.produced_at.isoformat(),
        "valid_until": verdict.valid_until.isoformat() if verdict.valid_until else None,
        "compared_to": verdict.compared_to,
        "app": verdict.app,
        "components": dict(verdict.components),
        "pairs": sorted(list(pair) for pair in verdict.pairs),
        "loosened": list(verdict.loosened),
        "checks": [
            {
                "id": o.check,
                "title": o.title,
                "question": o.question.number,
                "level": o.level.value,
                "status": o.standing.value,
                "seen": o.seen,
                "proves": o.proves,
                "asked": o.asked,
                "next": o.next,
                "details": list(o.details),
                "owed_because": o.gap.value if o.gap else None,
                "evidence": o.evidence,
                "method": o.method or None,
                "produced_at": o.produced_at.isoformat() if o.produced_at else None,
                "valid_until": o.valid_until.isoformat() if o.valid_until else None,
                "data": dict(o.data),
            }
            for o in verdict.outcomes
        ],
    }


def verdict_from_json(data: Mapping[str, Any]) -> Verdict:
    """The inverse of `verdict_to_json`."""

    def moment(text: str | None) -> datetime | None:
        return datetime.fromisoformat(text) if text else None

    return Verdict(
        data["feature"], data["bundle"], data["environment"], Stage(data["stage"]), Profile(data["profile"]), Word(data["verdict"]),
        tuple(
            Outcome(
                row["id"], row["title"], list(Question)[row["question"]], Level(row["level"]), Standing(row["status"]),
                row["seen"], row["proves"], row["asked"], row["next"], tuple(row["details"]),
                Gap(row["owed_because"]) if row["owed_because"] else None, row["evidence"], row["method"] or "",
                moment(row["produced_at"]), moment(row["valid_until"]), row["data"],
            )
            for row in data["checks"]
        ),
        datetime.fromisoformat(data["produced_at"]), moment(data["valid_until"]), data["components"], data["compared_to"],
        data["app"], frozenset((pair[0], pair[1]) for pair in data["pairs"]),
        tuple(data.get("loosened", ())),
    )  # fmt: skip
