"""The contract of each port, on each adapter."""

from pathlib import Path
from typing import Any

import pytest

from interlock.adapters.dsse import Keyring
from interlock.adapters.folder import FolderBlobStore, FolderTree
from interlock.core.digest import FileEntry
from interlock.ports import (
    BlobStore,
    CallStore,
    EffectStore,
    EvidenceStore,
    Ledger,
    PointerStore,
    Signer,
    Tree,
    TrialStore,
)
from interlock.services.shelf import ShelfTree
from interlock.testing import (
    BlobStoreContract,
    CallStoreContract,
    EffectStoreContract,
    EvidenceStoreContract,
    FixedClock,
    LedgerContract,
    MemoryBlobStore,
    MemoryTree,
    PlainSigner,
    PointerStoreContract,
    SignerContract,
    TreeContract,
    TrialStoreContract,
)


class Fixtures:
    @pytest.fixture
    def ledger(self, stores: Any) -> Ledger:
        return stores.ledger

    @pytest.fixture
    def pointers(self, stores: Any) -> PointerStore:
        return stores.pointers

    @pytest.fixture
    def evidence(self, stores: Any) -> EvidenceStore:
        return stores.evidence

    @pytest.fixture
    def trials(self, stores: Any) -> TrialStore:
        return stores.trials

    @pytest.fixture
    def calls(self, stores: Any) -> CallStore:
        return stores.calls

    @pytest.fixture
    def effects(self, stores: Any) -> EffectStore:
        return stores.effects

    @pytest.fixture
    def signer(self, stores: Any) -> Signer:
        return stores.signer


class TestLedger(Fixtures, LedgerContract):
    pass


class TestPointerStore(Fixtures, PointerStoreContract):
    pass


class TestEvidenceStore(Fixtures, EvidenceStoreContract):
    pass


class TestTrialStore(Fixtures, TrialStoreContract):
    pass


class TestCallStore(Fixtures, CallStoreContract):
    pass


class TestEffectStore(Fixtures, EffectStoreContract):
    pass


class TestBlobStore(BlobStoreContract):
    @pytest.fixture(params=["memory", "folder"])
    def blobs(self, request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
        return MemoryBlobStore() if request.param == "memory" else FolderBlobStore(tmp_path / "blobs")


class TestTree(TreeContract):
    @pytest.fixture(params=["memory", "folder", "blobs"])
    def tree(self, request: pytest.FixtureRequest, tmp_path: Path) -> Tree:
        files = {"b/c.md": b"c", "a.md": b"a"}
        if request.param == "memory":
            return MemoryTree(files)
        if request.param == "blobs":
            blobs = MemoryBlobStore()
            for content in files.values():
                blobs.put(content)
            return ShelfTree({path: FileEntry.of(path, content) for path, content in files.items()}, blobs)
        for path, content in files.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_bytes(content)
        return FolderTree(tmp_path)


class TestSigner(SignerContract):
    @pytest.fixture(params=["plain", "keyring"])
    def signer(self, request: pytest.FixtureRequest, tmp_path: Path) -> Signer:
        if request.param == "plain":
            return PlainSigner()
        keyring = Keyring(tmp_path, clock=FixedClock())
        keyring.create_key("ada", ["producer"], 30)
        return keyring
