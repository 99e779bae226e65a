"""`interlock status`."""

from interlock.cli import Exit
from interlock.cli.session import HERE, Dir, Env, Json, doubt, environment_of, records_of, screen, show, show_json
from interlock.core.pointer import pointer_to_json
from interlock.services.status import Standing, standing
from interlock.views.status import status_lines
from interlock.wiring import read_release


def status(*, env: Env = None, dir: Dir = HERE, json: Json = False) -> int:
    """Which bundle is live in each environment, since when, on whose word, and what waits.

    Where the ledger does not verify, that is the first line, and the exit code is 1.
    """
    with records_of(dir) as (settings, records):
        doubts = doubt(records, json=json)
        code = Exit.BLOCKED if doubts else Exit.READY
        release = read_release(settings)[1]
        names = [environment_of(release, env)] if env else list(release.environments)
        rows = [standing(records, release.feature, name, release.environments[name].stage.value) for name in names]
        if json:
            show_json([_document(row) for row in rows])
            return code
        look = screen()
        show([*doubts, *status_lines(rows, width=look.width, color=look.color, unicode=look.unicode)])
    return code


def _document(row: Standing) -> dict[str, object]:
    return {
        "environment": row.environment,
        "stage": row.stage,
        "pointer": pointer_to_json(row.pointer) if row.pointer else None,
        "versions": row.versions,
        "approvals": list(row.approvals),
        "provisional_until": row.provisional_until.isoformat() if row.provisional_until else None,
        "verdict": row.reading.word.value if row.reading else None,
        "waiting": [plan.id for plan in row.waiting],
    }
