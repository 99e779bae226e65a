"""`interlock glossary lint`."""

from interlock.cli import Exit
from interlock.cli.session import HERE, Dir, Json, show, show_json
from interlock.services.glossary_lint import lint_glossary
from interlock.settings import read_settings
from interlock.views.guard import lint_lines
from interlock.wiring import read_feature


def lint(*, dir: Dir = HERE, json: Json = False) -> int:
    """Find where prompt, schema, articles, tools, guardrails, suites and guides leave the glossary. Exit 1 when any does."""
    _, loaded, _ = read_feature(read_settings(dir))
    found = lint_glossary(loaded).to_json()
    if json:
        show_json(found)
    else:
        show(lint_lines(found))
    return Exit.BLOCKED if found["findings"] else Exit.READY
