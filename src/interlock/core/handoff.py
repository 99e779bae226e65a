"""What a person gets who takes over from the assistant: everything that happened, and what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interlock.core.delivery import Abstained, Clarified, Delivered, Escalated, Judged, Weighed
from interlock.core.digest import Digest, of_value

MAX_TURNS = 200
"""Turns of the conversation that a packet carries at most: the newest ones."""
NEEDED = ("conversation", "lang", "reason", "evidence", "done", "unknown", "next_step")
"""What a packet must bring along so that nobody has to ask again; `evidence`, `done` and `unknown` may be empty lists."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One handoff.

    Args:
        queue: who takes over. rule: the rule or signal of the policy that says so.
        at: aware UTC. within_s: seconds in which somebody should acknowledge it, more than 0.
        conversation: pairs of role and text, oldest first.
        evidence: what was weighed: statement, score, document, findings.
        done, unknown: actions that the ledger holds as completed, and those of which nobody knows.
        next_step: what the person is advised to do first.
        rehearsal: whether a drill sent it: nobody has to act on it.
    """

    feature: str
    bundle: str
    tenant: str | None
    queue: str
    rule: str
    lang: str
    at: datetime
    within_s: int
    conversation: tuple[tuple[str, str], ...]
    evidence: tuple[Mapping[str, Any], ...] = ()
    done: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    next_step: str = ""
    rehearsal: bool = False

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("a handoff happens at an aware time")
        if self.within_s <= 0 or not self.queue:
            raise ValueError("a handoff names its queue and the seconds until somebody should acknowledge it")

    def to_json(self) -> dict[str, Any]:
        """The packet as sinks send it; `id` names exactly this content."""
        body = self._body()
        return {"interlock_handoff": 1, "id": self.id, **body}

    @property
    def id(self) -> str:
        """The first 16 hexadecimal digits of the digest of its content: sent twice, it is one handoff."""
        return of_value(self._body(), domain="interlock.handoff.v1").removeprefix("sha256:")[:16]

    @property
    def digest(self) -> Digest:
        """Name of the content."""
        return of_value(self._body(), domain="interlock.handoff.v1")

    def _body(self) -> dict[str, Any]:
        return {
            "feature": self.feature, "bundle": self.bundle, "tenant": self.tenant, "queue": self.queue, "reason": self.rule,
            "lang": self.lang, "at": self.at.isoformat(), "within_s": self.within_s,
            "conversation": [{"role": role, "text": text} for role, text in self.conversation],
            "evidence": [dict(row) for row in self.evidence], "done": list(self.done), "unknown": list(self.unknown),
            "next_step": self.next_step, "rehearsal": self.rehearsal,
        }  # fmt: skip

    def subject(self) -> str:
        """One line for a subject or a list."""
        drill = "[drill] " if self.rehearsal else ""
        return f"{drill}{self.queue}: {self.feature} hands over ({self.rule}), handoff {self.id}"

    def lines(self) -> list[str]:
        """For a person: what to do first stands first."""
        text = [self.subject(), f"Next step: {self.next_step}", f"Acknowledge: interlock handoff ack {self.id}"]
        if self.unknown:
            text.append("Nobody knows whether this happened: " + ", ".join(self.unknown))
        text.append("Done already: " + (", ".join(self.done) or "nothing"))
        text += ["", f"Conversation ({self.lang}), newest last:"]
        text += [f"  {role}: {said}" for role, said in self.conversation]
        if self.evidence:
            text += ["", "What was weighed:"]
            text += [
                f"  {row['score'] if row['score'] is not None else '-'}  {row['statement']}"
                + (f"  [{row['doc_id']}]" if row["doc_id"] else "")
                + "".join(f"\n      {why}" for why in row["findings"])
                for row in self.evidence
            ]
        return text


def missing(document: Mapping[str, Any]) -> list[str]:
    """What a packet lacks that the person would have to ask for again.

    >>> missing({"conversation": [], "lang": "en", "reason": "x", "evidence": [], "done": [], "unknown": [], "next_step": "call"})
    ['conversation']
    """
    lists_may_be_empty = {"evidence", "done", "unknown"}
    return [key for key in NEEDED if key not in document or (key not in lists_may_be_empty and not document[key])]


def evidence_rows(statements: Sequence[Weighed]) -> tuple[dict[str, Any], ...]:
    """What was weighed, as plain rows."""
    return tuple(
        {
            "statement": one.statement.text,
            "score": None if one.score is None else round(one.score, 3),
            "doc_id": one.doc_id,
            "findings": [f"{finding.code.value}: {finding.why}" for finding in one.findings],
        }
        for one in statements
    )


def judged_to_json(judged: Judged) -> dict[str, Any]:
    """A judged answer as plain values, for a trace or another program."""
    outcome = {Delivered: "deliver", Clarified: "clarify", Abstained: "abstain", Escalated: "escalate"}[type(judged)]
    row: dict[str, Any] = {
        "outcome": outcome,
        "text": judged.text,
        "findings": [
            {"code": finding.code.value, "why": finding.why, "statement": finding.statement, "doc_id": finding.doc_id}
            for finding in judged.findings
        ],
    }
    if not isinstance(judged, Clarified):
        row["statements"] = list(evidence_rows(judged.statements))
    if isinstance(judged, Delivered):
        row["outcome"] = "deliver_partly" if judged.partly else outcome
    elif isinstance(judged, Abstained):
        row["reason"] = None if judged.reason is None else judged.reason.value
    elif isinstance(judged, Escalated):
        row |= {"queue": judged.queue, "rule": judged.rule}
    return row
