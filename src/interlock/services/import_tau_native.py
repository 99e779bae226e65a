"""What tau-bench and tau2-bench write themselves, as the rows that `import_tau` reads.

Source: github.com/sierra-research/tau-bench (run.py) and tau2-bench (data_model/simulation.py).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from interlock.core.document import Document
from interlock.core.errors import DocumentError, Place
from interlock.core.source import Path
from interlock.services.import_source import SourceFile, objects_of
from interlock.services.result_rows import Fault

_BROKEN = frozenset({"user_error", "infrastructure_error", "agent_error", "unexpected_error"})
"""Ends of a tau2 simulation that say nothing of the agent's answer: something on the way gave way."""


def native_tau(source: SourceFile) -> bool:
    """Whether a file is a result of tau-bench or tau2-bench itself."""
    if source.shape != "json":
        return False
    value = source.document.value
    if isinstance(value, dict):
        return isinstance(value.get("simulations"), list)
    return (
        isinstance(value, list)
        and bool(value)
        and isinstance(value[0], dict)
        and {"task_id", "traj"} <= value[0].keys()
    )


def native_rows(source: SourceFile) -> Iterator[tuple[Mapping[str, Any], Fault, Place]] | None:
    """Their runs as rows; None for a file that is none of theirs."""
    if not native_tau(source):
        return None
    document = source.document
    return _tau2(document) if isinstance(document.value, dict) else _tau(document)


def _tau(document: Document) -> Iterator[tuple[Mapping[str, Any], Fault, Place]]:
    for path, run in objects_of(document, ()):
        task = run.get("info", {}).get("task") if isinstance(run.get("info"), dict) else None
        row = {
            "task_id": _name(run.get("task_id")), "trial": run.get("trial", 0), "reward": run.get("reward"),
            "messages": run.get("traj"), "dataset": "tau",
        }  # fmt: skip
        if isinstance(task, dict):
            row |= {"instruction": task.get("instruction"), "expected_actions": task.get("actions")}
        # tau-bench keeps a run that raised as a row without a conversation.
        if not run.get("traj") and isinstance(run.get("info"), dict) and run["info"].get("error"):
            row["broken"] = str(run["info"]["error"])[:300]
            row["messages"] = [{"role": "user", "content": "(the run broke before its first message)"}]
        yield row, _fault(document, path), document.place(path)


def _tau2(document: Document) -> Iterator[tuple[Mapping[str, Any], Fault, Place]]:
    about = document.value.get("info")
    about = about if isinstance(about, dict) else {}
    agent, world = about.get("agent_info"), about.get("environment_info")
    release = agent.get("llm") if isinstance(agent, dict) else None
    domain = world.get("domain_name") if isinstance(world, dict) else None
    for path, run in objects_of(document, ("simulations",)):
        judged = run.get("reward_info")
        row: dict[str, Any] = {
            "task_id": _name(run.get("task_id")), "trial": run.get("trial", 0),
            "reward": judged.get("reward") if isinstance(judged, dict) else None,
            "messages": run.get("messages"), "dataset": f"tau2-{domain}" if isinstance(domain, str) else "tau2",
        }  # fmt: skip
        if isinstance(release, str) and release:
            row["release"] = release
        ended = run.get("termination_reason")
        if ended in _BROKEN or not isinstance(judged, dict):
            row["broken"] = f"the simulation ended with `{ended}` and was not judged"
        yield row, _fault(document, path), document.place(path)


def _name(task: Any) -> Any:
    return str(task) if isinstance(task, int) and not isinstance(task, bool) else task


def _fault(document: Document, path: Path) -> Fault:
    def fault(key: str | None, message: str, hint: str) -> DocumentError:
        return document.error(path if key is None else (*path, key), message, hint=hint)

    return fault
