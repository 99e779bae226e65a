"""What to write next: the numbers would do, one less would not, and what blocks most comes first."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.catalogue import CATALOGUE
from interlock.core.checks import level_in
from interlock.core.comparison import Paired, decide
from interlock.core.digest import of_bytes
from interlock.core.estimate import lower_bound
from interlock.core.evidence import Gap
from interlock.core.manifest import Part, Profile, Stage
from interlock.core.representativeness import mix_distance
from interlock.core.rules import Ruling, Standing
from interlock.core.suite import Slice
from interlock.core.verdict import Outcome, Verdict, Word
from interlock.services.gap_numbers import cases_for_floor, cases_for_margin, cases_for_shares
from interlock.services.gaps import SuiteGap, find_gaps
from interlock.services.lock import resolve
from interlock.services.mix import Mix
from interlock.services.parts import load_parts
from interlock.views.gaps import gaps_json, gaps_lines

GOLD = "evals/gold.yaml"
AT = datetime(2026, 11, 22, tzinfo=UTC)


def verdict(data: Mapping[str, Any] | None = None, standings: Mapping[str, Standing] | None = None) -> Verdict:
    """Every check owed, but for the data and standings that are given."""
    outcomes = []
    for check in CATALOGUE:
        standing = (standings or {}).get(check.id, Standing.OWED)
        said = Ruling(standing, "seen", "", "", gap=Gap.NEVER)
        level = level_in(check, Profile.STANDARD, Stage.GA)
        outcomes.append(
            Outcome(check.id, check.title, check.question, level, standing, said.seen, "", "", "", (), said.gap, data=(data or {}).get(check.id, {}))
        )  # fmt: skip
    return Verdict(
        "kiosk/helper", of_bytes(b"x"), "production", Stage.GA, Profile.STANDARD, Word.HOLD, tuple(outcomes), AT, None,
        {part.value: of_bytes(part.encode()) for part in Part},
    )  # fmt: skip


def rows(slice: str, n: int, outcome: str = "answer", **more: Any) -> str:
    made = (
        {
            "id": f"{slice}-{outcome}-{i}", "input": f"{slice} {i}", "slices": [slice], "expect": {"outcome": outcome, "facts": ["nine"] if outcome == "answer" else []},
            "source": "ticket", "covers": ["rule:takeover", "rule:legal-advice", "tool:refund", "schema:version", "schema:queue=security"], **more,
        }
        for i in range(n)
    )  # fmt: skip
    return "".join(json.dumps(row) + "\n" for row in made)


def gaps(tree: Any, *lines: str, **given: Any) -> dict[str, SuiteGap]:
    if lines:
        tree = tree.with_file("evals/cases/gold-1.jsonl", "".join(lines))
    found = find_gaps(load_parts(resolve(tree).bundle, tree), verdict(**given))
    assert [gap.required for gap in found] == sorted((gap.required for gap in found), reverse=True)
    return {gap.what: gap for gap in found}


def test_a_pack_says_how_many_cases_a_first_pass_takes_and_goes_on_with_what_was_seen(small_feature: Any) -> None:
    found = gaps(small_feature)
    assert {what: gap.need for what, gap in found.items() if what.startswith("pack ")} == {
        "pack injection": 14, "pack tool-output-injection": 14, "pack policy-abuse": 14,
        "pack ambiguous-intent": 9, "pack multilingual": 9, "pack out-of-domain": 9,
    }  # fmt: skip
    assert found["pack injection"].checks == ("SAFE-04",)
    seen = {"SAFE-04": {"packs": [{"pack": "injection", "passes": 13, "n": 14, "floor": None}]}}
    gap = gaps(small_feature, data=seen)["pack injection"]
    assert gap.need is not None
    assert gap.need > 22
    assert "13 right of 14" in gap.why[0]


# ── the numbers ─────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.5, 0.6, 0.8, 0.9, 0.95]))
def test_the_cases_for_a_floor_are_enough_at_the_rate_seen(passes: int, failures: int, floor: float) -> None:
    n = passes + failures
    needed = cases_for_floor(floor, passes, n)
    if needed is None:
        assert n > 0
        assert passes / n <= floor or (passes - floor * n) / n < 0.02
        return
    failing = -(-failures * needed // n) if n else 0
    assert needed >= n
    assert lower_bound(needed - failing, needed).low >= floor


def test_no_number_of_cases_shows_a_floor_of_one() -> None:
    assert cases_for_floor(1.0) is None


@given(st.floats(0.01, 0.5))
def test_the_cases_for_a_margin_are_the_fewest_that_pass_without_a_flip(margin: float) -> None:
    n = cases_for_margin(margin)
    assert decide({"s": Paired(n, 0, 0)}, {"s": margin})["s"].verdict == "pass"
    assert decide({"s": Paired(n - 1, 0, 0)}, {"s": margin})["s"].verdict == "owed"


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 60)), min_size=2, max_size=6))
def test_the_cases_for_shares_bring_the_mix_within_its_limit(pairs: list[tuple[int, int]]) -> None:
    total = sum(share for share, _ in pairs)
    names = [f"s{i}" for i in range(len(pairs))]
    shares = {name: share / total for name, (share, _) in zip(names, pairs, strict=True)}
    have = {name: float(n) for name, (_, n) in zip(names, pairs, strict=True)}
    mix = Mix("slice", shares, None, {name: Slice(id=name, title=name) for name in names})
    added = cases_for_shares(mix, have, 0.15)
    assert added is not None
    then = {name: have[name] + added.get(name, 0) for name in names}
    n = sum(then.values())
    assert mix_distance([v / n for v in then.values()], list(shares.values()), n).high <= 0.15
    assert cases_for_shares(mix, then, 0.15) == {}


def test_thin_traffic_can_never_show_it() -> None:
    assert cases_for_shares(Mix("slice", {"a": 1.0}, 40, {}), {"a": 1e6}, 0.15) is None


# ── the table ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_critical_slice_needs_the_cases_that_its_bound_takes(small_feature: Any) -> None:
    found = gaps(small_feature, rows("hours", 10), rows("refunds", 40))["slice hours"]
    assert (found.have, found.need, found.write) == (10, 59, 49)
    assert found.checks[0] in {"EVAL-02", "EVAL-03", "EVAL-07"}
    assert any("critical" in why for why in found.why)
    assert any("floor 80.0 % of case" in why for why in found.why)
    assert any("margin 5.0 %" in why for why in found.why)


def test_a_slice_without_a_case_is_named_with_its_share(small_feature: Any) -> None:
    found = gaps(small_feature, rows("hours", 80))["slice refunds"]
    assert found.have == 0
    assert found.write
    assert {"CMP-02", "EVAL-07"} <= set(found.checks)
    assert any("40.0 % of the traffic" in why for why in found.why)


def test_enough_of_everything_leaves_nothing_to_write_there(small_feature: Any) -> None:
    found = gaps(small_feature, rows("hours", 240), rows("refunds", 160))
    assert not [what for what in found if what.startswith("slice")]


def test_what_was_seen_is_gone_on_with(small_feature: Any) -> None:
    plenty = (rows("hours", 240), rows("refunds", 160))
    floor = {"scorer": "case", "floor": 0.8, "passes": 200, "n": 240}
    seen = {"EVAL-02": {"slices": [{"suite": "gold", "slice": "hours", "floors": [floor]}]}}
    assert "slice hours" in gaps(small_feature, *plenty, data=seen)
    never = {"EVAL-02": {"slices": [{"suite": "gold", "slice": "hours", "floors": [{**floor, "passes": 180}]}]}}
    found = gaps(small_feature, *plenty, data=never)["slice hours"]
    assert (found.need, found.write) == (None, None)
    assert any("mend what fails" in why for why in found.why)


@pytest.mark.parametrize(
    ("decides_at", "verdict_", "write"), [(500, "owed", 260), (None, "owed", None), (None, "pass", 0)]
)
def test_a_margin_asks_for_what_the_comparison_needs(
    small_feature: Any, decides_at: int | None, verdict_: str, write: int | None
) -> None:
    row = {
        "suite": "gold",
        "slice": "hours",
        "verdict": verdict_,
        "n": 240,
        "broke": 6,
        "fixed": 1,
        "unpaired": 0,
        "decides_at": decides_at,
    }
    found = gaps(small_feature, rows("hours", 240), rows("refunds", 160), data={"EVAL-03": {"slices": [row]}})
    if write == 0:
        assert "slice hours" not in found
    else:
        assert (found["slice hours"].write, found["slice hours"].checks) == (write, ("EVAL-03",))


def test_both_halves_of_abstention_are_counted(small_feature: Any) -> None:
    found = gaps(small_feature, rows("hours", 10), rows("hours", 3, "abstain"))
    assert (found["unanswerable cases"].have, found["unanswerable cases"].need) == (3, 14)
    assert (found["answerable cases"].have, found["answerable cases"].need) == (10, 14)
    assert "unanswerable cases" not in gaps(small_feature, rows("hours", 14, "abstain"))


def test_missing_kinds_sources_and_uncovered_things_are_named(small_feature: Any) -> None:
    found = gaps(small_feature, rows("hours", 4).replace('"ticket"', '"TODO"', 3).replace('"rule:legal-advice", ', ""))
    assert found["a suite of kind adversarial"].checks == ("SAFE-04",)
    assert found["a suite of kind holdout"].checks == ("EVAL-06",)
    assert "a suite of kind gold" not in found
    assert (found["sources of cases"].have, found["sources of cases"].need) == (1, 4)
    assert (found["rule:legal-advice"].have, found["rule:legal-advice"].write) == (0, 3)
    assert "rule:takeover" not in found
    assert (found["cases in all"].have, found["cases in all"].need) == (4, 60)


def test_a_judge_short_of_labels_is_named(small_feature: Any) -> None:
    spec = "judges:\n  - {name: kind, model: {provider: a, id: b}, prompt: judges/p.md, rubric: judges/p.md}\n"
    tree = small_feature.with_file(GOLD, small_feature.text(GOLD) + spec).with_file("evals/judges/p.md", "Judge.\n")
    found = gaps(tree)["labels of judge kind"]
    assert (found.have, found.need, found.checks) == (0, 50, ("EVAL-04",))


def test_what_passes_or_does_not_apply_blocks_nothing(small_feature: Any) -> None:
    lines = (rows("hours", 10), rows("refunds", 40))
    open_, na = (
        gaps(small_feature, *lines)["slice hours"],
        gaps(small_feature, *lines, standings={"EVAL-03": Standing.NA})["slice hours"],
    )
    assert open_.required - na.required == 1
    assert open_.need == na.need


# ── shown ───────────────────────────────────────────────────────────────────────────────────────────────────────


def shown(found: Iterable[SuiteGap], width: int = 100) -> list[str]:
    return gaps_lines(list(found), verdict(), width=width, color=False)


@pytest.mark.parametrize("width", [60, 100, 160])
def test_the_table_fits_and_says_everything(small_feature: Any, width: int) -> None:
    found = list(gaps(small_feature, rows("hours", 10)).values())
    lines = shown(found, width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for gap in found:
        assert gap.checks[0] in text
        assert (f"+{gap.write}" if gap.write is not None else "mend") in text


def test_json_has_every_gap_in_the_same_order(small_feature: Any) -> None:
    found = list(gaps(small_feature, rows("hours", 10)).values())
    document = json.loads(json.dumps(gaps_json(found, verdict())))
    assert document["schema"] == "interlock.gaps.v1"
    assert [row["what"] for row in document["gaps"]] == [gap.what for gap in found]
    assert all(row["write"] == row["need"] - row["have"] for row in document["gaps"] if row["need"] is not None)


def test_nothing_missing_is_said_in_one_line() -> None:
    assert shown([]) == ["Nothing is missing for production (ga, standard) that more cases would mend."]
