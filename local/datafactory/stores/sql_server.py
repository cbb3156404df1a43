"""SQL Server (or Azure SQL) as Copy's sink and as the place of stored procedures, as in Azure."""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from local.datafactory.failures import ActivityFailedError
from local.datafactory.json_values import Json
from local.datafactory.stop import Stop

# Rows in one round trip and one transaction, like Data Factory's writeBatchSize.
_ROWS_PER_BATCH = 5_000
# Possible sizes of a parameter, in UTF-16 units. In each row of a round trip it takes the size that its longest value
# needs. There are few sizes, because the server compiles each combination on its own. Longer values go one by one.
_SIZES = (16, 64, 256, 1_024, 4_000)
_ANY_LENGTH = 0
# A cancel has no effect before the server has begun the statement, so it is repeated.
_SECONDS_BETWEEN_CANCELS = 0.5


class SqlServerStore:
    """The database of an engine of shared.database.mssql."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._driver: Any = engine.dialect.dbapi

    def copy_into(
        self, run_id: str, schema: str, table: str, pre_copy_script: str | None, rows: pa.RecordBatchReader
    ) -> int:
        """See SqlStore. As in Azure, each batch is committed; the script of the next try deletes them."""
        del run_id  # the rows carry it
        columns = ", ".join(_quoted(name) for name in rows.schema.names)
        marks = ", ".join("?" * len(rows.schema.names))
        insert = f"INSERT INTO {_quoted(schema)}.{_quoted(table)} ({columns}) VALUES ({marks})"
        copied = 0
        with (
            self._driver_errors(),
            self._connected() as connection,
            contextlib.closing(connection.cursor()) as cursor,
        ):
            if pre_copy_script is not None:
                cursor.execute(pre_copy_script)
                connection.commit()
            # The server executes an array of parameters in its order, which row_no follows.
            cursor.fast_executemany = True
            for batch in _in_batches(rows):
                cursor.setinputsizes([(self._driver.SQL_WVARCHAR, size, 0) for size in sizes_of(batch)])
                cursor.executemany(insert, list(zip(*(column.to_pylist() for column in batch.columns), strict=True)))
                connection.commit()
                copied += batch.num_rows
        return copied

    def call(self, procedure: str, parameters: dict[str, Json], timeout: float, stop: Stop) -> dict[str, Json]:
        """See SqlStore."""
        name = ".".join(_quoted(part) for part in procedure.split("."))
        arguments = ", ".join(f"@{parameter} = ?" for parameter in parameters)
        with self._driver_errors(timeout), self._connected() as connection:
            # The procedure has its own transactions.
            connection.autocommit = True
            connection.timeout = max(1, round(timeout))
            with contextlib.closing(connection.cursor()) as cursor:
                try:
                    with _cancelled_by(stop, cursor):
                        cursor.execute(f"EXEC {name} {arguments}", list(parameters.values()))
                        return _first_row(cursor)
                except self._driver.Error:
                    stop.check()
                    raise

    def end_run(self, run_id: str) -> None:
        """See SqlStore. As in Azure, nothing happens here: the app's timer deletes what a run has left."""

    def sweep(self) -> None:
        """See SqlStore; as `end_run`."""

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        """The driver's connection. What isn't committed at its end is rolled back.

        After an error the connection isn't used again: its session may still hold a lock or run a call.
        """
        with contextlib.closing(self._engine.raw_connection()) as connection:
            driver: Any = connection.driver_connection
            driver.autocommit, driver.timeout = False, 0  # another user may have set them
            try:
                yield driver
            except BaseException:
                connection.invalidate()
                raise

    @contextlib.contextmanager
    def _driver_errors(self, timeout: float | None = None) -> Iterator[None]:
        try:
            yield
        except (self._driver.Error, sa.exc.DBAPIError) as error:
            cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
            state, message = (*map(str, cause.args), "", "")[:2] if cause else ("", "")
            if state == "HYT00" and timeout is not None:
                raise ActivityFailedError("SqlTimeout", f"The procedure ran beyond its {timeout:g} s.") from error
            raise ActivityFailedError("SqlOperationFailed", f"SQL Server: {message}", "SystemError") from error


def sizes_of(batch: pa.RecordBatch) -> list[int]:
    """The size that each column's longest value needs, in UTF-16 units; 0 for a value longer than any size."""
    # Arrow's UTF-8 never takes fewer bytes than UTF-16 takes units.
    longest = [pc.max(pc.binary_length(column)).as_py() or 0 for column in batch.columns]
    return [next((size for size in _SIZES if length <= size), _ANY_LENGTH) for length in longest]


def _in_batches(rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    for batch in rows:
        for start in range(0, batch.num_rows, _ROWS_PER_BATCH):
            yield batch.slice(start, _ROWS_PER_BATCH)


def _quoted(name: str) -> str:
    return "[" + name.replace("]", "]]") + "]"


@contextlib.contextmanager
def _cancelled_by(stop: Stop, cursor: Any) -> Iterator[None]:  # noqa: ANN401  # pyodbc has no types
    """A request to stop cancels the cursor's statement. Raises StoppedError if the request came before."""
    requested, left = threading.Event(), threading.Event()

    def cancel() -> None:
        requested.wait()
        while not left.is_set():
            cursor.cancel()
            left.wait(_SECONDS_BETWEEN_CANCELS)

    with stop.on_request(requested.set):
        thread = threading.Thread(target=cancel, name="cancel", daemon=True)
        thread.start()
        try:
            yield
        finally:
            left.set()
            requested.set()
            thread.join()


def _first_row(cursor: Any) -> dict[str, Json]:  # noqa: ANN401  # pyodbc has no types
    """The first row of the first result set, by column. Errors in later results are raised too."""
    row: dict[str, Json] | None = None
    while True:
        if row is None and cursor.description:
            values: Sequence[object] | None = cursor.fetchone()
            names = [column[0] for column in cursor.description]
            row = {name: _as_json(value) for name, value in zip(names, values, strict=True)} if values else {}
        if not cursor.nextset():
            return row or {}


def _as_json(value: object) -> Json:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case decimal.Decimal():
            return float(value)
        case dt.datetime() | dt.date():
            return value.isoformat()
    raise ActivityFailedError("UserErrorUnsupportedType", f"A value of type {type(value).__name__} isn't supported.")
