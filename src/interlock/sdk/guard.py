"""The guard: a policy read from files or from parts, and the sessions that it judges."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

from pydantic import BaseModel

from interlock.core.actions import ActionMap, ArgumentKind
from interlock.core.binding import bind
from interlock.core.decision import Decision, Mode
from interlock.core.digest import Digest
from interlock.core.document import Document
from interlock.core.errors import PolicyError, UsageError
from interlock.core.glossary import Glossary
from interlock.core.json_text import parse_json
from interlock.core.judge import Caller, Policy
from interlock.core.manifest import Manifest
from interlock.core.source import decoded
from interlock.core.tools import Tool, ToolsFile
from interlock.core.yaml_text import parse_yaml
from interlock.ports import Clock, EffectStore, LabelMemory, Signer
from interlock.sdk.memory import ProcessMemory
from interlock.sdk.offered import as_mcp
from interlock.sdk.ownership import Owners
from interlock.sdk.session import Session, current_session, decide_in
from interlock.sdk.store import EffectBook

M = TypeVar("M", bound=BaseModel)


class Guard:
    """One policy, ready to judge. Thread-safe; made once in a process.

    Args:
        mode: `enforce`, or `shadow` where decisions are written down and stop nothing.
        memory: where labels of what agents wrote are kept; by default in this process.
        feature: its name, for records and budgets.
        store: where effects are recorded: an open store, or the URL of a database. It is opened when it is first needed.
        signer: whose signatures count as approvals; with an open store nobody's do unless it is given.
        clock: the clock of the system by default.
        agent: the identity under which the application acts; it never approves.
        owners: by name of a control argument, a function that gives the tenant to whom a resource belongs, None where there is none.
            A call that touches another tenant's is denied, and so is one whose owner cannot be looked up.
        root: the feature's folder.
    """

    def __init__(
        self, policy: Policy, *, mode: Mode = "enforce", memory: LabelMemory | None = None, feature: str = "",
        store: EffectStore | str | None = None, signer: Signer | None = None, clock: Clock | None = None, agent: str = "",
        root: Path | None = None, owners: Owners | None = None,
    ) -> None:  # fmt: skip
        if mode not in {"enforce", "shadow"}:
            raise UsageError(f"there is no mode `{mode}`", hint="`enforce` or `shadow`")
        self.policy = policy
        self.mode: Mode = mode
        self.memory: LabelMemory = ProcessMemory() if memory is None else memory
        self.feature = feature
        self.owners: Owners = dict(owners or {})
        if unused := sorted(self.owners.keys() - _controls(policy)):
            raise PolicyError(
                f"no action has a control argument `{unused[0]}`", hint="name the arguments of `owners` as the map does"
            )
        self.book = EffectBook(
            store, signer=signer, clock=clock, root=root, agent=agent,
            bundle=partial(_bundle_of, root) if root is not None else lambda: policy.digest,
        )  # fmt: skip

    @classmethod
    def load(cls, manifest: str | Path = "interlock.yaml", **settings: Any) -> "Guard":
        """The guard of a feature: the action map, the tools and the glossary that its manifest names.

        Args:
            settings: those of `Guard`. Left out, the store is the feature's own database and its keys are those that count.
        Raises: every error of strict loading, with its place; PolicyError when the feature has no action map.
        """
        path = Path(manifest)
        said = bind(Manifest, parse_yaml(_read(path), path.name))
        parts = said.parts
        if parts.guardrails.actions is None or parts.tools == "none":
            raise PolicyError("the feature has no action map", hint="name one in `parts.guardrails.actions`")
        root = path.parent
        return cls.from_parts(
            actions=root / parts.guardrails.actions,
            tools=root / parts.tools.manifest,
            glossary=root / parts.guardrails.glossary,
            **{"root": root, "feature": said.feature, **settings},
        )

    @classmethod
    def from_parts(
        cls,
        *,
        actions: ActionMap | Mapping[str, Any] | Iterable[Any] | str | Path,
        tools: Iterable[Any] | Mapping[str, Any] | str | Path | None = None,
        glossary: Glossary | Mapping[str, Any] | str | Path | None = None,
        **settings: Any,
    ) -> "Guard":
        """A guard from values, YAML or JSON text, or paths of files.

        Args:
            actions: the action map, or the list of its entries.
            tools: definitions as MCP's `tools/list` or OpenAI's `tools` have them; None judges without schemas.
            glossary: the terms that claim an action are words that ask for it.
            settings: those of `Guard`. Without a store every effect is denied.
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
            **settings,
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
            caller = Caller(
                tenant, principal, session_id or token_hex(8), tuple(roles), feature or self.feature, dict(facts or {})
            )
        except ValueError as cause:
            raise UsageError(str(cause), hint="take it from your authentication") from cause
        return Session(self.policy, caller, mode or self.mode, self.memory, self.book, self.owners)

    def decide(self, tool: str, arguments: Any) -> Decision:
        """Judge a call in the current session; outside of one, or in another guard's, it is denied."""
        return decide_in(current_session(), self.policy, tool, arguments)

    def tool(self, action: str, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Make a function the tool of an action: each call of it goes through the guard, in the current session.

        Args:
            action: as the map names it. options: as of `Session.call`.
        Raises: PolicyError when the map has no such action.
        """
        from interlock.sdk.decorator import guarded

        return guarded(self, action, options)

    def close(self) -> None:
        """Let go of the database."""
        self.book.close()


def _controls(policy: Policy) -> set[str]:
    """The names of all control arguments that a call may have."""
    found: set[str] = set()
    for row in policy.table.rows.values():
        tool = policy.tools.get(row.action.tool)
        names = (*row.action.args, *(tool.arguments if tool else ()))
        found |= {name for name in names if row.action.args.get(name, ArgumentKind.CONTROL) is ArgumentKind.CONTROL}
    return found


def _bundle_of(root: Path) -> Digest:
    from interlock.adapters.folder import FolderTree
    from interlock.services.lock import resolve

    return resolve(FolderTree(root)).bundle.digest


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
    made = [each if isinstance(each, Tool) else as_mcp(each) for each in listed]
    plain = [
        each.model_dump(mode="json", by_alias=True, exclude_none=True) if isinstance(each, Tool) else each
        for each in made
    ]
    return _model(ToolsFile, {"tools": plain}, "tools").tools
