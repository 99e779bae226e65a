"""Interlock: what an embedding app imports. Importing it loads nothing; a name is loaded when it is asked for."""

from typing import TYPE_CHECKING, Any

from interlock._version import __version__

if TYPE_CHECKING:
    from interlock.core.decision import Decision
    from interlock.core.errors import Denied, Escalated, InProgress, NeedsApproval, OutcomeUnknown, RefusedBeforeEffect
    from interlock.core.terms import CallVerdict
    from interlock.sdk.guard import Guard
    from interlock.sdk.interaction import Answers

__all__ = [
    "Answers",
    "CallVerdict",
    "Decision",
    "Denied",
    "Escalated",
    "Guard",
    "InProgress",
    "NeedsApproval",
    "OutcomeUnknown",
    "RefusedBeforeEffect",
    "__version__",
]

_ERRORS = ("Denied", "Escalated", "InProgress", "NeedsApproval", "OutcomeUnknown", "RefusedBeforeEffect")
_HOMES = {
    "CallVerdict": "interlock.core.terms",
    "Decision": "interlock.core.decision",
    "Answers": "interlock.sdk.interaction",
    "Guard": "interlock.sdk.guard",
    **dict.fromkeys(_ERRORS, "interlock.core.errors"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module `interlock` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
