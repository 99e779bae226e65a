"""What the domain's words mean, and for whom; and a lint that finds where a text leaves them (format 1)."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field

from interlock.core.binding import Str, Strict
from interlock.core.document import Document
from interlock.core.errors import DocumentError, Place
from interlock.core.json_text import parse_json, parse_jsonl
from interlock.core.manifest import Part
from interlock.core.source import Path
from interlock.core.yaml_text import parse_yaml


class Term(Strict):
    """A word of the domain, its one meaning, and the team that owns the meaning."""

    term: Str
    means: str | dict[Str, str] = Field(
        default="", description="one meaning, or one for each audience that needs its own"
    )
    owner: str = ""
    synonyms: tuple[Str, ...] = ()
    forbidden: tuple[Str, ...] = ()
    actions: tuple[Str, ...] = ()
    done: tuple[Str, ...] = ()
    """How a reply says that the actions are completed, in every language: only the effect ledger makes it true."""

    def __hash__(self) -> int:
        return hash((self.term, str(self.means), self.owner, self.synonyms, self.forbidden, self.actions))

    @property
    def meant(self) -> bool:
        """Whether it says what it means, to every audience that it names."""
        meanings = [self.means] if isinstance(self.means, str) else list(self.means.values())
        return bool(meanings) and all(each.strip() for each in meanings)

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
            for key, said in (("means", term.meant), ("owner", bool(term.owner.strip())))
            if not said
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
    words = _SPLIT.sub(" ", phrase.casefold()).split() or [""]
    return " ".join([*words[:-1], _singular(words[-1])])


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _form(phrase: str) -> str:
    """A pattern for a phrase: any case, `_`, `-` or a line end between its words, with or without a last `s`."""
    words = _SPLIT.sub(" ", phrase).split()
    return _SEPARATOR.join([*(re.escape(word) for word in words[:-1]), re.escape(_singular(words[-1])) + "s?"])


def _any_of(phrases: Sequence[str]) -> re.Pattern[str] | None:
    """A pattern that finds any of the phrases, longest first; its n-th group is the n-th of them."""
    forms = "|".join(f"({_form(phrase)})" for phrase in phrases)
    return re.compile(rf"(?<![^\W_])(?:{forms})(?![^\W_])", re.IGNORECASE) if phrases else None


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """The glossary, ready to be searched for: `messages` holds one for each group of `bad`."""

    bad: re.Pattern[str] | None
    messages: tuple[str, ...]
    good: re.Pattern[str] | None
    states: frozenset[str]
    shared: re.Pattern[str] | None
    owners: tuple[tuple[tuple[str, ...], re.Pattern[str] | None], ...]
    clean: set[str] = field(default_factory=set, compare=False)
    """Short texts that were found to have no such word: the cases of a suite repeat their keys and slices by the thousand."""

    def hits(self, text: str) -> list[re.Match[str]]:
        """The words that may not be used, except inside a longer expression that the glossary defines."""
        if text in self.clean:
            return []
        found = self._hits(text)
        if not found and len(text) <= _SHORT and len(self.clean) < _KEPT:
            self.clean.add(text)
        return found

    def _hits(self, text: str) -> list[re.Match[str]]:
        if self.bad is None or not (hits := list(self.bad.finditer(text))):
            return []
        good = [match.span() for match in self.good.finditer(text)] if self.good else []
        return [hit for hit in hits if not any(a <= hit.start() and hit.end() <= b for a, b in good)]

    def unclear(self, text: str) -> Iterator[tuple[int, str]]:
        """Where prose uses a state of several terms in a sentence that names none of them, and what is wrong."""
        for hit in self.shared.finditer(text) if self.shared else ():
            start = max(text.rfind(end, 0, hit.start()) for end in _SENTENCE_ENDS)
            stops = [at for end in _SENTENCE_ENDS if (at := text.find(end, hit.end())) >= 0]
            sentence = text[start + 1 : min(stops, default=len(text))]
            terms, named = self.owners[(hit.lastindex or 1) - 1]
            if len(sentence.split()) >= _PROSE and not (named and named.search(sentence)):
                whose = " and of ".join(f"`{term}`" for term in terms)
                yield hit.start(), f"`{hit[0]}` is a state of {whose}: name the one that is meant"

    def message(self, hit: re.Match[str]) -> str:
        """What is wrong with a word, and what to do."""
        return f"`{' '.join(hit[0].split())}` {self.messages[(hit.lastindex or 1) - 1]}"


_SHORT, _KEPT = 100, 20_000


@lru_cache(maxsize=16)
def _lexicon(glossary: Glossary) -> _Lexicon:
    states = frozenset(_normal_state(state.state) for state in glossary.states)
    bad: dict[str, tuple[str, str]] = {}
    for term in glossary.terms:
        for word in term.forbidden:
            bad.setdefault(_normal(word), (word, f"is a forbidden synonym: say `{term.term}`"))
    for word in glossary.undefined:
        if _normal_state(word) not in states:
            message = "is a state that the glossary does not define: define it, or say what is so"
            bad.setdefault(_normal(word), (word, message))
    names = [name for term in glossary.terms for name in term.names]
    for name in names:
        bad.pop(_normal(name), None)  # a contradiction is the glossary's own fault, and DOM-01 says so
    good = [name for name in names if any(f" {word} " in f" {_normal(name)} " for word in bad)]
    rows = sorted((row for key, row in bad.items() if key), key=lambda row: (-len(row[0]), row[0]))
    shared = _shared_states(glossary)
    owned = tuple(
        (terms, _any_of([name for term in glossary.terms if term.term in terms for name in term.names]))
        for terms in shared.values()
    )
    return _Lexicon(
        _any_of([word for word, _ in rows]), tuple(message for _, message in rows), _any_of(good), states,
        _any_of(list(shared)), owned,
    )  # fmt: skip


_SENTENCE_ENDS = (". ", ".\n", "! ", "? ", "\n\n", "\n- ", "\n* ", "\n#", "|")
_PROSE = 3
"""Words from which on a text is a sentence and not the name of a state."""


def _shared_states(glossary: Glossary) -> dict[str, tuple[str, ...]]:
    """The words that are a state of more than one term, with these terms."""
    owners: dict[str, dict[str, None]] = {}
    for state in glossary.states:
        owners.setdefault(state.state, {})[state.of] = None
    return {word: tuple(terms) for word, terms in owners.items() if len(terms) > 1}


def _normal_state(word: str) -> str:
    return _SPLIT.sub(" ", word.strip().casefold())


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
    starts = _line_starts(text)
    hits = [(hit.start(), lexicon.message(hit)) for hit in lexicon.hits(text)]
    return [
        Finding(message, path, *_line_column(starts, at))
        for at, message in sorted([*hits, *lexicon.unclear(text)])
        if not any(a <= at < b for a, b in hidden)
    ]


_PROBE_INPUT = re.compile(
    r"^ {0,3}(?P<marks>`{3,}|~{3,})[ \t]*interlock\b[^\n]*\bkind=probe\b[^\n]*\n"
    r"(?:(?!^ {0,3}(?P=marks))(?!input:)[^\n]*\n)*?"
    r"(?P<input>input:[^\n]*\n(?:[ \t]+[^\n]*\n)*)",
    re.MULTILINE,
)


_LINE_END = re.compile(r"\r\n|\r|\n")


def _line_starts(text: str) -> list[int]:
    return [0, *(end.end() for end in _LINE_END.finditer(text))]


def _line_column(starts: list[int], offset: int) -> tuple[int, int]:
    line = bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1


def _lint_document(lexicon: _Lexicon, part: Part, document: Document) -> Iterator[Finding]:
    starts: list[int] = []
    for path, text, is_key in _strings(document.value, (), part):
        if hits := lexicon.hits(text):
            starts = starts or _line_starts(document.text)
            places = _raw_places(document, document.place(path, key=is_key), starts, lexicon, hits)
            for hit, (line, column) in zip(hits, places, strict=True):
                yield Finding(lexicon.message(hit), document.file, line, column)
        if not is_key:
            for _, message in lexicon.unclear(text):
                yield _at(document, path, message)
    for path, word in _state_values(document.value, ()) if lexicon.states else ():
        if _normal_state(word) not in lexicon.states and not lexicon.hits(word):
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


def _raw_places(
    document: Document, place: Place, starts: list[int], lexicon: _Lexicon, hits: list[re.Match[str]]
) -> Iterator[tuple[int | None, int | None]]:
    """Where the hits of one string stand in the source, across quotes, folded lines and escapes."""
    first = document.first_line
    start = starts[(place.line or first) - first] + (place.column or 1) - 1
    # Escapes and indentation lengthen a string; a longer one only loses the exact column.
    raw = lexicon.hits(document.text[start : start + 4 * len(hits[0].string) + 4096])
    for n, hit in enumerate(hits):
        if n < len(raw) and raw[n].lastindex == hit.lastindex:
            line, column = _line_column(starts, start + raw[n].start())
            yield line + first - 1, column
        else:
            yield place.line, place.column
