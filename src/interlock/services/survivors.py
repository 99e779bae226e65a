"""The case that a surviving mutant asks for: where it belongs, what it must look at, and its skeleton."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from interlock.core.mutation import Mutant
from interlock.core.suite import Case, Suite, SuiteKind
from interlock.services.coverage import touched
from interlock.services.parts import Loaded


def case_to_write(mutant: Mutant, loaded: Loaded) -> Mapping[str, Any]:
    """Suite, slice, behaviour and a case that a person completes: its question and what the reply must hold.

    The slice is the one whose cases look most like it: those that cover the same item, else those that permit the same
    outcome, else the largest.
    """
    suite, slice = _home(mutant, loaded)
    case: dict[str, Any] = {
        "id": "mutant-" + re.sub(r"[^a-z0-9]+", "-", mutant.id.lower()).strip("-")[-60:].strip("-"),
        "input": mutant.behaviour,
        "slices": [slice],
        "expect": dict(mutant.expect),
        "source": f"a mutant survived: {mutant.id}",
    }
    if mutant.covers:
        case["covers"] = [mutant.covers]
    return {"suite": suite, "slice": slice, "behaviour": mutant.behaviour, "case": case}


def _home(mutant: Mutant, loaded: Loaded) -> tuple[str, str]:
    suites = [suite for suite in loaded.suites if suite.kind not in (SuiteKind.HOLDOUT, SuiteKind.BASELINE)]
    suites.sort(key=lambda suite: suite.kind is not SuiteKind.GOLD)
    wanted = mutant.expect.get("outcome")
    outcomes = {wanted} if isinstance(wanted, str) else set(wanted or ())
    resemblances: tuple[Callable[[Case], bool], ...] = (
        lambda case: bool(mutant.covers) and mutant.covers in touched(case),
        lambda case: bool(outcomes) and set(case.expect.outcomes) == outcomes,
        lambda case: True,
    )
    for alike in resemblances:
        found = Counter((suite.name, case.slices[0]) for suite, case in _cases(suites) if alike(case))
        if found:
            return found.most_common(1)[0][0]
    raise ValueError("a bundle has at least one suite with a case")


def _cases(suites: list[Suite]) -> Iterator[tuple[Suite, Case]]:
    for suite in suites:
        for case in suite.cases:
            yield suite, case
