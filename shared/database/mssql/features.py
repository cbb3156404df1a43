"""What Azure SQL has by default and a SQL Server may lack: row versions and a full-text index of the titles.

Row versions let a reader see the last commit without waiting for a writer, and let a page be read in one state.
Switching them on disconnects all other sessions of the database, so it is done from `master`, and only if they are off.

The full-text index has not been tried on a SQL Server yet: Babelfish, on which the rest was tried, has none.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import sqlalchemy as sa

from shared.database.mssql import engines, locks, programs

log = logging.getLogger(__name__)

_ROW_VERSIONS = sa.text(
    "SELECT is_read_committed_snapshot_on, snapshot_isolation_state FROM sys.databases WHERE name = :database"
)
_FULL_TEXT_IS_INSTALLED = "SELECT CONVERT(INT, SERVERPROPERTY('IsFullTextInstalled'))"
_TITLE_INDEX_EXISTS = "SELECT COUNT(*) FROM sys.fulltext_indexes WHERE object_id = OBJECT_ID(N'dbo.products')"


def switch_on_row_versions(url: sa.URL) -> None:
    """Switches row versions on where they are off. Needs the right to alter the database."""
    with _connected(url) as connection:
        if not _missing_options(connection, url):
            return
    with _connected(url.set(database="master")) as connection:
        locks.take_session_lock(connection, "row versions")
        name = connection.dialect.identifier_preparer.quote_identifier(str(url.database))
        for option in _missing_options(connection, url):
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET {option}")


def create_title_index(url: sa.URL) -> None:
    """Creates the full-text index where it is missing and the server has full-text search."""
    with _connected(url) as connection:
        if connection.exec_driver_sql(_FULL_TEXT_IS_INSTALLED).scalar_one() != 1:
            log.warning("The server has no full-text search, so titles are not indexed: requests with q get 501.")
            return
        locks.take_session_lock(connection, "title index")
        for batch in programs.batches("title_index.sql"):
            connection.exec_driver_sql(batch)


def drop_title_index(url: sa.URL) -> None:
    """Drops the full-text index, before its table is dropped."""
    with _connected(url) as connection:
        if connection.exec_driver_sql(_TITLE_INDEX_EXISTS).scalar_one():
            connection.exec_driver_sql("DROP FULLTEXT INDEX ON [dbo].[products]")
            connection.exec_driver_sql("DROP FULLTEXT CATALOG [products_title]")


def _missing_options(connection: sa.Connection, url: sa.URL) -> list[str]:
    state = connection.execute(_ROW_VERSIONS, {"database": url.database}).one()
    options = []
    if not state.is_read_committed_snapshot_on:
        options.append("READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE")
    if not state.snapshot_isolation_state:
        options.append("ALLOW_SNAPSHOT_ISOLATION ON")
    return options


@contextlib.contextmanager
def _connected(url: sa.URL) -> Iterator[sa.Connection]:
    engine = engines.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
