"""OpenAI evals: samples (JSON Lines), the registry (YAML) that says how they are judged, and the log of a run.

Source: github.com/openai/evals, docs/build-eval.md, evals/record.py and evals/elsuite/basic.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.core.document import Document
from interlock.core.errors import DocumentError, UsageError
from interlock.services.compare import UNNAMED
from interlock.services.import_cases import WHY_REFERENCE, Slicer, Wanted, digest_name, label, literal, titles_of
from interlock.services.import_options import ImportOptions
from interlock.services.import_source import SourceFile
from interlock.services.imported import Findings, Imported, ImportedRun

_BASIC = "evals.elsuite.basic."


def fits(source: SourceFile) -> bool:
    """Whether a file is plainly one of OpenAI evals."""
    if source.shape == "yaml":
        value = source.document.value
        return isinstance(value, dict) and any(
            isinstance(one, dict) and str(one.get("class", "")).startswith("evals.") for one in value.values()
        )
    if source.shape not in ("json", "jsonl"):
        return False
    first = source.document if source.shape == "json" else next(source.rows(), None)
    value = first.value if first is not None else None
    if not isinstance(value, dict):
        return False
    return {"input", "ideal"} <= value.keys() or (isinstance(value.get("spec"), dict) and "eval_name" in value["spec"])


def read_openai_evals(sources: Sequence[SourceFile], options: ImportOptions, findings: Findings) -> Imported:
    """Samples become cases, judged as the registry says; the log of a run becomes a recording."""
    judge, name = _registry([one for one in sources if one.shape == "yaml"], findings)
    logs: list[tuple[SourceFile, Sequence[Document]]] = []
    samples: list[tuple[SourceFile, Sequence[Document]]] = []
    for source in sources:
        if source.shape == "yaml":
            continue
        rows = list(source.rows()) if source.shape == "jsonl" else [source.document]
        if not rows:
            raise UsageError(f"`{source.name}` is empty", hint="an empty run proves nothing")
        (logs if isinstance(rows[0].value, dict) and "spec" in rows[0].value else samples).append((source, rows))
    if logs and samples:
        raise UsageError(
            "samples and the log of a run in one import", hint="the log holds its samples; import it alone"
        )
    if logs:
        return _runs(logs, options, findings)
    if not samples:
        raise UsageError("a registry without samples", hint="name the file of samples too")
    slicer = Slicer(options)
    cases: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []
    seen: dict[str, Document] = {}
    for source, lines in samples:
        for row in lines:
            try:
                case, complete = _case(row, judge, options, slicer, findings, source.name)
            except DocumentError as error:
                findings.refuse(error)
                continue
            if case["id"] in seen:
                first = seen[case["id"]].place()
                raise row.error((), f"the sample occurs twice, first at {first}", hint="remove one")
            seen[case["id"]] = row
            if complete:
                cases.append(case)
            else:
                waiting.append(case | {"why": "the sample does not say how its ideal answer judges"})
    slicer.report(findings)
    findings.note("mapped", "`input`", "the input, or messages")
    return Imported(name or samples[0][0].stem, tuple(cases), titles_of([*cases, *waiting]), (), {}, tuple(waiting))


def _registry(sources: Sequence[SourceFile], findings: Findings) -> tuple[str, str]:
    """Class of the eval that the registry describes, with `:ignore_case` where it says so, and its name."""
    found: dict[str, str] = {}
    for source in sources:
        value = source.document.value
        for name, one in value.items() if isinstance(value, dict) else ():
            if isinstance(one, dict) and isinstance(one.get("class"), str):
                given = one.get("args")
                arguments = given if isinstance(given, dict) else {}
                found[one["class"] + (":ignore_case" if arguments.get("ignore_case") is True else "")] = name
                for key in arguments.keys() - {"samples_jsonl", "ignore_case"}:
                    findings.note(
                        "unmapped", f"`args.{key}` of the registry", "how the eval is run, not what it expects"
                    )
    if len(found) > 1:
        raise UsageError(f"the registry has {len(found)} evals", hint="keep the one that the samples are for")
    return next(iter(found.items()), ("", ""))


def _case(
    row: Document, judge: str, options: ImportOptions, slicer: Slicer, findings: Findings, file: str
) -> tuple[dict[str, Any], bool]:
    value = row.value
    if not isinstance(value, dict):
        raise row.error((), "a sample is an object", hint='such as `{"input": …, "ideal": …}`')
    wanted = Wanted()
    ideal = value.get("ideal")
    answers = [ideal] if isinstance(ideal, str) else ideal if isinstance(ideal, list) else []
    if not answers or not all(isinstance(one, str) and one.strip() for one in answers):
        raise row.error(("ideal",), "`ideal` is a text or a list of texts", hint="say what a good answer is")
    kind = judge.removesuffix(":ignore_case").removeprefix(_BASIC)
    if kind == "includes:Includes":
        wanted.fact(*answers)
        findings.note(
            "mapped", "`ideal` under Includes", "`facts`, which ignore case; find no number inside a longer one"
        )
    elif kind == "match:Match":
        wanted.only("regex", "^(?:" + "|".join(literal(one) for one in answers) + ")")
        findings.note("mapped", "`ideal` under Match", "`regex`, anchored at the start")
    elif wanted.reference(options, answers):
        findings.note("mapped", "`ideal`", f"`{options.reference}`, as asked")
    else:
        why = f"`{judge}` has no counterpart; {WHY_REFERENCE}" if judge else WHY_REFERENCE
        findings.note("unmapped", "`ideal`", why, str(row.place()))
    for key in value.keys() - {"input", "ideal", "metadata", "id", "sample_id"}:
        findings.note("unmapped", f"`{key}`", "no counterpart", str(row.place()))
    own = value.get("id", value.get("sample_id"))
    case: dict[str, Any] = {
        "id": label(str(own)) if isinstance(own, str | int) and str(own).strip() else digest_name(value.get("input")),
        **_asked(row, value.get("input")),
        "slices": slicer.of(value.get("metadata") if isinstance(value.get("metadata"), dict) else None),
        "expect": wanted.to_json(recorded=False),
        "source": f"OpenAI evals sample, imported from {file}",
    }
    if wanted.empty:
        case["context"] = {"reference": answers}
    return case, not wanted.empty


def _asked(row: Document, asked: Any) -> dict[str, Any]:
    if isinstance(asked, str) and asked.strip():
        return {"input": asked}
    if (
        isinstance(asked, list)
        and asked
        and all(isinstance(one, dict) and isinstance(one.get("role"), str) for one in asked)
    ):
        return {"messages": asked}
    raise row.error(("input",), "`input` is a text or messages", hint="say what the target is asked")


def _runs(
    logs: Sequence[tuple[SourceFile, Sequence[Document]]], options: ImportOptions, findings: Findings
) -> Imported:
    cases: dict[str, dict[str, Any]] = {}
    runs: list[ImportedRun] = []
    ran_on: dict[str, Any] = {}
    name = ""
    for source, rows in logs:
        spec = rows[0].value["spec"]
        name = str(spec.get("base_eval") or spec.get("eval_name") or source.stem)
        for row in rows:
            if not isinstance(row.value, dict):
                raise row.error((), "an event is no object", hint="is this the log of a run?")
        report = next((row for row in rows if "final_report" in row.value), None)
        if report is None:
            raise rows[-1].error(
                (), "the log has no `final_report`: the run did not end", hint="run it again to its end"
            )
        models = spec.get("completion_fns")
        release = label(str(models[0])) if isinstance(models, list) and models else source.stem
        if release in ran_on:
            raise rows[0].error((), f"two logs of `{release}`", hint="import each on its own, with `--release`")
        ran_on[release] = {
            "tool": "openai/evals", "model": release, "run": spec.get("run_id"), "created": spec.get("created_at"),
            "config": digest_name(spec.get("run_config")).removeprefix("case-"),
        }  # fmt: skip
        own = _events(source, rows, release, cases, findings)
        _whole(report, own)
        runs += own
    if not runs:
        raise UsageError(
            "the log has no `match` event, so nothing was judged", hint="evals of a basic class write them"
        )
    findings.note("mapped", "`match` events", "the recorded verdict")
    findings.note("mapped", "`sampling` events", "the input and the reply")
    return Imported(name, tuple(cases.values()), titles_of(list(cases.values())), tuple(runs), ran_on)


def _whole(report: Document, runs: Sequence[ImportedRun]) -> None:
    """Refuse a log whose events do not add up to its report: the recorder may write the report first."""
    said = report.value["final_report"]
    accuracy = said.get("accuracy") if isinstance(said, dict) else None
    judged = [run for run in runs if run.passed is not None]
    if isinstance(accuracy, int | float) and judged:
        seen = sum(bool(run.passed) for run in judged) / len(judged)
        if abs(accuracy - seen) > 1e-9:
            raise report.error(
                (), f"the report says an accuracy of {accuracy:.4f}, the events come to {seen:.4f}",
                hint="the log is cut off or edited; run it again",
            )  # fmt: skip


def _events(
    source: SourceFile, rows: Sequence[Document], release: str, cases: dict[str, dict[str, Any]], findings: Findings
) -> list[ImportedRun]:
    sampled: dict[str, Mapping[str, Any]] = {}
    judged: dict[str, tuple[Document, Mapping[str, Any]]] = {}
    broke: dict[str, tuple[Document, str]] = {}
    for row in rows[1:]:
        value = row.value
        kind, sample = value.get("type"), value.get("sample_id")
        data = value.get("data") if isinstance(value.get("data"), dict) else {}
        if sample is None:
            continue
        if kind == "sampling":
            sampled[str(sample)] = data
        elif kind == "match":
            if str(sample) in judged:
                raise row.error((), f"sample `{sample}` was judged twice", hint="is this the log of one run?")
            judged[str(sample)] = (row, data)
        elif kind == "error":
            broke[str(sample)] = (row, str(data.get("message") or data.get("type") or "error"))
        else:
            findings.note("unmapped", f"`{kind}` events", "no counterpart", "")
    found = []
    for sample in dict.fromkeys([*judged, *broke, *sampled]):
        case, said = label(sample), sampled.get(sample, {})
        prompt = said.get("prompt")
        asked: dict[str, Any] = {"input": prompt} if isinstance(prompt, str) else {}
        if isinstance(prompt, list) and prompt and all(isinstance(one, dict) for one in prompt):
            asked = {"messages": prompt}
        cases.setdefault(
            case,
            {
                "id": case, **asked, "slices": [UNNAMED],
                "expect": {"recorded": True}, "source": f"sample {sample} of OpenAI evals, imported from {source.name}",
            },
        )  # fmt: skip
        if sample in judged:
            row, data = judged[sample]
            if not isinstance(data.get("correct"), bool):
                findings.refuse(row.error((), "a `match` event without `correct`", hint="is the file whole?"))
                continue
            text = data.get("sampled", said.get("sampled"))
            text = text[0] if isinstance(text, list) and text else text
            reply = {"outcome": "answer", "text": text if isinstance(text, str) else ""}
            found.append(ImportedRun(release, case, 0, reply, data["correct"], row.place()))
        elif sample in broke:
            row, why = broke[sample]
            found.append(
                ImportedRun(release, case, 0, None, None, row.place(), f"target crashed: {why}"[:500], "error")
            )
        else:
            found.append(
                ImportedRun(
                    release, case, 0, None, None, source.place, "no score: it was asked, never judged", "missing"
                )
            )
    return found
