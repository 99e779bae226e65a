"""`gen_ai.evaluation.result` events: OTLP logs as JSON, or one event a line.

Source: OpenTelemetry semantic conventions for generative AI, gen-ai-events (status: development); OTLP/JSON 1.x.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from interlock.core.document import Document
from interlock.core.errors import DocumentError, UsageError
from interlock.core.source import Path
from interlock.services.import_cases import Slicer, label, titles_of
from interlock.services.import_options import ImportOptions
from interlock.services.import_source import SourceFile
from interlock.services.imported import Findings, Imported, ImportedRun

EVENT = "gen_ai.evaluation.result"
NAME = "gen_ai.evaluation.name"
VALUE = "gen_ai.evaluation.score.value"
LABEL = "gen_ai.evaluation.score.label"
EXPLANATION = "gen_ai.evaluation.explanation"
RESPONSE = "gen_ai.response.id"
ERROR = "error.type"
CASE, TRIAL, SLICES, STATUS = "interlock.case.id", "interlock.trial", "interlock.slices", "interlock.status"
PASSED = "interlock.passed"
RELEASE = "interlock.release"
_PASS = frozenset({"pass", "passed", "true", "correct", "yes"})
_FAIL = frozenset({"fail", "failed", "false", "incorrect", "no"})
_MAPPED = frozenset({
    NAME, VALUE, LABEL, EXPLANATION, RESPONSE, ERROR, CASE, TRIAL, SLICES, STATUS, PASSED, RELEASE, "event.name",
    "gen_ai.request.model", "gen_ai.response.model",
})  # fmt: skip
_RANK = {"error": 0, "missing": 1, "failed": 2, "graded": 3, "passed": 4, "not_applicable": 5}


def fits(source: SourceFile) -> bool:
    """Whether a file is plainly such events."""
    if source.shape not in ("json", "jsonl"):
        return False
    return any(True for _ in _events(source, first=True))


def read_gen_ai(sources: Sequence[SourceFile], options: ImportOptions, findings: Findings) -> Imported:
    """Events become rows: all evaluations of one response are one verdict, the worst of them.

    A response is a case of its own unless `interlock.case.id`, or the attribute of `--column case=…`, says which.
    """
    cases: dict[str, dict[str, Any]] = {}
    found: dict[tuple[str, str, int], ImportedRun] = {}
    judged: dict[tuple[str, str, int], dict[str, None]] = {}
    ran_on: dict[str, dict[str, Any]] = {}
    slicer = Slicer(options)
    count = 0
    for source in sources:
        for document, path, attributes, identity in _events(source):
            count += 1
            try:
                case, run, name = _one(document, path, attributes, identity, source, options)
            except DocumentError as error:
                findings.refuse(error)
                continue
            if name is not None and options.scorers and name not in options.scorers:
                findings.note("unmapped", f"evaluation `{name}`", "`--scorer` names others", "")
                continue
            where = attributes.get(options.columns.get("slice", SLICES))
            slices = slicer.of(None, where)
            known = cases.setdefault(
                case,
                {"id": case, "slices": slices, "expect": {"recorded": True}, "source": f"event of {source.name}"},
            )
            if known["slices"] != slices:
                findings.refuse(document.error(path, f"case `{case}` has other slices in an earlier event"))
                continue
            key = (run.release, case, run.trial)
            names = judged.setdefault(key, {})
            if name in names:
                raise document.error(
                    path, f"`{name}` judged case `{case}`, trial {run.trial} twice", hint="number its repeats"
                )
            names[name or ""] = None
            if key not in found or _rank(run) < _rank(found[key]):
                found[key] = run
            model = attributes.get("gen_ai.response.model", attributes.get("gen_ai.request.model"))
            ran_on.setdefault(run.release, {"tool": "opentelemetry", "model": model})
            for one in attributes.keys() - _MAPPED - {options.columns.get("case"), options.columns.get("slice")}:
                findings.note("unmapped", f"attribute `{one}`", "no counterpart", "")
    if not count:
        raise UsageError(f"no `{EVENT}` event in the files", hint="an empty run proves nothing")
    if found and all(run.status in ("error", "missing") for run in found.values()):
        raise UsageError("every evaluation is an error", hint="a run that did not succeed proves nothing")
    findings.note("mapped", f"`{LABEL}`, `{VALUE}`, `{ERROR}`", "the verdict, the grade, or a run that broke")
    findings.note("unmapped", "cases without `input`", "an event does not say what was asked; never asked live")
    return Imported(
        sources[0].stem, tuple(cases.values()), titles_of(list(cases.values())), tuple(found.values()), ran_on
    )


def _rank(run: ImportedRun) -> tuple[int, float]:
    kind = (
        run.status if run.status != "scored" else "graded" if run.passed is None else ("failed", "passed")[run.passed]
    )
    return _RANK[kind], run.score if run.score is not None else 1.0


def _one(
    document: Document,
    path: Path,
    attributes: Mapping[str, Any],
    identity: str,
    source: SourceFile,
    options: ImportOptions,
) -> tuple[str, ImportedRun, str | None]:
    name = attributes.get(NAME)
    if name is not None and not isinstance(name, str):
        raise document.error(path, f"`{NAME}` is no text", hint="it names the metric")
    own = attributes.get(options.columns.get("case", CASE), attributes.get(RESPONSE, identity))
    case = label(str(own)) if own not in (None, "") else ""
    if not case:
        raise document.error(path, "an event that belongs to nothing", hint=f"it has `{RESPONSE}`, or a span")
    trial = attributes.get(TRIAL, 0)
    if isinstance(trial, str) and trial.isdigit():
        trial = int(trial)
    if not isinstance(trial, int) or isinstance(trial, bool) or trial < 0:
        raise document.error(path, f"`{TRIAL}` is no count", hint="number the trials from 0")
    release = label(str(attributes.get(RELEASE) or options.release or attributes.get("gen_ai.response.model")
                        or attributes.get("gen_ai.request.model") or source.stem))  # fmt: skip
    place = document.place(path)
    status = attributes.get(STATUS)
    if status == "not_applicable":
        return case, ImportedRun(release, case, trial, None, None, place, "", "not_applicable"), name
    if attributes.get(ERROR) or status in ("error", "missing"):
        broken = "missing" if status == "missing" else "error"
        detail = (
            f"target crashed: {attributes.get(ERROR) or status}" if broken == "error" else "no recorded reply: missing"
        )
        return (
            case,
            ImportedRun(release, case, trial, None, None, place, detail, "missing" if status == "missing" else "error"),
            name,
        )
    said, value = attributes.get(LABEL), attributes.get(VALUE)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1):
        raise document.error(
            path, f"`{VALUE}` is `{value}`, no grade in [0, 1]", hint="divide by the best possible score"
        )
    score = None if value is None else float(value)
    word = said.strip().lower() if isinstance(said, str) else ""
    passed = True if word in _PASS else False if word in _FAIL else None
    if isinstance(attributes.get(PASSED), bool):
        passed = attributes[PASSED]
    if passed is None:
        passed = options.passed(score) if score not in (0.0, 1.0) or options.pass_at is not None else score == 1.0
    if passed is None and score is None:
        raise document.error(path, f"`{said}` says neither pass nor fail, and there is no score", hint="pass or fail")
    reply = {"outcome": "answer", "text": ""}
    return case, ImportedRun(release, case, trial, reply, passed, place, score=score), name


def _events(source: SourceFile, *, first: bool = False) -> Iterator[tuple[Document, Path, Mapping[str, Any], str]]:
    documents = source.rows() if source.shape == "jsonl" else iter((source.document,))
    for document in documents:
        yield from _of(document, document.value, ())
        if first:
            return


def _of(document: Document, value: Any, path: Path) -> Iterator[tuple[Document, Path, Mapping[str, Any], str]]:
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from _of(document, one, (*path, number))
    elif isinstance(value, dict) and isinstance(value.get("resourceLogs"), list):
        for way, record in _records(value["resourceLogs"], (*path, "resourceLogs")):
            attributes = _plain(record.get("attributes"))
            if EVENT in (record.get("eventName"), attributes.get("event.name")):
                yield document, way, attributes, _identity(record)
    elif isinstance(value, dict):
        attributes = _plain(value.get("attributes"))
        named = (value.get("name"), value.get("event_name"), value.get("eventName"), attributes.get("event.name"))
        if EVENT in named:
            yield document, path, attributes, _identity(value)


def _records(groups: Sequence[Any], path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for a, group in enumerate(groups):
        scopes = group.get("scopeLogs") if isinstance(group, dict) else None
        for b, scope in enumerate(scopes if isinstance(scopes, list) else ()):
            records = scope.get("logRecords") if isinstance(scope, dict) else None
            for c, record in enumerate(records if isinstance(records, list) else ()):
                if isinstance(record, dict):
                    yield (*path, a, "scopeLogs", b, "logRecords", c), record


def _identity(record: Mapping[str, Any]) -> str:
    parts = (record.get("traceId", record.get("trace_id")), record.get("spanId", record.get("span_id")))
    return "-".join(part for part in parts if isinstance(part, str) and part)


def _plain(attributes: Any) -> dict[str, Any]:
    """Attributes as an object, from an object or from the list that OTLP writes."""
    if isinstance(attributes, dict):
        return attributes
    found = {}
    for one in attributes if isinstance(attributes, list) else ():
        if isinstance(one, dict) and isinstance(one.get("key"), str):
            found[one["key"]] = _value(one.get("value"))
    return found


def _value(value: Any) -> Any:
    if not isinstance(value, dict):
        return None
    for key, one in value.items():
        if key == "intValue":
            return int(one) if isinstance(one, int) or (isinstance(one, str) and one.lstrip("-").isdigit()) else None
        if key == "arrayValue":
            parts = one.get("values") if isinstance(one, dict) else None
            return [_value(part) for part in parts] if isinstance(parts, list) else []
        if key in ("stringValue", "boolValue", "doubleValue"):
            return one
    return None
