"""Guides: lenient about a step, strict when a step is read."""

from pathlib import Path

import pytest

from interlock.core.errors import InterlockError
from interlock.core.runbook import Command, Guide, Human, Probe, Step, command_line, parse_guide, read_step

EXAMPLE = Path(__file__).parents[2] / "examples" / "billing-support" / "runbook"
TEXT = """---
owner: Ada
reviewed: {by: Bo, at: "2026-11-20",
  operations: "0123456789ab"}
---
# Title

## Security team

See [one](../kb/a.md#x), [two](<b c.md> "title") and ![three](https://example.org/x.png), not `[code](nothing.md)`.

```interlock kind=command
interlock status --env "my staging"
```

~~~interlock kind=probe
input: hello

expect: {outcome: [abstain, escalate], queue: people}
~~~

```interlock kind=human
who: oncall
what: call
within_minutes: 5
```

```text
[not a link](nothing.md)
## not a heading
```

[ref]: other.md
"""


@pytest.fixture
def guide() -> Guide:
    return parse_guide(TEXT, "runbook/x.md")


@pytest.mark.parametrize("name", ["runbook.md", "escalation.md"])
def test_every_step_of_the_guides_of_the_example_parses(name: str) -> None:
    guide = parse_guide((EXAMPLE / name).read_text(encoding="utf-8"), name)
    steps = [read_step(step, name) for step in guide.steps]
    assert {type(step) for step in steps} == {Command, Probe, Human}
    assert guide.links


def test_front_matter_says_owner_and_review_with_their_lines(guide: Guide) -> None:
    assert (guide.front.owner, guide.owner_line) == ("Ada", 2)
    assert (guide.front.reviewed.operations, guide.operations_line) == ("0123456789ab", 4)


def test_steps_and_links_are_found_with_their_lines_and_code_is_not(guide: Guide) -> None:
    assert [(step.kind, step.line) for step in guide.steps] == [("command", 12), ("probe", 16), ("human", 22)]
    links = [("../kb/a.md#x", 10), ("b c.md", 10), ("https://example.org/x.png", 10), ("other.md", 33)]
    assert [(link.target, link.line) for link in guide.links] == links
    assert [link.path for link in guide.links] == ["../kb/a.md", "b c.md", None, "other.md"]


def test_steps_are_read_into_values(guide: Guide) -> None:
    command, probe, human = (read_step(step, guide.file) for step in guide.steps)
    assert command == Command(("interlock", "status", "--env", "my staging"))
    assert isinstance(probe, Probe)
    assert probe.expect.outcomes == ("abstain", "escalate")
    assert isinstance(human, Human)
    assert human.within_minutes == 5


def test_a_section_is_a_heading_below_the_title_with_the_whole_word(guide: Guide) -> None:
    assert guide.has_section("security")
    assert not guide.has_section("secur")
    assert not guide.has_section("title")
    assert not guide.has_section("not a heading")


@pytest.mark.parametrize(
    ("kind", "body", "line"),
    [
        ("", "x", 7),
        ("shell", "rm", 7),
        ("command", "", 7),
        ("command", "# only a comment", 7),
        ("command", "interlock a\ninterlock b", 9),
        ("command", "# why\nls -l", 9),
        ("command", 'interlock "a', 8),
        ("probe", "input: x", 8),
        ("probe", "input: x\nexpect: {outcome: shrug}", 9),
        ("probe", "input: x\nexpect: {queue: people}", 9),
        ("human", "who: oncall\nwhat: call\nwhen: z", 10),
        ("human", "who: oncall\nwhat: call\nwithin_minutes: 0", 10),
    ],
)
def test_a_step_that_cannot_be_carried_out_is_refused_at_its_line(kind: str, body: str, line: int) -> None:
    with pytest.raises(InterlockError) as error:
        read_step(Step(kind, 7, body), "x.md")
    assert error.value.place is not None
    assert (error.value.place.file, error.value.place.line) == ("x.md", line)


def test_the_line_of_a_command_is_that_of_the_command() -> None:
    assert command_line(Step("command", 7, "\n# why\ninterlock status")) == 10


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("---\nowner", "owner", 1),
        ('at: "2026-11-20"', 'at: "yesterday"', 3),
        ("owner: Ada\n", "", 2),
        ("~~~\n\n```interlock kind=human", "\n\n```interlock kind=human", 16),
    ],
)
def test_a_guide_that_cannot_be_read_is_refused_at_its_place(old: str, new: str, line: int) -> None:
    assert old in TEXT
    with pytest.raises(InterlockError) as error:
        parse_guide(TEXT.replace(old, new), "x.md")
    assert error.value.place is not None
    assert error.value.place.line == line
