"""A queue behind a webhook: one POST a handoff, under an idempotency key, signed where a key is set."""

import hashlib
import hmac
import json
import os

from interlock.adapters.targets.wire import Wire
from interlock.core.broken import BrokenRun
from interlock.core.errors import HandoffError
from interlock.core.handoff import Packet

ATTEMPTS = 3
BACKOFF_S = 0.5


class WebhookSink:
    """POSTs the packet as JSON.

    `Idempotency-Key` is the packet's id, so that a repeated POST can be recognised. Where `key_env` names a variable,
    `X-Interlock-Signature` is `sha256=` and the HMAC-SHA256 (RFC 2104) of the body under its value, in hexadecimal.
    """

    def __init__(self, url: str, *, key_env: str | None = None, timeout_s: float = 10.0) -> None:
        self._url, self._key_env, self._timeout_s = url, key_env, timeout_s

    async def send(self, packet: Packet) -> str:
        """Accepted when it returns: a 2xx response. Returns its beginning. Raises HandoffError after three tries."""
        import asyncio

        body = json.dumps(packet.to_json(), ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": packet.id}
        if self._key_env:
            key = os.environ.get(self._key_env, "")
            if not key:
                raise HandoffError(f"the variable `{self._key_env}` is not set", hint="it holds the key of the webhook")
            headers["X-Interlock-Signature"] = "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
        wire = Wire(timeout_s=self._timeout_s)
        try:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    content, _ = await wire.post(self._url, body, headers)
                    return content[:200].decode(errors="replace")
                except BrokenRun as broke:
                    if not broke.retry or attempt == ATTEMPTS:
                        raise HandoffError(
                            f"the webhook of queue `{packet.queue}` did not take it: {broke.detail or broke.broken.value}",
                            hint="check `handoff` in operations.yaml",
                        ) from broke
                    await asyncio.sleep(max(BACKOFF_S * 2 ** (attempt - 1), min(broke.retry_after_s, 10.0)))
        finally:
            await wire.close()
        raise AssertionError("the last try returns or raises")
