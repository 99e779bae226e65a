"""A store, a clock, a keyring and a tool that counts, for every test of the life of effects."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from interlock.core.actions import Effect
from interlock.core.approval import AGENT_ROLE
from interlock.core.budget import Balance
from interlock.core.effect import EffectRequest
from interlock.core.errors import (
    NeedsApproval,
)
from interlock.core.terms import ApprovalTerms, CallVerdict
from interlock.ports import EffectStore, Signer
from interlock.services.effect_people import (
    approve_effect,
)
from interlock.services.effects import Performed, perform
from interlock.testing import FixedClock, sample_request

ROLES = {"fay": ["finance"], "gus": ["finance"], "u1": ["finance"], "helper": ["finance"], "bot": ["finance", AGENT_ROLE], "ida": ["author"]}  # fmt: skip
TERMS = ApprovalTerms("finance", 1, True, 600)
TWO = ApprovalTerms("finance", 2, True, 600)
DAY = timedelta(days=1)


class World:
    """A store, a clock, a keyring, and a tool that counts what it did."""

    def __init__(self, store: EffectStore, clock: FixedClock, signer: Signer) -> None:
        self.store, self.clock, self.signer = store, clock, signer
        self.calls: list[dict[str, Any]] = []
        self.during: Callable[[], Any] = lambda: None

    def tool(self, order_id: str, amount_minor: int, note: str) -> dict[str, Any]:
        self.during()
        self.calls.append({"order_id": order_id, "amount_minor": amount_minor, "note": note})
        return {"refund_id": f"R{len(self.calls)}"}

    def perform(self, request: EffectRequest, **options: Any) -> Performed:
        given = {"run": self.tool, "signer": self.signer, **options}
        return perform(request, given.pop("run"), store=self.store, clock=self.clock, **given)

    def interrupted(self, request: EffectRequest, *, after_effect: bool = True) -> None:
        """The process dies during the call: what was claimed stays as it is."""
        life: dict[str, Any] = {}

        def killed() -> None:
            if after_effect:
                self.calls.append({})
            life["dead"] = True
            raise Killed

        self.during = killed
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("interlock.services.effects.Life.failed", lambda _self, _step, error: error)
            with pytest.raises(Killed):
                self.perform(request)
        self.during = lambda: None
        assert life["dead"]

    def balance(self) -> Balance:
        rows = self.store.accounts()
        assert all(row.balance == row.posted for row in rows)
        return Balance(sum(row.balance.used for row in rows), sum(row.balance.held for row in rows))

    def approve(self, id: str, *names: str) -> None:
        for name in names:
            approve_effect(self.store, self.clock, self.signer, id, approver=name)

    def asked(self, request: EffectRequest) -> str:
        with pytest.raises(NeedsApproval) as caught:
            self.perform(request)
        return caught.value.approval

    def bodies(self, kind: str = "decision", tenant: str = "acme") -> list[dict[str, Any]]:
        return [dict(each.body) for each in self.store.records(tenant) if each.kind == kind]

    def verdicts(self) -> list[str]:
        return [each["verdict"] for each in self.bodies()]


class Killed(BaseException):
    pass


def asking(terms: ApprovalTerms = TERMS, **changes: Any) -> EffectRequest:
    return sample_request(**{"amount": 9000, "verdict": CallVerdict.ASK, "approval": terms, "codes": ("amount.high",), **changes})  # fmt: skip


def reading(**changes: Any) -> EffectRequest:
    return sample_request(**{"effect": Effect.READ, "idempotency": None, "budgets": (), **changes})


def raises(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail


def gives(result: Any) -> Callable[..., Any]:
    def tool(order_id: str, amount_minor: int, note: str) -> Any:
        return result

    return tool
