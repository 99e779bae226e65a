"""Builds the reply that the application returns, and the structured output inside it (schema version 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.core.delivery import Delivered, Escalated, Judged

INTRO = {
    "en": "Our published rules say: ",
    "de": "In unseren Regeln steht (auf Englisch): ",
    "fr": "Nos règles disent (en anglais) : ",
    "es": "Nuestras normas dicen (en inglés): ",
}
PROPOSED = {
    "en": "I have prepared the step “{action}” for you. Nothing happens before it is confirmed.",
    "de": "Ich habe den Schritt „{action}“ vorbereitet. Vor der Bestätigung geschieht nichts.",
    "fr": "J'ai préparé l'étape « {action} ». Rien ne se passe avant sa confirmation.",
    "es": "He preparado el paso «{action}». No ocurre nada antes de su confirmación.",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement and the place that says it, word for word."""

    text: str
    doc_id: str
    quote: str

    def as_json(self) -> dict[str, Any]:
        """The claim as the schema has it."""
        return {"text": self.text, "cites": [{"doc_id": self.doc_id, "quote": self.quote}]}


def proposal(text: str, claims: Sequence[Claim], tool_calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the application would say, as the policy judges it: an answer with its claims, or none where there is no claim."""
    if not claims:
        return {"version": 3, "outcome": "abstain", "text": "No article answers this.", "claims": [], "queue": None}
    stated = [claim.as_json() for claim in claims]
    return _with_action({"version": 3, "outcome": "answer", "text": text, "claims": stated, "queue": None}, tool_calls)


def _with_action(output: dict[str, Any], tool_calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    proposed = next((call for call in tool_calls if call["status"] == "proposed"), None)
    if proposed is not None:
        output["action"] = {"tool": proposed["tool"], "arguments": proposed["arguments"]}
    return output


@dataclass(slots=True)
class Draft:
    """What is known about the reply so far."""

    intent: str | None = None
    retrieved: list[dict[str, Any]] = field(default_factory=list)
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    attempted: int = 0
    errors: list[str] = field(default_factory=list)

    def judged(self, said: Judged, decisions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The reply, after the policy: what it lets the customer read, and its decisions beside."""
        outcome, claims, queue = "abstain", [], None
        if isinstance(said, Delivered):
            outcome = "answer"
            held = [one.statement for one in said.statements if one.holds and one.statement.cites]
            claims = [
                {"text": one.text, "cites": [{"doc_id": cite.doc_id, "quote": cite.quote} for cite in one.cites]}
                for one in held
            ]
        elif isinstance(said, Escalated):
            outcome, queue = "escalate", said.queue
        output = {"version": 3, "outcome": outcome, "text": said.text, "claims": claims, "queue": queue}
        return {
            "outcome": outcome,
            "text": said.text,
            "claims": claims,
            "queue": queue,
            "retrieved": self.retrieved,
            "tool_calls": self.tool_calls,
            "parse": {"attempted": self.attempted, "ok": self.attempted - len(self.errors), "errors": self.errors},
            "output": _with_action(output, self.tool_calls),
            "intent": self.intent,
            "decisions": list(decisions),
        }


def lead(lang: str, texts: Sequence[str], tool_calls: Sequence[Mapping[str, Any]]) -> str:
    """The text of an answer: an opening in the customer's language, the quoted sentences, and what was prepared."""
    text = INTRO.get(lang, INTRO["en"]) + " ".join(texts)
    for call in tool_calls:
        if call["status"] == "proposed":
            action = call["tool"].replace("_", " ")
            text += " " + PROPOSED.get(lang, PROPOSED["en"]).format(action=action)
    return text
