"""The second views of a run stand on the page: each with its n and interval, a drawing, and its table."""

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from interlock.core.comparison import tango_interval
from interlock.core.estimate import clopper_pearson
from interlock.core.verdict import Verdict
from interlock.views import second_plots
from interlock.views.detail import detail_text
from interlock.views.html import html_text
from interlock.views.page import ReportPage
from interlock.views.second_rows import ChangeRow, RepeatRow, WrongRow, second_views
from interlock.views.svg import WIDE

NASTY = '</svg><script>alert(1)</script>"><b>\u202e' + "w" * 300


def half(name: str, verdict: str, broke: int, fixed: int, n: int) -> dict[str, Any]:
    low, high = tango_interval(broke, fixed, n)
    return {
        "slice": name, "verdict": verdict, "n": n, "broke": broke, "fixed": fixed, "delta": (fixed - broke) / n, "low": low,
        "high": high, "p_holm": 0.4, "bca": [low - 0.01, high + 0.01], "margin": 0.1, "decides_at": None,
        "smallest_drop": -low, "why": f"{broke} broke and {fixed} were fixed of {n}",
    }  # fmt: skip


def undeclared(name: str, broke: int, n: int, q: float) -> dict[str, Any]:
    return {"slice": name, "n": n, "broke": broke, "fixed": 0, "delta": -broke / n, "q": q, "warns": q < 0.05}


def with_second_views(data: Mapping[str, Mapping[str, Any]], name: str = "refunds") -> dict[str, Mapping[str, Any]]:
    """The evidence of a run of four repeats that was compared with a baseline."""
    found = {check: dict(row) for check, row in data.items()}
    repeats = {"cases": 40, "trials": 4, "pass_hat": [0.9, 0.85, 0.82, 0.8], "discordance": 0.06, "flaky": 8}
    even = {"cases": 62, "trials": 4, "pass_hat": [1.0, 1.0], "discordance": 0.0, "flaky": 0}
    slices = [dict(row) for row in found["EVAL-02"]["slices"]]
    slices[0] |= {"slice": name, "repeats": repeats, "curtailed": 7}
    slices[1] |= {"repeats": even}
    found["EVAL-02"] |= {"slices": slices, "flaky": [{"case": "refund-03", "suite": "gold", "passes": 3, "trials": 4}]}
    compared = [dict(row) for row in found["EVAL-03"]["slices"]]
    compared[0] |= {"slice": name, "bca": [-0.0871, 0.0131]}
    found["EVAL-03"] |= {
        "slices": compared,
        "halves": [half(f"wrong when answered {name}", "pass", 3, 5, 180), half("refused without need", "owed", 12, 1, 180)],
        "headline": {"delta": -0.0123, "low": -0.0456, "high": 0.021, "n": 173, "covered": 0.93, "method": "post-stratified"},
        "exploratory": [undeclared(f"language fi {name}", 9, 30, 0.011), undeclared("covers tool:pay", 1, 12, 0.5)],
        "overall": {"n": 173, "broke": 5, "fixed": 11, "delta": 6 / 173, "unpaired": 2},
        "flips": [{"case": "outage-01", "suite": "gold", "slices": ["x"], "before": 1.0, "after": 0.25, "trials": [4, 4], "must_pass": False, "critical": False, "why": "facts: no"}],
    }  # fmt: skip
    found["SAFE-02"] = {
        "should": {"passes": 61, "n": 65, "broken": 0},
        "wrongly": {"count": 9, "n": 312, "broken": 1, "curtailed": 2},
        "answered": {"wrong": 14, "n": 303},
    }
    return found


@pytest.fixture
def shown(verdict_of: Callable[..., Verdict], page_of: Callable[..., ReportPage], verdict: Verdict) -> ReportPage:
    data = {outcome.check: outcome.data for outcome in verdict.outcomes if outcome.data}
    page: ReportPage = page_of(verdict_of(data=with_second_views(data)))
    return page


def words_of(text: str) -> str:
    return " ".join(
        re.sub(r"<svg.*?</svg>|<[^>]+>", " ", text, flags=re.DOTALL).replace("\u00a0", " ").split()
    ).replace(" ;", ";")


@pytest.mark.parametrize(
    "said",
    [
        "wrong when answered refunds ✓ pass 3 broke 5 fixed n 180 +1.1 points, bounds",
        "refused without need … owed 12 broke 1 fixed n 180",
        "-1.2 points, 95 % interval -4.6 to +2.1 points, n 173. The slices weigh as declared and stand for 93.0 % of the traffic.",
        "+3.5 points, bounds",
        "n 173: 5 broke, 11 fixed, 2 unpaired",
        "language fi refunds … warns 9 broke 0 fixed n 30 -30.0 points, bounds",
        "q 0.011",
        "covers tool:pay does not warn 1 broke 0 fixed n 12",
        "bootstrap -8.7 to +1.3 points",
        "40 cases 4 repeats pass^1 90.0 % pass^2 85.0 % pass^3 82.0 % pass^4 80.0 % every time 32 of 40",
        "two disagree 6.0 % 8 flaky",
        "62 cases 4 repeats pass^1 100.0 % pass^2 100.0 % every time: not known",
        "refund-03 gold 3 of 4",
        "abstained where nothing answers it many wanted 61 of 65",
        "refused although there is an answer few wanted 9 of 312 2.9 % 3 not judged",
        "wrong when answered few wanted 14 of 303 4.6 %",
        "before 4 of 4 now 1 of 4",
        "7 not asked",
    ],
)
def test_each_second_view_is_said_in_words_and_numbers(shown: ReportPage, said: str) -> None:
    assert said in words_of(html_text(shown))


def test_a_change_is_said_with_its_bounds_its_margin_and_its_second_view(shown: ReportPage) -> None:
    low, high = (100 * bound for bound in tango_interval(3, 5, 180))
    said = f"bounds {low:+.1f} to {high:+.1f} points; margin 10.0 %; bootstrap {low - 1:+.1f} to {high + 1:+.1f} points"
    assert said in words_of(html_text(shown))


def test_every_drawing_has_its_caption_and_every_table_too(shown: ReportPage) -> None:
    text = html_text(shown)
    assert text.count("<svg") == text.count("<figure>") == text.count("<figcaption>") == 8
    assert text.count("<table") == text.count("<caption>")
    for name in ("change", "repeats", "wrong", "flaky"):
        assert f'class="plot {name}"' in text
    assert len(re.findall(r'class="plot change"', text)) == 2  # the slices, and the two ways of being wrong


def test_the_exact_interval_of_cases_that_passed_every_time_is_shown(shown: ReportPage) -> None:
    interval = clopper_pearson(32, 40)
    assert f"32 of 40 {100 * interval.low:.1f} % to {100 * interval.high:.1f} %" in words_of(html_text(shown))


def test_a_warning_is_open_and_none_is_closed(shown: ReportPage, verdict_of: Any, page_of: Any) -> None:
    assert "<details open><summary>2 slices in which a case changed" in html_text(shown)
    data = {outcome.check: outcome.data for outcome in shown.verdict.outcomes if outcome.data}
    quiet = {**data["EVAL-03"], "exploratory": [undeclared("a", 1, 12, 0.5)]}
    text = html_text(page_of(verdict_of(data={**data, "EVAL-03": quiet})))
    assert "None warns." in text
    assert "<details><summary>1 slice in which a case changed" in text


def test_what_was_not_measured_has_no_section(page: ReportPage) -> None:
    found = second_views(page.verdict)
    assert (found.halves, found.undeclared, found.headline, found.overall, found.repeats) == ((), (), None, None, ())
    text = html_text(page)
    for said in ("All slices in one number", "nobody declared", "before and now</h3>", 'id="flaky"'):
        assert said not in text


def drawings(name: str) -> dict[str, str]:
    changes = [
        ChangeRow(name, "owed", 16, 3, 0, -0.17, -0.39, 0.01, 0.15, (-0.4, -0.05), "why"),
        ChangeRow("nothing ran", "owed", 0, 0, 0, None, -1.0, 1.0, 0.05, None, "why"),
    ]
    return {
        "change": second_plots.change_plot(changes),
        "repeats": second_plots.repeats_plot(
            [
                RepeatRow(name, "gold", True, 40, 4, (0.9, 0.8), 0.1, 8, (32, 0.6, 0.9)),
                RepeatRow("b", "other", False, 9, 2, (1.0, 1.0), None, 0, None),
            ]
        ),
        "wrong": second_plots.wrong_plot(
            [WrongRow(name, 3, 40, 0.01, 0.2, True, 0), WrongRow("b", 0, 0, 0.0, 1.0, False, 0)]
        ),
    }


@pytest.mark.parametrize("name", ["refunds", NASTY])
def test_a_drawing_is_whole_and_inside_its_frame(name: str) -> None:
    for kind, drawing in drawings(name).items():
        root = ElementTree.fromstring(drawing)
        assert kind in root.attrib["class"].split()
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-label"].endswith(".")
        wide, high = (float(n) for n in root.attrib["viewBox"].split()[2:])
        assert wide == WIDE
        for element in root.iter():
            assert element.tag in {"svg", "line", "rect", "circle", "text"}
            for key, value in element.attrib.items():
                if key in {"x", "x1", "x2", "cx"}:
                    assert 0 <= float(value) <= wide
                if key in {"y", "y1", "y2", "cy"}:
                    assert 0 <= float(value) <= high
            if element.tag == "text" and "end" not in element.attrib.get("class", "").split():
                assert len(element.text or "") * 5 <= wide


def test_no_change_stands_in_the_middle_and_a_drop_to_its_left() -> None:
    row = ChangeRow("a", "owed", 40, 8, 0, -0.2, -0.35, -0.05, 0.1, None, "why")
    drawing = second_plots.change_plot([row])
    at = float(re.findall(r'<circle class="dot" cx="([\d.]+)"', drawing)[0])
    margin = float(re.findall(r'<line class="floor" x1="([\d.]+)"', drawing)[0])
    middle = float(re.findall(r'<line class="axis" x1="([\d.]+)"', drawing)[0])
    assert middle == pytest.approx(WIDE / 2)
    assert at < margin < middle
    assert (middle - at) == pytest.approx(2 * (middle - margin), abs=0.2)


def test_a_repeat_that_agrees_has_dot_and_ring_in_one_place() -> None:
    both = re.findall(r'<circle class="dot(?: then)?" cx="([\d.]+)"', drawings("a")["repeats"])
    assert both[2] == both[3]
    assert float(both[0]) > float(both[1])


# ── as text ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "said",
    [
        "gold/refunds  33 of 40  82.5 % [67.2, 92.7]  7 not asked  failed: ",
        "wrong when answered                  14 of 303  4.6 % [",
        "owed  refunds  ",
        "bootstrap [-8.7, +1.3]",
        "refused without need",
        "by the traffic  -1.2 points [-4.6, +2.1]  n 173  93.0 % of it covered",
        "each case alike  +3.5 points [",
        "warns  language fi refunds  n 30  broke 9  fixed 0  -30.0 points [",
        "1 slice more changed without a warning",
        "gold/refunds  40 cases, 4 repeats  pass^1 90.0 %, pass^4 80.0 % [64.4, 90.9]  two disagree 6.0 %  8 flaky",
        "most undecided: refund-03 3/4",
    ],
)
def test_the_text_says_what_the_page_says(shown: ReportPage, said: str) -> None:
    text = " ".join(detail_text(shown).split())
    assert " ".join(said.split()) in text


def test_the_text_begins_with_the_verdict_and_shows_only_what_was_measured(page: ReportPage) -> None:
    lines = detail_text(page).splitlines()
    assert lines[0].startswith(page.verdict.word)
    titles = [line for before, line in pairwise(lines) if not before and line and not line.startswith(" ")]
    assert [title.split(",")[0].split(":")[0] for title in titles] == [
        "Slices",
        "Answers and refusals",
        "Against the baseline",
    ]


def test_a_hostile_name_stays_on_its_line(shown: ReportPage, verdict_of: Any, page_of: Any) -> None:
    data = {outcome.check: outcome.data for outcome in shown.verdict.outcomes if outcome.data}
    nasty = page_of(verdict_of(data=with_second_views(data, "a\n\x1b[31m\u202eb")))
    text = detail_text(nasty)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text.splitlines()) == len(detail_text(shown).splitlines())
