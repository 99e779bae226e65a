"""The smoke set: a few critical cases against what went live just now, within two minutes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from interlock.core.errors import InterlockError
from interlock.core.suite import Case, Suite, SuiteKind
from interlock.ports import Bench, Progress, Records
from interlock.services.lock import Resolved
from interlock.services.measure import Measurer
from interlock.services.parts import Loaded

SECONDS = 120.0
"""A smoke set that takes longer says so and stops (R2)."""
MOST = 24


@dataclass(frozen=True, slots=True)
class SmokeResult:
    """What the smoke set saw. n counts the cases that ran; broken ones are set apart."""

    passed: int
    n: int
    broken: int
    failed: tuple[str, ...]
    timed_out: bool
    fault: str = ""
    """Why nothing could be run at all."""

    @property
    def good(self) -> bool:
        """Every case ran and passed, and there was at least one."""
        return self.n > 0 and self.passed == self.n and not self.broken and not self.timed_out

    def line(self) -> str:
        """The result in one line."""
        if self.fault:
            return f"smoke set: could not run: {self.fault}; probe by hand (runbook)"
        if self.timed_out:
            return f"smoke set: not done within {SECONDS:g} s; probe by hand (runbook)"
        if self.n == 0:
            return f"smoke set: no case ran ({self.broken} broken); probe by hand (runbook)"
        state = "ok" if self.good else "NOT OK"
        failed = f"; failed: {', '.join(self.failed[:5])}" if self.failed else ""
        broken = f"; {self.broken} broken" if self.broken else ""
        return f"smoke set {state}: {self.passed} of {self.n} critical cases right{failed}{broken}"

    def to_json(self) -> dict[str, Any]:
        """The result as plain JSON."""
        return {
            "passed": self.passed,
            "n": self.n,
            "broken": self.broken,
            "failed": list(self.failed),
            "timed_out": self.timed_out,
            "fault": self.fault or None,
            "good": self.good,
        }


def smoke_cases(suites: Sequence[Suite]) -> dict[str, list[Case]]:
    """At most 24 cases: those that must pass, then the critical slices in turn, from the gold and regression suites."""
    chosen: dict[str, list[Case]] = {}
    room = MOST
    for suite in suites:
        if suite.kind not in (SuiteKind.GOLD, SuiteKind.REGRESSION):
            continue
        critical = [suite.of_slice(piece.id) for piece in suite.slices if piece.critical]
        ranks = max((len(cases) for cases in critical), default=0)
        in_turn = [cases[i] for i in range(ranks) for cases in critical if i < len(cases)]
        cases = list(dict.fromkeys(case.id for case in [*(c for c in suite.cases if c.must_pass), *in_turn]))[:room]
        chosen[suite.name] = [case for case in suite.cases if case.id in cases]
        room -= len(cases)
    return chosen


async def smoke(loaded: Loaded, resolved: Resolved, records: Records, bench: Bench, progress: Progress) -> SmokeResult:
    """Run the smoke set against a bundle; replies that are stored for exactly these bytes are used again."""
    chosen = smoke_cases(loaded.suites)
    suites = tuple(replace(suite, cases=tuple(chosen[suite.name])) for suite in loaded.suites if chosen.get(suite.name))
    small = replace(loaded, suites=suites)
    named = frozenset(loaded.bundle.paths()) | {entry.path for entry in resolved.app_files}
    measurer = Measurer(resolved.manifest, resolved.app, records, bench, progress, named)
    try:
        async with asyncio.timeout(SECONDS):
            run = await measurer.run(small)
    except TimeoutError:
        return SmokeResult(0, 0, 0, (), True)
    except InterlockError as error:  # the flip is done: a probe that cannot start must not look as if it were not
        return SmokeResult(0, 0, 0, (), False, error.message)
    results = list(run.results.values())
    ran = [result for result in results if result.passed() is not None]
    failed = tuple(result.case_id for result in ran if not result.passed())
    found = SmokeResult(len(ran) - len(failed), len(ran), len(results) - len(ran), failed, False)
    records.ledger.append(
        "smoke", {"bundle": loaded.bundle.digest, **found.to_json()}, actor=records.actor, at=records.clock.now()
    )
    return found
