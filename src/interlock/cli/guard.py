"""`interlock guard`: what the tool guard recorded, and outcomes that only a person can settle."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from interlock.cli import Exit
from interlock.cli.session import HERE, As, Dir, Json, effects_of, show, show_json
from interlock.core.digest import short
from interlock.core.errors import UsageError
from interlock.core.json_text import parse_json
from interlock.core.record import Head
from interlock.services import reconcile
from interlock.views.effects import claim_document, claim_lines


def unknowns(
    *,
    tenant: Annotated[str | None, Parameter(help="Only this tenant's.")] = None,
    dir: Dir = HERE,
    json: Json = False,
) -> int:
    """List the effects of which nobody knows whether they happened; calls whose lease ran out are among them. Exit 3 while there are some."""
    with effects_of(dir) as effects:
        found = reconcile.unknowns(effects.store, effects.clock, tenant=tenant)
        if json:
            show_json([claim_document(each) for each in found])
        elif found:
            show([line for each in found for line in (*claim_lines(each), "")][:-1])
        else:
            show(["No outcome is unknown."])
    return Exit.HOLD if found else Exit.READY


def settle(
    key: str,
    /,
    *,
    happened: Annotated[bool, Parameter(name="--happened", negative="--did-not-happen", help="What you found.")],
    reason: Annotated[str, Parameter(help="How you know.")],
    result: Annotated[
        str | None, Parameter(help="JSON that a repeated call is answered with, where it happened.")
    ] = None,
    dir: Dir = HERE,
    actor: As = None,
    json: Json = False,
) -> int:
    """Say, signed with your key, what became of the effect KEY: its budget is used or given back, and its unknown outcome ends."""
    if result is not None and not happened:
        raise UsageError("what did not happen has no result", hint="leave --result out")
    kept = None if result is None else parse_json(result, "--result").value
    with effects_of(dir, actor) as effects:
        done = reconcile.settle_by_person(
            effects.store, effects.clock, effects.signer, key, happened=happened, reason=reason, actor=effects.actor,
            result=kept,
        )  # fmt: skip
        if json:
            show_json(claim_document(done))
        else:
            show([f"{short(done.id)}  {done.request.action} is {done.state}, says {effects.actor}: {reason}"])
    return Exit.READY


def verify_records(
    *,
    against: Annotated[
        Path | None,
        Parameter(help="Ends of chains noted earlier with --json and kept elsewhere; shows a chain written anew."),
    ] = None,
    dir: Dir = HERE,
    json: Json = False,
) -> int:
    """Walk each tenant's chain of decision records and sum up each budget. Any edited, dropped or reordered record is named."""
    noted = _noted(against) if against is not None else []
    with effects_of(dir) as effects:
        heads = reconcile.verify_records(effects.store, noted=noted)
    if json:
        show_json([{"tenant": head.tenant, "seq": head.seq, "hash": head.hash} for head in heads])
    else:
        show(
            [f"{head.tenant}  {head.seq} records, whole; ends in {short_hash(head)}" for head in heads]
            or ["No record yet."]
        )
    return Exit.READY


def short_hash(head: Head) -> str:
    """The beginning of the hash at the end of a chain."""
    return head.hash.removeprefix("sha256:")[:12]


def _noted(file: Path) -> list[Head]:
    if not file.is_file():
        raise UsageError(f"there is no file `{file.name}`", hint="interlock guard verify-records --json > FILE")
    document = parse_json(file.read_text(encoding="utf-8"), str(file))
    try:
        heads = [Head(str(each["tenant"]), int(each["seq"]), str(each["hash"])) for each in document.value]
    except (TypeError, KeyError, ValueError) as cause:
        raise UsageError(
            f"`{file.name}` is no list of ends of chains", hint="interlock guard verify-records --json > FILE"
        ) from cause
    if not heads:
        raise UsageError(f"`{file.name}` notes no chain", hint="interlock guard verify-records --json > FILE")
    return heads
