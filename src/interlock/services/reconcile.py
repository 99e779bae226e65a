"""Outcomes that nobody recorded: found, looked into, and settled by a hook or a person. Never by time alone."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.core.approval import AGENT_ROLE
from interlock.core.claim import Claim, DidNotHappen, Happened, State
from interlock.core.digest import short
from interlock.core.errors import LedgerError, SettlementError, UsageError
from interlock.core.record import Head
from interlock.core.terms import Retry
from interlock.ports import Clock, EffectStore, Signer, Switch
from interlock.services.effect_claim import settle
from interlock.services.effects import Verify, settle_found

SETTLEMENT_KIND = "effect-settlement"
SCOPES = ("global", "feature", "tenant", "action", "tool", "principal")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a round of looking gave. open: still unknown. faults: by claim, what its hook raised."""

    settled: tuple[Claim, ...]
    open: tuple[Claim, ...]
    faults: Mapping[str, str]


def sweep(store: EffectStore, clock: Clock) -> int:
    """Make every outcome unknown whose lease ran out. Returns: how many."""
    found = 0
    for claim in store.claims([State.IN_FLIGHT]):
        if not claim.lapsed(clock.now()):
            continue
        with store.transaction(claim.tenant) as turn:
            now, current = clock.now(), turn.claim_of(claim.id)
            if current is not None and current.lapsed(now):
                said = "the lease ran out before an outcome was recorded"
                settle(turn, current, State.UNKNOWN, by="lease", now=now, reason=said)
                found += 1
    return found


def unknowns(store: EffectStore, clock: Clock, *, tenant: str | None = None) -> Sequence[Claim]:
    """Every effect of which nobody knows whether it happened, oldest first; leases that ran out are among them."""
    sweep(store, clock)
    return store.claims([State.UNKNOWN], tenant=tenant)


def reconcile(store: EffectStore, clock: Clock, hooks: Mapping[str, Verify]) -> Reconciled:
    """Look at the other side for every unknown outcome whose action says `verify`.

    Args:
        hooks: by action. A hook that raises leaves its outcome unknown.
    """
    settled: list[Claim] = []
    open_: list[Claim] = []
    faults: dict[str, str] = {}
    for claim in unknowns(store, clock):
        terms, hook = claim.request.idempotency, hooks.get(claim.request.action)
        outcome = None
        if hook is not None and terms is not None and terms.retry is Retry.VERIFY:
            try:
                outcome = hook(claim)
            except Exception as error:  # noqa: BLE001 — one blind hook must not hide the other outcomes
                faults[claim.id] = f"{type(error).__name__}: {error}"
        done = settle_found(claim, outcome, store=store, clock=clock) if outcome is not None else None
        if done is None:
            open_.append(claim)
        else:
            settled.append(done)
    return Reconciled(tuple(settled), tuple(open_), faults)


def settle_by_person(
    store: EffectStore, clock: Clock, signer: Signer, key: str, *, happened: bool, reason: str, actor: str, result: Any = None
) -> Claim:  # fmt: skip
    """A person's signed word on what became of an effect.

    Args:
        key: the first 6 or more digits of the claim, or of its idempotency key.
        reason: how it is known.
        result: what a repeated call is answered with, where it happened; plain JSON.
    Raises: UsageError when there is no such unknown outcome, or no reason; SettlementError for an agent, or when somebody else was
        quicker; EvidenceError when the actor cannot sign.
    """
    if not reason.strip():
        raise UsageError("a settlement needs a reason", hint="say how you know: --reason TEXT")
    claim = _find(unknowns(store, clock), key)
    now = clock.now()
    said = {
        "claim": claim.id, "tenant": claim.tenant, "attempt": claim.attempt, "happened": happened, "reason": reason,
        "at": now.isoformat(),
    }  # fmt: skip
    envelope = signer.sign(said, kind=SETTLEMENT_KIND, name=actor)
    _, signature = signer.open(envelope, kind=SETTLEMENT_KIND)
    if AGENT_ROLE in signature.roles or (claim.request.agent and actor.casefold() == claim.request.agent.casefold()):
        raise SettlementError(f"`{actor}` is an agent", hint="a person settles: --as NAME")
    outcome = Happened(result) if happened else DidNotHappen(reason)
    proof = base64.b64encode(envelope).decode()
    done = settle_found(claim, outcome, store=store, clock=clock, by=actor, reason=reason, proof=proof)
    if done is None:
        raise SettlementError(f"`{short(claim.id)}` was settled meanwhile", hint="interlock guard unknowns")
    return done


def _find(claims: Sequence[Claim], key: str) -> Claim:
    wanted = key.removeprefix("sha256:")
    found = [each for each in claims if short_match(each, wanted)] if len(wanted) >= 6 else []
    if len(found) != 1:
        waiting = ", ".join(short(each.id) for each in claims) or "none"
        what = "there are several unknown outcomes" if found else "there is no unknown outcome"
        raise UsageError(f"{what} `{key}`", hint=f"unknown: {waiting}")
    return found[0]


def short_match(claim: Claim, digits: str) -> bool:
    """Whether a claim is meant by the first digits of its name or key."""
    return any(name.removeprefix("sha256:").startswith(digits) for name in (claim.id, claim.key))


def set_switch(
    store: EffectStore, clock: Clock, *, scope: str, name: str, off: bool, reason: str, actor: str
) -> Switch:  # fmt: skip
    """Switch something off, or on again. The next claim sees it.

    Args:
        scope: `global`, `feature`, `tenant`, `action`, `tool` or `principal`.
        name: of what is meant; empty for `global`; a principal is `tenant/principal`.
    Raises: UsageError.
    """
    if scope not in SCOPES or (scope == "global") != (not name) or (scope == "principal" and "/" not in name):
        raise UsageError(
            f"`{scope} {name}` is no switch",
            hint=f"name one of {', '.join(SCOPES)}, and what is meant; a principal is `tenant/principal`",
        )
    if not reason.strip():
        raise UsageError("a switch needs a reason", hint="say why: --reason TEXT")
    switch = Switch(scope, name, off, reason, actor, clock.now())
    store.set_switch(switch)
    return switch


def verify_records(store: EffectStore, *, noted: Sequence[Head] = ()) -> list[Head]:
    """Walk every tenant's chain, and compare each budget with its entries.

    Args:
        noted: ends of chains that were written down earlier, elsewhere; each must still be in its chain. This shows a chain that
            was written anew as a whole.
    Returns: the ends, to be noted.
    Raises: LedgerError that names the first thing that does not fit.
    """
    heads = {head.tenant: head for head in store.heads()}
    for tenant in heads:
        store.verify(tenant)
    for old in noted:
        at = next(iter(store.records(old.tenant, after=old.seq - 1)), None) if old.seq > 0 else None
        if old.seq > 0 and (at is None or (at.seq, at.hash) != (old.seq, old.hash)):
            raise LedgerError(
                f"record {old.seq} of `{old.tenant}` is not what was noted earlier",
                hint="the chain was written anew; restore the database from a backup",
            )
    for row in store.accounts():
        if row.balance != row.posted:
            raise LedgerError(
                f"the budget {row.account} is not the sum of its entries", hint="restore the database from a backup"
            )
    return list(heads.values())
