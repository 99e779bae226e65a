"""A bundle with its evidence as one archive that verifies offline, and the verification of a signed file."""

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from interlock.core.bundle import Bundle, bundle_from_json, bundle_to_json
from interlock.core.catalogue import CATALOGUE
from interlock.core.digest import Digest, of_bytes, short
from interlock.core.errors import BundleError, EvidenceError, UsageError
from interlock.core.evidence import evidence_from_json
from interlock.core.manifest import Part
from interlock.core.verdict import verdict_from_json
from interlock.ports import Records, Signature, Signer
from interlock.services.history import readings
from interlock.services.parts import Loaded

KINDS = ("verdict", "evidence", "approval", "waiver")


@dataclass(frozen=True, slots=True)
class Verified:
    """What a signed file is, who signed it, and whether it is about the bundle at hand.

    current: it verified, and neither names another bundle nor has run out.
    """

    kind: str
    about: str
    signature: Signature
    current: bool
    why: str
    foreign: bool = False
    """Whether it is about other bytes than those at hand."""

    def lines(self) -> list[str]:
        """For the terminal."""
        head = f"{self.kind} verified: signed by {self.signature.name} (key {self.signature.keyid[:12]})"
        return [head, f"  {self.about}", *([f"  not usable here: {self.why}"] if self.why else [])]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "schema": "interlock.verified.v1", "kind": self.kind, "about": self.about, "signed_by": self.signature.name,
            "key": self.signature.keyid, "current": self.current, "why": self.why or None,
        }  # fmt: skip


def verify_envelope(file: Path, signer: Signer, bundle: Bundle | None, *, now: datetime) -> Verified:
    """Verify one signed file, or every member of an exported archive.

    Args:
        bundle: the bundle at hand; None when there is none to compare with.
        now: aware UTC; a verdict that has run out is not current.
    Raises: UsageError when the file is not there; EvidenceError when a byte changed, the key is unknown or expired, or
    the scope of evidence does not add up.
    """
    if not file.is_file():
        raise UsageError(
            f"there is no file `{file.name}`", hint="`interlock report --format json` and `bundle export` write some"
        )
    raw = file.read_bytes()
    if raw[257:262] == b"ustar":
        return _verify_archive(raw, signer, bundle, now)
    for kind in KINDS:
        try:
            payload, signature = signer.open(raw, kind=kind)
        except EvidenceError as error:
            if error.code.endswith("other-kind"):
                continue
            raise
        return _verified(kind, payload, signature, bundle, now)
    raise EvidenceError("the file is signed, but states nothing that Interlock knows")


def _verified(
    kind: str, payload: Mapping[str, Any], signature: Signature, bundle: Bundle | None, now: datetime
) -> Verified:
    if kind == "verdict":
        verdict = verdict_from_json(payload)
        about = f"{verdict.word} {verdict.feature}@{short(verdict.bundle)} in {verdict.environment}, {verdict.produced_at:%Y-%m-%d %H:%M} UTC"
        if other := _other(verdict.bundle, bundle):
            return Verified(kind, about, signature, False, other, True)
        ended = verdict.valid_until is not None and verdict.valid_until <= now
        why = f"it ran out on {verdict.valid_until:%Y-%m-%d %H:%M} UTC" if ended else ""
        return Verified(kind, about, signature, not why, why)
    if kind == "evidence":
        evidence = evidence_from_json(payload)  # refuses a scope that does not add up
        about = f"{evidence.check}, {evidence.method}, {evidence.produced_at:%Y-%m-%d %H:%M} UTC"
        parts = {} if bundle is None else bundle.parts(Part)
        other = ", ".join(name for name, digest in evidence.reads.items() if name in parts and parts[name] != digest)
        why = f"it read other bytes: {other}" if other else ""
        return Verified(kind, about, signature, not why, why, bool(why))
    named = Digest(payload.get("bundle", ""))
    why = _other(named, bundle)
    return Verified(kind, f"{kind} for {short(named)}", signature, not why, why, bool(why))


def _other(named: Digest, bundle: Bundle | None) -> str:
    if bundle is None or named == bundle.digest:
        return ""
    return f"it is about {short(named)}, the bundle here is {short(bundle.digest)}"


def export_bundle(loaded: Loaded, records: Records, trusted: Mapping[str, Any], out: Path) -> list[str]:
    """Write bundle.json, the files, the evidence and newest verdicts with their envelopes, and the public keys.

    Returns: the names of the members. Raises: UsageError when the file is there already.
    """
    if out.exists():
        raise UsageError(f"`{out.name}` is there already", hint="name another file")
    bundle = loaded.bundle
    members: dict[str, bytes] = {"bundle.json": _json(bundle_to_json(bundle))}
    for path in bundle.paths():
        members[f"files/{path}"] = loaded.tree.read(path)
    for check in CATALOGUE:
        for evidence in records.evidence.find(check.id):
            if all(evidence.reads.get(part) == digest for part, digest in bundle.parts(check.reads).items()):
                members[f"evidence/{check.id}-{evidence.digest[7:19]}.json"] = records.evidence.envelope(
                    evidence.digest
                )
    for reading in readings(records):
        if reading.bundle == bundle.digest:
            members[f"verdicts/{reading.environment}.json"] = records.blobs.get(reading.envelope)
    members["keys.json"] = _json({id: key.model_dump(mode="json") for id, key in trusted.items()})
    members["SHA256SUMS"] = "".join(
        f"{of_bytes(content)[7:]}  {name}\n" for name, content in sorted(members.items())
    ).encode()
    out.write_bytes(_tar(members))
    return sorted(members)


def _tar(members: Mapping[str, bytes]) -> bytes:
    """A tar without times or owners: the same content gives the same bytes."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in sorted(members.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))
    return plain.getvalue()


def _unpack(raw: bytes) -> dict[str, bytes]:
    """The members of an archive, when it is one that `export_bundle` writes: any other spelling of it was altered.

    INVARIANT: the archive is not compressed. Deflate can say the same bytes in many ways, so that a changed byte of a
    compressed archive might go unseen.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as archive:
            members = {
                entry.name: content.read()
                for entry in archive
                if entry.isfile() and (content := archive.extractfile(entry)) is not None
            }
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise _no_archive(str(error)) from error
    if _tar(members) != raw:
        raise _no_archive("it was packed in another way")
    return members


def _no_archive(why: str) -> EvidenceError:
    return EvidenceError(f"not an exported bundle: {why}", hint="make one with `interlock bundle export`")


def _verify_archive(raw: bytes, signer: Signer, at_hand: Bundle | None, now: datetime) -> Verified:
    """Every member is the one that was exported, the files are those of the bundle, and all that is signed is about it."""
    members = _unpack(raw)
    try:
        rows = [line.split("  ", 1) for line in members["SHA256SUMS"].decode().splitlines()]
        sums = {name: digest for digest, name in rows}
    except (KeyError, ValueError) as error:
        raise _no_archive(f"its `SHA256SUMS` cannot be read: {error}") from error
    for name in sorted({*members, *sums} - {"SHA256SUMS"}):
        if name not in members or sums.get(name) != of_bytes(members[name])[7:]:
            raise EvidenceError(f"`{name}` in the archive is not what was exported", hint="export it again")
    try:
        bundle = bundle_from_json(json.loads(members["bundle.json"]))
    except (KeyError, ValueError, TypeError, BundleError) as error:
        raise _no_archive(f"its `bundle.json` does not add up: {error}") from error
    for path, entry in bundle.paths().items():
        if of_bytes(members.get(f"files/{path}", b"")) != entry.sha256:
            raise EvidenceError(f"`{path}` in the archive is not the file of the bundle", hint="export it again")
    found = [
        _verified(kind, *signer.open(members[name], kind=kind), bundle, now)
        for kind in ("evidence", "verdict")
        for name in sorted(members)
        if name.startswith(_FOLDERS[kind])
    ]
    if not any(one.kind == "verdict" for one in found):
        raise EvidenceError("the archive holds no signed verdict", hint="run `interlock check` before exporting")
    if strange := [one for one in found if one.foreign]:
        raise EvidenceError(
            f"the archive holds {strange[0].kind} of something else: {strange[0].why}", hint="export it again"
        )
    ended = [one.why for one in found if one.kind == "verdict" and not one.current]
    other = (
        ""
        if at_hand is None or at_hand.digest == bundle.digest
        else f"it is about {short(bundle.digest)}, the bundle here is {short(at_hand.digest)}"
    )
    about = f"{bundle.feature}@{short(bundle.digest)}, {len(found)} signed statements"
    why = other or "; ".join(ended)
    return Verified("archive", about, found[-1].signature, not why, why, bool(other))


_FOLDERS = {"evidence": "evidence/", "verdict": "verdicts/"}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode()
