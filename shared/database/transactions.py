"""Transactions in a bounded thread pool: retried where that helps, their errors told to the client.

A transaction is a function of a connection. It may run more than once, so it changes nothing outside the database;
what it writes is rolled back with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.database.mssql.errors import failure_of
from shared.database.redaction import redact_values
from shared.database.retry_policy import Failure, RetryPolicy, RowChangedError
from shared.http.problems import ProblemError, UnavailableError
from shared.telemetry import metrics
from shared.telemetry.executor import ContextExecutor

log = logging.getLogger(__name__)

# SQLite opcodes between two looks at the clock, some 0.1 ms.
_OPCODES_PER_CHECK = 20_000
# How many statements' time limits the first try waits for a thread: a read outlasts writes that wait for a lock.
_STATEMENTS_WAITED_FOR = 2
# SQLite's codes for a lock that another connection holds; the statement has waited for its whole time limit.
_SQLITE_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

_BUSY = {
    Failure.LOCKED: "Another write holds the catalog; try again in a moment.",
    Failure.VICTIM: "Other requests keep changing the same rows; try again in a moment.",
}

UNKNOWN_COMMIT = "It isn't known whether the change was saved; check before you try again."
_UNANSWERED = frozenset({Failure.LOST, Failure.AWAY, Failure.TOO_LONG})

type Work[T] = Callable[[sa.Connection], T]
# Whether the transaction that returned this result was committed, as the database says.
type Landed[T] = Callable[[sa.Connection, T], bool]


class CommitUnknownError(Exception):
    """The connection broke between the commit and its confirmation; `result` is what the transaction returned."""

    def __init__(self, result: object) -> None:
        super().__init__("no confirmation of the commit")
        self.result = result


class Transactions:
    """Runs transactions on one database (on SQLite: one file); on Azure SQL reads have an engine of their own."""

    def __init__(
        self,
        engine: sa.Engine,
        reading: sa.Engine,
        executor: ContextExecutor,
        statement_seconds: float,
        policy: RetryPolicy,
    ) -> None:
        self.engine = engine
        self._reading = reading.execution_options(sqlite_begin="DEFERRED")
        self._writing = engine.execution_options(sqlite_begin="IMMEDIATE")
        self._executor = executor
        self._statement_seconds = statement_seconds
        self._policy = policy

    def close(self) -> None:
        """Closes the connections that are not in use."""
        self.engine.dispose()
        self._reading.dispose()

    async def read[T](self, work: Work[T]) -> T:
        """Runs `work` in a read transaction, in which all statements see one state of the data.

        Raises UnavailableError where a statement ran beyond its limit or the database can't be reached.
        """

        def read() -> T:
            try:
                return self._in_transaction(self._reading, work)
            except CommitUnknownError as read:
                return read.result  # type: ignore[return-value]  # `work`'s: a read has nothing to commit

        return await self._with_retries(read, self._policy)

    async def write[T](self, work: Work[T], landed: Landed[T] | None = None, policy: RetryPolicy | None = None) -> T:
        """Runs `work` in a transaction that is committed when it returns and rolled back when it raises.

        If a commit isn't confirmed, `landed` is asked on another connection whether it took place; if it didn't, the
        transaction runs again. Without `landed` the client is told that the outcome isn't known. `policy` overrides the
        database's own. Raises UnavailableError as `read` does, and where another writer held the lock beyond the limit.
        """
        unconfirmed: list[T] = []
        unknown: list[CommitUnknownError] = []

        def write() -> T:
            if committed := self._find_committed(landed, unconfirmed):
                return committed[0]
            unknown.clear()
            try:
                return self._in_transaction(self._writing, work)
            except CommitUnknownError as error:
                unconfirmed.append(error.result)  # type: ignore[arg-type]  # `work`'s
                unknown.append(error)
                raise
            except (ProblemError, IntegrityError):
                # The first try, which was committed after all, may be what the second one conflicts with.
                if committed := self._find_committed(landed, unconfirmed):
                    return committed[0]
                raise

        return await self._with_retries(write, policy or self._policy, unknown)

    def _find_committed[T](self, landed: Landed[T] | None, unconfirmed: list[T]) -> list[T]:
        """The result whose transaction was committed, or an empty list."""
        if not unconfirmed:
            return []
        if landed is None:
            raise UnavailableError(
                "The connection to the database broke while the change was being saved; "
                "check whether it was saved before you try again.",
                retry_after=5,
            )
        return self._in_transaction(
            self._writing,
            lambda connection: next(([result] for result in unconfirmed if landed(connection, result)), []),
        )

    async def _with_retries[T](
        self, attempt: Callable[[], T], policy: RetryPolicy, unknown: Sequence[CommitUnknownError] = ()
    ) -> T:
        """Repeats the attempt as the policy says. At the end an `unknown` commit is reported before any other error."""
        began = time.monotonic()
        deadline = began + policy.total
        patience = began + _STATEMENTS_WAITED_FOR * self._statement_seconds
        errors: list[Exception] = []

        def in_time() -> T:
            # While the database is away, many wait here for a thread, and each holds it until its log-in has failed.
            if time.monotonic() > (deadline if errors else patience):
                raise errors[-1] if errors else PoolTimeoutError("no thread became free")
            return attempt()

        while True:
            try:
                # Shielded: a client that hangs up must not leave a transaction whose end nobody awaits.
                return await asyncio.shield(self._executor.run(in_time))
            except (DBAPIError, RowChangedError, CommitUnknownError, PoolTimeoutError) as error:
                errors.append(error)
                failure = _failure(error)
                wait = policy.wait_before_retry(failure, sum(_failure(before) is failure for before in errors))
                if wait is None or time.monotonic() + wait > deadline:
                    if (reply := self._reply_to(unknown[-1] if unknown else error)) is None:
                        if isinstance(error, DBAPIError):
                            redact_values(error)
                        raise
                    raise reply from error
                metrics.SQL_RETRIES.add(failure.name.lower())
                log.info("a transaction begins again in %.1f s: %s", wait, _cause(error))
            await asyncio.sleep(wait)

    def _in_transaction[T](self, engine: sa.Engine, work: Work[T]) -> T:
        result: list[T] = []
        statement_error: DBAPIError | None = None
        try:
            with engine.connect() as connection, self._time_limit(connection), connection.begin():
                try:
                    result.append(work(connection))
                except DBAPIError as error:
                    statement_error = error
                    raise
        except DBAPIError as error:
            # The statement's own error counts, not the rollback's that followed: a statement that a busy server
            # couldn't even end must not be sent again.
            if statement_error not in {None, error}:
                raise statement_error from error
            # A commit that the database refuses was rolled back; one that it doesn't answer may have taken place.
            if result and _failure(error) in _UNANSWERED:
                raise CommitUnknownError(result[0]) from error
            raise
        return result[0]

    @contextlib.contextmanager
    def _time_limit(self, connection: sa.Connection) -> Iterator[None]:
        """Ends a statement on SQLite that runs past the limit, which counts from here. ODBC has a limit of its own."""
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

    def _reply_to(self, error: Exception) -> UnavailableError | None:
        """The error that the client gets, or None where the fault is the program's own."""
        failure = _failure(error)
        if isinstance(error, PoolTimeoutError):
            log.warning("no SQL connection became free in time: %s", error)
            return UnavailableError("The database is busy; try again in a moment.")
        if failure is Failure.OTHER and not isinstance(error, OperationalError | InterfaceError):
            return None
        if isinstance(error, CommitUnknownError):
            log.warning("a commit wasn't confirmed: %s", _cause(error))
            return UnavailableError(UNKNOWN_COMMIT)
        if failure is Failure.TOO_LONG:
            return UnavailableError(f"The query ran beyond its limit of {self._statement_seconds:g} s and was ended.")
        if failure in _BUSY:
            return UnavailableError(_BUSY[failure], retry_after=2)
        # A database that is moved, resumed or cut off comes back by itself. Anything else needs an operator.
        level = logging.WARNING if failure in {Failure.AWAY, Failure.LOST} else logging.ERROR
        log.log(level, "SQL failed: %s", _cause(error))
        return UnavailableError("The database can't be reached; try again in a moment.", retry_after=5)


def _failure(error: Exception) -> Failure:
    if isinstance(error, RowChangedError):
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
    return Failure.LOCKED if code & 0xFF in _SQLITE_BUSY else Failure.OTHER


def _cause(error: Exception) -> object:
    return error.__cause__ if isinstance(error, CommitUnknownError) else getattr(error, "orig", error)
