"""What every adapter of a port must keep, as test classes to inherit from.

Each class asks for one fixture, named in its first line; pytest runs the rest. Nothing here needs pytest itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from interlock.core.digest import Digest, of_bytes, scope_digest
from interlock.core.errors import (
    BundleError,
    ConflictError,
    EvidenceError,
    MalformedDigest,
    NotCanonical,
    UnknownContent,
)
from interlock.core.evidence import Evidence, Method, evidence_to_json
from interlock.core.pointer import Move, Pointer, first_pointer
from interlock.core.score import Broken, Fault, Reply, Trial
from interlock.ports import (
    Attempt,
    BlobStore,
    Call,
    CallStore,
    EvidenceStore,
    Ledger,
    PointerStore,
    Signer,
    Tree,
    TrialStore,
)

AT = datetime(2026, 11, 22, 9, 0, 0, 250_000, tzinfo=UTC)


@contextmanager
def refuses(kind: type[Exception], word: str = "") -> Iterator[None]:
    """The block must raise an error of this kind, whose message has the word."""
    caught: Exception | None = None
    try:
        yield
    except kind as error:
        caught = error
    assert caught is not None, f"no {kind.__name__} was raised"
    assert word in str(caught), f"{caught!r} does not say `{word}`"


def sample_pointer(environment: str = "staging", feature: str = "acme/support") -> Pointer:
    """A pointer of generation 1."""
    return first_pointer(environment, feature, of_bytes(b"one"), reason="first", actor="ada", at=AT)


def sample_evidence(check: str = "EVAL-01", *, at: datetime = AT, **data: Any) -> Evidence:
    """Evidence for a check, with some data."""
    reads = {"prompt": str(of_bytes(b"prompt")), "tools": "none"}
    return Evidence(check, scope_digest(reads), reads, Method.MEASURED, data or {"rate": 0.5}, at, run="r1")


def _put(evidence: Evidence, store: EvidenceStore, signer: Signer) -> None:
    store.put(evidence, signer.sign(evidence_to_json(evidence), kind="evidence"))


class BlobStoreContract:
    """Fixture `blobs`: an empty BlobStore."""

    def test_what_is_put_comes_back_whole(self, blobs: BlobStore) -> None:
        for content in (b"", b"prompt", bytes(range(256)) * 999):
            digest = blobs.put(content)
            assert digest == of_bytes(content)
            assert blobs.has(digest)
            assert blobs.get(digest) == content

    def test_putting_twice_is_putting_once(self, blobs: BlobStore) -> None:
        assert blobs.put(b"x") == blobs.put(b"x")
        assert blobs.get(of_bytes(b"x")) == b"x"

    def test_unknown_content_is_named(self, blobs: BlobStore) -> None:
        assert not blobs.has(of_bytes(b"absent"))
        with refuses(UnknownContent):
            blobs.get(of_bytes(b"absent"))

    def test_only_a_digest_is_a_name(self, blobs: BlobStore) -> None:
        for name in ("", "sha256:../../etc/passwd", "sha256:" + "A" * 64):
            with refuses(MalformedDigest):
                blobs.get(Digest(name))


class TreeContract:
    """Fixture `tree`: a Tree that holds `b/c.md` with b"c" and `a.md` with b"a", and nothing else."""

    def test_paths_are_sorted_and_relative(self, tree: Tree) -> None:
        assert list(tree.paths()) == ["a.md", "b/c.md"]

    def test_files_are_read_as_they_are(self, tree: Tree) -> None:
        assert tree.read("b/c.md") == b"c"

    def test_what_is_not_there_is_refused(self, tree: Tree) -> None:
        for path in ("absent.md", "b", "../a.md", "/a.md"):
            with refuses(BundleError):
                tree.read(path)


class LedgerContract:
    """Fixture `ledger`: an empty Ledger."""

    def test_facts_come_back_in_order_and_chained(self, ledger: Ledger) -> None:
        first = ledger.append("a", {"n": 1, "deep": {"x": [1, 0.5, None, "ü"]}}, actor="ada", at=AT)
        second = ledger.append("b", {}, actor="ben", at=AT + timedelta(seconds=1))
        assert list(ledger.facts()) == [first, second]
        assert (first.seq, first.previous, second.previous) == (1, "0" * 64, first.hash)
        assert (first.at, first.body["deep"]) == (AT, {"x": [1, 0.5, None, "ü"]})
        assert ledger.verify() == 2

    def test_facts_are_picked_by_kind_and_place(self, ledger: Ledger) -> None:
        made = [ledger.append(kind, {"i": i}, actor="ada", at=AT) for i, kind in enumerate("abab")]
        assert list(ledger.facts("b")) == [made[1], made[3]]
        assert list(ledger.facts(after=2)) == made[2:]
        assert list(ledger.facts("a", after=1)) == [made[2]]

    def test_an_empty_chain_is_whole(self, ledger: Ledger) -> None:
        assert ledger.verify() == 0
        assert list(ledger.facts()) == []

    def test_a_time_without_zone_and_a_body_that_is_no_json_are_refused(self, ledger: Ledger) -> None:
        with refuses(ValueError, "aware"):
            ledger.append("a", {}, actor="ada", at=AT.replace(tzinfo=None))
        with refuses(NotCanonical):
            ledger.append("a", {"rate": float("nan")}, actor="ada", at=AT)
        assert ledger.verify() == 0

    def test_one_moment_has_one_spelling(self, ledger: Ledger) -> None:
        elsewhere = AT.astimezone(datetime.strptime("+0530", "%z").tzinfo)
        assert ledger.append("a", {}, actor="ada", at=elsewhere).at.isoformat() == AT.isoformat()


class PointerStoreContract:
    """Fixtures `pointers`: an empty PointerStore; `ledger`: the Ledger that it writes to."""

    def test_nothing_is_live_at_first(self, pointers: PointerStore) -> None:
        assert pointers.read("staging", "acme/support") is None
        assert list(pointers.history("staging", "acme/support")) == []

    def test_a_move_is_read_kept_and_told(self, pointers: PointerStore, ledger: Ledger) -> None:
        first = replace(sample_pointer(), switches={"feature": "off"}, caps={"day_usd": 2.5}, not_after=AT)
        second = first.moved(of_bytes(b"two"), Move.RETURN, reason="worse", actor="ben", at=AT + timedelta(hours=1))
        pointers.swap(first, expected=0, fact={"verdict": "v"})
        pointers.swap(second, expected=1, fact={})
        assert pointers.read("staging", "acme/support") == second
        assert list(pointers.history("staging", "acme/support")) == [first, second]
        told = list(ledger.facts("pointer.moved"))
        assert [fact.body["pointer"]["generation"] for fact in told] == [1, 2]
        assert (told[0].body["verdict"], told[1].actor, told[1].at) == ("v", "ben", second.at)

    def test_who_read_an_older_generation_changes_nothing(self, pointers: PointerStore, ledger: Ledger) -> None:
        first = sample_pointer()
        pointers.swap(first, expected=0, fact={})
        with refuses(ConflictError, "generation 1"):
            pointers.swap(replace(first, actor="ben"), expected=0, fact={})
        assert pointers.read("staging", "acme/support") == first
        assert len(list(ledger.facts())) == len(pointers.history("staging", "acme/support")) == 1

    def test_generations_have_no_gaps(self, pointers: PointerStore) -> None:
        with refuses(ValueError, "does not follow"):
            pointers.swap(replace(sample_pointer(), generation=2), expected=0, fact={})

    def test_environments_and_features_are_apart(self, pointers: PointerStore) -> None:
        here, there, other = sample_pointer(), sample_pointer("production"), sample_pointer(feature="acme/search")
        for pointer in (here, there, other):
            pointers.swap(pointer, expected=0, fact={})
        assert pointers.read("production", "acme/support") == there
        assert list(pointers.history("staging", "acme/search")) == [other]


class EvidenceStoreContract:
    """Fixtures `evidence`: an empty EvidenceStore; `signer`: the Signer that it asks; `ledger`: where it notes."""

    def test_evidence_is_found_newest_first_with_who_signed_it(self, evidence: EvidenceStore, signer: Signer) -> None:
        old, new = sample_evidence(n=1), sample_evidence(n=2, at=AT + timedelta(minutes=1))
        for each in (new, old, sample_evidence("EVAL-02")):
            _put(each, evidence, signer)
        found = evidence.find("EVAL-01")
        assert [dict(each.data) for each in found] == [{"n": 2}, {"n": 1}]
        _, signature = signer.open(evidence.envelope(found[0].digest), kind="evidence")
        assert found[0].producer == signature.keyid
        assert evidence_to_json(found[0]) == evidence_to_json(new)

    def test_putting_twice_is_putting_once(self, evidence: EvidenceStore, signer: Signer) -> None:
        for _ in range(2):
            _put(sample_evidence(), evidence, signer)
        assert len(evidence.find("EVAL-01")) == 1

    def test_an_envelope_must_state_the_evidence(self, evidence: EvidenceStore, signer: Signer) -> None:
        with refuses(EvidenceError):
            evidence.put(sample_evidence(n=2), signer.sign(evidence_to_json(sample_evidence(n=1)), kind="evidence"))
        with refuses(EvidenceError):
            evidence.put(sample_evidence(), signer.sign(evidence_to_json(sample_evidence()), kind="waiver"))
        with refuses(EvidenceError):
            evidence.put(sample_evidence(), b"{}")
        assert list(evidence.find("EVAL-01")) == []

    def test_unknown_envelopes_are_named(self, evidence: EvidenceStore) -> None:
        with refuses(UnknownContent):
            evidence.envelope(of_bytes(b"absent"))

    def test_a_revocation_is_for_good_and_told_once(
        self, evidence: EvidenceStore, signer: Signer, ledger: Ledger
    ) -> None:
        _put(sample_evidence(), evidence, signer)
        digest = evidence.find("EVAL-01")[0].digest
        for _ in range(2):
            evidence.revoke(digest, "wrong grader", actor="ada", at=AT)
        _put(sample_evidence(), evidence, signer)
        assert evidence.revoked() == {digest}
        told = list(ledger.facts("evidence.revoked"))
        assert [dict(fact.body) for fact in told] == [{"digest": digest, "reason": "wrong grader"}]


def _attempt(key: str, text: str = "hello", *, run: str = "r1", broken: Broken | None = None) -> Attempt:
    reply = Reply(
        "answer", text, ({"text": "t", "cites": [{"doc_id": "KB-1", "quote": "q"}]},), queue=None,
        retrieved=({"doc_id": "KB-1", "text": "t", "score": 0.25},), tool_calls=({"tool": "x", "arguments": {}},),
        output={"a": [1, None]}, parse_attempted=2, parse_ok=1, parse_errors=("bad",), intent="i", confidence=0.5,
    )  # fmt: skip
    trial = Trial("case-1", 0, None if broken else reply, broken, "", 1, 0.001, 0.75, "t1")
    return Attempt(key, run, trial, AT)


class TrialStoreContract:
    """Fixture `trials`: an empty TrialStore."""

    def test_a_trial_comes_back_as_it_was(self, trials: TrialStore) -> None:
        trials.add([_attempt("k1"), _attempt("k2", "ü\U0001f600\x00")])
        assert trials.find(["k1", "k2", "k3"]) == {"k1": _attempt("k1"), "k2": _attempt("k2", "ü\U0001f600\x00")}

    def test_broken_attempts_are_kept_and_not_found(self, trials: TrialStore) -> None:
        trials.add([_attempt("k1", broken=Broken.TIMEOUT)])
        assert trials.find(["k1"]) == {}
        trials.add([_attempt("k1")])
        trials.add([_attempt("k1", broken=Broken.START)])
        assert trials.find(["k1"]) == {"k1": _attempt("k1")}

    def test_a_trial_that_the_app_failed_by_itself_is_found_like_any_other(self, trials: TrialStore) -> None:
        failed = Attempt("k1", "r1", Trial("case-1", 0, None, detail="boom", calls=1, fault=Fault.CRASH), AT)
        trials.add([failed])
        assert trials.find(["k1"]) == {"k1": failed}

    def test_the_newest_attempt_counts(self, trials: TrialStore) -> None:
        trials.add([_attempt("k1", "old")])
        trials.add([_attempt("k1", "new", run="r2")])
        assert trials.find(["k1"])["k1"] == _attempt("k1", "new", run="r2")

    def test_many_keys_are_one_question(self, trials: TrialStore) -> None:
        trials.add([_attempt(f"k{i}") for i in range(1200)])
        trials.add([])
        assert len(trials.find(f"k{i}" for i in range(2400))) == 1200


def _call(key: str = "c1", cost_usd: float = 0.25, **response: Any) -> Call:
    return Call(key, {"messages": [{"content": "ü"}]}, response or {"text": "hi"}, cost_usd, 0.5, AT)


class CallStoreContract:
    """Fixture `calls`: an empty CallStore."""

    def test_a_call_comes_back_as_it_was(self, calls: CallStore) -> None:
        assert calls.get("c1") is None
        calls.put(_call(), "r1")
        assert calls.get("c1") == _call()
        calls.put(_call(text="newer"), "r2")
        assert calls.get("c1") == _call(text="newer")

    def test_reserved_money_counts_until_it_is_settled(self, calls: CallStore) -> None:
        calls.reserve("c1", "r1", 1.0, at=AT)
        calls.reserve("c2", "r1", 0.5, at=AT)
        calls.reserve("c1", "r2", 8.0, at=AT)
        assert calls.spent("r1") == 1.5
        calls.put(_call("c1", 0.25), "r1")
        assert calls.spent("r1") == 0.75
        calls.release("c2", "r1")
        assert (calls.spent("r1"), calls.spent("r2"), calls.spent("r3")) == (0.25, 8.0, 0.0)

    def test_a_call_that_was_cut_off_stays_charged_when_it_is_made_again(self, calls: CallStore) -> None:
        calls.reserve("c1", "r1", 1.0, at=AT)
        calls.reserve("c1", "r1", 1.0, at=AT)
        calls.put(_call("c1", 0.25), "r1")
        assert calls.spent("r1") == 1.25

    def test_what_was_never_reserved_is_charged_too(self, calls: CallStore) -> None:
        calls.release("c1", "r1")
        calls.put(_call("c1", 0.25), "r1")
        assert calls.spent("r1") == 0.25

    def test_only_money_is_money(self, calls: CallStore) -> None:
        for amount in (-1.0, float("nan"), float("inf")):
            with refuses(ValueError, "money"):
                calls.reserve("c1", "r1", amount, at=AT)
            with refuses(ValueError, "money"):
                calls.put(_call(cost_usd=amount), "r1")
        assert calls.spent("r1") == 0
        assert calls.get("c1") is None


class SignerContract:
    """Fixture `signer`: a Signer that can sign as its default name, and not as `nobody`."""

    def test_what_is_signed_is_opened(self, signer: Signer) -> None:
        payload = {"check": "EVAL-01", "rate": 0.5, "deep": [{"ü": None}]}
        opened, signature = signer.open(signer.sign(payload, kind="evidence"), kind="evidence")
        assert opened == payload
        assert signature.name
        assert signature.keyid
        opened["check"] = "changed"
        assert signer.open(signer.sign(payload, kind="evidence"), kind="evidence")[0] == payload

    def test_a_statement_of_another_kind_is_refused(self, signer: Signer) -> None:
        with refuses(EvidenceError):
            signer.open(signer.sign({"a": 1}, kind="waiver"), kind="evidence")

    def test_nobody_can_sign_as_somebody_unknown(self, signer: Signer) -> None:
        with refuses(EvidenceError, "nobody"):
            signer.sign({"a": 1}, kind="evidence", name="nobody")

    def test_one_changed_byte_is_refused_wherever_it_is(self, signer: Signer) -> None:
        envelope = signer.sign({"a": 1}, kind="k")
        signer.open(envelope, kind="k")
        for at, byte in enumerate(envelope):
            for other in {byte ^ 1, byte ^ 0x20, 0x20} - {byte}:
                with refuses(EvidenceError):
                    signer.open(envelope[:at] + bytes([other]) + envelope[at + 1 :], kind="k")

    def test_dropped_and_added_bytes_are_refused(self, signer: Signer) -> None:
        envelope = signer.sign({"a": 1}, kind="k")
        for at in range(len(envelope)):
            with refuses(EvidenceError):
                signer.open(envelope[:at] + envelope[at + 1 :], kind="k")
        for other in (b"", b" " + envelope, envelope + b"\n", envelope * 2, b"[" * 100_000, b"null", b"\xff"):
            with refuses(EvidenceError):
                signer.open(other, kind="k")
