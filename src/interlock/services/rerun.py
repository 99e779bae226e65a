"""When the whole suite was last really asked: the bundle stood still, the world and the hosted model did not (OBS-05)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interlock.core.bundle import Bundle
from interlock.core.checks import Limits
from interlock.core.digest import Digest, of_value
from interlock.core.manifest import RUNTIME_PARTS, Part
from interlock.ports import Records


@dataclass(frozen=True, slots=True)
class Rerun:
    """A whole run of the suites on these bytes. asked: when the oldest reply that it rests on was given."""

    run: str
    cases: int
    asked: datetime

    def age_days(self, now: datetime) -> float:
        """How old its oldest reply is."""
        return (now - self.asked).total_seconds() / 86_400


def full_scope(bundle: Bundle, app: Digest) -> Digest:
    """The name of what a run is about: everything that shapes replies, the suites, and the app build."""
    return bundle.scope([*RUNTIME_PARTS, Part.EVALS], {"app": app})


def last_rerun(records: Records, bundle: Bundle, app: Digest, broken_max: float) -> Rerun | None:
    """The newest whole run of exactly these bytes, by its oldest reply; None where none is in the ledger.

    Args:
        broken_max: the share of its trials that may have broken; more, and it was no run of the whole suite.
    """
    scope = full_scope(bundle, app)
    found = [
        Rerun(fact.body["id"], sum(fact.body["ran"].values()), datetime.fromisoformat(fact.body["oldest"]))
        for fact in records.ledger.facts("run")
        if fact.body.get("scope") == scope and _whole(fact.body, broken_max)
    ]
    return max(found, key=lambda run: run.asked, default=None)


def _whole(body: Mapping[str, Any], broken_max: float) -> bool:
    ran, broken = sum(body["ran"].values()), sum(body["broken"].values())
    return ran > 0 and not body["truncated"] and not body.get("curtailed") and broken <= broken_max * (ran + broken)


def rerun_data(records: Records, bundle: Bundle, app: Digest, limits: Limits) -> Mapping[str, Any]:
    """The data of OBS-05."""
    last = last_rerun(records, bundle, app, limits.broken_max)
    if last is None:
        return {"run": None, "cases": 0, "asked": None, "age_days": None}
    return {
        "run": last.run,
        "cases": last.cases,
        "asked": last.asked.isoformat(),
        "age_days": round(last.age_days(records.clock.now()), 4),
    }


def rerun_input(records: Records, bundle: Bundle, app: Digest, limits: Limits) -> Digest:
    """What OBS-05 rests on right now: which run, and whether it has become too old since somebody looked."""
    last = last_rerun(records, bundle, app, limits.broken_max)
    late = last is not None and last.age_days(records.clock.now()) > limits.evidence_days
    return of_value({"run": last.run if last else None, "late": late}, domain="interlock.rerun.v1")
