"""What every command shares: where the feature is, who is asking, and how its output is written."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import get_terminal_size
from typing import Annotated, Any

from cyclopts import Parameter

from interlock.cli import command_fault
from interlock.core.errors import UsageError
from interlock.core.verdict import Verdict, Word
from interlock.ports import Records
from interlock.services.history import ledger_fault
from interlock.services.parts import Release
from interlock.settings import Settings, read_settings
from interlock.wiring import Effects, WorkBench, open_effects, open_records

Dir = Annotated[Path, Parameter(name=["--dir", "-C"], help="The feature's folder.")]


def _says_something(_: Any, value: str | None) -> None:
    """An empty value is what an unset shell variable leaves; it must not silently mean the default."""
    if value is not None and not value.strip():
        raise ValueError("it is empty; leave the option out for the default")


As = Annotated[
    str | None,
    Parameter(
        name="--as",
        help="Act under this name; its key signs. Default: INTERLOCK_ACTOR, git's user, the login.",
        validator=_says_something,
    ),
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON document.")]
Env = Annotated[str | None, Parameter(name="--env", help="Environment of interlock.yaml.", validator=_says_something)]
Bundle = Annotated[str | None, Parameter(help="First digits of a bundle's digest.", validator=_says_something)]

HERE = Path()


@dataclass(frozen=True, slots=True)
class Screen:
    """How much room there is, and what the terminal can show."""

    width: int
    color: bool
    unicode: bool


def screen() -> Screen:
    """The terminal on stdout. NO_COLOR, FORCE_COLOR and TERM=dumb are honoured (no-color.org)."""
    tty = sys.stdout.isatty()
    color = (
        (tty or bool(os.environ.get("FORCE_COLOR")))
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )
    return Screen(
        width=max(60, min(160, get_terminal_size((100, 24)).columns)),
        color=color,
        unicode=(sys.stdout.encoding or "ascii").lower().replace("-", "") in ("utf8", "utf16", "utf32"),
    )


def show(lines: Sequence[str]) -> None:
    """Print results to stdout, in one write."""
    sys.stdout.write("\n".join(lines) + "\n")


def show_json(document: Any) -> None:
    """Print one JSON document to stdout."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def note(text: str) -> None:
    """Say something beside the result, on stderr."""
    print(text, file=sys.stderr)


@contextmanager
def records_of(dir: Path, actor: str | None = None) -> Iterator[tuple[Settings, Records]]:
    """Settings and stores of the feature in a folder."""
    settings = settings_of(dir, actor)
    with open_records(settings) as records:
        yield settings, records


@contextmanager
def effects_of(dir: Path, actor: str | None = None) -> Iterator[Effects]:
    """The effects of the feature in a folder."""
    with open_effects(settings_of(dir, actor)) as effects:
        yield effects


def settings_of(dir: Path, actor: str | None) -> Settings:
    """Settings of the feature in a folder. Raises: UsageError when there is none, or the name to act under is empty."""
    if actor is not None and not actor.strip():
        raise UsageError("the name to act under is empty", hint="name a person or a machine")
    settings = read_settings(dir, actor=actor)
    if not (settings.root / "interlock.yaml").is_file():
        raise UsageError(
            f"there is no `interlock.yaml` in `{settings.root.name or settings.root}`",
            hint="make one with `interlock init`, or name the folder with --dir",
        )
    return settings


def bench_of(settings: Settings) -> WorkBench:
    """Where bundles of this feature are put together and run."""
    return WorkBench(settings, command_fault)


def doubt(records: Records, *, json: bool) -> list[str]:
    """The line that comes first where the ledger does not verify; none where it does. With JSON it goes to stderr."""
    fault = ledger_fault(records)
    if not fault:
        return []
    said = f"the ledger does not verify: {fault}; what follows may not be true"
    if json:
        note(said)
    return [said]


def environment_of(release: Release, name: str | None) -> str:
    """The environment that was named, or the most exposed one: no lighter bar is assumed in silence."""
    known = list(release.environments)
    if name is None:
        return known[-1]
    if name not in known:
        raise UsageError(f"there is no environment `{name}`", hint=f"environments: {', '.join(known)}")
    return name


def exit_of(verdict: Verdict) -> int:
    """The exit code of a verdict: 0 READY, 1 BLOCKED, 3 HOLD."""
    return {Word.READY: 0, Word.BLOCKED: 1, Word.HOLD: 3}[verdict.word]


class Bar:
    """Progress on stderr: a bar on a terminal, else one line for each run."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._tty = sys.stderr.isatty() and not quiet
        self._quiet = quiet
        self._done = self._total = self._shown = 0
        self._title = ""

    def start(self, title: str, total: int) -> None:
        """A run of `total` trials begins."""
        self._title, self._total, self._done, self._shown = title, total, 0, -1

    def advance(self, done: int = 1) -> None:
        """Some trials are done."""
        self._done += done
        percent = 100 * self._done // max(1, self._total)
        if self._tty and percent != self._shown:
            self._shown = percent
            full = percent * 30 // 100
            sys.stderr.write(f"\r{self._title}  {'█' * full}{'░' * (30 - full)}  {self._done}/{self._total}")
            sys.stderr.flush()

    def finish(self) -> None:
        """The run is over."""
        if self._tty:
            sys.stderr.write("\r\033[K")
        elif not self._quiet and self._total:
            note(f"{self._title}: {self._done}/{self._total}")
