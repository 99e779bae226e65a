"""Keys and envelopes: whom a statement may be believed."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from interlock.adapters.clock import SystemClock
from interlock.adapters.dsse import AlteredEnvelope, ExpiredKey, KeyInUse, Keyring, OtherKind, UntrustedKey
from interlock.core.digest import canonical, of_bytes
from interlock.core.errors import DocumentError, EvidenceError, ManyErrors
from interlock.testing import FixedClock


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def keyring(tmp_path: Path, clock: FixedClock) -> Keyring:
    made = Keyring(tmp_path, clock=clock)
    made.create_key("ada", ["producer", "approver"], 30)
    return made


def test_private_keys_are_for_their_owner_only(keyring: Keyring, tmp_path: Path) -> None:
    assert (tmp_path / "keys/ada.pem").stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in (tmp_path / "trust.json").read_bytes()


def test_an_envelope_is_an_in_toto_statement_over_the_subjects(keyring: Keyring) -> None:
    payload = {"subjects": {"prompt": of_bytes(b"p")}, "rate": 1}
    envelope = json.loads(keyring.sign(payload, kind="evidence"))
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert statement == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "prompt", "digest": {"sha256": of_bytes(b"p").removeprefix("sha256:")}}],
        "predicateType": "urn:interlock:evidence:1",
        "predicate": payload,
    }
    assert json.loads(base64.b64decode(json.loads(keyring.sign({}, kind="waiver"))["payload"]))["subject"]


def test_who_signed_is_told_with_roles(keyring: Keyring) -> None:
    keyid = keyring.create_key("ben", ["risk"], 1)
    signature = keyring.open(keyring.sign({"a": 1}, kind="k", name="ben"), kind="k")[1]
    assert (signature.keyid, signature.name, signature.roles) == (keyid, "ben", {"risk"})
    with pytest.raises(UntrustedKey, match="ada, ben"):
        keyring.sign({"a": 1}, kind="k")


def test_each_refusal_has_a_code_of_its_own(keyring: Keyring, clock: FixedClock, tmp_path: Path) -> None:
    envelope = keyring.sign({"a": 1}, kind="k")
    with pytest.raises(OtherKind):
        keyring.open(envelope, kind="other")
    with pytest.raises(AlteredEnvelope):
        keyring.open(envelope.replace(b'"payload":"e', b'"payload":"f'), kind="k")
    stranger = Keyring(tmp_path / "elsewhere", clock=clock)
    stranger.create_key("eve", [], 30)
    with pytest.raises(UntrustedKey):
        keyring.open(stranger.sign({"a": 1}, kind="k"), kind="k")
    clock.advance(timedelta(days=30))
    with pytest.raises(ExpiredKey):
        keyring.open(envelope, kind="k")
    with pytest.raises(ExpiredKey):
        keyring.sign({"a": 1}, kind="k")
    assert keyring.open(envelope, kind="k", at=clock.now() - timedelta(seconds=1))[0] == {"a": 1}
    codes = [kind.code for kind in (AlteredEnvelope, UntrustedKey, ExpiredKey, OtherKind, KeyInUse, EvidenceError)]
    assert len(set(codes)) == len(codes)


def test_a_key_that_is_no_longer_trusted_is_refused_although_it_was_believed_before(
    keyring: Keyring, tmp_path: Path
) -> None:
    envelope = keyring.sign({"a": 1}, kind="k")
    keyring.open(envelope, kind="k")
    (tmp_path / "trust.json").write_text("{}")
    with pytest.raises(UntrustedKey):
        keyring.open(envelope, kind="k")


def test_a_second_signature_and_a_strange_field_are_refused(keyring: Keyring) -> None:
    envelope = json.loads(keyring.sign({"a": 1}, kind="k"))
    for extra in ({"note": "x"}, {"signatures": envelope["signatures"] + [{"keyid": "x", "sig": "AAAA"}]}):
        with pytest.raises(AlteredEnvelope):
            keyring.open(canonical({**envelope, **extra}), kind="k")
    envelope["signatures"][0]["note"] = "x"
    with pytest.raises(AlteredEnvelope):
        keyring.open(canonical(envelope), kind="k")


def test_a_public_key_from_elsewhere_can_be_trusted(keyring: Keyring, clock: FixedClock, tmp_path: Path) -> None:
    other = Keyring(tmp_path / "elsewhere", clock=clock)
    keyid = other.create_key("ci", ["producer"], 30)
    assert keyring.trust(other.trusted()[keyid]) == keyid
    assert keyring.open(other.sign({"a": 1}, kind="k"), kind="k")[1].name == "ci"


def test_a_working_key_is_not_overwritten_and_an_expired_one_stays_known(keyring: Keyring, clock: FixedClock) -> None:
    envelope = keyring.sign({"a": 1}, kind="k")
    with pytest.raises(KeyInUse):
        keyring.create_key("ada", [], 30)
    clock.advance(timedelta(days=31))
    keyring.create_key("ada", [], 30)
    with pytest.raises(ExpiredKey):
        keyring.open(envelope, kind="k")
    assert keyring.open(keyring.sign({"a": 1}, kind="k"), kind="k")[1].name == "ada"


@pytest.mark.parametrize("name", ["", "../ada", "Ada", "a/b", "x" * 65])
def test_a_name_cannot_leave_the_folder(keyring: Keyring, name: str) -> None:
    with pytest.raises(EvidenceError):
        keyring.create_key(name, [], 30)
    if name:
        with pytest.raises(UntrustedKey):
            keyring.sign({}, kind="k", name=name)


def test_a_malformed_list_of_trust_is_named_with_its_place(keyring: Keyring, tmp_path: Path) -> None:
    envelope = keyring.sign({"a": 1}, kind="k")
    for text in ("{", "[]", '{"x": {"name": "eve"}}', '{"x": {}, "x": {}}'):
        (tmp_path / "trust.json").write_text(text)
        with pytest.raises((DocumentError, ManyErrors), match=r"trust\.json:1"):
            keyring.open(envelope, kind="k")


def test_without_any_key_the_way_to_one_is_shown(tmp_path: Path, clock: FixedClock) -> None:
    with pytest.raises(UntrustedKey) as caught:
        Keyring(tmp_path, clock=clock).sign({}, kind="k")
    assert "interlock keys --new" in caught.value.hint


def test_the_clock_of_this_machine_tells_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
