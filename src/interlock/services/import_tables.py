"""Tables of results and data sets: LangSmith, MLflow and Ragas by their usual columns, any other by a map of columns.

Source: docs.langchain.com/langsmith (data set and experiment exports), mlflow.org (evaluation results table),
docs.ragas.io (`EvaluationResult.to_pandas`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from interlock.core.document import Document
from interlock.core.errors import DocumentError, UsageError
from interlock.core.source import Path
from interlock.services.import_cases import WHY_REFERENCE, Slicer, Wanted, digest_name, label, titles_of
from interlock.services.import_options import ROLES, ImportOptions
from interlock.services.import_source import SourceFile, objects_of
from interlock.services.imported import Findings, Imported, ImportedRun

_TRUTH = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False, "pass": True, "fail": False}
_QUESTION = ("question", "input", "query", "message", "messages", "prompt", "user_input", "text")
_ANSWER = ("output", "answer", "response", "text", "content", "prediction")
_PRESETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "langsmith": {
        "case": ("example_id", "reference_example_id", "id"),
        "input": ("inputs", *(f"inputs.{one}" for one in _QUESTION)),
        "text": ("outputs", *(f"outputs.{one}" for one in _ANSWER)),
        "reference": ("reference_outputs", "reference", *(f"reference_outputs.{one}" for one in _ANSWER)),
        "error": ("error",),
    },
    "mlflow": {
        "case": ("request_id", "trace_id"),
        "input": ("inputs", "request", *(f"inputs/{one}" for one in _QUESTION), *(f"inputs.{one}" for one in _QUESTION)),
        "text": ("outputs", "response", "predictions"),
        "reference": (
            "expectations", "expectations.expected_response", "expected_response/value", "targets", "ground_truth",
        ),
        "error": ("error", "error_message"),
    },
    "ragas": {
        "input": ("user_input", "question"),
        "text": ("response", "answer"),
        "reference": ("reference", "ground_truth"),
    },
    "table": {},
}  # fmt: skip


def fits_langsmith(source: SourceFile) -> bool:
    """Whether a table has LangSmith's columns: `inputs`, and `outputs` or a reference, in that spelling."""
    keys = _keys(source)
    heads = {key.split(".")[0] for key in keys}
    return "inputs" in heads and bool(heads & {"reference_outputs", "example_id", "reference_example_id", "dataset_id"})


def fits_mlflow(source: SourceFile) -> bool:
    """Whether a table has MLflow's columns."""
    keys = _keys(source)
    metric = any(key.endswith(("/score", "/value")) and key.count("/") in (1, 2) for key in keys)
    return ("inputs" in keys and ("expectations" in keys or metric)) or (
        "assessments" in keys and bool(keys & {"request", "trace_id", "request_id"})
    )


def fits_ragas(source: SourceFile) -> bool:
    """Whether a table has Ragas' columns."""
    keys = _keys(source)
    return "user_input" in keys and bool(keys & {"response", "reference", "retrieved_contexts"})


def _keys(source: SourceFile) -> set[str]:
    if source.shape == "csv":
        return set(source.header)
    if source.shape == "jsonl":
        first = next(source.rows(), None)
        value = first.value if first is not None else None
    elif source.shape == "json":
        value = source.document.value
        if isinstance(value, dict) and isinstance(value.get("columns"), list):
            return {one for one in value["columns"] if isinstance(one, str)}
        value = value[0] if isinstance(value, list) and value else None
    else:
        return set()
    return set(value) if isinstance(value, dict) else set()


def read_table(preset: str, sources: Sequence[SourceFile], options: ImportOptions, findings: Findings) -> Imported:
    """Rows become cases; with a reply they become recordings too.

    Args:
        preset: `langsmith`, `mlflow`, `ragas`, or `table`, which has no columns of its own.
    Raises: UsageError where a column that must be there is not, or could be one of several.
    """
    reader = _Reader(preset, options, findings)
    for source in sources:
        rows = list(_rows(source))
        if not rows:
            raise UsageError(f"`{source.name}` has no row", hint="an empty run proves nothing")
        reader.file(source, rows)
    return reader.done(sources)


def _rows(source: SourceFile) -> Iterator[tuple[Document, Path, Mapping[str, Any]]]:
    if source.shape == "json":
        document = source.document
        value = document.value
        if isinstance(value, dict) and isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
            columns = value["columns"]
            if not all(isinstance(one, str) for one in columns) or len(set(columns)) < len(columns):
                raise document.error(("columns",), "the columns are no different names", hint="is the file whole?")
            for number, cells in enumerate(value["data"]):
                if not isinstance(cells, list) or len(cells) != len(columns):
                    raise document.error(
                        ("data", number), "a row has not a cell for each column", hint="is the file whole?"
                    )
                yield document, ("data", number), dict(zip(columns, cells, strict=True))
            return
        for path, one in objects_of(document, ()):
            yield document, path, one
        return
    for row in source.rows():
        if not isinstance(row.value, dict):
            raise row.error((), "a row is an object", hint="write `{…}` on each line")
        yield row, (), row.value


class _Reader:
    def __init__(self, preset: str, options: ImportOptions, findings: Findings) -> None:
        self.preset, self.options, self.findings, self.slicer = preset, options, findings, Slicer(options)
        self.cases: dict[str, dict[str, Any]] = {}
        self.waiting: dict[str, Mapping[str, Any]] = {}
        self.runs: list[ImportedRun] = []
        self.ran_on: dict[str, dict[str, Any]] = {}

    def file(self, source: SourceFile, rows: Sequence[tuple[Document, Path, Mapping[str, Any]]]) -> None:
        keys = dict.fromkeys(key for _, _, row in rows for key in row)
        columns = self._columns(keys, [row for _, _, row in rows])
        if "input" not in columns and "case" not in columns:
            raise UsageError(
                f"`{source.name}` has neither `case` nor `input`",
                hint=f"--column input=NAME; columns: {', '.join(keys)}",
            )
        judged = {"passed", "score"} & columns.keys()
        metrics = [] if judged else self._metrics([row for _, _, row in rows])
        runs = bool(judged or metrics)
        used = {name.split(".")[0] if name not in keys else name for name in columns.values()} | set(metrics)
        spoken = used | {"slice", "slices", "tag", "tags", "category", "metadata"} | set(self.options.slice_by)
        for key in keys:
            if key not in spoken and key.lower() not in spoken:
                self.findings.note("unmapped", f"column `{key}`", "no role; `--column ROLE=NAME` gives it one")
        for document, path, row in rows:
            try:
                self._row(source, document, path, row, columns, metrics, runs=runs)
            except DocumentError as error:
                self.findings.refuse(error)
        for role, name in columns.items():
            self.findings.note("mapped", f"column `{name}`", f"`{role}`")

    def _columns(self, keys: Mapping[str, None], rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        found: dict[str, str] = {}
        for role in ROLES:
            if (named := self.options.columns.get(role)) is not None:
                if not any(_cell(row, named) is not None for row in rows):
                    raise UsageError(f"no row has a column `{named}`", hint=f"columns: {', '.join(keys)}")
                found[role] = named
                continue
            candidates = [role, *_PRESETS[self.preset].get(role, ())] if role not in ("text", "input") else list(
                _PRESETS[self.preset].get(role, (role,))
            )  # fmt: skip
            there = [name for name in candidates if any(_cell(row, name) is not None for row in rows)]
            if there:
                found[role] = there[0]
        return found

    def _metrics(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Columns of metrics that make the verdict: those of `--scorer`, or the only one."""
        numeric = [
            key
            for key in dict.fromkeys(key for row in rows for key in row)
            if self._could_grade(key) and any(_number(_cell(row, key)) is not None for row in rows)
        ]
        for name in self.options.scorers:
            if not any(_cell(row, name) is not None for row in rows):
                raise UsageError(f"no row has a metric `{name}`", hint=f"metrics: {', '.join(numeric) or 'none'}")
        if self.options.scorers:
            return list(self.options.scorers)
        if len(numeric) > 1:
            raise UsageError(
                f"the table has {len(numeric)} metrics: {', '.join(numeric)}",
                hint="say which decide, with `--scorer NAME`",
            )
        return numeric

    def _could_grade(self, key: str) -> bool:
        if self.preset == "mlflow":
            return key.endswith(("/score", "/value")) and not key.startswith(("latency", "token", "expected"))
        if self.preset == "langsmith":
            return key.startswith(("feedback.", "feedback_stats.", "score_"))
        if self.preset == "ragas":
            return key not in (
                "user_input",
                "response",
                "reference",
                "retrieved_contexts",
                "reference_contexts",
                "trial",
            )
        return False

    def _row(
        self, source: SourceFile, document: Document, path: Path, row: Mapping[str, Any],
        columns: Mapping[str, str], metrics: Sequence[str], *, runs: bool,
    ) -> None:  # fmt: skip
        value = {role: _cell(row, name) for role, name in columns.items()}
        asked = _asked(value.get("input"))
        own = value.get("case")
        name = label(str(own)) if isinstance(own, str | int) and str(own).strip() else digest_name(asked or own)
        if own is None and not asked:
            raise document.error(path, "a row with neither `case` nor `input`", hint="say what was asked")
        answers = _answers(value.get("reference"))
        wanted = Wanted(complete=not runs)
        if answers and wanted.reference(self.options, answers):
            self.findings.note("mapped", "the reference", f"`{self.options.reference}`, as asked")
        elif answers:
            self.findings.note("unmapped", "the reference", WHY_REFERENCE, name)
        meta = row.get("metadata")
        meta = _object(meta) or {}
        named = {
            key: cell for key, cell in row.items()
            if key.lower() in ("slice", "slices", "tag", "tags", "category") or key in self.options.slice_by
        }  # fmt: skip
        sliced = value.get("slice")
        if isinstance(sliced, str):
            sliced = [part for part in sliced.split(";") if part.strip()]
        slices = self.slicer.of({**meta, **({} if "slice" in columns else named)}, sliced)
        cluster = value.get("cluster")
        made: dict[str, Any] = {
            "id": name, **asked, "slices": slices, "expect": wanted.to_json(recorded=runs),
            "source": f"row of {source.name}", "cluster": label(str(cluster)) if cluster is not None else None,
            "context": {"reference": answers} if answers else {},
        }  # fmt: skip
        known = self.cases.get(name, self.waiting.get(name))
        if known is not None and not runs:
            raise document.error(path, f"case `{name}` occurs twice", hint="name the cases with `--column case=NAME`")
        if known is not None and {**known, "source": "", "why": ""} != {**made, "source": "", "why": ""}:
            raise document.error(path, f"case `{name}` differs from an earlier row", hint="one case is one thing")
        if runs or not wanted.empty:
            self.cases[name] = made
        else:
            self.waiting[name] = made | {"why": "a reference without a judge" if answers else "nothing to expect"}
        if not runs:
            return
        release = label(str(value.get("release") or self.options.release or source.stem))
        self.ran_on.setdefault(release, {"tool": self.preset})
        trial = value.get("trial")
        number = int(trial) if isinstance(trial, int) or (isinstance(trial, str) and trial.isdigit()) else 0
        if trial is not None and (isinstance(trial, bool) or str(number) != str(trial).strip()):
            raise document.error(path, f"`trial` is `{trial}`, no count", hint="number the trials from 0")
        self.runs.append(self._run(document, path, row, value, metrics, release, name, number))

    def _run(
        self, document: Document, path: Path, row: Mapping[str, Any], value: Mapping[str, Any], metrics: Sequence[str],
        release: str, case: str, trial: int,
    ) -> ImportedRun:  # fmt: skip
        place = document.place(path)
        status = str(value.get("status") or "").lower()
        error = value.get("error")
        if (error not in (None, "", False) and error is not None) or status in ("error", "failed", "missing"):
            known = "missing" if status == "missing" else "error"
            detail = f"target crashed: {error or status}"[:500] if known == "error" else "no recorded reply: missing"
            return ImportedRun(
                release, case, trial, None, None, place, detail, "missing" if known == "missing" else "error"
            )
        text = _text(value.get("text"))
        reply = {"outcome": "answer", "text": text or ""}
        if status == "not_applicable":
            return ImportedRun(release, case, trial, reply, None, place, "", "not_applicable")
        passed, score = value.get("passed"), _number(value.get("score"))
        if passed is not None:
            verdict = passed if isinstance(passed, bool) else _TRUTH.get(str(passed).strip().lower())
            if verdict is None:
                raise document.error(
                    path, f"`passed` is `{str(passed)[:40]}`", hint="true or false; a grade goes into `score`"
                )
            return ImportedRun(release, case, trial, reply, verdict, place, score=score if _fits(score) else None)
        if metrics:
            grades = [_number(_cell(row, name)) for name in metrics]
            if any(grade is None for grade in grades):
                lacking = metrics[grades.index(None)]
                return ImportedRun(
                    release, case, trial, None, None, place, f"no score: `{lacking}` has no value", "error"
                )
            score = min(grade for grade in grades if grade is not None)
        if score is None:
            return ImportedRun(release, case, trial, None, None, place, "no score: the row has none", "error")
        if not _fits(score):
            raise document.error(path, f"`{score}` is no grade in [0, 1]", hint="divide by the best possible score")
        decided = score == 1.0 if score in (0.0, 1.0) and self.options.pass_at is None else self.options.passed(score)
        return ImportedRun(release, case, trial, reply, decided, place, score=score)

    def done(self, sources: Sequence[SourceFile]) -> Imported:
        self.slicer.report(self.findings)
        if self.runs and all(run.status in ("error", "missing") for run in self.runs):
            raise UsageError("every row of the run is an error", hint="a run that did not succeed proves nothing")
        cases, waiting = tuple(self.cases.values()), tuple(self.waiting.values())
        return Imported(sources[0].stem, cases, titles_of([*cases, *waiting]), tuple(self.runs), self.ran_on, waiting)


def _cell(row: Mapping[str, Any], name: str) -> Any:
    """A cell by the name of its column, or by a way into the JSON of one, such as `inputs.question`."""
    if name in row:
        return row[name]
    value: Any = row
    for step in name.split("."):
        value = _object(value)
        if value is None or step not in value:
            return None
        value = value[step]
    return value


def _object(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        known = _TRUTH.get(value.strip().lower())
        if known is not None:
            return float(known)
        try:
            value = float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and value - value == 0 else None


def _fits(score: float | None) -> bool:
    return score is not None and 0 <= score <= 1


def _asked(value: Any) -> dict[str, Any]:
    found = _object(value)
    if found is not None:
        named = next((found[key] for key in _QUESTION if isinstance(found.get(key), str | list)), None)
        texts = [one for one in found.values() if isinstance(one, str)]
        value = named if named is not None else texts[0] if len(texts) == 1 else json.dumps(found, ensure_ascii=False)
    if (
        isinstance(value, list)
        and value
        and all(isinstance(one, dict) and isinstance(one.get("role"), str) for one in value)
    ):
        return {"messages": value}
    if isinstance(value, str | int | float) and str(value).strip():
        return {"input": str(value)}
    return {}


def _text(value: Any) -> str | None:
    found = _object(value)
    if found is not None:
        named = next((found[key] for key in _ANSWER if isinstance(found.get(key), str)), None)
        texts = [one for one in found.values() if isinstance(one, str)]
        return named or (texts[0] if len(texts) == 1 else json.dumps(found, ensure_ascii=False))
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return None if value is None else str(value)


def _answers(value: Any) -> list[str]:
    if isinstance(value, list):
        return [one for one in value if isinstance(one, str) and one.strip()]
    text = _text(value)
    return [text] if text is not None and text.strip() else []
