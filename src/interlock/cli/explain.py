"""`interlock explain`."""

from interlock.cli.session import Json, screen, show, show_json
from interlock.core.catalogue import CATALOGUE, find_check
from interlock.core.checks import Check
from interlock.core.manifest import Part, Profile
from interlock.views.explain import explain_all_lines, explain_lines


def explain(check: str | None = None, /, *, json: Json = False) -> int:
    """Say what a check asks, why, what it reads and what would satisfy it; without CHECK, list all. Works offline."""
    chosen = CATALOGUE if check is None else (find_check(check),)
    if json:
        show_json([_document(row) for row in chosen] if check is None else _document(chosen[0]))
        return 0
    look = screen()
    if check is None:
        show(explain_all_lines(chosen, width=look.width, color=look.color, unicode=look.unicode))
    else:
        show(explain_lines(chosen[0], width=look.width, color=look.color, unicode=look.unicode))
    return 0


def _document(check: Check) -> dict[str, object]:
    return {
        "id": check.id,
        "question": check.question.number,
        "title": check.title,
        "rule": check.rule,
        "why": check.why,
        "reads": [part.value for part in Part if part in check.reads],
        "inputs": list(check.inputs),
        "profiles": {profile.value: check.level(profile).value for profile in Profile},
        "measured_by": check.instrument,
        "missing": check.missing or None,
        "next": check.next,
    }
