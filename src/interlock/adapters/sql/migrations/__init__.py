"""How a facts database came to its present shape, one step a file in `versions/`, run from here and not by hand."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection


def scripts() -> ScriptDirectory:
    """The migrations that come with this version."""
    return ScriptDirectory(str(Path(__file__).parent))


def upgrade(connection: Connection) -> None:
    """Bring a database to the newest revision, inside the transaction that the connection is in.

    Raises: LookupError when the database is at a revision that this version does not have.
    """
    directory = scripts()

    def steps(revision: object, _: MigrationContext) -> list[RevisionStep]:
        return list(directory._upgrade_revs("head", revision))  # type: ignore[arg-type]  # as in Alembic's cookbook

    with EnvironmentContext(Config(), directory, fn=steps) as environment:
        environment.configure(connection=connection, fn=steps)
        try:
            environment.run_migrations()
        except (CommandError, RevisionError) as cause:
            raise LookupError(str(cause)) from cause
