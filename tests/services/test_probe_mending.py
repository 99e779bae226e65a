"""An app that does not take guard probes is told to declare them; one that does is not told what it has done."""

from interlock.core.checks import LIMITS
from interlock.core.manifest import Profile
from interlock.core.rules import RULES, Standing
from interlock.services.guardrail_probes import measure_live_path

STANDARD = LIMITS[Profile.STANDARD]


def test_an_app_without_the_capability_is_told_to_declare_it() -> None:
    ruling = RULES["SAFE-05"](measure_live_path((), declared=False), STANDARD)
    assert (ruling.standing, ruling.next) == (
        Standing.OWED,
        "declare guard-probes in app.capabilities, then interlock check",
    )


def test_an_app_that_declared_it_and_was_not_probed_has_another_gap() -> None:
    ruling = RULES["SAFE-05"](measure_live_path((), declared=True), STANDARD)
    assert (ruling.standing, ruling.next) == (Standing.OWED, "")
