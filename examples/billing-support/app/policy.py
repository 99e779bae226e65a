"""The escalation rules of the answer policy, applied to a question before anything is answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .search import fold


@dataclass(frozen=True, slots=True)
class Escalation:
    """A rule that fired, and the queue that takes over."""

    rule: str
    queue: str


def escalation(answers: Mapping[str, Any], *, text: str, intent: str | None) -> Escalation | None:
    """The first rule that the question meets: rules with words before rules with an intent, each in file order.

    Args:
        answers: the parsed `guardrails/answers.yaml`.
        text: everything the customer wrote in this conversation.
        intent: what the question is about, or None when nobody said.
    """
    folded = fold(text)
    rules = (answers.get("escalate") or {}).get("rules") or []
    for rule in rules:
        spoken = rule["when"].get("words") or {}
        phrases = [phrase for group in spoken.values() for phrase in group] if isinstance(spoken, dict) else spoken
        if any(fold(phrase) in folded for phrase in phrases):
            return Escalation(rule["id"], rule["queue"])
    for rule in rules:
        if intent is not None and rule["when"].get("intent") == intent:
            return Escalation(rule["id"], rule["queue"])
    return None


def threshold(answers: Mapping[str, Any], intent: str | None) -> float:
    """The share of the question, 0 to 1, that the evidence must cover; a slice may ask for more or less."""
    evidence = answers["evidence"]
    return float((evidence.get("slices") or {}).get(intent, evidence["threshold"]))


def wording(answers: Mapping[str, Any], kind: str, lang: str) -> str:
    """The text for `abstain` or `escalate` in the customer's language, in English when that one is not written."""
    texts = (answers.get(kind) or {}).get("wording") or {}
    entry = texts.get(lang) or texts.get("en") or {"text": "I cannot answer this.", "next": "Please ask for a person."}
    return f"{entry['text']} {entry['next']}"
