"""The plot of what an evidence rule bought says in words and numbers what it draws, and compares like with like."""

import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from interlock.core.estimate import clopper_pearson
from interlock.core.verdict import Verdict
from interlock.views.html import html_text
from interlock.views.page import ReportPage
from interlock.views.risk_coverage import (
    CURVE,
    Bought,
    BoughtRow,
    Share,
    bought_of,
    bought_plot,
    labels_plot,
)
from interlock.views.svg import WIDE

FIRST, SECOND = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def data(delivered: int, unsupported: int, *, stale: tuple[str, ...] = (), points: int = 100) -> dict[str, Any]:
    curve = [[(at + 1) / points, unsupported / max(1, delivered)] for at in range(points)]
    every = {"slice": "*", "at_policy": {"delivered": 40, "unsupported": 4, "n": 50}, "risk_coverage": curve}
    return {
        "SAFE-01": {"overall": {"asked": 100, "delivered": delivered, "unsupported": unsupported}},
        "SAFE-02": {"should": {"passes": 18, "n": 20}, "wrongly": {"count": 3, "n": 60}},
        "SAFE-03": {"labels": 50, "budget": 0.05, "stale": list(stale), "slices": [every]},
    }


@pytest.fixture
def bought() -> Bought:
    found = bought_of([((FIRST,), data(80, 60)), ((SECOND,), data(50, 0))], SECOND, 0.10)
    assert found is not None
    return found


def test_each_bundle_has_its_rates_with_exact_intervals(bought: Bought) -> None:
    first, second = bought.rows
    assert (first.own, second.own) == (False, True)
    assert (first.answered, first.unsupported) == (Share(80, 100), Share(60, 80))
    oracle = clopper_pearson(60, 80)
    assert first.unsupported.bounds == (oracle.low, oracle.high)
    assert (second.should, second.wrongly) == (Share(18, 20), Share(3, 60))


def test_labels_of_another_bundles_answers_are_not_drawn() -> None:
    found = bought_of([((FIRST,), data(80, 60, stale=("prompt",)))], FIRST, 0.10)
    assert found is not None
    assert found.labelled == ()


def test_a_bundle_that_answered_nothing_is_in_the_table_and_no_point(bought: Bought) -> None:
    found = bought_of([((FIRST,), data(0, 0)), ((SECOND,), data(50, 0))], SECOND, 0.10)
    assert found is not None
    assert found.rows[0].unsupported.rate is None
    assert bought_plot(found).count("<circle") == 1


def test_nothing_measured_is_no_plot() -> None:
    assert bought_of([], FIRST, 0.10) is None


def test_a_long_curve_is_thinned_and_keeps_its_ends(bought: Bought) -> None:
    curve = bought.rows[0].curve
    assert len(curve) == CURVE
    assert (curve[0][0], curve[-1][0]) == (0.01, 1.0)


@pytest.mark.parametrize("draw", [bought_plot, labels_plot])
def test_the_drawing_stays_in_its_frame_and_says_what_it_shows(bought: Bought, draw: Any) -> None:
    tree = ElementTree.fromstring(str(draw(bought)))
    width, height = (float(tree.attrib[name]) for name in ("width", "height"))
    assert width == WIDE
    for mark in tree.iter():
        for name, most in (("cx", width), ("cy", height), ("x1", width), ("x2", width), ("y1", height), ("y2", height)):
            if name in mark.attrib:
                assert 0 <= float(mark.attrib[name]) <= most, mark.attrib
    assert "bbbbbbbbbbbb (this)" in tree.attrib["aria-label"]


def test_names_of_points_that_lie_together_do_not_lie_on_each_other() -> None:
    rows = tuple(BoughtRow(f"bundle-{at}", at == 2, Share(46, 100), Share(0, 46)) for at in range(3))
    texts = re.findall(r'<text[^>]* y="([\d.]+)">(?:this: )?bundle', str(bought_plot(Bought(rows, 0.1))))
    heights = sorted(map(float, texts))
    assert len(heights) == 3
    assert all(later - earlier >= 12 for earlier, later in pairwise(heights))


def test_the_page_shows_plot_and_table_without_a_script(bought: Bought, verdict: Verdict) -> None:
    text = html_text(ReportPage((verdict,), bought=bought))
    assert 'href="#bought"' in text
    section = text[text.index('id="bought"') :]
    assert section.count("<svg") >= 2
    assert "60 of 80" in section
    assert "<script" not in text
    assert 'id="bought"' not in html_text(ReportPage((verdict,)))


def test_a_name_cannot_break_the_drawing() -> None:
    nasty = '</svg><script>alert(1)</script>"><b>\u202e'
    row = BoughtRow(nasty, True, Share(5, 9), Share(1, 5), curve=((0.5, 0.1), (1.0, 0.2)), labels=9)
    for drawn in (bought_plot(Bought((row,), 0.1)), labels_plot(Bought((row,), 0.1))):
        ElementTree.fromstring(str(drawn))
        assert "<script" not in drawn
        assert "\u202e" not in drawn
