"""The judges of all suites with what their labels show, as counts (EVAL-04). Pure: it reads what is loaded."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from interlock.core.bundle import PinLevel
from interlock.core.judgement import tabulate
from interlock.core.judges import Judge
from interlock.core.manifest import Part
from interlock.services.parts import StaticContext
from interlock.services.pins import pin_of


def measure_judges(context: StaticContext) -> Mapping[str, Any]:
    """The data of EVAL-04: `{judges: [{suite, name, model, pinned, why, calibrated, stale, labels, table, …}]}`."""
    return {"judges": [_row(suite.name, judge) for suite in context.loaded.suites for judge in suite.judges]}


def _row(suite: str, judge: Judge) -> dict[str, Any]:
    model = judge.spec.model
    # Its calibration is made with what answered, so a snapshot's name is enough; an alias is not.
    pin = pin_of(Part.MODEL, {"id": model.id, "fingerprint": model.fingerprint, "echoed": True}, ())
    record = judge.calibration
    rows = [] if record is None else [(row.case, row.human, row.judge) for row in record.rows]
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
    }
