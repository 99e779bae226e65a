"""What a model is told of a call that was not made, in the guard's own words and nobody else's."""

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from interlock.core.errors import Denied, EffectError, InProgress, NeedsApproval, OutcomeUnknown
from interlock.sdk.guard import Guard
from interlock.sdk.session import Session, current_session


def refusal(error: EffectError) -> str:
    """A tool output that says how a call stands, as JSON.

    >>> from interlock.core.errors import Denied
    >>> refusal(Denied("`refund.issue` is denied: over the budget", codes=["budget.cap"]))
    '{"status": "denied", "codes": ["budget.cap"], "message": "`refund.issue` is denied: over the budget"}'
    """
    status = {NeedsApproval: "waits_for_approval", InProgress: "in_progress", OutcomeUnknown: "outcome_unknown"}
    said: dict[str, object] = {"status": status.get(type(error), "denied")}
    if isinstance(error, Denied):
        said["codes"] = list(error.codes)
    if isinstance(error, NeedsApproval):
        said["approval"] = error.approval
    said["message"] = error.message
    return json.dumps(said, ensure_ascii=False)


def offer(guard: Guard, tools: Iterable[Any] | None) -> None:
    """Tell the current session which definitions the model was shown; outside of one every call is denied anyway."""
    if tools is not None:
        with suppress(Denied):
            session_of(guard).offered(tools)


def definition(name: str, description: str | None, parameters: Any) -> dict[str, Any]:
    """What a model is shown of a tool, in OpenAI's shape."""
    return {"type": "function", "function": {"name": name, "description": description or "", "parameters": parameters}}


def session_of(guard: Guard) -> Session:
    """The current session of a guard. Raises: Denied outside of one."""
    session = current_session()
    if session is None or session.policy is not guard.policy:
        raise Denied("the call was made outside a session of its guard", codes=("no_session",))
    return session
