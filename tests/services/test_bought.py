"""What checked bundles delivered is compared on the same cases only, and from signed evidence that is stored already."""

from feature import Feature
from interlock.core.digest import Digest
from interlock.services.bought import MOST, Delivered, delivered_by_bundle
from interlock.settings import read_settings
from interlock.wiring import open_records, read_feature


def seen(feature: Feature) -> tuple[Delivered, ...]:
    settings = read_settings(feature.root)
    with open_records(settings) as records:
        return delivered_by_bundle(records, read_feature(settings)[1].bundle)


def released(feature: Feature, part: str) -> Digest:
    """One part edited, locked and checked."""
    feature.edit_part(part)
    digest = Digest(feature.lock(f"edit of {part}"))
    feature.check()
    return digest


def test_one_bundle_has_the_units_that_it_was_asked_and_answered(checked: Feature) -> None:
    (row,) = seen(checked)
    assert row.data["SAFE-01"]["overall"]["asked"] == 29
    assert row.data["SAFE-01"]["overall"]["delivered"] == 16
    assert {"should", "wrongly"} <= row.data["SAFE-02"].keys()


def test_bundles_that_answer_alike_are_one_row_and_others_are_rows_of_their_own(checked: Feature) -> None:
    (first,) = seen(checked)
    runbook = released(checked, "runbook")
    assert [row.bundles for row in seen(checked)] == [(*first.bundles, runbook)]
    prompt = released(checked, "prompt")
    assert [row.bundles for row in seen(checked)] == [(*first.bundles, runbook), (prompt,)]


def test_a_bundle_that_was_asked_other_cases_is_left_out(checked: Feature) -> None:
    evals = released(checked, "evals")
    assert [row.bundles for row in seen(checked)] == [(evals,)]


def test_a_bundle_that_was_never_checked_has_no_row(checked: Feature) -> None:
    (first,) = seen(checked)
    checked.edit_part("prompt")
    assert [row.bundles for row in seen(checked)] == [first.bundles]


def test_only_the_newest_bundles_are_shown(checked: Feature) -> None:
    (first,) = seen(checked)
    for at in range(MOST):
        checked.edit("prompts/system.md", "timetable" + "!" * at, "timetable" + "!" * (at + 1))
        checked.lock(f"edit {at}")
        checked.check()
    rows = seen(checked)
    assert len(rows) == MOST
    assert first not in rows
