"""Ledger, pointers, evidence, trials and calls.

This file says what the first version had and is never edited; a change is a new file.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table, and the empty ledger."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "facts",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(80), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_facts"),
    )
    op.create_index("ix_facts_kind", "facts", ["kind"])
    head = op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_head"),
        sa.CheckConstraint("id = 1", name="ck_ledger_head_single"),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "0" * 64}])
    op.create_table(
        "pointers",
        sa.Column("environment", sa.String(200), nullable=False),
        sa.Column("feature", sa.String(200), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "feature", name="pk_pointers"),
    )
    op.create_table(
        "pointer_history",
        sa.Column("environment", sa.String(200), nullable=False),
        sa.Column("feature", sa.String(200), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("fact_seq", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "feature", "generation", name="pk_pointer_history"),
        sa.ForeignKeyConstraint(["fact_seq"], ["facts.seq"], name="fk_pointer_history_fact_seq"),
    )
    op.create_table(
        "evidence",
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("check", sa.String(40), nullable=False),
        sa.Column("scope", sa.String(71), nullable=False),
        sa.Column("method", sa.String(20), nullable=False),
        sa.Column("producer", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("produced_at", sa.String(40), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_evidence"),
    )
    op.create_index("ix_evidence_check", "evidence", ["check"])
    op.create_table(
        "revocations",
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("fact_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_revocations"),
        sa.ForeignKeyConstraint(["fact_seq"], ["facts.seq"], name="fk_revocations_fact_seq"),
    )
    op.create_table(
        "trials",
        sa.Column("id", number, nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("broken", sa.String(40)),
        sa.Column("trial", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_trials"),
    )
    op.create_index("ix_trials_key_id", "trials", ["key", "id"])
    op.create_table(
        "calls",
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=False),
        sa.Column("latency_s", sa.Double(), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_calls"),
    )
    op.create_table(
        "spending",
        sa.Column("id", number, nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("usd", sa.Double(), nullable=False),
        sa.Column("settled", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_spending"),
    )
    op.create_index("ix_spending_run", "spending", ["run"])
