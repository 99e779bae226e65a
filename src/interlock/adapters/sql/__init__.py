"""Facts in a database: one code for SQLite, embedded, and PostgreSQL, shared by many machines."""

from interlock.adapters.sql.calls import SqlCallStore
from interlock.adapters.sql.engine import Database, DatabaseUnavailable, open_database
from interlock.adapters.sql.evidence import SqlEvidenceStore
from interlock.adapters.sql.ledger import SqlLedger
from interlock.adapters.sql.pointer import SqlPointerStore
from interlock.adapters.sql.trials import SqlTrialStore

__all__ = [
    "Database",
    "DatabaseUnavailable",
    "SqlCallStore",
    "SqlEvidenceStore",
    "SqlLedger",
    "SqlPointerStore",
    "SqlTrialStore",
    "open_database",
]
