"""A verdict as the one comment of a pull request: short, edited in place, harmless whatever a case is called."""

import re
from collections.abc import Sequence

from interlock.core.checks import Question
from interlock.core.digest import short
from interlock.core.evidence import Gap
from interlock.core.verdict import Verdict
from interlock.views.page import MovedRow, moved_rows
from interlock.views.summary import RunSummary, finding_rows
from interlock.views.terminal import run_line
from interlock.views.wording import (
    MEANING,
    SIGNS,
    WORD_SIGNS,
    chain,
    counts,
    day,
    expiring,
    ids_in_groups,
    in_order,
    looser,
    minute,
    next_commands,
    plain,
    shorten,
    worst,
    worst_outcome,
)

MOST_BYTES = 64 * 1024
_TOLD = 10
_TEXT = 400
_CASES = 8


def marker(feature: str, environment: str) -> str:
    """The hidden line by which a later run finds its own comment again."""
    name = re.sub(r"[^A-Za-z0-9._/ -]", "_", f"{feature} {environment}").replace("--", "__")
    return f"<!-- interlock:verdict {name} -->"


def markdown_text(verdict: Verdict, *, others: Sequence[Verdict] = (), run: RunSummary | None = None) -> str:
    """The comment: the word, the questions, what blocks, which slices broke; at most 64 KiB.

    Sections that do not fit are left out from the end, and the comment says so.
    """
    head = [
        marker(verdict.feature, verdict.environment),
        f"### {WORD_SIGNS[verdict.word]} {verdict.word}: {_text(verdict.feature)}@{short(verdict.bundle)} "
        f"in {_text(verdict.environment)}",
        "",
        f"{verdict.word} means: {MEANING[verdict.word]}. Stage {verdict.stage}, profile {verdict.profile}, "
        f"as of {minute(verdict.produced_at)}, valid until "
        f"{minute(verdict.valid_until) if verdict.valid_until else 'a part changes'}.",
    ]
    if said := looser(verdict):
        head += ["", f"**{_text(said, 2000)}**"]
    sections = [
        _table(verdict),
        _blocking(verdict),
        _broke(moved_rows(verdict)),
        _findings(verdict),
        _rest(verdict, others, run),
    ]
    text = "\n".join(head) + "\n"
    for number, section in enumerate(filter(None, sections)):
        addition = "\n" + "\n".join(section) + "\n"
        if len((text + addition).encode()) > MOST_BYTES - 200:
            return (
                f"{text}\nThe rest is too long for a comment ({len(sections) - number} sections): `interlock report`\n"
            )
        text += addition
    return text


def _text(value: str, limit: int = _TEXT) -> str:
    """Text that is only text: no markup, no table cell, no mention, no link."""
    value = shorten(plain(value), limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    value = re.sub(r"([\\`*_{}\[\]()#!|~$])", r"\\\1", value)
    return value.replace("@", "@<!-- -->").replace("://", ":<!-- -->//")


def _code(value: str, limit: int = _TEXT) -> str:
    """Text in a code span; a longer fence than any inside keeps it in."""
    value = shorten(plain(value), limit).replace("|", "¦")
    fence = "`" * (max((len(run) for run in re.findall("`+", value)), default=0) + 1)
    pad = " " if value.startswith("`") or value.endswith("`") else ""
    return f"{fence}{pad}{value}{pad}{fence}"


def _table(verdict: Verdict) -> list[str]:
    rows = ["| | Question | Required checks | Worst |", "|---|---|---|---|"]
    for question in sorted(Question, key=lambda question: (question.number == 0, question.number)):
        outcomes, first = verdict.of_question(question), worst_outcome(verdict, question)
        standing = worst(outcomes)
        sign = f"{SIGNS[standing]} {standing.value}" if standing else "–"
        name = f"{question.number} {question.value}" if question.number else question.value
        seen = f"**{first.check}** {_text(first.seen, 160)}" if first else ""
        rows.append(f"| {sign} | {name} | {counts(outcomes)} | {seen} |")
    return rows


def _blocking(verdict: Verdict) -> list[str]:
    blocking = in_order(verdict)
    if not blocking:
        return []
    lines = ["**What keeps it from READY** (seen → proves → asked → next)", ""]
    told_now = [outcome for outcome in blocking if outcome.gap is not Gap.INSTRUMENT][:_TOLD]
    for outcome in told_now:
        steps = dict(chain(outcome))
        command = f" → {_code(steps.pop('next'))}" if "next" in steps else ""
        told = " → ".join(_text(text) for text in steps.values())
        lines.append(
            f"- {SIGNS[outcome.standing]} {outcome.standing} **{outcome.check}** {_text(outcome.title)}: {told}{command}"
        )
    hidden = [outcome for outcome in blocking if outcome not in told_now]
    if hidden:
        lines.append(f"- +{len(hidden)} more: {ids_in_groups(o.check for o in hidden)}: `interlock report`")
    return lines


def _broke(rows: tuple[MovedRow, ...]) -> list[str]:
    moved = [row for row in rows if row.broke or row.fixed or row.verdict != "pass"]
    if not moved:
        return []
    lines = [
        "**Against the baseline**",
        "",
        "| Slice | | Broke | Fixed | n | Cases that broke |",
        "|---|---|---|---|---|---|",
    ]
    for row in moved[:20]:
        cases = ", ".join(_code(id, 60) for id in row.broke_cases[:_CASES])
        more = f" +{len(row.broke_cases) - _CASES}" if len(row.broke_cases) > _CASES else ""
        lines.append(
            f"| {_text(row.slice, 60)} | {_text(row.verdict)} | {row.broke} | {row.fixed} | {row.n} | {cases}{more} |"
        )
    if len(moved) > 20:
        lines.append(f"\n+{len(moved) - 20} more slices: `interlock report`")
    return lines


def _findings(verdict: Verdict) -> list[str]:
    rows = finding_rows(verdict)
    if not rows:
        return []
    lines = [f"<details><summary>{len(rows)} findings in files</summary>", ""]
    for row in rows[:30]:
        where = f"{row.file}:{row.line}" if row.file and row.line else row.file
        lines.append(f"- {row.check} {_code(where) if where else ''} {_text(row.message)}".replace("  ", " "))
    if len(rows) > 30:
        lines.append(f"- +{len(rows) - 30} more")
    return [*lines, "", "</details>"]


def _rest(verdict: Verdict, others: Sequence[Verdict], run: RunSummary | None) -> list[str]:
    lines = [f"- {_text(other.environment)}: {other.word}, {counts(other.outcomes)}" for other in others]
    ends = expiring(verdict)
    if ends:
        lines.append(f"- First to expire: {ends[0].check} on {day(ends[0].valid_until)}")
    if run is not None:
        lines.append(f"- {_text(run_line(run))}")
    return [*lines, f"- Next: {_code(next_commands(verdict)[0])}"]
