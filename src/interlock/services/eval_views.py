"""Second looks at a run, as plain data: repeats, a census, the two ways of being wrong, undeclared slices, the headline."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from interlock.core.bootstrap import second_view
from interlock.core.comparison import Paired, SliceDecision, benjamini_hochberg, mcnemar_p
from interlock.core.headline import Stratum, headline
from interlock.core.repeats import Repeated, reliability
from interlock.core.score import CaseResult
from interlock.core.suite import Case, Slice, Suite

Value = Callable[[CaseResult], float | None]
LEAST_CASES = 5
"""Cases that an undeclared slice has at least: a name that occurs less often is an anecdote."""


def tries(result: CaseResult) -> Repeated:
    """The trials of a case as counts; one that no scorer applies to has run none, and what was curtailed is still open."""
    marks = result.marks()
    return Repeated(result.case_id, round(sum(marks)), len(marks), len(result.trials) + result.curtailed)


def repeats_data(cases: Sequence[Repeated]) -> Mapping[str, Any] | None:
    """What the repeats show; None where no case was repeated."""
    if not any(case.asked > 1 for case in cases):
        return None
    found = reliability(cases)
    return {
        "cases": found.cases,
        "trials": max(case.asked for case in cases),
        "pass_hat": list(found.pass_hat),
        "discordance": found.discordance,
        "flaky": len(found.flaky),
    }


def decision_row(decision: SliceDecision, pair: Paired) -> dict[str, Any]:
    """A decision as plain data, with the bootstrap beside it where there is one."""
    bca = second_view(pair)
    return {
        "slice": decision.slice,
        "verdict": decision.verdict,
        "n": decision.n,
        "broke": decision.broke,
        "fixed": decision.fixed,
        "delta": decision.delta,
        "low": decision.low,
        "high": decision.high,
        "p_holm": decision.p_holm,
        "bca": None if bca is None else list(bca),
        "margin": decision.margin,
        "decides_at": decision.decides_at,
        "smallest_drop": decision.smallest_drop,
        "why": decision.why,
    }


def census_row(name: str, piece: Slice, before: Sequence[Repeated], after: Sequence[Repeated]) -> dict[str, Any]:
    """A census under two bundles: each case is met or not, and nothing is estimated. Met before and not now: it broke."""
    was = {case.case: case.meets(piece.needs) for case in before}
    now = {case.case: case.meets(piece.needs) for case in after}
    known = [case for case in was if was[case] is not None and now.get(case) is not None]
    broke = sum(bool(was[case]) and not now[case] for case in known)
    fixed = sum(bool(now[case]) and not was[case] for case in known)
    open_ = len({*was, *now}) - len(known)
    delta = (fixed - broke) / len(known) if known else None
    need = "every trial" if piece.needs is None else f"{piece.needs} trials"
    why = f"{broke} of {len(known)} cases met it before and do not now; each of them is the requirement itself ({need})"
    if open_:
        why += f"; {open_} could not be judged under both bundles"
    return {
        "slice": name,
        "verdict": "fail" if broke else "owed" if open_ or not known else "pass",
        "n": len(known),
        "broke": broke,
        "fixed": fixed,
        "delta": delta,
        # Of these very cases the change is known, not estimated.
        "low": -1.0 if delta is None else delta,
        "high": 1.0 if delta is None else delta,
        "p_holm": 1.0,
        "bca": None,
        "margin": 0.0,
        "decides_at": None,
        "smallest_drop": 0.0 if known else 1.0,
        "why": why,
    }


# ── the two ways of being wrong ─────────────────────────────────────────────────────────────────────────────────────


def _kinds(result: CaseResult) -> list[tuple[bool, float]]:
    """Of each scored trial: whether it answered, and whether it passed."""
    found = []
    for index in result.ran:
        reply, mark = result.trials[index].reply, result.mark(index)
        if mark is not None:
            found.append((reply is not None and reply.outcome == "answer", mark))
    return found


def wrong_answer(result: CaseResult) -> float | None:
    """The share of the answers to a case that are wrong; None where it never answered."""
    marks = [mark for answered, mark in _kinds(result) if answered]
    return 1 - sum(marks) / len(marks) if marks else None


def _not_wrong(result: CaseResult) -> float | None:
    kinds = _kinds(result)
    return sum(not answered or mark == 1.0 for answered, mark in kinds) / len(kinds) if kinds else None


def _not_refused(result: CaseResult) -> float | None:
    kinds = _kinds(result)
    return sum(answered for answered, _ in kinds) / len(kinds) if kinds else None


HALVES: Mapping[str, Value] = {"wrong when answered": _not_wrong, "refused without need": _not_refused}
"""By half, the share of the trials that are free of it. A bundle that only refuses is never wrong, and refuses always."""


# ── undeclared slices ───────────────────────────────────────────────────────────────────────────────────────────────


def undeclared(cases: Sequence[tuple[Suite, Case]]) -> dict[str, list[tuple[Suite, Case]]]:
    """Slices that nobody declared, by language, expected outcome and what a case covers, where they hold enough cases."""
    found: dict[str, list[tuple[Suite, Case]]] = {}
    for suite, case in cases:
        names = [f"language {case.lang}"] if case.lang else []
        names += [f"outcome {'/'.join(case.expect.outcomes)}"] if case.expect.outcomes else []
        names += [f"covers {name}" for name in case.covers]
        for name in names:
            found.setdefault(name, []).append((suite, case))
    return {name: held for name, held in found.items() if LEAST_CASES <= len(held) < len(cases)}


def exploratory_rows(pairs: Mapping[str, Paired]) -> list[dict[str, Any]]:
    """Undeclared slices with p-values corrected for false discoveries: they warn, and decide nothing. Only what flipped."""
    corrected = benjamini_hochberg([mcnemar_p(pair.broke, pair.fixed) for pair in pairs.values()])
    return [
        {
            "slice": name,
            "n": pair.n,
            "broke": pair.broke,
            "fixed": pair.fixed,
            "delta": pair.delta,
            "q": q,
            "warns": q < 0.05,
        }
        for (name, pair), q in sorted(zip(pairs.items(), corrected, strict=True), key=lambda row: row[1])
        if pair.broke or pair.fixed
    ]


def headline_data(weighted: Mapping[str, tuple[float, Paired]]) -> Mapping[str, Any] | None:
    """The change on real traffic by the shares of the slices; None where a slice has no paired case."""
    if not all(pair.n and share > 0 for share, pair in weighted.values()):
        return None
    found = headline([Stratum(name, share, pair.n, pair.broke, pair.fixed) for name, (share, pair) in weighted.items()])
    return {"delta": found.delta, "low": found.low, "high": found.high, "n": found.cases, "covered": found.covered,
            "method": "post-stratified, score bounds joined (MOVER), 95 %"}  # fmt: skip
