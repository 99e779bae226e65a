from dataclasses import dataclass

from rich.cells import cell_len

from interlock.core.digest import Digest, of_bytes
from interlock.core.manifest import Part
from interlock.views.difference import difference_lines


@dataclass(frozen=True)
class Text:
    path: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    part: Part
    change: str
    old_version: str | None
    new_version: str | None
    lines: tuple[str, ...] = ()
    breaking: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    texts: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Bar:
    text: str


@dataclass(frozen=True)
class Diff:
    old: Digest | None
    new: Digest
    parts: tuple[Row, ...]
    constraints: tuple[str, ...]
    lowered: tuple[Bar, ...]


DIFF = Diff(
    of_bytes(b"1"), of_bytes(b"2"),
    (
        Row(Part.MODEL, "unchanged", "1", "1"),
        Row(Part.PROMPT, "changed", "13", "14", ("files changed: prompts/router.md",), texts=(Text("p", ("@@ -1 +1 @@", "-Be brief.", "+Be\x1b[2J kind.")),)),
        Row(Part.SCHEMA, "unchanged", "3", "3"),
        Row(Part.TOOLS, "removed", "1", None, breaking=("tool `issue_refund` removed (breaks writers)",)),
        Row(Part.GUARDRAILS, "changed", "1", "2", gained=("refund up to 80 EUR alone",), lost=("close an account",)),
    ),
    ("`prompt.requires.schema`: >=2 → >=3",), (Bar("floor of refunds: 70 % → 60 %"),),
)  # fmt: skip


def test_a_difference_names_every_change_its_authority_and_what_it_owes() -> None:
    lines = difference_lines(DIFF, width=80, color=False, texts=True, owes=("EVAL-01", "SAFE-02"))
    said = "\n".join(lines)
    assert max(map(cell_len, lines)) <= 80
    for words in (
        "~ prompt     changed 13 → 14", "- tools      removed 1 → none", "model, schema: unchanged", "may now: refund up to 80 EUR alone",
        "may no longer: close an account", "breaking: tool `issue_refund`", "lowered bar: floor of refunds", "owes again: EVAL-01, SAFE-02",
        "-Be brief.", ">=2 → >=3",
    ):  # fmt: skip
        assert words in said
    assert "\x1b" not in said


def test_texts_are_shown_only_when_asked_and_ascii_is_ascii() -> None:
    lines = difference_lines(DIFF, width=80, color=False, unicode=False)
    assert all(line.isascii() for line in lines)
    assert not any("Be brief" in line for line in lines)
