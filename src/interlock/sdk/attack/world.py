"""A scratch store with keys of its own, and the feature's guard over it: nothing real is called and nothing is kept."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from interlock.adapters.dsse import Keyring
from interlock.adapters.sql import open_database
from interlock.adapters.sql.effects import SqlEffectStore
from interlock.core.actions import ArgumentKind
from interlock.core.errors import ApprovalError, Denied, EffectError, NeedsApproval
from interlock.core.judge import Policy
from interlock.core.table import Row
from interlock.core.terms import CallVerdict
from interlock.core.tools import Tool
from interlock.ports import EffectStore
from interlock.sdk.attack.specimen import calls, sample
from interlock.sdk.guard import Guard
from interlock.sdk.session import Session
from interlock.services.effect_people import approve_effect
from interlock.testing import FixedClock

REQUESTER, AGENT = "requester", "agent-under-test"


@dataclass(frozen=True, slots=True)
class Subject:
    """One action under attack. call: fits and is let through or asked about, when its values are the user's own."""

    row: Row
    tool: Tool
    call: Mapping[str, Any]
    verdict: CallVerdict

    @property
    def name(self) -> str:
        """The action."""
        return self.row.action.action

    @property
    def controls(self) -> tuple[str, ...]:
        """The arguments that decide who or what is touched."""
        plans = self.row.plans
        return tuple(name for name in self.call if plans.get(name, self.row.plan_else).kind is ArgumentKind.CONTROL)


@dataclass
class Hand:
    """A tool that only counts. what: the calls that reached it. breaks: it raises after it did what it does."""

    what: list[dict[str, Any]] = field(default_factory=list)
    breaks: bool = False
    lock: Any = field(default_factory=Lock)

    def __call__(self, **given: Any) -> dict[str, Any]:
        with self.lock:
            self.what.append(given)
        if self.breaks:
            raise TimeoutError("no answer")
        return {"made": len(self.what), "by": id(self)}


class Scratch:
    """The guard under attack."""

    def __init__(self, policy: Policy, store: EffectStore, keyring: Keyring, clock: FixedClock) -> None:
        self.policy, self.store, self.signer, self.clock = policy, store, keyring, clock
        self.guard = self.guard_of(policy)
        self._tenants = 0
        self._keys = Lock()

    def guard_of(self, policy: Policy) -> Guard:
        """A guard with another policy over the same store."""
        return Guard(
            policy, store=self.store, signer=self.signer, clock=self.clock, feature="attack-run", agent=AGENT
        )  # fmt: skip

    def tenant(self) -> str:
        """A tenant that nobody had before."""
        self._tenants += 1
        return f"tenant-{self._tenants}"

    def session(
        self, subject: Subject | None, tenant: str, *, asked: bool = True, told: Mapping[str, Any] | None = None,
        principal: str = REQUESTER, guard: Guard | None = None, id: str = "s1", stranger: bool = False,
    ) -> Session:  # fmt: skip
        """A session of somebody who may do it, who asks for it or for something else, and says these values.

        stranger: the host gives the session other facts than all the others, such as another account.
        """
        row = subject.row if subject else None
        roles = row.action.allow.roles or () if row else ()
        made = (guard or self.guard).session(
            tenant=tenant, principal=principal, session_id=id, roles=roles, facts=self._facts(row, int(stranger))
        )
        made.heard(" ".join(row.phrases[0]) if row and asked and row.phrases else "what are your opening hours?")
        if told:
            made.told(dict(told))
        return made

    def known(self, row: Row, tenant: str) -> dict[str, str]:
        """What conditions may compare with."""
        facts = {f"fact.{name}": value for name, value in self._facts(row).items()}
        return {"tenant": tenant, "principal": REQUESTER, "session": "s1", "feature": "attack-run", **facts}

    def call_for(self, subject: Subject, tenant: str, seed: int) -> Mapping[str, Any] | None:
        """Another call like the subject's own, with other values of what it touches; None where there is no other."""
        for made in calls(subject.row.action, subject.tool, self.known(subject.row, tenant), seed):
            session = self.session(subject, tenant, told=made)
            other = any(made[name] != subject.call[name] for name in subject.controls) or not subject.controls
            if other and session.decide(subject.tool.name, made).verdict is subject.verdict:
                return made
        return None

    def make(self, session: Session, tool: str, call: Any, hand: Hand, *, stamp: bool) -> str:
        """Make a call as an agent would. stamp: whoever is asked says yes. Returns: `made`, `asked`, `denied` or `unknown`."""
        try:
            session.call(tool, call, run=hand)
        except NeedsApproval as question:
            if not stamp or not self.stamp(session, question.approval):
                return "asked"
            return self.make(session, tool, call, hand, stamp=False)
        except Denied:
            return "denied"
        except EffectError:
            return "unknown"
        return "made"

    def stamp(self, session: Session, approval: str) -> bool:
        """Everybody who is asked says yes. Returns: whether that was enough."""
        terms = next(
            each for each in self.store.approvals(waiting=False, tenant=session.caller.tenant) if each.id == approval
        ).terms
        if not terms.role:
            with suppress(ApprovalError):  # somebody was quicker
                session.confirm(approval)
            return True
        for number in range(terms.count):
            self.votes(approval, self.key(terms.role, number), terms.role)  # somebody may have been quicker
        return True

    def key(self, role: str, number: int = 0) -> str:
        """Somebody with a role."""
        name = "".join(char if char.isalnum() else "-" for char in role.lower()) + f"-{number}"
        return self.key_of(name, role)

    def key_of(self, name: str, role: str) -> str:
        """A key of this name that has a role."""
        with self._keys:
            if name not in {each.name for each in self.signer.trusted().values()}:
                self.signer.create_key(name, [role], 30)
        return name

    def votes(self, approval: str, who: str, role: str) -> bool:
        """Whether somebody's yes is taken."""
        try:
            approve_effect(self.store, self.clock, self.signer, approval, approver=self.key_of(who, role))
        except ApprovalError:
            return False
        return True

    def _facts(self, row: Row | None, seed: int = 0) -> dict[str, str]:
        """What the host says of a session: values that fit the arguments which have to be the same."""
        if row is None:
            return {}
        tool = self.policy.tools.get(row.action.tool)
        found = {}
        for argument, condition in row.action.allow.when.items():
            said = condition.same_as_session
            if said is not None and said.startswith("fact."):
                name = said.removeprefix("fact.")
                made = None if tool is None else sample(tool, argument, seed)
                found[name] = made if isinstance(made, str) else f"own-{name}" + "-other" * seed
        return found


def subjects(scratch: Scratch, *, effects: bool) -> tuple[list[Subject], list[str]]:
    """The actions that can be attacked, each with a call that its own user may make; and those for which none was found.

    effects: only actions that change something; else only those that do not. What is always handed over has no such call.
    """
    found, unmade = [], []
    for row in scratch.policy.table.rows.values():
        if row.changes is not effects or row.hand_always:
            continue
        tool = scratch.policy.tools.get(row.action.tool)
        made = None if tool is None else _own(scratch, row, tool)
        if made is None:
            unmade.append(row.action.action)
        else:
            found.append(made)
    return found, unmade


def _own(scratch: Scratch, row: Row, tool: Tool) -> Subject | None:
    tenant = scratch.tenant()
    best: Subject | None = None
    for call in calls(row.action, tool, scratch.known(row, tenant), 0):
        subject = Subject(row, tool, call, CallVerdict.ALLOW)
        verdict = scratch.session(subject, tenant, told=call).decide(tool.name, call).verdict
        if verdict is CallVerdict.ALLOW:
            return subject
        if verdict is CallVerdict.ASK and best is None:
            best = Subject(row, tool, call, verdict)
    return best


@contextmanager
def scratch_of(policy: Policy) -> Iterator[Scratch]:
    """A guard over a database and keys in a folder that is gone afterwards."""
    with TemporaryDirectory(prefix="interlock-attack-") as folder:
        clock = FixedClock(datetime(2027, 1, 4, 9, 0, tzinfo=UTC))
        keyring = Keyring(Path(folder) / "keys", clock=clock, actor="app")
        keyring.create_key("app", ["author"], 30)
        database = open_database(f"sqlite:///{Path(folder) / 'effects.db'}")
        try:
            yield Scratch(policy, SqlEffectStore(database), keyring, clock)
        finally:
            database.close()


def later(seconds: int) -> timedelta:
    """A moment after so many seconds."""
    return timedelta(seconds=seconds + 1)
