"""Interlock: what an embedding app imports. Importing it loads nothing; a name is loaded when it is asked for."""

from typing import TYPE_CHECKING, Any

from interlock._version import __version__

if TYPE_CHECKING:
    from interlock.core.decision import Decision, Verdict
    from interlock.sdk.guard import Guard

__all__ = ["Decision", "Guard", "Verdict", "__version__"]

_HOMES = {"Decision": "interlock.core.decision", "Guard": "interlock.sdk.guard", "Verdict": "interlock.core.decision"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module `interlock` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
