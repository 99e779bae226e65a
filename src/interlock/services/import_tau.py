"""Runs of a tool-calling agent against a simulated customer, as tau-bench and its derivatives publish them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from interlock.services.compare import UNNAMED
from interlock.services.import_calls import named_call
from interlock.services.imported import Findings, Imported, ImportedRun, SourceRow, runs_of

_ESCALATION = "escalation_due"
_MAPPED = frozenset({
    "run_id", "dataset", "release", "task_id", "trial", "passed", "slices", "messages", "stats", "in_full_set", "broken",
})  # fmt: skip
_WHY = {
    "instruction": "told to the simulated customer only; giving it to the target would give the task away",
    "expected_actions": "the harness judges the end state, which other calls may reach too; its verdict is kept",
    "expected_outputs": "judged by the harness, whose verdict is kept",
    "reward": "`passed` is kept",
    "reward_parts": "`passed` is kept",
    "failure": "a person's labels of the failure are no part of the reply",
}


def read_tau(rows: Sequence[SourceRow], tasks: Iterable[SourceRow], findings: Findings) -> Imported:
    """Agent runs `{run_id, task_id, trial, passed, slices, messages, stats, in_full_set}`.

    A task is a case: its input is the customer's opening line of the first run, its slice the intent, and tasks where
    handing over is due are in `escalation_due` too. A run is a reply: the last words of the agent and all its calls.
    """
    cases: dict[str, dict[str, Any]] = {}

    def read(row: SourceRow) -> ImportedRun | None:
        task = str(row.need("task_id", (str, int), "the id of the task"))
        messages = row.need("messages", list, "a list of messages")
        if row.value.get("slices") is None:
            intent, facets = UNNAMED, {}
            findings.note("unmapped", "runs without `slices`", f"nothing names a slice, so it is `{UNNAMED}`")
        else:
            facets = row.need("slices", dict, "an object")
            intent = facets.get("intent")
        if not isinstance(intent, str) or not intent:
            raise row.fault("slices", "`slices.intent` is missing", "it names the slice of the task")
        if row.value.get("in_full_set") is False:
            findings.note("left out", "extra runs", "`in_full_set` is false: they belong in no rate", str(row.place))
            return None
        opening = next((m.get("content") for m in messages if isinstance(m, dict) and m.get("role") == "user"), None)
        if not isinstance(opening, str) or not opening.strip():
            raise row.fault("messages", "no message of the customer", "a run starts with what was asked")
        dataset = row.value.get("dataset")
        case = f"{dataset if isinstance(dataset, str) and dataset else 'task'}-{task}"
        slices = [intent, *([_ESCALATION] if facets.get("expects_escalation") is True else [])]
        known = cases.setdefault(
            case,
            {
                "id": case,
                "input": opening,
                "slices": slices,
                "expect": {"recorded": True},
                "source": f"task {task} of {dataset or 'agent runs'}, imported from {row.place.file}",
            },
        )
        if known["slices"] != slices:
            raise row.fault("slices", f"task `{task}` has other slices than in an earlier run", "one task, one intent")
        if known["input"] != opening:
            findings.note(
                "unmapped", "other opening lines", "a case has one input: that of its first run", str(row.place)
            )
        findings.unmapped(row, _MAPPED, _WHY)
        if broken := row.value.get("broken"):
            return ImportedRun(
                row.release, case, row.trial, None, None, row.place, f"target crashed: {broken}", "error"
            )
        passed = _passed(row)
        return ImportedRun(row.release, case, row.trial, _reply(row, messages, passed), passed, row.place)

    runs = runs_of(rows, findings, read)
    findings.note("mapped", "`task_id`, first customer message", "the case and its input")
    findings.note("mapped", "`slices.intent`, `slices.expects_escalation`", f"slices; the latter as `{_ESCALATION}`")
    findings.note("mapped", "`passed`", "`output.passed` of the reply, judged by the scorer `recorded`")
    findings.note("mapped", "`messages[].tool_calls`, last assistant text, `stats.escalated`", "the reply")
    findings.note("unmapped", "`slices.write_kinds`, `slices.n_expected_writes`", "facets of the intent, no slices")
    findings.note("unmapped", "messages between the first and the last", "a reply keeps the last text and every call")
    findings.note("unmapped", "`stats` beside `escalated`", "counts of the conversation, no part of a reply")
    titles = {name: _title(name) for case in cases.values() for name in case["slices"]}
    name = next((v for row in rows if isinstance(v := row.value.get("dataset"), str) and v), "agent-runs")
    return Imported(name, tuple(cases.values()), titles, tuple(runs))


def _passed(row: SourceRow) -> bool:
    """`passed`, or what tau-bench makes of `reward`: a task is done whole, or it is not."""
    reward = row.value.get("reward")
    if "passed" not in row.value and isinstance(reward, int | float) and not isinstance(reward, bool):
        return abs(reward - 1) <= 1e-6
    return bool(row.need("passed", bool, "true or false"))


def _title(name: str) -> str:
    return "Handing over is due" if name == _ESCALATION else f"Intent: {name.replace('_', ' ')}"


def _reply(row: SourceRow, messages: Sequence[Any], passed: bool) -> Mapping[str, Any]:
    spoken = [message for message in messages if isinstance(message, dict)]
    failed = {m.get("tool_call_id") for m in spoken if m.get("role") == "tool" and m.get("is_error") is True}
    own = [message for message in spoken if message.get("role") == "assistant"]
    texts = [text for message in own if isinstance(text := message.get("content"), str) and text]
    stats = row.value.get("stats")
    calls = []
    for call in (call for message in own for call in message.get("tool_calls") or ()):
        name, arguments = named_call(call)
        if name is None:
            raise row.fault("messages", "a tool call without a name", "each call has `name` and `arguments`")
        if arguments is None:
            raise row.fault("messages", f"the arguments of `{name}` are no object", "arguments are an object")
        made = {"tool": name, "arguments": arguments, "status": "executed"}
        calls.append(made | ({"is_error": True} if call.get("id") in failed and call.get("id") is not None else {}))
    return {
        "outcome": "escalate" if isinstance(stats, dict) and stats.get("escalated") is True else "answer",
        "text": texts[-1] if texts else "",
        "tool_calls": calls,
        "output": {"passed": passed},
        "calls": max(1, len(own)),
    }
