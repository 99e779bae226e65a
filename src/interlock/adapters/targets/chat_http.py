"""A live model behind an OpenAI-compatible endpoint."""

import os
from collections.abc import Mapping
from typing import Any

from interlock.adapters.targets.reply import strict_json
from interlock.adapters.targets.wire import Wire
from interlock.core.broken import BrokenRun
from interlock.core.score import Broken


class HttpChat:
    """POSTs `{base_url}/chat/completions`.

    One try: who asks again, and when, is for the limiter of the run to say.

    Args:
        base_url: like `http://127.0.0.1:8080/v1`.
        key_env: name of the environment variable that holds the key; read at each call, never kept.
        timeout_s: seconds for one try.
    """

    def __init__(self, base_url: str, *, key_env: str | None = None, timeout_s: float = 60.0) -> None:
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._key_env = key_env
        self._wire = Wire(timeout_s=timeout_s)

    async def __call__(self, request: Mapping[str, Any], *, key: str = "") -> Mapping[str, Any]:
        """One completion. `key` names the call. Raises BrokenRun."""
        secret = os.environ.get(self._key_env, "") if self._key_env else ""
        headers = {"Idempotency-Key": key} if key else {}
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        content, _ = await self._wire.post(self._url, dict(request), headers)
        return _completion(content)

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
