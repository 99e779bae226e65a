"""`python -m benchmarks.statistics [--write]`: what the rules of docs/statistics.md really do, by exact enumeration.

Size and power of the comparison, coverage of every interval, false alarms of the sequential test. What cannot be added
up exactly is drawn from a fixed seed, and says so. `--write` puts the tables into docs/statistics.md.
"""

# ruff: noqa: A005  it is run as a module of this package, never found by the plain name

import argparse
import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import product
from pathlib import Path

from interlock.core.bootstrap import bca_interval
from interlock.core.comparison import mcnemar_p, tango_interval
from interlock.core.estimate import clopper_pearson, cluster_interval, lower_bound, upper_bound, wilson
from interlock.core.headline import Stratum, headline
from interlock.core.planning import chances, false_pass
from interlock.core.sequential import worse

PAGE = Path(__file__).parents[1] / "docs/statistics.md"
BEGIN, END = "<!-- begin: python -m benchmarks.statistics --write -->", "<!-- end -->"
SIZES = (20, 30, 40, 60, 100, 150, 200, 300, 400, 500)
MARGINS = (0.02, 0.05, 0.10)
FLIPS = (0.02, 0.05, 0.10)
LOOKS = (20, 50, 100, 300)
DRAWN = 1_000
"""Data sets that are drawn for a coverage that cannot be enumerated: a standard error of 0.007 at 0.95."""

Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]


def worst_false_pass(n: int, margin: float, most_flips: float) -> float:
    """The highest chance to pass a drop of the margin, over all shares of flipping cases up to `most_flips`."""
    steps = 40
    room = most_flips - margin
    return max(false_pass(n, margin, margin + room * (step / steps) ** 2) for step in range(steps + 1))


def rule_row(margin: float, n: int) -> tuple[str, ...]:
    """Size and power at one margin and size."""
    unchanged = [chances(n, margin, flips / 2, flips / 2) for flips in FLIPS]
    dropped = chances(n, margin, margin + 0.025, 0.025)
    double = chances(n, margin, 2 * margin + 0.025, 0.025)
    return (
        f"{100 * margin:g}", str(n),
        _rate(worst_false_pass(n, margin, 0.5)), _rate(worst_false_pass(n, margin, 1.0)),
        *(_rate(found.passes) for found in unchanged), _rate(unchanged[1].fails),
        _rate(dropped.fails), _rate(double.fails),
    )  # fmt: skip


def rule(sizes: Sequence[int] = SIZES) -> Table:
    """The comparison, slice by slice."""
    head = (
        "margin, points", "cases", "false pass, flips ≤ 50 %", "false pass, any flips", "passes unchanged, 2 % flip",
        "5 % flip", "10 % flip", "fails unchanged, 5 % flip", "fails a drop of the margin", "fails twice the margin",
    )  # fmt: skip
    return "Size and power of the comparison", head, [rule_row(margin, n) for margin in MARGINS for n in sizes]


# ── coverage ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _binomial(n: int, p: float) -> list[float]:
    return [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]


def binomial_coverage(covers: Callable[[int, int, float], bool], n: int) -> tuple[float, float]:
    """The least and the mean coverage of a rate's interval, over true rates from 0.005 to 0.995."""
    rates = [step / 200 for step in range(1, 200)]
    known = [math.fsum(w for k, w in enumerate(_binomial(n, p)) if covers(k, n, p)) for p in rates]
    return min(known), math.fsum(known) / len(known)


@cache
def _exact(k: int, n: int) -> tuple[float, float, float, float, float, float]:
    both, short = clopper_pearson(k, n), wilson(k, n)
    return both.low, both.high, lower_bound(k, n).low, upper_bound(k, n).high, short.low, short.high


def _tables(n: int, broke: float, fixed: float) -> Iterator[tuple[int, int, float]]:
    same = 1 - broke - fixed
    for b in range(n + 1):
        for c in range(n - b + 1):
            ways = math.comb(n, b) * math.comb(n - b, c)
            if (weight := ways * broke**b * fixed**c * same ** (n - b - c)) > 1e-12:
                yield b, c, weight


_bounds = lru_cache(maxsize=None)(tango_interval)
CHANGES = ((0.0, 0.02), (0.0, 0.1), (0.0, 0.3), (0.05, 0.0), (0.05, 0.05), (0.1, 0.02), (0.2, 0.1), (0.3, 0.3))
"""True chances of a break and of a fix."""


def tango_coverage(n: int) -> tuple[float, float]:
    """The least and the mean chance that a one-sided bound at 0.045 is on the right side of the true change."""
    known = []
    for broke, fixed in CHANGES:
        low = high = 0.0
        for b, c, weight in _tables(n, broke, fixed):
            bounds = _bounds(b, c, n, 0.045)
            low += weight * (bounds[0] <= fixed - broke + 1e-12)
            high += weight * (bounds[1] >= fixed - broke - 1e-12)
        known += [low, high]
    return min(known), math.fsum(known) / len(known)


def headline_coverage(n: int) -> tuple[float, float]:
    """The least and the mean coverage of the weighted headline over two slices of n cases, weights 0.8 and 0.2."""
    known = []
    for one, other in (((0.0, 0.02), (0.1, 0.02)), ((0.02, 0.02), (0.02, 0.02)), ((0.05, 0.05), (0.3, 0.1))):
        truth = 0.8 * (one[1] - one[0]) + 0.2 * (other[1] - other[0])
        inside = 0.0
        for (b, c, first), (d, e, second) in product(_tables(n, *one), _tables(n, *other)):
            if first * second > 1e-9:
                found = headline([Stratum("a", 0.8, n, b, c), Stratum("b", 0.2, n, d, e)])
                inside += first * second * (found.low - 1e-12 <= truth <= found.high + 1e-12)
        known.append(inside)
    return min(known), math.fsum(known) / len(known)


def drawn_coverage(clusters: int, *, second_view: bool, draws: int = DRAWN) -> float:
    """Coverage for a mean of graded differences, three cases a cluster that move together; drawn, not enumerated."""
    source = random.Random(20_260)
    names = [str(number) for number in range(clusters) for _ in range(3)]
    inside = 0
    for _ in range(draws):
        values: list[float] = []
        for _ in range(clusters):
            shared = source.gauss(0, 0.15)
            values += [shared + source.gauss(0, 0.1) for _ in range(3)]
        if second_view:
            found = bca_interval(values, names, resamples=400, seed=source.getrandbits(32))
        else:
            found = cluster_interval(values, names)
        inside += found.low <= 0 <= found.high
    return inside / draws


def coverage(draws: int = DRAWN) -> Table:
    """Every interval that is used, against what it promises."""
    rows = []
    for n in (20, 60, 200):
        for name, asked, covers in (
            ("Clopper-Pearson, two-sided (shown)", 0.95, lambda k, n, p: _exact(k, n)[0] <= p <= _exact(k, n)[1]),
            ("Clopper-Pearson, lower bound (floors)", 0.95, lambda k, n, p: _exact(k, n)[2] <= p),
            ("Clopper-Pearson, upper bound (ceilings)", 0.95, lambda k, n, p: p <= _exact(k, n)[3]),
            ("Wilson, two-sided (shown)", 0.95, lambda k, n, p: _exact(k, n)[4] <= p <= _exact(k, n)[5]),
        ):
            least, mean = binomial_coverage(covers, n)
            rows.append((name, f"{n} cases", f"{asked:g}", _rate(least), _rate(mean), "enumerated"))
    for n in (20, 60, 120):
        least, mean = tango_coverage(n)
        rows.append(("Tango, each bound (comparison)", f"{n} cases", "0.955", _rate(least), _rate(mean), "enumerated"))
    for n in (10, 20):
        least, mean = headline_coverage(n)
        rows.append(("MOVER, two-sided (headline)", f"2 × {n} cases", "0.95", _rate(least), _rate(mean), "enumerated"))
    for clusters in (10, 20, 40):
        found = drawn_coverage(clusters, second_view=False, draws=draws)
        rows.append(
            (
                "cluster-robust t, two-sided (graded)",
                f"{clusters} clusters of 3",
                "0.95",
                "",
                _rate(found),
                f"{draws} draws",
            )
        )
    for clusters in (10, 20):
        fewer = draws // 2
        found = drawn_coverage(clusters, second_view=True, draws=fewer)
        rows.append(
            (
                "BCa bootstrap, two-sided (second view)",
                f"{clusters} clusters of 3",
                "0.95",
                "",
                _rate(found),
                f"{fewer} draws",
            )
        )
    return "Coverage of the intervals", ("interval", "size", "promised", "least", "mean", "how"), rows


# ── the sequential test ─────────────────────────────────────────────────────────────────────────────────────────────


def alarms(looks: int, breaks: float, sounds: Callable[[int, int], bool]) -> float:
    """The exact chance of an alarm within so many flipped pairs, each a break with this chance: paths added by counts."""
    alive, alarmed = {0: 1.0}, 0.0
    for flips in range(1, looks + 1):
        reached: dict[int, float] = {}
        for broke, chance in alive.items():
            reached[broke] = reached.get(broke, 0.0) + chance * (1 - breaks)
            reached[broke + 1] = reached.get(broke + 1, 0.0) + chance * breaks
        heard = {broke: sounds(broke, flips - broke) for broke in reached}
        alarmed += math.fsum(chance for broke, chance in reached.items() if heard[broke])
        alive = {broke: chance for broke, chance in reached.items() if not heard[broke]}
    return alarmed


def sequential(looks: Sequence[int] = LOOKS) -> Table:
    """A look after every flipped pair, at a level of 0.05."""
    evidence = lru_cache(maxsize=None)(lambda broke, fixed: worse(broke, fixed) >= 20)
    repeated = lru_cache(maxsize=None)(lambda broke, fixed: mcnemar_p(broke, fixed) < 0.05)
    rows = [
        (str(n), _rate(alarms(n, 0.5, evidence)), _rate(alarms(n, 0.5, repeated)),
         _rate(alarms(n, 0.7, evidence)), _rate(alarms(n, 0.9, evidence)))
        for n in looks
    ]  # fmt: skip
    head = ("flipped pairs, a look after each", "false alarms", "false alarms of McNemar's test, repeated",
            "alarms when 70 % of the flips are breaks", "when 90 % are")  # fmt: skip
    return "False alarms of the sequential test", head, rows


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _rate(value: float) -> str:
    return f"{value:.4f}"


def markdown(tables: Sequence[Table]) -> str:
    """The tables as they stand in the page."""
    lines = []
    for title, head, rows in tables:
        lines += [f"### {title}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        lines += ["| " + " | ".join(row) + " |" for row in rows] + [""]
    return "\n".join(lines)


def written(page: str, text: str) -> str:
    """The page with the text between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"the page has no part between `{BEGIN}` and `{END}`")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def main() -> int:
    """Work the tables out, print them, and write them where that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statistics", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"also write them into {PAGE.name}")
    asked = parser.parse_args()
    tables = []
    for make in (rule, coverage, sequential):
        tables.append(make())
        print(markdown(tables[-1:]), flush=True)
    if asked.write:
        PAGE.write_text(written(PAGE.read_text("utf-8"), markdown(tables)), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
