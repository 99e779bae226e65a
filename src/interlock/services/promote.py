"""The way forward asks: a plan, the verdict it rests on, another person's approval, then one compare-and-set."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from interlock.core.digest import Digest, of_value
from interlock.core.errors import ConflictError, PromotionError, UsageError
from interlock.core.manifest import Profile
from interlock.core.pointer import Move, Pointer, first_pointer
from interlock.core.rules import Standing
from interlock.core.verdict import Outcome, Verdict, Word, verdict_to_json
from interlock.ports import Records
from interlock.services.assess import assess, changed_parts
from interlock.services.history import authors_of, is_signed
from interlock.services.subject import Subject

APPROVAL_CHECK = "GOV-02"


class Refused(PromotionError):
    """Some check keeps the bundle out of this environment."""

    code = "promotion.refused"

    def __init__(self, verdict: Verdict, blocking: tuple[Outcome, ...]) -> None:
        groups = [
            f"{what} {', '.join(named)}"
            for what, standing in (("fails", Standing.FAIL), ("owed", Standing.OWED))
            if (named := [outcome.check for outcome in blocking if outcome.standing is standing])
        ]
        super().__init__(
            f"{verdict.word} in `{verdict.environment}`: {'; '.join(groups)}",
            hint=f"`interlock check --env {verdict.environment}` says what each of them has seen and asks",
        )
        self.verdict = verdict
        self.blocking = blocking
        self.exit_code = 1 if verdict.word is Word.BLOCKED else 3


class Waiting(PromotionError):
    """A plan that was not approved by enough people yet."""

    code = "promotion.waits"


@dataclass(frozen=True, slots=True)
class Plan:
    """A promotion that somebody proposed: what would go live where, on which verdict, and who still has to say yes.

    generation: of the pointer when the plan was made; a plan for another generation is stale.
    """

    id: str
    environment: str
    feature: str
    bundle: Digest
    generation: int
    replaces: Digest | None
    changed: tuple[str, ...]
    author: str
    reason: str
    needs: int
    risk_owner: bool
    created: datetime
    verdict: Digest
    approvals: tuple[str, ...] = ()
    applied: bool = False
    risk_owners: tuple[str, ...] = ()

    @property
    def waits(self) -> int:
        """How many approvals are still missing; at least one while a risk owner is needed and none has approved."""
        return max(self.needs - len(self.approvals), int(self.risk_owner and not self.risk_owners), 0)


def _open(verdict: Verdict) -> tuple[Outcome, ...]:
    """What blocks, leaving out the approval that the plan itself is going to collect."""
    return tuple(outcome for outcome in verdict.blocking() if outcome.check != APPROVAL_CHECK)


def propose(subject: Subject, records: Records, *, reason: str) -> Plan:
    """Plan to make a bundle live. Changes nothing but the ledger.

    Raises: Refused when a required check fails or is owed; ConflictError when the bundle is live here already.
    """
    verdict = assess(subject, records)
    if blocking := _open(verdict):
        raise Refused(verdict, blocking)
    live = records.pointers.read(subject.environment, subject.bundle.feature)
    if live is not None and live.stable == subject.bundle.digest:
        raise ConflictError(f"this bundle is live in `{subject.environment}` already", hint="interlock status")
    needs, risk = approvals_needed(subject)
    generation = live.generation if live else 0
    body: dict[str, Any] = {
        "environment": subject.environment,
        "feature": subject.bundle.feature,
        "bundle": subject.bundle.digest,
        "generation": generation,
        "replaces": live.stable if live else None,
        "changed": [part.value for part in changed_parts(subject, records)],
        "reason": reason,
        "needs": needs,
        "risk_owner": risk,
        "verdict": records.blobs.put(records.signer.sign(verdict_to_json(verdict), kind="verdict")),
    }
    now = records.clock.now()
    id = of_value({**body, "at": now.isoformat()}, domain="interlock.plan.v1").removeprefix("sha256:")[:8]
    records.ledger.append("plan.proposed", {"plan": id, **body}, actor=records.actor, at=now)
    return find_plan(records, id)


def approvals_needed(subject: Subject) -> tuple[int, bool]:
    """How many people who are not the author must approve, and whether one of them is a risk owner (GOV-02)."""
    regulated = subject.profile is Profile.REGULATED
    asked = any(c == APPROVAL_CHECK for c in _required(subject))
    floor = (2 if regulated else 1) if asked else 0
    return max(subject.spec.approvals, floor), regulated and asked


def _required(subject: Subject) -> tuple[str, ...]:
    from interlock.core.catalogue import CATALOGUE
    from interlock.core.checks import Level, level_in

    also = frozenset(subject.spec.also)
    return tuple(
        check.id for check in CATALOGUE if level_in(check, subject.profile, subject.spec.stage, also) is Level.REQUIRED
    )


def plans(records: Records) -> list[Plan]:
    """Every plan, oldest first, with its approvals."""
    approvals: dict[str, dict[str, list[str]]] = {}
    for fact in records.ledger.facts("plan.approved"):
        if not is_signed(records, fact, "approval", {key: fact.body[key] for key in ("plan", "bundle", "environment")}):
            continue
        approvals.setdefault(fact.body["plan"], {})[fact.actor] = fact.body["roles"]
    applied = {fact.body["plan"] for fact in records.ledger.facts("pointer.moved") if fact.body.get("plan")}
    return [
        _plan(fact.body, fact.actor, fact.at, approvals.get(fact.body["plan"], {}), applied)
        for fact in records.ledger.facts("plan.proposed")
    ]


def _plan(
    body: Mapping[str, Any], author: str, at: datetime, approvals: Mapping[str, list[str]], applied: set[str]
) -> Plan:
    return Plan(
        body["plan"], body["environment"], body["feature"], Digest(body["bundle"]), body["generation"], body["replaces"],
        tuple(body["changed"]), author, body["reason"], body["needs"], body["risk_owner"], at, Digest(body["verdict"]),
        tuple(approvals), body["plan"] in applied, tuple(name for name, roles in approvals.items() if "risk" in roles),
    )  # fmt: skip


def find_plan(records: Records, id: str) -> Plan:
    """A plan by its id. Raises UsageError when there is none."""
    found = [plan for plan in plans(records) if plan.id.startswith(id)] if len(id) >= 4 else []
    if len(found) != 1:
        waiting = [plan.id for plan in plans(records) if not plan.applied]
        raise UsageError(f"there is no plan `{id}`", hint=f"plans that wait: {', '.join(waiting) or 'none'}")
    return found[0]


def approve(subject: Subject, records: Records, id: str, *, approver: str) -> Plan:
    """One person's signed yes to exactly this bundle in this environment.

    Raises: PromotionError when the approver proposed the plan or wrote a changed part, approved before, holds no
    trusted key, or the plan was applied.
    """
    plan = find_plan(records, id)
    if plan.applied:
        raise PromotionError(f"plan `{plan.id}` was applied already", hint="interlock status")
    if approver == plan.author:
        raise PromotionError(f"`{approver}` proposed this plan", hint="another person approves: --as NAME")
    if approver in authors_of(records, subject.bundle, changed_parts(subject, records)):
        raise PromotionError(
            f"`{approver}` wrote a part that this plan changes", hint="another person approves: --as NAME"
        )
    if approver in plan.approvals:
        raise PromotionError(f"`{approver}` approved this plan already", hint="another person approves: --as NAME")
    now = records.clock.now()
    body = {"plan": plan.id, "bundle": plan.bundle, "environment": plan.environment, "generation": plan.generation}
    envelope = records.signer.sign({**body, "at": now.isoformat()}, kind="approval", name=approver)
    _, signature = records.signer.open(envelope, kind="approval")
    records.ledger.append(
        "plan.approved",
        {**body, "roles": sorted(signature.roles), "envelope": records.blobs.put(envelope)},
        actor=approver,
        at=now,
    )
    return find_plan(records, plan.id)


def _without_authors(plan: Plan, authors: frozenset[str]) -> Plan:
    """The plan with the approvals that count: whoever wrote a changed part, even after approving, is no other person."""
    return replace(
        plan,
        approvals=tuple(name for name in plan.approvals if name not in authors),
        risk_owners=tuple(name for name in plan.risk_owners if name not in authors),
    )


def apply(subject: Subject, records: Records, id: str) -> Pointer:
    """Make the planned bundle live.

    Everything is asked again at this moment: the verdict, the approvals and the generation.

    Raises: Waiting when approvals are missing; PromotionError when it was applied already; Refused when the verdict is no longer READY; ConflictError when
    the pointer moved since the plan was made.
    """
    plan = find_plan(records, id)
    if plan.applied:
        raise PromotionError(f"plan `{plan.id}` was applied already", hint="interlock status")
    plan = _without_authors(plan, authors_of(records, subject.bundle, changed_parts(subject, records)))
    if plan.waits:
        who = " by a risk owner" if plan.risk_owner and not plan.risk_owners else ""
        raise Waiting(
            f"plan `{plan.id}` waits for {plan.waits} more approval{'s' if plan.waits > 1 else ''}{who}",
            hint=f"somebody else runs `interlock approve {plan.id} --as NAME`",
        )
    verdict = assess(subject, records)
    if verdict.word is not Word.READY:
        remaining = _open(verdict) or verdict.blocking()
        if any(outcome.check != APPROVAL_CHECK for outcome in remaining) or not plan.approvals:
            raise Refused(verdict, remaining)
    now = records.clock.now()
    live = records.pointers.read(plan.environment, plan.feature)
    generation = live.generation if live else 0
    if plan.generation != generation:
        raise ConflictError(
            f"plan `{plan.id}` was made for generation {plan.generation}, and `{plan.environment}` is at {generation}",
            hint=f"plan again: interlock promote {plan.environment}",
        )
    if live is None:
        pointer = first_pointer(
            plan.environment, plan.feature, plan.bundle, reason=plan.reason, actor=plan.author, at=now
        )
    else:
        pointer = live.moved(plan.bundle, Move.PROMOTION, reason=plan.reason, actor=plan.author, at=now)
    records.pointers.swap(
        pointer,
        expected=plan.generation,
        fact={
            "plan": plan.id,
            "move": Move.PROMOTION.value,
            "approvals": list(plan.approvals),
            "verdict": plan.verdict,
        },
    )
    return pointer
