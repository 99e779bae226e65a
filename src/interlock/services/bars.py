"""Bars that a change lowers: what has to be said aloud, with a reason and an approver (EVAL-06)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from interlock.core.checks import HIGHER_IS_STRICTER, LIMITS, Limits
from interlock.core.manifest import Part, Profile, Stage
from interlock.core.suite import Case, Slice, Suite
from interlock.services.parts import Loaded


@dataclass(frozen=True, slots=True)
class LoweredBar:
    """One bar that is lower than before, in words, and the part that holds it."""

    part: Part
    text: str


def lowered_bars(old: Loaded | None, new: Loaded) -> list[LoweredBar]:
    """Every bar of `new` that is lower than in `old`; a first bundle lowers none.

    Looks at: the profile, its limits, environments (stage, approvals, further checks), suites, cases and what they
    expect, slices (critical, removed, their packs), floors, margins, evidence thresholds, rules and words of the answer policy,
    constraints and promises between parts. Raising a bar says nothing here.
    """
    if old is None:
        return []
    return [
        *(LoweredBar(Part.EVALS, text) for text in _suites(old, new)),
        *(LoweredBar(Part.GUARDRAILS, text) for text in _policy(old, new)),
        *(LoweredBar(Part.RUNBOOK, text) for text in (*_profile(old, new), *_environments(old, new))),
        *_promises(old, new),
    ]


def lowered_suites(old: Loaded, new: Loaded) -> list[str]:
    """The bars of the suites alone that are lower than before, in words."""
    return list(_suites(old, new))


# ── evals ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _suites(old: Loaded, new: Loaded) -> Iterator[str]:
    after = {suite.name: suite for suite in new.suites}
    for suite in old.suites:
        if suite.name in after:
            for text in _suite(suite, after[suite.name], old.release.limits, new.release.limits):
                yield f"suite `{suite.name}`: {text}"
        else:
            yield f"suite `{suite.name}` removed, with {len(suite.cases)} cases"
    if old.traffic is not None and new.traffic is None:
        yield "the counted traffic is gone: shares are only declared"


def _suite(old: Suite, new: Suite, limits_before: Limits, limits_after: Limits) -> Iterator[str]:
    if old.kind is not new.kind:
        yield f"kind {old.kind} → {new.kind}"
    yield from _cases({case.id: case for case in old.cases}, {case.id: case for case in new.cases})
    slices = {piece.id: piece for piece in new.slices}
    for piece in old.slices:
        yield from _slice(piece, slices.get(piece.id))
    for (where, scorer), floor in _floors(old).items():
        now = _floors(new).get((where, scorer))
        if where != "*" and where not in slices:
            continue  # told as a removed slice
        if now is None or now < floor:
            yield f"floor of `{where}` for {scorer}: {floor:g} → {'none' if now is None else f'{now:g}'}"
    excused = {excuse.pack for excuse in old.without}
    for excuse in new.without:
        if excuse.pack not in excused:
            yield f"the pack `{excuse.pack}` is said not to apply: {excuse.because}"
    judges = {judge.spec.name: judge.spec.agreement for judge in new.judges}
    for judge in old.judges:
        now = judges.get(judge.spec.name)
        if now is not None and now < judge.spec.agreement:
            yield f"agreement asked of judge `{judge.spec.name}`: {judge.spec.agreement:g} → {now:g}"
    for name in (piece.id for piece in old.slices if piece.id in slices):
        before, after = old.margin(name, limits_before.default_margin), new.margin(name, limits_after.default_margin)
        if after > before:
            yield f"margin of `{name}` widened: {before:g} → {after:g}"


def _cases(old: Mapping[str, Case], new: Mapping[str, Case]) -> Iterator[str]:
    for name, case in old.items():
        if name not in new:
            yield f"case `{name}` removed"
            continue
        now = new[name]
        if case.must_pass and not now.must_pass:
            yield f"case `{name}` need not pass any more"
        dropped = sorted(_asked(case) - _asked(now))
        if dropped:
            yield f"case `{name}` no longer expects {', '.join(dropped)}"
        wider = [kind for kind in now.expect.outcomes if kind not in case.expect.outcomes]
        if case.expect.outcomes and wider:
            yield f"case `{name}` also accepts the outcome {', '.join(wider)}"
        for key in ("max_latency_s", "max_cost_usd"):
            before, after = getattr(case.expect, key), getattr(now.expect, key)
            if before is not None and after is not None and after > before:
                yield f"case `{name}`: {key} {before:g} → {after:g}"
        gone = [piece for piece in case.slices if piece not in now.slices]
        if gone:
            yield f"case `{name}` left the slice {', '.join(f'`{piece}`' for piece in gone)}"


def _asked(case: Case) -> frozenset[str]:
    """What a case demands, one name each, so that fewer facts is less than more."""
    names: set[str] = set()
    for key, value in case.expect.model_dump(mode="json", exclude_defaults=True).items():
        if key in {"facts", "forbid", "forbid_tools"}:
            names.update(f"{key} `{' | '.join(item) if isinstance(item, list) else item}`" for item in value)
        else:
            names.add(key)
    return frozenset(names)


def _slice(old: Slice, new: Slice | None) -> Iterator[str]:
    if new is None:
        yield f"slice `{old.id}` removed" + (" (it was critical)" if old.critical else "")
    elif old.critical and not new.critical:
        yield f"slice `{old.id}` is no longer critical"
    if new is not None and old.pack is not None and new.pack is not old.pack:
        yield f"slice `{old.id}` is of the pack `{old.pack}` no more"
    if new is not None and old.estimand != new.estimand and new.estimand == "census":
        yield f"slice `{old.id}` became a census: it claims nothing of other cases any more"
    elif new is not None and old.estimand == "census" == new.estimand and (old.needs or 51) > (new.needs or 51):
        yield f"slice `{old.id}` needs fewer trials of each case: {old.needs or 'all'} → {new.needs}"
    claims = {None: 0, "matches": 1, "beats": 2}
    if new is not None and claims[new.against_fallback] < claims[old.against_fallback]:
        yield f"slice `{old.id}` claimed `{old.against_fallback}` against the path without AI, and now `{new.against_fallback or 'nothing'}`"


def _floors(suite: Suite) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for row in suite.requirements:
        if row.floor is not None:
            key = (row.slice, row.scorer)
            found[key] = max(row.floor, found.get(key, 0.0))
    return found


# ── guardrails ──────────────────────────────────────────────────────────────────────────────────────────────────


def _policy(old: Loaded, new: Loaded) -> Iterator[str]:
    before = old.answers.model_dump(mode="json", by_alias=True)
    after = new.answers.model_dump(mode="json", by_alias=True)
    was, now = before.get("evidence") or {}, after.get("evidence") or {}
    yield from _numbers("evidence", was, now, ("threshold", "min_sources"))
    if was.get("must_cite") and not now.get("must_cite"):
        yield "an answer need not cite any more"
    if was.get("scorer") != now.get("scorer"):
        # Neither higher nor lower, but another yardstick: what the thresholds meant before they mean no more.
        names = [one.answers.evidence.scorer.pin if one.answers.evidence.scorer else "embedded" for one in (old, new)]
        yield f"evidence is weighed by another scorer: {names[0]} → {names[1]}"
    yield from _slice_thresholds(was, now)
    for what, low, high in (
        ("escalation rule", _rules(before), _rules(after)),
        ("forbidden words", _ids(before.get("forbidden")), _ids(after.get("forbidden"))),
    ):
        for name, row in low.items():
            if name not in high:
                yield f"{what} `{name}` removed"
            elif lost := _lost_words(row, high[name]):
                yield f"{what} `{name}` lost {', '.join(f'`{word}`' for word in lost)}"


def _numbers(what: str, old: Mapping[str, Any], new: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[str]:
    for key in keys:
        before, after = old.get(key), new.get(key)
        if before is not None and (after is None or after < before):
            yield f"{what} {key}: {before:g} → {'none' if after is None else f'{after:g}'}"


def _slice_thresholds(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Thresholds of single slices; one that is dropped falls back to the general threshold."""

    def of(evidence: Mapping[str, Any], name: str) -> float | None:
        own = (evidence.get("slices") or {}).get(name, evidence.get("threshold"))
        own = own.get("threshold", evidence.get("threshold")) if isinstance(own, Mapping) else own
        return own if isinstance(own, int | float) else None

    for name in old.get("slices") or {}:
        before, after = of(old, name), of(new, name)
        if before is not None and (after is None or after < before):
            yield f"evidence threshold of slice `{name}`: {before:g} → {'none' if after is None else f'{after:g}'}"


def _ids(rows: Any) -> dict[str, Mapping[str, Any]]:
    return {str(row["id"]): row for row in rows or ()}


def _rules(policy: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return _ids((policy.get("escalate") or {}).get("rules"))


def _lost_words(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return sorted(_words(old) - _words(new))


def _words(row: Mapping[str, Any]) -> frozenset[str]:
    words = row.get("words") or (row.get("when") or {}).get("words") or ()
    lists = words.values() if isinstance(words, Mapping) else [words]
    return frozenset(str(word) for each in lists for word in each)


# ── runbook ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _profile(old: Loaded, new: Loaded) -> Iterator[str]:
    weights = list(Profile)
    before, after = old.release.profile, new.release.profile
    lighter = weights.index(after) < weights.index(before)
    if lighter:
        yield f"profile {before} → {after}"
    # A lighter profile brings its lighter limits along: only what goes beyond them is said once more.
    base = LIMITS[after] if lighter else old.release.limits
    for row in fields(Limits):
        was, now = getattr(base, row.name), getattr(new.release.limits, row.name)
        if now < was if row.name in HIGHER_IS_STRICTER else now > was:
            yield f"limit `{row.name}`: {was:g} → {now:g}"


def _environments(old: Loaded, new: Loaded) -> Iterator[str]:
    stages = list(Stage)
    for name, before in old.release.environments.items():
        after = new.release.environments.get(name)
        if after is None:
            continue  # nothing can be live where there is no environment
        if stages.index(after.stage) < stages.index(before.stage):
            yield f"environment `{name}`: stage {before.stage} → {after.stage}"
        if after.approvals < before.approvals:
            yield f"environment `{name}`: approvals {before.approvals} → {after.approvals}"
        dropped = [check for check in before.also if check not in after.also]
        if dropped:
            yield f"environment `{name}` no longer asks for {', '.join(dropped)}"


# ── what parts demand of each other ─────────────────────────────────────────────────────────────────────────────


def _promises(old: Loaded, new: Loaded) -> Iterator[LoweredBar]:
    for part in Part:
        before: Mapping[str, Any] = old.bundle.constraints.get(part.value, {})
        after: Mapping[str, Any] = new.bundle.constraints.get(part.value, {})
        for key, verb in (("requires", "requires"), ("covers", "promises to cover")):
            for name in before.get(key, {}):
                if name not in after.get(key, {}):
                    yield LoweredBar(part, f"`{part}` no longer {verb} `{name}`")
