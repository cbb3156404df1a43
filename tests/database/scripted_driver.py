"""A driver in pyodbc's place whose calls fail as a test says; what it is told stands in `calls`."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

type Call = Literal["connect", "execute", "commit", "rollback"]

_DRIVER = "[Microsoft][ODBC Driver 18 for SQL Server]"
# What SQLAlchemy asks on its first connection, and what it must hear.
_ANSWERS = {
    "ProductVersion": "16.0.4105.2",
    "schema_name()": "dbo",
    "system_views": "dm_exec_sessions",
    "transaction_isolation_level": "READ COMMITTED",
}


def answer_to(driver: ScriptedDriver, statement: str) -> Any:
    """What SQLAlchemy, or the app's look for its index, must hear; None to any other statement."""
    if "fulltext_indexes" in statement:
        return int(driver.has_title_index)
    return next((answer for part, answer in _ANSWERS.items() if part in statement), None)


class Error(Exception):
    """As pyodbc's: its arguments are the SQLSTATE, and what driver and server say."""


class DatabaseError(Error):
    pass


class InterfaceError(Error):
    pass


class OperationalError(DatabaseError):
    pass


class ProgrammingError(DatabaseError):
    pass


class IntegrityError(DatabaseError):
    pass


def server_error(number: int, state: str = "42000", kind: type[Error] = ProgrammingError) -> Error:
    """An error that the server sends, as pyodbc spells it."""
    return kind(state, f"[{state}] {_DRIVER}[SQL Server]What the server says. ({number}) (SQLExecDirectW)")


def deadlock() -> Error:
    # pyodbc knows no class for this SQLSTATE.
    return server_error(1205, "40001", Error)


def lost(function: str = "SQLExecDirectW") -> Error:
    return OperationalError("08S01", f"[08S01] {_DRIVER}TCP Provider: Error code 0x68 (104) ({function})")


def login_timeout() -> Error:
    return OperationalError("HYT00", f"[HYT00] {_DRIVER}Login timeout expired (0) (SQLDriverConnect)")


def query_timeout() -> Error:
    return OperationalError("HYT00", f"[HYT00] {_DRIVER}Query timeout expired (0) (SQLExecDirectW)")


def waking_up() -> Error:
    return server_error(40613, "HY000", Error)


class Cursor:
    description: Sequence[tuple[Any, ...]] | None = (("answer", int, None, None, None, None, True),)
    rowcount = -1

    def __init__(self, driver: ScriptedDriver, connection: Connection) -> None:
        self._driver = driver
        self._connection = connection
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, statement: str, *parameters: Any) -> Cursor:
        self._driver.statement_limits.append(self._connection.timeout)
        if self._connection.is_before_snapshot and "SELECT" in statement:
            raise server_error(3951)
        answer = answer_to(self._driver, statement)
        if "test" in statement and "max support" not in statement:
            self._driver.call("execute", statement, *parameters)
            answer = 7
        self._rows = [] if answer is None else [(answer,)]
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop() if self._rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows, self._rows = self._rows, []
        return rows

    def setinputsizes(self, sizes: Any) -> None:
        pass

    def nextset(self) -> bool:
        return False

    def close(self) -> None:
        pass


class Connection:
    autocommit = False
    timeout = 0

    def __init__(self, driver: ScriptedDriver) -> None:
        self._driver = driver
        self.session: list[str] = []
        self._is_set_up = True

    @property
    def is_before_snapshot(self) -> bool:
        """Whether the transaction is older than the session's level SNAPSHOT, so that no table can be read in it."""
        return not self._is_set_up and self.session[-1].endswith("SNAPSHOT")

    def cursor(self) -> Cursor:
        return Cursor(self._driver, self)

    def execute(self, statement: str) -> Cursor:
        self.session.append(statement)
        self._is_set_up = False
        return self.cursor().execute(statement)

    def commit(self) -> None:
        if self._is_set_up:
            self._driver.call("commit")
        self._is_set_up = True

    def rollback(self) -> None:
        self._is_set_up = True
        if self._driver.fails["rollback"]:
            self._driver.call("rollback")

    def close(self) -> None:
        self._driver.closed += 1

    def add_output_converter(self, *_: Any) -> None:
        pass


class ScriptedDriver:
    """A module that fails: `fails["execute"] = [error, None, error]` are the outcomes of the next three statements."""

    apilevel = "2.0"
    paramstyle = "qmark"
    threadsafety = 1
    version = "5.5.0"
    NUMBER, STRING, DATETIME = float, str, dt.datetime
    SQL_VARCHAR, SQL_WVARCHAR, SQL_NUMERIC, SQL_TYPE_TIMESTAMP = 12, -9, 2, 93
    Error, DatabaseError, InterfaceError = Error, DatabaseError, InterfaceError
    OperationalError, ProgrammingError, IntegrityError = OperationalError, ProgrammingError, IntegrityError
    Cursor = Cursor

    def __init__(self) -> None:
        self.pooling = True
        self.fails: dict[Call, list[Error | None]] = defaultdict(list)
        self.calls: list[tuple[Any, ...]] = []
        self.connections: list[Connection] = []
        self.closed = 0
        self.statement_limits: list[int] = []  # of the connection, as each statement begins
        self.has_title_index = True

    def drivers(self) -> list[str]:
        return ["ODBC Driver 18 for SQL Server"]

    def connect(self, *arguments: Any, **options: Any) -> Connection:
        self.call("connect", *arguments, options)
        self.connections.append(Connection(self))
        return self.connections[-1]

    def call(self, call: Call, *details: Any) -> None:
        self.calls.append((call, *details))
        failure = self.fails[call].pop(0) if self.fails[call] else None
        if failure is not None:
            raise failure

    def count(self, call: Call) -> int:
        return sum(made[0] == call for made in self.calls)
