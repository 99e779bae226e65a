"""A verdict as one JSON document: what is signed, and beside it what programs ask for most."""

import json
from collections.abc import Sequence
from typing import Any

from interlock.core.verdict import Verdict, verdict_to_json
from interlock.views.summary import RunSummary, finding_rows
from interlock.views.wording import in_order, next_commands


def verdict_document(
    verdict: Verdict, *, others: Sequence[Verdict] = (), run: RunSummary | None = None
) -> dict[str, Any]:  # fmt: skip
    """The verdict's own JSON (`interlock.verdict.v1`) with `blocking`, `findings`, `next`, `environments` and `run`.

    `verdict_from_json` reads it back: what is added stands beside the verdict and changes none of it.
    """
    return {
        **verdict_to_json(verdict),
        "blocking": [outcome.check for outcome in in_order(verdict)],
        "findings": [
            {
                "check": row.check, "message": row.message, "file": row.file or None, "line": row.line,
                "level": "error" if row.required else "warning",
            }
            for row in finding_rows(verdict)
        ],
        "next": list(next_commands(verdict)),
        "environments": [
            {
                "environment": other.environment, "verdict": other.word.value, "stage": other.stage.value,
                "profile": other.profile.value, "blocking": [outcome.check for outcome in in_order(other)],
                "valid_until": other.valid_until.isoformat() if other.valid_until else None,
            }
            for other in others
        ],
        "run": None if run is None else {
            "measured": list(run.measured), "calls": run.calls, "reused": run.reused, "cost_usd": run.cost_usd,
            "seconds": run.seconds, "broken": dict(run.broken), "truncated": run.truncated,
            "faults": dict(run.faults), "curtailed": run.curtailed,
        },
    }  # fmt: skip


def verdict_text(verdict: Verdict, *, others: Sequence[Verdict] = (), run: RunSummary | None = None) -> str:
    """The document as text that ends with a newline. NaN is refused: it is not JSON."""
    document = verdict_document(verdict, others=others, run=run)
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
