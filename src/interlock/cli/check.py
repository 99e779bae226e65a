"""`interlock check`."""

import asyncio
import time
from typing import Annotated, Any

from cyclopts import Parameter

from interlock.cli import command_fault
from interlock.cli.session import (
    HERE,
    As,
    Bar,
    Bundle,
    Dir,
    Env,
    Json,
    bench_of,
    environment_of,
    exit_of,
    note,
    records_of,
    screen,
    show,
    show_json,
)  # fmt: skip
from interlock.core.digest import short
from interlock.core.errors import UsageError
from interlock.core.rules import Standing
from interlock.core.verdict import Outcome
from interlock.services.check import CheckPlan, CheckRun, Desk, check_static, measurer_of, plan_check
from interlock.services.check import check as run_check
from interlock.services.shelf import keep, resolve_digest
from interlock.settings import read_settings
from interlock.views.json_ import verdict_document
from interlock.views.summary import RunSummary
from interlock.views.terminal import verdict_lines
from interlock.wiring import measuring, open_desk, read_feature


def check(
    *,
    env: Env = None,
    plan: Annotated[
        bool, Parameter(negative="", help="Say what is owed and what it would cost; measure nothing.")
    ] = False,
    static: Annotated[
        bool, Parameter(negative="", help="Only the checks that read files: offline, under a second.")
    ] = False,
    again: Annotated[bool, Parameter(negative="", help="Ask everything anew, also what is still fresh.")] = False,
    ways_back: Annotated[bool, Parameter(negative="", help="Also prove each single-part way back.")] = False,
    aa: Annotated[
        bool,
        Parameter(negative="", help="Only run the bundle against itself: how many cases flip though nothing changed."),
    ] = False,
    against: Annotated[
        Bundle, Parameter(help="Compare with this bundle (first digits of a digest) instead of what is live.")
    ] = None,
    dir: Dir = HERE,
    actor: As = None,
    json: Json = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", help="No progress.")] = False,
) -> int:
    """Measure what is owed, within the money cap, and print the verdict.

    Judges every environment of interlock.yaml; the exit code is that of --env, by default the most exposed one:
    0 READY, 1 BLOCKED, 3 HOLD.
    """
    if static:
        return _static(dir, json=json)
    started = time.monotonic()
    with records_of(dir, actor) as (settings, records):
        desk = open_desk(settings, records, bench_of(settings), Bar(quiet=quiet or json))
        if against:
            desk.against = resolve_digest(records, against)
        chosen = environment_of(desk.loaded.release, env)
        environments = [env] if env else list(desk.loaded.release.environments)
        if plan:
            return _plan(plan_check(desk, environments, again=again), json=json)
        if aa:
            with measuring(settings):
                return _against_itself(desk, json=json)
        with measuring(settings):
            before = plan_check(desk, environments, again=again)
            if not quiet and not json and before.asked:
                note(plan_line(before))
            run = asyncio.run(run_check(desk, environments, again=again, ways_back=ways_back, plan=before))
        verdict = run.verdict(chosen)
        summary = summary_of(run, time.monotonic() - started)
        others = [other for other in run.verdicts if other.environment != chosen]
        if json:
            show_json(
                {
                    **verdict_document(verdict, others=others, run=summary),
                    "measured": list(run.measured),
                    "plan": plan_document(run.plan),
                }
            )
        else:
            look = screen()
            show(
                verdict_lines(
                    verdict, others=others, run=summary, width=look.width, color=look.color, unicode=look.unicode
                )
            )
        return exit_of(verdict)


def _against_itself(desk: Desk, *, json: bool) -> int:
    """An A/A run: what a release that changed nothing would look like to the gate."""
    if not desk.locked:
        raise UsageError("the bundle is not locked", hint="interlock lock")
    keep(desk.records, desk.loaded.bundle, desk.loaded.tree)
    found, spent = asyncio.run(measurer_of(desk).against_itself(desk.loaded))
    if json:
        show_json({"schema": "interlock.against-itself.v1", "bundle": desk.loaded.bundle.digest, **found,
                   "calls": spent.calls, "cost_usd": spent.cost_usd})  # fmt: skip
        return 0
    whole = found["overall"]
    flipped = whole["broke"] + whole["fixed"]
    lines = [
        f"{short(desk.loaded.bundle.digest)} against itself: {flipped} of {whole['n']} cases flipped though nothing changed"
    ]
    for row in found["slices"]:
        word = {"pass": "would pass", "owed": "would be held", "fail": "would be blocked"}[row["verdict"]]
        lines.append(
            f"  {row['slice']}: broke {row['broke']}, fixed {row['fixed']} of {row['n']}; a release without a change {word}"
        )
    lines.append(f"  {spent.calls} calls, ${spent.cost_usd:.2f}; the ledger keeps it, and `interlock plan` uses it")
    show(lines)
    return 0


def summary_of(run: CheckRun, seconds: float | None = None) -> RunSummary:
    """What a run did, as the views show it."""
    return RunSummary(
        run.calls, run.reused, run.cost_usd, run.measured, run.broken, run.truncated, seconds, run.faults, run.curtailed
    )


def plan_line(plan: CheckPlan) -> str:
    """What is going to be spent, in one line."""
    most = "no bound" if plan.cost_max_usd is None else f"${plan.cost_max_usd:.2f}"
    cap = "no cap" if plan.cost_cap_usd is None else f"cap ${plan.cost_cap_usd:.2f}"
    return f"Plan: {plan.asked} trials to run, {plan.reused} reused, at most {plan.calls_max} calls, at most {most} ({cap})"


def plan_document(plan: CheckPlan) -> dict[str, Any]:
    """The plan as JSON."""
    return {
        "bundle": plan.bundle,
        "environments": list(plan.environments),
        "changed": {part: list(ids) for part, ids in plan.changed.items()},
        "owed": [
            {"id": owed.check, "because": owed.gap.value, "measurable": owed.can_measure, "reads": list(owed.reads)}
            for owed in plan.owed
        ],
        "measure": list(plan.measure),
        "trials": plan.asked,
        "reused": plan.reused,
        "calls_max": plan.calls_max,
        "cost_max_usd": plan.cost_max_usd,
        "cost_cap_usd": plan.cost_cap_usd,
    }


def _plan(plan: CheckPlan, *, json: bool) -> int:
    if json:
        show_json({"schema": "interlock.plan.v1", **plan_document(plan)})
        return 0
    lines = [f"plan for {short(plan.bundle)} in {', '.join(plan.environments)}; nothing was measured"]
    for part, ids in plan.changed.items():
        lines.append(f"  {part} changed, which owes: {' '.join(ids)}")
    lines.append(f"  would measure: {' '.join(plan.measure) or 'nothing'}")
    cannot = [owed.check for owed in plan.owed if not owed.can_measure]
    lines.append(f"  owed, but not measurable here: {' '.join(cannot) or 'nothing'}")
    lines.append("  " + plan_line(plan))
    show(lines)
    return 0


def _static(dir: Any, *, json: bool) -> int:
    settings = read_settings(dir)
    resolved, loaded, lock = read_feature(settings)
    outcomes = check_static(resolved, loaded, lock, command_fault)
    failed = [outcome for outcome in outcomes if outcome.standing is Standing.FAIL]
    if json:
        show_json({"schema": "interlock.static.v1", "bundle": loaded.bundle.digest, "failed": [o.check for o in failed],
                   "checks": [_row(outcome) for outcome in outcomes]})  # fmt: skip
    else:
        for outcome in failed:
            show([f"{outcome.check} fails: {outcome.title}", *(f"  {detail}" for detail in outcome.details[:10])])
            if len(outcome.details) > 10:
                show([f"  +{len(outcome.details) - 10} more: --json lists all"])
        show([f"{len(outcomes)} static checks, {len(failed)} failed; nothing was run and nothing recorded"])
    return 1 if failed else 0


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.check,
        "status": outcome.standing.value,
        "seen": outcome.seen,
        "details": list(outcome.details),
        "data": dict(outcome.data),
    }
