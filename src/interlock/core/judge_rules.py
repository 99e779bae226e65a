"""A floor that rests on a judge: who may be counted on, what the rate is once the judge's error is in it, and what that proves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.core.estimate import Clears
from interlock.core.evidence import Gap
from interlock.core.judged_rate import HERE_MIN, LABELS_MIN, Fitness, JudgedUnits, corrected_rate, fitness
from interlock.core.judgement import Corrected, cohen_kappa, table_from
from interlock.core.ruling import percent


@dataclass(frozen=True, slots=True)
class JudgedFloor:
    """What a floor of a judge comes to. corrected: the rate with the judge's error; None where its word counts for nothing."""

    state: Clears
    why: str
    gap: Gap | None = None
    corrected: Corrected | None = None


def read_floor(row: Mapping[str, Any]) -> JudgedFloor:
    """One floor: `{scorer, floor, passes, n, judge: {standing, here, passes, fails, apart, labels}}`.

    A judge that is not pinned, not calibrated for these bytes, or not shown to agree with people counts for nothing: its floor is
    neither cleared nor missed. The corrected interval decides, and never what the judge said.
    """
    judge, asked = row["judge"], f"you ask {percent(row['floor'])}"
    standing = judge["standing"]
    name = f"judge `{standing['name']}`"
    if nothing := counts_for_nothing(standing, name):
        return JudgedFloor(Clears.UNDECIDED, f"{nothing}; its scores count nothing", Gap.METHOD)
    apart = sum(judge["apart"].values())
    units = JudgedUnits(table_from(judge["here"]), judge["passes"], judge["fails"], apart, table_from(judge["labels"]))
    said = f"{name} lets {units.judged_passes} of {units.n} pass"
    if apart:
        kinds = ", ".join(f"{count} {kind}" for kind, count in judge["apart"].items())
        said += f", {apart} set apart ({kinds})"
    if units.n == 0:
        return JudgedFloor(Clears.UNDECIDED, f"{said}, which proves nothing; {asked}", _gap(judge))
    found = corrected_rate(units)
    if found is None:
        return JudgedFloor(
            Clears.UNDECIDED, f"{said}, and no label of this slice says how often it errs; {asked}", Gap.SCOPE
        )
    low, high = found.interval.low, found.interval.high
    rate = "not known" if found.rate is None else percent(found.rate)
    why = f"{said}; corrected {rate} [{percent(low)}, {percent(high)}] {_by(units)}; {asked}"
    if low >= row["floor"]:
        return JudgedFloor(Clears.PASS, why, None, found)
    if high < row["floor"]:
        return JudgedFloor(Clears.FAIL, why, None, found)
    return JudgedFloor(Clears.UNDECIDED, why, _gap(judge), found)


def corrected_row(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The corrected rate of a floor as plain data: `{rate, low, high, method}`; None where the judge's word counts for nothing."""
    found = read_floor(row).corrected
    if found is None:
        return None
    return {"rate": found.rate, "low": found.interval.low, "high": found.interval.high, "method": found.interval.method}


def counts_for_nothing(standing: Mapping[str, Any], name: str) -> str:
    """Why a judge's word counts for nothing; empty where it counts."""
    if not standing["pinned"]:
        return f"{name} is not pinned: {standing['why']}"
    if not standing["calibrated"]:
        return f"{name} has no calibration record"
    if standing["stale"]:
        return f"{name}: its labels are of another {', '.join(standing['stale'])}"
    table, target = table_from(standing["table"]), standing["target"]
    fit = fitness(table, target)
    if fit is Fitness.FIT:
        return ""
    found = cohen_kappa(table)
    kappa = "not known" if found.kappa is None else f"{found.kappa:.2f} [{found.low:.2f}, {found.high:.2f}]"
    if fit is Fitness.DISQUALIFIED:
        return f"{name} is disqualified: kappa {kappa} over {table.n} labelled cases, target {target:g}"
    if table.n < LABELS_MIN:
        return f"{name} has {table.n} labelled cases, {LABELS_MIN - table.n} are missing"
    return f"{name}: kappa {kappa} over {table.n} labelled cases does not show the target {target:g}"


def _gap(judge: Mapping[str, Any]) -> Gap:
    """A judge that could not be asked is asked again; otherwise there are too few units or labels."""
    return Gap.BROKEN if judge["apart"].get("missing") else Gap.THIN


def _by(units: JudgedUnits) -> str:
    if units.here.n and not units.passes + units.fails:
        return f"by people, who labelled all {units.here.n}"
    if units.here.n >= HERE_MIN:
        return f"by {units.here.n} labels of these replies (PPI++)"
    return f"by {units.labels.n} labels of other replies of this slice"
