"""Keep whole bundles by digest, so that what was ever checked can be read, compared and returned to."""

import json

from interlock.core.bundle import Bundle, bundle_from_json, bundle_to_json
from interlock.core.digest import Digest, FileEntry, canonical
from interlock.core.errors import BundleError, UnknownContent
from interlock.ports import BlobStore, Records, Tree


class ShelfTree:
    """The files of a kept bundle, read from the blob store by digest."""

    def __init__(self, entries: dict[str, FileEntry], blobs: BlobStore) -> None:
        self._entries = entries
        self._blobs = blobs

    def paths(self) -> list[str]:
        """Every file of the bundle, sorted."""
        return sorted(self._entries)

    def read(self, path: str) -> bytes:
        """The bytes of one file, checked against its digest."""
        entry = self._entries.get(path)
        if entry is None:
            raise UnknownContent(path)
        return self._blobs.get(entry.sha256)


def keep(records: Records, bundle: Bundle, tree: Tree) -> None:
    """Store every file of a bundle and the bundle itself; a second time costs a look-up."""
    if bundle.digest in kept(records):
        return
    for path, entry in bundle.paths().items():
        if not records.blobs.has(entry.sha256) and records.blobs.put(tree.read(path)) != entry.sha256:
            raise BundleError(f"`{path}` changed while it was read", hint="run the same command again")
    blob = records.blobs.put(canonical(bundle_to_json(bundle)))
    records.ledger.append(
        "bundle.kept", {"bundle": bundle.digest, "blob": blob}, actor=records.actor, at=records.clock.now()
    )


def kept(records: Records) -> dict[Digest, Digest]:
    """The blob of every bundle that is kept."""
    return {fact.body["bundle"]: fact.body["blob"] for fact in records.ledger.facts("bundle.kept")}


def fetch(records: Records, digest: Digest) -> tuple[Bundle, ShelfTree]:
    """A kept bundle with its files. Raises UnknownContent when it was never kept."""
    blob = kept(records).get(digest)
    if blob is None:
        raise UnknownContent(digest)
    bundle = bundle_from_json(json.loads(records.blobs.get(blob)))
    return bundle, ShelfTree(bundle.paths(), records.blobs)


def resolve_digest(records: Records, name: str) -> Digest:
    """The kept bundle that a person means by the first hex digits of its digest.

    Raises: UnknownContent when there is none, or more than one.
    """
    wanted = name.removeprefix("sha256:")
    found = [digest for digest in kept(records) if digest.removeprefix("sha256:").startswith(wanted)]
    if len(found) != 1 or len(wanted) < 4:
        raise UnknownContent(Digest(name))
    return found[0]
