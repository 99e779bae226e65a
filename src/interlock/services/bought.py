"""What each checked bundle delivered, and how much of it was unsupported: signed evidence that is stored, nothing new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.core.bundle import Bundle
from interlock.core.catalogue import BY_ID
from interlock.core.digest import Digest
from interlock.core.errors import BundleError, UnknownContent
from interlock.core.evidence import Evidence
from interlock.core.manifest import Part
from interlock.ports import Records
from interlock.services.history import readings
from interlock.services.shelf import fetch

CHECKS = ("SAFE-01", "SAFE-02", "SAFE-03")
MOST = 6
"""Bundles that are shown at most: the newest that were checked, and always the one that is asked about."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Bundles whose answers are the same, because they differ only in parts that no answer depends on.

    data: what the checks SAFE-01, SAFE-02 and SAFE-03 saw, by check; those that were never measured are missing.
    """

    bundles: tuple[Digest, ...]
    data: Mapping[str, Mapping[str, Any]]


def delivered_by_bundle(records: Records, bundle: Bundle) -> tuple[Delivered, ...]:
    """What this bundle and those checked before it delivered on the very same cases, oldest first.

    A bundle that was asked other cases is left out: a rate over other questions is no comparison.
    """
    seen = list(dict.fromkeys([reading.bundle for reading in readings(records)] + [bundle.digest]))
    found = {check: records.evidence.find(check) for check in CHECKS}
    groups: dict[tuple[tuple[str, str], ...], tuple[list[Digest], Mapping[str, Mapping[str, Any]]]] = {}
    for digest in seen:
        other = bundle if digest == bundle.digest else _kept(records, digest)
        if other is None or other.components[Part.EVALS].digest != bundle.components[Part.EVALS].digest:
            continue
        parts = other.parts(BY_ID["SAFE-01"].reads)
        data = {check: evidence.data for check in CHECKS if (evidence := _of(found[check], parts)) is not None}
        if "overall" in data.get("SAFE-01", {}):
            groups.setdefault(tuple(sorted(parts.items())), ([], data))[0].append(digest)
    rows = [Delivered(tuple(digests), data) for digests, data in groups.values()]
    own = [row for row in rows if bundle.digest in row.bundles]
    others = [row for row in rows if bundle.digest not in row.bundles]
    return tuple(row for row in rows if row in (*others[-(MOST - 1) :], *own))


def _kept(records: Records, digest: Digest) -> Bundle | None:
    try:
        return fetch(records, digest)[0]
    except (BundleError, UnknownContent):
        return None


def _of(found: Sequence[Evidence], parts: Mapping[str, str]) -> Evidence | None:
    """The newest evidence that was measured on these parts, whatever build of the app was around them."""
    return next((one for one in found if parts.items() <= one.reads.items()), None)
