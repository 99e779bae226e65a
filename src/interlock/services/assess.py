"""Checks meet the evidence that is stored: a verdict for one bundle in one environment, measuring nothing."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from interlock.core.bundle import Bundle
from interlock.core.catalogue import BY_ID, CATALOGUE
from interlock.core.checks import NEVER_WAIVED, Check, Level, level_in, loosened
from interlock.core.digest import Digest, of_value
from interlock.core.errors import LedgerError
from interlock.core.manifest import Part, Profile
from interlock.core.mutation import mutants_digest
from interlock.core.rules import RULES, Standing
from interlock.core.verdict import Finding, Outcome, Verdict, Waiver, best_evidence, judge, valid_until, word_of
from interlock.ports import Records
from interlock.services.history import approvals_of, last_ready, proven_pairs, reasons_of
from interlock.services.rerun import rerun_input
from interlock.services.shelf import fetch
from interlock.services.snapshot import snapshot
from interlock.services.subject import Subject
from interlock.services.waive import open_waivers


def baseline(subject: Subject, records: Records) -> Digest | None:
    """The bundle that this one would replace, or did replace: what EVAL-03 compares with.

    The newest other bundle in the pointer's history of this environment, else of the nearest less exposed one.
    """
    if subject.against is not None:
        return subject.against
    for environment in (subject.environment, *subject.earlier):
        for pointer in reversed(records.pointers.history(environment, subject.bundle.feature)):
            if pointer.stable != subject.bundle.digest:
                return pointer.stable
    return None


def inputs(subject: Subject, records: Records, names: Iterable[str] | None = None) -> Mapping[str, str]:
    """The named inputs of scopes that are not parts: each a digest of what the ledger says right now.

    Args:
        names: only these; default: all. Most of them read the ledger.
    """
    return {name: _INPUTS[name](subject, records) for name in (_INPUTS if names is None else names)}


def _pairs(subject: Subject, records: Records) -> str:
    """What CMP-03 still has to ask: nothing once all pairs were proven, or the evals of this combination are done.

    A bundle that becomes READY proves its own pairs, and must not lose its evidence by that.
    """
    untested = sorted(f"{a} {b}" for a, b in subject.bundle.pairs() - proven_pairs(records))
    return of_value(untested if untested and not evals_done(subject, records) else [], domain="interlock.pairs.v1")


def _approvals(subject: Subject, records: Records) -> str:
    given = approvals_of(records, subject.bundle.digest, subject.environment)
    return of_value([[a.approver, sorted(a.roles)] for a in given], domain="interlock.approvals.v1")


def _waivers(subject: Subject, records: Records) -> str:
    held = open_waivers(records, records.clock.now())
    return of_value([[w.check, w.scope, w.until.isoformat()] for w in held], domain="interlock.waivers.v1")


def _chain(records: Records) -> str:
    try:
        records.ledger.verify()
    except LedgerError as error:
        return f"broken: {error.message}"
    return "whole"


def _bars(subject: Subject, records: Records) -> str:
    """What EVAL-06 compares: where bars stand here and in the bundle that was READY before, and whether a hold-out ran."""
    bundle, here = subject.bundle, _standing_bars(subject.bundle)
    evals = bundle.parts([Part.EVALS])[Part.EVALS.value]
    held_out = any(
        fact.body["evals"] == evals and fact.body["ran"].get("holdout", 0) > 0 for fact in records.ledger.facts("run")
    )
    last = last_ready(records, bundle.feature, other_than=bundle.digest)
    before = here if last is None else _standing_bars(fetch(records, last)[0])
    moved = None if before == here else {"before": before, "here": here}
    return of_value({"moved": moved, "held_out": held_out}, domain="interlock.bars.v1")


def _standing_bars(bundle: Bundle) -> dict[str, Any]:
    """Everything of a bundle that says how high a bar is: `services/bars.py` reads no more than this."""
    guardrails, runbook = bundle.components.get(Part.GUARDRAILS), bundle.components.get(Part.RUNBOOK)
    release = runbook.spec.get("release", {}) if runbook else {}
    answers = guardrails.spec.get("answers") if guardrails else None
    return {
        "evals": bundle.parts([Part.EVALS]),
        "release": {name: release.get(name) for name in ("profile", "limits", "environments")},
        "answers": bundle.paths()[answers].sha256 if answers in bundle.paths() else "none",
        "constraints": dict(bundle.constraints),
    }


def _served(subject: Subject, _: Records) -> str:
    """What decides which packs apply, beside the parts: the languages that are served, and the stakes."""
    runbook = subject.bundle.components.get(Part.RUNBOOK)
    release = runbook.spec.get("release", {}) if runbook else {}
    return of_value({name: release.get(name) for name in ("languages", "stakes")}, domain="interlock.served.v1")


def hybrids(bundle: Bundle, old: Bundle) -> list[tuple[Part, Bundle]]:
    """The bundles that a rollback of one changed part would make: n of them, not 2 to the n."""
    return [(part, bundle.with_part(part, old)) for part in bundle.changed_from(old) if part is not Part.EVALS]


def unproven_ways_back(subject: Subject, records: Records) -> tuple[Part, ...]:
    """The parts whose way back (what is live, with that part as it was) has not passed its evals."""
    before = baseline(subject, records)
    if before is None:
        return ()
    return tuple(
        part
        for part, hybrid in hybrids(subject.bundle, fetch(records, before)[0])
        if not evals_done(replace(subject, bundle=hybrid), records)
    )


_INPUTS: Mapping[str, Callable[[Subject, Records], str]] = {
    "app": lambda subject, _: subject.app,
    "lock": lambda subject, _: "same" if subject.locked else "differs",
    "mutants": lambda subject, _: mutants_digest(subject.bundle.components),
    "paths": lambda subject, _: of_value(sorted(subject.bundle.paths()), domain="interlock.paths.v1"),
    "constraints": lambda subject, _: of_value(subject.bundle.constraints, domain="interlock.constraints.v1"),
    "live": lambda subject, records: baseline(subject, records) or "none",
    "changes": lambda subject, records: of_value(reasons_of(records, subject.bundle), domain="interlock.changes.v1"),
    "pairs": _pairs,
    "chain": lambda _, records: _chain(records),
    "approvals": _approvals,
    "waivers": _waivers,
    "bars": _bars,
    "served": _served,
    "rerun": lambda subject, records: rerun_input(records, subject.bundle, subject.app, subject.limits),
    "ways": lambda subject, records: of_value(
        [part.value for part in unproven_ways_back(subject, records)], domain="interlock.ways.v1"
    ),
}


def evals_done(subject: Subject, records: Records) -> bool:
    """Whether this very combination of parts passed its evals."""
    for id in ("EVAL-01", "SAFE-02"):
        check = BY_ID[id]
        scope = subject.bundle.scope(check.reads, {"app": subject.app})
        found = best_evidence(
            check, scope, records.evidence.find(id), now=records.clock.now(), limits=subject.limits,
            profile=subject.profile, revoked=records.evidence.revoked(),
        )  # fmt: skip
        if (
            found.evidence is None
            or found.gap
            or RULES[id](found.evidence.data, subject.limits).standing is not Standing.PASS
        ):
            return False
    return True


def scope_of(check: Check, subject: Subject, named: Mapping[str, str]) -> tuple[Digest, dict[str, str]]:
    """The scope of a check for this subject, and the digests that it is made of."""
    reads = {**subject.bundle.parts(check.reads), **{name: named[name] for name in check.inputs}}
    return subject.bundle.scope(check.reads, {name: named[name] for name in check.inputs}), reads


def absent(check: Check, subject: Subject, named: Mapping[str, str]) -> str | None:
    """The derived reason why a check does not apply; None when it does."""
    has_tools, has_retriever = subject.bundle.has(Part.TOOLS), subject.bundle.has(Part.RETRIEVER)
    if check.id.startswith("ACT-") and not has_tools:
        return "the feature has no tools"
    if check.id == "DOM-03" and not has_tools:
        return "the feature has no tools, so it cannot claim an action"
    if check.id == "PIN-03" and not (has_tools or has_retriever):
        return "the feature has neither tools nor retrieval"
    if "live" in check.inputs and named["live"] == "none":
        return "nothing was ever live here, so there is nothing to compare with"
    return None


def find(check: Check, subject: Subject, named: Mapping[str, str], records: Records) -> Finding:
    """The stored evidence for a check and this subject, or the gap."""
    scope, _ = scope_of(check, subject, named)
    return best_evidence(
        check, scope, records.evidence.find(check.id), now=records.clock.now(), limits=subject.limits,
        profile=subject.profile, revoked=records.evidence.revoked(),
    )  # fmt: skip


def assess(subject: Subject, records: Records, *, at: datetime | None = None) -> Verdict:
    """The verdict from stored evidence alone."""
    records = snapshot(records)
    named = inputs(subject, records)
    now = at or records.clock.now()
    waivers = open_waivers(records, now)
    outcomes: list[Outcome] = []
    for check in CATALOGUE:
        level = level_in(check, subject.profile, subject.spec.stage, frozenset(subject.spec.also))
        scope, _ = scope_of(check, subject, named)
        outcomes.append(
            judge(
                check,
                find(check, subject, named, records),
                level=level,
                limits=subject.limits,
                absent=absent(check, subject, named),
                waiver=next((w for w in waivers if _applies(w, check, scope, subject.profile)), None),
                now=now,
            )
        )
    return Verdict(
        feature=subject.bundle.feature,
        bundle=subject.bundle.digest,
        environment=subject.environment,
        stage=subject.spec.stage,
        profile=subject.profile,
        word=word_of(outcomes),
        outcomes=tuple(outcomes),
        produced_at=now,
        valid_until=valid_until(outcomes),
        components=subject.bundle.parts(Part),
        compared_to=baseline(subject, records),
        app=subject.app,
        pairs=subject.bundle.pairs(),
        loosened=loosened(subject.profile, subject.limits),
    )


def _applies(waiver: Waiver, check: Check, scope: Digest, profile: Profile) -> bool:
    return waiver.check == check.id and waiver.scope == scope and check.id not in NEVER_WAIVED[profile]


def asked(verdict: Verdict) -> tuple[Outcome, ...]:
    """The outcomes that this environment asks for."""
    return tuple(outcome for outcome in verdict.outcomes if outcome.level is Level.REQUIRED)


def changed_parts(subject: Subject, records: Records) -> tuple[Part, ...]:
    """The parts that differ from what is, or was before it, live in this very environment; all when nothing was.

    Less exposed environments do not count here: what is old in staging is new in production.
    """
    before = baseline(replace(subject, earlier=(), against=None), records)
    return (
        tuple(subject.bundle.components) if before is None else subject.bundle.changed_from(fetch(records, before)[0])
    )
