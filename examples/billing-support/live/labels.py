"""Writes the answers of a bundle as rows that a person can label, from the recordings; asks no model.

    python live/labels.py BUNDLE_ROOT labels/bundle-2.jsonl CASES.jsonl...

A row has what the answer states, the documents that it rests on, and the label of the row that the file had for the same
words before: a label belongs to the words that somebody read. New words have none, and `interlock tune` leaves them out.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from record import call_key

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"


def recorded() -> dict[str, dict[str, Any]]:
    """Every recorded completion, by key."""
    lines = (
        line for path in sorted(RECORDINGS.glob("bundle-*.jsonl")) for line in path.read_text("utf-8").splitlines()
    )
    return {call["key"]: call["response"] for call in map(json.loads, lines) if "key" in call}


def requests(paths: list[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Case and request of every case file."""
    for path in paths:
        for line in filter(str.strip, path.read_text("utf-8").splitlines()):
            case = json.loads(line)
            asked = {"messages": case["messages"]} if "messages" in case else {"input": case["input"]}
            yield case["id"], asked | {"lang": case.get("lang", "en"), "context": case.get("context") or {}}


def row(case: str, request: Mapping[str, Any], reply: Mapping[str, Any]) -> dict[str, Any]:
    """One delivered answer: what it states, and the documents that were cited, or retrieved where a model wrote it."""
    stated = " ".join(claim["text"] for claim in reply["claims"]) or reply["text"]
    cited = list(dict.fromkeys(cite["doc_id"] for claim in reply["claims"] for cite in claim["cites"]))
    written = reply["intent"] is None
    kept = [document for document in reply["retrieved"] if written or document["doc_id"] in cited]
    question = request.get("input") or " ".join(str(turn["content"]) for turn in request["messages"])
    return {
        "id": case,
        "question": question,
        "response": stated,
        "context": [{"id": document["doc_id"], "text": document["text"]} for document in kept],
        "slice": reply["intent"] or "",
        "doc_id": cited[0] if cited else case,
    }


async def answers(root: Path, cases: list[Path], fingerprint: str) -> list[dict[str, Any]]:
    """The delivered answers of a bundle."""
    sys.path.insert(0, str(root))
    from app.assistant import answer

    known = recorded()

    async def chat(request: dict[str, Any]) -> dict[str, Any]:
        return known[call_key(fingerprint, request)]

    found = []
    for case, request in requests(cases):
        reply = await answer(request, root=root, chat=chat)
        if reply["outcome"] == "answer":
            found.append(row(case, request, reply))
    return found


def labelled(rows: list[dict[str, Any]], before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the labels that the same words had, in the order of the file."""
    labels = {(old["id"], old["response"]): old["label"] for old in before if "label" in old}
    return [
        found | {"label": labels[key]} if (key := (found["id"], found["response"])) in labels else found
        for found in rows
    ]


def main() -> None:
    """Write the rows, and say how many of each label there are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("cases", type=Path, nargs="+")
    parser.add_argument("--sample", type=int, help="so many of the answers only, drawn by a hash of the case's id")
    options = parser.parse_args()
    header = json.loads((RECORDINGS / "bundle-2.jsonl").open(encoding="utf-8").readline())
    rows = asyncio.run(answers(options.root.resolve(), options.cases, f"sha256:{header['weights_sha256']}"))
    if options.sample is not None:
        rows = sorted(
            sorted(rows, key=lambda one: sha256(one["id"].encode()).digest())[: options.sample],
            key=lambda one: one["id"],
        )
    lines = options.output.read_text("utf-8").splitlines() if options.output.exists() else []
    found = labelled(rows, [json.loads(line) for line in lines])
    options.output.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in found), "utf-8")
    print(
        ", ".join(f"{n} {label}" for label, n in sorted(Counter(one.get("label", "no label") for one in found).items()))
    )


if __name__ == "__main__":
    main()
