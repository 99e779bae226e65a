"""A call that touches what belongs to another tenant is denied, and so is one whose owner nobody knows."""

import json
from typing import Any

import pytest
from tests.guarded_shop import ACTIONS, Shop

from interlock import CallVerdict, Denied, Guard
from interlock.core.errors import PolicyError
from interlock.core.judge import CODES
from interlock.core.replay import judge_again, record_of

ORDERS = {"W123": "acme", "W124": "acme", "W900": "globex"}
REFUND = {"order_id": "W123", "amount_minor": 10}


def find(order: str) -> str | None:
    if order == "W500":
        raise ConnectionError("the database is away")
    return ORDERS.get(order)


def shop_of(owners: Any) -> Shop:
    shop = Shop()
    shop.guard = Guard.from_parts(
        actions=ACTIONS, store=shop.store, signer=shop.signer, clock=shop.clock, feature="shop/support", agent="helper", owners=owners
    )  # fmt: skip
    return shop


@pytest.mark.parametrize(
    ("order", "codes"),
    [("W123", ()), ("W900", ("other_owner",)), ("W777", ("owner_unknown",)), ("W500", ("owner_unknown",))],
)
def test_only_the_tenants_own_may_be_touched(order: str, codes: tuple[str, ...]) -> None:
    shop = shop_of({"order_id": find})
    with shop.session() as session:
        session.heard(f"please refund {order}")  # the person names it: it is still not theirs
        found = session.decide("issue_refund", {**REFUND, "order_id": order})
        assert found.codes == codes
        assert found.verdict is (CallVerdict.DENY if codes else CallVerdict.ALLOW)
        if codes:
            assert found.why == (
                "`order_id` "
                + ("belongs to another tenant" if order == "W900" else "belongs to nobody that the host knows"),
            )
            with pytest.raises(Denied):
                session.call("issue_refund", {**REFUND, "order_id": order}, run=shop.issue_refund)
    assert shop.refunds == []
    assert set(codes) <= set(CODES)


def test_every_value_of_a_list_is_looked_up() -> None:
    actions = """actions: 1
map:
  - {action: order.merge, tool: merge, effect: write, args: {orders: control}, words: [merge]}
"""
    guard = Guard.from_parts(actions=actions, owners={"orders": find})
    session = guard.session(tenant="acme", principal="u1")
    session.heard("merge W123, W124, W777 and W900")
    assert session.decide("merge", {"orders": ["W123", "W124"]}).verdict is CallVerdict.ALLOW
    found = session.decide("merge", {"orders": ["W123", "W900", "W777"]})
    assert found.codes == ("other_owner", "owner_unknown")
    assert found.why[0].startswith("`orders[1]`")


def test_an_owner_that_changes_between_the_question_and_the_yes_stops_the_call() -> None:
    owner = {"W123": "acme"}
    shop = shop_of({"order_id": owner.get})
    large = {"order_id": "W123", "amount_minor": 6000}
    with shop.session() as session:
        asked = session.ask("issue_refund", large)
        assert asked is not None
        shop.approve(asked.approval)
        owner["W123"] = "globex"
        with pytest.raises(Denied):
            session.call("issue_refund", large, run=shop.issue_refund)
    assert shop.refunds == []


def test_what_is_denied_anyway_is_not_looked_up() -> None:
    asked: list[str] = []
    shop = shop_of({"order_id": lambda order: asked.append(order) or "acme"})
    with shop.session() as session:
        assert session.decide("no_such_tool", {"order_id": "W123"}).verdict is CallVerdict.DENY
        assert session.decide("issue_refund", {"order_id": "W123"}).verdict is CallVerdict.DENY  # no amount
        assert asked == []
        session.decide("issue_refund", REFUND)
    assert asked == ["W123"]


def test_a_denial_replays_to_the_same_without_the_host() -> None:
    shop = shop_of({"order_id": find})
    with shop.session() as session:
        session.heard("refund W900 of mine")
        decision = session.decide("issue_refund", {**REFUND, "order_id": "W900"})
    record = json.loads(json.dumps(record_of(decision, shop.guard.policy)))
    again = judge_again(Shop().guard.policy, record)
    assert (again.verdict, again.codes, again.unsure) == (decision.verdict, decision.codes, ())


def test_a_lookup_that_could_never_be_asked_is_an_error_when_the_guard_is_made() -> None:
    with pytest.raises(PolicyError, match="`order_no`"):
        shop_of({"order_no": find})
    with pytest.raises(PolicyError, match="`amount_minor`"):
        shop_of({"amount_minor": find})
