"""Conversations become cases that wait for a person: sanitised, redacted, grouped, and never with an invented expectation."""

import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from interlock.core.binding import bind
from interlock.core.digest import of_bytes, short
from interlock.core.errors import DocumentError, Place, UsageError
from interlock.core.json_text import parse_json
from interlock.core.suite import Case, Requirement, Slice, Suite, SuiteKind
from interlock.services.conversation import Conversation
from interlock.services.conversation_sources import read_conversations
from interlock.services.conversation_text import plain_text
from interlock.services.import_cases import label
from interlock.services.import_writing import file_name
from interlock.services.near_duplicates import Clusters, folded_words
from interlock.services.redact import Mode, Redactor

FORMATS = ("intercom", "zendesk", "csv", "jsonl", "queue")
OTHER = "other"
_MAX_HISTORY = 10  # messages before the question that go along with it
_SHOWN = 1000  # refused rows that are kept with their place; the rest is counted
_REVIEWED = 50
_ASKS = re.compile(
    r"^\W*(?:(?:hi+|hello|hey|dear \w+|good (?:morning|afternoon|evening)|ok(?:ay)?|so|and|but|well|yes|no|thanks|please)\W+)*"
    r"(?:how|what|when|where|why|which|who|whose|can|could|do|does|did|is|are|am|was|were|will|would|should|may|might|has|have"
    r"|i (?:need|want|would like|wanna|wish|can(?:'|’)?t|cannot|could ?n(?:'|’)?t|did ?n(?:'|’)?t|have ?n(?:'|’)?t|am unable|lost|forgot)"
    r"|i(?:'|’)?d like|help|cancel|tell me|let me|show me|wie|was|wann|wo|warum|wer|kann|können|ist|comment|quand|où|pourquoi|est-ce"
    r"|combien|cómo|qué|cuándo|dónde|por qué|puedo|quiero)\b",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^\W*(?:hi+|hello+|hey+|good (?:morning|afternoon|evening|day)|greetings|hola|hallo|bonjour)\b\W*(?:\w+\W*){0,2}$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SliceRule:
    """A slice and the words that put a question into it: whole words, without regard to case; `*` ends a beginning."""

    name: str
    words: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "SliceRule":
        """From `billing=invoice,charge*`. Raises UsageError."""
        name, found, words = text.partition("=")
        kept = tuple(word.strip() for word in words.split(",") if word.strip(" *"))
        if not found or not label(name) or not kept:
            raise UsageError(f"`{text}` is not SLICE=WORD,WORD", hint="write it like billing=invoice,charge*")
        return cls(label(name), kept)

    def pattern(self) -> re.Pattern[str]:
        """The words as one pattern."""
        parts = [re.escape(word.rstrip("*")) + (r"\w*" if word.endswith("*") else "") for word in self.words]
        return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)", re.IGNORECASE)


@dataclass
class SuiteReport:
    """What came of the conversations. Every count adds up: read = cases + waiting + the four ways of leaving."""

    suite: str
    read: int = 0
    cases: int = 0
    waiting: int = 0
    duplicates: int = 0
    no_question: int = 0
    no_customer: int = 0
    refused: int = 0
    internal: int = 0
    clusters: int = 0
    redacted: Counter[str] = field(default_factory=Counter)
    slices: Counter[str] = field(default_factory=Counter)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        asked = self.cases + self.waiting + self.duplicates
        return {
            "interlock_suite_import": 1, "suite": self.suite, "read": self.read, "cases": self.cases, "waiting": self.waiting,
            "duplicates": self.duplicates, "no_question": self.no_question, "no_customer": self.no_customer,
            "refused": self.refused, "internal_notes": self.internal, "clusters": self.clusters,
            "redacted": dict(sorted(self.redacted.items())),
            "slices": {name: {"questions": n, "of": asked} for name, n in sorted(self.slices.items())},
            "refusals": [{"place": place, "why": why} for place, why in self.refusals], "files": self.files,
        }  # fmt: skip


def import_conversations(
    format: str,
    path: Path,
    out: Path,
    *,
    name: str | None = None,
    rules: Sequence[SliceRule] = (),
    columns: Mapping[str, str] | None = None,
    mode: Mode = "standard",
    near: float = 0.7,
    by_tags: bool = False,
) -> SuiteReport:
    """Write what conversations ask into a queue, and into a suite what comes with an expectation.

    Args:
        format: one of `FORMATS`; `queue` takes a queue back in which a person filled in expectations.
        path: the export; JSON Lines and CSV of any length.
        out: the feature's folder; gets `evals/queue/<name>.jsonl`, `evals/queue/<name>.md` and, where there are complete
            cases, `evals/<name>.yaml` and `evals/cases/<name>.jsonl`. None of them may be there already.
        name: of the suite; the export's name by default.
        rules: slices by the words of a question; a question that none fits is in `other`.
        columns: role → column, for CSV.
        mode: what is redacted; see `Redactor`.
        near: overlap in (0, 1] from which on two questions are of one cluster.
        by_tags: whether the tags of the export are slices too.
    Raises: UsageError; DocumentError for a file that cannot be read, or one that would be overwritten.
    """
    if format not in FORMATS:
        raise UsageError(f"unknown format `{format}`", hint=f"one of {', '.join(FORMATS)}")
    if not 0 < near <= 1:
        raise UsageError(f"`--near {near}` is no overlap", hint="a fraction above 0, at most 1")
    title = file_name(name or path.name.split(".")[0])
    targets = [
        f"evals/queue/{title}.jsonl",
        f"evals/queue/{title}.md",
        f"evals/{title}.yaml",
        f"evals/cases/{title}.jsonl",
    ]
    if format == "queue":
        targets = targets[2:]
    for target in targets:
        if (out / target).exists():
            raise DocumentError(
                f"`{target}` is there already", hint="import under another `--name`", place=Place(str(out / target))
            )
    try:
        out.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=".importing-", dir=out))
    except OSError as cause:
        raise DocumentError(
            f"`{out}` cannot be written: {cause.strerror}", hint="name another folder", place=Place(str(out))
        ) from cause
    try:
        work = _Work(SuiteReport(title), staged, rules, mode, near, by_tags)
        if format == "queue":
            work.accept(path)
        else:
            work.conversations(format, path, columns or {})
        written = work.finish(path.name)
        for target in written:
            (out / target).parent.mkdir(parents=True, exist_ok=True)
            (staged / target).replace(out / target)
        work.report.files = written
        return work.report
    finally:
        shutil.rmtree(staged, ignore_errors=True)


class _Work:
    def __init__(
        self, report: SuiteReport, staged: Path, rules: Sequence[SliceRule], mode: Mode, near: float, by_tags: bool
    ) -> None:
        self.report, self.staged, self.mode, self.by_tags = report, staged, mode, by_tags
        self.rules = [(rule.name, rule.pattern()) for rule in rules]
        self.clusters = Clusters(near)
        self.asked: dict[bytes, None] = {}
        self.ids: dict[bytes, int] = {}
        self.leaders: dict[str, str] = {}
        self.complete: list[dict[str, Any]] = []
        (staged / "evals/queue").mkdir(parents=True)
        (staged / "evals/cases").mkdir()

    def refuse(self, error: DocumentError) -> None:
        self.report.read += 1
        self.report.refused += 1
        if len(self.report.refusals) < _SHOWN:
            self.report.refusals.append((str(error.place or ""), error.message))

    def conversations(self, format: str, path: Path, columns: Mapping[str, str]) -> None:
        with self._queue().open("w", encoding="utf-8") as queue:
            for conversation in read_conversations(format, path, columns, self.refuse):
                self._one(format, conversation, queue)
            queue.flush()
            os.fsync(queue.fileno())
        if self.report.read == self.report.refused:
            first = self.report.refusals[0] if self.report.refusals else ("", "the file has none")
            raise UsageError("no conversation to import", hint=f"{first[0]}: {first[1]}")

    def _queue(self) -> Path:
        return self.staged / f"evals/queue/{self.report.suite}.jsonl"

    def _one(self, format: str, conversation: Conversation, queue: IO[str]) -> None:
        report = self.report
        digest = of_bytes(f"{format}\0{conversation.id}".encode())
        key = bytes.fromhex(digest[7:39])
        if key in self.ids:
            message = f"the conversation occurs twice, first in line {self.ids[key]}"
            self.refuse(DocumentError(message, hint="one conversation, one id", place=conversation.place))
            return
        self.ids[key] = conversation.place.line or 0
        report.read += 1
        report.internal += conversation.internal
        redactor = Redactor(conversation.names, self.mode)
        # Every message is redacted, also those that do not come along, so that placeholders are numbered by the talk.
        turns = [
            (turn.customer, redactor.text(plain_text(turn.text), agent=not turn.customer))
            for turn in conversation.turns
        ]
        turns = [(customer, text) for customer, text in turns if text]
        at = _question(turns)
        if at is None:
            if any(customer for customer, _ in turns):
                report.no_question += 1
            else:
                report.no_customer += 1
            return
        report.redacted.update(redactor.counts)
        question = turns[at][1]
        words = folded_words(question)
        slices = self._slices(question, conversation.tags)
        report.slices.update(slices)
        same = bytes.fromhex(of_bytes(words.encode())[7:39])
        if same in self.asked:
            report.duplicates += 1
            return
        self.asked[same] = None
        case: dict[str, Any] = {"id": f"conv-{short(digest)}"}
        if at == 0:
            case["input"] = question
        else:
            case["messages"] = [
                {"role": "user" if customer else "assistant", "content": text}
                for customer, text in turns[max(0, at - _MAX_HISTORY) : at + 1]
            ]
        leader = self.clusters.add(case["id"], words)
        if leader == case["id"]:
            self.leaders[leader] = question[:160]
        case |= {"slices": slices, "source": f"conversation {digest}", "cluster": leader}
        if conversation.expect:
            try:
                self._complete(case | {"expect": dict(conversation.expect)}, conversation.place)
            except DocumentError as error:
                self.refuse(error)
                report.read -= 1
            return
        report.waiting += 1
        queue.write(json.dumps(case | {"expect": {}, "why": "nobody said what a good reply is"}) + "\n")

    def _complete(self, case: dict[str, Any], place: Place) -> None:
        """A case with an expectation, checked as the loader of a suite will check it."""
        try:
            bind(Case, parse_json(json.dumps(case), place.file))
        except DocumentError as error:
            raise DocumentError(f"the case is refused: {error.message}", hint=error.hint, place=place) from error
        self.complete.append(case)
        self.report.cases += 1

    def _slices(self, question: str, tags: Sequence[str]) -> list[str]:
        found = {name for name, pattern in self.rules if pattern.search(question)}
        if self.by_tags:
            found |= {name for tag in tags if (name := label(tag))}
        return sorted(found) or [OTHER]

    def accept(self, path: Path) -> None:
        """Rows of a queue in which `expect` is filled in; the others keep waiting where they are."""
        if not path.is_file():
            raise UsageError(f"there is no file `{path.name}`", hint="name a queue: evals/queue/….jsonl")
        seen: set[str] = set()
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                document = parse_json(line.rstrip("\r\n"), path.name, number)
                if not isinstance(document.value, dict) or not isinstance(document.value.get("id"), str):
                    raise document.error((), "a row of a queue is a case", hint="keep its `id`")
                self.report.read += 1
                case = {key: value for key, value in document.value.items() if key != "why"}
                if not case.get("expect"):
                    self.report.waiting += 1
                    continue
                if case["id"] in seen:
                    raise document.error(("id",), f"case `{case['id']}` occurs twice", hint="remove one")
                seen.add(case["id"])
                bind(Case, parse_json(json.dumps(case), path.name, number))
                self.complete.append(case)
                self.report.cases += 1
                self.report.slices.update(case["slices"])
        if not self.complete:
            raise UsageError(
                f"no row of `{path.name}` has an `expect`", hint="fill in what a good reply has: docs/formats.md"
            )

    def finish(self, source: str) -> list[str]:
        """Write what is left to write, and give the names of the files."""
        title = self.report.suite
        written = []
        self.report.clusters = len(self.clusters.sizes)
        if self._queue().exists() and self.report.waiting:
            (self.staged / f"evals/queue/{title}.md").write_text(self._review(source), "utf-8")
            written += [f"evals/queue/{title}.jsonl", f"evals/queue/{title}.md"]
        if self.complete:
            used = sorted({name for case in self.complete for name in case["slices"]})
            cases = tuple(bind(Case, parse_json(json.dumps(case), source)) for case in self.complete)
            pieces = tuple(Slice(id=name, title=name, critical=name != OTHER) for name in used)
            suite = Suite(title, SuiteKind.GOLD, cases, pieces, (Requirement(slice="*", margin=0.05),))
            rows = "".join(
                json.dumps(case.model_dump(mode="json", exclude_defaults=True)) + "\n" for case in suite.cases
            )
            (self.staged / f"evals/cases/{title}.jsonl").write_text(rows, "utf-8")
            (self.staged / f"evals/{title}.yaml").write_text("".join(_suite_yaml(suite)), "utf-8")
            written += [f"evals/{title}.yaml", f"evals/cases/{title}.jsonl"]
        return written

    def _review(self, source: str) -> str:
        report, title = self.report, self.report.suite
        asked = report.cases + report.waiting + report.duplicates
        lines = [
            f"# What `{title}` still needs", "",
            f"{report.waiting} questions from `{source}` wait in `{title}.jsonl`, in {report.clusters} clusters of near duplicates.",
            "Nobody has said what a good reply to them is, so none of them is a case yet.", "",
            "For each line that should become one: fill in `expect` (`facts`, `forbid`, `cites`, `outcome`, `tools`, …; see",
            "docs/formats.md), check the `slices`, and look whether the redaction left something personal. Then run", "",
            f"    interlock suite import queue evals/queue/{title}.jsonl --name NAME", "",
            "Lines without `expect` stay in the queue. Begin with the leaders of the largest clusters:", "",
            "| questions | leader | asks |", "| ---: | --- | --- |",
        ]  # fmt: skip
        largest = sorted(self.clusters.sizes.items(), key=lambda one: (-one[1], one[0]))[:_REVIEWED]
        lines += [f"| {size} | `{leader}` | {_cell(self.leaders[leader])} |" for leader, size in largest]
        lines += [
            "",
            "Slices, of all questions that were asked, repeats included:",
            "",
            "| slice | questions | of |",
            "| --- | ---: | ---: |",
        ]
        lines += [f"| {_cell(name)} | {count} | {asked} |" for name, count in sorted(report.slices.items())]
        return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(re.sub(r"([|\\`*_<>\[\]])", r"\\\1", text).split())


def _suite_yaml(suite: Suite) -> Iterator[str]:
    def quoted(text: str) -> str:
        return json.dumps(text, ensure_ascii=False)

    yield f"suite: {quoted(suite.name)}\nkind: {suite.kind.value}\ncases: [{quoted(f'cases/{suite.name}.jsonl')}]\nslices:\n"
    for piece in suite.slices:
        yield f"  - {{id: {quoted(piece.id)}, title: {quoted(piece.title)}, critical: {str(piece.critical).lower()}}}\n"
    yield "requirements:\n"
    for requirement in suite.requirements:
        yield f"  - {{slice: {quoted(requirement.slice)}, margin: {requirement.margin}}}\n"


def _question(turns: Sequence[tuple[bool, str]]) -> int | None:
    """Which message asks: the first of the customer with a question in it, else the first that is more than a greeting."""
    for number, (customer, text) in enumerate(turns):
        if customer and (_ASKS.search(text) or any(mark in text for mark in "?？؟¿")):
            return number
    for number, (customer, text) in enumerate(turns):
        if customer and not _GREETING.match(text) and len(text.split()) >= 3:
            return number
    return None
