"""Authority by enumeration: every rule of two action maps asked for every kind of value, source and session.

Rules about different arguments are independent of each other, because the strongest objection stands. So the cells of one
argument are enumerated at a time, and what was enumerated is complete: all bounds with their neighbours, all listed
values and one that nobody listed, all sources, every role. Patterns are compared as texts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.core.actions import Action, ActionMap, ArgumentKind, Condition, Label
from interlock.core.provenance import Origin
from interlock.core.table import Facts, Row, Table
from interlock.core.terms import CallVerdict
from interlock.services.authority import Authority, compare_authority

_ELSE = "any other"
_OTHER_TEXT = "\x00other"


@dataclass(frozen=True, slots=True)
class _Cell:
    """One kind of value: how it is said, and a value that stands for it; `low` and `high` bound a run of whole numbers."""

    name: str
    value: Any
    low: int | None = None
    high: int | None = None


def enumerate_authority(old: ActionMap | None, new: ActionMap | None) -> Authority:
    """What the new map lets happen that the old one would stop, ask about or hand over; and the other way round.

    Together with `compare_authority`, which knows budgets, approvers and times, where there is nothing to enumerate.
    """
    before, after = _rows(old), _rows(new)
    gained: list[str] = []
    lost: list[str] = []
    for tool in [*after, *(tool for tool in before if tool not in after)]:
        if tool in before and tool in after:
            one, other = before[tool], after[tool]
            for text, was, now in (*_roles(one, other), *_cells(one, other)):
                (gained if now.rank < was.rank else lost).append(f"`{other.action.action}`: {text}: {was} → {now}")
    for text, wider in _beside(old, new):
        (gained if wider else lost).append(text)
    rules = compare_authority(old, new)
    return Authority(
        tuple(dict.fromkeys((*rules.gained, *gained))), tuple(dict.fromkeys((*rules.lost, *lost))), rules.other
    )


def _beside(old: ActionMap | None, new: ActionMap | None) -> Iterator[tuple[str, bool]]:
    """What a session may use up, and what goes on unrecorded: no rule about one call says it."""
    if old is None or new is None:
        return
    for name in type(new.session).model_fields:
        was, now = getattr(old.session, name), getattr(new.session, name)
        if was != now:
            yield f"a session: {name}: {was} → {now}", now > was
    before = {action.action: action.without_store for action in old.map}
    for action in new.map:
        if action.without_store != before.get(action.action, action.without_store):
            now_said = "goes on" if action.without_store else "is denied"
            yield f"`{action.action}`: {now_said} where nothing can be recorded", action.without_store


def authority_json(found: Authority) -> dict[str, Any]:
    """As JSON, `interlock.authority.v1`."""
    gained, lost, other = list(found.gained), list(found.lost), list(found.other)
    return {"schema": "interlock.authority.v1", "gained": gained, "lost": lost, "other": other}


def _rows(actions: ActionMap | None) -> Mapping[str, Row]:
    return Table(actions).rows if actions is not None else {}


def _roles(one: Row, other: Row) -> Iterator[tuple[str, CallVerdict, CallVerdict]]:
    for role in sorted({*(one.roles or ()), *(other.roles or ()), _ELSE}):
        was, now = (_strongest(row, "", Facts({}, roles=(role,))) for row in (one, other))
        if was is not now:
            yield f"role `{role}`" if role != _ELSE else "any other role", was, now


def _cells(one: Row, other: Row) -> Iterator[tuple[str, CallVerdict, CallVerdict]]:
    for name in dict.fromkeys((*one.plans, *other.plans)):
        conditions = [*_conditions(one.action, name), *_conditions(other.action, name)]
        kinds = {row.plans.get(name, row.plan_else).kind for row in (one, other)}
        changed: dict[tuple[str, CallVerdict, CallVerdict], list[_Cell]] = {}
        for cell in _values(conditions):
            for label in Label:
                was, now = (_of_argument(row, name, cell.value, label) for row in (one, other))
                if was is not now:
                    what = "addresses in it" if kinds == {ArgumentKind.CONTENT} else "value"
                    changed.setdefault((f"{what} from `{label}`", was, now), []).append(cell)
        yield from _said(name, changed, list(_values(conditions)))


def _said(
    name: str, changed: Mapping[tuple[str, CallVerdict, CallVerdict], Sequence[_Cell]], all_cells: Sequence[_Cell]
) -> Iterator[tuple[str, CallVerdict, CallVerdict]]:
    """The changed cells in few words: the same change for all sources, or for all values, is said once."""
    by_change: dict[tuple[CallVerdict, CallVerdict, tuple[_Cell, ...]], list[str]] = {}
    for (source, was, now), cells in changed.items():
        by_change.setdefault((was, now, tuple(cells)), []).append(source)
    for (was, now, cells), sources in by_change.items():
        values = "" if len(cells) == len(all_cells) else f" {', '.join(_runs(cells))}"
        whence = "" if len(sources) == len(Label) else f" ({', '.join(sources)})"
        yield f"`{name}`{values}{whence}", was, now


def _runs(cells: Sequence[_Cell]) -> Iterator[str]:
    """Whole numbers next to each other as one range; other values by their names."""
    run: list[_Cell] = []
    for cell in [*cells, None]:
        if cell is not None and cell.name == "" and (not run or _adjacent(run[-1], cell)):
            run.append(cell)
            continue
        if run:
            yield _range(run[0].low, run[-1].high)
        run = []
        if cell is not None:
            if cell.name == "":
                run = [cell]
            else:
                yield cell.name


def _adjacent(one: _Cell, other: _Cell) -> bool:
    return one.high is not None and other.low == one.high + 1


def _range(low: int | None, high: int | None) -> str:
    if low is None:
        return f"up to {high}"
    if high is None:
        return f"from {low}"
    return str(low) if low == high else f"from {low} to {high}"


def _of_argument(row: Row, name: str, value: Any, label: Label) -> CallVerdict:
    origin = Origin(label)
    content = row.plans.get(name, row.plan_else).kind is ArgumentKind.CONTENT
    session = {"tenant": "acme", "principal": "acme", "session": "acme", "feature": "acme"}
    found = {name: origin}
    facts = Facts({name: value}, {} if content else found, found if content else {}, session=session)
    return _strongest(row, name, facts)


def _strongest(row: Row, argument: str, facts: Facts) -> CallVerdict:
    """The strongest objection that is about one argument, or about none of them."""
    found = [reason.verdict for reason in row.judge(facts) if reason.argument == argument]
    return max(found, key=lambda verdict: verdict.rank, default=CallVerdict.ALLOW)


def _conditions(action: Action, name: str) -> list[Condition]:
    clauses: list[Mapping[str, Condition]] = [action.allow.when]
    clauses += [each.when for each in (action.ask, action.escalate) if each is not None and each.when != "always"]
    return [clause[name] for clause in clauses if name in clause]


def _values(conditions: Iterable[Condition]) -> Iterator[_Cell]:
    """One value for each kind that any of the conditions tells apart; a missing one too."""
    bounds: set[int] = set()
    listed: dict[tuple[type, Any], None] = {}
    for condition in conditions:
        for bound, step in ((condition.lt, 0), (condition.gte, 0), (condition.lte, 1), (condition.gt, 1)):
            if bound is not None:
                bounds.add(bound + step)  # the first number of the next run
        for value in (*(condition.in_ or ()), *(() if condition.eq is None else (condition.eq,))):
            listed[type(value), value] = None
        if condition.same_as_session:
            listed[str, "acme"] = None
    for kind, value in list(listed):
        if kind is int:
            bounds.update((value, value + 1))
    starts = sorted(bounds)
    if starts:
        yield _Cell("", starts[0] - 1, None, starts[0] - 1)
        for at, start in enumerate(starts):
            yield _Cell("", start, start, starts[at + 1] - 1 if at + 1 < len(starts) else None)
    for kind, value in listed:
        if kind is not int:
            yield _Cell("that of the session" if value == "acme" else f"`{value}`", value)
    yield _Cell("other text", _OTHER_TEXT)
    yield _Cell("missing", None)
