"""Judging a run's staging rows, before the catalogue is locked: which are rejected, which replaced by later ones.

Reading text and trying patterns on it is what an import spends most of its time on beside the indexes, and readers of
one file don't disturb each other: the rows are judged in two halves at once, and then searched for keys that repeat.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from local.datafactory.stop import Stop
from local.datafactory.stores.merge_kinds import Kind
from shared.database.tables import IMPORT_SCHEMA

type Row = tuple[object, ...]

_ROWS_PER_BATCH = 1_000
_BATCHES_WAITING = 16
_TABLES = """
DROP TABLE IF EXISTS temp.rejected;
DROP TABLE IF EXISTS temp.repeated;
DROP TABLE IF EXISTS temp.superseded;
CREATE TEMP TABLE rejected (row_no INTEGER PRIMARY KEY, reason TEXT NOT NULL);
CREATE TEMP TABLE repeated (key PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE superseded (row_no INTEGER PRIMARY KEY);
"""


def quoted(text: str) -> str:
    """A value as a reason shows it: in quotes, cut at 60 characters."""
    return f'"{text[:60]}…"' if len(text) > 60 else f'"{text}"'  # noqa: PLR2004  # said above


def judge(connection: sqlite3.Connection, file: Path, kind: Kind, stop: Stop) -> None:
    """Fills the connection's temporary tables `rejected` and `superseded`."""
    connection.executescript(_TABLES)
    (rows,) = connection.execute(f"SELECT coalesce(max(row_no), 0) FROM [{IMPORT_SCHEMA}].[{kind.staging}]").fetchone()
    middle = rows // 2
    (judged,), (repeated,) = kind.sections["1 judge"], kind.sections["2 repeated"]
    with ThreadPoolExecutor(2, thread_name_prefix="judge") as threads:
        found = [
            _Found(threads, file, judged, {"first": 0, "last": middle}, stop),
            _Found(threads, file, judged, {"first": middle + 1, "last": rows}, stop),
        ]
        keys = _Found(threads, file, repeated, {}, stop)
        try:
            for rejects in found:
                connection.executemany("INSERT INTO temp.rejected (row_no, reason) VALUES (?, ?)", rejects)
            connection.executemany("INSERT INTO temp.repeated (key) VALUES (?)", keys)
        finally:
            for reader in (*found, keys):
                reader.leave()
    if connection.execute("SELECT EXISTS (SELECT 1 FROM temp.repeated)").fetchone()[0]:
        for statement in kind.sections["3 supersede"]:
            connection.execute(statement)


class _Found:
    """The rows of a statement on the staging file, read in a thread with a connection of its own."""

    def __init__(
        self, threads: ThreadPoolExecutor, file: Path, statement: str, parameters: Mapping[str, int], stop: Stop
    ) -> None:
        self._file = file
        self._statement = statement
        self._parameters = parameters
        self._stop = stop
        self._left = False
        self._batches: queue.Queue[list[Row] | None] = queue.Queue(_BATCHES_WAITING)
        self._reading: Future[None] = threads.submit(self._read)

    def __iter__(self) -> Iterator[Row]:
        while (batch := self._batches.get()) is not None:
            yield from batch
        self._reading.result()

    def leave(self) -> None:
        """Ends the reading where not all was consumed."""
        self._left = True
        while not self._reading.done():
            with contextlib.suppress(queue.Empty):
                self._batches.get(timeout=0.01)

    def _read(self) -> None:
        try:
            with contextlib.closing(sqlite3.connect(":memory:", check_same_thread=False)) as connection:
                connection.execute(f"ATTACH ? AS [{IMPORT_SCHEMA}]", [str(self._file)])
                connection.create_function("quoted", 1, quoted, deterministic=True)
                with self._stop.on_request(connection.interrupt):
                    cursor = connection.execute(self._statement, self._parameters)
                    while not self._left and (batch := cursor.fetchmany(_ROWS_PER_BATCH)):
                        self._batches.put(batch)
        finally:
            self._batches.put(None)
