"""An OpenAI-compatible endpoint that says what a test tells it to: the outside network's double."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Scripted:
    """What the endpoint saw, and what it says.

    says: the content of the reply to a request, or (status, headers, body) as it is. model: the name that it echoes.
    """

    says: Callable[[dict[str, Any]], Any]
    model: str = "judge-2026-05-01"
    fingerprint: str | None = None
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """How many requests came."""
        return len(self.requests)


def data_of(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a request shows as data."""
    text = request["messages"][1]["content"]
    assert text.startswith("<data>")
    assert text.endswith("</data>")
    value: dict[str, Any] = json.loads(text[6:-7])
    return value


def ids_of(request: Mapping[str, Any]) -> list[str]:
    """The keys that a request asks for, in its order."""
    return list(request["response_format"]["json_schema"]["schema"]["properties"])


def verdicts(request: Mapping[str, Any], verdict: str, why: str = "as read") -> str:
    """A reply that gives every criterion the same verdict."""
    return json.dumps({name: {"why": why, "verdict": verdict} for name in ids_of(request)})


@contextmanager
def scripted(says: Callable[[dict[str, Any]], Any], **more: Any) -> Iterator[Scripted]:
    """The endpoint, running in threads of its own until the block ends."""
    script, lock = Scripted(says, **more), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                script.requests.append(request)
                script.headers.append(dict(self.headers.items()))
            said = script.says(request)
            status, headers, body = said if isinstance(said, tuple) else (200, {}, completion(script, said))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()


def completion(script: Scripted, content: Any, finish: str = "stop") -> bytes:
    """A whole completion with this content."""
    return json.dumps(
        {
            "model": script.model,
            **({"system_fingerprint": script.fingerprint} if script.fingerprint else {}),
            "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": finish}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20},
        }
    ).encode()
