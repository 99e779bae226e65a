"""The plan of a comparison, for the terminal."""

from collections.abc import Mapping
from typing import Any

_FROM = {
    "measured": "measured",
    "repeats": "from repeated trials",
    "declared": "declared, not measured",
    "assumed": "assumed: nobody measured it",
}


def sample_plan_lines(plan: Mapping[str, Any]) -> list[str]:
    """The plan as lines of plain text: what all slices together can show, then each slice, and the ways out.

    Args:
        plan: what `SamplePlan.to_json` gives.
    """
    rows = plan["slices"]
    lines = [_first(plan), ""]
    width = max([len(row["slice"]) for row in rows] + [5])
    if rows:
        head = f"{'':6}{'slice':<{width}}  {'cases':>6}  {'margin':>6}  {'flips':>6}  {'unchanged':>16}  {'true drop of the margin':>23}  {'needed':>7}"
        lines += [
            head,
            f"{'':6}{'':<{width}}  {'':>6}  {'':>6}  {'':>6}  {'passes':>7}  {'fails':>7}  {'passes':>11}  {'fails':>10}",
        ]
    for row in rows:
        lines.append(_row(row, width))
        lines += [f"      {text}" for text in _beside(row)]
        if row["exits"]:
            lines.append(f"      Ways out for `{row['slice']}`, in this order:")
            for number, exit in enumerate(row["exits"], start=1):
                lines += [f"      {number} {exit['exit']:<7} {exit['says']}", f"                {exit['do']}"]
    if plan["census"]:
        lines.append(
            f"Each case is the requirement itself (census), so nothing is planned: {', '.join(plan['census'])}."
        )
    lines += ["", *_flips(rows)]
    if plan["repeats"] > 1:
        lines.append(
            f"With {plan['repeats']} repeats a t interval over the cases has to hold as well; the chances above are those of the exact half."
        )
    if plan["cost"] is not None:
        lines.append(_cost(plan["cost"]))
    if plan["registered"]:
        lines.append(f"These terms are registered as {plan['registered'][7:19]}.")
    return lines


def _first(plan: Mapping[str, Any]) -> str:
    critical = [row for row in plan["slices"] if row["critical"]]
    if plan["joint"] is None:
        return "PLAN  no critical slice to plan for"
    together = f"{len(critical)} critical slices together" if len(critical) > 1 else f"slice `{critical[0]['slice']}`"
    says = f"PLAN  {together}: a release that changed nothing passes with a chance of {plan['joint']:.2f}"
    short = [row["slice"] for row in critical if not row["enough"]]
    asked = f"; you ask {plan['power']:.2f}"
    return says + asked + (f"; too few cases in {', '.join(short)}" if short else "; the cases are enough")


def _row(row: Mapping[str, Any], width: int) -> str:
    needed = f"{row['needed']:,}" if row["needed"] is not None else "never"
    word = "ok" if row["enough"] else "few"
    return (
        f"{word:<6}{row['slice']:<{width}}  {row['cases']:>6,}  {100 * row['margin']:>6g}  {100 * row['discordance']['rate']:>5.1f}%"
        f"  {row['pass_unchanged']:>7.3f}  {row['fail_unchanged']:>7.3f}  {row['pass_dropped']:>11.3f}  {row['fail_dropped']:>10.3f}"
        f"  {needed:>7}" + ("" if row["critical"] else "  not critical")
    )


def _beside(row: Mapping[str, Any]) -> list[str]:
    said = []
    if row["pass_unchanged_careful"] is not None:
        high = row["discordance"]["high"]
        said.append(
            f"were {100 * high:.1f} % to flip, which is not ruled out, it would pass with {row['pass_unchanged_careful']:.3f}"
        )
    if not row["enough"] and row["critical"]:
        held = 100 * (1 - row["pass_unchanged"])
        said.append(
            f"{row['cases']} cases hold or block it {held:.0f} times in 100 though nothing changed; without a single flip {row['needed_without_flips']} would do"
        )
    if row["without_failure"] is not None and row["cases"] < row["without_failure"]:
        said.append(f"EVAL-02 asks {row['without_failure']} cases without a failure of a critical slice")
    short = [floor for floor in row["floors"] if floor["cases"] > row["cases"]]
    said += [
        f"a floor of {100 * floor['floor']:g} % for {floor['scorer']} takes {floor['cases']} cases" for floor in short
    ]
    if row["missing"]:
        cost = []
        if row["missing_usd"] is not None:
            cost.append(f"${row['missing_usd']:.2f}")
        if row["missing_minutes"] is not None:
            cost.append(f"{row['missing_minutes']:.1f} minutes")
        if cost:
            said.append(f"{row['missing']} more cases cost about {' and '.join(cost)} a run")
    return said


def _flips(rows: list[Mapping[str, Any]]) -> list[str]:
    """Where the flip rates come from, once for all slices that have the same."""
    found: dict[str, list[str]] = {}
    for row in rows:
        flips = row["discordance"]
        says = f"{100 * flips['rate']:.1f} % of the cases flip though nothing changed, {_FROM[flips['source']]}"
        if flips["n"] is not None:
            says += f": {flips['flipped']} of {flips['n']}, 95 % sure of {100 * flips['low']:.1f} to {100 * flips['high']:.1f}"
        if flips["about"]:
            says += f" ({flips['about']})"
        found.setdefault(says, []).append(row["slice"])
    lines = [says + (f" [{', '.join(names)}]" if len(found) > 1 else "") for says, names in found.items()]
    if any(row["discordance"]["source"] in ("assumed", "declared") for row in rows):
        lines.append("Measure it: interlock check --aa")
    return lines


def _cost(cost: Mapping[str, Any]) -> str:
    most = "no bound" if cost["cost_max_usd"] is None else f"at most ${cost['cost_max_usd']:.2f}"
    took = "" if cost["minutes"] is None else f", about {cost['minutes']:.1f} minutes"
    return f"The next run: {cost['trials']} trials to ask, {cost['reused']} reused, at most {cost['calls_max']} calls, {most}{took}."
