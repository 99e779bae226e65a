"""Promises of what leaves the house: it verifies offline, to the last byte, and says what it is about."""

import io
import json
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feature import Feature
from interlock.adapters.dsse import Keyring
from interlock.core.digest import of_bytes
from interlock.core.errors import EvidenceError
from interlock.services.export import verify_envelope
from interlock.testing import FixedClock


@pytest.fixture(scope="module")
def exported(checked_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from interlock.cli import run

    out = tmp_path_factory.mktemp("exported") / "bundle.tar"
    assert run(["bundle", "export", str(out), "--dir", str(checked_once)]) == 0
    return out


@pytest.fixture
def keyring(checked_once: Path) -> Keyring:
    from interlock.adapters.clock import SystemClock

    return Keyring(checked_once / ".interlock/keys", clock=SystemClock())


def members_of(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        return {entry.name: opened.extractfile(entry).read() for entry in opened}  # type: ignore[union-attr]


def packed(members: dict[str, bytes]) -> bytes:
    """Packed as `export` packs, with sums that fit: what somebody with a keyboard, but without a key, can do."""
    from interlock.services.export import _tar

    rest = {name: content for name, content in members.items() if name != "SHA256SUMS"}
    sums = "".join(f"{of_bytes(content)[7:]}  {name}\n" for name, content in sorted(rest.items()))
    return _tar({**rest, "SHA256SUMS": sums.encode()})


def refused(raw: bytes, keyring: Keyring, folder: Path) -> bool:
    (folder / "x.tar").write_bytes(raw)
    try:
        verify_envelope(folder / "x.tar", keyring, None, now=datetime.now(UTC))
    except EvidenceError:
        return True
    return False


def test_an_archive_verifies_in_another_folder_that_trusts_the_keys(
    exported: Path, feature: Feature, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = Feature(elsewhere, feature._capsys)
    code, _, err = other.run("bundle", "verify", str(exported))
    assert code == 2
    assert "not trusted here" in err
    (elsewhere / "keys.json").write_bytes(members_of(exported)["keys.json"])
    assert other.run("keys", "--trust", str(elsewhere / "keys.json"))[0] == 0
    found = other.json("bundle", "verify", str(exported))
    assert (found["kind"], found["signed_by"], found["current"]) == ("archive", "ada", True)


def test_an_archive_about_another_bundle_is_said_to_be(exported: Path, checked: Feature) -> None:
    assert checked.json("bundle", "verify", str(exported))["current"] is True
    checked.edit_part("prompt")
    found = checked.json("bundle", "verify", str(exported), codes=(3,))
    assert found["current"] is False
    assert "it is about" in found["why"]


def test_the_same_content_gives_the_same_bytes(checked: Feature, tmp_path: Path) -> None:
    for name in ("one.tar", "two.tar"):
        assert checked.run("bundle", "export", str(tmp_path / name))[0] == 0
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    code, _, err = checked.run("bundle", "export", str(tmp_path / "one.tar"))
    assert code == 2
    assert "there already" in err


def test_one_changed_byte_anywhere_in_the_archive_is_refused(exported: Path, keyring: Keyring, tmp_path: Path) -> None:
    raw = exported.read_bytes()
    assert not refused(raw, keyring, tmp_path)
    step = max(1, len(raw) // 150)
    for at in sorted({*range(20), *range(0, len(raw), step), *range(len(raw) - 12, len(raw))}):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        assert refused(changed, keyring, tmp_path), f"byte {at} of {len(raw)}"
    for longer in (raw + b"\0", raw + raw, raw[:-1]):
        assert refused(longer, keyring, tmp_path)


def test_one_changed_byte_of_any_member_is_refused_also_with_fitting_sums(
    exported: Path, keyring: Keyring, tmp_path: Path
) -> None:
    members = members_of(exported)
    assert not refused(packed(members), keyring, tmp_path)
    for name, content in members.items():
        if name in ("SHA256SUMS", "keys.json"):
            continue  # the sums are made anew; the keys say whom to ask, and are believed by nobody
        middle = len(content) // 2
        changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        if content:
            assert refused(packed({**members, name: changed}), keyring, tmp_path), name


def test_a_member_that_was_taken_out_put_in_or_repacked_is_refused(
    exported: Path, keyring: Keyring, tmp_path: Path
) -> None:
    from interlock.services.export import _tar

    members = members_of(exported)
    verdict = next(name for name in members if name.startswith("verdicts/"))
    assert refused(_tar({name: content for name, content in members.items() if name != verdict}), keyring, tmp_path)
    assert refused(_tar({**members, "files/extra.md": b"extra"}), keyring, tmp_path)
    no_verdict = {name: content for name, content in members.items() if not name.startswith("verdicts/")}
    assert refused(packed(no_verdict), keyring, tmp_path)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in sorted(members.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    assert refused(plain.getvalue(), keyring, tmp_path), "the same members under other permissions"


def test_a_verdict_of_another_bundle_in_the_archive_is_refused(
    checked: Feature, keyring: Keyring, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.tar"
    assert checked.run("bundle", "export", str(mine))[0] == 0
    checked.edit_part("prompt")
    checked.lock()
    checked.check()
    theirs = tmp_path / "theirs.tar"
    assert checked.run("bundle", "export", str(theirs))[0] == 0
    foreign = {name: content for name, content in members_of(theirs).items() if name.startswith("verdicts/")}
    ring = Keyring(checked.root / ".interlock/keys", clock=FixedClock(datetime.now(UTC)))
    assert not refused(theirs.read_bytes(), ring, tmp_path)
    assert refused(packed({**members_of(mine), **foreign}), ring, tmp_path)


# ── single files ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def verdict(exported: Path, tmp_path: Path) -> Path:
    (tmp_path / "verdict.json").write_bytes(members_of(exported)["verdicts/staging.json"])
    return tmp_path / "verdict.json"


@pytest.fixture
def evidence(exported: Path, tmp_path: Path) -> Path:
    members = members_of(exported)
    (tmp_path / "evidence.json").write_bytes(
        members[next(name for name in members if name.startswith("evidence/EVAL-01"))]
    )
    return tmp_path / "evidence.json"


def test_a_signed_verdict_verifies_and_says_what_it_is_about(checked: Feature, verdict: Path) -> None:
    found = checked.json("bundle", "verify", str(verdict))
    assert (found["kind"], found["current"]) == ("verdict", True)
    assert found["about"].startswith("READY harbour/ferries@")


def test_a_verdict_with_one_changed_byte_is_refused(verdict: Path, keyring: Keyring, checked: Feature) -> None:
    raw = verdict.read_bytes()
    for at in sorted({*range(0, len(raw), max(1, len(raw) // 120)), len(raw) - 1}):
        verdict.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises(EvidenceError):
            verify_envelope(verdict, keyring, None, now=datetime.now(UTC))
    code, out, err = checked.run("bundle", "verify", str(verdict))
    assert (code, out) == (2, "")
    assert "error[evidence" in err


def test_a_verdict_and_evidence_for_another_bundle_are_not_usable_here(
    checked: Feature, verdict: Path, evidence: Path
) -> None:
    assert checked.json("bundle", "verify", str(evidence))["current"] is True
    checked.edit_part("prompt")
    for file, says in ((verdict, "the bundle here is"), (evidence, "it read other bytes: prompt")):
        found = checked.json("bundle", "verify", str(file), codes=(3,))
        assert found["current"] is False
        assert says in found["why"]


def test_a_verdict_that_ran_out_is_not_current(verdict: Path, keyring: Keyring) -> None:
    later = datetime.now(UTC) + timedelta(days=31)
    found = verify_envelope(verdict, keyring, None, now=later)
    assert not found.current
    assert "ran out" in found.why


def expire(root: Path) -> None:
    """The key of Ada is past its last day."""
    trust = root / ".interlock/keys/trust.json"
    entries = json.loads(trust.read_text())
    for key in entries.values():
        key["not_after"] = "2026-01-01T00:00:00Z"
    trust.write_text(json.dumps(entries))


def test_what_an_expired_key_signed_is_refused_and_no_longer_counts(checked: Feature, verdict: Path) -> None:
    expire(checked.root)
    code, _, err = checked.run("bundle", "verify", str(verdict))
    assert code == 2
    assert "error[evidence.expired-key]" in err
    assert checked.run("check", "--plan", "--json", actor="bo")[0] == 0
    owed = {row["id"] for row in checked.json("check", "--plan", actor="bo")["owed"] if row["measurable"]}
    assert {"BND-01", "EVAL-01", "SAFE-02"} <= owed
    assert checked.run("promote", "staging", actor="bo")[0] in (1, 3)


def test_evidence_whose_scope_was_edited_is_refused_and_never_used(checked: Feature, evidence: Path) -> None:
    from interlock.core.evidence import evidence_from_json

    ring = Keyring(checked.root / ".interlock/keys", clock=FixedClock(datetime.now(UTC)), actor="ada")
    payload, _ = ring.open(evidence.read_bytes(), kind="evidence")
    forged = ring.sign(
        {**payload, "scope": of_bytes(b"other")}, kind="evidence"
    )  # a true signature under a false scope
    evidence.write_bytes(forged)
    code, _, err = checked.run("bundle", "verify", str(evidence))
    assert code == 2
    assert "scope" in err
    with pytest.raises(EvidenceError):
        evidence_from_json({**payload, "scope": of_bytes(b"other")})
    import sqlite3

    with sqlite3.connect(checked.root / ".interlock/facts.db") as database:
        database.execute("update evidence set envelope = ? where \"check\" = 'EVAL-01'", (forged,))
    database.close()
    row = next(row for row in checked.json("check", "--plan")["owed"] if row["id"] == "EVAL-01")
    assert row["because"] == "never measured"
