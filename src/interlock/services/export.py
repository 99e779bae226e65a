"""A bundle with its evidence as one archive that verifies offline, and the verification of a signed file."""

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.core.bundle import bundle_to_json
from interlock.core.catalogue import CATALOGUE
from interlock.core.digest import Digest, of_bytes, parse_digest, short
from interlock.core.errors import EvidenceError, UsageError
from interlock.core.evidence import evidence_from_json
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


def verify_envelope(file: Path, signer: Signer, bundle: Digest | None) -> Verified:
    """Verify one signed file, or every member of an exported archive.

    Args:
        bundle: the bundle at hand; None when there is none to compare with.
    Raises: UsageError when the file is not there; EvidenceError when a byte changed, the key is unknown or expired, or
    the scope of evidence does not add up.
    """
    if not file.is_file():
        raise UsageError(
            f"there is no file `{file.name}`", hint="`interlock report --format json` and `bundle export` write some"
        )
    raw = file.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        return _verify_archive(raw, signer)
    fault: EvidenceError | None = None
    for kind in KINDS:
        try:
            payload, signature = signer.open(raw, kind=kind)
        except EvidenceError as error:
            if error.code.endswith("other-kind"):
                continue
            fault = error
            break
        return _verified(kind, payload, signature, bundle)
    raise fault or EvidenceError("the file is signed, but states nothing that Interlock knows")


def _verified(kind: str, payload: Mapping[str, Any], signature: Signature, bundle: Digest | None) -> Verified:
    if kind == "verdict":
        verdict = verdict_from_json(payload)
        about = f"{verdict.word} {verdict.feature}@{short(verdict.bundle)} in {verdict.environment}, {verdict.produced_at:%Y-%m-%d %H:%M} UTC"
        other = (
            ""
            if bundle in (None, verdict.bundle)
            else f"it is about {short(verdict.bundle)}, the bundle here is {short(bundle or verdict.bundle)}"
        )
        return Verified(kind, about, signature, not other, other)
    if kind == "evidence":
        evidence = evidence_from_json(payload)  # refuses a scope that does not add up
        return Verified(
            kind, f"{evidence.check}, {evidence.method}, {evidence.produced_at:%Y-%m-%d %H:%M} UTC", signature, True, ""
        )
    named = payload.get("bundle", "")
    other = "" if bundle in (None, named) else f"it is about {named[7:19]}"
    return Verified(kind, f"{kind} for {named[7:19]}", signature, not other, other)


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
    """A gzipped tar without times or owners: the same content gives the same bytes."""
    import gzip

    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in sorted(members.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def _verify_archive(raw: bytes, signer: Signer) -> Verified:
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:gz") as archive:
            members = {
                entry.name: content.read()
                for entry in archive
                if entry.isfile() and (content := archive.extractfile(entry)) is not None
            }
        bundle = json.loads(members["bundle.json"])
        rows = [line.split("  ", 1) for line in members["SHA256SUMS"].decode().splitlines()]
        sums = {name: digest for digest, name in rows}
    except (tarfile.TarError, EOFError, OSError, KeyError, ValueError) as error:
        raise EvidenceError(
            f"not an exported bundle: {error}", hint="make one with `interlock bundle export`"
        ) from error
    for name, data in members.items():
        if name != "SHA256SUMS" and sums.get(name) != of_bytes(data)[7:]:
            raise EvidenceError(f"`{name}` in the archive is not what was exported", hint="export it again")
    for component in bundle["components"].values():
        for entry in component["files"]:
            if of_bytes(members.get(f"files/{entry['path']}", b"")) != parse_digest(entry["sha256"]):
                raise EvidenceError(
                    f"`{entry['path']}` in the archive is not the file of the bundle", hint="export it again"
                )
    signature: Signature | None = None
    signed = [name for name in sorted(members) if name.startswith(("evidence/", "verdicts/"))]
    for name in signed:
        _, signature = signer.open(members[name], kind="verdict" if name.startswith("verdicts/") else "evidence")
    if signature is None:
        raise EvidenceError("the archive holds nothing that is signed", hint="run `interlock check` before exporting")
    return Verified(
        "archive", f"{bundle['feature']}@{bundle['digest'][7:19]}, {len(signed)} signed statements", signature, True, ""
    )


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode()
