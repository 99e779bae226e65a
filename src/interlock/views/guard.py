"""What the guard's policies differ in, as lines for people and documents for programs."""

from collections.abc import Iterator
from typing import Any

from interlock.services.authority import Authority
from interlock.services.glossary_lint import Linted
from interlock.services.replay import Replayed


def authority_lines(found: Authority) -> list[str]:
    """Authority gained and lost, a line each."""
    lines = [f"+ {text}" for text in found.gained] + [f"- {text}" for text in found.lost]
    lines += [f"  {text}" for text in found.other]
    counts = f"{len(found.gained)} gained, {len(found.lost)} lost, {len(found.other)} changed otherwise"
    return [*lines, counts] if lines else ["The same authority."]


def authority_document(found: Authority) -> dict[str, Any]:
    """The same as JSON, `interlock.authority.v1`."""
    return {
        "schema": "interlock.authority.v1",
        "gained": list(found.gained),
        "lost": list(found.lost),
        "other": list(found.other),
    }


def replay_lines(found: Replayed) -> list[str]:
    """What flips, widening first, then what could not be judged again."""
    return list(_replay_lines(found))


def _replay_lines(found: Replayed) -> Iterator[str]:
    for flip in found.flips:
        sign = "+" if flip.widens else "-"
        slice = f" · {flip.slice}" if flip.slice else ""
        n = found.slices[flip.action, flip.slice]
        why = ", ".join(f"{code} {count}" for code, count in flip.codes.most_common())
        where = ", ".join(map(str, flip.lines))
        yield f"{sign} {flip.action}{slice}: {flip.before} → {flip.after}, {flip.count} of {n} ({why}); lines {where}"
    for reason, count in found.unsure.items():
        yield f"? {count} not judged: {reason}"
    yield f"{found.flipped} of {found.judged} verdicts flip; {sum(found.unsure.values())} could not be judged again"


def replay_document(found: Replayed) -> dict[str, Any]:
    """The same as JSON, `interlock.guard-replay.v1`."""
    return {
        "schema": "interlock.guard-replay.v1",
        "policy": found.policy,
        "judged": found.judged,
        "flipped": found.flipped,
        "unsure": found.unsure,
        "slices": [{"action": action, "slice": slice, "n": n} for (action, slice), n in found.slices.items()],
        "flips": [
            {
                "action": flip.action,
                "slice": flip.slice,
                "before": flip.before.value,
                "after": flip.after.value,
                "widens": flip.widens,
                "count": flip.count,
                "codes": dict(flip.codes),
                "lines": flip.lines,
            }
            for flip in found.flips
        ],
    }


def lint_lines(found: Linted) -> list[str]:
    """The findings of a glossary lint, `file:line:column message` each, and how many texts were read."""
    lines = [
        f"{':'.join(str(part) for part in (each.file, each.line, each.column) if part)}  {each.message}"
        for each in found.findings
    ]
    return [*lines, f"{len(found.findings)} findings in {found.texts} texts"]


def lint_document(found: Linted) -> dict[str, Any]:
    """The same as JSON, `interlock.glossary-lint.v1`."""
    rows = [finding.row() for finding in found.findings]
    return {"schema": "interlock.glossary-lint.v1", "texts": found.texts, "findings": rows}
