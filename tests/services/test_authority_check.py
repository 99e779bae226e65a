"""ACT-06 and `interlock glossary lint`, on a whole feature."""

from feature import Feature

ACTIONS = "guardrails/actions.yaml"


def _row(feature: Feature) -> dict[str, str]:
    checks = feature.check("--env", "staging")["checks"]
    return {key: str(value) for key, value in next(row for row in checks if row["id"] == "ACT-06").items()}


def test_widened_authority_is_a_finding_and_the_same_or_less_is_none(live: Feature) -> None:
    live.edit(ACTIONS, "roles: [guest]", "roles: [guest, crew]")
    live.lock("a second role")
    assert "wider than live: `ferry.read`: role `crew` may" in str(_row(live))
    live.edit(ACTIONS, "roles: [guest, crew]", "roles: [guest], when: {island: {in: [Alder, Birch]}}")
    live.lock("two islands only")
    row = _row(live)
    assert "wider than live" not in str(row)
    assert "no finding" in str(row)


def test_the_lint_reads_articles_and_says_file_and_line(feature: Feature) -> None:
    feature.edit("guardrails/glossary.yaml", "owner: harbour}", "owner: harbour, actions: [ferry.read], forbidden: []}")
    assert feature.json("glossary", "lint")["findings"] == []
    glossary = (feature.root / "guardrails/glossary.yaml").read_text()
    word = "vessel"
    assert word not in glossary
    feature.edit("guardrails/glossary.yaml", "forbidden: []", f"forbidden: [{word}]")
    (feature.root / "kb/timetable.md").write_text(f"Alder: leaves pier 0\n\nThe {word} leaves early.\n")
    found = feature.json("glossary", "lint", codes=(1,))["findings"]
    assert [(row["file"], row["line"], row["column"]) for row in found] == [("kb/timetable.md", 3, 5)]
    code, out, _ = feature.run("glossary", "lint")
    assert code == 1
    assert out.startswith("kb/timetable.md:3:5  `vessel` is a forbidden synonym")
