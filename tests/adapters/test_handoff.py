"""Promises of the sinks: a handoff arrives whole, once, or the failure is said."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from interlock.adapters.handoff import open_sink
from interlock.core.errors import HandoffError, InterlockError
from interlock.core.handoff import Packet, missing
from interlock.core.operations import HandoffRoute

PACKET = Packet(
    feature="acme/billing", bundle="sha256:1", tenant="acme", queue="people", rule="asks-for-person", lang="de",
    at=datetime(2026, 11, 26, 12, tzinfo=UTC), within_s=900, conversation=(("person", "Grüße! Ein Mensch bitte."),),
    evidence=({"statement": "x", "score": 0.1, "doc_id": None, "findings": ["low-evidence: 0.10"]},), next_step="call back",
)  # fmt: skip


async def test_a_folder_takes_the_packet_once_and_whole(tmp_path: Path) -> None:
    sink = open_sink(HandoffRoute(kind="folder", to="queues/people", within="15m"), tmp_path)
    first, second = await sink.send(PACKET), await sink.send(PACKET)
    assert first == second
    folder = tmp_path / "queues/people"
    assert json.loads((folder / first).read_text(encoding="utf-8")) == PACKET.to_json()
    assert "call back" in (folder / f"{PACKET.id}.txt").read_text(encoding="utf-8")
    assert len(list(folder.iterdir())) == 2


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "queues").write_text("a file")
    with pytest.raises(HandoffError, match="cannot be written"):
        await open_sink(HandoffRoute(kind="folder", to="queues/people", within="15m"), tmp_path).send(PACKET)


Serve = Callable[[Callable[[web.Request], Awaitable[web.Response]]], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners = []

    async def start(handler: Callable[[web.Request], Awaitable[web.Response]]) -> str:
        app = web.Application()
        app.router.add_post("/queue", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        port = runner.addresses[0][1]
        return f"http://127.0.0.1:{port}/queue"

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_a_webhook_gets_a_signed_body_and_a_key_to_recognise_it_by(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bytes, Any]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((await request.read(), request.headers))
        return web.Response(status=500 if len(seen) == 1 else 202, text="taken")

    monkeypatch.setenv("QUEUE_URL", await serve(handler))
    monkeypatch.setenv("QUEUE_KEY", "k1")
    route = HandoffRoute(kind="webhook", to="${QUEUE_URL}", within="15m", key_env="QUEUE_KEY")
    assert await open_sink(route, tmp_path).send(PACKET) == "taken"
    assert len(seen) == 2, "a server error is asked again"
    for body, headers in seen:
        assert json.loads(body) == PACKET.to_json()
        assert headers["Idempotency-Key"] == PACKET.id
        assert headers["X-Interlock-Signature"] == "sha256=" + hmac.new(b"k1", body, hashlib.sha256).hexdigest()


async def test_a_webhook_that_refuses_is_said_without_its_address(serve: Serve, tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=403, text="no")

    url = await serve(handler)
    with pytest.raises(HandoffError, match="did not take it") as error:
        await open_sink(HandoffRoute(kind="webhook", to=url, within="15m"), tmp_path).send(PACKET)
    assert url not in str(error.value)
    unset = HandoffRoute(kind="webhook", to="${NO_SUCH_URL}", within="15m")
    with pytest.raises(InterlockError, match="NO_SUCH_URL"):
        open_sink(unset, tmp_path)
    keyless = HandoffRoute(kind="webhook", to=url, within="15m", key_env="NO_SUCH_KEY")
    with pytest.raises(HandoffError, match="NO_SUCH_KEY"):
        await open_sink(keyless, tmp_path).send(PACKET)


async def test_mail_goes_through_a_real_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that speaks just enough SMTP (RFC 5321) to take one message."""
    taken = bytearray()

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                writer.write(b"354 go\r\n")
                while (more := await reader.readline()) != b".\r\n":
                    taken.extend(more)
            writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                break
        writer.close()

    server = await asyncio.start_server(session, "127.0.0.1", 0)
    monkeypatch.setenv("INTERLOCK_SMTP_URL", f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    monkeypatch.setenv("INTERLOCK_MAIL_FROM", "interlock@example.org")
    sink = open_sink(HandoffRoute(kind="mail", to="people@example.org", within="15m"), tmp_path)
    async with server:
        word = await sink.send(PACKET)
    message = message_from_bytes(bytes(taken), policy=policy.default)
    assert message["Message-ID"] == word == f"<{PACKET.id}@example.org>"
    assert "hands over" in message["Subject"]
    (attached,) = list(message.iter_attachments())  # type: ignore[attr-defined]
    assert json.loads(attached.get_content()) == PACKET.to_json()
    monkeypatch.delenv("INTERLOCK_MAIL_FROM")
    with pytest.raises(HandoffError, match="not set"):
        await sink.send(PACKET)


async def test_a_mail_server_that_is_away_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERLOCK_SMTP_URL", "smtp://user:secret@127.0.0.1:9")
    monkeypatch.setenv("INTERLOCK_MAIL_FROM", "interlock@example.org")
    with pytest.raises(HandoffError, match="was not taken") as error:
        await open_sink(HandoffRoute(kind="mail", to="people@example.org", within="15m"), tmp_path).send(PACKET)
    assert "secret" not in error.value.render()


def test_a_packet_is_named_by_its_content_and_lacks_nothing() -> None:
    assert missing(PACKET.to_json()) == []
    from dataclasses import replace

    assert replace(PACKET, next_step="other").id != PACKET.id
    assert missing(replace(PACKET, next_step="").to_json()) == ["next_step"]
    with pytest.raises(ValueError, match="aware"):
        replace(PACKET, at=datetime(2026, 11, 26))  # noqa: DTZ001
    with pytest.raises(ValueError, match="names its queue"):
        replace(PACKET, queue="")
