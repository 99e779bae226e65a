"""Reference pages of the documentation: every check and every error code, written from the values that the code uses."""

from collections.abc import Mapping, Sequence
from dataclasses import fields

from interlock.core.checks import LIMITS, NEVER_WAIVED, STAGES, Check, Level, Limits, Question
from interlock.core.errors import InterlockError
from interlock.core.manifest import Part, Profile, Stage

GENERATED = (
    "<!-- Written by `python tests/docs/test_generated.py`; a test compares. Edit the source, not this page. -->"
)

_WANTS = {Level.REQUIRED: "required", Level.WARNS: "warns", Level.NOT_ASKED: "not asked"}
_HOW = {
    "static": "read from files",
    "ledger": "read from the ledger",
    "eval": "suites are run through the app",
    "contract": "stored outputs before the other version's schema or the app, and both schemas compared",
    "probe": "the app gets malformed model outputs",
    "drill": "a rehearsal by real people and real systems (`interlock drill`)",
    "attack": "the guard is attacked on a scratch store (`interlock guard test`)",
    "mutation": "parts are broken on purpose and the suites run on each (`interlock suite mutate`)",
}


def catalogue_markdown(checks: Sequence[Check]) -> str:
    """The checks as a page: question by question, with rule, reason, what is read and what each profile wants.

    Args:
        checks: in the order in which they are shown within their question.
    Returns: GitHub Markdown that ends with a line end.
    """
    decided = [check for check in checks if check.instrument is not None]
    lines = [
        "# The checks",
        "",
        GENERATED,
        "",
        f"Readiness is {len(checks)} checks. This version has an instrument for {len(decided)} of them. For the other "
        f"{len(checks) - len(decided)} it has none:",
        "they are *owed* wherever they apply, they never pass, and each says why.",
        "",
        "A check **reads** parts of the bundle, and named inputs besides: `app` is the digest of the app build, `live` the",
        "bundle to compare with. Its evidence is kept under the digest of exactly these, so a change owes only the checks that",
        "read what changed. Numbers written `a / b / c` are the defaults of light / standard / regulated.",
        "",
        "| check | title | light | standard | regulated | instrument |",
        "|---|---|---|---|---|---|",
    ]
    for check in checks:
        wants = " | ".join(_WANTS[check.level(profile)] for profile in Profile)
        lines.append(
            f"| [{check.id}](#{check.id.lower()}) | {_cell(check.title)} | {wants} | {'yes' if check.instrument else 'no'} |"
        )
    for question in Question:
        rows = [check for check in checks if check.question is question]
        if rows:
            lines += ["", f"## {question.number} {question.value}" if question.number else f"## {question.value}"]
        for check in rows:
            lines += ["", f"### {check.id}", "", *_paragraph(check)]
    return "\n".join([*lines, "", *_stages(checks), "", *_limits()]) + "\n"


def errors_markdown(codes: Mapping[str, type[InterlockError]]) -> str:
    """Every error code with what it means, as a page.

    Args:
        codes: class by code, as `core.errors.all_codes` gives them once the modules that define some are imported.
    Returns: GitHub Markdown that ends with a line end.
    """
    lines = [
        "# Error codes",
        "",
        GENERATED,
        "",
        "An error is printed as `error[code]: message`, then the place, the source line and `help:` with what to do. A code",
        "never changes once it was published. Codes form a tree: `doc.unknown-key` is a `doc` error.",
        "",
        "| code | what it means |",
        "|---|---|",
    ]
    for code, kind in sorted(codes.items()):
        meaning = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
        lines.append(f"| `{code}` | {_cell(meaning)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _paragraph(check: Check) -> list[str]:
    reads = [part.value for part in Part if part in check.reads] + [f"`{name}`" for name in check.inputs]
    how = _HOW[check.instrument] if check.instrument else f"none in this version: {check.missing}"
    lines = [
        f"**{check.title}.** {check.rule}",
        "",
        f"*Why:* {check.why}",
        "",
        f"- reads: {', '.join(reads) or 'nothing of the bundle'}",
        f"- evidence: {how}",
    ]
    if check.ages:
        days = " / ".join(f"{getattr(LIMITS[profile], check.ages):g}" for profile in Profile)
        lines.append(f"- counts for: {days} days")
    never = [profile.value for profile in Profile if check.id in NEVER_WAIVED[profile]]
    if never:
        lines.append(f"- never waived in: {', '.join(never)}")
    return [*lines, f"- next: `{check.next}`"]


def _stages(checks: Sequence[Check]) -> list[str]:
    lines = [
        "## What a stage asks for",
        "",
        "An environment names its stage. A stage below `ga` asks for its own list, as far as the profile requires each check;",
        "`also` in the environment adds checks.",
        "",
        "| stage | asks for |",
        "|---|---|",
    ]
    for stage in Stage:
        owed = STAGES[stage]
        named = (
            "everything that the profile requires" if owed is None else ", ".join(c.id for c in checks if c.id in owed)
        )
        lines.append(f"| {stage.value} | {named} |")
    return lines


def _limits() -> list[str]:
    lines = [
        "## Limits",
        "",
        "Each may be set by name under `limits` of `interlock.yaml`. Rates are fractions, ages are days.",
        "",
        "| limit | light | standard | regulated |",
        "|---|---|---|---|",
    ]
    for field in fields(Limits):
        values = " | ".join(f"{getattr(LIMITS[profile], field.name):g}" for profile in Profile)
        lines.append(f"| `{field.name}` | {values} |")
    return lines
