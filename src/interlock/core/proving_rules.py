"""The rules about what suites can show: that they turn red on a broken bundle, and that the AI is worth its risk."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from interlock.core.checks import Limits
from interlock.core.estimate import clopper_pearson
from interlock.core.evidence import Gap
from interlock.core.ruling import Ruling, Standing, owed, percent


def rule_mutants(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """EVAL-05. `{parts: [part], mutants: [{id, part, what, fate, by_suites}]}`.

    The mutants are a fixed set and no sample, so the share itself is compared with the floor and the interval informs.
    What was not run is taken for survived to pass, and for killed to fail. A part counts as seen when running the
    suites, and not only reading the files, turned red for one of its mutants.
    """
    floor, rows = limits.mutants_killed_min, data["mutants"]
    asked = f"the suites notice a mutant of each part, and at least {percent(floor)} of all mutants are noticed"
    fates = Counter(row["fate"] for row in rows)
    killed, survived, not_run = fates["killed"], fates["survived"], fates["not run"]
    counted = killed + survived + not_run
    if counted == 0:
        return owed("no mutant was made", "nothing", asked, Gap.THIN)
    seen = f"{killed} of {killed + survived} mutants killed, {survived} survived" + (
        f", {not_run} not run" if not_run else ""
    )
    details = [f"{row['id']} {row['fate']}: {row['what']}" for row in rows if row["fate"] in ("survived", "not run")]
    unseen = [part for part in data["parts"] if not any(r["part"] == part and r["by_suites"] for r in rows)]
    open_ = [part for part in unseen if any(r["part"] == part and r["fate"] == "not run" for r in rows)]
    open_ += [part for part in unseen if not any(r["part"] == part and r["fate"] != "equivalent" for r in rows)]
    if blind := [part for part in unseen if part not in open_]:
        return Ruling(
            Standing.FAIL, seen, f"no mutant of {', '.join(blind)} turned the suites red", asked, tuple(details)
        )
    if (most := (killed + not_run) / counted) < floor:
        return Ruling(Standing.FAIL, seen, f"at most {percent(most)} are noticed", asked, tuple(details))
    if open_:
        return owed(seen, f"no mutant of {', '.join(open_)} was tried and noticed", asked, Gap.THIN, details)
    if (least := killed / counted) < floor:
        return owed(seen, f"only {percent(least)} are sure to be noticed", asked, Gap.THIN, details)
    interval = clopper_pearson(killed, killed + survived)
    proves = f"it can fail: {percent(killed / (killed + survived))} noticed, 95 % interval {percent(interval.low)} to {percent(interval.high)}"
    return Ruling(Standing.PASS, seen, proves, asked, tuple(details))


def rule_fallback(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """EVAL-08. `{fallback: bool, cases, broken, slices: [{slice, state, claim, n, delta, without_ai, ai, why, wins_at, …}]}`."""
    asked = (
        "worse than the path without AI nowhere, better somewhere, and in each slice what its `against_fallback` claims"
    )
    rows = data["slices"]
    if not data["fallback"]:
        return owed(
            "no `fallback` is declared", "nothing: there is no path without AI to compare with", asked, Gap.THIN
        )
    if not rows or all(row["n"] == 0 for row in rows):
        return owed("no gold case ran both ways", "nothing", asked, Gap.BROKEN)
    if data["broken"] > limits.broken_max * data["cases"]:
        seen = f"{data['broken']} of {data['cases']} gold cases broke with or without AI"
        return owed(seen, "they say nothing of either path", asked, Gap.BROKEN)
    by_state: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_state.setdefault(row["state"], []).append(row)
    wins, keep = by_state.get("wins", []), [row for row in rows if row["state"] != "wins"]
    seen = f"the AI wins in {len(wins)} of {len(rows)} slices" + (
        f"; keep the old path in {', '.join(row['slice'] for row in keep)}" if keep else ""
    )
    details = [
        f"{row['slice']}: right without AI {row['without_ai']['passes']}, with AI {row['ai']['passes']} of {row['ai']['n']}; {row['why']}"
        for row in keep
    ]
    if lost := by_state.get("loses"):
        worst = min(lost, key=lambda row: row["delta"])
        return Ruling(Standing.FAIL, seen, f"{worst['slice']} is worse with AI: {worst['why']}", asked, tuple(details))
    unshown = [row for row in keep if row["claim"] == "beats" or (row["claim"] and row["state"] != "matches")]
    if unshown:
        row = unshown[0]
        need = row["wins_at"] if row["claim"] == "beats" else row["matches_at"]
        more = (
            f"about {need} cases at these rates would show it"
            if need
            else "no number of cases at these rates soon would"
        )
        return owed(
            seen, f"{row['slice']} claims `{row['claim']}`, which is not shown; {more}", asked, Gap.THIN, details
        )
    if not wins:
        return owed(seen, "no slice is shown to be better with AI", asked, Gap.THIN, details)
    return Ruling(Standing.PASS, seen, "worse nowhere, by the exact paired test", asked, tuple(details))
