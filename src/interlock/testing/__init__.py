"""For tests of plug-ins and of code that uses Interlock: doubles for every port, and the contract of each port.

A plug-in author proves an adapter by inheriting its contract and giving the fixture that it asks for:

    class TestMyBlobs(BlobStoreContract):
        @pytest.fixture
        def blobs(self, tmp_path):
            return MyBlobStore(tmp_path)
"""

from interlock.testing.contracts import (
    BlobStoreContract,
    CallStoreContract,
    EvidenceStoreContract,
    LedgerContract,
    PointerStoreContract,
    SignerContract,
    TreeContract,
    TrialStoreContract,
    refuses,
    sample_evidence,
    sample_pointer,
)
from interlock.testing.doubles import (
    FixedClock,
    MemoryBlobStore,
    MemoryCallStore,
    MemoryEvidenceStore,
    MemoryLedger,
    MemoryPointerStore,
    MemoryTree,
    MemoryTrialStore,
    PlainSigner,
)
from interlock.testing.effect_contract import EffectStoreContract
from interlock.testing.effects import MemoryEffectStore, sample_request
from interlock.testing.support_contract import SupportScorerContract

__all__ = [
    "BlobStoreContract",
    "CallStoreContract",
    "EffectStoreContract",
    "EvidenceStoreContract",
    "FixedClock",
    "LedgerContract",
    "MemoryBlobStore",
    "MemoryCallStore",
    "MemoryEffectStore",
    "MemoryEvidenceStore",
    "MemoryLedger",
    "MemoryPointerStore",
    "MemoryTree",
    "MemoryTrialStore",
    "PlainSigner",
    "PointerStoreContract",
    "SignerContract",
    "SupportScorerContract",
    "TreeContract",
    "TrialStoreContract",
    "refuses",
    "sample_evidence",
    "sample_pointer",
    "sample_request",
]
