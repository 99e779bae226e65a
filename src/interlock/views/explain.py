"""One check explained without a network, a store or a bundle; and the list of them all."""

from collections.abc import Sequence

from interlock.core.checks import LIMITS, NEVER_WAIVED, STAGES, Check, Level, Question
from interlock.core.manifest import Part, Profile, Stage
from interlock.views.screen import cut, painted, wrapped
from interlock.views.wording import plain

_HOW = {
    "static": "read from the bundle's files, offline, at every `interlock check`",
    "ledger": "read from the ledger of this project, at every `interlock check`",
    "eval": "the suites are run through the app; unchanged cases are reused",
    "contract": "outputs that this bundle and the live one stored are read by the other's schema, or by the app",
    "probe": "the app is called with model outputs that are malformed on purpose",
    "drill": "a rehearsal: what is sent is real, and a person answers",
    "attack": "the guard is attacked with calls made from the action map and the tools, on a scratch store; nothing real is called",
    "mutation": "parts of the bundle are broken on purpose, one at a time, and the suites run on each",
}
_LETTER = {Level.REQUIRED: "required", Level.WARNS: "warns", Level.NOT_ASKED: "not asked"}
_LABEL = 12


def explain_lines(check: Check, *, width: int, color: bool, unicode: bool = True) -> list[str]:
    """Everything that is known about a check: rule, why, what it reads, who asks, how evidence is made, what to run.

    Args:
        check: a row of the catalogue.
        width: columns.
        color: whether to write ANSI colours.
        unicode: False writes ASCII only.
    """
    number = (
        f"question {check.question.number}, {check.question.value}" if check.question.number else check.question.value
    )
    rows = [
        ("Question", number),
        ("Rule", check.rule),
        ("Why", check.why),
        ("Reads", _reads(check)),
        ("Asked by", _asked(check)),
        ("In stages", ", ".join(_stages(check))),
        ("Evidence", _evidence(check)),
        ("Ages", _ages(check)),
        ("Waiver", _waiver(check)),
        ("Next", check.next),
    ]
    lines = wrapped(plain(f"{check.id}  {check.title}", unicode=unicode), width)
    lines[0] = painted(lines[0], "strong", color=color)
    for label, text in rows:
        lines += wrapped(plain(text, unicode=unicode), width, first=f"{label:<{_LABEL}}", rest=" " * _LABEL)
    return lines


def explain_all_lines(checks: Sequence[Check], *, width: int, color: bool, unicode: bool = True) -> list[str]:
    """Every check by question: id, what light, standard and regulated want of it, and its title."""
    lines: list[str] = []
    marks = {Level.REQUIRED: "R", Level.WARNS: "w", Level.NOT_ASKED: "-"}
    mark = "…" if unicode else "..."
    for question in Question:
        head = f"{question.number} {question.value}" if question.number else question.value
        lines.append(painted(cut(head, width, mark=mark), "strong", color=color))
        for check in checks:
            if check.question is question:
                levels = " ".join(marks[check.level(profile)] for profile in Profile)
                later = "" if check.instrument else "  (no instrument in this version)"
                said = f"  {check.id:<8} {levels}  {check.title}{later}"
                lines.append(cut(plain(said, unicode=unicode), width, mark=mark))
    lines += wrapped(
        "R required, w warns, - not asked; in the order light, standard, regulated. One check: interlock explain ID",
        width,
    )
    return lines


def _reads(check: Check) -> str:
    parts = [part.value for part in Part if part in check.reads]
    return (
        ", ".join([*(["all eight parts"] if len(parts) == len(Part) else parts), *check.inputs])
        or "no part of the bundle"
    )


def _asked(check: Check) -> str:
    return " · ".join(f"{profile} {_LETTER[check.level(profile)]}" for profile in Profile)


def _stages(check: Check) -> list[str]:
    return [stage.value for stage in Stage if (owed := STAGES[stage]) is None or check.id in owed]


def _evidence(check: Check) -> str:
    if check.instrument is None:
        return f"none can be made: {check.missing}; it stays owed, it never passes"
    return _HOW[check.instrument]


def _ages(check: Check) -> str:
    if check.ages is None:
        return "never, as long as what it reads is unchanged"
    return (
        "after "
        + " / ".join(f"{getattr(LIMITS[profile], check.ages):g}" for profile in Profile)
        + " days (light / standard / regulated)"
    )


def _waiver(check: Check) -> str:
    never = [profile.value for profile in Profile if check.id in NEVER_WAIVED[profile]]
    if len(never) == len(Profile):
        return "never"
    longest = " / ".join(f"{LIMITS[profile].waiver_days:g}" for profile in Profile)
    return f"at most {longest} days, by somebody else than its owner" + (
        f"; never in {', '.join(never)}" if never else ""
    )
