"""The example's recorder: it asks the model once for each distinct call, and goes on where it was interrupted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "billing-support"
SERVE = '''\
"""A model that says the same to everybody, on a port of its own."""
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

MODEL_ID, CONTEXT = "echo-1", 2048


class Says(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        said = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hm"}}], "usage": usage}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


def weights():
    return Path(__file__)


def weights_sha256(path):
    return "5a" * 32


def packages():
    return {}


@contextmanager
def serve():
    server = HTTPServer(("127.0.0.1", 0), Says)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
'''


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    (tmp_path / "serve.py").write_text(SERVE)
    return tmp_path


def run(program: str, fake: Path, *words: str) -> str:
    code = f"import sys; sys.path[:0] = {[str(fake), str(EXAMPLE / 'live')]!r}; import {program}; {program}.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, timeout=120, cwd=EXAMPLE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_distinct_call_is_recorded_once_and_an_interrupted_recording_goes_on(fake: Path) -> None:
    cases = fake / "cases.jsonl"
    lines = (EXAMPLE / "evals" / "cases" / "adversarial-ambiguous.jsonl").read_text("utf-8").splitlines()[:2]
    cases.write_text("\n".join(lines) + "\n", "utf-8")
    out, words = fake / "out.jsonl", [str(EXAMPLE), str(fake / "out.jsonl"), str(cases), "--machine", "a box"]
    said = run("record", fake, *words)
    header, *calls = map(json.loads, out.read_text("utf-8").splitlines())
    assert (header["model"], header["machine"], header["weights_sha256"]) == ("echo-1", "a box", "5a" * 32)
    assert len(calls) == len({call["key"] for call in calls}) >= 2
    assert f"{len(calls)} calls" in said
    assert "2 cases (" in said
    assert "\n0 calls" in "\n" + run("record", fake, *words)
    out.write_text("".join(json.dumps(line) + "\n" for line in (header, *calls[:1])), "utf-8")
    assert f"{len(calls) - 1} calls" in run("record", fake, *words)


def test_the_mutants_recorder_is_told_the_same_things(fake: Path) -> None:
    code = f"import sys; sys.path[:0] = {[str(fake), str(EXAMPLE / 'live')]!r}; import mutants; mutants.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True, timeout=60, cwd=EXAMPLE
    )
    assert "--machine MACHINE" in done.stdout
    assert "output" in done.stdout
