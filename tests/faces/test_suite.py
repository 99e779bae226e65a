"""`interlock suite gaps` on a feature on disk, and the two checks that rest on the suites."""

from feature import Feature


def test_gaps_print_a_table_and_a_document_and_change_nothing(feature: Feature) -> None:
    feature.lock()
    before = sorted(path.name for path in feature.root.iterdir())
    code, out, _ = feature.run("suite", "gaps")
    assert code == 0
    assert "What to write next for production" in out
    document = feature.json("suite", "gaps", "--env", "staging")
    assert document["environment"] == "staging"
    assert {"what", "suite", "have", "need", "write", "blocks", "checks", "why"} == set(document["gaps"][0])
    assert sorted(path.name for path in feature.root.iterdir()) == before


def test_an_environment_that_does_not_exist_is_wrong_usage(feature: Feature) -> None:
    feature.lock()
    code, _, err = feature.run("suite", "gaps", "--env", "moon")
    assert code == 2
    assert "there is no environment `moon`" in err


def test_a_check_measures_the_mix_and_finds_no_judge(checked: Feature) -> None:
    rows = {row["id"]: row for row in checked.check()["checks"]}
    assert rows["EVAL-04"]["status"] == "n/a"
    assert rows["EVAL-07"]["status"] in {"pass", "owed"}
    assert rows["EVAL-07"]["data"]["keys"][0]["basis"] == "declared"


def test_gaps_go_on_with_the_failures_of_the_last_check(checked: Feature) -> None:
    before = {row["what"]: row for row in checked.json("suite", "gaps")["gaps"]}
    assert not any("mend" in why for why in before["slice times"]["why"])
    checked.edit("prompts/system.md", "Answer", "In terse words: Answer")  # its answers then lack the fact
    checked.lock()
    checked.check()
    after = {row["what"]: row for row in checked.json("suite", "gaps")["gaps"]}
    assert after["slice times"]["write"] is None
    assert any("mend what fails" in why for why in after["slice times"]["why"])
