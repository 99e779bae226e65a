"""A verdict in the terminal: one screen, at most 25 lines, whatever its size."""

from collections.abc import Sequence

from rich.cells import cell_len

from interlock.core.checks import Question
from interlock.core.digest import short
from interlock.core.rules import Standing
from interlock.core.verdict import Outcome, Verdict
from interlock.views.screen import cut, painted, wrapped
from interlock.views.summary import RunSummary
from interlock.views.wording import (
    ASCII_SIGNS,
    SIGNS,
    chain,
    count,
    counts,
    day,
    expiring,
    ids_in_groups,
    in_order,
    looser,
    minute,
    money,
    next_commands,
    plain,
    worst,
    worst_outcome,
)

MOST_LINES = 25
_MOST_OTHERS = 3
_LINES_EACH = 3
NARROWEST = 40


class _Screen:
    """How to write here: how wide, in which alphabet, painted or not."""

    def __init__(self, width: int, *, color: bool, unicode: bool) -> None:
        self.width, self.color, self.unicode = max(NARROWEST, width), color, unicode
        self.mark = "…" if unicode else "..."
        self.arrow = "→" if unicode else "->"

    def text(self, text: str) -> str:
        return plain(text, unicode=self.unicode)

    def line(self, text: str) -> str:
        return cut(self.text(text), self.width, mark=self.mark)

    def paint(self, line: str, word: str, style: str) -> str:
        """The line with the first mention of a word painted; painting never changes how much room it takes."""
        return line.replace(word, painted(word, style, color=self.color), 1) if self.color and word else line

    def sign(self, standing: Standing | None) -> str:
        signs = SIGNS if self.unicode else ASCII_SIGNS
        return signs[standing or Standing.NA]


def verdict_lines(
    verdict: Verdict, *, others: Sequence[Verdict], run: RunSummary | None, width: int, color: bool, unicode: bool = True
) -> list[str]:  # fmt: skip
    """The verdict on one screen.

    Args:
        verdict: what the command was asked about.
        others: the verdicts of the other environments, one line each; beyond three they are counted.
        run: what was measured just now, None when nothing was.
        width: columns, at least 40.
        color: whether to write ANSI colours. Every colour repeats a word.
        unicode: False writes ASCII only (`ok`, `x`, `->`).
    Returns: at most 25 lines of at most `width` columns each.
    """
    screen = _Screen(width, color=color, unicode=unicode)
    head = [_first(verdict, screen), *_others(others, screen)]
    if said := looser(verdict):
        head.append(screen.line(said))
    if run is not None:
        head.append(screen.line(run_line(run)))
    rows = [_row(verdict, question, screen) for question in _questions()]
    last = _last(verdict, screen)
    room = MOST_LINES - len(head) - len(rows) - len(last)
    return [*head, *rows, *_blocking(verdict, screen, room), *last]


def run_line(run: RunSummary) -> str:
    """What a run did, in one line."""
    said = [
        f"Measured {count(len(run.measured), 'check')}",
        count(run.calls, "call"),
        f"{count(run.reused, 'reply', 'replies')} reused",
        money(run.cost_usd),
    ]
    if run.seconds is not None:
        said.append(f"{run.seconds:.1f} s")
    if run.broken:
        said.append("broken: " + ", ".join(f"{n} {kind}" for kind, n in sorted(run.broken.items())))
    if run.faults:
        said.append("failed by themselves: " + ", ".join(f"{n} {kind}" for kind, n in sorted(run.faults.items())))
    if run.curtailed:
        said.append(f"{count(run.curtailed, 'trial')} not asked, their slices stood")
    if run.truncated:
        said.append("cut short")
    return " · ".join(said)


def _questions() -> tuple[Question, ...]:
    """The five questions in order, then the bundle itself."""
    return tuple(sorted(Question, key=lambda question: (question.number == 0, question.number)))


def _first(verdict: Verdict, screen: _Screen) -> str:
    # A long name gives way, so that digest, environment and stage are always there.
    tail = screen.text(f"@{short(verdict.bundle)}  {verdict.environment} ({verdict.stage}, {verdict.profile})")
    room = screen.width - cell_len(f"{verdict.word}  ") - cell_len(tail)
    name = cut(screen.text(verdict.feature), max(1, room), mark=screen.mark)
    line = screen.line(f"{verdict.word}  {name}{tail}")
    return screen.paint(line, verdict.word, verdict.word.value)


def _others(others: Sequence[Verdict], screen: _Screen) -> list[str]:
    shown = others if len(others) <= _MOST_OTHERS else others[: _MOST_OTHERS - 1]
    lines = []
    for other in shown:
        line = screen.line(
            f"{other.word:<7}  {other.environment} ({other.stage}, {other.profile})  {counts(other.outcomes)}"
        )
        lines.append(screen.paint(line, other.word, other.word.value))
    if len(shown) < len(others):
        lines.append(screen.line(f"+{len(others) - len(shown)} more environments: interlock status"))
    return lines


def _row(verdict: Verdict, question: Question, screen: _Screen) -> str:
    outcomes = verdict.of_question(question)
    standing = worst(outcomes)
    sign = screen.sign(standing)
    number = str(question.number) if question.number else " "
    said = f" {sign:<2} {number} {question.value}: {counts(outcomes)}"
    first = worst_outcome(verdict, question)
    if first is not None:
        said += f" · {first.check} {first.seen}"
    return screen.paint(screen.line(said), sign, standing.value) if standing else screen.line(said)


def _blocking(verdict: Verdict, screen: _Screen, room: int) -> list[str]:
    blocking = in_order(verdict)
    if not blocking:
        return []
    said = f"What keeps it from READY ({counts(blocking)}):  seen → proves → asked → next"
    lines, shown = [painted(screen.line(said), "strong", color=screen.color)], 0
    for outcome in blocking:
        entry = _entry(outcome, screen)
        hidden = _more(blocking[shown + 1 :], screen)
        if len(lines) + len(entry) + len(hidden) > room:
            break
        lines += entry
        shown += 1
    return lines + _more(blocking[shown:], screen)


def _entry(outcome: Outcome, screen: _Screen) -> list[str]:
    """One blocking check in at most three lines; the command is never cut in two."""
    sign, steps = screen.sign(outcome.standing), dict(chain(outcome))
    command = screen.text(steps.pop("next", ""))
    texts = [screen.text(text) for text in steps.values()]
    start = f" {sign} {outcome.standing.value} {outcome.check}  "
    body_lines = _LINES_EACH - 1 if command else _LINES_EACH
    while True:
        lines = wrapped(f" {screen.arrow} ".join(texts), screen.width, first=start, rest="    ")
        longest = max(range(len(texts)), key=lambda i: len(texts[i]), default=0)
        if len(lines) <= body_lines or not texts or len(texts[longest]) <= 8:
            break
        texts[longest] = texts[longest][: int(len(texts[longest]) * 0.9) - len(screen.mark)].rstrip(".… ") + screen.mark
    lines = [cut(line, screen.width, mark=screen.mark) for line in lines[:body_lines]]
    if command:
        step = f"{screen.arrow} {command}"
        if cell_len(lines[-1]) + 1 + cell_len(step) <= screen.width:
            lines[-1] += f" {step}"
        else:
            lines.append(cut(f"    {step}", screen.width, mark=screen.mark))
    lines[0] = screen.paint(lines[0], f"{sign} {outcome.standing.value}", outcome.standing.value)
    return lines


def _more(hidden: Sequence[Outcome], screen: _Screen) -> list[str]:
    if not hidden:
        return []
    said = screen.text(f"+{len(hidden)} more: interlock report · {ids_in_groups(o.check for o in hidden)}")
    return wrapped(said, screen.width, first=" ", rest="    ")


def _last(verdict: Verdict, screen: _Screen) -> list[str]:
    ends = expiring(verdict)
    first = f" · first to expire: {ends[0].check} {day(ends[0].valid_until)}" if ends else ""
    until = minute(verdict.valid_until) if verdict.valid_until else "a part changes"
    said = f"Next: {next_commands(verdict)[0]} · valid until {until}{first}"
    lines = wrapped(screen.text(said), screen.width, rest="  ")[:2]
    lines[0] = screen.paint(lines[0], "Next:", "strong")
    return lines
