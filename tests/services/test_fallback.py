"""Promises of EVAL-08: the path without AI answers the same gold cases, and each slice says which path to keep."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from feature import Feature
from interlock.core.comparison import mcnemar_p
from interlock.services.bars import lowered_bars
from interlock.services.eval_fallback import wins_at
from interlock.services.parts import Loaded
from interlock.settings import read_settings
from interlock.wiring import read_feature

PLAIN = '''\
"""Answers without a model."""

REPLY = {"claims": [], "parse": {"attempted": 0, "ok": 0, "errors": []}, "tool_calls": [], "retrieved": []}


async def answer(request, *, root, chat):
    text, n = request["input"], int(request["input"].split(")")[0][1:])
    if "cat" in text:
        return {**REPLY, "outcome": "abstain", "text": "No.", "queue": None, "output": {"outcome": "abstain", "text": "x"}}
    if "overboard" in text:
        return {**REPLY, "outcome": "escalate", "text": "A person.", "queue": "rescue", "output": {"outcome": "escalate", "text": "x"}}
    table = (root / "kb/timetable.md").read_text().splitlines()
    found = next(line for line in table if line.split(":")[0] in text)
    return {**REPLY, "outcome": "answer", "text": SAY, "queue": None, "output": {"outcome": "answer", "text": "x"}}
'''


def with_fallback(feature: Feature, say: str, *, extra: str = "") -> None:
    (feature.root / "app/plain.py").write_text(PLAIN.replace("SAY", say) + extra)
    feature.edit("interlock.yaml", "run: {", 'fallback: {kind: python, call: "app.plain:answer"}\nrun: {')
    feature.lock()


def outcome(feature: Feature) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in feature.check()["checks"] if row["id"] == "EVAL-08")
    return found


def states(found: dict[str, Any]) -> dict[str, str]:
    return {row["slice"]: row["state"] for row in found["data"]["slices"]}


def test_without_a_declared_fallback_nothing_is_compared_and_nothing_passes(feature: Feature) -> None:
    feature.lock()
    found = outcome(feature)
    assert (found["status"], found["seen"]) == ("owed", "no `fallback` is declared")


def test_an_ai_that_wins_somewhere_and_loses_nowhere_passes_and_the_rest_is_listed(feature: Feature) -> None:
    with_fallback(feature, '"no idea"')
    found = outcome(feature)
    assert found["status"] == "pass"
    assert states(found) == {"times": "wins", "rest": "matches"} or states(found)["rest"] == "undecided"
    assert "keep the old path in rest" in found["seen"]
    times = next(row for row in found["data"]["slices"] if row["slice"] == "times")
    assert (times["without_ai"], times["ai"]) == ({"passes": 0, "n": 16}, {"passes": 16, "n": 16})


def test_an_ai_that_is_proven_worse_in_a_slice_fails(feature: Feature) -> None:
    feature.edit("prompts/system.md", "Answer from", "Be terse . Answer from")
    with_fallback(feature, "found")
    found = outcome(feature)
    assert (found["status"], states(found)["times"]) == ("fail", "loses")


def test_where_search_answers_as_well_the_ai_is_owed_a_reason(feature: Feature) -> None:
    with_fallback(feature, "found")
    found = outcome(feature)
    assert (found["status"], found["proves"]) == ("owed", "no slice is shown to be better with AI")


def test_a_claim_that_is_not_shown_is_owed(feature: Feature) -> None:
    feature.edit(
        "evals/gold.yaml", "What has no answer, share: 0.4", "What has no answer, share: 0.4, against_fallback: beats"
    )
    with_fallback(feature, '"no idea"')
    found = outcome(feature)
    assert (found["status"], "rest claims `beats`" in found["proves"]) == ("owed", True)


def test_a_fallback_that_asks_a_model_is_no_path_without_ai(feature: Feature) -> None:
    with_fallback(feature, '(await chat({"messages": []})) and found')
    assert outcome(feature)["status"] == "owed"


def test_recorded_replies_of_people_are_a_path_without_ai(feature: Feature) -> None:
    cases = [json.loads(line) for line in (feature.root / "evals/cases/gold.jsonl").read_text().splitlines()]
    reply = {"outcome": "answer", "text": "no idea", "output": {"outcome": "answer", "text": "no idea"}}
    lines = [json.dumps({"case": case["id"], "reply": reply}) for case in cases]
    (feature.root / "people.jsonl").write_text("\n".join(lines) + "\n")
    feature.edit("interlock.yaml", "run: {", "fallback: {kind: recorded, path: people.jsonl}\nrun: {")
    feature.lock()
    assert states(outcome(feature)) == {"times": "wins", "rest": "wins"}


def test_the_path_without_ai_is_asked_once_for_the_same_bytes(feature: Feature) -> None:
    with_fallback(feature, '"no idea"')
    first, second = feature.check(), feature.check()
    assert first["run"]["calls"] == 2 * 29  # the app and the path without AI
    assert (second["measured"], second["run"]["calls"]) == ([], 0)


def test_the_plan_counts_both_paths(feature: Feature) -> None:
    with_fallback(feature, '"no idea"')
    assert feature.json("check", "--plan")["trials"] == 2 * 29


def test_the_report_has_a_column_for_the_path_without_ai(feature: Feature) -> None:
    with_fallback(feature, '"no idea"')
    feature.check()
    feature.run("report", "--out", str(feature.root / "report.html"))
    html = (feature.root / "report.html").read_text()
    assert "Without AI" in html
    assert "0 of 16" in html
    assert "keep the old path" in html


def test_without_a_comparison_the_report_has_no_such_column(checked: Feature) -> None:
    checked.run("report", "--out", str(checked.root / "report.html"))
    assert "Without AI" not in (checked.root / "report.html").read_text()


@pytest.mark.parametrize(
    ("before", "after", "lower"),
    [
        ("beats", "matches", True),
        ("matches", None, True),
        ("beats", None, True),
        (None, "beats", False),
        ("matches", "beats", False),
    ],
)
def test_withdrawing_a_claim_lowers_a_bar(feature: Feature, before: Any, after: Any, lower: bool) -> None:
    loaded = read_feature(read_settings(feature.root))[1]

    def claiming(claim: Any) -> Loaded:
        (suite,) = loaded.suites
        slices = tuple(piece.model_copy(update={"against_fallback": claim}) for piece in suite.slices)
        return replace(loaded, suites=(replace(suite, slices=slices),))

    found = [bar.text for bar in lowered_bars(claiming(before), claiming(after))]
    assert any(f"claimed `{before}` against the path without AI" in text for text in found) is lower


# ── the number of cases that would show a win ───────────────────────────────────────────────────────────────────


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 8))
def test_the_cases_to_win_are_the_first_that_prove_it(broke: int, fixed: int, same: int) -> None:
    n = broke + fixed + same
    found = wins_at(broke, fixed, n)
    if n == 0 or fixed <= broke:
        assert found is None
        return

    def proven(cases: int) -> bool:
        won, lost = fixed * cases // n, broke * cases // n
        if won + lost == 0:
            return False
        p = float(binomtest(won, won + lost, 0.5, alternative="greater").pvalue)
        assert p == pytest.approx(mcnemar_p(broke=won, fixed=lost), abs=1e-12)
        return p < 0.05

    looked = range(n, (found or 20 * n) + 1)
    assert [cases for cases in looked if proven(cases)] == ([found] if found else [])
