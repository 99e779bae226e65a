"""What the documents point at is there: files, headings, and commands that the program takes."""

import re
import shlex
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.cli import command_fault

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(
    r"^ {0,3}(?P<marks>`{3,}|~{3,})(?P<info>[^\n]*)\n(?P<body>.*?)^ {0,3}(?P=marks)[ \t]*$", re.DOTALL | re.MULTILINE
)
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"!?\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(?P<text>.+?)[ \t]*#*$", re.MULTILINE)


def _documents() -> list[Path]:
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    # What lies in `demo` is laid over an example: its links lead somewhere once it is there.
    return sorted(
        path
        for path in found
        if not any(part.startswith(".") or part == "demo" for part in path.relative_to(ROOT).parts)
    )


def _prose(text: str) -> str:
    return _CODE.sub("", _FENCE.sub("", text))


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    kept = [c for c in plain if c in " -_" or unicodedata.category(c)[0] in "LNM"]
    return "".join(kept).replace(" ", "-")


def _anchors(path: Path) -> set[str]:
    found: set[str] = set()
    for match in _HEADING.finditer(_FENCE.sub("", path.read_text("utf-8"))):
        name, number = slug(match["text"]), 0
        while (anchor := f"{name}-{number}" if number else name) in found:
            number += 1
        found.add(anchor)
    return found


def _links() -> Iterator[tuple[Path, str]]:
    for path in _documents():
        for match in _LINK.finditer(_prose(path.read_text("utf-8"))):
            if not re.match(r"[a-z][a-z0-9+.-]*:", match["target"]):
                yield path, match["target"]


def _commands() -> Iterator[tuple[str, str]]:
    for path in _documents():
        for fence in _FENCE.finditer(path.read_text("utf-8")):
            if fence["info"].strip() == "console":
                for line in fence["body"].splitlines():
                    if line.startswith("$ interlock"):
                        yield str(path.relative_to(ROOT)), line.removeprefix("$ ")


def test_there_are_documents_with_links_and_commands() -> None:
    assert ROOT / "README.md" in _documents()
    assert len(list(_links())) > 20
    assert len(list(_commands())) > 10


def test_relative_links_lead_to_files_and_headings_that_are_there() -> None:
    broken = []
    for path, target in _links():
        file, _, anchor = target.partition("#")
        there = path if not file else (path.parent / file)
        if not there.exists():
            broken.append(f"{path.relative_to(ROOT)}: {target} is not there")
        elif anchor and there.suffix == ".md" and anchor not in _anchors(there):
            broken.append(f"{path.relative_to(ROOT)}: {target} names no heading")
    assert broken == []


@pytest.mark.parametrize(("file", "command"), sorted(set(_commands())))
def test_commands_in_the_documents_parse(file: str, command: str) -> None:
    words = shlex.split(command, comments=True)
    if "|" in words:
        words = words[: words.index("|")]
    assert command_fault(words[1:]) is None, f"{file}: {command}"


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("What it asks: five questions", "what-it-asks-five-questions"),
        ("`interlock.yaml`", "interlockyaml"),
        ("R1–R4", "r1r4"),
    ],
)
def test_a_heading_gets_the_anchor_that_github_gives_it(heading: str, anchor: str) -> None:
    assert slug(heading) == anchor
