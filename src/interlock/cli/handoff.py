"""`interlock handoff`: what was handed over to people, and the word that somebody has it."""

from interlock.cli.session import HERE, As, Dir, Json, records_of, show, show_json
from interlock.services.handoff import Handoff, acknowledge, handoffs


def list_handoffs(*, dir: Dir = HERE, json: Json = False) -> int:
    """The handoffs that were sent, and who acknowledged them."""
    with records_of(dir) as (_, records):
        found = handoffs(records)
    if json:
        show_json({"schema": "interlock.handoffs.v1", "handoffs": [_row(one) for one in found]})
    else:
        show([_line(one) for one in found] or ["nothing was handed over yet"])
    return 0


def ack(id: str, /, *, actor: As = None, dir: Dir = HERE, json: Json = False) -> int:
    """Say that you have handoff ID; your key signs it."""
    with records_of(dir, actor) as (_, records):
        one = acknowledge(records, id)
    if json:
        show_json({"schema": "interlock.handoff.v1", **_row(one)})
    else:
        show([_line(one)])
    return 0


def _row(one: Handoff) -> dict[str, object]:
    return {
        "id": one.id, "queue": one.queue, "rule": one.rule, "at": one.at.isoformat(), "within_s": one.within_s,
        "rehearsal": one.rehearsal, "by": one.by or None,
        "acknowledged": one.acknowledged.isoformat() if one.acknowledged else None,
    }  # fmt: skip


def _line(one: Handoff) -> str:
    state = f"acknowledged by {one.by} {one.acknowledged:%Y-%m-%d %H:%M} UTC" if one.acknowledged else "waits"
    return f"{one.id}  {one.queue}  {one.at:%Y-%m-%d %H:%M} UTC  {one.rule}  {state}" + (
        " (drill)" if one.rehearsal else ""
    )
