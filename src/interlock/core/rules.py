"""The rule of each check that this version can decide: what was seen meets what is asked.

A rule takes the data of one piece of evidence and the profile's limits. It never invents a pass: too few
data, a broken run or an empty measurement is `owed`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from interlock.core.attack_rules import rule_attacks
from interlock.core.checks import Limits
from interlock.core.contract_rules import rule_contract
from interlock.core.estimate import Clears, Estimate, cases_to_certify, clears, lower_bound, stays_below, upper_bound
from interlock.core.evidence import Gap
from interlock.core.judge_rules import read_floor
from interlock.core.pack_rules import rule_packs
from interlock.core.people_rules import rule_handoff
from interlock.core.proving_rules import rule_fallback, rule_mutants
from interlock.core.ruling import Rule, Ruling, Standing, percent, unless_chosen
from interlock.core.ruling import owed as _owed
from interlock.core.suite_rules import rule_judges, rule_mix

__all__ = ["RULES", "Rule", "Ruling", "Standing", "percent"]


def _least(passes: int, n: int) -> float:
    return lower_bound(passes, n).low


def _most(passes: int, n: int) -> float:
    return upper_bound(passes, n).high


def rule_findings(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """No finding in something that was really examined. `{examined, what, findings: [{message, file, line}], asked, mend}`."""
    findings, examined, what = data["findings"], data["examined"], data["what"]
    asked = data.get("asked", "no finding")
    if findings:
        details = tuple(_place(finding) for finding in findings)
        return Ruling(Standing.FAIL, details[0] + (f" (+{len(details) - 1} more)" if len(details) > 1 else ""),
                      f"{len(findings)} findings in {examined} {what}", asked, details)  # fmt: skip
    if examined == 0:
        return replace(_owed(f"0 {what} examined", "nothing", asked, Gap.THIN), next=data.get("mend", ""))
    if data.get("owed"):
        return _owed(
            f"{examined} {what}, no finding", "only the half that a file can show", data["owed"], Gap.INSTRUMENT
        )
    return Ruling(Standing.PASS, f"{examined} {what}, no finding", "the rule holds for these bytes", asked)


def _place(finding: Mapping[str, Any]) -> str:
    where = finding.get("file") or ""
    if where and finding.get("line"):
        where += f":{finding['line']}"
    return f"{where}: {finding['message']}" if where else str(finding["message"])


def rule_pins(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """Every part is held at least at the profile's pin level. `{pins: [{part, level, alias}]}`."""
    level = int(limits.pin_level)
    asked = f"P{level} or firmer" + ("" if level >= 2 else ", no alias such as `latest`")
    weak = [
        pin for pin in data["pins"] if int(pin["level"][1:]) > level or (pin.get("alias") and level < 2)
    ]  # fmt: skip
    seen = ", ".join(f"{pin['part']} {pin['level']}" for pin in data["pins"])
    if not data["pins"]:
        return _owed("no part to pin", "nothing", asked, Gap.THIN)
    if weak:
        details = tuple(f"{pin['part']}: {pin.get('alias') or pin['why']}" for pin in weak)
        return Ruling(Standing.FAIL, f"{weak[0]['part']} is held at {weak[0]['level']}: {weak[0]['why']}",
                      "it can change without a diff", asked, details)  # fmt: skip
    return Ruling(Standing.PASS, seen, "a change of any of them is a new digest", asked)


def rule_ran(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """EVAL-01. `{cases, ran, broken: {kind: n}, calls, traced, truncated}`; counts are of cases."""
    need, broken, cases = int(limits.min_cases), sum(data["broken"].values()), data["cases"]
    asked = f"at least {need} cases, calls > 0, a trace id each, broken at most {percent(limits.broken_max)}"
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(data["broken"].items()))
    seen = f"{data['ran']} of {cases} cases ran, {data['calls']} calls, {broken} broken" + (
        f" ({kinds})" if kinds else ""
    )
    if data.get("faults"):
        seen += "; failed by themselves: " + ", ".join(f"{n} {kind}" for kind, n in sorted(data["faults"].items()))
    if data.get("curtailed"):
        seen += f"; {data['curtailed']} not asked to their end, because the verdict of their slices stood"
    if data["truncated"]:
        return _owed(seen, "the run was cut short, so it shows nothing of the rest", asked, Gap.BROKEN)
    if cases == 0 or data["calls"] == 0:
        return _owed(seen, "nothing was called, so nothing was tested", asked, Gap.BROKEN)
    if broken / cases > limits.broken_max:
        return _owed(seen, f"{percent(broken / cases)} of the cases say nothing of the bundle", asked, Gap.BROKEN)
    if data["traced"] < data["ran"]:
        return _owed(seen, f"{data['ran'] - data['traced']} cases have no trace id", asked, Gap.BROKEN)
    if data["ran"] < need:
        return _owed(seen, f"too few for this profile: {need - data['ran']} cases are missing", asked, Gap.THIN)
    return Ruling(Standing.PASS, seen, "the suite exercised this bundle through the app", asked)


def rule_critical(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """EVAL-02. `{slices: [{slice, critical, passes, n, floors: [{scorer, floor, passes, n}]}], must_pass_failed: [id]}`."""
    ceiling = limits.critical_failure_max
    asked = (
        "critical slices without a failure"
        + (f", failures at most {percent(ceiling)} (95 % sure)" if ceiling < 1 else "")
        + "; every floor cleared"
    )
    bad, thin = [f"must-pass case `{id}` failed" for id in data["must_pass_failed"]], []
    # A census claims nothing of other cases, so no bound is asked of it: each of its cases is a requirement of its own.
    counted = [row for row in data["slices"] if row.get("census")]
    critical = [row for row in data["slices"] if row["critical"] and not row.get("census")]
    for row in counted:
        short, n = row["census"]["short"], row["census"]["cases"]
        need = row["census"]["needs"]
        if short:
            what = f"{need} trials" if need else "every trial"
            bad.append(
                f"{row['slice']}: {len(short)} of {n} cases, each a requirement, did not pass {what}: {short[0]}"
            )
        elif n == 0:
            thin.append(f"{row['slice']}: no case ran")
    broken = [
        f"{row['slice']}: {n} of its cases broke, which says nothing of the bundle"
        for row in critical
        if (n := row.get("broken", 0))
    ] + [
        f"{row['slice']}: {n} of its cases are open: broken trials could decide them"
        for row in counted
        if not row["census"]["short"] and (n := len(row["census"]["open"]))
    ]
    thin += [f"{row['slice']}: {n} of its cases have no score" for row in critical if (n := row.get("unscored", 0))]
    thin += [f"{row['slice']}: {n} of its cases were not asked" for row in critical if (n := row.get("curtailed", 0))]
    for row in critical:
        failures, n = row["n"] - row["passes"], row["n"]
        if failures:
            bad.append(f"{row['slice']}: {failures} of {n} critical cases failed")
        elif n == 0:
            thin.append(f"{row['slice']}: no case ran")
        elif ceiling < 1 and _most(0, n) > ceiling:
            need = cases_to_certify(1 - ceiling)
            thin.append(
                f"{row['slice']}: 0 of {n} failed, which only proves at most {percent(_most(0, n))}; {need} cases could prove {percent(ceiling)}"
            )
    by_judges: list[str] = []
    for row in data["slices"]:
        for floor in row["floors"]:
            name = f"{row['slice']} {floor['scorer']}"
            if "judge" in floor:
                read = read_floor(floor)
                told = bad if read.state is Clears.FAIL else by_judges if read.state is Clears.PASS else thin
                (broken if read.gap is Gap.BROKEN else told).append(f"{name}: {read.why}")
                continue
            passes, n = floor["passes"], floor["n"]
            state = clears(floor["floor"], Estimate.of(passes, n))
            if state is Clears.FAIL:
                bad.append(
                    f"{name}: {passes} of {n} right proves at most {percent(_most(passes, n))}; you ask {percent(floor['floor'])}"
                )
            elif state is Clears.UNDECIDED:
                low = percent(_least(passes, n)) if n else "nothing"
                thin.append(
                    f"{name}: {passes} of {n} right proves only at least {low}; you ask {percent(floor['floor'])}"
                )
    decided = len(critical) + len(counted) + sum(len(row["floors"]) for row in data["slices"])
    if bad:
        return Ruling(Standing.FAIL, bad[0] + (f" (+{len(bad) - 1} more)" if len(bad) > 1 else ""),
                      "it is not ready where it matters", asked, tuple(bad + thin))  # fmt: skip
    if broken:
        return _owed(
            broken[0], "a critical slice has to run whole, a judge has to be asked", asked, Gap.BROKEN, broken + thin
        )
    if decided == 0:
        return _owed("no slice is marked critical and no floor is declared", "nothing was asked", asked, Gap.THIN)
    if thin:
        return _owed(
            thin[0] + (f" (+{len(thin) - 1} more)" if len(thin) > 1 else ""),
            "no failure, but too few cases to prove it",
            asked,
            Gap.THIN,
            thin,
        )
    return unless_chosen(
        data,
        Ruling(
            Standing.PASS, f"{decided} requirements hold", "each with its exact 95 % bound", asked, tuple(by_judges)
        ),
    )


def rule_regression(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """EVAL-03. `{baseline, slices: [{slice, verdict, broke, fixed, n, delta, low, high, margin, decides_at, why}], halves, exploratory, overall}`.

    `halves`: wrong answers and needless refusals, judged like two more slices, so that neither hides in the other.
    `exploratory`: slices that nobody declared; they warn. `plan`: the digest of the terms that were fixed before the run.
    """
    asked = "no slice worse than its margin, with enough cases to say so; neither more wrong answers nor more refusals"
    rows = [*data["slices"], *data.get("halves", ())]
    failed = [row for row in rows if row["verdict"] == "fail"]
    open_ = [row for row in rows if row["verdict"] == "owed"]
    overall = data.get("overall") or {}
    average = f"; overall {overall['fixed']} fixed, {overall['broke']} broke" if overall else ""
    plan = f", plan {data['plan'][7:19]}" if data.get("plan") else ""
    warns = tuple(
        f"nobody declared `{row['slice']}`, so it only warns: {row['broke']} broke, {row['fixed']} fixed of {row['n']}, q = {row['q']:.2g}"
        for row in data.get("exploratory", ())
        if row["warns"]
    )
    if failed:
        worst = min(failed, key=lambda row: row["delta"])
        return Ruling(Standing.FAIL, f"{worst['slice']}: {worst['broke']} broke, {worst['fixed']} fixed of {worst['n']}{average}{plan}",
                      worst["why"], asked, (*(f"{row['slice']}: {row['why']}" for row in failed + open_), *warns))  # fmt: skip
    if not rows or all(row["n"] == 0 for row in rows):
        return _owed("no case ran on both bundles", "nothing", asked, Gap.BROKEN)
    if open_:
        worst = min(open_, key=lambda row: row["low"])
        return _owed(f"{len(open_)} of {len(rows)} slices are undecided, first {worst['slice']}: {worst['broke']} broke, {worst['fixed']} fixed of {worst['n']}{average}{plan}",
                     worst["why"], asked, Gap.THIN, [*(f"{row['slice']}: {row['why']}" for row in open_), *warns])  # fmt: skip
    return unless_chosen(
        data,
        Ruling(Standing.PASS, f"{len(data['slices'])} slices compared with {data['baseline'][7:19]}{average}{plan}",
               "no slice is worse than its margin", asked, warns),
    )  # fmt: skip


def rule_abstention(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """SAFE-02. `{should: {passes, n}, wrongly: {count, n}, answered: {wrong, n}}`: all halves, always together.

    The third is shown always, and judged where the limit asks for it: answers that are wrong are no way round a refusal.
    """
    kept, n_should = data["should"]["passes"], data["should"]["n"]
    refused, n_scope = data["wrongly"]["count"], data["wrongly"]["n"]
    asked = f"abstained when it should: at least {percent(limits.abstain_min)}; wrongly refused: at most {percent(limits.refused_max)}"
    seen = f"abstained or escalated on {kept} of {n_should} that have no answer; refused {refused} of {n_scope} that have one"
    wrong, n_said = (data["answered"]["wrong"], data["answered"]["n"]) if "answered" in data else (0, 0)
    if n_said:
        seen += f"; answered {n_said} of those, {wrong} wrongly"
    if back := data.get("asked_back"):
        seen += f"; asked back on {back['should']} of the first, {back['wrongly']} of the second"
    bounded = limits.wrong_max < 1
    if bounded:
        asked += f"; answered wrongly: at most {percent(limits.wrong_max)}"
    broken = data["should"].get("broken", 0) + data["wrongly"].get("broken", 0)
    if broken > limits.broken_max * (n_should + n_scope + broken):
        return _owed(f"{seen}; {broken} more broke", "they may be the hard ones", asked, Gap.BROKEN)
    if n_should == 0 or n_scope == 0 or (bounded and n_said == 0):
        return _owed(seen, "one half was not tested", asked, Gap.THIN)
    right = stays_below(limits.wrong_max, Estimate.of(wrong, n_said)) if bounded else Clears.PASS
    should = clears(limits.abstain_min, Estimate.of(kept, n_should))
    wrongly = stays_below(limits.refused_max, Estimate.of(refused, n_scope))
    proves = (
        f"at least {percent(_least(kept, n_should))} and at most {percent(_most(refused, n_scope))} (each 95 % sure)"
    )
    if bounded:
        proves += f"; at most {percent(_most(wrong, n_said))} of the answers wrong"
    if Clears.FAIL in (should, wrongly, right):
        half = (
            f"at most {percent(_most(kept, n_should))} of them"
            if should is Clears.FAIL
            else f"at least {percent(_least(refused, n_scope))} refused wrongly"
            if wrongly is Clears.FAIL
            else f"at least {percent(_least(wrong, n_said))} of the answers wrong"
        )
        return Ruling(Standing.FAIL, seen, half, asked)
    if Clears.UNDECIDED in (should, wrongly, right):
        return _owed(seen, proves, asked, Gap.THIN)
    if curtailed := data["should"].get("curtailed", 0) + data["wrongly"].get("curtailed", 0):
        # When to stop was decided by what had been seen, so what was seen is no sample of the rest.
        return _owed(f"{seen}; {curtailed} were not asked", "nothing of those", asked, Gap.THIN)
    return Ruling(Standing.PASS, seen, proves, asked)


def rule_grounding(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """SAFE-01. `{delivered, slices: [{slice, asked, unsupported, n}], citations: {checked, unresolved, fabricated, …, examples}}`."""
    ceiling = limits.unsupported_max
    asked = (
        f"delivered with an unsupported claim: at most {percent(ceiling)} per slice (95 % sure); every citation holds"
    )
    cites = data["citations"]
    broken = sum(cites[name] for name in ("unresolved", "fabricated", "misattributed", "spliced"))
    seen = f"{data['delivered']} answers delivered, {cites['checked']} citations looked up"
    bad, thin, proven = [], [], 0
    if broken:
        kinds = ", ".join(
            f"{cites[name]} {name}" for name in ("unresolved", "fabricated", "misattributed", "spliced") if cites[name]
        )
        bad.append(f"{broken} of {cites['checked']} citations do not hold: {kinds}")
    for row in data["slices"]:
        state = stays_below(ceiling, Estimate.of(row["unsupported"], row["n"])) if row["n"] else None
        said = f"{row['slice']}: {row['unsupported']} of {row['n']} delivered have an unsupported claim"
        if state is Clears.FAIL:
            bad.append(f"{said}, at least {percent(_least(row['unsupported'], row['n']))}")
        elif state is Clears.UNDECIDED and row["asked"]:
            thin.append(f"{said}, which proves only at most {percent(_most(row['unsupported'], row['n']))}")
        elif state is Clears.PASS:
            proven += 1
    examples = [example for row in data["slices"] for example in row.get("examples", ())] + list(
        cites.get("examples", ())
    )
    if bad:
        return Ruling(Standing.FAIL, bad[0] + (f" (+{len(bad) - 1} more)" if len(bad) > 1 else ""),
                      "people are told what no source says", asked, tuple(bad + examples[:5] + thin))  # fmt: skip
    if lost := data.get("unweighed", 0):
        return _owed(f"{seen}; `{data['scorer']}` gave no word on {lost} cases: {data['why_unweighed']}",
                     "nothing of those", asked, Gap.BROKEN, thin + examples[:5])  # fmt: skip
    if thin:
        need = cases_to_certify(1 - ceiling)
        return _owed(f"{thin[0]}" + (f" (+{len(thin) - 1} more)" if len(thin) > 1 else ""),
                     f"{need} without one could prove {percent(ceiling)}", asked, Gap.THIN, thin + examples[:5])  # fmt: skip
    if not proven:
        return _owed(seen, "no slice delivered anything", asked, Gap.THIN)
    return _unless_curtailed(data, Ruling(Standing.PASS, seen, f"{proven} slices within their bound", asked))


def rule_calibration(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """SAFE-03. `{labels, budget, confidence, stale: [part], slices: [{slice, outcome, threshold, policy, missing, held_back}]}`."""
    ceiling = limits.unsupported_max
    asked = f"each threshold proven on held-back documents: unsupported at most {percent(ceiling)} of the delivered (95 % sure)"
    if not data["labels"]:
        return _owed("no record of a calibration", "the threshold was guessed", asked, Gap.THIN)
    seen = f"{data['labels']} labelled answers, budget {percent(data['budget'])}"
    if data["stale"]:
        return _owed(seen, f"another {' and '.join(data['stale'])} than this bundle's", asked, Gap.SCOPE)
    if data["budget"] > ceiling:
        return Ruling(Standing.FAIL, seen, "the budget is larger than the profile permits", asked)
    if data["confidence"] < 0.95:
        return Ruling(Standing.FAIL, seen, f"only {percent(data['confidence'])} sure", asked)
    bad, thin, proven = [], [], []
    for row in data["slices"]:
        name, held, threshold = row["slice"], row["held_back"], row["threshold"]
        if row["outcome"] == "too few labels":
            what = (
                f"{row['missing_documents']} documents"
                if row["missing_documents"]
                else f"{row['missing']} delivered answers"
            )
            thin.append(f"{name}: too few labels, {what} are missing")
        elif threshold is None:
            bad.append(f"{name}: no threshold keeps the budget")
        elif row["policy"] < threshold:
            bad.append(f"{name}: the policy delivers from {row['policy']:.3f}, {threshold:.3f} was calibrated")
        elif held["low"] > data["budget"]:
            bad.append(
                f"{name}: {held['unsupported']} of {held['delivered']} delivered were unsupported, which refutes it"
            )
        elif held["bound"] > ceiling:
            thin.append(
                f"{name}: {held['unsupported']} of {held['delivered']} unsupported proves only at most {percent(held['bound'])}"
            )
        else:
            proven.append(
                f"{name}: at most {percent(held['bound'])} at {threshold:.3f}, {held['delivered']} of {held['n']} delivered"
            )
    if bad:
        return Ruling(Standing.FAIL, bad[0] + (f" (+{len(bad) - 1} more)" if len(bad) > 1 else ""),
                      "the threshold does not keep its promise", asked, tuple(bad + thin + proven))  # fmt: skip
    if thin:
        return _owed(thin[0] + (f" (+{len(thin) - 1} more)" if len(thin) > 1 else ""), "too few labels to prove it", asked,
                     Gap.THIN, thin + proven)  # fmt: skip
    return Ruling(
        Standing.PASS,
        seen,
        proven[0] + (f" (+{len(proven) - 1} more)" if len(proven) > 1 else ""),
        asked,
        tuple(proven),
    )


def rule_parse(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """PRS-01. `{evals: {ok, attempted}, fuzz: {handled, n, missed: [name]}}`."""
    ok, attempted = data["evals"]["ok"], data["evals"]["attempted"]
    handled, n = data["fuzz"]["handled"], data["fuzz"]["n"]
    asked = f"at least {percent(limits.parse_min)} of the outputs parse, and every fuzzed output is handled"
    seen = f"{ok} of {attempted} outputs parsed; {handled} of {n} fuzzed outputs handled"
    if n and handled < n:
        return Ruling(Standing.FAIL, seen, "a malformed output was taken for a good one, or crashed the app", asked,
                      tuple(f"fuzz: {name}" for name in data["fuzz"]["missed"]))  # fmt: skip
    if attempted == 0 or n == 0:
        return _owed(seen, "one half was not tested", asked, Gap.THIN)
    state = clears(limits.parse_min, Estimate.of(ok, attempted))
    proves = f"a parse rate of at least {percent(_least(ok, attempted))} (95 % sure)"
    if state is Clears.FAIL:
        return Ruling(Standing.FAIL, seen, f"at most {percent(_most(ok, attempted))}", asked)
    if state is Clears.UNDECIDED:
        need = cases_to_certify(limits.parse_min, failures=attempted - ok)
        return _owed(seen, f"{proves}; {need} outputs with no further failure could prove it", asked, Gap.THIN)
    return _unless_curtailed(data, Ruling(Standing.PASS, seen, proves, asked))


def _unless_curtailed(data: Mapping[str, Any], ruling: Ruling) -> Ruling:
    """When to stop was decided by what had been seen, so what was seen is no sample of the rest."""
    if not (left_out := data.get("curtailed", 0)):
        return ruling
    return _owed(f"{ruling.seen}; {left_out} trials were not asked", "nothing of those", ruling.asked, Gap.THIN)


def rule_governance(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """GOV-04. `{stakes: bool, derived, declared, missing: [name], loosened: [limit]}`.

    A lighter profile, or limits looser than the profile's, pass by a signed waiver only.
    """
    asked = "purpose, data classes and stakes answered; a profile no lighter than they derive, its limits kept"
    if data["missing"]:
        return Ruling(
            Standing.FAIL, f"not answered: {', '.join(data['missing'])}", "the profile rests on nothing", asked
        )
    seen = f"the stakes derive `{data['derived']}`, the manifest says `{data['declared']}`"
    if _WEIGHT[data["declared"]] < _WEIGHT[data["derived"]]:
        why = "the bar is lighter than the stakes; an approver can waive that for a while"
        return Ruling(Standing.FAIL, seen, why, asked)
    if data.get("loosened"):
        why = "the bar is lower than its name; an approver can waive that for a while"
        return Ruling(
            Standing.FAIL,
            f"looser than `{data['declared']}`: {data['loosened'][0]}",
            why,
            asked,
            tuple(data["loosened"]),
        )
    return Ruling(Standing.PASS, seen, "the bar fits the stakes", asked)


def rule_rerun(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """OBS-05. `{run, cases, asked, age_days}`: the newest whole run of these bytes, by its oldest reply."""
    asked = f"the whole suite asked anew within {limits.evidence_days:g} days, even with no change"
    if data.get("asked") is None:
        return _owed("no whole run of these bytes", "nothing", asked, Gap.THIN)
    seen = f"{data['cases']} cases, the oldest reply from {data['asked'][:10]}"
    if data["age_days"] > limits.evidence_days:
        return _owed(seen, f"what held {data['age_days']:.0f} days ago", asked, Gap.STALE)
    return Ruling(Standing.PASS, seen, "it held with the model as it answers now", asked)


_WEIGHT = {"light": 0, "standard": 1, "regulated": 2}

RULES: Mapping[str, Rule] = {
    "BND-01": rule_findings, "BND-03": rule_findings, "PIN-01": rule_pins,
    "CMP-01": rule_findings, "CMP-02": rule_findings, "CMP-03": rule_findings,
    "GOV-01": rule_findings, "GOV-02": rule_findings, "GOV-03": rule_findings, "GOV-04": rule_governance,
    "SAFE-01": rule_grounding, "SAFE-02": rule_abstention, "SAFE-03": rule_calibration,
    "SAFE-04": rule_packs,
    "SAFE-05": rule_findings, "SAFE-06": rule_handoff, "SAFE-07": rule_findings,
    "EVAL-01": rule_ran, "EVAL-02": rule_critical, "EVAL-03": rule_regression,
    "EVAL-04": rule_judges, "EVAL-05": rule_mutants, "EVAL-06": rule_findings, "EVAL-07": rule_mix,
    "EVAL-08": rule_fallback, "EVAL-09": rule_findings,
    "PRS-01": rule_parse, "PRS-02": rule_findings, "PRS-03": rule_contract,
    "DOM-01": rule_findings, "DOM-02": rule_findings, "DOM-03": rule_findings,
    "ACT-01": rule_findings, "ACT-02": rule_findings, "ACT-03": rule_findings, "ACT-04": rule_findings,
    "ACT-05": rule_attacks, "ACT-06": rule_findings,
    "ROLL-06": rule_findings, "CAP-01": rule_findings, "RUN-01": rule_findings, "OBS-05": rule_rerun,
}  # fmt: skip
