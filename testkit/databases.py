"""A database of a test's own: a SQLite file, or, where TEST_DATABASE_URL names a server, an emptied one on it.

`make test-sqlserver` sets TEST_DATABASE_URL. Each of pytest's workers has one database there, emptied for each test
that asks for one: a test that needs two at once needs SQLite.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from local.datafactory.stores import SqlStore, sql_store
from shared.database import migrate
from shared.database.metadata import catalog_metadata, imports_metadata, staging_metadata

NEEDS_SQL_SERVER = "needs SQL Server itself"
SERVER = os.environ.get("TEST_DATABASE_URL")
_PREFIX = os.environ.get("TEST_DATABASE_PREFIX", "test_catalog")
# Children first.
_TABLES = [
    table
    for metadata in (catalog_metadata, imports_metadata, staging_metadata)
    for table in reversed(metadata.sorted_tables)
]


def fresh_database(folder: Path) -> str:
    """URL of an empty, migrated database; a SQLite file stands in the folder's `database`."""
    if SERVER:
        return _emptied().render_as_string(hide_password=False)
    shutil.copytree(_migrated_catalog().name, folder / "database")
    return f"sqlite:///{folder / 'database' / 'catalog.db'}"


def bare_database() -> sa.URL:
    """URL of a database on the server in which nothing is, not even tables; nobody else's."""
    return _made(f"{_PREFIX}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_bare")


def server_engine(url: sa.URL, **options: Any) -> sa.Engine:
    """For what tests do to the server themselves."""
    from shared.database.mssql import engines

    return engines.create_engine(url, poolclass=sa.NullPool, **options)


@functools.cache
def pooled_engine(url: sa.URL) -> sa.Engine:
    """As `server_engine`, for many small statements: on Babelfish a connection costs a second of the processor."""
    from shared.database.mssql import engines

    return engines.create_engine(url)


def factory_store(url: sa.URL) -> SqlStore:
    """The database as the local Data Factory has it; on the server one for all tests, as `pooled_engine`."""
    return _server_store(url) if SERVER else sql_store(url)


@functools.cache
def _server_store(url: sa.URL) -> SqlStore:
    return sql_store(url)


def autocommit_engine(url: sa.URL) -> sa.Engine:
    """For tests that begin and end transactions by statements, on SQLite or on the server."""
    if url.get_backend_name() == "sqlite":
        return sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    # The engine's level, not the connection's: Babelfish doesn't say which one to go back to.
    return server_engine(url, isolation_level="AUTOCOMMIT")


@functools.cache
def is_sql_server() -> bool:
    """Whether the server is SQL Server itself, and not Babelfish, which speaks its language."""
    if not SERVER:
        return False
    with server_engine(sa.make_url(SERVER)).connect() as connection:
        version = connection.exec_driver_sql("SELECT @@VERSION").scalar_one()
    return "Babelfish" not in version


def keeps_nul() -> bool:
    """Whether text may hold a NUL: PostgreSQL's, which is Babelfish's, may not."""
    return not SERVER or is_sql_server()


@functools.cache
def _migrated_catalog() -> tempfile.TemporaryDirectory[str]:
    """A folder with an empty, migrated catalog, to be copied; it goes with the process."""
    folder = tempfile.TemporaryDirectory(prefix="migrated-")
    migrate.upgrade(sa.make_url(f"sqlite:///{Path(folder.name) / 'catalog.db'}"))
    return folder


@functools.cache
def _migrated_on_server() -> sa.URL:
    url = _made(f"{_PREFIX}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
    migrate.upgrade(url)
    return url


def _made(name: str) -> sa.URL:
    assert SERVER
    server = sa.make_url(SERVER)
    with autocommit_engine(server).connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS [{name}]")
        connection.exec_driver_sql(f"CREATE DATABASE [{name}]")
    return server.set(database=name)


def _emptied() -> sa.URL:
    url = _migrated_on_server()
    with pooled_engine(url).begin() as connection:
        for table in _TABLES:
            connection.execute(sa.delete(table))
    return url
