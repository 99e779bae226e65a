"""The rules about the suites themselves: whose mix they mirror, and by which judges."""

from collections.abc import Mapping
from typing import Any

from interlock.core.checks import Limits
from interlock.core.evidence import Gap
from interlock.core.judged_rate import LABELS_MIN
from interlock.core.judgement import cohen_kappa, sensitivity, specificity, table_from
from interlock.core.representativeness import cases_for_mix
from interlock.core.ruling import Ruling, Standing, owed, percent


def rule_mix(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """EVAL-07. `{cases, units, sourceless, faults, profile, keys: [{key, basis, distance, low, high, …}], uncovered}`."""
    limit = limits.share_distance_max
    asked = f"distance between the mixes at most {limit:g} (95 % sure), no slice of 1 % or more without a case, a source for each"
    keys, profile = data["keys"], data["profile"]
    notes = tuple(_mix_line(key, limit) for key in keys)
    if data["sourceless"]:
        ids = data["sourceless"]
        return Ruling(Standing.FAIL, f"{len(ids)} cases have no source, first `{ids[0]}`",
                      "nobody can say what they stand for", asked, tuple(f"case `{id}` has no source" for id in ids))  # fmt: skip
    if data["faults"]:
        return Ruling(Standing.FAIL, data["faults"][0], "the mix cannot be compared", asked, (*data["faults"], *notes))
    if data["units"] == 0:
        return owed("no gold case", "nothing", asked, Gap.THIN)
    if not keys:
        seen = f"{data['units']} gold cases, no share declared and no traffic counted"
        return owed(seen, "nothing: there is nothing to compare the mix with", asked, Gap.THIN)
    worst = max(keys, key=lambda key: (key["low"] > limit, key["high"]))
    seen = (
        f"{worst['key']}: distance {worst['distance']:.3f} from {_basis(worst, profile)}, {worst['units']} gold cases"
    )
    proves = f"at least {worst['low']:.3f} and at most {worst['high']:.3f} (each 95 % sure)"
    if worst["distance"] > limit:
        proves += f"; an average may be off by {worst['distance']:.2f} of its range, so weights are mandatory for one"
    if worst["low"] > limit:
        return Ruling(Standing.FAIL, seen, proves, asked, notes)
    if any(key["basis"] == "observed" for key in keys) and profile and profile["age_days"] is not None:
        if profile["age_days"] > limits.traffic_days:
            seen = f"traffic was counted {profile['age_days']} days ago"
            return owed(
                seen, "how people asked then", f"{asked}; counted within {limits.traffic_days:g} days", Gap.STALE, notes
            )
        if profile["age_days"] < -1:  # a day's difference may be the time zone
            return owed(f"traffic is dated {profile['as_of']}, which is to come", "nothing", asked, Gap.STALE, notes)
    if missing := data["uncovered"]:
        names = [f"{row['slice']} ({percent(row['share'])} of the traffic) has no gold case" for row in missing]
        return owed(names[0] + (f" (+{len(names) - 1} more)" if len(names) > 1 else ""),
                     "nothing about what is asked there", asked, Gap.THIN, (*names, *notes))  # fmt: skip
    if worst["high"] > limit:
        needed = cases_for_mix(worst["distance"], limit, worst["requests"])
        more = (
            f"{needed} cases in this mix could prove it"
            if needed
            else "more cases in this mix never prove it: mend the mix"
        )
        return owed(seen, f"{proves}; {more}", asked, Gap.THIN, notes)
    if thin := [key for key in keys if key["weighted"] and key["n_eff"] < limits.min_cases]:
        seen = f"weighted, the {thin[0]['units']} gold cases count as {thin[0]['n_eff']:.0f}"
        return owed(
            seen,
            "few cases carry most of the weight",
            f"{asked}; at least {limits.min_cases:g} effective cases",
            Gap.THIN,
            notes,
        )
    return Ruling(Standing.PASS, seen, proves, asked, notes)


def _basis(key: Mapping[str, Any], profile: Mapping[str, Any] | None) -> str:
    if key["basis"] == "observed" and profile:
        return f"{key['requests']} requests counted until {profile['as_of']}"
    return "declared shares"


def _mix_line(key: Mapping[str, Any], limit: float) -> str:
    """One key with its information: what decides nothing stands behind the distance."""
    fit = key["chi_square"]
    line = (
        f"{key['key']}: distance {key['distance']:.3f} [{key['low']:.3f}, {key['high']:.3f}], {key['units']} cases, "
        f"effective {key['n_eff']:.0f}; Jensen-Shannon {key['jensen_shannon']:.3f}, chi-square p {fit['p']:.2g} (information)"
    )
    if key["weighted"]:
        line += f"; without weights {key['unweighted']:.3f}"
    elif key["distance"] > limit:
        off = sorted((row for row in key["slices"] if row["weight"]), key=lambda row: -abs(row["share"] - row["gold"]))
        line += "; weights that would mend it: " + ", ".join(f"{row['slice']} × {row['weight']:.2f}" for row in off[:4])
    return line


def rule_judges(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """EVAL-04. `{judges: [{suite, name, model, pinned, why, calibrated, stale, labels, table, ties, target}]}`."""
    asked = (
        f"each judge pinned, at least {LABELS_MIN} cases with a human label, kappa's lower bound (95 %) at its target"
    )
    if not data["judges"]:
        return Ruling(Standing.NA, "the suites use no judge", "", "")
    bad: list[str] = []
    thin: list[tuple[Gap, str]] = []
    good: list[str] = []
    for row in data["judges"]:
        name, table, target = f"judge `{row['name']}`", table_from(row["table"]), row["target"]
        if not row["pinned"]:
            bad.append(f"{name} is not pinned: {row['why']}")
        if not row["calibrated"]:
            thin.append((Gap.METHOD, f"{name} has no calibration record"))
            continue
        if row["stale"]:
            thin.append((Gap.SCOPE, f"{name}: its labels are of another {', '.join(row['stale'])}"))
            continue
        for piece, count in row.get("slices", {}).items():
            if not count:
                thin.append((Gap.SCOPE, f"{name} has no label of slice `{piece}`, whose floor rests on it"))
        found = cohen_kappa(table)
        ties = f", {row['ties']} ties left out" if row["ties"] else ""
        if found.kappa is None:
            figures = f"{name}: kappa not known over {table.n} labelled cases, one side always says the same{ties}"
        else:
            pass_rate, fail_rate = sensitivity(table), specificity(table)
            (kept, positives), (stopped, negatives) = table.sensitivity, table.specificity
            figures = (
                f"{name}: kappa {found.kappa:.2f} [{found.low:.2f}, {found.high:.2f}] over {table.n} labelled cases{ties}; "
                f"passes what people pass {kept} of {positives} (at least {percent(pass_rate.low)}), "
                f"fails what people fail {stopped} of {negatives} (at least {percent(fail_rate.low)})"
            )
        if row.get("apart"):
            figures += f"; {row['apart']} replies on which it said nothing that counts"
        if table.n < LABELS_MIN:
            thin.append((Gap.THIN, f"{figures}; {LABELS_MIN - table.n} labels are missing"))
        elif found.high < target:
            bad.append(f"{figures}; target {target:g}")
        elif found.low < target:
            thin.append((Gap.THIN, f"{figures}; target {target:g} is not shown"))
        else:
            good.append(figures)
    said = (*bad, *(text for _, text in thin), *good)
    more = f" (+{len(bad) + len(thin) - 1} more)" if len(bad) + len(thin) > 1 else ""
    if bad:
        return Ruling(Standing.FAIL, bad[0] + more, "its scores may not gate", asked, said)
    if thin:
        return owed(thin[0][1] + more, "not yet how far its scores can be trusted", asked, thin[0][0], said)
    return Ruling(Standing.PASS, good[0] + (f" (+{len(good) - 1} more)" if len(good) > 1 else ""),
                  "how often it errs is known, and corrects what it says", asked, said)  # fmt: skip
