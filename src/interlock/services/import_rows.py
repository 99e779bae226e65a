"""Result rows of any other harness."""

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any

from interlock.services.compare import UNNAMED
from interlock.services.imported import Findings, Imported, ImportedRun, SourceRow, runs_of
from interlock.services.result_rows import KEYS, read_row

_MORE = frozenset({*KEYS, "release", "input", "text"})


def read_rows(rows: Sequence[SourceRow], tasks: Iterable[SourceRow], findings: Findings) -> Imported:
    """Rows `{case, slice | slices, passed, trial, status, cluster}` and, if known, `release`, `input`, `text`.

    A row without `input` gives a case that can be judged from its recording but not asked again.
    """
    cases: dict[str, dict[str, Any]] = {}

    def read(row: SourceRow) -> ImportedRun | None:
        result = read_row(row.value, row.fault, row.place)
        passed = row.value.get("passed")
        if result.status == "scored" and passed is None:
            raise row.fault("score", "a grade without a verdict", "add `passed`; `interlock compare` takes grades")
        asked, text = row.value.get("input"), row.value.get("text")
        for key, value in (("input", asked), ("text", text)):
            if value is not None and not isinstance(value, str):
                raise row.fault(key, f"`{key}` is no text", "write it as a string")
        found: dict[str, Any] = {
            "id": result.case,
            "input": asked,
            "slices": list(result.slices or (UNNAMED,)),
            "expect": {"recorded": True},
            "source": f"imported from {row.place.file}",
            "cluster": result.cluster,
        }
        known = cases.setdefault(result.case, found)
        for key in ("input", "slices", "cluster"):
            if known[key] != found[key]:
                raise row.fault(None, f"case `{result.case}` has another `{key}` earlier", "one case is one thing")
        findings.unmapped(row, _MORE, {})
        if asked is None:
            findings.note(
                "unmapped", "cases without `input`", "judged from recordings only, never asked live", result.case
            )
        if result.status in ("error", "missing"):
            detail = "target crashed: see the source" if result.status == "error" else "no recorded reply: missing"
            return ImportedRun(row.release, result.case, row.trial, None, None, row.place, detail, result.status)
        reply = {"outcome": "answer", "text": text or ""}
        if result.status == "not_applicable":
            return ImportedRun(row.release, result.case, row.trial, reply, None, row.place, "", "not_applicable")
        return ImportedRun(row.release, result.case, row.trial, reply, bool(passed), row.place)

    runs = runs_of(rows, findings, read)
    findings.note("mapped", "`case`, `input`, `slice`, `slices`, `cluster`", "the case")
    findings.note(
        "mapped", "`passed`, `text`, `status`", "the recorded reply, or a run that broke, is missing or does not apply"
    )
    if any(row.value.get("score") is not None for row in rows):
        findings.note("unmapped", "`score`", "`passed` is the verdict that is kept")
    name = PurePath(rows[0].place.file).name.split(".")[0] if rows else "rows"
    titles = {name: name for case in cases.values() for name in case["slices"]}
    return Imported(name, tuple(cases.values()), titles, tuple(runs))
