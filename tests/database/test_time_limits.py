"""A statement has a time limit, and what it used is fit for use again; test_on_server.py has the same of a server."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared.database.database import Database
from shared.database.sqlite import files
from shared.http.problems import UnavailableError
from testkit.serving import catalog_settings

pytestmark = pytest.mark.sqlite_only

_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def database(tmp_path: Path, valkey: str) -> Database:
    """One connection, and a limit of 0.2 s."""
    settings = catalog_settings(tmp_path, valkey, database_pool_size=1, database_statement_seconds=0.2)
    return Database(settings)


def count(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("SELECT count(*) FROM products").scalar_one())


def test_a_query_beyond_its_limit_is_ended_and_its_connection_serves_the_next(database: Database) -> None:
    async def ask() -> None:
        with pytest.raises(UnavailableError, match=r"beyond its limit of 0\.2 s") as refused:
            await database.catalog.read(lambda connection: connection.exec_driver_sql(_ENDLESS).scalar_one())
        assert refused.value.headers["Retry-After"]
        assert await database.catalog.read(count) == 0

    asyncio.run(ask())
    database.close()


def test_a_write_that_waits_for_another_beyond_its_limit_is_told_so_and_reads_never_wait(database: Database) -> None:
    async def ask() -> None:
        with pytest.raises(UnavailableError, match="Another write holds the catalog"):
            await database.catalog.write(count)
        assert await database.catalog.read(count) == 0

    with sqlite3.connect(files.catalog_file(database.url), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        asyncio.run(ask())
        other.execute("ROLLBACK")
    assert asyncio.run(database.catalog.write(count)) == 0
    database.close()
