"""Drill: a check of a paid endpoint is killed twice without warning; nothing is paid twice, and nothing is lost."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from feature import Feature, cases, spawn, write_feature

CASES = 100

ENDPOINT = '''\
"""A paid endpoint: it charges once for each Idempotency-Key, and says what it charged. The first line is its port."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

charges, answered, lock = {}, [0], threading.Lock()


class Paid(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with lock:
            self.say({"charges": charges, "answered": answered[0]})

    def do_POST(self):
        text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        with lock:
            charges[self.headers["Idempotency-Key"]] = charges.get(self.headers["Idempotency-Key"], 0) + 1
        time.sleep(0.04)
        outcome = "abstain" if "cat" in text else "escalate" if "overboard" in text else "answer"
        reply = {"outcome": outcome, "text": "leaves pier 0" if "Alder" in text else "leaves", "cost_usd": 0.01}
        if outcome == "escalate":
            reply["queue"] = "rescue"
        with lock:
            answered[0] += 1
        self.say(reply)

    def say(self, value):
        body = json.dumps(value).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # whoever asked was killed

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Paid)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
'''


class Endpoint:
    """The endpoint in a process of its own."""

    def __init__(self, script: Path) -> None:
        script.write_text(ENDPOINT)
        self.process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def told(self) -> dict[str, Any]:
        with urlopen(f"http://127.0.0.1:{self.port}/") as response:
            return dict(json.load(response))

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def endpoints(tmp_path: Path) -> Iterator[tuple[Endpoint, Endpoint]]:
    both = Endpoint(tmp_path / "one.py"), Endpoint(tmp_path / "two.py")
    yield both
    for endpoint in both:
        endpoint.stop()


def feature_at(root: Path, port: int, capsys: Any) -> Feature:
    """100 cases before an endpoint that answers what is asked about Alder rightly, and the rest of the ferries not."""

    def http(text: str) -> str:
        return text.replace(
            '{kind: python, call: "app.main:answer"}', f'{{kind: http, url: "http://127.0.0.1:{port}/"}}'
        )

    write_feature(root, http)
    rows = [{**row, "id": f"{row['id']}-{n}", "input": f"[{n}] {row['input']}"} for n in range(4) for row in cases()][
        :CASES
    ]
    (root / "evals/cases/gold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = Feature(root, capsys)
    made.lock()
    return made


def results(document: dict[str, Any]) -> dict[str, Any]:
    """The verdict and every rate in it."""
    wanted = ("EVAL-01", "EVAL-02", "SAFE-02", "PRS-01")
    return {
        "verdict": document["verdict"],
        **{row["id"]: (row["status"], row["data"], row["seen"]) for row in document["checks"] if row["id"] in wanted},
    }


def test_a_check_that_is_killed_twice_pays_for_no_trial_twice_and_ends_like_one_that_was_not(
    endpoints: tuple[Endpoint, Endpoint], tmp_path: Path, capsys: pytest.CaptureFixture[str], as_ada: None
) -> None:
    paid, calm = endpoints
    killed = feature_at(tmp_path / "killed", paid.port, capsys)
    for enough in (25, 60):
        words = ["check", "--quiet", "--as", "ada", "--dir", str(killed.root)]
        process = spawn(sys.executable, words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while len(paid.told()["charges"]) < enough and time.monotonic() < deadline:
            assert process.poll() is None, "the check ended before it could be killed"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    before = paid.told()
    assert 60 <= len(before["charges"]) < CASES
    done = killed.check()
    told = paid.told()
    # The endpoint charges by key. A trial that was under way when it was killed is asked again under its own key.
    assert len(told["charges"]) == CASES
    asked_again = sum(count - 1 for count in told["charges"].values())
    assert asked_again <= 2 * 4 * (1 + round(0.25 / 0.04)), "more was asked again than was under way or unwritten"
    assert done["run"]["calls"] + done["run"]["reused"] == CASES
    assert done["run"]["reused"] >= 25
    assert done["run"]["calls"] <= CASES - 25

    whole = feature_at(tmp_path / "whole", calm.port, capsys)
    calm_done = whole.check()
    assert calm.told()["charges"].keys()
    assert set(calm.told()["charges"].values()) == {1}
    assert results(done) == results(calm_done)
    assert results(done)["EVAL-02"][0] == "fail"
    assert results(done)["EVAL-01"][1]["ran"] == CASES


def test_a_check_of_an_endpoint_asks_nothing_beyond_its_cases(
    endpoints: tuple[Endpoint, Endpoint], tmp_path: Path, capsys: pytest.CaptureFixture[str], as_ada: None
) -> None:
    """Spoiling the model's output is not possible from here, so no probe is paid for."""
    calm = feature_at(tmp_path / "calm", endpoints[1].port, capsys)
    done = calm.check()
    assert endpoints[1].told()["answered"] == CASES == done["run"]["calls"]
    assert done["run"]["cost_usd"] == pytest.approx(CASES * 0.01)
    assert next(row for row in done["checks"] if row["id"] == "PRS-02")["status"] == "owed"
    assert calm.check()["run"]["calls"] == 0
    assert endpoints[1].told()["answered"] == CASES
