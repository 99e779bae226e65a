"""Each plot says in words and in a table what it draws, stays inside its frame, and cannot be broken by a name."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree

import pytest

from interlock.core.estimate import clopper_pearson
from interlock.core.verdict import Verdict
from interlock.views import plots
from interlock.views.html import html_text
from interlock.views.page import ReportPage
from interlock.views.plot_rows import (
    BalanceRow,
    FlakyRow,
    IntervalRow,
    MixPlot,
    MixRow,
    Rate,
    RiskCurve,
    RiskPoint,
    plots_of,
)
from interlock.views.svg import WIDE

NASTY = '</svg><script>alert(1)</script>"><b>\u202e' + "w" * 300


def rate(passes: int, n: int) -> Rate:
    interval = clopper_pearson(passes, n)
    return Rate(passes, n, interval.low, interval.high)


def drawings(name: str) -> dict[str, str]:
    """One of each plot, with this name in it."""
    curve = RiskCurve(
        "SAFE-03", tuple(RiskPoint(t / 10, t / 10, t / 40, t / 30, 10 * t) for t in range(1, 11)), 0.1, 0.4
    )
    mix = MixPlot(
        "topic",
        "observed",
        900,
        0.1,
        0.0,
        0.2,
        40,
        38.2,
        (MixRow(name, True, 0.7, 0.6, 24), MixRow("b", False, 0.3, 0.4, 16)),
    )
    return {
        "intervals": plots.intervals_plot([IntervalRow(name, "gold", True, rate(38, 40), rate(40, 40), 0.8), IntervalRow("empty", "other", False, rate(0, 0), None, None)]),
        "balance": plots.balance_plot([BalanceRow(name, "fail", 30, 1, 60), BalanceRow("b", "pass", 0, 0, 9)]),
        "flaky": plots.flaky_plot([FlakyRow(name, "gold", 2, 5)]),
        "risk": plots.risk_plot(curve),
        "mix": plots.mix_plot(mix),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["refunds", NASTY])
def test_a_drawing_is_whole_named_and_without_style_or_script(name: str) -> None:
    for kind, drawing in drawings(name).items():
        root = ElementTree.fromstring(drawing)
        assert {element.tag for element in root.iter()} <= {
            "svg",
            "line",
            "rect",
            "circle",
            "polyline",
            "text",
            "g",
            "title",
        }
        assert kind in root.attrib["class"].split()
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-label"].endswith(".")
        for element in root.iter():
            assert not {key for key in element.attrib if key == "style" or key.startswith("on") or key == "href"}


@pytest.mark.parametrize("name", ["refunds", NASTY])
def test_nothing_is_drawn_outside_the_frame(name: str) -> None:
    for drawing in drawings(name).values():
        root = ElementTree.fromstring(drawing)
        wide, high = (float(n) for n in root.attrib["viewBox"].split()[2:])
        assert wide == WIDE
        for element in root.iter():
            for key, value in element.attrib.items():
                if key in {"x", "x1", "x2", "cx"}:
                    assert 0 <= float(value) <= wide, (element.tag, value)
                if key in {"y", "y1", "y2", "cy"}:
                    assert 0 <= float(value) <= high, (element.tag, value)
            if element.tag == "rect":
                assert float(element.attrib["x"]) + float(element.attrib["width"]) <= wide
            if element.tag == "text" and "end" not in element.attrib.get("class", "").split():
                assert len(element.text or "") * 5 <= wide


def test_a_dot_stands_where_its_rate_is() -> None:
    drawing = plots.intervals_plot([IntervalRow("a", "gold", False, rate(30, 40), rate(10, 40), None)])
    now, before = (float(x) for x in re.findall(r'<circle class="dot(?: then)?" cx="([\d.]+)"', drawing))
    left, right = 14.0, WIDE - 14.0
    assert (now - left) / (right - left) == pytest.approx(0.75, abs=0.001)
    assert (before - left) / (right - left) == pytest.approx(0.25, abs=0.001)


def test_a_slice_in_which_nothing_ran_shows_no_dot() -> None:
    drawing = plots.intervals_plot([IntervalRow("s", "gold", True, rate(0, 0), None, None)])
    assert "circle" not in drawing
    assert "no case ran" in drawing
    assert "No case ran." in drawing


def test_the_longer_bar_is_the_larger_count() -> None:
    drawing = plots.balance_plot([BalanceRow("a", "fail", 4, 1, 60), BalanceRow("b", "pass", 2, 0, 60)])
    broke = [float(w) for w in re.findall(r'class="broke"[^>]*width="([\d.]+)"', drawing)]
    fixed = [float(w) for w in re.findall(r'class="fixed"[^>]*width="([\d.]+)"', drawing)]
    assert broke[0] == pytest.approx(2 * broke[1], abs=0.2)
    assert fixed[0] == pytest.approx(broke[0] / 4, abs=0.2)
    assert fixed[1] == 0


def data_of(verdict: Verdict) -> dict[str, Mapping[str, Any]]:
    data = {outcome.check: dict(outcome.data) for outcome in verdict.outcomes if outcome.data}
    interval = clopper_pearson(60, 62)
    then = {"passes": 60, "n": 62, "low": interval.low, "high": interval.high}
    data["EVAL-02"]["flaky"] = [{"case": "refund-03", "suite": "gold", "passes": 3, "trials": 5}]
    data["EVAL-03"]["slices"] = [{**row, "suite": "gold", "before": then} for row in data["EVAL-03"]["slices"]]
    data["EVAL-03"]["flips"] = [
        {"case": "privacy-04", "suite": "gold", "slices": ["privacy"], "before": 1.0, "after": 0.0, "must_pass": True, "critical": True, "why": "abstention: `answer` where `escalate` was right"},
        {"case": "outage-01", "suite": "gold", "slices": ["outage_credit"], "before": 0.0, "after": 1.0, "must_pass": False, "critical": False, "why": ""},
    ]  # fmt: skip
    data["SAFE-02"]["risk_coverage"] = {
        "points": [{"threshold": 0.5, "coverage": 0.4, "risk": 0.02, "high": 0.05, "n": 120}, {"threshold": 0.3, "coverage": 0.8, "risk": 0.08, "n": 240}],
        "budget": 0.1, "chosen": 0.3,
    }  # fmt: skip
    row = {
        "slice": "refunds",
        "title": "",
        "critical": False,
        "share": 0.25,
        "gold": 0.31,
        "units": 31.0,
        "weight": 0.8,
    }
    rest = {**row, "slice": "privacy", "share": 0.75, "gold": 0.69, "units": 69.0}
    data["EVAL-07"] = {
        "cases": 100, "units": 100, "sourceless": [], "faults": [], "profile": None, "uncovered": [],
        "keys": [{"key": "slice", "basis": "declared", "requests": None, "units": 100, "n_eff": 88.2, "weighted": True, "distance": 0.06, "low": 0.0, "high": 0.18, "unweighted": 0.06, "jensen_shannon": 0.05, "chi_square": {"statistic": 1.9, "dof": 1, "p": 0.17}, "slices": [row, rest]}],
    }  # fmt: skip
    return data


@pytest.fixture
def drawn(verdict_of: Callable[..., Verdict], page_of: Callable[..., ReportPage], verdict: Verdict) -> ReportPage:
    page: ReportPage = page_of(verdict_of(data=data_of(verdict)))
    return page


def test_every_plot_has_its_rows_in_a_table_of_the_page(drawn: ReportPage) -> None:
    text = html_text(drawn)
    words = " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", text, flags=re.DOTALL).replace("\u00a0", " ").split())
    assert text.count("<svg") == text.count("<figcaption>") == 8
    for said in (
        "before 60 of 62", "refund-03 gold 3 of 5 pass^2 30.0 %", "answered 80.0 % wrong 8.0 % not known n 240", "0.3 (used)",
        "gold 31.0 % traffic 25.0 % +6.0 points 31 cases", "which by their weights count as 88", "must pass",
        "abstention: `answer` where `escalate` was right", "2 broke 0 fixed",
    ):  # fmt: skip
        assert said in words, said


def test_the_worst_case_is_listed_first(drawn: ReportPage) -> None:
    text = html_text(drawn)
    assert text.index("<code>privacy-04</code>") < text.index("<code>outage-01</code>")


def test_what_was_not_measured_is_not_drawn(page: ReportPage) -> None:
    found = plots_of(page.verdict)
    assert (found.flaky, found.flips, found.risk, found.mix) == ((), (), (), ())
    text = html_text(page)
    for id in ("flaky", "risk", "mix"):
        assert f'id="{id}"' not in text


def test_evidence_from_before_there_were_plots_still_renders(drawn: ReportPage, page: ReportPage) -> None:
    """Stored evidence has no `before`, no `flips`, no `flaky`."""
    assert all(row.before is None for row in plots_of(page.verdict).intervals)
    assert any(row.before is not None for row in plots_of(drawn.verdict).intervals)
