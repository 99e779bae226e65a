"""HTTP as evals need it: one client for a run, and each way of failing as a kind of broken run."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import aiohttp

from interlock.core.broken import BrokenRun, masked
from interlock.core.score import Broken

MAX_BODY = 16_000_000
"""Bytes of a response."""


class Wire:
    """A lazily opened aiohttp session: connections are kept and reused, redirects are not followed.

    Args:
        timeout_s: seconds for one exchange, connection included.
    """

    def __init__(self, *, timeout_s: float, connections: int = 256) -> None:
        self._timeout_s, self._connections = timeout_s, connections
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: Any, headers: Mapping[str, str]) -> tuple[bytes, Mapping[str, str]]:
        """POST a body, bytes as they are and anything else as JSON, and give back the body and headers of a 2xx response.

        Raises: BrokenRun: connection refused, timeout, rate limit (429), server error (5xx), another shape (the rest).
            What it tells holds neither the key nor the address, in which a key may stand.
        """
        sent: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {"json": body}
        secrets = (*spellings(headers.get("Authorization", "")), url)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections),
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                headers={"User-Agent": "interlock"},
                auto_decompress=True,
            )
        try:
            async with self._session.post(url, **sent, headers=dict(headers), allow_redirects=False) as response:
                content = await response.content.read(MAX_BODY + 1)
                while not response.content.at_eof() and len(content) <= MAX_BODY:
                    content += await response.content.read(MAX_BODY + 1 - len(content))
                if len(content) > MAX_BODY:
                    raise BrokenRun(Broken.PROTOCOL, f"the response has more than {MAX_BODY} bytes")
                _check(response.status, response.headers.get("Retry-After", ""), content, secrets)
                return content, dict(response.headers)
        except TimeoutError as error:
            raise BrokenRun(Broken.TIMEOUT, f"no response within {self._timeout_s:g} s") from error
        except aiohttp.InvalidURL as error:
            raise BrokenRun(Broken.PROTOCOL, "the url is no address", hint="check the url of the target") from error
        except aiohttp.ClientConnectorError as error:
            raise BrokenRun(Broken.REFUSED, masked(str(error), *secrets)[:300], made=False) from error
        except (aiohttp.ClientError, OSError) as error:
            raise BrokenRun(Broken.REFUSED, masked(f"{type(error).__name__}: {error}", *secrets)[:300]) from error

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
            await asyncio.sleep(0)  # let the transports say goodbye


def spellings(authorization: str) -> tuple[str, ...]:
    """The ways in which another side may write back the key of an `Authorization` header: plain, in JSON, in a URL."""
    key = authorization.removeprefix("Bearer ")
    return (key, json.dumps(key)[1:-1], quote(key, safe="")) if key else ()


def _check(status: int, retry_after: str, content: bytes, secrets: tuple[str, ...]) -> None:
    if 200 <= status < 300:
        return
    # Masked before it is cut: half a key is no match.
    said = f"status {status}: {masked(content.decode(errors='replace'), *secrets)[:200]}"
    if status == 429:
        raise BrokenRun(Broken.RATE_LIMIT, said, retry_after_s=wait_s(retry_after), made=False)
    if status >= 500:
        raise BrokenRun(Broken.SERVER, said, retry_after_s=wait_s(retry_after))
    raise BrokenRun(Broken.PROTOCOL, said, hint="check the url, the key and the request", made=status < 400)


def wait_s(retry_after: str) -> float:
    """Seconds that a `Retry-After` header asks for (RFC 9110, section 10.2.3), 0 where it says nothing we can read.

    >>> wait_s("3"), wait_s("soon"), wait_s("-1")
    (3.0, 0.0, 0.0)
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
