"""A billing system in memory: it looks things up at once and only ever *proposes* an effect.

Nothing here changes anything. Whether a proposed call may run is decided outside, by the action map.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from .search import fold

PLAN = re.compile(r"\bfern[- ]?(100|300|1000)\b")
INVOICE = re.compile(
    r"\b(?:fh|inv-)\d{9,10}c?\b"
)  # also a number in a foreign form: it names an invoice, not one of ours
FIRST_PERSON = re.compile(
    r"\b(i|my|me|we|our|ich|mir|mich|mein\w*|wir|uns\w*|je|j|moi|mon|ma|mes|nous|notre|yo|mi|mis|nos|nuestr\w*|he|han)\b"
)
CURRENT = re.compile(r"\b(current|right now|which plan do i have|aktuell\w*|actuel\w*|actual\w*)\b")
START = "2026-12-01"  # plan changes start with the next billing month of the fixtures


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in, as the surrounding system says; never as the question says."""

    account_id: str
    role: str = "customer"
    attested: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> "Session | None":
        """The session in the request's context, or None for a visitor."""
        customer = context.get("customer")
        if not isinstance(customer, Mapping) or not isinstance(customer.get("account_id"), str):
            return None
        attested = {key: str(customer[key]) for key in ("request_id", "verification_id") if key in customer}
        return cls(customer["account_id"], str(customer.get("role", "customer")), attested)


@dataclass(slots=True)
class Work:
    """What the tools did for one question: calls in order, and records that a claim may quote."""

    allowed: frozenset[str]
    calls: list[dict[str, Any]] = field(default_factory=list)
    records: list[tuple[str, str]] = field(default_factory=list)

    def read(self, tool: str, arguments: Mapping[str, Any]) -> bool:
        """Note a look-up; False when the bundle's manifest does not have the tool."""
        return self._note(tool, arguments, "executed")

    def propose(self, tool: str, arguments: Mapping[str, Any]) -> bool:
        """Note a proposed effect; False when the bundle's manifest does not have the tool."""
        return self._note(tool, arguments, "proposed")

    def _note(self, tool: str, arguments: Mapping[str, Any], status: str) -> bool:
        if tool in self.allowed:
            self.calls.append({"tool": tool, "arguments": dict(arguments), "status": status})
        return tool in self.allowed


@cache
def accounts() -> Mapping[str, Any]:
    """The fixture accounts by number."""
    raw = json.loads((Path(__file__).parent / "fixtures.json").read_text("utf-8"))
    return {account["account_id"]: account for account in raw["accounts"]}


def work(text: str, terms: Collection[str], session: Session | None, tools: frozenset[str]) -> Work:
    """Look up and propose what the question asks for; nothing for a visitor or for a general question.

    Args:
        text: the question as written.
        terms: its English stems (`search.Terms.terms`), so that one rule serves every language.
        session: who is signed in.
        tools: names in the bundle's manifest; no other tool is called.
    """
    done = Work(tools)
    account = accounts().get(session.account_id) if session else None
    if session is None or account is None:
        return done
    folded, has = fold(text), set(terms)
    if session.role == "support":
        _support(done, session, has)
    elif not FIRST_PERSON.search(folded):
        return done
    if has & {"twice", "doubl", "duplicat"}:
        _double_charge(done, account)
    elif has & {"invoic", "bill"} and has & {"send", "sent", "copy", "email", "resend"}:
        _invoice_copy(done, account, folded)
    elif INVOICE.search(folded):
        _invoice(done, account, folded)
    elif has & {"invoic", "bill"} and has & {"list", "show", "last", "latest"}:
        if done.read("list_invoices", _of(account) | {"limit": 3}):
            done.records += [(invoice["invoice_id"], _line(invoice)) for invoice in account["invoices"][:3]]
    elif has & {"outag", "disruption"}:
        _outage(done, account)
    elif PLAN.search(folded) and has & {"chang", "switch", "upgrad", "downgrad", "mov"}:
        _plan_change(done, account, folded)
    elif has & {"plan"} and CURRENT.search(folded) and done.read("get_account", _of(account)):
        done.records.append((account["account_id"], f"Your plan is {account['plan_code']}."))
    return done


def hand_over(done: Work, session: Session | None, *, queue: str, rule: str, locks: bool) -> None:
    """Propose the ticket for the person who takes over, and the lock where an account is in danger."""
    account = accounts().get(session.account_id) if session else None
    if account is None:
        return
    if locks:
        done.propose("lock_account", _of(account) | {"reason": "takeover_suspected"})
    topic = {"security": "account_security", "privacy": "personal_data", "billing": "payment_dispute"}.get(
        queue, "other"
    )
    done.propose(
        "open_ticket", _of(account) | {"queue": queue, "topic": topic, "summary": f"Handed over by rule {rule}."}
    )


def _of(account: Mapping[str, Any]) -> dict[str, Any]:
    return {"account_id": account["account_id"]}


def _support(done: Work, session: Session, has: Collection[str]) -> None:
    account, wanted = {"account_id": session.account_id}, set(has)
    if "verification_id" in session.attested and wanted & {"factor", "authenticator"} and "reset" in wanted:
        verified = {"factor": "authenticator_app", "verification_id": session.attested["verification_id"]}
        done.propose("reset_second_factor", account | verified)
    if "request_id" in session.attested and wanted & {"delet", "deletion", "eras"}:
        request = {"request_id": session.attested["request_id"], "scope": "all_erasable"}
        done.propose("delete_personal_data", account | request)


def _double_charge(done: Work, account: Mapping[str, Any]) -> None:
    if not done.read("list_invoices", _of(account) | {"limit": 3}):
        return
    for invoice in account["invoices"][:3]:
        over = invoice["paid_minor"] - invoice["refunded_minor"] - invoice["total_minor"]
        if over > 0:
            named = _of(account) | {"invoice_id": invoice["invoice_id"]}
            if done.read("get_invoice", named):
                done.records.append((invoice["invoice_id"], _line(invoice)))
                done.propose("issue_refund", named | {"amount_minor": over, "reason": "double_charge"})
            return


def _invoice_copy(done: Work, account: Mapping[str, Any], folded: str) -> None:
    if not done.read("list_invoices", _of(account) | {"limit": 3}):
        return
    named = INVOICE.search(folded)
    wanted = named.group().upper() if named else account["invoices"][0]["invoice_id"]
    # an invoice of somebody else is not in this account's list, so nothing is proposed for it
    for invoice in [invoice for invoice in account["invoices"] if invoice["invoice_id"] == wanted]:
        done.records.append((wanted, _line(invoice)))
        done.propose("send_invoice_copy", _of(account) | {"invoice_id": wanted, "channel": "email_on_file"})


def _invoice(done: Work, account: Mapping[str, Any], folded: str) -> None:
    named = INVOICE.search(folded)
    for invoice in account["invoices"]:
        own = _of(account) | {"invoice_id": invoice["invoice_id"]}
        if named and invoice["invoice_id"] == named.group().upper() and done.read("get_invoice", own):
            done.records.append((invoice["invoice_id"], _line(invoice)))


def _outage(done: Work, account: Mapping[str, Any]) -> None:
    if not done.read("check_outage", _of(account) | {"days": 30}):
        return
    for outage in account["outages"]:
        done.records.append((outage["outage_id"], f"Outage {outage['outage_id']} lasted {outage['hours']} hours."))
        if outage["credit_minor"] > 0 and not outage["credited"]:
            amount = {"outage_id": outage["outage_id"], "amount_minor": outage["credit_minor"]}
            done.propose("grant_outage_credit", _of(account) | amount)
            return


def _plan_change(done: Work, account: Mapping[str, Any], folded: str) -> None:
    match = PLAN.search(folded)
    if match is None or not done.read("get_account", _of(account)):
        return
    code = f"FERN-{match[1]}"
    if code in account["plan_options"] and code != account["plan_code"]:
        done.records.append((account["account_id"], f"Your plan is {account['plan_code']}."))
        done.propose("change_plan", _of(account) | {"plan_code": code, "starts_on": START})


def _line(invoice: Mapping[str, Any]) -> str:
    total, paid = invoice["total_minor"] / 100, invoice["paid_minor"] / 100
    return f"Invoice {invoice['invoice_id']} is over €{total:.2f} and €{paid:.2f} was paid."


def as_retrieved(records: Sequence[tuple[str, str]], session: Session | None) -> list[dict[str, Any]]:
    """The records as documents that a claim may cite; they are this account's, and no other may cite them."""
    tenant = {"tenant": session.account_id} if session else {}
    return [{"doc_id": doc_id, "text": text, "score": 1.0, **tenant} for doc_id, text in records]
