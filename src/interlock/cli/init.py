"""`interlock init`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from interlock.adapters.feature_folder import FolderFeatureFolder
from interlock.adapters.folder import FolderTree
from interlock.cli.session import HERE, Dir, Json, note, show, show_json
from interlock.core.errors import UsageError
from interlock.services.init import InitPlan, apply_init, name_of, plan_init, undo_init
from interlock.services.stakes import Question, answer_stakes

Fallback = Literal["cheap", "costly", "none"]


def init(
    *,
    name: Annotated[
        str | None, Parameter(help="Name of the feature, such as acme/support-answers. Default: the folder's.")
    ] = None,
    acts: Annotated[bool | None, Parameter(help="Does it change anything outside the conversation?")] = None,
    locks_out: Annotated[bool | None, Parameter(help="Can it lock somebody out?")] = None,
    misstates_policy: Annotated[bool | None, Parameter(help="Can it misstate a policy?")] = None,
    costs_money: Annotated[bool | None, Parameter(help="Can a wrong answer cost money?")] = None,
    fallback: Annotated[Fallback | None, Parameter(help="How cheap is the path without AI?")] = None,
    purpose: Annotated[str, Parameter(help="Intended use, one sentence.")] = "",
    language: Annotated[list[str] | None, Parameter(help="A language that is served (repeatable).")] = None,
    data_class: Annotated[
        list[str] | None, Parameter(help="A class of data, such as contact or health (repeatable).")
    ] = None,
    undo: Annotated[bool, Parameter(negative="", help="Remove what init wrote; what you edited since stays.")] = False,
    plan: Annotated[bool, Parameter(negative="", help="Say what would be written; write nothing.")] = False,
    dir: Dir = HERE,
    json: Json = False,
) -> int:
    """Describe a feature: look for its parts, ask the stakes, write interlock.yaml and templates for what is missing.

    None of your files is changed, and nothing leaves this machine.
    """
    folder = FolderFeatureFolder(dir.resolve())
    if undo:
        done = undo_init(folder)
        if json:
            show_json({"removed": list(done.removed), "kept": list(done.kept), "missing": list(done.missing)})
        else:
            show(
                [
                    f"removed {len(done.removed)} files that init wrote",
                    *(f"  kept, because you edited it: {path}" for path in done.kept),
                ]
            )
        return 0
    given = {
        "acts": acts, "locks_out": locks_out, "misstates_policy": misstates_policy, "costs_money": costs_money, "fallback": fallback,
    }  # fmt: skip
    answers = answer_stakes(
        given, _ask if sys.stdin.isatty() else None, purpose=purpose, languages=tuple(language or ["en"]),
        data_classes=tuple(data_class or []),
    )  # fmt: skip
    made = plan_init(FolderTree(dir), answers, name_of(dir.resolve().name) if name is None else name)
    if not plan:
        apply_init(made, folder)
    if json:
        show_json({
            "profile": made.profile.value, "files": sorted(made.files), "templates": list(made.templates), "written": not plan,
            "findings": [{"part": f.part, "path": f.path, "line": f.line, "kind": f.kind, "confidence": f.confidence, "note": f.note} for f in made.findings],
        })  # fmt: skip
    else:
        show(_lines(made, dir, written=not plan))
    return 0


def _ask(question: Question) -> str:
    """Put one question to the person at the terminal until the answer is one of the choices."""
    note(f"{question.question}\n  ({question.why})")
    while True:
        sys.stderr.write(f"  {'/'.join(question.choices)}: ")
        sys.stderr.flush()
        typed = sys.stdin.readline()
        if not typed:
            raise UsageError("the input ended before every question was answered", hint=question.flag)
        try:
            question.read(typed)
        except UsageError as error:
            note(f"  {error.hint}")
        else:
            return typed


def _lines(made: InitPlan, dir: Path, *, written: bool) -> list[str]:
    wide = max(len(row.where) for row in made.rows)
    lines = [f"Looked at {made.looked_at} files; nothing left this machine."]
    lines += [f"  {row.what:<11} {row.where:<{wide}}  {row.standing}" for row in made.rows]
    for finding in made.guessed:
        what = finding.part.value if finding.part else "target"
        lines.append(f"  please confirm: {what} is {finding.path}" + (f" ({finding.note})" if finding.note else ""))
    lines.append(f"Profile {made.profile}, derived from the stakes.")
    verb = "Wrote" if written else "Would write"
    lines.append(
        f"{verb} interlock.yaml and {len(made.files) - 1} more files in interlock/; changed none of yours. Undo: interlock init --undo"
    )
    if made.templates:
        lines.append(f"Fill in: {', '.join(made.templates)}")
    lines.append("Next: interlock lock, then interlock check")
    return lines
