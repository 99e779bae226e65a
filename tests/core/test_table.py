"""The table and a second, slow and obvious reading of the map say the same of every call."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from interlock.core.actions import ActionMap, Label
from interlock.core.provenance import Origin
from interlock.core.table import Facts, Table
from interlock.core.terms import CallVerdict, join

ORDER = ["user", "system", "attested", "third_party", "model"]
STRENGTH = ["allow", "replay", "ask", "escalate", "deny"]
NAMES = ["a", "b", "c"]


# ── the slow interpreter: the map as plain dicts, one rule after another, no compiling


def slow(entry: dict[str, Any], call: dict[str, Any]) -> tuple[str, set[str]]:
    said: list[tuple[str, str]] = [("deny", code) for code, _ in call["faults"]]
    allow = entry.get("allow", {})
    roles = allow.get("roles")
    if roles is not None and not set(roles) & set(call["roles"]):
        said.append(("deny", "role_not_allowed"))
    for name, condition in allow.get("when", {}).items():
        answer = of_argument(name, condition, call, all)
        if answer is not True:
            said.append(("deny", "condition_failed" if answer is False else str(answer)))
    for clause, verdict, code in (("ask", "ask", "approval_required"), ("escalate", "escalate", "handed_over")):
        when = (entry.get(clause) or {}).get("when", {})
        if when == "always":
            said.append((verdict, code))
            continue
        for name, condition in when.items():
            answer = of_argument(name, condition, call, any)
            if answer is True:
                said.append((verdict, code))
            elif answer is not False:
                said.append(("deny", str(answer)))
    budgets = entry.get("budget") or []
    for budget in [budgets] if isinstance(budgets, dict) else budgets:
        if budget["meter"] in NAMES:
            amount = call["arguments"].get(budget["meter"])
            if amount is None:
                said.append(("deny", "fact_missing"))
            elif isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
                said.append(("deny", "fact_ill_typed"))
    doubts = [("ask", "source_control") for name, origin in call["origins"].items() if doubtful(entry, name, origin)]
    doubts += [
        ("ask", "source_content")
        for name, origin in call["embedded"].items()
        if ORDER.index(origin["label"]) > ORDER.index(demand(entry, name))
    ]
    if call["repeated"] == "target":
        doubts.append(("ask", "repeated_target"))
    if call["repeated"] == "call":
        said.append(("replay", "repeated_call"))
    if call["restricted"]:
        doubts.append(("ask", "reader_restricted"))
    if doubts and not call["requested"]:
        doubts.append(("deny", "not_requested"))
    said += doubts
    strongest = max((STRENGTH.index(verdict) for verdict, _ in said), default=0)
    return STRENGTH[strongest], {code for _, code in said}


def of_argument(name: str, condition: dict[str, Any], call: dict[str, Any], quantifier: Any) -> Any:
    value = call["arguments"].get(name)
    if not isinstance(value, list):
        return of_value(name, value, condition, call)
    answers = [of_value(f"{name}[{at}]", each, condition, call) for at, each in enumerate(value)]
    for fault in ("fact_missing", "fact_ill_typed"):
        if fault in answers or (fault == "fact_missing" and not answers):
            return fault
    return quantifier(answers)


def of_value(place: str, value: Any, condition: dict[str, Any], call: dict[str, Any]) -> Any:
    answers = [of_key(place, value, key, wanted, call) for key, wanted in condition.items()]
    for fault in ("fact_missing", "fact_ill_typed"):
        if fault in answers:
            return fault
    return all(answers)


def of_key(place: str, value: Any, key: str, wanted: Any, call: dict[str, Any]) -> Any:
    if value is None:
        return "fact_missing"
    if key in {"eq", "in"}:
        options = wanted if key == "in" else [wanted]
        if not any(type(option) is type(value) for option in options):
            return "fact_ill_typed"
        return any(type(option) is type(value) and option == value for option in options)
    if key in {"lt", "lte", "gt", "gte"}:
        if isinstance(value, bool) or not isinstance(value, int):
            return "fact_ill_typed"
        return {"lt": value < wanted, "lte": value <= wanted, "gt": value > wanted, "gte": value >= wanted}[key]
    if key == "matches":
        return re.fullmatch(wanted, value) is not None if isinstance(value, str) else "fact_ill_typed"
    if key == "same_as_session":
        if wanted not in call["session"]:
            return "fact_missing"
        return value == call["session"][wanted] if isinstance(value, str) else "fact_ill_typed"
    found = call["origins"].get(place, {"label": "model"})
    return ORDER.index(found["label"]) <= ORDER.index(wanted)


def doubtful(entry: dict[str, Any], place: str, origin: dict[str, Any]) -> bool:
    name = place.split("[", maxsplit=1)[0]
    if ORDER.index(origin["label"]) <= ORDER.index(demand(entry, name)):
        return False
    explicit = name in entry.get("allow", {}).get("provenance", {})
    return not (origin["named"] and entry["effect"] == "fetch" and not explicit)


def demand(entry: dict[str, Any], name: str) -> str:
    explicit = entry.get("allow", {}).get("provenance", {})
    if name in explicit:
        return str(explicit[name])
    kind = entry["args"].get(name, "control")
    if kind == "quantity":
        return "model"
    effect = entry["effect"]
    if effect == "send":
        return "attested" if entry.get("audience") == "internal" else "system"
    worst = {"read": "model", "fetch": "user", "write": "attested", "money": "system"}.get(effect, "user")
    return "system" if kind == "content" and worst == "user" else worst


# ── random maps and calls

scalars = st.one_of(st.sampled_from(["x", "yy", "acme", "7"]), st.integers(-2, 9), st.booleans())
values = st.one_of(scalars, st.none(), st.just(2.5), st.lists(scalars, max_size=2))
labels = st.sampled_from(ORDER)
bounds = {key: st.integers(-1, 8) for key in ("lt", "lte", "gt", "gte")}
loose = {
    "eq": scalars,
    "in": st.lists(scalars, min_size=1, max_size=3),
    "matches": st.sampled_from(["[a-z]+", "7|x", "a.*e", "[0-9]{1,2}"]),
    "same_as_session": st.sampled_from(["tenant", "principal", "fact.area", "fact.none"]),
    "provenance": labels,
}


def condition(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    keys = {**loose, **bounds} if kind == "quantity" else loose
    one = st.sampled_from(sorted(keys)).flatmap(lambda key: keys[key].map(lambda value: {key: value}))
    return st.lists(one, min_size=1, max_size=2).map(lambda parts: {k: v for part in parts for k, v in part.items()})


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    args = {name: draw(st.sampled_from(["control", "quantity", "content"])) for name in NAMES}
    listed = {name: kind for name, kind in args.items() if draw(st.booleans())}

    def conditions(most: int) -> dict[str, Any]:
        names = draw(st.lists(st.sampled_from(sorted(listed)), max_size=most, unique=True)) if listed else []
        return {name: draw(condition(listed[name])) for name in names}

    def when() -> Any:
        return draw(st.just("always")) if draw(st.integers(0, 5)) == 0 else conditions(2)

    entry: dict[str, Any] = {"action": "a.b", "tool": "t", "args": listed}
    entry["effect"] = draw(st.sampled_from(["read", "fetch", "write", "send", "money", "destructive", "credential"]))
    if draw(st.booleans()):
        entry["audience"] = draw(st.sampled_from(["internal", "external"]))
    if draw(st.booleans()):
        entry["allow"] = {"when": conditions(2), "provenance": {name: draw(labels) for name in conditions(2)}}
        if draw(st.booleans()):
            entry["allow"]["roles"] = draw(st.lists(st.sampled_from(["r1", "r2"]), min_size=1, max_size=2))
    if draw(st.booleans()):
        entry["ask"] = {"when": when(), "approvers": {"role": "boss", "count": 1}, "ttl": "30m"}
    if draw(st.booleans()):
        entry["escalate"] = {"when": when(), "queue": "people"}
    quantities = [name for name, kind in listed.items() if kind == "quantity"]
    if draw(st.booleans()):
        meter = draw(st.sampled_from(["calls", *quantities]))
        entry["budget"] = {"meter": meter, "per": ["tenant"], "window": "1h", "cap": 5}
    return entry


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    arguments = {name: draw(values) for name in draw(st.lists(st.sampled_from([*NAMES, "d"]), unique=True))}
    places = [
        place
        for name, value in arguments.items()
        for place in ([f"{name}[{at}]" for at in range(len(value))] if isinstance(value, list) else [name])
    ]
    origin = st.fixed_dictionaries({"label": labels, "named": st.booleans()})
    return {
        "arguments": arguments,
        "origins": {place: draw(origin) for place in places if draw(st.booleans())},
        "embedded": {name: draw(origin) for name in arguments if draw(st.integers(0, 4)) == 0},
        "roles": draw(st.lists(st.sampled_from(["r1", "r2", "r3"]), max_size=2)),
        "session": {"tenant": "acme", "principal": "x", "fact.area": "yy"},
        "faults": draw(st.sampled_from([(), (), (), (("mixed_script", "a"),), (("arguments_invalid", ""),)])),
        "repeated": draw(st.sampled_from(["", "", "call", "target"])),
        "restricted": draw(st.sampled_from([False, False, True])),
        "requested": draw(st.booleans()),
    }


def facts(call: dict[str, Any]) -> Facts:
    def origin(each: dict[str, Any]) -> Origin:
        return Origin(Label(each["label"]), "tool", "path", 0, each["named"])

    return Facts(
        arguments=call["arguments"],
        origins={place: origin(each) for place, each in call["origins"].items()},
        embedded={name: origin(each) for name, each in call["embedded"].items()},
        roles=tuple(call["roles"]),
        session=call["session"],
        faults=call["faults"],
        repeated=call["repeated"],
        restricted=Origin(Label.SYSTEM) if call["restricted"] else None,
        requested=call["requested"],
    )


def agree(entry: dict[str, Any], calls: list[dict[str, Any]]) -> None:
    row = Table(ActionMap.model_validate_json(_json({"actions": 1, "map": [entry]}))).rows["t"]
    for call in calls:
        reasons = row.judge(facts(call))
        assert (join(*(r.verdict for r in reasons)).value, {r.code for r in reasons}) == slow(entry, call), (
            entry,
            call,
        )


def _json(value: Any) -> str:
    import json

    return json.dumps(value)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(entries(), st.lists(requests(), min_size=5, max_size=5))
def test_the_table_and_a_slow_reading_of_the_map_agree(entry: dict[str, Any], calls: list[dict[str, Any]]) -> None:
    agree(entry, calls)


@pytest.mark.long
@settings(
    max_examples=10_000, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(entries(), st.lists(requests(), min_size=10, max_size=10))
def test_the_table_and_a_slow_reading_agree_a_hundred_thousand_times(
    entry: dict[str, Any], calls: list[dict[str, Any]]
) -> None:
    agree(entry, calls)


@settings(max_examples=200, deadline=None)
@given(entries(), requests(), st.randoms())
def test_the_order_of_clauses_and_entries_changes_nothing(entry: dict[str, Any], call: dict[str, Any], by: Any) -> None:
    keys = list(entry)
    by.shuffle(keys)
    shuffled = {key: entry[key] for key in keys}
    for clause in ("allow", "ask", "escalate"):
        when = (shuffled.get(clause) or {}).get("when")
        if isinstance(when, dict):
            shuffled[clause] = {**shuffled[clause], "when": dict(reversed(when.items()))}
    other = {"action": "z.z", "tool": "u", "effect": "read"}
    one, two = ([entry, other], [other, shuffled])
    verdicts = [
        {(r.verdict, r.code, r.argument) for r in
         Table(ActionMap.model_validate_json(_json({"actions": 1, "map": order}))).rows["t"].judge(facts(call))}
        for order in (one, two)
    ]  # fmt: skip
    assert verdicts[0] == verdicts[1]


@given(st.lists(st.sampled_from(list(CallVerdict))), st.sampled_from(list(CallVerdict)))
def test_one_more_objection_never_weakens_a_verdict(known: list[CallVerdict], extra: CallVerdict) -> None:
    assert join(*known, extra).rank >= join(*known).rank


@settings(max_examples=200, deadline=None)
@given(entries(), requests(), labels)
def test_a_worse_source_never_weakens_a_verdict(entry: dict[str, Any], call: dict[str, Any], label: str) -> None:
    """Unless a question itself asks where a value came from: there a better source may be what is asked about."""
    asked = [clause for clause in ("ask", "escalate") if "provenance" in str((entry.get(clause) or {}).get("when"))]
    if asked or not call["origins"]:
        return
    row = Table(ActionMap.model_validate_json(_json({"actions": 1, "map": [entry]}))).rows["t"]
    worse = {
        place: {"label": max(origin["label"], label, key=ORDER.index), "named": False}
        for place, origin in call["origins"].items()
    }
    plain = {place: {**origin, "named": False} for place, origin in call["origins"].items()}
    before = join(*(r.verdict for r in row.judge(facts({**call, "origins": plain}))))
    after = join(*(r.verdict for r in row.judge(facts({**call, "origins": worse}))))
    assert after.rank >= before.rank
