"""Connections to the catalogue's and the imports' tables: pooled, with a time limit on each statement.

SQL runs in a bounded thread pool, since both drivers block. A statement beyond the limit is ended and the
connection stays fit for use.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.database import sqlite
from shared.database.tables import IMPORT_SCHEMA
from shared.errors import UnavailableError
from shared.settings import Settings

log = logging.getLogger(__name__)

# How many SQLite opcodes run between two looks at the clock: some 0.1 ms.
_OPCODES_PER_CHECK = 20_000
# SQLite's codes for "another connection holds the lock": the write waited for its whole time limit.
_BUSY_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Store:
    """One pool of connections, to one database (on SQLite: one file)."""

    def __init__(self, engine: sa.Engine, executor: ThreadPoolExecutor, statement_seconds: float) -> None:
        self.engine = engine
        self._reading = engine.execution_options(sqlite_begin="DEFERRED")
        self._writing = engine.execution_options(sqlite_begin="IMMEDIATE")
        self._executor = executor
        self._statement_seconds = statement_seconds

    async def read[T](self, work: Callable[[sa.Connection], T]) -> T:
        """`work` in a read transaction: all its statements see one state of the data.

        Raises UnavailableError where a statement ran beyond its limit or the database can't be reached.
        """
        return await self._run(functools.partial(self._in_transaction, self._reading, work))

    async def write[T](self, work: Callable[[sa.Connection], T]) -> T:
        """`work` in a transaction that is committed when it returns and rolled back when it raises.

        Raises UnavailableError as `read` does, and where another writer held the lock beyond the limit.
        """
        return await self._run(functools.partial(self._in_transaction, self._writing, work))

    def _in_transaction[T](self, engine: sa.Engine, work: Callable[[sa.Connection], T]) -> T:
        with self._errors_told(), engine.connect() as connection, self._limited(connection), connection.begin():
            return work(connection)

    async def _run[T](self, call: Callable[[], T]) -> T:
        # Shielded: a client that hangs up must not leave a transaction whose end nobody awaits.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._executor, call))

    @contextlib.contextmanager
    def _limited(self, connection: sa.Connection) -> Iterator[None]:
        """Ends any statement of the connection that runs past the time limit, which counts from here."""
        driver: Any = connection.connection.driver_connection
        if connection.dialect.name != "sqlite":
            driver.timeout = max(1, round(self._statement_seconds))
            yield
            return
        deadline = time.monotonic() + self._statement_seconds
        driver.set_progress_handler(lambda: time.monotonic() > deadline, _OPCODES_PER_CHECK)
        try:
            yield
        finally:
            driver.set_progress_handler(None, 0)

    @contextlib.contextmanager
    def _errors_told(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeoutError as error:
            log.warning("no SQL connection became free in time: %s", error)
            raise UnavailableError("The database is busy; try again in a moment.") from error
        except (OperationalError, InterfaceError) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: DBAPIError) -> UnavailableError:
        code = getattr(error.orig, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_INTERRUPT:
            return UnavailableError(f"The query ran beyond its limit of {self._statement_seconds:g} s and was ended.")
        if code is not None and code & 0xFF in _BUSY_CODES:
            return UnavailableError("Another write holds the catalogue; try again in a moment.", retry_after=2)
        log.error("SQL failed: %s", error.orig)
        return UnavailableError("The database can't be reached; try again in a moment.", retry_after=5)


class Database:
    """The catalogue's store and the imports' store: two files on SQLite, one database on Azure SQL."""

    def __init__(self, settings: Settings) -> None:
        self._executor = ThreadPoolExecutor(settings.database_pool_size, thread_name_prefix="sql")
        limit = settings.database_statement_seconds
        self.url = sa.make_url(settings.database_url.get_secret_value())
        if self.url.get_backend_name() == "sqlite":
            self.catalog = Store(_sqlite_engine(self.url, settings), self._executor, limit)
            imports = _sqlite_engine(sqlite.imports_url(self.url), settings)
            imports = imports.execution_options(schema_translate_map={IMPORT_SCHEMA: None})
            self.imports = Store(imports, self._executor, limit)
        else:
            engine = sa.create_engine(self.url, pool_size=settings.database_pool_size, max_overflow=0)
            self.catalog = self.imports = Store(engine, self._executor, limit)

    def close(self) -> None:
        """Ends the threads and connections; a statement that runs is waited for."""
        self._executor.shutdown()
        self.catalog.engine.dispose()
        self.imports.engine.dispose()


def _sqlite_engine(url: sa.URL, settings: Settings) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=settings.database_statement_seconds,
        connect_args={"timeout": settings.database_statement_seconds, "check_same_thread": False},
    )
    event.listen(engine, "connect", sqlite.prepare_connection)
    event.listen(engine, "begin", sqlite.begin)
    return engine
