"""The AI against the path without it, slice by slice, on the same gold cases: the data of EVAL-08. Pure."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from interlock.core.checks import Limits
from interlock.core.comparison import Paired, SliceDecision, decide, mcnemar_p
from interlock.core.suite import Suite, SuiteKind
from interlock.services.eval_measures import paired, passes_of
from interlock.services.evaluate import Run

_FAR = 20
"""How many times the cases at hand are looked ahead for a proof."""


def measure_fallback(arm: Run | None, run: Run, limits: Limits) -> Mapping[str, Any]:
    """The data of EVAL-08.

    Args:
        arm: the run of the path without AI; None where no such path is declared.
        run: the run of the AI.

    Each slice is decided twice with the same paired cases: whether the AI is worse, as EVAL-03 decides it, and with the
    arms exchanged whether the path without AI is. `wins` is the second proven, `loses` the first, `matches` is «not
    worse than the margin»; anything else is `undecided`. That some slice loses is corrected for their number (Holm), as
    in EVAL-03; that one wins is not, because each slice is a decision of its own.
    """
    if arm is None:
        return {"fallback": False, "cases": 0, "broken": 0, "slices": []}
    suites = [suite for suite in run.suites if suite.kind is SuiteKind.GOLD]
    names = Counter(piece.id for suite in suites for piece in suite.slices)
    there: dict[str, Paired] = {}
    back: dict[str, Paired] = {}
    margins: dict[str, float] = {}
    about: dict[str, dict[str, Any]] = {}
    for suite in suites:
        for piece in suite.slices:
            name = piece.id if names[piece.id] == 1 else f"{suite.name}/{piece.id}"
            cases = [(suite, case) for case in suite.of_slice(piece.id)]
            there[name], (only_arm, only_ai) = paired(arm, run, cases)
            back[name] = there[name].reversed()
            margins[name] = suite.margin(piece.id, limits.default_margin)
            about[name] = {
                "suite": suite.name, "slice": name, "title": piece.title, "critical": piece.critical,
                "claim": piece.against_fallback, "without_ai": _right(arm, suite, piece.id), "ai": _right(run, suite, piece.id),
                "only_without_ai": only_arm, "only_ai": only_ai,
            }  # fmt: skip
    worse = decide(there, margins) if there else {}
    # Which path to keep is decided slice by slice, and a declared claim must hold in each: no family, no correction.
    better = {name: decide({name: pair}, margins)[name] for name, pair in back.items()}
    names_of = [f"{suite.name}/{case.id}" for suite in suites for case in suite.cases]
    lost = sum(
        any(len(one.results[name].ran) < len(one.results[name].trials) for one in (arm, run)) for name in names_of
    )
    rows = [_row(about[name], worse[name], better[name]) for name in about]
    return {"fallback": True, "cases": len(names_of), "broken": lost, "slices": rows}


def _right(run: Run, suite: Suite, slice: str) -> dict[str, int]:
    passes, n = passes_of(run, suite, suite.of_slice(slice))
    return {"passes": passes, "n": n}


def _row(about: dict[str, Any], worse: SliceDecision, better: SliceDecision) -> dict[str, Any]:
    state = "undecided"
    if worse.verdict == "fail":
        state = "loses"
    elif better.verdict == "fail":
        state = "wins"
    elif worse.verdict == "pass":
        state = "matches"
    why = better.why if state == "wins" else worse.why
    if state == "wins":
        why = f"right where the path without AI was not in {worse.fixed} of {worse.n}, the reverse in {worse.broke}"
    return {
        **about, "state": state, "n": worse.n, "broke": worse.broke, "fixed": worse.fixed, "delta": worse.delta,
        "low": worse.low, "high": worse.high, "margin": worse.margin, "why": why,
        "wins_at": wins_at(worse.broke, worse.fixed, worse.n), "matches_at": worse.decides_at,
    }  # fmt: skip


def wins_at(broke: int, fixed: int, n: int) -> int | None:
    """How many cases at these rates would prove a win by the exact McNemar test at 0.05; None if none soon.

    >>> wins_at(broke=0, fixed=2, n=20), wins_at(broke=1, fixed=1, n=20)
    (50, None)
    """
    if n == 0 or fixed <= broke:
        return None
    for cases in range(n, _FAR * n + 1):
        lost, won = broke * cases // n, fixed * cases // n
        if mcnemar_p(broke=won, fixed=lost) < 0.05:
            return cases
    return None
