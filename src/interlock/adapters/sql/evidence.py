"""Signed evidence: the envelope is the truth, the columns are an index over it."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, type_coerce
from sqlalchemy.types import NullType

from interlock.adapters.sql.engine import Database, insert_into, lock_ledger
from interlock.adapters.sql.ledger import append_fact, utc_text
from interlock.adapters.sql.schema import evidence as table
from interlock.adapters.sql.schema import facts, revocations
from interlock.core.digest import Digest, canonical, of_bytes
from interlock.core.errors import EvidenceError, LedgerError, UnknownContent
from interlock.core.evidence import Evidence, evidence_from_json, evidence_to_json
from interlock.ports import Signer

EVIDENCE_REVOKED = "evidence.revoked"


class SqlEvidenceStore:
    """Fills `EvidenceStore`.

    Args:
        database: where the envelopes lie.
        signer: what says whether an envelope may be believed, asked on every `find`; it may remember good ones.
        kind: the kind of statement under which evidence is signed.
    """

    def __init__(self, database: Database, signer: Signer, *, kind: str = "evidence") -> None:
        self._database = database
        self._signer = signer
        self._kind = kind

    def put(self, evidence: Evidence, envelope: bytes) -> None:
        """Keep evidence under the digest of its signed payload. Putting it again changes nothing.

        Raises: EvidenceError when the envelope does not verify, or states something else than the evidence.
        """
        stated = self._open(envelope)
        if evidence_to_json(stated) != evidence_to_json(evidence):
            raise EvidenceError(
                f"the envelope states something else than the evidence for `{evidence.check}`", hint="sign it again"
            )
        row = {
            "digest": stated.digest,
            "check": stated.check,
            "scope": stated.scope,
            "method": stated.method.value,
            "producer": stated.producer,
            "run": stated.run,
            "produced_at": utc_text(stated.produced_at),
            "envelope": envelope,
        }
        with self._database.write() as connection:
            # The newer signature over the same words stays: the older key may have expired since.
            statement = insert_into(connection, table).values(row)
            connection.execute(statement.on_conflict_do_update(index_elements=["digest"], set_=row))

    def find(self, check: str) -> Sequence[Evidence]:
        """All evidence for a check, newest first; what does not verify now, or is for another check, is left out."""
        with self._database.read() as connection:
            envelopes = _envelopes(connection, table.c.check == check)
        found: dict[Digest, Evidence] = {}
        for envelope in envelopes:
            if envelope is None:
                continue
            try:
                evidence = self._open(envelope)
            except EvidenceError:
                continue
            if evidence.check == check:
                found[evidence.digest] = evidence
        return sorted(found.values(), key=lambda each: (each.produced_at, each.digest), reverse=True)

    def envelope(self, digest: Digest) -> bytes:
        """The signed bytes, to hand on. Raises: UnknownContent; EvidenceError for a row that holds no bytes."""
        with self._database.read() as connection:
            found = _envelopes(connection, table.c.digest == digest)
        if not found:
            raise UnknownContent(digest)
        if found[0] is None:
            raise EvidenceError(
                f"the evidence `{digest[:19]}` was altered", hint="measure it again with `interlock check`"
            )
        return found[0]

    def revoke(self, digest: Digest, reason: str, *, actor: str, at: datetime) -> None:
        """Take evidence back for good, with a fact in the ledger; again changes nothing."""
        with self._database.write() as connection:
            lock_ledger(connection)
            if connection.execute(select(revocations.c.digest).where(revocations.c.digest == digest)).first():
                return
            fact = append_fact(connection, EVIDENCE_REVOKED, {"digest": digest, "reason": reason}, actor=actor, at=at)
            connection.execute(revocations.insert().values(digest=digest, fact_seq=fact.seq))

    def revoked(self) -> frozenset[Digest]:
        """Everything that was taken back."""
        with self._database.read() as connection:
            return frozenset(Digest(each) for each in connection.execute(select(revocations.c.digest)).scalars())

    def verify(self) -> int:
        """Compare the revocations with the ledger. Returns: how many. Raises: LedgerError for the first difference."""
        with self._database.read() as connection:
            told = {
                json.loads(body)["digest"]: seq
                for seq, body in connection.execute(
                    select(facts.c.seq, facts.c.body).where(facts.c.kind == EVIDENCE_REVOKED)
                )
            }
            kept = {row.digest: row.fact_seq for row in connection.execute(select(revocations))}
        for digest in sorted({*told, *kept}):
            if told.get(digest) != kept.get(digest):
                hint = "the row was edited; restore the database from a backup"
                raise LedgerError(f"the revocation of `{digest[:19]}` is not what the ledger says", hint=hint)
        return len(kept)

    def _open(self, envelope: bytes) -> Evidence:
        payload, signature = self._signer.open(envelope, kind=self._kind)
        return evidence_from_json(payload, producer=signature.keyid, digest=of_bytes(canonical(payload)))


def _envelopes(connection: Connection, where: Any) -> list[bytes | None]:
    """The envelopes of some rows; None for what is no bytes: SQLite keeps any type in any column, we write only bytes."""
    rows = connection.execute(select(type_coerce(table.c.envelope, NullType())).where(where)).scalars().all()
    return [bytes(row) if isinstance(row, bytes | bytearray | memoryview) else None for row in rows]
