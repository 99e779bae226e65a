"""A report as plain text: the verdict, then every slice and second view in a line each, for a terminal or a log."""

from collections.abc import Sequence

from interlock.core.ruling import percent
from interlock.views.page import ReportPage, SliceRow, slice_rows
from interlock.views.plot_rows import FlakyRow, plots_of
from interlock.views.screen import padded
from interlock.views.second_plots import points
from interlock.views.second_rows import ChangeRow, RepeatRow, SecondViews, WrongRow, second_views
from interlock.views.terminal import verdict_lines
from interlock.views.wording import count, plain

WIDTH = 110
_MOST_FLAKY = 5


def detail_text(page: ReportPage) -> str:
    """The whole report as text with a line end; what was not measured has no heading."""
    verdict, second = page.verdict, second_views(page.verdict)
    lines = verdict_lines(verdict, others=page.verdicts[1:], run=page.run, width=WIDTH, color=False)
    slices, flaky = slice_rows(verdict), plots_of(verdict).flaky
    for title, found in (
        ("Slices, with exact 95 % intervals", _slices(slices)),
        ("Answers and refusals, with exact 95 % intervals", _wrong(second.wrong)),
        ("Against the baseline, each bound 95 % sure", _changes((*second.slices, *second.halves))),
        ("All slices in one number: it informs and decides nothing", _headline(second)),
        ("Slices that nobody declared: they may warn and decide nothing", _undeclared(second)),
        ("Repeats", _repeats(second.repeats, flaky)),
    ):
        if found:
            lines += ["", title, *(f"  {plain(line)}" for line in found)]
    return "\n".join(lines) + "\n"


def _between(low: float, high: float) -> str:
    return f"[{100 * low:.1f}, {100 * high:.1f}]"


def _bounds(low: float, high: float) -> str:
    return f"[{100 * low:+.1f}, {100 * high:+.1f}]"


def _slices(rows: Sequence[SliceRow]) -> list[str]:
    names = [f"{row.suite}/{row.slice}" + (" (critical)" if row.critical else "") for row in rows]
    wide, lines = max(map(len, names), default=0), []
    for name, row in zip(names, rows, strict=True):
        rate = "no case ran" if row.rate is None else f"{percent(row.rate)} {_between(row.low, row.high)}"
        said = f"{padded(name, wide)}  {row.passes} of {row.n}  {rate}"
        said += f"  {row.broken} broken" if row.broken else ""
        said += f"  {row.curtailed} not asked" if row.curtailed else ""
        lines.append(said + (f"  failed: {_some(row.failed)}" if row.failed else ""))
    return lines


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f", +{len(names) - 3} more" if len(names) > 3 else "")


def _wrong(rows: Sequence[WrongRow]) -> list[str]:
    wide = max((len(row.name) for row in rows), default=0)
    return [
        f"{padded(row.name, wide)}  {row.count} of {row.n}"
        + ("" if row.rate is None else f"  {percent(row.rate)} {_between(row.low, row.high)}")
        + (f"  {row.missing} not judged" if row.missing else "")
        for row in rows
    ]


def _changes(rows: Sequence[ChangeRow]) -> list[str]:
    wide = max((len(row.name) for row in rows), default=0)
    return [
        f"{row.verdict:<5} {padded(row.name, wide)}  n {row.n}  broke {row.broke}  fixed {row.fixed}  "
        f"{points(row.delta)} {_bounds(row.low, row.high)}  margin {100 * row.margin:g}"
        + ("" if row.second is None else f"  bootstrap {_bounds(*row.second)}")
        for row in rows
    ]


def _headline(second: SecondViews) -> list[str]:
    lines = []
    if (row := second.headline) is not None:
        said = f"by the traffic  {points(row.delta)} {_bounds(row.low, row.high)}  n {row.n}"
        lines.append(f"{said}  {percent(row.covered)} of it covered, 95 % interval")
    if (whole := second.overall) is not None:
        said = f"each case alike  {points(whole.delta)} {_bounds(whole.low, whole.high)}  n {whole.n}"
        lines.append(f"{said}  broke {whole.broke}  fixed {whole.fixed}")
    return lines


def _undeclared(second: SecondViews) -> list[str]:
    if not second.undeclared:
        return []
    warning = [row for row in second.undeclared if row.warns]
    lines = [
        f"warns  {row.name}  n {row.n}  broke {row.broke}  fixed {row.fixed}  {points(row.delta)} "
        f"{_bounds(row.low, row.high)}  q {row.q:.2g}"
        for row in warning[:10]
    ]
    quiet = len(second.undeclared) - len(warning)
    if len(warning) > len(lines):
        lines.append(f"+{len(warning) - len(lines)} more warn")
    return [*lines, f"{count(quiet, 'slice')} more changed without a warning" if lines else f"none of {quiet} warns"]


def _repeats(rows: Sequence[RepeatRow], flaky: Sequence[FlakyRow]) -> list[str]:
    lines = []
    for row in rows:
        said = f"{row.suite}/{row.slice}  {count(row.cases, 'case')}, {count(row.trials, 'repeat')}  "
        said += f"pass^1 {percent(row.pass_hat[0])}, pass^{len(row.pass_hat)} {percent(row.pass_hat[-1])}"
        if row.all_pass is not None:
            said += f" {_between(*row.all_pass[1:])}"
        if row.discordance is not None:
            said += f"  two disagree {percent(row.discordance)}"
        lines.append(f"{said}  {row.flaky} flaky")
    if flaky:
        shown = ", ".join(f"{one.case} {one.passes}/{one.trials}" for one in flaky[:_MOST_FLAKY])
        more = f", +{len(flaky) - _MOST_FLAKY} more" if len(flaky) > _MOST_FLAKY else ""
        lines.append(f"most undecided: {shown}{more}")
    return lines
