"""The words and signs that every face shares, so that two faces never name the same thing differently."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from interlock.core.checks import Level, Question
from interlock.core.evidence import Gap
from interlock.core.rules import Standing
from interlock.core.verdict import Outcome, Verdict, Word

SIGNS: dict[Standing, str] = {
    Standing.PASS: "✓",
    Standing.FAIL: "✗",
    Standing.OWED: "…",
    Standing.WAIVED: "~",
    Standing.NA: "–",
}
ASCII_SIGNS: dict[Standing, str] = {
    Standing.PASS: "ok",
    Standing.FAIL: "x",
    Standing.OWED: "..",
    Standing.WAIVED: "~",
    Standing.NA: "-",
}
WORD_SIGNS: dict[Word, str] = {Word.READY: "✓", Word.HOLD: "…", Word.BLOCKED: "✗"}

MEANING: dict[Word, str] = {
    Word.READY: "every required check passes or is waived",
    Word.HOLD: "nothing failed, but something is owed",
    Word.BLOCKED: "something that is required failed",
}
"""What each word means, in one line."""

_ASCII = str.maketrans({
    "→": "->", "…": "...", "·": "|", "–": "-", "—": "-", "«": '"', "»": '"', "“": '"', "”": '"', "’": "'", "‘": "'",
    "≥": ">=", "≤": "<=", "✓": "ok", "✗": "x", "×": "x", "●": "*", "\u00a0": " ", "\u202f": " ",
})  # fmt: skip
_BLANK = {"\n", "\r", "\t", "\u2028", "\u2029", "\x0b", "\x0c", "\x85"}


def plain(text: str, *, unicode: bool = True) -> str:
    """One line of text that cannot move a cursor, recolour a terminal or reorder what stands beside it.

    Args:
        text: anything, also what came from a file or a model.
        unicode: False spells the text in ASCII.
    Returns: the text with line breaks as spaces and hidden characters (control, direction, surrogate) as escapes.

    >>> plain("a\\u202eb\\x1b[31m")
    'a\\\\u202eb\\\\x1b[31m'
    >>> plain("at least 95 % → ready", unicode=False)
    'at least 95 % -> ready'
    """
    if text.isascii() and text.isprintable():
        return text
    shown = "".join(" " if c in _BLANK else c.encode("unicode_escape").decode() if _hidden(c) else c for c in text)
    return shown if unicode else shown.translate(_ASCII).encode("ascii", "backslashreplace").decode()


def _hidden(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Cn", "Co"}


def shorten(text: str, limit: int) -> str:
    """The text, cut to at most `limit` characters with a sign that says so.

    >>> shorten("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= limit else text[: max(0, limit - 1)].rstrip() + "…"


def day(moment: datetime | None) -> str:
    """The date, for a line that only needs that."""
    return f"{moment:%Y-%m-%d}" if moment else "never"


def minute(moment: datetime | None) -> str:
    """Date and time in UTC, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"


def span(length: timedelta) -> str:
    """A length of time in the unit that fits it.

    >>> span(timedelta(hours=30)), span(timedelta(minutes=5)), span(timedelta(days=-3))
    ('30 h', '5 min', '0 min')
    """
    minutes = max(0, int(length.total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 72 * 60 else f"{minutes // 1440} days"


def count(n: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> count(1, "call"), count(3, "call"), count(2, "reply", "replies")
    ('1 call', '3 calls', '2 replies')
    """
    return f"{n} {one if n == 1 else many or one + 's'}"


def money(usd: float) -> str:
    """US dollars, with as many decimals as a cheap call needs."""
    return f"${usd:.2f}" if usd >= 0.1 or usd == 0 else f"${usd:.4f}"


def in_order(verdict: Verdict) -> tuple[Outcome, ...]:
    """What blocks, in the order in which people can act: failures, what can be measured now, what has no instrument."""
    return tuple(sorted(verdict.blocking(), key=lambda o: (o.standing is not Standing.FAIL, o.gap is Gap.INSTRUMENT)))


def worst(outcomes: Sequence[Outcome]) -> Standing | None:
    """How a group of outcomes stands: the worst of what is required; None when nothing is."""
    standings = {o.standing for o in outcomes if o.level is Level.REQUIRED}
    return next(
        (s for s in (Standing.FAIL, Standing.OWED, Standing.WAIVED, Standing.PASS, Standing.NA) if s in standings), None
    )


def worst_outcome(verdict: Verdict, question: Question) -> Outcome | None:
    """The outcome under a question that a reader should see first; None when nothing there is open."""
    return next((o for o in in_order(verdict) if o.question is question), None)


def counts(outcomes: Iterable[Outcome]) -> str:
    """How many of a group pass, fail and so on; only what the environment asks for, and what warns.

    A standing that nobody has is not mentioned.
    """
    outcomes = list(outcomes)
    by = Counter(o.standing for o in outcomes if o.level is Level.REQUIRED)
    said = [
        f"{by[s]} {s.value}"
        for s in (Standing.FAIL, Standing.OWED, Standing.WAIVED, Standing.PASS, Standing.NA)
        if by[s]
    ]
    warning = sum(o.level is Level.WARNS and o.standing in (Standing.FAIL, Standing.OWED) for o in outcomes)
    if warning:
        said.append(f"{warning} warning")
    return ", ".join(said) or "nothing asked here"


def expiring(verdict: Verdict) -> tuple[Outcome, ...]:
    """Required outcomes whose evidence ages, the first to end first; what is owed counts for nothing, so it ends nothing."""
    found = [
        o
        for o in verdict.outcomes
        if o.level is Level.REQUIRED and o.standing is not Standing.OWED and o.valid_until is not None
    ]
    return tuple(sorted(found, key=lambda o: (o.valid_until or verdict.produced_at, o.check)))


def looser(verdict: Verdict) -> str:
    """The limits that are looser than the profile's own, with its number; empty when none is."""
    return f"limits looser than {verdict.profile}: {', '.join(verdict.loosened)}" if verdict.loosened else ""


def next_commands(verdict: Verdict) -> tuple[str, ...]:
    """What to run next, each command once; a READY bundle can be promoted."""
    commands = tuple(dict.fromkeys(o.next for o in in_order(verdict) if o.next))
    return commands or (f"interlock promote {verdict.environment}",)


def ids_in_groups(ids: Iterable[str]) -> str:
    """Check ids with each prefix said once.

    >>> ids_in_groups(["SAFE-01", "SAFE-03", "ACT-01"])
    'SAFE-01,03 ACT-01'
    """
    groups: dict[str, list[str]] = {}
    for id in ids:
        prefix, _, number = id.rpartition("-")
        groups.setdefault(prefix, []).append(number)
    return " ".join(f"{prefix}-{','.join(numbers)}" for prefix, numbers in groups.items())


def chain(outcome: Outcome) -> tuple[tuple[str, str], ...]:
    """What was seen → what it proves → what is asked → the next command, each with its name; empty ones left out."""
    steps = (("seen", outcome.seen), ("proves", outcome.proves), ("asked", outcome.asked), ("next", outcome.next))
    return tuple((name, text) for name, text in steps if text)
