"""What is live where: one document per environment and feature, and the rules of the moves forward and back."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from interlock.core.bundle import Bundle
from interlock.core.digest import Digest
from interlock.core.manifest import Part


class Move(StrEnum):
    """How a pointer came to where it is."""

    PROMOTION = "promotion"
    RETURN = "return"  # R1
    DERIVED = "derived"  # R2
    BREAK_GLASS = "break glass"  # R3
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Pointer:
    """What serves one feature in one environment.

    generation: grows by one with each move, also with a rollback. stable: digest of the bundle that serves.
    candidate, share, salt: a whole second bundle and the share of keys in [0, 1] that it gets; none in this version.
    switches, caps: what is off, and spending limits in US dollars. not_after: end of the lease. provisional_until:
    until when a rollback to an unproven bundle may stay.
    """

    environment: str
    feature: str
    generation: int
    stable: Digest
    move: Move
    reason: str
    actor: str
    at: datetime
    candidate: Digest | None = None
    share: float = 0.0
    salt: str = ""
    pins: Mapping[str, str] = field(default_factory=dict)
    switches: Mapping[str, str] = field(default_factory=dict)
    caps: Mapping[str, float] = field(default_factory=dict)
    not_after: datetime | None = None
    provisional_until: datetime | None = None

    def moved(
        self,
        stable: Digest,
        move: Move,
        *,
        reason: str,
        actor: str,
        at: datetime,
        provisional_until: datetime | None = None,
    ) -> "Pointer":
        """The next generation, pointing to `stable`."""
        return replace(
            self, generation=self.generation + 1, stable=stable, move=move, reason=reason, actor=actor, at=at,
            candidate=None, share=0.0, provisional_until=provisional_until,
        )  # fmt: skip


def first_pointer(environment: str, feature: str, stable: Digest, *, reason: str, actor: str, at: datetime) -> Pointer:
    """The pointer of the first promotion: generation 1."""
    return Pointer(environment, feature, 1, stable, Move.PROMOTION, reason, actor, at)


class Rule(StrEnum):
    """The four rules of a rollback."""

    R1 = "R1 return"
    R2 = "R2 derived"
    R3 = "R3 break glass"
    R4 = "R4 refused"


@dataclass(frozen=True, slots=True)
class WayBack:
    """What a rollback would do and on which terms."""

    rule: Rule
    bundle: Bundle
    untested: frozenset[tuple[str, str]]
    broken: tuple[str, ...]
    provisional: timedelta | None
    people: int
    propose: tuple[Part, ...] = ()


def way_back(
    target: Bundle, *, was_ready_here: bool, proven: Collection[tuple[str, str]], broken: tuple[str, ...],
    provisional: timedelta, regulated: bool, propose: tuple[Part, ...] = (),
) -> WayBack:  # fmt: skip
    """Decide which rule a rollback to `target` falls under.

    R4 a broken constraint refuses, and names the smallest set of parts that would satisfy it (`propose`).
    R1 a bundle that was READY here within its window returns at once. R2 every interacting pair was proven before:
    at once, provisional. R3 an untested pair: break-glass, half the time, two people in regulated.
    """
    untested = frozenset(target.pairs() - set(proven))
    if broken:
        return WayBack(Rule.R4, target, untested, broken, None, 0, propose)
    if was_ready_here:
        return WayBack(Rule.R1, target, frozenset(), (), None, 1)
    if not untested:
        return WayBack(Rule.R2, target, frozenset(), (), provisional, 1)
    return WayBack(Rule.R3, target, untested, (), provisional / 2, 2 if regulated else 1)


def pointer_to_json(pointer: Pointer) -> dict[str, Any]:
    """The pointer as plain JSON (schema `interlock.pointer.v1`)."""
    return {
        "schema": "interlock.pointer.v1",
        "environment": pointer.environment,
        "feature": pointer.feature,
        "generation": pointer.generation,
        "stable": pointer.stable,
        "move": pointer.move.value,
        "reason": pointer.reason,
        "actor": pointer.actor,
        "at": pointer.at.isoformat(),
        "candidate": pointer.candidate,
        "share": pointer.share,
        "salt": pointer.salt,
        "pins": dict(pointer.pins),
        "switches": dict(pointer.switches),
        "caps": dict(pointer.caps),
        "not_after": pointer.not_after.isoformat() if pointer.not_after else None,
        "provisional_until": pointer.provisional_until.isoformat() if pointer.provisional_until else None,
    }


def pointer_from_json(data: Mapping[str, Any]) -> Pointer:
    """The inverse of `pointer_to_json`."""
    return Pointer(
        data["environment"], data["feature"], data["generation"], data["stable"], Move(data["move"]), data["reason"],
        data["actor"], datetime.fromisoformat(data["at"]), data["candidate"], data["share"], data["salt"], data["pins"],
        data["switches"], data["caps"],
        datetime.fromisoformat(data["not_after"]) if data["not_after"] else None,
        datetime.fromisoformat(data["provisional_until"]) if data["provisional_until"] else None,
    )  # fmt: skip
