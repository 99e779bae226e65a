"""The rule about people: that somebody really takes over."""

from collections.abc import Mapping
from typing import Any

from interlock.core.checks import Limits
from interlock.core.evidence import Gap
from interlock.core.ruling import Ruling, Standing, owed


def rule_handoff(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """SAFE-06. `{queues: [{queue, kind, rehearsed, fault, missing: [key], by, in_team, seconds, within_s}]}`."""
    asked = "every queue took a rehearsed handoff with its whole context, and its team acknowledged it in time"
    rows = data["queues"]
    if not rows:
        return owed("the answer policy names no queue", "nothing", asked, Gap.THIN)
    bad = []
    for row in rows:
        if row["fault"]:
            bad.append(f"{row['queue']}: {row['fault']}")
        elif row["missing"]:
            bad.append(f"{row['queue']}: the packet lacks {', '.join(row['missing'])}")
        elif row["rehearsed"] and not row["in_team"]:
            bad.append(f"{row['queue']}: acknowledged by {row['by']}, who is not in its team")
    done = [row for row in rows if row["rehearsed"]]
    seen = f"{len(done)} of {len(rows)} queues rehearsed"
    if bad:
        more = f" (+{len(bad) - 1} more)" if len(bad) > 1 else ""
        return Ruling(
            Standing.FAIL, bad[0] + more, "a person who is handed over may wait for nobody", asked, tuple(bad)
        )
    if len(done) < len(rows):
        left = ", ".join(row["queue"] for row in rows if not row["rehearsed"])
        return owed(f"{seen}, not {left}", "nothing of the others", asked, Gap.THIN)
    slowest = max(done, key=lambda row: row["seconds"] / row["within_s"])
    proves = f"slowest {slowest['queue']}: {slowest['seconds']:.0f} of {slowest['within_s']} s"
    return Ruling(Standing.PASS, f"{seen} and acknowledged", proves, asked)
