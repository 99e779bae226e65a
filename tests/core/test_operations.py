"""Operations."""

from pathlib import Path

import pytest

from interlock.core.binding import bind
from interlock.core.errors import InterlockError
from interlock.core.operations import Operations
from interlock.core.yaml_text import parse_yaml

EXAMPLE = Path(__file__).parents[2] / "examples" / "billing-support" / "runbook" / "operations.yaml"
TEXT = """operations: 1
switches: [{id: feature, scope: feature}]
fallback: {kind: template, call: "app.baseline:answer"}
caps: {request_usd: 0.02, tenant_day_usd: 5, day_usd: 50.0}
on_parse_failure: escalate
rota: {oncall: [Ada, Bo], risk: [Ada]}
rollout: {steps: [{share: 0.1, min_samples: 200, min_minutes: 60}, {share: 1.0, min_samples: 1, min_minutes: 0}]}
alerts: [{signal: schema_failure_rate, above: 0.02, for_minutes: 15, no_data: page, to: [oncall]}]
"""


def read(text: str) -> Operations:
    return bind(Operations, parse_yaml(text, "operations.yaml"))


def test_the_operations_of_the_example_bind() -> None:
    operations = read(EXAMPLE.read_text(encoding="utf-8"))
    assert "oncall" in operations.rota
    assert operations.caps.day_usd
    assert operations.on_parse_failure in {"abstain", "escalate"}


def test_everybody_in_the_rota_is_known_once() -> None:
    assert read(TEXT).people == {"Ada", "Bo"}


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("on_parse_failure: escalate\n", "", 1),
        ("on_parse_failure: escalate", "on_parse_failure: retry", 5),
        ("no_data: page, ", "", 8),
        ("signal: schema_failure_rate", "signal: vibes", 8),
        ("to: [oncall]", "to: [nobody]", 1),
        ("oncall: [Ada, Bo]", "oncall: []", 1),
        ("{id: feature, scope: feature}", "{id: feature, scope: feature}, {id: feature, scope: model}", 1),
        ("share: 1.0", "share: 0.1", 7),
        ("scope: feature", "scope: planet", 2),
    ],
)
def test_operations_that_nobody_could_carry_out_are_refused(old: str, new: str, line: int) -> None:
    assert old in TEXT
    with pytest.raises(InterlockError) as error:
        read(TEXT.replace(old, new))
    assert error.value.place is not None
    assert error.value.place.line == line


def test_caps_may_be_missing_here_because_a_check_reports_them() -> None:
    assert read(TEXT.replace("caps: {request_usd: 0.02, tenant_day_usd: 5, day_usd: 50.0}\n", "")).caps.day_usd is None
