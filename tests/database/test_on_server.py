"""What only a server can show: deadlocks, locks, limits, one state per read."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shared.catalog.tables import categories
from shared.database.database import Database
from shared.http.problems import UnavailableError
from shared.settings import Settings
from testkit.databases import server_engine
from testkit.serving import catalog_settings

pytestmark = pytest.mark.server

_DIGITS = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))"
# 10^12 rows.
ENDLESS = "SELECT COUNT_BIG(*) FROM " + " CROSS JOIN ".join(f"{_DIGITS} AS d{n} (d)" for n in range(12))


@pytest.fixture
def settings(tmp_path: Path, valkey: str) -> Settings:
    return catalog_settings(tmp_path, valkey, database_statement_seconds=2.0)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """With the categories 1 and 2."""
    found = Database(settings)
    with found.catalog.engine.begin() as connection:
        connection.execute(sa.insert(categories), [{"category_id": n, "name": f"Category {n}"} for n in (1, 2)])
    yield found
    found.close()


def raise_count(connection: sa.Connection, category_id: int) -> None:
    counted = sa.update(categories).where(categories.c.category_id == category_id)
    connection.execute(counted.values(product_count=categories.c.product_count + 1))


def counts(connection: sa.Connection) -> list[int]:
    return list(connection.execute(sa.select(categories.c.product_count).order_by(categories.c.category_id)).scalars())


def test_the_victim_of_a_deadlock_begins_anew(database: Database) -> None:
    both_hold_one = threading.Barrier(2)
    begun: list[int] = []

    def cross(first: int, second: int) -> Any:
        def work(connection: sa.Connection) -> None:
            begun.append(first)
            raise_count(connection, first)
            with contextlib.suppress(threading.BrokenBarrierError):
                both_hold_one.wait(10 if len(begun) <= 2 else 0.01)
            raise_count(connection, second)

        return database.catalog.write(work)

    async def both() -> None:
        await asyncio.gather(cross(1, 2), cross(2, 1))

    asyncio.run(both())
    assert len(begun) > 2, "there was no deadlock"
    assert asyncio.run(database.catalog.read(counts)) == [2, 2]


@pytest.mark.sql_server  # Babelfish has no number of its own for it
def test_a_write_that_waits_for_a_lock_beyond_the_limit_is_told_so_and_reads_never_wait(database: Database) -> None:
    async def ask() -> None:
        with pytest.raises(UnavailableError, match="Another write holds the catalog"):
            await database.catalog.write(lambda connection: raise_count(connection, 1))
        assert await database.catalog.read(counts) == [0, 0]

    with server_engine(database.url).begin() as other:
        raise_count(other, 1)
        asyncio.run(ask())


@pytest.mark.sql_server  # Babelfish takes no lock on a table
def test_a_write_that_comes_while_a_merge_holds_the_tables_is_told_so_and_reads_never_wait(database: Database) -> None:
    async def ask() -> None:
        with pytest.raises(UnavailableError, match="Another write holds the catalog") as refused:
            await database.catalog.write(lambda connection: raise_count(connection, 1))
        assert refused.value.headers["Retry-After"]
        assert await database.catalog.read(counts) == [0, 0]

    with server_engine(database.url).begin() as merge:
        merge.exec_driver_sql("EXEC [import].[lock_tables] 'products'")
        asyncio.run(ask())
    asyncio.run(database.catalog.write(lambda connection: raise_count(connection, 1)))
    assert asyncio.run(database.catalog.read(counts)) == [1, 0]


@pytest.mark.sql_server  # Babelfish doesn't hear the driver while a query runs, nor that its client is gone
def test_a_query_beyond_its_limit_is_ended_and_its_connection_serves_the_next(database: Database) -> None:
    def session(connection: sa.Connection) -> int:
        return int(connection.exec_driver_sql("SELECT @@SPID").scalar_one())

    async def ask() -> None:
        before = await database.catalog.read(session)
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="beyond its limit of 2 s") as refused:
            await database.catalog.read(lambda connection: connection.exec_driver_sql(ENDLESS).scalar_one())
        assert refused.value.headers["Retry-After"]
        assert time.monotonic() - started < 60, "it was not ended"
        assert await database.catalog.read(session) == before

    asyncio.run(ask())


def test_all_statements_of_a_read_see_one_state(database: Database) -> None:
    def read(connection: sa.Connection) -> tuple[list[int], list[int]]:
        before = counts(connection)
        with server_engine(database.url).begin() as other:
            raise_count(other, 1)
        return before, counts(connection)

    before, after = asyncio.run(database.catalog.read(read))
    assert before == after == [0, 0]
    assert asyncio.run(database.catalog.read(counts)) == [1, 0]
