"""Where a value came from: what was said and what tools returned, indexed when it arrives, asked when a call is judged.

The rule is positive: a value counts as coming from a source only when it is found there. Values of the system of record
and attested names must be equal to a field; only what people say, and what anybody can write, may contain a value.
Source: the idea of labels that flow is from Costa et al., «Securing AI agents with information-flow control» (2025).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from interlock.core.actions import Label, Readers
from interlock.core.lexical import (
    RequestWords,
    address,
    addresses,
    cued,
    day_of,
    days_in,
    folded,
    name_words,
    needs_cue,
    occurrences,
)

_SYSTEM, _ATTESTED, _THIRD_PARTY = Label.SYSTEM.rank, Label.ATTESTED.rank, Label.THIRD_PARTY.rank
_LABELS = tuple(Label)
MAX_LEAVES = 50_000
"""Values of one observation; what lies beyond is not indexed, so it counts as found nowhere."""
_MAX_LEVELS = 40


class Origin(NamedTuple):
    """Where the value of an argument was found.

    Args:
        label: how good the best source is; `model` when it was found nowhere.
        tool: the tool whose output held it, empty for what the person or the application said.
        path: the field of that output, like `items.id`; empty for the output as a whole.
        step: which observation of the session it was, from 0; None for what was said.
        named: it is third-party text in a record, and the request names everyone whom the record vouches for: the
            message «from Bob to Alice» that the person asked to be read.
    """

    label: Label
    tool: str = ""
    path: str = ""
    step: int | None = None
    named: bool = False

    def __str__(self) -> str:
        if self.tool:
            who = ", by those whom the request names" if self.named else ""
            return f"{self.label}, from {self.tool}{f' ({self.path})' if self.path else ''}{who}"
        return {Label.USER: "user, said in the request", Label.MODEL: "model, found in no source"}.get(
            self.label, str(self.label)
        )


NOWHERE = Origin(Label.MODEL)
SAID = Origin(Label.USER)


# ── the labels of a tool's output ───────────────────────────────────────────────────────────────────────────────


class _Node:
    """One field of an output: its label and readers, or those of what holds it, and the fields in it."""

    __slots__ = ("children", "own", "rank", "readers", "rest")

    def __init__(self, rank: int = _THIRD_PARTY, readers: Readers | None = None) -> None:
        self.rank, self.readers, self.own = rank, readers, False
        self.children: dict[str, _Node] = {}
        self.rest: _Node = self  # of keys that no path names


class OutputLabels:
    """The labels of an action's output by field, ready to be walked.

    A path names keys from the root with dots between: `items[].id`. `[]` may be left out: lists are transparent. `*`
    stands for any key, `$` for the whole output. A field has the label of the longest path that leads to it.
    """

    __slots__ = ("declared", "root")

    def __init__(self, outputs: Mapping[str, Label], readers: Readers | Mapping[str, Readers] | None = None) -> None:
        self.root = _Node()
        self.declared = bool(outputs)
        for path, label in outputs.items():
            node = self._node(path)
            node.rank, node.own = label.rank, True
        if isinstance(readers, Readers):
            self.root.readers = readers
        elif readers:
            for path, who in readers.items():
                self._node(path).readers = who
        _inherit(self.root)

    def _node(self, path: str) -> _Node:
        node = self.root
        for step in _steps(path):
            node = node.children.setdefault(step, _Node())
        return node

    def label(self, path: str) -> Label:
        """The label of the field at a path."""
        node, rank = self.root, self.root.rank
        for step in _steps(path):
            found = node.children.get(step) or node.children.get("*")
            if found is None:
                break
            node, rank = found, found.rank
        return _LABELS[rank]


def _steps(path: str) -> list[str]:
    return [step for step in path.replace("[]", "").split(".") if step not in {"", "$"}]


def _inherit(node: _Node) -> None:
    if node.children:
        node.rest = node.children.get("*") or _Node(node.rank, node.readers)
    for child in node.children.values():
        if not child.own:
            child.rank = node.rank
        if child.readers is None:
            child.readers = node.readers
        _inherit(child)


class Leaf(NamedTuple):
    """One value of an output, before it is indexed.

    record: which mapping of the output it stands in, -1 for none; its neighbours have the same number.
    """

    text: str
    rank: int
    path: str
    key: str
    readers: Readers | None
    record: int = -1


_new = tuple.__new__  # a named tuple without its checks: thousands are made of one output


def leaves(labels: OutputLabels, value: Any, plain: Callable[[Any], Any] = str) -> list[Leaf]:
    """The values of a structured output, each with its label; numbers as JSON writes them, no truth values, no null.

    Args:
        plain: what is no plain JSON is taken as what this makes of it.
        value: what is nested deeper than 40 levels is left out.
    """
    found: list[Leaf] = []
    root = labels.root
    if isinstance(value, dict) and len(value) == 1 and "result" in value and "result" not in root.children:
        value = value["result"]  # the envelope that some servers put around what is no object
    _walk(root, value, "", "", found, 0, -1, plain)
    return found


def _walk(
    node: _Node,
    value: Any,
    path: str,
    key: str,
    found: list[Leaf],
    level: int,
    record: int,
    plain: Callable[[Any], Any],
) -> None:
    kind = type(value)
    if kind is str:
        if value:
            found.append(_new(Leaf, (value, node.rank, path, key, node.readers, record)))
    elif kind is dict:
        if level < _MAX_LEVELS and len(found) < MAX_LEAVES:
            children, rest = node.children, node.rest
            keyed = "*" in children
            prefix = f"{path}." if path else ""
            record = len(found)
            for name, child in value.items():
                if type(name) is not str:
                    name = str(name)  # noqa: PLW2901
                there = children.get(name, rest)
                if keyed and there is rest:  # the key is data itself, and nobody said whose
                    found.append(Leaf(name, _THIRD_PARTY, path, key, there.readers, record))
                kind = type(child)
                if kind is str:
                    if child:
                        found.append(_new(Leaf, (child, there.rank, prefix + name, name, there.readers, record)))
                elif kind is int:
                    found.append(_new(Leaf, (str(child), there.rank, prefix + name, name, there.readers, record)))
                elif child is not None and kind is not bool:
                    _walk(there, child, prefix + name, name, found, level + 1, record, plain)
    elif kind is list or kind is tuple:
        if level < _MAX_LEVELS and len(found) < MAX_LEAVES:
            for child in value:
                _walk(node, child, path, key, found, level + 1, record, plain)
    elif kind is int:
        found.append(Leaf(str(value), node.rank, path, key, node.readers, record))
    elif kind is float:
        found.append(Leaf(number(value), node.rank, path, key, node.readers, record))
    elif value is not None and kind is not bool and level < _MAX_LEVELS:
        _walk(node, plain(value), path, key, found, level + 1, record, plain)


def number(value: float) -> str:
    """A number as it is compared: 50.0 and 50 are one.

    >>> number(50.0), number(98.7)
    ('50', '98.7')
    """
    return str(int(value)) if value == value // 1 and abs(value) < 1e15 else repr(value)


# ── what a session knows ────────────────────────────────────────────────────────────────────────────────────────

_Found = tuple[int, int | None, str, str]
"""Rank, step, tool and path of the best source of a value."""

_PIECE = 12
"""Characters from which on a line of a restricted text is recognised in another text."""


@dataclass(frozen=True, slots=True)
class _FreeText:
    """What one observation says that anybody may have written, in one folded text with NUL between its pieces.

    pieces: the leaves, in their order. vouched: by record, the attested values beside the text.
    """

    step: int
    tool: str
    joined: str
    pieces: list[Leaf]
    vouched: Mapping[int, list[str]]

    def holding(self, value: str) -> Iterator[Leaf]:
        """Every leaf that contains a folded value as a word of its own."""
        for at in occurrences(value, self.joined):
            yield self.pieces[self.joined.count("\x00", 0, at)]


class Sources:
    """What one session was told and what its tools returned. Grows; each addition is indexed at once."""

    def __init__(self) -> None:
        self.steps = 0
        self.words = RequestWords()
        self._said = ""
        self._verbatim = ""
        self._said_addresses: set[str] = set()
        self._said_days: frozenset[tuple[int, int]] = frozenset()
        self._equal: dict[str, _Found] = {}
        self._cued: dict[tuple[str, str], _Found] = {}
        self._days: dict[tuple[int, int], _Found] = {}
        self._free: list[_FreeText] = []
        self._restricted: dict[str, tuple[Readers, Origin]] = {}
        self._done: dict[tuple[str, bytes], set[bytes]] = {}
        self._asked: dict[tuple[tuple[str, ...], ...], bool] = {}

    # ── what was said

    def heard(self, text: str) -> None:
        """Take what the person said."""
        plain = folded(text)
        self._said = f"{self._said} \x00 {plain}"
        self._verbatim = f"{self._verbatim} \x00 {text}"
        self._said_addresses.update(addresses(text))
        self._said_days |= days_in(plain)
        self.words.add(text)
        self._asked.clear()

    def told(self, value: Any) -> None:
        """Take what the application says of the case: text, or facts by name. It ranks with the person's words."""
        if isinstance(value, str):
            self.heard(value)
            return
        labels = OutputLabels({"$": Label.USER})
        for leaf in leaves(labels, value):
            self._index_leaf(leaf, (Label.USER.rank, None, "", leaf.path))

    # ── what tools returned

    def observed(self, tool: str, found: Sequence[Leaf], recalled: Mapping[str, Label] = MappingProxyType({})) -> int:
        """Take the values of one output.

        Args:
            recalled: by value, the label that it had when the agent itself wrote it to what is now read back.
        Returns: the number of the observation.
        """
        step, self.steps = self.steps, self.steps + 1
        free: list[Leaf] = []
        vouched: dict[int, list[str]] = {}
        for leaf in found:
            rank = leaf.rank
            if recalled and leaf.text in recalled:
                rank = max(rank, recalled[leaf.text].rank)
            if rank >= _THIRD_PARTY:
                free.append(leaf)
            else:
                self._index_leaf(leaf, (rank, step, tool, leaf.path))
                if rank == _ATTESTED and leaf.record >= 0:
                    vouched.setdefault(leaf.record, []).append(leaf.text)
            if leaf.readers is not None:
                self._restrict(leaf, Origin(_LABELS[rank], tool, leaf.path, step))
        if free:
            joined = folded("\x00".join([leaf.text.replace("\x00", " ") for leaf in free]))
            self._free.append(_FreeText(step, tool, joined, free, vouched))
        return step

    def _index_leaf(self, leaf: Leaf, found: _Found) -> None:
        text, rank = leaf.text, found[0]
        before = self._equal.get(text)
        if before is None or before[0] > rank:
            self._equal[text] = found
        size = len(text)
        if size <= 6:
            if needs_cue(text):
                for word in name_words(leaf.key) or ("",):
                    _better(self._cued, (text, word), found)
        elif size >= 10 and text[4] == "-" and text[7] == "-" and (day := day_of(text)):
            _better(self._days, day, found)
        elif (
            (size >= 16 or "@" in text or "." in text or text[0] in "+0123456789")
            and (form := address(text)) is not None
            and form != text
        ):
            _better(self._equal, form, found)
        if not leaf.path and not leaf.key and rank <= _SYSTEM:
            for piece in _parts(text):
                self._index_leaf(Leaf(piece, leaf.rank, "·", "", None), found)

    def _restrict(self, leaf: Leaf, origin: Origin) -> None:
        readers = leaf.readers
        if readers is None:
            return
        for line in leaf.text.splitlines() or [leaf.text]:
            for part in (line, *line.split(". ")) if len(line) > 40 else (line,):
                value = folded(part).rstrip(".")
                if len(value) >= _PIECE or (len(value) >= 6 and not needs_cue(value)) or _counted(value):
                    before = self._restricted.get(value)
                    if before is None or readers is Readers.PRINCIPAL:
                        self._restricted[value] = (readers, origin)

    # ── asking

    @property
    def restricts(self) -> bool:
        """Whether anything that was observed may be read by some only."""
        return bool(self._restricted)

    def find(self, value: str, name: str, cues: frozenset[str]) -> Origin:
        """The best source of a value.

        Args:
            value: an argument's text, or a number as `number` writes it.
            name: the argument, whose words a short or all-digit value must share with the field that holds it.
            cues: further words that may introduce such a value in what was said.
        """
        plain = folded(value)
        if needs_cue(plain):
            return self._find_short(value, plain, name, cues)
        form = address(value)
        if form is not None and form in self._said_addresses:
            return SAID
        if (form is None or form[0] == "#") and plain in self._said and _within(plain, self._said):
            return SAID
        best = self._equal.get(value)
        if form is not None:
            best = _best(best, self._equal.get(form))
        if best is None and (day := day_of(value)):
            if day in self._said_days:
                return SAID
            best = self._days.get(day)
        if best is not None:
            return Origin(_LABELS[best[0]], best[2], best[3], best[1])
        return self._find_free(plain, form)

    def _find_short(self, value: str, plain: str, name: str, cues: frozenset[str]) -> Origin:
        words = name_words(name)
        if cued(plain, self._said, cues.union(words)):
            return SAID
        best: _Found | None = None
        for word in (*words, ""):
            best = _best(best, self._cued.get((value, word)))
        if best is not None:
            return Origin(_LABELS[best[0]], best[2], best[3], best[1])
        return self._find_free(plain, None)

    def _find_free(self, plain: str, form: str | None) -> Origin:
        found = NOWHERE
        forms = (plain,) if form is None or form == plain else (plain, form.lstrip("#"))
        for text in reversed(self._free):
            for value in forms:
                if value not in text.joined:
                    continue
                for leaf in text.holding(value):
                    if self._named(text.vouched.get(leaf.record)):
                        return Origin(Label.THIRD_PARTY, text.tool, leaf.path, text.step, named=True)
                    if found is NOWHERE:
                        found = Origin(Label.THIRD_PARTY, text.tool, leaf.path, text.step)
        return found

    def _named(self, vouched: list[str] | None) -> bool:
        return bool(vouched) and all(_within(folded(name), self._said) for name in vouched or ())

    def verbatim(self, value: str) -> bool:
        """Whether a value stands, character for character, in what was said or in a field that is no free text."""
        return value in self._equal or value in self._verbatim

    def find_in_content(self, text: str) -> Origin:
        """The worst source among the links, addresses and account numbers in a text; user when there are none."""
        worst = SAID
        for form in addresses(text):
            if form in self._said_addresses:
                continue
            found = self._equal.get(form)
            origin = Origin(_LABELS[found[0]], found[2], found[3], found[1]) if found else self._find_address(form)
            if origin.label.rank > worst.label.rank:
                worst = origin
        return worst

    def _find_address(self, form: str) -> Origin:
        plain = form.lstrip("#")
        return SAID if form[0] == "#" and plain in self._said else self._find_free(plain, None)

    def restricted_in(self, texts: Iterable[str], beyond: Sequence[Readers]) -> Origin | None:
        """The source of a value in the texts that only some may read, if the texts go beyond those."""
        for text in texts:
            plain = folded(text)
            for value, (readers, origin) in self._restricted.items():
                if readers in beyond and value in plain and _within(value, plain) and not _within(value, self._said):
                    return origin
        return None

    # ── effects that were made

    def did(self, action: str, target: bytes, call: bytes) -> None:
        """Remember that an action was done.

        Args:
            target: what was touched, as canonical bytes; empty when the call names no target.
            call: all arguments, as canonical bytes.
        """
        self._done.setdefault((action, target), set()).add(call)

    @property
    def has_done(self) -> bool:
        """Whether any action was done."""
        return bool(self._done)

    def repeated(self, action: str, target: bytes, call: bytes) -> str:
        """`call` when the very same was done before, `target` when something else was done to the target, else empty."""
        before = self._done.get((action, target))
        return "" if before is None else "call" if call in before else "target" if target else ""

    def asks(self, phrases: tuple[tuple[str, ...], ...]) -> bool:
        """Whether any of the phrases occurs in what was said; see `RequestWords`."""
        known = self._asked.get(phrases)
        if known is None:
            known = self._asked[phrases] = self.words.asks(phrases)
        return known


def _within(value: str, text: str) -> bool:
    return value in text and next(occurrences(value, text), None) is not None  # mostly it is not there at all


def _counted(value: str) -> bool:
    """Whether a value is a number or a code that is long enough to be recognised: four digits or more."""
    return sum(char.isdigit() for char in value) >= 4


def _better(index: dict[Any, _Found], key: Any, found: _Found) -> None:
    before = index.get(key)
    if before is None or before[0] > found[0]:
        index[key] = found


def _best(one: _Found | None, other: _Found | None) -> _Found | None:
    return other if one is None or (other is not None and other[0] < one[0]) else one


def _parts(text: str) -> Iterator[str]:
    """The entries of a text in which a system lists values: lines, what follows a colon, what commas separate."""
    for line in text.splitlines():
        for part in (line, line.partition(": ")[2]):
            entry = part.strip().lstrip("-*• ").strip()
            if entry:
                yield entry
                if "," in entry:
                    yield from (piece.strip() for piece in entry.split(",") if piece.strip())
