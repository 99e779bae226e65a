"""`interlock history`."""

from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from interlock.cli import Exit
from interlock.cli.session import HERE, Dir, Env, Json, doubt, records_of, screen, show, show_json
from interlock.services.history import readings
from interlock.services.waive import waivers
from interlock.views.history import history_lines
from interlock.views.wording import plain


def history(
    *,
    env: Env = None,
    waivers_only: Annotated[bool, Parameter(name="--waivers", negative="", help="List the waivers instead.")] = False,
    dir: Dir = HERE,
    json: Json = False,
) -> int:
    """Readiness since the first check, a line per check run, and what expires next.

    Where the ledger does not verify, that is the first line, and the exit code is 1.
    """
    with records_of(dir) as (_, records):
        doubts = doubt(records, json=json)
        code = Exit.BLOCKED if doubts else Exit.READY
        if waivers_only:
            found = waivers(records)
            now = records.clock.now()
            if json:
                show_json(
                    [
                        {
                            **asdict(w),
                            "until": w.until.isoformat(),
                            "issued": w.issued.isoformat(),
                            "open": w.until > now,
                        }
                        for w in found
                    ]
                )
            else:
                show([*doubts, *([
                    plain(f"{'open  ' if w.until > now else 'ended '} {w.check}  until {w.until:%Y-%m-%d}  {w.owner}, approved by {w.approver}: {w.reason}; instead: {w.control}")
                    for w in found
                ] or ["There is no waiver."])])  # fmt: skip
            return code
        rows = readings(records, env)
        if json:
            show_json([
                {**asdict(row), "at": row.at.isoformat(), "valid_until": row.valid_until.isoformat() if row.valid_until else None}
                for row in rows
            ])  # fmt: skip
            return code
        look = screen()
        show([*doubts, *history_lines(rows, width=look.width, color=look.color, unicode=look.unicode)])
    return code
