"""Runs and answers in the shapes that their harnesses write themselves, and with fewer keys than ours have."""

import json
from pathlib import Path
from typing import Any

import pytest

from interlock.core.errors import UsageError
from interlock.services.import_runs import import_runs
from interlock.services.result_rows import read_results


def put(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value) if not isinstance(value, str) else value, "utf-8")
    return path


def rows(out: Path, name: str) -> list[tuple[str, str, str, float | None]]:
    found = read_results((out / f"results/{name}.jsonl").read_bytes(), "r.jsonl").rows
    return [(row.case, row.trial, row.status, row.value) for row in found]


TALK = [
    {"role": "system", "content": "policy"},
    {"role": "user", "content": "take it back"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"id": 3}'}}]},
    {"role": "tool", "tool_call_id": "1", "name": "look", "content": "found"},
    {"role": "assistant", "content": "Done."},
]  # fmt: skip


def test_what_tau_bench_writes(tmp_path: Path) -> None:
    value = [
        {"task_id": task, "trial": trial, "reward": float(task == trial), "info": {"task": {"instruction": "x"}}, "traj": TALK}
        for task in (0, 1) for trial in (0, 1)
    ]  # fmt: skip
    value.append({"task_id": 2, "trial": 0, "reward": 0.0, "info": {"error": "rate limit"}, "traj": []})
    report = import_runs(None, [put(tmp_path / "gpt.json", value)], tmp_path / "out")
    assert (report.format, report.slices) == ("tau", {"all": 3})
    assert rows(tmp_path / "out", "gpt") == [
        ("tau-0", "0", "scored", 1.0), ("tau-0", "1", "scored", 0.0), ("tau-1", "0", "scored", 0.0),
        ("tau-1", "1", "scored", 1.0), ("tau-2", "0", "error", None),
    ]  # fmt: skip
    line = (tmp_path / "out/recordings/gpt.jsonl").read_text("utf-8").splitlines()[1]
    assert json.loads(line)["reply"]["tool_calls"] == [{"tool": "look", "arguments": {"id": 3}, "status": "executed"}]


def test_what_tau2_bench_writes(tmp_path: Path) -> None:
    def simulation(task: str, reward: float | None, ended: str) -> dict[str, Any]:
        judged = None if reward is None else {"reward": reward}
        return {
            "id": task,
            "task_id": task,
            "trial": 0,
            "messages": TALK[1:],
            "reward_info": judged,
            "termination_reason": ended,
        }

    value = {
        "info": {"agent_info": {"llm": "model-x"}, "environment_info": {"domain_name": "retail"}}, "tasks": [],
        "simulations": [simulation("a", 1.0, "user_stop"), simulation("b", 0.0, "max_steps"), simulation("c", 0.0, "user_error"), simulation("d", None, "user_stop")],
    }  # fmt: skip
    report = import_runs(None, [put(tmp_path / "sim.json", value)], tmp_path / "out")
    assert report.releases[0].release == "model-x"
    assert [(case, status) for case, _, status, _ in rows(tmp_path / "out", "model-x")] == [
        ("tau2-retail-a", "scored"), ("tau2-retail-b", "scored"), ("tau2-retail-c", "error"), ("tau2-retail-d", "error"),
    ]  # fmt: skip


def test_answers_with_fewer_keys_than_ours(tmp_path: Path) -> None:
    tasks = put(
        tmp_path / "tasks.jsonl",
        "".join(
            json.dumps({"task_id": n, "category": "live", "messages": TALK[1:2], "tools": []}) + "\n" for n in "ab"
        ),
    )
    nested = [{"function": {"name": "area", "arguments": '{"base": 3}'}}]
    answers = put(
        tmp_path / "new-model.jsonl",
        "".join(json.dumps({"task_id": n, "passed": n == "a", "calls": nested}) + "\n" for n in "ab"),
    )
    report = import_runs(None, [answers], tmp_path / "out", tasks=tasks)
    assert (report.format, report.slices, report.releases[0].release) == ("bfcl", {"live": 2}, "new-model")
    assert (report.releases[0].passed, report.releases[0].agreement) == (1, None)
    with pytest.raises(UsageError, match="keeps its tasks apart"):
        import_runs(None, [answers], tmp_path / "none")
