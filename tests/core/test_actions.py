"""The action map: complete, typed and closed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.actions import DEFAULT_BUDGET, ActionMap, Label, seconds
from interlock.core.binding import bind
from interlock.core.errors import InterlockError
from interlock.core.pattern import whole_match
from interlock.core.yaml_text import parse_yaml

EXAMPLE = Path(__file__).parents[2] / "examples" / "billing-support" / "guardrails" / "actions.yaml"
MAP = """actions: 1
map:
  - action: refund.issue
    tool: issue_refund
    effect: money
    args: {order_id: control, amount: quantity, note: content}
    allow: {roles: [support], tenant: same_as_session, provenance: {order_id: user}}
    ask: {when: {amount: {gt: 5000}}, approvers: {role: finance, count: 1, not: [requester]}, ttl: 30m}
    budget: {meter: amount, per: [tenant, principal], window: 24h, cap: 200000}
    idempotency: {key: [order_id, amount], window: 72h, retry: verify}
    outputs: {refund_id: system}
    words: [refund]
"""


def read(text: str) -> ActionMap:
    return bind(ActionMap, parse_yaml(text, "actions.yaml"))


def test_the_map_of_the_example_binds() -> None:
    actions = read(EXAMPLE.read_text(encoding="utf-8"))
    assert len(actions.map) > 5
    assert actions.of_tool("issue_refund")[0].ask is not None
    assert actions.of_tool("get_account")[0].ask is None
    assert actions.of_tool("nothing") == ()


def test_the_whole_shape_binds_and_an_unlabelled_output_is_a_third_partys() -> None:
    (action,) = read(MAP).map
    assert action.label("refund_id") is Label.SYSTEM
    assert action.label("note") is Label.THIRD_PARTY


@pytest.mark.parametrize(
    "condition",
    ["{eq: 5}", "{in: [1, 2]}", "{lt: 5}", "{lte: 5}", "{gt: 5}", "{gte: 5, lt: 9}", "{same_as_session: tenant}",
     "{provenance: system}", "{matches: '[0-9]+'}"],
)  # fmt: skip
def test_every_condition_of_the_closed_set_binds(condition: str) -> None:
    assert read(MAP.replace("{gt: 5000}", condition)).map[0].ask is not None


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("{gt: 5000}", "{above: 5000}", 8),
        ("{gt: 5000}", "{gt: 50.5}", 8),
        ("{gt: 5000}", "{matches: '('}", 8),
        ("{gt: 5000}", "{}", 8),
        ("effect: money", "effect: magic", 5),
        ("{order_id: user}", "{order_id: somebody}", 7),
        ("{order_id: user}", "{other: user}", 3),
        ("{when: {amount:", "{when: {other:", 3),
        ("{meter: amount,", "{meter: other,", 3),
        ("{meter: amount,", "{meter: note,", 3),
        ("{amount: {gt: 5000}}", "{note: {gt: 5000}}", 3),
        ("key: [order_id, amount]", "key: [other]", 3),
        ("ttl: 30m", "ttl: soon", 8),
        ("tenant: same_as_session", "tenant: any", 7),
        ("retry: verify", "retry: always", 10),
        ("budget: {meter: amount,", "budget: {meter: distinct,", 9),
        ("budget: {meter: amount,", "budget: {meter: calls, reserve: 5,", 9),
        ("budget: {meter: amount,", "budget: {meter: distinct, of: other,", 3),
        ("same_as_session, provenance", "same_as_session, when: {order_id: {same_as_session: model}}, provenance", 7),
        ("    words: [refund]\n", "    escalate: {when: {other: {eq: x}}, queue: people}\n", 3),
        ("    words: [refund]\n", "    harmless: {other: [x]}\n", 3),
        ("    words: [refund]\n", "    words: [refund]\n    then: x\n", 13),
    ],
)
def test_what_the_shape_does_not_have_is_refused_at_its_place(old: str, new: str, line: int) -> None:
    assert old in MAP
    with pytest.raises(InterlockError) as error:
        read(MAP.replace(old, new))
    assert error.value.place is not None
    assert error.value.place.line == line


MINIMAL = "actions: 1\nmap:\n  - {action: a.read, tool: t, effect: read}\n"


def test_reading_needs_neither_budget_nor_idempotency() -> None:
    (action,) = read(MINIMAL).map
    assert action.budgets == ()
    assert action.idempotency is None


@pytest.mark.parametrize("effect", ["fetch", "write", "send", "money", "destructive", "credential"])
def test_an_effect_without_a_budget_has_the_default_one_and_never_none(effect: str) -> None:
    (action,) = read(MINIMAL.replace("effect: read", f"effect: {effect}")).map
    assert action.budgets == (DEFAULT_BUDGET,)
    assert action.ask is None


@pytest.mark.parametrize(
    ("effect", "audience", "control", "content"),
    [
        ("read", None, Label.MODEL, Label.MODEL),
        ("fetch", None, Label.USER, Label.SYSTEM),
        ("write", None, Label.ATTESTED, Label.ATTESTED),
        ("send", None, Label.SYSTEM, Label.SYSTEM),
        ("send", "external", Label.SYSTEM, Label.SYSTEM),
        ("send", "internal", Label.ATTESTED, Label.ATTESTED),
        ("money", None, Label.SYSTEM, Label.SYSTEM),
        ("destructive", None, Label.USER, Label.SYSTEM),
        ("credential", None, Label.USER, Label.SYSTEM),
    ],
)
def test_an_effect_demands_its_sources_unless_the_map_says_otherwise(
    effect: str, audience: str | None, control: Label, content: Label
) -> None:
    more = f", audience: {audience}" if audience else ""
    entry = f"{{action: a.b, tool: t, effect: {effect}{more}, args: {{c: control, q: quantity, t: content}}}}"
    (action,) = read(f"actions: 1\nmap:\n  - {entry}\n").map
    assert [action.demands(name) for name in ("c", "t", "q", "unlisted")] == [control, content, Label.MODEL, control]
    (own,) = read(f"actions: 1\nmap:\n  - {entry[:-1]}, allow: {{provenance: {{c: third_party}}}}}}\n").map
    assert own.demands("c") is Label.THIRD_PARTY


@pytest.mark.parametrize("pattern", ["(a+)+$", "^x|y$"])
def test_a_pattern_cannot_hang(pattern: str) -> None:
    matches = whole_match(pattern)
    assert not matches("a" * 90_000 + "!")


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "(?<!a)b", "[", "a)|(b", "a{1000}{1000}{1000}", "x" * 501])
def test_a_pattern_beyond_the_linear_class_is_refused_at_its_place(pattern: str) -> None:
    with pytest.raises(InterlockError) as error:
        read(MAP.replace("{gt: 5000}", f"{{matches: '{pattern}'}}"))
    assert error.value.place is not None
    assert error.value.place.line == 8


@given(st.integers(1, 99_999_999), st.sampled_from("smhd"))
def test_a_duration_is_its_number_of_units(n: int, unit: str) -> None:
    assert seconds(f"{n}{unit}") == n * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]


@pytest.mark.parametrize("text", ["", "0m", "1", "m", "1.5h", "-1h", "1h30m", "1 h"])
def test_no_other_text_is_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        seconds(text)


def test_sources_are_ranked_from_the_person_to_the_model() -> None:
    ranked = [Label.USER, Label.SYSTEM, Label.ATTESTED, Label.THIRD_PARTY, Label.MODEL]
    assert [label.rank for label in ranked] == [0, 1, 2, 3, 4]
    assert Label.USER.at_least(Label.SYSTEM)
    assert Label.SYSTEM.at_least(Label.SYSTEM)
    assert not Label.MODEL.at_least(Label.THIRD_PARTY)
