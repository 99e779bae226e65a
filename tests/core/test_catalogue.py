"""Promises of the catalogue: 64 lines of readiness, in order, and the same as the table that they came from."""

import os
import re
from pathlib import Path

import pytest

from interlock.core.catalogue import BY_ID, CATALOGUE, find_check
from interlock.core.checks import NEVER_WAIVED, STAGES, Level, Limits, level_in
from interlock.core.errors import UsageError
from interlock.core.manifest import Part, Profile, Stage
from interlock.core.rules import RULES

LETTERS = dict(zip("MPSITGER", Part, strict=True))
MARKS = {"●": Level.REQUIRED, "w": Level.WARNS, "–": Level.NOT_ASKED, "-": Level.NOT_ASKED}


def test_there_are_64_checks_each_with_an_id_of_its_own() -> None:
    assert len(CATALOGUE) == len(BY_ID) == 64
    assert all(re.fullmatch(r"[A-Z]{3,4}-0[1-9]", check.id) for check in CATALOGUE)


def test_every_check_says_what_it_asks_why_and_what_to_do() -> None:
    for check in CATALOGUE:
        assert all(text.strip() for text in (check.title, check.rule, check.why, check.next)), check.id
        assert (check.instrument is None) == bool(check.missing), check.id


def test_every_check_with_an_instrument_has_a_rule_and_none_else() -> None:
    assert {check.id for check in CATALOGUE if check.instrument} == set(RULES)


def test_limits_that_bound_an_age_exist() -> None:
    for check in CATALOGUE:
        assert check.ages is None or (check.max_age(Limits()) or 0), check.id


def test_a_stage_names_known_checks_and_grows_with_exposure() -> None:
    lab, prototype, pilot = (STAGES[stage] for stage in (Stage.LAB, Stage.PROTOTYPE, Stage.PILOT))
    assert lab is not None
    assert prototype is not None
    assert pilot is not None
    assert lab < prototype < pilot <= set(BY_ID)
    assert all(names <= set(BY_ID) for names in NEVER_WAIVED.values())


@pytest.mark.parametrize("profile", Profile)
def test_an_environment_may_ask_for_more_than_its_stage_and_never_for_less(profile: Profile) -> None:
    for check in CATALOGUE:
        asked = [level_in(check, profile, stage) is Level.REQUIRED for stage in Stage]
        assert asked == sorted(asked), f"{check.id} is asked early and not late"
        assert level_in(check, profile, Stage.LAB, frozenset({check.id})) is Level.REQUIRED


def test_an_unknown_check_is_refused_with_the_nearest_id() -> None:
    assert find_check("eval-03").id == "EVAL-03"
    with pytest.raises(UsageError) as caught:
        find_check("EVAL-33")
    assert "EVAL-03" in caught.value.hint


def _table() -> Path | None:
    here = Path(os.environ.get("INTERLOCK_CHECKS_TABLE", "")) if os.environ.get("INTERLOCK_CHECKS_TABLE") else None
    return here if here is not None and here.is_file() else None


def test_the_catalogue_is_the_table_of_the_design_row_by_row() -> None:
    table = _table()
    if table is None:
        pytest.skip("INTERLOCK_CHECKS_TABLE names no table of checks to compare with")
    rows = {}
    for line in table.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if (len(cells) == 5 and cells[0] in BY_ID) or re.fullmatch(r"[A-Z]{3,4}-\d\d", cells[0]):
            rows[cells[0]] = (cells[3], tuple(MARKS[mark] for mark in cells[4].split()))
    assert set(rows) == set(BY_ID)
    for id, (reads, levels) in rows.items():
        assert BY_ID[id].levels == levels, id
        assert BY_ID[id].reads == _parts(reads), id
        # A run of an eval asks the app, so its build is in the scope, also where the table speaks of parts alone.
        assert not _app(reads) or "app" in BY_ID[id].inputs, id


def _parts(reads: str) -> frozenset[Part]:
    if reads == "same":
        return _parts("M P S I T G E")
    if "all" in reads or reads == "pairs":
        return frozenset(Part)
    letters = [letter for word in re.split(r"[ ,]+", reads) for letter in word if word.isupper() and letter in LETTERS]
    return frozenset(LETTERS[letter] for letter in letters)


def _app(reads: str) -> bool:
    return reads == "same" or "A" in re.split(r"[ ,]+", reads)
