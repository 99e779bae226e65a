"""The life of effects in memory, and samples of what is asked for."""

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from interlock.core.actions import ArgumentKind, Effect, Label
from interlock.core.approval import WAITING, Approval, ApprovalState
from interlock.core.budget import Account, Balance, BudgetAsk, Entry, Holding
from interlock.core.claim import Claim, State
from interlock.core.digest import Digest, canonical, of_bytes
from interlock.core.effect import ArgumentSource, EffectRequest
from interlock.core.errors import ConflictError, LedgerError
from interlock.core.grant import Grant
from interlock.core.record import Head, Record, chain_fault, next_record
from interlock.core.terms import CallVerdict, IdempotencyTerms, Retry, idempotency_key
from interlock.ports import AccountRow, EffectTransaction, Ledger, Switch
from interlock.testing.doubles import MemoryLedger


class _Rows:
    """Everything that is kept; copied before each transaction, so that one that fails leaves nothing."""

    def __init__(self) -> None:
        self.claims: dict[str, Claim] = {}
        self.approvals: dict[str, Approval] = {}
        self.grants: dict[str, Grant] = {}
        self.accounts: dict[Digest, tuple[Account, Balance]] = {}
        self.entries: list[Entry] = []
        self.holdings: dict[tuple[Digest, str, str], Holding] = {}
        self.records: dict[str, list[Record]] = {}
        self.heads: dict[str, Head] = {}
        self.switches: dict[tuple[str, str], Switch] = {}

    def copy(self) -> "_Rows":
        made = _Rows()
        for name, value in vars(self).items():
            setattr(made, name, value.copy())
        made.records = {tenant: list(chain) for tenant, chain in self.records.items()}
        return made


class MemoryEffectTransaction:
    """One turn of one tenant."""

    def __init__(self, rows: _Rows, tenant: str) -> None:
        self._rows = rows
        self._tenant = tenant

    def switched_off(self, scopes: Collection[tuple[str, str]]) -> Sequence[Switch]:
        """Those that are off."""
        return tuple(
            self._rows.switches[at] for at in scopes if at in self._rows.switches and self._rows.switches[at].off
        )

    def claim(self, key: Digest) -> Claim | None:
        """The newest under a key."""
        found = [each for each in self._rows.claims.values() if (each.tenant, each.key) == (self._tenant, key)]
        return max(found, key=lambda each: each.number, default=None)

    def claim_of(self, id: str) -> Claim | None:
        """By id."""
        found = self._rows.claims.get(id)
        return found if found is not None and found.tenant == self._tenant else None

    def put_claim(self, claim: Claim, *, replaces: Claim | None) -> None:
        """Compare and set."""
        self._put(self._rows.claims, claim.id, claim.tenant, claim, replaces)

    def approvals(self, subject: Digest) -> Sequence[Approval]:
        """Waiting or rejected."""
        return tuple(
            each
            for each in _sorted(self._rows.approvals)
            if each.request.tenant == self._tenant
            and subject == (each.request.idempotency.key if each.request.idempotency else each.binding)
            and each.state in {*WAITING, ApprovalState.REJECTED}
        )

    def approval(self, id: str) -> Approval | None:
        """By id."""
        found = self._rows.approvals.get(id)
        return found if found is not None and found.request.tenant == self._tenant else None

    def put_approval(self, approval: Approval, *, replaces: Approval | None) -> None:
        """Compare and set."""
        self._put(self._rows.approvals, approval.id, approval.request.tenant, approval, replaces)

    def grants(self, action: str) -> Sequence[Grant]:
        """For an action."""
        found = _sorted(self._rows.grants)
        return tuple(each for each in found if (each.tenant, each.action) == (self._tenant, action))

    def grant(self, id: str) -> Grant | None:
        """By id."""
        found = self._rows.grants.get(id)
        return found if found is not None and found.tenant == self._tenant else None

    def put_grant(self, grant: Grant, *, replaces: Grant | None) -> None:
        """Compare and set."""
        self._put(self._rows.grants, grant.id, grant.tenant, grant, replaces)

    def balances(self, accounts: Sequence[Account]) -> Sequence[Balance]:
        """Open and read."""
        return tuple(self._rows.accounts.setdefault(each.id, (each, Balance()))[1] for each in accounts)

    def post(self, entry: Entry, *, cap: int | None = None) -> bool:
        """Move, within the cap."""
        account, balance = self._rows.accounts[entry.account]
        after = Balance(balance.used + entry.used, balance.held + entry.held)
        if cap is not None and after.used + after.held > cap:
            return False
        if after.used < 0 or after.held < 0:
            raise LedgerError("a balance below nothing", hint="it is only a double")
        self._rows.accounts[entry.account] = (account, after)
        self._rows.entries.append(entry)
        return True

    def entries(self, claim: str) -> Sequence[Entry]:
        """On behalf of a claim."""
        return tuple(each for each in self._rows.entries if each.claim == claim)

    def holdings(self, account: Digest, *, members: Collection[str] = (), claim: str = "") -> Sequence[Holding]:
        """Who counts these."""
        here = [each for each in self._rows.holdings.values() if each.account == account]
        wanted = {each.member for each in here if each.claim == claim} if claim else set(members)
        return tuple(sorted((each for each in here if each.member in wanted), key=lambda e: (e.member, e.claim)))

    def hold(self, account: Digest, members: Collection[str], claim: str) -> None:
        """Count these too."""
        for member in members:
            self._rows.holdings.setdefault((account, member, claim), Holding(account, member, claim, False))

    def settle_holdings(self, account: Digest, claim: str, *, happened: bool) -> None:
        """Use or let go."""
        for at, each in list(self._rows.holdings.items()):
            if (each.account, each.claim, each.used) == (account, claim, False):
                if happened:
                    self._rows.holdings[at] = replace(each, used=True)
                else:
                    del self._rows.holdings[at]

    def append(self, kind: str, body: Mapping[str, Any], *, at: datetime) -> Record:
        """Go on with the chain."""
        record = next_record(self._rows.heads.get(self._tenant, Head(self._tenant)), kind, body, at)
        self._rows.records.setdefault(self._tenant, []).append(record)
        self._rows.heads[self._tenant] = Head(self._tenant, record.seq, record.hash)
        return record

    def _put(self, rows: dict[str, Any], id: str, tenant: str, value: object, replaces: object) -> None:
        if tenant != self._tenant:
            raise ValueError("a transaction of one tenant writes nothing of another")
        if rows.get(id) != replaces:
            raise ConflictError(f"`{id[:19]}` changed since it was read", hint="look again and decide again")
        rows[id] = value


class MemoryEffectStore:
    """The whole store in dicts; one transaction at a time.

    Args:
        ledger: where switches leave their facts.
    """

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or MemoryLedger()
        self.rows = _Rows()
        self._turn = threading.Lock()

    @contextmanager
    def transaction(self, tenant: str) -> Iterator[EffectTransaction]:
        """All or nothing."""
        with self._turn:
            rows = self.rows.copy()
            yield MemoryEffectTransaction(rows, tenant)
            self.rows = rows

    def claims(self, states: Collection[State], *, tenant: str | None = None) -> Sequence[Claim]:
        """In these states."""
        found = [each for each in self.rows.claims.values() if each.state in states and tenant in {None, each.tenant}]
        return sorted(found, key=lambda each: (each.claimed_at, each.id))

    def approvals(self, *, waiting: bool, tenant: str | None = None) -> Sequence[Approval]:
        """Waiting, or all."""
        found = (each for each in _sorted(self.rows.approvals) if tenant in {None, each.request.tenant})
        return [each for each in found if not waiting or each.state in WAITING]

    def grants(self, *, tenant: str | None = None) -> Sequence[Grant]:
        """All."""
        return [each for each in _sorted(self.rows.grants) if tenant in {None, each.tenant}]

    def accounts(self, *, tenant: str | None = None) -> Sequence[AccountRow]:
        """With the sums of their entries."""
        found = []
        for id, (account, balance) in sorted(self.rows.accounts.items()):
            mine = [each for each in self.rows.entries if each.account == id]
            posted = Balance(sum(each.used for each in mine), sum(each.held for each in mine))
            if tenant in {None, account.tenant}:
                found.append(AccountRow(account, balance, posted))
        return tuple(found)

    def switches(self) -> Sequence[Switch]:
        """Every switch."""
        return tuple(each for _, each in sorted(self.rows.switches.items()))

    def set_switch(self, switch: Switch) -> None:
        """With its fact."""
        with self._turn:
            body = {"scope": switch.scope, "name": switch.name, "off": switch.off, "reason": switch.reason}
            self.ledger.append("switch.set", body, actor=switch.actor, at=switch.at)
            self.rows.switches[switch.scope, switch.name] = switch

    def heads(self) -> Sequence[Head]:
        """Of each chain."""
        return tuple(head for _, head in sorted(self.rows.heads.items()))

    def records(self, tenant: str, *, after: int = 0) -> Iterator[Record]:
        """In order."""
        yield from (each for each in list(self.rows.records.get(tenant, ())) if each.seq > after)

    def verify(self, tenant: str) -> int:
        """Walk the chain."""
        head = self.rows.heads.get(tenant, Head(tenant))
        if fault := chain_fault(self.rows.records.get(tenant, ()), head):
            raise LedgerError(fault, hint="it is only a double")
        return head.seq


def _sorted(rows: Mapping[str, Any]) -> list[Any]:
    return sorted(rows.values(), key=lambda each: (each.created_at, each.id))


def sample_request(
    amount: int = 1999, *, order: str = "W123", note: str = "late", tenant: str = "acme", retry: Retry = Retry.NEVER,
    **changes: Any,
) -> EffectRequest:  # fmt: skip
    """A refund that the policy allows; `changes` are fields of `EffectRequest`.

    >>> sample_request().verdict.value, sample_request(5).call["amount_minor"]
    ('allow', 5)
    """
    call = {"order_id": order, "amount_minor": amount, "note": note}
    key = idempotency_key(tenant, "refund.issue", {"order_id": order, "amount_minor": amount})
    made = EffectRequest(
        feature="acme/support", bundle=of_bytes(b"bundle"), policy=of_bytes(b"policy"), action="refund.issue",
        effect=Effect.MONEY, tool="issue_refund", tool_hash=of_bytes(b"tool"), arguments=canonical(call), tenant=tenant,
        principal="u1", session="s1",
        sources=(
            ArgumentSource("order_id", ArgumentKind.CONTROL, Label.USER, "your words"),
            ArgumentSource("amount_minor", ArgumentKind.QUANTITY, Label.SYSTEM, "`total` of get_order"),
            ArgumentSource("note", ArgumentKind.CONTENT, Label.MODEL),
        ),
        budgets=(BudgetAsk("amount_minor", ("tenant", "principal"), 86_400, 200_000, amount),),
        idempotency=IdempotencyTerms(key, 3 * 86_400, retry), approval=None, verdict=CallVerdict.ALLOW, agent="helper",
    )  # fmt: skip
    return replace(made, **changes)


SAMPLE_AT = datetime(2026, 11, 22, 9, 0, 0, 250_000, tzinfo=UTC)
