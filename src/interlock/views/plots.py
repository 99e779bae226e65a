"""The plots of a report, drawn on the server: they print, need no script, and each has its rows in a table."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from interlock.core.rules import percent
from interlock.views.plot_rows import BalanceRow, FlakyRow, IntervalRow, MixPlot, Rate, RiskCurve
from interlock.views.svg import WIDE, dot, line, path, rect, svg, take, words
from interlock.views.wording import count

EDGE = 14
INNER = WIDE - 2 * EDGE
MOST_FLAKY = 25


def at_rate(rate: float, most: float = 1.0) -> float:
    """Where a rate in [0, most] stands from left to right."""
    return EDGE + min(1.0, max(0.0, rate / most)) * INNER


def scale(top: float, bottom: float, ticks: Sequence[tuple[float, str]]) -> list[str]:
    """Upright grid lines with their numbers below; the outer ones are set inwards so that nothing is cut."""
    marks = []
    for at, (x, label) in enumerate(ticks):
        marks.append(line(x, top, x, bottom, "grid"))
        side = "small" if at == 0 else "small end" if at == len(ticks) - 1 else "small mid"
        marks.append(words(EDGE - 8 if at == 0 else WIDE - 2 if at == len(ticks) - 1 else x, bottom + 13, label, side))
    return marks


# ── slices ──────────────────────────────────────────────────────────────────────────────────────────────────────


def intervals_sentence(rows: Sequence[IntervalRow]) -> str:
    """What the interval plot shows, in words."""
    worst = min((row for row in rows if row.now.rate is not None), key=lambda row: row.now.low, default=None)
    compared = sum(row.before is not None for row in rows)
    said = (
        f"Pass rates of {count(len(rows), 'slice')} with exact 95 % intervals, {compared} of them beside the baseline."
    )
    if worst is None:
        return f"{said} No case ran."
    return f"{said} The lowest lower bound is {percent(worst.now.low)}, in {worst.slice}: {worst.now.passes} of {worst.now.n}."


def intervals_plot(rows: Sequence[IntervalRow]) -> Markup:
    """A slice a row: name above; dot and thick line for this bundle, ring and thin line for the baseline, floor as a tick."""
    high_of = [34 if row.before is None else 43 for row in rows]
    bottom = sum(high_of) + 2
    several = len({row.suite for row in rows}) > 1
    marks = scale(2, bottom, [(at_rate(at / 4), f"{25 * at} %") for at in range(5)])
    y = 2.0
    for row, high in zip(rows, high_of, strict=True):
        told = "no case ran" if row.now.rate is None else f"{row.now.passes}/{row.now.n}"
        if row.before is not None and row.before.rate is not None:
            told += f", before {row.before.passes}/{row.before.n}"
        name = row.slice + (f", {row.suite}" if several else "") + (" (critical)" if row.critical else "")
        marks.append(words(EDGE, y + 12, name, "strong", room=INNER - take(told) - 14))
        marks.append(words(WIDE - EDGE, y + 12, told, "small end"))
        if row.floor is not None:
            marks.append(line(at_rate(row.floor), y + 16, at_rate(row.floor), y + high - 4, "floor"))
        marks += _range(row.now, y + 23, "range", "dot")
        if row.before is not None:
            marks += _range(row.before, y + 33, "range then", "dot then")
        y += high
    return svg(marks, WIDE, bottom + 18, intervals_sentence(rows), "plot intervals")


def _range(rate: Rate, y: float, bar: str, mark: str) -> list[str]:
    if rate.rate is None:
        return []
    return [line(at_rate(rate.low), y, at_rate(rate.high), y, bar), dot(at_rate(rate.rate), y, 4.5, mark)]


# ── broke and fixed ─────────────────────────────────────────────────────────────────────────────────────────────


def balance_sentence(rows: Sequence[BalanceRow]) -> str:
    """What the plot of broke and fixed shows, in words."""
    broke, fixed = sum(row.broke for row in rows), sum(row.fixed for row in rows)
    said = f"{broke} broke and {fixed} fixed over {count(len(rows), 'slice')}."
    worst = max(rows, key=lambda row: row.broke - row.fixed)
    return said + (f" Most broke in {worst.slice}: {worst.broke} of {worst.n}." if worst.broke > worst.fixed else "")


def balance_plot(rows: Sequence[BalanceRow]) -> Markup:
    """A slice a row: what broke to the left of the middle, what was fixed to the right, on one scale."""
    most = max([1, *(max(row.broke, row.fixed) for row in rows)])
    middle, half = WIDE / 2, INNER / 2 - 26
    marks = [words(middle - 6, 12, "broke", "small end"), words(middle + 6, 12, "fixed", "small")]
    y = 18.0
    for row in rows:
        told = f"n {row.n}, {row.verdict}"
        marks.append(words(EDGE, y + 12, row.slice, "strong", room=INNER - take(told) - 14))
        marks.append(words(WIDE - EDGE, y + 12, told, "small end"))
        left, right = half * row.broke / most, half * row.fixed / most
        marks.append(rect(middle - left, y + 17, left, 11, "broke"))
        marks.append(rect(middle, y + 17, right, 11, "fixed"))
        marks.append(words(middle - left - 5, y + 27, str(row.broke), "small end"))
        marks.append(words(middle + right + 5, y + 27, str(row.fixed), "small"))
        y += 36
    marks.insert(0, line(middle, 2, middle, y, "axis"))
    return svg(marks, WIDE, y + 4, balance_sentence(rows), "plot balance")


# ── repeats that disagree ───────────────────────────────────────────────────────────────────────────────────────


def flaky_sentence(rows: Sequence[FlakyRow]) -> str:
    """What the plot of flaky cases shows, in words."""
    worst = rows[0]
    return (
        f"{count(len(rows), 'case')} passed in some repeats and failed in others. The most undecided is {worst.case}: "
        f"{worst.passes} of {worst.trials} passed."
    )


def flaky_plot(rows: Sequence[FlakyRow]) -> Markup:
    """A case a row: the share of its repeats that passed, on a scale from none to all; the most undecided first."""
    shown = rows[:MOST_FLAKY]
    bottom = 30 * len(shown) + 2
    marks = scale(2, bottom, [(at_rate(0), "none passed"), (at_rate(0.5), "half"), (at_rate(1), "all passed")])
    for at, row in enumerate(shown):
        y, told = 2 + 30 * at, f"{row.passes} of {row.trials}"
        marks.append(words(EDGE, y + 12, row.case, "strong", room=INNER - take(told) - 14))
        marks.append(words(WIDE - EDGE, y + 12, told, "small end"))
        marks.append(rect(at_rate(0), y + 17, INNER * row.passes / row.trials, 7, "bar"))
        marks.append(rect(at_rate(0), y + 17, INNER, 7, "frame"))
    return svg(marks, WIDE, bottom + 18, flaky_sentence(rows), "plot flaky")


# ── risk against coverage ───────────────────────────────────────────────────────────────────────────────────────

_TALL = 230


def risk_sentence(curve: RiskCurve) -> str:
    """What a risk-coverage curve shows, in words."""
    first, last = curve.points[0], curve.points[-1]
    said = (
        f"Risk against coverage in {count(len(curve.points), 'point')}: {percent(first.risk)} wrong where {percent(first.coverage)} "
        f"is answered (n {first.n}), {percent(last.risk)} where {percent(last.coverage)} is (n {last.n})."
    )
    return said + (f" The budget is {percent(curve.budget)}." if curve.budget is not None else "")


def risk_plot(curve: RiskCurve) -> Markup:
    """Coverage to the right, risk upwards; the dashed line is the upper bound, the red one the budget, the ring what was chosen."""
    values = [point.risk for point in curve.points] + [point.high for point in curve.points if point.high is not None]
    most = nice(max([0.01, curve.budget or 0.0, *values]))
    left, top, bottom = 46.0, 24.0, float(_TALL - 34)

    def at(coverage: float, risk: float) -> tuple[float, float]:
        x = left + min(1.0, max(0.0, coverage)) * (WIDE - left - 14)
        return x, bottom - min(1.0, max(0.0, risk / most)) * (bottom - top)

    marks = []
    for step in range(5):
        x, y = at(step / 4, 0)[0], at(0, most * step / 4)[1]
        marks.append(line(x, top, x, bottom, "grid"))
        marks.append(line(left, y, WIDE - 14, y, "grid"))
        marks.append(
            words(x if step < 4 else WIDE - 2, bottom + 13, f"{25 * step} %", "small mid" if step < 4 else "small end")
        )
        marks.append(words(left - 5, y + 4, f"{100 * most * step / 4:.3g} %", "small end"))
    marks.append(words((left + WIDE) / 2, _TALL - 5, "answered (coverage)", "small mid"))
    marks.append(words(2, 11, "wrong (risk)", "small"))
    if curve.budget is not None:
        y = at(0, curve.budget)[1]
        marks.append(line(left, y, WIDE - 14, y, "floor"))
        marks.append(words(left + 4, y - 4, f"budget {percent(curve.budget)}", "small"))
    bounds = [at(point.coverage, point.high) for point in curve.points if point.high is not None]
    if len(bounds) > 1:
        marks.append(path(bounds, "curve bound"))
    marks.append(path([at(point.coverage, point.risk) for point in curve.points], "curve"))
    for point in curve.points:
        x, y = at(point.coverage, point.risk)
        marks.append(dot(x, y, 3, "dot"))
        if curve.chosen is not None and point.threshold == curve.chosen:
            marks.append(dot(x, y, 7, "dot then"))
    return svg(marks, WIDE, _TALL, risk_sentence(curve), "plot risk")


def nice(value: float) -> float:
    """The next 1, 2, 4, 6 or 8 of a power of ten, at most 1: where a scale of four steps may end."""
    power: float = 10.0 ** math.floor(math.log10(value))
    return min(1.0, next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value - 1e-12))


# ── gold against traffic ────────────────────────────────────────────────────────────────────────────────────────


def mix_sentence(plot: MixPlot) -> str:
    """What the plot of the two mixes shows, in words."""
    furthest = max(plot.rows, key=lambda row: abs(row.gold - row.share))
    return (
        f"Shares of the gold set ({plot.units} cases) beside those of the traffic ({_counted(plot)}), by {plot.key}. Distance "
        f"{plot.distance:.3f}, between {plot.low:.3f} and {plot.high:.3f}. Furthest apart: {furthest.slice}, "
        f"{percent(furthest.gold)} against {percent(furthest.share)}."
    )


def _counted(plot: MixPlot) -> str:
    return "declared" if plot.requests is None else count(plot.requests, "request")


def mix_plot(plot: MixPlot) -> Markup:
    """A slice a row: the upper, filled bar is the gold set, the lower, open one the traffic, on one scale."""
    most = nice(max(max(row.share, row.gold) for row in plot.rows))
    bottom = 36 * len(plot.rows) + 16
    marks = [words(WIDE - EDGE, 11, "gold set | traffic", "small end")]
    marks += scale(16, bottom, [(at_rate(at / 4), f"{25 * at * most:.3g} %") for at in range(5)])
    y = 16.0
    for row in plot.rows:
        told = f"{percent(row.gold)} | {percent(row.share)}"
        name = row.slice + (" (critical)" if row.critical else "")
        marks.append(words(EDGE, y + 12, name, "strong", room=INNER - take(told) - 14))
        marks.append(words(WIDE - EDGE, y + 12, told, "small end"))
        marks.append(rect(at_rate(0), y + 16, at_rate(row.gold, most) - EDGE, 7, "bar"))
        marks.append(rect(at_rate(0), y + 25, at_rate(row.share, most) - EDGE, 6, "frame"))
        y += 36
    return svg(marks, WIDE, bottom + 18, mix_sentence(plot), "plot mix")
