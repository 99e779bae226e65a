"""A live model behind an OpenAI-compatible endpoint."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from interlock.adapters.targets.reply import strict_json
from interlock.adapters.targets.wire import Wire
from interlock.core.broken import BrokenRun
from interlock.core.score import Broken
from interlock.patience import MAX_WAIT_S, PATIENCE, Patience, impatient


class HttpChat:
    """POSTs `{base_url}/chat/completions`.

    Args:
        base_url: like `http://127.0.0.1:8080/v1`.
        key_env: name of the environment variable that holds the key; read at each call, never kept.
        timeout_s: seconds for one try.
        attempts: tries of a call that broke in transport, at least 1: refused connections, 429 and 5xx, never an
            answer that came. Tries of one call carry the same `Idempotency-Key`.
        backoff_s: pause before the second try; it doubles from try to try, and `Retry-After` can lengthen it. Who asks
            for a longer pause than the trial, or its run, may still wait breaks the call at once.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key_env: str | None = None,
        timeout_s: float = 60.0,
        attempts: int = 3,
        backoff_s: float = 0.25,
    ) -> None:
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._key_env, self._attempts, self._backoff_s = key_env, attempts, backoff_s
        self._wire = Wire(timeout_s=timeout_s)

    async def __call__(self, request: Mapping[str, Any], *, key: str = "") -> Mapping[str, Any]:
        """One completion. `key` names the call. Raises BrokenRun, after the last try."""
        secret = os.environ.get(self._key_env, "") if self._key_env else ""
        headers = {"Idempotency-Key": key} if key else {}
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        made = False
        patience = PATIENCE.get() or Patience(MAX_WAIT_S)
        for attempt in range(1, self._attempts + 1):
            try:
                content, _ = await self._wire.post(self._url, dict(request), headers)
            except BrokenRun as error:
                error.made = made = made or error.made
                if not error.retry or attempt == self._attempts:
                    error.retry = False  # it was asked often enough
                    raise
                wait_s = max(error.retry_after_s, self._backoff_s * 2 ** (attempt - 1))
                if not patience.take(wait_s):
                    raise impatient(error, wait_s) from error
                await asyncio.sleep(wait_s)
            else:
                return _completion(content)
        raise AssertionError("unreachable: the last try returns or raises")

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()


def _completion(content: bytes) -> Mapping[str, Any]:
    try:
        value = strict_json(content)
    except ValueError as error:
        raise BrokenRun(Broken.PROTOCOL, f"the completion is not JSON: {error}"[:300]) from error
    if not isinstance(value, dict) or not isinstance(value.get("choices"), list) or not value["choices"]:
        raise BrokenRun(Broken.PROTOCOL, "the completion has no `choices`")
    return value
