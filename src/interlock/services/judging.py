"""The judges of all suites with what their labels show, as counts (EVAL-04). Pure: it reads what is loaded."""

from collections.abc import Mapping
from typing import Any

from interlock.core.judges import Judge
from interlock.core.suite import Suite
from interlock.services.judge_standing import asked_slices, labels_of, standing_of, table_of
from interlock.services.parts import StaticContext


def measure_judges(context: StaticContext) -> Mapping[str, Any]:
    """The data of EVAL-04: `{judges: [{suite, name, model, pinned, why, calibrated, stale, labels, table, …}]}`."""
    return {"judges": [_row(suite, judge) for suite in context.loaded.suites for judge in suite.judges]}


def _row(suite: Suite, judge: Judge) -> dict[str, Any]:
    """One judge; of one that is asked, also the labelled replies of each slice that asks for it."""
    row = standing_of(suite.name, judge)
    if judge.spec.endpoint is None:
        return row
    counted = {piece.id: table_of(labels_of(suite, piece, judge)).n for piece in asked_slices(suite, judge)}
    return {**row, "slices": counted}
