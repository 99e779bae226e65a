"""What a bundle may do that the one before might not, and the other way round: two action maps compared."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.core.actions import ActionMap, seconds

_EFFECTS = ("read", "fetch", "write", "send", "money", "destructive", "credential")
_SOURCES = ("user", "system", "attested", "third_party", "model")  # from the best to the worst
_ARGS = ("content", "quantity", "control")  # a control argument must be proven, content need not
_SIGNS = {"gt": 1, "gte": 1, "lt": -1, "lte": -1}  # a higher number asks less often (1), or more often (-1)


@dataclass(frozen=True, slots=True)
class Authority:
    """What was gained, what was lost, and what changed without being either."""

    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    other: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    side: int  # 1 gained, -1 lost, 0 neither
    text: str


def compare_authority(old: ActionMap | None, new: ActionMap | None) -> Authority:
    """Compare two action maps; what no map lists is denied, so no map grants nothing.

    An action gains authority when its effect is stronger, a role is added, a limit is raised or dropped, somebody is
    no longer asked, or a value may come from a worse source. A change that has no order, such as another pattern, is
    shown as a gain: gains are what a reader looks at first.
    """
    before, after = _rows(old), _rows(new)
    steps: list[_Step] = []
    for name in [*after, *(key for key in before if key not in after)]:
        if name not in before:
            steps.append(_Step(1, _grant(name, after[name])))
        elif name not in after:
            steps.append(_Step(-1, _grant(name, before[name])))
        else:
            steps.extend(_Step(step.side, f"`{name}`: {step.text}") for step in _action(before[name], after[name]))
    return Authority(
        tuple(step.text for step in steps if step.side > 0),
        tuple(step.text for step in steps if step.side < 0),
        tuple(step.text for step in steps if step.side == 0),
    )


def _rows(actions: ActionMap | None) -> dict[str, dict[str, Any]]:
    if actions is None:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for row in actions.model_dump(mode="json", by_alias=True)["map"]:
        name, count = str(row["action"]), 2
        while name in found:  # one action may have several call shapes
            name, count = f"{row['action']} ({count})", count + 1
        found[name] = row
    return found


def _grant(name: str, row: Mapping[str, Any]) -> str:
    return f"`{name}`: calls `{row['tool']}` ({row['effect']})"


def _action(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_Step]:
    if old["tool"] != new["tool"]:
        yield _Step(1, f"calls `{new['tool']}`")
        yield _Step(-1, f"calls `{old['tool']}`")
    yield from _ranked("effect", old["effect"], new["effect"], _EFFECTS)
    yield from _roles(_part(old, "allow"), _part(new, "allow"))
    yield from _sources(_part(old, "allow").get("provenance"), _part(new, "allow").get("provenance"))
    yield from _must_hold(_part(_part(old, "allow"), "when"), _part(_part(new, "allow"), "when"))
    for arg, kind in _both(_part(old, "args"), _part(new, "args")):
        yield from _ranked(f"argument `{arg}`", kind[0], kind[1], _ARGS, down=True)
    yield from _ask(old.get("ask"), new.get("ask"))
    yield from _ask(old.get("escalate"), new.get("escalate"), "hands over to")
    yield from _audience(old.get("audience"), new.get("audience"))
    yield from _budgets(_listed(old.get("budget")), _listed(new.get("budget")))
    yield from _readers(old.get("readers"), new.get("readers"))
    yield from _harmless(_part(old, "harmless"), _part(new, "harmless"))
    for label, kind in _both(_part(old, "outputs"), _part(new, "outputs")):
        yield from _ranked(f"output `{label}` is trusted as", kind[0], kind[1], _SOURCES, down=True)
    for key in ("idempotency", "words", "parse_text"):
        if old.get(key) != new.get(key):
            yield _Step(0, f"{key} changed")


def _part(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = row.get(key)
    return value if isinstance(value, Mapping) else {}


def _both(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for key in [*new, *(key for key in old if key not in new)]:
        if old.get(key) != new.get(key):
            yield key, (old.get(key), new.get(key))


def _ranked(what: str, old: Any, new: Any, ranks: tuple[str, ...], *, down: bool = False) -> Iterator[_Step]:
    if old == new:
        return
    side = 0
    if old in ranks and new in ranks:
        side = 1 if ranks.index(new) > ranks.index(old) else -1
    yield _Step(-side if down else side, f"{what} {_shown(old)} → {_shown(new)}")


def _shown(value: Any) -> str:
    return "none" if value is None else f"`{value}`"


def _roles(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_Step]:
    if None in (old.get("roles"), new.get("roles")):
        if old.get("roles") != new.get("roles"):
            yield _Step(1, "every role may") if new.get("roles") is None else _Step(-1, "every role may")
        return
    before, after = set(old.get("roles") or ()), set(new.get("roles") or ())
    for role in sorted(after - before):
        yield _Step(1, f"role `{role}` may")
    for role in sorted(before - after):
        yield _Step(-1, f"role `{role}` may")
    if old.get("tenant") != new.get("tenant"):
        looser = old.get("tenant") == "same_as_session"
        yield _Step(1 if looser else -1 if new.get("tenant") == "same_as_session" else 0,
                    f"tenant {_shown(old.get('tenant'))} → {_shown(new.get('tenant'))}")  # fmt: skip


def _sources(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[_Step]:
    for arg, (before, after) in _both(old or {}, new or {}):
        if before is None or after is None:
            yield _Step(1 if after is None else -1, f"source of `{arg}` {_shown(before)} → {_shown(after)}")
        else:
            yield from _ranked(f"source of `{arg}`", before, after, _SOURCES)


def _ask(old: Any, new: Any, does: str = "asks") -> Iterator[_Step]:
    if old == new:
        return
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        yield _Step(-1, "may act without asking") if new else _Step(1, f"{does} nobody any more")
        return
    yield from _when(old.get("when"), new.get("when"), does)
    if old.get("queue") != new.get("queue"):
        yield _Step(0, f"{does} {_shown(new.get('queue'))} instead of {_shown(old.get('queue'))}")
    who, whom = _part(old, "approvers"), _part(new, "approvers")
    yield from _number("approvers", who.get("count"), whom.get("count"), raised=-1)
    if who.get("role") != whom.get("role"):
        yield _Step(0, f"asks {_shown(whom.get('role'))} instead of {_shown(who.get('role'))}")
    before, after = set(who.get("not") or ()), set(whom.get("not") or ())
    for name in sorted(before - after):
        yield _Step(1, f"`{name}` may approve")
    for name in sorted(after - before):
        yield _Step(-1, f"`{name}` may approve")
    yield from _number("approval holds for", old.get("ttl"), new.get("ttl"), raised=1, read=_seconds)


def _audience(old: Any, new: Any) -> Iterator[_Step]:
    if old != new:
        yield _Step(-1 if new == "internal" else 1, f"audience {_shown(old)} → {_shown(new)}")


def _readers(old: Any, new: Any) -> Iterator[_Step]:
    """Who may read an output: one more restriction is less authority."""
    before = {"the output": old} if isinstance(old, str) else old or {}
    after = {"the output": new} if isinstance(new, str) else new or {}
    ranks = ("principal", "tenant", None)
    for path, (was, now) in _both(before, after):
        side = 1 if ranks.index(now) > ranks.index(was) else -1
        yield _Step(side, f"readers of `{path}` {_shown(was)} → {_shown(now)}")


def _harmless(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_Step]:
    for name, (was, now) in _both(old, new):
        for value in now or ():
            if value not in (was or ()):
                yield _Step(1, f"`{name}` may be `{value}` from any source")
        for value in was or ():
            if value not in (now or ()):
                yield _Step(-1, f"`{name}` may be `{value}` from any source")


def _listed(budget: Any) -> dict[str, Any]:
    """The budgets of an entry by what they count; the place tells two of a kind apart."""
    found: dict[str, Any] = {}
    for each in [] if budget is None else [budget] if isinstance(budget, Mapping) else budget:
        name, count = str(each["meter"]), 2
        while name in found:
            name, count = f"{each['meter']} ({count})", count + 1
        found[name] = each
    return found


def _budgets(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_Step]:
    if len(old) == len(new) == 1:  # the one budget of an entry keeps its place whatever it counts
        yield from _budget(next(iter(old.values())), next(iter(new.values())))
        return
    for _, (was, now) in _both(old, new):
        yield from _budget(was, now)


def _when(old: Any, new: Any, does: str = "asks") -> Iterator[_Step]:
    if old == new:
        return
    if "always" in (old, new):
        yield _Step(1, f"{does} only under conditions") if old == "always" else _Step(-1, "may act unasked")
        return
    for field, (before, after) in _both(old or {}, new or {}):
        for key, (low, high) in _both(before or {}, after or {}):
            what = f"{does} when `{field}` {key}"
            if low is None or high is None or key not in _SIGNS:
                yield _Step(1, f"{what}: {_flat(low)} → {_flat(high)}")  # no order between them: shown as a gain
            else:
                yield from _number(what, low, high, raised=_SIGNS[key])


def _must_hold(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_Step]:
    """Conditions without which an action is denied: one more is less authority."""
    for field, (before, after) in _both(old, new):
        for key, (low, high) in _both(before or {}, after or {}):
            what = f"`{field}` must be {key}"
            if low is not None and high is not None and key == "in":
                side = 1 if set(high) - set(low) else -1
                yield _Step(side, f"{what}: {_flat(low)} → {_flat(high)}")
            elif low is not None and high is not None and key == "provenance":
                yield from _ranked(what, low, high, _SOURCES)
            elif low is not None and high is not None and key not in _SIGNS:
                yield _Step(1, f"{what}: {_flat(low)} → {_flat(high)}")
            else:
                yield from _number(what, low, high, raised=-_SIGNS.get(key, 0))


def _budget(old: Any, new: Any) -> Iterator[_Step]:
    if old == new:
        return
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        yield _Step(-1, "acts without a budget") if new else _Step(1, "no budget any more")
        return
    yield from _number("budget cap", old.get("cap"), new.get("cap"), raised=1)
    yield from _number("budget window", old.get("window"), new.get("window"), raised=-1, read=_seconds)
    for key in ("meter", "of", "reserve", "per"):
        if old.get(key) != new.get(key):
            yield _Step(0, f"budget {key}: {_flat(old.get(key))} → {_flat(new.get(key))}")


def _flat(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "none" if value is None else str(value)


def _seconds(value: Any) -> float | None:
    return seconds(value) if isinstance(value, str) else None


def _amount(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(
    what: str, old: Any, new: Any, *, raised: int, read: Callable[[Any], float | None] = _amount
) -> Iterable[_Step]:
    """A changed number; `raised` says whether a higher one is more authority (1) or less (-1)."""
    if old == new:
        return
    before, after = read(old), read(new)
    text = f"{what} {'none' if old is None else old} → {'none' if new is None else new}"
    if before is None or after is None:
        # A limit that is gone binds nothing; one that is new binds.
        yield _Step(1 if new is None else -1 if old is None else 0, text)
    elif before != after:
        yield _Step(raised if after > before else -raised, text)
