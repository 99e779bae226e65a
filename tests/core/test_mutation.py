"""Promises of the decision on a mutant, and of the rules that judge mutants and the path without AI."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.checks import LIMITS, Limits
from interlock.core.evidence import Gap
from interlock.core.manifest import Part, Profile
from interlock.core.mutation import (
    SEEDED,
    Alarm,
    Asked,
    Fate,
    Mutant,
    alarms,
    by_chance,
    fate_of,
    mutants_digest,
    tally,
)
from interlock.core.proving_rules import rule_fallback, rule_mutants
from interlock.core.ruling import Standing

LIGHT, STANDARD = LIMITS[Profile.LIGHT], LIMITS[Profile.STANDARD]
RANK = {Standing.FAIL: 0, Standing.OWED: 1, Standing.PASS: 2}
FATES = st.sampled_from([fate.value for fate in Fate])
STANDINGS = st.sampled_from(["pass", "fail", "owed"])


def row(part: str, fate: str, *, suites: bool | None = None) -> dict[str, Any]:
    seen = fate == "killed" if suites is None else suites
    return {"id": f"{part}/x", "part": part, "kind": "k", "what": "w", "fate": fate, "by_suites": seen}


def data(*rows: dict[str, Any], parts: tuple[str, ...] = ("prompt", "tools")) -> dict[str, Any]:
    return {"parts": list(parts), "mutants": list(rows)}


ROWS = st.lists(
    st.tuples(st.sampled_from(["prompt", "tools"]), FATES, st.booleans()).map(
        lambda one: row(one[0], one[1], suites=one[2] and one[1] == "killed")
    ),
    max_size=30,
)


# ── one mutant ──────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_mutant_that_nobody_noticed_survives_only_when_every_case_was_answered(cases: int, answered: int) -> None:
    if answered > cases:
        with pytest.raises(ValueError, match="cannot have been answered"):
            Asked(cases, answered)
        return
    fate, _ = fate_of((), Asked(cases, answered))
    assert fate is (Fate.SURVIVED if 0 < cases == answered else Fate.NOT_RUN)


def test_one_alarm_kills_however_much_was_asked() -> None:
    assert fate_of([Alarm("DOM-01", "no action")], Asked())[0] is Fate.KILLED


def test_what_was_not_answered_is_told_with_its_reason() -> None:
    assert "3 no recorded reply" in fate_of((), Asked(5, 2, "3 no recorded reply"))[1]


def test_the_same_meaning_is_equivalent_even_if_something_else_turned_red() -> None:
    assert fate_of([Alarm("EVAL-02", "x")], Asked(1, 1), same_meaning=True)[0] is Fate.EQUIVALENT


@given(STANDINGS, STANDINGS)
def test_only_what_was_not_red_turns_red(before: str, after: str) -> None:
    found = alarms({"EVAL-02": before}, {"EVAL-02": (after, "seen")})
    assert bool(found) is (after == "fail" and before != "fail")


def test_a_check_that_did_not_stand_before_turns_nothing_red() -> None:
    assert alarms({}, {"EVAL-02": ("fail", "seen")}) == ()


def test_critical_cases_are_told_first_then_slices_then_checks() -> None:
    found = alarms(
        {"SAFE-02": "pass"},
        {"SAFE-02": ("fail", "answers")},
        worse_slices=[("refunds", "9 broke")],
        critical=["a", "b"],
    )
    assert [alarm.check for alarm in found] == ["EVAL-02", "EVAL-03", "SAFE-02"]
    assert "`a` and 1 more" in found[0].why


@pytest.mark.parametrize("part", sorted(set(Part) - set(SEEDED)))
def test_a_part_that_shapes_no_reply_has_no_mutants(part: Part) -> None:
    with pytest.raises(ValueError, match="shapes no reply"):
        Mutant("x", part, "k", "w", "b", {"f": b""})


def test_a_mutant_changes_something() -> None:
    with pytest.raises(ValueError, match="at least one file"):
        Mutant("x", Part.PROMPT, "k", "w", "b", {})


@given(st.lists(st.text(max_size=8), unique=True))
def test_chance_neither_loses_a_name_nor_depends_on_the_order(names: list[str]) -> None:
    assert by_chance(names) == by_chance(reversed(names))
    assert sorted(by_chance(names)) == sorted(names)


def test_a_new_part_owes_a_new_run_and_another_prompt_does_not() -> None:
    assert mutants_digest([Part.PROMPT]) != mutants_digest([Part.PROMPT, Part.TOOLS])
    assert mutants_digest([Part.PROMPT, Part.RUNBOOK]) == mutants_digest([Part.PROMPT])


@given(ROWS)
def test_the_tally_counts_every_mutant_once(rows: list[dict[str, Any]]) -> None:
    assert sum(n for part in tally(rows).values() for n in part.values()) == len(rows)


# ── the rule of EVAL-05 ─────────────────────────────────────────────────────────────────────────────────────────


def test_suites_that_notice_each_part_and_most_mutants_pass() -> None:
    ruling = rule_mutants(
        data(*[row("prompt", "killed")] * 4, row("tools", "killed"), row("tools", "survived")), STANDARD
    )
    assert ruling.standing is Standing.PASS
    assert "5 of 6" in ruling.seen
    assert "interval" in ruling.proves


def test_no_mutant_is_no_pass() -> None:
    ruling = rule_mutants(data(), STANDARD)
    assert (ruling.standing, ruling.gap) == (Standing.OWED, Gap.THIN)


def test_suites_that_are_blind_to_one_part_fail_whatever_the_share() -> None:
    ruling = rule_mutants(data(*[row("prompt", "killed")] * 99, row("tools", "survived")), STANDARD)
    assert ruling.standing is Standing.FAIL
    assert "tools" in ruling.proves


def test_files_alone_do_not_show_that_the_suites_can_fail() -> None:
    ruling = rule_mutants(data(row("prompt", "killed"), *[row("tools", "killed", suites=False)] * 9), STANDARD)
    assert ruling.standing is Standing.FAIL


def test_a_part_whose_mutants_were_not_run_is_owed_and_listed() -> None:
    ruling = rule_mutants(data(*[row("tools", "killed")] * 9, row("prompt", "not run")), STANDARD)
    assert ruling.standing is Standing.OWED
    assert any("prompt/x not run" in detail for detail in ruling.details)


def test_a_part_without_a_mutant_is_owed() -> None:
    assert rule_mutants(data(row("tools", "killed")), STANDARD).standing is Standing.OWED


def test_what_was_not_run_counts_against_a_pass_and_against_a_fail() -> None:
    killed, away = [row("prompt", "killed"), row("tools", "killed")] * 3, [row("tools", "not run")] * 4
    assert rule_mutants(data(*killed, *away), STANDARD).standing is Standing.OWED  # 6 of 10 sure, 10 of 10 possible
    lost = [row("tools", "survived")] * 9
    assert rule_mutants(data(*killed, *away, *lost), STANDARD).standing is Standing.FAIL  # 10 of 19 at best


def test_equivalent_mutants_are_in_no_share() -> None:
    rows = [row("prompt", "killed"), row("tools", "killed"), *[row("tools", "equivalent")] * 50]
    assert rule_mutants(data(*rows), STANDARD).standing is Standing.PASS


@given(ROWS)
def test_a_stricter_profile_never_stands_better(rows: list[dict[str, Any]]) -> None:
    strict, light = rule_mutants(data(*rows), LIMITS[Profile.REGULATED]), rule_mutants(data(*rows), LIGHT)
    assert RANK[strict.standing] <= RANK[light.standing]


@given(ROWS.filter(bool), st.data())
def test_noticing_one_more_never_makes_it_worse(rows: list[dict[str, Any]], chosen: st.DataObject) -> None:
    index = chosen.draw(st.integers(0, len(rows) - 1))
    better = [dict(one) for one in rows]
    if better[index]["fate"] == "equivalent":
        return
    better[index].update(fate="killed", by_suites=True)
    assert RANK[rule_mutants(data(*better), STANDARD).standing] >= RANK[rule_mutants(data(*rows), STANDARD).standing]


@given(ROWS)
def test_a_pass_has_seen_a_mutant_of_every_part_and_its_floor(rows: list[dict[str, Any]]) -> None:
    if rule_mutants(data(*rows), STANDARD).standing is not Standing.PASS:
        return
    assert {one["part"] for one in rows if one["by_suites"]} == {"prompt", "tools"}
    counted = [one for one in rows if one["fate"] != "equivalent"]
    assert sum(one["fate"] == "killed" for one in counted) >= STANDARD.mutants_killed_min * len(counted)


# ── the rule of EVAL-08 ─────────────────────────────────────────────────────────────────────────────────────────


def compared(
    slice: str, state: str, *, claim: str | None = None, n: int = 40, wins_at: int | None = None
) -> dict[str, Any]:
    return {
        "slice": slice, "state": state, "claim": claim, "n": n, "delta": 0.0, "why": "because", "wins_at": wins_at,
        "matches_at": None, "without_ai": {"passes": 20, "n": n}, "ai": {"passes": 30, "n": n},
    }  # fmt: skip


def both(*slices: dict[str, Any], broken: int = 0) -> dict[str, Any]:
    return {"fallback": True, "cases": 80, "broken": broken, "slices": list(slices)}


def test_one_win_and_no_loss_passes_and_lists_what_to_keep() -> None:
    ruling = rule_fallback(both(compared("refunds", "wins"), compared("small_talk", "undecided")), STANDARD)
    assert ruling.standing is Standing.PASS
    assert "keep the old path in small_talk" in ruling.seen


def test_one_slice_that_is_worse_with_ai_fails() -> None:
    ruling = rule_fallback(both(compared("refunds", "wins"), compared("privacy", "loses")), STANDARD)
    assert (ruling.standing, "privacy" in ruling.proves) == (Standing.FAIL, True)


def test_an_ai_that_wins_nowhere_is_owed() -> None:
    assert rule_fallback(both(compared("refunds", "matches")), STANDARD).standing is Standing.OWED


@pytest.mark.parametrize(
    ("claim", "state", "standing"),
    [
        ("beats", "wins", Standing.PASS),
        ("beats", "matches", Standing.OWED),
        ("beats", "undecided", Standing.OWED),
        ("matches", "wins", Standing.PASS),
        ("matches", "matches", Standing.PASS),
        ("matches", "undecided", Standing.OWED),
        ("matches", "loses", Standing.FAIL),
    ],
)
def test_a_claim_must_be_shown(claim: str, state: str, standing: Standing) -> None:
    rows = both(compared("won", "wins"), compared("refunds", state, claim=claim))
    assert rule_fallback(rows, STANDARD).standing is standing


def test_a_claim_that_is_not_shown_says_how_many_cases_would_show_it() -> None:
    ruling = rule_fallback(both(compared("won", "wins"), compared("x", "matches", claim="beats", wins_at=57)), STANDARD)
    assert "57 cases" in ruling.proves


@pytest.mark.parametrize(
    ("found", "gap"),
    [
        ({"fallback": False, "cases": 0, "broken": 0, "slices": []}, Gap.THIN),
        (both(), Gap.BROKEN),
        (both(compared("refunds", "undecided", n=0)), Gap.BROKEN),
        (both(compared("refunds", "wins"), broken=20), Gap.BROKEN),
    ],
)
def test_nothing_compared_is_no_pass(found: dict[str, Any], gap: Gap) -> None:
    ruling = rule_fallback(found, Limits())
    assert (ruling.standing, ruling.gap) == (Standing.OWED, gap)
