"""The formats that can be imported, and which of them a file plainly is. Where two fit, nothing is guessed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from interlock.core.errors import UsageError
from interlock.services import (
    import_deepeval,
    import_gen_ai,
    import_inspect,
    import_junit,
    import_openai_evals,
    import_promptfoo,
    import_tables,
)
from interlock.services.import_bfcl import read_bfcl
from interlock.services.import_options import ImportOptions
from interlock.services.import_row_files import wanted_rows
from interlock.services.import_rows import read_rows
from interlock.services.import_source import SourceFile
from interlock.services.import_tau import read_tau
from interlock.services.import_tau_native import native_tau
from interlock.services.imported import Findings, Imported, SourceRow

Reader = Callable[[Sequence[SourceFile], SourceFile | None, ImportOptions, Findings], Imported]
RowReader = Callable[[Sequence[SourceRow], Iterator[SourceRow], Findings], Imported]


class Format(NamedTuple):
    """A format: how it is read, how it is known, and what it is.

    tasks: its cases are in a file of their own. only: what it does not know as its own, it does not read either.
    """

    read: Reader
    fits: Callable[[SourceFile], bool]
    summary: str
    tasks: bool = False
    only: bool = False


def _by_rows(read: RowReader) -> Reader:
    """A reader of files whose every row names its release and its trial."""

    def reader(
        sources: Sequence[SourceFile], tasks: SourceFile | None, options: ImportOptions, findings: Findings
    ) -> Imported:
        rows = list(wanted_rows(sources, options.release, options.trial, findings))
        asked = wanted_rows([tasks], None, None, Findings()) if tasks is not None else iter(())
        return read(rows, asked, findings)

    return reader


def _by_files(read: Callable[[Sequence[SourceFile], ImportOptions, Findings], Imported]) -> Reader:
    def reader(
        sources: Sequence[SourceFile], tasks: SourceFile | None, options: ImportOptions, findings: Findings
    ) -> Imported:
        return read(sources, options, findings)

    return reader


def _keys(source: SourceFile) -> set[str]:
    if source.shape == "csv":
        return set(source.header)
    if source.shape == "jsonl":
        first = next(source.rows(), None)
        value = first.value if first is not None else None
    elif source.shape == "json":
        value = source.document.value
        value = value[0] if isinstance(value, list) and value else value
    else:
        return set()
    return set(value) if isinstance(value, dict) else set()


def _fits_tau(source: SourceFile) -> bool:
    keys = _keys(source)
    return native_tau(source) or (
        {"task_id", "messages"} <= keys and bool({"passed", "reward"} & keys) and "calls" not in keys
    )


def _fits_bfcl(source: SourceFile) -> bool:
    return {"task_id", "passed", "calls"} <= _keys(source)


def _fits_rows(source: SourceFile) -> bool:
    keys = _keys(source)
    return "case" in keys and bool({"passed", "score", "status"} & keys)


FORMATS: Mapping[str, Format] = {
    "promptfoo": Format(
        _by_files(import_promptfoo.read_promptfoo),
        import_promptfoo.fits,
        "promptfoo: results, configurations, CSV tests",
        only=True,
    ),
    "inspect": Format(
        _by_files(import_inspect.read_inspect), import_inspect.fits, "Inspect logs: .json and .eval", only=True
    ),
    "openai-evals": Format(
        _by_files(import_openai_evals.read_openai_evals),
        import_openai_evals.fits,
        "OpenAI evals: samples, registry, logs",
        only=True,
    ),
    "deepeval": Format(
        _by_files(import_deepeval.read_deepeval), import_deepeval.fits, "DeepEval: goldens and test runs", only=True
    ),
    "langsmith": Format(
        _by_files(partial(import_tables.read_table, "langsmith")), import_tables.fits_langsmith, "LangSmith tables"
    ),
    "mlflow": Format(
        _by_files(partial(import_tables.read_table, "mlflow")), import_tables.fits_mlflow, "MLflow tables"
    ),
    "ragas": Format(_by_files(partial(import_tables.read_table, "ragas")), import_tables.fits_ragas, "Ragas tables"),
    "table": Format(
        _by_files(partial(import_tables.read_table, "table")),
        lambda source: False,
        "any table, by `--column ROLE=NAME`",
    ),
    "junit": Format(_by_files(import_junit.read_junit), import_junit.fits, "JUnit XML reports", only=True),
    "gen-ai": Format(
        _by_files(import_gen_ai.read_gen_ai),
        import_gen_ai.fits,
        "gen_ai.evaluation.result events (OpenTelemetry)",
        only=True,
    ),
    "tau": Format(_by_rows(read_tau), _fits_tau, "agent runs against a simulated customer (tau-bench)"),
    "bfcl": Format(_by_rows(read_bfcl), _fits_bfcl, "function-calling answers of several releases (BFCL)", tasks=True),
    "rows": Format(_by_rows(read_rows), _fits_rows, "result rows of any harness: case, slice, passed"),
}


def detect(sources: Sequence[SourceFile]) -> str:
    """The one format that every file plainly is.

    Raises: UsageError where none fits or several do; DocumentError where a file is damaged, whatever it is.
    """
    fitting = [name for name, one in FORMATS.items() if all(one.fits(source) for source in sources)]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(f"`{source.name}`" for source in sources)
    if not fitting:
        keys = next((sorted(keys) for source in sources if (keys := _keys(source))), [])
        seen = f"; keys: {', '.join(keys[:12])}" if keys else ""
        raise UsageError(
            f"{names} is no format that is known by its content{seen}",
            hint=f"say which with `--format`: {', '.join(FORMATS)}",
        )
    raise UsageError(
        f"{names} could be {' or '.join(f'`{name}`' for name in fitting)}", hint="say which with `--format`"
    )
