"""Asks the real local model what the mutants need that change its requests, and keeps every call for a replay.

    python live/mutants.py recordings/mutants.jsonl

A mutant of the prompt changes every request, one of the documents some of them. Each is asked the cases that
`interlock suite mutate` asks of a mutant that may have to be asked live. What a recording of this folder holds already
is not asked again, so an interrupted recording is continued.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from record import Recorder, arguments, call_key, recording

from interlock.adapters.folder import FolderTree
from interlock.core.manifest import Part
from interlock.services.lock import resolve
from interlock.services.mutants import asked_suites, sample
from interlock.services.mutators import mutants_of
from interlock.services.parts import load_parts

EXAMPLE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(EXAMPLE))


def recorded(fingerprint: str) -> dict[str, dict[str, Any]]:
    """Every response that lies in `recordings/`, by key."""
    found = {}
    for path in sorted((EXAMPLE / "recordings").glob("*.jsonl")):
        for line in map(json.loads, path.read_text("utf-8").splitlines()):
            if "key" in line and line["key"] == call_key(fingerprint, line["request"]):
                found[line["key"]] = line["response"]
    return found


async def record(recorder: Recorder) -> None:
    """Every mutant of prompt and retriever through the application, one after the other."""
    from app.assistant import answer

    tree = FolderTree(EXAMPLE)
    loaded = load_parts(resolve(tree).bundle, tree)
    cases = [case for suite in sample(asked_suites(loaded)) for case in suite.cases]
    for mutant in mutants_of(loaded, (Part.PROMPT, Part.RETRIEVER)):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "bundle"
            shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("recordings", "demo", "live", "evals"))
            for path, content in mutant.changes.items():
                (root / path).write_bytes(content)
            before = recorder.calls
            for case in cases:
                await answer(case.request(), root=root, chat=recorder.chat)
        print(f"{mutant.id}: {len(cases)} cases, {recorder.calls - before} calls", flush=True)


def main() -> None:
    """Record, and say how many calls each mutant took."""
    parser = arguments(__doc__)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    with recording(options.output, options.machine) as recorder:
        recorder.known.update(recorded(recorder.fingerprint))
        asyncio.run(record(recorder))


if __name__ == "__main__":
    main()
