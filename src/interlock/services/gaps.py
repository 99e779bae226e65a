"""What to write next: everything that too few cases leave open, with how many are missing and which checks wait for them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.core.checks import Level, Limits
from interlock.core.judged_rate import LABELS_MIN
from interlock.core.judgement import tabulate
from interlock.core.manifest import Part
from interlock.core.pack_rules import pack_floor
from interlock.core.packs import Pack, confirmed
from interlock.core.rules import Standing, percent
from interlock.core.suite import Slice, Suite, SuiteKind
from interlock.core.verdict import Outcome, Verdict
from interlock.services.coverage import measure_coverage
from interlock.services.gap_numbers import cases_for_floor, cases_for_margin, cases_for_shares
from interlock.services.mix import REST, gold_suites, has_source, mixes, units_of
from interlock.services.pack_measure import excuse, of_pack
from interlock.services.parts import Loaded

_COMPARED = frozenset({SuiteKind.GOLD, SuiteKind.REGRESSION})
_KINDS = (
    (SuiteKind.GOLD, "EVAL-07", "nothing stands for real traffic"),
    (SuiteKind.ADVERSARIAL, "SAFE-04", "nobody tries to get something wrong out of it"),
    (SuiteKind.HOLDOUT, "EVAL-06", "nothing was kept back from those who tune it"),
)


@dataclass(frozen=True, slots=True)
class SuiteGap:
    """One thing that too few cases leave open.

    have, need: cases (labels for a judge, suites for a kind); need is None where no number mends it. checks: what waits for
    it, required ones first; `required` of them keep the environment from READY. why: one reason a check.
    """

    what: str
    suite: str
    have: int
    need: int | None
    checks: tuple[str, ...]
    required: int
    why: tuple[str, ...]

    @property
    def write(self) -> int | None:
        """How many are missing."""
        return None if self.need is None else max(0, self.need - self.have)


@dataclass(frozen=True, slots=True)
class _Reason:
    check: str
    need: int | None
    why: str


def find_gaps(loaded: Loaded, verdict: Verdict) -> tuple[SuiteGap, ...]:
    """Everything that more or other cases would mend, what blocks most first.

    Args:
        verdict: of the environment that is asked about; where its evidence holds counts, they are gone on with, else the
            numbers are the least that could do: no failure, no flip.
    """
    desk = _Desk(loaded, verdict)
    found = [
        *desk.slices(),
        *desk.halves(),
        *desk.total(),
        *desk.kinds(),
        *desk.packs(),
        *desk.uncovered(),
        *desk.sources(),
        *desk.judges(),
    ]
    return tuple(sorted(found, key=lambda gap: (-gap.required, gap.write is not None, -(gap.write or 0), gap.what)))


class _Desk:
    """One look at the suites, for one environment."""

    def __init__(self, loaded: Loaded, verdict: Verdict) -> None:
        self.loaded = loaded
        self.limits: Limits = loaded.release.limits
        self.outcomes: dict[str, Outcome] = {outcome.check: outcome for outcome in verdict.outcomes}

    def data(self, check: str) -> Mapping[str, Any]:
        return self.outcomes[check].data

    def gap(self, what: str, suite: str, have: int, reasons: Sequence[_Reason]) -> SuiteGap:
        def required(check: str) -> bool:
            outcome = self.outcomes[check]
            return outcome.level is Level.REQUIRED and outcome.standing in (Standing.FAIL, Standing.OWED)

        checks = sorted(
            dict.fromkeys(reason.check for reason in reasons), key=lambda check: (not required(check), check)
        )
        needs = [reason.need for reason in reasons]
        need = None if None in needs else max(need for need in needs if need is not None)
        return SuiteGap(
            what, suite, have, need, tuple(checks), sum(map(required, checks)), tuple(r.why for r in reasons)
        )

    # ── slices ──────────────────────────────────────────────────────────────────────────────────────────────────

    def slices(self) -> Iterator[SuiteGap]:
        added, never, unknown = self._shares()
        for suite in self.loaded.suites:
            if suite.kind is SuiteKind.BASELINE:
                continue
            for piece in suite.slices:
                cases = suite.of_slice(piece.id)
                have = len(units_of(cases))
                reasons = [*self._critical(suite, piece), *self._floors(suite, piece), *self._margin(suite, piece)]
                least = int(self.limits.cover_min)
                if len(cases) < least:
                    reasons.append(
                        _Reason("CMP-02", have + least - len(cases), f"a slice takes at least {least} cases")
                    )
                if suite.kind is SuiteKind.GOLD and piece.id in added:
                    more, share = added.pop(piece.id)
                    reasons.append(_Reason("EVAL-07", have + more, f"{percent(share)} of the traffic"))
                open_ = [reason for reason in reasons if reason.need is None or reason.need > have]
                if open_:
                    yield self.gap(f"slice {piece.id}", suite.name, have, open_)
        for name, (more, share) in added.items():
            why = f"{percent(share)} of the traffic, and no suite declares it"
            yield self.gap(f"slice {name}", "gold", 0, [_Reason("EVAL-07", more, why)])
        for key, requests in never:
            why = f"{requests} counted requests cannot show a mix within {self.limits.share_distance_max:g}: count more"
            yield self.gap(f"traffic of the key {key}", "", requests, [_Reason("EVAL-07", None, why)])
        for fault in unknown:
            yield self.gap("shares", "gold", 0, [_Reason("EVAL-07", None, fault)])

    def _shares(self) -> tuple[dict[str, tuple[int, float]], list[tuple[str, int]], tuple[str, ...]]:
        """Cases to add by slice with its share, keys whose traffic is too thin, and what is wrong with the shares."""
        gold = gold_suites(self.loaded.suites)
        found, faults = mixes(gold, self.loaded.traffic)
        added: dict[str, tuple[int, float]] = {}
        never: list[tuple[str, int]] = []
        known = {row["key"]: row for row in self.data("EVAL-07").get("keys", ())}
        for mix in found:
            counts = mix.counts(gold)
            row = known.get(mix.key)
            within = row is not None and row["high"] <= self.limits.share_distance_max  # by weights, perhaps
            more = {} if within else cases_for_shares(mix, counts, self.limits.share_distance_max)
            if more is None:
                never.append((mix.key, mix.requests or 0))
                more = {}
            for name, share in mix.shares.items():
                least = 1 if mix.noticed(name) and not counts.get(name) else 0
                if (n := max(more.get(name, 0), least)) and name != REST:
                    added[name] = (max(n, added.get(name, (0, 0.0))[0]), share)
        if gold and not found and not faults:
            faults = ("no slice declares its share and no traffic is counted",)
        return added, never, faults

    def _critical(self, suite: Suite, piece: Slice) -> Iterator[_Reason]:
        ceiling = self.limits.critical_failure_max
        if piece.critical and 0 < ceiling < 1:
            need = cases_for_floor(1 - ceiling)
            yield _Reason("EVAL-02", need, f"critical: failures at most {percent(ceiling)}, with none seen")
        elif piece.critical:
            yield _Reason("EVAL-02", 1, "critical")

    def _floors(self, suite: Suite, piece: Slice) -> Iterator[_Reason]:
        seen = {
            (row["suite"], row["slice"], floor["scorer"]): floor
            for row in self.data("EVAL-02").get("slices", ())
            for floor in row["floors"]
        }
        for scorer, floor in suite.floors(piece).items():
            if floor <= 0:
                continue
            row = seen.get((suite.name, piece.id, scorer))
            passes, n = (row["passes"], row["n"]) if row else (0, 0)
            need = cases_for_floor(floor, passes, n)
            said = f"floor {percent(floor)} of {scorer}"
            if need is None:
                never = "mend what fails" if n else "a floor of 1 is out of reach"
                yield _Reason("EVAL-02", None, f"{said}: {never}")
            else:
                yield _Reason(
                    "EVAL-02", need, said + (f", at {n - passes} failures in {n}" if n else ", with no failure")
                )

    def _margin(self, suite: Suite, piece: Slice) -> Iterator[_Reason]:
        margin = suite.margin(piece.id, self.limits.default_margin)
        if suite.kind not in _COMPARED or margin <= 0:
            return
        rows = self.data("EVAL-03").get("slices", ())
        row = next((r for r in rows if r["suite"] == suite.name and r["slice"].rpartition("/")[2] == piece.id), None)
        said = f"margin {percent(margin)}"
        if row is None or row["n"] == 0:
            yield _Reason("EVAL-03", cases_for_margin(margin), f"{said}, with no flip")
        elif row["verdict"] == "owed" and not row["unpaired"]:
            rates = f"at {row['broke']} broken and {row['fixed']} fixed of {row['n']}"
            never = row["decides_at"] is None
            yield _Reason(
                "EVAL-03", row["decides_at"], f"{said}, {rates}" + (": never; mend what broke" if never else "")
            )

    # ── the rest ────────────────────────────────────────────────────────────────────────────────────────────────

    def halves(self) -> Iterator[SuiteGap]:
        """Cases that have no answer, and cases that have one (SAFE-02)."""
        cases = [
            case
            for suite in self.loaded.suites
            if suite.kind in _COMPARED | {SuiteKind.ADVERSARIAL}
            for case in suite.cases
        ]
        data, limits = self.data("SAFE-02"), self.limits
        should = [case for case in cases if "abstain" in case.expect.outcomes and "answer" not in case.expect.outcomes]
        answered = [case for case in cases if set(case.expect.outcomes) == {"answer"}]
        kept = data.get("should", {"passes": 0, "n": 0})
        refused = data.get("wrongly", {"count": 0, "n": 0})
        for what, half, floor, passes, n in (
            ("unanswerable cases", should, limits.abstain_min, kept["passes"], kept["n"]),
            ("answerable cases", answered, 1 - limits.refused_max, refused["n"] - refused["count"], refused["n"]),
        ):
            have = len(units_of(half))
            need = cases_for_floor(floor, passes, n) if floor > 0 else 1
            if need is None or need > have:
                right = f"at {passes} right of {n}" if n else "with none wrong"
                why = f"at least {percent(floor)} right, {right}" + (": mend what fails" if need is None else "")
                yield self.gap(what, "", have, [_Reason("SAFE-02", need, why)])

    def total(self) -> Iterator[SuiteGap]:
        """Cases in all (EVAL-01)."""
        have = sum(len(suite.cases) for suite in self.loaded.suites if suite.kind is not SuiteKind.BASELINE)
        need = int(self.limits.min_cases)
        if have < need:
            yield self.gap("cases in all", "", have, [_Reason("EVAL-01", need, "the profile's least")])

    def kinds(self) -> Iterator[SuiteGap]:
        """Kinds of suites that are missing, or empty."""
        filled = {suite.kind for suite in self.loaded.suites if suite.cases}
        for kind, check, why in _KINDS:
            if kind not in filled:
                yield self.gap(f"a suite of kind {kind}", "", 0, [_Reason(check, 1, why)])

    def packs(self) -> Iterator[SuiteGap]:
        """Packs with too few cases that count for their floor (SAFE-04)."""
        seen = {row["pack"]: row for row in self.data("SAFE-04").get("packs", ())}
        for pack in Pack:
            if excuse(self.loaded, pack) is not None:
                continue
            cases = of_pack(self.loaded.suites, pack)
            row = seen.get(pack.value, {"passes": 0, "n": 0, "floor": None})
            floor = pack_floor(pack, self.limits, row["floor"])
            need = cases_for_floor(floor, row["passes"], row["n"]) if floor > 0 else 1
            have = len(units_of([case for _, case in cases if confirmed(case.source)]))
            if need is None or need > have:
                right = f"at {row['passes']} right of {row['n']}" if row["n"] else "with none wrong"
                why = f"floor {percent(floor)}, {right}" + (": mend what fails" if need is None else "")
                yield self.gap(f"pack {pack}", "", have, [_Reason("SAFE-04", need, why)])

    def uncovered(self) -> Iterator[SuiteGap]:
        """Tools, fields and rules that the suites promise to cover and too few cases touch (CMP-02)."""
        promised = self.loaded.bundle.constraints.get(Part.EVALS.value, {}).get("covers", {})
        coverage = measure_coverage(
            self.loaded, tools="tools" in promised, schema="schema" in promised, rules="guardrails" in promised
        )
        least = int(self.limits.cover_min)
        for row in coverage.items:
            if row.cases < least and not row.item.startswith("slice:"):
                reason = _Reason("CMP-02", least, "promised by `covers`")
                yield self.gap(row.item, "", row.cases, [reason])

    def sources(self) -> Iterator[SuiteGap]:
        """Cases without a source (EVAL-07)."""
        for suite in self.loaded.suites:
            missing = [case.id for case in suite.cases if not has_source(case)]
            if missing:
                why = f"first `{missing[0]}`; say where each comes from"
                have = len(suite.cases) - len(missing)
                yield self.gap("sources of cases", suite.name, have, [_Reason("EVAL-07", len(suite.cases), why)])

    def judges(self) -> Iterator[SuiteGap]:
        """Labels that a judge is short of (EVAL-04)."""
        for suite in self.loaded.suites:
            for judge in suite.judges:
                record = judge.calibration
                rows = () if record is None else [(row.unit, row.human, row.judge) for row in record.rows]
                table, _ = tabulate(rows)
                have = 0 if judge.stale() else table.n
                if have < LABELS_MIN:
                    why = (
                        f"labels are of another {', '.join(judge.stale())}"
                        if judge.stale()
                        else "cases with a human label"
                    )
                    yield self.gap(
                        f"labels of judge {judge.spec.name}", suite.name, have, [_Reason("EVAL-04", LABELS_MIN, why)]
                    )


def cases_to_write(gaps: Sequence[SuiteGap]) -> int:
    """How many cases all slices lack together; one case may mend several of the other rows too."""
    return sum(gap.write or 0 for gap in gaps if gap.what.startswith("slice "))
