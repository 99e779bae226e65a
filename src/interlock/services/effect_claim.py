"""The one transaction before a call: switch, decision, approval, budget and claim, with the record of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from interlock.core.approval import (
    AGENT_ROLE,
    Approval,
    ApprovalState,
    Vote,
    ask,
    confirmation_statement,
    objection,
    vote_statement,
)
from interlock.core.budget import Account, BudgetAsk, Entry, account_of, members_settled, outstanding
from interlock.core.claim import Arrival, Claim, State, arrive
from interlock.core.digest import of_value
from interlock.core.effect import EffectRequest
from interlock.core.errors import ConflictError, EvidenceError
from interlock.core.grant import Grant, grant_statement
from interlock.core.record import decision_body
from interlock.core.terms import CallVerdict
from interlock.ports import EffectTransaction, Signer

APPROVAL_KIND = "effect-approval"
GRANT_KIND = "effect-grant"
CONFIRMATION_KIND = "effect-confirmation"
"""The kinds of statement that a yes, a standing yes, and the app's word for its signed-in person are signed as."""


@dataclass(frozen=True, slots=True)
class Go:
    """The call may be made. A read has no claim."""

    request: EffectRequest
    record: int
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The call may not be made."""

    request: EffectRequest
    record: int
    verdict: CallVerdict
    codes: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Waits:
    """A person must agree first."""

    approval: Approval
    record: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The effect was asked for before; `arrival` says how it stands."""

    claim: Claim
    arrival: Arrival
    record: int


Answer = Go | Refusal | Waits | Found
_Way = tuple[Claim | None, Arrival, Sequence[tuple[BudgetAsk, Account]], Approval | Grant | None]


@dataclass(frozen=True)
class Hearing:
    """One arrival of one call in its tenant's turn.

    now: read after the turn began. owner: names this caller and no other. lease: until when its outcome is recorded.
    signer: what says whether an approval is a person's; None: none is.
    """

    turn: EffectTransaction
    request: EffectRequest
    now: datetime
    owner: str
    lease: timedelta
    signer: Signer | None

    def question(self) -> Waits | None:
        """Whom the call waits for, written down as the request that they decide; None when nobody has to be asked."""
        answer = self._decided()
        return answer if isinstance(answer, Waits) else None

    def answer(self) -> Answer:
        """Decide, and write everything that follows from it; only the call itself is left to do."""
        decided = self._decided()
        return self._go(*decided) if isinstance(decided, tuple) else decided

    def _decided(self) -> "Refusal | Waits | Found | _Way":
        """The answer, or, where the way is free, with what the claim is made."""
        request = self.request
        if off := self.turn.switched_off(request.scopes):
            which = ", ".join(f"{each.scope} {each.name}".strip() for each in off)
            return self._refuse(CallVerdict.DENY, ("switch.off",), f"switched off: {which} ({off[0].reason})")
        if request.verdict in {CallVerdict.DENY, CallVerdict.ESCALATE}:
            why = (
                f"`{request.action}` is not permitted" if request.verdict is CallVerdict.DENY else "a person takes over"
            )
            return self._refuse(request.verdict, request.codes, f"{why}: {', '.join(request.codes) or 'by the policy'}")
        terms = request.idempotency
        found = None if terms is None else self.turn.claim(terms.key)
        arrival = Arrival.NEW if terms is None else arrive(found, request, self.now)
        if found is not None and arrival not in {Arrival.NEW, Arrival.RETRY}:
            return self._found(found, arrival)
        if request.verdict is CallVerdict.REPLAY:
            return self._refuse(CallVerdict.DENY, ("replay.nothing-kept",), "there is no result to repeat")
        holds = found is not None and arrival is Arrival.RETRY and found.state is State.UNKNOWN
        asks = () if holds else self._accounts()
        if over := self._over(asks):
            return self._refuse(CallVerdict.DENY, ("budget.cap",), over)
        agreed: Approval | Grant | None = None
        if request.verdict is CallVerdict.ASK:
            again = self._agreed_before(found) if found is not None and arrival is Arrival.RETRY else None
            decided = again or self._granted() or self._asked()
            if isinstance(decided, Refusal | Waits):
                return decided
            agreed = decided
        return found, arrival, asks, agreed

    # ── what was there before

    def _found(self, claim: Claim, arrival: Arrival) -> Refusal | Found:
        if arrival is Arrival.LAPSED:
            said = "the lease ran out before an outcome was recorded"
            claim = settle(self.turn, claim, State.UNKNOWN, by="lease", now=self.now, reason=said)
        if arrival is Arrival.CONFLICT:
            return self._refuse(
                CallVerdict.DENY,
                ("key.conflict",),
                "the same effect was asked for with other arguments",
                claim,
                arrival,
            )
        verdict, codes = {
            Arrival.REPLAY: (CallVerdict.REPLAY, ()),
            Arrival.IN_PROGRESS: (CallVerdict.DENY, ("key.in-progress",)),
        }.get(arrival, (CallVerdict.DENY, ("outcome.unknown",)))
        return Found(claim, arrival, self._note(verdict, codes, claim, arrival))

    # ── budgets

    def _accounts(self) -> tuple[tuple[BudgetAsk, Account], ...]:
        request = self.request
        return tuple(
            (
                each,
                account_of(
                    each, feature=request.feature, tenant=request.tenant, principal=request.principal,
                    session=request.session, action=request.action, at=self.now,
                ),
            )
            for each in request.budgets
        )  # fmt: skip

    def _over(self, asks: Sequence[tuple[BudgetAsk, Account]]) -> str:
        """Which budget this would pass; empty when it fits. From here on nobody else draws on them."""
        balances = self.turn.balances([account for _, account in asks])
        for (each, account), balance in zip(asks, balances, strict=True):
            if not balance.fits(self._units(each, account), each.cap):
                left = max(0, each.cap - balance.used - balance.held)
                return f"{account}: {each.amount} asked, {left} of {each.cap} left in this window"
        return ""

    def _units(self, each: BudgetAsk, account: Account) -> int:
        if not each.members:
            return each.amount
        counted = {holding.member for holding in self.turn.holdings(account.id, members=each.members)}
        return len(set(each.members) - counted)

    def _reserve(self, claim: str, asks: Sequence[tuple[BudgetAsk, Account]]) -> None:
        for each, account in sorted(asks, key=lambda pair: pair[1].id):
            entry = Entry(account.id, claim, "reserve", self._units(each, account), 0, self.now)
            if each.members:
                self.turn.hold(account.id, each.members, claim)
            if not self.turn.post(entry, cap=each.cap):
                raise ConflictError(f"{account} changed while it was locked", hint="this is a fault of the store")

    # ── approvals

    def _agreed_before(self, claim: Claim) -> Approval | Grant | None:
        """What the same claim used for its last attempt: one effect needs one yes, however often it is tried in its time."""
        if not claim.approval or claim.request.binding != self.request.binding:
            return None
        approval = self.turn.approval(claim.approval)
        if approval is not None:
            return approval if approval.claim == claim.id and not approval.over(self.now) else None
        grant = self.turn.grant(claim.approval)
        return grant if grant is not None and grant.standing(self.now) in {"active", "used up"} else None

    def _granted(self) -> Grant | None:
        """A standing approval that covers it."""
        for grant in self.turn.grants(self.request.action):
            if grant.covers(self.request, self.now) and grant_is_proven(grant, self.signer):
                return grant
        return None

    def _asked(self) -> Approval | Refusal | Waits:
        terms = self.request.idempotency
        binding = self.request.binding
        waiting: Approval | None = None
        for approval in self.turn.approvals(terms.key if terms else binding):
            if approval.binding == binding and not approval.over(self.now):
                if approval.state is ApprovalState.REJECTED:
                    why = f"`{approval.closed_by}` rejected `{approval.id}`: {approval.reason or 'no reason given'}"
                    return self._refuse(CallVerdict.DENY, ("approval.rejected",), why)
                waiting = approval
            elif approval.state is ApprovalState.REJECTED:
                continue
            elif approval.over(self.now):
                put_closed(self.turn, approval, approval.expired(self.now), self.now)
            elif self._is_edit_of(approval.request):
                put_closed(self.turn, approval, approval.superseded(self.now), self.now)
        if waiting is None:
            waiting = ask(self.request, self.now, self.owner)
            self.turn.put_approval(waiting, replaces=None)
        if waiting.state is ApprovalState.APPROVED:
            if not (fault := unproven(waiting, self.signer)):
                return waiting
            return Waits(waiting, self._note(CallVerdict.ASK, ("approval.not-proven",), approval=waiting.id), fault)
        return Waits(waiting, self._note(CallVerdict.ASK, ("approval.needed",), approval=waiting.id))

    def _is_edit_of(self, asked: EffectRequest) -> bool:
        """Whether the same person asks for the same effect with something changed. Others cannot end a person's request."""
        return (asked.principal, asked.session) == (self.request.principal, self.request.session)

    # ── the end

    def _go(
        self, found: Claim | None, arrival: Arrival, asks: Sequence[tuple[BudgetAsk, Account]],
        agreed: Approval | Grant | None,
    ) -> Go:  # fmt: skip
        request, terms = self.request, self.request.idempotency
        used = agreed.id if agreed else ""
        accounts = tuple(account for _, account in asks)
        claim: Claim | None = None
        if terms is None:
            name = str(of_value({"tenant": request.tenant, "owner": self.owner}, "interlock.read.v1"))
        elif found is not None and arrival is Arrival.RETRY:
            claim = found.retried(
                request, owner=self.owner, lease=self.lease, now=self.now, approval=used, accounts=accounts
            )
            name = claim.id
        else:
            claim = Claim(
                request.tenant, terms.key, found.number + 1 if found else 1, 1, State.IN_FLIGHT, self.owner,
                self.now + self.lease, self.now, request, approval=used, accounts=accounts,
            )  # fmt: skip
            name = claim.id
        self._reserve(name, asks)
        if claim is None:  # a read has used what it asks for once it is let through
            move_accounts(self.turn, name, accounts, happened=True, now=self.now)
        else:
            self.turn.put_claim(claim, replaces=found if arrival is Arrival.RETRY else None)
        if isinstance(agreed, Approval) and agreed.state is ApprovalState.APPROVED:
            self.turn.put_approval(agreed.consumed(name, self.now), replaces=agreed)
        elif isinstance(agreed, Grant) and not (
            found is not None and found.approval == agreed.id and claim and claim.attempt > 1
        ):
            self.turn.put_grant(agreed.once_more(), replaces=agreed)
        record = self._note(CallVerdict.ALLOW, request.codes, claim, arrival, used, asks)
        return Go(request, record, claim)

    def _refuse(
        self, verdict: CallVerdict, codes: tuple[str, ...], why: str, claim: Claim | None = None, arrival: Arrival | None = None
    ) -> Refusal:  # fmt: skip
        return Refusal(self.request, self._note(verdict, codes, claim, arrival), verdict, codes, why)

    def _note(
        self, verdict: CallVerdict, codes: Sequence[str], claim: Claim | None = None, arrival: Arrival | None = None,
        approval: str = "", asks: Sequence[tuple[BudgetAsk, Account]] = (),
    ) -> int:  # fmt: skip
        body = decision_body(
            self.request, mode="enforce", verdict=verdict.value, codes=codes, claim=claim.id if claim else "",
            attempt=claim.attempt if claim else 0, found=arrival.value if arrival else "", approval=approval,
            accounts=[
                {"account": account.id, "meter": each.meter, "start": account.start, "cap": each.cap, "amount": each.amount}
                for each, account in asks
            ],
        )  # fmt: skip
        return self.turn.append("decision", body, at=self.now).seq


def unproven(approval: Approval, signer: Signer | None) -> str:
    """Why the votes of an approved request do not count here; empty when enough people's signatures say this very call."""
    names = set()
    for vote in approval.votes:
        try:
            if signer is None:
                break
            if not approval.terms.role and _confirmed(approval, vote, signer):
                names.add(vote.approver)
                continue
            payload, signature = signer.open(vote.envelope, kind=APPROVAL_KIND)
        except EvidenceError:
            continue
        said = vote_statement(approval, vote.at)
        if payload == said and not objection(approval.request, approval.terms, signature.name, signature.roles):
            names.add(signature.name)
    if len(names) >= approval.terms.count:
        return ""
    return f"{len(names)} of {approval.terms.count} approvals of `{approval.id}` carry a signature that is trusted here"


def _confirmed(approval: Approval, vote: Vote, signer: Signer) -> bool:
    """Whether the app says, under a trusted key, that the person of the session confirmed this very call."""
    try:
        payload, signature = signer.open(vote.envelope, kind=CONFIRMATION_KIND)
    except EvidenceError:
        return False
    said = confirmation_statement(approval, vote.at)
    return payload == said and vote.approver == approval.request.principal and AGENT_ROLE not in signature.roles


def grant_is_proven(grant: Grant, signer: Signer | None) -> bool:
    """Whether the person who is named gave exactly this grant."""
    if signer is None:
        return False
    try:
        payload, signature = signer.open(grant.envelope, kind=GRANT_KIND)
    except EvidenceError:
        return False
    return payload == grant_statement(grant) and signature.name == grant.grantor and grant.role in signature.roles


def put_closed(turn: EffectTransaction, before: Approval, after: Approval, now: datetime, *, proof: str = "") -> None:
    """Write that a request for approval ended, with its record. proof: a person's signed statement, base64."""
    turn.put_approval(after, replaces=before)
    body = {
        "approval": after.id,
        "state": after.state.value,
        "by": after.closed_by,
        "reason": after.reason,
        "proof": proof,
    }
    turn.append("approval", body, at=now)


def move_accounts(
    turn: EffectTransaction, claim: str, accounts: Sequence[Account], *, happened: bool, now: datetime,
    actual: dict[str, int] | None = None,
) -> tuple[list[dict[str, Any]], bool]:  # fmt: skip
    """Turn what a claim holds into use, or let it go.

    Args:
        actual: by meter, what was used where less (or, by a tool that broke its word, more) was than it might have.
    Returns: the movements for the record, and whether more was used than was reserved.
    """
    turn.balances(accounts)
    open_ = outstanding(turn.entries(claim))
    moved, overrun = [], False
    for account in sorted(accounts, key=lambda each: each.id):
        held = open_.get(account.id, 0)
        if holdings := turn.holdings(account.id, claim=claim):
            more_held, used = members_settled(holdings, claim, happened=happened)
            turn.settle_holdings(account.id, claim, happened=happened)
        else:
            more_held, used = -held, (actual or {}).get(account.meter, held) if happened else 0
            overrun = overrun or used > held
        kind = "commit" if happened else "release"
        turn.post(Entry(account.id, claim, kind, more_held, used, now))
        moved.append({"account": account.id, "meter": account.meter, "held": more_held, "used": used})
    return moved, overrun


def settle(
    turn: EffectTransaction, claim: Claim, state: State, *, by: str, now: datetime, result: str | None = None,
    reason: str = "", codes: Sequence[str] = (), actual: dict[str, int] | None = None, proof: str = "",
) -> Claim:  # fmt: skip
    """Write what is known of an effect: the claim, the accounts and the record together. Unknown keeps the hold.

    Args:
        by: the owner, `lease`, `verify`, or a person.
        proof: of a person, the signed statement, base64.
    """
    settled = claim.settled(state, by=by, at=now, result=result, reason=reason)
    codes = list(codes)
    moved: list[dict[str, Any]] = []
    if settled.state is not State.UNKNOWN:
        happened = settled.state is State.COMPLETED
        moved, overrun = move_accounts(turn, claim.id, claim.accounts, happened=happened, now=now, actual=actual)
        codes += ["budget.overrun"] if overrun else []
    turn.put_claim(settled, replaces=claim)
    body = {
        "v": 1, "claim": claim.id, "key": claim.key, "number": claim.number, "attempt": claim.attempt,
        "action": claim.request.action, "outcome": settled.state.value, "by": by, "reason": reason, "codes": codes,
        "result_hash": None if result is None else of_value(result, "interlock.result.v1"), "budget": moved,
        "took_ms": max(0, round((now - claim.claimed_at).total_seconds() * 1000)), "proof": proof,
    }  # fmt: skip
    turn.append("outcome", body, at=now)
    return settled
