"""A comparison of recorded results, for the terminal and for other programs."""

import json
from collections.abc import Mapping
from typing import Any

_WORDS = {"pass": "PASS", "fail": "FAIL", "owed": "OWED"}


def compare_json(result: Mapping[str, Any]) -> str:
    """The result as JSON text, keys in their order, with a line end."""
    return json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def compare_lines(result: Mapping[str, Any]) -> list[str]:
    """The result as lines of plain text: the verdict, what decided it, then a line per slice, the worst first.

    Args:
        result: what `Comparison.to_json` gives.
    """
    slices = sorted(result["slices"], key=lambda one: (["fail", "owed", "pass"].index(one["verdict"]), -_size(one)))
    lines = [f"{result['verdict']}  {result['candidate']} against {result['baseline']}: {_because(result)}", ""]
    named = [*slices, result["overall"]]
    width = max(len(one["slice"]) for one in named)
    cases = max(len(str(one["n"])) for one in named)
    for one in slices:
        lines.append(_line(one, width, cases, _WORDS[one["verdict"]]))
        if one["verdict"] != "pass":
            lines.append(f"      {_decides(one)}")
        if one["bca"] is not None:
            lines.append(f"      a second view (bootstrap): [{100 * one['bca'][0]:+.1f}, {100 * one['bca'][1]:+.1f}]")
    lines += ["", _line(result["overall"], width, cases, "    ") + "  (informs, decides nothing)"]
    if result["repeats"]:
        lines += [_repeats(name, result["repeats"][name]) for name in ("before", "after")]
    if result["kind"] == "drift":
        lines += _drift(result)
    if result["ignored"]:
        lines.append(f"Keys that were not looked at: {', '.join(result['ignored'])}.")
    return lines


def _repeats(name: str, found: Mapping[str, Any]) -> str:
    """pass^k and how many cases waver, of one release."""
    chances = ", ".join(f"{k} {value:.3f}" for k, value in enumerate(found["pass_hat"], start=1))
    flaky = ", ".join(f"{one['case']} {one['passes']}/{one['trials']}" for one in found["flaky_cases"][:5])
    more = f", +{found['flaky'] - 5} more" if found["flaky"] > 5 else ""
    return f"      {name}: all of k repeats pass: {chances}; {found['flaky']} of {found['cases']} cases waver" + (
        f" ({flaky}{more})" if flaky else ""
    )


def _drift(result: Mapping[str, Any]) -> list[str]:
    """What two runs of one version say, and do not say."""
    noise = result["discordance"]
    if not noise["n"]:
        return []
    return [
        f"The same version gave another result for {noise['flipped']} of {noise['n']} cases"
        f" ({100 * noise['rate']:.1f} %, 95 % sure of {100 * noise['low']:.1f} to {100 * noise['high']:.1f}). No change of yours"
        " is the cause: the model, or what runs it, moved.",
        "Before you compare another release with it, run the baseline again on the same day; plan with"
        f" `interlock plan --discordance {noise['rate']:.3f}`.",
    ]


def _because(result: Mapping[str, Any]) -> str:
    critical = [one for one in result["slices"] if one["critical"]]
    if result["kind"] == "drift" and critical:
        moved = [f"{one['slice']} moved {one['moved']}" for one in result["slices"] if one["moved"]]
        version = f" of {result['release']}" if result["release"] else ""
        failed = [one["slice"] for one in critical if one["verdict"] == "fail"]
        if failed:
            moved.append(f"as a release it would be blocked by {', '.join(failed)}")
        says = "; ".join(moved) if moved else "no slice is shown to have moved"
        return f"drift between two runs{version}, not a change: {says}"
    for verdict, says in (("fail", "got worse in"), ("owed", "not yet shown for")):
        if found := [one["slice"] for one in critical if one["verdict"] == verdict]:
            return f"{says} {', '.join(found)}"
    if not critical:
        return "no case to compare"
    return "no critical slice is worse by more than its margin"


def _line(one: Mapping[str, Any], width: int, cases: int, word: str) -> str:
    change = "no change seen" if one["delta"] is None else f"change {100 * one['delta']:+.1f} points"
    parts = [
        f"{word}  {one['slice']:<{width}}  n {one['n']:>{cases}}",
        f"broke {one['broke']}",
        f"fixed {one['fixed']}",
        f"{change} [{100 * one['low']:+.1f}, {100 * one['high']:+.1f}]",
        f"margin {100 * one['margin']:g}",
    ]
    if one["errors"]:
        parts.append(f"errors {one['errors']}")
    if one["unpaired"]:
        parts.append(f"unpaired {one['unpaired']}")
    if one["not_applicable"]:
        parts.append(f"not applicable {one['not_applicable']}")
    if one["moved"]:
        parts.append(f"moved {one['moved']}")
    if not one["critical"] and word.strip():
        parts.append(
            "not critical" if one["q"] is None or one["q"] >= 0.05 else f"not critical: warns, q = {one['q']:.2g}"
        )
    return "  ".join(parts)


def _decides(one: Mapping[str, Any]) -> str:
    """Why a slice does not pass, and what would settle it."""
    drop, margin = f"{100 * one['smallest_drop']:.1f}", f"{100 * one['margin']:g}"
    if one["verdict"] == "fail":
        return str(one["why"])
    if one["n"] == 0:
        return f"no case was judged under both releases: {one['errors']} with an error or missing, {one['unpaired']} unpaired"
    few = "one case rules" if one["n"] == 1 else f"{one['n']} cases like these rule"
    says = f"{few} out a drop of more than {drop} points and no smaller one; the margin is {margin}"
    if one["smallest_drop"] < one["margin"]:
        return str(one["why"])
    if one["unpaired"]:
        return f"{says}: judge the {one['unpaired']} unpaired cases under both releases first"
    if one["decides_at"] is None:
        return f"{says}: more cases at these rates never pass; mend what broke"
    return f"{says}: {one['decides_at']} cases at these rates would decide"


def _size(one: Mapping[str, Any]) -> int:
    return int(one["broke"])
