"""What is known of a judge before it says anything: its pin, its labels, and where a requirement asks for it. Pure."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from interlock.core.bundle import PinLevel
from interlock.core.judgement import Table, tabulate
from interlock.core.judges import Judge, Label
from interlock.core.manifest import Part
from interlock.core.suite import Slice, Suite
from interlock.services.pins import pin_of


def standing_of(suite: str, judge: Judge) -> dict[str, Any]:
    """One row of EVAL-04: `{suite, name, model, pinned, why, calibrated, stale, labels, raters, ties, table, target}`."""
    model = judge.spec.model
    # Its calibration is made with what answered, so a snapshot's name is enough; an alias is not.
    pin = pin_of(Part.MODEL, {"id": model.id, "fingerprint": model.fingerprint, "echoed": True}, ())
    record = judge.calibration
    rows = [] if record is None else [(row.unit, row.human, row.judge) for row in record.rows]
    table, ties = tabulate(rows)
    return {
        "suite": suite,
        "name": judge.spec.name,
        "model": model.pin,
        "pinned": pin.level in (PinLevel.P0, PinLevel.P1),
        "why": pin.why,
        "calibrated": record is not None,
        "stale": list(judge.stale()),
        "labels": len(rows),
        "raters": sorted({row.rater for row in record.rows}) if record else [],
        "ties": ties,
        "table": asdict(table),
        "target": judge.spec.agreement,
        **({"apart": record.apart} if record is not None and record.apart else {}),
    }


def asked_slices(suite: Suite, judge: Judge) -> tuple[Slice, ...]:
    """The slices of which a requirement names this judge."""
    own = {row.slice for row in suite.requirements if row.scorer == judge.scorer}
    return tuple(piece for piece in suite.slices if piece.id in own or judge.scorer in suite.floors(piece))


def labels_of(suite: Suite, piece: Slice, judge: Judge) -> tuple[Label, ...]:
    """The labels in the scope of a slice: those that name it, and those of its cases that name none."""
    if judge.calibration is None or judge.stale():
        return ()
    cases = {case.id for case in suite.of_slice(piece.id)}
    return tuple(row for row in judge.calibration.rows if (piece.id in row.slices if row.slices else row.case in cases))


def table_of(labels: Sequence[Label]) -> Table:
    """Labels counted by reply, each by the majority of its people."""
    return tabulate((row.unit, row.human, row.judge) for row in labels)[0]
