"""`interlock plan`: what the cases can show, before anything is spent."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

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
    records_of,
    show,
    show_json,
)
from interlock.core.errors import UsageError
from interlock.core.estimate import Estimate
from interlock.core.planning import Ask
from interlock.services.sample_plan import ASSUMED, POWER, Flips, SamplePlan, plan_samples
from interlock.views.sample_plan import sample_plan_lines

_MOST = 100_000


def plan(
    *,
    cases: Annotated[int | None, Parameter(help="Plan for so many cases of one slice, without a feature.")] = None,
    slice: Annotated[
        list[str] | None, Parameter(help="NAME=CASES, a critical slice without a feature (repeatable).", negative="")
    ] = None,
    margin: Annotated[
        float | None, Parameter(help="The drop that does not matter. Default: 0.05, or the suite's.")
    ] = None,
    margin_of: Annotated[
        list[str] | None, Parameter(help="SLICE=MARGIN, where a slice differs (repeatable).", negative="")
    ] = None,
    discordance: Annotated[
        float | None,
        Parameter(
            help="Share of the cases that flip though nothing changed. Default: what an A/A run measured, else 0.05."
        ),
    ] = None,
    aa: Annotated[
        list[Path] | None,
        Parameter(
            name="--runs",
            help="Two files of rows of one version: measure the flips there.",
            consume_multiple=True,
            negative="",
        ),
    ] = None,
    power: Annotated[
        float, Parameter(help="Chance that an unchanged release passes all critical slices, below 0.95.")
    ] = POWER,
    env: Env = None,
    against: Annotated[Bundle, Parameter(help="Plan a comparison with this bundle instead of what is live.")] = None,
    dir: Dir = HERE,
    actor: As = None,
    json: Json = False,
) -> int:
    """Say what the cases of each slice can show, how many would be enough, and what that costs. Spends nothing.

    In a feature's folder it plans the suites of the bundle. With --cases or --slice it plans without one, such as
    `interlock plan --cases 40 --margin 0.05 --discordance 0.05`. Chances are by exact enumeration.
    """
    given = _pairs(margin_of or [], "SLICE=MARGIN", "refunds=0.1")
    if cases is not None and slice:
        raise UsageError("both --cases and --slice", hint="--slice NAME=CASES for each slice, or --cases for one")
    measured = _measured(aa)
    if cases is not None or slice:
        counts = {"all": float(cases)} if cases is not None else _pairs(slice or [], "NAME=CASES", "billing=40")
        found = _bare(counts, margin, given, discordance, measured, power)
    else:
        if margin is not None or given:
            raise UsageError(
                "the margins of a feature are those of its suites",
                hint="set `margin` in the requirements of the suite, or plan without a feature: --cases or --slice",
            )
        found = _feature(discordance, measured, power, env, against, dir, actor)
    document = found.to_json()
    if json:
        show_json(document)
    else:
        show(sample_plan_lines(document))
    return 0


def _bare(
    counts: dict[str, float],
    margin: float | None,
    margins: dict[str, float],
    discordance: float | None,
    measured: tuple[dict[str, Flips], Flips | None],
    power: float,
) -> SamplePlan:
    for name, count in counts.items():
        if count != int(count) or not 1 <= count <= _MOST:
            raise UsageError(f"slice `{name}` has `{count:g}` cases", hint=f"a whole number from 1 to {_MOST:,}")
    if unknown := [name for name in margins if name not in counts]:
        raise UsageError(f"a margin for `{unknown[0]}`, which is not planned", hint=f"slices: {', '.join(counts)}")
    by_slice, overall = measured
    default = _declared(discordance) or overall or Flips(ASSUMED, "assumed")
    flips = {name: default if discordance is not None else by_slice.get(name, default) for name in counts}
    asks = [
        Ask(name, int(count), margins.get(name, 0.05 if margin is None else margin), flips[name].rate)
        for name, count in counts.items()
        if _sound(name, margins.get(name, 0.05 if margin is None else margin), flips[name].rate)
    ]
    return plan_samples(asks, flips, power=power)


def _sound(name: str, margin: float, rate: float) -> bool:
    if not 0 < margin < 1:
        raise UsageError(f"the margin of `{name}` is `{margin}`", hint="a fraction: 0.05 is five points")
    if not 0 <= rate <= 1 - margin:
        raise UsageError(
            f"flips of `{rate}` and a margin of `{margin}` in `{name}`", hint="both fractions, together at most 1"
        )
    return True


def _feature(
    discordance: float | None,
    measured: tuple[dict[str, Flips], Flips | None],
    power: float,
    env: str | None,
    against: str | None,
    dir: Path,
    actor: str | None,
) -> SamplePlan:
    from interlock.services.plan_feature import plan_feature
    from interlock.services.shelf import resolve_digest
    from interlock.wiring import open_desk

    if not (dir / "interlock.yaml").is_file():
        raise UsageError(
            f"there is no `interlock.yaml` in `{dir}`",
            hint="plan without a feature: interlock plan --cases 40 --margin 0.05 --discordance 0.05",
        )
    with records_of(dir, actor) as (settings, records):
        desk = open_desk(settings, records, bench_of(settings), Bar(quiet=True))
        if against:
            desk.against = resolve_digest(records, against)
        environment = environment_of(desk.loaded.release, env)
        return plan_feature(desk, environment, declared=_declared(discordance), measured=measured, power=power)


def _declared(discordance: float | None) -> Flips | None:
    if discordance is None:
        return None
    if not 0 <= discordance < 1:
        raise UsageError(f"flips of `{discordance}`", hint="a fraction in [0, 1): 0.05 is one case in twenty")
    return Flips(discordance, "declared")


def _measured(files: list[Path] | None) -> tuple[dict[str, Flips], Flips | None]:
    """Flips by slice and over all, from two files of results of one version."""
    if not files:
        return {}, None
    if len(files) != 2:
        raise UsageError(f"--runs takes two files, not {len(files)}", hint="--runs monday.jsonl tuesday.jsonl")
    from interlock.cli.compare import read_rows
    from interlock.services.compare import Terms, compare

    before, after = (read_rows(path) for path in files)
    found = compare(before, after, Terms(same_version=True))
    about = f"{files[0]} and {files[1]}"

    def flips(broke: int, fixed: int, n: int) -> Flips:
        return Flips((broke + fixed) / n, "measured", Estimate.of(broke + fixed, n), about)

    decisions = [one.decision for one in found.slices]
    whole = found.overall.decision
    if not whole.n:
        raise UsageError("the two files have no case in common", hint="two runs of one version on the same cases")
    by_slice = {one.slice: flips(one.broke, one.fixed, one.n) for one in decisions if one.n}
    return by_slice, flips(whole.broke, whole.fixed, whole.n)


def _pairs(given: list[str], form: str, such_as: str) -> dict[str, float]:
    found = {}
    for text in given:
        name, _, value = text.rpartition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError as error:
            raise UsageError(f"`{text}` is not {form}", hint=f"write it like {such_as}") from error
        if not name.strip():
            raise UsageError(f"`{text}` names no slice", hint=f"write it like {such_as}")
    return found
