"""What the domain's words mean, and for whom; and a lint that finds where a text leaves them (format 1)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from interlock.core.document import Document, Path, Str, Strict, parse_json, parse_jsonl, parse_yaml
from interlock.core.errors import DocumentError
from interlock.core.manifest import Part


class Term(Strict):
    """A word of the domain, its one meaning, and the team that owns the meaning."""

    term: Str
    means: str = ""
    owner: str = ""
    synonyms: tuple[Str, ...] = ()
    forbidden: tuple[Str, ...] = ()
    actions: tuple[Str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The term and its synonyms."""
        return (self.term, *self.synonyms)


class State(Strict):
    """A word of state, for one term: the same word may be a state of several terms."""

    state: Str
    of: Str
    means: str = ""


class Glossary(Strict):
    """One `glossary.yaml`."""

    glossary: Literal[1]
    terms: tuple[Term, ...]
    states: tuple[State, ...] = ()
    undefined: tuple[Str, ...] = ()

    def owners_of(self, action: str) -> tuple[str, ...]:
        """The terms that claim an action."""
        return tuple(term.term for term in self.terms for claimed in term.actions if claimed == action)


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault and where it was written. Lines and columns count from 1; None when the whole file is meant."""

    message: str
    file: str = ""
    line: int | None = None
    column: int | None = None

    def row(self) -> dict[str, Any]:
        """As plain JSON, the way that `rules.rule_findings` reads it."""
        return {"message": self.message, "file": self.file, "line": self.line, "column": self.column}


# ── the glossary itself ─────────────────────────────────────────────────────────────────────────────────────────


def lint_terms(glossary: Glossary) -> list[tuple[Path, str]]:
    """Faults of the terms: each word has one meaning, each term an owner. Pairs of a path in the file and a message."""
    found: list[tuple[Path, str]] = []
    named: dict[str, str] = {}
    for at, term in enumerate(glossary.terms):
        found += [
            (("terms", at, key), f"the term `{term.term}` has no `{key}`")
            for key, value in (("means", term.means), ("owner", term.owner))
            if not value.strip()
        ]
        for path, word in _written(("terms", at), term):
            key = _normal(word)
            if key not in named:
                named[key] = term.term
            elif path[-1] == "term" and named[key] == term.term:
                found.append((path, f"the term `{word}` is defined twice"))
            else:
                found.append((path, f"`{word}` has two meanings: it already stands for `{named[key]}`"))
    for at, term in enumerate(glossary.terms):
        for n, word in enumerate(term.forbidden):
            if owner := named.get(_normal(word)):
                found.append(
                    (("terms", at, "forbidden", n), f"`{word}` is forbidden for `{term.term}` and stands for `{owner}`")
                )
    return found


def lint_states(glossary: Glossary) -> list[tuple[Path, str]]:
    """Faults of the states: each is of a term that exists, is defined once for it, and says what it means."""
    terms = {term.term for term in glossary.terms}
    found: list[tuple[Path, str]] = []
    seen: set[tuple[str, str]] = set()
    for at, state in enumerate(glossary.states):
        if state.of not in terms:
            found.append(
                (
                    ("states", at, "of"),
                    f"the state `{state.state}` is of `{state.of}`, which is no term of the glossary",
                )
            )
        if (state.state, state.of) in seen:
            found.append((("states", at, "state"), f"the state `{state.state}` of `{state.of}` is defined twice"))
        seen.add((state.state, state.of))
        if not state.means.strip():
            found.append((("states", at, "means"), f"the state `{state.state}` of `{state.of}` has no `means`"))
    return found


def _written(path: Path, term: Term) -> Iterator[tuple[Path, str]]:
    yield (*path, "term"), term.term
    for n, word in enumerate(term.synonyms):
        yield (*path, "synonyms", n), word


# ── texts of the parts ──────────────────────────────────────────────────────────────────────────────────────────

_SEPARATOR = r"(?:[ \t_-]+|[ \t]*(?:\r\n|\r|\n)[ \t]*)"
_SPLIT = re.compile(r"[\s_-]+")


def _normal(phrase: str) -> str:
    """A phrase in small letters, with single spaces, in the singular."""
    words = _SPLIT.split(phrase.strip().casefold())
    return " ".join([*words[:-1], _singular(words[-1])])


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _form(phrase: str) -> str:
    """A pattern for a phrase: any case, `_`, `-` or a line end between its words, with or without a last `s`."""
    words = _SPLIT.split(phrase.strip())
    return _SEPARATOR.join([*(re.escape(word) for word in words[:-1]), re.escape(_singular(words[-1])) + "s?"])


def _any_of(phrases: Sequence[str]) -> re.Pattern[str] | None:
    if not phrases:
        return None
    longest_first = sorted(set(phrases), key=lambda phrase: (-len(phrase), phrase))
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(map(_form, longest_first))})(?![^\W_])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """The glossary, ready to be searched for."""

    bad: re.Pattern[str] | None
    messages: dict[str, str]
    good: re.Pattern[str] | None
    states: frozenset[str]

    def hits(self, text: str) -> list[re.Match[str]]:
        """The words that may not be used, except inside a longer expression that the glossary defines."""
        if self.bad is None or not (hits := list(self.bad.finditer(text))):
            return []
        good = [match.span() for match in self.good.finditer(text)] if self.good else []
        return [hit for hit in hits if not any(a <= hit.start() and hit.end() <= b for a, b in good)]

    def message(self, hit: re.Match[str]) -> str:
        shown = " ".join(hit[0].split())
        return self.messages[_normal(hit[0])].replace("`?`", f"`{shown}`", 1)


@lru_cache(maxsize=16)
def _lexicon(glossary: Glossary) -> _Lexicon:
    states = frozenset(_SPLIT.sub(" ", state.state.casefold()) for state in glossary.states)
    messages: dict[str, str] = {}
    forbidden: list[str] = []
    for term in glossary.terms:
        for word in term.forbidden:
            forbidden.append(word)
            messages[_normal(word)] = f"`?` is a forbidden synonym: say `{term.term}`"
    for word in glossary.undefined:
        if _SPLIT.sub(" ", word.casefold()) not in states:
            forbidden.append(word)
            messages.setdefault(
                _normal(word), "`?` is a state that the glossary does not define: define it, or say what is so"
            )
    known = {key for term in glossary.terms for key in map(_normal, term.names)}
    good = [
        name
        for term in glossary.terms
        for name in term.names
        if any(f" {bad} " in f" {_normal(name)} " and bad != _normal(name) for bad in messages)
    ]
    bad = [word for word in forbidden if _normal(word) not in known]  # a contradiction is the glossary's own fault
    return _Lexicon(_any_of(bad), messages, _any_of(good), states)


_CUSTOMER_WORDS = frozenset({"input", "messages", "context"})
"""What customers say is theirs to word."""

_CASE_KEYS = frozenset({"expect", "title", "slices"})


def lint_text(glossary: Glossary, part: Part, path: str, text: str) -> list[Finding]:
    """Where a text of a part leaves the glossary: forbidden synonyms and states without a definition.

    Args:
        part: the part that holds the text; of eval cases only the expectations, titles and slices are read.
        path: tells the language by its ending: `.json`, `.jsonl`, `.yaml` and `.yml` are read as values, so that
            comments do not count; anything else is read as prose.
        text: the whole text.
    Returns: the findings in the order of the text. Not read, because they name words in order to catch them or are
        a customer's: `forbidden`, `undefined`, `words` and `forbid` lists, and the `input` of cases and probes.
    """
    lexicon, ending = _lexicon(glossary), path.rpartition(".")[2].lower()
    try:
        documents = (
            [parse_json(text, path)] if ending == "json"
            else parse_jsonl(text, path) if ending == "jsonl"
            else [parse_yaml(text, path)] if ending in {"yaml", "yml"}
            else []
        )  # fmt: skip
    except DocumentError:
        documents = []  # not what its ending says: read it as prose rather than not at all
    if not documents:
        return _lint_prose(lexicon, path, text)
    found: list[Finding] = []
    for document in documents:
        found += _lint_document(lexicon, part, document)
        if isinstance(document.value, dict) and document.value.get("glossary") == 1:
            found += [_at(document, where, message) for where, message in lint_states(glossary)]
    return sorted(found, key=lambda finding: (finding.line or 0, finding.column or 0))


def _at(document: Document, path: Path, message: str) -> Finding:
    place = document.place(path)
    return Finding(message, document.file, place.line, place.column)


def _lint_prose(lexicon: _Lexicon, path: str, text: str) -> list[Finding]:
    hidden = [match.span("input") for match in _PROBE_INPUT.finditer(text)]
    return [
        Finding(lexicon.message(hit), path, *_line_column(text, hit.start()))
        for hit in lexicon.hits(text)
        if not any(a <= hit.start() < b for a, b in hidden)
    ]


_PROBE_INPUT = re.compile(
    r"^ {0,3}(?P<marks>`{3,}|~{3,})[ \t]*interlock\b[^\n]*\bkind=probe\b[^\n]*\n"
    r"(?:(?!^ {0,3}(?P=marks))(?!input:)[^\n]*\n)*?"
    r"(?P<input>input:[^\n]*\n(?:[ \t]+[^\n]*\n)*)",
    re.MULTILINE,
)


def _line_column(text: str, offset: int) -> tuple[int, int]:
    line, start = 1, 0
    for end in re.compile(r"\r\n|\r|\n").finditer(text, 0, offset):
        line, start = line + 1, end.end()
    return line, offset - start + 1


def _lint_document(lexicon: _Lexicon, part: Part, document: Document) -> Iterator[Finding]:
    for path, text, is_key in _strings(document.value, (), part):
        for count, hit in enumerate(lexicon.hits(text)):
            line, column = _raw_place(document, path, is_key, lexicon, hit, count)
            yield Finding(lexicon.message(hit), document.file, line, column)
    for path, word in _state_values(document.value, ()) if lexicon.states else ():
        if _SPLIT.sub(" ", word.casefold()) not in lexicon.states and not lexicon.hits(word):
            yield _at(document, path, f"`{word}` is used as a state, and the glossary defines it for no term")


def _strings(value: Any, path: Path, part: Part) -> Iterator[tuple[Path, str, bool]]:
    """Every string and key that speaks for the team, with its path, and whether it is a key."""
    if isinstance(value, str):
        yield path, value, False
    elif isinstance(value, list):
        for n, child in enumerate(value):
            yield from _strings(child, (*path, n), part)
    elif isinstance(value, dict):
        for key, child in value.items():
            if not _speaks(key, child, path, value, part):
                continue
            yield (*path, key), key, True
            yield from _strings(child, (*path, key), part)


def _speaks(key: str, child: Any, path: Path, parent: dict[str, Any], part: Part) -> bool:
    """Whether the words under a key are the team's own use of them."""
    if part is Part.EVALS:
        if key in _CUSTOMER_WORDS or (path[-1:] == ("expect",) and key in {"forbid", "regex"}):
            return False
        return bool(path) or "expect" not in parent or key in _CASE_KEYS
    if part is Part.GUARDRAILS:
        return not (key in {"forbidden", "undefined"} and _word_list(child)) and key != "words"
    return not (part is Part.RUNBOOK and key in _CUSTOMER_WORDS)


def _word_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _state_values(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """The values that a JSON Schema permits for a field named `state`."""
    if isinstance(value, list):
        for n, child in enumerate(value):
            yield from _state_values(child, (*path, n))
    elif isinstance(value, dict):
        for key, child in value.items():
            if key == "state" and path[-1:] == ("properties",) and isinstance(child, dict):
                listed = child.get("enum")
                for n, word in enumerate(listed if isinstance(listed, list) else []):
                    if isinstance(word, str):
                        yield (*path, key, "enum", n), word
                if isinstance(const := child.get("const"), str):
                    yield (*path, key, "const"), const
            yield from _state_values(child, (*path, key))


def _raw_place(
    document: Document, path: Path, is_key: bool, lexicon: _Lexicon, hit: re.Match[str], count: int
) -> tuple[int | None, int | None]:
    """Where the n-th hit of a string stands in the source, across quotes, folded lines and escapes."""
    place = document.place(path, key=is_key)
    if place.line is None or place.column is None:
        return place.line, place.column
    ends = list(re.finditer(r"\r\n|\r|\n", document.text))
    row = place.line - document.first_line
    start = (ends[row - 1].end() if row else 0) + place.column - 1
    raw = lexicon.hits(document.text[start : start + 4 * len(hit.string) + 4096])
    if count < len(raw) and _normal(raw[count][0]) == _normal(hit[0]):
        line, column = _line_column(document.text, start + raw[count].start())
        return line + document.first_line - 1, column
    return place.line, place.column
