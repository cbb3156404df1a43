"""A database for one test: a SQLite file, or a database on the server of TEST_DATABASE_URL.

`make test-sqlserver` sets TEST_DATABASE_URL. Each pytest worker has one database there, which is emptied for each test.
So a test that needs two databases at once needs SQLite.
"""

from __future__ import annotations

import functools
import importlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from local import PROJECT
from local.datafactory.stores import SqlStore, sql_store
from shared.database import migrate
from shared.database.metadata import catalog_metadata, imports_metadata, staging_metadata

NEEDS_SQL_SERVER = "needs SQL Server itself"
SERVER = os.environ.get("TEST_DATABASE_URL")
_PREFIX = os.environ.get("TEST_DATABASE_PREFIX", "test_catalog")
for _file in sorted((PROJECT / "shared").glob("*/tables.py")):
    importlib.import_module(f"shared.{_file.parent.name}.tables")  # adds its tables to the metadata
# Children first.
_TABLES = [
    table
    for metadata in (catalog_metadata, imports_metadata, staging_metadata)
    for table in reversed(metadata.sorted_tables)
]


def fresh_database(folder: Path) -> str:
    """URL of an empty, migrated database. A SQLite file is in the folder's `database`."""
    if SERVER:
        return _emptied().render_as_string(hide_password=False)
    shutil.copytree(_migrated_catalog().name, folder / "database")
    return f"sqlite:///{folder / 'database' / 'catalog.db'}"


def server_engine(url: sa.URL, **options: Any) -> sa.Engine:
    """An engine for statements of the tests themselves."""
    from shared.database.mssql import engines

    return engines.create_engine(url, poolclass=sa.NullPool, **options)


@functools.cache
def pooled_engine(url: sa.URL) -> sa.Engine:
    """As `server_engine`, for many small statements. On Babelfish a connection costs a second of CPU."""
    from shared.database.mssql import engines

    return engines.create_engine(url)


def factory_store(url: sa.URL) -> SqlStore:
    """The local Data Factory's store of this database. On a server all tests share one."""
    return _server_store(url) if SERVER else sql_store(url)


@functools.cache
def _server_store(url: sa.URL) -> SqlStore:
    return sql_store(url)


def autocommit_engine(url: sa.URL) -> sa.Engine:
    """An engine for tests that begin and end transactions with statements."""
    if url.get_backend_name() == "sqlite":
        return sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    # The level is set on the engine, since Babelfish doesn't report the level that a connection returns to.
    return server_engine(url, isolation_level="AUTOCOMMIT")


@functools.cache
def is_sql_server() -> bool:
    """Whether the server is SQL Server itself, and not Babelfish."""
    if not SERVER:
        return False
    with server_engine(sa.make_url(SERVER)).connect() as connection:
        version = connection.exec_driver_sql("SELECT @@VERSION").scalar_one()
    return "Babelfish" not in version


def keeps_nul() -> bool:
    """Whether text may contain a NUL. It may not in PostgreSQL, on which Babelfish is built."""
    return not SERVER or is_sql_server()


@functools.cache
def _migrated_catalog() -> tempfile.TemporaryDirectory[str]:
    """A folder with an empty, migrated catalog, which is copied. It is removed when the process ends."""
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
