"""Row versions: with them a reader sees the last commit and never waits for a writer, and a page is read in one state.

Azure SQL has them on, a SQL Server as it is installed has them off. Switching them on ends whoever else is connected to
the database, so it's done from `master`, and only where they are off.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa

from shared.database.mssql import locks

_STATE = sa.text(
    "SELECT is_read_committed_snapshot_on, snapshot_isolation_state FROM sys.databases WHERE name = :database"
)


def switch_on(url: sa.URL) -> None:
    """Switches them on where they are off; needs the right to alter the database."""
    with _connected(url) as connection:
        if not _missing(connection, url):
            return
    with _connected(url.set(database="master")) as connection:
        locks.take_session_lock(connection, "row versions")
        name = connection.dialect.identifier_preparer.quote_identifier(str(url.database))
        for option in _missing(connection, url):
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET {option}")


def _missing(connection: sa.Connection, url: sa.URL) -> list[str]:
    state = connection.execute(_STATE, {"database": url.database}).one()
    options = []
    if not state.is_read_committed_snapshot_on:
        options.append("READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE")
    if not state.snapshot_isolation_state:
        options.append("ALLOW_SNAPSHOT_ISOLATION ON")
    return options


@contextlib.contextmanager
def _connected(url: sa.URL) -> Iterator[sa.Connection]:
    from shared.database.mssql import engines

    engine = engines.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
