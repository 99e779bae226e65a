"""Builds the reply that the application returns, and the structured output inside it (schema version 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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


@dataclass(slots=True)
class Draft:
    """What is known about the reply so far."""

    intent: str | None = None
    retrieved: list[dict[str, Any]] = field(default_factory=list)
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    attempted: int = 0
    errors: list[str] = field(default_factory=list)

    def answered(self, text: str, claims: Sequence[Claim]) -> dict[str, Any]:
        """An answer with its claims."""
        return self._reply("answer", text, claims, None)

    def abstained(self, text: str) -> dict[str, Any]:
        """No answer: the evidence does not carry one."""
        return self._reply("abstain", text, (), None)

    def escalated(self, text: str, queue: str) -> dict[str, Any]:
        """A person takes over."""
        return self._reply("escalate", text, (), queue)

    def _reply(self, outcome: str, text: str, claims: Sequence[Claim], queue: str | None) -> dict[str, Any]:
        stated = [claim.as_json() for claim in claims]
        output: dict[str, Any] = {"version": 3, "outcome": outcome, "text": text, "claims": stated, "queue": queue}
        proposed = next((call for call in self.tool_calls if call["status"] == "proposed"), None)
        if proposed is not None:
            output["action"] = {"tool": proposed["tool"], "arguments": proposed["arguments"]}
        return {
            "outcome": outcome,
            "text": text,
            "claims": stated,
            "queue": queue,
            "retrieved": self.retrieved,
            "tool_calls": self.tool_calls,
            "parse": {"attempted": self.attempted, "ok": self.attempted - len(self.errors), "errors": self.errors},
            "output": output,
            "intent": self.intent,
        }


def lead(lang: str, texts: Sequence[str], tool_calls: Sequence[Mapping[str, Any]]) -> str:
    """The text of an answer: an opening in the customer's language, the quoted sentences, and what was prepared."""
    text = INTRO.get(lang, INTRO["en"]) + " ".join(texts)
    for call in tool_calls:
        if call["status"] == "proposed":
            action = call["tool"].replace("_", " ")
            text += " " + PROPOSED.get(lang, PROPOSED["en"]).format(action=action)
    return text
