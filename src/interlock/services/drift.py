"""A pinned model can move by itself: how far apart in time two bundles may answer, and how much one moves on its own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from interlock.core.bundle import Bundle
from interlock.core.comparison import Paired, decide, paired_from_trials
from interlock.core.estimate import Estimate
from interlock.core.manifest import Manifest, Part
from interlock.core.suite import Case, Suite
from interlock.ports import Attempt, Records, TrialStore
from interlock.services.eval_measures import PAIRED, slice_names
from interlock.services.evaluate import Run
from interlock.services.pins import weights_named

if TYPE_CHECKING:  # planning comes with it, and a check plans nothing
    from interlock.services.sample_plan import Flips

AGAINST_ITSELF = "against-itself"
"""Kind of the ledger's fact of an A/A run."""


@dataclass
class DatedTrials:
    """A trial store that remembers when the oldest and the newest reply was asked that it gave back."""

    trials: TrialStore
    oldest: datetime | None = None
    newest: datetime | None = None

    def find(self, keys: Iterable[str]) -> Mapping[str, Attempt]:
        """The attempts under these keys."""
        found = self.trials.find(keys)
        for attempt in found.values():
            self.oldest = attempt.at if self.oldest is None else min(self.oldest, attempt.at)
            self.newest = attempt.at if self.newest is None else max(self.newest, attempt.at)
        return found

    def add(self, attempts: Sequence[Attempt]) -> None:
        """Durable when it returns."""
        self.trials.add(attempts)


def can_move(manifest: Manifest, bundle: Bundle) -> bool:
    """Whether the same bytes could answer otherwise tomorrow: not a recording, and no model that its weights name."""
    if manifest.run.calls == "replay-strict" or manifest.target.kind == "recorded":
        return False
    model = bundle.components.get(Part.MODEL)
    return model is None or not weights_named(model)


def within_window(trials: TrialStore, arms: Sequence[Iterable[str]], *, now: datetime, window: timedelta) -> bool:
    """Whether the replies of all arms, those that are still to be asked included, lie no further apart than the window.

    Args:
        arms: the keys of the trials that each bundle needs.
    """
    times: set[datetime] = set()
    for arm in arms:
        keys = set(arm)
        dated = DatedTrials(trials)
        known = dated.find(keys)
        times.update(at for at in (dated.oldest, dated.newest) if at is not None)
        if len(known) < len(keys):
            times.add(now)
    return not times or max(times) - min(times) <= window


def measure_itself(run: Run, repeats: int, limits_margin: float) -> Mapping[str, Any]:
    """Split an A/A run of 2 × `repeats` trials a case into two arms and compare them as two bundles would be.

    Returns: by slice how many cases flipped, and what the gate would have said of a release that changed nothing.
    """
    pairs, margins = {}, {}
    for name, suite, piece in slice_names(run.suites):
        pairs[name] = _split(run, [(suite, case) for case in suite.of_slice(piece.id)], repeats)
        margins[name] = suite.margin(piece.id, limits_margin)
    everything = [(suite, case) for suite in run.suites if suite.kind in PAIRED for case in suite.cases]
    whole = _split(run, everything, repeats)
    found = decide(pairs, margins)
    return {
        "repeats": repeats,
        "slices": [
            {"slice": name, "n": pair.n, "broke": pair.broke, "fixed": pair.fixed, "unpaired": pair.unpaired,
             "verdict": found[name].verdict}
            for name, pair in pairs.items()
        ],
        "overall": {"n": whole.n, "broke": whole.broke, "fixed": whole.fixed, "unpaired": whole.unpaired},
    }  # fmt: skip


def _split(run: Run, cases: Sequence[tuple[Suite, Case]], repeats: int) -> Paired:
    arms: tuple[list[tuple[str, str | None, float]], ...] = ([], [])
    for suite, case in cases:
        name = f"{suite.name}/{case.id}"
        result = run.results[name]
        for arm, indexes in zip(arms, (range(repeats), range(repeats, 2 * repeats)), strict=True):
            if all(result.trials[index].broken is None for index in indexes):
                marks = [mark for index in indexes if (mark := result.mark(index)) is not None]
                arm += [(name, case.cluster, mark) for mark in marks]
    return paired_from_trials(*arms)


def known_flips(records: Records) -> "tuple[dict[str, Flips], Flips | None]":
    """How often cases flip by themselves, by slice and over all, from the newest A/A run; empty where none was made."""
    facts = list(records.ledger.facts(AGAINST_ITSELF))
    if not facts:
        return {}, None
    from interlock.services.sample_plan import Flips

    fact = facts[-1]
    about = f"A/A run of {fact.body['bundle'][7:19]}, {fact.at:%Y-%m-%d}"

    def flips(row: Mapping[str, Any]) -> Flips:
        estimate = Estimate.of(row["broke"] + row["fixed"], row["n"])
        return Flips(estimate.rate or 0.0, "measured", estimate, about)

    overall = fact.body["overall"]
    found = {row["slice"]: flips(row) for row in fact.body["slices"] if row["n"]}
    return found, flips(overall) if overall["n"] else None
