"""One eval run that answers every check that asks for it: the candidate, the baselines, the probes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from interlock.core.digest import Digest, of_value
from interlock.core.manifest import RUNTIME_PARTS, Manifest, Part
from interlock.core.suite import Suite, SuiteKind
from interlock.ports import Bench, Progress, Records
from interlock.services.calls import RecordedChat, read_recordings
from interlock.services.eval_measures import measure_regression, measure_suite
from interlock.services.evaluate import Run, RunPlan, evaluate, plan_run
from interlock.services.parts import Loaded, load_parts
from interlock.services.probes import probe_parsing
from interlock.services.shelf import fetch

REGRESSION = "EVAL-03"
SUITE_CHECKS = frozenset({"EVAL-01", "EVAL-02", "SAFE-02", "PRS-01"})
PROBED = frozenset({"PRS-01", "PRS-02"})


@dataclass(frozen=True)
class Measured:
    """What a measuring brought: data by check and environment ("" where the environment does not matter)."""

    data: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    run: str = ""
    calls: int = 0
    reused: int = 0
    cost_usd: float = 0.0
    broken: Mapping[str, int] = field(default_factory=dict)
    truncated: bool = False

    def plus(self, other: "Measured") -> "Measured":
        """Both together."""
        return Measured(
            {**self.data, **other.data}, self.run or other.run, self.calls + other.calls, self.reused + other.reused,
            self.cost_usd + other.cost_usd, dict(Counter(self.broken) + Counter(other.broken)), self.truncated or other.truncated,
        )  # fmt: skip


@dataclass
class Measurer:
    """Runs suites and probes against the app, each trial at most once for the same upstream bytes."""

    manifest: Manifest
    app: Digest
    records: Records
    bench: Bench
    progress: Progress

    def upstream(self, loaded: Loaded) -> dict[str, str]:
        """What shapes a reply: the runtime parts, the app build, and how the app is reached."""
        target = of_value(self.manifest.target.model_dump(mode="json"), domain="interlock.target.v1")
        return {**loaded.bundle.parts(RUNTIME_PARTS), "app": self.app, "target": target}

    def suites(self, loaded: Loaded) -> tuple[Suite, ...]:
        """The suites that the app itself is asked; those of kind baseline belong to the path without AI."""
        return tuple(suite for suite in loaded.suites if suite.kind is not SuiteKind.BASELINE)

    def plan(self, checks: Sequence[str], baselines: Mapping[Digest, Sequence[str]], *, again: bool) -> RunPlan:
        """What measuring these checks would ask and cost at most."""
        raise NotImplementedError
