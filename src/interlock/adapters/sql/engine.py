"""Opening the facts database, and the two kinds of transaction on it."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from interlock.adapters.sql.schema import REVISION
from interlock.core.errors import LedgerError

BUSY_S = 10.0
"""How long a writer waits for another one, in seconds."""

LEDGER_LOCK = 0x1E46E
"""The advisory lock under which PostgreSQL lets one writer at a time append to the ledger."""


class DatabaseUnavailable(LedgerError):
    """The facts database cannot be opened, read or written."""

    code = "ledger.database"


class Database:
    """An open facts database. Many threads may share it; each process opens its own.

    Args:
        engine: connected to a database of the newest revision.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        # SQLite wakes waiting writers in no order; inside one process they queue instead.
        self._turn = threading.Lock() if self._sqlite else nullcontext()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One unchanging view of the facts. Raises: DatabaseUnavailable."""
        options: dict[str, Any] = {} if self._sqlite else {"isolation_level": "REPEATABLE READ"}
        with self._speaking(), self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is durable when it ends, and undone when it ends in an error.

        Raises: DatabaseUnavailable, also when another writer held the database for more than 10 seconds.
        """
        options: dict[str, Any] = {"interlock_begin": "BEGIN IMMEDIATE"} if self._sqlite else {}
        with (
            self._speaking(),
            self._turn,
            self.engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Errors of the driver leave as ours, without the statement and its values, cause kept."""
        try:
            yield
        except (DBAPIError, sqlite3.Error) as cause:  # the second, bare, from the first words to a new connection
            where = self.engine.url.render_as_string(hide_password=True)
            fault = str(getattr(cause, "orig", cause)).strip().split("\n")[0]
            hint = (
                "another process holds it; try again"
                if "locked" in fault
                else "see that it is there, may be written and has room; else restore it from a backup"
            )
            raise DatabaseUnavailable(f"the facts database `{where}` failed: {fault}", hint=hint) from cause


def lock_ledger(connection: Connection) -> None:
    """Wait for the turn to append; it ends with the transaction. On SQLite every writer already has it."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LEDGER_LOCK})


def insert_into(connection: Connection, table: Any) -> Any:
    """An INSERT that knows `on_conflict_do_update` in the language of this database."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert(table)
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(table)


def open_database(url: str) -> Database:
    """Open the facts database, make it when it is missing, and bring it to the newest revision.

    Args:
        url: `sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://user:password@host/name`.
    Raises: DatabaseUnavailable when the URL is malformed, the driver is missing, the database cannot be reached,
        or was written by a newer version.
    """
    engine = _engine(_parse(url))
    database = Database(engine)
    if engine.dialect.name == "sqlite":
        _use_wal(database)
    if _revision(database) != REVISION:
        _migrate(database)
    return database


def _parse(url: str) -> URL:
    hint = "write `sqlite:///path/to/facts.db` or `postgresql://user:password@host/name`"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as cause:
        raise DatabaseUnavailable("the URL of the facts database is malformed", hint=hint) from cause
    if parsed.drivername in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise DatabaseUnavailable("facts in memory would be lost", hint="write `sqlite:///path/to/facts.db`")
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise DatabaseUnavailable(f"`{parsed.drivername}` is no database for facts", hint=hint)
    return parsed


def _engine(url: URL) -> Engine:
    if url.drivername != "sqlite":
        try:
            return create_engine(url, pool_pre_ping=True)
        except ModuleNotFoundError as cause:
            hint = "pip install 'interlock[postgres]'"
            raise DatabaseUnavailable("the driver for PostgreSQL is not installed", hint=hint) from cause
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        hint = "set `INTERLOCK_DATABASE_URL` to a place that can be written"
        raise DatabaseUnavailable(f"no folder for the facts database `{path}`: {cause.strerror}", hint=hint) from cause
    engine = create_engine(url, connect_args={"timeout": BUSY_S}, max_overflow=-1)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins no transaction of its own
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("interlock_begin", "BEGIN"))

    return engine


def _use_wal(database: Database) -> None:
    """Switch to write-ahead logging, once in the life of a file.

    SQLite answers «locked» at once, without waiting, while another process is switching too.
    """
    until = time.monotonic() + BUSY_S
    while True:
        try:
            with database._speaking():
                raw = database.engine.raw_connection()
                try:
                    cursor = raw.cursor()
                    if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                        cursor.execute("PRAGMA journal_mode=WAL")
                    return
                finally:
                    raw.close()
        except DatabaseUnavailable as fault:
            if "locked" not in fault.message or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _revision(database: Database) -> str | None:
    """What `alembic_version` says, in plain SQL: Alembic itself takes longer to import than a check takes."""
    try:
        with database.read() as connection:
            return _stored_revision(connection)
    except SQLAlchemyError as cause:
        raise DatabaseUnavailable("the facts database cannot be reached", hint="see the cause") from cause


def _stored_revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)


def _migrate(database: Database) -> None:
    from interlock.adapters.sql.migrations import upgrade

    with database.write() as connection:
        lock_ledger(connection)
        found = _stored_revision(connection)
        if found == REVISION:
            return  # another process was quicker
        try:
            upgrade(connection)
        except LookupError as cause:
            hint = "use the version of Interlock that wrote it, or a newer one"
            raise DatabaseUnavailable(
                f"the facts database is at revision `{found}`, unknown here", hint=hint
            ) from cause
