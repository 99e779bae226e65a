"""Inline SVG: shapes with class names, no style, no script; every drawing has one sentence that says what it shows."""

from collections.abc import Sequence

from markupsafe import Markup

from interlock.views.wording import plain, shorten

WIDE = 420
"""Units of a drawing's width: it is shown at most so wide, and smaller on a phone."""
_LETTER = 6.2  # units that a letter of 12.5 takes on average
_BOLD = 7.4


def escaped(text: str) -> str:
    """Text that stays text in SVG."""
    return str(Markup.escape(plain(text)))


def svg(marks: Sequence[str], wide: float, high: float, sentence: str, name: str) -> Markup:
    """The drawing. `marks` are made by this file and `views/plots.py`; text in them is escaped."""
    return Markup(  # noqa: S704  numbers and fixed names; the only text in it is escaped
        f'<svg class="{name}" role="img" aria-label="{escaped(sentence)}" viewBox="0 0 {wide:g} {high:g}" '
        f'width="{wide:g}" height="{high:g}">{"".join(marks)}</svg>'
    )


def line(x1: float, y1: float, x2: float, y2: float, name: str) -> str:
    """A line."""
    return f'<line class="{name}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def rect(x: float, y: float, wide: float, high: float, name: str, *, round: float = 0) -> str:
    """A rectangle."""
    corner = f' rx="{round:g}"' if round else ""
    return f'<rect class="{name}" x="{x:.1f}" y="{y:.1f}" width="{max(0.0, wide):.1f}" height="{high:.1f}"{corner}/>'


def dot(x: float, y: float, radius: float, name: str) -> str:
    """A circle."""
    return f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"/>'


def path(points: Sequence[tuple[float, float]], name: str) -> str:
    """A line through several points."""
    return f'<polyline class="{name}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def words(x: float, y: float, text: str, name: str = "", *, room: float | None = None) -> str:
    """Text, cut to the room that it has; `name` holds `end` or `mid` where it is not set from its left end."""
    shown = text if room is None else shorten(plain(text), max(3, int(room / (_BOLD if "strong" in name else _LETTER))))
    kind = f' class="{name}"' if name else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}">{escaped(shown)}</text>'


def take(text: str) -> float:
    """About how many units a text of 12.5 takes."""
    return len(text) * _LETTER
