"""The full-text index of the products' titles on Azure SQL (mssql/title_index.sql), beside the migrations.

Not run on a SQL Server yet: Babelfish, on which the rest was tried, has none.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import sqlalchemy as sa

from shared.database.mssql import locks, programs

log = logging.getLogger(__name__)

_IS_INSTALLED = "SELECT CONVERT(INT, SERVERPROPERTY('IsFullTextInstalled'))"
_EXISTS = "SELECT COUNT(*) FROM sys.fulltext_indexes WHERE object_id = OBJECT_ID(N'dbo.products')"


def make(url: sa.URL) -> None:
    """Makes the index where it is missing and the server has full-text search."""
    with _connected(url) as connection:
        if connection.exec_driver_sql(_IS_INSTALLED).scalar_one() != 1:
            log.warning("The server has no full-text search, so the titles get no index: requests with q will get 501.")
            return
        locks.take_session_lock(connection, "title index")
        for batch in programs.batches("title_index.sql"):
            connection.exec_driver_sql(batch)


def drop(url: sa.URL) -> None:
    """Takes the index away, before its table goes."""
    with _connected(url) as connection:
        if connection.exec_driver_sql(_EXISTS).scalar_one():
            connection.exec_driver_sql("DROP FULLTEXT INDEX ON [dbo].[products]")
            connection.exec_driver_sql("DROP FULLTEXT CATALOG [products_title]")


@contextlib.contextmanager
def _connected(url: sa.URL) -> Iterator[sa.Connection]:
    from shared.database.mssql import engines

    engine = engines.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
