"""Runs the application on case files with the real local model and keeps every call, so that others replay the run.

    python live/record.py BUNDLE_ROOT OUTPUT.jsonl CASES.jsonl...

The first line of the output says which bytes answered; each further line is one distinct call. A call that the output
already holds from the same weights and packages is not made again, so an interrupted recording is continued.
"""

import argparse
import asyncio
import hashlib
import json
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rfc8785
import serve

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 120


def call_key(fingerprint: str, request: Mapping[str, Any]) -> str:
    """The name of a call: the model's fingerprint and the canonical request, first of its kind in its trial."""
    named = {"model_fingerprint": fingerprint, "request": request, "index": 0, "repeat": 0}
    return "sha256:" + hashlib.sha256(b"interlock.call.v1\0" + rfc8785.dumps(named)).hexdigest()


def trimmed(completion: Mapping[str, Any]) -> dict[str, Any]:
    """The completion without what differs from machine to machine: ids, paths, timings."""
    usage = {name: completion["usage"][name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    return {"object": "chat.completion", "model": serve.MODEL_ID, "choices": completion["choices"], "usage": usage}


class Recorder:
    """A chat function that asks the server once for each distinct request and writes the answer down."""

    def __init__(self, base_url: str, fingerprint: str, output: Path) -> None:
        self._url, self.fingerprint, self._output = f"{base_url}/chat/completions", fingerprint, output
        self.known: dict[str, dict[str, Any]] = {}
        self.calls, self.seconds = 0, 0.0

    def open(self, header: Mapping[str, Any]) -> None:
        """Continue the output when it begins with this header, whatever its date; begin a new one otherwise."""
        lines = self._output.read_text("utf-8").splitlines() if self._output.exists() else []
        dateless = {name: value for name, value in header.items() if name != "recorded"}
        if lines and {name: value for name, value in json.loads(lines[0]).items() if name != "recorded"} == dateless:
            self.known = {line["key"]: line["response"] for line in map(json.loads, lines[1:])}
        else:
            self._output.write_text(json.dumps(header, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")

    async def chat(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer from this run's own record, or ask."""
        key = call_key(self.fingerprint, request)
        if key not in self.known:
            before = time.perf_counter()
            completion = trimmed(await asyncio.to_thread(self.post, request))
            latency = time.perf_counter() - before
            self.calls, self.seconds = self.calls + 1, self.seconds + latency
            self.known[key] = completion
            line = {"key": key, "request": request, "response": completion, "latency_s": round(latency, 3)}
            with self._output.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        return self.known[key]

    def post(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the server, whatever is on record; its answer as it came."""
        body = json.dumps(request).encode()
        asked = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as response:  # noqa: S310
            answered: dict[str, Any] = json.load(response)
            return answered


@contextmanager
def recording(output: Path, machine: str) -> Iterator[Recorder]:
    """A recorder of the real local model; the output says which bytes answered, and where. Says at the end what it took."""
    digest = serve.weights_sha256(serve.weights())
    header = {
        "recording": 1,
        "model": serve.MODEL_ID,
        "packages": serve.packages(),
        "weights_sha256": digest,
        "parameters": {"threads": 1, "context": serve.CONTEXT},
        "recorded": datetime.now(UTC).date().isoformat(),
        "machine": machine,
    }
    with serve.serve() as base_url:
        recorder = Recorder(base_url, f"sha256:{digest}", output)
        recorder.open(header)
        yield recorder
    print(f"{recorder.calls} calls, {recorder.seconds / max(1, recorder.calls):.2f} s each")


def arguments(about: str | None) -> argparse.ArgumentParser:
    """What every recording can be told."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", default="2 cores x86_64")
    return parser


async def record(root: Path, cases: list[Path], recorder: Recorder) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every case through the application of `root`, one after the other: case and reply."""
    sys.path.insert(0, str(root))
    from app.assistant import answer

    done = []
    for path in cases:
        for line in path.read_text("utf-8").splitlines():
            if not line.strip():
                continue
            case = json.loads(line)
            asked = case["input"]
            request = {"messages": asked} if isinstance(asked, list) else {"input": asked}
            if "messages" in case:
                request = {"messages": case["messages"]}
            request |= {"lang": case.get("lang", "en"), "context": case.get("context") or {}}
            done.append((case, await answer(request, root=root, chat=recorder.chat)))
            print(f"\r{len(done)} cases, {recorder.calls} calls", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return done


def main() -> None:
    """Record, then say how long the calls took and what the outcomes were."""
    parser = arguments(__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("cases", type=Path, nargs="+")
    parser.add_argument("--replies", type=Path, help="also write case id and reply, one a line, to look at")
    options = parser.parse_args()
    with recording(options.output, options.machine) as recorder:
        done = asyncio.run(record(options.root.resolve(), options.cases, recorder))
    if options.replies:
        lines = [json.dumps({"id": case.get("id"), "reply": reply}, ensure_ascii=False) for case, reply in done]
        options.replies.write_text("\n".join(lines) + "\n", "utf-8")
    outcomes = [reply["outcome"] for _, reply in done]
    counted = ", ".join(f"{outcomes.count(name)} {name}" for name in sorted(set(outcomes)))
    print(f"{len(done)} cases ({counted})")


if __name__ == "__main__":
    main()
