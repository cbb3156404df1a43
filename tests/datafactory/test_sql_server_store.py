"""Copy and Lookup on SQL Server as its driver sees them; tests/merge and test_server.py run them on a server.

The driver is a stand-in: what it is told is kept, what it answers is the test's.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from local.datafactory.failures import ActivityFailedError, StoppedError
from local.datafactory.stop import Stop
from local.datafactory.stores import sql_server
from local.datafactory.stores.sql_server import SqlServerStore, sizes_of
from shared.database.mssql import engines
from tests.database.scripted_driver import Connection, Cursor, Error, ScriptedDriver, query_timeout, server_error

_SCHEMA = pa.schema([("title", pa.string()), ("run_id", pa.string())])


class StagingDriver(ScriptedDriver):
    """Keeps the rows that it is told to insert; `executes` answers an EXEC."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[Any, ...]] = []
        self.sizes: list[list[int]] = []
        self.committed = 0
        self.told: list[tuple[str, list[Any]]] = []
        self.executes: Callable[[StagingCursor], None] = lambda _cursor: None
        self.limits: list[float] = []

    def connect(self, *_arguments: Any, **_options: Any) -> Connection:
        return StagingConnection(self)


class StagingConnection(Connection):
    _driver: StagingDriver

    def cursor(self) -> Cursor:
        return StagingCursor(self._driver, self)

    def commit(self) -> None:
        self._driver.committed = len(self._driver.rows)


class StagingCursor(Cursor):
    _driver: StagingDriver
    fast_executemany = False

    def __init__(self, driver: StagingDriver, connection: StagingConnection) -> None:
        super().__init__(driver, connection)
        self.cancelled = threading.Event()
        self.results: list[tuple[list[str], list[Any]]] = []

    def execute(self, statement: str, *parameters: Any) -> Cursor:
        if statement.startswith("DELETE"):
            self._driver.told.append((statement, []))
            return self
        if statement.startswith("EXEC"):
            self._driver.told.append((statement, parameters[0]))
            self._driver.limits.append(self._connection.timeout)
            assert self._connection.autocommit
            self._driver.executes(self)
            self._next()
            return self
        return super().execute(statement, *parameters)

    def _next(self) -> None:
        names, row = self.results.pop(0) if self.results else ([], [])
        self.description = tuple((name, str, None, None, None, None, True) for name in names) or None
        self._rows = [tuple(row)]

    def nextset(self) -> bool:
        more = bool(self.results)
        self._next()
        return more

    def setinputsizes(self, sizes: Any) -> None:
        self._driver.sizes.append([size for _, size, _ in sizes])

    def executemany(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        assert statement == "INSERT INTO [import].[products_staging] ([title], [run_id]) VALUES (?, ?)"
        assert self.fast_executemany
        self._driver.rows += rows

    def cancel(self) -> None:
        self.cancelled.set()


@pytest.fixture
def driver() -> StagingDriver:
    return StagingDriver()


@pytest.fixture
def store(driver: StagingDriver) -> SqlServerStore:
    url = sa.make_url("mssql+pyodbc://sa:x@127.0.0.1/catalog")
    return SqlServerStore(engines.create_engine(url, poolclass=sa.NullPool, module=driver))


def _batch(titles: Sequence[str | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(titles, pa.string()), pa.array(["run"] * len(titles))], schema=_SCHEMA)


def _copy(store: SqlServerStore, batches: Iterator[pa.RecordBatch] | list[pa.RecordBatch]) -> int:
    rows = pa.RecordBatchReader.from_batches(_SCHEMA, batches)
    return store.copy_into("run", "import", "products_staging", "DELETE FROM x", rows)


def test_rows_go_in_their_order_each_batch_committed_after_the_script(
    store: SqlServerStore, driver: StagingDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_server, "_ROWS_PER_BATCH", 3)
    titles = [f"title {n}" for n in range(10)]
    assert _copy(store, [_batch(titles[:7]), _batch(titles[7:])]) == 10
    assert driver.told == [("DELETE FROM x", [])]
    assert [row[0] for row in driver.rows] == titles
    assert len(driver.sizes) == 4  # 3 + 3 + 1, 3
    assert driver.committed == 10


def test_a_source_that_fails_ends_the_copy(
    store: SqlServerStore, driver: StagingDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_server, "_ROWS_PER_BATCH", 3)

    def batches() -> Iterator[pa.RecordBatch]:
        yield _batch(["a"])
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        _copy(store, batches())
    assert driver.rows == [("a", "run")]


@pytest.mark.parametrize(
    ("title", "size"),
    [(None, 16), ("", 16), ("x" * 16, 16), ("x" * 17, 64), ("😀" * 1000, 4000), ("x" * 4000, 4000), ("x" * 4001, 0)],
)
def test_a_column_takes_the_room_of_its_longest_value(title: str | None, size: int) -> None:
    assert sizes_of(_batch([title, "x"])) == [size, 16]


def test_a_lookup_gives_the_procedure_s_first_row_by_name(store: SqlServerStore, driver: StagingDriver) -> None:
    def answer(cursor: StagingCursor) -> None:
        cursor.results = [([], []), (["status", "rows_read"], ["succeeded", 7])]

    driver.executes = answer
    row = store.call("import.merge_products", {"import_id": "a'b", "rows_skipped": 2}, 21600, Stop())
    assert row == {"status": "succeeded", "rows_read": 7}
    assert driver.told == [("EXEC [import].[merge_products] @import_id = ?, @rows_skipped = ?", ["a'b", 2])]
    assert driver.limits == [21600]


def test_a_procedure_s_error_fails_the_activity(store: SqlServerStore, driver: StagingDriver) -> None:
    def fail(_cursor: StagingCursor) -> None:
        raise server_error(50001)

    driver.executes = fail
    with pytest.raises(ActivityFailedError, match="What the server says") as failure:
        store.call("import.merge_products", {}, 5, Stop())
    assert failure.value.code == "SqlOperationFailed"


def test_a_procedure_beyond_its_time_limit_fails_the_activity(store: SqlServerStore, driver: StagingDriver) -> None:
    def fail(_cursor: StagingCursor) -> None:
        raise query_timeout()

    driver.executes = fail
    with pytest.raises(ActivityFailedError, match="ran beyond its 5 s") as failure:
        store.call("import.merge_products", {}, 5, Stop())
    assert failure.value.code == "SqlTimeout"


def test_a_stop_cancels_what_the_server_does(store: SqlServerStore, driver: StagingDriver) -> None:
    stop = Stop()

    def wait(cursor: StagingCursor) -> None:
        stop.request()
        assert cursor.cancelled.wait(30)
        raise Error("HY008", "[HY008] Operation canceled (0) (SQLExecDirectW)")

    driver.executes = wait
    with pytest.raises(StoppedError):
        store.call("import.merge_products", {}, 5, stop)


def test_the_factory_on_sqlite_does_without_the_driver_of_sql_server() -> None:
    program = (
        "import sys, sqlalchemy as sa; from local.datafactory.stores import sql_store;"
        "sql_store(sa.make_url('sqlite:///x.db')); sys.exit('pyodbc' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
