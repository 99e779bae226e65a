import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from interlock.core.catalogue import BY_ID, CATALOGUE
from interlock.core.checks import Level
from interlock.core.digest import of_bytes
from interlock.core.evidence import Gap
from interlock.core.manifest import Profile, Stage
from interlock.core.pointer import Move, first_pointer
from interlock.core.rules import Standing
from interlock.core.verdict import Outcome, Verdict, Word, valid_until, word_of
from interlock.views.explain import explain_all_lines, explain_lines
from interlock.views.history import history_lines
from interlock.views.page import ReadingRow, ReportPage
from interlock.views.screen import wrapped
from interlock.views.status import status_lines
from interlock.views.summary import RunSummary
from interlock.views.terminal import MOST_LINES, verdict_lines
from interlock.views.wording import expiring, in_order, plain

GOLDEN = Path(__file__).parents[1] / "golden" / "verdict_terminal.txt"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
RUN = RunSummary(412, 365, 0.0421, ("EVAL-01", "EVAL-02"), {"timeout": 2}, False, 31.4)


@st.composite
def outcomes(draw: st.DrawFn) -> tuple[Outcome, ...]:
    rows = []
    some = st.sampled_from([*draw(st.lists(st.text(max_size=60), min_size=3, max_size=3)), "word " * 60, "x" * 300])
    for check in CATALOGUE:
        standing = draw(st.sampled_from(Standing))
        rows.append(
            Outcome(
                check.id, check.title, check.question, draw(st.sampled_from(Level)), standing, draw(some), draw(some),
                draw(some), draw(st.just(check.next) | some),
                gap=Gap.NEVER if standing is Standing.OWED else None,
                valid_until=draw(st.none() | st.just(NOW + timedelta(days=3))),
            )
        )  # fmt: skip
    return tuple(rows)


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    rows = draw(outcomes())
    return Verdict(
        draw(st.text(min_size=1, max_size=80)), of_bytes(b"x"), draw(st.text(min_size=1, max_size=40)), draw(st.sampled_from(Stage)),
        draw(st.sampled_from(Profile)), word_of(rows), rows, NOW, None, {},
    )  # fmt: skip


@settings(
    max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(
    verdict=verdicts(), others=st.integers(0, 9), width=st.integers(60, 160), unicode=st.booleans(), ran=st.booleans()
)
def test_a_verdict_of_any_size_fits_on_one_screen_and_names_everything_that_blocks(
    verdict: Verdict, others: int, width: int, unicode: bool, ran: bool
) -> None:
    run = RUN if ran else None
    lines = verdict_lines(verdict, others=[verdict] * others, run=run, width=width, color=False, unicode=unicode)
    assert len(lines) <= MOST_LINES
    assert max(map(cell_len, lines)) <= width
    assert not any(ord(c) < 32 or 0x202A <= ord(c) <= 0x202E for line in lines for c in line)
    assert lines[0].startswith(verdict.word)
    assert named(lines) == {outcome.check for outcome in verdict.blocking()}
    assert unicode or all(line.isascii() for line in lines)


@pytest.mark.parametrize("width", [40, 60, 80])
def test_the_worst_verdict_there_can_be_still_fits(verdict_of: Callable[..., Verdict], width: int) -> None:
    calm = verdict_of()
    rows = tuple(
        replace(o, level=Level.REQUIRED, standing=Standing.FAIL, seen="x" * 999, proves="y " * 999, next="z " * 99)
        for o in calm.outcomes
    )
    verdict = replace(calm, outcomes=rows, word=Word.BLOCKED)
    lines = verdict_lines(verdict, others=[verdict] * 9, run=RUN, width=width, color=False)
    assert len(lines) <= MOST_LINES
    assert max(map(cell_len, lines)) <= width
    assert named(lines) == set(BY_ID)


def named(lines: list[str]) -> set[str]:
    """The ids that the screen says are blocking: those told in full, and those counted behind «+N more»."""
    start = next((i for i, line in enumerate(lines) if line.startswith("What keeps")), len(lines))
    found = set()
    for line in lines[start:]:
        words = line.split()
        if len(words) > 2 and words[1] in {"fail", "owed"} and line[:2] != "  ":
            found.add(words[2])
    more = next((i for i, line in enumerate(lines) if line.startswith(" +")), len(lines))
    end = max((i for i, line in enumerate(lines) if line.startswith("Next:")), default=0)  # it may take two lines
    for word in " ".join(lines[more:end]).split():
        prefix, dash, numbers = word.partition("-")
        if dash and prefix.isupper():
            found |= {f"{prefix}-{number}" for number in numbers.split(",") if f"{prefix}-{number}" in BY_ID}
    return found


def test_the_screen_of_a_known_verdict_is_exactly_this(verdict: Verdict, others: tuple[Verdict, ...]) -> None:
    lines = verdict_lines(verdict, others=others, run=RUN, width=100, color=False)
    assert "\n".join(lines) + "\n" == GOLDEN.read_text(encoding="utf-8")


def test_colour_adds_nothing_that_the_words_do_not_say(verdict: Verdict, others: tuple[Verdict, ...]) -> None:
    painted = verdict_lines(verdict, others=others, run=RUN, width=90, color=True)
    bare = verdict_lines(verdict, others=others, run=RUN, width=90, color=False)
    assert painted != bare
    assert [Text.from_ansi(line).plain for line in painted] == bare


def test_a_command_is_never_cut_in_two(verdict: Verdict) -> None:
    lines = verdict_lines(verdict, others=(), run=None, width=80, color=False)
    first = in_order(verdict)[0]
    assert any(line.endswith(f"→ {first.next}") for line in lines)


def test_a_failure_stands_before_what_is_owed_and_that_before_what_cannot_be_measured(verdict: Verdict) -> None:
    ranks = [0 if o.standing is Standing.FAIL else 2 if o.gap is Gap.INSTRUMENT else 1 for o in in_order(verdict)]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == 3


def test_a_ready_bundle_is_told_to_go_on(verdict_of: Callable[..., Verdict]) -> None:
    lines = verdict_lines(verdict_of("staging", Stage.LAB), others=(), run=None, width=100, color=False)
    assert lines[0].startswith("READY ")
    assert "Next: interlock promote staging" in lines[-1] + lines[-2]
    assert not any("What keeps it" in line for line in lines)


def test_a_long_name_never_pushes_the_environment_off_the_line(verdict_of: Callable[..., Verdict]) -> None:
    long = verdict_of(feature="a" * 200)
    assert "production (ga, standard)" in verdict_lines(long, others=(), run=None, width=70, color=False)[0]


def test_every_check_can_be_explained_in_any_width_and_alphabet() -> None:
    for check in CATALOGUE:
        for width in (60, 120):
            lines = explain_lines(check, width=width, color=False, unicode=False)
            said = " ".join(" ".join(lines).split())
            assert max(map(cell_len, lines)) <= width
            assert check.id in lines[0]
            assert all(line.isascii() for line in lines)
            assert " ".join(check.next.split()) in said
    assert any(
        "no matter" in line or "stays owed" in line for line in explain_lines(BY_ID["OBS-01"], width=200, color=False)
    )


def test_the_list_of_checks_holds_every_one_once() -> None:
    lines = explain_all_lines(CATALOGUE, width=100, color=False)
    ids = [line.split()[0] for line in lines if line.startswith("  ")]
    assert ids == [check.id for check in sorted(CATALOGUE, key=lambda check: check.question.number)]


def test_history_ends_with_the_newest_and_counts_what_it_leaves_out(page: ReportPage) -> None:
    lines = history_lines(page.readings, width=120, color=False, most=4)
    assert lines[0].startswith(f"{len(page.readings) - 4} earlier")
    assert lines[4].startswith("2026-11-21")
    assert "BLOCKED" in lines[4]
    assert "first to expire EVAL-01" in lines[5]
    assert history_lines((), width=80, color=False)[-1] == "Next: interlock check"


def test_a_hostile_actor_cannot_move_the_cursor() -> None:
    row = ReadingRow(NOW, of_bytes(b"x"), "production", Word.HOLD, (), None, "", 0, 0.0, "eve\x1b[2J\u202e")
    out = io.StringIO()
    print("\n".join(history_lines((row,), width=160, color=False)), file=out)
    assert "\x1b" not in out.getvalue()
    assert "\u202e" not in out.getvalue()


class _Row:
    stage, versions, approvals, waiting = "ga", {"prompt": "2"}, ("tomas",), ("plan",)
    reading = ReadingRow(NOW, of_bytes(b"x"), "production", Word.READY, (), NOW, "", 0, 0.0, "ines")

    def __init__(self, environment: str, *, live: bool) -> None:
        self.environment = environment
        self.pointer = (
            first_pointer(environment, "f/x", of_bytes(b"x"), reason="first release", actor="ines", at=NOW)
            if live
            else None
        )
        self.provisional_until = NOW + timedelta(hours=24) if live else None


def test_status_says_what_is_live_since_when_and_on_whose_word() -> None:
    said = "\n".join(status_lines([_Row("staging", live=False), _Row("production", live=True)], width=160, color=False))
    for words in (
        "staging (ga): nothing is live", "generation 1", f"{Move.PROMOTION} by ines since 2026-11-22 00:00 UTC: first release",
        "approved by tomas", "provisional until 2026-11-23", "READY at its last check", "prompt 2", "1 waiting for approval",
    ):  # fmt: skip
        assert words in said


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(alphabet=st.sampled_from("ab 漢字\u0301🔥→\n"), max_size=80),
    width=st.integers(8, 40),
    rest=st.integers(0, 4),
)
def test_wrapping_loses_nothing_and_never_runs_over(text: str, width: int, rest: int) -> None:
    lines = wrapped(plain(text), width, first=" ", rest=" " * rest)
    assert max(map(cell_len, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_limits_that_were_loosened_are_said_on_every_screen(verdict: Verdict, others: tuple[Verdict, ...]) -> None:
    loose = replace(verdict, loosened=tuple(f"limit_{n} 0 ({n})" for n in range(17)))
    for width in (60, 100):
        lines = verdict_lines(loose, others=others, run=RUN, width=width, color=False)
        assert len(lines) <= MOST_LINES
        assert any(line.startswith(f"limits looser than {verdict.profile}: limit_0 0 (0)") for line in lines)
    assert "looser" not in "".join(verdict_lines(verdict, others=others, run=RUN, width=100, color=False))


@settings(max_examples=40, deadline=None, phases=[Phase.generate])
@given(verdict=verdicts())
def test_the_last_line_never_contradicts_itself(verdict: Verdict) -> None:
    verdict = replace(verdict, valid_until=valid_until(verdict.outcomes))
    said = " ".join(verdict_lines(verdict, others=(), run=None, width=160, color=False)[-2:])
    if verdict.valid_until is None:
        assert "first to expire" not in said
    ends = expiring(verdict)
    assert (ends[0].valid_until if ends else None) == verdict.valid_until
