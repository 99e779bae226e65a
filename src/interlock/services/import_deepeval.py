"""DeepEval: goldens (JSON, JSON Lines, CSV) and test runs.

Source: deepeval.com/docs/evaluation-datasets and the files of deepeval 4.3.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from interlock.core.document import Document
from interlock.core.errors import DocumentError, UsageError
from interlock.core.source import Path
from interlock.services.import_cases import WHY_REFERENCE, Slicer, Wanted, digest_name, label, titles_of
from interlock.services.import_options import ImportOptions
from interlock.services.import_source import SourceFile, objects_of
from interlock.services.imported import Findings, Imported, ImportedRun

_GOLDEN = frozenset({
    "expected_output", "actual_output", "retrieval_context", "source_file", "additional_metadata", "expected_tools",
    "expectedOutput", "actualOutput", "retrievalContext", "sourceFile", "additionalMetadata", "expectedTools",
})  # fmt: skip
_WHY = {
    "runDuration": "a recorded reply has no clock; compare it outside",
    "order": "the order of the tests",
    "context": "what a good answer may rest on; kept in `context.documents`",
    "comments": "a remark for people",
    "evaluationCost": "what judging cost, not what the reply cost",
    "tokenCost": "a recorded reply has a cost in US dollars",
}


def fits(source: SourceFile) -> bool:
    """Whether a file is plainly DeepEval's."""
    match source.shape:
        case "json":
            value = source.document.value
            if isinstance(value, dict):
                return {"testCases", "metricsScores"} <= value.keys()
            return isinstance(value, list) and bool(value) and _is_golden(value[0])
        case "jsonl":
            first = next(source.rows(), None)
            return first is not None and _is_golden(first.value)
        case "csv":
            return _is_golden(dict.fromkeys(source.header))
        case _:
            return False


def _is_golden(value: Any) -> bool:
    return isinstance(value, dict) and "input" in value and len(_GOLDEN & value.keys()) >= 2


def read_deepeval(sources: Sequence[SourceFile], options: ImportOptions, findings: Findings) -> Imported:
    """Goldens become cases; a test run becomes cases, a recording and rows."""
    reader = _Reader(options, findings)
    for source in sources:
        if source.shape == "json" and isinstance(source.document.value, dict):
            reader.run(source)
        elif source.shape == "json":
            for path, one in objects_of(source.document, ()):
                reader.golden(source, source.document, path, one)
        else:
            for row in source.rows():
                if not isinstance(row.value, dict):
                    raise row.error((), "a golden is an object", hint="is this a data set of DeepEval?")
                reader.golden(source, row, (), row.value)
    return reader.done(sources)


class _Reader:
    def __init__(self, options: ImportOptions, findings: Findings) -> None:
        self.options, self.findings, self.slicer = options, findings, Slicer(options)
        self.cases: dict[str, dict[str, Any]] = {}
        self.waiting: list[Mapping[str, Any]] = []
        self.runs: list[ImportedRun] = []
        self.ran_on: dict[str, dict[str, Any]] = {}

    def run(self, source: SourceFile) -> None:
        document = source.document
        value = document.value
        found = objects_of(document, ("testCases",))
        if value.get("conversationalTestCases"):
            why = "a conversation is judged as a whole; import it as rows"
            self.findings.note("left out", "`conversationalTestCases`", why, str(source.place))
        if not found:
            raise document.error(("testCases",), "the run has no test case", hint="an empty run proves nothing")
        counts = value.get("testPassed"), value.get("testFailed")
        seen = sum(one.get("success") is True for _, one in found)
        counted = all(isinstance(one, int) for one in counts) and not value.get("conversationalTestCases")
        if counted and counts != (seen, len(found) - seen):
            raise document.error(
                    (), f"the run says {counts[0]} passed and {counts[1]} failed, the file has {seen} and {len(found) - seen}",
                    hint="the file is cut off or edited; run it again",
                )  # fmt: skip
        settings = value.get("hyperparameters")
        settings = settings if isinstance(settings, dict) else {}
        model = settings.get("model") if isinstance(settings.get("model"), str) else None
        release = label(self.options.release or model or source.stem)
        if release in self.ran_on:
            raise document.error((), f"two runs of `{release}`", hint="import each on its own, with `--release`")
        self.ran_on[release] = {
            "tool": "deepeval", "model": model, "config": digest_name(settings).removeprefix("case-"),
        }  # fmt: skip
        names = {str(metric.get("name")) for _, one in found for metric in _metrics(one)}
        for name in self.options.scorers:
            if name not in names:
                raise UsageError(
                    f"the run has no metric `{name}`", hint=f"metrics: {', '.join(sorted(names)) or 'none'}"
                )
        trials: dict[str, int] = {}
        for path, one in found:
            try:
                self._tested(source, document, path, one, release, trials)
            except DocumentError as error:
                self.findings.refuse(error)

    def _tested(
        self,
        source: SourceFile,
        document: Document,
        path: Path,
        one: Mapping[str, Any],
        release: str,
        trials: dict[str, int],
    ) -> None:
        name = self._add(source, document, path, one, recorded=True)
        trial = trials[name] = trials.get(name, -1) + 1
        place = document.place(path)
        metrics = [
            metric for metric in _metrics(one) if not self.options.scorers or metric.get("name") in self.options.scorers
        ]
        # DeepEval counts a metric that broke as failed; here it says nothing of the reply.
        broken = [metric for metric in metrics if metric.get("error")]
        if broken:
            detail = f"no score: `{broken[0].get('name')}` broke: {broken[0]['error']}"
            self.runs.append(ImportedRun(release, name, trial, None, None, place, detail[:500], "error"))
            return
        text = _get(one, "actual_output")
        if not isinstance(text, str):
            detail = "no recorded reply: the test case has no actual output"
            self.runs.append(ImportedRun(release, name, trial, None, None, place, detail, "missing"))
            return
        reply: dict[str, Any] = {"outcome": "answer", "text": text}
        if documents := _texts(_get(one, "retrieval_context")):
            reply["retrieved"] = [{"doc_id": str(number), "text": text} for number, text in enumerate(documents)]
            self.findings.note("mapped", "`retrievalContext`", "`retrieved`, named by their position: they have no ids")
        if calls := _calls(document, path, _get(one, "tools_called")):
            reply["tool_calls"] = [call | {"status": "executed"} for call in calls]
        if not metrics:
            self.runs.append(ImportedRun(release, name, trial, reply, None, place, "", "not_applicable"))
            self.findings.note("unmapped", "test cases without a metric", "nothing judged them", name)
            return
        if not all(isinstance(metric.get("success"), bool) for metric in metrics):
            raise document.error(path, "a metric without `success`", hint="is the file whole?")
        scores = [
            float(score)
            for metric in metrics
            if isinstance(score := metric.get("score"), int | float) and not isinstance(score, bool) and 0 <= score <= 1
        ]
        passed = all(metric["success"] for metric in metrics)
        self.runs.append(
            ImportedRun(
                release, name, trial, reply, passed, place, score=min(scores) if len(scores) == len(metrics) else None
            )
        )

    def golden(self, source: SourceFile, document: Document, path: Path, one: Mapping[str, Any]) -> None:
        try:
            self._add(source, document, path, one, recorded=False)
        except DocumentError as error:
            self.findings.refuse(error)

    def _add(
        self, source: SourceFile, document: Document, path: Path, one: Mapping[str, Any], *, recorded: bool
    ) -> str:
        asked = _get(one, "input")
        if not isinstance(asked, str) or not asked.strip():
            raise document.error((*path, "input"), "`input` is no text", hint="say what the target is asked")
        name = label(str(_get(one, "name") or "")) or digest_name(asked)
        reference, tools = _get(one, "expected_output"), _calls(document, path, _get(one, "expected_tools"))
        wanted = Wanted()
        if tools:
            # How strictly calls are compared is a setting of the metric, which its verdict has and the file has not.
            wanted.only("tools", tools)
            wanted.complete = False
            self.findings.note("mapped", "`expectedTools`", "`tools`: the calls with their given arguments")
        if isinstance(reference, str) and reference.strip():
            if wanted.reference(self.options, [reference]):
                self.findings.note("mapped", "`expectedOutput`", f"`{self.options.reference}`, as asked")
                wanted.complete = False  # the verdict is that of the metrics
            else:
                wanted.complete = False
                self.findings.note("unmapped", "`expectedOutput`", WHY_REFERENCE, name)
        else:
            wanted.complete = wanted.complete and not recorded
        meta = _get(one, "additional_metadata") or one.get("metadata")
        if isinstance(meta, str):
            meta = _json(meta)
        tags = one.get("tags")
        context: dict[str, Any] = {}
        if isinstance(reference, str) and reference.strip():
            context["reference"] = [reference]
        if documents := _texts(_get(one, "context")):
            context["documents"] = documents
        for key, value in one.items():
            if key in _WHY and value not in (None, "", [], {}) and key != "context":
                self.findings.note("unmapped", f"`{key}`", _WHY[key], "")
        made: dict[str, Any] = {
            "id": name,
            "input": asked,
            "slices": self.slicer.of(meta if isinstance(meta, dict) else None, tags),
            "expect": wanted.to_json(recorded=recorded),
            "source": f"DeepEval {'test case' if recorded else 'golden'}, imported from {source.name}",
            "context": context,
        }
        known = self.cases.get(name)
        if known is not None and (not recorded or {**known, "source": ""} != {**made, "source": ""}):
            raise document.error(path, f"`{name}` occurs twice", hint="give each a `name` of its own")
        if not recorded and wanted.empty:
            if any(one["id"] == name for one in self.waiting):
                raise document.error(path, f"`{name}` occurs twice", hint="give each a `name` of its own")
            self.waiting.append(
                made | {"why": "a reference answer without a judge" if reference else "nothing to expect"}
            )
        else:
            self.cases[name] = made
        return name

    def done(self, sources: Sequence[SourceFile]) -> Imported:
        self.slicer.report(self.findings)
        if self.runs and all(run.status in ("error", "missing") for run in self.runs):
            raise UsageError("every test case of the run is an error", hint="a run that did not succeed proves nothing")
        self.findings.note("mapped", "`input`, `name`", "the case")
        self.findings.note("mapped", "`tags`, `additionalMetadata`", "slices, where a key is named for it")
        if self.runs:
            why = "the recorded verdict: every metric, or those of `--scorer`; a metric that broke is an error"
            self.findings.note("mapped", "`metricsData`", why)
        cases = tuple(self.cases.values())
        titles = titles_of([*cases, *self.waiting])
        return Imported(sources[0].stem, cases, titles, tuple(self.runs), self.ran_on, tuple(self.waiting))


def _get(one: Mapping[str, Any], key: str) -> Any:
    """A value by its name in the file of a data set, or in that of a run."""
    head, *rest = key.split("_")
    value = one.get(key, one.get(head + "".join(part.title() for part in rest)))
    return None if value == "" else value


def _metrics(one: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = one.get("metricsData")
    return [metric for metric in found if isinstance(metric, dict)] if isinstance(found, list) else []


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [part for part in value.split("|") if part.strip()]  # the separator of its CSV
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _calls(document: Document, path: Path, value: Any) -> list[dict[str, Any]]:
    if isinstance(value, str):
        value = _json(value)
    found = []
    for call in value if isinstance(value, list) else ():
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            raise document.error(path, "a tool call without a name", hint="each has `name` and `inputParameters`")
        arguments = _get(call, "input_parameters")
        found.append({"tool": call["name"], "arguments": arguments if isinstance(arguments, dict) else {}})
    return found
