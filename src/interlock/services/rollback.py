"""The way back never asks: the whole bundle or one part of it, at once, by the rules R1 to R4."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from interlock.core.bundle import Bundle
from interlock.core.digest import Digest, short
from interlock.core.errors import ConflictError, PromotionError, UsageError
from interlock.core.manifest import Part, Profile
from interlock.core.pointer import Move, Pointer, Rule, WayBack, way_back
from interlock.core.verdict import Word
from interlock.ports import Records
from interlock.services.constraints import check, one_way, smallest_fix
from interlock.services.history import proven_pairs, readings, ready_here
from interlock.services.parts import load_parts
from interlock.services.shelf import ShelfTree, fetch, keep
from interlock.services.subject import Subject

_MOVES = {Rule.R1: Move.RETURN, Rule.R2: Move.DERIVED, Rule.R3: Move.BREAK_GLASS}


class Broken(PromotionError):
    """The bundle that a rollback would make breaks a constraint between its parts (R4)."""

    code = "rollback.constraint"


@dataclass(frozen=True, slots=True)
class Rolled:
    """A rollback that was done."""

    before: Pointer
    after: Pointer
    way: WayBack
    parts: tuple[Part, ...]


def live_pointer(records: Records, environment: str, feature: str) -> Pointer:
    """The pointer, or an error that says that nothing is live."""
    pointer = records.pointers.read(environment, feature)
    if pointer is None:
        raise UsageError(f"nothing is live in `{environment}`", hint=f"interlock promote {environment}")
    return pointer


def plan_rollback(subject: Subject, records: Records, part: Part | None, *, to: Digest | None = None) -> WayBack:
    """What a rollback of one part, or of the whole bundle, would make live, and under which rule.

    Args:
        subject: the live bundle in its environment.
        part: the part that goes back; None for the whole bundle.
        to: the bundle to return to or to take the part from; default: the newest one that was live here before and
            that nobody went back from.
    Raises: UsageError when there is nothing to go back to.
    """
    live, environment = subject.bundle, subject.environment
    source = _source(subject, records, part, to)
    target = source if part is None else live.with_part(part, source)
    target_tree = ShelfTree(target.paths(), records.blobs)
    loaded = load_parts(target, target_tree)
    tools, capabilities = [tool.name for tool in loaded.tools], _capabilities(records, target, live)
    broken = [finding["message"] for finding in check(target, tools=tools, capabilities=capabilities)]
    broken += [finding["message"] for finding in one_way(live, target)]
    window = records.clock.now() - timedelta(days=subject.limits.return_days)
    ready_at = ready_here(records, environment).get(target.digest)
    return way_back(
        target,
        was_ready_here=ready_at is not None and ready_at >= window,
        proven=proven_pairs(records, at_least(subject, environment)),
        broken=tuple(broken),
        provisional=timedelta(hours=subject.limits.provisional_hours),
        regulated=subject.profile is Profile.REGULATED,
        propose=_fix(live, source, part, records) if broken and part else (),
    )


def at_least(subject: Subject, environment: str) -> frozenset[str]:
    """This environment and the more exposed ones: what a lab has proven does not let anything back into production."""
    return frozenset({environment, *subject.later})


def _capabilities(records: Records, target: Bundle, live: Bundle) -> tuple[str, ...]:
    """What the app said it can do when the live bundle was checked: a rollback does not change the app."""
    for fact in reversed(list(records.ledger.facts("check"))):
        if fact.body["bundle"] in (live.digest, target.digest):
            return tuple(fact.body["capabilities"])
    return ()


def _fix(live: Bundle, source: Bundle, part: Part, records: Records) -> tuple[Part, ...]:
    def tools(bundle: Bundle) -> list[str]:
        return [tool.name for tool in load_parts(bundle, ShelfTree(bundle.paths(), records.blobs)).tools]

    fix = smallest_fix(live, [source], part, tools=tools, capabilities=_capabilities(records, source, live))
    return fix.parts if fix else ()


def _source(subject: Subject, records: Records, part: Part | None, to: Digest | None) -> Bundle:
    live = subject.bundle
    if to is not None and to == live.digest:
        raise UsageError(f"{short(to)} is live in `{subject.environment}` already", hint="interlock status")
    here = {pointer.stable for pointer in records.pointers.history(subject.environment, live.feature)}
    if to is not None and to not in here:
        raise UsageError(
            f"{short(to)} was never live in `{subject.environment}`: that would be a way forward, which asks",
            hint=f"interlock promote {subject.environment}",
        )
    if to is not None:
        found = fetch(records, to)[0]
        if part is not None and part not in live.changed_from(found):
            raise UsageError(f"`{part}` is the same in {short(to)} and in what is live", hint="interlock bundle diff")
        return found
    for digest in reversed(way_forward(records.pointers.history(subject.environment, live.feature))):
        if digest == live.digest:
            continue
        earlier, _ = fetch(records, digest)
        if part is None or part in live.changed_from(earlier):
            return earlier
    what = f"no other `{part}`" if part else "no other bundle"
    raise UsageError(
        f"{what} was ever live in `{subject.environment}`", hint="interlock history; or stop the feature (runbook)"
    )


def way_forward(history: Iterable[Pointer]) -> list[Digest]:
    """The bundles that led to what is live, oldest first, without those that somebody went back from.

    A second rollback goes further back: it never returns to the bundle that the first one left.
    """
    trail: list[Digest] = []
    for pointer in history:
        if pointer.move in _MOVES.values() and trail:
            trail.pop()
        if pointer.stable in trail:
            del trail[trail.index(pointer.stable) :]
        trail.append(pointer.stable)
    return trail


def rollback(
    subject: Subject, records: Records, part: Part | None, *, reason: str, to: Digest | None = None,
    second: str | None = None, break_glass: bool = False, on_flip: Callable[[Pointer], None] | None = None,
) -> Rolled:  # fmt: skip
    """Go back at once. No question is asked and no eval stands in the way; probes come after the flip.

    Args:
        reason: what was seen; kept with the move.
        second: the second person, where an untested combination in a regulated feature needs two.
        break_glass: the caller knows that the combination was never tested (R3).
    Raises: Broken for a violated constraint (R4), with the smallest set of parts that would satisfy it; PromotionError
    for an untested pair without `break_glass`; ConflictError when the pointer moved meanwhile.
    """
    before = live_pointer(records, subject.environment, subject.bundle.feature)
    way = plan_rollback(subject, records, part, to=to)
    if way.rule is Rule.R4:
        together = " ".join(p.value for p in way.propose)
        hint = "return to a whole bundle: interlock rollback"
        if part is None:
            hint = "name an older bundle with --to, or stop the feature (runbook)"
        elif together:
            hint = f"these parts go back together: {together}"
        raise Broken(f"refused: {way.broken[0]}", hint=hint)
    approval: Digest | None = None
    if way.rule is Rule.R3:
        pairs = ", ".join(sorted({" with ".join(n.split("@")[0] for n in pair) for pair in way.untested}))
        if not break_glass:
            raise PromotionError(
                f"untested combination: {pairs}",
                hint='break the glass with --untested --reason "…", or go back as a whole: interlock rollback',
            )
        if way.people > 1 and (second is None or second == records.actor):
            raise PromotionError(
                "an untested combination needs two people here", hint="name the other one: --second NAME"
            )
        if second is not None:  # a second person proves it with their own key
            said = {"bundle": way.bundle.digest, "environment": subject.environment, "reason": reason}
            approval = records.blobs.put(records.signer.sign(said, kind="approval", name=second))
    keep(records, way.bundle, ShelfTree(way.bundle.paths(), records.blobs))
    now = records.clock.now()
    after = before.moved(
        way.bundle.digest, _MOVES[way.rule], reason=reason, actor=records.actor, at=now,
        provisional_until=now + way.provisional if way.provisional else None,
    )  # fmt: skip
    records.pointers.swap(
        after,
        expected=before.generation,
        fact={"move": after.move.value, "rule": way.rule.value, "part": part.value if part else None,
              "second": second, "approval": approval,
              "untested": sorted(list(pair) for pair in way.untested)},
    )  # fmt: skip
    if on_flip:
        on_flip(after)
    return Rolled(before, after, way, way.bundle.changed_from(subject.bundle))


def undo(subject: Subject, records: Records, *, reason: str) -> Rolled:
    """Take the last rollback back: return to what was live before it, if that was READY here within its window.

    Raises: ConflictError when the last move was no rollback; PromotionError when what was live before is not READY.
    """
    history = records.pointers.history(subject.environment, subject.bundle.feature)
    before = live_pointer(records, subject.environment, subject.bundle.feature)
    if before.move not in (Move.RETURN, Move.DERIVED, Move.BREAK_GLASS):
        raise ConflictError(
            f"the last move in `{subject.environment}` was a {before.move}, not a rollback", hint="interlock status"
        )
    previous = next(p for p in reversed(history) if p.generation == before.generation - 1)
    target, _ = fetch(records, previous.stable)
    way = plan_rollback(subject, records, None, to=previous.stable)
    if way.rule is not Rule.R1:
        raise PromotionError(
            f"{short(target.digest)} was not READY here within its window, so going forward to it asks",
            hint=f"interlock check --env {subject.environment}, then interlock promote {subject.environment}",
        )
    now = records.clock.now()
    after = before.moved(target.digest, Move.UNDO, reason=reason, actor=records.actor, at=now)
    records.pointers.swap(
        after,
        expected=before.generation,
        fact={"move": Move.UNDO.value, "rule": way.rule.value, "undoes": before.generation},
    )
    return Rolled(before, after, replace(way, bundle=target), target.changed_from(subject.bundle))


def provisional(records: Records, pointer: Pointer) -> bool:
    """Whether the live bundle is still to be paid for: it came back unproven and was not READY here since."""
    if pointer.provisional_until is None:
        return False
    return not any(
        r.word is Word.READY and r.bundle == pointer.stable and r.at >= pointer.at
        for r in readings(records, pointer.environment)
    )
