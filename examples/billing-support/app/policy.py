"""The escalation rules of the answer policy, applied to a question before anything is answered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from .search import fold

_APOSTROPHES = str.maketrans("", "", "'’`")
_WORD = re.compile(r"[a-z0-9*]+")
BETWEEN = 5  # words that `…` may stand for


@dataclass(frozen=True, slots=True)
class Escalation:
    """A rule that fired, and the queue that takes over."""

    rule: str
    queue: str


def spoken(phrase: str, text: str) -> bool:
    """Whether the words of the phrase occur in the text, whole and in this order.

    `…` stands for at most five words between, `*` for any ending of a word.

    >>> spoken("told … password", "I told some stranger my password!"), spoken("sue you", "Issue your refund")
    (True, False)
    >>> spoken("hack*", "Hackers"), spoken("quelqu'un … connecté", "Quelqu’un s’est connecte hier")
    (True, True)
    """
    return _pattern(phrase).search(f" {' '.join(_words(text))} ") is not None


@lru_cache(maxsize=64)
def _words(text: str) -> tuple[str, ...]:
    """One question is laid over some hundred phrases."""
    return tuple(_WORD.findall(fold(text).translate(_APOSTROPHES)))


@cache
def _pattern(phrase: str) -> re.Pattern[str]:
    parts = []
    for word in _words(phrase.replace("…", " * ")):
        if word == "*":
            parts.append(f"(?: [a-z0-9]+){{0,{BETWEEN}}}")
        else:
            parts.append(" " + re.escape(word).replace(r"\*", "[a-z0-9]*"))
    return re.compile("".join(parts) + "(?= )")


def escalation(answers: Mapping[str, Any], *, text: str, intent: str | None) -> Escalation | None:
    """The first rule that the question meets: rules with words before rules with an intent, each in file order.

    Args:
        answers: the parsed `guardrails/answers.yaml`.
        text: everything the customer wrote in this conversation.
        intent: what the question is about, or None when nobody said.
    """
    rules = (answers.get("escalate") or {}).get("rules") or []
    for rule in rules:
        phrases = [phrase for group in (rule["when"].get("words") or {}).values() for phrase in group]
        if any(spoken(phrase, text) for phrase in phrases):
            return Escalation(rule["id"], rule["queue"])
    for rule in rules:
        if intent is not None and intent in _intents(rule["when"].get("intent")):
            return Escalation(rule["id"], rule["queue"])
    return None


def _intents(named: str | list[str] | None) -> list[str]:
    return [named] if isinstance(named, str) else named or []


def threshold(answers: Mapping[str, Any], intent: str | None) -> float:
    """The share of the question, 0 to 1, that the evidence must cover; a slice may ask for more or less."""
    evidence = answers["evidence"]
    own = (evidence.get("slices") or {}).get(intent) or {}
    return float(own.get("threshold", evidence["threshold"]))


def wording(answers: Mapping[str, Any], kind: str, lang: str) -> str:
    """The text for `abstain` or `escalate` in the customer's language, in English when that one is not written."""
    texts = (answers.get(kind) or {}).get("wording") or {}
    entry = texts.get(lang) or texts.get("en") or {"text": "I cannot answer this.", "next": "Please ask for a person."}
    return f"{entry['text']} {entry['next']}"
