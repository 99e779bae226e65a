"""The plots of the second views: changes with their margins, repeats that agree or not, the two ways of being wrong."""

from collections.abc import Sequence

from markupsafe import Markup

from interlock.core.rules import percent
from interlock.views.plots import EDGE, INNER, at_rate, nice, scale
from interlock.views.second_rows import ChangeRow, RepeatRow, WrongRow
from interlock.views.svg import WIDE, dot, line, svg, take, words
from interlock.views.wording import count


def points(rate: float | None) -> str:
    """A difference of rates, with its sign.

    >>> points(-0.0312), points(None)
    ('-3.1 points', 'not known')
    """
    return "not known" if rate is None else f"{round(100 * rate, 1) + 0.0:+.1f} points"


# ── changes ─────────────────────────────────────────────────────────────────────────────────────────────────────


def change_sentence(rows: Sequence[ChangeRow]) -> str:
    """What the plot of changes shows, in words."""
    known = [row for row in rows if row.delta is not None]
    said = f"Change against the baseline in {count(len(rows), 'row')}, each with its bounds and its margin."
    if not known:
        return f"{said} Nothing was paired."
    worst = min(known, key=lambda row: row.low)
    return f"{said} The lowest bound is {points(worst.low)}, in {worst.name}, n {worst.n}; its margin is {points(-worst.margin)}."


def change_plot(rows: Sequence[ChangeRow]) -> Markup:
    """A row each: dot and thick line are the change with its bounds, the thin line a bootstrap, the tick the margin."""
    ends = [
        abs(value)
        for row in rows
        for value in (row.margin, *((row.low, row.high) if row.n else ()), *(row.second or ()))
    ]
    most = nice(max([0.01, *ends]))

    def x(change: float) -> float:
        return at_rate((change + most) / (2 * most))

    high_of = [34 if row.second is None else 43 for row in rows]
    bottom = sum(high_of) + 2.0
    ticks = [(x(step * most / 2), f"{50 * step * most:+.3g}" if step else "no change") for step in (-2, -1, 0, 1, 2)]
    marks = [*scale(2, bottom, ticks), line(x(0), 2, x(0), bottom, "axis")]
    y = 2.0
    for row, high in zip(rows, high_of, strict=True):
        told = f"n {row.n}, {row.verdict}"
        marks.append(words(EDGE, y + 12, row.name, "strong", room=INNER - take(told) - 14))
        marks.append(words(WIDE - EDGE, y + 12, told, "small end"))
        marks.append(line(x(-row.margin), y + 16, x(-row.margin), y + high - 4, "floor"))
        if row.n:
            marks.append(line(x(row.low), y + 23, x(row.high), y + 23, "range"))
        if row.delta is not None:
            marks.append(dot(x(row.delta), y + 23, 4.5, "dot"))
        if row.second is not None:
            marks.append(line(x(row.second[0]), y + 33, x(row.second[1]), y + 33, "range then"))
        y += high
    return svg(marks, WIDE, bottom + 18, change_sentence(rows), "plot change")


# ── repeats ─────────────────────────────────────────────────────────────────────────────────────────────────────


def repeats_sentence(rows: Sequence[RepeatRow]) -> str:
    """What the plot of repeats shows, in words."""
    worst = max(rows, key=lambda row: row.pass_hat[0] - row.pass_hat[-1])
    return (
        f"How often repeats pass in {count(len(rows), 'slice')}. The widest gap is in {worst.slice}: one repeat passes with "
        f"{percent(worst.pass_hat[0])}, {len(worst.pass_hat)} in a row with {percent(worst.pass_hat[-1])}, {worst.cases} cases."
    )


def repeats_plot(rows: Sequence[RepeatRow]) -> Markup:
    """A slice a row: the dot is one repeat, the ring all in a row, the thin line below the interval of the latter."""
    several = len({row.suite for row in rows}) > 1
    bottom = 43.0 * len(rows) + 2
    marks = scale(2, bottom, [(at_rate(step / 4), f"{25 * step} %") for step in range(5)])
    y = 2.0
    for row in rows:
        told = f"n {row.cases}, {count(row.flaky, 'flaky', 'flaky')}"
        name = row.slice + (f", {row.suite}" if several else "") + (" (critical)" if row.critical else "")
        marks.append(words(EDGE, y + 12, name, "strong", room=INNER - take(told) - 14))
        marks.append(words(WIDE - EDGE, y + 12, told, "small end"))
        one, every = at_rate(row.pass_hat[0]), at_rate(row.pass_hat[-1])
        marks.append(line(every, y + 23, one, y + 23, "range"))
        marks.append(dot(one, y + 23, 4.5, "dot"))
        marks.append(dot(every, y + 23, 4.5, "dot then"))
        if row.all_pass is not None:
            marks.append(line(at_rate(row.all_pass[1]), y + 34, at_rate(row.all_pass[2]), y + 34, "range then"))
        y += 43
    return svg(marks, WIDE, bottom + 18, repeats_sentence(rows), "plot repeats")


# ── the two ways of being wrong ─────────────────────────────────────────────────────────────────────────────────


def wrong_sentence(rows: Sequence[WrongRow]) -> str:
    """What the plot of answers and refusals shows, in words."""
    said = "; ".join(f"{row.name}: {row.count} of {row.n}" for row in rows)
    return f"Answers and refusals, each with its exact 95 % interval. {said[0].upper()}{said[1:]}."


def wrong_plot(rows: Sequence[WrongRow]) -> Markup:
    """A row each: the rate with its exact 95 % interval. More is better in the first, worse in the others."""
    bottom = 34.0 * len(rows) + 2
    marks = scale(2, bottom, [(at_rate(step / 4), f"{25 * step} %") for step in range(5)])
    y = 2.0
    for row in rows:
        told = f"{row.count}/{row.n}"
        marks.append(words(EDGE, y + 12, row.name, "strong", room=INNER - take(told) - 14))
        marks.append(words(WIDE - EDGE, y + 12, told, "small end"))
        if row.rate is not None:
            marks.append(line(at_rate(row.low), y + 23, at_rate(row.high), y + 23, "range"))
            marks.append(dot(at_rate(row.rate), y + 23, 4.5, "dot"))
        y += 34
    return svg(marks, WIDE, bottom + 18, wrong_sentence(rows), "plot wrong")
