"""What every adapter of `EffectStore` must keep, as a test class to inherit from."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from interlock.core.approval import Approval, ask
from interlock.core.budget import Account, Balance, Entry, Holding
from interlock.core.claim import Claim, State
from interlock.core.digest import of_bytes
from interlock.core.errors import ConflictError
from interlock.core.grant import Grant, GrantCondition
from interlock.core.record import GENESIS, Head
from interlock.core.terms import ApprovalTerms, CallVerdict
from interlock.ports import EffectStore, Switch
from interlock.testing.contracts import refuses
from interlock.testing.effects import SAMPLE_AT, sample_request

AT = SAMPLE_AT
OPEN = (State.IN_FLIGHT, State.UNKNOWN)
ASKED: dict[str, Any] = {
    "verdict": CallVerdict.ASK,
    "approval": ApprovalTerms("finance", 1, True, 600),
    "codes": ("amount.high",),
}


def _claim(number: int = 1, *, tenant: str = "acme", amount: int = 1999) -> Claim:
    request = sample_request(amount, tenant=tenant)
    assert request.idempotency is not None
    account = Account(tenant, (("tenant", tenant),), "amount_minor", "refund.issue", 60, 0)
    return Claim(
        tenant, request.idempotency.key, number, 1, State.IN_FLIGHT, "o1", AT + timedelta(seconds=60), AT, request,
        accounts=(account,),
    )  # fmt: skip


def _approval(nonce: str = "n", *, tenant: str = "acme") -> Approval:
    return ask(sample_request(tenant=tenant, **ASKED), AT, nonce)


def _grant(*, tenant: str = "acme") -> Grant:
    bounds = (GrantCondition("amount_minor", "<=", 5000),)
    return Grant(
        f"grant-{tenant}", tenant, "refund.issue", "", bounds, "finance", 2, AT + timedelta(hours=1), AT, "fay", "busy day",
        ("finance",), b"\x00envelope",
    )  # fmt: skip


def _killed() -> None:
    raise RuntimeError("killed")


def _account(name: str = "u1", start: int = 0) -> Account:
    return Account("acme", (("tenant", "acme"), ("principal", name)), "amount_minor", "refund.issue", 60, start)


class EffectStoreContract:
    """Fixture `effects`: an empty EffectStore."""

    def test_a_claim_comes_back_whole_and_the_newest_number_answers_for_its_key(self, effects: EffectStore) -> None:
        one, two = _claim(1), _claim(2)
        with effects.transaction("acme") as turn:
            assert turn.claim(one.key) is None
            turn.put_claim(one, replaces=None)
            turn.put_claim(two, replaces=None)
        with effects.transaction("acme") as turn:
            assert turn.claim(one.key) == two
            assert turn.claim_of(one.id) == one
            done = one.settled(State.COMPLETED, by="o1", at=AT, result='{"a":1.5}')
            turn.put_claim(done, replaces=one)
        assert effects.claims([State.COMPLETED]) == [done]
        assert effects.claims(OPEN) == [two]
        assert effects.claims([State.UNKNOWN]) == []

    def test_what_was_read_is_what_is_replaced(self, effects: EffectStore) -> None:
        one = _claim()
        done = one.settled(State.COMPLETED, by="o1", at=AT)
        with effects.transaction("acme") as turn:
            turn.put_claim(one, replaces=None)
        for new, old in ((one, None), (done, replace(one, owner="o2")), (_claim(2), one)):
            with refuses(ConflictError, "changed"), effects.transaction("acme") as turn:
                turn.put_claim(new, replaces=old)
        assert effects.claims(OPEN) == [one]

    def test_a_transaction_that_fails_leaves_nothing(self, effects: EffectStore) -> None:
        with refuses(RuntimeError), effects.transaction("acme") as turn:
            turn.put_claim(_claim(), replaces=None)
            turn.put_approval(_approval(), replaces=None)
            turn.put_grant(_grant(), replaces=None)
            turn.balances([_account()])
            turn.post(Entry(_account().id, "c1", "reserve", 5, 0, AT))
            turn.hold(_account().id, ["bob"], "c1")
            turn.append("decision", {"a": 1}, at=AT)
            _killed()
        assert effects.claims(OPEN) == []
        assert not effects.approvals(waiting=False)
        assert not effects.grants()
        assert not effects.accounts()
        assert list(effects.records("acme")) == []
        assert effects.verify("acme") == 0

    def test_tenants_see_nothing_of_each_other(self, effects: EffectStore) -> None:
        mine, theirs = _claim(), _claim(tenant="other")
        with effects.transaction("other") as turn:
            turn.put_claim(theirs, replaces=None)
            turn.put_approval(_approval(tenant="other"), replaces=None)
            turn.put_grant(_grant(tenant="other"), replaces=None)
            turn.append("decision", {"n": 1}, at=AT)
        with effects.transaction("acme") as turn:
            assert turn.claim(theirs.key) is None
            assert turn.claim_of(theirs.id) is None
            assert turn.approval(_approval(tenant="other").id) is None
            assert not turn.approvals(theirs.key)
            assert not turn.grants("refund.issue")
            assert turn.grant("grant-other") is None
        for put in ("put_claim", "put_approval", "put_grant"):
            value = {
                "put_claim": theirs,
                "put_approval": _approval(tenant="other"),
                "put_grant": _grant(tenant="other"),
            }
            with refuses(ValueError, "tenant"), effects.transaction("acme") as turn:
                getattr(turn, put)(value[put], replaces=None)
        assert effects.claims(OPEN, tenant="acme") == []
        assert effects.claims(OPEN, tenant="other") == [theirs]
        assert [each.request.tenant for each in effects.approvals(waiting=True)] == ["other"]
        assert not effects.approvals(waiting=True, tenant="acme")
        assert not effects.grants(tenant="acme")
        assert [head.tenant for head in effects.heads()] == ["other"]
        assert mine.id != theirs.id

    def test_approvals_are_found_by_what_they_are_about_while_they_matter(self, effects: EffectStore) -> None:
        one, two = _approval("1"), _approval("2")
        terms = one.request.idempotency
        assert terms is not None
        with effects.transaction("acme") as turn:
            turn.put_approval(one, replaces=None)
            turn.put_approval(two, replaces=None)
            assert sorted(each.id for each in turn.approvals(terms.key)) == sorted([one.id, two.id])
            turn.put_approval(one.superseded(AT), replaces=one)
            rejected = two.rejected("fay", ["finance"], "no", AT)
            turn.put_approval(rejected, replaces=two)
        with effects.transaction("acme") as turn:
            assert list(turn.approvals(terms.key)) == [rejected]
            assert turn.approval(two.id) == rejected
        assert list(effects.approvals(waiting=True)) == []
        assert len(effects.approvals(waiting=False)) == 2

    def test_a_grant_comes_back_whole(self, effects: EffectStore) -> None:
        grant = _grant()
        with effects.transaction("acme") as turn:
            turn.put_grant(grant, replaces=None)
            turn.put_grant(grant.once_more(), replaces=grant)
            with refuses(ConflictError, "changed"):
                turn.put_grant(grant.once_more(), replaces=grant)
            assert list(turn.grants("refund.issue")) == [grant.once_more()]
            assert list(turn.grants("mail.send")) == []
        assert list(effects.grants()) == [grant.once_more()]

    def test_an_account_never_passes_its_cap_and_is_the_sum_of_its_entries(self, effects: EffectStore) -> None:
        one, two = _account(), _account(start=60)
        with effects.transaction("acme") as turn:
            assert list(turn.balances([two, one])) == [Balance(), Balance()]
            assert turn.post(Entry(one.id, "c1", "reserve", 60, 0, AT), cap=100)
            assert not turn.post(Entry(one.id, "c2", "reserve", 41, 0, AT), cap=100)
            assert turn.post(Entry(one.id, "c2", "reserve", 40, 0, AT), cap=100)
            assert turn.post(Entry(one.id, "c1", "commit", -60, 50, AT))
        with effects.transaction("acme") as turn:
            assert list(turn.balances([one, two])) == [Balance(50, 40), Balance()]
            assert [each.held for each in turn.entries("c1")] == [60, -60]
            assert not turn.balances([])
            assert not turn.entries("c9")
        rows = {row.account: row for row in effects.accounts()}
        assert rows[one].balance == rows[one].posted == Balance(50, 40)
        assert rows[two].posted == Balance()
        assert list(effects.accounts(tenant="other")) == []

    def test_members_are_held_by_claim(self, effects: EffectStore) -> None:
        account = _account()
        with effects.transaction("acme") as turn:
            turn.balances([account])
            turn.hold(account.id, ["bob", "eve"], "c1")
            turn.hold(account.id, ["bob"], "c2")
            turn.hold(account.id, ["bob"], "c2")
            turn.hold(account.id, [], "c3")
            bob = [Holding(account.id, "bob", "c1", False), Holding(account.id, "bob", "c2", False)]
            eve = Holding(account.id, "eve", "c1", False)
            assert list(turn.holdings(account.id, members=["bob", "zoe"])) == bob
            assert list(turn.holdings(account.id, claim="c2")) == bob
            assert list(turn.holdings(account.id, claim="c1")) == [*bob, eve]
            assert list(turn.holdings(account.id)) == []
            turn.settle_holdings(account.id, "c2", happened=True)
            turn.settle_holdings(account.id, "c1", happened=False)
            turn.settle_holdings(account.id, "c2", happened=False)
            assert list(turn.holdings(account.id, members=["bob", "eve"])) == [Holding(account.id, "bob", "c2", True)]

    def test_records_are_a_chain_of_their_tenant(self, effects: EffectStore) -> None:
        with effects.transaction("acme") as turn:
            one = turn.append("decision", {"n": 1, "ü": [None]}, at=AT)
            two = turn.append("outcome", {"n": 2}, at=AT + timedelta(seconds=1))
        with effects.transaction("acme") as turn:
            three = turn.append("decision", {"n": 3}, at=AT)
        assert (one.seq, one.previous, two.previous, three.previous) == (1, GENESIS, one.hash, two.hash)
        assert list(effects.records("acme")) == [one, two, three]
        assert list(effects.records("acme", after=2)) == [three]
        assert effects.verify("acme") == 3
        assert list(effects.heads()) == [Head("acme", 3, three.hash)]

    def test_a_switch_that_is_off_is_seen_by_the_next_transaction(self, effects: EffectStore) -> None:
        off = Switch("tenant", "acme", True, "too fast", "ada", AT)
        effects.set_switch(off)
        effects.set_switch(Switch("tool", "acme", True, "another scope", "ada", AT))
        scopes = [("global", ""), ("tenant", "acme")]
        with effects.transaction("acme") as turn:
            assert list(turn.switched_off(scopes)) == [off]
            assert list(turn.switched_off([("global", "")])) == []
        effects.set_switch(replace(off, off=False, reason="calm again"))
        with effects.transaction("acme") as turn:
            assert list(turn.switched_off(scopes)) == []
        assert {(each.scope, each.name, each.off) for each in effects.switches()} == {
            ("tenant", "acme", False), ("tool", "acme", True),
        }  # fmt: skip

    def test_names_of_any_script_are_kept_apart(self, effects: EffectStore) -> None:
        for tenant in ("Ünïcode", "unicode", "UNICODE", "a/b", "'; DROP TABLE claims; --"):
            with effects.transaction(tenant) as turn:
                turn.append("decision", {"tenant": tenant, "digest": of_bytes(b"x")}, at=AT)
        assert [head.seq for head in effects.heads()] == [1] * 5
