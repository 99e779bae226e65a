"""JUnit XML: a test case is a case, what it says of itself is the verdict.

The text is read by expat without a document type: an entity, and with it every expansion of one, is refused unread.
Source: github.com/testmoapp/junitxml, and what pytest, promptfoo and Surefire write.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.parsers import expat

from interlock.core.errors import DocumentError, DocumentSyntax, Place, TooLarge, UsageError
from interlock.core.source import MAX_DEPTH
from interlock.services.import_cases import label, titles_of
from interlock.services.import_options import ImportOptions
from interlock.services.import_source import SourceFile
from interlock.services.imported import Findings, Imported, ImportedRun

MAX_XML = 64_000_000
"""Bytes of one report."""
_OUTCOMES = ("failure", "error", "skipped")


def fits(source: SourceFile) -> bool:
    """Whether a file is plainly a JUnit report."""
    if source.shape != "xml":
        return False
    head = source.text[:4000]
    return "<testsuites" in head or "<testsuite" in head


@dataclass(slots=True)
class _Test:
    name: str
    group: str
    suite: str
    place: Place
    outcome: str = ""
    says: str = ""
    output: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Suite:
    name: str
    claimed: int | None
    place: Place
    seen: int = 0
    properties: dict[str, str] = field(default_factory=dict)


def read_junit(sources: Sequence[SourceFile], options: ImportOptions, findings: Findings) -> Imported:
    """Each report is a release; its suites are slices unless a property `slice` says otherwise."""
    cases: dict[str, dict[str, Any]] = {}
    runs: list[ImportedRun] = []
    ran_on: dict[str, dict[str, Any]] = {}
    for source in sources:
        release = label(options.release or source.stem)
        if release in ran_on:
            raise UsageError(
                f"two reports would be release `{release}`", hint="import each on its own, with `--release`"
            )
        report = _Report(source)
        tests = report.read()
        if not tests:
            raise DocumentError("the report has no test case", hint="an empty run proves nothing", place=source.place)
        ran_on[release] = {"tool": "junit"} | (
            {"model": report.properties["model"]} if "model" in report.properties else {}
        )
        seen: dict[str, Place] = {}
        for test in tests:
            case = label(f"{test.group}.{test.name}" if test.group else test.name)
            if not case:
                findings.refuse(DocumentError("a test case without a name", hint="name it", place=test.place))
                continue
            trial = test.properties.get("trial", "0")
            if not trial.isdigit():
                findings.refuse(DocumentError(f"`trial` is `{trial}`, no count", hint="from 0", place=test.place))
                continue
            if (first := seen.setdefault(f"{case}\0{trial}", test.place)) is not test.place:
                raise DocumentError(
                    f"test case `{case}` occurs twice, first at {first}",
                    hint="number its repeats with a property `trial`",
                    place=test.place,
                )
            wanted = test.properties.get("slice") or test.suite or "all"
            slices = sorted({name for part in wanted.split(";") if (name := label(part))}) or ["all"]
            known = cases.setdefault(
                case,
                {"id": case, "slices": slices, "expect": {"recorded": True}, "source": f"test case of {source.name}"},
            )
            if known["slices"] != slices:
                raise DocumentError(
                    f"`{case}` is in another suite than in an earlier report",
                    hint="one case, one slice",
                    place=test.place,
                )
            for key in test.properties.keys() - {"slice", "trial"}:
                findings.note("unmapped", f"property `{key}`", "no counterpart", "")
            runs.append(_run(release, case, int(trial), test))
        for key, count in report.others.items():
            findings.note("unmapped", f"`<{key}>`", "no counterpart", f"{count} in {source.name}")
    findings.note("mapped", "`classname`, `name`", "the case; a report does not say what was asked")
    findings.note("mapped", "`testsuite`, property `slice`", "the slice")
    findings.note("mapped", "`failure`, `error`, `skipped`", "failed; broken; not applicable; none of them is a pass")
    findings.note("unmapped", "cases without `input`", "judged from recordings only, never asked live")
    if all(run.status in ("error", "not_applicable") for run in runs):
        raise UsageError("no test case of the report was judged", hint="a run that did not succeed proves nothing")
    return Imported(sources[0].stem, tuple(cases.values()), titles_of(list(cases.values())), tuple(runs), ran_on)


def _run(release: str, case: str, trial: int, test: _Test) -> ImportedRun:
    text = "".join(test.output).strip()
    reply = {"outcome": "answer", "text": text}
    if test.outcome == "error":
        return ImportedRun(release, case, trial, None, None, test.place, f"target crashed: {test.says}"[:500], "error")
    if test.outcome == "skipped":
        return ImportedRun(release, case, trial, reply, None, test.place, test.says[:500], "not_applicable")
    return ImportedRun(release, case, trial, reply, test.outcome != "failure", test.place)


class _Report:
    """One report, read element by element."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.tests: list[_Test] = []
        self.others: dict[str, int] = {}
        self.properties: dict[str, str] = {}
        self._open: list[str] = []
        self._suites: list[_Suite] = []
        self._test: _Test | None = None
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse
        self._parser.ExternalEntityRefHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data

    def read(self) -> list[_Test]:
        """The test cases. Raises DocumentError."""
        if len(self.source.plain) > MAX_XML:
            raise TooLarge(f"more than {MAX_XML} bytes", hint="split the report", place=self.source.place)
        try:
            # As text: what encoding it names is of no interest, it has been decoded as UTF-8.
            self._parser.Parse(self.source.text.encode(), True)
        except expat.ExpatError as cause:
            place = Place(self.source.name, cause.lineno, cause.offset + 1)
            raise DocumentSyntax(
                f"not XML: {expat.errors.messages.get(cause.code, 'malformed')}", hint="is the file whole?", place=place
            ) from cause
        return self.tests

    def _here(self) -> Place:
        return Place(self.source.name, self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1)

    def _refuse(self, *_: object) -> NoReturn:
        raise DocumentSyntax(
            "a document type or an entity", hint="a JUnit report has neither; remove it", place=self._here()
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append(name)
        if len(self._open) > MAX_DEPTH:
            raise TooLarge(f"nested more than {MAX_DEPTH} deep", hint="is this a JUnit report?", place=self._here())
        if len(self._open) == 1 and name not in ("testsuites", "testsuite"):
            raise DocumentError(
                f"`<{name}>` is no JUnit report", hint="it begins with `<testsuites>`", place=self._here()
            )
        if name == "testsuite":
            claimed = attributes.get("tests", "")
            self._suites.append(
                _Suite(attributes.get("name", ""), int(claimed) if claimed.isdigit() else None, self._here())
            )
        elif name == "testcase":
            if self._test is not None:
                raise DocumentError(
                    "a test case inside a test case", hint="is this a JUnit report?", place=self._here()
                )
            suite = self._suites[-1].name if self._suites else ""
            self._test = _Test(attributes.get("name", ""), attributes.get("classname", ""), suite, self._here())
            for one in self._suites:
                one.seen += 1
        elif name == "property":
            key, value = attributes.get("name", ""), attributes.get("value", "")
            home = (
                self._test.properties
                if self._test
                else self._suites[-1].properties
                if self._suites
                else self.properties
            )
            home[key] = value
            if self._test is None:
                self.properties[key] = value
        elif name in _OUTCOMES and self._test is not None:
            # Worse beats better: a test case that failed and broke says nothing that can be used.
            if not self._test.outcome or (name == "error" and self._test.outcome != "error"):
                self._test.outcome = name
                self._test.says = " ".join(attributes.get("message", "").split()) or name
        elif name not in ("testsuites", "properties", "system-out"):
            self.others[name] = self.others.get(name, 0) + 1

    def _data(self, text: str) -> None:
        if self._test is not None and self._open and self._open[-1] == "system-out":
            self._test.output.append(text)

    def _end(self, name: str) -> None:
        self._open.pop()
        if name == "testcase" and self._test is not None:
            self.tests.append(self._test)
            self._test = None
        elif name == "testsuite":
            suite = self._suites.pop()
            if suite.claimed is not None and suite.claimed != suite.seen:
                raise DocumentError(
                    f"suite `{suite.name}` says {suite.claimed} tests and has {suite.seen}",
                    hint="the report is cut off or edited; write it again",
                    place=suite.place,
                )
