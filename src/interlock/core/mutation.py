"""Bundles that were broken on purpose: does the suite notice? (EVAL-05)

Source: DeMillo, Lipton and Sayward (1978), Hints on Test Data Selection, IEEE Computer 11(4), 34-41.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from interlock.core.digest import Digest, of_bytes, of_value
from interlock.core.manifest import Part

SEEDED: tuple[Part, ...] = (Part.PROMPT, Part.SCHEMA, Part.RETRIEVER, Part.TOOLS, Part.GUARDRAILS)
"""The parts that are broken on purpose. A changed model is another release, and evals and runbook shape no reply."""

MUTATORS = 1
"""Version of the set of mutators: a new kind of mutant owes a new run."""


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    EQUIVALENT = "equivalent"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bundle with one part broken in one way.

    id: `part/kind/place`, the same for the same bytes. kind: what was done, in two words. what: what was changed,
    as a sentence. behaviour: what a case must ask to notice, and expect: what it would expect. covers: the item of
    `covers` that such a case names, empty for none. changes: new bytes by path.
    """

    id: str
    part: Part
    kind: str
    what: str
    behaviour: str
    changes: Mapping[str, bytes] = field(repr=False)
    expect: Mapping[str, Any] = field(default_factory=dict)
    covers: str = ""

    def __post_init__(self) -> None:
        if self.part not in SEEDED:
            raise ValueError(f"a mutant of part `{self.part}` shapes no reply")
        if not self.changes:
            raise ValueError("a mutant changes at least one file")


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that turned red on a mutant and was not red before: the check, and why."""

    check: str
    why: str


@dataclass(frozen=True, slots=True)
class Asked:
    """How far a mutant was tried: of `cases` that were meant, `answered` had a reply or failed by themselves.

    lacking: why the others had none.
    """

    cases: int = 0
    answered: int = 0
    lacking: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.answered <= self.cases:
            raise ValueError(f"`{self.answered}` of `{self.cases}` cases cannot have been answered")

    @property
    def whole(self) -> bool:
        """Whether every case that was meant says something."""
        return 0 < self.cases == self.answered


def fate_of(alarms: Sequence[Alarm], asked: Asked, *, same_meaning: bool = False) -> tuple[Fate, str]:
    """Killed, survived, equivalent or not run, and why.

    Equivalent is only what provably means the same: whether two different texts behave alike cannot be decided, so a
    mutant that nobody noticed survived. A mutant whose cases were not all answered survives nothing: it was not run.

    >>> fate_of([Alarm("EVAL-02", "must-pass case `a` failed")], Asked(10, 4))
    (<Fate.KILLED: 'killed'>, 'EVAL-02: must-pass case `a` failed')
    >>> fate_of([], Asked(10, 4))
    (<Fate.NOT_RUN: 'not run'>, '4 of 10 cases were answered')
    """
    if same_meaning:
        return Fate.EQUIVALENT, "the changed files read the same as before"
    if alarms:
        more = f" (+{len(alarms) - 1} more)" if len(alarms) > 1 else ""
        return Fate.KILLED, f"{alarms[0].check}: {alarms[0].why}{more}"
    if not asked.whole:
        others = f"; the others: {asked.lacking}" if asked.lacking else ""
        return Fate.NOT_RUN, f"{asked.answered} of {asked.cases} cases were answered{others}"
    return Fate.SURVIVED, f"nothing turned red on {asked.cases} cases"


def alarms(
    before: Mapping[str, str],
    after: Mapping[str, tuple[str, str]],
    *,
    worse_slices: Iterable[tuple[str, str]] = (),
    critical: Iterable[str] = (),
) -> tuple[Alarm, ...]:
    """What turned red, the most telling first: critical cases, slices, then checks.

    Args:
        before: standing (`pass`, `fail`, `owed`) by check on the unbroken bundle.
        after: standing and what was seen, by check, on the mutant.
        worse_slices: name and reason of slices that are proven worse than on the unbroken bundle.
        critical: must-pass cases, and cases of critical slices, that passed before and fail now.

    A check that failed before turns nothing red: it was red.

    >>> alarms({"DOM-01": "pass", "EVAL-02": "fail"}, {"DOM-01": ("fail", "no action"), "EVAL-02": ("fail", "bad")})
    (Alarm(check='DOM-01', why='no action'),)
    """
    failing = list(critical)
    found = []
    if failing:
        others = f" and {len(failing) - 1} more" if len(failing) > 1 else ""
        found.append(Alarm("EVAL-02", f"critical or must-pass case `{failing[0]}`{others} passed before and fails"))
    found += [Alarm("EVAL-03", f"{name}: {why}") for name, why in worse_slices]
    found += [
        Alarm(check, seen)
        for check, (standing, seen) in after.items()
        if standing == "fail" and before.get(check) in ("pass", "owed")
    ]
    return tuple(found)


def mutants_digest(parts: Iterable[Part]) -> Digest:
    """What EVAL-05 reads beside the suites: which mutators there are, and which parts the feature has to break.

    An edit of a prompt does not undo that the suite could tell a bad one; a part that is new has never been broken.
    """
    return of_value(
        {"mutators": MUTATORS, "parts": sorted(part.value for part in parts if part in SEEDED)},
        domain="interlock.mutants.v1",
    )


def by_chance(names: Iterable[str]) -> list[str]:
    """The same names in an order that nobody chose and that never changes: by their digests."""
    return sorted(names, key=lambda name: of_bytes(name.encode()))


def tally(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """How many mutants of each part came to which fate, from rows `{part, fate}`.

    >>> tally([{"part": "prompt", "fate": "killed"}, {"part": "prompt", "fate": "not run"}])["prompt"]["killed"]
    1
    """
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        part = found.setdefault(row["part"], {fate.value: 0 for fate in Fate})
        part[row["fate"]] += 1
    return found
