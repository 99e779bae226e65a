"""How much of what people labelled as personal is redacted, on the customers' turns of MultiDoGO.

The texts are tokenised: without punctuation, in lower case, with made-up numbers, so that no card has a right check
digit, and agents' turns are not there. A token counts as redacted when no character of it is left.
Needs INTERLOCK_SHARED_DATA; nothing is measured without it.

Run: python -m benchmarks.redaction
"""

import gzip
import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from interlock.core.estimate import clopper_pearson
from interlock.services.conversation_text import plain_text
from interlock.services.redact import KINDS, Mode, Redactor

WANTED = ("card_number", "account_number", "ssn", "phone_number", "email_address", "policyid", "claimid")
KEPT = ("transferamount", "charge_amount", "charge_date", "charge_time", "lastuseddate", "lastusedtime", "car_year")
_PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(KINDS)})-\d+\]")


def redacted_spans(before: str, after: str) -> list[tuple[int, int]]:
    """Where in a text the placeholders of its redaction stand in."""
    parts = _PLACEHOLDER.split(after)
    found = re.fullmatch("(.+?)".join(map(re.escape, parts)), before, re.DOTALL)
    if found is None:
        raise AssertionError("a redaction changes nothing but what it replaces")
    return [found.span(group) for group in range(1, len(parts))]


def tokens(path: Path, mode: Mode) -> Iterator[tuple[str, str, str, bool]]:
    """Conversation, label (or `none`), token, and whether it was redacted."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            talk: dict[str, Any] = json.loads(line)
            redactor = Redactor((), mode)
            for turn in talk["customer_turns"]:
                text = turn["content"]
                words = [(found[0], found.span()) for found in re.finditer(r"\S+", text)]
                labels = {slot["token"]: slot["label"] for slot in turn["slots"] or ()}
                spans = redacted_spans(plain_text(text), redactor.text(plain_text(text)))
                if plain_text(text) != text:
                    continue  # white space of its own: its tokens would lie elsewhere
                for number, (word, (start, end)) in enumerate(words):
                    gone = any(left <= start and end <= right for left, right in spans)
                    yield talk["id"], labels.get(number, "none"), word, gone


def rates(path: Path, mode: Mode) -> list[tuple[str, int, int, float, float, int]]:
    """Label, redacted, n, the ends of a 95 % interval, and conversations; only tokens with a digit, e-mails whole."""
    seen: dict[str, list[bool]] = defaultdict(list)
    talks: dict[str, set[str]] = defaultdict(set)
    for talk, label, word, gone in tokens(path, mode):
        if label == "email_address" or any(char.isdigit() for char in word):
            seen[label].append(gone)
            talks[label].add(talk)
    rows = []
    for label in (*WANTED, *KEPT, "none"):
        if hits := seen[label]:
            interval = clopper_pearson(sum(hits), len(hits))
            rows.append((label, sum(hits), len(hits), interval.low, interval.high, len(talks[label])))
    return rows


def table(rows: Sequence[tuple[str, int, int, float, float, int]]) -> str:
    """The rates as Markdown."""
    lines = [
        "| label | redacted | n tokens | rate | 95 % interval | conversations |",
        "| --- | ---: | ---: | ---: | --- | ---: |",
    ]
    for label, hits, n, low, high, talks in rows:
        lines.append(f"| `{label}` | {hits} | {n} | {hits / n:.3f} | [{low:.3f}, {high:.3f}] | {talks} |")
    return "\n".join(lines)


def main() -> int:
    """Print both modes. Returns: 2 without the data."""
    home = os.environ.get("INTERLOCK_SHARED_DATA")
    path = Path(home or "") / "dialogues/multidogo_customer_turns.jsonl.gz"
    if not home or not path.is_file():
        print("INTERLOCK_SHARED_DATA names no folder with dialogues/multidogo_customer_turns.jsonl.gz", file=sys.stderr)
        return 2
    for mode in get_args(Mode):
        print(f"mode {mode}\n\n{table(rates(path, mode))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
