"""Logs of Inspect: `.json`, and `.eval`, a zip archive of JSON files.

Source: inspect.aisi.org.uk/eval-logs.html and the logs of inspect_ai 0.3.285.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from interlock.core.document import Document
from interlock.core.errors import DocumentError, UsageError
from interlock.core.json_text import parse_json
from interlock.core.source import Path, decoded
from interlock.services.import_cases import Slicer, Wanted, digest_name, label, titles_of
from interlock.services.import_options import ImportOptions
from interlock.services.import_source import SourceFile, strict_text
from interlock.services.import_zip import Archive
from interlock.services.imported import Findings, Imported, ImportedRun

_GRADES: Mapping[str, float] = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
_MAPPED = frozenset({
    "id", "epoch", "input", "target", "messages", "output", "scores", "metadata", "error", "limit", "uuid",
})  # fmt: skip
_WHY = {
    "events": "the transcript; the reply keeps the last text and every call",
    "events_data": "the transcript; the reply keeps the last text and every call",
    "attachments": "the transcript; the reply keeps the last text and every call",
    "timelines": "the transcript; the reply keeps the last text and every call",
    "model_usage": "a recorded reply has a cost in money only",
    "role_usage": "a recorded reply has a cost in money only",
    "total_time": "a recorded reply has no clock; compare it outside",
    "working_time": "a recorded reply has no clock; compare it outside",
    "error_retries": "how often Inspect asked again is its own affair",
}


def fits(source: SourceFile) -> bool:
    """Whether a file is plainly a log of Inspect."""
    if source.shape == "zip":
        archive = Archive(source.plain, source.name)
        return "header.json" in archive or "_journal/start.json" in archive
    if source.shape != "json" or not isinstance(source.document.value, dict):
        return False
    value = source.document.value
    return {"status", "eval"} <= value.keys() and isinstance(value["eval"], dict) and "task" in value["eval"]


def read_inspect(sources: Sequence[SourceFile], options: ImportOptions, findings: Findings) -> Imported:
    """Samples become cases, epochs repeats, the model the release. A log that is not a success is refused."""
    cases: dict[str, dict[str, Any]] = {}
    runs: list[ImportedRun] = []
    ran_on: dict[str, dict[str, Any]] = {}
    slicer = Slicer(options)
    tasks: dict[str, None] = {}
    for source in sources:
        header, samples = _log(source)
        known = _succeeded(header)
        tasks[known["task"]] = None
        release = known["model"]
        if release in ran_on:
            raise header.error(
                ("eval", "model"), f"two logs of the model `{release}`", hint="import each on its own, with `--release`"
            )
        ran_on[release] = {key: value for key, value in known.items() if value is not None}
        scorer = _scorer(header, options)
        seen = 0
        for document, path, sample in samples:
            seen += 1
            try:
                run = _sample(document, path, sample, release, scorer, cases, slicer, options, findings, source.name)
            except DocumentError as error:
                findings.refuse(error)
                continue
            runs.append(run)
        _whole(header, seen)
    slicer.report(findings)
    if runs and all(run.status == "error" for run in runs):
        raise UsageError("every sample of the run is an error", hint="a run that did not succeed proves nothing")
    findings.note("mapped", "`id`, `input`, `choices`", "the case and its input")
    findings.note("mapped", "`metadata`", "slices, where a key is named for it")
    findings.note("mapped", "`epoch`", "the repeat")
    findings.note("mapped", "`scores`", "the recorded verdict: C is a pass, I and N are none; P and numbers are grades")
    findings.note("mapped", "`output`, `messages`", "the reply: the completion and every tool call")
    name = next(iter(tasks)).rpartition("/")[2] if len(tasks) == 1 else "inspect"
    return Imported(name, tuple(cases.values()), titles_of(list(cases.values())), tuple(runs), ran_on)


def _log(source: SourceFile) -> tuple[Document, Iterator[tuple[Document, Path, Mapping[str, Any]]]]:
    if source.shape == "json":
        document = source.document
        samples = document.value.get("samples")
        if not isinstance(samples, list):
            raise document.error((), "the log has no samples", hint="run `inspect eval` with `--log-samples`")
        return document, ((document, ("samples", number), one) for number, one in enumerate(samples))
    archive = Archive(source.plain, source.name)
    if "header.json" not in archive:
        raise DocumentError(
            "the log has no `header.json`: the run was cut off before it ended",
            hint="finish it with `inspect eval-retry`",
            place=source.place,
        )
    names = [name for name in archive.names() if name.startswith("samples/") and name.endswith(".json")]

    def read() -> Iterator[tuple[Document, Path, Mapping[str, Any]]]:
        for name in names:
            document = _member(archive, name, source.name)
            yield document, (), document.value

    return _member(archive, "header.json", source.name), read()


def _member(archive: Archive, name: str, file: str) -> Document:
    where = f"{file}/{name}"
    return parse_json(strict_text(decoded(archive.read(name), where)), where)


def _succeeded(header: Document) -> dict[str, Any]:
    value = header.value
    about = value.get("eval") if isinstance(value, dict) else None
    if not isinstance(about, dict) or not isinstance(about.get("task"), str) or not isinstance(about.get("model"), str):
        raise header.error(("eval",), "the log does not say which task and model ran", hint="is the file whole?")
    if (status := value.get("status")) != "success":
        error = value.get("error")
        why = f": {error['message']}" if isinstance(error, dict) and isinstance(error.get("message"), str) else ""
        raise header.error(
            ("status",),
            f"the run is `{status}`, not a success{why}"[:300],
            hint="finish it with `inspect eval-retry`; a run that did not succeed proves nothing",
        )
    if value.get("invalidated") is True:
        raise header.error(("invalidated",), "the log was marked invalid", hint="run it again")
    packages = about.get("packages")
    version = packages.get("inspect_ai") if isinstance(packages, dict) else None
    settings = {
        key: about.get(key) for key in ("task_args", "model_args", "model_generate_config", "config", "scorers")
    }
    settings["plan"] = value.get("plan")
    return {
        "tool": f"inspect_ai {version}" if version else "inspect_ai",
        "task": about["task"],
        "model": about["model"],
        "created": about.get("created"),
        "run": about.get("run_id"),
        "config": digest_name(settings).removeprefix("case-"),
        "revision": about["revision"].get("commit") if isinstance(about.get("revision"), dict) else None,
    }


def _whole(header: Document, seen: int) -> None:
    results = header.value.get("results")
    total = results.get("total_samples") if isinstance(results, dict) else None
    if seen == 0:
        raise header.error((), "the log has no samples", hint="an empty run proves nothing")
    if isinstance(total, int) and total != seen:
        raise header.error(
            ("results", "total_samples"),
            f"the run had {total} samples, the log holds {seen}",
            hint="is the file whole?",
        )


def _scorer(header: Document, options: ImportOptions) -> tuple[str, ...]:
    results = header.value.get("results")
    scores = results.get("scores") if isinstance(results, dict) else None
    rows = scores if isinstance(scores, list) else []
    names = list(
        dict.fromkeys(str(one["name"]) for one in rows if isinstance(one, dict) and isinstance(one.get("name"), str))
    )
    if options.scorers:
        missing = [name for name in options.scorers if name not in names]
        if missing:
            raise UsageError(f"the log has no scorer `{missing[0]}`", hint=f"scorers: {', '.join(names) or 'none'}")
        return options.scorers
    if len(names) > 1:
        raise UsageError(
            f"the log has {len(names)} scorers: {', '.join(names)}", hint="say which decide, with `--scorer NAME`"
        )
    if not names:
        raise header.error(("results",), "nothing scored this run", hint="run `inspect score` on it first")
    return tuple(names)


def _sample(
    document: Document,
    path: Path,
    sample: Any,
    release: str,
    scorers: Sequence[str],
    cases: dict[str, dict[str, Any]],
    slicer: Slicer,
    options: ImportOptions,
    findings: Findings,
    file: str,
) -> ImportedRun:
    if not isinstance(sample, dict) or not isinstance(sample.get("id"), str | int) or isinstance(sample["id"], bool):
        raise document.error(path, "a sample without `id`", hint="is the file whole?")
    epoch = sample.get("epoch")
    if not isinstance(epoch, int) or isinstance(epoch, bool) or epoch < 1:
        raise document.error((*path, "epoch"), "`epoch` counts from 1", hint="is the file whole?")
    case = label(str(sample["id"]))
    if not case:
        raise document.error((*path, "id"), "the id of the sample is blank", hint="name the samples")
    made = _case(document, path, sample, case, scorers, slicer, options, findings, file)
    known = cases.setdefault(case, made)
    if {**known, "source": ""} != {**made, "source": ""}:
        raise document.error(path, f"sample `{case}` differs from its earlier epoch", hint="one sample is one thing")
    for key, value in sample.items():
        if key not in _MAPPED and value not in (None, {}, [], 0):
            findings.note("unmapped", f"`{key}`", _WHY.get(key, "no counterpart"), "")
    place = document.place(path)
    if sample.get("error") is not None:
        error = sample["error"]
        says = error.get("message") if isinstance(error, dict) else error
        return ImportedRun(release, case, epoch - 1, None, None, place, f"target crashed: {says}"[:500], "error")
    reply = _reply(document, path, sample)
    if sample.get("limit"):
        findings.note("unmapped", "`limit`", "the sample ran into a limit; its score is kept", f"{case}, epoch {epoch}")
    scores = sample.get("scores")
    if not isinstance(scores, dict) or not scores:
        return ImportedRun(
            release, case, epoch - 1, None, None, place, "no score: the sample was not scored", "missing"
        )
    grades = []
    for name in scorers:
        own = scores.get(name)
        grade = _grade(own.get("value") if isinstance(own, dict) else None)
        if grade is None:
            detail = f"no score: `{name}` gave no grade in [0, 1]"
            return ImportedRun(release, case, epoch - 1, None, None, place, detail, "error")
        grades.append(grade)
    for name in scores.keys() - set(scorers):
        findings.note("unmapped", f"score `{name}`", "`--scorer` names others", "")
    worst = min(grades)
    passed = options.passed(worst) if worst not in (0.0, 1.0) else worst == 1.0
    return ImportedRun(release, case, epoch - 1, reply, passed, place, score=worst)


def _grade(value: Any) -> float | None:
    if isinstance(value, str):
        return _GRADES.get(value)
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float) and 0 <= value <= 1:
        return float(value)
    return None


def _case(
    document: Document,
    path: Path,
    sample: Mapping[str, Any],
    name: str,
    scorers: Sequence[str],
    slicer: Slicer,
    options: ImportOptions,
    findings: Findings,
    file: str,
) -> dict[str, Any]:
    asked, target = sample.get("input"), sample.get("target")
    targets = [target] if isinstance(target, str) else target if isinstance(target, list) else []
    answers = [one for one in targets if isinstance(one, str) and one.strip()]
    wanted = Wanted()
    if tuple(scorers) == ("includes",) and answers:
        wanted.fact(*answers)
        findings.note("mapped", "`target` under `includes`", "`facts`, which find no number inside a longer one")
    elif answers:
        wanted.complete = wanted.reference(options, answers)
        if not wanted.complete:
            findings.note("unmapped", "`target`", "judged by Inspect's own scorer, whose verdict is kept", "")
    made: dict[str, Any] = {
        "id": name,
        "slices": slicer.of(sample.get("metadata") if isinstance(sample.get("metadata"), dict) else None),
        "expect": wanted.to_json(recorded=True),
        "source": f"Inspect sample {name}, imported from {file}",
    }
    if isinstance(asked, str):
        made["input"] = asked
    elif isinstance(asked, list) and asked and all(isinstance(one, dict) for one in asked):
        made["messages"] = [{"role": one.get("role"), "content": _text(one.get("content"))} for one in asked]
    else:
        raise document.error((*path, "input"), "`input` is neither a text nor messages", hint="is the file whole?")
    if isinstance(sample.get("choices"), list):
        made["context"] = {"choices": sample["choices"]}
    return made


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(one["text"] for one in parts if isinstance(one, dict) and isinstance(one.get("text"), str))


def _reply(document: Document, path: Path, sample: Mapping[str, Any]) -> dict[str, Any]:
    output = sample.get("output")
    output = output if isinstance(output, dict) else {}
    text = output.get("completion")
    if not isinstance(text, str):
        choices = output.get("choices")
        first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        message = first.get("message")
        text = _text(message.get("content")) if isinstance(message, dict) else ""
    calls = []
    messages = sample.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, dict) or message.get("role") != "assistant":
            continue
        made = message.get("tool_calls")
        if made is not None and not isinstance(made, list):
            raise document.error((*path, "messages"), "`tool_calls` is no list", hint="is the file whole?")
        for call in made or ():
            if not isinstance(call, dict) or not isinstance(call.get("function"), str):
                raise document.error((*path, "messages"), "a tool call without `function`", hint="is the file whole?")
            arguments = call.get("arguments")
            calls.append(
                {
                    "tool": call["function"],
                    "arguments": arguments if isinstance(arguments, dict) else {},
                    "status": "executed",
                }
            )
    asked = sum(
        1
        for one in (messages if isinstance(messages, list) else ())
        if isinstance(one, dict) and one.get("role") == "assistant"
    )
    return {"outcome": "answer", "text": text, "tool_calls": calls, "calls": max(1, asked)}
