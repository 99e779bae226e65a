"""Runs recorded elsewhere become a suite, a recorded target and result rows of a feature."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from interlock.core.binding import bind
from interlock.core.errors import DocumentError, Place, UsageError
from interlock.core.json_text import parse_json
from interlock.core.suite import Case, Requirement, Slice, Suite, SuiteKind
from interlock.services.import_bfcl import read_bfcl
from interlock.services.import_rows import read_rows
from interlock.services.import_tau import read_tau
from interlock.services.imported import Finding, Findings, Imported, ImportedRun, SourceRow
from interlock.services.result_rows import objects, unpacked

Reader = Callable[[Sequence[SourceRow], Iterator[SourceRow], Findings], Imported]
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_MARGIN = 0.05


class Format(NamedTuple):
    """A format that can be imported: how it is read, what it is, and whether its cases are in a file of their own."""

    read: Reader
    summary: str
    tasks: bool = False


FORMATS: Mapping[str, Format] = {
    "tau": Format(read_tau, "agent runs against a simulated customer (tau-bench)"),
    "bfcl": Format(read_bfcl, "function-calling answers of several releases (BFCL)", tasks=True),
    "rows": Format(read_rows, "result rows of any harness: case, slice, passed"),
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Where our own scorer judges the same cases as the harness: how often both say the same, and where they do not."""

    scorer: str
    agree: int
    of: int
    differ: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportedRelease:
    """One release as imported. `passed` is the harness's word, out of `replies`; `broken` runs have none."""

    release: str
    recording: str
    results: str
    repeats: int
    replies: int
    passed: int
    broken: int
    agreement: Agreement | None


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What came, what did not, and which files were written."""

    format: str
    suite: str
    cases: int
    slices: Mapping[str, int]
    releases: tuple[ImportedRelease, ...]
    findings: tuple[Finding, ...]
    files: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, the one shape that the terminal and other programs are shown."""
        return {
            "interlock_import": 1,
            "format": self.format,
            "suite": self.suite,
            "cases": self.cases,
            "slices": dict(self.slices),
            "releases": [
                {
                    "release": one.release,
                    "recording": one.recording,
                    "results": one.results,
                    "repeats": one.repeats,
                    "replies": one.replies,
                    "passed": one.passed,
                    "broken": one.broken,
                    "agreement": one.agreement
                    and {
                        "scorer": one.agreement.scorer,
                        "agree": one.agreement.agree,
                        "of": one.agreement.of,
                        "differ": list(one.agreement.differ),
                    },
                }
                for one in self.releases
            ],
            "findings": [
                {"kind": one.kind, "what": one.what, "why": one.why, "count": one.count, "items": list(one.items)}
                for one in self.findings
            ],
            "files": list(self.files),
        }


def import_runs(
    format: str,
    files: Sequence[Path],
    out: Path,
    *,
    release: str | None = None,
    tasks: Path | None = None,
    trial: int | None = None,
    name: str | None = None,
) -> ImportReport:
    """Write recorded runs into the folder of a feature; nothing is written when anything is wrong.

    Args:
        format: a key of `FORMATS`.
        files: the runs: JSON Lines, a JSON array or CSV, each also gzipped.
        out: the feature's folder; gets `evals/<name>.yaml`, `evals/cases/<name>.jsonl`, `recordings/<release>.jsonl`
            and, for `interlock compare`, `results/<release>.jsonl`. A file that is there stays if it is the same.
        release: import this release only; the name of the release where the rows name none. Default: every release.
        tasks: the cases, for a format that keeps them apart.
        trial: import this trial only, as repeat 0. Default: every trial, numbered from 0 in its order.
        name: of the suite; the source's own by default.
    Raises: UsageError for options that do not fit; DocumentError for a file that cannot be read, a run that occurs
        twice, or a file that is there with other content.
    """
    if (chosen := FORMATS.get(format)) is None:
        raise UsageError(f"unknown format `{format}`", hint=f"known formats: {', '.join(FORMATS)}")
    if chosen.tasks and tasks is None:
        raise UsageError(f"`{format}` keeps its tasks apart", hint="give the file of tasks with `--tasks`")
    if not files:
        raise UsageError("no file to import", hint="name at least one file of runs")
    findings = Findings()
    rows = list(_wanted(files, release, trial, findings))
    asked = _rows(tasks, None, Findings()) if tasks else iter(())
    imported = chosen.read(rows, asked, findings)
    if not imported.runs:
        refused = next((one for one in findings.all() if one.kind == "refused"), None)
        raise UsageError(
            "no run to import", hint=f"first refusal: {refused.items[0]}: {refused.what}" if refused else ""
        )
    _once(imported.runs)
    title = _file_name(name or imported.name)
    suite = _suite(title, imported)
    order = {number: repeat for repeat, number in enumerate(sorted({run.trial for run in imported.runs}))}
    if any(number != repeat for number, repeat in order.items()):
        findings.note("mapped", "`trial`", "repeats count from 0: " + ", ".join(f"{a}→{b}" for a, b in order.items()))
    written = {
        f"evals/{title}.yaml": _suite_text(suite, files),
        f"evals/cases/{title}.jsonl": _jsonl(
            case.model_dump(mode="json", exclude_defaults=True) for case in suite.cases
        ),
    }
    slices = {case.id: case.slices for case in suite.cases}
    never = {case.id for case in suite.cases if case.expect.tools == ()}
    releases = []
    for one in dict.fromkeys(run.release for run in imported.runs):
        runs = [run for run in imported.runs if run.release == one]
        stem = _file_name(one) + ("" if trial is None else f"-trial-{trial}")
        recording, results = f"recordings/{stem}.jsonl", f"results/{stem}.jsonl"
        if recording in written:
            raise UsageError(f"two releases would be written to `{recording}`", hint="import one at a time")
        written[recording] = _jsonl(_recorded(run, order) for run in runs)
        written[results] = _jsonl(_result(run, order, slices) for run in runs)
        releases.append(_release(one, recording, results, runs, never))
    _write(out, written)
    return ImportReport(
        format=format,
        suite=title,
        cases=len(suite.cases),
        slices={piece.id: len(suite.of_slice(piece.id)) for piece in suite.slices},
        releases=tuple(releases),
        findings=findings.all(),
        files=tuple(written),
    )


def _rows(path: Path, release: str | None, findings: Findings) -> Iterator[SourceRow]:
    try:
        content = path.read_bytes()
    except OSError as cause:
        hint = "check the name of the file"
        raise DocumentError(
            f"`{path.name}` cannot be read: {cause.strerror}", hint=hint, place=Place(str(path))
        ) from cause
    for value, fault, place in objects(unpacked(content, path.name), path.name):
        own, trial = value.get("release"), value.get("trial")
        if isinstance(trial, str) and trial.isdigit():
            trial = int(trial)
        if own is not None and (not isinstance(own, str) or not own.strip()):
            findings.refuse(fault("release", "`release` is no name", "write it as text"))
        elif trial is not None and (not isinstance(trial, int) or isinstance(trial, bool) or trial < 0):
            findings.refuse(fault("trial", "`trial` is no count", "number the trials from 0"))
        else:
            yield SourceRow(value, fault, place, own or release or path.name.split(".")[0], trial or 0)


def _wanted(files: Sequence[Path], release: str | None, trial: int | None, findings: Findings) -> Iterator[SourceRow]:
    seen: dict[str, None] = {}
    kept = False
    for path in files:
        for row in _rows(path, release, findings):
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


def _once(runs: Sequence[ImportedRun]) -> None:
    seen: dict[tuple[str, str, int], Place] = {}
    for run in runs:
        if (first := seen.setdefault((run.release, run.case, run.trial), run.place)) is not run.place:
            raise DocumentError(
                f"release `{run.release}` has case `{run.case}`, trial {run.trial} twice, first at {first}",
                hint="import runs of different dates apart",
                place=run.place,
            )


def _suite(name: str, imported: Imported) -> Suite:
    ran = {run.case for run in imported.runs}
    cases = tuple(
        bind(Case, parse_json(json.dumps(case), f"case {case['id']}")) for case in imported.cases if case["id"] in ran
    )
    used = dict.fromkeys(piece for case in cases for piece in case.slices)
    slices = tuple(Slice(id=piece, title=imported.titles[piece], critical=True) for piece in used)
    return Suite(name, SuiteKind.REGRESSION, cases, slices, (Requirement(slice="*", margin=_MARGIN),))


def _suite_text(suite: Suite, files: Sequence[Path]) -> str:
    """YAML whose texts are quoted as in JSON, which YAML 1.2 reads alike."""
    quoted = partial(json.dumps, ensure_ascii=False)  # YAML joins no pair of `\\u` escapes into one character
    lines = [
        f"# Imported from {', '.join(quoted(path.name) for path in files)}. The verdicts are those of the runs' own harness.",
        f"suite: {quoted(suite.name)}",
        f"kind: {suite.kind.value}",
        f"cases: [{quoted(f'cases/{suite.name}.jsonl')}]",
        "slices:",
    ]
    lines += [f"  - {{id: {quoted(s.id)}, title: {quoted(s.title)}, critical: true}}" for s in suite.slices]
    lines += ["requirements:", *[f"  - {{slice: {quoted(r.slice)}, margin: {r.margin}}}" for r in suite.requirements]]
    return "\n".join(lines) + "\n"


def _recorded(run: ImportedRun, order: Mapping[int, int]) -> dict[str, Any]:
    head = {"case": run.case, "repeat": order[run.trial]}
    return head | ({"status": "error", "detail": run.detail} if run.reply is None else {"reply": run.reply})


def _result(run: ImportedRun, order: Mapping[int, int], slices: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    row = {"case": run.case, "slices": list(slices[run.case]), "trial": order[run.trial]}
    return row | ({"status": "error"} if run.reply is None else {"passed": run.passed})


def _release(
    release: str, recording: str, results: str, runs: Sequence[ImportedRun], never: set[str]
) -> ImportedRelease:
    replied = [run for run in runs if run.reply is not None]
    # What the scorer `tool_calls` will say of `tools: []`: right when nothing was called.
    judged = [(run, not (run.reply or {}).get("tool_calls")) for run in replied if run.case in never]
    differ = tuple(run.case for run, silent in judged if silent != run.passed)
    agreement = Agreement("tool_calls", len(judged) - len(differ), len(judged), differ) if judged else None
    passed = sum(bool(run.passed) for run in replied)
    repeats = len({run.trial for run in runs})
    return ImportedRelease(
        release, recording, results, repeats, len(replied), passed, len(runs) - len(replied), agreement
    )


def _file_name(name: str) -> str:
    return _UNSAFE.sub("-", name).strip("-.") or "import"


def _jsonl(rows: Iterator[dict[str, Any]]) -> str:
    # Escaped, because a text from elsewhere may hold characters that a reader cannot see and Interlock refuses.
    return "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)


def _write(out: Path, files: Mapping[str, str]) -> None:
    """Everything or nothing: whatever would replace other content is found before the first file is written."""
    for name, text in files.items():
        path = out / name
        if path.exists() and path.read_text("utf-8") != text:
            raise DocumentError(
                f"`{name}` is there already, with other content",
                hint="import into another folder, under another `--name`, or all releases at once",
                place=Place(str(path)),
            )
    for name, text in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
