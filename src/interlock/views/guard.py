"""What the guard's policies differ in and where texts leave the glossary: lines for people, made of the documents for programs."""

from collections.abc import Iterator, Mapping
from typing import Any


def authority_lines(found: Mapping[str, Any]) -> list[str]:
    """Authority gained and lost (`interlock.authority.v1`), a line each."""
    gained, lost, other = found["gained"], found["lost"], found["other"]
    lines = [*(f"+ {text}" for text in gained), *(f"- {text}" for text in lost), *(f"  {text}" for text in other)]
    counts = f"{len(gained)} gained, {len(lost)} lost, {len(other)} changed otherwise"
    return [*lines, counts] if lines else ["The same authority."]


def replay_lines(found: Mapping[str, Any]) -> list[str]:
    """What flips (`interlock.guard-replay.v1`), widening first, then what could not be judged again."""
    return list(_replay_lines(found))


def _replay_lines(found: Mapping[str, Any]) -> Iterator[str]:
    n = {(row["action"], row["slice"]): row["n"] for row in found["slices"]}
    for flip in found["flips"]:
        sign = "+" if flip["widens"] else "-"
        slice = f" · {flip['slice']}" if flip["slice"] else ""
        count = f"{flip['count']} of {n[flip['action'], flip['slice']]}"
        why = ", ".join(f"{code} {times}" for code, times in flip["codes"].items())
        where = ", ".join(map(str, flip["lines"]))
        yield f"{sign} {flip['action']}{slice}: {flip['before']} → {flip['after']}, {count} ({why}); lines {where}"
    for reason, count in found["unsure"].items():
        yield f"? {count} not judged: {reason}"
    yield f"{found['flipped']} of {found['judged']} verdicts flip; {sum(found['unsure'].values())} could not be judged again"


def lint_lines(found: Mapping[str, Any]) -> list[str]:
    """The findings of a glossary lint (`interlock.glossary-lint.v1`), `file:line:column` first."""
    lines = [
        f"{':'.join(str(row[key]) for key in ('file', 'line', 'column') if row[key])}  {row['message']}"
        for row in found["findings"]
    ]
    return [*lines, f"{len(lines)} findings in {found['texts']} texts"]
