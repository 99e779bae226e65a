"""Runs recorded elsewhere become a suite, a recorded target and result rows of a feature."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from interlock.core.binding import bind
from interlock.core.digest import of_bytes
from interlock.core.errors import DocumentError, Place, UsageError
from interlock.core.json_text import parse_json
from interlock.core.score import Absent, Reply, Trial
from interlock.core.suite import Case, Requirement, Slice, Suite, SuiteKind
from interlock.ports import Scorer
from interlock.services.import_formats import FORMATS, detect
from interlock.services.import_options import ImportOptions
from interlock.services.import_source import SourceFile
from interlock.services.import_writing import file_name, json_lines, write_all
from interlock.services.imported import Finding, Findings, Imported, ImportedRun

_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Agreement:
    """Where our own scorer judges the same cases as the harness: how often both say the same, and where they do not."""

    scorer: str
    agree: int
    of: int
    differ: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportedRelease:
    """One release as imported.

    passed is the harness's word, out of `replies` that it gave a verdict on; `graded` have a grade and no verdict,
    `broken` no reply, `missing` nothing, `not_applicable` nobody judged. `bound` says what binds it to what ran.
    """

    release: str
    recording: str
    results: str
    repeats: int
    replies: int
    passed: int
    broken: int
    agreement: Agreement | None
    graded: int = 0
    missing: int = 0
    not_applicable: int = 0
    ran_on: Mapping[str, Any] = field(default_factory=dict)
    bound: bool = False


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
    waiting: int = 0
    sources: tuple[Mapping[str, Any], ...] = ()

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
                    "graded": one.graded,
                    "missing": one.missing,
                    "not_applicable": one.not_applicable,
                    "ran_on": dict(one.ran_on),
                    "bound": one.bound,
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
            "waiting": self.waiting,
            "sources": [dict(one) for one in self.sources],
        }


def import_runs(
    format: str | None,
    files: Sequence[Path],
    out: Path,
    *,
    release: str | None = None,
    tasks: Path | None = None,
    trial: int | None = None,
    name: str | None = None,
    options: ImportOptions | None = None,
    scorers: Sequence[Scorer] = (),
    bound: Mapping[str, str] | None = None,
) -> ImportReport:
    """Write recorded runs into the folder of a feature; nothing is written when anything is wrong.

    Args:
        format: a key of `FORMATS`; None where the files say it themselves.
        files: the runs, each also gzipped.
        out: the feature's folder; gets `evals/<name>.yaml`, `evals/cases/<name>.jsonl`, `recordings/<release>.jsonl`
            and, for `interlock compare`, `results/<release>.jsonl`; cases that a person must complete go into
            `evals/queue/<name>.jsonl`. A file that is there stays if it is the same.
        release: import this release only; the name of the release where the source names none. Default: every release.
        tasks: the cases, for a format that keeps them apart.
        trial: import this trial only, as repeat 0. Default: every trial, numbered from 0 in its order.
        name: of the suite; the source's own by default.
        options: what else the person decides; `release` and `trial` above count.
        scorers: our own, to say how often they agree with the source's verdicts where both judge.
        bound: part → digest of the bundle that the runs were made with, on the word of the person who imports.
    Raises: UsageError for options that do not fit; DocumentError for a file that cannot be read, a run that did not
        succeed or occurs twice, or a file that is there with other content.
    """
    if not files:
        raise UsageError("no file to import", hint="name at least one file of runs")
    sources = [SourceFile.read(path) for path in files]
    chosen_name = format or detect(sources)
    if (chosen := FORMATS.get(chosen_name)) is None:
        raise UsageError(f"unknown format `{format}`", hint=f"known formats: {', '.join(FORMATS)}")
    if chosen.tasks and tasks is None:
        raise UsageError(f"`{chosen_name}` keeps its tasks apart", hint="give the file of tasks with `--tasks`")
    if format is not None and chosen.only:
        for source in sources:
            if not chosen.fits(source):
                raise DocumentError(
                    f"`{source.name}` is none of {chosen.summary}", hint="leave out `--format`, or check the file",
                    place=source.place,
                )  # fmt: skip
    findings = Findings()
    asked = SourceFile.read(tasks) if tasks else None
    wanted = replace(options or ImportOptions(), release=release, trial=trial)
    imported = _chosen(chosen.read(sources, asked, wanted, findings), release, trial, findings)
    if not imported.runs and (imported.ran_on or not (imported.cases or imported.waiting)):
        refused = next((one for one in findings.all() if one.kind == "refused"), None)
        raise UsageError(
            "no run to import", hint=f"first refusal: {refused.items[0]}: {refused.what}" if refused else ""
        )
    _once(imported.runs)
    title = file_name(name or imported.name)
    about = [
        {"name": one.name, "sha256": one.sha256, "bytes": len(one.content)}
        for one in (*sources, *([asked] if asked else ()))
    ]
    written: dict[str, str] = {}
    suite = _suite(title, imported)
    if suite is not None:
        written[f"evals/{title}.yaml"] = _suite_text(suite, sources)
        written[f"evals/cases/{title}.jsonl"] = json_lines(
            case.model_dump(mode="json", exclude_defaults=True) for case in suite.cases
        )
    if imported.waiting:
        written[f"evals/queue/{title}.jsonl"] = json_lines(imported.waiting)
        why = "they expect nothing yet, so they are no cases: complete them, then move them into the suite"
        for case in imported.waiting:
            what = f"cases that wait in `evals/queue/{title}.jsonl`"
            findings.note("left out", what, f"{case['why']}; {why}", case["id"])
    if suite is None and not imported.waiting:
        raise UsageError("nothing to import", hint="the files hold neither cases nor runs")
    order = {number: repeat for repeat, number in enumerate(sorted({run.trial for run in imported.runs}))}
    if any(number != repeat for number, repeat in order.items()):
        findings.note("mapped", "`trial`", "repeats count from 0: " + ", ".join(f"{a}→{b}" for a, b in order.items()))
    cases = {case.id: case for case in (suite.cases if suite else ())}
    releases = []
    for one in dict.fromkeys(run.release for run in imported.runs):
        runs = [run for run in imported.runs if run.release == one]
        stem = file_name(one) + ("" if trial is None else f"-trial-{trial}")
        recording, results = f"recordings/{stem}.jsonl", f"results/{stem}.jsonl"
        if recording in written:
            raise UsageError(f"two releases would be written to `{recording}`", hint="import one at a time")
        ran_on = {key: value for key, value in imported.ran_on.get(one, {}).items() if value is not None}
        _may_bind(one, ran_on, bound)
        rows = json_lines(_recorded(run, order) for run in runs)
        head = {
            "interlock_recording": 1, "release": one, "stem": stem, "format": chosen_name, "rows": of_bytes(rows.encode()),
            "sources": about, "ran_on": ran_on, "bound": dict(bound) if bound else None,
        }  # fmt: skip
        written[recording] = json_lines([head]) + rows
        written[results] = json_lines(_result(run, order, cases) for run in runs)
        releases.append(_release(one, recording, results, runs, cases, scorers, ran_on, bound=bool(bound)))
    write_all(out, written)
    return ImportReport(
        format=chosen_name,
        suite=title,
        cases=len(cases),
        slices={piece.id: len(suite.of_slice(piece.id)) for piece in suite.slices} if suite else {},
        releases=tuple(releases),
        findings=findings.all(),
        files=tuple(written),
        waiting=len(imported.waiting),
        sources=tuple(about),
    )


def _chosen(imported: Imported, release: str | None, trial: int | None, findings: Findings) -> Imported:
    """The runs of the release and the trial that were asked for."""
    kept = []
    for run in imported.runs:
        if release is not None and run.release != release:
            findings.note("left out", "runs of other releases", f"only `{release}` was asked for", str(run.place))
        elif trial is not None and run.trial != trial:
            findings.note("left out", "other trials", f"only trial {trial} was asked for", str(run.place))
        else:
            kept.append(run)
    if imported.runs and not kept:
        known = ", ".join(dict.fromkeys(run.release for run in imported.runs))
        raise UsageError("no run fits `--release` and `--trial`", hint=f"releases here: {known}")
    return replace(imported, runs=tuple(kept))


def _may_bind(release: str, ran_on: Mapping[str, Any], bound: Mapping[str, str] | None) -> None:
    """Refuse to bind runs to a bundle whose model is not the one that they say they ran on."""
    said, model = ran_on.get("model"), (bound or {}).get("model_id")
    if not bound or not isinstance(said, str) or model is None or model in (said, said.rpartition("/")[2], release):
        return
    raise UsageError(
        f"the runs of `{release}` were made with the model `{said}`, the bundle here has `{model}`",
        hint="bind runs to the bundle that made them",
    )


def _once(runs: Sequence[ImportedRun]) -> None:
    seen: dict[tuple[str, str, int], Place] = {}
    for run in runs:
        if (first := seen.setdefault((run.release, run.case, run.trial), run.place)) is not run.place:
            raise DocumentError(
                f"release `{run.release}` has case `{run.case}`, trial {run.trial} twice, first at {first}",
                hint="import runs of different dates apart",
                place=run.place,
            )


def _suite(name: str, imported: Imported) -> Suite | None:
    ran = {run.case for run in imported.runs}
    wanted = [case for case in imported.cases if case["id"] in ran] if imported.runs else list(imported.cases)
    if not wanted:
        return None
    cases = tuple(bind(Case, parse_json(json.dumps(_plain(case)), f"case {case['id']}")) for case in wanted)
    used = dict.fromkeys(piece for case in cases for piece in case.slices)
    slices = tuple(Slice(id=piece, title=imported.titles[piece], critical=True) for piece in used)
    return Suite(name, SuiteKind.REGRESSION, cases, slices, (Requirement(slice="*", margin=_MARGIN),))


def _plain(case: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in case.items() if value is not None}


def _suite_text(suite: Suite, sources: Sequence[SourceFile]) -> str:
    """YAML whose texts are quoted as in JSON, which YAML 1.2 reads alike."""
    quoted = partial(json.dumps, ensure_ascii=False)  # YAML joins no pair of `\\u` escapes into one character
    lines = [
        f"# Imported from {', '.join(quoted(one.name) for one in sources)}. The verdicts are those of the runs' own harness.",
        f"suite: {quoted(suite.name)}",
        f"kind: {suite.kind.value}",
        f"cases: [{quoted(f'cases/{suite.name}.jsonl')}]",
        "slices:",
    ]
    lines += [f"  - {{id: {quoted(s.id)}, title: {quoted(s.title)}, critical: true}}" for s in suite.slices]
    lines += ["requirements:", *[f"  - {{slice: {quoted(r.slice)}, margin: {r.margin}}}" for r in suite.requirements]]
    return "\n".join(lines) + "\n"


def _recorded(run: ImportedRun, order: Mapping[int, int]) -> dict[str, Any]:
    head: dict[str, Any] = {"case": run.case, "repeat": order[run.trial]}
    if run.status in ("error", "missing"):
        return head | {"status": "error", "detail": run.detail}
    output: dict[str, Any] = {"passed": run.passed} if run.passed is not None else {}
    if run.passed is None and run.score is not None:
        output["score"] = run.score
    if run.status == "not_applicable":
        output["status"] = "not_applicable"
    return head | {"reply": {"outcome": "answer", "text": "", **(run.reply or {}), "output": output}}


def _result(run: ImportedRun, order: Mapping[int, int], cases: Mapping[str, Case]) -> dict[str, Any]:
    row: dict[str, Any] = {"case": run.case, "slices": list(cases[run.case].slices), "trial": order[run.trial]}
    if (cluster := cases[run.case].cluster) is not None:
        row["cluster"] = cluster
    if run.status != "scored":
        return row | {"status": run.status}
    return row | ({"passed": run.passed} if run.passed is not None else {"score": run.score})


def _release(
    release: str,
    recording: str,
    results: str,
    runs: Sequence[ImportedRun],
    cases: Mapping[str, Case],
    scorers: Sequence[Scorer],
    ran_on: Mapping[str, Any],
    *,
    bound: bool,
) -> ImportedRelease:
    judged = [run for run in runs if run.status == "scored" and run.passed is not None]
    counts = {status: sum(run.status == status for run in runs) for status in ("error", "missing", "not_applicable")}
    return ImportedRelease(
        release=release,
        recording=recording,
        results=results,
        repeats=len({run.trial for run in runs}),
        replies=len(judged),
        passed=sum(bool(run.passed) for run in judged),
        broken=counts["error"],
        agreement=_agreement(judged, cases, scorers),
        graded=sum(run.status == "scored" and run.passed is None for run in runs),
        missing=counts["missing"],
        not_applicable=counts["not_applicable"],
        ran_on=ran_on,
        bound=bound,
    )


def _agreement(runs: Sequence[ImportedRun], cases: Mapping[str, Case], scorers: Sequence[Scorer]) -> Agreement | None:
    """Where our own scorers judge what the harness judged too: how often both say the same.

    Without scorers, what needs none is judged all the same: where no call is right, none was made.
    """
    if not scorers:
        silent = [(run, not (run.reply or {}).get("tool_calls")) for run in runs if cases[run.case].expect.tools == ()]
        other = tuple(run.case for run, right in silent if right != run.passed)
        return Agreement("tool_calls", len(silent) - len(other), len(silent), other) if silent else None
    agree, of, differ = 0, 0, []
    used: dict[str, None] = {}
    for run in runs:
        case, reply = cases[run.case], _reply_of(run)
        trial = Trial(run.case, run.trial, reply)
        scores = [
            score
            for scorer in scorers
            if scorer.name in _OWN
            and getattr(score := scorer.score(case, trial, reply), "state", None) is not Absent.NOT_APPLICABLE
        ]
        if not scores:
            continue
        used.update(dict.fromkeys(score.scorer for score in scores))
        of += 1
        if all(getattr(score, "passed", False) for score in scores) == run.passed:
            agree += 1
        else:
            differ.append(run.case)
    return Agreement(", ".join(used), agree, of, tuple(differ)) if of else None


_OWN = frozenset({"exact", "regex", "facts", "tool_calls"})


def _reply_of(run: ImportedRun) -> Reply:
    reply = run.reply or {}
    return Reply(
        outcome=reply.get("outcome", "answer"),
        text=reply.get("text", ""),
        tool_calls=tuple(reply.get("tool_calls", ())),
    )
