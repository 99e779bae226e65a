"""Small drawings as inline SVG: printable, without a script, each with one sentence that says the same."""

from collections.abc import Sequence

from markupsafe import Markup

from interlock.core.rules import percent
from interlock.core.verdict import Word
from interlock.views.history import LETTERS, ReadingLike
from interlock.views.page import SliceRow
from interlock.views.wording import minute, plain

_WIDE, _HIGH, _EDGE = 240, 22, 6
_MARK, _A_ROW, MOST_MARKS = 26, 20, 60


def slice_sentence(row: SliceRow) -> str:
    """What the drawing of a slice shows, in words; a rate never without its n."""
    if row.rate is None:
        return f"{row.slice}: no case ran."
    floors = "".join(f" Floor for {f.scorer}: {percent(f.floor)}." for f in row.floors)
    return (
        f"{row.slice}: {row.passes} of {row.n} right, {percent(row.rate)}; "
        f"95 % interval {percent(row.low)} to {percent(row.high)}.{floors}"
    )


def slice_drawing(row: SliceRow) -> Markup:
    """Rate as a dot, exact 95 % interval as a line, floors as ticks, on a scale from 0 to 100 %."""

    def x(rate: float) -> str:
        return f"{_EDGE + min(1.0, max(0.0, rate)) * (_WIDE - 2 * _EDGE):.1f}"

    middle = _HIGH / 2
    marks = [
        f'<line class="axis" x1="{x(0)}" y1="{_HIGH - 3}" x2="{x(1)}" y2="{_HIGH - 3}"/>',
        *(
            f'<line class="axis" x1="{x(t)}" y1="{_HIGH - 6}" x2="{x(t)}" y2="{_HIGH - 3}"/>'
            for t in (0, 0.25, 0.5, 0.75, 1)
        ),
    ]
    if row.rate is not None:
        marks.append(f'<line class="range" x1="{x(row.low)}" y1="{middle - 2}" x2="{x(row.high)}" y2="{middle - 2}"/>')
        marks += [
            f'<line class="floor" x1="{x(f.floor)}" y1="1" x2="{x(f.floor)}" y2="{_HIGH - 4}"/>' for f in row.floors
        ]
        marks.append(f'<circle class="dot" cx="{x(row.rate)}" cy="{middle - 2}" r="4"/>')
    return _svg(marks, _WIDE, _HIGH, slice_sentence(row), "interval")


def strip_sentence(readings: Sequence[ReadingLike]) -> str:
    """What the strip of readings shows, in words."""
    newest = readings[-1]
    by = [f"{n} {word}" for word in Word if (n := sum(r.word is word for r in readings))]
    return f"{len(readings)} readings, oldest first: {', '.join(by)}. The newest, of {minute(newest.at)}, is {newest.word}."


def strip_drawing(readings: Sequence[ReadingLike]) -> Markup:
    """One square per reading, oldest first, coloured and lettered R, H or B; the newest sixty."""
    shown = readings[-MOST_MARKS:]
    marks = []
    for index, reading in enumerate(shown):
        x, y = index % _A_ROW * _MARK, index // _A_ROW * _MARK
        word = reading.word
        marks.append(
            f'<g class="{word.lower()}"><title>{_escaped(f"{minute(reading.at)} {reading.environment} {word}")}</title>'
            f'<rect x="{x + 1}" y="{y + 1}" width="{_MARK - 4}" height="{_MARK - 4}" rx="3"/>'
            f'<text x="{x + _MARK / 2 - 1}" y="{y + 17}">{LETTERS[word]}</text></g>'
        )
    wide = min(len(shown), _A_ROW) * _MARK
    high = ((len(shown) - 1) // _A_ROW + 1) * _MARK
    return _svg(marks, wide, high, strip_sentence(readings), "strip")


def _escaped(text: str) -> str:
    return str(Markup.escape(plain(text)))


def _svg(marks: Sequence[str], wide: int, high: int, sentence: str, name: str) -> Markup:
    return Markup(  # noqa: S704  (numbers and fixed names; the only text in it is escaped)
        f'<svg class="{name}" role="img" aria-label="{_escaped(sentence)}" viewBox="0 0 {wide} {high}" '
        f'width="{wide}" height="{high}">{"".join(marks)}</svg>'
    )
