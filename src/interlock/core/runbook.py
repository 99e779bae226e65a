"""Runbook and escalation guide: Markdown for people, with steps that a machine can rehearse.

A guide is read leniently: a step that does not parse is kept as text, so that RUN-01 can name it. `read_step`
is the strict reader of one step.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue

from interlock.core.binding import Str, Strict, bind
from interlock.core.errors import DocumentError, DocumentSyntax, MissingKey, Place, WrongValue
from interlock.core.suite import ReplyKind
from interlock.core.yaml_text import parse_yaml

STEP_KINDS = ("command", "probe", "human")


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError as cause:
        raise ValueError("must be a day such as `2026-11-20`") from cause
    return text


class Reviewed(Strict):
    """Who read the guide last, when, and against which operations."""

    by: Str
    at: Annotated[str, AfterValidator(_day)]
    operations: Str = Field(description="first 12 hexadecimal digits of the SHA-256 of operations.yaml")


class FrontMatter(Strict):
    """What a guide says of itself, between two lines of `---`."""

    owner: Str
    reviewed: Reviewed


class ProbeExpect(Strict):
    """What must come back; several outcomes are alternatives."""

    outcome: ReplyKind | tuple[ReplyKind, ...]
    queue: Str | None = None

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The permitted outcomes."""
        return (self.outcome,) if isinstance(self.outcome, str) else self.outcome


class Probe(Strict):
    """One question to the assistant, and the outcome that must come back."""

    input: Str
    expect: ProbeExpect
    lang: Str | None = None
    context: dict[str, JsonValue] = {}


class Human(Strict):
    """What a team of the rota does, and within how many minutes."""

    who: Str
    what: Str
    within_minutes: float | None = Field(default=None, gt=0)


@dataclass(frozen=True, slots=True)
class Command:
    """One `interlock …` command line, split as a POSIX shell splits it; the program itself is argv[0]."""

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One fenced `interlock` block.

    kind: as written after `kind=`, empty when it is not there. line: of the opening fence. body: the lines between.
    """

    kind: str
    line: int
    body: str


@dataclass(frozen=True, slots=True)
class Link:
    """The target of a link or an image, as written, and its line."""

    target: str
    line: int

    @property
    def path(self) -> str | None:
        """The file that a relative link names, without its fragment; None for an address or a mere fragment.

        >>> Link("../kb/KB-1.md#fees", 3).path, Link("https://example.org/", 3).path
        ('../kb/KB-1.md', None)
        """
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", self.target):
            return None
        return re.split(r"[?#]", self.target, maxsplit=1)[0] or None


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: 1 is the title."""

    level: int
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Guide:
    """A runbook or an escalation guide.

    owner_line, operations_line: where the front matter says who owns it, and which operations were reviewed.
    """

    file: str
    front: FrontMatter
    owner_line: int
    operations_line: int
    headings: tuple[Heading, ...]
    steps: tuple[Step, ...]
    links: tuple[Link, ...]

    def has_section(self, name: str) -> bool:
        """Whether a heading below the title holds this name as a whole word."""
        word = re.compile(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", re.IGNORECASE)
        return any(heading.level > 1 and word.search(heading.text) for heading in self.headings)


_FENCE = re.compile(r" {0,3}(?P<marks>`{3,}|~{3,})[ \t]*(?P<info>.*?)[ \t]*")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*")
# Targets and titles are bounded, so that no line takes more than linear time.
_LINK = re.compile(
    r"\]\([ \t]{0,9}(?:<(?P<angle>[^<>]{0,999})>|(?P<bare>[^\s()]{0,999}(?:\([^\s()]{0,99}\)[^\s()]{0,99}){0,9}))[^)]{0,299}\)"
)
_DEFINITION = re.compile(r" {0,3}\[[^\]^][^\]]*\]:[ \t]*<?(?P<target>[^\s<>]+)>?")
_TICKS = re.compile(r"`+")


def _without_code(line: str) -> str:
    """A line without its code spans: each runs from some backticks to the next equal number of them.

    >>> _without_code("a `b` ``c ` d`` e ` f")
    'a   e ` f'
    """
    kept, at = [], 0
    runs = list(_TICKS.finditer(line))
    waiting: dict[int, list[int]] = {}
    for n in range(len(runs) - 1, -1, -1):
        waiting.setdefault(len(runs[n][0]), []).append(n)
    n = 0
    while n < len(runs):
        same = waiting[len(runs[n][0])]
        while same and same[-1] <= n:
            same.pop()
        if same:
            kept.append(line[at : runs[n].start()])
            n = same[-1]
            at = runs[n].end()
        n += 1
    return "".join([*kept, line[at:]])


def parse_guide(text: str, file: str) -> Guide:
    """Read a guide.

    Args:
        text: Markdown (CommonMark) that begins with YAML front matter.
        file: the name that errors give.
    Raises: DocumentError when the front matter is missing or malformed, or a fence is never closed.
    """
    lines = re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff"))
    end = next((n for n, line in enumerate(lines[1:], start=1) if line.rstrip() == "---"), None)
    if lines[0].rstrip() != "---" or end is None:
        raise MissingKey(
            "the front matter is missing",
            hint="begin the file with `---`, `owner: …`, `reviewed: {by: …, at: …, operations: …}`, `---`",
            place=Place(file, 1, 1),
            source_line=lines[0],
        )
    # An empty line in place of `---` keeps the numbers of the lines.
    document = parse_yaml("\n".join(["", *lines[1:end]]), file)
    front = bind(FrontMatter, document)
    steps, headings, links = [], [], []
    for item in _blocks(lines, end + 1, file):
        if isinstance(item, Step):
            steps.append(item)
        elif isinstance(item, Heading):
            headings.append(item)
        else:
            links.append(item)
    return Guide(
        file,
        front,
        document.place(("owner",)).line or 1,
        document.place(("reviewed", "operations")).line or 1,
        tuple(headings),
        tuple(steps),
        tuple(links),
    )


def _blocks(lines: list[str], start: int, file: str) -> Iterator[Step | Heading | Link]:
    at = start
    while at < len(lines):
        line, number = lines[at], at + 1
        at += 1
        fence = _FENCE.fullmatch(line)
        if fence and not (fence["marks"][0] == "`" and "`" in fence["info"]):
            close = re.compile(rf" {{0,3}}{re.escape(fence['marks'][0])}{{{len(fence['marks'])},}}[ \t]*")
            end = next((n for n in range(at, len(lines)) if close.fullmatch(lines[n])), None)
            if end is None:
                hint = f"close the block with `{fence['marks']}` on a line of its own"
                raise DocumentSyntax(
                    "a fenced block is never closed", hint=hint, place=Place(file, number, 1), source_line=line
                )
            words = fence["info"].split()
            if words and words[0] == "interlock":
                kinds = [word.removeprefix("kind=") for word in words[1:] if word.startswith("kind=")]
                yield Step(kinds[0] if len(kinds) == 1 else "", number, "\n".join(lines[at:end]))
            at = end + 1
            continue
        if heading := _HEADING.fullmatch(line):
            yield Heading(len(heading[1]), heading[2], number)
        prose = _without_code(line)
        if definition := _DEFINITION.match(prose):
            yield Link(definition["target"], number)
        for link in _LINK.finditer(prose):
            if target := link["angle"] or link["bare"]:
                yield Link(target, number)


def read_step(step: Step, file: str) -> Command | Probe | Human:
    """Read one step strictly.

    Raises: DocumentError, or ManyErrors, with the place within the guide.
    """
    if step.kind == "command":
        return _command(step, file)
    if step.kind not in STEP_KINDS:
        raise WrongValue(
            f"unknown kind of step `{step.kind}`" if step.kind else "the step has no kind",
            hint=f"write one of {', '.join(f'`kind={kind}`' for kind in STEP_KINDS)} after `interlock`",
            place=Place(file, step.line, 1),
        )
    # Empty lines before the body keep the numbers of the lines.
    document = parse_yaml("\n" * step.line + step.body, file)
    return bind(Probe, document) if step.kind == "probe" else bind(Human, document)


def _command(step: Step, file: str) -> Command:
    rows = [(step.line + n, line) for n, line in enumerate(step.body.split("\n"), start=1)]
    commands = [(n, line) for n, line in rows if line.strip() and not line.lstrip().startswith("#")]

    def fault(message: str, hint: str, line: int) -> DocumentError:
        return WrongValue(message, hint=hint, place=Place(file, line, 1))

    if len(commands) != 1:
        number = commands[1][0] if commands else step.line
        raise fault(
            f"a command step holds one command, this one {len(commands)}", "write a step for each command", number
        )
    number, line = commands[0]
    try:
        argv = shlex.split(line)
    except ValueError as cause:
        raise fault(f"not a command line: {str(cause).lower()}", "close the quotes", number) from cause
    if not argv or argv[0] != "interlock":
        raise fault(
            f"`{line.strip()}` does not begin with `interlock`", "a drill runs Interlock's own commands only", number
        )
    return Command(tuple(argv))


def command_line(step: Step) -> int:
    """The line of the command within a command step, for a finding about it."""
    for number, line in enumerate(step.body.split("\n"), start=step.line + 1):
        if line.strip() and not line.lstrip().startswith("#"):
            return number
    return step.line
