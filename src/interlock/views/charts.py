"""Readiness over time as a drawing: a lane for each environment, a square for each reading."""

from collections.abc import Sequence

from markupsafe import Markup

from interlock.core.verdict import Word
from interlock.views.history import LETTERS, ReadingLike
from interlock.views.svg import WIDE, escaped, svg, words
from interlock.views.wording import minute

MOST_MARKS = 60
_MARK, _ROW = 28, 40
_A_ROW = WIDE // _MARK


def strip_sentence(readings: Sequence[ReadingLike]) -> str:
    """What the strip of readings shows, in words."""
    newest = readings[-1]
    by = [f"{n} {word}" for word in Word if (n := sum(r.word is word for r in readings))]
    return f"{len(readings)} readings, oldest first: {', '.join(by)}. The newest, of {minute(newest.at)}, is {newest.word}."


def strip_drawing(readings: Sequence[ReadingLike]) -> Markup:
    """A lane an environment; a square per reading, oldest first, lettered R, H or B, over its number of open checks.

    Of the newest sixty.
    """
    lanes: dict[str, list[ReadingLike]] = {}
    for reading in readings[-MOST_MARKS:]:
        lanes.setdefault(reading.environment, []).append(reading)
    marks: list[str] = []
    y = 0
    for name, lane in lanes.items():
        marks.append(words(1, y + 13, name, "lane", room=WIDE - 2))
        y += 20
        for index, reading in enumerate(lane):
            marks.append(_square(reading, index % _A_ROW * _MARK, y + index // _A_ROW * _ROW))
        y += ((len(lane) - 1) // _A_ROW + 1) * _ROW + 4
    wide = max(200, min(_A_ROW, max(map(len, lanes.values()))) * _MARK)
    return svg(marks, wide, y, strip_sentence(readings), "strip")


def _square(reading: ReadingLike, x: int, y: int) -> str:
    word, middle = reading.word, x + _MARK / 2 - 1
    title = escaped(f"{minute(reading.at)} {reading.environment} {word}, {len(reading.blocking)} open")
    return (
        f'<g class="{word.lower()}"><title>{title}</title>'
        f'<rect x="{x + 1}" y="{y + 1}" width="{_MARK - 4}" height="{_MARK - 4}" rx="3"/>'
        f'<text class="letter" x="{middle}" y="{y + 18}">{LETTERS[word]}</text>'
        f'<text class="open" x="{middle}" y="{y + 36}">{len(reading.blocking)}</text></g>'
    )
