"""SQL Server (or Azure SQL) as Copy's sink and as the place of procedures, as Data Factory has it."""

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

# How many rows go in one round trip and one transaction, as Data Factory's own writeBatchSize does.
_ROWS_PER_BATCH = 5_000
# A parameter takes as much room in each row of a round trip as its longest value may need, in UTF-16 units; few sizes,
# since each combination is a statement of its own to the server. What is longer goes value by value.
_SIZES = (16, 64, 256, 1_024, 4_000)
_ANY_LENGTH = 0
# A cancel that comes before the server has begun with the statement finds nothing to cancel: it is said again.
_SECONDS_BETWEEN_CANCELS = 0.5


class SqlServerStore:
    """The database that an engine of azure_sql's reaches."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._driver: Any = engine.dialect.dbapi

    def copy_into(
        self, run_id: str, schema: str, table: str, pre_copy_script: str | None, rows: pa.RecordBatchReader
    ) -> int:
        """See SqlStore. As in Azure each batch is committed: after a failure the next try's script takes them away."""
        del run_id  # stands in the rows
        columns = ", ".join(_quoted(name) for name in rows.schema.names)
        marks = ", ".join("?" * len(rows.schema.names))
        insert = f"INSERT INTO {_quoted(schema)}.{_quoted(table)} ({columns}) VALUES ({marks})"
        copied = 0
        with self._errors_told(), self._connected() as connection, contextlib.closing(connection.cursor()) as cursor:
            if pre_copy_script is not None:
                cursor.execute(pre_copy_script)
                connection.commit()
            # An array of parameters is carried out in its order, which is the one in which row_no counts.
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
        with self._errors_told(timeout), self._connected() as connection:
            # The procedure begins and ends its transactions itself.
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
        """See SqlStore. In Azure nothing happens here either: the app's timer takes away what a run has left."""

    def sweep(self) -> None:
        """See SqlStore; as `end_run`."""

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        """The driver's own connection; what isn't committed at its end is rolled back.

        After an error it isn't used again: a session may have been left with a lock, or with a call that still runs.
        """
        with contextlib.closing(self._engine.raw_connection()) as connection:
            driver: Any = connection.driver_connection
            driver.autocommit, driver.timeout = False, 0  # whatever it was used for before
            try:
                yield driver
            except BaseException:
                connection.invalidate()
                raise

    @contextlib.contextmanager
    def _errors_told(self, timeout: float | None = None) -> Iterator[None]:
        try:
            yield
        except (self._driver.Error, sa.exc.DBAPIError) as error:
            cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
            state, message = (*map(str, cause.args), "", "")[:2] if cause else ("", "")
            if state == "HYT00" and timeout is not None:
                raise ActivityFailedError("SqlTimeout", f"The procedure ran beyond its {timeout:g} s.") from error
            raise ActivityFailedError("SqlOperationFailed", f"SQL Server: {message}", "SystemError") from error


def sizes_of(batch: pa.RecordBatch) -> list[int]:
    """For each column the room that its longest value needs, in UTF-16 units; 0 where that is any length."""
    # UTF-8, which Arrow has, never takes fewer bytes than UTF-16 takes units.
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
    """While in here, a request to stop cancels what the cursor does. Raises StoppedError where it came before."""
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
    """The first row of the first result set, by column; errors behind it are raised too."""
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
