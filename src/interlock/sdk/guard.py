"""The guard: a policy read from files or from parts, and the sessions that it judges."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

from pydantic import BaseModel

from interlock.core.actions import ActionMap
from interlock.core.binding import bind
from interlock.core.decision import Decision, Mode
from interlock.core.document import Document
from interlock.core.errors import PolicyError, UsageError
from interlock.core.glossary import Glossary
from interlock.core.json_text import parse_json
from interlock.core.judge import Caller, Policy
from interlock.core.manifest import Manifest
from interlock.core.source import decoded
from interlock.core.tools import Tool, ToolsFile
from interlock.core.yaml_text import parse_yaml
from interlock.ports import LabelMemory
from interlock.sdk.memory import ProcessMemory
from interlock.sdk.session import Session, current_session, decide_in

M = TypeVar("M", bound=BaseModel)


class Guard:
    """One policy, ready to judge. Thread-safe; made once in a process.

    Args:
        mode: `enforce`, or `shadow` where decisions are written down and stop nothing.
        memory: where labels of what agents wrote are kept; by default in this process.
    """

    def __init__(self, policy: Policy, *, mode: Mode = "enforce", memory: LabelMemory | None = None) -> None:
        if mode not in {"enforce", "shadow"}:
            raise UsageError(f"there is no mode `{mode}`", hint="`enforce` or `shadow`")
        self.policy = policy
        self.mode: Mode = mode
        self.memory: LabelMemory = ProcessMemory() if memory is None else memory

    @classmethod
    def load(
        cls, manifest: str | Path = "interlock.yaml", *, mode: Mode = "enforce", memory: LabelMemory | None = None
    ) -> "Guard":
        """The guard of a feature: the action map, the tools and the glossary that its manifest names.

        Raises: every error of strict loading, with its place; PolicyError when the feature has no action map.
        """
        path = Path(manifest)
        parts = bind(Manifest, parse_yaml(_read(path), path.name)).parts
        if parts.guardrails.actions is None or parts.tools == "none":
            raise PolicyError("the feature has no action map", hint="name one in `parts.guardrails.actions`")
        root = path.parent
        return cls.from_parts(
            actions=root / parts.guardrails.actions,
            tools=root / parts.tools.manifest,
            glossary=root / parts.guardrails.glossary,
            mode=mode,
            memory=memory,
        )

    @classmethod
    def from_parts(
        cls,
        *,
        actions: ActionMap | Mapping[str, Any] | Iterable[Any] | str | Path,
        tools: Iterable[Any] | Mapping[str, Any] | str | Path | None = None,
        glossary: Glossary | Mapping[str, Any] | str | Path | None = None,
        mode: Mode = "enforce",
        memory: LabelMemory | None = None,
    ) -> "Guard":
        """A guard from values, YAML or JSON text, or paths of files.

        Args:
            actions: the action map, or the list of its entries.
            tools: definitions as MCP's `tools/list` or OpenAI's `tools` have them; None judges without schemas.
            glossary: the terms that claim an action are words that ask for it.
        Raises: every error of strict loading; PolicyError.
        """
        if not isinstance(actions, ActionMap | Mapping | str | Path):
            actions = {"actions": 1, "map": list(actions)}
        return cls(
            Policy(
                _model(ActionMap, actions, "actions"),
                None if tools is None else _tools(tools),
                None if glossary is None else _model(Glossary, glossary, "glossary"),
            ),
            mode=mode,
            memory=memory,
        )

    def session(
        self,
        *,
        tenant: str,
        principal: str,
        roles: Iterable[str] = (),
        session_id: str = "",
        feature: str = "",
        facts: Mapping[str, str] | None = None,
        mode: Mode | None = None,
    ) -> Session:
        """A session of an authenticated person.

        Args:
            tenant, principal, roles: as your authentication says, never as a model or a client says.
            session_id: names the session in records and budgets; made up when left out.
            facts: what conditions may compare with, as `same_as_session: fact.NAME`.
        Raises: UsageError for an empty tenant or principal.
        """
        try:
            caller = Caller(tenant, principal, session_id or token_hex(8), tuple(roles), feature, dict(facts or {}))
        except ValueError as cause:
            raise UsageError(str(cause), hint="take it from your authentication") from cause
        return Session(self.policy, caller, mode or self.mode, self.memory)

    def decide(self, tool: str, arguments: Any) -> Decision:
        """Judge a call in the current session; outside of one, or in another guard's, it is denied."""
        return decide_in(current_session(), self.policy, tool, arguments)


def _read(path: Path) -> str:
    try:
        return decoded(path.read_bytes(), path.name)
    except OSError as cause:
        raise UsageError(f"`{path}` cannot be read: {cause.strerror}", hint="check the path") from cause


def _model(kind: type[M], given: Any, name: str) -> M:
    return given if isinstance(given, kind) else bind(kind, _document(given, name))


def _document(given: Any, name: str) -> Document:
    if isinstance(given, Path) or (isinstance(given, str) and "\n" not in given and given[:1] not in {"{", "["}):
        path = Path(given)
        name, given = path.name, _read(path)
        return parse_json(given, name) if name.endswith(".json") else parse_yaml(given, name)
    if isinstance(given, str):
        return parse_json(given, name) if given.lstrip()[:1] in {"{", "["} else parse_yaml(given, name)
    try:
        return parse_json(json.dumps(given, allow_nan=False), name)
    except (TypeError, ValueError) as cause:
        raise UsageError(f"the {name} are not plain JSON: {cause}", hint="hand over dicts and lists") from cause


def _tools(given: Any) -> tuple[Tool, ...]:
    if isinstance(given, str | Path):
        given = _document(given, "tools").value
    listed = given.get("tools") if isinstance(given, Mapping) else given
    if not isinstance(listed, Iterable) or isinstance(listed, str):
        raise UsageError("the tools are no list", hint="hand over a list of definitions, or a path")
    made = [each if isinstance(each, Tool) else _mcp(each) for each in listed]
    plain = [
        each.model_dump(mode="json", by_alias=True, exclude_none=True) if isinstance(each, Tool) else each
        for each in made
    ]
    return _model(ToolsFile, {"tools": plain}, "tools").tools


def _mcp(tool: Any) -> Any:
    """A definition in MCP's shape, from OpenAI's."""
    if isinstance(tool, Mapping):
        inner = tool.get("function") if tool.get("type") == "function" and "function" in tool else tool
        if isinstance(inner, Mapping) and "parameters" in inner and "inputSchema" not in inner:
            return {
                "name": inner.get("name"),
                "description": inner.get("description") or "",
                "inputSchema": inner["parameters"] or {"type": "object", "properties": {}},
            }
        return dict(tool)
    return tool
