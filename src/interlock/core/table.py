"""The decision table: an action map compiled to rows, and the facts of a call that a row judges.

There is no order among rules: each says how strong an objection it has, and the strongest stands. What no row is for is
denied; a fact that is missing, or is not of the kind that a rule needs, denies too.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from interlock.core.actions import (
    Action,
    ActionMap,
    ArgumentKind,
    Audience,
    Condition,
    Effect,
    Label,
    Readers,
    Scalar,
    seconds,
)
from interlock.core.budget import BudgetAsk
from interlock.core.digest import of_value
from interlock.core.lexical import name_words, phrase
from interlock.core.pattern import whole_match
from interlock.core.provenance import NOWHERE, Origin, OutputLabels
from interlock.core.terms import CONFIRM, ApprovalTerms, CallVerdict, Retry
from interlock.core.tools import Tool

_VERBS = {
    Effect.READ: (),
    Effect.FETCH: ("visit", "open", "read", "fetch", "download", "link", "website", "page", "url"),
    Effect.WRITE: ("add", "change", "create", "update", "set", "write", "save", "edit"),
    Effect.SEND: ("send", "write", "message", "reply", "tell", "forward", "share", "post", "notify", "invite"),
    Effect.MONEY: ("pay", "send", "transfer", "refund", "buy", "charge"),
    Effect.DESTRUCTIVE: ("delete", "remove", "cancel", "clear", "drop"),
    Effect.CREDENTIAL: ("password", "access", "login", "key", "reset", "permission"),
}
"""How an action is asked for where its entry has no words: these, and the words of its name and its tool's."""

_LEAST = frozenset(
    {"r", "ro", "read", "reader", "read_only", "readonly", "read-only", "view", "viewer", "none", "private"}
)
"""Choices of a closed list that give the least, and so need no source."""


class Facts(NamedTuple):
    """What a row looks at; nothing else bears on the verdict.

    Args:
        arguments: the values that were judged.
        origins: by argument (parts of lists as `to[0]`), where a control or quantity value was found.
        embedded: by content argument, the worst source of a link, an address or an account number in it.
        roles: of the session. session: `tenant`, `principal`, `session`, `feature` and `fact.NAME`, as the host says.
        faults: codes of what was wrong before any rule was asked, each with the argument it is about.
        repeated: `call` or `target` when the effect was made before.
        restricted: the source of a value that goes beyond those who may read it, None when there is none.
        requested: whether words for this action occur in the request. words: which words these were, as a digest.
    """

    arguments: Mapping[str, Any]
    origins: Mapping[str, Origin] = MappingProxyType({})
    embedded: Mapping[str, Origin] = MappingProxyType({})
    roles: tuple[str, ...] = ()
    session: Mapping[str, str] = MappingProxyType({})
    faults: tuple[tuple[str, str], ...] = ()
    repeated: str = ""
    restricted: Origin | None = None
    requested: bool = True
    words: str = ""


class Reason(NamedTuple):
    """One rule's objection: how strong, its code, and the argument that it is about, if any."""

    verdict: CallVerdict
    code: str
    argument: str = ""
    origin: Origin | None = None


IN_DOUBT = frozenset({"source_control", "source_content", "repeated_target", "reader_restricted"})
"""Codes of doubt about a call: a person may decide, unless nobody ever asked for such an action."""


# ── conditions ──────────────────────────────────────────────────────────────────────────────────────────────────

Answer = Literal["yes", "no", "fact_missing", "fact_ill_typed"]
_Test = Callable[[Any, Facts, str], Answer]


def compile_condition(condition: Condition) -> _Test:
    """A function that says whether a condition holds of one value; of every key that is given, when there are several."""
    tests = list(_tests(condition))

    def holds(value: Any, facts: Facts, name: str) -> Answer:
        result: Answer = "yes"
        for test in tests:
            answer = test(value, facts, name)
            if answer == "fact_missing" or (answer == "fact_ill_typed" and result != "fact_missing"):
                result = answer
            elif answer == "no" and result == "yes":
                result = "no"
        return result

    return tests[0] if len(tests) == 1 else holds


def _tests(condition: Condition) -> list[_Test]:
    tests: list[_Test] = []
    if condition.eq is not None:
        tests.append(_member((condition.eq,)))
    if condition.in_ is not None:
        tests.append(_member(condition.in_))
    if condition.compares:
        tests.append(_ordered(condition))
    if condition.matches is not None:
        tests.append(_matching(condition.matches))
    if condition.same_as_session is not None:
        tests.append(_same(condition.same_as_session))
    if condition.provenance is not None:
        tests.append(_sourced(condition.provenance))
    return tests


def _member(allowed: tuple[Scalar, ...]) -> _Test:
    kinds, values = {type(value) for value in allowed}, {(type(value), value) for value in allowed}

    def test(value: Any, facts: Facts, name: str) -> Answer:
        if value is None:
            return "fact_missing"
        if type(value) not in kinds:
            return "fact_ill_typed"
        return "yes" if (type(value), value) in values else "no"

    return test


def _ordered(condition: Condition) -> _Test:
    low, above, high, below = condition.gte, condition.gt, condition.lte, condition.lt

    def test(value: Any, facts: Facts, name: str) -> Answer:
        if value is None:
            return "fact_missing"
        if type(value) is not int:  # money in fractions, a number as text, a truth value
            return "fact_ill_typed"
        holds = (
            (low is None or value >= low)
            and (above is None or value > above)
            and (high is None or value <= high)
            and (below is None or value < below)
        )
        return "yes" if holds else "no"

    return test


def _matching(pattern: str) -> _Test:
    matches = whole_match(pattern)

    def test(value: Any, facts: Facts, name: str) -> Answer:
        if value is None:
            return "fact_missing"
        if type(value) is not str:
            return "fact_ill_typed"
        return "yes" if matches(value) else "no"

    return test


def _same(fact: str) -> _Test:
    def test(value: Any, facts: Facts, name: str) -> Answer:
        said = facts.session.get(fact)
        if value is None or said is None:
            return "fact_missing"
        if type(value) is not str:
            return "fact_ill_typed"
        return "yes" if value == said else "no"

    return test


def _sourced(worst: Label) -> _Test:
    limit = worst.rank

    def test(value: Any, facts: Facts, name: str) -> Answer:
        if value is None:
            return "fact_missing"
        return "yes" if facts.origins.get(name, NOWHERE).label.rank <= limit else "no"

    return test


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition on one argument. Of a list, every entry must meet it, or any, as the clause is used."""

    argument: str
    test: _Test

    def answer(self, facts: Facts, *, every: bool) -> Answer:
        """What the condition says of the argument; an empty list is a missing fact."""
        value = facts.arguments.get(self.argument)
        if type(value) is not list:
            return self.test(value, facts, self.argument)
        answers = {self.test(entry, facts, f"{self.argument}[{at}]") for at, entry in enumerate(value)}
        if not answers or "fact_missing" in answers:
            return "fact_missing"
        if "fact_ill_typed" in answers:
            return "fact_ill_typed"
        return ("no" if "no" in answers else "yes") if every else ("yes" if "yes" in answers else "no")


def _clauses(conditions: Mapping[str, Condition]) -> tuple[Clause, ...]:
    return tuple(Clause(name, compile_condition(condition)) for name, condition in conditions.items())


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ArgumentPlan:
    """What is asked of one argument's source.

    Args:
        worst: rank of the worst source that is good enough: of the value, or of the addresses in it when it is content.
        explicit: the map says so itself, so that truth values need a source too.
        looked_up: a condition asks where the value came from.
        harmless: values that need no source, with their types.
    """

    kind: ArgumentKind
    worst: int
    explicit: bool = False
    looked_up: bool = False
    harmless: frozenset[tuple[type, Any]] = frozenset()


@dataclass(frozen=True, slots=True)
class Row:
    """One action, compiled: what it demands of a call, and what it asks for before the call is made.

    `plan_else` is for an argument that neither map nor schema lists. `beyond` are the readers whose values the call would
    carry too far. `budgets` are complete but for the argument in `metered`. `same` is what makes two calls one: fields,
    seconds, and what to do when an outcome is not known.
    """

    action: Action
    outputs: OutputLabels
    plans: Mapping[str, ArgumentPlan]
    plan_else: ArgumentPlan
    roles: frozenset[str] | None
    must: tuple[Clause, ...]
    ask_when: tuple[Clause, ...]
    ask_always: bool
    hand_when: tuple[Clause, ...]
    hand_always: bool
    terms: ApprovalTerms
    queue: str
    measured: tuple[str, ...]
    beyond: tuple[Readers, ...]
    budgets: tuple[BudgetAsk, ...]
    metered: tuple[str | None, ...]
    same: tuple[tuple[str, ...], int, Retry] | None
    same_texts: tuple[tuple[str, str], ...]
    changes: bool
    name_text: str
    phrases: tuple[tuple[str, ...], ...]
    words: str
    cues: frozenset[str]

    @property
    def conditioned(self) -> frozenset[str]:
        """The arguments whose values a rule looks at."""
        clauses = (*self.must, *self.ask_when, *self.hand_when)
        return frozenset((*(clause.argument for clause in clauses), *self.measured))

    @property
    def opens(self) -> bool:
        """Whether the action only opens what a link leads to: then a link counts when the request names its author."""
        return self.action.effect is Effect.FETCH

    def judge(self, facts: Facts) -> list[Reason]:
        """Every objection to a call, in no order that matters; the empty list allows it."""
        found: list[Reason] = [Reason(CallVerdict.DENY, code, argument) for code, argument in facts.faults]
        if self.roles is not None and self.roles.isdisjoint(facts.roles):
            found.append(Reason(CallVerdict.DENY, "role_not_allowed"))
        if self.must:
            self._must_hold(facts, found)
        if self.ask_always:
            found.append(Reason(CallVerdict.ASK, "approval_required"))
        elif self.ask_when:
            self._if_any(self.ask_when, CallVerdict.ASK, "approval_required", facts, found)
        if self.hand_always:
            found.append(Reason(CallVerdict.ESCALATE, "handed_over"))
        elif self.hand_when:
            self._if_any(self.hand_when, CallVerdict.ESCALATE, "handed_over", facts, found)
        for argument in self.measured:
            amount = facts.arguments.get(argument)
            if type(amount) is not int or amount < 0:
                code = "fact_missing" if amount is None else "fact_ill_typed"
                found.append(Reason(CallVerdict.DENY, code, argument))
        self._doubts(facts, found)
        return found

    def _must_hold(self, facts: Facts, found: list[Reason]) -> None:
        for clause in self.must:
            answer = clause.answer(facts, every=True)
            if answer != "yes":
                found.append(
                    Reason(CallVerdict.DENY, "condition_failed" if answer == "no" else answer, clause.argument)
                )

    def _if_any(
        self, clauses: tuple[Clause, ...], verdict: CallVerdict, code: str, facts: Facts, found: list[Reason]
    ) -> None:
        for clause in clauses:
            answer = clause.answer(facts, every=False)
            if answer == "yes":
                found.append(Reason(verdict, code, clause.argument))
            elif answer != "no":
                found.append(Reason(CallVerdict.DENY, answer, clause.argument))

    def _doubts(self, facts: Facts, found: list[Reason]) -> None:
        doubts: list[Reason] = []
        for name, origin in facts.origins.items():
            argument = name.partition("[")[0] if "[" in name else name
            plan = self.plans.get(argument, self.plan_else)
            if origin.label.rank > plan.worst and not (origin.named and self.opens and not plan.explicit):
                doubts.append(Reason(CallVerdict.ASK, "source_control", name, origin))
        for name, origin in facts.embedded.items():
            if origin.label.rank > self.plans.get(name, self.plan_else).worst:
                doubts.append(Reason(CallVerdict.ASK, "source_content", name, origin))
        if facts.repeated == "target":
            doubts.append(Reason(CallVerdict.ASK, "repeated_target"))
        elif facts.repeated == "call":
            found.append(Reason(CallVerdict.REPLAY, "repeated_call"))
        if facts.restricted is not None:
            doubts.append(Reason(CallVerdict.ASK, "reader_restricted", "", facts.restricted))
        if doubts:
            found += doubts
            if not facts.requested:
                found.append(Reason(CallVerdict.DENY, "not_requested"))


def compile_row(action: Action, tool: Tool | None, terms: tuple[str, ...] = ()) -> Row:
    """The row of an action.

    Args:
        tool: its schema says which arguments there are, and which are closed lists.
        terms: the glossary's words for the action, which ask for it as the entry's own `words` do.
    """
    names = dict.fromkeys((*action.args, *(tool.arguments if tool else ())))
    asked, handed = action.ask, action.escalate
    ask_when = {} if asked is None or asked.when == "always" else asked.when
    hand_when = {} if handed is None or handed.when == "always" else handed.when
    conditions = [*action.allow.when.items(), *ask_when.items(), *hand_when.items()]
    looked_up = {name for name, condition in conditions if condition.provenance is not None}
    harmless = _harmless(action, tool)
    plans = {
        name: ArgumentPlan(
            action.args.get(name, ArgumentKind.CONTROL), action.demands(name).rank, name in action.allow.provenance,
            name in looked_up, harmless.get(name, frozenset()),
        )
        for name in names
    }  # fmt: skip
    reaches = Audience.EXTERNAL if action.effect is Effect.FETCH else action.reaches
    words = (*action.words, *terms) or (
        *_VERBS[action.effect], *name_words(action.action.replace(".", "_")), *name_words(action.tool)
    )  # fmt: skip
    phrases = tuple(dict.fromkeys(phrase(word) for word in words))
    same = _same_call(action, plans, action.effect not in {Effect.READ, Effect.FETCH})
    changes = action.effect not in {Effect.READ, Effect.FETCH}
    return Row(
        action=action,
        outputs=OutputLabels(action.outputs, action.readers),
        plans=plans,
        plan_else=ArgumentPlan(ArgumentKind.CONTROL, action.demands("").rank),
        roles=None if action.allow.roles is None else frozenset(action.allow.roles),
        must=_clauses(action.allow.when),
        ask_when=_clauses(ask_when),
        ask_always=asked is not None and asked.when == "always",
        hand_when=_clauses(hand_when),
        hand_always=handed is not None and handed.when == "always",
        terms=CONFIRM if asked is None else ApprovalTerms(
            asked.approvers.role, asked.approvers.count, "requester" in asked.approvers.not_, seconds(asked.ttl)
        ),
        queue=handed.queue if handed else "",
        measured=tuple(
            budget.argument for budget in action.budgets if budget.argument is not None and budget.meter != "distinct"
        ),
        beyond=_BEYOND[reaches] if reaches else (),
        budgets=tuple(
            BudgetAsk(each.meter, each.per, seconds(each.window), each.cap, each.reserve or 1) for each in action.budgets
        ),
        metered=tuple(budget.argument for budget in action.budgets),
        same=same,
        same_texts=tuple((json.dumps(name, ensure_ascii=False), name) for name in sorted(same[0])) if same else (),
        changes=changes,
        name_text=json.dumps(action.action),
        phrases=phrases,
        words=of_value([list(each) for each in sorted(phrases)], "interlock.words.v1"),
        cues=frozenset(name_words(action.tool)),
    )  # fmt: skip


_BEYOND = {Audience.EXTERNAL: (Readers.PRINCIPAL, Readers.TENANT), Audience.INTERNAL: (Readers.PRINCIPAL,)}
_DAY_S = 86_400


def _same_call(
    action: Action, plans: Mapping[str, ArgumentPlan], changes: bool
) -> tuple[tuple[str, ...], int, Retry] | None:
    """What makes two calls one: as declared; else, of what changes anything, all that is no content, for a day."""
    if declared := action.idempotency:
        return declared.key, seconds(declared.window), Retry(declared.retry)
    if not changes:
        return None
    named = tuple(name for name, plan in plans.items() if plan.kind is not ArgumentKind.CONTENT)
    return named or tuple(plans), _DAY_S, Retry.NEVER


def _harmless(action: Action, tool: Tool | None) -> dict[str, frozenset[tuple[type, Any]]]:
    found = {name: {(type(value), value) for value in values} for name, values in action.harmless.items()}
    schema = tool.inputSchema if tool else {}
    properties = schema.get("properties")
    for name, argument in properties.items() if isinstance(properties, dict) else ():
        if name not in found and (choices := _choices(argument, schema)):
            found[name] = {(str, choice) for choice in choices if choice.lower() in _LEAST}
    return {name: frozenset(values) for name, values in found.items() if values}


def _choices(argument: Any, schema: Mapping[str, Any]) -> list[str]:
    """The words that an argument may be, when its schema is a closed list of them."""
    if isinstance(argument, dict) and isinstance(ref := argument.get("$ref"), str) and ref.startswith("#/"):
        argument = schema
        for step in ref[2:].split("/"):
            argument = argument.get(step) if isinstance(argument, dict) else None
    if not isinstance(argument, dict):
        return []
    listed = argument.get("enum")
    return [choice for choice in listed if isinstance(choice, str)] if isinstance(listed, list) else []


class Table:
    """The rows of one action map, by the tool that is called.

    Args:
        terms: by action, the glossary's words for it.
    """

    __slots__ = ("actions", "rows")

    def __init__(
        self,
        actions: ActionMap,
        tools: Sequence[Tool] = (),
        terms: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    ) -> None:
        known = {tool.name: tool for tool in tools}
        self.actions = actions
        self.rows: dict[str, Row] = {
            action.tool: compile_row(action, known.get(action.tool), terms.get(action.action, ()))
            for action in actions.map
        }
