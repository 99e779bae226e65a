import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise

import pytest

from interlock.core.digest import of_bytes
from interlock.core.manifest import Stage
from interlock.core.verdict import Verdict, Word
from interlock.views.charts import strip_drawing
from interlock.views.html import html_text
from interlock.views.page import ReportPage, slice_rows

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Seen(HTMLParser):
    """Every tag with its attributes; complains when tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag in names]


def test_the_report_asks_nothing_of_the_network_and_runs_no_script(page: ReportPage) -> None:
    text = html_text(page)
    seen = Seen(text)
    assert not re.search(r"https?:|//[a-z]|url\(|@import", text)
    assert not seen.all("script", "iframe", "object", "embed", "link", "img", "base", "form")
    assert not [name for _, attrs in seen.tags for name in attrs if name.startswith("on") or name in {"style", "src"}]
    assert all(str(attrs["href"]).startswith("#") for attrs in seen.all("a"))
    policy = next(attrs["content"] for attrs in seen.all("meta") if "http-equiv" in attrs)
    assert str(policy).startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")


def test_a_reader_who_cannot_see_it_can_use_it(page: ReportPage) -> None:
    text = html_text(page)
    seen = Seen(text)
    ids = [str(attrs["id"]) for _, attrs in seen.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {str(attrs["href"])[1:] for attrs in seen.all("a")} <= set(ids)
    levels = [int(tag[1]) for tag, _ in seen.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert len(seen.all("table")) == len(seen.all("caption")) > 8
    assert all(attrs.get("scope") in {"col", "row"} for attrs in seen.all("th"))
    drawings = seen.all("svg")
    assert len(drawings) == len(seen.all("figure")) == len(seen.all("figcaption")) == 5
    assert all(attrs["role"] == "img" and str(attrs["aria-label"]).endswith(".") for attrs in drawings)
    assert seen.all("html")[0]["lang"] == "en"
    assert next(attrs for attrs in seen.all("a") if attrs.get("class") == "skip")["href"] == "#content"


def test_no_rate_without_its_n(page: ReportPage) -> None:
    seen = Seen(html_text(page))
    text = " ".join(" ".join(seen.words).split()).replace("\u00a0", " ")
    rows = slice_rows(page.verdict)
    assert rows
    for row in rows:
        assert row.rate is not None
        assert f"{row.passes} of {row.n} {100 * row.rate:.1f} %" in text
        for floor in row.floors:
            assert f"{floor.scorer}: {floor.passes} of {floor.n}, floor {100 * floor.floor:.1f} %" in text


def test_every_reading_is_a_mark_with_a_letter_and_a_row(page: ReportPage) -> None:
    drawing = strip_drawing(page.readings)
    letters = re.findall(r'<text class="letter"[^>]*>(.)</text>', drawing)
    counts = re.findall(r'<text class="open"[^>]*>(\d+)</text>', drawing)
    assert counts == [str(len(reading.blocking)) for reading in page.readings]
    assert letters == [reading.word[0] for reading in page.readings]
    text = html_text(page)
    assert all(f">{reading.at:%Y-%m-%d %H:%M} UTC</th>" in text for reading in page.readings)


def test_what_is_live_stands_beside_this_bundle_with_the_change_marked(page: ReportPage) -> None:
    text = html_text(page)
    changed = re.findall(r'<tr class="changed">\s*<th scope="row">(\w+)', text)
    assert changed == ["prompt", "tools"]
    assert "say what happens next after a refusal" in text
    assert "prompt requires schema &gt;=2,&lt;4: holds" in text


def test_evidence_is_shown_with_method_age_digest_and_signer(page: ReportPage) -> None:
    words = " ".join(" ".join(Seen(html_text(page)).words).split())
    outcome = page.verdict.outcome("EVAL-01")
    assert outcome.evidence
    assert f"measured, 2 h old, evidence {outcome.evidence[7:19]} signed by ci@fernhollow" in words


def test_a_hostile_case_name_is_only_a_name(page_of: Callable[..., ReportPage], verdict: Verdict) -> None:
    nasty = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e\x07 &amp; ' + "w" * 400
    data = {
        "slices": [
            {**row, "slice": nasty, "title": nasty, "failed": [nasty] * 9}
            for row in verdict.outcome("EVAL-02").data["slices"]
        ]
    }
    rows = {
        "slices": [
            {**row, "slice": nasty, "why": nasty, "broke_cases": [nasty]}
            for row in verdict.outcome("EVAL-03").data["slices"]
        ]
    }
    replaced = {"EVAL-02": data, "EVAL-03": rows}
    bad = replace(
        verdict,
        environment=nasty,
        feature=nasty,
        outcomes=tuple(
            replace(o, seen=nasty, next=nasty, details=(nasty, nasty), data=replaced.get(o.check, o.data)) for o in verdict.outcomes
        ),
    )  # fmt: skip
    page = page_of(bad)
    text = html_text(
        replace(page, readings=tuple(replace(row, actor=nasty, environment=nasty) for row in page.readings))
    )
    seen = Seen(text)
    assert not seen.all("script", "img")
    assert "\u202e" not in text
    assert "\x07" not in text
    assert "\\u202e" in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize("stage", list(Stage))
def test_a_report_with_nothing_but_a_verdict_is_whole(verdict_of: Callable[..., Verdict], stage: Stage) -> None:
    verdict = verdict_of("here", stage, data={})
    seen = Seen(html_text(ReportPage((verdict,))))
    assert verdict.word in (Word.HOLD, Word.BLOCKED)
    assert of_bytes(b"this") in " ".join(seen.words)


def test_colours_can_be_read_on_their_page() -> None:
    css = files("interlock.views").joinpath("templates/report.css").read_text(encoding="utf-8")
    themes = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    assert len(themes) == 3
    for theme in themes:
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", theme))
        for name in ("ink", "soft", "link", "pass", "fail", "owed", "waived", "na"):
            for ground in ("page", "panel"):
                assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground, theme)


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours. Source: WCAG 2.2, definition of contrast ratio."""

    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)
