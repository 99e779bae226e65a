"""promptfoo: configurations (YAML, JSON), tests as CSV, and results (JSON version 3, JSON Lines).

Source: promptfoo.dev/docs/configuration/reference and the output of promptfoo 0.121.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from interlock.core.document import Document
from interlock.core.errors import DocumentError, UsageError
from interlock.core.source import Path
from interlock.services.import_cases import Slicer, Wanted, digest_name, label, titles_of
from interlock.services.import_options import ImportOptions
from interlock.services.import_promptfoo_asserts import assertion_of_cell, expect_assertions
from interlock.services.import_source import SourceFile, objects_of
from interlock.services.imported import Findings, Imported, ImportedRun

_QUESTION = ("input", "question", "query", "message", "prompt", "user_input", "text", "topic")
_TEMPLATE = re.compile(r"\{\{\s*([A-Za-z_][\w.]*)\s*\}\}")
_TEST_KEYS = frozenset({"vars", "assert", "description", "metadata", "options", "threshold", "provider"})
_HIDDEN_META = "_promptfooFileMetadata"
_DONE, _FAILED, _ERROR = 0, 1, 2  # `failureReason` of a result


def fits(source: SourceFile) -> bool:
    """Whether a file is plainly promptfoo's."""
    match source.shape:
        case "csv":
            return any(name.startswith("__expected") for name in source.header)
        case "json" | "yaml":
            value = source.document.value
            return isinstance(value, dict) and (_is_results(value) or _is_config(value))
        case "jsonl":
            first = next(source.rows(), None)
            return (
                first is not None and isinstance(first.value, dict) and {"testIdx", "promptIdx"} <= first.value.keys()
            )
        case _:
            return False


def _is_results(value: Mapping[str, Any]) -> bool:
    inner = value.get("results")
    return isinstance(inner, dict) and isinstance(inner.get("results", inner.get("table")), list | dict)


def _is_config(value: Mapping[str, Any]) -> bool:
    asked = value.keys() & {"tests", "scenarios", "defaultTest"}
    return bool(asked) and bool(value.keys() & {"prompts", "providers", "targets"})


def read_promptfoo(sources: Sequence[SourceFile], options: ImportOptions, findings: Findings) -> Imported:
    """Results become cases, recordings and rows; a configuration or a CSV of tests becomes cases alone."""
    reader = _Reader(options, findings)
    for source in sources:
        if source.shape == "csv":
            reader.table(source)
        elif source.shape == "jsonl":
            rows = list(source.rows())
            if source.text and not source.text.endswith("\n"):
                findings.note("mapped", f"`{source.name}`", "the last line has no end; it was read whole all the same")
            reader.results([(row, ()) for row in rows])
        elif _is_results(source.document.value):
            reader.report(source.document)
        else:
            reader.config(source.document)
    return reader.done(sources)


class _Reader:
    def __init__(self, options: ImportOptions, findings: Findings) -> None:
        self.options, self.findings = options, findings
        self.slicer = Slicer(options)
        self.cases: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, str] = {}
        self.waiting: list[Mapping[str, Any]] = []
        self.runs: list[ImportedRun] = []
        self.ran_on: dict[str, dict[str, Any]] = {}
        self.trials: dict[tuple[str, str], int] = {}

    # ── results

    def report(self, document: Document) -> None:
        value = document.value
        inner = value["results"]
        if inner.get("version") != 3:
            raise document.error(
                ("results", "version"),
                f"results of version `{inner.get('version')}`; version 3 is known",
                hint="run `promptfoo eval -o results.json` with promptfoo 0.96 or later",
            )
        found = objects_of(document, ("results", "results"))
        if not found:
            raise document.error(("results", "results"), "the run has no result", hint="an empty run proves nothing")
        stats = inner.get("stats")
        if not isinstance(stats, dict):
            raise document.error(("results",), "the run has no `stats`", hint="is the file whole?")
        said = {key: stats.get(key) for key in ("successes", "failures", "errors")}
        seen = dict.fromkeys(said, 0)
        for _, row in found:
            seen["successes" if row.get("success") is True else "errors" if _broke(row) else "failures"] += 1
        if said != seen:
            raise document.error(
                ("results", "stats"),
                f"the run says {_counts(said)}, the file has {_counts(seen)}",
                hint="the file is cut off, filtered or edited; export the whole run again",
            )
        about = value.get("metadata")
        known = {
            "tool": f"promptfoo {about.get('promptfooVersion')}" if isinstance(about, dict) else "promptfoo",
            "created": inner.get("timestamp"),
            "run": value.get("evalId"),
            "config": digest_name(value["config"]).removeprefix("case-")
            if isinstance(value.get("config"), dict)
            else None,
        }
        self.results([(document, path) for path, _ in found], known)

    def results(self, rows: Sequence[tuple[Document, Path]], known: Mapping[str, Any] | None = None) -> None:
        if not rows:
            raise UsageError("the run has no result", hint="an empty run proves nothing")
        values = [(document, path, _at(document, path)) for document, path in rows]
        prompts = {row.get("promptId") for _, _, row in values if isinstance(row, dict)}
        for document, path, row in values:
            try:
                self._result(document, path, row, many_prompts=len(prompts) > 1, known=known or {})
            except DocumentError as error:
                self.findings.refuse(error)

    def _result(
        self, document: Document, path: Path, row: Any, *, many_prompts: bool, known: Mapping[str, Any]
    ) -> None:
        provider, test = row.get("provider"), row.get("testCase")
        if isinstance(provider, str):
            provider = {"id": provider}
        if not isinstance(provider, dict) or not isinstance(test, dict) or not isinstance(row.get("success"), bool):
            raise document.error(
                path, "a result without `provider`, `testCase` or `success`", hint="is the file whole?"
            )
        place = document.place(path)
        own = label(str(provider.get("label") or provider.get("id") or "")) or "provider"
        release = f"{own}-prompt-{row.get('promptIdx')}" if many_prompts else own
        prompt = row.get("prompt") if isinstance(row.get("prompt"), dict) else {}
        model = provider.get("id")
        self.ran_on.setdefault(
            release,
            {"model": model, "prompt": digest_name(prompt.get("label") or "").removeprefix("case-")} | dict(known),
        )
        variables = row.get("vars") if isinstance(row.get("vars"), dict) else test.get("vars")
        case, asserted = self._case(document, path, test, variables, prompt.get("raw"), str(place.file))
        trial = self.trials[release, case] = self.trials.get((release, case), -1) + 1
        for key in ("namedScores", "latencyMs", "tokenUsage"):
            if row.get(key):
                self.findings.note("unmapped", f"`{key}`", "no counterpart in a recorded reply; kept in the source", "")
        if _broke(row):
            detail = f"target crashed: {row.get('error') or 'the run has no reply'}"[:500]
            self.runs.append(ImportedRun(release, case, trial, None, None, place, detail, "error"))
            return
        response = row.get("response")
        output = response.get("output") if isinstance(response, dict) else None
        text = output if isinstance(output, str) else "" if output is None else json.dumps(output, ensure_ascii=False)
        reply: dict[str, Any] = {"outcome": "answer", "text": text}
        cost = row.get("cost")
        if isinstance(cost, int | float) and not isinstance(cost, bool) and cost > 0:
            reply["cost_usd"] = cost
        if not asserted:
            why = "the test asserts nothing, so it passed whatever the reply was"
            self.findings.note("unmapped", "results without an assertion", why, f"{release}: {case}")
            self.runs.append(ImportedRun(release, case, trial, reply, None, place, "", "not_applicable"))
            return
        score = row.get("score")
        graded = score if isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1 else None
        self.runs.append(ImportedRun(release, case, trial, reply, row["success"], place, score=graded))

    # ── cases

    def config(self, document: Document) -> None:
        value = document.value
        default = value.get("defaultTest") if isinstance(value.get("defaultTest"), dict) else {}
        prompts = value.get("prompts")
        prompts = [prompts] if isinstance(prompts, str | dict) else prompts if isinstance(prompts, list) else []
        template = prompts[0] if len(prompts) == 1 and isinstance(prompts[0], str) else None
        if template is not None and template.startswith("file://"):
            template = None
        for key in value.keys() - {"prompts", "tests", "defaultTest", "description", "scenarios"}:
            self.findings.note("unmapped", f"`{key}`", "how promptfoo runs the tests; interlock.yaml says how we do")
        if value.get("scenarios"):
            self.findings.note("left out", "`scenarios`", "a matrix of tests; write them out as `tests`")
        tests = value.get("tests", [])
        if isinstance(tests, str) or (isinstance(tests, list) and any(isinstance(one, str) for one in tests)):
            for one in [tests] if isinstance(tests, str) else [one for one in tests if isinstance(one, str)]:
                self.findings.note("left out", f"tests in `{one}`", "another file; import it too")
        if isinstance(tests, list):
            for number, test in enumerate(tests):
                if isinstance(test, dict):
                    self._declared(document, ("tests", number), _with_default(test, default), template)
        if not self.cases and not self.waiting:
            raise document.error((), "no test to import", hint="write `tests` into the file, or import the CSV")

    def table(self, source: SourceFile) -> None:
        for document in source.rows():
            test: dict[str, Any] = {"vars": {}, "assert": [], "metadata": {}}
            for key, cell in document.value.items():
                name = key.strip()
                if re.fullmatch(r"__expected\d*", name):
                    test["assert"].append(assertion_of_cell(cell))
                elif name.startswith("__metadata:"):
                    many = name.endswith("[]")
                    values: Any = [one.strip() for one in cell.split(",")] if many else cell
                    test["metadata"][name.removeprefix("__metadata:").removesuffix("[]")] = values
                elif name in ("__description", "__prefix", "__suffix", "__threshold", "__metric", "__providerOutput"):
                    if name == "__description":
                        test["description"] = cell
                    elif name == "__threshold":
                        test["threshold"] = cell
                    else:
                        self.findings.note("unmapped", f"column `{name}`", "no counterpart", str(document.place()))
                elif name.startswith("__"):
                    self.findings.note("unmapped", f"column `{name}`", "no counterpart", str(document.place()))
                else:
                    test["vars"][name] = cell
            self._declared(document, (), test, None)

    def _declared(self, document: Document, path: Path, test: Mapping[str, Any], template: str | None) -> None:
        variables = test.get("vars")
        case, asserted = self._case(
            document, path, test, variables, _rendered(template, variables), document.file, recorded=False
        )
        if not asserted or not self.cases[case]["expect"]:
            why = "nothing to expect" if not asserted else "no assertion has a counterpart"
            self.waiting.append(self.cases.pop(case) | {"why": why})

    def _case(
        self,
        document: Document,
        path: Path,
        test: Mapping[str, Any],
        variables: Any,
        prompt: Any,
        file: str,
        *,
        recorded: bool = True,
    ) -> tuple[str, bool]:
        """The name of the case of a test, which is made once, and whether anything is asserted of it."""
        found = variables if isinstance(variables, dict) else {}
        asserts = _list(test.get("assert"))
        content = digest_name([found, test.get("description"), asserts])
        described = label(str(test.get("description") or ""))
        name = described or digest_name(found)
        if self.contents.setdefault(name, content) != content:
            name = label(f"{name}-{content.removeprefix('case-')}")  # two tests of one name
        if name in self.cases and recorded:
            return name, bool(asserts)
        if name in self.cases:
            raise document.error(
                path, f"the test `{name}` occurs twice", hint="remove one; `repeats` asks a case often"
            )
        wanted = Wanted()
        if test.get("threshold") not in (None, "") and len(asserts) > 1:
            why = "passes by a weighted mean of its assertions; the verdict of promptfoo is kept"
            self.findings.note("unmapped", "tests with `threshold`", why, name)
            wanted.complete = False
        else:
            expect_assertions(asserts, found, wanted, self.findings, name)
        if isinstance(test.get("options"), dict) and test["options"].get("transform"):
            self.findings.note("unmapped", "`options.transform`", "changes the reply before it is judged", name)
            wanted.complete = False
        for key in test.keys() - _TEST_KEYS:
            self.findings.note("unmapped", f"`{key}` of a test", "no counterpart", name)
        meta = _object(test.get("metadata"))
        self.cases[name] = {
            "id": name,
            "input": self._question(found, prompt, name),
            "slices": self.slicer.of({key: value for key, value in meta.items() if key != _HIDDEN_META}),
            "expect": wanted.to_json(recorded=recorded),
            "source": f"promptfoo test, imported from {file}",
            "context": {"vars": found} if found else {},
        }
        return name, bool(asserts)

    def _question(self, variables: Mapping[str, Any], prompt: Any, case: str) -> str | None:
        named = self.options.columns.get("input")
        if named is not None:
            value = variables.get(named)
            if not isinstance(value, str):
                raise UsageError(f"test `{case}` has no variable `{named}`", hint="see `--column input=…`")
            return value
        texts = {key: value for key, value in variables.items() if isinstance(value, str)}
        known = [texts[key] for key in _QUESTION if key in texts]
        if len(texts) == 1 or known:
            return known[0] if known else next(iter(texts.values()))
        if isinstance(prompt, str) and prompt.strip():
            self.findings.note(
                "mapped", "the prompt with its variables", "the input, as no variable is the question", case
            )
            return prompt
        why = "no variable is plainly the question; say which with `--column input=NAME`"
        self.findings.note("unmapped", "cases without `input`", why, case)
        return None

    def done(self, sources: Sequence[SourceFile]) -> Imported:
        self.slicer.report(self.findings)
        self.findings.note("mapped", "`vars`, `description`", "the case; every variable in `context.vars`")
        self.findings.note("mapped", "`metadata`", "slices, where a key is named for it")
        if self.runs:
            if all(run.status == "error" for run in self.runs):
                raise UsageError(
                    "every result of the run is an error", hint="a run that did not succeed proves nothing"
                )
            self.findings.note("mapped", "`success`, `score`, `error`", "the recorded verdict, or a run that broke")
        cases = tuple(self.cases.values())
        return Imported(
            sources[0].stem,
            cases,
            titles_of([*cases, *self.waiting]),
            tuple(self.runs),
            self.ran_on,
            tuple(self.waiting),
        )


def _broke(row: Mapping[str, Any]) -> bool:
    if row.get("failureReason") in (_DONE, _FAILED, _ERROR):
        return bool(row["failureReason"] == _ERROR)
    return bool(row.get("error")) and not isinstance(row.get("gradingResult"), dict)


def _counts(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{value} {key}" for key, value in found.items())


def _at(document: Document, path: Path) -> Any:
    value = document.value
    for step in path:
        value = value[step]
    return value


def _with_default(test: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**default, **test}
    for key in ("vars", "metadata", "options"):
        merged[key] = {**_object(default.get(key)), **_object(test.get(key))}
    merged["assert"] = [*_list(default.get("assert")), *_list(test.get("assert"))]
    return {key: value for key, value in merged.items() if value not in ({}, []) or key == "assert"}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _rendered(template: str | None, variables: Any) -> str | None:
    if template is None or not isinstance(variables, dict):
        return None
    return render(template, variables)


def render(template: str, variables: Mapping[str, Any]) -> str | None:
    """A text with its `{{ variables }}`; None where it does more than name them.

    >>> render("ask: {{ q }}", {"q": "when?"}), render("{{ q | upper }}", {"q": "x"})
    ('ask: when?', None)
    """
    for name in _names(template):
        if not isinstance(variables.get(name), str | int | float):
            return None
    plain = _TEMPLATE.sub(lambda found: str(variables[found[1]]), template)
    left = _TEMPLATE.sub("", template)
    return None if "{{" in left or "{%" in left else plain


def _names(template: str) -> Iterator[str]:
    for found in _TEMPLATE.finditer(template):
        yield found[1]
