"""Terms are fixed before replies are seen: the plan of a measuring run in the ledger, and what was loosened since.

A plan says which slices are judged, by which margins and floors, over how many trials. It is a fact before the first
call is made. Whoever loosens a term afterwards, with the same bytes still on the table, has chosen it by the result.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.core.comparison import ALPHA, FAIL_ALPHA
from interlock.core.digest import Digest, of_value
from interlock.core.manifest import Part
from interlock.core.suite import Suite, SuiteKind
from interlock.ports import Fact, Records
from interlock.services.bars import lowered_suites
from interlock.services.parts import Loaded, load_parts
from interlock.services.shelf import fetch

PLAN = "plan"
"""Kind of the ledger's fact."""


@dataclass(frozen=True, slots=True)
class FixedTerms:
    """Terms, and the bytes that they are for.

    terms: what is judged and by what. bundle: where the suites are. upstream: the name of all that shapes a reply.
    """

    terms: Mapping[str, Any]
    bundle: Digest
    upstream: Digest

    @property
    def digest(self) -> Digest:
        """The name of the terms; the same terms for other bytes have the same."""
        return of_value(dict(self.terms), domain="interlock.sample-plan.v1")


def upstream_of(upstream: Mapping[str, str]) -> Digest:
    """The name of all that shapes a reply."""
    return of_value(dict(upstream), domain="interlock.upstream.v1")


def plan_of(loaded: Loaded, *, upstream: Mapping[str, str], repeats: int, baselines: Iterable[Digest]) -> FixedTerms:
    """What a run of these suites on these bytes is going to be judged by.

    Args:
        upstream: digests of all that shapes a reply; the same bytes have the same.
        repeats: trials of a case.
        baselines: bundles to compare with.
    """
    limits = loaded.release.limits
    terms = {
        "evals": loaded.bundle.components[Part.EVALS].digest,
        "repeats": repeats,
        "alpha": ALPHA,
        "fail_alpha": FAIL_ALPHA,
        "baselines": sorted(baselines),
        "suites": [
            {"suite": suite.name, "kind": suite.kind.value, "cases": len(suite.cases),
             "slices": [_slice(suite, piece.id, limits.default_margin) for piece in suite.slices]}
            for suite in loaded.suites
            if suite.kind is not SuiteKind.BASELINE
        ],
    }  # fmt: skip
    return FixedTerms(terms, loaded.bundle.digest, upstream_of(upstream))


def _slice(suite: Suite, name: str, default_margin: float) -> Mapping[str, Any]:
    piece = next(piece for piece in suite.slices if piece.id == name)
    return {
        "slice": name,
        "critical": piece.critical,
        "estimand": piece.estimand,
        "needs": piece.needs,
        "margin": suite.margin(name, default_margin),
        "floors": suite.floors(piece),
        "cases": len(suite.of_slice(name)),
    }


def registered(records: Records, plan: FixedTerms) -> Digest | None:
    """The digest of this plan where the ledger holds it for these bytes already."""
    known = any(
        fact.body["digest"] == plan.digest and fact.body["upstream"] == plan.upstream
        for fact in records.ledger.facts(PLAN)
    )
    return plan.digest if known else None


def register(records: Records, plan: FixedTerms) -> Digest:
    """Make the plan a fact, once; its digest. Durable when it returns, so call it before the first reply is asked for."""
    if registered(records, plan) is None:
        body = {"digest": plan.digest, "bundle": plan.bundle, "upstream": plan.upstream, **plan.terms}
        records.ledger.append(PLAN, body, actor=records.actor, at=records.clock.now())
    return plan.digest


def loosened_since(records: Records, loaded: Loaded, plan: FixedTerms) -> tuple[str, ...]:
    """What these terms ask less than a plan under which the same bytes were run before; empty where nothing.

    Other repeats are another app build, so that everything is asked anew. Bars are compared as EVAL-06 compares them with the last READY: cases, expectations, slices, floors, margins. More
    cases, stricter terms and new slices are no choice by the result. Raises: what loading an earlier bundle raises.
    """
    found: dict[str, None] = {}
    for fact in _seen(records, plan.upstream):
        before = fact.body
        if before["evals"] != plan.terms["evals"]:
            old = load_parts(*fetch(records, Digest(before["bundle"])))
            found.update(dict.fromkeys(lowered_suites(old, loaded)))
    return tuple(found)


def _seen(records: Records, upstream: str) -> list[Fact]:
    """The plans for these bytes that a run has followed, one for each state of the suites."""
    plans = [fact for fact in records.ledger.facts(PLAN) if fact.body["upstream"] == upstream]
    if not plans:
        return []
    ran = {fact.body.get("plan") for fact in records.ledger.facts("run") if fact.body.get("upstream") == upstream}
    return list({fact.body["evals"]: fact for fact in plans if fact.body["digest"] in ran}.values())
