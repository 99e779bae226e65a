"""The tables as they are now; `migrations/` is how a database gets there."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

REVISION = "0002"
"""The newest migration: what `alembic_version` must hold."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

_ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts by itself only in INTEGER PRIMARY KEY

# Times are ISO 8601 in UTC, documents are JSON, both as text: what is hashed or signed must come back as it was.

facts = Table(
    "facts",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
    Column("kind", String(80), nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

# The end of the chain, so that facts missing from its end are missed.
ledger_head = Table(
    "ledger_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    CheckConstraint("id = 1", name="single"),
)

pointers = Table(
    "pointers",
    metadata,
    Column("environment", String(200), nullable=False),
    Column("feature", String(200), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    PrimaryKeyConstraint("environment", "feature"),
)

pointer_history = Table(
    "pointer_history",
    metadata,
    Column("environment", String(200), nullable=False),
    Column("feature", String(200), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("fact_seq", BigInteger, ForeignKey("facts.seq"), nullable=False),
    Column("document", Text, nullable=False),
    PrimaryKeyConstraint("environment", "feature", "generation"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("digest", String(71), primary_key=True),
    Column("check", String(40), nullable=False, index=True),
    Column("scope", String(71), nullable=False),
    Column("method", String(20), nullable=False),
    Column("producer", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("produced_at", String(40), nullable=False),
    Column("envelope", LargeBinary, nullable=False),
)

revocations = Table(
    "revocations",
    metadata,
    Column("digest", String(71), primary_key=True),
    Column("fact_seq", BigInteger, ForeignKey("facts.seq"), nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("id", _ROW_NUMBER, primary_key=True),
    Column("key", String(200), nullable=False),
    Column("run", Text, nullable=False),
    Column("at", String(40), nullable=False),
    Column("broken", String(40)),
    Column("trial", Text, nullable=False),
    Index(None, "key", "id"),
)

calls = Table(
    "calls",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("request", Text, nullable=False),
    Column("response", Text, nullable=False),
    Column("cost_usd", Double, nullable=False),
    Column("latency_s", Double, nullable=False),
    Column("at", String(40), nullable=False),
)

spending = Table(
    "spending",
    metadata,
    Column("id", _ROW_NUMBER, primary_key=True),
    Column("run", Text, nullable=False, index=True),
    Column("key", String(200), nullable=False),
    Column("usd", Double, nullable=False),
    Column("settled", Integer, nullable=False),
    Column("at", String(40), nullable=False),
)

# What effects leave. A document is the canonical JSON of the value; the columns beside it are there to be found by.

switches = Table(
    "switches",
    metadata,
    Column("scope", String(20), nullable=False),
    Column("name", String(400), nullable=False),
    Column("off", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", String(40), nullable=False),
    PrimaryKeyConstraint("scope", "name"),
)

claims = Table(
    "claims",
    metadata,
    Column("id", String(71), primary_key=True),
    Column("tenant", String(200), nullable=False),
    Column("key", String(71), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("document", Text, nullable=False),
    UniqueConstraint("tenant", "key", "number"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant", String(200), nullable=False),
    Column("subject", String(71), nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("created_at", String(40), nullable=False),
    Column("document", Text, nullable=False),
    Index(None, "tenant", "subject"),
)

grants = Table(
    "grants",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant", String(200), nullable=False),
    Column("action", String(200), nullable=False),
    Column("created_at", String(40), nullable=False),
    Column("document", Text, nullable=False),
    Index(None, "tenant", "action"),
)

budgets = Table(
    "budgets",
    metadata,
    Column("id", String(71), primary_key=True),
    Column("tenant", String(200), nullable=False, index=True),
    Column("document", Text, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    CheckConstraint("used >= 0 AND held >= 0", name="not_negative"),
)

budget_entries = Table(
    "budget_entries",
    metadata,
    Column("id", _ROW_NUMBER, primary_key=True),
    Column("account", String(71), ForeignKey("budgets.id"), nullable=False, index=True),
    Column("claim", String(71), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("at", String(40), nullable=False),
)

budget_members = Table(
    "budget_members",
    metadata,
    Column("account", String(71), ForeignKey("budgets.id"), nullable=False),
    Column("member", String(200), nullable=False),
    Column("claim", String(71), nullable=False),
    Column("used", Integer, nullable=False),
    PrimaryKeyConstraint("account", "member", "claim"),
)

decision_records = Table(
    "decision_records",
    metadata,
    Column("tenant", String(200), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", String(40), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", String(71), nullable=False),
    Column("hash", String(71), nullable=False),
    PrimaryKeyConstraint("tenant", "seq"),
)

# The end of each tenant's chain. Its row is also what one transaction at a time of a tenant holds.
record_heads = Table(
    "record_heads",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(71), nullable=False),
)
