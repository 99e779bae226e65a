import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from interlock.core import errors
from interlock.core.binding import Str, Strict, VersionStr, bind
from interlock.core.document import Document
from interlock.core.errors import (
    AmbiguousValue,
    DocumentError,
    DocumentSyntax,
    DuplicateKey,
    EmptyDocument,
    HiddenCharacter,
    InterlockError,
    KeyNotText,
    ManyErrors,
    MissingKey,
    NumberOutOfRange,
    Place,
    TooLarge,
    UnknownKey,
    VersionNotText,
    WrongValue,
    YamlFeature,
)
from interlock.core.json_text import parse_json, parse_jsonl
from interlock.core.yaml_text import parse_yaml

TOP = 2**53 - 1
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-TOP, TOP) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)


def quoted(text: str) -> str:
    """A double-quoted scalar; what YAML or a reader could stumble on is escaped."""
    safe = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return '"' + "".join(safe) + '"'


def block(value: Any, indent: int = 0) -> str:
    """A value in YAML's block style, written in the plainest way."""
    pad = "\n" + " " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{quoted(key)}:{block(child, indent + 2)}" for key, child in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}-{block(child, indent + 2)}" for child in value)
    return " " + (quoted(value) if isinstance(value, str) else json.dumps(value))


def same(one: Any, other: Any) -> bool:
    """Equal in value and in type: 1, 1.0 and True differ."""
    if isinstance(one, dict):
        return type(other) is dict and list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return type(other) is list and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@given(values)
def test_a_written_value_is_read_back_as_it_was(value: Any) -> None:
    assert same(value, parse_yaml(block(value), "x.yaml").value)
    assert same(value, parse_json(json.dumps(value, indent=1), "x.json").value)
    (line,) = parse_jsonl("\n" + json.dumps(value) + "\r\n\n", "x.jsonl")
    assert same(value, line.value)
    assert line.place() == Place("x.jsonl", 2, 1)


def at(text: str, place: Place) -> str:
    assert place.line is not None
    assert place.column is not None
    return text.split("\n")[place.line - 1][place.column - 1 :]


@given(values)
def test_every_place_is_where_its_key_and_its_value_were_written(value: Any) -> None:
    for text, document in (
        (block(value), parse_yaml(block(value), "x")),
        (json.dumps(value, indent=2), parse_json(json.dumps(value, indent=2), "x")),
    ):
        assert set(document.marks.keys) <= set(document.places)
        for path, place in document.marks.keys.items():
            written = at(text, place)
            assert written.startswith((quoted(str(path[-1])), json.dumps(path[-1])))
        for path, place in document.places.items():
            part: Any = value
            for step in path:
                part = part[step]
            if isinstance(part, str):
                assert at(text, place).startswith((quoted(part), json.dumps(part)))
            elif not isinstance(part, dict | list):
                assert at(text, place).startswith(json.dumps(part))


def outcome(parse: Callable[[str, str], object], text: str) -> InterlockError | None:
    """The error of ours that a reader raised; any other exception fails the test by itself."""
    try:
        parse(text, "x")
    except InterlockError as error:
        return error
    return None


@settings(deadline=None)  # thousands of open brackets take the YAML reader a third of a second
@given(st.text(max_size=40) | st.text("{}[]:,-#&*!|>'\"%@`\\?<=~ \n0123ex.uUxyno_", max_size=40))
@example('"\\UFFFFFFFF"')
@example('"\\ud800"')
@example("%YAML 1.1\n---\na")
@example("? [a]\n: b")
@example("!!set {a}")
@example("[1234567890123456, }")
@example('{"a":1,"a":')
@example("[" * 3000)
@example('{"a":' * 3000)
def test_any_text_is_a_document_or_our_error(text: str) -> None:
    for parse in (parse_yaml, parse_json, parse_jsonl):
        error = outcome(parse, text)
        if error is not None:
            assert isinstance(error, DocumentError)
            assert error.hint
            assert error.place is not None
            assert error.render().startswith(f"error[{error.code}]: ")


@pytest.mark.parametrize(
    ("text", "kind", "line", "column"),
    [
        ("a: [1, 2\nb: 3", DocumentSyntax, 2, 2),
        ("a: 1\n b: 2", DocumentSyntax, 2, 3),
        ("a: 1\nb: 2\na: 3", DuplicateKey, 3, 1),
        ("x:\n  - {a: 1, a: 2}", DuplicateKey, 2, 12),
        ("a: &x 1", YamlFeature, 1, 4),
        ("a: *x", YamlFeature, 1, 4),
        ("a: 1\n<<: {b: 1}", YamlFeature, 2, 1),
        ("a: !!str 1", YamlFeature, 1, 4),
        ("a: ! 1", YamlFeature, 1, 4),
        ("%YAML 1.1\n---\na: 1", YamlFeature, 2, 1),
        ("a: 1\n---\nb: 2", YamlFeature, 2, 1),
        ("at: 2024-08-06", AmbiguousValue, 1, 5),
        ("at: 2024-08-06T10:00:00Z", AmbiguousValue, 1, 5),
        ("at: 2024-08-06 10:00:00 +01:00", AmbiguousValue, 1, 5),
        ("at: 12:30:45", AmbiguousValue, 1, 5),
        ("at: [12:30]", AmbiguousValue, 1, 6),
        *((f"a:\n  - {word}", AmbiguousValue, 2, 5) for word in ("yes", "No", "ON", "off", "y", "N", "tRUE", "YES")),
        ("on: 1", AmbiguousValue, 1, 1),
        ("a: 0123", AmbiguousValue, 1, 4),
        ("a: 0o17", AmbiguousValue, 1, 4),
        ("a: 0x1F", AmbiguousValue, 1, 4),
        ("a: 01.5", AmbiguousValue, 1, 4),
        ("a: 1_000", AmbiguousValue, 1, 4),
        ("a: .inf", AmbiguousValue, 1, 4),
        ("a: -.INF", AmbiguousValue, 1, 4),
        ("a: .NaN", AmbiguousValue, 1, 4),
        ("a: 1e999", NumberOutOfRange, 1, 4),
        ("a: 9007199254740992", NumberOutOfRange, 1, 4),
        ("a: -" + "9" * 5000, NumberOutOfRange, 1, 4),
        ("a: 1\n2: b", KeyNotText, 2, 1),
        ("true: b", KeyNotText, 1, 1),
        ("~: b", KeyNotText, 1, 1),
        ("[a]: b", KeyNotText, 1, 1),
        ("a:\tb", HiddenCharacter, 1, 3),
        ("a: x\u202ey", HiddenCharacter, 1, 5),
        ("a: x\x07y", HiddenCharacter, 1, 5),
        ("a: 1\r\nb: \u2066", HiddenCharacter, 2, 4),
        ("a: 1\nb: \ud800", HiddenCharacter, 2, 4),
        ('a: "\\ud800"', HiddenCharacter, 1, 4),
        ("", EmptyDocument, 1, 1),
        ("# only a comment\n", EmptyDocument, 1, 1),
        ("[" * 41 + "]" * 41, TooLarge, 1, 41),
    ],
)
def test_yaml_that_could_mean_something_else_is_refused_at_its_place(
    text: str, kind: type[DocumentError], line: int, column: int
) -> None:
    with pytest.raises(kind) as caught:
        parse_yaml(text, "interlock.yaml")
    assert caught.value.place == Place("interlock.yaml", line, column)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "kind", "line", "column"),
    [
        ('{"a": 1,\n "b": 2,\n "a": 3}', DuplicateKey, 3, 2),
        ('{"a": {"b": 1, "b": 1}}', DuplicateKey, 1, 16),
        ('{"a": 1, "\\u0061": 2}', DuplicateKey, 1, 10),
        ('{"a": NaN}', NumberOutOfRange, 1, 7),
        ('["}", {"a": -Infinity}]', NumberOutOfRange, 1, 13),
        ('{"a":\n9007199254740992}', NumberOutOfRange, 2, 1),
        ("[1e999]", NumberOutOfRange, 1, 2),
        ("[1 2]", DocumentSyntax, 1, 4),
        ('{"a" 1}', DocumentSyntax, 1, 6),
        ('{"a": 1} x', DocumentSyntax, 1, 10),
        ("[1,\r\n 01]", DocumentSyntax, 2, 3),
        ('["a\tb"]', DocumentSyntax, 1, 4),
        ('["\u202e"]', HiddenCharacter, 1, 3),
        ('["", "\\ud83d"]', HiddenCharacter, 1, 6),
        ("[" * 41 + "]" * 41, TooLarge, 1, 41),
        ('{"a":' * 5000, TooLarge, 1, 201),
        ("  \n", EmptyDocument, 1, 1),
    ],
)
def test_json_that_could_mean_something_else_is_refused_at_its_place(
    text: str, kind: type[DocumentError], line: int, column: int
) -> None:
    with pytest.raises(kind) as caught:
        parse_json(text, "x.json")
    assert caught.value.place == Place("x.json", line, column)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-08-06", "2024-08-06"),
        ("no", "no"),
        ("12:30", "12:30"),
        ("1.10", "1.10"),
    ],
)
def test_quotes_make_text_of_anything(text: str, value: str) -> None:
    assert parse_yaml(f'a: "{text}"', "x").value == {"a": value}
    assert parse_yaml(f"a: '{text}'", "x").value == {"a": value}
    assert parse_yaml(f"a: |-\n  {text}", "x").value == {"a": value}


def test_plain_scalars_follow_the_core_schema() -> None:
    text = (
        "[a, -1, +2, 1.5, .5, 1e3, true, FALSE, null, ~, localhost:8080, 1.2.3, 2024-08-06 note, not so, app.x:answer]"
    )
    want = [
        "a",
        -1,
        2,
        1.5,
        0.5,
        1000.0,
        True,
        False,
        None,
        None,
        "localhost:8080",
        "1.2.3",
        "2024-08-06 note",
        "not so",
    ]
    assert same(parse_yaml(text, "x").value, [*want, "app.x:answer"])
    assert parse_yaml("\ufeffa:\r\n  - 1\r\n", "x").value == {"a": [1]}


def test_both_places_of_a_repeated_key_are_named() -> None:
    with pytest.raises(DuplicateKey) as caught:
        parse_yaml("a: 1\nb: 2\na: 3", "x.yaml")
    assert "x.yaml:1:1" in caught.value.hint
    assert caught.value.source_line == "a: 3"


def test_forty_levels_are_allowed_and_four_megabytes() -> None:
    assert parse_yaml("[" * 40 + "]" * 40, "x").places[(0,) * 39].column == 40
    parse_json("[" * 40 + "]" * 40, "x")
    with pytest.raises(TooLarge):
        parse_yaml("# " + "x" * 4_000_000, "x")
    with pytest.raises(TooLarge):
        parse_yaml("# " + "é" * 2_000_000, "x")
    with pytest.raises(EmptyDocument):
        parse_yaml("# " + "x" * 3_999_000, "x")


def test_a_fault_in_json_lines_has_the_line_of_the_file() -> None:
    with pytest.raises(DuplicateKey) as caught:
        parse_jsonl('{"a": 1}\r\n\n{"b": 1, "b": 2}\n', "cases.jsonl")
    assert caught.value.place == Place("cases.jsonl", 3, 10)
    assert caught.value.source_line == '{"b": 1, "b": 2}'
    assert parse_jsonl("", "x") == []


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(Strict):
    version: VersionStr
    files: tuple[Str, ...] = ()
    reads: tuple[VersionStr, ...] = ()
    colour: Colour = Colour.RED
    k: int = 4
    share: float = 0.5


class Parts(Strict):
    model: Part
    retriever: Part | Literal["none"] = "none"
    by_name: dict[str, Part] | None = None


class Manifest(Strict):
    interlock: Literal[1]
    kind: Literal["python", "openai", "http"] = "python"
    parts: Parts


def manifest(parts: str, head: str = "interlock: 1") -> Document:
    return parse_yaml(f"{head}\nparts:\n" + parts, "interlock.yaml")


def refusal(document: Document, model: type[Strict] = Manifest) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        bind(model, document)
    return caught.value


def test_a_good_document_becomes_the_model() -> None:
    made = bind(
        Manifest, manifest('  model: {version: "1.10", files: [a, b], colour: blue, share: 1}\n  retriever: none')
    )
    assert made == Manifest(
        interlock=1, parts=Parts(model=Part(version="1.10", files=("a", "b"), colour=Colour.BLUE, share=1.0))
    )
    inner = bind(Part, manifest('  model: {version: "2"}'), ("parts", "model"))
    assert inner.version == "2"


@pytest.mark.parametrize("written", ["1.10", "1.1", "1", "true", "-3e2"])
def test_a_version_that_is_a_number_is_refused_and_shown_as_it_was_written(written: str) -> None:
    error = refusal(manifest(f"  model: {{version: {written}}}"))
    assert type(error) is VersionNotText
    assert error.place == Place("interlock.yaml", 3, 20)
    assert error.message == "`parts.model.version` must be a string"
    assert error.hint == f'write "{written}" in quotes (YAML reads 1.10 and 1.1 as the same number)'


def test_a_version_in_a_list_is_text_too() -> None:
    error = refusal(manifest('  model: {version: "1", reads: ["1", 2]}'))
    assert error.code == "doc.version-not-text"
    assert error.message == "`parts.model.reads[1]` must be a string"


def test_an_unknown_key_is_shown_with_the_key_that_was_meant() -> None:
    error = refusal(manifest('  model: {version: "1"}\n  retrever: {version: "1"}'))
    assert type(error) is UnknownKey
    assert error.render() == (
        "error[doc.unknown-key]: unknown key `retrever`\n"
        " --> interlock.yaml:4:3\n"
        '  4 |   retrever: {version: "1"}\n'
        "    |   ^\n"
        "  help: did you mean `retriever`?"
    )


@pytest.mark.parametrize(
    ("parts", "column"),
    [
        ('  model: {version: "1", zzzz: 1}', 25),
        ('  model: {version: "1"}\n  retriever: {version: "1", zzzz: 1}', 29),
        ('  model: {version: "1"}\n  by_name: {x: {version: "1", zzzz: 1}}', 31),
    ],
)
def test_an_unknown_key_without_a_neighbour_lists_the_known_ones(parts: str, column: int) -> None:
    error = refusal(manifest(parts))
    assert error.message == "unknown key `zzzz`"
    assert error.hint == "known keys: `version`, `files`, `reads`, `colour`, `k`, `share`"
    assert error.place is not None
    assert error.place.column == column


def test_a_missing_key_is_shown_at_its_parent() -> None:
    error = refusal(manifest("  model:\n    files: [a]"))
    assert type(error) is MissingKey
    assert error.message == "missing key `version` in `parts.model`"
    assert error.place == Place("interlock.yaml", 3, 3)
    error = refusal(parse_yaml("parts: {model: {version: '1'}}", "interlock.yaml"))
    assert error.message == "missing key `interlock`"
    assert error.place == Place("interlock.yaml", 1, 1)


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ("colour: bleu", "`parts.model.colour` must be `red` or `blue`, not `bleu`", "did you mean `blue`?"),
        ("colour: xxxx", "`parts.model.colour` must be `red` or `blue`, not `xxxx`", "allowed: `red`, `blue`"),
        ("k: '4'", "`parts.model.k` must be an integer, not `4`", ""),
        ("k: true", "`parts.model.k` must be an integer, not `true`", ""),
        ("k: 4.0", "`parts.model.k` must be an integer, not the number `4.0`", ""),
        ("files: a", "`parts.model.files` must be a list, not `a`", ""),
        ("files: ['']", "`parts.model.files[0]` must not be empty", ""),
        ("files: [' ']", "`parts.model.files[0]` must not be blank", ""),
        ("files:", "`parts.model.files` must be a list, not `null`", ""),
    ],
)
def test_a_wrong_value_says_what_was_wanted_and_what_was_found(written: str, message: str, hint: str) -> None:
    error = refusal(manifest(f'  model:\n    version: "1"\n    {written}'))
    assert type(error) is WrongValue
    assert (error.message, error.hint) == (message, hint)
    assert error.place is not None
    assert error.place.line == 5


def test_a_choice_between_a_mapping_and_a_word_names_both() -> None:
    error = refusal(manifest('  model: {version: "1"}\n  retriever: nnoe'))
    assert error.message == "`parts.retriever` must be a mapping or must be `none`, not `nnoe`"
    assert error.hint == "did you mean `none`?"


def test_all_faults_are_reported_at_once_in_the_order_of_the_text() -> None:
    with pytest.raises(ManyErrors) as caught:
        bind(Manifest, manifest("  model: {version: 1.10, k: x}\n  retrever: 1", "interlock: 2\nkind: pyton"))
    places = [error.place.line for error in caught.value.errors if error.place]
    assert places == [1, 2, 4, 4, 5]
    assert caught.value.render().count("error[doc.") == 5


def test_json_lines_are_bound_with_the_line_of_the_file() -> None:
    (_, second) = parse_jsonl('{"version": "1"}\n{"version": "2", "kk": 3}', "cases.jsonl")
    error = refusal(second, Part)
    assert error.place == Place("cases.jsonl", 2, 18)
    assert error.hint == "did you mean `k`?"


@given(values)
def test_binding_any_value_is_a_model_or_our_error(value: Any) -> None:
    for document in (parse_json(json.dumps({"parts": value, "interlock": 1}), "x"), parse_json(json.dumps(value), "x")):
        try:
            bind(Manifest, document)
        except InterlockError as error:
            for one in error.errors if isinstance(error, ManyErrors) else [error]:
                assert one.place is not None
                assert one.source_line is not None


def test_every_error_class_has_a_code_of_its_own() -> None:
    def family(kind: type[InterlockError]) -> set[type[InterlockError]]:
        return {kind}.union(*(family(child) for child in kind.__subclasses__()))

    codes = errors.all_codes()
    assert set(codes.values()) == family(InterlockError)  # two classes with one code would hide each other
    assert list(codes) == sorted(codes)
    with pytest.raises(TypeError, match="needs a code of its own"):
        type("Nameless", (InterlockError,), {})


def test_a_shown_error_cannot_move_the_cursor_or_turn_the_text() -> None:
    place = Place("a\x1b.yaml", 1, 6)
    shown = WrongValue("`\x1b[2J\u202e`", hint="\x07", place=place, source_line="日本\t\u202ex").render()
    assert shown.split("\n")[3] == "    |        ^"  # two wide signs count double
    assert all(char.isprintable() or char == "\n" for char in shown)
    long = WrongValue("x", place=Place("f", 1, 500), source_line="y" * 499 + "X" + "y" * 500).render().split("\n")
    assert long[2][long[3].index("^")] == "X"
    assert len(long[2]) < 140
