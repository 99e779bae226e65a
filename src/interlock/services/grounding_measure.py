"""What a run shows of SAFE-01: delivered answers with an unsupported claim by slice, and citations that do not hold."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.core.citations import CiteFault
from interlock.core.errors import TargetError
from interlock.core.estimate import upper_bound
from interlock.core.grounding import FLOOR, Grounder
from interlock.core.score import CaseResult
from interlock.core.suite import Case, Suite, SuiteKind
from interlock.ports import SupportScorer
from interlock.services.evaluate import Run

ASKED = frozenset({SuiteKind.GOLD, SuiteKind.REGRESSION})
"""Suites whose slices must prove their rate; the others can only disprove it."""
SHOWN = 10
"""Claims and citations that are told one by one."""


def measure_grounding(run: Run, suites: Sequence[Suite], support: SupportScorer | None = None) -> Mapping[str, Any]:
    """The data of SAFE-01. `{floor, delivered, overall, slices: [{slice, unsupported, n}], citations: {checked, fabricated, …}}`.

    The unit is the cluster where cases belong together, else the case; it is unsupported as soon as one delivered answer of
    it has a claim below the floor or a citation that does not hold. A unit of which nothing was delivered does not count. `overall` is
    the gold suites together: units that were asked, that got an answer, and whose answer has an unsupported claim. It decides nothing.

    Args:
        support: the scorer of evidence that the bundle's policy declares; default: the embedded one. A unit about which it could not be
            asked is `unweighed`: it proves nothing, and is no fault of the bundle.
    """
    desk = _Desk(run, Grounder(support=None if support is None else support.support))
    rows = []
    for suite in suites:
        rows += [desk.row(suite, piece.id, piece.title, suite.of_slice(piece.id)) for piece in suite.slices]
    return {
        "floor": FLOOR,
        **({} if support is None else {"scorer": support.name, "unweighed": desk.unweighed, "why_unweighed": desk.why}),
        "delivered": desk.delivered,
        "overall": desk.overall([suite for suite in suites if suite.kind is SuiteKind.GOLD]),
        "slices": rows,
        "citations": {
            "checked": desk.checked,
            **{fault.value: desk.faults[fault] for fault in CiteFault},
            "examples": desk.examples,
        },
    }


@dataclass
class _Judged:
    """What the delivered answers of one case came to."""

    delivered: int
    unsupported: bool
    why: str
    kinds: frozenset[str]
    unweighed: bool = False


class _Desk:
    def __init__(self, run: Run, grounder: Grounder) -> None:
        self.run, self.grounder = run, grounder
        self.cases: dict[str, _Judged] = {}
        self.delivered = self.checked = self.unweighed = 0
        self.why = ""
        self.faults: Counter[CiteFault] = Counter()
        self.examples: list[str] = []

    def overall(self, suites: Sequence[Suite]) -> dict[str, int]:
        """Units that were asked, delivered and delivered unsupported, each unit once whatever its slices."""
        asked, delivered, unsupported = set(), set(), set()
        for suite in suites:
            for case in suite.cases:
                unit, judged = (suite.name, case.unit), self._judged(suite, case)
                if judged.unweighed:
                    continue
                if self.run.results[f"{suite.name}/{case.id}"].ran:
                    asked.add(unit)
                if judged.delivered:
                    delivered.add(unit)
                if judged.unsupported:
                    unsupported.add(unit)
        return {"asked": len(asked), "delivered": len(delivered), "unsupported": len(unsupported)}

    def row(self, suite: Suite, slice_: str, title: str, cases: Sequence[Case]) -> dict[str, Any]:
        """One slice, by unit."""
        units: dict[str, list[tuple[Case, _Judged]]] = {}
        for case in cases:
            judged = self._judged(suite, case)
            if judged.delivered and not judged.unweighed:
                units.setdefault(case.unit, []).append((case, judged))
        bad = [
            next((case, judged) for case, judged in found if judged.unsupported)
            for found in units.values()
            if any(judged.unsupported for _, judged in found)
        ]
        kinds = Counter(kind for found in units.values() for kind in frozenset().union(*(j.kinds for _, j in found)))
        return {
            "suite": suite.name,
            "slice": slice_,
            "title": title,
            "asked": suite.kind in ASKED,
            "n": len(units),
            "unsupported": len(bad),
            "upper": round(upper_bound(len(bad), len(units)).high, 4),
            "kinds": dict(sorted(kinds.items())),
            "examples": [f"{case.id}: {judged.why}" for case, judged in bad[:SHOWN]],
        }

    def _judged(self, suite: Suite, case: Case) -> _Judged:
        key = f"{suite.name}/{case.id}"
        if key not in self.cases:
            self.cases[key] = self._judge(case, self.run.results[key])
        return self.cases[key]

    def _judge(self, case: Case, result: CaseResult) -> _Judged:
        replies = [trial.reply for trial in result.trials if trial.reply is not None]
        answers = [reply for reply in replies if reply.outcome == "answer"]
        try:
            found = [self.grounder.ground(reply, question=_asked(case)) for reply in answers]
        except TargetError as error:
            self.unweighed += 1
            self.why = self.why or f"{case.id}: {error.message}"[:300]
            return _Judged(len(answers), False, "", frozenset(), unweighed=True)
        self.delivered += len(found)
        self.checked += sum(one.citations for one in found)
        for one in found:
            for fault in one.faults:
                self.faults[fault.fault] += 1
                if len(self.examples) < SHOWN:
                    self.examples.append(f"{case.id}: {fault.why}: `{fault.cite.quote[:80]}`")
        weak = [claim for one in found for claim in one.unsupported()]
        why = ""
        if weak:
            first = weak[0]
            reasons = [fault.why for fault in first.faults] + [
                f"{doubt.why} (`{doubt.said}`)" for doubt in first.doubts
            ]
            why = f"`{first.text[:80]}`: {reasons[0] if reasons else 'its words are in no source that it rests on'}"
        kinds = frozenset(doubt.kind.value for claim in weak for doubt in claim.doubts)
        return _Judged(len(found), bool(weak), why, kinds)


def _asked(case: Case) -> str:
    """What the customer said last; a name or figure of the question is no invention of the answer."""
    if case.input is not None:
        return case.input
    turns = [str(turn.get("content") or "") for turn in case.messages or () if turn.get("role") == "user"]
    return turns[-1] if turns else ""
