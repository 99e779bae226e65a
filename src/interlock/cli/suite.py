"""`interlock suite`: what the suites lack."""

from interlock.cli.session import HERE, Dir, Env, Json, environment_of, records_of, screen, show, show_json
from interlock.services.assess import assess
from interlock.services.check import subject_of
from interlock.services.gaps import find_gaps
from interlock.views.gaps import gaps_json, gaps_lines
from interlock.wiring import read_feature


def gaps(*, env: Env = None, dir: Dir = HERE, json: Json = False) -> int:
    """What to write next, and how many: one table, what blocks most first. Measures nothing.

    Where evidence is stored, its failures and flips are gone on with; else the numbers are the least that could do.
    """
    with records_of(dir) as (settings, records):
        resolved, loaded, _ = read_feature(settings)
        subject = subject_of(loaded, loaded.bundle, resolved.app, environment_of(loaded, env))
        verdict = assess(subject, records)
        found = find_gaps(loaded, verdict)
        if json:
            show_json(gaps_json(found, verdict))
        else:
            look = screen()
            show(gaps_lines(found, verdict, width=look.width, color=look.color, unicode=look.unicode))
    return 0
