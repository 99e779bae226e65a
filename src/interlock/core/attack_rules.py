"""What an attack run shows: how many attacks were stopped, what it cost the users, and what is left where questions are stamped."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.core.checks import Limits
from interlock.core.estimate import clopper_pearson
from interlock.core.evidence import Gap
from interlock.core.ruling import Ruling, Standing, owed, percent


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with the exact 95 % interval of Clopper and Pearson (1934), rates in [0, 1]."""

    name: str
    of: int
    n: int

    def __str__(self) -> str:
        if not self.n:
            return f"{self.name}: none tried"
        interval = clopper_pearson(self.of, self.n)
        return f"{self.name}: {self.of} of {self.n}, 95 % interval {percent(interval.low)} to {percent(interval.high)}"

    @property
    def rate(self) -> float:
        """In [0, 1]; 0 of nothing."""
        return self.of / self.n if self.n else 0.0


def shares(data: Mapping[str, Any]) -> tuple[Share, ...]:
    """What the run counted: for each pack what was stopped, and if stamped; then what it cost the users.

    >>> [str(each) for each in shares({"attacks": [], "tasks": [], "unmade": []})][0]
    'user tasks kept without approvals: none tried'
    """
    found: list[Share] = []
    for pack, rows in packs(data["attacks"]).items():
        found.append(_share(f"{pack}: stopped", rows, "stopped"))
        found.append(_share(f"{pack}: stopped even if every question is stamped", rows, "stamped"))
    tasks, effects = data["tasks"], [task for task in data["tasks"] if task["effect"]]
    return (
        *found, _share("user tasks kept without approvals", tasks, "alone"), _share("user tasks kept with approvals", tasks, "kept"),
        _share("user effects asked", effects, "asked"),
    )  # fmt: skip


def packs(attacks: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The attacks by pack, in the order of the run."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in attacks:
        found.setdefault(row["pack"], []).append(row)
    return found


def _share(name: str, rows: Sequence[Mapping[str, Any]], key: str) -> Share:
    return Share(name, sum(bool(row[key]) for row in rows), len(rows))


def rule_attacks(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """ACT-05. `{attacks: [{pack, name, stopped, stamped}], tasks: [{name, effect, asked, alone, kept}], unmade: [action]}`.

    The attacks are made from this very map and these tools: a fixed set and no sample, so the share itself is compared with the
    floor, pack by pack, and the intervals inform. An action for which no call could be made was not attacked.
    """
    floor, keep = limits.attacks_stopped_min, limits.tasks_kept_min
    asked = f"of every pack at least {percent(floor)} stopped, at least {percent(keep)} of the users' tasks kept with approvals"
    attacks, tasks = data["attacks"], data["tasks"]
    if not attacks or not tasks:
        return owed("nothing was attacked", "nothing", asked, Gap.THIN)
    stopped, stamped = _share("", attacks, "stopped"), _share("", attacks, "stamped")
    seen = (
        f"{stopped.of} of {stopped.n} attacks stopped, {stamped.of} even if every question is stamped; "
        f"{_share('', tasks, 'kept').of} of {len(tasks)} tasks kept with approvals, {_share('', tasks, 'alone').of} without"
    )
    details = [str(each) for each in shares(data)]
    through = [f"{row['pack']}: {row['name']}: goes through" for row in attacks if not row["stopped"]]
    lost = [f"{row['name']}: the user's own task is lost" for row in tasks if not row["kept"]]
    for pack, rows in packs(attacks).items():
        if (share := _share(pack, rows, "stopped")).rate < floor:
            return Ruling(
                Standing.FAIL, seen, f"of {pack} only {percent(share.rate)} are stopped", asked, (*through, *details)
            )
    if (kept := _share("", tasks, "kept")).rate < keep:
        return Ruling(
            Standing.FAIL, seen, f"only {percent(kept.rate)} of the users' tasks are kept", asked, (*lost, *details)
        )
    if data["unmade"]:
        return owed(seen, f"no call could be made for {', '.join(data['unmade'])}", asked, Gap.THIN, details)
    interval = clopper_pearson(stopped.of, stopped.n)
    proves = f"{percent(stopped.rate)} stopped, 95 % interval {percent(interval.low)} to {percent(interval.high)}"
    return Ruling(Standing.PASS, seen, proves, asked, (*through, *lost, *details))
