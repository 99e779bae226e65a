"""The checks that the ledger itself answers: who changed what and why, what was proven, who approved, which bar moved."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.core.checks import NEVER_WAIVED
from interlock.core.digest import Digest
from interlock.core.errors import EvidenceError, LedgerError
from interlock.core.manifest import Part, Profile
from interlock.core.suite import SuiteKind
from interlock.ports import Records
from interlock.services.assess import baseline, changed_parts, evals_done, hybrids, unproven_ways_back
from interlock.services.bars import lowered_bars
from interlock.services.history import approvals_of, authors_of, last_ready, proven_pairs, reasons_of
from interlock.services.parts import Loaded, load_parts
from interlock.services.rerun import rerun_data
from interlock.services.shelf import fetch
from interlock.services.subject import Subject
from interlock.services.waive import open_waivers


@dataclass(frozen=True)
class LedgerContext:
    """What a ledger check reads."""

    subject: Subject
    loaded: Loaded
    records: Records

    @property
    def live(self) -> Digest | None:
        """The bundle that this one is compared with."""
        return baseline(self.subject, self.records)


def _findings(examined: int, what: str, messages: list[str], *, asked: str, owed: str = "") -> Mapping[str, Any]:
    return {
        "examined": examined,
        "what": what,
        "findings": [{"message": m} for m in messages],
        "asked": asked,
        "owed": owed,
    }


def changes_known(context: LedgerContext) -> Mapping[str, Any]:
    """BND-03: each part that differs from live has an author and a reason."""
    assert context.live is not None  # n/a otherwise
    old, _ = fetch(context.records, context.live)
    changed = context.subject.bundle.changed_from(old)
    known = reasons_of(context.records, context.subject.bundle)
    missing = [
        f'{part} changed and nobody said why: interlock lock --reason "…"'
        for part in changed
        if part.value not in known
    ]
    return _findings(
        len(changed), "changed parts", missing,
        asked="each changed part with author and reason, and sampled traces that agree with the pointer",
        owed="sampled traces that agree with the pointer; this version receives none",
    )  # fmt: skip


def pairs_proven(context: LedgerContext) -> Mapping[str, Any]:
    """CMP-03: every interacting pair was proven together, or the evals of this combination are done."""
    pairs = context.subject.bundle.pairs()
    untested = pairs - proven_pairs(context.records)
    done = not untested or evals_done(context.subject, context.records)
    names = sorted({" with ".join(name.split("@")[0] for name in pair) for pair in untested})
    return _findings(
        len(pairs), "interacting pairs", [], asked="each pair proven together, or the evals of this combination done",
        owed="" if done else "the evals of this combination; never proven together: " + ", ".join(names),
    )  # fmt: skip


def signed(context: LedgerContext) -> Mapping[str, Any]:
    """GOV-01: a trusted, unexpired key can sign the verdict, and the ledger's chain verifies."""
    messages, count = [], 0
    try:
        count = context.records.ledger.verify()
    except LedgerError as error:
        messages.append(error.message)
    try:
        probe = context.records.signer.sign({"bundle": context.subject.bundle.digest}, kind="probe")
        context.records.signer.open(probe, kind="probe")
    except EvidenceError as error:
        messages.append(error.message)
    return _findings(count + 1, "facts and keys", messages, asked="a trusted key and an unbroken chain")


def approved(context: LedgerContext) -> Mapping[str, Any]:
    """GOV-02: somebody who is not the author approved exactly this bundle, here."""
    subject, records = context.subject, context.records
    authors = authors_of(records, subject.bundle, changed_parts(subject, records))
    given = [a for a in approvals_of(records, subject.bundle.digest, subject.environment) if a.approver not in authors]
    people = {approval.approver for approval in given}
    regulated = subject.profile is Profile.REGULATED
    need = 2 if regulated else 1
    risk = not regulated or any("risk" in approval.roles for approval in given)
    missing = ""
    if len(people) < need or not risk:
        missing = f"{need} approval{'s' if need > 1 else ''} by somebody who is not the author" + (
            ", one a risk owner" if regulated else ""
        )
    return _findings(len(people), "approvals of this digest", [], asked=missing or "approved by others", owed=missing)


def waivers_valid(context: LedgerContext) -> Mapping[str, Any]:
    """GOV-03: open waivers are within the limits of number and length, and of nothing that can never be waived."""
    subject, records = context.subject, context.records
    waivers = open_waivers(records, records.clock.now())
    messages = []
    if len(waivers) > subject.limits.waivers_open:
        messages.append(f"{len(waivers)} waivers are open; the profile allows {subject.limits.waivers_open:g}")
    for waiver in waivers:
        if waiver.check in NEVER_WAIVED[subject.profile]:
            messages.append(f"{waiver.check} can never be waived in profile `{subject.profile}`")
        if (waiver.until - waiver.issued).total_seconds() > subject.limits.waiver_days * 86400 + 1:
            messages.append(f"the waiver of {waiver.check} is longer than {subject.limits.waiver_days:g} days")
        if waiver.owner == waiver.approver:
            messages.append(f"the waiver of {waiver.check} was approved by its owner")
    return _findings(1, "list of waivers", messages, asked="valid, unexpired, within limits")


def bars_kept(context: LedgerContext) -> Mapping[str, Any]:
    """EVAL-06: no bar is lower than at the last READY, and a hold-out suite was used."""
    records, loaded = context.records, context.loaded
    messages: list[str] = []
    last = last_ready(records, loaded.bundle.feature, other_than=loaded.bundle.digest)
    if last is not None:
        messages += [
            f"lower than at the last READY: {bar.text}"
            for bar in lowered_bars(load_parts(*fetch(records, last)), loaded)
        ]
    holdouts = [suite for suite in loaded.suites if suite.kind is SuiteKind.HOLDOUT]
    if not holdouts:
        messages.append("there is no hold-out suite (`kind: holdout`)")
    evals = loaded.bundle.components[Part.EVALS].digest
    used = any(
        fact.body["evals"] == evals and fact.body["ran"].get("holdout", 0) > 0 for fact in records.ledger.facts("run")
    )
    return _findings(
        1 + len(holdouts), "bars and hold-outs", messages, asked="no bar lowered, a hold-out used",
        owed="" if used or messages else "a run of the hold-out suite",
    )  # fmt: skip


def ways_back_proven(context: LedgerContext) -> Mapping[str, Any]:
    """ROLL-06: each single-part way back (live with that part as it was) has passed its evals already."""
    assert context.live is not None  # n/a otherwise
    old, _ = fetch(context.records, context.live)
    owed = unproven_ways_back(context.subject, context.records)
    return _findings(
        len(hybrids(context.subject.bundle, old)) or 1, "single-part ways back", [], asked="each proven before it is needed",
        owed="the way back of " + ", ".join(owed) if owed else "",
    )  # fmt: skip


def suite_rerun(context: LedgerContext) -> Mapping[str, Any]:
    """OBS-05: when the whole suite was last asked anew on exactly these bytes."""
    return rerun_data(context.records, context.subject.bundle, context.subject.app, context.subject.limits)


def authority_signed_off(context: LedgerContext) -> Mapping[str, Any]:
    """ACT-06: nothing that live may not do; what is wider is signed off by a waiver, with owner, approver and an end."""
    from interlock.services.authority_cells import enumerate_authority  # the guard's whole engine comes with it

    assert context.live is not None  # n/a otherwise
    before, after = load_parts(*fetch(context.records, context.live)).actions, context.loaded.actions
    known = {action.action for actions in (before, after) if actions for action in actions.map}
    return _findings(
        len(known), "actions", [f"wider than live: {text}" for text in enumerate_authority(before, after).gained],
        asked="no authority that live does not have, or each widening signed off",
    )  # fmt: skip


LEDGER: Mapping[str, Callable[[LedgerContext], Mapping[str, Any]]] = {
    "GOV-01": signed,
    "GOV-02": approved,
    "GOV-03": waivers_valid,
    "BND-03": changes_known,
    "CMP-03": pairs_proven,
    "EVAL-06": bars_kept,
    "ROLL-06": ways_back_proven,
    "OBS-05": suite_rerun,
    "ACT-06": authority_signed_off,
}
