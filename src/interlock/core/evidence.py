"""Measurements tied to the bytes that were measured: scope, method, age, and whether they may still be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from interlock.core.digest import Digest, scope_digest
from interlock.core.errors import EvidenceError, NotCanonical


class Method(StrEnum):
    """How something came to be known, strongest first."""

    MEASURED = "measured"  # we ran it
    OBSERVED = "observed"  # seen in production traces
    ATTESTED = "attested"  # a person says so, signed
    DECLARED = "declared"  # typed in a file


class Gap(StrEnum):
    """Why there is no evidence that may be used: the reasons of `owed`."""

    NEVER = "never measured"
    SCOPE = "measured on other bytes"
    STALE = "too old"
    REVOKED = "revoked"
    METHOD = "only declared"
    BROKEN = "the run itself was broken"
    THIN = "too few data to say"
    CHOSEN = "chosen after the replies were seen"
    INSTRUMENT = "no instrument in this version"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One measurement for one check.

    scope: digest of `reads`. reads: digest by part name, and further inputs by name (`app`, `live`, …).
    data: what was seen, as plain JSON; the check's rule judges it, so a changed limit needs no new run.
    produced_at: aware UTC. producer: id of the key that signed it. run: id of the eval run, where there was one.
    digest: sha256 of the signed payload.
    """

    check: str
    scope: Digest
    reads: Mapping[str, str]
    method: Method
    data: Mapping[str, Any]
    produced_at: datetime
    producer: str = ""
    run: str = ""
    digest: Digest = Digest("")

    def __post_init__(self) -> None:
        if self.produced_at.tzinfo is None:
            raise ValueError("produced_at must be aware UTC")
        if scope_digest(self.reads) != self.scope:
            raise EvidenceError(
                f"evidence for `{self.check}` names a scope that is not the digest of what it read",
                hint="it was edited or belongs to other bytes; measure again with `interlock check`",
            )

    def gap(
        self,
        *,
        scope: Digest,
        now: datetime,
        max_age: timedelta | None,
        allowed: frozenset[Method],
        revoked: bool = False,
    ) -> Gap | None:
        """Why this evidence may not be used here and now; None when it may."""
        if self.scope != scope:
            return Gap.SCOPE
        if revoked:
            return Gap.REVOKED
        if self.method not in allowed:
            return Gap.METHOD
        if self.produced_at - now > CLOCK_SKEW:
            return Gap.STALE  # from the future: a clock is wrong, so its age is not known
        if max_age is not None and now - self.produced_at > max_age:
            return Gap.STALE
        return None


CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead another machine's clock may be."""


def evidence_to_json(evidence: Evidence) -> dict[str, Any]:
    """The predicate of the signed statement."""
    return {
        "check": evidence.check,
        "scope": evidence.scope,
        "reads": dict(evidence.reads),
        "method": evidence.method.value,
        "data": evidence.data,
        "produced_at": evidence.produced_at.isoformat(),
        "run": evidence.run,
    }


def evidence_from_json(data: Mapping[str, Any], *, producer: str = "", digest: Digest = Digest("")) -> Evidence:
    """The inverse. Raises EvidenceError when a field is missing, ill-typed, or the scope does not add up."""
    try:
        return Evidence(
            check=data["check"],
            scope=data["scope"],
            reads=data["reads"],
            method=Method(data["method"]),
            data=data["data"],
            produced_at=datetime.fromisoformat(data["produced_at"]),
            producer=producer,
            run=data.get("run", ""),
            digest=digest,
        )
    except (KeyError, TypeError, ValueError, AttributeError, NotCanonical) as error:
        raise EvidenceError(f"not a statement of evidence: {error}", hint="was it written by another tool?") from error
