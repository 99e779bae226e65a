"""Labels of what agents wrote, kept in this process."""

from collections.abc import Mapping, Sequence
from threading import Lock

from interlock.core.actions import Label


class ProcessMemory:
    """A `LabelMemory` in a dict: for one process, and as long as it runs.

    Args:
        most: resources that are kept for a tenant, at least 1; beyond, the longest kept are forgotten.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: dict[str, dict[str, dict[str, Label]]] = {}

    def holds(self, tenant: str) -> bool:
        """Whether anything is kept for a tenant."""
        return tenant in self._kept

    def keep(self, tenant: str, resources: Sequence[str], labels: Mapping[str, Label]) -> None:
        """Remember values that were written to resources, with their labels."""
        with self._lock:
            kept = self._kept.setdefault(tenant, {})
            for resource in resources:
                values = kept.pop(resource, {})  # and back at the end: the longest kept comes first
                for value, label in labels.items():
                    if value not in values or values[value].rank < label.rank:
                        values[value] = label
                kept[resource] = values
            while len(kept) > self._most:
                del kept[next(iter(kept))]

    def recall(self, tenant: str, resources: Sequence[str]) -> Mapping[str, Label]:
        """The values that were written to any of the resources, with the worst label of each."""
        found: dict[str, Label] = {}
        with self._lock:
            kept = self._kept.get(tenant, {})
            for resource in resources:
                for value, label in kept.get(resource, {}).items():
                    if value not in found or found[value].rank < label.rank:
                        found[value] = label
        return found
