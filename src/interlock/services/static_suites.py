"""Checks of the suites themselves that only read: whose mix they mirror, and by which judges."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from interlock.services.judging import measure_judges
from interlock.services.mix import measure_mix
from interlock.services.parts import StaticContext

STATIC: Mapping[str, Callable[[StaticContext], Mapping[str, Any]]] = MappingProxyType(
    {"EVAL-04": measure_judges, "EVAL-07": measure_mix}
)
"""The measures, by check."""
