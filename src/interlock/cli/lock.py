"""`interlock lock`."""

from collections.abc import Collection
from typing import Annotated, Any

from cyclopts import Parameter

from interlock.cli.session import HERE, As, Dir, Json, records_of, show, show_json
from interlock.core.bundle import Bundle
from interlock.core.digest import short
from interlock.core.manifest import Part
from interlock.services import constraints
from interlock.services.history import reasons_of
from interlock.services.lock import lock_text
from interlock.services.shelf import keep
from interlock.views.wording import plain
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
        changes = _changes(before, loaded.bundle, reason, known=reasons_of(records, loaded.bundle))
        write_file(settings.root / LOCK, lock_text(resolved))
        keep(records, loaded.bundle, loaded.tree)
        body = {"bundle": loaded.bundle.digest, "changes": changes}
        if changes or before is None:
            records.ledger.append("bundle.locked", body, actor=records.actor, at=records.clock.now())
        tools = [tool.name for tool in loaded.tools]
        broken = [
            f["message"]
            for f in constraints.check(loaded.bundle, tools=tools, capabilities=resolved.manifest.app.capabilities)
        ]
        if json:
            show_json({"schema": "interlock.lock.v1", **body, "broken_constraints": broken})
            return 1 if broken else 0
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
        show([plain(line) for line in lines])
        if changes and not reason:
            show(['no reason given: `interlock lock --reason "…"` says why (BND-03)'])
        if broken:
            show([plain(f"BROKEN between parts (CMP-01): {message}") for message in broken])
    return 1 if broken else 0


def _changes(before: Bundle | None, now: Bundle, reason: str, *, known: Collection[str]) -> list[dict[str, Any]]:
    """The parts whose content is new, and, when a reason is given, those that were locked without one."""
    old = before.parts(Part) if before else {}
    new = set(now.components) if before is None else set(now.changed_from(before))
    if reason:
        new |= {part for part in now.components if part.value not in known}
    return [
        {"part": part.value, "from": old.get(part.value), "to": now.components[part].digest, "reason": reason}
        for part in Part
        if part in new and part in now.components
    ]
