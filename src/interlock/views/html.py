"""The report as one HTML file: no request, no script, readable on paper, in the dark and by a screen reader."""

from collections.abc import Mapping
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from interlock.core.checks import Level, Question
from interlock.core.digest import Digest, short
from interlock.core.evidence import Gap
from interlock.core.manifest import Part
from interlock.core.rules import Standing, percent
from interlock.core.verdict import Outcome, Verdict
from interlock.views import charts, plots, risk_coverage, second_plots, wording
from interlock.views.page import BundleColumn, PartCell, ReportPage, evidence_line, moved_rows, slice_rows
from interlock.views.plot_rows import plots_of
from interlock.views.second_rows import second_views

_MOST_READINGS = 60


def html_text(page: ReportPage) -> str:
    """The whole report. Everything in it that came from a file, a case or a model is text and stays text."""
    verdict = page.verdict
    drawn = plots_of(verdict)
    return _templates().get_template("report.html.j2").render(
        page=page,
        verdict=verdict,
        questions=[question for question in Question if question.number] + [Question.BUNDLE],
        blocking=wording.in_order(verdict),
        slices=list(zip(slice_rows(verdict), drawn.intervals, strict=True)),
        drawn=drawn,
        second=second_views(verdict),
        moved=moved_rows(verdict),
        expiring=wording.expiring(verdict),
        readings=page.readings[-_MOST_READINGS:][::-1],
        changes=_changes(page.bundles),
    )  # fmt: skip


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("interlock.views", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    environment.globals.update(
        signs=wording.SIGNS,
        word_signs=wording.WORD_SIGNS,
        meaning=wording.MEANING,
        Level=Level,
        Standing=Standing,
        parts=tuple(Part),
        counts=wording.counts,
        count=wording.count,
        worst=wording.worst,
        chain=wording.chain,
        looser=wording.looser,
        ids_in_groups=wording.ids_in_groups,
        next_commands=wording.next_commands,
        evidence_line=evidence_line,
        instrumented=_instrumented,
        of_question=_of_question,
        intervals_plot=plots.intervals_plot,
        balance_plot=plots.balance_plot,
        flaky_plot=plots.flaky_plot,
        most_flaky=plots.MOST_FLAKY,
        risk_plot=plots.risk_plot,
        mix_plot=plots.mix_plot,
        change_plot=second_plots.change_plot,
        repeats_plot=second_plots.repeats_plot,
        wrong_plot=second_plots.wrong_plot,
        bought_plot=risk_coverage.bought_plot,
        labels_plot=risk_coverage.labels_plot,
        strip_drawing=charts.strip_drawing,
        share=_share,
    )
    environment.filters.update(
        percent=_percent,
        short=_short,
        day=wording.day,
        minute=wording.minute,
        money=wording.money,
        points=second_plots.points,
        bare_points=_bare_points,
    )
    return environment


def _finalized(value: object) -> object:
    """Every text that is printed loses its hidden characters; drawings are already safe."""
    return wording.plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _short(digest: str) -> str:
    return short(Digest(digest))


def _percent(rate: float) -> str:
    """A rate that no line break parts from its sign."""
    return percent(rate).replace(" ", "\u00a0")


def _bare_points(rate: float) -> str:
    """A difference of rates without its unit, where the one after it has it."""
    return second_plots.points(rate).removesuffix(" points")


def _share(share: float, trials: tuple[int, int] | None, arm: int) -> str:
    """A share of passed repeats as a count, where the evidence says how many there were."""
    return _percent(share) if trials is None else f"{round(share * trials[arm])} of {trials[arm]}"


def _instrumented(outcomes: tuple[Outcome, ...]) -> tuple[tuple[Outcome, ...], tuple[Outcome, ...]]:
    """What somebody can act on now, and what this version has no instrument for."""
    return (
        tuple(o for o in outcomes if o.gap is not Gap.INSTRUMENT),
        tuple(o for o in outcomes if o.gap is Gap.INSTRUMENT),
    )


def _of_question(verdict: Verdict, question: Question) -> tuple[Outcome, ...]:
    """The outcomes under a question: what is asked first, then what warns, then what is not asked."""
    order = list(Level)
    return tuple(sorted(verdict.of_question(question), key=lambda outcome: order.index(outcome.level)))


def _changes(bundles: tuple[BundleColumn, ...]) -> dict[str, bool]:
    """Whether each part differs between the two bundles; empty when there is only one."""
    if len(bundles) < 2:
        return {}
    first, last = bundles[0].parts, bundles[-1].parts
    return {part.value: _digest(first, part) != _digest(last, part) for part in Part}


def _digest(parts: Mapping[str, PartCell | None], part: Part) -> str | None:
    cell = parts.get(part.value)
    return cell.digest if cell else None
