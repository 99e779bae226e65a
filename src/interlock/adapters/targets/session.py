"""What a target outside the process is told about the trial that it serves."""

import hashlib
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from interlock.core.digest import of_value
from interlock.core.suite import Case
from interlock.ports import Chat


@runtime_checkable
class Session(Protocol):
    """The chat of a run knows its trial: the key under which it is stored, its trace and the bundle."""

    trial_key: str
    trace_id: str
    bundle: str


def session_of(chat: Chat, case: Case, repeat: int) -> tuple[str, Mapping[str, str]]:
    """The key of the trial, and the headers that name it: stable over retries and over a restart of the run.

    The trace context is W3C Trace Context, section 3.2 (`traceparent`).
    """
    if not isinstance(chat, Session):
        key = of_value({"request": case.request_digest, "repeat": repeat}, domain="interlock.trial.v1")
        return key, {"Idempotency-Key": key}
    span = hashlib.sha256(chat.trial_key.encode()).hexdigest()[:16]
    return chat.trial_key, {
        "Idempotency-Key": chat.trial_key,
        "Interlock-Bundle": chat.bundle,
        "traceparent": f"00-{chat.trace_id}-{span}-01",
    }
