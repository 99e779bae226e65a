"""Recorded results of two releases: may the second replace the first, slice by slice? Without a bundle."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from interlock.core.bootstrap import second_view
from interlock.core.comparison import (
    FAIL_ALPHA,
    Row,
    SliceDecision,
    benjamini_hochberg,
    decide,
    holm,
    mcnemar_p,
    paired_from_trials,
)
from interlock.core.errors import UsageError, WrongValue
from interlock.core.estimate import Estimate
from interlock.core.repeats import Reliability, Repeated, reliability
from interlock.core.verdict import Word
from interlock.services.result_rows import ResultRow, Results

UNNAMED = "all"
"""The slice of the cases for which no row names one."""
EXIT: Mapping[Word, int] = {Word.READY: 0, Word.BLOCKED: 1, Word.HOLD: 3}


@dataclass(frozen=True, slots=True)
class Terms:
    """What the candidate is held to.

    Args:
        margin: the drop of the pass rate that is not a matter, a fraction in (0, 1).
        margins: the same by slice, where it differs.
        critical: the slices that must pass; None for every slice that occurs. With a choice, the others are exploratory:
            they may warn, by Benjamini and Hochberg's rule, and decide nothing.
        same_version: whether both files are runs of one and the same version, so that a difference is drift and has no
            change for a cause; None to see it by the `release` or `version` that the rows name.
    """

    margin: float = 0.05
    margins: Mapping[str, float] = field(default_factory=dict)
    critical: frozenset[str] | None = None
    same_version: bool | None = None

    def __post_init__(self) -> None:
        for name, margin in [("every slice", self.margin), *self.margins.items()]:
            if not 0 < margin < 1:
                raise UsageError(f"the margin for {name} is `{margin}`", hint="a fraction: 0.05 is five points")
        if self.critical is not None and not self.critical:
            raise UsageError(
                "no slice is critical, so nothing could be wrong", hint="name one, or leave the option out"
            )


@dataclass(frozen=True, slots=True)
class Compared:
    """One slice: the decision, and the cases that it could not rest on.

    errors: cases with an error or a missing result under either release. before, after: mean over the paired cases.
    q: of an exploratory slice, its p corrected for false discoveries. moved: between two runs of one version, which way the
    slice moved (exact two-sided McNemar test, Holm over the slices). bca: bounds of the change by a second method.
    """

    decision: SliceDecision
    critical: bool
    cases: int
    errors: int
    unpaired: int
    not_applicable: int
    before: float | None
    after: float | None
    q: float | None = None
    moved: Literal["down", "up"] | None = None
    bca: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict with everything that it rests on. `overall` informs; the slices decide.

    drift: both are runs of one version, so nothing was changed that could be blocked: what moved is held.
    release: the version, where the rows name it. repeats: before and after, where cases were repeated.
    """

    verdict: Word
    baseline: str
    candidate: str
    slices: tuple[Compared, ...]
    overall: Compared
    ignored: tuple[str, ...]
    drift: bool = False
    release: str | None = None
    repeats: tuple[Reliability, Reliability] | None = None

    @property
    def flips(self) -> Estimate:
        """The cases that flipped either way, of all that were judged in both: between runs of one version, the noise."""
        decision = self.overall.decision
        return Estimate.of(decision.broke + decision.fixed, decision.n)

    @property
    def exit_code(self) -> int:
        """0 READY, 1 BLOCKED, 3 HOLD."""
        return EXIT[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """Plain values, the one shape that the terminal and other programs are shown."""
        return {
            "interlock_compare": 1,
            "verdict": self.verdict.value,
            "exit_code": self.exit_code,
            "kind": "drift" if self.drift else "change",
            "release": self.release,
            "baseline": self.baseline,
            "candidate": self.candidate,
            "slices": [_plain(one) for one in self.slices],
            "overall": _plain(self.overall),
            "discordance": {
                "flipped": self.flips.passes,
                "n": self.flips.n,
                "rate": self.flips.rate,
                "low": self.flips.interval.low,
                "high": self.flips.interval.high,
            },
            "repeats": None
            if self.repeats is None
            else dict(zip(("before", "after"), map(reliability_to_json, self.repeats), strict=True)),
            "ignored": list(self.ignored),
        }


@dataclass(frozen=True, slots=True)
class _Arm:
    """One release: its usable values by case, the cases with an error, the cases that do not apply."""

    rows: Mapping[str, tuple[Row, ...]]
    broken: frozenset[str]
    not_applicable: frozenset[str]

    def of(self, cases: Iterable[str]) -> list[Row]:
        return [row for case in cases for row in self.rows.get(case, ())]

    def mean(self, cases: Iterable[str]) -> float | None:
        means = [sum(value for *_, value in self.rows[case]) / len(self.rows[case]) for case in cases]
        return sum(means) / len(means) if means else None


def compare(baseline: Results, candidate: Results, terms: Terms | None = None) -> Comparison:
    """Judge each slice of the candidate against the baseline on the same cases.

    A case with an error or a missing result in any trial is unpaired: it is shown, and counts against passing. Where a
    slice would fail had its unpaired cases failed, it is owed at best. A case that applies under neither release is left
    out. A slice is what either file says of the case; both must say the same.

    Args:
        baseline: what is live.
        candidate: what would replace it.
        terms: margins and critical slices; by default five points, every slice.
    Returns: BLOCKED when a critical slice got worse, HOLD when one is owed or there is none, else READY.
    Raises: UsageError for a margin of a slice that does not occur; DocumentError where the files contradict each other.
    """
    terms = terms or Terms()
    both = (*baseline.rows, *candidate.rows)
    slices_of = _agreed(both, "slices")
    cluster_of = _agreed(both, "cluster")
    members: dict[str, list[str]] = {}
    for case in dict.fromkeys(row.case for row in both):
        for name in slices_of.get(case) or (UNNAMED,):
            members.setdefault(name, []).append(case)
    for name in terms.margins:
        if name not in members:
            raise UsageError(
                f"a margin for slice `{name}`, which no row has", hint=f"slices: {', '.join(sorted(members)) or 'none'}"
            )
    for name in sorted(terms.critical or ()):
        members.setdefault(name, [])  # a critical slice without a case is owed, not forgotten
    before, after = _arm(baseline.rows, cluster_of), _arm(candidate.rows, cluster_of)
    margins = {name: terms.margins.get(name, terms.margin) for name in members}
    declared = {name: cases for name, cases in members.items() if terms.critical is None or name in terms.critical}
    others = {name: cases for name, cases in members.items() if name not in declared}
    found = {
        one.decision.slice: one
        for one in (
            *_compared(declared, margins, before, after, critical=True),
            *_exploratory(_compared(others, margins, before, after, critical=False)),
        )
    }
    slices = tuple(found[name] for name in members)
    everything = {"overall": list(dict.fromkeys(row.case for row in both))}
    (overall,) = _compared(everything, {"overall": terms.margin}, before, after, critical=False)
    same = baseline.release is not None and baseline.release == candidate.release
    drift = same if terms.same_version is None else terms.same_version
    if drift:
        slices = _moved(slices)
    verdict = _verdict(slices)
    return Comparison(
        verdict=Word.HOLD if drift and verdict is Word.BLOCKED else verdict,
        baseline=baseline.file,
        candidate=candidate.file,
        slices=slices,
        overall=overall,
        ignored=tuple(dict.fromkeys((*baseline.ignored, *candidate.ignored))),
        drift=drift,
        release=baseline.release if same else None,
        repeats=_repeats(before, after),
    )


def _exploratory(slices: Sequence[Compared]) -> list[Compared]:
    """Slices that nobody declared critical, with their p corrected over all of them."""
    corrected = benjamini_hochberg([one.decision.p_worse for one in slices])
    return [replace(one, q=q) for one, q in zip(slices, corrected, strict=True)]


def _moved(slices: tuple[Compared, ...]) -> tuple[Compared, ...]:
    """Between two runs of one version either way matters."""
    ways = [(mcnemar_p(one.decision.broke, one.decision.fixed), mcnemar_p(one.decision.fixed, one.decision.broke))
            for one in slices]  # fmt: skip
    corrected = holm([min(1.0, 2 * min(down, up)) for down, up in ways])
    return tuple(
        replace(one, moved="down" if down < up else "up") if p < FAIL_ALPHA else one
        for one, (down, up), p in zip(slices, ways, corrected, strict=True)
    )


def _repeats(before: "_Arm", after: "_Arm") -> tuple[Reliability, Reliability] | None:
    """What the repeats of each release show; None where no case has two trials."""
    arms = [
        [
            Repeated(case, sum(value >= 0.5 for *_, value in rows), len(rows), len(rows))
            for case, rows in arm.rows.items()
        ]
        for arm in (before, after)
    ]
    if not any(case.ran > 1 for arm in arms for case in arm):
        return None
    return reliability(arms[0]), reliability(arms[1])


def reliability_to_json(found: Reliability) -> dict[str, Any]:
    """Plain values; the flaky cases, the worst first, at most 50 of them."""
    return {
        "cases": found.cases,
        "pass_hat": list(found.pass_hat),
        "discordance": found.discordance,
        "flaky": len(found.flaky),
        "flaky_cases": [{"case": one.case, "passes": one.passes, "trials": one.ran} for one in found.flaky[:50]],
    }


def _verdict(slices: tuple[Compared, ...]) -> Word:
    critical = [one.decision.verdict for one in slices if one.critical]
    if "fail" in critical:
        return Word.BLOCKED
    return Word.READY if critical and all(verdict == "pass" for verdict in critical) else Word.HOLD


def _compared(
    members: Mapping[str, list[str]],
    margins: Mapping[str, float],
    before: _Arm,
    after: _Arm,
    *,
    critical: bool,
) -> tuple[Compared, ...]:
    if not members:
        return ()
    paired, alone, pairs = {}, {}, {}
    for name, cases in members.items():
        paired[name] = [case for case in cases if case in before.rows and case in after.rows]
        alone[name] = [
            case for case in cases
            if (case in before.rows) != (case in after.rows)
            # Broken under one release and without a value under the other: nobody's row, and yet a case of the slice.
            or (case not in before.rows and (case in before.broken or case in after.broken))
        ]  # fmt: skip
        rows = before.of(paired[name]), after.of(paired[name])
        pairs[name] = replace(paired_from_trials(*rows), unpaired=len(alone[name]))
    decisions = decide(pairs, margins)
    found = []
    for name, cases in members.items():
        decision = decisions[name]
        found.append(
            Compared(
                decision=decision,
                critical=critical,
                cases=len(cases),
                errors=sum(case in before.broken or case in after.broken for case in cases),
                unpaired=pairs[name].unpaired,
                not_applicable=sum(case in before.not_applicable or case in after.not_applicable for case in cases),
                before=before.mean(paired[name]),
                after=after.mean(paired[name]),
                bca=second_view(pairs[name]),
            )
        )
    return tuple(found)


def _arm(rows: Iterable[ResultRow], cluster_of: Mapping[str, str]) -> _Arm:
    values: dict[str, list[Row]] = {}
    broken, not_applicable = set(), set()
    for row in rows:
        if row.status == "scored" and row.value is not None:
            values.setdefault(row.case, []).append((row.case, cluster_of.get(row.case), row.value))
        elif row.status == "not_applicable":
            not_applicable.add(row.case)
        else:
            broken.add(row.case)
    # The trials that are left of a case may be the easy ones, so one that broke takes the case with it.
    usable = {case: tuple(found) for case, found in values.items() if case not in broken}
    return _Arm(usable, frozenset(broken), frozenset(not_applicable - values.keys() - broken))


def _agreed(rows: Iterable[ResultRow], key: str) -> dict[str, Any]:
    """What the rows say of each case, once; DocumentError where two of them differ."""
    said: dict[str, tuple[Any, ResultRow]] = {}
    for row in rows:
        value = getattr(row, key)
        if value is None:
            continue
        first, where = said.setdefault(row.case, (value, row))
        if first != value:
            raise WrongValue(
                f"case `{row.case}` has {key} `{_shown(value)}` here and `{_shown(first)}` at {where.place}",
                hint="one case is one thing in every trial and under both releases",
                place=row.place,
            )
    return {case: value for case, (value, _) in said.items()}


def _shown(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _plain(one: Compared) -> dict[str, Any]:
    decision = one.decision
    return {
        "slice": decision.slice,
        "verdict": decision.verdict,
        "critical": one.critical,
        "cases": one.cases,
        "n": decision.n,
        "errors": one.errors,
        "unpaired": one.unpaired,
        "not_applicable": one.not_applicable,
        "broke": decision.broke,
        "fixed": decision.fixed,
        "before": one.before,
        "after": one.after,
        "delta": decision.delta,
        "low": decision.low,
        "high": decision.high,
        "p_holm": decision.p_holm,
        "q": one.q,
        "moved": one.moved,
        "bca": None if one.bca is None else list(one.bca),
        "margin": decision.margin,
        "smallest_drop": decision.smallest_drop,
        "decides_at": decision.decides_at,
        "why": decision.why,
    }
