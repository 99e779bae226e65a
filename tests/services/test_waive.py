"""Promises of waivers: one check, these bytes, another person, a reason, a control and an end."""

import pytest

from feature import Feature
from interlock.core.bundle import Bundle
from interlock.core.checks import LIMITS, NEVER_WAIVED
from interlock.core.digest import of_bytes
from interlock.core.errors import PromotionError, UsageError
from interlock.core.manifest import Profile
from interlock.core.verdict import Waiver
from interlock.ports import Records
from interlock.services.waive import grant, open_waivers, waivers
from interlock.settings import read_settings
from interlock.testing import FixedClock
from interlock.wiring import open_records

GIVEN = ["--reason", "a new pier", "--owner", "ines", "--control", "a person reads every answer"]


def waive(
    feature: Feature, check: str, *, approver: str = "jon", days: str = "5", owner: str = "ines"
) -> tuple[int, str, str]:
    given = [word if word != "ines" else owner for word in GIVEN]
    return feature.run("waive", check, *given, "--approver", approver, "--days", days, "--env", "staging")


@pytest.fixture
def failing(checked: Feature) -> Feature:
    """Staging also asks EVAL-02, which fails."""
    checked.edit("prompts/system.md", "timetable.", "timetable, terse .")
    checked.edit("interlock.yaml", "stage: lab, approvals: 0}", "stage: lab, approvals: 0, also: [EVAL-02]}")
    checked.lock()
    assert checked.check("--env", "staging")["verdict"] == "BLOCKED"
    return checked


def status(feature: Feature, check: str) -> str:
    document = feature.check("--env", "staging")
    return str(next(row["status"] for row in document["checks"] if row["id"] == check))


def test_a_waiver_lets_one_check_pass_and_the_verdict_says_so(failing: Feature) -> None:
    assert waive(failing, "EVAL-02")[0] == 0
    document = failing.check("--env", "staging")
    row = next(row for row in document["checks"] if row["id"] == "EVAL-02")
    assert (document["verdict"], row["status"]) == ("READY", "waived")
    assert "jon" in row["seen"]
    assert "a person reads every answer" in row["proves"]
    assert document["valid_until"] == row["valid_until"]
    assert failing.run("promote", "staging")[0] == 0
    (listed,) = failing.json("history", "--waivers")
    assert (listed["check"], listed["owner"], listed["approver"], listed["open"]) == ("EVAL-02", "ines", "jon", True)


def test_a_waiver_is_of_these_bytes_only(failing: Feature) -> None:
    assert waive(failing, "EVAL-02")[0] == 0
    failing.edit("kb/timetable.md", "Larch: leaves", "Larch: departs")
    failing.lock()
    assert status(failing, "EVAL-02") == "fail"


@pytest.mark.parametrize("check", sorted(NEVER_WAIVED[Profile.LIGHT]))
def test_what_can_never_be_waived_is_refused(checked: Feature, check: str) -> None:
    code, _, err = waive(checked, check)
    assert code == 2
    assert "can never be waived" in err


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"approver": "ines"}, "of their own"),
        ({"days": "0"}, "not allowed"),
        ({"days": "-1"}, "not allowed"),
        ({"days": "90.1"}, "at most 90 days"),
        ({"days": "nan"}, "not allowed"),
        ({"owner": " "}, "needs a owner"),
    ],
)
def test_a_waiver_without_another_person_an_end_or_an_owner_is_refused(
    failing: Feature, changes: dict[str, str], says: str
) -> None:
    code, _, err = waive(failing, "EVAL-02", **changes)
    assert code == 2
    assert says in err
    assert failing.json("history", "--waivers") == []


def granted(records: Records, check: str = "EVAL-02", *, days: float = 10, scope: str = "s", profile: Profile = Profile.STANDARD) -> Waiver:  # fmt: skip
    return grant(
        records, check=check, scope=of_bytes(scope.encode()), reason="r", owner="ines", approver="ada", control="c", days=days,
        profile=profile, limits=LIMITS[profile], bundle=Bundle("f", {}, {}), reads=frozenset(),
    )  # fmt: skip


def test_a_waiver_ends_on_the_minute_and_a_newer_one_replaces_it(feature: Feature) -> None:
    from datetime import timedelta

    clock = FixedClock()
    with open_records(read_settings(feature.root), clock=clock) as records:
        waiver = granted(records)
        assert open_waivers(records, waiver.until - timedelta(seconds=1)) == [waiver]
        assert open_waivers(records, waiver.until) == []
        longer = granted(records, days=20)
        assert waivers(records) == [longer]


def test_only_so_many_waivers_are_open_at_once_also_of_one_check(feature: Feature) -> None:
    with open_records(read_settings(feature.root), clock=FixedClock()) as records:
        for n in range(5):
            granted(records, scope=str(n))
        granted(records, scope="4")  # renewing one is not one more
        for check, scope in (("EVAL-02", "new"), ("SAFE-07", "s")):
            with pytest.raises(PromotionError, match="5 waivers are open"):
                granted(records, check, scope=scope)


def test_the_regulated_floor_is_never_waived_and_30_days_are_too_long_for_it(feature: Feature) -> None:
    with open_records(read_settings(feature.root), clock=FixedClock()) as records:
        for check in ("ROLL-01", "ACT-03"):
            with pytest.raises(PromotionError, match="never"):
                granted(records, check, profile=Profile.REGULATED)
            granted(records, check)
        with pytest.raises(UsageError):
            granted(records, days=14.5, profile=Profile.REGULATED)


def test_a_waiver_that_somebody_typed_into_the_ledger_counts_for_nothing(feature: Feature) -> None:
    with open_records(read_settings(feature.root), clock=FixedClock()) as records:
        real = granted(records)
        (fact,) = records.ledger.facts("waiver.granted")
        forged = {**fact.body, "check": "SAFE-07"}
        records.ledger.append("waiver.granted", forged, actor="ada", at=records.clock.now())
        assert waivers(records) == [real]


def test_whoever_wrote_a_part_that_the_check_reads_does_not_waive_it(failing: Feature) -> None:
    code, _, said = waive(failing, "EVAL-02", approver="ada", owner="zed")
    assert code == 2
    assert "`ada` wrote a part that `EVAL-02` reads" in said
