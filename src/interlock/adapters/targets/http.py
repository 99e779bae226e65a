"""An app behind an HTTP endpoint."""

import os
from pathlib import Path

from interlock.adapters.targets.reply import reply_from_json
from interlock.adapters.targets.session import session_of
from interlock.adapters.targets.wire import Wire, spellings
from interlock.core.broken import FailedRun, masked
from interlock.core.suite import Case
from interlock.ports import Chat, TargetReply


class HttpTarget:
    """POSTs the request of a case and reads the reply.

    Headers: `Idempotency-Key` is the trial's key, so an endpoint can recognise what it was asked before a restart;
    `Interlock-Bundle` names the bundle, `traceparent` the trace (W3C). The key of the endpoint is read from the
    environment when it is needed, and never kept.
    """

    def __init__(self, url: str, *, key_env: str | None, timeout_s: float) -> None:
        self._url, self._key_env = url, key_env
        self._wire = Wire(timeout_s=timeout_s)

    async def run(self, case: Case, *, repeat: int, root: Path, chat: Chat) -> TargetReply:
        """One trial. Raises BrokenRun as `Wire.post` does, FailedRun as `read_reply` does."""
        _, headers = session_of(chat, case, repeat)
        secret = os.environ.get(self._key_env, "") if self._key_env else ""
        key = {"Authorization": f"Bearer {secret}"} if secret else {}
        content, _ = await self._wire.post(self._url, case.request(), {**headers, **key})
        try:
            return reply_from_json(content, "the response")
        except FailedRun as error:
            raise FailedRun(error.fault, masked(error.detail, *spellings(key.get("Authorization", "")))) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()
