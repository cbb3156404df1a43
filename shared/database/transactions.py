"""Transactions: run in a bounded thread pool, since the drivers block; begun anew where that helps; errors told.

A transaction is a function of a connection. It may run more than once, so it does nothing that a second time would
harm: what it writes is rolled back with it, and it changes nothing outside the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.database.quoted_values import hide_values
from shared.database.retry_policy import ChangedMeanwhileError, Failure, RetryPolicy, failure_of
from shared.http.problems import ProblemError, UnavailableError
from shared.telemetry import metrics

log = logging.getLogger(__name__)

# How many SQLite opcodes run between two looks at the clock: some 0.1 ms.
_OPCODES_PER_CHECK = 20_000
# A first try waits for a thread as long as this many statements may take: a read outlasts writes that wait for a lock.
_STATEMENTS_WAITED_FOR = 2
# SQLite's codes for "another connection holds the lock": the write waited for its whole time limit.
_BUSY_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

_BUSY = {
    Failure.LOCKED: "Another write holds the catalog; try again in a moment.",
    Failure.VICTIM: "Others change the same all the time; try again in a moment.",
}

_UNANSWERED = frozenset({Failure.LOST, Failure.AWAY, Failure.TOO_LONG})

type Work[T] = Callable[[sa.Connection], T]
# Whether the transaction that gave this result was committed, as the database says.
type Landed[T] = Callable[[sa.Connection, T], bool]


class CommitUnknownError(Exception):
    """The connection broke between the commit and its confirmation; `result` is what the transaction gave."""

    def __init__(self, result: object) -> None:
        super().__init__("no word of the commit")
        self.result = result


@dataclass(frozen=True, slots=True)
class _Given[T]:
    """The result of a transaction that is committed."""

    result: T


class Store:
    """One pool of connections, to one database (on SQLite: one file); on Azure SQL, one more for reads."""

    def __init__(
        self,
        engine: sa.Engine,
        reading: sa.Engine,
        executor: ThreadPoolExecutor,
        statement_seconds: float,
        waits: RetryPolicy,
    ) -> None:
        self.engine = engine
        self._reading = reading.execution_options(sqlite_begin="DEFERRED")
        self._writing = engine.execution_options(sqlite_begin="IMMEDIATE")
        self._executor = executor
        self._statement_seconds = statement_seconds
        self._waits = waits

    def close(self) -> None:
        """Closes the connections that nobody uses."""
        self.engine.dispose()
        self._reading.dispose()

    async def read[T](self, work: Work[T]) -> T:
        """`work` in a read transaction: all its statements see one state of the data.

        Raises UnavailableError where a statement ran beyond its limit or the database can't be reached.
        """

        def read() -> T:
            try:
                return self._in_transaction(self._reading, work)
            except CommitUnknownError as read:
                return read.result  # type: ignore[return-value]  # `work`'s: a read has nothing to commit

        return await self._repeated(read, self._waits)

    async def write[T](self, work: Work[T], landed: Landed[T] | None = None, waits: RetryPolicy | None = None) -> T:
        """`work` in a transaction that is committed when it returns and rolled back when it raises.

        Where no word of a commit comes, `landed` is asked on another connection whether it was one, and what isn't
        there is done again; without `landed` the caller is told that it isn't known. `waits` are this write's own.
        Raises UnavailableError as `read` does, and where another writer held the lock beyond the limit.
        """
        lost: list[T] = []
        unknown: list[CommitUnknownError] = []

        def write() -> T:
            if (given := self._landed(landed, lost)) is not None:
                return given.result
            unknown.clear()
            try:
                return self._in_transaction(self._writing, work)
            except CommitUnknownError as error:
                lost.append(error.result)  # type: ignore[arg-type]  # `work`'s
                unknown.append(error)
                raise
            except (ProblemError, IntegrityError):
                # What stands in the way of the second try may be the first one, which has landed after all.
                if (given := self._landed(landed, lost)) is not None:
                    return given.result
                raise

        return await self._repeated(write, waits or self._waits, unknown)

    def _landed[T](self, landed: Landed[T] | None, lost: list[T]) -> _Given[T] | None:
        if not lost:
            return None
        if landed is None:
            raise UnavailableError(
                "The connection to the database broke while the change was being saved; "
                "look whether it was before you try again.",
                retry_after=5,
            )
        return self._in_transaction(
            self._writing,
            lambda connection: next((_Given(result) for result in lost if landed(connection, result)), None),
        )

    async def _repeated[T](
        self, attempt: Callable[[], T], waits: RetryPolicy, unknown: Sequence[CommitUnknownError] = ()
    ) -> T:
        """The attempt's result, made again and again where the error passes by itself.

        In the end a commit that is still `unknown` is told before any other error.
        """
        began = time.monotonic()
        deadline = began + waits.total
        patience = began + _STATEMENTS_WAITED_FOR * self._statement_seconds
        met: list[Exception] = []

        def in_time() -> T:
            # While the database is away, many wait here for a thread, and each holds it until signing in has failed.
            if time.monotonic() > (deadline if met else patience):
                raise met[-1] if met else PoolTimeoutError("no thread became free")
            return attempt()

        while True:
            try:
                return await self._run(in_time)
            except (DBAPIError, ChangedMeanwhileError, CommitUnknownError, PoolTimeoutError) as error:
                met.append(error)
                failure = _failure(error)
                wait = waits.before(failure, sum(_failure(before) is failure for before in met))
                if wait is None or time.monotonic() + wait > deadline:
                    if (told := self._told(unknown[-1] if unknown else error)) is None:
                        if isinstance(error, DBAPIError):
                            hide_values(error)
                        raise
                    raise told from error
                metrics.SQL_RETRIES.add(failure.name.lower())
                log.info("a transaction begins anew in %.1f s: %s", wait, _cause(error))
            await asyncio.sleep(wait)

    async def _run[T](self, call: Callable[[], T]) -> T:
        # Shielded: a client that hangs up must not leave a transaction whose end nobody awaits.
        # In a copy of the context: what the thread does belongs to the request's trace.
        within = contextvars.copy_context().run
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._executor, within, call))

    def _in_transaction[T](self, engine: sa.Engine, work: Work[T]) -> T:
        result: list[T] = []
        met: list[DBAPIError] = []

        def work_noting(connection: sa.Connection) -> None:
            try:
                result.append(work(connection))
            except DBAPIError as error:
                met.append(error)
                raise

        try:
            with engine.connect() as connection, self._limited(connection), connection.begin():
                work_noting(connection)
        except DBAPIError as error:
            # What a statement met counts, not that the connection then couldn't be rolled back either: a server too
            # busy to end a statement is not to be asked for it again.
            if met and met[0] is not error:
                raise met[0] from error
            # A commit that the database refuses was rolled back; of one that it doesn't answer nothing is known.
            if result and _failure(error) in _UNANSWERED:
                raise CommitUnknownError(result[0]) from error
            raise
        return result[0]

    @contextlib.contextmanager
    def _limited(self, connection: sa.Connection) -> Iterator[None]:
        """On SQLite, ends any statement that runs past the time limit, which counts from here; ODBC has its own."""
        if connection.dialect.name != "sqlite":
            yield
            return
        driver: Any = connection.connection.driver_connection
        deadline = time.monotonic() + self._statement_seconds
        driver.set_progress_handler(lambda: time.monotonic() > deadline, _OPCODES_PER_CHECK)
        try:
            yield
        finally:
            driver.set_progress_handler(None, 0)

    def _told(self, error: Exception) -> UnavailableError | None:
        """What the client is told; None where the error is the program's own."""
        failure = _failure(error)
        if isinstance(error, PoolTimeoutError):
            log.warning("no SQL connection became free in time: %s", error)
            return UnavailableError("The database is busy; try again in a moment.")
        if failure is Failure.OTHER and not isinstance(error, OperationalError | InterfaceError):
            return None
        if isinstance(error, CommitUnknownError):
            log.warning("no word of a commit: %s", _cause(error))
            return UnavailableError("Whether the change was saved isn't known; look before you try again.")
        if failure is Failure.TOO_LONG:
            return UnavailableError(f"The query ran beyond its limit of {self._statement_seconds:g} s and was ended.")
        if failure in _BUSY:
            return UnavailableError(_BUSY[failure], retry_after=2)
        # A database that is moved, woken up or cut off comes back by itself; anything else somebody has to mend.
        level = logging.WARNING if failure in {Failure.AWAY, Failure.LOST} else logging.ERROR
        log.log(level, "SQL failed: %s", _cause(error))
        return UnavailableError("The database can't be reached; try again in a moment.", retry_after=5)


def _failure(error: Exception) -> Failure:
    """What an error of a transaction means for it."""
    if isinstance(error, ChangedMeanwhileError):
        return Failure.VICTIM
    if isinstance(error, CommitUnknownError):
        return Failure.LOST
    if not isinstance(error, DBAPIError):
        return Failure.OTHER
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is None:
        return failure_of(error.orig)
    if code == sqlite3.SQLITE_INTERRUPT:
        return Failure.TOO_LONG
    return Failure.LOCKED if code & 0xFF in _BUSY_CODES else Failure.OTHER


def _cause(error: Exception) -> object:
    return error.__cause__ if isinstance(error, CommitUnknownError) else getattr(error, "orig", error)
