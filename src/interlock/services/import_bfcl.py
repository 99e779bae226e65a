"""Function-calling answers of several releases with the tasks they answer, as of the Berkeley leaderboard (BFCL)."""

from collections.abc import Iterable, Sequence
from typing import Any

from interlock.core.errors import UsageError
from interlock.services.compare import UNNAMED
from interlock.services.import_calls import named_call
from interlock.services.imported import Findings, Imported, ImportedRun, SourceRow, runs_of

_TITLES = {
    "one_call": "One call of the one tool offered",
    "choose_tool": "One call of the right one of several tools",
    "several_calls": "Several calls of one tool",
    "choose_several": "Several calls of several tools",
    "must_not_call": "No tool fits, so none may be called",
}
_MAPPED = frozenset({"release", "task_id", "slice", "passed", "calls", "text", "trial"})
_WHY = {
    "latency_s": "a recorded reply has no clock; compare it outside",
    "input_tokens": "a recorded reply has a cost in money only",
    "output_tokens": "a recorded reply has a cost in money only",
    "error": "the harness's reason; its verdict is kept",
    "error_type": "the harness's reason; its verdict is kept",
    "run_date": "when the release was run; keep runs of different dates in files of their own",
}


def read_bfcl(rows: Sequence[SourceRow], tasks: Iterable[SourceRow], findings: Findings) -> Imported:
    """Answers `{release, task_id, slice, passed, calls, text}` and tasks `{task_id, slice, messages, tools}`.

    A task is a case: its messages, its slice, the offered tools in the context. Where no call is right
    (`expects_call` false) the case also expects `tools: []`, so that `tool_calls` judges it apart from the harness.
    """
    cases: dict[str, dict[str, Any]] = {}
    for task in tasks:
        name = str(task.need("task_id", (str, int), "the id of the task"))
        if name in cases:
            raise task.fault("task_id", f"task `{name}` occurs twice", "keep one")
        expects = task.value.get("expects_call")
        if expects is not None and not isinstance(expects, bool):
            raise task.fault("expects_call", f"`expects_call` is `{expects}`", "true or false; leave it out if unknown")
        if expects is None:
            findings.note("unmapped", "tasks without `expects_call`", "the harness's verdict alone judges them", name)
        never = expects is False
        cases[name] = {
            "id": name,
            "messages": task.need("messages", list, "a list of messages"),
            "slices": _slices(task),
            "expect": {"recorded": True} | ({"tools": []} if never else {}),
            "source": f"task {name} of BFCL, imported from {task.place.file}",
            "context": {"tools": task.need("tools", list, "a list of tool schemas")},
        }
        if task.value.get("expected") is not None:
            why = "a list of accepted values by parameter; `tools` asks for one; the harness's verdict is kept"
            findings.note("unmapped", "`expected`", why, name)
        if task.value.get("text_changed_since_scoring"):
            why = "the recorded verdict is about an earlier wording; imported all the same"
            findings.note("unmapped", "tasks reworded since", why, name)
    if not cases:
        raise UsageError("no task to import answers for", hint="give the file of tasks with `--tasks`")
    answered: set[str] = set()

    def read(row: SourceRow) -> ImportedRun:
        task = str(row.need("task_id", (str, int), "the id of the task"))
        if task not in cases:
            raise row.fault("task_id", f"no task `{task}`", "give the tasks that these answers are for")
        if row.value.get("slice") not in (None, *cases[task]["slices"]):
            raise row.fault("slice", f"task `{task}` is in another slice", "answers and tasks must agree")
        passed = row.need("passed", bool, "true or false")
        findings.unmapped(row, _MAPPED, _WHY)
        answered.add(task)
        calls, text = row.value.get("calls"), row.value.get("text")
        if calls is None and text is None:
            return ImportedRun(
                row.release, task, row.trial, None, None, row.place,
                "reply in another shape: neither calls nor text", "error",
            )  # fmt: skip
        return ImportedRun(row.release, task, row.trial, _reply(row, calls, text, passed), passed, row.place)

    runs = runs_of(rows, findings, read)
    for name in cases:
        if name not in answered:
            findings.note("left out", "tasks without an answer", "no release answered them", name)
    findings.note("mapped", "`task_id`, `messages`, `slice`", "the case, its messages and its slice")
    findings.note("mapped", "`tools`", "`context.tools`, what a live target may offer")
    findings.note("mapped", "`expects_call: false`", "`tools: []`, judged by the scorer `tool_calls` too")
    findings.note("mapped", "`passed`", "`output.passed` of the reply, judged by the scorer `recorded`")
    findings.note("mapped", "`calls`, `text`", "the reply; calls are `proposed`, since nothing ran them")
    kept = tuple(case for name, case in cases.items() if name in answered)
    titles = {name: _TITLES.get(name, name) for case in kept for name in case["slices"]}
    return Imported("bfcl", kept, titles, tuple(runs))


def _slices(task: SourceRow) -> list[str]:
    """`slice`, or the harness's own `category`; `all` where neither is there."""
    key = "slice" if "slice" in task.value or "category" not in task.value else "category"
    return [task.need(key, str, "the name of a slice")] if key in task.value else [UNNAMED]


def _reply(row: SourceRow, calls: Any, text: Any, passed: bool) -> dict[str, Any]:
    if calls is not None and not isinstance(calls, list):
        raise row.fault("calls", "`calls` is no list", "a list of `{name, arguments}`, or null")
    made = []
    for call in calls or ():
        name, arguments = named_call(call)
        if name is None:
            raise row.fault("calls", "a call without a name", "each call has `name` and `arguments`")
        if arguments is None:
            raise row.fault("calls", f"the arguments of `{name}` are no object", "arguments are an object")
        made.append({"tool": name, "arguments": arguments, "status": "proposed"})
    if text is not None and not isinstance(text, str):
        raise row.fault("text", "`text` is no text", "a text, or null")
    return {"outcome": "answer", "text": text or "", "tool_calls": made, "output": {"passed": passed}}
