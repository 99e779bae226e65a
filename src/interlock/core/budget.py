"""What effects may use up in a window of time: asked for before the call, settled after it.

Everything is an integer: minor units of money, calls, tokens, rows, distinct recipients.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from interlock.core.digest import MAX_EXACT_INT, Digest, of_value

PER = ("tenant", "principal", "session", "feature")
"""What an account may be kept for."""


@dataclass(frozen=True, slots=True)
class BudgetAsk:
    """What one effect would use of one budget.

    Args:
        meter: what is counted, like `amount_minor` or `calls`.
        per: one account for each value of these; a principal and a session are always one tenant's. Without any of tenant,
            principal and session the account is the whole feature's.
        window_s: length of the window in seconds, at least 1. Windows lie end to end from 1970-01-01T00:00Z.
        cap: the most that may be used and held in one window, at least 0.
        amount: what the effect uses at most, at least 0.
        members: what is counted once a window however often it occurs, like recipients, by digest; then `amount` is their
            number.
        shared: whether all actions with this meter draw on one account; else each action has its own.
    Raises: ValueError.
    """

    meter: str
    per: tuple[str, ...]
    window_s: int
    cap: int
    amount: int
    members: tuple[str, ...] = ()
    shared: bool = False

    def __post_init__(self) -> None:
        if not self.meter or not self.per or any(each not in PER for each in self.per):
            raise ValueError(f"a budget needs a meter, and is per some of {', '.join(PER)}")
        if len(set(self.per)) < len(self.per) or len(set(self.members)) < len(self.members):
            raise ValueError("a budget names something twice")
        for name, value, least in (("window_s", self.window_s, 1), ("cap", self.cap, 0), ("amount", self.amount, 0)):
            if type(value) is not int or not least <= value <= MAX_EXACT_INT:
                raise ValueError(f"`{name}` of a budget must be an integer of at least {least}")
        if self.members and self.amount != len(self.members):
            raise ValueError("`amount` of a budget of distinct members is their number")

    def of(self, amount: int) -> "BudgetAsk":
        """The same budget asked for another amount; what was checked once of the rest is not checked for every call.

        Raises: ValueError.
        """
        if self.members or type(amount) is not int or not 0 <= amount <= MAX_EXACT_INT:
            raise ValueError("`amount` of a budget must be an integer of at least 0")
        ask = object.__new__(BudgetAsk)
        put = object.__setattr__
        put(ask, "meter", self.meter)
        put(ask, "per", self.per)
        put(ask, "window_s", self.window_s)
        put(ask, "cap", self.cap)
        put(ask, "amount", amount)
        put(ask, "members", ())
        put(ask, "shared", self.shared)
        return ask


@dataclass(frozen=True, slots=True)
class Account:
    """One budget of one owner in one window.

    tenant: empty where the account is the whole feature's. scope: by name, whose it is. start: of the window, in seconds since
    1970-01-01T00:00Z.
    """

    tenant: str
    scope: tuple[tuple[str, str], ...]
    meter: str
    action: str
    window_s: int
    start: int

    @property
    def id(self) -> Digest:
        """Its name."""
        return _account_id(self)

    def __str__(self) -> str:
        whose = ", ".join(f"{name} {value}" for name, value in self.scope)
        return f"{self.meter}{f' of {self.action}' if self.action else ''} per {whose}"


@lru_cache(maxsize=4096)
def _account_id(account: Account) -> Digest:
    return of_value(account_to_json(account), "interlock.account.v1")


def account_of(
    ask: BudgetAsk, *, feature: str, tenant: str, principal: str, session: str, action: str, at: datetime
) -> Account:
    """The account that an effect draws on at this moment.

    >>> from datetime import UTC
    >>> ask = BudgetAsk("calls", ("principal",), 3600, 10, 1)
    >>> here = {"feature": "f", "tenant": "acme", "session": "s1", "action": "mail.send"}
    >>> account = account_of(ask, principal="u1", at=datetime(2026, 11, 26, 14, 59, tzinfo=UTC), **here)
    >>> account.scope, datetime.fromtimestamp(account.start, UTC).isoformat()
    ((('tenant', 'acme'), ('principal', 'u1')), '2026-11-26T14:00:00+00:00')
    """
    values = {"tenant": tenant, "principal": principal, "session": session, "feature": feature}
    wide = set(ask.per) == {"feature"}
    names = [name for name in PER if name in ask.per or (name == "tenant" and not wide)]
    now = int(at.timestamp())
    return Account(
        "" if wide else tenant, tuple((name, values[name]) for name in names), ask.meter, "" if ask.shared else action,
        ask.window_s, now - now % ask.window_s,
    )  # fmt: skip


def account_to_json(account: Account) -> dict[str, Any]:
    """The account as plain JSON."""
    return {
        "tenant": account.tenant, "scope": [list(pair) for pair in account.scope], "meter": account.meter,
        "action": account.action, "window_s": account.window_s, "start": account.start,
    }  # fmt: skip


def account_from_json(data: Mapping[str, Any]) -> Account:
    """The inverse of `account_to_json`."""
    scope = tuple((name, value) for name, value in data["scope"])
    return Account(data["tenant"], scope, data["meter"], data["action"], data["window_s"], data["start"])


@dataclass(frozen=True, slots=True)
class Balance:
    """What was used of an account, and what is held for effects whose outcome is still open."""

    used: int = 0
    held: int = 0

    def fits(self, amount: int, cap: int) -> bool:
        """Whether this much more stays within the cap.

        >>> Balance(used=60, held=30).fits(10, 100), Balance(used=60, held=30).fits(11, 100)
        (True, False)
        """
        return self.used + self.held + amount <= cap


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement on an account, on behalf of one claim. INVARIANT: a balance is the sum of its entries."""

    account: Digest
    claim: str
    kind: str
    held: int
    used: int
    at: datetime


def outstanding(entries: Iterable[Entry]) -> dict[Digest, int]:
    """What is still held on each account that these entries touch; 0 where all is settled."""
    found: dict[Digest, int] = {}
    for entry in entries:
        found[entry.account] = found.get(entry.account, 0) + entry.held
    return found


@dataclass(frozen=True, slots=True)
class Holding:
    """One member that one claim counts on an account; `used` once the claim's effect happened."""

    account: Digest
    member: str
    claim: str
    used: bool


def members_settled(holdings: Iterable[Holding], claim: str, *, happened: bool) -> tuple[int, int]:
    """How the units of a claim's members move when it settles. A member is one unit however many claims count it.

    Args:
        holdings: every holding of every member that the claim counts, before it settles.
        claim: the one that settles.
        happened: whether its effect did.
    Returns: what is added to held and to used.

    >>> both = [Holding(Digest("a"), "bob", "c1", False), Holding(Digest("a"), "bob", "c2", False)]
    >>> members_settled(both, "c1", happened=False), members_settled(both, "c1", happened=True)
    ((0, 0), (-1, 1))
    """
    by_member: dict[str, list[Holding]] = {}
    for holding in holdings:
        by_member.setdefault(holding.member, []).append(holding)
    held = used = 0
    for rows in by_member.values():
        if not any(row.claim == claim and not row.used for row in rows) or any(row.used for row in rows):
            continue  # nothing of ours is open, or the unit is used already
        if happened:
            held, used = held - 1, used + 1
        elif len(rows) == 1:
            held -= 1
    return held, used
