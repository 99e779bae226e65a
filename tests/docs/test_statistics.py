"""The tables of docs/statistics.md are what the command works out; a part of them is worked out again here."""

from pathlib import Path

import pytest
from benchmarks import statistics

PAGE = Path(__file__).parents[2] / "docs/statistics.md"


def rows() -> list[tuple[str, ...]]:
    """The table rows between the marks."""
    _, _, rest = PAGE.read_text("utf-8").partition(statistics.BEGIN)
    text, found, _ = rest.partition(statistics.END)
    assert found
    return [
        tuple(cell.strip() for cell in line.strip("|").split("|")) for line in text.splitlines() if line.startswith("|")
    ]


def test_the_page_has_every_row() -> None:
    found = rows()
    assert {(row[0], row[1]) for row in found} >= {
        (f"{100 * margin:g}", str(n)) for margin in statistics.MARGINS for n in statistics.SIZES
    }
    assert {row[0] for row in found} >= {str(looks) for looks in statistics.LOOKS}
    for name in ("Clopper-Pearson", "Wilson", "Tango", "MOVER", "cluster-robust t", "BCa bootstrap"):
        assert any(row[0].startswith(name) for row in found)


@pytest.mark.parametrize("margin", statistics.MARGINS)
@pytest.mark.parametrize("n", [20, 60])
def test_size_and_power_are_what_the_page_says(margin: float, n: int) -> None:
    assert statistics.rule_row(margin, n) in rows()


def test_false_alarms_are_what_the_page_says() -> None:
    _, _, worked = statistics.sequential([20, 50])
    assert set(worked) <= set(rows())


def test_coverage_is_what_the_page_says() -> None:
    least, mean = statistics.tango_coverage(20)
    assert (
        "Tango, each bound (comparison)",
        "20 cases",
        "0.955",
        f"{least:.4f}",
        f"{mean:.4f}",
        "enumerated",
    ) in rows()
    least, mean = statistics.headline_coverage(10)
    assert (
        "MOVER, two-sided (headline)",
        "2 × 10 cases",
        "0.95",
        f"{least:.4f}",
        f"{mean:.4f}",
        "enumerated",
    ) in rows()
    drawn = statistics.drawn_coverage(10, second_view=False)
    assert any(
        row[0].startswith("cluster-robust") and row[1].startswith("10 ") and row[4] == f"{drawn:.4f}" for row in rows()
    )


def test_every_exact_interval_keeps_its_promise() -> None:
    exact = [row for row in rows() if row[0].startswith("Clopper-Pearson")]
    assert exact
    assert all(float(row[3]) >= float(row[2]) for row in exact)


def test_the_sequential_test_keeps_its_level_where_a_repeated_one_does_not() -> None:
    (last,) = [row for row in rows() if row[0] == "300"]
    assert float(last[1]) == pytest.approx(0.03, abs=0.005)
    assert float(last[2]) > 0.25


def test_writing_keeps_what_stands_around_the_tables() -> None:
    page = f"before\n{statistics.BEGIN}\nold\n{statistics.END}\nafter\n"
    text = statistics.written(page, "new")
    assert text == f"before\n{statistics.BEGIN}\n\nnew\n{statistics.END}\nafter\n"
    with pytest.raises(ValueError):
        statistics.written("no marks", "new")
