"""What an evidence rule bought and what it cost: answers given against answers unsupported, bundle by bundle."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from interlock.core.digest import Digest, short
from interlock.core.estimate import clopper_pearson
from interlock.core.rules import percent
from interlock.views.svg import WIDE, dot, line, path, svg, take, words
from interlock.views.wording import count

CURVE = 20
"""Points of a curve that are shown at most."""
_LEFT, _TOP, _BOTTOM, _TALL = 46.0, 24.0, 216.0, 250.0


@dataclass(frozen=True, slots=True)
class Share:
    """`k` of `n` with the exact 95 % interval; rates are in [0, 1]."""

    k: int
    n: int

    @property
    def rate(self) -> float | None:
        """k by n; None without a case."""
        return self.k / self.n if self.n else None

    @property
    def bounds(self) -> tuple[float, float]:
        """Clopper and Pearson's interval; everything is possible where nothing was counted."""
        if not self.n:
            return 0.0, 1.0
        found = clopper_pearson(self.k, self.n)
        return found.low, found.high


@dataclass(frozen=True, slots=True)
class BoughtRow:
    """One bundle. answered: of the gold cases. unsupported: of the answered. should, wrongly: SAFE-02, None where not measured.

    labels: answers that people judged. kept: those that the policy's threshold delivers of them, and the unsupported among those.
    curve: coverage and risk of these labels, the strictest threshold first.
    """

    name: str
    own: bool
    answered: Share
    unsupported: Share
    should: Share | None = None
    wrongly: Share | None = None
    labels: int = 0
    kept: Share | None = None
    budget: float | None = None
    curve: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Bought:
    """All bundles that were asked the same cases, oldest first, and the largest share that the profile permits."""

    rows: tuple[BoughtRow, ...]
    ceiling: float

    @property
    def labelled(self) -> tuple[BoughtRow, ...]:
        """The bundles whose answers people judged."""
        return tuple(row for row in self.rows if row.curve)


def bought_of(
    found: Iterable[tuple[Sequence[str], Mapping[str, Mapping[str, Any]]]], own: str, ceiling: float
) -> Bought | None:
    """The rows out of the data of SAFE-01, SAFE-02 and SAFE-03; None without any.

    Args:
        found: digests of bundles that answer alike, and the data by check. own: the digest that the report is about.
    """
    rows = tuple(_row(digests, data, own) for digests, data in found)
    return Bought(rows, ceiling) if rows else None


def _row(digests: Sequence[str], data: Mapping[str, Mapping[str, Any]], own: str) -> BoughtRow:
    overall, asked = data["SAFE-01"]["overall"], data.get("SAFE-02") or {}
    should, wrongly = asked.get("should"), asked.get("wrongly")
    calibration = data.get("SAFE-03") or {}
    if calibration.get("stale"):  # the labels are of another bundle's answers
        calibration = {}
    every: Mapping[str, Any] = next((row for row in calibration.get("slices", ()) if row["slice"] == "*"), {})
    at = every.get("at_policy")
    return BoughtRow(
        " = ".join(short(Digest(digest)) for digest in digests),
        own in digests,
        Share(overall["delivered"], overall["asked"]),
        Share(overall["unsupported"], overall["delivered"]),
        None if should is None else Share(should["passes"], should["n"]),
        None if wrongly is None else Share(wrongly["count"], wrongly["n"]),
        calibration.get("labels") or 0,
        None if at is None else Share(at["unsupported"], at["delivered"]),
        calibration.get("budget"),
        _thinned([(float(coverage), float(risk)) for coverage, risk in every.get("risk_coverage", ())]),
    )


def _thinned(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """At most `CURVE` points, evenly chosen, with the first and the last."""
    if len(points) <= CURVE:
        return tuple(points)
    return tuple(points[round(at * (len(points) - 1) / (CURVE - 1))] for at in range(CURVE))


# ── what was measured ───────────────────────────────────────────────────────────────────────────────────────────


def bought_sentence(bought: Bought) -> str:
    """What the plot of the bundles shows, in words."""
    said = [
        f"{row.name}{' (this)' if row.own else ''} answers {row.answered.k} of {row.answered.n} and {row.unsupported.k} of these "
        "have an unsupported claim"
        for row in bought.rows
    ]
    return f"{'; '.join(said)}. At most {percent(bought.ceiling)} is permitted."


def bought_plot(bought: Bought) -> Markup:
    """Answered to the right, unsupported upwards, each with its interval; the red line is what the profile permits."""
    most = _most([bought.ceiling, *(row.unsupported.bounds[1] for row in bought.rows if row.unsupported.n)])
    marks = _axes(most, "answered, of all gold cases", "unsupported, of the answered")
    y = _at(0, bought.ceiling, most)[1]
    marks.append(line(_LEFT, y, WIDE - 14, y, "floor"))
    marks.append(words(_LEFT + 4, y - 4, f"permitted {percent(bought.ceiling)}", "small"))
    names: list[tuple[float, float]] = []
    for row in bought.rows:
        coverage, risk = row.answered.rate, row.unsupported.rate
        if coverage is None or risk is None:
            continue
        x, y = _at(coverage, risk, most)
        (left, right), (low, high) = row.answered.bounds, row.unsupported.bounds
        bar = "range" if row.own else "range then"
        marks.append(line(x, _at(0, low, most)[1], x, _at(0, high, most)[1], bar))
        marks.append(line(_at(left, 0, most)[0], y, _at(right, 0, most)[0], y, bar))
        marks.append(dot(x, y, 4.5, "dot" if row.own else "dot then"))
        marks.append(_named(x + 9, y - 7, row, names, _at(0, bought.ceiling, most)[1]))
    return svg(marks, WIDE, _TALL, bought_sentence(bought), "plot risk")


# ── what people's labels say ────────────────────────────────────────────────────────────────────────────────────


def labels_sentence(bought: Bought) -> str:
    """What the curves of the labelled answers show, in words."""
    said = []
    for row in bought.labelled:
        told = f"{row.name}{' (this)' if row.own else ''}: {count(row.labels, 'labelled answer')}"
        if row.kept is not None:
            told += f", of which its threshold delivers {row.kept.n}, {row.kept.k} of them unsupported"
        said.append(told + f"; {percent(row.curve[-1][1])} are unsupported if all are delivered")
    return f"{'. '.join(said)}."


def labels_plot(bought: Bought) -> Markup:
    """A curve for each bundle whose answers people judged: the lower the threshold, the further to the right."""
    rows = bought.labelled
    budgets = [row.budget for row in rows if row.budget is not None]
    most = _most([*budgets, *(risk for row in rows for _, risk in row.curve)])
    marks = _axes(most, "delivered, of the labelled answers", "unsupported, of the delivered")
    for budget in sorted(set(budgets)):
        y = _at(0, budget, most)[1]
        marks.append(line(_LEFT, y, WIDE - 14, y, "floor"))
        marks.append(words(_LEFT + 4, y - 4, f"budget {percent(budget)}", "small"))
    names: list[tuple[float, float]] = []
    for row in rows:
        points = [_at(coverage, risk, most) for coverage, risk in row.curve]
        if len(points) > 1:
            marks.append(path(points, "curve" if row.own else "curve bound"))
        marks += [dot(x, y, 2.5, "dot" if row.own else "dot then") for x, y in points]
        if row.kept is not None and row.kept.rate is not None and row.labels:
            marks.append(dot(*_at(row.kept.n / row.labels, row.kept.rate, most), 7, "dot then"))
        x, y = points[-1]
        marks.append(_named(x, y - 10, row, names, _at(0, row.budget or -1.0, most)[1]))
    return svg(marks, WIDE, _TALL, labels_sentence(bought), "plot risk")


def _named(x: float, y: float, row: BoughtRow, taken: list[tuple[float, float]], limit: float) -> str:
    """A name beside its point: to the left where it would leave the frame, higher where the limit or a name is already."""
    name = ("this: " if row.own else "") + row.name
    while -6 < y - limit < 14 or any(abs(y - other) < 13 and abs(x - at) < take(name) for at, other in taken):
        y -= 13
    taken.append((x, y))
    room = WIDE - _LEFT - 14
    if x + take(name) < WIDE - 4:
        return words(x, y, name, "small", room=room)
    return words(WIDE - 4, y, name, "small end", room=room)


def _at(coverage: float, risk: float, most: float) -> tuple[float, float]:
    x = _LEFT + min(1.0, max(0.0, coverage)) * (WIDE - _LEFT - 14)
    return x, _BOTTOM - min(1.0, max(0.0, risk / most)) * (_BOTTOM - _TOP)


def _most(values: Sequence[float]) -> float:
    """Where the upright scale ends: the least of a few round shares that holds everything."""
    return next((at for at in (0.04, 0.1, 0.2, 0.4, 0.6, 0.8) if max(values, default=0.0) <= at), 1.0)


def _axes(most: float, right: str, up: str) -> list[str]:
    marks = []
    for step in range(5):
        x, y = _at(step / 4, 0, most)[0], _at(0, most * step / 4, most)[1]
        marks.append(line(x, _TOP, x, _BOTTOM, "grid"))
        marks.append(line(_LEFT, y, WIDE - 14, y, "grid"))
        side = "small mid" if step < 4 else "small end"
        marks.append(words(x if step < 4 else WIDE - 2, _BOTTOM + 13, f"{25 * step} %", side))
        marks.append(words(_LEFT - 5, y + 4, f"{100 * most * step / 4:.3g} %", "small end"))
    marks.append(words((_LEFT + WIDE) / 2, _TALL - 5, right, "small mid"))
    marks.append(words(2, 11, up, "small"))
    return marks
