"""Promises of the commands about effects: a person sees what would run and where it came from, and one `approve` serves both."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from feature import Feature
from interlock.core.actions import ArgumentKind, Label
from interlock.core.claim import State
from interlock.core.effect import ArgumentSource, EffectRequest
from interlock.core.errors import NeedsApproval, OutcomeUnknown
from interlock.core.terms import ApprovalTerms, CallVerdict
from interlock.services.effect_claim import Go
from interlock.services.effects import Life, perform
from interlock.settings import read_settings
from interlock.testing import FixedClock, sample_request
from interlock.wiring import open_effects

TERMS = ApprovalTerms("finance", 1, True, 1800)


def asking(amount: int = 9000, **changes: Any) -> EffectRequest:
    given = {"verdict": CallVerdict.ASK, "approval": TERMS, "codes": ("amount.high",), **changes}
    return sample_request(amount, **given)


class App:
    """The app that makes calls, on the state of a feature's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls = 0

    def call(self, request: EffectRequest, *, fails: bool = False) -> Any:
        def tool(**_: Any) -> str:
            self.calls += 1
            if fails:
                raise TimeoutError
            return "R1"

        with open_effects(read_settings(self.root)) as effects:
            return perform(request, tool, store=effects.store, clock=effects.clock, signer=effects.signer)

    def asked(self, request: EffectRequest) -> str:
        with pytest.raises(NeedsApproval) as caught:
            self.call(request)
        return caught.value.approval


@pytest.fixture
def app(feature: Feature) -> App:
    for name, role in (("fay", "finance"), ("gus", "finance"), ("u1", "finance"), ("ida", "author")):
        assert feature.run("keys", "--new", name, "--role", role)[0] == 0
    return App(feature.root)


def as_(name: str, *words: str) -> tuple[str, ...]:
    return (*words, "--as", name)


def test_a_person_sees_what_would_run_where_each_value_came_from_and_how_long_it_waits(
    feature: Feature, app: App
) -> None:
    assert feature.run("approvals") == (0, "No effect waits for a person.\n", "")
    sources = (
        ArgumentSource("order_id", ArgumentKind.CONTROL, Label.THIRD_PARTY, "article KB-7, not you"),
        *sample_request().sources[1:],
    )
    id = app.asked(asking(note="pay \x1b[2J now", sources=sources))
    code, out, err = feature.run("approvals")
    assert (code, err) == (4, "")
    for part in (id, "refund.issue", "waits for 1 of 1 by `finance`, not by u1", '"W123"  <- third_party: article KB-7, not you',
                 "9000  <- system: `total` of get_order", "u1 of acme", "amount_minor 9000 of at most 200000", "amount.high"):  # fmt: skip
        assert part in out
    assert "29 min" in out
    assert "\x1b" not in out
    (told,) = feature.json("approvals", codes=(4,))
    assert told["id"] == id
    assert told["arguments"]["order_id"] == {"value": "W123", "label": "third_party", "source": "article KB-7, not you"}
    assert feature.run("approvals", "--tenant", "other")[1] == "No effect waits for a person.\n"


def test_one_approve_serves_plans_and_effects(feature: Feature, app: App) -> None:
    id = app.asked(asking())
    code, out, _ = feature.run("approve", id, actor="fay")
    assert (code, "fay approved" in out) == (0, True)
    assert app.call(asking()).result == "R1"
    assert app.calls == 1
    code, _, err = feature.run("approve", "12345678", actor="fay")
    assert (code, "there is no plan `12345678`" in err) == (2, True)
    code, _, err = feature.run("approve", "ask-000000000000", actor="fay")
    assert (code, "there is no request for approval" in err) == (2, True)


@pytest.mark.parametrize(
    ("who", "why"), [("u1", "asked for this"), ("ida", "role `finance`"), ("ada", "role `finance`")]
)
def test_nobody_else_approves(feature: Feature, app: App, who: str, why: str) -> None:
    id = app.asked(asking())
    code, out, err = feature.run("approve", id, actor=who)
    assert (code, out) == (1, "")
    assert why in err
    assert app.asked(asking()) == id


def test_two_people_are_two(feature: Feature, app: App) -> None:
    request = asking(approval=replace(TERMS, count=2))
    id = app.asked(request)
    assert feature.run("approve", id, actor="fay")[0] == 4
    assert feature.run("approve", id[:9], actor="gus")[0] == 0
    assert app.call(request).result == "R1"


def test_a_rejected_effect_is_denied_and_listed_with_its_end(feature: Feature, app: App) -> None:
    id = app.asked(asking())
    assert feature.run(*as_("fay", "reject", id, "--reason", "too much"))[0] == 0
    with pytest.raises(Exception, match="too much"):
        app.call(asking())
    assert feature.run("approvals")[0] == 0
    assert "rejected by fay: too much" in feature.run("approvals", "--all")[1]
    code, _, err = feature.run(*as_("gus", "reject", id))
    assert (code, "rejected already" in err) == (1, True)
    assert feature.run("approvals", id)[1].startswith(id)


def test_a_grant_is_given_listed_used_and_taken_back(feature: Feature, app: App) -> None:
    give = (
        "grant",
        "refund.issue",
        "--tenant",
        "acme",
        "--role",
        "finance",
        "--uses",
        "2",
        "--ttl",
        "8h",
        "--reason",
        "sale",
    )
    assert feature.run(*as_("fay", *give))[0] == 2  # without a bound
    assert feature.run(*as_("ida", *give, "--where", "amount_minor<=9000"))[0] == 1
    code, out, _ = feature.run(*as_("fay", *give, "--where", "amount_minor<=9000", "--where", "order_id=W123"))
    assert (code, "amount_minor <= 9000 and order_id = W123" in out) == (0, True)
    assert app.call(asking()).result == "R1"
    app.asked(asking(9001))
    (told,) = feature.json("grant", "--list")
    assert (told["used"], told["standing"]) == (1, "active")
    assert feature.run(*as_("gus", "grant", "--revoke", told["id"], "--reason", "over"))[0] == 0
    assert "revoked" in feature.run("grant", "--list", "--tenant", "acme")[1]
    app.asked(asking(8000))
    assert feature.run("grant")[0] == 2
    assert feature.run(*as_("fay", *give[:-4], "--ttl", "soon", "--reason", "r", "--where", "a=1"))[0] == 2


def test_an_unknown_outcome_is_listed_and_settled_by_a_person(feature: Feature, app: App) -> None:
    assert feature.run("guard", "unknowns") == (0, "No outcome is unknown.\n", "")
    with pytest.raises(OutcomeUnknown) as caught:
        app.call(sample_request(), fails=True)
    code, out, _ = feature.run("guard", "unknowns")
    assert code == 3
    for part in ("refund.issue", "TimeoutError", "a person settles", "amount_minor 1999"):
        assert part in out
    key = caught.value.claim.removeprefix("sha256:")[:12]
    assert key in caught.value.hint
    assert feature.run(*as_("fay", "guard", "settle", key, "--happened", "--reason", ""))[0] == 2
    settle = as_(
        "fay", "guard", "settle", key, "--happened", "--reason", "bank statement", "--result", '{"refund_id": "R9"}'
    )
    code, out, _ = feature.run(*settle)
    assert (code, "is completed, says fay: bank statement" in out) == (0, True)
    assert app.call(sample_request()).result == {"refund_id": "R9"}
    assert feature.run(*settle)[0] == 2
    assert feature.run("guard", "settle", key, "--did-not-happen", "--reason", "x", "--result", "1")[0] == 2


def test_a_call_that_never_came_back_is_found_once_its_lease_is_over(feature: Feature, app: App) -> None:
    with open_effects(read_settings(feature.root)) as effects:
        past = FixedClock(effects.clock.now() - timedelta(seconds=301))
        life = Life(sample_request(), lambda **_: "never back", effects.store, past)
        assert isinstance(life.begin(), Go)
        assert len(effects.store.claims([State.IN_FLIGHT])) == 1
    (told,) = feature.json("guard", "unknowns", codes=(3,))
    assert told["reason"] == "the lease ran out before an outcome was recorded"
    code, out, _ = feature.run(*as_("fay", "guard", "settle", told["claim"], "--did-not-happen", "--reason", "looked"))
    assert (code, "failed_before_effect" in out) == (0, True)
    assert app.call(sample_request()).result == "R1"


def test_the_chain_of_records_is_walked_and_compared_with_a_noted_end(
    feature: Feature, app: App, tmp_path: Path
) -> None:
    assert feature.run("guard", "verify-records") == (0, "No record yet.\n", "")
    app.call(sample_request())
    code, out, _ = feature.run("guard", "verify-records")
    assert (code, out.startswith("acme  2 records, whole")) == (0, True)
    noted = tmp_path / "heads.json"
    noted.write_text(json.dumps(feature.json("guard", "verify-records")))
    assert feature.run("guard", "verify-records", "--against", str(noted))[0] == 0
    noted.write_text(noted.read_text().replace('"seq": 2', '"seq": 1'))
    code, out, err = feature.run("guard", "verify-records", "--against", str(noted))
    assert (code, out, "record 1 of `acme`" in err) == (2, "", True)
    for text in ("[]", "{}", "[1]", '[{"tenant": "acme"}]'):
        noted.write_text(text)
        assert feature.run("guard", "verify-records", "--against", str(noted))[0] == 2
    assert feature.run("guard", "verify-records", "--against", "missing.json")[0] == 2
