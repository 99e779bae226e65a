"""The command line: each command reads arguments, calls one service, prints, exits."""

import errno
import sys
from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts import App

    from interlock.core.errors import InterlockError


class Exit(IntEnum):
    """Exit codes, the same for every command."""

    READY = 0
    BLOCKED = 1
    USAGE = 2
    HOLD = 3
    WAITS = 4
    PARTLY = 5
    BUG = 70
    INTERRUPTED = 130


COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("init", "interlock.cli.init:init", "Describe a feature: find its parts, ask the stakes, write what is missing."),
    ("lock", "interlock.cli.lock:lock", "Pin the bytes of all parts in interlock.lock."),
    ("check", "interlock.cli.check:check", "Measure what is owed and print the verdict."),
    ("plan", "interlock.cli.plan:plan", "Before a run: what the cases can show, how many are enough, what it costs."),
    (
        "explain",
        "interlock.cli.explain:explain",
        "Say what a check asks, why, and what would satisfy it. Works offline.",
    ),
    ("report", "interlock.cli.report:report", "Write the verdict as html, json, junit, sarif or md."),
    ("history", "interlock.cli.history:history", "Readiness over time, and what expires next."),
    ("compare", "interlock.cli.compare:compare", "Compare two recorded results slice by slice, without a bundle."),
    (
        "import",
        "interlock.cli.import_:import_runs",
        "Turn recorded runs of other tools into a suite and a recorded target.",
    ),
    (
        "promote",
        "interlock.cli.promote:promote",
        "Plan to make the bundle live; applies at once where nobody has to approve.",
    ),
    ("approve", "interlock.cli.promote:approve", "Approve a plan or an effect; somebody who did not ask for it."),
    (
        "approvals",
        "interlock.cli.approvals:approvals",
        "Effects that wait for a person, and where each value came from.",
    ),
    ("reject", "interlock.cli.approvals:reject", "Refuse an effect that waits."),
    ("grant", "interlock.cli.grant:grant", "Approve a few effects in advance, list the grants, or take one back."),
    ("apply", "interlock.cli.promote:apply", "Make an approved plan live."),
    ("status", "interlock.cli.status:status", "Which bundle is live, since when, on whose word."),
    ("rollback", "interlock.cli.rollback:rollback", "Go back at once: the whole bundle, or one part of it."),
    ("waive", "interlock.cli.waive:waive", "Let one check pass for a while: owner, approver, reason, control, end."),
    ("keys", "interlock.cli.keys:keys", "Show, make and trust signing keys."),
)

BUNDLE_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("show", "interlock.cli.bundle:show_bundle", "The eight parts with version, digest and pin level."),
    ("diff", "interlock.cli.bundle:diff", "What changed, part by part, against live or another bundle."),
    ("verify", "interlock.cli.bundle:verify", "Check a signed verdict, or that the lock equals the bytes."),
    ("export", "interlock.cli.bundle:export", "Write the bundle, its evidence and verdict into one archive."),
)

SUITE_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("import", "interlock.cli.suite_import:import_suite", "Conversations become cases that a person completes."),
    ("gaps", "interlock.cli.suite:gaps", "What to write next, and how many: what blocks most first."),
    (
        "packs",
        "interlock.cli.suite_packs:packs",
        "The six packs of attacks and awkward questions; starters for what is missing.",
    ),
    ("mutate", "interlock.cli.suite:mutate", "Break the bundle part by part and see whether the suites notice."),
)

JUDGE_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("items", "interlock.cli.judge:items", "Draw answers of the last run for people to label."),
    ("calibrate", "interlock.cli.judge:calibrate", "Ask a judge about labelled answers: how far can it be trusted?"),
)

GUARD_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("unknowns", "interlock.cli.guard:unknowns", "Effects of which nobody knows whether they happened."),
    ("settle", "interlock.cli.guard:settle", "Say, as a person, whether an effect happened."),
    (
        "verify-records",
        "interlock.cli.guard:verify_records",
        "Walk the chain of decision records, and sum up the budgets.",
    ),
    ("replay", "interlock.cli.policy:replay", "Judge recorded calls under another policy: which verdicts flip."),
    (
        "test",
        "interlock.cli.attack:attack",
        "Attack the action map and the tools on a scratch store; evidence for ACT-01 to ACT-05.",
    ),
    ("diff", "interlock.cli.policy:diff", "What another policy would allow, ask or deny otherwise."),
)

GLOSSARY_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("lint", "interlock.cli.glossary:lint", "Where the bundle's texts leave the glossary."),
)

ANSWER_COMMANDS: tuple[tuple[str, str, str], ...] = (
    (
        "score",
        "interlock.cli.answers:score",
        "Lay recorded answers over their sources: support, and what is wrong where.",
    ),
)
TUNE_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("abstention", "interlock.cli.tune:abstention", "Choose evidence thresholds on labelled answers, and prove them."),
)

DRILL_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("handoff", "interlock.cli.drill:handoff", "Send real handoffs and wait until their teams acknowledge them."),
)
HANDOFF_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("list", "interlock.cli.handoff:list_handoffs", "The handoffs that were sent, and who acknowledged them."),
    ("ack", "interlock.cli.handoff:ack", "Say that you have a handoff; your key signs it."),
)

CONFIG_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("schema", "interlock.cli.config:schema", "JSON Schema of a file format, for editors."),
)

GROUPS: tuple[tuple[str, str, tuple[tuple[str, str, str], ...]], ...] = (
    ("suite", "make suites, see what they lack, and whether they can fail", SUITE_COMMANDS),
    ("judge", "models that score replies, and how far they can be trusted", JUDGE_COMMANDS),
    ("answers", "lay recorded answers over their sources, without a bundle", ANSWER_COMMANDS),
    ("tune", "evidence thresholds from labelled answers, with a proof", TUNE_COMMANDS),
    ("guard", "the tool guard's policy, and what it recorded", GUARD_COMMANDS),
    ("glossary", "where texts leave the domain's words", GLOSSARY_COMMANDS),
    ("drill", "rehearsals that leave evidence", DRILL_COMMANDS),
    ("handoff", "what was handed over to people, and who has it", HANDOFF_COMMANDS),
    ("bundle", "look into a bundle", BUNDLE_COMMANDS),
    ("config", "the file formats", CONFIG_COMMANDS),
)
"""Commands with commands of their own: name, what they are for, and the table of each."""


EXIT_CODES = (
    "Exit codes: 0 READY or done, 1 BLOCKED, 2 usage or configuration, 3 HOLD, 4 waiting for approval,\n"
    "            5 done in part, 70 our bug, 130 interrupted."
)


def overview() -> str:
    """The first page of help. Written from the table of commands, because importing a parser costs more than it."""
    groups = (
        ("Judge", ("init", "lock", "plan", "check", "explain", "report", "history", "waive")),
        ("Go live and back", ("promote", "approve", "apply", "status", "rollback")),
        ("Effects", ("approvals", "approve", "reject", "grant")),
        ("Without a bundle", ("compare", "import")),
    )
    help_of = {name: text for name, _, text in COMMANDS}
    lines = ["Is this release bundle safe to operate?", "", "Usage: interlock COMMAND [--help]", ""]
    for title, names in groups:
        lines += [title, *(f"  {name:<10} {help_of[name]}" for name in names), ""]
    lines += [
        "More",
        *(f"  {group:<10} {', '.join(name for name, _, _ in own)}: {text}." for group, text, own in GROUPS),
        f"  {'keys':<10} {help_of['keys']}",
        "",
        EXIT_CODES,
    ]
    return "\n".join(lines)


def build() -> "App":
    """The command tree; the modules of the commands are imported when one is called."""
    from cyclopts import App

    from interlock._version import __version__

    app = App(
        name="interlock",
        help="Is this release bundle safe to operate?",
        version=__version__,
        help_format="plaintext",
        help_epilogue=" ".join(EXIT_CODES.split()),  # wrapped by the terminal
        result_action="return_value",
        suppress_keyboard_interrupt=False,  # `run` says what was kept
    )
    for name, target, help in COMMANDS:
        app.command(target, name=name, help=help)
    for group, text, commands in GROUPS:
        said = f"{text[0].upper()}{text[1:]}: {', '.join(name for name, _, _ in commands)}."
        own = App(name=group, help=said, help_format="plaintext")
        for name, target, help in commands:
            own.command(target, name=name, help=help)
        app.command(own)
    return app


def command_fault(argv: list[str]) -> str | None:
    """Why the words after `interlock` do not parse; None when they do. Lints the fenced commands of a runbook."""
    from cyclopts import CycloptsError

    try:
        build().parse_args(argv, print_error=False, exit_on_error=False)
    except CycloptsError as error:
        return str(error).splitlines()[0]
    return None


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code; every expected error is printed, none escapes."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in ([], ["--help"], ["-h"]):
        print(overview())
        return Exit.READY
    import gc

    from interlock.core.errors import InterlockError

    gc.set_threshold(
        100_000, 20, 100
    )  # one short run over many small values: collecting often found nothing, for 25 % of the time
    try:
        result = build()(words, exit_on_error=False, print_error=False)
    except InterlockError as error:
        print(error.render(), file=sys.stderr)
        _tell_program(words, error_document(error))
        return error.exit_code or EXIT_OF.get(error.code, Exit.USAGE)
    except _interruptions():
        print(INTERRUPTED, file=sys.stderr)
        _tell_program(words, _document("interrupted", INTERRUPTED))
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return _nobody_reads()
    except Exception as error:  # noqa: BLE001 — the last resort: a fault of ours is exit code 70, with its trace
        return _unexpected(error, words)
    return int(result) if isinstance(result, int) else Exit.READY


EXIT_OF: dict[str, int] = {
    "promotion.refused": Exit.BLOCKED,
    "promotion.waits": Exit.WAITS,
    "rollback.constraint": Exit.BLOCKED,
    "cap": Exit.HOLD,
    "effect.approval": Exit.BLOCKED,
    "effect.settlement": Exit.BLOCKED,
}
"""Errors that are a verdict rather than wrong usage."""


INTERRUPTED = "interrupted; what was measured is kept, run the same command again"


def _interruptions() -> tuple[type[BaseException], ...]:
    """What Ctrl-C arrives as: a run that is cancelled from inside ends in the second. Asked only once something was raised."""
    from asyncio import CancelledError

    return KeyboardInterrupt, CancelledError


def _unexpected(error: Exception, words: Sequence[str]) -> int:
    from cyclopts import CycloptsError

    if isinstance(error, CycloptsError):
        print(f"error[usage]: {error}\n  help: interlock --help", file=sys.stderr)
        _tell_program(words, _document("usage", str(error), hint="interlock --help"))
        return Exit.USAGE
    if isinstance(error, OSError) and error.errno in _REFUSED_BY_SYSTEM:
        message, hint = (
            f"`{error.filename}`: {error.strerror}",
            "the system refused it; make room or the place writable",
        )
        print(f"error[usage]: {message}\n  help: {hint}", file=sys.stderr)
        _tell_program(words, _document("usage", message, hint=hint))
        return Exit.USAGE
    import traceback

    traceback.print_exception(error)
    message = "this is a fault of Interlock; please report the lines above"
    print(f"error[bug]: {message}", file=sys.stderr)
    _tell_program(words, _document("bug", f"{type(error).__name__}: {error}", hint="see stderr, and report it"))
    return Exit.BUG


_REFUSED_BY_SYSTEM = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT})
"""What the system refuses on a machine that is not set up for us: no fault of ours."""


def error_document(error: "InterlockError") -> dict[str, Any]:
    """An error as the JSON document (`interlock.error.v1`) that `--json` prints; several stand in `errors` too."""
    document = _document(error.code, error.message, str(error.place) if error.place else None, error.hint)
    several = getattr(error, "errors", ())
    return {**document, "errors": [error_document(each)["error"] for each in several]} if several else document


def _document(code: str, message: str, place: str | None = None, hint: str = "") -> dict[str, Any]:
    return {
        "schema": "interlock.error.v1",
        "error": {"code": code, "message": message, "place": place, "hint": hint or None},
    }


def _tell_program(words: Sequence[str], document: dict[str, Any]) -> None:
    """Whoever asked for JSON gets one document, also when there is no result."""
    given = words[: words.index("--")] if "--" in words else words
    if "--json" in given:
        import json

        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=True) + "\n")


def _nobody_reads() -> int:
    """Whoever read our output has left, as `head` does: be quiet, and let nothing be flushed into the closed pipe."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.READY


def main() -> None:
    """The `interlock` program."""
    code = run()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _nobody_reads()
    sys.exit(code)
