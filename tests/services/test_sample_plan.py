"""`interlock plan`: what the cases can show, said before anything is spent."""

import json
from pathlib import Path
from typing import Any

import pytest

from feature import Feature
from interlock.cli import run
from interlock.core.comparison import Paired, decide
from interlock.views.sample_plan import sample_plan_lines


def planned(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert run(["plan", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_forty_cases_are_too_few_and_four_ways_out_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    found = planned(capsys, "--cases", "40", "--margin", "0.05", "--discordance", "0.05")
    (row,) = found["slices"]
    assert (found["enough"], row["enough"]) == (False, False)
    assert found["joint"] == row["pass_unchanged"] == pytest.approx(0.264, abs=5e-4)
    assert row["pass_dropped"] < 0.05
    assert row["needed"] == 215
    assert row["needed_without_flips"] == 55
    assert [exit["exit"] for exit in row["exits"]] == ["census", "grow", "sign", "canary"]
    assert "175 more cases" in row["exits"][1]["says"]
    assert row["discordance"]["source"] == "declared"
    text = "\n".join(sample_plan_lines(found))
    assert "hold or block it 74 times in 100 though nothing changed" in text
    assert "declared, not measured" in text


def test_without_a_flip_the_needed_cases_pass_and_one_less_is_owed(capsys: pytest.CaptureFixture[str]) -> None:
    needed = planned(capsys, "--cases", "40", "--discordance", "0")["slices"][0]["needed"]
    for n, verdict in ((needed, "pass"), (needed - 1, "owed")):
        assert decide({"s": Paired(n, 0, 0)}, {"s": 0.05})["s"].verdict == verdict


def test_an_assumption_is_printed_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    found = planned(capsys, "--slice", "billing=40", "--slice", "chat=600", "--margin-of", "billing=0.2")
    assert {row["slice"]: (row["margin"], row["enough"]) for row in found["slices"]} == {
        "billing": (0.2, True), "chat": (0.05, True)
    }  # fmt: skip
    assert {row["discordance"]["source"] for row in found["slices"]} == {"assumed"}
    assert "nobody measured it" in "\n".join(sample_plan_lines(found))
    assert found["joint"] == pytest.approx(found["slices"][0]["pass_unchanged"] * found["slices"][1]["pass_unchanged"])


def test_two_runs_of_one_version_measure_the_flips(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, failed in (("monday", {3}), ("tuesday", {4, 5})):
        rows = [{"case": str(n), "slice": "s" if n < 50 else "t", "passed": n not in failed} for n in range(100)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = [str(tmp_path / f"{name}.jsonl") for name in ("monday", "tuesday")]
    found = planned(capsys, "--slice", "s=300", "--slice", "elsewhere=300", "--runs", *files)
    by_slice, overall = (row["discordance"] for row in found["slices"])
    assert (by_slice["source"], by_slice["flipped"], by_slice["n"], by_slice["rate"]) == ("measured", 3, 50, 0.06)
    assert (overall["flipped"], overall["n"]) == (3, 100)
    assert found["slices"][0]["pass_unchanged_careful"] < found["slices"][0]["pass_unchanged"]


@pytest.mark.parametrize(
    "words",
    [
        ["--cases", "0"], ["--cases", "40", "--margin", "0"], ["--cases", "40", "--margin", "5"],
        ["--cases", "40", "--discordance", "-0.1"], ["--cases", "40", "--discordance", "nan"],
        ["--cases", "40", "--power", "0.99"], ["--cases", "40", "--slice", "a=4"], ["--slice", "a"],
        ["--slice", "a=4.5"], ["--slice", "=4"], ["--cases", "40", "--margin-of", "b=0.1"],
        ["--cases", "40", "--runs", "one.jsonl"], ["--cases", "40", "--runs", "one.jsonl", "two.jsonl"],
        ["--cases", "40", "--margin", "0.9", "--discordance", "0.5"],
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error[usage]")


def test_without_a_feature_the_bare_way_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--dir", str(tmp_path)]) == 2
    assert "interlock plan --cases 40" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# ── in a feature ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_feature_is_planned_by_its_suites(checked: Feature) -> None:
    found = checked.json("plan")
    times, rest = found["slices"]
    assert (times["slice"], times["cases"], times["margin"], times["critical"]) == ("times", 16, 0.3, True)
    assert (rest["cases"], rest["margin"], rest["critical"]) == (13, 0.05, False)
    assert times["without_failure"] is None  # light asks for no bound
    assert times["floors"] == [{"scorer": "facts", "floor": 0.7, "cases": 9}]
    assert (found["cost"]["trials"], found["cost"]["reused"]) == (0, 29)
    assert found["cost"]["usd_each"] == 0
    assert found["registered"] is not None
    assert rest["exits"] == []  # only a critical slice has to be mended
    text = checked.run("plan")[1]
    assert "registered as" in text


def test_a_plan_spends_nothing(feature: Feature) -> None:
    feature.lock()
    found = feature.json("plan")
    assert (found["cost"]["trials"], found["cost"]["usd_each"], found["registered"]) == (29, None, None)
    assert feature.json("plan") == found
    assert feature.json("history") == []


def test_margins_of_a_feature_are_not_overruled_from_outside(checked: Feature) -> None:
    code, _, err = checked.run("plan", "--margin", "0.5")
    assert code == 2
    assert "suite" in err


def test_a_census_is_not_planned(checked: Feature) -> None:
    checked.edit("evals/gold.yaml", "critical: true", "critical: true, estimand: census")
    checked.edit("evals/gold.yaml", "floor: 0.7, margin: 0.3", "floor: 0.7")
    checked.lock()
    found = checked.json("plan")
    assert found["census"] == ["times"]
    assert [row["slice"] for row in found["slices"]] == ["rest"]


# ── against itself ──────────────────────────────────────────────────────────────────────────────────────────────────

WAVERS = """\
    import json
    counted = {}
    try:
        counted = json.loads(open("COUNT").read())
    except OSError:
        pass
    counted[text] = counted.get(text, 0) + 1
    open("COUNT", "w").write(json.dumps(counted))
    if "(0)" in text and counted[text] % 2 == 0:
        return {**reply, "outcome": "answer", "text": "no such ferry", "output": _output("answer")}
"""


def test_a_run_against_itself_measures_what_flips_and_the_plan_uses_it(checked: Feature, tmp_path: Path) -> None:
    before = '    if "cat" in text:\n'
    checked.edit("app/main.py", before, WAVERS.replace("COUNT", str(tmp_path / "count")) + before)
    checked.lock()
    checked.check()
    found = checked.json("check", "--aa")
    assert (found["overall"]["broke"], found["overall"]["fixed"], found["overall"]["n"]) == (3, 0, 29)
    times = next(row for row in found["slices"] if row["slice"] == "times")
    assert (times["broke"], times["n"], times["verdict"]) == (1, 16, "pass")
    assert found["calls"] == 29  # the first half was there already
    planned = next(row for row in checked.json("plan")["slices"] if row["slice"] == "times")["discordance"]
    assert (planned["source"], planned["flipped"], planned["n"]) == ("measured", 1, 16)
    assert "A/A run of" in planned["about"]
    assert "flipped though nothing changed" in checked.run("check", "--aa")[1]


def test_replays_cannot_be_run_against_themselves(checked: Feature) -> None:
    checked.edit("interlock.yaml", "calls: record,", "calls: replay-strict,")
    checked.lock()
    code, _, err = checked.run("check", "--aa")
    assert code == 2
    assert "asks the app anew" in err


def test_repeats_measure_flips_where_nothing_else_did(checked: Feature) -> None:
    checked.edit("interlock.yaml", "repeats: 1", "repeats: 3")
    checked.lock()
    checked.check("--again")
    found = checked.json("plan")
    assert {row["discordance"]["source"] for row in found["slices"]} == {"repeats"}
    assert found["repeats"] == 3
