"""A probe of the answer policy through the whole live path: a text that the app must propose and nobody may ever read.

The request's context carries it under `interlock_probe`; an app passes that on to `Answers.interaction(probe=…)`. It can
only take an answer away, so whoever sends one gains nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

KEY = "interlock_probe"
"""Where a request's context carries a probe."""
CANARY = "interlock-canary-7f3c"
"""No policy lets a text with this word pass."""


@dataclass(frozen=True, slots=True)
class GuardProbe:
    """What the guardrail is put to.

    canary: the text holds the canary. commitment: the text says that an action is done, which the ledger does not hold.
    outage: the policy fails while it decides.
    """

    kind: Literal["canary", "commitment", "outage"]
    text: str

    def to_json(self) -> dict[str, Any]:
        """As a request's context carries it."""
        return {"kind": self.kind, "text": self.text}


def read_probe(value: object) -> GuardProbe | None:
    """A probe out of a request's context; None for what is none.

    >>> read_probe({"kind": "canary", "text": "x"}), read_probe("yes"), read_probe(None)
    (GuardProbe(kind='canary', text='x'), None, None)
    """
    if not isinstance(value, Mapping) or value.get("kind") not in ("canary", "commitment", "outage"):
        return None
    text = value.get("text")
    return GuardProbe(value["kind"], text) if isinstance(text, str) and text else None


class SimulatedOutage(RuntimeError):
    """The policy was asked to fail, to see what the app then does."""
