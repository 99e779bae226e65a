"""The mix of the gold set beside the mix of the traffic, key by key (EVAL-07). Pure: it reads what is loaded."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.core.representativeness import Fit, fit_to_shares, jensen_shannon, kish, mix_distance, same_mix
from interlock.core.representativeness import total_variation as distance_of
from interlock.core.suite import Case, Slice, Suite, SuiteKind
from interlock.core.traffic import TrafficProfile
from interlock.services.parts import StaticContext

REST = "(everything else)"
"""The traffic, and the cases, of no slice that has a share."""
NOTICED = 0.01
"""A slice with this share of the traffic needs a case."""
_MAIN = "slice"
_ROUNDED = 0.005  # by how much declared shares may miss 1: 0.33 three times is meant to be all
_NO_SOURCE = re.compile(r"\s*(?:template\b.*|todo\b.*|tbd|unknown|none|n/?a|x+|[?\-.]+)\s*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mix:
    """What real traffic is made of, for one key: shares by slice that sum to 1.

    requests: how many were counted, None where the shares are declared. slices: those that the suites declare, by id.
    """

    key: str
    shares: Mapping[str, float]
    requests: int | None
    slices: Mapping[str, Slice]

    def noticed(self, name: str) -> bool:
        """Whether a slice must have a case: it has 1 % of the traffic, or it is critical."""
        return name != REST and (self.shares[name] >= NOTICED or (name in self.slices and self.slices[name].critical))

    def counts(self, suites: Sequence[Suite]) -> dict[str, float]:
        """Units of these suites by slice; what has no share counts as «everything else»."""
        found = dict.fromkeys(self.shares, 0.0)
        for unit in _units(suites):
            for name, part in parts_of(unit, self.shares).items():
                found[name] = found.get(name, 0.0) + part
        return found


def gold_suites(suites: Sequence[Suite]) -> tuple[Suite, ...]:
    """The suites that stand for real traffic."""
    return tuple(suite for suite in suites if suite.kind is SuiteKind.GOLD)


def has_source(case: Case) -> bool:
    """Whether the source of a case says something, and is no placeholder.

    >>> from interlock.core.suite import Expect
    >>> [has_source(Case(id="a", slices=("s",), expect=Expect(), source=text)) for text in ("ticket 4711", "TODO", "n/a")]
    [True, False, False]
    """
    return _NO_SOURCE.fullmatch(case.source) is None


def mixes(suites: Sequence[Suite], traffic: TrafficProfile | None) -> tuple[tuple[Mix, ...], tuple[str, ...]]:
    """The mix of the traffic for every key, counted where it was counted, else declared; and what is wrong with it.

    Shares that leave something over leave it to «everything else»; shares of more than 1 are a fault.
    """
    slices: dict[str, Slice] = {}
    faults: list[str] = []
    for piece in (piece for suite in suites for piece in suite.slices):
        first = slices.setdefault(piece.id, piece)
        if (first.share, first.key) != (piece.share, piece.key):
            faults.append(f"slice `{piece.id}` has two shares or keys in the gold suites")
    keys: dict[str, dict[str, Slice]] = {}
    for piece in slices.values():
        keys.setdefault(piece.key, {})[piece.id] = piece
    found = []
    for key, members in keys.items():
        counts = _counted(key, members, slices, traffic)
        if counts is not None:
            total = sum(counts.values())
            if total:
                found.append(Mix(key, {id: n / total for id, n in counts.items()}, total, members))
            else:
                faults.append(f"the traffic profile counted nothing for the key `{key}`")
            continue
        declared = {id: piece.share for id, piece in members.items() if piece.share is not None}
        total_share = math.fsum(declared.values())
        if total_share > 1 + _ROUNDED:
            faults.append(
                f"the shares of the key `{key}` sum to {total_share:.3f}: slices that overlap need keys of their own"
            )
        elif declared and total_share > 0:
            whole = total_share if total_share > 1 - _ROUNDED else 1.0
            found.append(Mix(key, {id: share / whole for id, share in declared.items()}, None, members))
    return tuple(found), tuple(dict.fromkeys(faults))


def _counted(
    key: str, members: Mapping[str, Slice], slices: Mapping[str, Slice], traffic: TrafficProfile | None
) -> Mapping[str, int] | None:
    """The counts of a key; what the suites do not know belongs to the main key, and was asked all the same."""
    if traffic is None:
        return None
    own = {
        id: n for id, n in traffic.counts.items() if id in members or (id not in slices and key == _MAIN)
    }  # fmt: skip
    return own if set(own) & set(members) else None


def measure_mix(context: StaticContext) -> Mapping[str, Any]:
    """The data of EVAL-07: each key with its distance, its bounds, and both mixes slice by slice.

    The unit is the cluster where cases belong together, else the case; it counts by the mean weight of its cases, in
    equal parts for each slice of the key that they name.
    """
    loaded = context.loaded
    gold = gold_suites(loaded.suites)
    found, faults = mixes(gold, loaded.traffic)
    units = list(_units(gold))
    rows = [compare_mix(mix, units) for mix in found] if units else []
    profile = loaded.traffic
    age = None if profile is None or context.today is None else (context.today - profile.day).days
    return {
        "cases": sum(len(suite.cases) for suite in gold),
        "units": len(units),
        "sourceless": [case.id for suite in loaded.suites for case in suite.cases if not has_source(case)],
        "faults": list(faults),
        "profile": None if profile is None else {"name": profile.profile, "as_of": profile.as_of, "age_days": age},
        "keys": rows,
        "uncovered": [
            {"slice": row["slice"], "key": key["key"], "share": row["share"]}
            for key in rows
            for row in key["slices"]
            if row["units"] == 0 and row["slice"] != REST and (row["share"] >= NOTICED or row["critical"])
        ],
    }


def units_of(cases: Iterable[Case]) -> tuple[tuple[Case, ...], ...]:
    """The independent units of one suite's cases: a cluster where cases belong together, else the case."""
    together: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        name = ("case", case.id) if case.cluster is None else ("cluster", case.cluster)
        together.setdefault(name, []).append(case)
    return tuple(tuple(unit) for unit in together.values())


def _units(suites: Sequence[Suite]) -> Iterator[tuple[Case, ...]]:
    for suite in suites:
        yield from units_of(suite.cases)


def parts_of(unit: Sequence[Case], shares: Mapping[str, float]) -> dict[str, float]:
    """How a unit divides over the slices that have a share: parts that sum to 1."""
    found: dict[str, float] = {}
    for case in unit:
        named = [name for name in dict.fromkeys(case.slices) if name in shares] or [REST]
        for name in named:
            found[name] = found.get(name, 0.0) + 1 / (len(named) * len(unit))
    return found


def compare_mix(mix: Mix, units: Sequence[Sequence[Case]]) -> dict[str, Any]:
    """One key of the data of EVAL-07: both mixes, their distance with its bounds, and what only informs."""
    weights = [math.fsum(case.weight for case in unit) / len(unit) for unit in units]
    plain, weighed = dict.fromkeys(mix.shares, 0.0), dict.fromkeys(mix.shares, 0.0)
    for unit, weight in zip(units, weights, strict=True):
        for name, part in parts_of(unit, mix.shares).items():
            plain[name] = plain.get(name, 0.0) + part
            weighed[name] = weighed.get(name, 0.0) + part * weight
    rest = max(0.0, 1 - math.fsum(mix.shares.values()))
    shares = dict(mix.shares)
    if REST in plain or rest > 1e-9:
        shares[REST] = rest
        plain.setdefault(REST, 0.0)
        weighed.setdefault(REST, 0.0)
    names = list(shares)
    wanted, counted, heavy = (_scaled([values[name] for name in names]) for values in (shares, plain, weighed))
    equal = max(weights) - min(weights) <= 1e-12 * max(weights)
    n_eff = float(len(units)) if equal else kish(weights)
    found = mix_distance(heavy, wanted, n_eff, mix.requests)
    counts = [plain[name] for name in names]
    if mix.requests is None:
        fit = fit_to_shares(counts, wanted)
    else:
        fit = same_mix(counts, [share * mix.requests for share in wanted])
    return {
        "key": mix.key,
        "basis": "declared" if mix.requests is None else "observed",
        "requests": mix.requests,
        "units": len(units),
        "n_eff": n_eff,
        "weighted": not equal,
        "distance": found.distance,
        "low": found.low,
        "high": found.high,
        "unweighted": distance_of(counted, wanted),
        "jensen_shannon": jensen_shannon(heavy, wanted),
        "chi_square": _fit(fit),
        "slices": [
            {
                "slice": name,
                "title": mix.slices[name].title if name in mix.slices else "",
                "critical": name in mix.slices and mix.slices[name].critical,
                "share": wanted[at],
                "gold": heavy[at],
                "units": plain[name],
                "weight": wanted[at] / counted[at] if counted[at] else None,
            }
            for at, name in enumerate(names)
        ],
    }


def _scaled(values: Sequence[float]) -> list[float]:
    total = math.fsum(values)
    return [value / total for value in values]


def _fit(fit: Fit) -> dict[str, Any]:
    return {"statistic": fit.statistic if math.isfinite(fit.statistic) else None, "dof": fit.dof, "p": fit.p}
