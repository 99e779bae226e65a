"""Which bundle is live where, since when, and on whose word."""

from dataclasses import dataclass
from datetime import datetime

from interlock.core.digest import Digest
from interlock.core.manifest import Part
from interlock.core.pointer import Pointer
from interlock.ports import Records
from interlock.services.history import Reading, readings
from interlock.services.promote import Plan, plans
from interlock.services.rollback import provisional
from interlock.services.shelf import fetch


@dataclass(frozen=True, slots=True)
class Standing:
    """One environment as it is now."""

    environment: str
    stage: str
    pointer: Pointer | None
    versions: dict[str, str]
    approvals: tuple[str, ...]
    provisional_until: datetime | None
    reading: Reading | None
    waiting: tuple[Plan, ...]


def standing(records: Records, feature: str, environment: str, stage: str) -> Standing:
    """What serves the feature in one environment, and what waits there."""
    pointer = records.pointers.read(environment, feature)
    waiting = tuple(
        plan for plan in plans(records)
        if plan.environment == environment and not plan.applied and plan.generation == (pointer.generation if pointer else 0)
    )  # fmt: skip
    if pointer is None:
        return Standing(environment, stage, None, {}, (), None, None, waiting)
    bundle, _ = fetch(records, pointer.stable)
    moved = [
        fact
        for fact in records.ledger.facts("pointer.moved")
        if (fact.body["pointer"]["environment"], fact.body["pointer"]["generation"])
        == (environment, pointer.generation)
    ]
    return Standing(
        environment,
        stage,
        pointer,
        {part.value: bundle.components[part].version for part in Part if part in bundle.components},
        tuple(moved[-1].body.get("approvals", ())) if moved else (),
        pointer.provisional_until if provisional(records, pointer) else None,
        _newest(readings(records, environment), pointer.stable),
        waiting,
    )


def _newest(found: list[Reading], bundle: Digest) -> Reading | None:
    return next((reading for reading in reversed(found) if reading.bundle == bundle), None)
