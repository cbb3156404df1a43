"""Builds the text index of a first load in a second thread and a file of its own, while the products are inserted.

An FTS5 table stores its words in two ordinary tables, `…_data` and `…_idx`; a contentless one refers to its rows by
number alone. So if the catalog has no words yet, these tables can be copied from an index that was built elsewhere with
the same definition and the same row numbers. (Source: SQLite's "FTS5 Data Structures".)
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

import apsw

from local.datafactory.stop import Stop
from shared.database.metadata import IMPORT_SCHEMA

_TABLE = "products_title_words"
_PARTS = ("data", "idx")
# Memory for words until they are sorted and written. Each time that it is full costs a merge of the index later.
WORDS_BYTES = 16 * 1024 * 1024
_PRAGMAS = ("journal_mode = OFF", "synchronous = OFF", "cache_size = -4096")


class TitleWords:
    """Indexes the titles of all staging rows except those left out; a row's product is `last_id + row_no`."""

    def __init__(self, staging_file: Path, definition: str, left_out: Sequence[int], last_id: int, stop: Stop) -> None:
        self._staging_file = staging_file
        self._file = staging_file.with_suffix(".words.db")
        self._definition = definition
        self._left_out = left_out
        self._last_id = last_id
        self._stop = stop
        self._abandoned = Stop()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="words")
        self._built: Future[None] | None = None

    def __enter__(self) -> Self:
        self._file.unlink(missing_ok=True)
        self._built = self._threads.submit(self._build)
        return self

    def __exit__(self, *_error: object) -> None:
        self._abandoned.request()
        self._threads.shutdown()
        self._file.unlink(missing_ok=True)

    def move_into(self, connection: apsw.Connection) -> None:
        """Waits until the index is built and copies it into the catalog's empty one."""
        assert self._built is not None
        self._built.result()
        with contextlib.closing(apsw.Connection(str(self._file), apsw.SQLITE_OPEN_READONLY)) as built:
            for part in _PARTS:
                rows = built.execute(f"SELECT * FROM {_TABLE}_{part}")
                marks = ", ".join("?" * len(rows.get_description()))
                connection.execute(f"DELETE FROM main.{_TABLE}_{part}")
                connection.executemany(f"INSERT INTO main.{_TABLE}_{part} VALUES ({marks})", rows)

    def _build(self) -> None:
        connection = apsw.Connection(str(self._file))
        with (
            contextlib.closing(connection),
            self._stop.on_request(connection.interrupt),
            self._abandoned.on_request(connection.interrupt),
        ):
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(f"ATTACH ? AS [{IMPORT_SCHEMA}]", [str(self._staging_file)])
            connection.execute(self._definition)
            connection.execute("CREATE TEMP TABLE left_out (row_no INTEGER PRIMARY KEY)")
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO temp.left_out (row_no) VALUES (?)", ((row,) for row in self._left_out))
            connection.execute(f"INSERT INTO {_TABLE} ({_TABLE}, rank) VALUES ('hashsize', ?)", [WORDS_BYTES])
            connection.execute(
                f"INSERT INTO {_TABLE} (rowid, title) SELECT row_no + ?, title FROM [{IMPORT_SCHEMA}].products_staging"
                " WHERE row_no NOT IN (SELECT row_no FROM temp.left_out)",
                [self._last_id],
            )
            connection.execute("COMMIT")
