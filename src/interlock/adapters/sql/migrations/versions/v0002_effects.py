"""Switches, claims, approvals, grants, budgets and decision records: the life of an effect."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "switches",
        sa.Column("scope", sa.String(20), nullable=False),
        sa.Column("name", sa.String(400), nullable=False),
        sa.Column("off", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("scope", "name", name="pk_switches"),
    )
    op.create_table(
        "claims",
        sa.Column("id", sa.String(71), nullable=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("key", sa.String(71), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_claims"),
        sa.UniqueConstraint("tenant", "key", "number", name="uq_claims_tenant_key_number"),
    )
    op.create_index("ix_claims_state", "claims", ["state"])
    op.create_table(
        "approvals",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(71), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
    )
    op.create_index("ix_approvals_state", "approvals", ["state"])
    op.create_index("ix_approvals_tenant_subject", "approvals", ["tenant", "subject"])
    op.create_table(
        "grants",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("action", sa.String(200), nullable=False),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_grants"),
    )
    op.create_index("ix_grants_tenant_action", "grants", ["tenant", "action"])
    op.create_table(
        "budgets",
        sa.Column("id", sa.String(71), nullable=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_budgets"),
        sa.CheckConstraint("used >= 0 AND held >= 0", name="ck_budgets_not_negative"),
    )
    op.create_index("ix_budgets_tenant", "budgets", ["tenant"])
    op.create_table(
        "budget_entries",
        sa.Column("id", number, nullable=False),
        sa.Column("account", sa.String(71), nullable=False),
        sa.Column("claim", sa.String(71), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_budget_entries"),
        sa.ForeignKeyConstraint(["account"], ["budgets.id"], name="fk_budget_entries_account"),
    )
    op.create_index("ix_budget_entries_account", "budget_entries", ["account"])
    op.create_index("ix_budget_entries_claim", "budget_entries", ["claim"])
    op.create_table(
        "budget_members",
        sa.Column("account", sa.String(71), nullable=False),
        sa.Column("member", sa.String(200), nullable=False),
        sa.Column("claim", sa.String(71), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account", "member", "claim", name="pk_budget_members"),
        sa.ForeignKeyConstraint(["account"], ["budgets.id"], name="fk_budget_members_account"),
    )
    op.create_table(
        "decision_records",
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(71), nullable=False),
        sa.Column("hash", sa.String(71), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "seq", name="pk_decision_records"),
    )
    op.create_table(
        "record_heads",
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(71), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_record_heads"),
    )
