"""`interlock lock`."""

from typing import Annotated, Any

from cyclopts import Parameter

from interlock.cli.session import HERE, As, Dir, Json, records_of, show, show_json
from interlock.core.bundle import Bundle
from interlock.core.digest import short
from interlock.core.manifest import Part
from interlock.services.lock import lock_text
from interlock.services.shelf import keep
from interlock.wiring import LOCK, read_feature, write_file


def lock(
    *,
    reason: Annotated[str, Parameter(help="Why the parts changed; kept with your name for each changed part.")] = "",
    dir: Dir = HERE,
    actor: As = None,
    json: Json = False,
) -> int:
    """Pin the bytes of all eight parts in interlock.lock, and note who changed which part and why."""
    with records_of(dir, actor) as (settings, records):
        resolved, loaded, before = read_feature(settings)
        changes = _changes(before, loaded.bundle, reason)
        write_file(settings.root / LOCK, lock_text(resolved))
        keep(records, loaded.bundle, loaded.tree)
        body = {"bundle": loaded.bundle.digest, "changes": changes}
        if changes or before is None:
            records.ledger.append("bundle.locked", body, actor=records.actor, at=records.clock.now())
        if json:
            show_json({"schema": "interlock.lock.v1", **body})
            return 0
        lines = [f"locked {loaded.bundle.feature}@{short(loaded.bundle.digest)}"]
        for part in Part:
            component = loaded.bundle.components.get(part)
            if component is None:
                lines.append(f"  {part.value:<11} none")
                continue
            mark = "~" if any(change["part"] == part.value for change in changes) else "="
            lines.append(
                f"{mark} {part.value:<11} v{component.version:<6} {component.pin}  {short(component.digest)}  {len(component.files)} files"
            )
        show(lines)
        if changes and not reason:
            show(['no reason given: `interlock lock --reason "…"` says why (BND-03)'])
    return 0


def _changes(before: Bundle | None, now: Bundle, reason: str) -> list[dict[str, Any]]:
    """The parts whose content is new, or, when a reason is given for what is locked already, all that lack one."""
    changed = tuple(Part) if before is None or (before.digest == now.digest and reason) else now.changed_from(before)
    old = before.parts(Part) if before else {}
    return [
        {"part": part.value, "from": old.get(part.value), "to": now.components[part].digest, "reason": reason}
        for part in changed
        if part in now.components
    ]
