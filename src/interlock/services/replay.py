"""Recorded calls under a new policy: which flip, which way, and why, by action and by slice."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from interlock.core.errors import DocumentSyntax, LedgerError, Place
from interlock.core.judge import Policy
from interlock.core.replay import Again, judge_again
from interlock.core.terms import CallVerdict

EXAMPLES = 3
"""Records that are named for each kind of flip."""


@dataclass
class Flip:
    """One way in which verdicts changed: from what to what, for which action and slice, and how often.

    codes: the codes of the new verdicts, counted. lines: the first few records, by line number.
    """

    action: str
    slice: str
    before: CallVerdict
    after: CallVerdict
    count: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    lines: list[int] = field(default_factory=list)

    @property
    def widens(self) -> bool:
        """Whether the new policy objects less."""
        return self.after.rank < self.before.rank


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a policy says of a set of records.

    Args:
        judged: records of which the verdict is sure. unsure: by reason, records that do not hold what the policy needs.
        slices: by action and slice, how many records were judged.
        flips: those that widen first, then by count.
    """

    policy: str
    judged: int
    unsure: dict[str, int]
    slices: dict[tuple[str, str], int]
    flips: tuple[Flip, ...]

    @property
    def flipped(self) -> int:
        """How many verdicts changed."""
        return sum(flip.count for flip in self.flips)

    def to_json(self) -> dict[str, Any]:
        """As JSON, `interlock.guard-replay.v1`."""
        return {
            "schema": "interlock.guard-replay.v1",
            "policy": self.policy,
            "judged": self.judged,
            "flipped": self.flipped,
            "unsure": self.unsure,
            "slices": [{"action": action, "slice": slice, "n": n} for (action, slice), n in self.slices.items()],
            "flips": [
                {
                    "action": flip.action, "slice": flip.slice, "before": flip.before.value, "after": flip.after.value,
                    "widens": flip.widens, "count": flip.count, "codes": dict(flip.codes.most_common()),
                    "lines": flip.lines,
                }
                for flip in self.flips
            ],
        }  # fmt: skip


def replay(policy: Policy, lines: Iterable[str], file: str = "records") -> Replayed:
    """Judge recorded calls again.

    Args:
        lines: JSON Lines, each a record of `record_of`, alone or as the `decision` of a larger document.
        file: the name that errors give.
    Raises: DocumentSyntax for a line that is no JSON; LedgerError for one that is no decision record.
    """
    flips: dict[tuple[str, str, CallVerdict, CallVerdict], Flip] = {}
    slices: Counter[tuple[str, str]] = Counter()
    unsure: Counter[str] = Counter()
    judged = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        record = _record(line, file, number)
        again = _again(policy, record, file, number)
        if again.unsure:
            unsure[again.unsure[0]] += 1
            continue
        judged += 1
        action, slice = str(record.get("action") or record["tool"]), str(record.get("slice") or "")
        slices[action, slice] += 1
        before = CallVerdict(record["verdict"])
        if again.verdict is not before:
            key = (action, slice, before, again.verdict)
            flip = flips.setdefault(key, Flip(*key))
            flip.count += 1
            flip.codes.update(again.codes or ("allowed",))
            if len(flip.lines) < EXAMPLES:
                flip.lines.append(number)
    ordered = sorted(flips.values(), key=lambda flip: (not flip.widens, -flip.count, flip.action, flip.slice))
    return Replayed(policy.digest, judged, dict(unsure.most_common()), dict(sorted(slices.items())), tuple(ordered))


def _record(line: str, file: str, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as cause:
        raise DocumentSyntax("not JSON", hint="give JSON Lines, a record each", place=Place(file, number)) from cause
    inner = value.get("decision", value) if isinstance(value, dict) else None
    if not isinstance(inner, dict):
        raise DocumentSyntax("not a record", hint="give JSON Lines, a record each", place=Place(file, number))
    return inner


def _again(policy: Policy, record: dict[str, Any], file: str, number: int) -> Again:
    try:
        CallVerdict(record["verdict"])
        return judge_again(policy, record)
    except (LedgerError, KeyError, ValueError) as cause:
        hint = "give the records that the guard made, a line each"
        raise LedgerError("this is no decision record of format 1", hint=hint, place=Place(file, number)) from cause
