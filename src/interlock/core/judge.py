"""A proposed call meets its policy: facts are gathered, the table judges them, and a decision carries both on.

Pure: the same caller, sources and call give the same decision. Nothing here raises for what a model wrote.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from json.encoder import encode_basestring as _quoted
from types import MappingProxyType
from typing import Any, NamedTuple

from interlock.core.actions import ActionMap, ArgumentKind, Effect, Label
from interlock.core.arguments import Judged, Unread, compile_schema, read_arguments, schema_faults
from interlock.core.budget import BudgetAsk
from interlock.core.decision import Decision, Mode
from interlock.core.digest import Digest, of_value
from interlock.core.errors import PolicyError
from interlock.core.glossary import Glossary
from interlock.core.lexical import disguise
from interlock.core.provenance import SAID, Origin, Sources, number
from interlock.core.table import Facts, Reason, Row, Table
from interlock.core.terms import KEY_DOMAIN, CallVerdict, IdempotencyTerms
from interlock.core.tools import Tool

ENGINE = 1
"""Raised when the same map could decide otherwise; part of every policy's digest."""

_MODEL = Label.MODEL.rank
_CONTROL, _CONTENT = ArgumentKind.CONTROL, ArgumentKind.CONTENT  # asked for by name, a member costs as much as a call
_ALLOW, _ASK, _ESCALATE, _DENY = CallVerdict.ALLOW, CallVerdict.ASK, CallVerdict.ESCALATE, CallVerdict.DENY


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a session is for, as the host's authentication says; nothing of it comes from a model.

    Args:
        tenant, principal, session: not empty.
        facts: further facts of the host by name, for `same_as_session: fact.NAME`.
    Raises: ValueError for an empty name.
    """

    tenant: str
    principal: str
    session: str
    roles: tuple[str, ...] = ()
    feature: str = ""
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    known: Mapping[str, str] = field(init=False, repr=False, compare=False)
    tenant_text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("tenant", "principal", "session"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"a session needs a {name}")
        own = {"tenant": self.tenant, "principal": self.principal, "session": self.session}
        if self.feature:
            own["feature"] = self.feature
        own.update({f"fact.{name}": value for name, value in self.facts.items()})
        object.__setattr__(self, "known", MappingProxyType(own))
        object.__setattr__(self, "tenant_text", _quoted(self.tenant))


NOBODY = "no_session"
"""The code of a call that was made outside any session."""


class Policy:
    """An action map with the tools that it is about, ready to judge.

    Args:
        tools: the definitions that arguments are validated against; None when there are none, and then only the map
            says what an argument is.
        glossary: the terms that claim an action are words that ask for it.
    Raises: PolicyError when a tool is mapped twice or is not defined; ToolSchemaError.
    """

    def __init__(
        self, actions: ActionMap, tools: Sequence[Tool] | None = None, glossary: Glossary | None = None
    ) -> None:
        seen: set[str] = set()
        for action in actions.map:
            if action.tool in seen:
                raise PolicyError(
                    f"the tool `{action.tool}` has two actions", hint="one call shape is one action: keep one of them"
                )
            seen.add(action.tool)
        terms = {
            name: tuple(dict.fromkeys(word for term in glossary.terms if name in term.actions for word in term.names))
            for name in (action.action for action in actions.map)
        } if glossary else {}  # fmt: skip
        self.table = Table(actions, tools or (), terms)
        self.tools = {tool.name: tool for tool in tools or ()}
        if tools is not None and (missing := sorted(seen - self.tools.keys())):
            raise PolicyError(
                f"the action map calls `{missing[0]}`, which is no tool", hint="define the tool, or remove the action"
            )
        self._validators = {
            name: compile_schema(tool.inputSchema, name) for name, tool in self.tools.items() if name in seen
        }
        self.tool_digests: dict[str, Digest] = {name: tool.digest for name, tool in self.tools.items()}
        self.digest = of_value(
            {
                "engine": ENGINE,
                "map": actions.model_dump(mode="json", by_alias=True),
                "tools": {name: str(digest) for name, digest in self.tool_digests.items() if name in seen},
                "terms": {name: list(words) for name, words in terms.items() if words},
            },
            "interlock.policy.v1",
        )

    def row(self, tool: str) -> Row | None:
        """The row for a tool, None when the map has none."""
        return self.table.rows.get(tool)

    def decide(
        self, caller: Caller, sources: Sources, tool: str, arguments: object, mode: Mode = "enforce"
    ) -> Decision:
        """Judge one proposed call.

        Args:
            arguments: a mapping, or JSON text as the model wrote it.
        """
        row = self.table.rows.get(tool) if type(tool) is str else None
        if row is None:
            reasons = [Reason(_DENY, "unmapped_tool")]
            return self._decision(caller, str(tool), None, None, None, reasons, (), mode)
        judged = read_arguments(arguments)
        if isinstance(judged, Unread):
            reasons = [Reason(_DENY, judged.code)]
            return self._decision(caller, tool, row, None, None, reasons, (judged.why,), mode)
        faults: list[tuple[str, str]] = []
        details: tuple[str, ...] = ()
        validator = self._validators.get(tool)
        if validator is not None and not validator.is_valid(judged.value):
            details = schema_faults(validator, judged.value)
            faults.append(("arguments_invalid", ""))
        facts = gather(row, caller, sources, judged, faults)
        return self._decision(caller, tool, row, judged, facts, row.judge(facts), details, mode)

    def _decision(
        self,
        caller: Caller,
        tool: str,
        row: Row | None,
        judged: Judged | None,
        facts: Facts | None,
        reasons: list[Reason],
        details: tuple[str, ...],
        mode: Mode,
    ) -> Decision:
        verdict = _ALLOW
        codes: tuple[str, ...] = ()
        why: tuple[str, ...] = ()
        if reasons:
            verdict = max((reason.verdict for reason in reasons), key=lambda each: each.rank)
            sentences: dict[str, str] = {}
            for reason in sorted(reasons, key=lambda each: (each.code, each.argument)):
                sentences.setdefault(reason.code, "")
                text = explain(reason, row, details)
                sentences[reason.code] += ("; " if sentences[reason.code] else "") + text
            codes, why = tuple(sentences), tuple(sentences.values())
        stands = verdict is not _DENY and row is not None and judged is not None
        # By position: a decision has two dozen fields, and their names cost as much as finding a value.
        return Decision(
            verdict,
            codes,
            why,
            tool,
            row.action.action if row else "",
            row.action.effect if row else None,
            self.tool_digests.get(tool, ""),
            judged.content if judged else b"",
            _found(facts),
            _Needs(row, caller, judged) if stands and row and judged else None,
            row.terms if verdict is _ASK and row else None,
            row.queue if verdict is _ESCALATE and row else "",
            caller.tenant,
            caller.principal,
            caller.session,
            caller.roles,
            caller.feature,
            self.digest,
            mode,
            facts,
        )


def _found(facts: Facts | None) -> Mapping[str, Origin]:
    if facts is None:
        return MappingProxyType({})
    return MappingProxyType({**facts.origins, **facts.embedded} if facts.embedded else facts.origins)


# ── facts ───────────────────────────────────────────────────────────────────────────────────────────────────────


def gather(row: Row, caller: Caller, sources: Sources, judged: Judged, faults: list[tuple[str, str]]) -> Facts:
    """The facts of a call: where its values were found, whether it was made before, whether it was asked for."""
    origins: dict[str, Origin] = {}
    embedded: dict[str, Origin] = {}
    for name, value in judged.value.items():
        if value is None or value == "":
            continue
        plan = row.plans.get(name, row.plan_else)
        kind = type(value)
        if plan.kind is _CONTENT:
            if plan.worst < _MODEL:
                worst = sources.find_in_content(value) if kind is str else _embedded(sources, name, value)
                if worst is not SAID:
                    embedded[name] = worst
            if not plan.looked_up:
                continue
        elif (
            plan.kind is _CONTROL and kind is not int and not (kind is str and value.isascii() and value.isprintable())
        ):
            _note_disguise(name, value, sources, faults)
        if plan.worst >= _MODEL and not plan.looked_up:
            continue
        if kind is str:
            if (kind, value) not in plan.harmless:
                origins[name] = sources.find(value, name, row.cues)
            continue
        for path, leaf in argument_leaves(name, value):
            if (type(leaf), leaf) in plan.harmless or (type(leaf) is bool and not plan.explicit):
                continue
            origins[path] = sources.find(leaf if type(leaf) is str else number(leaf), name, row.cues)
    restricted = None
    if row.beyond and sources.restricts:
        texts = [
            leaf
            for name, value in judged.value.items()
            for _, leaf in argument_leaves(name, value)
            if type(leaf) is str
        ]
        restricted = sources.restricted_in(texts, row.beyond)
    return Facts(
        judged.value,
        origins,
        embedded,
        caller.roles,
        caller.known,
        tuple(faults),
        _repeated(row, sources, judged) if row.changes and sources.has_done else "",
        restricted,
        sources.asks(row.phrases),
        row.words,
    )


def _repeated(row: Row, sources: Sources, judged: Judged) -> str:
    return sources.repeated(row.action.action, target_bytes(row, judged), judged.content)


def _embedded(sources: Sources, name: str, value: Any) -> Origin:
    worst = SAID
    for _, leaf in argument_leaves(name, value):
        if type(leaf) is str:
            origin = sources.find_in_content(leaf)
            if origin.label.rank > worst.label.rank:
                worst = origin
    return worst


def _note_disguise(name: str, value: Any, sources: Sources, faults: list[tuple[str, str]]) -> None:
    for path, leaf in argument_leaves(name, value):
        if type(leaf) is str and (code := disguise(leaf)) is not None and not sources.verbatim(leaf):
            faults.append((code, path))


def argument_leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The scalars of an argument that say something, with their places."""
    kind = type(value)
    if kind is list:
        for at, child in enumerate(value):
            yield from argument_leaves(f"{name}[{at}]", child)
    elif kind is dict:
        for key, child in value.items():
            yield f"{name}[{key}]", key
            yield from argument_leaves(f"{name}[{key}]", child)
    elif value is not None and value != "":
        yield name, value


def target_bytes(row: Row, judged: Judged) -> bytes:
    """What a call touches: its control arguments as canonical bytes; empty when it names none."""
    target = [
        f"{name}:{part}"
        for name, part in judged.parts.items()
        if part != "null" and row.plans.get(name, row.plan_else).kind is _CONTROL
    ]
    return "\n".join(target).encode()


# ── what an effect needs ────────────────────────────────────────────────────────────────────────────────────────


class _Needs(NamedTuple):
    """Fills `Needs`."""

    row: Row
    caller: Caller
    judged: Judged

    def budgets(self) -> tuple[BudgetAsk, ...]:
        return _budget_asks(self.row, self.judged)

    def idempotency(self) -> IdempotencyTerms | None:
        return _idempotency(self.row, self.caller, self.judged)


def _budget_asks(row: Row, judged: Judged) -> tuple[BudgetAsk, ...]:
    return tuple(
        [
            ask if argument is None else _budget_ask(ask, argument, judged)
            for ask, argument in zip(row.budgets, row.metered, strict=True)
        ]
    )


def _budget_ask(ask: BudgetAsk, argument: str, judged: Judged) -> BudgetAsk:
    if ask.meter == "distinct":
        named = {
            _named("interlock.member.v1", str(leaf)) for _, leaf in argument_leaves("", judged.value.get(argument))
        }
        return BudgetAsk(ask.meter, ask.per, ask.window_s, ask.cap, len(named), tuple(sorted(named)))
    return ask.of(judged.value[argument])


def _idempotency(row: Row, caller: Caller, judged: Judged) -> IdempotencyTerms | None:
    if row.same is None:
        return None
    fields, window_s, retry = row.same
    listed = ",".join([f"{quoted}:{judged.parts.get(name, 'null')}" for quoted, name in row.same_texts])
    text = f'{{"action":{row.name_text},"fields":{{{listed}}},"tenant":{caller.tenant_text}}}'
    return IdempotencyTerms(Digest(_named(KEY_DOMAIN, text)), window_s, retry, fields)


def _named(domain: str, text: str) -> str:
    return "sha256:" + hashlib.sha256(f"{domain}\0{text}".encode()).hexdigest()


# ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────

_SENTENCES: Mapping[str, str] = {
    "unmapped_tool": "no action of the map is for this tool",
    "arguments_malformed": "the arguments cannot be read",
    "arguments_too_large": "the arguments are too large",
    "arguments_invalid": "the arguments do not fit the tool's schema",
    "hidden_character": "holds a character that cannot be seen",
    "not_normalised": "is spelled with look-alike characters",
    "mixed_script": "mixes alphabets in one word",
    "role_not_allowed": "the session has none of the roles that may do this",
    "condition_failed": "does not meet the condition of the map",
    "fact_missing": "is needed for a rule and is not there",
    "fact_ill_typed": "is not of the kind that a rule needs",
    "approval_required": "the map asks a person before this is done",
    "handed_over": "the map hands this over to a person",
    "source_control": "comes from a source that is not good enough",
    "source_content": "holds a link, an address or an account number from a source that is not good enough",
    "repeated_target": "this was done to the same target before, with other values",
    "repeated_call": "this very call was made before",
    "reader_restricted": "a value would leave those who may read it",
    "not_requested": "there is doubt, and nothing in the request asks for this action",
    NOBODY: "the call was made outside a session",
    "session_calls": "the session has used up its calls",
    "session_seconds": "the session has used up its time",
    "session_tokens": "the session has used up its tokens",
    "tool_changed": "the tool was offered with another definition than the one that is pinned",
    "other_owner": "belongs to another tenant",
    "owner_unknown": "belongs to nobody that the host knows",
    "guard_failed": "the guard could not decide",
}

CODES: tuple[str, ...] = tuple(sorted(_SENTENCES))
"""Every code that a decision can carry; they never change their meaning."""


def explain(reason: Reason, row: Row | None, details: tuple[str, ...] = ()) -> str:
    """One objection as a sentence, with the argument and where its value came from."""
    text = _SENTENCES[reason.code]
    if reason.code.startswith("arguments_") and details:
        return f"{text}: {', '.join(details)}"
    if reason.code == "role_not_allowed" and row is not None and row.roles is not None:
        return f"{text}: {', '.join(sorted(row.roles))}"
    subject = f"`{reason.argument}` " if reason.argument else ""
    return f"{subject}{text}{f' ({reason.origin})' if reason.origin is not None else ''}"


def denied(caller: Caller | None, tool: str, code: str, policy: str = "", mode: Mode = "enforce") -> Decision:
    """A decision without a judgement: outside a session, or when judging itself went wrong."""
    return Decision(
        verdict=_DENY,
        codes=(code,),
        why=(_SENTENCES[code],),
        tool=tool,
        approval=None,
        tenant=caller.tenant if caller else "",
        principal=caller.principal if caller else "",
        session=caller.session if caller else "",
        roles=caller.roles if caller else (),
        feature=caller.feature if caller else "",
        policy=policy,
        mode=mode,
    )


def is_effect(effect: Effect) -> bool:
    """Whether something outside is touched: everything but reading.

    >>> is_effect(Effect.FETCH), is_effect(Effect.READ)
    (True, False)
    """
    return effect is not Effect.READ
