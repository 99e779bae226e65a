"""A folder of ed25519 keys, and in-toto statements in DSSE envelopes signed with them.

Source: in-toto Statement v1 (github.com/in-toto/attestation, spec/v1/statement.md) and DSSE v1.0
(github.com/secure-systems-lab/dsse).
"""

import json
import re
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, Field

from interlock.adapters.folder import write_durably
from interlock.core.binding import NAME, NameStr, Str, Strict, bind
from interlock.core.digest import Digest, canonical, of_bytes, parse_digest
from interlock.core.errors import EvidenceError, InterlockError, WrongValue
from interlock.core.json_text import parse_json
from interlock.core.source import decoded
from interlock.ports import Clock, Signature

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
REMEMBERED = 4096
"""Envelopes whose signature was found good, kept by digest so that looking again costs a look-up."""

_NAME = re.compile(NAME)


class AlteredEnvelope(EvidenceError):
    """A signed statement is not, byte for byte, what its signer wrote."""

    code = "evidence.altered"


class UntrustedKey(EvidenceError):
    """A statement is signed by a key that the keyring does not trust, or was to be signed by one it does not have."""

    code = "evidence.unknown-key"


class ExpiredKey(EvidenceError):
    """The key is past its last day."""

    code = "evidence.expired-key"


class OtherKind(EvidenceError):
    """A statement of one kind is offered in place of another."""

    code = "evidence.other-kind"


class KeyInUse(EvidenceError):
    """There is a working key of this name already."""

    code = "evidence.key-in-use"


class TrustedKey(Strict):
    """One entry of `trust.json`: whose key it is, what it may speak for, and until when."""

    name: NameStr
    roles: tuple[Str, ...]
    public: str = Field(pattern=r"^[0-9a-f]{64}$", description="raw ed25519 public key")
    not_after: AwareDatetime


@dataclass(frozen=True, slots=True)
class _Opened:
    """An envelope whose signature is good under this public key."""

    keyid: str
    public: str
    statement: bytes


class Keyring:
    """Fills `Signer` from a folder: `keys/<name>.pem` are private keys, `trust.json` says whom to believe.

    Args:
        folder: made with the first key.
        clock: what says whether a key has expired.
        actor: whose key signs when nobody is named; None: the only private key there is.
    """

    def __init__(self, folder: Path, *, clock: Clock, actor: str | None = None) -> None:
        self._folder = folder
        self._clock = clock
        self._actor = actor
        self._trust: dict[str, TrustedKey] = {}
        self._trust_stamp: tuple[int, int, int] | None = None
        self._signs: tuple[tuple[Path, int, int, int], Any] | None = None
        self._good: OrderedDict[Digest, _Opened] = OrderedDict()

    def trusted(self) -> Mapping[str, TrustedKey]:
        """Every trusted key by its id, expired ones too. Raises: DocumentError, ManyErrors when `trust.json` is malformed."""
        path = self._folder / "trust.json"
        try:
            state = path.stat()
        except FileNotFoundError:
            return {}
        stamp = (state.st_ino, state.st_mtime_ns, state.st_size)
        if stamp != self._trust_stamp:
            document = parse_json(decoded(path.read_bytes(), str(path)), str(path))
            if not isinstance(document.value, dict):
                raise document.error((), "must be a mapping of key ids to keys", hint="restore it", kind=WrongValue)
            self._trust = {keyid: bind(TrustedKey, document, (keyid,)) for keyid in document.value}
            self._trust_stamp = stamp
        return dict(self._trust)

    def create_key(self, name: str, roles: Collection[str], days: int) -> str:
        """Make a key pair: the private half readable by its owner only, the public half trusted.

        Args:
            name: of the person or machine: lower case, digits, `.`, `_`, `-`, at most 63 characters.
            roles: what the key may speak for.
            days: until it expires, at least 1.
        Returns: the id of the key.
        Raises: KeyInUse while a key of this name has not expired; an expired one is replaced, and stays known.
        """
        from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]  # its public names, re-exported implicitly

        if not _NAME.fullmatch(name):
            hint = (
                "begin with a lower-case letter or a digit, go on with these and `.`, `_`, `-`; at most 63 characters"
            )
            raise EvidenceError(f"`{name}` is no name for a key", hint=hint)
        if days < 1:
            raise ValueError(f"a key lives at least 1 day, not {days}")
        now = self._clock.now()
        path = self._private(name)
        current = [key for key in self.trusted().values() if key.name == name and key.not_after > now]
        if path.exists() and current:
            until = current[0].not_after.date()
            raise KeyInUse(f"`{name}` has a key until {until}", hint="use it, or take another name")
        signer = CryptoSigner.generate_ed25519()
        public = signer.public_key
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_durably(path, signer.private_bytes, mode=0o600)
        key = TrustedKey(
            name=name,
            roles=tuple(sorted(set(roles))),
            public=public.keyval["public"],
            not_after=now + timedelta(days=days),
        )
        return self.trust(key)

    def trust(self, key: TrustedKey) -> str:
        """Believe a public key, also one whose private half lives on another machine. Returns: its id."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # its public names, re-exported implicitly

        keyid = str(SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public))).keyid)
        entries = {each: entry.model_dump(mode="json") for each, entry in {**self.trusted(), keyid: key}.items()}
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(entries, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        write_durably(self._folder / "trust.json", text.encode(), mode=0o644)
        return keyid

    def sign(self, payload: Mapping[str, Any], *, kind: str, name: str | None = None) -> bytes:
        """A DSSE envelope over an in-toto statement, in canonical JSON.

        Args:
            payload: plain JSON; a mapping `subjects` of names to digests becomes the subjects of the statement.
            kind: what is stated, like `evidence`.
            name: whose key.
        Raises: UntrustedKey when there is no such key here, ExpiredKey, NotCanonical.
        """
        from securesystemslib.dsse import Envelope
        name = name or self._actor or self._only_name()
        try:
            signer = self._signer(self._private(name))
        except FileNotFoundError as cause:
            hint = f"create it with `interlock keys --new {name}`"
            raise UntrustedKey(f"there is no private key of `{name}` here", hint=hint) from cause
        except ValueError as cause:
            raise UntrustedKey(f"the private key of `{name}` cannot be read", hint="create it again") from cause
        key = self._known(signer.public_key.keyid)
        self._in_time(key, self._clock.now())
        envelope = Envelope(canonical(_statement(payload, kind)), PAYLOAD_TYPE, {})
        envelope.sign(signer)
        return canonical(envelope.to_dict())

    def open(self, envelope: bytes, *, kind: str, at: datetime | None = None) -> tuple[dict[str, Any], Signature]:
        """The payload and who signed it.

        Args:
            envelope: what `sign` gave.
            kind: what it has to state.
            at: when the key must not have been expired; None: now.
        Raises: AlteredEnvelope, UntrustedKey, ExpiredKey, OtherKind.
        """
        digest = of_bytes(envelope)
        opened = self._good.get(digest)
        if opened is None:
            opened = self._verified(envelope)
            self._good[digest] = opened
            if len(self._good) > REMEMBERED:
                self._good.popitem(last=False)
        # Trust, term and kind are asked every time: only the arithmetic is remembered.
        key = self._known(opened.keyid)
        if key.public != opened.public:
            raise AlteredEnvelope("the key of this statement was exchanged", hint="restore `trust.json`")
        self._in_time(key, at or self._clock.now())
        statement = json.loads(opened.statement)
        stated = str(statement.get("predicateType", "")) if isinstance(statement, dict) else ""
        if stated != _predicate_type(kind):
            raise OtherKind(
                f"the statement is a `{stated}`, not a `{_predicate_type(kind)}`", hint="offer the right one"
            )
        predicate = statement.get("predicate")
        if statement.get("_type") != STATEMENT_TYPE or not isinstance(predicate, dict):
            raise AlteredEnvelope("this is not an in-toto statement", hint="was it written by another tool?")
        return predicate, Signature(opened.keyid, key.name, frozenset(key.roles))

    def _verified(self, raw: bytes) -> _Opened:
        from securesystemslib.dsse import Envelope
        from securesystemslib.exceptions import Error, VerificationError
        from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # its public names, re-exported implicitly

        hint = "restore the original, or measure again with `interlock check`"
        try:
            envelope = Envelope.from_dict(json.loads(raw))
            # INVARIANT: one statement has one spelling. What would be read the same and looks different was altered.
            # Canonical JSON for what an envelope holds, which is ASCII, and five times as quick as the general way.
            spelt = json.dumps(envelope.to_dict(), sort_keys=True, separators=(",", ":")).encode()
            same = spelt == raw and envelope.payload_type == PAYLOAD_TYPE
            (signature,) = envelope.signatures.values()
            same = same and not signature.unrecognized_fields and isinstance(signature.keyid, str)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, Error, InterlockError) as cause:
            raise AlteredEnvelope("the envelope of a signed statement is malformed", hint=hint) from cause
        if not same:
            raise AlteredEnvelope("the envelope of a signed statement was rewritten", hint=hint)
        key = self._known(signature.keyid)
        try:
            envelope.verify([SSlibKey(signature.keyid, "ed25519", "ed25519", {"public": key.public})], 1)
        except VerificationError as cause:
            raise AlteredEnvelope(f"the signature of `{key.name}` does not fit the statement", hint=hint) from cause
        return _Opened(signature.keyid, key.public, envelope.payload)

    def _known(self, keyid: str) -> TrustedKey:
        key = self.trusted().get(keyid)
        if key is None:
            hint = "add its public key to `trust.json`, if you know whose it is"
            raise UntrustedKey(f"the key `{keyid[:16]}` is not trusted here", hint=hint)
        return key

    def _in_time(self, key: TrustedKey, at: datetime) -> None:
        if at >= key.not_after:
            hint = f"create a new one with `interlock keys --new {key.name}` and sign again"
            raise ExpiredKey(f"the key of `{key.name}` expired on {key.not_after.date()}", hint=hint)

    def _signer(self, path: Path) -> Any:
        """What signs with a private key, read again when its file is another one."""
        from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]  # its public names, re-exported implicitly

        state = path.stat()
        stamp = (path, state.st_ino, state.st_mtime_ns, state.st_size)
        if self._signs is None or self._signs[0] != stamp:
            private = _load_private(path.read_bytes())
            self._signs = stamp, CryptoSigner(private, SSlibKey.from_crypto(private.public_key()))
        return self._signs[1]

    def _private(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise UntrustedKey(f"there is no private key of `{name}` here", hint="name a person or a machine")
        return self._folder / "keys" / f"{name}.pem"

    def _only_name(self) -> str:
        names = sorted(path.stem for path in (self._folder / "keys").glob("*.pem"))
        if len(names) == 1:
            return names[0]
        fault = "there is no private key here" if not names else f"there are keys of {', '.join(names)}"
        hint = "name whose key signs" if names else "create one with `interlock keys --new NAME`"
        raise UntrustedKey(fault, hint=hint)


def _load_private(pem: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(pem, None)


def _predicate_type(kind: str) -> str:
    return f"urn:interlock:{kind}:1"


def _statement(payload: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """An in-toto statement; it must have a subject, so a payload that names none is its own.

    Raises: TypeError or MalformedDigest for `subjects` that are no mapping of names to digests.
    """
    predicate = dict(payload)
    subjects = payload.get("subjects")
    if subjects is None:
        named = {kind: of_bytes(canonical(predicate))}
    elif isinstance(subjects, Mapping) and subjects:
        named = {str(name): parse_digest(str(digest)) for name, digest in subjects.items()}
    else:
        raise TypeError("`subjects` of a statement maps names to digests")
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": dict([digest.split(":", 1)])} for name, digest in sorted(named.items())],
        "predicateType": _predicate_type(kind),
        "predicate": predicate,
    }
