"""Files whose every row names its release and its trial."""

from collections.abc import Iterator, Sequence

from interlock.core.errors import UsageError
from interlock.services.import_source import SourceFile, strict_text
from interlock.services.import_tau_native import native_rows
from interlock.services.imported import Findings, SourceRow
from interlock.services.result_rows import objects


def wanted_rows(
    sources: Sequence[SourceFile], release: str | None, trial: int | None, findings: Findings
) -> Iterator[SourceRow]:
    """The rows of files whose rows name their release and trial; those of other releases and trials are listed.

    Raises: UsageError when no row is left.
    """
    seen: dict[str, None] = {}
    kept = False
    for source in sources:
        for row in _rows(source, release, findings):
            seen[row.release] = None
            if release is not None and row.release != release:
                findings.note("left out", "runs of other releases", f"only `{release}` was asked for", str(row.place))
            elif trial is not None and row.trial != trial:
                findings.note("left out", "other trials", f"only trial {trial} was asked for", str(row.place))
            else:
                kept = True
                yield row
    if not kept:
        raise UsageError("no run fits `--release` and `--trial`", hint=f"releases here: {', '.join(seen) or 'none'}")


def _rows(source: SourceFile, release: str | None, findings: Findings) -> Iterator[SourceRow]:
    native = native_rows(source)
    text = strict_text(source.text) if source.shape in ("json", "jsonl") else source.text
    rows = native if native is not None else objects(text, source.name)
    for value, fault, place in rows:
        own, trial = value.get("release"), value.get("trial")
        if isinstance(trial, str) and trial.isdigit():
            trial = int(trial)
        if own is not None and (not isinstance(own, str) or not own.strip()):
            findings.refuse(fault("release", "`release` is no name", "write it as text"))
        elif trial is not None and (not isinstance(trial, int) or isinstance(trial, bool) or trial < 0):
            findings.refuse(fault("trial", "`trial` is no count", "number the trials from 0"))
        else:
            yield SourceRow(value, fault, place, own or release or source.name.split(".")[0], trial or 0)
